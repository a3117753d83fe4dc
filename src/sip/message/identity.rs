//! What tells a message from all others: the five headers that every message must have (RFC 3261 §8.1.1).

use std::borrow::Cow;

use bytes::Bytes;

use super::{CSeq, Headers, ParseError, Via};

/// The headers that identify a message, read once: with this, nobody reads them again to find its transaction.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The topmost Via.
    pub via: Via,
    /// Call-ID.
    pub call_id: Bytes,
    /// The tag of From.
    pub from_tag: Option<String>,
    /// The tag of To.
    pub to_tag: Option<String>,
    /// CSeq.
    pub cseq: CSeq,
}

impl Identity {
    /// Reads the identifying headers, From and To as a whole.
    ///
    /// # Errors
    ///
    /// [`ParseError`] of the first that is missing or malformed, or, but for Via, there twice.
    pub(super) fn of(headers: &Headers) -> Result<Self, ParseError> {
        Ok(Self {
            via: headers.via()?,
            from_tag: headers.checked_from_tag()?.map(Cow::into_owned),
            to_tag: headers.checked_to_tag()?.map(Cow::into_owned),
            call_id: headers.call_id_bytes()?.clone(),
            cseq: headers.cseq()?,
        })
    }
}
