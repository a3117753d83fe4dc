//! Our requests inside the dialog: how they are sent, and what their responses mean.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;

use super::failure::{Reach, reach};
use super::uac::is_challenge;
use super::{
    Change, Command, Event, ForkId, InviteUsage, Line, RequestToken, Role, State, add_lines,
};
use crate::sip::message::{HeaderName, Method, Request, Response, StatusCode};

/// Requests without final response that a session may have at a time, beside those that the call itself
/// needs. More than any script has a use for.
pub const MAX_REQUESTS: usize = 32;

/// Requests that may wait for their turn, most of them INFO: a long sequence of keys
/// ([`EVENT_QUEUE`](crate::rtp::EVENT_QUEUE)).
pub const MAX_WAITING: usize = 256;

/// A request that has no final response yet.
#[derive(Debug)]
pub(super) struct Sent {
    pub token: RequestToken,
    pub fork: ForkId,
    pub purpose: Purpose,
    /// As it was sent, for another try with credentials; `None` without any.
    pub request: Option<Box<Request>>,
    /// Challenges answered so far.
    pub answers: u8,
}

/// What a request is for.
#[derive(Debug)]
pub(super) enum Purpose {
    Bye,
    Prack,
    /// Re-INVITE or UPDATE.
    Change(Change),
    /// What the session asked for.
    Other(Method),
}

/// A request that waits for its turn: for the ACK of our 2xx, or, if it is an INFO, for the response to the one
/// before.
#[derive(Debug)]
pub(super) struct Waiting {
    token: RequestToken,
    method: Method,
    headers: Vec<Line>,
    body: Content,
}

/// A body and its type.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Content {
    /// Content-Type; none if empty.
    pub content_type: String,
    /// The bytes.
    pub body: Bytes,
}

impl InviteUsage {
    /// Sends a request in the current dialog, before the answer in the early one. [`Event::Done`] tells
    /// what became of it. INFO goes out one after the other (RFC 6086 §4.2.2 wants them in order), others at once,
    /// but none between our 2xx and its ACK: one that overtook the 2xx would find no dialog there, and its 481 would
    /// be the end of the call.
    ///
    /// `None`, and nothing is sent: there is no dialog that the peer knows, [`MAX_REQUESTS`] are open or
    /// [`MAX_WAITING`] waiting, or `method` is one of the call's own (INVITE, ACK, BYE, CANCEL, PRACK,
    /// UPDATE).
    pub fn send_request(
        &mut self,
        method: Method,
        headers: &[Line],
        body: Content,
    ) -> Option<RequestToken> {
        use Method::{Ack, Bye, Cancel, Invite, Prack, Update};
        let is_ours = matches!(method, Ack | Bye | Cancel | Invite | Prack | Update);
        if is_ours || !self.may_request() {
            return None;
        }
        let is_full = method != Method::Info && self.sent.len() >= MAX_REQUESTS;
        if is_full || self.waiting.len() >= MAX_WAITING {
            return None;
        }
        let token = self.new_token();
        self.waiting.push_back(Waiting {
            token,
            method,
            headers: headers.to_vec(),
            body,
        });
        self.send_waiting();
        Some(token)
    }

    fn may_request(&self) -> bool {
        match self.state {
            State::Inviting => self.may_request_early(),
            State::Accepted | State::Confirmed => true,
            State::Cancelling | State::Terminating | State::Terminated => false,
        }
    }

    fn send_other(
        &mut self,
        token: RequestToken,
        method: Method,
        headers: &[Line],
        Content { content_type, body }: Content,
    ) {
        let Some(fork) = self.forks.current_mut() else {
            return;
        };
        let mut request = fork.dialog.next_request(method.clone());
        let fork = fork.id;
        add_lines(&mut request.headers, headers);
        if !content_type.is_empty() {
            request.headers.push(HeaderName::ContentType, content_type);
        }
        request.body = body;
        self.send_as(token, fork, Purpose::Other(method), request);
    }

    /// Sends what waits and need not wait any more.
    pub(super) fn send_waiting(&mut self) {
        if self.state == State::Accepted || !self.may_request() {
            return;
        }
        let is_info = |sent: &Sent| matches!(sent.purpose, Purpose::Other(Method::Info));
        let mut is_info_open = self.sent.iter().any(is_info);
        let mut kept = VecDeque::new();
        while let Some(next) = self.waiting.pop_front() {
            let is_info = next.method == Method::Info;
            if is_info && is_info_open {
                kept.push_back(next);
                continue;
            }
            is_info_open |= is_info;
            self.send_other(next.token, next.method, &next.headers, next.body);
        }
        self.waiting = kept;
    }

    pub(super) fn send(&mut self, fork: ForkId, purpose: Purpose, request: Request) {
        let token = self.new_token();
        self.send_as(token, fork, purpose, request);
    }

    pub(super) fn send_as(
        &mut self,
        token: RequestToken,
        fork: ForkId,
        purpose: Purpose,
        mut request: Request,
    ) {
        let kept = self.digest.as_mut().map(|digest| {
            digest.authorize(&mut request);
            Box::new(request.clone())
        });
        self.sent.push(Sent {
            token,
            fork,
            purpose,
            request: kept,
            answers: 0,
        });
        self.put(token, fork, request);
    }

