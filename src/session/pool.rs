//! SHELL: starts sessions.
//!
//! [`SessionPool`] belongs to the signalling task. For a new call it makes the mailbox at once, so
//! that a CANCEL on the heels of the INVITE finds it, and leaves the rest to the session's own
//! task.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::mpsc;
use tracing::Instrument;

use super::begin::{self, Dial, FirstHop, Refusal, Settings};
use super::components::Components;
use super::dial_out::{DialAnswer, DialError, DialOrder};
use super::event::{ActionToken, GroupRequest, Mail, Params, SessionEvent, SessionId};
use super::local::Local;
use super::monitor_select;
use super::monitoring::{Monitor, Write};
use super::outside::{OutsideRequest, OutsideWork};
use super::prompts::PromptStore;
use super::recordings::Recordings;
use super::request::{self, NewRequest, RequestSession};
use super::room::{RoomQuestion, RoomRequest};
use super::router::NewCall;
use super::session::Session;
use super::system::{SystemSession, SystemStart};
use super::task::{MAILBOX, Task, TaskMailbox, open_stream};
use crate::decimal::SocketText;
use crate::dsm::module::ModuleEvent;
use crate::excerpt::{self, Excerpt};
use crate::media::{MediaPool, StreamHandle, StreamId};
use crate::sip::dialog::invite_usage::Command;
use crate::stats::Stats;

/// What sessions ask of the signalling task.
#[derive(Debug)]
pub enum SipCommand {
    /// Send on the session's dialog.
    Dialog {
        /// The session.
        session: SessionId,
        /// What.
        command: Command,
    },
    /// Deliver an event, or note a name; [`SessionEvent::Performed`] tells the session how it went.
    Mail {
        /// The session.
        session: SessionId,
        /// Names the work for it.
        token: ActionToken,
        /// What.
        mail: Mail,
    },
    /// Deliver an event that a module sends: `event`, or one of its own.
    Send {
        /// The session or queue.
        to: SessionId,
        /// `None`: `event`.
        event: Option<&'static ModuleEvent>,
        /// Its parameters.
        params: Params,
    },
    /// Do something about groups; [`SessionEvent::Performed`] tells the session how it went.
    Group {
        /// The session.
        session: SessionId,
        /// Names the work for it.
        token: ActionToken,
        /// What.
        request: GroupRequest,
    },
    /// Answer a question about a conference room; [`SessionEvent::Performed`] brings the answer.
    RoomQuestion {
        /// The session.
        session: SessionId,
        /// Names the work for it.
        token: ActionToken,
        /// What.
        question: RoomQuestion,
    },
    /// Take or give up seats in conference rooms; [`SessionEvent::Room`] tells the session how it went.
    Room {
        /// The session.
        session: SessionId,
        /// What it speaks by.
        stream: Option<StreamId>,
        /// What.
        request: RoomRequest,
    },
    /// Tell those who want to know who speaks most in a room.
    Speaker {
        /// The room.
        room: Arc<str>,
        /// Who speaks; `None`: nobody.
        speaker: Option<StreamId>,
    },
    /// Send a request outside dialogs.
    Outside(Box<OutsideRequest>),
    /// Do something outside calls; [`SessionEvent::Performed`] tells the session how it went.
    OutsideWork {
        /// The session.
        session: SessionId,
        /// Names the work for it.
        token: ActionToken,
        /// What.
        work: OutsideWork,
    },
    /// Place a call.
    DialOut(DialOrder),
    /// The session is over: forget it.
    Ended {
        /// The session.
        session: SessionId,
    },
}

/// What all sessions share.
#[derive(Debug)]
pub struct SessionContext {
    /// To the signalling task.
    pub sip: mpsc::Sender<SipCommand>,
    /// Audio files.
    pub prompts: Arc<PromptStore>,
    /// What scripts record.
    pub recordings: Recordings,
    /// Streams.
    pub media: MediaPool,
    /// Address for RTP; None: the one the SIP socket answers from.
    pub rtp_address: Option<IpAddr>,
    /// What sessions begin with.
    pub settings: Settings,
    /// Functions that scripts call.
    pub components: Arc<Components>,
    /// What they do on the machine.
    pub local: Local,
    /// What is kept in memory about them.
    pub monitor: Monitor,
    /// Counters.
    pub stats: Arc<Stats>,
}

/// See the module's documentation.
#[derive(Debug)]
pub struct SessionPool {
    context: Arc<SessionContext>,
    runtime: tokio::runtime::Handle,
    /// Sessions that have been started, and those of them whose tasks have had a turn.
    started: AtomicUsize,
    begun: Arc<AtomicUsize>,
}

