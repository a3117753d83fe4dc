//! The beginning of a session, from an INVITE or from the wish to call somebody.
//!
//! A core: whoever starts sessions has opened the stream for their audio and brings its address.
//! [`pool`](super::pool) does so for tasks, tests for a world of their own.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::call::{Call, CallSetup, Negotiation, RtpPolicy, admit};
use super::catalog::Application;
use super::dial_out::{DialAnswer, DialError, OwnParty};
use super::event::{Params, SessionId};
use super::header_lines::Line;
use super::monitoring::Following;
use super::router::NewCall;
use super::session::{Origin, Session};
use crate::config::Dtmf;
use crate::rtp::srtp::KeySource;
use crate::sdp::{Capabilities, NegotiationError, OfferAnswer, SrtpPolicy, SrtpTerms};
use crate::sip::auth::DigestClient;
use crate::sip::contact::ContactPlace;
use crate::sip::delivery::Outbound;
use crate::sip::dialog::capabilities::{ALLOW, RELIABLE, ReliablePolicy};
use crate::sip::dialog::invite_usage::{ForkId, InviteUsage, UsageSetup};
use crate::sip::dialog::session_timer::SessionTimerSettings;
use crate::sip::endpoint::{RETRY_AFTER_S, TransactionId};
use crate::sip::message::{
    CSeq, HeaderName, Headers, Method, NameAddr, Request, Response, SipUri, StatusCode, Transport,
    Uri,
};
use crate::sip::registration::Identity;
use crate::sip::transport::Flow;

/// What the sessions of a server have in common.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What we can send and receive.
    pub capabilities: Arc<Capabilities>,
    /// How streams treat their peers.
    pub rtp: RtpPolicy,
    /// Where the keys of SRTP come from.
    pub srtp_keys: KeySource,
    /// How keys are heard and sent.
    pub dtmf: Dtmf,
    /// How long a diagram may work on after a handled hang-up.
    pub linger: Duration,
    /// How long a call that we place may ring.
    pub ring: Duration,
    /// How long a response may be waited for: 64*T1.
    pub give_up: Duration,
    /// Which sessions are recorded in the monitoring store by themselves.
    pub following: Following,
    /// Whether provisional responses are reliable.
    pub reliable: ReliablePolicy,
    /// How sessions are refreshed; None: not at all.
    pub session_timer: Option<SessionTimerSettings>,
    /// User-Agent of our requests, or empty.
    pub user_agent: String,
    /// Our name over TLS, as our certificate has it.
    pub name: Option<Arc<str>>,
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
    /// Who calls, without tag; `None`: a name of ours at the address they see.
    pub from: Option<NameAddr>,
    /// To, without tag; `None`: whom we call.
    pub to: Option<NameAddr>,
    /// Which way its requests outside the dialog go; None: as `[sip] outbound_proxy` and `next_hop` say.
    pub outbound: Option<Outbound>,
    /// Who calls, as a diagram sees it.
    pub own: OwnParty,
    /// The caller, if it is an account of ours that is registered.
    pub identity: Option<Box<Identity>>,
    /// Answers challenges.
    pub digest: Option<Box<DigestClient>>,
    /// Header lines added to the INVITE.
    pub headers: Vec<Line>,
    /// Variables of a diagram.
    pub variables: Params,
    /// Name of what the call does.
    pub name: String,
    /// What the call does.
    pub application: Application,
}

impl Dial {
    /// A call with nothing special about it.
    pub fn new(id: SessionId, call_id: String, uri: Uri, application: Application) -> Self {
        Self {
            id,
            call_id,
            uri,
            from: None,
            to: None,
            outbound: None,
            own: OwnParty::default(),
            identity: None,
            digest: None,
            headers: Vec::new(),
            variables: Params::new(),
            name: application.name().to_owned(),
            application,
        }
    }

    /// Where the INVITE goes: to the first proxy of the caller's Service-Route, else to whom it calls.
    pub fn first_hop(&self) -> &Uri {
        let identity = self.identity.as_deref();
        identity.and_then(Identity::first_hop).unwrap_or(&self.uri)
    }
}

/// How the first request of an outgoing call leaves.
#[derive(Debug, Clone, Copy)]
pub struct FirstHop {
    /// Our SIP address, as they see it.
    pub local: SocketAddr,
    /// What it goes by, at first.
    pub transport: Transport,
    /// Nobody reads it on the way to any of the servers that may be tried.
    pub secure: bool,
}

impl FirstHop {
    /// From `local` by the first of the transports, of which each may be tried.
    pub fn new(
        local: SocketAddr,
        transport: Transport,
        others: impl IntoIterator<Item = Transport>,
    ) -> Self {
        let secure = is_secure(transport) && others.into_iter().all(is_secure);
        Self {
            local,
            transport,
            secure,
        }
    }
}

/// The answer to an INVITE that begins no session.
#[derive(Debug)]
pub struct Refusal {
    /// The INVITE's server transaction.
    pub transaction: TransactionId,
    /// A final failure.
    pub response: Box<Response>,
}

