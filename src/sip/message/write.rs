//! Writing messages (RFC 3261 §7). Content-Length is always computed and written last; a body is
//! never looked at.

use std::fmt::{Display, Write};

use bytes::{BufMut, Bytes, BytesMut};

use super::{HeaderName, Headers, Message, Request, Response};

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
        let start_line = format_args!("{} {} SIP/2.0", self.method, self.uri);
        write_message(start_line, &self.headers, &self.body)
    }
}

impl Response {
    /// The bytes of the response.
    pub fn to_bytes(&self) -> Bytes {
        let start_line = format_args!("SIP/2.0 {} {}", self.status, self.reason);
        write_message(start_line, &self.headers, &self.body)
    }
}

fn write_message(start_line: impl Display, headers: &Headers, body: &Bytes) -> Bytes {
    let lines: usize = headers
        .iter()
        .map(|(n, v)| n.as_str().len() + v.len() + 4)
        .sum();
    let mut out = BytesMut::with_capacity(START_LINE_GUESS + lines + body.len());
    // Writing into a growing buffer cannot fail.
    let _ = write!(out, "{start_line}");
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
    let _ = write!(out, "Content-Length: {}\r\n\r\n", body.len());
    out.put_slice(body);
    out.freeze()
}

/// Room for the start line and Content-Length; longer ones cost one reallocation.
const START_LINE_GUESS: usize = 160;
