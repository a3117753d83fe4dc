//! Responses and the copying of headers into them.

use bytes::Bytes;

use super::{HeaderName, Headers, Request, StatusCode};

/// A response (RFC 3261 §7.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: StatusCode,
    /// The reason phrase; may be empty.
    pub reason: String,
    /// The headers, without Content-Length.
    pub headers: Headers,
    /// The body, as bytes.
    pub body: Bytes,
}

impl Response {
    /// A response with the usual reason phrase, without headers and body.
    pub fn new(status: StatusCode) -> Self {
        Self {
            status,
            reason: status.reason(),
            headers: Headers::with_capacity(TYPICAL_HEADERS),
            body: Bytes::new(),
        }
    }

    /// The response to `request` by the rules of §8.2.6: Via, From, To, Call-ID and CSeq are
    /// copied, Timestamp into a 100, Record-Route into what may create a dialog (101 to 299,
    /// §12.1.1). `to_tag` is added if To has none yet.
    pub fn answering(request: &Request, status: StatusCode, to_tag: Option<&str>) -> Self {
        let mut response = Self::new(status);
        response.copy_from(&request.headers, to_tag);
        if status == StatusCode::TRYING {
            response
                .headers
                .extend_from(&request.headers, &HeaderName::Timestamp);
        }
        if (101..300).contains(&status.code()) {
            response
                .headers
                .extend_from(&request.headers, &HeaderName::RecordRoute);
        }
        response
    }

    /// Copies what every response has from the headers of a request.
    pub(super) fn copy_from(&mut self, request: &Headers, to_tag: Option<&str>) {
        self.headers.extend_from(request, &HeaderName::Via);
        for name in COPIED {
            self.headers.copy_first(request, name);
        }
        if let Some(tag) = to_tag {
            self.add_to_tag(tag);
        }
    }

    /// Adds a tag to To, if it is there and has none yet.
    pub fn add_to_tag(&mut self, tag: &str) {
        let untagged = matches!(self.headers.to_tag(), Ok(None));
        if let (Some(to), true) = (self.headers.get(&HeaderName::To), untagged) {
            // Appended to the raw value, so that the rest is echoed byte by byte.
            let tagged = [to, b";tag=", tag.as_bytes()].concat();
            self.headers.set(HeaderName::To, tagged);
        }
    }
}

/// Room for the headers of a usual response.
const TYPICAL_HEADERS: usize = 12;

/// Headers of every response beside Via. A bad request may have several; one is echoed.
const COPIED: [HeaderName; 4] = [
    HeaderName::From,
    HeaderName::To,
    HeaderName::CallId,
    HeaderName::CSeq,
];
