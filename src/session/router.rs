//! Brings each SIP event to its session, and decides about new calls.
//!
//! The router is owned by the signalling task. It knows sessions by their local tag, maps
//! transactions to the sessions that use them, refuses what is over the limits, and selects the
//! application of a new call. It runs no session and opens nothing: a new call comes out as
//! [`Routed::NewCall`].

mod dialling;
mod groups;
mod incoming;
mod mail;
mod outside;
mod pace;
mod rate;
mod requests;
mod responses;
mod rooms;
mod selection;
mod takeover;
mod transactions;
mod uses;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use smallvec::SmallVec;

use self::groups::Groups;
use self::outside::Outside;
pub(in crate::session) use self::pace::Pace;
pub use self::rate::RATE_WINDOW;
use self::rate::Rate;
pub use self::requests::{RequestSelectors, methods};
use self::rooms::Rooms;
use self::uses::Uses;
use super::catalog::{Application, Catalog};
use super::event::{Params, SessionEvent, SessionId};
use super::guard::{Denial, Guard};
use super::request::NewRequest;
use super::room::Seat;
use crate::config::ApplicationSelector;
use crate::ids::Ids;
use crate::sip::dialog::farewell::Farewell;
use crate::sip::dialog::invite_usage::RequestToken;
use crate::sip::dialog::replaces;
use crate::sip::endpoint::{Event, RETRY_AFTER_S, TransactionId};
use crate::sip::message::{HeaderName, Method, Request, Response, StatusCode};
use crate::sip::registration::Identities;
use crate::sip::transport::{ConnectionId, Flow};
use crate::stats::Stats;
use crate::throttle::Throttle;

/// A session's mailbox, as the router sees it.
pub trait Mailbox {
    /// Puts `event` in if there is room for it. A part of the room is kept for events that
    /// matter [most](SessionEvent::urgency).
    ///
    /// # Errors
    /// [`Undelivered`] gives it back.
    fn post(&self, event: SessionEvent) -> Result<(), Undelivered>;
}

/// Why an event is not in a mailbox.
#[derive(Debug)]
pub enum Undelivered {
    /// There was no room.
    Full(SessionEvent),
    /// The session has ended.
    Gone(SessionEvent),
}

/// What to refuse beyond. Zero means no limit.
#[derive(Debug, Clone, Copy, Default)]
pub struct Limits {
    /// Sessions at a time.
    pub sessions: usize,
    /// New calls per second, averaged over [`RATE_WINDOW`].
    pub calls_per_second: u32,
    /// With so many sessions OPTIONS is refused too, so that a balancer looks elsewhere.
    pub options_sessions: usize,
}

/// What the signalling task has to do for an event.
#[derive(Debug)]
pub enum Routed {
    /// Answer it so.
    Respond(TransactionId, Response),
    /// A 2xx to an INVITE of ours whose session is gone: send its ACK for this client transaction, and
    /// the BYE, in the name of that session.
    Farewell(SessionId, TransactionId, Box<Farewell>),
    /// Answer it so, with a To tag, and forget it: nothing has changed here.
    Refuse(TransactionId, Response),
    /// Start a session for it, then [`Router::insert`] its mailbox.
    NewCall(Box<NewCall>),
    /// Start a session for it, then [`Router::insert_request`] its mailbox.
    NewRequest(Box<NewRequest>),
}

/// An INVITE that begins a call.
#[derive(Debug)]
pub struct NewCall {
    /// Its session's name, at once the local tag.
    pub id: SessionId,
    /// The INVITE's server transaction.
    pub transaction: TransactionId,
    /// The INVITE.
    pub invite: Arc<Request>,
    /// How it came.
    pub flow: Flow,
    /// Name of the selected application.
    pub name: String,
    /// The application.
    pub application: Application,
    /// Variables of a diagram.
    pub variables: Params,
}

struct Entry<M> {
    call_id: Box<[u8]>,
    mailbox: M,
    /// How the peer's last good request came, for our own requests.
    flow: Option<Flow>,
    /// A request that came by another connection, and how. Its dialog has not judged it yet.
    moving: Option<Box<(TransactionId, Flow)>>,
    /// An INVITE that is to take the place of the call.
    takeover: Option<Box<takeover::Pending>>,
    /// Dialogs whose place was taken, the latest last.
    former: Vec<takeover::Former>,
    /// INVITEs of the peer that may be cancelled or lack an ACK.
    servers: SmallVec<[TransactionId; 2]>,
    clients: SmallVec<[(RequestToken, TransactionId); 1]>,
    /// Further names events reach it by.
    queues: Vec<Box<str>>,
    groups: Vec<Box<str>>,
    /// What it is in which conference room for.
    seats: SmallVec<[(Seat, Box<str>); 1]>,
    pace: Pace,
    purpose: Purpose,
}

