//! SHELL: one task per session.
//!
//! The task owns its session (a [`SessionCore`]), its stream if it is a call, and its mailbox. It waits
//! for an event, a timer or work done elsewhere, feeds the core, and passes on what the core wants: SIP
//! to the signalling task (waiting there is the back-pressure), media commands to the media thread. A
//! panic in the core ends this call with a BYE and nothing else.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::task::{JoinError, JoinSet};
use tokio::time::sleep_until;

use super::core::SessionCore;
use super::event::{ActionToken, SessionEvent, SessionId, SessionOutput, Work};
use super::pool::{SessionContext, SipCommand};
use super::router::{Mailbox, Undelivered};
use crate::audio::recorder::RecorderSink;
use crate::dsm::ActionResult;
use crate::media::{MediaCommand, MediaEvent, OpenError, StreamHandle};

/// Events that may wait for one session. More than a call makes in a second; a flood beyond it is
/// refused at the door.
pub(super) const MAILBOX: usize = 64;
/// Of these for events without which a call would not end.
const RESERVED: usize = 16;

/// The sending end of a session's mailbox.
#[derive(Debug, Clone)]
pub struct TaskMailbox(pub(super) mpsc::Sender<SessionEvent>);

impl Mailbox for TaskMailbox {
    fn post(&self, event: SessionEvent) -> Result<(), Undelivered> {
        if !event.is_vital() && self.0.capacity() <= RESERVED && !self.0.is_closed() {
            return Err(Undelivered::Full(event));
        }
        self.0.try_send(event).map_err(|refused| match refused {
            TrySendError::Full(event) => Undelivered::Full(event),
            TrySendError::Closed(event) => Undelivered::Gone(event),
        })
    }
}

/// A running session and what it works with.
pub(super) struct Task<S> {
    id: SessionId,
    context: Arc<SessionContext>,
    session: S,
    /// The audio of a call.
    stream: Option<StreamHandle>,
    mailbox: mpsc::Receiver<SessionEvent>,
    own_mailbox: TaskMailbox,
    /// A fault of ours has happened in it.
    faulty: bool,
    /// And another one while it was being ended: nothing can be done with it.
    lost: bool,
}

/// Work done outside the task.
enum Completion {
    Event(SessionEvent),
    Recorder(Box<RecorderSink>),
    /// It failed and has said so.
    Nothing,
}

/// Opens the stream of a session on `ip`, with events into `mailbox`.
pub(super) fn open_stream(
    context: &SessionContext,
    ip: IpAddr,
    mailbox: TaskMailbox,
) -> Result<StreamHandle, OpenError> {
    context.media.open(
        context.rtp_address.unwrap_or(ip),
        Box::new(move |event| mailbox.post(SessionEvent::Media(event)).is_ok()),
    )
}

impl<S: SessionCore> Task<S> {
    /// A task for `session`, which has not begun. `own` is the sending end of `mailbox`, for what
    /// finishes after the session has gone on.
    pub(super) fn new(
        id: SessionId,
        context: Arc<SessionContext>,
        session: S,
        stream: Option<StreamHandle>,
        own: TaskMailbox,
        mailbox: mpsc::Receiver<SessionEvent>,
    ) -> Self {
        Self {
            id,
            context,
            session,
            stream,
            mailbox,
            own_mailbox: own,
            faulty: false,
            lost: false,
        }
    }

    /// Runs until the session is over.
    pub(super) async fn run(mut self) {
        let now = Instant::now();
        self.guarded(|session| session.begin(now));
        let mut work: JoinSet<Completion> = JoinSet::new();
        loop {
            if self.drain(&mut work).await {
                break;
            }
            let timer = self.guarded(|session| session.poll_timeout()).flatten();
            let event = tokio::select! {
                event = self.mailbox.recv() => event,
                Some(completed) = work.join_next() => self.complete(completed),
                () = sleep_or_never(timer) => {
                    let now = Instant::now();
                    self.guarded(|session| session.handle_timeout(now));
                    None
                }
            };
            if let Some(event) = event {
                let now = Instant::now();
                self.guarded(|session| session.handle_event(now, event));
            }
        }
        let session = self.id;
        // The signalling task outlives its sessions, except at the very end of the server.
        let _ = self.context.sip.send(SipCommand::Ended { session }).await;
    }

