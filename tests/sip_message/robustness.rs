//! What an attacker or a broken peer might send.

use std::fs;
use std::path::Path;

use bytes::Bytes;
use muleteer::sip::message::{HeaderName, MAX_HEADERS, MAX_MESSAGE_BYTES, Message, ParseError};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use super::{INVITE, parse};

/// A few seconds in a debug build.
const MUTATIONS: usize = 20_000;

/// Bytes that mean something to the parser.
const DELIMITERS: &[u8] = b"\r\n \t:;,=<>\"\\@?/[]%\0\x80\xff0aA";

/// All torture messages and the INVITE.
fn corpus() -> Vec<Bytes> {
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

/// Damages a message in one to four places.
fn mutate(message: &mut Vec<u8>, donor: &[u8], rng: &mut StdRng) {
    for _ in 0..rng.random_range(1..=4) {
        let at = rng.random_range(0..=message.len());
        let end = message.len().min(at + rng.random_range(0..40));
        match rng.random_range(0..5) {
            0 => message.insert(at, *DELIMITERS.choose(rng).unwrap()),
            1 => drop(message.drain(at..end)),
            2 => message[at..end]
                .iter_mut()
                .take(1)
                .for_each(|byte| *byte = rng.random()),
            3 => {
                let part = message[at..end].to_vec();
                message.splice(at..at, part);
            }
            _ => {
                let from = rng.random_range(0..donor.len());
                let part = donor[from..].iter().take(40).copied();
                message.splice(at..end, part);
            }
        }
    }
}

/// Reads all that can be read.
fn read_everything(message: &Message) {
    let headers = message.headers();
    let _ = (
        headers.vias(),
        headers.contacts(),
        headers.routes(),
        headers.record_routes(),
    );
    let _ = (headers.max_forwards(), headers.content_type());
    let _ = headers.tokens(&HeaderName::Require).count();
    if let Message::Request(request) = message {
        assert!(request.uri.equivalent(&request.uri));
    }
}

#[test]
fn damaged_messages_are_read_or_refused_without_panic() {
    let corpus = corpus();
    let mut rng = StdRng::seed_from_u64(0x5150);
    let (mut read, mut answered) = (0, 0);
    for _ in 0..MUTATIONS {
        let mut bytes = corpus.choose(&mut rng).unwrap().to_vec();
        mutate(&mut bytes, corpus.choose(&mut rng).unwrap(), &mut rng);
        match parse(bytes) {
            Ok(message) => {
                read += 1;
                read_everything(&message);
                let written = message.to_bytes();
                assert_eq!(parse(written.clone()).unwrap(), message, "{written:?}");
            }
            Err(bad) => {
                answered += usize::from(bad.answer.is_some());
                let written = bad.answer.map(|answer| answer.to_bytes());
                assert!(written.is_none_or(|bytes| bytes.starts_with(b"SIP/2.0 ")));
            }
        }
    }
    // Both ways were gone often, or the mutations are too mild or too wild to prove anything.
    assert!(
        read > MUTATIONS / 10 && answered > MUTATIONS / 10,
        "{read} {answered}"
    );
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
