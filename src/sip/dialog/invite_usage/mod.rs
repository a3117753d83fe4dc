//! The INVITE usage of a dialog: one call from its first INVITE to its last BYE, in either role.
//!
//! [`InviteUsage`] owns the dialogs that the INVITE made, knows what may be sent when (no BYE before the
//! ACK, no CANCEL after the answer, no second offer beside an open one) and builds every request and
//! response of the call. It knows nothing of audio: bodies pass through as bytes and the session
//! negotiates them. Driven by `session`; retransmissions and transaction timers belong to
//! [`Endpoint`](crate::sip::endpoint::Endpoint).
//!
//! After each `handle_*` or action, drain [`poll_command`](InviteUsage::poll_command) and
//! [`poll_event`](InviteUsage::poll_event) to `None`.
//!
//! | file | concern |
//! |---|---|
//! | `uas.rs` | answers to the INVITE of a caller, its ACK and CANCEL |
//! | `uac.rs`, `fork.rs` | our INVITE, its responses and the dialogs they make |
//! | `reliable.rs` | reliable provisional responses of a UAS; those of a peer are in `uac.rs` |
//! | `offer.rs` | who owes the session description |
//! | `requests.rs` | requests of the peer inside the dialog |
//! | `outgoing.rs`, `changes.rs` | our requests inside the dialog, re-INVITE and UPDATE |
//! | `refresh.rs` | the session timer |
//! | `replacing.rs` | whether another INVITE may take the call's place |
//! | `ending.rs`, `failure.rs` | hanging up, and what failures end |
//!
//! RFC 3261 §9, §12 to §15; RFC 3262; RFC 3264 §4; RFC 3311; RFC 5057; RFC 6337.

mod changes;
mod ending;
mod failure;
mod fork;
mod offer;
mod outgoing;
mod refresh;
mod reliable;
mod replacing;
mod requests;
mod types;
mod uac;
mod uas;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::SmallRng;
use smallvec::SmallVec;

pub use self::changes::{Change, MAX_CHANGES};
pub use self::fork::MAX_FORKS;
pub use self::outgoing::{Content, MAX_REQUESTS, MAX_WAITING};
pub use self::reliable::can_reliable;
pub use self::types::{Command, Due, Event, ForkId, Line, OfferId, RequestToken};

use self::changes::Changes;
use self::fork::Forks;
use self::offer::Exchange;
use self::outgoing::{Sent, Waiting};
use self::refresh::Refresh;
use self::reliable::Reliable;
use super::Dialog;
use super::capabilities::{ALLOW, ReliablePolicy};
use crate::sip::auth::DigestClient;
use crate::sip::endpoint::TransactionId;
use crate::sip::message::{HeaderName, Headers, Request, Response, StatusCode, Uri, body};

/// Where the call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The INVITE has no final response.
    Inviting,
    /// UAC: CANCEL is out, or waits for the first provisional response.
    Cancelling,
    /// UAS: 2xx sent, its ACK is missing.
    Accepted,
    /// Established.
    Confirmed,
    /// Our BYE is out.
    Terminating,
    /// Over.
    Terminated,
}

#[derive(Debug)]
enum Role {
    Uas {
        transaction: TransactionId,
        invite: Arc<Request>,
    },
    Uac {
        token: RequestToken,
        invite: Box<Request>,
        next_hop: Uri,
        /// How often a challenge has been answered.
        answers: u8,
    },
}

/// A request of the peer that waits for our answer: a re-INVITE, or an offer in UPDATE or PRACK.
#[derive(Debug)]
struct Pending {
    transaction: TransactionId,
    request: Box<Request>,
    fork: ForkId,
}

/// What a usage is given at its beginning.
#[derive(Debug, Clone, Copy)]
pub struct UsageSetup {
    /// Whether provisional responses are reliable.
    pub reliable: ReliablePolicy,
    /// Source of random waits and first numbers; different for each call.
    pub seed: u64,
    /// How long a response may be waited for: 64*T1.
    pub give_up: Duration,
}

/// One call's SIP side. See the module's documentation.
#[derive(Debug)]
pub struct InviteUsage {
    role: Role,
    forks: Forks,
    state: State,
    /// The time of the turn that the session is in.
    turn: Option<Instant>,
    /// See [`UsageSetup::give_up`].
    give_up: Duration,
    /// When CANCEL or BYE is out: when the call is over, whatever the peer does.
    end_by: Option<Instant>,
    /// UAC: nobody answered in time, so the INVITE is being cancelled.
    timed_out: bool,
    /// UAS: the dialog is known to the peer by a provisional response.
    is_announced: bool,
    reliable: Reliable,
    /// Supported of what we send.
    supported: &'static str,
    /// UAS: the 2xx that waits for a PRACK.
    held: Option<Box<Response>>,
    /// The peer's re-INVITE whose 2xx lacks its ACK, and its CSeq number.
    unacknowledged: Option<(TransactionId, u32)>,
    /// A local hang-up that waits for the ACK (RFC 3261 §15).
    bye_wanted: bool,
    /// Header lines of that BYE.
    bye_lines: Vec<Line>,
    pending: Option<Pending>,
    /// UAC: the 2xx to this INVITE of ours waits for the answer that its ACK has to bring.
    ack_due: Option<RequestToken>,
    first_token: u32,
    next_token: u32,
    /// Our requests without final response.
    sent: SmallVec<[Sent; 1]>,
    /// Requests of the session that wait for their turn.
    waiting: VecDeque<Waiting>,
    changes: Changes,
    /// Answers challenges (RFC 3261 §22).
    digest: Option<Box<DigestClient>>,
    /// Session timer; none before it is set.
    refresh: Option<Box<Refresh>>,
    random: SmallRng,
    commands: VecDeque<Command>,
    events: VecDeque<Event>,
}

