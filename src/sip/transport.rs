//! Transport rules that need no socket: flows, the framing of stream transports (RFC 3261 §18.3) and
//! where a response goes (RFC 3261 §18.2, RFC 3581).
//!
//! A connection's owner feeds what it reads to a [`StreamFramer`] and gets whole messages and
//! keep-alives back; datagrams are messages already. Sending, connecting and resolving names are the
//! shell's.

use std::net::SocketAddr;

use bytes::{Buf, Bytes, BytesMut};
use memchr::memmem;

use crate::decimal::ip_text;
use crate::sip::message::{MAX_MESSAGE_BYTES, Transport, Via};
use crate::sip::transaction::Reliability;

/// Name of one stream connection, unique for the life of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(pub u64);

/// The transport association a message came by or goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Flow {
    /// UDP, TCP, TLS or WebSocket.
    pub transport: Transport,
    /// Our address, where the peer can send to; port 0 if nothing listens for that transport.
    pub local: SocketAddr,
    /// The peer's address.
    pub remote: SocketAddr,
    /// The connection of a stream transport. `None` over UDP, and over a stream transport when the
    /// shell is to use any connection to `remote` or to open one.
    pub connection: Option<ConnectionId>,
}

impl Flow {
    /// Returns whether the transport delivers what it accepts.
    pub fn reliability(&self) -> Reliability {
        match self.transport {
            Transport::Udp => Reliability::Unreliable,
            _ => Reliability::Reliable,
        }
    }
}

/// Bytes to send, and by which flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transmit {
    /// Where to.
    pub flow: Flow,
    /// One whole message.
    pub bytes: Bytes,
}

/// Port of UDP and TCP when none is written (RFC 3261 §19.1.2).
pub const DEFAULT_PORT: u16 = 5060;
/// Port of TLS when none is written (RFC 3261 §19.1.2).
pub const DEFAULT_TLS_PORT: u16 = 5061;

/// Returns the port that a Via or URI without one means for this transport (RFC 3261 §19.1.2, RFC 7118
/// §6).
pub fn default_port(transport: Transport) -> u16 {
    match transport {
        Transport::Tls | Transport::TlsSctp => DEFAULT_TLS_PORT,
        Transport::Ws => 80,
        Transport::Wss => 443,
        _ => DEFAULT_PORT,
    }
}

/// Writes into the topmost Via of a received request where it came from.
///
/// `received` is added when the sender's `sent-by` is not literally the source address, and always
/// when `rport` was asked for; `rport` gets the source port (RFC 3261 §18.2.1, RFC 3581 §4). What the
/// sender wrote into `received` itself is not believed. Returns whether `via` was changed.
pub fn stamp_via(via: &mut Via, source: SocketAddr) -> bool {
    let asked = via.wants_rport();
    if asked {
        via.params.set("rport", source.port().to_string());
    }
    if asked || via.host.ip() != Some(source.ip()) {
        via.params.set("received", ip_text(source.ip()));
        return true;
    }
    let claimed = via.params.contains("received");
    via.params.remove("received");
    claimed
}

/// Returns the flow for the responses to a request that came by `flow` with `via` on top.
///
/// A stream response goes back on its connection. A datagram goes to the source address, at the
/// source port when `rport` was asked for and else at the port of `sent-by` (RFC 3261 §18.2.2,
/// RFC 3581 §4). `maddr` is not followed: it would let anybody aim our responses at a third party.
pub fn response_flow(flow: Flow, via: &Via) -> Flow {
    if flow.reliability() == Reliability::Reliable || via.wants_rport() {
        return flow;
    }
    let port = via.port.unwrap_or(default_port(flow.transport));
    Flow {
        remote: SocketAddr::new(flow.remote.ip(), port),
        ..flow
    }
}

/// Longest start line and header section of a message on a stream, in bytes.
pub const MAX_HEADER_BYTES: usize = 32 * 1024;

/// One thing that a peer put on a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// One message, from its start line to the end of its body.
    Message(Bytes),
    /// A double CRLF: the peer asks for a single CRLF in return (RFC 5626 §3.5.1).
    Ping,
}

/// Why a stream cannot be read any further. The connection has to be closed: where the next message
/// begins is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FramingError {
    /// No end of the header section within [`MAX_HEADER_BYTES`], or within the limit of a message.
    #[error("header section is longer than allowed")]
    HeaderTooLong,
    /// Header section and body exceed the limit.
    #[error("message is longer than allowed")]
    MessageTooLong,
    /// Content-Length is mandatory on streams (RFC 3261 §18.3).
    #[error("message on a stream has no Content-Length")]
    NoContentLength,
    /// Content-Length is not a number, or there are several that differ.
    #[error("Content-Length cannot be trusted")]
    BadContentLength,
}

/// Cuts a byte stream into messages and keep-alives (RFC 3261 §18.3, RFC 5626 §3.5.1).
///
/// Holds at most its limit of an unfinished message beyond what the last `push` brought. Every byte is looked at once, however small the pieces are. Lines end with CRLF only.
#[derive(Debug)]
pub struct StreamFramer {
    /// Longest message.
    max_bytes: usize,
    buffer: BytesMut,
    /// Bytes at the start of `buffer` that hold no end of a header section.
    searched: usize,
    /// Length of the message at the start of `buffer`, once its header section is complete.
    message_len: Option<usize>,
    failed: Option<FramingError>,
}

