//! One registration of ours at a registrar, as a value (RFC 3261 §10.2).
//!
//! A [`Registration`] sends REGISTER, answers challenges, refreshes the binding at half the time that
//! was granted, backs off when it fails, goes to the next proxy when one is silent, and takes the binding
//! back when it is [removed](Registration::remove). It is driven by [`Registrations`], the table of all of
//! them. Our own address in its Contact is filled in by whoever sends the request, since only the sender
//! knows it.
//!
//! RFC 3261 §10.2, §8.1.3.4 (3xx), §21.4.17 (423), §20.33 (Retry-After); RFC 3327 (Path); RFC 3608
//! (Service-Route); RFC 5626 §4.5 (back-off); RFC 5627 (GRUU).
//!
//! # Not implemented
//!
//! - Flows of RFC 5626 (`reg-id`, several at a time): proxies are tried one after the other.
//! - Temporary GRUUs are read but not used.

mod account;
mod binding;
mod identity;
mod table;

pub use account::{Account, Domain, hop};
pub use binding::{Binding, granted};
pub use identity::{Identities, Identity};
pub use table::{Created, Listed, Registrations, Ticket};

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::sip::auth::{DigestClient, Unanswered};
use crate::sip::message::{
    CSeq, HeaderName, Method, NameAddr, Request, Response, SipUri, StatusCode, Uri,
};

/// Where a registration stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// No answer yet.
    Pending,
    /// The registrar has the binding.
    Active,
    /// It had it, and the time it granted is over.
    Expired,
    /// It was refused.
    Failed,
}

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The registrar has the binding.
    Registered,
    /// It accepted the request, but does not list our Contact.
    NotListed,
    /// It refused. `last` says that trying again is of no use.
    Refused {
        /// Its status.
        status: StatusCode,
        /// Its reason, or why we cannot answer a challenge.
        reason: String,
        /// The account is at fault, not the moment.
        last: bool,
    },
    /// Nobody answered in time.
    TimedOut,
    /// The request could not be sent.
    Unsent,
    /// The binding is taken back, or nobody answered that; nothing follows.
    Removed,
}

/// A REGISTER to be sent.
#[derive(Debug)]
pub struct Outgoing {
    /// The request, without Via. Its Contact needs an address where [`contact`](Self::contact) says so.
    pub request: Box<Request>,
    /// Where it goes; `None`: where all requests outside dialogs go.
    pub next_hop: Option<Uri>,
    /// A Contact whose host and port are to be those that the registrar can reach us at.
    pub contact: Option<NameAddr>,
}

/// See the module's documentation.
#[derive(Debug)]
pub struct Registration {
    account: Account,
    call_id: String,
    tag: String,
    cseq: u32,
    digest: DigestClient,
    rng: StdRng,
    /// Asked for, after what a 423 said.
    expires: u32,
    /// A 423 was obeyed, and no registrar has agreed since.
    is_raised: bool,
    /// Which of the proxies is used.
    proxy: usize,
    /// How many of them were silent in a row.
    silent: usize,
    /// Where a 3xx sent us, and how often in a row.
    redirect: Option<Uri>,
    redirects: u8,
    /// Attempts that failed in a row.
    failures: u32,
    state: State,
    binding: Option<Binding>,
    /// When the binding ends.
    ends: Option<Instant>,
    phase: Phase,
    outgoing: Option<Outgoing>,
    events: VecDeque<Event>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing is out; the next request is due then.
    Waiting(Instant),
    /// A REGISTER is out.
    Registering,
    /// The same, and the binding is to be taken back afterwards.
    Cancelling,
    /// The REGISTER that takes the binding back is out.
    Removing,
    Over,
}

