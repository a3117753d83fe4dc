//! The end of the call: CANCEL, BYE, or the refusal of an INVITE (RFC 3261 §15).

use std::time::Instant;

use super::outgoing::{Purpose, Sent};
use super::{
    Command, END_MARGIN, Event, ForkId, InviteUsage, Line, RequestToken, Role, State, add_lines,
};
use crate::sip::message::{Method, StatusCode};

impl InviteUsage {
    /// Ends the call in the way its state asks for: BYE (after the ACK, if that is missing),
    /// CANCEL, or 487 to an INVITE that was not answered (RFC 3261 §15).
    pub fn hang_up(&mut self) {
        self.hang_up_with(&[]);
    }

    /// The same with header lines in the BYE or 487.
    pub fn hang_up_with(&mut self, headers: &[Line]) {
        match (self.state, &self.role) {
            (State::Inviting, Role::Uas { .. }) => {
                self.reject(StatusCode::REQUEST_TERMINATED, None, headers);
            }
            (State::Inviting, Role::Uac { token, .. }) => {
                let invite = *token;
                self.begin_end(State::Cancelling);
                self.commands.push_back(Command::Cancel { invite });
            }
            (State::Accepted | State::Confirmed, _) => {
                self.bye_lines = headers.to_vec();
                self.bye_wanted = true;
                self.send_wanted_bye();
            }
            (State::Cancelling | State::Terminating | State::Terminated, _) => {}
        }
    }

    /// Gives up an INVITE of ours that nobody has answered for too long: it is cancelled, and its end is
    /// [`Event::NoResponse`] with 408.
    pub fn time_out(&mut self) {
        if self.state == State::Inviting && matches!(self.role, Role::Uac { .. }) {
            self.timed_out = true;
            self.hang_up();
        }
    }

    /// CANCEL or BYE goes out. Its transaction ends in time, but what tells of that may be lost.
    pub(super) fn begin_end(&mut self, state: State) {
        self.state = state;
        self.end_by = self.turn.map(|now| now + self.give_up + END_MARGIN);
    }

    /// Whether CANCEL or BYE is out.
    pub(super) fn is_ending(&self) -> bool {
        matches!(self.state, State::Cancelling | State::Terminating)
    }

    /// Ends a call whose end nobody has confirmed.
    pub(super) fn mind_end(&mut self, now: Instant) {
        if !self.is_ending() || self.end_by.is_none_or(|at| at > now) {
            return;
        }
        match self.state {
            State::Cancelling => self.on_invite_lost(StatusCode::REQUEST_TIMEOUT),
            _ => self.terminate(),
        }
    }

    pub(super) fn send_wanted_bye(&mut self) {
        if !self.bye_wanted || self.state != State::Confirmed {
            return;
        }
        if let Some(token) = self.ack_due {
            // Nobody answered the offer of its 2xx: without an answer then.
            return self.answer_in_ack(token, bytes::Bytes::new());
        }
        let Some(fork) = self.forks.current_mut() else {
            return;
        };
        let mut request = fork.dialog.next_request(Method::Bye);
        add_lines(&mut request.headers, &self.bye_lines);
        let fork = fork.id;
        self.begin_end(State::Terminating);
        if let Some(pending) = self.pending.take() {
            let status = StatusCode::REQUEST_TERMINATED;
            self.refuse(pending.transaction, &pending.request, status);
        }
        self.send(fork, Purpose::Bye, request);
    }

    /// Notes a BYE that is not of the current dialog, whose end is that of the call.
    pub(super) fn note_bye(&mut self, token: RequestToken) {
        self.sent.push(Sent {
            token,
            fork: ForkId(0),
            purpose: Purpose::Bye,
            request: None,
            answers: 0,
        });
    }

    pub(super) fn terminate(&mut self) {
        if self.state != State::Terminated {
            self.state = State::Terminated;
            self.waiting.clear();
            self.cancel_reinvite();
            self.events.push_back(Event::Ended);
        }
    }

    /// A re-INVITE of ours may have got a 100 and then nothing more: its transaction would wait for ever.
    fn cancel_reinvite(&mut self) {
        let is_open = |sent: &&Sent| match &sent.purpose {
            Purpose::Change(change) => change.method == Method::Invite,
            _ => false,
        };
        if let Some(Sent { token, .. }) = self.sent.iter().find(is_open) {
            let invite = *token;
            self.commands.push_back(Command::Cancel { invite });
        }
    }
}
