//! Requests of the peer inside the dialog.

use super::{ALLOW, Event, INFO_BODIES, InviteUsage, RETRY_AFTER_S, SDP, State};
use crate::sip::endpoint::TransactionId;
use crate::sip::message::{HeaderName, Method, Request, StatusCode, body};

impl InviteUsage {
    /// Whether a request of the peer, other than ACK and CANCEL, fits the dialog: its order is checked and its target taken over (RFC 3261
    /// §12.2.2). One that does not is answered.
    pub fn admit(&mut self, transaction: TransactionId, request: &Request) -> bool {
        let dialog = self.dialog.as_mut();
        let Some(dialog) = dialog.filter(|_| self.state != State::Terminated) else {
            let status = StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST;
            let response = self.plain(request, status);
            self.respond(transaction, response);
            return false;
        };
        if let Err(reject) = dialog.check(request) {
            let status = reject.status();
            let mut response = self.plain(request, status);
            if status == StatusCode::SERVER_INTERNAL_ERROR {
                response.headers.set(HeaderName::RetryAfter, RETRY_AFTER_S);
            }
            self.respond(transaction, response);
            return false;
        }
        true
    }

    /// Does what an [admitted](Self::admit) request asks for.
    pub fn handle_admitted(&mut self, transaction: TransactionId, request: Request) {
        if self.state == State::Terminated {
            // It ended while the request waited.
            let status = StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST;
            let response = self.plain(&request, status);
            return self.respond(transaction, response);
        }
        match request.method {
            Method::Bye => self.on_bye(transaction, &request),
            Method::Invite => self.on_reinvite(transaction, request),
            Method::Options => {
                let mut response = self.plain(&request, StatusCode::OK);
                response.headers.set(HeaderName::Allow, ALLOW);
                response.headers.set(HeaderName::Accept, SDP);
                self.respond(transaction, response);
            }
            Method::Info => self.on_info(transaction, &request),
            _ => {
                let mut response = self.plain(&request, StatusCode::METHOD_NOT_ALLOWED);
                response.headers.set(HeaderName::Allow, ALLOW);
                self.respond(transaction, response);
            }
        }
    }

    /// Answers an [admitted](Self::admit) request that somebody else has dealt with: with 200, but a
    /// new offer, to which that is no answer, with 488.
    pub fn confirm(&mut self, transaction: TransactionId, request: &Request) {
        let status = match request.method {
            Method::Invite => StatusCode::NOT_ACCEPTABLE_HERE,
            _ => StatusCode::OK,
        };
        let response = self.plain(request, status);
        self.respond(transaction, response);
    }

    /// Answers an [admitted](Self::admit) request that is not to be understood with 400.
    pub fn refuse_malformed(&mut self, transaction: TransactionId, request: &Request) {
        let response = self.plain(request, StatusCode::BAD_REQUEST);
        self.respond(transaction, response);
    }

    /// An INFO of which the session made nothing. One without a body asks whether the call is up; of
    /// Info Packages we take none (RFC 6086 §4.2.2).
    fn on_info(&mut self, transaction: TransactionId, request: &Request) {
        let mut response;
        if request.headers.text(&HeaderName::InfoPackage).is_some() {
            response = self.plain(request, StatusCode::BAD_INFO_PACKAGE);
            response.headers.set(HeaderName::RecvInfo, "");
        } else if request.body.is_empty() {
            response = self.plain(request, StatusCode::OK);
        } else {
            response = self.plain(request, StatusCode::UNSUPPORTED_MEDIA_TYPE);
            response.headers.set(HeaderName::Accept, INFO_BODIES);
        }
        self.respond(transaction, response);
    }

    fn on_bye(&mut self, transaction: TransactionId, request: &Request) {
        let response = self.plain(request, StatusCode::OK);
        self.respond(transaction, response);
        if let Some((pending, invite)) = self.reinvite.take() {
            let response = self.plain(&invite, StatusCode::REQUEST_TERMINATED);
            self.respond(pending, response);
        }
        if self.state == State::Inviting {
            self.refuse_invite(StatusCode::REQUEST_TERMINATED, None, &[]);
        }
        if self.state == State::Terminating {
            // Both sides hung up at once: ours needs no answer any more.
            return self.terminate();
        }
        let headers = request.headers.to_string();
        self.events.push_back(Event::RemoteHangup { headers });
        self.terminate();
    }

    fn on_reinvite(&mut self, transaction: TransactionId, request: Request) {
        // RFC 3261 §14.2: too early while an INVITE of the peer is unanswered.
        let status = match self.state {
            State::Inviting | State::Cancelling => Some(StatusCode::SERVER_INTERNAL_ERROR),
            State::Terminating | State::Terminated => {
                Some(StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST)
            }
            State::Accepted | State::Confirmed if self.reinvite.is_some() => {
                Some(StatusCode::SERVER_INTERNAL_ERROR)
            }
            State::Accepted | State::Confirmed => None,
        };
        if let Some(status) = status {
            let mut response = self.plain(&request, status);
            if status == StatusCode::SERVER_INTERNAL_ERROR {
                response.headers.set(HeaderName::RetryAfter, RETRY_AFTER_S);
            }
            return self.respond(transaction, response);
        }
        let Ok(offer) = body::part(&request.headers, &request.body, SDP) else {
            let mut response = self.plain(&request, StatusCode::UNSUPPORTED_MEDIA_TYPE);
            response.headers.set(HeaderName::Accept, SDP);
            return self.respond(transaction, response);
        };
        self.reinvite = Some((transaction, Box::new(request)));
        self.events
            .push_back(Event::Reinvite { transaction, offer });
    }
}