/// The time of a binding whose registrar says nothing of it.
const UNSAID_EXPIRES: u32 = 300;
/// A registrar that grants more is believed up to here: a week.
const LONGEST_EXPIRES: u32 = 7 * 24 * 60 * 60;
/// Refreshes follow each other no faster, whatever a registrar grants. Picked by feel.
const SHORTEST_REFRESH: Duration = Duration::from_secs(5);
/// Wait after failures (RFC 5626 §4.5): `base-time` when nothing works, and `max-time`.
const BACK_OFF_BASE: Duration = Duration::from_secs(30);
const BACK_OFF_LONGEST: Duration = Duration::from_secs(1800);
/// A Retry-After beyond this is not believed: a day.
const LONGEST_RETRY_AFTER: u32 = 24 * 60 * 60;
/// 3xx in a row that are followed (RFC 3261 §8.1.3.4 leaves it open).
const MAX_REDIRECTS: u8 = 5;

impl Registration {
    /// A registration whose first REGISTER is due at `start`. `call_id` and `tag` are ours alone; `seed`
    /// gives cnonces and jitter.
    pub fn new(
        start: Instant,
        account: Account,
        call_id: String,
        tag: String,
        seed: [u8; 32],
    ) -> Self {
        Self {
            call_id,
            tag,
            cseq: 0,
            digest: DigestClient::new(account.accounts(), seed),
            rng: StdRng::from_seed(seed),
            expires: account.expires,
            is_raised: false,
            proxy: 0,
            silent: 0,
            redirect: None,
            redirects: 0,
            failures: 0,
            state: State::Pending,
            binding: None,
            ends: None,
            phase: Phase::Waiting(start),
            outgoing: None,
            events: VecDeque::new(),
            account,
        }
    }

    /// Takes the binding back and ends. Nothing is sent if nothing was; a request that is out is
    /// waited for, since two may not be under way at a time (RFC 3261 §10.2).
    pub fn remove(&mut self) {
        match self.phase {
            // What was refused and never accepted is nowhere to be taken back.
            Phase::Waiting(_)
                if self.cseq > 0 && (self.state != State::Failed || self.binding.is_some()) =>
            {
                self.send(Phase::Removing);
            }
            Phase::Waiting(_) => self.end(),
            Phase::Registering => self.phase = Phase::Cancelling,
            Phase::Cancelling | Phase::Removing | Phase::Over => {}
        }
    }

