//! Messages on a stream: `Content-Length`, an empty line, JSON.

use std::io::{self, BufRead, Read};

use lsp_server::{ErrorCode, Message};
use serde_json::{Value, json};

/// The longest message that is read, in bytes. A document in JSON is at most some times its size.
const MAX_MESSAGE_BYTES: u64 = 64 << 20;
/// The longest header line.
const MAX_HEADER_BYTES: u64 = 4096;

/// What came out of a stream.
#[derive(Debug)]
pub enum Incoming {
    /// A message.
    Message(Message),
    /// Bytes that are no message, and what is to be said about them.
    Malformed(Value),
}

/// Reads one message; `None` at the end of the stream.
///
/// # Errors
///
/// The stream cannot be read, ends inside a message, or announces one that is longer than 64 MiB.
pub fn read(stream: &mut impl BufRead) -> io::Result<Option<Incoming>> {
    let mut length = None;
    loop {
        let mut line = Vec::new();
        stream.take(MAX_HEADER_BYTES).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Ok(None);
        }
        let line = String::from_utf8_lossy(&line);
        let line = line.trim();
        if !line.is_empty() {
            length = content_length(line).or(length);
            continue;
        }
        if let Some(length) = length {
            return body(stream, length).map(Some);
        }
    }
}

fn content_length(line: &str) -> Option<u64> {
    let (name, value) = line.split_once(':')?;
    let named = name.trim().eq_ignore_ascii_case("content-length");
    named.then(|| value.trim().parse().ok())?
}

fn body(stream: &mut impl BufRead, length: u64) -> io::Result<Incoming> {
    if length > MAX_MESSAGE_BYTES {
        let message = format!("a message of {length} bytes is too long");
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    let mut body = Vec::new();
    stream.take(length).read_to_end(&mut body)?;
    if body.len() as u64 != length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let value: Value = match serde_json::from_slice(&body) {
        Ok(value) => value,
        Err(error) => return Ok(malformed(ErrorCode::ParseError, &error)),
    };
    match serde_json::from_value(value) {
        Ok(message) => Ok(Incoming::Message(message)),
        Err(error) => Ok(malformed(ErrorCode::InvalidRequest, &error)),
    }
}

fn malformed(code: ErrorCode, error: &serde_json::Error) -> Incoming {
    let error = json!({"code": code as i32, "message": error.to_string()});
    Incoming::Malformed(json!({"jsonrpc": "2.0", "id": null, "error": error}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_message_is_answered_and_reading_goes_on() {
        let text = "Content-Length: 5\r\n\r\n{nope\
                    Content-Length: 2\r\nOther: x\r\n\r\n{}\
                    nonsense\r\ncontent-length:33\r\n\r\n{\"jsonrpc\":\"2.0\",\"method\":\"exit\"}";
        let mut stream = text.as_bytes();
        let code = |incoming| match incoming {
            Some(Incoming::Malformed(answer)) => answer["error"]["code"].as_i64(),
            other => panic!("{other:?}"),
        };
        assert_eq!(code(read(&mut stream).unwrap()), Some(-32700));
        assert_eq!(code(read(&mut stream).unwrap()), Some(-32600));
        let last = read(&mut stream).unwrap();
        assert!(matches!(
            last,
            Some(Incoming::Message(Message::Notification(_)))
        ));
        assert!(read(&mut stream).unwrap().is_none());
    }

    #[test]
    fn a_stream_that_ends_or_lies_is_an_error() {
        for text in [
            "Content-Length: 9\r\n\r\n{}",
            "Content-Length: 99999999999\r\n\r\n{}",
        ] {
            read(&mut text.as_bytes()).unwrap_err();
        }
    }
}
