//! Damaged messages, streams and session descriptions: 200,000 in the ordinary run, the same ones in
//! every run.
//!
//! For a longer run, or for other ones:
//!
//! ```text
//! MULETEER_MUTANTS=20000000 MULETEER_SEED=7 cargo test --test main robustness::mutants
//! ```
//!
//! Nothing may panic or hang, and no nonsense may be accepted. Nonsense is
//! - what is read, written, and then not read as the same;
//! - a request without a readable Via, From, To, Call-ID or CSeq, whose CSeq names another method, or
//!   whose Request-URI has headers;
//! - an answer that a stream would not frame as the one message it is, that is much longer than what
//!   it answers, or that goes to another host;
//! - frames that depend on the pieces in which a stream came, or that are not on the stream.

use std::fmt::{Debug, Display};

use bytes::Bytes;
use muleteer::sdp::{MAX_MEDIA, SessionDescription};
use muleteer::sip::message::{
    ContentDisposition, HeaderName, Headers, MediaType, Message, NameAddr, Request, Transport, Uri,
    Via,
};
use muleteer::sip::transport::{Frame, FramingError, StreamFramer};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use crate::sip_endpoint::probe::Probe;
use crate::sip_message::robustness::corpus;

/// Mutants of the ordinary run: messages, streams and descriptions have the shares 3, 1 and 1.
const MUTANTS: usize = 200_000;

/// Bytes that mean something to a parser.
const DELIMITERS: &[u8] = b"\r\n \t:;,=<>\"\\@?/[]%\0\x80\xff0aA-*";

/// Words that do.
const PIECES: [&str; 28] = [
    "\r\n",
    "\r\n\r\n",
    "\r\n ",
    "\n",
    "\r",
    "99999999999999999999",
    "-1",
    "4294967296",
    "65536",
    "00",
    "Content-Length: 0\r\n",
    "l: 7\r\n",
    "Via: SIP/2.0/UDP a;branch=z9hG4bK1\r\n",
    "CSeq: 1 ACK\r\n",
    "t: <sip:a@b>\r\n",
    ";tag=1",
    ";rport",
    "\"",
    "<sip:",
    "[::1]",
    "%00",
    "SIP/2.0",
    "\u{fc}",
    "a=",
    "m=audio 1 RTP/AVP 0\r\n",
    "c=IN IP4 ",
    "/",
    "=",
];

fn mutants(share: usize) -> usize {
    let asked = std::env::var("MULETEER_MUTANTS")
        .ok()
        .and_then(|count| count.parse().ok());
    asked.unwrap_or(MUTANTS) * share / 5
}

fn rng(part: u64) -> StdRng {
    let asked = std::env::var("MULETEER_SEED")
        .ok()
        .and_then(|seed| seed.parse::<u64>().ok());
    StdRng::seed_from_u64(asked.unwrap_or(0x5150) ^ part << 32)
}

/// Damages `bytes` in one to four places.
fn mutate(bytes: &mut Vec<u8>, donor: &[u8], rng: &mut StdRng) {
    for _ in 0..rng.random_range(1..=4) {
        let at = rng.random_range(0..=bytes.len());
        let end = bytes.len().min(at + rng.random_range(0..40));
        match rng.random_range(0..7) {
            0 => bytes.insert(at, *DELIMITERS.choose(rng).unwrap()),
            1 => drop(bytes.drain(at..end)),
            2 => bytes[at..end]
                .iter_mut()
                .take(1)
                .for_each(|byte| *byte = rng.random()),
            3 => {
                let part = bytes[at..end].to_vec();
                bytes.splice(at..at, part);
            }
            4 => drop(bytes.splice(at..at, PIECES.choose(rng).unwrap().bytes())),
            5 => {
                // A line of its own, where lines are.
                let line = bytes[..at]
                    .iter()
                    .rposition(|byte| *byte == b'\n')
                    .map_or(0, |lf| lf + 1);
                drop(bytes.splice(line..line, PIECES.choose(rng).unwrap().bytes()));
            }
            _ => {
                let from = rng.random_range(0..donor.len());
                let part = donor[from..].iter().take(40).copied();
                bytes.splice(at..end, part);
            }
        }
    }
}

/// What can be read has to be written so that it is read again.
fn stands<T: Display + Debug + PartialEq, E: Debug + PartialEq>(
    values: impl IntoIterator<Item = T>,
    parse: impl Fn(&str) -> Result<T, E>,
) {
    for value in values {
        assert_eq!(parse(&value.to_string()), Ok(value));
    }
}

fn judge_headers(headers: &Headers) {
    stands(headers.vias().unwrap_or_default(), Via::parse);
    for list in [
        headers.contacts(),
        headers.routes(),
        headers.record_routes(),
    ] {
        stands(list.unwrap_or_default(), NameAddr::parse);
    }
    stands(
        [headers.from().unwrap(), headers.to().unwrap()],
        NameAddr::parse,
    );
    let media_types = headers.tokens(&HeaderName::Accept);
    stands(
        media_types.filter_map(|text| MediaType::parse(text).ok()),
        MediaType::parse,
    );
    let disposition = headers.text(&HeaderName::ContentDisposition);
    let disposition = disposition.and_then(|text| ContentDisposition::parse(&text).ok());
    stands(disposition, ContentDisposition::parse);
    let _ = (
        headers.max_forwards(),
        headers.content_type(),
        headers.accepts("application/sdp"),
    );
}