    /// Sends what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.ends.is_some_and(|ends| ends <= now) {
            self.ends = None;
            if self.state == State::Active {
                self.state = State::Expired;
            }
        }
        if matches!(self.phase, Phase::Waiting(at) if at <= now) {
            self.send(Phase::Registering);
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.phase {
            Phase::Waiting(at) => Some(self.ends.map_or(at, |ends| ends.min(at))),
            _ => self.ends,
        }
    }

    /// Takes the final answer to the request that is out. `request` is as it was sent.
    pub fn handle_answer(
        &mut self,
        now: Instant,
        request: Request,
        answer: Result<Response, StatusCode>,
    ) {
        let removing = match self.phase {
            Phase::Waiting(_) | Phase::Over => return,
            Phase::Registering | Phase::Cancelling => false,
            Phase::Removing => true,
        };
        if let Ok(response) = &answer {
            self.digest.learn(response);
            if self.is_challenge(response) {
                return self.on_challenge(now, request, response);
            }
        }
        if removing {
            return self.end();
        }
        match answer {
            Ok(response) if response.status.is_success() => {
                self.on_success(now, &request, &response)
            }
            Ok(response) => self.on_refusal(now, &response),
            Err(status) => self.on_silence(now, status),
        }
        if self.phase == Phase::Cancelling {
            self.send(Phase::Removing);
        }
    }

    /// Next request to send.
    pub fn poll_outgoing(&mut self) -> Option<Outgoing> {
        self.outgoing.take()
    }

    /// Next thing to know.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// What is registered.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// Where it stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// How long the registrar keeps the binding.
    pub fn left(&self, now: Instant) -> Duration {
        let ends = self.ends.filter(|_| self.state == State::Active);
        ends.map_or(Duration::ZERO, |ends| ends.saturating_duration_since(now))
    }

    /// What the registrar said of the binding last.
    pub fn binding(&self) -> Option<&Binding> {
        self.binding.as_ref()
    }

    /// Whether it is removed and nothing is out any more.
    pub fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    fn is_challenge(&self, response: &Response) -> bool {
        response.status == StatusCode::UNAUTHORIZED
            || response.status == StatusCode::PROXY_AUTHENTICATION_REQUIRED
    }

    fn on_challenge(&mut self, now: Instant, mut request: Request, response: &Response) {
        match self.digest.answer(&mut request, response) {
            Ok(()) => {
                self.cseq += 1;
                request
                    .headers
                    .set(HeaderName::CSeq, self.cseq().to_string());
                self.outgoing = Some(Outgoing {
                    request: Box::new(request),
                    next_hop: self.next_hop(),
                    contact: None,
                });
            }
            Err(_) if self.phase == Phase::Removing => self.end(),
            Err(error) => {
                let last = !matches!(error, Unanswered::AlwaysStale { .. });
                self.refuse(now, response, error.to_string(), last);
                if self.phase == Phase::Cancelling {
                    self.end();
                }
            }
        }
    }

    fn on_success(&mut self, now: Instant, request: &Request, response: &Response) {
        let (binding, listed) = Binding::read(request, response, UNSAID_EXPIRES);
        if binding.expires == 0 {
            let reason = "the registrar grants no time".to_owned();
            return self.refuse(now, response, reason, false);
        }
        let granted = Duration::from_secs(binding.expires.into());
        self.binding = Some(binding);
        self.state = State::Active;
        self.ends = Some(now + granted);
        (self.failures, self.silent, self.redirects) = (0, 0, 0);
        self.is_raised = false;
        self.events.push_back(match listed {
            true => Event::Registered,
            false => Event::NotListed,
        });
        self.wait(now, (granted / 2).max(SHORTEST_REFRESH));
    }

    fn on_refusal(&mut self, now: Instant, response: &Response) {
        let status = response.status.code();
        if status == 423 && self.take_min_expires(response) {
            return self.again();
        }
        if (300..400).contains(&status) && self.take_redirect(response) {
            return self.again();
        }
        let busy = (500..600).contains(&status) || status == 408;
        if busy && retry_after(response).is_none() && self.next_proxy() {
            return self.again();
        }
        let temporary =
            busy || retry_after(response).is_some() || matches!(status, 423 | 480 | 486);
        self.refuse(now, response, response.reason.clone(), !temporary);
    }

    fn on_silence(&mut self, now: Instant, status: StatusCode) {
        if self.next_proxy() {
            return self.again();
        }
        self.events.push_back(match status {
            StatusCode::REQUEST_TIMEOUT => Event::TimedOut,
            _ => Event::Unsent,
        });
        self.fail(now, None, false);
    }

    fn refuse(&mut self, now: Instant, response: &Response, reason: String, last: bool) {
        self.state = State::Failed;
        self.events.push_back(Event::Refused {
            status: response.status,
            reason,
            last,
        });
        self.fail(now, retry_after(response), last);
    }

    /// Waits as RFC 5626 §4.5 says, and no shorter than the peer asks for. What is of no use to try
    /// again soon waits longest: a password that is tried often gets the account locked.
    fn fail(&mut self, now: Instant, asked: Option<Duration>, last: bool) {
        (self.silent, self.redirect, self.redirects) = (0, None, 0);
        self.failures = self.failures.saturating_add(1);
        let upper = match last {
            true => BACK_OFF_LONGEST,
            false => BACK_OFF_BASE
                .saturating_mul(1 << self.failures.min(16))
                .min(BACK_OFF_LONGEST),
        };
        let wait = upper.mul_f64(self.rng.random_range(0.5..=1.0));
        self.wait(now, wait.max(asked.unwrap_or_default()));
    }

    fn wait(&mut self, now: Instant, wait: Duration) {
        if self.phase == Phase::Registering {
            self.phase = Phase::Waiting(now + wait);
        }
    }

    /// Sends the same again in another way at once, unless it is not wanted any more.
    fn again(&mut self) {
        if self.phase == Phase::Registering {
            self.send(Phase::Registering);
        }
    }

    /// Turns to the next proxy; false when all have been silent.
    fn next_proxy(&mut self) -> bool {
        self.redirect = None;
        self.silent += 1;
        self.proxy = (self.proxy + 1) % self.account.proxies.len().max(1);
        self.silent < self.account.proxies.len()
    }

    /// Asks for what a 423 wants, once. False: it does not say, or was obeyed already.
    fn take_min_expires(&mut self, response: &Response) -> bool {
        let longer = self.expires + 1..=LONGEST_EXPIRES;
        match response.headers.min_expires() {
            Ok(Some(least)) if !self.is_raised && longer.contains(&least) => {
                (self.is_raised, self.expires) = (true, least);
                true
            }
            _ => false,
        }
    }

    fn take_redirect(&mut self, response: &Response) -> bool {
        self.redirects += 1;
        let contacts = response.headers.contacts().unwrap_or_default();
        let target = contacts.into_iter().map(|contact| contact.uri);
        let target = target.into_iter().find(|uri| uri.as_sip().is_some());
        if self.redirects > MAX_REDIRECTS || target.is_none() {
            return false;
        }
        self.redirect = target;
        true
    }

    fn next_hop(&self) -> Option<Uri> {
        let proxy = || self.account.proxies.get(self.proxy).cloned();
        let redirected = self.redirect.clone();
        redirected.or_else(proxy)
    }

    fn send(&mut self, phase: Phase) {
        self.phase = phase;
        self.cseq += 1;
        let expires = match phase {
            Phase::Removing => 0,
            _ => self.expires,
        };
        let next_hop = self.next_hop();
        let (mut request, contact) = self.register(next_hop.as_ref(), expires);
        self.digest.authorize(&mut request);
        self.outgoing = Some(Outgoing {
            request: Box::new(request),
            next_hop,
            contact,
        });
    }

    /// The REGISTER, and its Contact if that needs our address.
    fn register(&self, next_hop: Option<&Uri>, expires: u32) -> (Request, Option<NameAddr>) {
        let uri = self.redirect.clone();
        let uri = uri.unwrap_or_else(|| self.account.domain.uri().clone().into());
        let mut request = Request::new(Method::Register, uri);
        let mut record = NameAddr::new(self.account.address());
        record.display.clone_from(&self.account.display_name);
        let headers = &mut request.headers;
        headers.push(HeaderName::MaxForwards, "70");
        headers.push(HeaderName::To, record.to_string());
        record.set_tag(&self.tag);
        headers.push(HeaderName::From, record.to_string());
        headers.push(HeaderName::CallId, self.call_id.clone());
        headers.push(HeaderName::CSeq, self.cseq().to_string());
        // A proxy that routes loosely has a place in Route (RFC 3261 §8.1.2); others only get the
        // request.
        let is_loose = |hop: &&Uri| hop.as_sip().is_some_and(SipUri::is_loose_router);
        if let Some(hop) = next_hop.filter(is_loose) {
            headers.push(HeaderName::Route, format!("<{hop}>"));
        }
        headers.push(HeaderName::Supported, "path, gruu");
        headers.push(HeaderName::Expires, expires.to_string());
        // Said of our own Contact as well, so that it holds whatever the registrar looks at.
        let with_expires = |mut contact: NameAddr| {
            contact.params.set("expires", expires.to_string());
            if let Some(instance) = &self.account.instance {
                let quoted = format!("\"<{instance}>\"");
                contact.params.set("+sip.instance", quoted);
            }
            contact
        };
        if let Some(contact) = &self.account.contact {
            let contact = with_expires(NameAddr::new(contact.clone()));
            headers.push(HeaderName::Contact, contact.to_string());
            return (request, None);
        }
        let user = Some(&*self.account.user);
        let own = SipUri::new(user, self.account.domain.uri().host.clone(), None);
        (request, Some(with_expires(NameAddr::new(own))))
    }

    fn cseq(&self) -> CSeq {
        CSeq {
            number: self.cseq,
            method: Method::Register,
        }
    }

    fn end(&mut self) {
        self.phase = Phase::Over;
        (self.ends, self.outgoing) = (None, None);
        self.events.push_back(Event::Removed);
    }
}

/// `Retry-After`, if it is believable.
fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers.retry_after().ok()??;
    Some(Duration::from_secs(seconds.min(LONGEST_RETRY_AFTER).into()))
}

#[cfg(test)]
mod tests;
