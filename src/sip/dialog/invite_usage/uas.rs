//! The UAS side: answers to the INVITE that began the call, its ACK and its CANCEL.

use bytes::Bytes;

use super::{
    Command, Due, Event, Exchange, InviteUsage, Line, Role, State, add_description, add_lines,
    description, set_reason,
};
use crate::sip::endpoint::TransactionId;
use crate::sip::message::{Request, Response, StatusCode};

impl InviteUsage {
    /// Sends a provisional response above 100 to the INVITE, reliably if the call has it so. `body` is
    /// what is [due](Self::due), or empty; an offer is left out of an unreliable response. Nothing
    /// is sent once the INVITE has its answer.
    pub fn progress(
        &mut self,
        status: StatusCode,
        reason: Option<&str>,
        headers: &[Line],
        body: Bytes,
    ) {
        let Role::Uas {
            transaction,
            invite,
        } = &self.role
        else {
            return;
        };
        if self.state != State::Inviting || self.held.is_some() {
            return;
        }
        let transaction = *transaction;
        let mut response = self.plain(invite, status);
        set_reason(&mut response, reason);
        self.put_capabilities(&mut response.headers);
        add_lines(&mut response.headers, headers);
        let is_reliable = self.reliable.is_used();
        if let Some(fork) = self.forks.current_mut().filter(|_| !body.is_empty()) {
            match (fork.exchange.due(), is_reliable) {
                (Due::Answer, true) => fork.exchange.complete(),
                (Due::Offer, true) => fork.exchange.send(),
                // A preview: the 2xx has the answer (RFC 3261 §13.2.1).
                (Due::Answer, false) => {}
                (Due::Offer, false) | (Due::Nothing, _) => {
                    return self.send_provisional(transaction, response);
                }
            }
            add_description(&mut response.headers, &mut response.body, body);
        }
        self.send_provisional(transaction, response);
    }

    fn send_provisional(&mut self, transaction: TransactionId, response: Response) {
        let response = match self.reliable.is_used() {
            true => self.reliable.send(response),
            false => Some(response),
        };
        if let Some(response) = response {
            self.is_announced = true;
            self.respond(transaction, response);
        }
    }

    /// Accepts the INVITE with 200; [`Event::Accepted`] tells when it goes out. That waits for the PRACK
    /// of a reliable response that had a session description (RFC 3262 §3). `body` is what is
    /// [due](Self::due).
    pub fn accept(&mut self, reason: Option<&str>, headers: &[Line], body: Bytes) {
        let Role::Uas { invite, .. } = &self.role else {
            return;
        };
        if self.state != State::Inviting || self.held.is_some() {
            return;
        }
        let mut response = self.plain(invite, StatusCode::OK);
        set_reason(&mut response, reason);
        self.put_capabilities(&mut response.headers);
        add_lines(&mut response.headers, headers);
        if let Some(fork) = self.forks.current_mut() {
            let due = fork.exchange.due();
            match due {
                Due::Answer => fork.exchange.complete(),
                Due::Offer => fork.exchange.send(),
                Due::Nothing => {}
            }
            // What a reliable response has told is not told again (RFC 6337 §3.1.1).
            if due != Due::Nothing {
                add_description(&mut response.headers, &mut response.body, body);
            }
        }
        self.held = Some(Box::new(response));
        self.send_held();
    }

    /// Sends the 2xx if nothing holds it back: a PRACK that is missing, or an offer in one or in an UPDATE
    /// that has no answer.
    pub(super) fn send_held(&mut self) {
        let Role::Uas { transaction, .. } = self.role else {
            return;
        };
        let is_asked = self.pending.is_some();
        if self.state != State::Inviting || self.reliable.holds_description() || is_asked {
            return;
        }
        let Some(response) = self.held.take() else {
            return;
        };
        self.reliable.finish();
        self.state = State::Accepted;
        if let Some(fork) = self.forks.current_mut() {
            fork.dialog.confirm();
        }
        self.respond(transaction, *response);
        self.events.push_back(Event::Accepted);
    }

    /// Refuses the INVITE, which ends the call.
    pub fn reject(&mut self, status: StatusCode, reason: Option<&str>, headers: &[Line]) {
        if self.state == State::Inviting && matches!(self.role, Role::Uas { .. }) {
            self.refuse_invite(status, reason, headers);
            self.terminate();
        }
    }

    /// The time that the caller gave its INVITE is over (RFC 3261 §13.3.1).
    pub fn expire(&mut self) {
        self.cancelled();
    }