/// What a session is for, which says what limit it counts towards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Call,
    /// A request outside calls.
    Request,
    /// A diagram without a call, which counts towards none.
    System,
}

impl<M> Entry<M> {
    /// A call that nothing leads to yet.
    fn new(call_id: &[u8], mailbox: M) -> Self {
        Self {
            call_id: call_id.into(),
            mailbox,
            flow: None,
            moving: None,
            takeover: None,
            former: Vec::new(),
            servers: SmallVec::new(),
            clients: SmallVec::new(),
            queues: Vec::new(),
            groups: Vec::new(),
            seats: SmallVec::new(),
            pace: Pace::default(),
            purpose: Purpose::Call,
        }
    }
}

/// A table whose keys are made here: names of sessions, which are drawn at random or chosen by the operator's
/// diagrams, and numbers of transactions. The network can only ask for them, so a fast hash does. Where it
/// chooses the keys, as in a table of addresses, the keyed hash of [`HashMap`] is in place.
type OwnKeys<K, V> = foldhash::HashMap<K, V>;

/// See the module's documentation.
pub struct Router<M> {
    sessions: OwnKeys<SessionId, Entry<M>>,
    servers: OwnKeys<TransactionId, SessionId>,
    clients: OwnKeys<TransactionId, (SessionId, RequestToken)>,
    queues: HashMap<Box<str>, SessionId>,
    groups: Groups,
    rooms: Rooms,
    uses: Uses,
    /// Sessions that are calls.
    calls: usize,
    /// Sessions that are requests outside calls.
    request_sessions: usize,
    /// Calls that came in lately, calls that were placed, and requests outside calls.
    starts: Rate,
    dialled: Rate,
    request_starts: Rate,
    /// Who takes requests outside calls.
    requests: RequestSelectors,
    limits: Limits,
    supported: Bytes,
    selector: ApplicationSelector,
    catalog: Arc<Catalog>,
    ids: Ids,
    stats: Arc<Stats>,
    /// `None`: nobody has to say who they are.
    guard: Option<Guard>,
    /// Of lines about calls without an application.
    unknown: Throttle,
    draining: bool,
    /// Of accounts that are registered elsewhere.
    identities: Identities,
    outside: Outside,
}

/// What a [`Router`] needs to know.
pub struct RouterConfig {
    /// What to refuse beyond.
    pub limits: Limits,
    /// Option tags that calls may use, as Supported has them.
    pub supported: String,
    /// How a call's application is chosen.
    pub selector: ApplicationSelector,
    /// The applications there are.
    pub catalog: Arc<Catalog>,
    /// Source of local tags.
    pub ids: Ids,
    /// How long whoever does not answer is waited for: 64×T1.
    pub give_up: Duration,
    /// Where refusals are counted.
    pub stats: Arc<Stats>,
}

impl<M: Mailbox> Router<M> {
    /// A router without sessions.
    pub fn new(config: RouterConfig) -> Self {
        Self {
            sessions: OwnKeys::default(),
            servers: OwnKeys::default(),
            clients: OwnKeys::default(),
            queues: HashMap::new(),
            groups: Groups::new(),
            rooms: Rooms::new(),
            uses: Uses::default(),
            calls: 0,
            starts: Rate::default(),
            dialled: Rate::default(),
            request_sessions: 0,
            request_starts: Rate::default(),
            requests: RequestSelectors::new(),
            limits: config.limits,
            supported: config.supported.into(),
            selector: config.selector,
            catalog: config.catalog,
            ids: config.ids,
            stats: config.stats,
            guard: None,
            unknown: Throttle::default(),
            draining: false,
            identities: Identities::default(),
            outside: Outside::new(config.give_up),
        }
    }

    /// Has requests outside dialogs pass `guard` first.
    pub fn guarded(self, guard: Guard) -> Self {
        let guard = Some(guard);
        Self { guard, ..self }
    }

    /// Has requests outside dialogs guarded like this from now on, or no more.
    pub fn set_guard(&mut self, next: Option<Guard>) {
        match (&mut self.guard, next) {
            (Some(guard), Some(next)) => guard.adopt(next),
            (guard, next) => *guard = next,
        }
    }

