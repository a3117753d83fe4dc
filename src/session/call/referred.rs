//! REFERs of the peer: being asked to call somebody else, and telling what comes of it (RFC 3515, RFC 4488).
//!
//! The call follows none by itself. An application takes one by a 2xx; from then on the call owes the peer
//! NOTIFYs, until the end is told, the subscription expires, or the call ends.

use std::time::Instant;

use bytes::Bytes;

use super::{Answer, Call};
use crate::sip::dialog::invite_usage::{Content, Line, RequestToken};
use crate::sip::dialog::transfer::{REFER, Refer, Referred};
use crate::sip::endpoint::TransactionId;
use crate::sip::message::{HeaderName, Headers, Method, Request, Response, StatusCode};

/// REFERs of one call whose end has not been told; of more, each gets 486. Nobody is moved to more places.
pub const MAX_REFERRED: usize = 4;

/// The REFERs of the peer in one call.
#[derive(Debug)]
pub(super) struct Taken {
    /// CSeq number of the first of the dialog, taken or not: its NOTIFYs do without an `id` (RFC 3515 §2.4.6).
    first: u32,
    /// In the order of their coming. At most one is not [watched](Referred::is_watched), the last of those.
    open: Vec<Open>,
}

#[derive(Debug)]
struct Open {
    referred: Referred,
    /// The NOTIFY that has no final response.
    notify: Option<RequestToken>,
}

impl Call {
    /// Whether an admitted request is no REFER, or one that may be taken. Another has its answer: 400 if it
    /// cannot be understood (RFC 3515 §2.4.2), 603 before the call is up, 486 if too many are open.
    pub fn admits_refer(&mut self, transaction: TransactionId, request: &Request) -> bool {
        if request.method != Method::Refer {
            return true;
        }
        let first = cseq(request);
        self.referred.get_or_insert_with(|| {
            let open = Vec::new();
            Box::new(Taken { first, open })
        });
        match self.examine(request) {
            Ok(_) => true,
            Err(status) => {
                self.refuse_refer(transaction, request, status);
                self.pump();
                false
            }
        }
    }

    /// Whether an admitted request is no SUBSCRIBE. Such a one has its answer: in a call, a peer may refresh or end
    /// the subscription that a REFER has made (RFC 3515 §2.4.4), and nothing else.
    pub fn admits_subscribe(
        &mut self,
        now: Instant,
        transaction: TransactionId,
        request: &Request,
    ) -> bool {
        if request.method != Method::Subscribe {
            return true;
        }
        let event = request.headers.event().ok();
        let open = self.referred.iter_mut().flat_map(|taken| &mut taken.open);
        let open = event.as_ref().and_then(|event| {
            let mut open = open.map(|open| &mut open.referred);
            open.find(|referred| referred.is_for(event))
        });
        let answer = match (open, event) {
            (Some(referred), _) => referred.handle_subscribe(now, request),
            // There was one, or there never is one without a REFER.
            (None, Some(event)) if event.package == REFER => {
                Response::new(StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST)
            }
            (None, _) => {
                let mut response = Response::new(StatusCode::BAD_EVENT);
                response.headers.set(HeaderName::AllowEvents, REFER);
                response
            }
        };
        let (status, headers) = (answer.status, lines(&answer.headers));
        self.usage
            .reply(transaction, request, status, None, &headers, Bytes::new());
        self.pump();
        false
    }

    /// Takes an [admitted](Self::admits_refer) REFER with a 2xx. The first NOTIFY follows at once, unless
    /// the peer wants none.
    ///
    /// # Errors
    /// The status that it got instead, for the call has changed since.
    pub(super) fn take_refer(
        &mut self,
        now: Instant,
        transaction: TransactionId,
        request: &Request,
        answer: Answer<'_>,
    ) -> Result<(), StatusCode> {
        let (status, reason, headers) = answer;
        let examined = self.examine(request);
        let (refer, taken) = match (examined, &mut self.referred) {
            (Ok(refer), Some(taken)) => (refer, taken),
            (examined, _) => {
                let status = examined.err().unwrap_or(StatusCode::DECLINE);
                self.refuse_refer(transaction, request, status);
                return Err(status);
            }
        };
        let cseq = cseq(request);
        let mut referred = Referred::new(now, &refer, cseq, taken.first == cseq);
        let mut response = Response::new(status);
        referred.write_answer(now, &mut response);
        let headers = [headers, &lines(&response.headers)].concat();
        if !referred.is_watched() {
            taken.open.retain(|open| open.referred.is_watched());
        }
        taken.open.push(Open {
            referred,
            notify: None,
        });
        let nothing = Bytes::new();
        self.usage
            .reply(transaction, request, status, reason, &headers, nothing);
        self.tell_referrer(now);
        Ok(())
    }

