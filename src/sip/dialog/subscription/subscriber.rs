//! The side that subscribes.

use std::time::{Duration, Instant};

use super::ends_usage;
use crate::sip::message::header::{Event, SubscriptionState, Substate};
use crate::sip::message::{HeaderName, Request, Response, StatusCode};

/// What a NOTIFY said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notified {
    /// The subscription is accepted and lasts on.
    Active,
    /// It lasts on, but is not decided upon.
    Pending,
    /// It is over.
    Ended(End),
}

/// How a subscription ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// SUBSCRIBE was refused.
    Refused(StatusCode),
    /// The notifier ended it.
    Terminated(SubscriptionState),
    /// No NOTIFY came within 64*T1 (RFC 6665 §4.1.2.4).
    NoNotify,
    /// It was not refreshed in time, and no NOTIFY said so for another 64*T1.
    Expired,
}

/// What is to be done now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Due {
    /// Send a SUBSCRIBE that [`Subscriber::write_subscribe`] has written.
    Refresh,
    /// The subscription is over.
    Ended(End),
}

/// The state machine of RFC 6665 §4.1.2, figure 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Init,
    NotifyWait,
    Pending,
    Active,
    Terminated,
}

/// One subscription of ours. See the module's documentation.
#[derive(Debug, Clone)]
pub struct Subscriber {
    event: Event,
    /// Seconds to ask for when it is refreshed; `None`: what is usual for the event package.
    wanted_s: Option<u32>,
    /// It is refreshed by itself.
    is_lasting: bool,
    state: State,
    /// 64*T1.
    timer_n: Duration,
    /// When the NOTIFY has to be there that the first or the last SUBSCRIBE brings.
    notify_due: Option<Instant>,
    /// When it is over if nothing is heard.
    expires_at: Option<Instant>,
    refresh_at: Option<Instant>,
    /// A SUBSCRIBE of ours has no final response.
    is_asking: bool,
    /// A 423 was obeyed and no 2xx has come since.
    is_raised: bool,
}

/// Seconds that a subscription lasts whose notifier does not say it, as it should (RFC 6665 §4.1.3).
const UNSAID_S: u32 = 3600;
/// A refresh goes out so long before the end: time for one that gets no answer, and for the way. Less than
/// half of what was granted is not left for it.
const REFRESH_MARGIN: Duration = Duration::from_secs(40);
/// With less time left a refresh that failed is not tried again. Picked by feel.
const LEAST_LEFT: Duration = Duration::from_secs(2);

impl Subscriber {
    /// A subscription to `event` for `wanted_s` seconds, 0 to be notified once, `None` for what the notifier
    /// gives. `timer_n` is how long the NOTIFY may take: 64*T1 (RFC 6665 §4.1.2.4). An event without a package is not named in SUBSCRIBEs.
    pub fn new(event: Event, wanted_s: impl Into<Option<u32>>, timer_n: Duration) -> Self {
        Self {
            event,
            wanted_s: wanted_s.into(),
            is_lasting: true,
            state: State::Init,
            timer_n,
            notify_due: None,
            expires_at: None,
            refresh_at: None,
            is_asking: false,
            is_raised: false,
        }
    }

    /// A subscription that another request than SUBSCRIBE makes, sent now: a REFER (RFC 3515 §2.4.4). It is
    /// not refreshed by itself.
    pub fn implied(now: Instant, event: Event, timer_n: Duration) -> Self {
        let mut subscriber = Self::new(event, 0, timer_n);
        subscriber.state = State::NotifyWait;
        subscriber.notify_due = Some(now + subscriber.timer_n);
        subscriber
    }

    /// The same, but nothing refreshes it unless [`renew`](Self::renew) is called.
    pub fn left_to_expire(self) -> Self {
        Self {
            is_lasting: false,
            ..self
        }
    }

    /// The same at another notifier, to which the SUBSCRIBE forked and whose first NOTIFY comes next (RFC 6665
    /// §4.1.2.4).
    pub fn forked(&self) -> Self {
        Self {
            state: State::NotifyWait,
            notify_due: None,
            expires_at: None,
            refresh_at: None,
            is_asking: false,
            is_raised: false,
            ..self.clone()
        }
    }

    /// Writes Event and Expires of the SUBSCRIBE that begins or refreshes the subscription, and takes it for
    /// sent.
    pub fn write_subscribe(&mut self, now: Instant, request: &mut Request) {
        let headers = &mut request.headers;
        if !self.event.package.is_empty() {
            headers.set(HeaderName::Event, self.event.to_string());
        }
        match self.wanted_s {
            Some(seconds) => headers.set(HeaderName::Expires, seconds.to_string()),
            None => headers.remove(&HeaderName::Expires),
        }
        self.is_asking = true;
        self.refresh_at = None;
        if self.state == State::Init {
            self.state = State::NotifyWait;
        }
        if self.state == State::NotifyWait || self.is_last() {
            self.notify_due = Some(now + self.timer_n);
        }
    }

    /// The next [`write_subscribe`](Self::write_subscribe) ends the subscription; a last NOTIFY follows.
    pub fn unsubscribe(&mut self) {
        self.renew(Some(0));
    }

    /// The next [`write_subscribe`](Self::write_subscribe) asks for so many seconds.
    pub fn renew(&mut self, wanted_s: Option<u32>) {
        self.wanted_s = wanted_s;
        self.refresh_at = None;
    }

