//! Brings each request of ours to a server, and to another one when that fails (RFC 3263 §4).
//!
//! A [`Delivery`] stands between who sends requests and the [`Endpoint`]: it finds where a request goes
//! ([`Locator`]), keeps the requests of one sender in their order while names are looked up, and has the
//! endpoint try one [`Target`] after the other, each in a client transaction of its own. The sender sees one
//! outcome. Driven by the signalling task, which asks the DNS, chooses sockets and hands over what the
//! endpoint says; a request to one numeric address passes through without leaving anything behind.
//!
//! After each call, drain [`poll_output`](Delivery::poll_output) to `None`.
//!
//! RFC 3263 §4.3 (failover), RFC 3261 §8.1.2 (where requests go), §9.1, §18.1.1 (large requests), §21.5.4.
//!
//! # Decisions
//!
//! - The next target is tried after a 503, a transport that failed, a transaction without any response
//!   (timer B or F), and for an INVITE already after [`DeliveryConfig::patience`] of silence. The silent
//!   INVITE is [abandoned](crate::sip::endpoint::Endpoint::abandon): it is cancelled as soon as its server shows up. Should that
//!   server answer with a 2xx, the sender gets this like that of one more fork.
//! - A 503 of the last target is what the sender sees.
//! - A 503 makes its address avoided for its Retry-After, at most [`MAX_RETRY_AFTER`]; without one the
//!   server may take the next request.
//! - An ACK is located like a request of its own, and again while its 2xx is repeated if that fails. Once it
//!   was sent there is no second server, since nobody would know that it needs one; so it is not moved to
//!   TCP for its size either.
//!
//! [`Endpoint`]: crate::sip::endpoint::Endpoint
//! [`Endpoint::abandon`]: crate::sip::endpoint::Endpoint::abandon

mod failover;
mod line;
mod outbound;

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::time::{Duration, Instant};

use crate::sip::dialog::invite_usage::{Command, RequestToken};
use crate::sip::endpoint::TransactionId;
use crate::sip::locate::{
    Answer, LocateError, Located, Locator, Question, Reach, SearchId, Target, Targets,
};
use crate::sip::message::{Request, StatusCode, Uri};

pub use failover::Attempt;
pub use outbound::{Outbound, stamp_contact};

use failover::Failover;
use line::{Again, Kind, Line, LostAck};

/// How a [`Delivery`] behaves.
#[derive(Debug, Clone)]
pub struct DeliveryConfig {
    /// What can be sent by.
    pub reach: Reach,
    /// Where requests outside dialogs go.
    pub outbound: Outbound,
    /// How long an INVITE waits for any response before the next address is tried. Default 8 s.
    pub patience: Duration,
    /// How long an address that failed is tried last. Default 60 s.
    pub avoid: Duration,
}

impl Default for DeliveryConfig {
    fn default() -> Self {
        Self {
            reach: Reach::default(),
            outbound: Outbound::default(),
            patience: Duration::from_secs(8),
            avoid: Duration::from_secs(60),
        }
    }
}

/// Longest time for which a Retry-After is believed.
pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(600);

/// What the signalling task has to do. `S` names a sender.
#[derive(Debug)]
pub enum Output<S> {
    /// Ask the DNS; [`Delivery::handle_answer`] takes the answer.
    Ask(Question),
    /// Send a request, then call [`Delivery::handle_sent`] or, if there is no way to the target,
    /// [`Delivery::handle_unsendable`].
    Send {
        /// Where to, and for whom.
        attempt: Attempt<S>,
        /// The request, without Via.
        request: Box<Request>,
    },
    /// Send the ACK of a 2xx.
    Ack {
        /// Who sends it.
        sender: S,
        /// The INVITE it is for.
        invite: RequestToken,
        /// The ACK, without Via.
        request: Box<Request>,
        /// Where it goes.
        target: Target,
    },
    /// Send what was [kept behind](Delivery::keep_behind) others of its sender, which have been sent.
    Own {
        /// Who sends it.
        sender: S,
        /// What.
        command: Command,
    },
    /// Call [`Endpoint::abandon`](crate::sip::endpoint::Endpoint::abandon).
    Abandon(TransactionId),
    /// What [`Delivery::locate`] found.
    Located {
        /// Who wanted to know.
        sender: S,
        /// At least one target.
        targets: Result<Targets, LocateError>,
    },
    /// A request ends without having been sent, or without a response.
    Failed {
        /// Who wanted it sent.
        sender: S,
        /// Which one.
        token: RequestToken,
        /// What stands for the final response.
        status: StatusCode,
    },
}

/// See the module's documentation.
#[derive(Debug)]
pub struct Delivery<S> {
    outbound: Outbound,
    /// Senders whose requests go elsewhere.
    overrides: HashMap<S, Outbound>,
    locator: Locator,
    /// What waits to be located, by sender; never empty ones.
    lines: HashMap<S, Line>,
    searches: HashMap<SearchId, S>,
    /// Searches without a request.
    inquiries: HashMap<SearchId, S>,
    failover: Failover<S>,
    /// To be located again, the next one first.
    lost_acks: VecDeque<LostAck<S>>,
    outputs: VecDeque<Output<S>>,
}

