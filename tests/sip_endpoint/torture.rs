//! The messages of RFC 4475 and RFC 5118, through the whole endpoint: what goes out on the wire, what
//! comes up to the TU, and what the whole user agent says at last. What was read out of each is in
//! `tests/sip_message/torture.rs`.

use std::time::{Duration, Instant};

use bytes::Bytes;
use muleteer::config::ApplicationSelector;
use muleteer::session::{Catalog, Limits};
use muleteer::sip::endpoint::Event;
use muleteer::sip::message::{HeaderName, Message, Response, Transport};
use muleteer::sip::transport::{Flow, Frame, StreamFramer};

use super::probe::{OURS, PEER, Probe};
use crate::sip_message::torture_message;
use crate::support::agent::Agent;
use crate::support::wire::Node;

/// What an endpoint must do with a message, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// Answers a request at once with this status code; the TU never hears of it.
    Answered(u16),
    /// Gives a request of this method to the TU; an INVITE has got its 100.
    Delivered(&'static str),
    /// Does nothing: it is a response that belongs to no request of ours.
    Ignored,
}
use Outcome::{Answered, Delivered, Ignored};

#[rustfmt::skip] // one line a message
const MESSAGES: [(&str, Outcome, &str); 61] = [
    // RFC 4475 §3.1.1: valid messages.
    ("rfc4475/wsinv.dat", Delivered("INVITE"), "folding and blanks are legal wherever it has them"),
    ("rfc4475/intmeth.dat", Answered(501), "a method of every token character, and nobody knows it"),
    ("rfc4475/esc01.dat", Delivered("INVITE"), "escapes are legal in user and parameters"),
    ("rfc4475/escnull.dat", Answered(405), "well-formed with its %00; we are no registrar"),
    ("rfc4475/esc02.dat", Answered(501), "a percent sign in a method is no escape: it is not REGISTER"),
    ("rfc4475/lwsdisp.dat", Delivered("OPTIONS"), "a display name may touch the bracket"),
    ("rfc4475/longreq.dat", Delivered("INVITE"), "long values are legal"),
    ("rfc4475/dblreq.dat", Answered(405), "REGISTER; what follows its body is no second request over UDP"),
    ("rfc4475/semiuri.dat", Delivered("OPTIONS"), "a semicolon before the @ belongs to the user"),
    ("rfc4475/transports.dat", Delivered("OPTIONS"), "any token is a transport of a Via"),
    ("rfc4475/mpart01.dat", Delivered("MESSAGE"), "a body may hold any byte; the TU judges its parts"),
    ("rfc4475/unreason.dat", Ignored, "a 200 in UTF-8, but to no request of ours"),
    ("rfc4475/noreason.dat", Ignored, "a 100 without reason phrase, but to no request of ours"),
    // §3.1.2: invalid messages.
    ("rfc4475/badinv01.dat", Answered(400), "empty parameters in To, From and Contact"),
    ("rfc4475/clerr.dat", Answered(400), "a datagram shorter than its Content-Length"),
    ("rfc4475/ncl.dat", Answered(400), "a negative Content-Length"),
    ("rfc4475/scalar02.dat", Answered(400), "a CSeq beyond 32 bits"),
    ("rfc4475/scalarlg.dat", Ignored, "a response with a CSeq beyond 32 bits is dropped"),
    ("rfc4475/quotbal.dat", Answered(400), "a quote in To that nobody closes"),
    ("rfc4475/ltgtruri.dat", Answered(400), "a Request-URI in angle brackets"),
    ("rfc4475/lwsruri.dat", Answered(400), "a blank in the Request-URI"),
    ("rfc4475/lwsstart.dat", Answered(400), "several blanks between the parts of the start line"),
    ("rfc4475/trws.dat", Answered(400), "blanks at the end of the start line"),
    ("rfc4475/escruri.dat", Answered(400), "headers in a Request-URI"),
    ("rfc4475/baddate.dat", Delivered("INVITE"), "lenient: a Date in EST costs the Date, not the call"),
    ("rfc4475/regbadct.dat", Answered(405), "its Contact is not looked at, we are no registrar"),
    ("rfc4475/badaspec.dat", Answered(400), "blanks within the brackets of To"),
    ("rfc4475/baddn.dat", Answered(400), "a comma in a display name without quotes"),
    ("rfc4475/badvers.dat", Answered(505), "SIP/7.0"),
    ("rfc4475/mismatch01.dat", Answered(400), "the CSeq of another method"),
    ("rfc4475/mismatch02.dat", Answered(400), "the same, of a method nobody knows; 501 would do too"),
    ("rfc4475/bigcode.dat", Ignored, "a status code of ten digits makes no response"),
    // §3.2.
    ("rfc4475/badbranch.dat", Delivered("OPTIONS"), "a bare magic cookie is matched as in RFC 2543"),
    // §3.3.
    ("rfc4475/insuf.dat", Answered(400), "no From, To and Call-ID; a 400 with what there is"),
    ("rfc4475/unkscm.dat", Answered(416), "a URI scheme that we do not serve"),
    ("rfc4475/novelsc.dat", Answered(416), "soap.beep is a known scheme, but not of calls"),
    ("rfc4475/unksm2.dat", Answered(405), "schemes in To, From and Contact are free; we are no registrar"),
    ("rfc4475/bext01.dat", Answered(420), "requires an extension nobody knows; Proxy-Require is for proxies"),
    ("rfc4475/invut.dat", Delivered("INVITE"), "whether a body is understood is for the TU"),
    ("rfc4475/regaut01.dat", Answered(405), "an unknown authentication scheme; we are no registrar"),
    ("rfc4475/multi01.dat", Answered(400), "two of each header that may stand once"),
    ("rfc4475/mcl01.dat", Answered(400), "two Content-Length that differ"),
    ("rfc4475/bcast.dat", Ignored, "a 200 whose Via is somebody else's"),
    ("rfc4475/zeromf.dat", Delivered("OPTIONS"), "Max-Forwards 0 stops proxies; it has arrived"),
    ("rfc4475/cparam01.dat", Answered(405), "an unknown parameter of Contact; we are no registrar"),
    ("rfc4475/cparam02.dat", Answered(405), "an unknown parameter of its URI; we are no registrar"),
    ("rfc4475/regescrt.dat", Answered(405), "headers in the URI of a Contact; we are no registrar"),
    ("rfc4475/sdp01.dat", Delivered("INVITE"), "whether an answer would be read is for the TU"),
    // §3.4.
    ("rfc4475/inv2543.dat", Delivered("INVITE"), "legal in RFC 2543: no branch, tag, Max-Forwards, length"),
    // RFC 5118 §4.
    ("rfc5118/ipv6-good", Answered(405), "well-formed; we are no registrar"),
    ("rfc5118/ipv6-bad", Answered(400), "an IPv6 address without brackets in the Request-URI"),
    ("rfc5118/port-ambiguous", Answered(405), "well-formed, the address ends in 5070; no registrar"),
    ("rfc5118/port-unambiguous", Answered(405), "well-formed, the port is 5070; no registrar"),
    ("rfc5118/via-received-param-with-delim", Delivered("BYE"), "lenient: received in brackets"),
    ("rfc5118/via-received-param-no-delim", Delivered("OPTIONS"), "received as the grammar has it"),
    ("rfc5118/ipv6-in-sdp", Delivered("INVITE"), "addresses of IPv6 in the description"),
    ("rfc5118/mult-ip-in-header", Delivered("BYE"), "Vias of both families"),
    ("rfc5118/mult-ip-in-sdp", Delivered("INVITE"), "a description with both families"),
    ("rfc5118/ipv4-mapped-ipv6", Delivered("INVITE"), "an IPv4 address inside an IPv6 one"),
    ("rfc5118/ipv6-bug-abnf-3-colons", Delivered("OPTIONS"), "lenient: the extra colon of an old grammar"),
    ("rfc5118/ipv6-correct-abnf-2-colons", Delivered("OPTIONS"), "the same without it"),
];

