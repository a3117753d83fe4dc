//! Framing at every split, Via stamping, response destinations.

use proptest::prelude::*;

use super::*;

const INVITE: &[u8] = b"INVITE sip:bob@example.com SIP/2.0\r\nl: 4\r\nSubject: a\r\n b\r\n\r\nbody";
const BYE: &[u8] = b"BYE sip:bob@example.com SIP/2.0\r\nContent-LENGTH :\r\n 0\r\n\r\n";

fn frames(framer: &mut StreamFramer) -> Vec<Frame> {
    std::iter::from_fn(|| framer.next_frame().expect("the stream is good")).collect()
}

fn message(bytes: &'static [u8]) -> Frame {
    Frame::Message(Bytes::from_static(bytes))
}

#[test]
fn messages_and_keep_alives_are_found_at_every_split() {
    let stream = [b"\r\n\r\n", INVITE, b"\r\n", BYE, b"\r\n\r\n", INVITE].concat();
    let expected = [
        Frame::Ping,
        message(INVITE),
        message(BYE),
        Frame::Ping,
        message(INVITE),
    ];
    for split in 0..=stream.len() {
        let mut framer = StreamFramer::default();
        framer.push(&stream[..split]);
        let mut found = frames(&mut framer);
        framer.push(&stream[split..]);
        found.extend(frames(&mut framer));
        assert_eq!(found, expected, "split at {split}");
    }
}

#[test]
fn message_is_found_when_it_comes_byte_by_byte() {
    let mut framer = StreamFramer::default();
    let mut found = Vec::new();
    for byte in INVITE {
        framer.push(&[*byte]);
        found.extend(frames(&mut framer));
    }
    assert_eq!(found, [message(INVITE)]);
}

#[test]
fn answer_to_our_ping_is_no_frame() {
    let mut framer = StreamFramer::default();
    framer.push(b"\r\n");
    assert_eq!(framer.next_frame(), Ok(None));
    framer.push(BYE);
    assert_eq!(frames(&mut framer), [message(BYE)]);
}

fn error_of(stream: &[u8]) -> FramingError {
    let mut framer = StreamFramer::default();
    framer.push(stream);
    let error = framer.next_frame().expect_err("the stream is bad");
    framer.push(BYE);
    assert_eq!(framer.next_frame(), Err(error), "a bad stream stays bad");
    error
}

#[test]
fn rfc3261_18_3_content_length_is_mandatory_on_streams() {
    let error = error_of(b"BYE sip:a SIP/2.0\r\nSubject: Content-Length: 3\r\n\r\n");
    assert_eq!(error, FramingError::NoContentLength);
}

#[test]
fn content_length_that_lies_ends_the_stream() {
    for value in ["-1", "", "1 2", "0x10", "99999999999999999999999"] {
        let stream = format!("BYE sip:a SIP/2.0\r\nContent-Length: {value}\r\n\r\n");
        assert_eq!(
            error_of(stream.as_bytes()),
            FramingError::BadContentLength,
            "{value}"
        );
    }
    let twice = error_of(b"BYE sip:a SIP/2.0\r\nl: 1\r\nContent-Length: 2\r\n\r\nab");
    assert_eq!(twice, FramingError::BadContentLength);
    let long = error_of(b"BYE sip:a SIP/2.0\r\nContent-Length: 18446744073709551615\r\n\r\n");
    assert_eq!(long, FramingError::MessageTooLong);
    let long = error_of(b"BYE sip:a SIP/2.0\r\nContent-Length: 65536\r\n\r\n");
    assert_eq!(long, FramingError::MessageTooLong);
}

#[test]
fn header_section_without_end_is_refused_at_its_limit() {
    let mut framer = StreamFramer::default();
    framer.push(b"BYE sip:a SIP/2.0\r\nSubject: ");
    for _ in 0..MAX_HEADER_BYTES / 1024 - 1 {
        framer.push(&[b'x'; 1024]);
        assert_eq!(framer.next_frame(), Ok(None));
    }
    framer.push(&[b'x'; 1024]);
    assert_eq!(framer.next_frame(), Err(FramingError::HeaderTooLong));
}

