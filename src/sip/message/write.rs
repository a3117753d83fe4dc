//! Writing messages (RFC 3261 §7). Content-Length is always computed and written last; a body is
//! never looked at.

use std::fmt::{self, Write};

use bytes::{BufMut, Bytes, BytesMut};

use super::{HeaderName, Headers, Message, Request, Response};
use crate::decimal::write_number;

impl Message {
    /// The bytes of the message.
    pub fn to_bytes(&self) -> Bytes {
        match self {
            Self::Request(request) => request.to_bytes(),
            Self::Response(response) => response.to_bytes(),
        }
    }
}

impl Request {
    /// The bytes of the request.
    pub fn to_bytes(&self) -> Bytes {
        write_message(&self.headers, &self.body, |out| {
            out.write_str(self.method.as_str())?;
            write!(out, " {} SIP/2.0", self.uri)
        })
    }
}

impl Response {
    /// The bytes of the response.
    pub fn to_bytes(&self) -> Bytes {
        write_message(&self.headers, &self.body, |out| {
            out.write_str("SIP/2.0 ")?;
            write_number(out, self.status.code().into())?;
            out.write_str(" ")?;
            out.write_str(&self.reason)
        })
    }
}

fn write_message(
    headers: &Headers,
    body: &Bytes,
    start_line: impl FnOnce(&mut BytesMut) -> fmt::Result,
) -> Bytes {
    let lines: usize = headers
        .iter()
        .map(|(n, v)| n.as_str().len() + v.len() + 4)
        .sum();
    let mut out = BytesMut::with_capacity(START_LINE_GUESS + lines + body.len());
    // Writing into a growing buffer cannot fail.
    let _ = start_line(&mut out);
    // A reason phrase or URI made from a script must not begin a header.
    for byte in out.iter_mut().filter(|b| matches!(**b, b'\r' | b'\n')) {
        *byte = b' ';
    }
    out.put_slice(b"\r\n");
    for (name, value) in headers
        .iter()
        .filter(|(name, _)| **name != HeaderName::ContentLength)
    {
        out.put_slice(name.as_str().as_bytes());
        out.put_slice(b": ");
        out.put_slice(value);
        out.put_slice(b"\r\n");
    }
    out.put_slice(b"Content-Length: ");
    let _ = write_number(&mut out, body.len() as u64);
    out.put_slice(b"\r\n\r\n");
    out.put_slice(body);
    out.freeze()
}

/// `value`, an address or the like, as text: in memory that a usual one fits into, so that it does not grow.
pub fn to_text(value: &impl fmt::Display) -> String {
    let mut text = String::with_capacity(USUAL_VALUE_BYTES);
    // Writing into a String cannot fail.
    let _ = write!(text, "{value}");
    text
}

/// Room for a usual address.
const USUAL_VALUE_BYTES: usize = 64;

/// Room for the start line and Content-Length; longer ones cost one reallocation.
const START_LINE_GUESS: usize = 160;