/// What the whole user agent says to those INVITEs and OPTIONS that come up.
#[rustfmt::skip]
const CALLS: [(&str, &[u16], &str); 19] = [
    ("rfc4475/wsinv.dat", &[481], "its To has a tag of no dialog here"),
    ("rfc4475/esc01.dat", &[200], "its offer has audio"),
    ("rfc4475/lwsdisp.dat", &[200], "OPTIONS"),
    ("rfc4475/longreq.dat", &[200], "its offer has audio"),
    ("rfc4475/semiuri.dat", &[200], "OPTIONS"),
    ("rfc4475/transports.dat", &[200], "OPTIONS"),
    ("rfc4475/baddate.dat", &[200], "its offer has audio"),
    ("rfc4475/badbranch.dat", &[200], "OPTIONS"),
    ("rfc4475/invut.dat", &[415], "a body of an unknown type"),
    ("rfc4475/zeromf.dat", &[200], "OPTIONS"),
    ("rfc4475/sdp01.dat", &[406], "Accept leaves out session descriptions"),
    ("rfc4475/inv2543.dat", &[400], "strict: without Contact there is no dialog (RFC 3261 §12.1.1)"),
    ("rfc5118/via-received-param-no-delim", &[200], "OPTIONS"),
    ("rfc5118/via-received-param-with-delim", &[481], "BYE of a call that is not there"),
    ("rfc5118/ipv6-in-sdp", &[488], "G.726 alone, which this agent does not speak"),
    ("rfc5118/mult-ip-in-header", &[481], "BYE of a call that is not there"),
    ("rfc5118/mult-ip-in-sdp", &[200], "its offer has audio"),
    ("rfc5118/ipv4-mapped-ipv6", &[488], "G.726 alone, which this agent does not speak"),
    ("rfc5118/ipv6-bug-abnf-3-colons", &[200], "OPTIONS"),
];