/// How often one request is sent again with an answer to a challenge: two proxies and the UAS may each
/// ask, and each may find a nonce stale once.
const MAX_ANSWERS: u8 = 6;

/// How much longer than a transaction its end is waited for: to the transaction belongs the first word.
const END_MARGIN: Duration = Duration::from_secs(5);

/// The type of session descriptions.
pub const SDP: &str = "application/sdp";

impl InviteUsage {
    /// Begins the UAS side from an INVITE. `dialog` was made from it with our tag.
    pub fn uas(
        transaction: TransactionId,
        invite: impl Into<Arc<Request>>,
        dialog: Dialog,
        setup: UsageSetup,
    ) -> Self {
        let invite = invite.into();
        let mut random = SmallRng::seed_from_u64(setup.seed);
        let reliable = Reliable::new(&invite.headers, setup.reliable, &mut random);
        let mut exchange = Exchange::New;
        if has_offer(&invite) {
            exchange = Exchange::Received { first: true };
        }
        let role = Role::Uas {
            transaction,
            invite,
        };
        let supported = setup.reliable.supported_line();
        Self::new(
            role,
            Forks::of(dialog, exchange),
            reliable,
            (supported, setup.give_up),
            random,
        )
    }

    /// Begins the UAC side: sends `invite` to `next_hop`, with an offer or without.
    pub fn uac(invite: Request, next_hop: Uri, setup: UsageSetup) -> Self {
        let token = RequestToken(0);
        let request = Box::new(invite.clone());
        let role = Role::Uac {
            token,
            invite: Box::new(invite),
            next_hop: next_hop.clone(),
            answers: 0,
        };
        let random = SmallRng::seed_from_u64(setup.seed);
        let (forks, reliable) = (Forks::default(), Reliable::unused());
        let supported = setup.reliable.supported_line();
        let mut usage = Self::new(role, forks, reliable, (supported, setup.give_up), random);
        usage.next_token = 1;
        usage.commands.push_back(Command::Request {
            token,
            request,
            next_hop: Box::new(next_hop),
        });
        usage
    }

    fn new(
        role: Role,
        forks: Forks,
        reliable: Reliable,
        (supported, give_up): (&'static str, Duration),
        random: SmallRng,
    ) -> Self {
        Self {
            role,
            forks,
            state: State::Inviting,
            turn: None,
            give_up,
            end_by: None,
            timed_out: false,
            is_announced: false,
            reliable,
            supported,
            held: None,
            unacknowledged: None,
            bye_wanted: false,
            bye_lines: Vec::new(),
            pending: None,
            ack_due: None,
            first_token: 0,
            next_token: 0,
            sent: SmallVec::new(),
            waiting: VecDeque::new(),
            changes: Changes::default(),
            digest: None,
            refresh: None,
            random,
            commands: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// Answers challenges with this from now on. Give it before the first command is taken, for a
    /// request is kept for a second try only if there is one.
    pub fn set_digest(&mut self, digest: DigestClient) {
        self.digest = Some(Box::new(digest));
    }

    /// Next thing to send.
    pub fn poll_command(&mut self) -> Option<Command> {
        self.commands.pop_front()
    }

    /// Frees the room of commands that have been taken.
    pub fn rest(&mut self) {
        self.commands.shrink_to_fit();
    }

    /// Next thing to know.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Learns the time at the beginning of each turn, before anything else happens in it.
    pub fn begin_turn(&mut self, now: Instant) {
        self.turn = Some(now);
    }

    /// When [`handle_timeout`](Self::handle_timeout) is wanted: a refused re-INVITE is to be tried again,
    /// the session to be refreshed, or its end to be waited for no longer.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let retry_at = match self.state {
            State::Confirmed | State::Inviting => self.changes.retry_at(),
            _ => None,
        };
        let end_by = self.end_by.filter(|_| self.is_ending());
        let all = [retry_at, self.refresh_at(), end_by];
        all.into_iter().flatten().min()
    }

    /// Takes the time.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.changes.handle_timeout(now);
        self.send_next_change();
        self.mind_refresh(now);
        self.mind_end(now);
    }

