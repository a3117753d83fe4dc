//! Requests that have more than one target, and what becomes of their attempts.

use std::collections::{HashMap, VecDeque};
use std::fmt::{self, Write};
use std::hash::Hash;
use std::time::{Duration, Instant};

use super::{Delivery, MAX_RETRY_AFTER, Output};
use crate::sip::dialog::invite_usage::RequestToken;
use crate::sip::endpoint::{Event, TransactionId};
use crate::sip::locate::{Locator, Reach, Target, Targets};
use crate::sip::message::{Method, Request, Response, StatusCode, Transport};

/// One try to send a request to one target.
#[derive(Debug)]
pub struct Attempt<S> {
    /// Who sends it.
    pub sender: S,
    /// The sender's name for it.
    pub token: RequestToken,
    /// Where to.
    pub target: Target,
    /// What else can be tried, in this order.
    rest: Targets,
    /// The request for it; there if `rest` is not empty.
    spare: Option<Box<Request>>,
    /// Whether there is or was another target.
    has_others: bool,
    is_invite: bool,
}

impl<S> Attempt<S> {
    /// The first try and what to send. `None` if there is no target.
    pub(super) fn first(
        sender: S,
        token: RequestToken,
        request: Box<Request>,
        mut targets: Targets,
    ) -> Option<(Self, Box<Request>)> {
        let target = (!targets.is_empty()).then(|| targets.remove(0))?;
        let attempt = Self {
            sender,
            token,
            target,
            has_others: !targets.is_empty(),
            spare: (!targets.is_empty()).then(|| request.clone()),
            rest: targets,
            is_invite: request.method == Method::Invite,
        };
        Some((attempt, request))
    }

    /// Turns to the next target; what to send there. `None`: there is none.
    fn next(&mut self) -> Option<Box<Request>> {
        let request = self.spare.take()?;
        self.target = self.rest.remove(0);
        self.spare = (!self.rest.is_empty()).then(|| request.clone());
        Some(request)
    }
}

/// The attempts of requests that have several targets.
#[derive(Debug)]
pub(super) struct Failover<S> {
    patience: Duration,
    avoid: Duration,
    /// Those that count, by their transaction.
    current: HashMap<TransactionId, Current<S>>,
    /// When each of them has been silent for too long, in order. Some are over, or were not silent.
    silences: VecDeque<(Instant, TransactionId)>,
    /// Transactions whose request has been given to another target, and whose they are.
    former: HashMap<TransactionId, (S, RequestToken)>,
}

#[derive(Debug)]
struct Current<S> {
    attempt: Attempt<S>,
    /// Whether a response came.
    heard: bool,
}

/// What an event means for the sender.
enum Verdict<S> {
    /// It is the sender's.
    Pass,
    /// It is nobody's.
    Absorb,
    /// The attempt failed.
    Failed(Attempt<S>),
}

impl<S: Clone + Eq + Hash> Failover<S> {
    pub(super) fn new(patience: Duration, avoid: Duration) -> Self {
        Self {
            patience,
            avoid,
            current: HashMap::new(),
            silences: VecDeque::new(),
            former: HashMap::new(),
        }
    }

    pub(super) fn hold(&mut self, transaction: TransactionId) {
        self.current.remove(&transaction);
    }

    pub(super) fn len(&self) -> usize {
        self.current.len() + self.former.len()
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.silences.front().map(|(at, _)| *at)
    }

    /// Goes on from INVITEs that got no response for too long.
    pub(super) fn handle_timeout(
        &mut self,
        now: Instant,
        locator: &mut Locator,
        outputs: &mut VecDeque<Output<S>>,
    ) {
        while let Some((at, transaction)) = self.silences.front().copied() {
            let silent = self.current.get(&transaction).filter(|one| !one.heard);
            if at > now && silent.is_some() {
                return;
            }
            self.silences.pop_front();
            if at <= now
                && silent.is_some()
                && let Some(Current { mut attempt, .. }) = self.current.remove(&transaction)
            {
                locator.avoid(now, &attempt.target, self.avoid);
                self.leave(transaction, &attempt, outputs);
                let request = attempt.next();
                outputs.extend(request.map(|request| Output::Send { attempt, request }));
            }
        }
    }

    fn sent(&mut self, now: Instant, attempt: Attempt<S>, transaction: TransactionId) {
        if !attempt.has_others {
            return;
        }
        if attempt.is_invite && !attempt.rest.is_empty() {
            self.silences.push_back((now + self.patience, transaction));
        }
        let heard = false;
        self.current.insert(transaction, Current { attempt, heard });
    }

    /// Leaves a transaction to itself; nothing but a 2xx of it matters any more.
    fn leave(
        &mut self,
        transaction: TransactionId,
        attempt: &Attempt<S>,
        outputs: &mut VecDeque<Output<S>>,
    ) {
        let owner = (attempt.sender.clone(), attempt.token);
        self.former.insert(transaction, owner);
        outputs.push_back(Output::Abandon(transaction));
    }

