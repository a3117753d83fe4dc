//! The end of the call: CANCEL, BYE, or the refusal of an INVITE (RFC 3261 §15).

use super::outgoing::{Purpose, Sent};
use super::{Command, Event, ForkId, InviteUsage, Line, RequestToken, Role, State, add_lines};
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
                self.state = State::Cancelling;
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
        self.state = State::Terminating;
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
