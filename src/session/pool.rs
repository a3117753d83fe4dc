//! SHELL: starts sessions.
//!
//! [`SessionPool`] belongs to the signalling task. For a new call it makes the mailbox at once, so
//! that a CANCEL on the heels of the INVITE finds it, and leaves the rest to the session's own
//! task.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::sync::mpsc;
use tracing::Instrument;

use super::begin::{self, Dial, Refusal, Settings};
use super::dial_out::{DialAnswer, DialError, DialOrder};
use super::event::{ActionToken, Mail, SessionEvent, SessionId};
use super::outside::OutsideRequest;
use super::prompts::PromptStore;
use super::recordings::Recordings;
use super::room::RoomRequest;
use super::router::NewCall;
use super::session::Session;
use super::system::{SystemSession, SystemStart};
use super::task::{MAILBOX, Task, TaskMailbox, open_stream};
use crate::control::Components;
use crate::excerpt::Excerpt;
use crate::media::{MediaPool, StreamHandle};
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
    /// Do something about conference rooms; [`SessionEvent::Room`] tells the session how it went.
    Room {
        /// The session.
        session: SessionId,
        /// What.
        request: RoomRequest,
    },
    /// Send a request outside dialogs.
    Outside(Box<OutsideRequest>),
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
    /// Counters.
    pub stats: Arc<Stats>,
}

/// See the module's documentation.
#[derive(Debug)]
pub struct SessionPool {
    context: Arc<SessionContext>,
    runtime: tokio::runtime::Handle,
}

impl SessionPool {
    /// A pool that starts its tasks on `runtime`.
    pub fn new(context: Arc<SessionContext>, runtime: tokio::runtime::Handle) -> Self {
        Self { context, runtime }
    }

    /// Starts the session of an INVITE.
    pub fn start_incoming(&self, call: NewCall) -> TaskMailbox {
        // At error level, so that lines of any level tell the call they belong to.
        let span = tracing::error_span!(
            "call",
            call_id = call.invite.headers.call_id().unwrap_or(""),
            session = %call.id,
        );
        self.start(span, move |context, own, mailbox| async move {
            let id = call.id.clone();
            match incoming(&context, call, &own) {
                Ok((session, stream)) => {
                    Task::new(id, context, session, Some(stream), mailbox)
                        .run()
                        .await
                }
                Err(refusal) => refuse(&context, id, refusal).await,
            }
        })
    }

    /// Starts a session that calls somebody. `local` is the address they will see. `answer` is told
    /// whether it has what it needs to begin.
    pub fn start_outgoing(
        &self,
        dial: Dial,
        local: SocketAddr,
        answer: Option<DialAnswer>,
    ) -> TaskMailbox {
        let span = tracing::error_span!("call", call_id = %dial.call_id, session = %dial.id);
        self.start(span, move |context, own, mailbox| async move {
            let id = dial.id.clone();
            match open_stream(&context, local.ip(), own.clone()) {
                Ok(stream) => {
                    let media = stream.local_addr();
                    let application = dial.application.clone();
                    match begin::outgoing(dial, local, media, &context.settings) {
                        Ok(session) => {
                            // Whoever asked may have given up.
                            let _ = answer.map(|answer| answer.send(Ok(id.clone())));
                            Task::new(id, context, Box::new(session), Some(stream), mailbox)
                                .run()
                                .await;
                        }
                        Err(error) => {
                            let error = DialError::NoStream(error.to_string());
                            begin::give_up(&application, error, answer);
                            let _ = context.sip.send(SipCommand::Ended { session: id }).await;
                        }
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "a call is not placed: no stream for its audio");
                    let error = DialError::NoStream(error.to_string());
                    begin::give_up(&dial.application, error, answer);
                    let _ = context.sip.send(SipCommand::Ended { session: id }).await;
                }
            }
        })
    }

    /// Starts a diagram without a call.
    pub fn start_system(&self, id: SessionId, start: SystemStart) -> TaskMailbox {
        let diagram = &start.application.name;
        let span = tracing::error_span!("system", diagram, session = %id);
        self.start(span, move |context, _, mailbox| async move {
            match SystemSession::new(id.clone(), &start) {
                Ok(session) => {
                    Task::new(id, context, Box::new(session), None, mailbox)
                        .run()
                        .await;
                }
                Err(error) => {
                    tracing::error!("a system diagram is not started: {error}");
                    let _ = context.sip.send(SipCommand::Ended { session: id }).await;
                }
            }
        })
    }

    /// Starts a task with a mailbox of its own, which is there before the task runs.
    fn start<F>(
        &self,
        span: tracing::Span,
        task: impl FnOnce(Arc<SessionContext>, TaskMailbox, mpsc::Receiver<SessionEvent>) -> F,
    ) -> TaskMailbox
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (sender, receiver) = mpsc::channel(MAILBOX);
        let mailbox = TaskMailbox(sender);
        let task = task(self.context.clone(), mailbox.clone(), receiver);
        self.runtime.spawn(task.instrument(span));
        mailbox
    }
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
        from = %call.flow.remote, ruri = %Excerpt(&call.invite.uri), application = call.name, "call"
    );
    let session = begin::incoming(call, stream.local_addr(), &context.settings)?;
    Ok((Box::new(session), stream))
}

/// Answers an INVITE that begins no session, and forgets it. The signalling task outlives its
/// sessions, so nothing is lost.
async fn refuse(context: &SessionContext, session: SessionId, refusal: Refusal) {
    let command = Command::Respond {
        transaction: refusal.transaction,
        response: refusal.response,
    };
    let answer = SipCommand::Dialog {
        session: session.clone(),
        command,
    };
    let _ = context.sip.send(answer).await;
    let _ = context.sip.send(SipCommand::Ended { session }).await;
}