    /// Takes an event of the endpoint.
    pub fn handle_event(&mut self, now: Instant, event: Event) -> Option<Routed> {
        match event {
            Event::Request {
                transaction,
                request,
                flow,
            } => self.on_request(now, transaction, request, flow),
            Event::Ack {
                transaction,
                request,
                ..
            } => {
                self.forget_server(transaction);
                if let Some(id) = self.session_of(&request).flatten() {
                    self.deliver(&id, SessionEvent::Ack(Box::new(request)));
                }
                None
            }
            Event::Cancelled { transaction } => {
                self.on_server(transaction, SessionEvent::Cancel(transaction));
                None
            }
            Event::AckTimeout { transaction } => {
                self.on_server(transaction, SessionEvent::AckTimeout(transaction));
                self.forget_server(transaction);
                None
            }
            Event::PrackTimeout { transaction } => {
                self.on_server(transaction, SessionEvent::PrackTimeout);
                None
            }
            Event::Response {
                transaction,
                response,
            } => self.on_response(transaction, response),
            Event::Timeout { transaction } => {
                self.on_no_response(transaction, StatusCode::REQUEST_TIMEOUT);
                None
            }
            Event::SendFailed { transaction } => {
                self.on_no_response(transaction, StatusCode::SERVICE_UNAVAILABLE);
                None
            }
        }
    }

    /// Adds a session that was started for an INVITE, with its transaction and how it came, or one that
    /// dials out (`None`).
    pub fn insert(
        &mut self,
        id: SessionId,
        call_id: &[u8],
        invite: Option<(TransactionId, Flow)>,
        mailbox: M,
    ) {
        let mut entry = Entry::new(call_id, mailbox);
        entry.flow = invite.map(|(_, flow)| flow);
        self.uses.add(entry.flow);
        if let Some((transaction, _)) = invite {
            entry.servers.push(transaction);
            self.servers.insert(transaction, id.clone());
        }
        self.sessions.insert(id, entry);
        self.calls += 1;
        self.stats.sessions_active.increment();
    }

    /// A name for the session of a diagram without a call.
    pub fn system_id(&mut self) -> SessionId {
        SessionId(format!("SystemDSM_{}", self.ids.tag()).into())
    }

    /// Adds the session of a diagram without a call.
    pub fn insert_system(&mut self, id: SessionId, mailbox: M) {
        if self.draining {
            // It came too late to be told with the others.
            let _ = mailbox.post(SessionEvent::Shutdown);
        }
        let entry = Entry {
            purpose: Purpose::System,
            ..Entry::new(b"", mailbox)
        };
        self.sessions.insert(id, entry);
    }

    /// Our address that the session's peer called.
    pub fn local(&self, id: &SessionId) -> Option<SocketAddr> {
        Some(self.sessions.get(id)?.flow?.local)
    }

    /// How the peer that a session sends this request to was last heard, or called.
    pub fn flow(&self, id: &SessionId, request: &Request) -> Option<Flow> {
        self.sessions.get(id)?.flow_for(request)
    }

    /// Notes by which flow a session sends this request.
    pub fn set_flow(&mut self, id: &SessionId, request: &Request, flow: Flow) {
        if let Some(entry) = self.sessions.get_mut(id) {
            self.uses.add(Some(flow));
            self.uses.drop(entry.set_flow_for(request, flow));
        }
    }

    /// Whether a call goes by this connection.
    pub fn uses(&self, connection: ConnectionId) -> bool {
        self.uses.contains(connection)
    }

    /// Forgets a session and everything that led to it.
    pub fn remove(&mut self, id: &SessionId) {
        let Some(entry) = self.sessions.remove(id) else {
            return;
        };
        for flow in entry.flows() {
            self.uses.drop(flow);
        }
        for (_, room) in entry.seats {
            self.stand_up(id, &room);
        }
        self.leave_groups(id, &entry.groups);
        for transaction in &entry.servers {
            self.servers.remove(transaction);
        }
        for (_, transaction) in &entry.clients {
            self.clients.remove(transaction);
        }
        for name in &entry.queues {
            self.queues.remove(name);
        }
        match entry.purpose {
            Purpose::Call => {
                self.calls -= 1;
                self.stats.sessions_active.decrement();
            }
            Purpose::Request => self.request_sessions -= 1,
            Purpose::System => {}
        }
    }

    /// Puts an event into one session's mailbox. False: there is no such session, or it is full.
    pub fn deliver(&self, id: &SessionId, event: SessionEvent) -> bool {
        let Some(entry) = self.sessions.get(id) else {
            return false;
        };
        match entry.mailbox.post(event) {
            Ok(()) => true,
            Err(Undelivered::Gone(_)) => false,
            Err(Undelivered::Full(event)) => {
                self.stats.sip_dropped.overload.increment();
                tracing::debug!(session = %id, ?event, "mailbox full: this event is lost");
                false
            }
        }
    }

    /// Chooses the applications of new calls by these from now on.
    pub fn reload(&mut self, selector: ApplicationSelector, catalog: Arc<Catalog>) {
        self.selector = selector;
        self.catalog = catalog;
    }

    /// Begins refusing new calls and tells every session that the server shuts down.
    pub fn drain(&mut self) {
        self.draining = true;
        for id in self.sessions.keys() {
            self.deliver(id, SessionEvent::Shutdown);
        }
    }

    /// Tells every session of a signal of the operator.
    pub fn signal(&self, number: u8) {
        for id in self.sessions.keys() {
            self.deliver(id, SessionEvent::User(number));
        }
    }

