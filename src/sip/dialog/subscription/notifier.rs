//! The side that is subscribed to.

use std::time::{Duration, Instant};

use super::{Durations, Refusal, ends_usage};
use crate::sip::message::header::{EndReason, Event, SubscriptionState, Substate};
use crate::sip::message::{HeaderName, Request, Response, StatusCode};

/// One subscription of the peer. See the module's documentation.
///
/// One NOTIFY is out at a time; what changes meanwhile is told by the next.
#[derive(Debug, Clone)]
pub struct Notifier {
    event: Event,
    substate: Substate,
    reason: Option<EndReason>,
    retry_after: Option<u32>,
    expires_at: Instant,
    /// The SUBSCRIBE that has no answer yet asked for so many seconds.
    unanswered: Option<u32>,
    /// There is something to notify of.
    is_wanted: bool,
    /// A NOTIFY has no final response.
    is_notifying: bool,
    /// Nothing is sent any more.
    is_over: bool,
}

impl Notifier {
    /// A subscription to `event` for `granted_s` seconds, as [`judge`](super::judge) gave them, pending
    /// until [`activate`](Self::activate). Answer the SUBSCRIBE by [`write_answer`](Self::write_answer).
    pub fn new(now: Instant, event: Event, granted_s: u32) -> Self {
        Self {
            event,
            substate: Substate::Pending,
            reason: None,
            retry_after: None,
            expires_at: now + Duration::from_secs(granted_s.into()),
            unanswered: Some(granted_s),
            is_wanted: false,
            is_notifying: false,
            is_over: false,
        }
    }

    /// Whether a SUBSCRIBE that came in the same dialog belongs to this subscription.
    pub fn is_for(&self, event: &Event) -> bool {
        self.substate != Substate::Terminated && self.event.matches(event)
    }

    /// Takes a SUBSCRIBE [for](Self::is_for) this subscription: it is refreshed, or ended with an Expires of
    /// 0. [`write_answer`](Self::write_answer) comes next.
    ///
    /// # Errors
    /// [`Refusal`] names the answer.
    pub fn handle_subscribe(
        &mut self,
        durations: &Durations,
        request: &Request,
    ) -> Result<(), Refusal> {
        if self.unanswered.is_some() {
            return Err(Refusal::Overlapping);
        }
        let asked = request.headers.expires().map_err(Refusal::Malformed)?;
        self.unanswered = Some(durations.grant(asked)?);
        Ok(())
    }

    /// Writes Expires of the 2xx to the last SUBSCRIBE. A NOTIFY is due then (RFC 6665 §4.2.1.2).
    pub fn write_answer(&mut self, now: Instant, response: &mut Response) {
        let Some(granted_s) = self.unanswered.take() else {
            return;
        };
        let value = granted_s.to_string();
        response.headers.set(HeaderName::Expires, value);
        self.expires_at = now + Duration::from_secs(granted_s.into());
        self.is_wanted = true;
        if granted_s == 0 {
            self.terminate(EndReason::Timeout, None);
        }
    }

    /// The subscription is accepted.
    pub fn activate(&mut self) {
        if self.substate == Substate::Pending {
            self.substate = Substate::Active;
            self.is_wanted = true;
        }
    }

    /// There is something to notify of.
    pub fn change(&mut self) {
        self.is_wanted |= self.substate != Substate::Terminated;
    }

    /// Ends the subscription, whether its last SUBSCRIBE was accepted or refused; one last NOTIFY says why.
    /// The first reason counts.
    pub fn terminate(&mut self, reason: EndReason, retry_after: Option<u32>) {
        if self.substate == Substate::Terminated {
            return;
        }
        self.substate = Substate::Terminated;
        self.reason = Some(reason);
        self.retry_after = retry_after;
        self.unanswered = None;
        self.is_wanted = true;
    }

    /// Whether a NOTIFY is to be sent now; if so, [`write_notify`](Self::write_notify) one.
    pub fn wants_notify(&self) -> bool {
        self.is_wanted && !self.is_notifying && !self.is_over && self.unanswered.is_none()
    }

    /// Writes Event and Subscription-State of a NOTIFY, and takes it for sent.
    pub fn write_notify(&mut self, now: Instant, request: &mut Request) {
        self.is_wanted = false;
        self.is_notifying = true;
        let mut state = SubscriptionState::new(self.substate.clone());
        match self.substate {
            Substate::Terminated => {
                state.reason = self.reason.clone();
                state.retry_after = self.retry_after;
            }
            Substate::Active | Substate::Pending | Substate::Other(_) => {
                let left = self.expires_at.saturating_duration_since(now).as_secs();
                state.expires = Some(u32::try_from(left).unwrap_or(u32::MAX));
            }
        }
        let headers = &mut request.headers;
        headers.set(HeaderName::Event, self.event.to_string());
        headers.set(HeaderName::SubscriptionState, state.to_string());
    }

    /// Ends the subscription and writes the last NOTIFY, even if the one before has no response: what
    /// carries it is about to end. False: the last one has been sent.
    pub fn write_last_notify(&mut self, reason: EndReason, request: &mut Request) -> bool {
        self.terminate(reason, None);
        let is_due = self.is_wanted && !self.is_over;
        if is_due {
            // The last one does not tell the time that is left.
            self.write_notify(self.expires_at, request);
        }
        is_due
    }

    /// Takes the status of a final response to our NOTIFY, or the 408 or 503 that stands for one that did
    /// not come. No answer ends the subscription (RFC 6665 §4.2.2).
    pub fn handle_response(&mut self, status: StatusCode) {
        self.is_notifying = false;
        let is_last = self.substate == Substate::Terminated && !self.is_wanted;
        if is_last || ends_usage(status) || status == StatusCode::REQUEST_TIMEOUT {
            self.substate = Substate::Terminated;
            self.is_over = true;
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is wanted.
    pub fn poll_timeout(&self) -> Option<Instant> {
        (self.substate != Substate::Terminated).then_some(self.expires_at)
    }

    /// Ends a subscription that was not refreshed in time.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.expires_at <= now {
            self.terminate(EndReason::Timeout, None);
        }
    }

    /// What it is about.
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// Whether nothing follows any more: the last NOTIFY is answered, or none can be sent.
    pub fn is_over(&self) -> bool {
        self.is_over
    }
}