    /// Takes a final response to our SUBSCRIBE, or what stands for one that did not come (RFC 3261 §8.1.3.1):
    /// 408 or 503. Gives the end if that is one. After a 423 a refresh is due at once.
    pub fn handle_response(&mut self, now: Instant, response: &Response) -> Option<End> {
        self.is_asking = false;
        if self.state == State::Terminated {
            return None;
        }
        let status = response.status;
        if status.is_success() {
            self.is_raised = false;
            let granted = response.headers.expires().ok().flatten();
            self.last(now, granted.or(self.wanted_s).unwrap_or(UNSAID_S));
            return None;
        }
        if status == StatusCode::INTERVAL_TOO_BRIEF && self.obey(response) {
            self.refresh_at = Some(now);
            return None;
        }
        if self.state == State::NotifyWait || ends_usage(status) {
            return Some(self.end(End::Refused(status)));
        }
        self.retry(now);
        None
    }

    /// Whether a NOTIFY that came in the same dialog belongs to this subscription.
    pub fn is_for(&self, event: &Event) -> bool {
        let is_it = self.event.package.is_empty() || self.event.matches(event);
        self.state != State::Init && self.state != State::Terminated && is_it
    }

    /// Takes a NOTIFY [for](Self::is_for) this subscription, which may come before the response to the
    /// SUBSCRIBE. A state that no RFC names leaves the subscription as it was: active if it was, else pending.
    ///
    /// # Errors
    /// The status code to answer with when it is malformed; nothing has changed then.
    pub fn handle_notify(
        &mut self,
        now: Instant,
        notify: &Request,
    ) -> Result<Notified, StatusCode> {
        let state = notify
            .headers
            .subscription_state()
            .map_err(|_| StatusCode::BAD_REQUEST)?;
        let lasting = match state.substate {
            Substate::Terminated => {
                return Ok(Notified::Ended(self.end(End::Terminated(state))));
            }
            Substate::Active => State::Active,
            // Not the state that ends it; whether it is decided upon, it does not say.
            Substate::Other(_) if self.state == State::Active => State::Active,
            Substate::Other(_) => State::Pending,
            Substate::Pending => State::Pending,
        };
        self.state = lasting;
        if !self.is_last() || self.expires_at.is_none() {
            self.notify_due = None;
        }
        match state.expires {
            Some(seconds) => self.last(now, seconds),
            None if self.expires_at.is_none() => self.last(now, UNSAID_S),
            None => {}
        }
        Ok(match lasting {
            State::Pending => Notified::Pending,
            _ => Notified::Active,
        })
    }

    /// When [`handle_timeout`](Self::handle_timeout) is wanted.
    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.notify_due, self.refresh_at, self.expires_at]
            .into_iter()
            .flatten()
            .min()
    }

    /// Says what is due at `now`, if anything.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Due> {
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if is_due(self.notify_due) {
            return Some(Due::Ended(self.end(End::NoNotify)));
        }
        if is_due(self.expires_at) {
            return Some(Due::Ended(self.end(End::Expired)));
        }
        if is_due(self.refresh_at) {
            self.refresh_at = None;
            return (!self.is_asking).then_some(Due::Refresh);
        }
        None
    }

    /// What it is about.
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// Whether nothing follows any more.
    pub fn is_over(&self) -> bool {
        self.state == State::Terminated
    }

    /// Whether a SUBSCRIBE is out that has no final response.
    pub fn is_asking(&self) -> bool {
        self.is_asking
    }

    /// How long it lasts from `now` if it is not refreshed; `None`: it is not known yet.
    pub fn left(&self, now: Instant) -> Option<Duration> {
        let end = self.expires_at? - self.timer_n;
        Some(end.saturating_duration_since(now))
    }

    /// Whether the SUBSCRIBE that was written last, or the next one, ends it.
    fn is_last(&self) -> bool {
        self.wanted_s == Some(0)
    }

    /// Notes that the subscription lasts so long from now.
    fn last(&mut self, now: Instant, seconds: u32) {
        if seconds == 0 {
            return;
        }
        let lasting = Duration::from_secs(seconds.into());
        // The last NOTIFY is sent when the time is over, and has to come here yet.
        self.expires_at = Some(now + lasting + self.timer_n);
        let early = REFRESH_MARGIN.min(lasting / 2);
        let is_lasting = self.is_lasting && !self.is_last();
        self.refresh_at = is_lasting.then(|| now + lasting - early);
    }

    /// A failed refresh leaves what was granted before (RFC 6665 §4.1.2.2); in half of what is left of it, one
    /// may succeed.
    fn retry(&mut self, now: Instant) {
        let left = self.expires_at.map_or(Duration::ZERO, |end| {
            end.saturating_duration_since(now + self.timer_n)
        });
        if self.is_lasting && !self.is_last() && left >= LEAST_LEFT {
            self.refresh_at = Some(now + left / 2);
        }
    }

    /// Asks for what a 423 wants, once. False: it does not say, or was obeyed already.
    fn obey(&mut self, response: &Response) -> bool {
        match response.headers.min_expires() {
            Ok(Some(seconds)) if !self.is_raised && self.wanted_s.is_none_or(|s| seconds > s) => {
                self.is_raised = true;
                self.wanted_s = Some(seconds);
                true
            }
            _ => false,
        }
    }

    fn end(&mut self, end: End) -> End {
        self.state = State::Terminated;
        (self.notify_due, self.refresh_at, self.expires_at) = (None, None, None);
        end
    }
}
