//! Nanoseconds to read and to write the INVITE of RFC 3665 §3.1 (563 bytes with its body).

use bytes::Bytes;
use divan::{Bencher, black_box};
use muleteer::sip::message::{HeaderName, Message, Request, Response, StatusCode};

const INVITE: &[u8] = include_bytes!("../tests/sip_message/rfc3665_invite.sip");

fn main() {
    divan::main();
}

fn invite() -> Request {
    match Message::parse_datagram(Bytes::from_static(INVITE)) {
        Ok(Message::Request(request)) => request,
        other => panic!("the INVITE, not {other:?}"),
    }
}

/// Into a message whose mandatory headers have been checked.
#[divan::bench]
fn parse(bencher: Bencher) {
    // As from a socket: a buffer of its own, not a static one.
    let datagram = Bytes::from(INVITE.to_vec());
    bencher.bench(|| Message::parse_datagram(black_box(datagram.clone())));
}

/// The typed views that a server reads of a new call.
#[divan::bench]
fn typed_views(bencher: Bencher) {
    let invite = invite();
    bencher.bench(|| {
        let headers = &black_box(&invite).headers;
        (
            headers.via(),
            headers.from(),
            headers.to(),
            headers.cseq(),
            headers.contacts(),
        )
    });
}

#[divan::bench]
fn write(bencher: Bencher) {
    let invite = invite();
    bencher.bench(|| black_box(&invite).to_bytes());
}

/// Making and writing the 200 with a body.
#[divan::bench]
fn answer(bencher: Bencher) {
    let invite = invite();
    bencher.bench(|| {
        let mut ok = Response::answering(black_box(&invite), StatusCode::OK, Some("8321234356"));
        ok.headers.push(HeaderName::ContentType, "application/sdp");
        ok.body = invite.body.clone();
        ok.to_bytes()
    });
}