/// Begins the session of an INVITE, whose RTP socket is bound to `media`.
///
/// # Errors
/// [`Refusal`] with 400 when the INVITE cannot begin a dialog, with 421 when its sender lacks what the
/// operator requires.
pub fn incoming(call: NewCall, media: SocketAddr, settings: &Settings) -> Result<Session, Refusal> {
    let secure = is_secure(call.flow.transport);
    let setup = CallSetup {
        signalling_host: signalling_host(&call.invite, call.flow),
        secure_signalling: secure,
        ..setup(call.id.clone(), settings)
    };
    let dialog = admit(&call.invite, call.flow, &setup).map_err(|response| Refusal {
        transaction: call.transaction,
        response,
    })?;
    let NewCall {
        id,
        transaction,
        invite,
        name,
        application,
        variables,
        ..
    } = call;
    let number = session_number(&id);
    let negotiation = negotiation(&id, number, secure, media, settings);
    let usage_setup = usage_setup(number, settings);
    let usage = InviteUsage::uas(transaction, invite, dialog, usage_setup);
    let mut call = Call::new(setup, usage, negotiation);
    call.follow("in", name);
    Ok(Session::new(
        call,
        &application,
        Origin::Caller { variables },
    ))
}

/// The answer to an INVITE at whose beginning this server has failed.
pub fn fault(transaction: TransactionId, invite: &Request, tag: &SessionId) -> Refusal {
    let status = StatusCode::SERVER_INTERNAL_ERROR;
    Refusal {
        transaction,
        response: Box::new(Response::answering(invite, status, Some(&tag.0))),
    }
}

/// The answer to an INVITE for whose audio there is no stream.
pub fn no_stream(call: &NewCall) -> Refusal {
    let mut refusal = refuse(call, StatusCode::SERVICE_UNAVAILABLE, "No media port free");
    let headers = &mut refusal.response.headers;
    headers.push(HeaderName::RetryAfter, RETRY_AFTER_S);
    refusal
}

/// The answer to an INVITE for which no application is found.
pub fn not_selected(call: &NewCall) -> Refusal {
    let status = StatusCode::SERVER_INTERNAL_ERROR;
    refuse(call, status, &status.reason())
}

/// Begins a session that calls somebody by `way`; the RTP socket is bound to `media`.
///
/// # Errors
/// [`NegotiationError`] when audio has to be encrypted and cannot be.
pub fn outgoing(
    dial: Dial,
    way: FirstHop,
    media: SocketAddr,
    settings: &Settings,
) -> Result<Session, NegotiationError> {
    let FirstHop {
        local,
        transport,
        secure,
    } = way;
    let number = session_number(&dial.id);
    let mut negotiation = negotiation(&dial.id, number, secure, media, settings);
    let body = negotiation.offer(ForkId(0))?;
    let contact = ContactPlace {
        transport,
        local,
        name: settings.name.as_deref(),
        is_request: true,
    };
    let contact = contact.uri(dial.uri.is_sips());
    let invite = invite_to(&dial, &contact, body, settings);
    let next_hop = dial.first_hop().clone();
    let mut usage = InviteUsage::uac(invite, next_hop, usage_setup(number, settings));
    if let Some(digest) = dial.digest {
        usage.set_digest(*digest);
    }
    let setup = CallSetup {
        secure_signalling: secure,
        ..setup(dial.id, settings)
    };
    let mut call = Call::new(setup, usage, negotiation);
    call.follow("out", dial.name);
    let origin = Origin::Server {
        own: dial.own,
        variables: dial.variables,
    };
    Ok(Session::new(call, &dial.application, origin))
}

/// What goes by this transport is not read on the way.
pub(super) fn is_secure(transport: Transport) -> bool {
    matches!(
        transport,
        Transport::Tls | Transport::TlsSctp | Transport::Wss
    )
}

fn negotiation(
    id: &SessionId,
    number: u64,
    secure_signalling: bool,
    media: SocketAddr,
    settings: &Settings,
) -> Negotiation {
    let mut descriptions = OfferAnswer::new(number);
    let RtpPolicy {
        srtp: policy,
        srtp_without_tls: keys_in_clear,
        ..
    } = settings.rtp;
    if policy != SrtpPolicy::Off {
        descriptions = descriptions.with_srtp(SrtpTerms {
            policy,
            secure_signalling,
            keys_in_clear,
            keys: settings.srtp_keys.clone(),
            call: id.0.clone(),
        });
    }
    Negotiation::new(descriptions, settings.capabilities.clone(), media)
}

/// Tells whoever wanted a call that it cannot be placed.
pub fn give_up(application: &Application, error: DialError, answer: Option<DialAnswer>) {
    if let Application::Phone(script) = application {
        script.unreachable(&error.to_string());
    }
    // Whoever asked may have given up.
    let _ = answer.map(|answer| answer.send(Err(error)));
}

fn refuse(call: &NewCall, status: StatusCode, reason: &str) -> Refusal {
    let mut response = Response::answering(&call.invite, status, Some(&*call.id.0));
    response.reason = reason.to_owned();
    Refusal {
        transaction: call.transaction,
        response: Box::new(response),
    }
}

