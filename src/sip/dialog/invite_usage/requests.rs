//! Requests of the peer inside a dialog, early ones included.

use bytes::Bytes;
use rand::RngExt;

use super::{
    Event, Exchange, InviteUsage, Line, OfferId, Pending, Role, SDP, State, add_description,
    add_lines, has_offer, set_reason,
};
use crate::sip::dialog::capabilities::{ALLOW, accepted_bodies};
use crate::sip::endpoint::TransactionId;
use crate::sip::message::{HeaderName, Headers, Method, Request, StatusCode, body};

/// What may be in an INFO; the session reads it.
const INFO_BODIES: &str = "application/dtmf-relay, application/dtmf";
const DTMF_RELAY: &str = "application/dtmf-relay";

/// A peer that is too early is asked to wait for up to so many seconds (RFC 3261 §14.2, RFC 3311 §5.2).
const MAX_RETRY_AFTER_S: u32 = 10;

impl InviteUsage {
    /// Whether a request of the peer, other than ACK and CANCEL, fits a dialog of the call: its order is
    /// checked and its target taken over (RFC 3261 §12.2.2). One that does not is answered.
    pub fn admit(&mut self, transaction: TransactionId, request: &Request) -> bool {
        let is_over = self.state == State::Terminated;
        let status = match self.forks.of_request(request).filter(|_| !is_over) {
            None => StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST,
            Some(fork) => match fork.dialog.check(request) {
                Ok(()) => return self.admits_interval(transaction, request),
                Err(reject) => reject.status(),
            },
        };
        self.refuse(transaction, request, status);
        false
    }

    /// Does what an [admitted](Self::admit) request asks for.
    pub fn handle_admitted(&mut self, transaction: TransactionId, request: Request) {
        if self.state == State::Terminated {
            // It ended while the request waited.
            let status = StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST;
            return self.refuse(transaction, &request, status);
        }
        match request.method {
            Method::Bye => self.on_bye(transaction, &request),
            Method::Invite => self.on_reinvite(transaction, request),
            Method::Update => self.on_update(transaction, request),
            Method::Prack => self.on_prack(transaction, request),
            Method::Options => {
                let mut response = self.plain(&request, StatusCode::OK);
                self.put_capabilities(&mut response.headers);
                response.headers.set(HeaderName::Accept, SDP);
                self.respond(transaction, response);
            }
            Method::Info => self.on_info(transaction, &request),
            // Nobody follows it.
            Method::Refer => self.refuse(transaction, &request, StatusCode::DECLINE),
            _ => {
                let mut response = self.plain(&request, StatusCode::METHOD_NOT_ALLOWED);
                response.headers.set(HeaderName::Allow, ALLOW);
                self.respond(transaction, response);
            }
        }
    }

    /// Answers an [admitted](Self::admit) request that somebody else has dealt with: with 200, but a
    /// new offer, to which that is no answer, with 488, and a REFER, which that would promise to follow,
    /// with 603. A PRACK is the call's own business in any case.
    pub fn confirm(&mut self, transaction: TransactionId, request: Request) {
        let status = match request.method {
            Method::Prack => return self.handle_admitted(transaction, request),
            Method::Invite => StatusCode::NOT_ACCEPTABLE_HERE,
            Method::Refer => StatusCode::DECLINE,
            Method::Update if has_offer(&request) => StatusCode::NOT_ACCEPTABLE_HERE,
            _ => StatusCode::OK,
        };
        self.refuse(transaction, &request, status);
    }

    /// Answers an [admitted](Self::admit) request that somebody else deals with, now or later. Only for
    /// requests that change nothing in the call: not for INVITE, UPDATE, PRACK and BYE.
    pub fn reply(
        &mut self,
        transaction: TransactionId,
        request: &Request,
        status: StatusCode,
        reason: Option<&str>,
        headers: &[Line],
        body: Bytes,
    ) {
        let mut response = self.plain(request, status);
        set_reason(&mut response, reason);
        add_lines(&mut response.headers, headers);
        response.body = body;
        self.respond(transaction, response);
    }