    /// Takes the ACK of one of our 2xx. Nothing follows from one that comes after the end.
    pub fn handle_ack(&mut self, ack: &Request) {
        if self.state == State::Terminated {
            return;
        }
        let number = ack.headers.cseq().map(|cseq| cseq.number).ok();
        let mut is_awaited = false;
        if self.state == State::Accepted && number == self.invite_number() {
            self.state = State::Confirmed;
            is_awaited = true;
        } else if number.is_some() && number == self.unacknowledged.map(|(_, number)| number) {
            self.unacknowledged = None;
            is_awaited = true;
        }
        let brings_answer = is_awaited && self.is_offer_in_response();
        if let Some(fork) = self.forks.current_mut().filter(|_| brings_answer) {
            fork.exchange.complete();
            let fork = fork.id;
            let answer = description(&ack.headers, &ack.body);
            self.events.push_back(Event::Answer { fork, answer });
        }
        self.send_waiting();
        self.send_wanted_bye();
        self.send_next_change();
    }

    /// Takes the endpoint's word that a 2xx of ours was never acknowledged.
    pub fn handle_ack_timeout(&mut self) {
        if !self.is_established() {
            return;
        }
        self.state = State::Confirmed;
        self.events.push_back(Event::NoAck);
        self.bye_wanted = true;
        self.send_wanted_bye();
    }

    /// Takes the endpoint's word that a reliable provisional response was never acknowledged.
    pub fn handle_prack_timeout(&mut self) {
        if self.state == State::Inviting && matches!(self.role, Role::Uas { .. }) {
            self.refuse_invite(StatusCode::SERVER_TIME_OUT, None, &[]);
            self.events.push_back(Event::NoPrack);
            self.terminate();
        }
    }

    /// Takes a CANCEL that matched an INVITE of the peer, which had no final response then.
    pub fn handle_cancel(&mut self, transaction: TransactionId) {
        let reinvite = self
            .pending
            .take_if(|pending| pending.transaction == transaction);
        if let Some(pending) = reinvite {
            let status = StatusCode::REQUEST_TERMINATED;
            self.refuse(pending.transaction, &pending.request, status);
            if let Some(fork) = self.forks.get_mut(pending.fork) {
                fork.exchange.withdraw();
            }
            return self.send_next_change();
        }
        if matches!(self.role, Role::Uas { transaction: invite, .. } if invite == transaction) {
            self.cancelled();
        }
    }

    fn cancelled(&mut self) {
        if self.state == State::Inviting && matches!(self.role, Role::Uas { .. }) {
            self.refuse_invite(StatusCode::REQUEST_TERMINATED, None, &[]);
            self.events.push_back(Event::Cancelled);
            self.terminate();
        }
    }

    pub(super) fn refuse_invite(
        &mut self,
        status: StatusCode,
        reason: Option<&str>,
        headers: &[Line],
    ) {
        let Role::Uas {
            transaction,
            invite,
        } = &self.role
        else {
            return;
        };
        let transaction = *transaction;
        let mut response = self.plain(invite, status);
        set_reason(&mut response, reason);
        add_lines(&mut response.headers, headers);
        self.held = None;
        self.reliable.finish();
        self.respond(transaction, response);
    }

    /// Takes a PRACK (RFC 3262 §3): its RAck has to name what is out.
    pub(super) fn on_prack(&mut self, transaction: TransactionId, request: Request) {
        let Ok(rack) = request.headers.rack() else {
            return self.refuse(transaction, &request, StatusCode::BAD_REQUEST);
        };
        let invite = self.uas_transaction();
        let Some(invite) = invite.filter(|_| self.reliable.acknowledge(&rack)) else {
            let status = StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST;
            return self.refuse(transaction, &request, status);
        };
        self.commands.push_back(Command::Acknowledged {
            transaction: invite,
        });
        let body = description(&request.headers, &request.body);
        match self.is_offer_in_response() {
            true => {
                self.refuse(transaction, &request, StatusCode::OK);
                if let Some(fork) = self.forks.current_mut() {
                    fork.exchange.complete();
                    let fork = fork.id;
                    self.events.push_back(Event::Answer { fork, answer: body });
                }
            }
            false if body.is_empty() => self.refuse(transaction, &request, StatusCode::OK),
            false => self.on_offer(transaction, request, body),
        }
        while let Some(response) = self.reliable.next() {
            self.respond(invite, response);
        }
        self.send_held();
        self.send_next_change();
    }

    /// Whether an offer of ours is open that was in a response, so that PRACK or ACK brings the answer.
    fn is_offer_in_response(&self) -> bool {
        let exchange = self.forks.current().map(|fork| fork.exchange);
        matches!(exchange, Some(Exchange::Sent { .. })) && self.changes.offering().is_none()
    }

    pub(super) fn uas_transaction(&self) -> Option<TransactionId> {
        match self.role {
            Role::Uas { transaction, .. } => Some(transaction),
            Role::Uac { .. } => None,
        }
    }

    fn invite_number(&self) -> Option<u32> {
        self.invite().headers.cseq().ok().map(|cseq| cseq.number)
    }

    /// Whether a request of ours fits the early dialog: the peer knows it, and owes us no PRACK for a
    /// session description.
    pub(super) fn may_request_early(&self) -> bool {
        match self.role {
            Role::Uas { .. } => self.is_announced && !self.reliable.holds_description(),
            Role::Uac { .. } => self.forks.current().is_some(),
        }
    }
}