fn usage_setup(number: u64, settings: &Settings) -> UsageSetup {
    UsageSetup {
        reliable: settings.reliable,
        seed: number,
        give_up: settings.give_up,
    }
}

fn setup(id: SessionId, settings: &Settings) -> CallSetup {
    CallSetup {
        follow: settings.following.begin(&id),
        id,
        rtp: settings.rtp,
        signalling_host: None,
        secure_signalling: false,
        dtmf: settings.dtmf,
        linger: settings.linger,
        ring: settings.ring,
        give_up: settings.give_up,
        session_timer: settings.session_timer,
        reliable: settings.reliable,
        name: settings.name.clone(),
    }
}

fn invite_to(dial: &Dial, contact: &SipUri, body: Bytes, settings: &Settings) -> Request {
    let own = || SipUri::new(Some("muleteer"), contact.host.clone(), contact.port);
    let mut from = dial.from.clone().unwrap_or_else(|| NameAddr::new(own()));
    from.set_tag(&dial.id.0);
    let cseq = CSeq {
        number: 1,
        method: Method::Invite,
    };
    let mut headers = Headers::default();
    headers.push(HeaderName::MaxForwards, "70");
    headers.push(HeaderName::From, from.to_string());
    let to = dial.to.as_ref().map(NameAddr::to_string);
    let to = to.unwrap_or_else(|| format!("<{}>", dial.uri));
    headers.push(HeaderName::To, to);
    headers.push(HeaderName::CallId, dial.call_id.clone());
    headers.push(HeaderName::CSeq, cseq.to_string());
    let gruu = dial.identity.as_deref();
    match gruu.and_then(|identity| identity.contact(&dial.uri)) {
        Some(gruu) => headers.push(HeaderName::Contact, NameAddr::new(gruu.clone()).to_string()),
        None => headers.push(HeaderName::Contact, format!("<{contact}>")),
    }
    headers.push(HeaderName::Allow, ALLOW);
    headers.push(HeaderName::Supported, settings.reliable.supported_line());
    if settings.reliable == ReliablePolicy::Required {
        headers.push(HeaderName::Require, RELIABLE);
    }
    if !settings.user_agent.is_empty() {
        headers.push(HeaderName::UserAgent, settings.user_agent.clone());
    }
    for (name, value) in &dial.headers {
        headers.push(name.clone(), value.clone());
    }
    headers.push(HeaderName::ContentType, "application/sdp");
    let mut invite = Request {
        method: Method::Invite,
        uri: dial.uri.clone(),
        headers,
        body,
    };
    if let Some(identity) = &dial.identity {
        identity.add_routes(&mut invite);
    }
    invite
}

/// The host that an INVITE was first sent from: what the first hop saw, else what the caller wrote
/// (RFC 3261 §18.2.1). Behind a NAT it is that of RTP too.
pub(super) fn signalling_host(invite: &Request, flow: Flow) -> Option<IpAddr> {
    let mut vias = invite.headers.all(&HeaderName::Via);
    let is_single = vias.next().is_some_and(|via| !via.contains(&b','));
    if is_single && vias.next().is_none() {
        // We are the first hop.
        return Some(flow.remote.ip());
    }
    let first = invite.headers.bottom_via().ok()?;
    first.received().or_else(|| first.host.ip())
}

/// The o= line's session id, and the seed of the session: any number that does not repeat (RFC 8866 §5.2).
fn session_number(id: &SessionId) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::message::Message;

    const SENDER: &str = "192.0.2.20:5060";

    fn first_host(vias: &str) -> Option<String> {
        let text = format!(
            "INVITE sip:a@192.0.2.1 SIP/2.0\r\n{vias}From: <sip:b@192.0.2.20>;tag=1\r\n\
             To: <sip:a@192.0.2.1>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\n\
             Content-Length: 0\r\n\r\n"
        );
        let Ok(Message::Request(invite)) = Message::parse_datagram(text.into()) else {
            panic!("no request");
        };
        let flow = Flow {
            transport: Transport::Udp,
            local: "192.0.2.1:5060".parse().unwrap(),
            remote: SENDER.parse().unwrap(),
            connection: None,
        };
        signalling_host(&invite, flow).map(|host| host.to_string())
    }

    #[test]
    fn a_call_comes_from_its_sender_or_from_where_the_first_proxy_saw_it() {
        let own = "SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1";
        let proxy = "SIP/2.0/UDP 192.0.2.20;branch=z9hG4bK2";
        let seen = format!("{own};received=198.51.100.1");
        for (vias, host) in [
            (format!("Via: {seen}\r\n"), "192.0.2.20"),
            (format!("Via: {proxy}\r\nVia: {own}\r\n"), "10.0.0.1"),
            (format!("Via: {proxy}\r\nVia: {seen}\r\n"), "198.51.100.1"),
            (format!("Via: {proxy}, {seen}\r\n"), "198.51.100.1"),
        ] {
            assert_eq!(first_host(&vias).as_deref(), Some(host), "{vias}");
        }
    }
}