    fn judge(
        &mut self,
        now: Instant,
        event: &Event,
        locator: &mut Locator,
        outputs: &mut VecDeque<Output<S>>,
    ) -> Verdict<S> {
        match event {
            Event::Response {
                transaction,
                response,
            } if self.former.contains_key(transaction) => {
                self.judge_former(*transaction, response, outputs)
            }
            Event::Response {
                transaction,
                response,
            } => self.judge_response(now, *transaction, response, locator),
            Event::Timeout { transaction } | Event::SendFailed { transaction } => {
                if self.former.remove(transaction).is_some() {
                    return Verdict::Absorb;
                }
                let Some(Current { attempt, heard }) = self.current.remove(transaction) else {
                    return Verdict::Pass;
                };
                locator.avoid(now, &attempt.target, self.avoid);
                match heard {
                    // RFC 3263 §4.3: only if no response came at all. The server has the request.
                    true => Verdict::Pass,
                    false => Verdict::Failed(attempt),
                }
            }
            _ => Verdict::Pass,
        }
    }

    fn judge_response(
        &mut self,
        now: Instant,
        transaction: TransactionId,
        response: &Response,
        locator: &mut Locator,
    ) -> Verdict<S> {
        if response.status.is_provisional() {
            if let Some(current) = self.current.get_mut(&transaction) {
                current.heard = true;
            }
            return Verdict::Pass;
        }
        let Some(Current { attempt, .. }) = self.current.remove(&transaction) else {
            return Verdict::Pass;
        };
        if response.status != StatusCode::SERVICE_UNAVAILABLE {
            return Verdict::Pass;
        }
        // One that cannot be read says nothing.
        if let Ok(Some(seconds)) = response.headers.retry_after() {
            let time = Duration::from_secs(seconds.into());
            locator.avoid(now, &attempt.target, time.min(MAX_RETRY_AFTER));
        }
        Verdict::Failed(attempt)
    }

    /// A 2xx of a server that was given up: whoever sent the INVITE acknowledges it. If nobody else has
    /// answered yet, it is the answer, and the attempt that is under way is left in its turn.
    fn judge_former(
        &mut self,
        transaction: TransactionId,
        response: &Response,
        outputs: &mut VecDeque<Output<S>>,
    ) -> Verdict<S> {
        if response.status.is_provisional() {
            return Verdict::Absorb;
        }
        let Some((sender, token)) = self.former.remove(&transaction) else {
            return Verdict::Absorb;
        };
        if !response.status.is_success() {
            return Verdict::Absorb;
        }
        let same = |(_, current): &(&TransactionId, &Current<S>)| {
            current.attempt.token == token && current.attempt.sender == sender
        };
        let rival = self.current.iter().find(same).map(|(rival, _)| *rival);
        if let Some(rival) = rival
            && let Some(Current { attempt, .. }) = self.current.remove(&rival)
        {
            self.leave(rival, &attempt, outputs);
        }
        Verdict::Pass
    }
}

impl<S: Clone + Eq + Hash + fmt::Debug> Delivery<S> {
    /// Learns that an attempt is on its way in this transaction.
    pub fn handle_sent(&mut self, now: Instant, attempt: Attempt<S>, transaction: TransactionId) {
        self.failover.sent(now, attempt, transaction);
    }

    /// Learns that there is no way to the target of an attempt.
    pub fn handle_unsendable(&mut self, now: Instant, mut attempt: Attempt<S>) {
        let avoid = self.failover.avoid;
        self.locator.avoid(now, &attempt.target, avoid);
        self.outputs.push_back(match attempt.next() {
            Some(request) => Output::Send { attempt, request },
            None => Output::Failed {
                sender: attempt.sender,
                token: attempt.token,
                status: StatusCode::SERVICE_UNAVAILABLE,
            },
        });
    }

    /// Takes what the endpoint says; returns what its TU is to have of it.
    pub fn handle_event(&mut self, now: Instant, event: Event) -> Option<Event> {
        if self.failover.len() == 0 {
            return Some(event);
        }
        let (locator, outputs) = (&mut self.locator, &mut self.outputs);
        match self.failover.judge(now, &event, locator, outputs) {
            Verdict::Pass => Some(event),
            Verdict::Absorb => None,
            Verdict::Failed(mut attempt) => {
                let Some(request) = attempt.next() else {
                    return Some(event);
                };
                self.outputs.push_back(Output::Send { attempt, request });
                None
            }
        }
    }
}

/// A request larger than this is not sent in a datagram if it can be sent otherwise, in bytes
/// (RFC 3261 §18.1.1).
const MAX_DATAGRAM_REQUEST: usize = 1300;
/// Room for a Via of ours and Content-Length, in bytes.
const VIA_BYTES: usize = 140;

/// Puts TCP before each UDP target of a request that is too large for a datagram. The datagram remains
/// for servers that refuse TCP.
pub(super) fn prefer_streams(targets: &mut Targets, request: &Request, reach: Reach) {
    if !reach.has(Transport::Tcp) || size(request) <= MAX_DATAGRAM_REQUEST {
        return;
    }
    let mut more = Targets::new();
    for target in targets.drain(..) {
        let ip = target.address.ip();
        if target.transport == Transport::Udp && reach.covers(Transport::Tcp, ip) {
            let transport = Transport::Tcp;
            more.push(Target {
                transport,
                ..target.clone()
            });
        }
        if !more.contains(&target) {
            more.push(target);
        }
    }
    *targets = more;
}

/// How long a request will be, in bytes.
fn size(request: &Request) -> usize {
    let lines = request.headers.iter();
    let lines: usize = lines
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum();
    let mut uri = Length(0);
    // Counting does not fail.
    let _ = write!(uri, "{} {} SIP/2.0\r\n\r\n", request.method, request.uri);
    uri.0 + VIA_BYTES + lines + request.body.len()
}

/// Counts what is written.
struct Length(usize);

impl Write for Length {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 += text.len();
        Ok(())
    }
}