impl SessionPool {
    /// A pool that starts its tasks on `runtime`.
    pub fn new(context: Arc<SessionContext>, runtime: tokio::runtime::Handle) -> Self {
        Self {
            context,
            runtime,
            started: AtomicUsize::new(0),
            begun: Arc::default(),
        }
    }

    /// How many sessions have been started whose tasks have not had their turn yet: what the worker
    /// thread is behind by.
    pub fn unbegun(&self) -> usize {
        // In this order: none begins before it has been started, whatever happens in between.
        let begun = self.begun.load(Ordering::Acquire);
        self.started.load(Ordering::Relaxed) - begun
    }

    /// How many have had it.
    pub fn begun(&self) -> usize {
        self.begun.load(Ordering::Relaxed)
    }

    /// User-Agent of our requests, or empty.
    pub fn user_agent(&self) -> &str {
        &self.context.settings.user_agent
    }

    /// Starts the session of an INVITE.
    pub fn start_incoming(&self, call: NewCall) -> TaskMailbox {
        // At error level, so that lines of any level tell the call they belong to.
        let span = tracing::error_span!(
            "call",
            call_id = excerpt::beginning(call.invite.headers.call_id().unwrap_or("")),
            session = %call.id,
        );
        self.start(
            span,
            call.id.clone(),
            move |context, own, mailbox| async move {
                let mut call = call;
                let id = call.id.clone();
                if !monitor_select::select(&context.monitor, &mut call).await {
                    tracing::warn!(
                        "no record of the monitoring store selects this call: it is refused"
                    );
                    return refuse(&context, id, begin::not_selected(&call)).await;
                }
                // The call goes into its session; a fault on the way there is answered all the same.
                let (transaction, invite) = (call.transaction, call.invite.clone());
                let begun = guarded(&context, || incoming(&context, call, &own));
                let begun = begun.unwrap_or_else(|| Err(begin::fault(transaction, &invite, &id)));
                drop(invite);
                match begun {
                    Ok((session, stream)) => {
                        Task::new(id, context, session, Some(stream), mailbox)
                            .run()
                            .await
                    }
                    Err(refusal) => refuse(&context, id, refusal).await,
                }
            },
        )
    }

    /// Starts a session that calls somebody by this way. `answer` is told whether it has what it needs to
    /// begin.
    pub fn start_outgoing(
        &self,
        dial: Dial,
        way: FirstHop,
        answer: Option<DialAnswer>,
    ) -> TaskMailbox {
        let span = tracing::error_span!("call", call_id = %dial.call_id, session = %dial.id);
        self.start(
            span,
            dial.id.clone(),
            move |context, own, mailbox| async move {
                let (id, application) = (dial.id.clone(), dial.application.clone());
                let begun = guarded(&context, || outgoing(&context, dial, way, own));
                let fault = || DialError::NoStream("a fault in this server".to_owned());
                match begun.unwrap_or_else(|| Err(fault())) {
                    Ok((session, stream)) => {
                        // Whoever asked may have given up.
                        let _ = answer.map(|answer| answer.send(Ok(id.clone())));
                        Task::new(id, context, session, Some(stream), mailbox)
                            .run()
                            .await;
                    }
                    Err(error) => {
                        begin::give_up(&application, error, answer);
                        end(&context, id).await;
                    }
                }
            },
        )
    }

    /// Starts a diagram without a call.
    pub fn start_system(&self, id: SessionId, start: SystemStart) -> TaskMailbox {
        let diagram = &start.application.name;
        let span = tracing::error_span!("system", diagram, session = %id);
        self.start(span, id.clone(), move |context, _, mailbox| async move {
            let follow = context.settings.following.begin(&id);
            match SystemSession::new(id.clone(), &start, follow) {
                Ok(session) => {
                    Task::new(id, context, Box::new(session), None, mailbox)
                        .run()
                        .await;
                }
                Err(error) => {
                    tracing::error!("a system diagram is not started: {error}");
                    end(&context, id).await;
                }
            }
        })
    }

    /// Starts the session of a request outside calls.
    pub fn start_request(&self, new: NewRequest) -> TaskMailbox {
        let span = tracing::error_span!(
            "request",
            call_id = excerpt::beginning(new.request.headers.call_id().unwrap_or("")),
            session = %new.id,
        );
        self.start(
            span,
            new.id.clone(),
            move |context, _, mailbox| async move {
                let id = new.id.clone();
                tracing::info!(
                    from = %SocketText(new.flow.remote), method = %new.request.method,
                    ruri = %Excerpt(&new.request.uri), application = new.application.name, "request"
                );
                let (transaction, request) = (new.transaction, new.request.clone());
                let Settings {
                    linger, give_up, ..
                } = context.settings;
                match guarded(&context, || RequestSession::new(new, linger, give_up)) {
                    Some(Ok(session)) => {
                        drop(request);
                        Task::new(id, context, Box::new(session), None, mailbox)
                            .run()
                            .await;
                    }
                    failed => {
                        if let Some(Err(error)) = failed {
                            tracing::error!("the request is refused: {error}");
                        }
                        let response = Box::new(request::fault(&request, &id));
                        let refusal = Refusal {
                            transaction,
                            response,
                        };
                        refuse(&context, id, refusal).await;
                    }
                }
            },
        )
    }

