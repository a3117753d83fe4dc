//! Re-INVITE and UPDATE of ours: one at a time, and each when the other side can take it.
//!
//! A change waits while a re-INVITE of either side or an offer is open (RFC 3261 §14.1, RFC 3311 §5.1),
//! and is tried again when it crossed one of the peer (491). The session makes the offer when the
//! request goes out, not before: what was agreed may have changed while it waited.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rand::RngExt;

use super::offer::Exchange;
use super::outgoing::Purpose;
use super::{
    Event, ForkId, InviteUsage, Line, OfferId, RequestToken, Role, State, add_description,
    add_lines, description,
};
use crate::sip::dialog::capabilities::ALLOW;
use crate::sip::message::{HeaderName, Method, Response, StatusCode};

/// Changes of the session that may wait. Each makes the one before it stale, so few are of use.
pub const MAX_CHANGES: usize = 8;

/// How often one change is tried again after a 491.
const MAX_TRIES: u8 = 8;

/// A re-INVITE or UPDATE that is to be sent, or has been.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// [`Method::Invite`] or [`Method::Update`].
    pub method: Method,
    /// Whether it has an offer. A re-INVITE without one asks the peer for its own; an UPDATE without one
    /// only refreshes.
    pub has_offer: bool,
    /// Further header lines.
    pub headers: Vec<Line>,
}

impl Change {
    pub(super) fn is_invite(&self) -> bool {
        self.method == Method::Invite
    }
}

#[derive(Debug)]
struct Waiting {
    token: RequestToken,
    change: Change,
    tries: u8,
}

/// The changes of one call.
#[derive(Debug, Default)]
pub(super) struct Changes {
    waiting: VecDeque<Waiting>,
    /// The first one waits until then.
    retry_at: Option<Instant>,
    /// The session makes the offer of the first one.
    is_asked: bool,
    /// How often the one that is out has been tried.
    tries: u8,
    out: Option<Out>,
}

/// The one that has no final response.
#[derive(Debug, Clone, Copy)]
struct Out {
    token: RequestToken,
    is_invite: bool,
    has_offer: bool,
}

impl Changes {
    pub(super) fn retry_at(&self) -> Option<Instant> {
        self.retry_at
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.retry_at = self.retry_at.filter(|at| *at > now);
    }

    /// The request whose offer of ours is open.
    pub(super) fn offering(&self) -> Option<RequestToken> {
        self.out.filter(|out| out.has_offer).map(|out| out.token)
    }
}

impl InviteUsage {
    /// Sends a re-INVITE or UPDATE as soon as that may be, now or later. [`Event::OfferWanted`] asks for
    /// its offer, [`Event::Done`] tells what became of it.
    ///
    /// `None`, and nothing is sent: the call is not up (an UPDATE may go before the answer), or
    /// [`MAX_CHANGES`] wait.
    pub fn change(&mut self, change: Change) -> Option<RequestToken> {
        let is_up = match self.state {
            State::Accepted | State::Confirmed => true,
            State::Inviting => !change.is_invite() && self.may_request_early(),
            _ => false,
        };
        if !is_up || self.bye_wanted || self.changes.waiting.len() >= MAX_CHANGES {
            return None;
        }
        let token = self.new_token();
        self.changes.waiting.push_back(Waiting {
            token,
            change,
            tries: 0,
        });
        self.send_next_change();
        Some(token)
    }

    /// Gives the offer that [`Event::OfferWanted`] asked for.
    pub fn offer(&mut self, token: RequestToken, body: Bytes) {
        let first = self.changes.waiting.front();
        if !self.changes.is_asked || first.is_none_or(|first| first.token != token) {
            return;
        }
        self.changes.is_asked = false;
        // Asked for and given within one turn of the session, so nothing has come between.
        if let Some(first) = self.changes.waiting.pop_front() {
            self.send_change(first, body);
        }
    }

    /// Gives up the change that [`Event::OfferWanted`] asked an offer for: there is none to be made.
    pub fn withdraw(&mut self, token: RequestToken) {
        let first = self.changes.waiting.front();
        if !self.changes.is_asked || first.is_none_or(|first| first.token != token) {
            return;
        }
        self.changes.is_asked = false;
        if let Some(first) = self.changes.waiting.pop_front() {
            self.events.push_back(Event::Done {
                token,
                method: first.change.method,
                outcome: Err(StatusCode::NOT_ACCEPTABLE_HERE),
            });
        }
        self.send_next_change();
    }

    /// Whether a re-INVITE of ours has no final response, or its 2xx no ACK.
    pub(super) fn is_inviting_again(&self) -> bool {
        self.changes.out.is_some_and(|out| out.is_invite) || self.ack_due.is_some()
    }

    pub(super) fn send_next_change(&mut self) {
        let Changes {
            waiting,
            retry_at,
            is_asked,
            out,
            ..
        } = &self.changes;
        let Some(first) = waiting.front() else { return };
        if out.is_some() || *is_asked || retry_at.is_some() || !self.may_change(&first.change) {
            return;
        }
        let (token, has_offer) = (first.token, first.change.has_offer);
        if has_offer {
            let Some(fork) = self.forks.current().map(|fork| fork.id) else {
                return;
            };
            self.changes.is_asked = true;
            self.events.push_back(Event::OfferWanted { token, fork });
        } else if let Some(first) = self.changes.waiting.pop_front() {
            self.send_change(first, Bytes::new());
        }
    }

