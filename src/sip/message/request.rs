//! Requests.

use bytes::Bytes;

use super::{Headers, Method, Uri};

/// A request (RFC 3261 §7.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The Request-URI.
    pub uri: Uri,
    /// The headers, without Content-Length.
    pub headers: Headers,
    /// The body, as bytes.
    pub body: Bytes,
}

/// Room for the headers of a usual request.
const TYPICAL_HEADERS: usize = 12;

impl Request {
    /// A request without headers and body.
    pub fn new(method: Method, uri: impl Into<Uri>) -> Self {
        Self {
            method,
            uri: uri.into(),
            headers: Headers::with_capacity(TYPICAL_HEADERS),
            body: Bytes::new(),
        }
    }
}
