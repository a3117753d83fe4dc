//! What can be wrong with a message.

use thiserror::Error;

use super::{HeaderName, MAX_HEADERS, MAX_MESSAGE_BYTES, Response};

/// Why a message, or one header of it, cannot be read. The text has no byte of the peer in it,
/// so that it can go into a reason phrase.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ParseError {
    /// Nothing but line ends: a keep-alive (RFC 5626 §3.5.1), not a message.
    #[error("empty message")]
    Empty,
    #[error("message longer than {MAX_MESSAGE_BYTES} bytes")]
    #[allow(missing_docs)] // the error text says it
    MessageTooLong,
    #[error("more than {MAX_HEADERS} header lines")]
    #[allow(missing_docs)] // the error text says it
    TooManyHeaders,
    /// The message ends before the empty line that ends the headers.
    #[error("no empty line after the headers")]
    HeadersNotEnded,
    /// Neither a request line nor a status line.
    #[error("malformed start line")]
    StartLine,
    /// A SIP version that is not 2.0.
    #[error("only SIP/2.0 is supported")]
    Version,
    #[error("malformed Request-URI: {0}")]
    #[allow(missing_docs)] // the error text says it
    RequestUri(#[source] SyntaxError),
    /// A line with no colon or with a name that is not a token.
    #[error("malformed header line")]
    HeaderLine,
    /// A header that is mandatory, or was asked for, is not there.
    #[error("missing {0} header")]
    Missing(HeaderName),
    /// A header that may come once came more often.
    #[error("more than one {0} header")]
    Repeated(HeaderName),
    #[error("malformed {name} header: {source}")]
    #[allow(missing_docs)] // the error text says it
    Header {
        name: HeaderName,
        source: SyntaxError,
    },
    /// The CSeq names another method than the request line (RFC 3261 §8.1.1.5).
    #[error("CSeq method differs from the request line")]
    CSeqMethod,
    /// Content-Length promises more bytes than came (RFC 3261 §18.3).
    #[error("body shorter than Content-Length")]
    BodyTooShort,
}

/// A text does not follow its grammar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("expected {expected} at byte {offset}")]
pub struct SyntaxError {
    /// Where, in bytes from the start of the text that was given.
    pub offset: usize,
    /// What should have stood there.
    pub expected: &'static str,
}

/// A message that was refused.
#[derive(Debug, Clone, Error)]
#[error("{error}")]
pub struct BadMessage {
    /// What is wrong.
    #[source]
    pub error: ParseError,
    /// The 400 or 505 that answers it. `None` for a response, an ACK, or a request without Via; of
    /// From, To, Call-ID and CSeq the answer has those that came. A Via that could not be read is
    /// copied as it came, so the answer goes to where the request came from.
    pub answer: Option<Box<Response>>,
}