    /// Carries out the session's outputs. True: it has ended.
    async fn drain(&mut self, work: &mut JoinSet<Completion>) -> bool {
        loop {
            let output = match self.guarded(|session| session.poll_output()) {
                _ if self.lost => return true,
                Some(None) => return false,
                Some(Some(output)) => output,
                None => continue,
            };
            match output {
                SessionOutput::Sip(command) => {
                    let session = self.id.clone();
                    if self
                        .context
                        .sip
                        .send(SipCommand::Dialog { session, command })
                        .await
                        .is_err()
                    {
                        return true;
                    }
                }
                SessionOutput::Media(command) => self.command(command),
                SessionOutput::LoadPrompt { name, codec } => {
                    match self.context.prompts.cached(&name, codec) {
                        Some(known) => {
                            let now = Instant::now();
                            self.guarded(|session| {
                                session.handle_event(now, SessionEvent::Prompt(known));
                            });
                        }
                        None => {
                            let prompts = self.context.prompts.clone();
                            work.spawn(async move {
                                let loaded = prompts.load(&name, codec).await;
                                Completion::Event(SessionEvent::Prompt(loaded))
                            });
                        }
                    }
                }
                SessionOutput::Perform { token, work: todo } => {
                    if !self.perform(token, todo, work).await {
                        return true;
                    }
                }
                SessionOutput::Record { path, sample_rate } => {
                    let begin = self.begin_recording(path, sample_rate);
                    work.spawn_blocking(begin);
                }
                SessionOutput::Ended => return true,
            }
        }
    }

    /// Has work done that the script waits for. False: the signalling task is gone.
    async fn perform(
        &mut self,
        token: ActionToken,
        todo: Work,
        work: &mut JoinSet<Completion>,
    ) -> bool {
        let components = &self.context.components;
        match todo {
            Work::Mail(mail) => {
                let session = self.id.clone();
                let command = SipCommand::Mail {
                    session,
                    token,
                    mail,
                };
                return self.context.sip.send(command).await.is_ok();
            }
            Work::StartSystem {
                configuration,
                diagram,
            } => {
                let starting = components.create_system_dsm(&configuration, &diagram);
                work.spawn(async move { performed(token, starting.await) });
            }
            Work::Call(call) => {
                let calling = components.call_for_script(*call);
                work.spawn(async move { performed(token, calling.await) });
            }
        }
        true
    }

    /// What finished work brings the session.
    fn complete(&mut self, completed: Result<Completion, JoinError>) -> Option<SessionEvent> {
        match completed {
            Ok(Completion::Event(event)) => Some(event),
            Ok(Completion::Recorder(sink)) => {
                self.command(MediaCommand::StartRecording(sink));
                None
            }
            Ok(Completion::Nothing) => None,
            Err(fault) => {
                tracing::error!(session = %self.id, %fault, "work for this call failed");
                None
            }
        }
    }

    fn command(&mut self, command: MediaCommand) {
        let Some(stream) = &mut self.stream else {
            return;
        };
        if let Err(busy) = stream.command(command) {
            self.context.stats.media_commands_dropped.increment();
            tracing::warn!(session = %self.id, %busy, "a media command is lost");
        }
    }

    /// What opens the file of a recording; it may wait for the disk.
    fn begin_recording(
        &self,
        path: PathBuf,
        sample_rate: u32,
    ) -> impl FnOnce() -> Completion + Send + 'static {
        let files = self.context.media.files().clone();
        let mailbox = self.own_mailbox.clone();
        let done = Box::new(move |ended| {
            // The session may be over by then.
            let _ = mailbox.post(SessionEvent::Media(MediaEvent::RecordingEnded(ended)));
        });
        move || match files.record(&path, sample_rate, None, done) {
            Ok(sink) => Completion::Recorder(sink),
            Err(error) => {
                tracing::error!(path = %path.display(), %error, "cannot record");
                Completion::Nothing
            }
        }
    }

    /// Runs `work` on the session; a panic in it ends the call.
    fn guarded<T>(&mut self, work: impl FnOnce(&mut S) -> T) -> Option<T> {
        let session = &mut self.session;
        let done = catch_unwind(AssertUnwindSafe(|| work(session))).ok();
        if done.is_none() {
            self.context.stats.session_faults.increment();
            tracing::error!(session = %self.id, "a fault in this server: the call is ended");
            // Should ending it fail as well, dropping the session is all that is left.
            let ended = catch_unwind(AssertUnwindSafe(|| session.abandon()));
            self.lost |= self.faulty || ended.is_err();
            self.faulty = true;
        }
        done
    }
}

fn performed(token: ActionToken, result: ActionResult) -> Completion {
    Completion::Event(SessionEvent::Performed(token, result))
}

async fn sleep_or_never(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