fn judge_request(request: &Request) {
    let headers = &request.headers;
    assert!(headers.via().is_ok() && headers.call_id().is_ok());
    assert_eq!(headers.cseq().unwrap().method, request.method);
    assert!(request.uri.as_sip().is_none_or(|uri| uri.headers.is_none()));
    assert!(request.uri.equivalent(&request.uri));
    stands([request.uri.clone()], Uri::parse);
    let body = muleteer::sip::message::body::part(headers, &request.body, "application/sdp");
    assert!(body.is_ok_and(|part| part.len() <= request.body.len()) || !request.body.is_empty());
}

/// A response is one message of a stream, and not much longer than what it answers.
fn judge_answer(answer: &Bytes, question: usize) {
    let mut framer = StreamFramer::default();
    framer.push(answer);
    let frame = framer.next_frame();
    if answer.len() < muleteer::sip::transport::MAX_HEADER_BYTES {
        assert_eq!(
            frame,
            Ok(Some(Frame::Message(answer.clone()))),
            "{answer:?}"
        );
    }
    assert!(answer.starts_with(b"SIP/2.0 "), "{answer:?}");
    // A reason phrase, a tag, what a Via is stamped with, Allow.
    assert!(
        answer.len() < question + 512,
        "{question} bytes asked: {answer:?}"
    );
}

#[test]
fn damaged_messages_are_read_or_refused_and_never_half() {
    let (corpus, mut rng) = (corpus(), rng(1));
    let (mut read, mut answered, count) = (0, 0, mutants(3));
    for _ in 0..count {
        let mut bytes = corpus.choose(&mut rng).unwrap().to_vec();
        mutate(&mut bytes, corpus.choose(&mut rng).unwrap(), &mut rng);
        let length = bytes.len();
        match Message::parse_datagram(bytes.into()) {
            Ok(message) => {
                read += 1;
                judge_headers(message.headers());
                if let Message::Request(request) = &message {
                    judge_request(request);
                }
                let written = message.to_bytes();
                let again = Message::parse_datagram(written.clone());
                assert_eq!(again.unwrap(), message, "{written:?}");
            }
            Err(bad) => {
                if let Some(answer) = bad.answer {
                    answered += 1;
                    assert!([400, 505].contains(&answer.status.code()));
                    judge_answer(&answer.to_bytes(), length);
                }
            }
        }
    }
    // Both ways were gone often, or the mutations are too mild or too wild to prove anything.
    assert!(
        read > count / 10 && answered > count / 10,
        "{read} read, {answered} answered"
    );
}

#[test]
fn damaged_messages_cost_an_endpoint_one_answer_each() {
    let (corpus, mut rng) = (corpus(), rng(2));
    let mut probe = Probe::new();
    let mut delivered = 0;
    let count = mutants(3) / 8;
    for number in 0..count {
        if number % 200 == 0 {
            probe = Probe::over(if number % 400 == 0 {
                Transport::Udp
            } else {
                Transport::Tcp
            });
        }
        let mut bytes = corpus.choose(&mut rng).unwrap().to_vec();
        mutate(&mut bytes, corpus.choose(&mut rng).unwrap(), &mut rng);
        let length = bytes.len();
        probe.receive_bytes(bytes.into());
        let sent = probe.sent_bytes();
        assert!(sent.len() <= 1, "{sent:?}");
        for (to, answer) in sent {
            judge_answer(&answer, length);
            assert_eq!(to.ip(), probe.flow.remote.ip());
        }
        let events = probe.events().len();
        assert!(events <= 1);
        delivered += events;
    }
    assert!(delivered > count / 20, "{delivered} delivered");
}

/// All frames of a stream that comes in these pieces, and how it ended.
fn frames<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Frame>, Option<FramingError>) {
    let (mut framer, mut found) = (StreamFramer::default(), Vec::new());
    for piece in pieces {
        framer.push(piece);
        loop {
            match framer.next_frame() {
                Ok(Some(frame)) => found.push(frame),
                Ok(None) => break,
                Err(error) => return (found, Some(error)),
            }
        }
    }
    (found, None)
}

/// The messages that a stream can carry.
fn framed() -> Vec<Bytes> {
    let is_framed = |message: &Bytes| {
        frames([&message[..]].into_iter()) == (vec![Frame::Message(message.clone())], None)
    };
    corpus().into_iter().filter(is_framed).collect()
}