    /// Answers an [admitted](Self::admit) request that is not to be understood with 400.
    pub fn refuse_malformed(&mut self, transaction: TransactionId, request: &Request) {
        self.refuse(transaction, request, StatusCode::BAD_REQUEST);
    }

    /// An INFO of which the session made nothing. One without a body, or with one that may be left aside,
    /// asks whether the call is up; of Info Packages we take none (RFC 6086 §4.2.2).
    fn on_info(&mut self, transaction: TransactionId, request: &Request) {
        if request.headers.text(&HeaderName::InfoPackage).is_some() {
            let mut response = self.plain(request, StatusCode::BAD_INFO_PACKAGE);
            response.headers.set(HeaderName::RecvInfo, "");
            return self.respond(transaction, response);
        }
        // Of several types that are understood any will do: what is of one has been read.
        match body::part(&request.headers, &request.body, DTMF_RELAY) {
            Ok(rest) if rest.is_empty() => self.refuse(transaction, request, StatusCode::OK),
            _ => self.refuse_body(transaction, request, INFO_BODIES),
        }
    }

    fn on_bye(&mut self, transaction: TransactionId, request: &Request) {
        self.refuse(transaction, request, StatusCode::OK);
        if matches!(self.role, Role::Uac { .. }) && !self.is_established() {
            if self.state == State::Terminating {
                // Both sides hung up at once: ours needs no answer any more.
                return self.terminate();
            }
            // The INVITE goes on: its final response is still to come (RFC 3261 §15).
            if let Some(fork) = self.forks.of_request(request) {
                fork.is_over = true;
            }
            return;
        }
        if let Some(pending) = self.pending.take() {
            let status = StatusCode::REQUEST_TERMINATED;
            self.refuse(pending.transaction, &pending.request, status);
        }
        if self.state == State::Inviting {
            self.refuse_invite(StatusCode::REQUEST_TERMINATED, None, &[]);
        }
        if self.state != State::Terminating {
            let headers = request.headers.clone();
            self.events.push_back(Event::RemoteHangup { headers });
        }
        self.terminate();
    }

    fn on_reinvite(&mut self, transaction: TransactionId, request: Request) {
        if let Some(status) = self.refusal_of_reinvite() {
            return self.refuse(transaction, &request, status);
        }
        let Some(offer) = self.readable(transaction, &request) else {
            return;
        };
        self.on_offer(transaction, request, offer);
    }

    /// RFC 3261 §14.2: too early while an INVITE of the peer is unanswered, and glare with one of ours.
    fn refusal_of_reinvite(&self) -> Option<StatusCode> {
        match self.state {
            State::Inviting | State::Cancelling => Some(StatusCode::SERVER_INTERNAL_ERROR),
            State::Terminating | State::Terminated => {
                Some(StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST)
            }
            State::Accepted | State::Confirmed if self.pending.is_some() => {
                Some(StatusCode::SERVER_INTERNAL_ERROR)
            }
            State::Accepted | State::Confirmed => self
                .is_inviting_again()
                .then_some(StatusCode::REQUEST_PENDING),
        }
    }

    /// RFC 3311 §5.2. One without an offer moves the target, which has been done.
    fn on_update(&mut self, transaction: TransactionId, request: Request) {
        if self.state == State::Terminating {
            let status = StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST;
            return self.refuse(transaction, &request, status);
        }
        match self.readable(transaction, &request) {
            Some(offer) if offer.is_empty() => {
                let mut response = self.plain(&request, StatusCode::OK);
                self.put_capabilities(&mut response.headers);
                self.respond(transaction, response);
            }
            Some(offer) => self.on_offer(transaction, request, offer),
            None => {}
        }
    }

    /// The session description of a request; `None`: there is something else, which has been refused.
    fn readable(&mut self, transaction: TransactionId, request: &Request) -> Option<Bytes> {
        let offer = body::part(&request.headers, &request.body, SDP).ok();
        if offer.is_none() {
            self.refuse_body(transaction, request, SDP);
        }
        offer
    }