    fn put(&mut self, token: RequestToken, fork: ForkId, request: Request) {
        let Some(fork) = self.forks.get_mut(fork) else {
            return;
        };
        self.commands.push_back(Command::Request {
            token,
            request: Box::new(request),
            next_hop: Box::new(fork.dialog.next_hop().clone()),
        });
    }

    /// Takes a response to a request of ours.
    pub fn handle_response(&mut self, now: Instant, token: RequestToken, response: Response) {
        if matches!(self.role, Role::Uac { token: invite, .. } if invite == token) {
            return self.on_invite_response(response);
        }
        let Some(at) = self.sent.iter().position(|sent| sent.token == token) else {
            return;
        };
        if response.status.is_provisional() {
            return self.on_provisional(at, &response);
        }
        self.learn(&response);
        if is_challenge(response.status) && self.answer_challenge(at, &response) {
            return;
        }
        let sent = self.sent.swap_remove(at);
        if response.status.is_success()
            && let Some(fork) = self.forks.get_mut(sent.fork)
            && !matches!(sent.purpose, Purpose::Bye | Purpose::Prack)
            && let Err(error) = fork.dialog.handle_refresh(&response)
        {
            tracing::debug!(%error, "the target of the call stays as it was");
        }
        self.on_done(now, sent, Ok(response));
    }

    /// Takes the end of a client transaction without a final response: a timeout, or bytes that
    /// could not be sent. Counts as `408` (RFC 3261 §8.1.3.1).
    pub fn handle_no_response(&mut self, now: Instant, token: RequestToken, status: StatusCode) {
        if matches!(self.role, Role::Uac { token: invite, .. } if invite == token) {
            return self.on_invite_lost(status);
        }
        if let Some(at) = self.sent.iter().position(|sent| sent.token == token) {
            let sent = self.sent.swap_remove(at);
            self.on_done(now, sent, Err(status));
        }
    }

    /// A provisional response to a re-INVITE may be reliable; others mean nothing.
    fn on_provisional(&mut self, at: usize, response: &Response) {
        let sent = &self.sent[at];
        let fork = sent.fork;
        let is_invite = matches!(&sent.purpose, Purpose::Change(change) if change.is_invite());
        let rel = crate::sip::dialog::capabilities::RELIABLE;
        if !is_invite || !response.headers.has_option(&HeaderName::Require, rel) {
            return;
        }
        if let Some(answer) = self.take_reliable(fork, response)
            && !answer.is_empty()
        {
            self.events.push_back(Event::Answer { fork, answer });
        }
    }

    /// A response may tell the next nonce.
    pub(super) fn learn(&mut self, response: &Response) {
        if let Some(digest) = &mut self.digest {
            digest.learn(response);
        }
    }

    /// Sends the request again with an answer to the challenge, if there is one.
    fn answer_challenge(&mut self, at: usize, response: &Response) -> bool {
        let sent = &mut self.sent[at];
        let (Some(digest), Some(request)) = (self.digest.as_mut(), sent.request.as_mut()) else {
            return false;
        };
        let Some(fork) = self.forks.get_mut(sent.fork) else {
            return false;
        };
        if sent.answers >= super::MAX_ANSWERS {
            return false;
        }
        let mut again = request.clone();
        fork.dialog.renumber(&mut again);
        if digest.answer(&mut again, response).is_err() {
            return false;
        }
        sent.answers += 1;
        let (token, fork) = (sent.token, sent.fork);
        sent.request = Some(again.clone());
        self.put(token, fork, *again);
        true
    }

    /// Tells the session, and what follows from it for the call.
    pub(super) fn on_request_done(
        &mut self,
        token: RequestToken,
        method: Method,
        outcome: Result<Box<Response>, StatusCode>,
    ) {
        let is_good = matches!(&outcome, Ok(response) if response.status.is_success());
        // Of a NOTIFY, the use of the dialog is its subscription; only the end of the dialog reaches the call.
        let reach = reach(
            outcome
                .as_ref()
                .map_or_else(|status| *status, |response| response.status),
        );
        let is_own = method != Method::Notify || reach == Reach::Dialog;
        let kept = (!is_good && is_own).then(|| outcome.clone());
        self.events.push_back(Event::Done {
            token,
            method,
            outcome,
        });
        if let Some(outcome) = kept {
            self.judge(&outcome);
        }
    }

    fn on_done(&mut self, now: Instant, sent: Sent, outcome: Result<Response, StatusCode>) {
        let outcome = outcome.map(Box::new);
        match sent.purpose {
            Purpose::Bye => return self.terminate(),
            Purpose::Prack => self.judge(&outcome),
            Purpose::Change(change) => {
                return self.on_change_done(now, change, sent.token, sent.fork, outcome);
            }
            Purpose::Other(method) => self.on_request_done(sent.token, method, outcome),
        }
        self.send_waiting();
    }
}