#[test]
fn every_message_between_others_is_framed_at_every_split() {
    let messages = framed();
    assert!(messages.len() > 40, "only {}", messages.len());
    let next = messages.last().unwrap();
    for message in &messages {
        let stream = [b"\r\n\r\n", &message[..], b"\r\n", next, b"\r\n\r\n"].concat();
        let [message, next] = [message, next].map(|bytes| Frame::Message(bytes.clone()));
        let expected = vec![Frame::Ping, message, next, Frame::Ping];
        for at in 0..=stream.len() {
            let (first, second) = stream.split_at(at);
            let found = frames([first, second].into_iter());
            assert_eq!(found, (expected.clone(), None), "split at {at}");
        }
    }
}

#[test]
fn damaged_streams_are_framed_alike_in_whatever_pieces_they_come() {
    let (messages, mut rng) = (framed(), rng(3));
    let (mut whole, mut broken, count) = (0, 0, mutants(1));
    for _ in 0..count {
        let mut stream = Vec::new();
        for _ in 0..rng.random_range(1..4) {
            stream.extend_from_slice(messages.choose(&mut rng).unwrap());
            stream.extend_from_slice([&b""[..], b"\r\n", b"\r\n\r\n"].choose(&mut rng).unwrap());
        }
        mutate(&mut stream, messages.choose(&mut rng).unwrap(), &mut rng);
        let at_once = frames([&stream[..]].into_iter());
        let longest = [1, 3, 64, 1500].choose(&mut rng).copied().unwrap();
        let mut pieces = Vec::new();
        let mut rest = &stream[..];
        while !rest.is_empty() {
            let (piece, tail) = rest.split_at(rng.random_range(1..=longest).min(rest.len()));
            pieces.push(piece);
            rest = tail;
        }
        assert_eq!(frames(pieces.into_iter()), at_once);
        broken += usize::from(at_once.1.is_some());
        let mut rest = &stream[..];
        for frame in at_once.0 {
            let Frame::Message(message) = frame else {
                continue;
            };
            whole += 1;
            // Only line ends and keep-alives are left out.
            let at = rest
                .windows(message.len())
                .position(|part| part == message)
                .unwrap();
            assert!(rest[..at].iter().all(|byte| b"\r\n".contains(byte)));
            rest = &rest[at + message.len()..];
            let _ = Message::parse_datagram(message);
        }
    }
    assert!(
        whole > count / 2 && broken > count / 20,
        "{whole} messages, {broken} broken streams"
    );
}

/// Bodies with everything that the reader treats apart.
fn descriptions() -> Vec<Bytes> {
    let phone = "v=0\r\no=alice 2890844526 2890844527 IN IP4 192.0.2.1\r\ns=-\r\n\
        i=a talk\r\nc=IN IP4 192.0.2.1\r\nb=AS:64\r\nt=0 0\r\nr=7d 1h 0 25h\r\nz=2882844526 -1h\r\n\
        a=sendonly\r\na=group:BUNDLE 0\r\nm=audio 49170/2 RTP/AVP 111 0 101\r\nc=IN IP6 ff15::101/3\r\n\
        a=rtpmap:111 opus/48000/2\r\na=fmtp:111 useinbandfec=1\r\na=rtpmap:101 telephone-event/8000\r\n\
        a=fmtp:101 0-15,32\r\na=ptime:20\r\na=maxptime:40\r\na=rtcp:49171 IN IP4 192.0.2.2\r\n\
        a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR|2^20|1:4\r\n\
        m=video 51372 RTP/SAVPF 31\r\na=inactive\r\na=rtcp-mux\r\na=candidate:1 1 UDP 1 192.0.2.3 9 typ host\r\n";
    let named = phone
        .replace("192.0.2.1", "phone.example.com")
        .replace("\r\n", "\n");
    let torture = corpus()
        .into_iter()
        .filter_map(|bytes| match Message::parse_datagram(bytes) {
            Ok(Message::Request(request)) if request.body.starts_with(b"v=0") => Some(request.body),
            _ => None,
        });
    [phone.to_owned(), named]
        .map(Bytes::from)
        .into_iter()
        .chain(torture)
        .collect()
}

#[test]
fn damaged_descriptions_are_read_as_they_are_written_or_refused() {
    let (seeds, mut rng) = (descriptions(), rng(4));
    let (mut read, count) = (0, mutants(1));
    for _ in 0..count {
        let mut body = seeds.choose(&mut rng).unwrap().to_vec();
        mutate(&mut body, seeds.choose(&mut rng).unwrap(), &mut rng);
        let Ok(description) = SessionDescription::parse(&body) else {
            continue;
        };
        read += 1;
        let written = description.to_string();
        let again = SessionDescription::parse(written.as_bytes());
        assert_eq!(
            again.as_ref(),
            Ok(&description),
            "{}",
            String::from_utf8_lossy(&body)
        );
        assert!(description.media.len() <= MAX_MEDIA);
        for media in &description.media {
            let _ = (
                media.audio_formats(),
                media.ptime_ms(),
                description.direction_of(media),
            );
        }
    }
    assert!(read > count / 10 && read < count, "{read} read");
}