    fn may_change(&self, change: &Change) -> bool {
        let Some(fork) = self.forks.current() else {
            return false;
        };
        let is_up = match self.state {
            State::Confirmed => true,
            State::Inviting => !change.is_invite() && self.may_request_early(),
            _ => false,
        };
        let is_invite_open = self.unacknowledged.is_some() || self.ack_due.is_some();
        let needs_exchange = change.has_offer || change.is_invite();
        is_up
            && !self.bye_wanted
            && (!needs_exchange || (fork.exchange == Exchange::Complete && self.pending.is_none()))
            && (!change.is_invite() || !is_invite_open)
    }

    fn send_change(&mut self, waiting: Waiting, body: Bytes) {
        let Waiting {
            token,
            change,
            tries,
        } = waiting;
        let supported = self.supported;
        let Some(fork) = self.forks.current_mut() else {
            return;
        };
        let mut request = fork.dialog.next_request(change.method.clone());
        request.headers.push(HeaderName::Allow, ALLOW);
        request.headers.push(HeaderName::Supported, supported);
        add_lines(&mut request.headers, &change.headers);
        let has_offer = !body.is_empty();
        if has_offer {
            fork.exchange.send();
        }
        add_description(&mut request.headers, &mut request.body, body);
        let id = fork.id;
        self.ask_interval(&mut request);
        self.changes.tries = tries;
        self.changes.out = Some(Out {
            token,
            is_invite: change.is_invite(),
            has_offer,
        });
        self.send_as(token, id, Purpose::Change(change), request);
    }

    pub(super) fn on_change_done(
        &mut self,
        now: Instant,
        change: Change,
        token: RequestToken,
        fork: ForkId,
        outcome: Result<Box<Response>, StatusCode>,
    ) {
        let had_offer = self.changes.offering() == Some(token);
        self.changes.out = None;
        match outcome {
            Ok(response) if response.status.is_success() => {
                self.note_interval(&response);
                self.on_change_success(&change, token, fork, had_offer, response);
            }
            outcome => {
                if had_offer && let Some(fork) = self.forks.get_mut(fork) {
                    let is_open = matches!(fork.exchange, Exchange::Sent { .. });
                    if is_open {
                        fork.exchange.withdraw();
                        let fork = fork.id;
                        self.events.push_back(Event::OfferRefused { fork });
                    }
                }
                self.on_change_failure(now, change, token, outcome);
            }
        }
        self.send_waiting();
        self.send_next_change();
    }

    fn on_change_success(
        &mut self,
        change: &Change,
        token: RequestToken,
        id: ForkId,
        had_offer: bool,
        response: Box<Response>,
    ) {
        let body = description(&response.headers, &response.body);
        let mut offer = Bytes::new();
        if let Some(fork) = self.forks.get_mut(id) {
            match fork.exchange {
                Exchange::Sent { .. } if had_offer => {
                    fork.exchange.complete();
                    let (fork, answer) = (id, body);
                    self.events.push_back(Event::Answer { fork, answer });
                }
                exchange if change.is_invite() && !change.has_offer && exchange.is_idle() => {
                    offer = body;
                    if !offer.is_empty() {
                        // Idle, so it cannot be refused.
                        let _ = fork.exchange.receive();
                    }
                }
                _ => {}
            }
        }
        if change.is_invite() && offer.is_empty() {
            self.send_ack(token, Bytes::new());
        }
        self.events.push_back(Event::Done {
            token,
            method: change.method.clone(),
            outcome: Ok(response),
        });
        if offer.is_empty() {
            return;
        }
        match self.state {
            State::Confirmed => {
                self.ack_due = Some(token);
                let (id, fork) = (OfferId::Success(token), id);
                self.events.push_back(Event::Offer { id, fork, offer });
            }
            // The call is being ended: the ACK is all it needs.
            _ => self.send_ack(token, Bytes::new()),
        }
    }

    fn on_change_failure(
        &mut self,
        now: Instant,
        change: Change,
        token: RequestToken,
        outcome: Result<Box<Response>, StatusCode>,
    ) {
        let tries = self.changes.tries + 1;
        let is_too_short = match &outcome {
            Ok(response) => self.obeys_interval(response),
            Err(_) => {
                self.postpone_refresh();
                false
            }
        };
        let is_glare =
            matches!(&outcome, Ok(response) if response.status == StatusCode::REQUEST_PENDING);
        if is_glare && tries <= MAX_TRIES && self.state == State::Confirmed {
            self.changes.retry_at = Some(now + self.glare_wait());
            self.changes.waiting.push_front(Waiting {
                token,
                change,
                tries,
            });
            return;
        }
        if is_too_short && self.state == State::Confirmed {
            self.changes.waiting.push_front(Waiting {
                token,
                change,
                tries,
            });
            return;
        }
        self.on_request_done(token, change.method, outcome);
    }

    /// How long to wait after a 491: 2.1 to 4 s for the owner of the Call-ID, 0 to 2 s for the other, in
    /// steps of 10 ms (RFC 3261 §14.1).
    fn glare_wait(&mut self) -> Duration {
        let steps = match self.role {
            Role::Uac { .. } => self.random.random_range(210..=400),
            Role::Uas { .. } => self.random.random_range(0..=200),
        };
        Duration::from_millis(steps * 10)
    }
}
