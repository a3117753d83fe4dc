//! SHELL: starts sessions.
//!
//! [`SessionPool`] belongs to the signalling task. For a new call it makes the mailbox at once, so
//! that a CANCEL on the heels of the INVITE finds it, and leaves the rest to the session's own
//! task.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc;
use tracing::Instrument;

use super::begin::{self, Dial, Refusal, Settings};
use super::event::{Params, SessionId};
use super::prompts::PromptStore;
use super::router::NewCall;
use super::task::{MAILBOX, Task, TaskMailbox, open_stream};
use crate::media::MediaPool;
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
    /// Deliver an event to another session and report to the sender.
    Post {
        /// The sender.
        from: SessionId,
        /// The other one.
        to: SessionId,
        /// The event's parameters.
        params: Box<Params>,
    },
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
    /// Streams.
    pub media: MediaPool,
    /// Address for RTP; None: the one the SIP socket answers from.
    pub rtp_address: Option<IpAddr>,
    /// What sessions begin with.
    pub settings: Settings,
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
        let (sender, receiver) = mpsc::channel(MAILBOX);
        let mailbox = TaskMailbox(sender.clone());
        let span = tracing::info_span!(
            "call",
            call_id = call.invite.headers.call_id().unwrap_or(""),
            session = %call.id,
        );
        let context = self.context.clone();
        let task = async move {
            let id = call.id.clone();
            let own_mailbox = sender.clone();
            let stream = open_stream(&context, call.flow.local.ip(), sender);
            let begun = match stream {
                Ok(stream) => {
                    tracing::info!(
                        from = %call.flow.remote, ruri = %call.invite.uri,
                        application = call.name, "call"
                    );
                    begin::incoming(Instant::now(), call, stream.local_addr(), &context.settings)
                        .map(|session| (session, stream))
                }
                Err(error) => {
                    tracing::warn!(%error, "a call is refused: no stream for its audio");
                    Err(begin::no_stream(&call))
                }
            };
            match begun {
                Ok((session, stream)) => {
                    let mailbox = receiver;
                    Task {
                        id,
                        context,
                        session,
                        stream,
                        mailbox,
                        own_mailbox,
                    }
                    .run()
                    .await;
                }
                Err(Refusal {
                    transaction,
                    response,
                }) => {
                    let command = Command::Respond {
                        transaction,
                        response,
                    };
                    let session = id.clone();
                    // The signalling task outlives its sessions.
                    let _ = context
                        .sip
                        .send(SipCommand::Dialog { session, command })
                        .await;
                    let _ = context.sip.send(SipCommand::Ended { session: id }).await;
                }
            }
        };
        self.runtime.spawn(task.instrument(span));
        mailbox
    }

    /// Starts a session that calls somebody. `local` is the address they will see.
    pub fn start_outgoing(&self, dial: Dial, local: SocketAddr) -> TaskMailbox {
        let (sender, receiver) = mpsc::channel(MAILBOX);
        let mailbox = TaskMailbox(sender.clone());
        let span = tracing::info_span!("call", call_id = %dial.call_id, session = %dial.id);
        let context = self.context.clone();
        let task = async move {
            let id = dial.id.clone();
            let own_mailbox = sender.clone();
            match open_stream(&context, local.ip(), sender) {
                Ok(stream) => {
                    let now = Instant::now();
                    let media = stream.local_addr();
                    let session = begin::outgoing(now, dial, local, media, &context.settings);
                    let mailbox = receiver;
                    Task {
                        id,
                        context,
                        session,
                        stream,
                        mailbox,
                        own_mailbox,
                    }
                    .run()
                    .await;
                }
                Err(error) => {
                    dial.application.unreachable(&error.to_string());
                    let _ = context.sip.send(SipCommand::Ended { session: id }).await;
                }
            }
        };
        self.runtime.spawn(task.instrument(span));
        mailbox
    }
}
