//! SIP messages: reading datagrams, typed headers, writing (RFC 3261 §7, §18.3, §19, §20, §25).
//!
//! Owns every name and grammar rule of a message: methods, status codes, header names with their
//! compact forms, URIs and the structured headers. [`Message::parse_datagram`] makes one pass over
//! the bytes; header values stay slices of the datagram and keep their raw bytes, so a wrong
//! byte in a Subject costs nothing. What every message must have (Via, From, To, Call-ID, CSeq) is
//! checked there; every other header is read on demand through [`Headers`] and fails alone.
//!
//! Driven by the endpoint (in) and by whoever sends (out). Does not know transactions, dialogs or
//! stream framing, and of bodies only which part is meant ([`body`]). `rsip` lends typed vocabulary ([`Transport`],
//! names of status codes); it never sees or makes bytes of the wire.

pub mod body;
mod error;
mod extension_headers;
pub mod header;
mod header_name;
mod headers;
mod host;
mod identity;
mod lex;
mod list;
mod method;
mod name_addr;
mod params;
mod parse;
mod request;
mod response;
pub mod sipfrag;
mod status_code;
mod uri;
mod uri_equivalence;
mod uri_headers;
mod write;

#[cfg(test)]
mod tests;

pub use error::{BadMessage, ParseError, SyntaxError};
pub use header::{CSeq, ContentDisposition, MediaType, RAck, Via};
pub use header_name::HeaderName;
pub use headers::{Headers, MAX_ELEMENTS};
pub use host::Host;
pub use identity::Identity;
pub use list::first_element;
pub use method::Method;
pub use name_addr::NameAddr;
pub use params::{MAX_PARAMS, Params};
pub use parse::{MAX_HEADERS, MAX_MESSAGE_BYTES};
pub use request::Request;
pub use response::Response;
pub use rsip::Transport;
pub use status_code::StatusCode;
pub use uri::{SipUri, TelUri, Uri};
pub use write::to_text;

/// One SIP message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A request, RFC 3261 §7.1.
    Request(Request),
    /// A response, RFC 3261 §7.2.
    Response(Response),
}

impl Message {
    /// The headers of either kind.
    pub fn headers(&self) -> &Headers {
        match self {
            Self::Request(request) => &request.headers,
            Self::Response(response) => &response.headers,
        }
    }
}
