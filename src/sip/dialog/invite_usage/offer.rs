//! Who owes the session description in one dialog (RFC 3264 §4, RFC 6337 §2.2).
//!
//! | offer in | answer in |
//! |---|---|
//! | INVITE | reliable 1xx or 2xx, whichever has a description first |
//! | 2xx to an INVITE without | its ACK |
//! | reliable 1xx to an INVITE without | its PRACK |
//! | PRACK, UPDATE, re-INVITE | the 2xx to it |

use super::Due;
use crate::sip::message::StatusCode;

/// The state of the exchanges in one dialog; at most one offer is open at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exchange {
    /// Nobody has made an offer.
    New,
    /// The peer has; we owe the answer. `first`: there is no agreement to fall back to.
    Received { first: bool },
    /// We have; the peer owes the answer.
    Sent { first: bool },
    /// Each offer has its answer.
    Complete,
}

impl Exchange {
    /// Whether an offer may be made now, by either side (RFC 3264 §4).
    pub(super) fn is_idle(self) -> bool {
        matches!(self, Self::New | Self::Complete)
    }

    /// We make an offer.
    pub(super) fn send(&mut self) {
        let first = *self == Self::New;
        *self = Self::Sent { first };
    }

    /// The peer makes an offer, in another request than the INVITE that began the call.
    ///
    /// # Errors
    /// What it is refused with: 491 if it crosses ours, 500 if it comes while we owe an answer
    /// (RFC 3261 §14.2, RFC 3311 §5.2).
    pub(super) fn receive(&mut self) -> Result<(), StatusCode> {
        match self {
            Self::Sent { .. } => Err(StatusCode::REQUEST_PENDING),
            Self::Received { .. } => Err(StatusCode::SERVER_INTERNAL_ERROR),
            Self::New | Self::Complete => {
                let first = *self == Self::New;
                *self = Self::Received { first };
                Ok(())
            }
        }
    }

    /// The open offer has its answer.
    pub(super) fn complete(&mut self) {
        *self = Self::Complete;
    }

    /// The open offer was refused: all is as before.
    pub(super) fn withdraw(&mut self) {
        *self = match *self {
            Self::Received { first: true } | Self::Sent { first: true } => Self::New,
            Self::Received { .. } | Self::Sent { .. } => Self::Complete,
            idle => idle,
        };
    }

    /// What a response of ours to the INVITE is to carry.
    pub(super) fn due(self) -> Due {
        match self {
            Self::New => Due::Offer,
            Self::Received { .. } => Due::Answer,
            Self::Sent { .. } | Self::Complete => Due::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3264_4_at_most_one_offer_is_open() {
        let mut exchange = Exchange::New;
        assert_eq!(exchange.due(), Due::Offer);
        exchange.send();
        assert_eq!(exchange.receive(), Err(StatusCode::REQUEST_PENDING));
        exchange.complete();
        assert_eq!(exchange.receive(), Ok(()));
        assert_eq!(exchange.due(), Due::Answer);
        assert_eq!(exchange.receive(), Err(StatusCode::SERVER_INTERNAL_ERROR));
        exchange.withdraw();
        assert_eq!(exchange, Exchange::Complete);
    }

    #[test]
    fn a_refused_first_offer_leaves_nothing_agreed() {
        let mut exchange = Exchange::New;
        exchange.send();
        exchange.withdraw();
        assert_eq!(exchange, Exchange::New);
    }
}
