//! The UAC side: the responses to our INVITE and the dialogs they make.

use bytes::Bytes;

use super::failure::{Reach, reach};
use super::fork::Turn;
use super::offer::Exchange;
use super::outgoing::Purpose;
use super::{
    Command, Due, Event, ForkId, InviteUsage, OfferId, RequestToken, Role, State, description,
};
use crate::sip::dialog::Dialog;
use crate::sip::dialog::capabilities::RELIABLE;
use crate::sip::dialog::farewell::Farewell;
use crate::sip::message::{CSeq, HeaderName, Headers, Method, RAck, Response, StatusCode};

impl InviteUsage {
    pub(super) fn on_invite_response(&mut self, response: Response) {
        self.learn(&response);
        if response.status.is_success() {
            self.on_invite_success(response);
        } else if response.status.is_provisional() {
            self.on_invite_progress(response);
        } else if !self.retry_invite(&response) {
            self.on_invite_failure(response);
        }
    }

    fn on_invite_failure(&mut self, response: Response) {
        if matches!(self.state, State::Inviting | State::Cancelling) {
            let status = StatusCode::REQUEST_TIMEOUT;
            self.events.push_back(match self.timed_out {
                true => Event::NoResponse { status },
                false => Event::Refused {
                    response: Box::new(response),
                },
            });
            self.terminate();
        }
    }

    /// Sends the INVITE again as `response` asks for: with an answer to its challenge (RFC 3261 §22.2), or
    /// with a longer session interval (RFC 4028 §7.3). Its ACK was sent by the transaction.
    fn retry_invite(&mut self, response: &Response) -> bool {
        let is_longer = self.state == State::Inviting && self.obeys_interval(response);
        let Role::Uac {
            token,
            invite,
            next_hop,
            answers,
        } = &mut self.role
        else {
            return false;
        };
        let is_open = self.state == State::Inviting;
        let is_asked = is_challenge(response.status) || is_longer;
        if !is_open || !is_asked || *answers >= super::MAX_ANSWERS {
            return false;
        }
        let Ok(CSeq { number, method }) = invite.headers.cseq() else {
            return false;
        };
        let number = number.wrapping_add(1);
        let cseq = CSeq { number, method }.to_string();
        let mut request = invite.clone();
        request.headers.set(HeaderName::CSeq, cseq);
        if is_longer {
            if let Some(refresh) = &self.refresh {
                refresh.write_to(&mut request);
            }
        } else {
            let answered = self
                .digest
                .as_mut()
                .map(|digest| digest.answer(&mut request, response));
            if !matches!(answered, Some(Ok(_))) {
                return false;
            }
        }
        *answers += 1;
        *invite = request.clone();
        let (token, next_hop) = (*token, next_hop.clone());
        self.forks.clear();
        self.commands.push_back(Command::Request {
            token,
            request,
            next_hop: Box::new(next_hop),
        });
        true
    }

    fn on_invite_progress(&mut self, response: Response) {
        let is_open = matches!(self.state, State::Inviting | State::Cancelling);
        if !is_open || response.status == StatusCode::TRYING {
            return;
        }
        let fork = self.early_fork(&response);
        let mut answer = description(&response.headers, &response.body);
        if response.headers.has_option(&HeaderName::Require, RELIABLE) {
            match fork.map(|fork| self.take_reliable(fork, &response)) {
                Some(Some(binding)) => answer = binding,
                // It will come again in its turn.
                Some(None) => return,
                None => answer = Bytes::new(),
            }
        } else if let Some(fork) = fork.and_then(|fork| self.forks.get_mut(fork))
            && fork.exchange.due() != Due::Nothing
        {
            // An offer in an unreliable response is none (RFC 3262 §5).
            answer = Bytes::new();
        }
        if self.state == State::Inviting {
            if let Some(fork) = fork {
                self.forks.set_current(fork);
            }
            self.events.push_back(Event::Progress {
                fork,
                response: Box::new(response),
                answer,
            });
            self.send_next_change();
        }
    }

    /// The early dialog of a provisional response, a new one if need be (RFC 3261 §12.1.2).
    fn early_fork(&mut self, response: &Response) -> Option<ForkId> {
        response.headers.to().ok()?.tag()?;
        if let Some(fork) = self.forks.of_response(response) {
            return Some(fork);
        }
        let dialog = Dialog::uac(self.invite(), response).ok()?;
        let exchange = self.exchange_of_invite();
        self.forks.add(dialog, exchange)
    }

