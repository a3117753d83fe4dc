//! Requests outside dialogs that begin no call (RFC 3261 §8.2, §11).
//!
//! No application takes such a request yet, so none makes a session: each is answered here and forgotten.

use super::{Mailbox, Routed, Router};
use crate::sip::dialog::capabilities::ALLOW;
use crate::sip::dialog::invite_usage::SDP;
use crate::sip::endpoint::TransactionId;
use crate::sip::message::{HeaderName, Method, Request, Response, StatusCode};

/// Tells in a 501 that the method is known, and where it would be understood.
const IN_CALLS_ONLY: &str = "Not implemented outside calls";

impl<M: Mailbox> Router<M> {
    /// Answers a request without To tag that is no INVITE.
    pub(super) fn on_request_outside(
        &self,
        transaction: TransactionId,
        request: &Request,
    ) -> Routed {
        match request.method {
            Method::Options => self.answer_options(transaction, request),
            // These exist in a dialog only, and so this one belongs to a dialog that is not there (RFC 3261
            // §15.1.2, RFC 3262 §3, RFC 3311 §5.2, RFC 6086 §4.2.2, RFC 6665 §4.1.3).
            Method::Bye | Method::Prack | Method::Update | Method::Info | Method::Notify => {
                let status = StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST;
                self.refuse(transaction, request, status, None)
            }
            _ => self.refuse_outside(transaction, request),
        }
    }

    /// 404 where a call would get it too, else 501.
    fn refuse_outside(&self, transaction: TransactionId, request: &Request) -> Routed {
        if self.select(request).is_err() {
            return self.refuse(transaction, request, StatusCode::NOT_FOUND, None);
        }
        let (status, reason) = (StatusCode::NOT_IMPLEMENTED, Some(IN_CALLS_ONLY));
        let mut refusal = self.refuse(transaction, request, status, reason);
        if let Routed::Refuse(_, response) = &mut refusal {
            response.headers.push(HeaderName::Allow, ALLOW);
        }
        refusal
    }

    /// RFC 3261 §11.2: what an INVITE would find here. With no room for one the answer is 503, so that a
    /// balancer looks elsewhere.
    fn answer_options(&self, transaction: TransactionId, request: &Request) -> Routed {
        let limit = self.limits.options_sessions;
        let full = limit != 0 && self.calls >= limit;
        if self.draining || full {
            let status = StatusCode::SERVICE_UNAVAILABLE;
            let reason = if self.draining {
                "Server shutting down"
            } else {
                "Too many sessions"
            };
            return self.refuse(transaction, request, status, Some(reason));
        }
        let mut response = Response::answering(request, StatusCode::OK, None);
        let headers = &mut response.headers;
        headers.push(HeaderName::Allow, ALLOW);
        headers.push(HeaderName::Supported, self.supported.clone());
        headers.push(HeaderName::Accept, SDP);
        headers.push(HeaderName::AcceptEncoding, "identity");
        headers.push(HeaderName::AcceptLanguage, "en");
        // It may come as often as it likes: nothing has changed.
        Routed::Refuse(transaction, response)
    }
}
