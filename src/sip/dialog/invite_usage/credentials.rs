//! Where answers to challenges come from (RFC 3261 §22.2, §22.3).

use std::fmt;

use crate::sip::message::{Request, Response};

/// Answers the challenges of one call.
pub trait Credentials: fmt::Debug + Send {
    /// Adds to `request`, which `response` refused with 401 or 407, what answers the challenge; the
    /// request has its new CSeq already. False if there is no answer, or this one has been tried.
    fn answer(&mut self, response: &Response, request: &mut Request) -> bool;
}

/// How often one request is sent again with an answer: two proxies and the UAS may each ask, and each
/// may find a nonce stale once.
pub(super) const MAX_ANSWERS: u8 = 6;