impl Default for StreamFramer {
    /// With the highest limit, [`MAX_MESSAGE_BYTES`].
    fn default() -> Self {
        Self::new(MAX_MESSAGE_BYTES)
    }
}

impl StreamFramer {
    /// Takes messages of up to `max_bytes`, header section and body together.
    pub fn new(max_bytes: usize) -> Self {
        Self {
            max_bytes: max_bytes.min(MAX_MESSAGE_BYTES),
            buffer: BytesMut::new(),
            searched: 0,
            message_len: None,
            failed: None,
        }
    }

    /// Adds what was read from the connection. Call [`next_frame`](Self::next_frame) until `None`
    /// after each.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.failed.is_none() {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// Returns whether the stream stands between two messages; line ends there begin none.
    pub fn is_between_messages(&self) -> bool {
        b"\r\n\r\n".starts_with(&self.buffer)
    }

    /// Returns the next whole message or keep-alive, `None` when more bytes are needed.
    ///
    /// # Errors
    ///
    /// [`FramingError`] when the stream is beyond repair; every later call returns the same.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FramingError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.cut().inspect_err(|error| {
            self.failed = Some(*error);
            self.buffer = BytesMut::new();
        })
    }

    fn cut(&mut self) -> Result<Option<Frame>, FramingError> {
        if self.message_len.is_none() {
            if self.skip_line_ends() {
                return Ok(Some(Frame::Ping));
            }
            self.message_len = self.measure()?;
        }
        match self.message_len {
            Some(len) if self.buffer.len() >= len => {
                self.message_len = None;
                self.searched = 0;
                // Copied, so that a message kept for long does not keep the whole buffer.
                let message = Bytes::copy_from_slice(&self.buffer[..len]);
                self.buffer.advance(len);
                Ok(Some(Frame::Message(message)))
            }
            _ => Ok(None),
        }
    }

    /// Drops CRLFs between messages; returns whether it found a pair of them.
    ///
    /// A single CRLF is the answer to a ping of ours, or a stray line end (RFC 3261 §7.5); it is held
    /// back until it is clear that no second one follows.
    fn skip_line_ends(&mut self) -> bool {
        if self.buffer.starts_with(b"\r\n\r\n") {
            self.buffer.advance(4);
            return true;
        }
        let begun = self.buffer.len() < 4 && b"\r\n\r\n".starts_with(&self.buffer);
        if !begun && self.buffer.starts_with(b"\r\n") {
            self.buffer.advance(2);
        }
        false
    }

    /// Returns the length of the message at the start of the buffer when its header is complete.
    fn measure(&mut self) -> Result<Option<usize>, FramingError> {
        if b"\r\n\r\n".starts_with(&self.buffer) {
            return Ok(None);
        }
        let max_header = MAX_HEADER_BYTES.min(self.max_bytes);
        let window = &self.buffer[self.searched..self.buffer.len().min(max_header)];
        let Some(end) = memmem::find(window, b"\r\n\r\n") else {
            if self.buffer.len() >= max_header {
                return Err(FramingError::HeaderTooLong);
            }
            // The last three bytes may begin the blank line.
            self.searched = self.buffer.len().saturating_sub(3);
            return Ok(None);
        };
        let header_len = self.searched + end + 4;
        let body_len = content_length(&self.buffer[..header_len])?;
        let len = header_len.saturating_add(body_len);
        if len > self.max_bytes {
            return Err(FramingError::MessageTooLong);
        }
        Ok(Some(len))
    }
}

/// Finds the Content-Length of a header section, which ends with a blank line.
fn content_length(header: &[u8]) -> Result<usize, FramingError> {
    let mut found = None;
    for (name, value) in header_lines(header) {
        if !name.eq_ignore_ascii_case(b"content-length") && !name.eq_ignore_ascii_case(b"l") {
            continue;
        }
        let value = decimal(value).ok_or(FramingError::BadContentLength)?;
        if found.is_some_and(|earlier| earlier != value) {
            return Err(FramingError::BadContentLength);
        }
        found = Some(value);
    }
    found.ok_or(FramingError::NoContentLength)
}

/// Splits a header section into names and values, without the start line. A folded line belongs to
/// the value before it (RFC 3261 §7.3.1).
fn header_lines(header: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = match memmem::find(header, b"\r\n") {
        Some(end) => &header[end + 2..],
        None => &[][..],
    };
    std::iter::from_fn(move || {
        let mut end = memmem::find(rest, b"\r\n")?;
        while matches!(rest.get(end + 2), Some(b' ' | b'\t')) {
            end += 2 + memmem::find(&rest[end + 2..], b"\r\n")?;
        }
        let (line, tail) = rest.split_at(end);
        rest = &tail[2..];
        let colon = memchr::memchr(b':', line).unwrap_or(line.len());
        let value = line.get(colon + 1..).unwrap_or_default();
        Some((line[..colon].trim_ascii(), value))
    })
}

/// Reads `1*DIGIT` with white space around it. A number too long to hold is not one.
fn decimal(value: &[u8]) -> Option<usize> {
    let digits = value.trim_ascii();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests;
