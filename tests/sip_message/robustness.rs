//! What an attacker or a broken peer might send.

use std::fs;
use std::path::Path;

use bytes::Bytes;
use muleteer::sip::message::{
    MAX_ELEMENTS, MAX_HEADERS, MAX_MESSAGE_BYTES, MAX_PARAMS, Message, NameAddr, ParseError,
};

use super::{INVITE, parse};

/// All torture messages and the INVITE.
pub fn corpus() -> Vec<Bytes> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/torture");
    let mut paths: Vec<_> = ["rfc4475", "rfc5118"]
        .iter()
        .flat_map(|rfc| fs::read_dir(folder.join(rfc)).unwrap())
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert_eq!(paths.len(), 49 + 12);
    let torture = paths.iter().map(|path| fs::read(path).unwrap().into());
    torture.chain([Bytes::from_static(INVITE)]).collect()
}

#[test]
fn what_is_written_of_a_torture_message_is_read_as_the_message_was() {
    let mut read = 0;
    for bytes in corpus() {
        if let Ok(message) = parse(bytes) {
            read += 1;
            assert_eq!(parse(message.to_bytes()).unwrap(), message);
        }
    }
    assert_eq!(read, 41);
}

#[test]
fn a_message_cut_anywhere_is_refused() {
    for end in 0..INVITE.len() {
        assert!(parse(&INVITE[..end]).is_err(), "{end}");
    }
    for message in corpus() {
        for end in 0..message.len() {
            let _ = parse(message.slice(..end));
        }
    }
}

#[test]
fn a_flood_of_headers_is_refused_with_400() {
    let invite = std::str::from_utf8(INVITE).unwrap();
    let with_headers = |lines: usize| {
        let flood = format!(
            "Content-Type: application/sdp\r\n{}",
            "X: y\r\n".repeat(lines)
        );
        parse(invite.replacen("Content-Type: application/sdp\r\n", &flood, 1))
    };
    let present = 9;
    assert!(with_headers(MAX_HEADERS - present).is_ok());
    let bad = with_headers(MAX_HEADERS - present + 1).unwrap_err();
    assert_eq!(bad.error, ParseError::TooManyHeaders);
    assert_eq!(bad.answer.unwrap().status.code(), 400);
    assert_eq!(
        with_headers(9_000).unwrap_err().error,
        ParseError::TooManyHeaders
    );
}

#[test]
fn a_value_past_the_limit_of_parameters_is_refused() {
    let with_params = |count: usize| NameAddr::parse(&format!("<sip:a@x>{}", ";p=1".repeat(count)));
    assert!(with_params(MAX_PARAMS).is_ok());
    let error = with_params(MAX_PARAMS + 1).unwrap_err();
    assert_eq!(error.expected, "fewer parameters");
}

#[test]
fn a_list_past_the_limit_of_elements_fails_alone() {
    let invite = std::str::from_utf8(INVITE).unwrap();
    let routes = |count: usize| {
        let list = vec!["<sip:a@x>"; count].join(",");
        let line = format!("Content-Type: application/sdp\r\nRoute: {list}\r\n");
        let text = invite.replacen("Content-Type: application/sdp\r\n", &line, 1);
        let Ok(Message::Request(request)) = parse(text) else {
            panic!("a request")
        };
        request.headers.routes()
    };
    assert_eq!(
        routes(MAX_ELEMENTS).map(|list| list.len()),
        Ok(MAX_ELEMENTS)
    );
    assert!(routes(MAX_ELEMENTS + 1).is_err());
}

#[test]
fn a_message_past_the_limit_is_refused_unread() {
    let mut message = INVITE.to_vec();
    message.resize(MAX_MESSAGE_BYTES, b' ');
    assert!(parse(message.clone()).is_ok());
    message.push(b' ');
    let bad = parse(message).unwrap_err();
    assert_eq!((bad.error, bad.answer), (ParseError::MessageTooLong, None));
}

#[test]
fn line_ends_alone_are_no_message() {
    for keep_alive in ["", "\r\n", "\r\n\r\n", "\n"] {
        let bad = parse(keep_alive).unwrap_err();
        assert_eq!((bad.error, bad.answer), (ParseError::Empty, None));
    }
}