impl<S: Clone + Eq + Hash + std::fmt::Debug> Delivery<S> {
    /// A delivery without requests. `seed` decides among SRV records of the same priority.
    pub fn new(config: DeliveryConfig, seed: [u8; 32]) -> Self {
        Self {
            outbound: config.outbound,
            overrides: HashMap::new(),
            locator: Locator::new(config.reach, seed),
            lines: HashMap::new(),
            searches: HashMap::new(),
            inquiries: HashMap::new(),
            failover: Failover::new(config.patience, config.avoid),
            lost_acks: VecDeque::new(),
            outputs: VecDeque::new(),
        }
    }

    /// Sends what `sender` sends outside dialogs by another way than the configured one, until
    /// [`forget`](Self::forget).
    pub fn set_outbound(&mut self, sender: S, outbound: Outbound) {
        self.overrides.insert(sender, outbound);
    }

    /// Forgets what was set for a sender, and its ACKs that led nowhere. What else it has sent goes on.
    pub fn forget(&mut self, sender: &S) {
        if !self.overrides.is_empty() {
            self.overrides.remove(sender);
        }
        self.lost_acks.retain(|lost| lost.sender != *sender);
    }

    /// Finds where a request of `sender` to `uri` would go, outside a dialog; [`Output::Located`] tells.
    pub fn locate(&mut self, now: Instant, sender: S, uri: &Uri) {
        let outbound = self.overrides.get(&sender).unwrap_or(&self.outbound);
        let hops = outbound.hops();
        let hops = hops.unwrap_or(std::slice::from_ref(uri));
        match self.locator.locate(now, hops) {
            Located::Now(targets) => self.tell(now, sender, targets),
            Located::Later(search) => {
                self.inquiries.insert(search, sender);
            }
        }
    }

    /// Sends a request, neither ACK nor CANCEL, without Via. Inside a dialog it goes to `next_hop`;
    /// outside, the [`Outbound`] may say otherwise.
    ///
    /// It ends like a request given to the endpoint, or with [`Output::Failed`].
    pub fn send(
        &mut self,
        now: Instant,
        sender: S,
        token: RequestToken,
        mut request: Box<Request>,
        next_hop: &Uri,
    ) {
        let outbound = self.overrides.get(&sender).unwrap_or(&self.outbound);
        let hops = outbound.apply(&mut request);
        let hops = hops.unwrap_or(std::slice::from_ref(next_hop));
        let located = self.locator.locate(now, hops);
        self.take_in(now, sender, Kind::Request(token), request, located);
    }

    /// Sends the ACK of a 2xx to the INVITE named `invite`.
    pub fn send_ack(
        &mut self,
        now: Instant,
        sender: S,
        invite: RequestToken,
        request: Box<Request>,
        next_hop: &Uri,
    ) {
        let located = self.locator.locate(now, std::slice::from_ref(next_hop));
        let is_there = matches!(located, Located::Now(Ok(_)));
        let again = (!is_there).then(|| Again::new(now, next_hop));
        self.take_in(now, sender, Kind::Ack(invite, again), request, located);
    }

    /// Takes back an INVITE that is still being located: it ends with 487 and nothing is sent. False:
    /// it is not, so [`Endpoint::cancel`](crate::sip::endpoint::Endpoint::cancel) is to be called, and
    /// [`hold`](Self::hold).
    pub fn cancel(&mut self, now: Instant, sender: &S, invite: RequestToken) -> bool {
        let Some(line) = self.lines.get_mut(sender) else {
            return false;
        };
        let Some(search) = line.take_back(invite) else {
            return false;
        };
        if let Some(search) = search {
            self.locator.give_up(search);
            self.searches.remove(&search);
        }
        self.outputs.push_back(Output::Failed {
            sender: sender.clone(),
            token: invite,
            status: StatusCode::REQUEST_TERMINATED,
        });
        self.advance(now, sender);
        true
    }

    /// Tries no further target for a request, since it has been cancelled.
    pub fn hold(&mut self, transaction: TransactionId) {
        self.failover.hold(transaction);
    }

    /// Takes the answer to [`Output::Ask`].
    pub fn handle_answer(&mut self, now: Instant, question: Question, answer: &Answer) {
        self.locator.handle_answer(now, question, answer);
        self.collect(now);
    }

    /// Runs what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.locator.handle_timeout(now);
        self.failover
            .handle_timeout(now, &mut self.locator, &mut self.outputs);
        self.retry_acks(now);
        self.collect(now);
    }

    /// When [`handle_timeout`](Self::handle_timeout) has to be called, `None` for never.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let (search, silence) = (self.locator.poll_timeout(), self.failover.poll_timeout());
        let ack = self.lost_acks.front().map(|lost| lost.at);
        [search, silence, ack].into_iter().flatten().min()
    }

    /// Takes something to do.
    pub fn poll_output(&mut self) -> Option<Output<S>> {
        if let Some(question) = self.locator.poll_question() {
            return Some(Output::Ask(question));
        }
        self.outputs.pop_front()
    }

    /// Entries of all tables, to prove that nothing is left behind. What is known of names and
    /// addresses stays.
    pub fn len(&self) -> usize {
        let searches = self.searches.len() + self.inquiries.len();
        self.lines.len()
            + searches
            + self.lost_acks.len()
            + self.overrides.len()
            + self.failover.len()
    }

    /// Whether nothing is under way.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Logs why a request goes nowhere.
fn log_failure(
    sender: &impl std::fmt::Debug,
    method: &impl std::fmt::Display,
    error: &LocateError,
) {
    tracing::info!(?sender, %error, "{method} cannot be sent");
}

#[cfg(test)]
mod tests;