    /// The INVITE that began the call.
    pub fn invite(&self) -> &Request {
        match &self.role {
            Role::Uas { invite, .. } => invite,
            Role::Uac { invite, .. } => invite,
        }
    }

    /// The dialog, once there is one: before the answer the one that was heard of last.
    pub fn dialog(&self) -> Option<&Dialog> {
        self.forks.current().map(|fork| &fork.dialog)
    }

    /// Whether the first INVITE still waits for its final response.
    pub fn is_pending(&self) -> bool {
        self.state == State::Inviting
    }

    /// Whether a 2xx was sent or received and no BYE yet.
    pub fn is_established(&self) -> bool {
        matches!(self.state, State::Accepted | State::Confirmed)
    }

    /// Whether the call is over.
    pub fn is_terminated(&self) -> bool {
        self.state == State::Terminated
    }

    /// Whether each offer in the current dialog has its answer, and there was one.
    pub fn is_negotiated(&self) -> bool {
        let exchange = self.forks.current().map(|fork| fork.exchange);
        exchange == Some(Exchange::Complete)
    }

    /// What the body of the next response to the caller's INVITE is to be.
    pub fn due(&self) -> Due {
        let exchange = self.forks.current().map(|fork| fork.exchange);
        exchange.map_or(Due::Nothing, Exchange::due)
    }

    /// Whether provisional responses to the caller's INVITE are reliable, so that one may carry an
    /// offer.
    pub fn is_reliable(&self) -> bool {
        self.reliable.is_used()
    }

    /// Answers an [offer](Event::Offer) of the peer. For a re-INVITE without one, `body` is ours.
    pub fn answer(&mut self, id: OfferId, body: bytes::Bytes, headers: &[Line]) {
        match id {
            OfferId::Request(transaction) => self.answer_request(transaction, body, headers),
            OfferId::Success(token) => self.answer_in_ack(token, body),
            OfferId::Reliable(fork) => self.answer_in_prack(fork, body),
        }
    }

    /// Refuses an [offer](Event::Offer) of the peer: its request with `status`, and the call goes on as
    /// it was. In a response it cannot be refused, so the call ends (RFC 3261 §13.2.2.4).
    pub fn decline(&mut self, id: OfferId, status: StatusCode, headers: &[Line]) {
        match id {
            OfferId::Request(transaction) => self.decline_request(transaction, status, headers),
            OfferId::Success(token) => {
                self.answer_in_ack(token, bytes::Bytes::new());
                self.hang_up();
            }
            OfferId::Reliable(fork) => {
                self.answer_in_prack(fork, bytes::Bytes::new());
                self.hang_up();
            }
        }
    }

    fn new_token(&mut self) -> RequestToken {
        let token = RequestToken(self.next_token);
        self.next_token = self.next_token.wrapping_add(1);
        token
    }

    /// A response with what RFC 3261 §8.2.6 and §12.1.1 ask for, without a body.
    fn plain(&self, request: &Request, status: StatusCode) -> Response {
        match self.forks.current() {
            Some(fork) => fork.dialog.response(request, status),
            None => Response::answering(request, status, None),
        }
    }

    /// Adds what we understand (RFC 3261 §13.2.1, §13.3.1.4).
    fn put_capabilities(&self, headers: &mut Headers) {
        headers.set(HeaderName::Allow, ALLOW);
        headers.set(HeaderName::Supported, self.supported);
    }

    fn respond(&mut self, transaction: TransactionId, mut response: Response) {
        self.write_interval(&mut response);
        self.commands.push_back(Command::Respond {
            transaction,
            response: Box::new(response),
        });
    }

    /// Answers with `status` and nothing else.
    fn refuse(&mut self, transaction: TransactionId, request: &Request, status: StatusCode) {
        let mut response = self.plain(request, status);
        if status == StatusCode::SERVER_INTERNAL_ERROR {
            self.put_retry_after(&mut response.headers);
        }
        self.respond(transaction, response);
    }
}

/// Whether a request brings an offer, or something in its place that is not understood and may not be left
/// aside.
fn has_offer(request: &Request) -> bool {
    let offer = body::part(&request.headers, &request.body, SDP);
    !offer.is_ok_and(|offer| offer.is_empty())
}

/// The session description in a message; empty if there is none that can be read.
fn description(headers: &Headers, body: &bytes::Bytes) -> bytes::Bytes {
    body::part(headers, body, SDP).unwrap_or_default()
}

fn add_description(headers: &mut Headers, to: &mut bytes::Bytes, body: bytes::Bytes) {
    if !body.is_empty() {
        headers.push(HeaderName::ContentType, SDP);
        *to = body;
    }
}

fn add_lines(headers: &mut Headers, lines: &[Line]) {
    for (name, value) in lines {
        headers.push(name.clone(), value.clone());
    }
}

fn set_reason(response: &mut Response, reason: Option<&str>) {
    if let Some(reason) = reason {
        response.reason = reason.to_owned();
    }
}

#[cfg(test)]
mod tests;