    /// RFC 3261 §8.2.3: says which types would be understood.
    fn refuse_body(&mut self, transaction: TransactionId, request: &Request, types: &str) {
        let mut response = self.plain(request, StatusCode::UNSUPPORTED_MEDIA_TYPE);
        add_lines(&mut response.headers, &accepted_bodies(types));
        self.respond(transaction, response);
    }

    /// An offer, or a re-INVITE that asks for ours. Refused while another is open.
    pub(super) fn on_offer(&mut self, transaction: TransactionId, request: Request, offer: Bytes) {
        let is_early = self.state == State::Inviting;
        let is_pending = self.pending.is_some();
        let Some(fork) = self.forks.of_request(&request) else {
            return;
        };
        let status = match fork.exchange {
            _ if is_pending => Some(StatusCode::SERVER_INTERNAL_ERROR),
            // The INVITE asked for our offer, and there is none yet.
            Exchange::New if is_early => Some(StatusCode::REQUEST_PENDING),
            exchange if offer.is_empty() => {
                (!exchange.is_idle()).then_some(StatusCode::REQUEST_PENDING)
            }
            _ => fork.exchange.receive().err(),
        };
        if let Some(status) = status {
            return self.refuse(transaction, &request, status);
        }
        let fork = fork.id;
        self.pending = Some(Pending {
            transaction,
            request: Box::new(request),
            fork,
        });
        let id = OfferId::Request(transaction);
        self.events.push_back(Event::Offer { id, fork, offer });
    }

    /// Answers the request with the offer by 200 and `body`.
    pub(super) fn answer_request(
        &mut self,
        transaction: TransactionId,
        body: Bytes,
        headers: &[Line],
    ) {
        let Some(pending) = self.take_pending(transaction) else {
            return;
        };
        let mut response = self.plain(&pending.request, StatusCode::OK);
        self.put_capabilities(&mut response.headers);
        add_lines(&mut response.headers, headers);
        add_description(&mut response.headers, &mut response.body, body);
        if let Some(fork) = self.forks.get_mut(pending.fork) {
            match fork.exchange.is_idle() {
                true => fork.exchange.send(),
                false => fork.exchange.complete(),
            }
        }
        if pending.request.method == Method::Invite {
            let number = number(&pending.request.headers);
            self.unacknowledged = number.map(|number| (transaction, number));
        }
        self.respond(transaction, response);
        self.send_held();
        self.send_next_change();
    }

    pub(super) fn decline_request(
        &mut self,
        transaction: TransactionId,
        status: StatusCode,
        headers: &[Line],
    ) {
        let Some(pending) = self.take_pending(transaction) else {
            return;
        };
        if pending.request.method == Method::Prack {
            // It has acknowledged what it had to, so its 200 is due. What it offers can then be refused with
            // the call only (RFC 3262 §3, RFC 6337 §3.2).
            self.refuse(transaction, &pending.request, StatusCode::OK);
            return match self.state {
                State::Inviting => self.reject(status, None, headers),
                _ => self.hang_up(),
            };
        }
        let mut response = self.plain(&pending.request, status);
        add_lines(&mut response.headers, headers);
        if let Some(fork) = self.forks.get_mut(pending.fork)
            && matches!(fork.exchange, Exchange::Received { .. })
        {
            fork.exchange.withdraw();
        }
        self.respond(transaction, response);
        self.send_next_change();
    }

    fn take_pending(&mut self, transaction: TransactionId) -> Option<Pending> {
        self.pending
            .take_if(|pending| pending.transaction == transaction)
    }

    pub(super) fn put_retry_after(&mut self, headers: &mut Headers) {
        let seconds = self.random.random_range(0..=MAX_RETRY_AFTER_S);
        headers.set(HeaderName::RetryAfter, seconds.to_string());
    }
}

fn number(headers: &Headers) -> Option<u32> {
    headers.cseq().ok().map(|cseq| cseq.number)
}
