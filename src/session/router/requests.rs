//! Requests outside dialogs that begin no call (RFC 3261 §8.2, §11).
//!
//! A method that `[requests]` gives to a diagram begins a session without audio; any other request is answered
//! here and forgotten.

use std::time::Instant;

use super::{Entry, Mailbox, Purpose, Routed, Router};
use crate::config::ApplicationSelector;
use crate::session::catalog::Application;
use crate::session::event::SessionId;
use crate::session::guard::Guard;
use crate::session::request::NewRequest;
use crate::sip::dialog::capabilities::{ALLOW, METHODS};
use crate::sip::dialog::invite_usage::SDP;
use crate::sip::dialog::transfer::REFER;
use crate::sip::endpoint::{TransactionId, not_served};
use crate::sip::message::{HeaderName, Method, Request, Response, StatusCode};
use crate::sip::transport::Flow;

/// Requests outside calls whose sessions are there at a time, where `[limits] sessions` sets no other limit. Picked
/// by feel: each takes some 10 KiB.
const MAX_SESSIONS: usize = 4096;

/// Which application takes requests outside calls, by their method.
pub type RequestSelectors = Vec<(Method, ApplicationSelector)>;

/// Tells in a 405 where the method would be taken.
const IN_CALLS_ONLY: &str = "Not allowed outside calls";

/// The methods of requests that are taken, where these are given to diagrams outside calls.
pub fn methods(requests: &RequestSelectors) -> Vec<Method> {
    let outside = requests.iter().map(|(method, _)| method);
    let outside = outside.filter(|method| !METHODS.contains(method));
    METHODS.iter().chain(outside).cloned().collect()
}

impl<M: Mailbox> Router<M> {
    /// Gives requests outside calls to applications from now on.
    pub fn set_requests(&mut self, requests: RequestSelectors) {
        self.requests = requests;
    }

    /// Allow, of requests outside calls.
    fn allow(&self) -> String {
        let more = self.requests.iter().map(|(method, _)| method.as_str());
        std::iter::once(ALLOW)
            .chain(more)
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// A request without To tag that is no INVITE.
    pub(super) fn on_request_outside(
        &mut self,
        now: Instant,
        transaction: TransactionId,
        request: Request,
        flow: Flow,
    ) -> Option<Routed> {
        let mut requests = self.requests.iter();
        let Some(taken) = requests.position(|(method, _)| *method == request.method) else {
            return Some(self.answer_outside(transaction, &request));
        };
        self.stats.requests_received.increment();
        if let Some(reason) = self.request_overload(now) {
            let status = StatusCode::SERVICE_UNAVAILABLE;
            return Some(self.refuse(transaction, &request, status, Some(reason)));
        }
        let selector = &self.requests[taken].1;
        let (name, application) = match self.select_by(selector, &request) {
            Ok((name, Application::Diagram(diagram))) => (name, diagram),
            Ok(_) => return Some(self.refuse_outside(transaction, &request)),
            Err(why) => {
                self.stats.requests_refused.no_application.increment();
                self.log_unknown(now, &request, &why);
                return Some(self.refuse(transaction, &request, StatusCode::NOT_FOUND, None));
            }
        };
        let guards_it = |guard: &Guard| guard.guards(&name);
        if let Some(refusal) = self.ask(now, transaction, &request, flow, guards_it) {
            return Some(refusal);
        }
        self.request_starts.count(now, self.limits.calls_per_second);
        Some(Routed::NewRequest(Box::new(NewRequest {
            id: SessionId(self.ids.tag().into()),
            transaction,
            request,
            flow,
            application,
        })))
    }

    /// Why no request outside calls is given to a diagram now, if so. The limits are those of calls; requests are
    /// counted apart, so that neither keeps the other out.
    fn request_overload(&mut self, now: Instant) -> Option<&'static str> {
        let refused = &self.stats.requests_refused;
        let most = match self.limits.sessions {
            0 => MAX_SESSIONS,
            sessions => sessions,
        };
        if self.draining {
            refused.shutdown.increment();
            Some("Server shutting down")
        } else if self.request_sessions >= most {
            refused.sessions.increment();
            Some("Too many sessions")
        } else if self
            .request_starts
            .is_full(now, self.limits.calls_per_second)
        {
            refused.calls_per_second.increment();
            Some("Too many requests per second")
        } else {
            None
        }
    }

    /// Adds the session of a request outside calls.
    pub fn insert_request(&mut self, id: SessionId, mailbox: M) {
        let entry = Entry {
            purpose: Purpose::Request,
            ..Entry::new(b"", mailbox)
        };
        self.sessions.insert(id, entry);
        self.request_sessions += 1;
    }

    /// Answers a request that no application takes.
    fn answer_outside(&self, transaction: TransactionId, request: &Request) -> Routed {
        match request.method {
            Method::Options => self.answer_options(transaction, request),
            // These exist in a dialog only, and so this one belongs to a dialog that is not there (RFC 3261
            // §15.1.2, RFC 3262 §3, RFC 3311 §5.2, RFC 6086 §4.2.2, RFC 6665 §4.1.3).
            Method::Bye | Method::Prack | Method::Update | Method::Info | Method::Notify => {
                let status = StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST;
                self.refuse(transaction, request, status, None)
            }
            // In calls, for what a REFER has begun. One that names no event is refused in the same way (RFC 3265
            // wants that of whoever does not take it for PINT, and RFC 6665 nothing else).
            Method::Subscribe => {
                let mut refusal = self.refuse(transaction, request, StatusCode::BAD_EVENT, None);
                if let Routed::Refuse(_, response) = &mut refusal {
                    response.headers.push(HeaderName::AllowEvents, REFER);
                }
                refusal
            }
            _ => self.refuse_outside(transaction, request),
        }
    }

    /// 404 where a call would get it too, else 405, for a REFER makes sense in a call only.
    fn refuse_outside(&self, transaction: TransactionId, request: &Request) -> Routed {
        if self.select(request).is_err() {
            return self.refuse(transaction, request, StatusCode::NOT_FOUND, None);
        }
        let status = not_served(&request.method);
        let reason = (status == StatusCode::METHOD_NOT_ALLOWED).then_some(IN_CALLS_ONLY);
        let mut refusal = self.refuse(transaction, request, status, reason);
        if let Routed::Refuse(_, response) = &mut refusal {
            response.headers.push(HeaderName::Allow, self.allow());
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
        headers.push(HeaderName::Allow, self.allow());
        headers.push(HeaderName::Supported, self.supported.clone());
        headers.push(HeaderName::Accept, SDP);
        headers.push(HeaderName::AcceptEncoding, "identity");
        headers.push(HeaderName::AcceptLanguage, "en");
        // It may come as often as it likes: nothing has changed.
        Routed::Refuse(transaction, response)
    }
}
