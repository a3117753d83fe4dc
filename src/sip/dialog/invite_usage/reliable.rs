//! Reliable provisional responses of a UAS (RFC 3262 §3).
//!
//! One is out at a time and the others wait for its PRACK. Repeating it is the endpoint's work.

use std::collections::VecDeque;

use rand::RngExt;
use rand::rngs::SmallRng;

use crate::sip::dialog::capabilities::{RELIABLE, ReliablePolicy};
use crate::sip::message::{HeaderName, Headers, Method, RAck, Response};

/// Provisional responses that may wait for the PRACK of the one before; more are not sent.
const MAX_WAITING: usize = 8;

/// The row of reliable responses to one INVITE.
#[derive(Debug)]
pub(super) struct Reliable {
    /// Whether provisional responses are reliable in this call.
    is_used: bool,
    /// CSeq number of the INVITE.
    invite: u32,
    /// The RSeq of the next one.
    next: u32,
    /// The one that is out.
    out: Option<Out>,
    waiting: VecDeque<Response>,
}

#[derive(Debug)]
struct Out {
    rseq: u32,
    is_described: bool,
}

impl Reliable {
    /// For an INVITE with these headers.
    pub(super) fn new(invite: &Headers, policy: ReliablePolicy, random: &mut SmallRng) -> Self {
        let is_used = policy != ReliablePolicy::Off && can_reliable(invite);
        Self {
            is_used,
            invite: invite.cseq().map_or(0, |cseq| cseq.number),
            // At most half of the range, so that no call comes to its end.
            next: random.random_range(1..1 << 30),
            out: None,
            waiting: VecDeque::new(),
        }
    }

    /// For a UAC, which sends none.
    pub(super) fn unused() -> Self {
        Self {
            is_used: false,
            invite: 0,
            next: 0,
            out: None,
            waiting: VecDeque::new(),
        }
    }

    pub(super) fn is_used(&self) -> bool {
        self.is_used
    }

    /// Takes a response to be sent reliably; gives it back numbered if it may go out now.
    pub(super) fn send(&mut self, response: Response) -> Option<Response> {
        if self.out.is_none() {
            return Some(self.number(response));
        }
        if self.waiting.len() < MAX_WAITING {
            self.waiting.push_back(response);
        }
        None
    }

    /// Takes the RAck of a PRACK. False: it acknowledges nothing that is out.
    pub(super) fn acknowledge(&mut self, rack: &RAck) -> bool {
        let matches = rack.cseq.method == Method::Invite
            && rack.cseq.number == self.invite
            && self
                .out
                .as_ref()
                .is_some_and(|out| out.rseq == rack.response);
        if matches {
            self.out = None;
        }
        matches
    }

    /// The next one that waited.
    pub(super) fn next(&mut self) -> Option<Response> {
        if self.out.is_some() {
            return None;
        }
        let response = self.waiting.pop_front()?;
        Some(self.number(response))
    }

    /// Whether a session description is out, or waits to be, without its PRACK: no 2xx may be sent
    /// before, and no offer made.
    pub(super) fn holds_description(&self) -> bool {
        self.out.as_ref().is_some_and(|out| out.is_described)
            || self
                .waiting
                .iter()
                .any(|response| !response.body.is_empty())
    }

    /// The final response goes out: what still waits is not sent any more (RFC 3262 §3). A PRACK for
    /// the one that is out is still good.
    pub(super) fn finish(&mut self) {
        self.waiting.clear();
    }

    fn number(&mut self, mut response: Response) -> Response {
        let headers = &mut response.headers;
        headers.push(HeaderName::Require, RELIABLE);
        headers.push(HeaderName::RSeq, self.next.to_string());
        self.out = Some(Out {
            rseq: self.next,
            is_described: !response.body.is_empty(),
        });
        self.next += 1;
        response
    }
}

/// Whether the sender of an INVITE understands reliable provisional responses.
pub fn can_reliable(invite: &Headers) -> bool {
    invite.has_option(&HeaderName::Require, RELIABLE)
        || invite.has_option(&HeaderName::Supported, RELIABLE)
}
