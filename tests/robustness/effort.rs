//! What the longest messages cost that can be made to be slow.
//!
//! Effort is counted in allocations, which do not depend on the machine: what is looked at again and
//! again is copied or listed again and again here. A message of twice the length may cost twice as
//! much and no more, and none more than [`MOST`].

use bytes::Bytes;
use muleteer::sdp::SessionDescription;
use muleteer::sip::message::MAX_MESSAGE_BYTES;
use muleteer::sip::transport::StreamFramer;

use crate::sip_endpoint::probe::Probe;
use crate::support::alloc::allocations_in;

/// Allocations and releases that one datagram may cost an endpoint, its answer included.
const MOST: usize = 12_000;

/// A request with `filling` in place of the number sign, repeated so that it has `length` bytes.
fn filled(template: &str, filling: &str, length: usize) -> Bytes {
    let count = (length - template.len()) / filling.len();
    template.replacen('#', &filling.repeat(count), 1).into()
}

fn template(line: &str) -> String {
    let usual = [
        "Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1",
        "From: <sip:a@x>;tag=1",
        "To: <sip:b@x>",
        "Call-ID: 1",
        "CSeq: 1 INVITE",
        "Max-Forwards: 70",
    ];
    let name = line.split(':').next().unwrap();
    let mut text = "INVITE sip:b@x SIP/2.0\r\n".to_owned();
    for usual in usual.into_iter().filter(|usual| !usual.starts_with(name)) {
        text += &format!("{usual}\r\n");
    }
    format!("{text}{line}\r\n\r\n")
}

fn effort(message: &Bytes) -> usize {
    let mut probe = Probe::new();
    allocations_in(|| probe.receive_bytes(message.clone()))
}

#[test]
fn twice_the_length_is_at_most_twice_the_effort_and_never_much() {
    for (line, filling) in [
        ("Via: SIP/2.0/UDP 192.0.2.9#", ";a"),
        ("Via: SIP/2.0/UDP 192.0.2.9;x=\"#\";branch=z9hG4bK1", "\\\""),
        (
            "Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1#",
            ",SIP/2.0/UDP a",
        ),
        ("From: <sip:a@x>#", ";a=1"),
        ("From: \"#\" <sip:a@x>", "\\a"),
        ("From: <sip:a@x#>", ";a"),
        ("From: <sip:a@x?#>", "%%"),
        ("To: <sip:#@x>", "%61"),
        ("To: <sip:a@#x>", "a."),
        ("Call-ID: #", "a"),
        ("Call-ID: 1#", "\r\n "),
        ("Contact: <sip:a@x>#", ",<sip:a@x>"),
        ("Contact: #", "<"),
        ("Contact: #", "\""),
        ("Contact: \"#", "\\"),
        ("Require: a#", ",a"),
        ("Accept: a/b#", ",a/b"),
        ("Record-Route: <sip:a@x>#", ",<a:b>"),
        ("User-Agent: #", "(("),
        ("Subject: a#", "\r\n a"),
        ("X: y#", "\r\nX: y"),
        ("X: y#", "\r\n\t"),
        ("Max-Forwards: #", "9"),
        ("Content-Length: #", "0"),
        ("CSeq: #1 INVITE", "0"),
        ("#: y", "X"),
        (
            "Content-Type: multipart/mixed;boundary=b\r\n\r\n#",
            "--b\r\n",
        ),
        ("Content-Type: multipart/mixed;boundary=b\r\n\r\n#", "\n--"),
    ] {
        let template = template(line);
        let half = effort(&filled(&template, filling, MAX_MESSAGE_BYTES / 2));
        let whole = effort(&filled(&template, filling, MAX_MESSAGE_BYTES));
        // A constant part does not grow.
        assert!(
            whole <= 2 * half + 64,
            "{line} of {filling:?}: {half}, then {whole}"
        );
        assert!(whole <= MOST, "{line} of {filling:?}: {whole}");
    }
}

#[test]
fn a_request_uri_of_any_length_costs_little() {
    for filling in ["%61", ";", "a", "?", ";a", "&", "[", ":"] {
        let text = template("X: y").replacen("sip:b@x", "sip:b@x#", 1);
        let whole = effort(&filled(&text, filling, MAX_MESSAGE_BYTES));
        assert!(whole <= MOST, "{filling:?}: {whole}");
    }
}

#[test]
fn a_stream_that_comes_byte_by_byte_costs_no_more_than_its_bytes() {
    let message = filled(&template("Subject: #\r\nContent-Length: 0"), "a", 30_000);
    let framing = |piece: usize| {
        let mut framer = StreamFramer::default();
        allocations_in(|| {
            for bytes in message.chunks(piece) {
                framer.push(bytes);
                while let Ok(Some(_)) = framer.next_frame() {}
            }
        })
    };
    // The buffer grows by doubling.
    assert!(framing(1) <= 64, "{}", framing(1));
}

#[test]
fn descriptions_at_their_limits_cost_little() {
    let head = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n";
    for filling in [
        "a=x\r\n",
        "m=audio 1 RTP/AVP 0\r\n",
        "t=0 0\r\n",
        "c=IN IP4 x\r\n",
        "i=\r\n",
        " ",
        "=",
    ] {
        let effort = |length: usize| {
            let body = format!(
                "{head}{}",
                filling.repeat((length - head.len()) / filling.len())
            );
            allocations_in(|| drop(SessionDescription::parse(body.as_bytes())))
        };
        let (half, whole) = (effort(32 * 1024), effort(64 * 1024));
        assert!(
            whole <= 2 * half + 64 && whole <= MOST,
            "{filling:?}: {half}, then {whole}"
        );
    }
    // As many attributes and formats as there may be, all of which the formats are looked up in.
    let formats: String = (0..64).map(|number| format!(" {number}")).collect();
    let maps: String = (0..256)
        .map(|number| format!("a=rtpmap:{} x/8000\r\n", number % 128))
        .collect();
    let body = format!("{head}m=audio 1 RTP/AVP{formats}\r\n{maps}");
    let description = SessionDescription::parse(body.as_bytes()).unwrap();
    let effort = allocations_in(|| drop(description.media[0].audio_formats()));
    assert!(effort <= 1_000, "{effort}");
}