    /// Starts a task with a mailbox of its own, which is there before the task runs. A panic in it ends
    /// the session and nothing else.
    fn start<F>(
        &self,
        span: tracing::Span,
        session: SessionId,
        task: impl FnOnce(Arc<SessionContext>, TaskMailbox, mpsc::Receiver<SessionEvent>) -> F
        + Send
        + 'static,
    ) -> TaskMailbox
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (sender, receiver) = mpsc::channel(MAILBOX);
        let mailbox = TaskMailbox(sender);
        let (context, own) = (self.context.clone(), mailbox.clone());
        let guard = Unended {
            session: Some(session),
            context: self.context.clone(),
            runtime: self.runtime.clone(),
        };
        self.started.fetch_add(1, Ordering::Relaxed);
        let begun = self.begun.clone();
        let guarded = async move {
            begun.fetch_add(1, Ordering::Release);
            let guard = guard;
            // Made here: a future that is brought along and then awaited takes its room twice.
            task(context, own, receiver).await;
            guard.well();
        };
        self.runtime.spawn(guarded.instrument(span));
        mailbox
    }
}

/// Has the signalling task forget a session whose own task could not say that it is over.
struct Unended {
    session: Option<SessionId>,
    context: Arc<SessionContext>,
    runtime: tokio::runtime::Handle,
}

impl Unended {
    /// The task has said so itself.
    fn well(mut self) {
        self.session = None;
    }
}

impl Drop for Unended {
    fn drop(&mut self) {
        // Without a panic the runtime is ending, and with it the signalling task.
        let Some(session) = self.session.take().filter(|_| std::thread::panicking()) else {
            return;
        };
        note_fault(&self.context);
        let context = self.context.clone();
        self.runtime.spawn(async move {
            context
                .monitor
                .write(Write::Finish(session.0.clone()))
                .await;
            end(&context, session).await;
        });
    }
}

/// Runs the beginning of a session; `None`: it panicked.
fn guarded<T>(context: &SessionContext, begin: impl FnOnce() -> T) -> Option<T> {
    let begun = catch_unwind(AssertUnwindSafe(begin)).ok();
    if begun.is_none() {
        note_fault(context);
    }
    begun
}

fn note_fault(context: &SessionContext) {
    context.stats.session_faults.increment();
    tracing::error!("a fault in this server: the session is ended");
}

/// Has the signalling task forget a session.
pub(super) async fn end(context: &SessionContext, session: SessionId) {
    // It outlives its sessions, except at the very end of the server.
    let _ = context.sip.send(SipCommand::Ended { session }).await;
}

fn incoming(
    context: &SessionContext,
    call: NewCall,
    mailbox: &TaskMailbox,
) -> Result<(Box<Session>, StreamHandle), Refusal> {
    let stream = open_stream(context, call.flow.local.ip(), mailbox.clone()).map_err(|error| {
        tracing::warn!(%error, "a call is refused: no stream for its audio");
        begin::no_stream(&call)
    })?;
    tracing::info!(
        from = %SocketText(call.flow.remote), ruri = %Excerpt(&call.invite.uri), application = call.name, "call"
    );
    let session = begin::incoming(call, stream.local_addr(), &context.settings)?;
    Ok((Box::new(session), stream))
}

/// The session and its stream, or why there is none.
fn outgoing(
    context: &SessionContext,
    dial: Dial,
    way: FirstHop,
    mailbox: TaskMailbox,
) -> Result<(Box<Session>, StreamHandle), DialError> {
    let stream = open_stream(context, way.local.ip(), mailbox).map_err(|error| {
        tracing::warn!(%error, "a call is not placed: no stream for its audio");
        DialError::NoStream(error.to_string())
    })?;
    let session = begin::outgoing(dial, way, stream.local_addr(), &context.settings);
    let session = session.map_err(|error| DialError::NoStream(error.to_string()))?;
    Ok((Box::new(session), stream))
}

/// Answers a request that begins no session, and forgets it.
async fn refuse(context: &SessionContext, session: SessionId, refusal: Refusal) {
    let command = Command::Respond {
        transaction: refusal.transaction,
        response: refusal.response,
    };
    let answer = SipCommand::Dialog {
        session: session.clone(),
        command,
    };
    // Fails only at the very end of the server.
    let _ = context.sip.send(answer).await;
    end(context, session).await;
}

#[cfg(test)]
mod tests;