    /// Notes how the request stands that the latest REFER asks for whose end is not known; a final status is
    /// its end. [`tell_referrer`](Self::tell_referrer) sends it. False: there is no such REFER.
    pub fn refer_progress(&mut self, status: StatusCode, reason: &str) -> bool {
        let open = self.referred.iter_mut().flat_map(|taken| &mut taken.open);
        let latest = open.rev().find(|open| open.referred.is_open());
        let Some(latest) = latest else {
            return false;
        };
        latest.referred.progress(status, reason);
        true
    }

    /// Sends the NOTIFYs that are due. Call it at the end of each turn.
    pub fn tell_referrer(&mut self, now: Instant) {
        let Some(taken) = &mut self.referred else {
            return;
        };
        for open in &mut taken.open {
            if open.referred.wants_notify() {
                let mut notify = Request::new(Method::Notify, self.usage.invite().uri.clone());
                open.referred.write_notify(now, &mut notify);
                let (headers, content) = parts(notify);
                open.notify = self.usage.send_request(Method::Notify, &headers, content);
                if open.notify.is_none() {
                    open.referred
                        .handle_notify_response(StatusCode::REQUEST_TIMEOUT);
                }
            }
        }
        taken.open.retain(|open| !open.referred.is_over());
        self.pump();
    }

    /// Takes what became of a NOTIFY. A 481 or none at all ends its subscription (RFC 6665 §4.2.2).
    pub(super) fn on_notify_done(
        &mut self,
        token: RequestToken,
        outcome: &Result<Box<Response>, StatusCode>,
    ) {
        let open = self.referred.iter_mut().flat_map(|taken| &mut taken.open);
        for open in open.filter(|open| open.notify == Some(token)) {
            open.notify = None;
            let status = match outcome {
                Ok(response) => response.status,
                Err(_) => StatusCode::REQUEST_TIMEOUT,
            };
            open.referred.handle_notify_response(status);
        }
    }

    /// Ends all subscriptions while the dialog can still carry their last NOTIFYs.
    pub(super) fn close_referred(&mut self) {
        let Some(taken) = &mut self.referred else {
            return;
        };
        for mut open in taken.open.drain(..) {
            let mut notify = Request::new(Method::Notify, self.usage.invite().uri.clone());
            if open.referred.write_last_notify(&mut notify) {
                let (headers, content) = parts(notify);
                let sent = self.usage.send_request(Method::Notify, &headers, content);
                if sent.is_none() {
                    tracing::debug!("the end of a REFER cannot be told any more");
                }
            }
        }
    }

    /// When a subscription expires.
    pub(super) fn referred_timeout(&self) -> Option<Instant> {
        let open = self.referred.iter().flat_map(|taken| &taken.open);
        open.filter_map(|open| open.referred.poll_timeout()).min()
    }

    /// Ends the subscriptions that expire.
    pub(super) fn expire_referred(&mut self, now: Instant) {
        for open in self.referred.iter_mut().flat_map(|taken| &mut taken.open) {
            open.referred.handle_timeout(now);
        }
    }

    /// What a REFER asks for, or what it gets for an answer.
    fn examine(&self, request: &Request) -> Result<Refer, StatusCode> {
        let refer = Refer::read(request).map_err(|bad| bad.status())?;
        if self.usage.is_pending() {
            return Err(StatusCode::DECLINE);
        }
        if !self.usage.is_established() {
            return Err(StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST);
        }
        let open = self.referred.iter().flat_map(|taken| &taken.open);
        let watched = open.filter(|open| open.referred.is_watched()).count();
        match watched < MAX_REFERRED {
            true => Ok(refer),
            false => Err(StatusCode::BUSY_HERE),
        }
    }

    fn refuse_refer(&mut self, transaction: TransactionId, request: &Request, status: StatusCode) {
        self.usage
            .reply(transaction, request, status, None, &[], Bytes::new());
    }
}

fn cseq(request: &Request) -> u32 {
    request.headers.cseq().map_or(0, |cseq| cseq.number)
}

fn lines(headers: &Headers) -> Vec<Line> {
    let lines = headers.iter();
    let text = |value| String::from_utf8_lossy(value).into_owned();
    lines
        .map(|(name, value)| (name.clone(), text(value)))
        .collect()
}

/// What a NOTIFY has of its own, and its body.
fn parts(notify: Request) -> (Vec<Line>, Content) {
    let mut lines = lines(&notify.headers);
    let is_type = |(name, _): &mut Line| *name == HeaderName::ContentType;
    let content_type = lines.extract_if(.., is_type).map(|(_, value)| value);
    let content = Content {
        content_type: content_type.collect(),
        body: notify.body,
    };
    (lines, content)
}