    /// Tells every session that is left to end now.
    pub fn terminate_all(&self) {
        for id in self.sessions.keys() {
            self.deliver(id, SessionEvent::Terminate);
        }
    }

    /// Sessions at the moment.
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Whether there is no session.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// Entries in all tables, to prove that nothing is left behind.
    pub fn table_entries(&self) -> usize {
        self.sessions.len()
            + self.servers.len()
            + self.clients.len()
            + self.queues.len()
            + self.groups.len()
            + self.rooms.len()
            + self.outside_entries()
            + self.uses.len()
    }

    fn on_request(
        &mut self,
        now: Instant,
        transaction: TransactionId,
        request: Request,
        flow: Flow,
    ) -> Option<Routed> {
        let replaces = match replaces::requested(&request) {
            Ok(replaces) => replaces,
            Err(status) => return Some(self.refuse(transaction, &request, status, None)),
        };
        if let Some(session) = self.session_of(&request) {
            if request.method == Method::Notify
                && let Some(answered) = self.on_notify(now, transaction, &request)
            {
                return Some(answered);
            }
            return self.on_request_in_dialog(now, transaction, request, flow, session);
        }
        if request.method != Method::Invite
            && let Some(refusal) = self.ask(now, transaction, &request, flow, Guard::guards_all)
        {
            return Some(refusal);
        }
        match request.method {
            Method::Invite => self.on_invite(now, transaction, request, flow, replaces),
            _ => self.on_request_outside(now, transaction, request, flow),
        }
    }

    fn on_request_in_dialog(
        &mut self,
        now: Instant,
        transaction: TransactionId,
        request: Request,
        flow: Flow,
        session: Option<SessionId>,
    ) -> Option<Routed> {
        let entry = session.and_then(|id| self.sessions.get_mut(&id).map(|entry| (id, entry)));
        let Some((id, entry)) = entry else {
            return Some(self.refuse(
                transaction,
                &request,
                StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST,
                None,
            ));
        };
        if request.method != Method::Bye && !entry.pace.take(now) {
            self.stats.sip_dropped.call_rate.increment();
            let (status, reason) = (StatusCode::SERVICE_UNAVAILABLE, "Too many requests in call");
            return Some(self.refuse(transaction, &request, status, Some(reason)));
        }
        let is_invite = request.method == Method::Invite;
        match entry
            .mailbox
            .post(SessionEvent::Request(transaction, Box::new(request)))
        {
            Ok(()) => {
                self.note_request(id, transaction, is_invite, flow);
                None
            }
            Err(Undelivered::Full(SessionEvent::Request(_, request))) => {
                self.stats.sip_dropped.overload.increment();
                let status = StatusCode::SERVICE_UNAVAILABLE;
                Some(self.refuse(transaction, &request, status, Some("Busy")))
            }
            Err(Undelivered::Gone(SessionEvent::Request(_, request))) => {
                let status = StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST;
                Some(self.refuse(transaction, &request, status, None))
            }
            Err(_) => None,
        }
    }

    /// Has the guard decide about a request if it guards it.
    fn ask(
        &mut self,
        now: Instant,
        transaction: TransactionId,
        request: &Request,
        flow: Flow,
        guards_it: impl Fn(&Guard) -> bool,
    ) -> Option<Routed> {
        let guard = self.guard.as_mut().filter(|guard| guards_it(guard))?;
        let (source, stats) = (flow.remote.ip(), &self.stats.authentication);
        Some(match guard.admit(now, source, request, stats)? {
            Denial::Counted(mut response) => {
                response.add_to_tag(&self.ids.tag());
                Routed::Respond(transaction, response)
            }
            Denial::Uncounted(response) => Routed::Refuse(transaction, response),
        })
    }

    fn refuse(
        &self,
        transaction: TransactionId,
        request: &Request,
        status: StatusCode,
        reason: Option<&str>,
    ) -> Routed {
        let mut response = Response::answering(request, status, None);
        if let Some(reason) = reason {
            response.reason = reason.to_owned();
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers.push(HeaderName::RetryAfter, RETRY_AFTER_S);
        }
        Routed::Refuse(transaction, response)
    }

    /// The session a request inside a dialog belongs to, if there is one: its To tag is ours. `None`: the
    /// request is in no dialog.
    fn session_of(&self, request: &Request) -> Option<Option<SessionId>> {
        let tag = request.headers.to_tag().ok()??;
        let call_id = request.headers.call_id().unwrap_or_default().as_bytes();
        let session = self.sessions.get_key_value(&*tag);
        let session = session.filter(|(_, entry)| entry.is_called(call_id));
        Some(session.map(|(id, _)| id.clone()))
    }
}

#[cfg(test)]
mod tests;
