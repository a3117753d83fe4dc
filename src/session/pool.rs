//! SHELL: starts sessions.
//!
//! [`SessionPool`] belongs to the signalling task. For a new call it makes the mailbox at once, so
//! that a CANCEL on the heels of the INVITE finds it, and leaves the rest to the session's own
//! task.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tracing::Instrument;

use super::application::phone::PhoneScript;
use super::call::{Call, CallSetup};
use super::catalog::Application;
use super::event::{Params, SessionEvent, SessionId};
use super::prompts::PromptStore;
use super::router::NewCall;
use super::session::Session;
use super::task::{MAILBOX, Task, TaskMailbox, open_stream};
use crate::media::MediaPool;
use crate::sdp::{Capabilities, OfferAnswer};
use crate::sip::dialog::Dialog;
use crate::sip::dialog::invite_usage::{Command, InviteUsage};
use crate::sip::endpoint::TransactionId;
use crate::sip::message::{
    CSeq, HeaderName, Headers, Method, NameAddr, Request, Response, SipUri, StatusCode, Transport,
    Uri,
};
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
    /// How long nothing may be heard from a peer that should send; None: for ever.
    pub rtp_timeout: Option<Duration>,
    /// How long a diagram may work on after a handled hang-up.
    pub linger: Duration,
    /// What we can send and receive.
    pub capabilities: Arc<Capabilities>,
    /// User-Agent of our requests, or empty.
    pub user_agent: String,
    /// Counters.
    pub stats: Arc<Stats>,
}

/// A call to be placed.
#[derive(Debug)]
pub struct Dial {
    /// Name of its session, at once the From tag.
    pub id: SessionId,
    /// Its Call-ID.
    pub call_id: String,
    /// Whom to call.
    pub uri: Uri,
    /// Who calls; None: a name of ours at the address they see.
    pub from: Option<Uri>,
    /// What the call does.
    pub application: Arc<PhoneScript>,
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
            match incoming(&context, call, sender) {
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
                Err(refusal) => {
                    let (transaction, response) = refusal;
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
                    let session = outgoing(&context, dial, local, stream.local_addr());
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

type Refusal = (TransactionId, Box<Response>);

fn incoming(
    context: &SessionContext,
    call: NewCall,
    mailbox: mpsc::Sender<SessionEvent>,
) -> Result<(Session, crate::media::StreamHandle), Refusal> {
    let NewCall {
        id,
        transaction,
        invite,
        flow,
        name,
        application,
    } = call;
    let refuse = |status, reason: Option<&str>| {
        let mut response = Response::answering(&invite, status, Some(&*id.0));
        if let Some(reason) = reason {
            response.reason = reason.to_owned();
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers.push(HeaderName::RetryAfter, "5");
        }
        (transaction, Box::new(response))
    };
    let contact = contact_uri(flow.local, flow.transport).into();
    let dialog = Dialog::uas(&invite, &id.0, contact).map_err(|error| {
        tracing::info!(%error, "this INVITE begins no dialog");
        refuse(StatusCode::BAD_REQUEST, Some(&error.to_string()))
    })?;
    let stream = open_stream(context, flow.local.ip(), mailbox).map_err(|error| {
        tracing::warn!(%error, "a call is refused: no stream for its audio");
        refuse(StatusCode::SERVICE_UNAVAILABLE, Some("No media port free"))
    })?;
    tracing::info!(from = %flow.remote, ruri = %invite.uri, application = name, "call");
    let setup = CallSetup {
        id: id.clone(),
        media: stream.local_addr(),
        capabilities: context.capabilities.clone(),
        rtp_timeout: context.rtp_timeout,
        linger: context.linger,
    };
    let usage = InviteUsage::uas(transaction, invite, dialog);
    let call = Call::new(setup, usage, OfferAnswer::new(session_number(&id)));
    Ok((
        Session::new(Instant::now(), call, &application, true),
        stream,
    ))
}

fn outgoing(context: &SessionContext, dial: Dial, local: SocketAddr, media: SocketAddr) -> Session {
    let mut negotiation = OfferAnswer::new(session_number(&dial.id));
    let body = negotiation.offer(
        &context.capabilities,
        media,
        crate::sdp::Direction::SendRecv,
    );
    let tcp = dial
        .uri
        .as_sip()
        .and_then(|uri| uri.params.get("transport"));
    let transport = match tcp {
        Some(name) if name.eq_ignore_ascii_case("tcp") => Transport::Tcp,
        _ => Transport::Udp,
    };
    let invite = invite_to(
        &dial,
        &contact_uri(local, transport),
        body,
        &context.user_agent,
    );
    let usage = InviteUsage::uac(invite, dial.uri.clone());
    let setup = CallSetup {
        id: dial.id.clone(),
        media,
        capabilities: context.capabilities.clone(),
        rtp_timeout: context.rtp_timeout,
        linger: context.linger,
    };
    let call = Call::new(setup, usage, negotiation);
    let application = Application::Phone(dial.application);
    Session::new(Instant::now(), call, &application, false)
}

fn invite_to(dial: &Dial, contact: &SipUri, body: String, user_agent: &str) -> Request {
    let own = || SipUri::new(Some("muleteer"), contact.host.clone(), contact.port).into();
    let mut from = NameAddr::new(dial.from.clone().unwrap_or_else(own));
    from.set_tag(&dial.id.0);
    let mut headers = Headers::default();
    headers.push(HeaderName::MaxForwards, "70");
    headers.push(HeaderName::From, from.to_string());
    headers.push(HeaderName::To, format!("<{}>", dial.uri));
    headers.push(HeaderName::CallId, dial.call_id.clone());
    headers.push(
        HeaderName::CSeq,
        CSeq {
            number: 1,
            method: Method::Invite,
        }
        .to_string(),
    );
    headers.push(HeaderName::Contact, format!("<{contact}>"));
    headers.push(HeaderName::Allow, crate::sip::dialog::invite_usage::ALLOW);
    if !user_agent.is_empty() {
        headers.push(HeaderName::UserAgent, user_agent.to_owned());
    }
    headers.push(HeaderName::ContentType, "application/sdp");
    Request {
        method: Method::Invite,
        uri: dial.uri.clone(),
        headers,
        body: body.into(),
    }
}

/// Where the peer reaches us inside the dialog (RFC 3261 §8.1.1.8).
fn contact_uri(local: SocketAddr, transport: Transport) -> SipUri {
    let mut uri = SipUri::new(None, local.ip(), Some(local.port()));
    if transport == Transport::Tcp {
        uri.params.set("transport", "tcp");
    }
    uri
}

/// The o= line's session id: any number that does not repeat (RFC 8866 §5.2).
fn session_number(id: &SessionId) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    // 62 bits, because some peers read it as a signed number.
    hasher.finish() >> 2
}
