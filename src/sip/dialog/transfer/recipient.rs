//! The side that is asked.

use std::time::Instant;

use super::super::subscription::{Durations, Notifier};
use super::{REFER, Refer};
use crate::sip::message::header::{EndReason, Event};
use crate::sip::message::{HeaderName, Request, Response, StatusCode, sipfrag};

/// Seconds that the subscription lasts. Longer than anyone lets a phone ring.
const DURATION_S: u32 = 300;
/// What a SUBSCRIBE of the peer may ask for.
const DURATIONS: Durations = Durations {
    default_s: DURATION_S,
    minimum_s: 10,
    maximum_s: 3600,
};

/// A REFER that we took, and the NOTIFYs that we owe for it.
///
/// The first says 100 (Trying), the last how the request ended (RFC 3515 §2.4.5); what comes between is told
/// as far as the NOTIFY before is answered. Without an end in time, the last tells how it stands.
#[derive(Debug, Clone)]
pub struct Referred {
    /// `None`: nobody wants to know.
    subscription: Option<Notifier>,
    status: StatusCode,
    reason: String,
}

impl Referred {
    /// Takes a REFER with this CSeq number. `is_first`: no other came before in its dialog; the NOTIFYs of
    /// others name theirs by it (RFC 3515 §2.4.6).
    pub fn new(now: Instant, refer: &Refer, cseq: u32, is_first: bool) -> Self {
        let event = Event::new(REFER);
        let event = match is_first {
            true => event,
            false => event.with_id(&cseq.to_string()),
        };
        let mut subscription = Notifier::new(now, event, DURATION_S);
        subscription.activate();
        Self {
            subscription: refer.wants_progress.then_some(subscription),
            status: StatusCode::TRYING,
            reason: StatusCode::TRYING.reason(),
        }
    }

    /// Writes what the 202 to the REFER has. The first NOTIFY is due then.
    pub fn write_answer(&mut self, now: Instant, response: &mut Response) {
        match &mut self.subscription {
            Some(subscription) => subscription.write_answer(now, response),
            None => response.headers.set(HeaderName::ReferSub, "false"),
        }
    }

    /// The request that was asked for got this response, or what stands for one. What comes after a final
    /// one is not told.
    pub fn progress(&mut self, status: StatusCode, reason: &str) {
        if self.status.is_final() {
            return;
        }
        self.status = status;
        self.reason = reason.to_owned();
        let Some(subscription) = &mut self.subscription else {
            return;
        };
        match status.is_final() {
            true => subscription.terminate(EndReason::Noresource, None),
            false => subscription.change(),
        }
    }

    /// Whether a NOTIFY is to be sent now; if so, [`write_notify`](Self::write_notify) one.
    pub fn wants_notify(&self) -> bool {
        let subscription = self.subscription.as_ref();
        subscription.is_some_and(Notifier::wants_notify)
    }

    /// Writes headers and body of a NOTIFY, and takes it for sent.
    pub fn write_notify(&mut self, now: Instant, request: &mut Request) {
        let Some(subscription) = &mut self.subscription else {
            return;
        };
        subscription.write_notify(now, request);
        self.write_body(request);
    }

    /// The dialog is about to end: writes headers and body of the last NOTIFY, which tells how the request
    /// stands, and takes it for sent. False: none is owed.
    pub fn write_last_notify(&mut self, request: &mut Request) -> bool {
        let is_due = self.subscription.as_mut().is_some_and(|subscription| {
            subscription.write_last_notify(EndReason::Noresource, request)
        });
        if is_due {
            self.write_body(request);
        }
        is_due
    }

    fn write_body(&self, request: &mut Request) {
        let content_type = sipfrag::CONTENT_TYPE;
        request.headers.set(HeaderName::ContentType, content_type);
        request.body = sipfrag::write(self.status, &self.reason);
    }

    /// Takes the status of a final response to a NOTIFY, or what stands for one.
    pub fn handle_notify_response(&mut self, status: StatusCode) {
        if let Some(subscription) = &mut self.subscription {
            subscription.handle_response(status);
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is wanted.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.subscription.as_ref()?.poll_timeout()
    }

    /// Ends a subscription that expires.
    pub fn handle_timeout(&mut self, now: Instant) {
        if let Some(subscription) = &mut self.subscription {
            subscription.handle_timeout(now);
        }
    }

    /// Whether NOTIFYs are wanted.
    pub fn is_watched(&self) -> bool {
        self.subscription.is_some()
    }

    /// Whether [`progress`](Self::progress) still means something: neither an end nor the time has been
    /// told.
    pub fn is_open(&self) -> bool {
        let is_heard = self.subscription.is_none() || self.poll_timeout().is_some();
        !self.status.is_final() && is_heard
    }

    /// Whether a SUBSCRIBE of the peer is about this REFER.
    pub fn is_for(&self, event: &Event) -> bool {
        let subscription = self.subscription.as_ref();
        subscription.is_some_and(|subscription| subscription.is_for(event))
    }

    /// Takes a SUBSCRIBE [for](Self::is_for) this REFER, and gives the answer without its context: the time that it
    /// lasts, or why it is refused. A NOTIFY is due then.
    pub fn handle_subscribe(&mut self, now: Instant, request: &Request) -> Response {
        let Some(subscription) = &mut self.subscription else {
            return Response::new(StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST);
        };
        match subscription.handle_subscribe(&DURATIONS, request) {
            Ok(()) => {
                let mut response = Response::new(StatusCode::OK);
                subscription.write_answer(now, &mut response);
                response
            }
            Err(refusal) => {
                let mut response = Response::new(refusal.status());
                refusal.write(&mut response);
                response
            }
        }
    }

    /// The subscription, for SUBSCRIBEs of the peer.
    pub fn subscription(&mut self) -> Option<&mut Notifier> {
        self.subscription.as_mut()
    }

    /// Whether nothing more is to be told.
    pub fn is_over(&self) -> bool {
        match &self.subscription {
            Some(subscription) => subscription.is_over(),
            None => self.status.is_final(),
        }
    }
}