proptest! {
    #[test]
    fn any_bytes_in_any_pieces_are_framed_alike(
        stream in prop::collection::vec(
            prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'l'), Just(b':'), Just(b'1'), any::<u8>()],
            0..200,
        ),
        cut in 1usize..7,
    ) {
        let run = |piece: usize| {
            let mut framer = StreamFramer::default();
            let mut found = Vec::new();
            for bytes in stream.chunks(piece) {
                framer.push(bytes);
                while let Ok(Some(frame)) = framer.next_frame() {
                    found.push(frame);
                }
            }
            (found, framer.next_frame())
        };
        prop_assert_eq!(run(cut), run(stream.len().max(1)));
    }
}

fn via(text: &str) -> Via {
    Via::parse(text).expect("a good Via")
}

fn stamped(text: &str) -> String {
    let mut via = via(text);
    stamp_via(&mut via, "192.0.2.9:4711".parse().expect("an address"));
    via.to_string()
}

#[test]
fn rfc3261_18_2_1_received_is_added_when_sent_by_is_not_the_source() {
    assert_eq!(
        stamped("SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKa"),
        "SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKa;received=192.0.2.9"
    );
    assert_eq!(
        stamped("SIP/2.0/UDP client.example.com;branch=z9hG4bKa"),
        "SIP/2.0/UDP client.example.com;branch=z9hG4bKa;received=192.0.2.9"
    );
    assert_eq!(
        stamped("SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKa"),
        "SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKa"
    );
}

#[test]
fn rfc3581_4_rport_is_filled_in_and_received_added_even_when_equal() {
    assert_eq!(
        stamped("SIP/2.0/UDP 192.0.2.9:5060;rport;branch=z9hG4bKa"),
        "SIP/2.0/UDP 192.0.2.9:5060;rport=4711;branch=z9hG4bKa;received=192.0.2.9"
    );
}

#[test]
fn received_of_the_sender_is_not_believed() {
    assert_eq!(
        stamped("SIP/2.0/UDP 192.0.2.9;received=198.51.100.1;branch=z9hG4bKa"),
        "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKa"
    );
    assert_eq!(
        stamped("SIP/2.0/UDP 10.0.0.1;received=198.51.100.1;rport=9;branch=z9hG4bKa"),
        "SIP/2.0/UDP 10.0.0.1;received=192.0.2.9;rport=4711;branch=z9hG4bKa"
    );
}

#[test]
fn a_framer_takes_no_message_above_its_limit() {
    let message = |body: usize| {
        format!(
            "OPTIONS sip:a SIP/2.0\r\nContent-Length: {body}\r\n\r\n{}",
            "x".repeat(body)
        )
    };
    let limit = message(100).len();
    let frame = |text: String| {
        let mut framer = StreamFramer::new(limit);
        framer.push(text.as_bytes());
        framer.next_frame()
    };
    assert!(matches!(frame(message(100)), Ok(Some(Frame::Message(_)))));
    assert_eq!(frame(message(101)), Err(FramingError::MessageTooLong));
    assert_eq!(frame("x".repeat(limit)), Err(FramingError::HeaderTooLong));
}

#[test]
fn rfc3261_18_2_2_response_goes_to_the_source_at_the_right_port() {
    let udp = Flow {
        transport: Transport::Udp,
        local: "192.0.2.1:5060".parse().expect("an address"),
        remote: "192.0.2.9:4711".parse().expect("an address"),
        connection: None,
    };
    let port = |flow, text| response_flow(flow, &via(text)).remote.to_string();
    assert_eq!(port(udp, "SIP/2.0/UDP 10.0.0.1"), "192.0.2.9:5060");
    assert_eq!(port(udp, "SIP/2.0/UDP 10.0.0.1:5070"), "192.0.2.9:5070");
    assert_eq!(
        port(udp, "SIP/2.0/UDP 10.0.0.1:5070;rport"),
        "192.0.2.9:4711"
    );
    assert_eq!(
        port(udp, "SIP/2.0/UDP 10.0.0.1;maddr=198.51.100.1"),
        "192.0.2.9:5060"
    );
    let tcp = Flow {
        transport: Transport::Tcp,
        connection: Some(ConnectionId(3)),
        ..udp
    };
    assert_eq!(response_flow(tcp, &via("SIP/2.0/TCP 10.0.0.1:5070")), tcp);
}
