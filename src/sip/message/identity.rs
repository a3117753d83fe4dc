//! What tells a message from all others: the five headers that every message must have (RFC 3261 §8.1.1).

use std::borrow::Cow;

use bytes::Bytes;

use super::{CSeq, HeaderName, Headers, ParseError, SyntaxError, Via};

/// The headers that identify a message, read once: with this, nobody reads them again to find its transaction.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The topmost Via.
    pub via: Via,
    /// Call-ID.
    pub call_id: Bytes,
    /// The tag of From; of a response, empty if it has no value.
    pub from_tag: Option<String>,
    /// The tag of To, likewise.
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

    /// Checks what matters in requests alone: `tag-param = "tag" EQUAL token` (RFC 3261 §25.1). What nobody
    /// can tell from another would name a dialog. A response with such a tag is still the answer to its request.
    pub(super) fn check_tags(&self) -> Result<(), ParseError> {
        let tags = [
            (HeaderName::From, &self.from_tag),
            (HeaderName::To, &self.to_tag),
        ];
        match tags.into_iter().find(|(_, tag)| tag.as_deref() == Some("")) {
            Some((name, _)) => Err(ParseError::Header {
                name,
                source: SyntaxError {
                    offset: 0,
                    expected: "tag with a value",
                },
            }),
            None => Ok(()),
        }
    }
}