/// The status code of a response; every byte of it has to be framed as one message.
fn status(bytes: &Bytes) -> u16 {
    let mut framer = StreamFramer::default();
    framer.push(bytes);
    assert_eq!(framer.next_frame(), Ok(Some(Frame::Message(bytes.clone()))));
    let line = bytes.strip_prefix(b"SIP/2.0 ").expect("a response");
    std::str::from_utf8(&line[..3]).unwrap().parse().unwrap()
}

/// Gives the endpoint one message; what it did.
fn outcome(probe: &mut Probe, message: Bytes) -> Outcome {
    probe.receive_bytes(message);
    let sent = probe.sent_bytes();
    let statuses: Vec<u16> = sent.iter().map(|(_, bytes)| status(bytes)).collect();
    for (to, _) in &sent {
        assert_eq!(
            to.ip(),
            probe.flow.remote.ip(),
            "answered to where it came from"
        );
    }
    match (&probe.events()[..], &statuses[..]) {
        ([Event::Request { request, .. }], []) => {
            let known = ["INVITE", "OPTIONS", "MESSAGE", "BYE"];
            let method = known
                .into_iter()
                .find(|known| *known == request.method.as_str());
            Delivered(method.unwrap_or("another"))
        }
        ([], [code]) => Answered(*code),
        ([], []) => Ignored,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_torture_message_ends_as_it_must() {
    for transport in [Transport::Udp, Transport::Tcp] {
        for (name, expected, why) in MESSAGES {
            let mut probe = Probe::over(transport);
            let found = outcome(&mut probe, torture_message(name));
            assert_eq!(found, expected, "{name} over {transport}: {why}");
            let stats = probe.endpoint.stats();
            let counted = stats.requests
                + stats.refused_requests
                + stats.malformed_answered
                + stats.malformed_dropped
                + stats.stray_responses;
            assert_eq!(counted, 1, "{name} is counted once");
        }
    }
}

fn answer(name: &str) -> Response {
    let mut probe = Probe::new();
    probe.receive_bytes(torture_message(name));
    probe.response().0
}

#[test]
fn rfc4475_3_3_1_a_400_has_what_there_is() {
    let mut probe = Probe::new();
    probe.receive_bytes(torture_message("rfc4475/insuf.dat"));
    let (to, bytes) = probe.sent_bytes().remove(0);
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    assert_eq!(
        text,
        "SIP/2.0 400 Bad Request (missing From header)\r\n\
         Via: SIP/2.0/UDP 192.0.2.95;branch=z9hG4bKkdj.insuf;received=192.0.2.9\r\n\
         CSeq: 193942 INVITE\r\nContent-Length: 0\r\n\r\n"
    );
    assert_eq!(to.to_string(), "192.0.2.9:5060");
}

#[test]
fn rfc4475_3_3_5_a_420_names_the_extension_and_not_those_of_proxies() {
    let refused = answer("rfc4475/bext01.dat");
    let unsupported = refused.headers.text(&HeaderName::Unsupported);
    assert_eq!(
        unsupported.as_deref(),
        Some("nothingSupportsThis, nothingSupportsThisEither")
    );
}

#[test]
fn rfc4475_3_1_1_2_an_answer_echoes_every_odd_byte() {
    let Ok(Message::Request(request)) =
        Message::parse_datagram(torture_message("rfc4475/intmeth.dat"))
    else {
        panic!("a request")
    };
    let refused = answer("rfc4475/intmeth.dat");
    let to = request.headers.get(&HeaderName::To).unwrap();
    assert!(
        refused
            .headers
            .get(&HeaderName::To)
            .unwrap()
            .starts_with(to)
    );
    for name in [HeaderName::From, HeaderName::CallId, HeaderName::CSeq] {
        assert_eq!(
            refused.headers.get(&name),
            request.headers.get(&name),
            "{name}"
        );
    }
}

#[test]
fn rfc4475_3_1_1_8_over_a_stream_both_requests_are_found() {
    let mut framer = StreamFramer::default();
    framer.push(&torture_message("rfc4475/dblreq.dat"));
    let mut probe = Probe::over(Transport::Tcp);
    let mut found = Vec::new();
    while let Ok(Some(frame)) = framer.next_frame() {
        if let Frame::Message(message) = frame {
            found.push(outcome(&mut probe, message));
        }
    }
    assert_eq!(found, [Answered(405), Delivered("INVITE")]);
}

#[test]
fn rfc4475_3_2_1_requests_with_a_bare_cookie_are_told_apart() {
    let text = String::from_utf8(torture_message("rfc4475/badbranch.dat").to_vec()).unwrap();
    let mut probe = Probe::new();
    for (call, delivered) in [("badbranch", true), ("badbranch", false), ("another", true)] {
        probe.receive_bytes(
            text.replace("Call-ID: badbranch", &format!("Call-ID: {call}"))
                .into(),
        );
        assert_eq!(!probe.events().is_empty(), delivered, "{call}");
    }
}

#[test]
fn what_comes_up_is_answered_by_the_whole_user_agent() {
    let mut wrong = Vec::new();
    for (name, expected, why) in CALLS {
        let catalog = Catalog::new([]);
        let mut agent = Agent::new(OURS.parse().unwrap(), catalog, Limits::default(), 1);
        agent.select_by(ApplicationSelector::Fixed("echo".to_owned()));
        let (mut now, flow) = (Instant::now(), Probe::new().flow);
        assert_eq!(
            flow,
            Flow {
                remote: PEER.parse().unwrap(),
                ..flow
            }
        );
        agent.receive(now, flow, torture_message(name));
        let mut statuses = Vec::new();
        // The first second, repetitions left out.
        let end = now + Duration::from_millis(400);
        loop {
            while let Some(transmit) = agent.transmit() {
                statuses.push(status(&transmit.bytes));
            }
            match agent.deadline() {
                Some(at) if at < end => {
                    now = now.max(at);
                    agent.wake(now);
                }
                _ => break,
            }
        }
        statuses.dedup();
        if statuses != expected {
            wrong.push((name, statuses, expected, why));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