    /// What our INVITE began in each of its dialogs.
    fn exchange_of_invite(&self) -> Exchange {
        match self.invite().body.is_empty() {
            true => Exchange::New,
            false => Exchange::Sent { first: true },
        }
    }

    /// Takes a reliable provisional response to an INVITE of ours, the first or a re-INVITE, and
    /// acknowledges it (RFC 3262 §4). Gives the answer it brings, perhaps empty; `None`: it has been here
    /// before or has come too early.
    pub(super) fn take_reliable(&mut self, id: ForkId, response: &Response) -> Option<Bytes> {
        let headers = &response.headers;
        let (rseq, cseq) = (headers.rseq().ok()?, headers.cseq().ok()?);
        let fork = self.forks.get_mut(id)?;
        let Turn::Next(response_number) = fork.turn(cseq.number, rseq) else {
            return None;
        };
        fork.dialog.handle_reliable(response);
        let rack = RAck {
            response: response_number,
            cseq,
        };
        let body = description(headers, &response.body);
        let due = fork.exchange.due();
        if due == Due::Offer && !body.is_empty() {
            fork.prack = Some(rack);
            // New, so it cannot be refused.
            let _ = fork.exchange.receive();
            let id = OfferId::Reliable(id);
            let (fork, offer) = (fork.id, body);
            self.events.push_back(Event::Offer { id, fork, offer });
            return Some(Bytes::new());
        }
        let mut answer = Bytes::new();
        if !body.is_empty() && matches!(fork.exchange, Exchange::Sent { .. }) {
            fork.exchange.complete();
            answer = body;
        }
        self.send_prack(id, &rack, Bytes::new());
        Some(answer)
    }

    pub(super) fn answer_in_prack(&mut self, id: ForkId, body: Bytes) {
        let Some(fork) = self.forks.get_mut(id) else {
            return;
        };
        let Some(rack) = fork.prack.take() else {
            return;
        };
        fork.exchange.complete();
        self.send_prack(id, &rack, body);
    }

    fn send_prack(&mut self, id: ForkId, rack: &RAck, body: Bytes) {
        let Some(fork) = self.forks.get_mut(id) else {
            return;
        };
        let mut request = fork.dialog.next_request(Method::Prack);
        request.headers.push(HeaderName::RAck, rack.to_string());
        super::add_description(&mut request.headers, &mut request.body, body);
        self.send(id, Purpose::Prack, request);
    }

    fn on_invite_success(&mut self, response: Response) {
        let Role::Uac { token, .. } = self.role else {
            return;
        };
        let is_first = matches!(self.state, State::Inviting | State::Cancelling);
        let fork = match is_first {
            true => self.confirmed_fork(&response),
            false => None,
        };
        let Some(id) = fork else {
            return self.end_other(token, response, is_first);
        };
        self.forks.confirm(id);
        self.note_interval(&response);
        let was_cancelled = self.state == State::Cancelling;
        self.state = State::Confirmed;
        let (is_over, exchange) = match self.forks.current() {
            Some(fork) => (fork.is_over, fork.exchange),
            None => return,
        };
        let body = description(&response.headers, &response.body);
        if is_over || was_cancelled {
            self.send_ack(token, Bytes::new());
            if is_over {
                let headers = Headers::new();
                self.events.push_back(Event::RemoteHangup { headers });
            }
            if self.timed_out {
                let status = StatusCode::REQUEST_TIMEOUT;
                self.events.push_back(Event::NoResponse { status });
            }
            // The answer crossed our CANCEL, or the peer answered in spite of its BYE: the call is up there, so
            // it has to be ended.
            return self.hang_up();
        }
        let response = Box::new(response);
        let mut answer = None;
        let mut offer = Bytes::new();
        match exchange {
            Exchange::Sent { .. } => answer = Some(body),
            Exchange::New => offer = body,
            Exchange::Received { .. } | Exchange::Complete => {}
        }
        if let Some(fork) = self.forks.current_mut() {
            match answer.is_some() {
                true => fork.exchange.complete(),
                false if !offer.is_empty() => {
                    // New, so it cannot be refused.
                    let _ = fork.exchange.receive();
                }
                false => {}
            }
        }
        if offer.is_empty() {
            self.send_ack(token, Bytes::new());
        }
        self.events.push_back(Event::Answered {
            fork: id,
            response,
            answer,
        });
        if !offer.is_empty() {
            self.ack_due = Some(token);
            let (id, fork) = (OfferId::Success(token), id);
            self.events.push_back(Event::Offer { id, fork, offer });
        }
        self.send_waiting();
        self.send_next_change();
    }

    /// The dialog of the first 2xx; `None` if it makes none that can be used.
    fn confirmed_fork(&mut self, response: &Response) -> Option<ForkId> {
        if let Some(id) = self.forks.of_response(response) {
            let fork = self.forks.get_mut(id)?;
            return fork.dialog.handle_success(response).ok().map(|()| id);
        }
        let dialog = Dialog::uac(self.invite(), response).ok()?;
        let exchange = self.exchange_of_invite();
        // The answer counts more than early dialogs, however many there are.
        if self.forks.add(dialog.clone(), exchange).is_none() {
            self.forks.clear();
            return self.forks.add(dialog, exchange);
        }
        self.forks.of_response(response)
    }

    /// A 2xx that is not the call: of another fork (RFC 3261 §13.2.2.4), or, if it is the first, one
    /// that cannot be used. Its dialog is acknowledged and ended.
    fn end_other(&mut self, token: RequestToken, response: Response, is_first: bool) {
        let farewell = Farewell::of(&response, Some(&self.invite().uri));
        if is_first {
            let status = StatusCode::SERVER_INTERNAL_ERROR;
            let mut refusal = Response::new(status);
            refusal.reason = "Unusable answer".to_owned();
            let response = Box::new(refusal);
            self.events.push_back(Event::Refused { response });
            self.begin_end(State::Terminating);
        }
        let Some(Farewell { ack, bye, next_hop }) = farewell else {
            if is_first {
                self.terminate();
            }
            return;
        };
        self.commands.push_back(Command::Ack {
            invite: token,
            request: Box::new(ack),
            next_hop: Box::new(next_hop.clone()),
        });
        let token = self.new_token();
        if is_first {
            self.note_bye(token);
        }
        self.commands.push_back(Command::Request {
            token,
            request: Box::new(bye),
            next_hop: Box::new(next_hop),
        });
    }

    /// Acknowledges the 2xx to our latest INVITE in the current dialog.
    pub(super) fn send_ack(&mut self, invite: RequestToken, body: Bytes) {
        let Some(fork) = self.forks.current_mut() else {
            return;
        };
        let mut request = fork.dialog.next_request(Method::Ack);
        if let Role::Uac {
            token,
            invite: ours,
            ..
        } = &self.role
            && *token == invite
        {
            // As in the INVITE, for proxies that asked (RFC 3261 §22.1).
            for name in [HeaderName::Authorization, HeaderName::ProxyAuthorization] {
                request.headers.extend_from(&ours.headers, &name);
            }
        }
        super::add_description(&mut request.headers, &mut request.body, body);
        let next_hop = fork.dialog.next_hop().clone();
        self.commands.push_back(Command::Ack {
            invite,
            request: Box::new(request),
            next_hop: Box::new(next_hop),
        });
    }

    pub(super) fn answer_in_ack(&mut self, token: RequestToken, body: Bytes) {
        if self.ack_due.take_if(|due| *due == token).is_none() {
            return;
        }
        if let Some(fork) = self.forks.current_mut() {
            fork.exchange.complete();
        }
        self.send_ack(token, body);
        self.send_wanted_bye();
        self.send_next_change();
    }

    /// The end of our INVITE without a final response.
    pub(super) fn on_invite_lost(&mut self, status: StatusCode) {
        if matches!(self.state, State::Inviting | State::Cancelling) {
            self.events.push_back(Event::NoResponse { status });
            self.terminate();
        }
    }

    /// What a failure in the dialog means for the call (RFC 5057 §5.1).
    pub(super) fn judge(&mut self, outcome: &Result<Box<Response>, StatusCode>) {
        let (status, reason, response) = match outcome {
            Ok(response) => (response.status, response.reason.clone(), Some(response)),
            // What could not be sent counts as a time-out (RFC 3261 §8.1.3.1).
            Err(cause) => (StatusCode::REQUEST_TIMEOUT, cause.reason(), None),
        };
        if reach(status) == Reach::Transaction {
            return;
        }
        if matches!(
            self.state,
            State::Inviting | State::Accepted | State::Confirmed
        ) {
            self.events.push_back(Event::RemoteDisappeared {
                status,
                reason,
                response: response.cloned(),
            });
            self.hang_up();
        }
    }
}

pub(super) fn is_challenge(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::UNAUTHORIZED | StatusCode::PROXY_AUTHENTICATION_REQUIRED
    )
}
