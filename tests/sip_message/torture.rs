//! The torture messages of RFC 4475 and RFC 5118, each with the outcome it must have.
//!
//! What is right or wrong only for a transaction, a registrar or a session (unknown schemes, bad
//! dates, Max-Forwards 0, …) is read here and judged there.

use bytes::Bytes;
use muleteer::sip::message::{
    Headers, Host, Message, Method, NameAddr, ParseError, Request, Response, Uri,
};

use super::{parse, torture_message};

#[derive(Debug, PartialEq)]
enum Outcome {
    /// Read as a request with this method.
    Request(&'static str),
    /// Read as a response with this status code.
    Response(u16),
    /// A bad request that is answered with this status code.
    Refused(u16),
    /// Bad, and nothing is sent.
    Dropped,
}
use Outcome::{Dropped, Refused, Request as Req, Response as Resp};

const RFC4475: [(&str, Outcome); 49] = [
    // §3.1.1: valid, however they look.
    ("wsinv", Req("INVITE")),
    (
        "intmeth",
        Req("!interesting-Method0123456789_*+`.%indeed'~"),
    ),
    ("esc01", Req("INVITE")),
    ("escnull", Req("REGISTER")),
    ("esc02", Req("RE%47IST%45R")),
    ("lwsdisp", Req("OPTIONS")),
    ("longreq", Req("INVITE")),
    ("dblreq", Req("REGISTER")),
    ("semiuri", Req("OPTIONS")),
    ("transports", Req("OPTIONS")),
    ("mpart01", Req("MESSAGE")),
    ("unreason", Resp(200)),
    ("noreason", Resp(100)),
    // §3.1.2: invalid.
    ("badinv01", Refused(400)),
    ("clerr", Refused(400)),
    ("ncl", Refused(400)),
    ("scalar02", Refused(400)),
    ("scalarlg", Dropped),
    ("quotbal", Refused(400)),
    ("ltgtruri", Refused(400)),
    ("lwsruri", Refused(400)),
    ("lwsstart", Refused(400)),
    ("trws", Refused(400)),
    ("escruri", Refused(400)),
    // An unknown time zone costs the Date, not the call.
    ("baddate", Req("INVITE")),
    // The Contact cannot be read; see below.
    ("regbadct", Req("REGISTER")),
    ("badaspec", Refused(400)),
    ("baddn", Refused(400)),
    ("badvers", Refused(505)),
    ("mismatch01", Refused(400)),
    ("mismatch02", Refused(400)),
    ("bigcode", Dropped),
    // §3.2: for the transaction layer (an empty branch).
    ("badbranch", Req("OPTIONS")),
    // §3.3: for the application layer.
    ("insuf", Refused(400)),
    ("unkscm", Req("OPTIONS")),
    ("novelsc", Req("OPTIONS")),
    ("unksm2", Req("REGISTER")),
    ("bext01", Req("OPTIONS")),
    ("invut", Req("INVITE")),
    ("regaut01", Req("REGISTER")),
    ("multi01", Refused(400)),
    ("mcl01", Refused(400)),
    ("bcast", Resp(200)),
    ("zeromf", Req("OPTIONS")),
    ("cparam01", Req("REGISTER")),
    ("cparam02", Req("REGISTER")),
    ("regescrt", Req("REGISTER")),
    ("sdp01", Req("INVITE")),
    // §3.4: an INVITE of RFC 2543.
    ("inv2543", Req("INVITE")),
];

const RFC5118: [(&str, Outcome); 12] = [
    ("ipv6-good", Req("REGISTER")),
    // An IPv6 address without brackets.
    ("ipv6-bad", Refused(400)),
    ("port-ambiguous", Req("REGISTER")),
    ("port-unambiguous", Req("REGISTER")),
    ("via-received-param-with-delim", Req("BYE")),
    ("via-received-param-no-delim", Req("OPTIONS")),
    ("ipv6-in-sdp", Req("INVITE")),
    ("mult-ip-in-header", Req("BYE")),
    ("mult-ip-in-sdp", Req("INVITE")),
    ("ipv4-mapped-ipv6", Req("INVITE")),
    // The extra colon that the grammar of RFC 3261 made: read as if it were not there.
    ("ipv6-bug-abnf-3-colons", Req("OPTIONS")),
    ("ipv6-correct-abnf-2-colons", Req("OPTIONS")),
];

fn outcome(bytes: Bytes, expected: &Outcome) -> Outcome {
    match parse(bytes) {
        Ok(Message::Request(request)) => match expected {
            Req(method) if *method == request.method.as_str() => Req(method),
            _ => Req("another method"),
        },
        Ok(Message::Response(response)) => Resp(response.status.code()),
        Err(bad) => bad
            .answer
            .map_or(Dropped, |answer| Refused(answer.status.code())),
    }
}

#[test]
fn rfc4475_messages_end_as_they_must() {
    for (name, expected) in RFC4475 {
        let message = torture_message(&format!("rfc4475/{name}.dat"));
        assert_eq!(outcome(message, &expected), expected, "{name}");
    }
}

#[test]
fn rfc5118_messages_end_as_they_must() {
    for (name, expected) in RFC5118 {
        let message = torture_message(&format!("rfc5118/{name}"));
        assert_eq!(outcome(message, &expected), expected, "{name}");
    }
}

fn request(name: &str) -> Request {
    match parse(torture_message(name)) {
        Ok(Message::Request(request)) => request,
        other => panic!("{name}: {other:?}"),
    }
}

fn refusal(name: &str) -> (ParseError, Response) {
    let bad = parse(torture_message(name)).unwrap_err();
    (bad.error, *bad.answer.unwrap())
}

fn contacts(headers: &Headers) -> Vec<String> {
    headers
        .contacts()
        .unwrap()
        .iter()
        .map(|contact| contact.uri.to_string())
        .collect()
}

#[test]
fn rfc4475_3_1_1_1_folding_and_blanks_everywhere() {
    let headers = request("rfc4475/wsinv.dat").headers;
    assert_eq!(headers.to().unwrap().tag(), Some("1918181833n"));
    let from = headers.from().unwrap();
    assert_eq!(
        (from.display.as_deref(), from.tag()),
        (Some("J Rosenberg \\\""), Some("98asjd8"))
    );
    assert_eq!(headers.max_forwards(), Ok(Some(68)));
    assert_eq!(headers.cseq().unwrap().to_string(), "9 INVITE");
    let vias: Vec<_> = headers
        .vias()
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        vias,
        [
            "SIP/2.0/UDP 192.0.2.2;branch=390skdjuw",
            "SIP/2.0/TCP spindle.example.com;branch=z9hG4bK9ikj8",
            "SIP/2.0/UDP 192.168.255.111;branch=z9hG4bK30239",
        ]
    );
    let contact = &headers.contacts().unwrap()[0];
    assert_eq!(contact.display.as_deref(), Some("Quoted string \"\""));
    assert_eq!(contact.params.get("q"), Some("0.33"));
    assert!(contact.params.contains("secondparam"));
}

#[test]
fn rfc4475_3_1_1_2_unusual_characters_keep_their_meaning() {
    let request = request("rfc4475/intmeth.dat");
    let uri = request.uri.as_sip().unwrap();
    assert_eq!(
        uri.user.as_deref(),
        Some("1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*")
    );
    assert_eq!(
        uri.password.as_deref(),
        Some("&it+has=1,weird!*pas$wo~d_too.(doesn't-it)")
    );
    let to = request.headers.to().unwrap();
    assert_eq!(to.display.as_deref(), Some("BEL:\x07 NUL:\0 DEL:\x7f"));
    assert_eq!(NameAddr::parse(&to.to_string()), Ok(to));
    let from = request.headers.from().unwrap();
    assert_eq!(
        from.display.as_deref(),
        Some("token1~` token2'+_ token3*%!.-")
    );
    assert_eq!(from.tag(), Some("_token~1'+`*%!-."));
}

#[test]
fn rfc4475_3_1_1_3_escapes_are_resolved_where_they_are_read() {
    let request = request("rfc4475/esc01.dat");
    let user = request.uri.as_sip().unwrap().user_decoded();
    assert_eq!(user.unwrap(), "sips:user@example.com");
    let contacts = request.headers.contacts().unwrap();
    let Uri::Sip(contact) = &contacts[0].uri else {
        panic!("a SIP contact")
    };
    assert_eq!(contact.user_decoded().unwrap(), "caller");
    assert!(contact.is_loose_router());
}

#[test]
fn rfc4475_3_1_1_5_escapes_are_no_escapes_in_names() {
    let request = request("rfc4475/esc02.dat");
    assert_ne!(request.method, Method::Register);
    let expected = [
        "sip:alias1@host1.example.com",
        "sip:alias3@host3.example.com",
    ];
    assert_eq!(contacts(&request.headers), expected);
}

#[test]
fn rfc4475_3_1_1_8_what_follows_the_body_is_dropped() {
    assert!(request("rfc4475/dblreq.dat").body.is_empty());
}

#[test]
fn rfc4475_3_1_1_9_semicolons_belong_to_the_user() {
    let uri = request("rfc4475/semiuri.dat").uri;
    let uri = uri.as_sip().unwrap();
    assert_eq!(uri.user_decoded().unwrap(), "user;par=u@example.net");
    assert!(uri.params.is_empty());
}

#[test]
fn rfc4475_3_1_1_11_a_body_may_hold_any_byte() {
    let bytes = torture_message("rfc4475/mpart01.dat");
    let request = request("rfc4475/mpart01.dat");
    assert_eq!(request.body.len(), 553);
    assert!(bytes.ends_with(&request.body));
}

#[test]
fn rfc4475_3_1_2_13_headers_in_a_contact_need_brackets() {
    assert!(request("rfc4475/regbadct.dat").headers.contacts().is_err());
    let expected = ["sip:user@example.com?Route=%3Csip:sip.example.com%3E"];
    assert_eq!(contacts(&request("rfc4475/regescrt.dat").headers), expected);
}

#[test]
fn rfc4475_3_3_8_of_several_call_ids_one_is_echoed() {
    let (error, answer) = refusal("rfc4475/multi01.dat");
    assert!(matches!(error, ParseError::Repeated(_)));
    assert_eq!(answer.headers.call_id(), Ok("multi01.98asdh@192.0.2.1"));
    assert_eq!(answer.headers.from().unwrap().tag(), Some("3413415"));
    assert!(answer.headers.to().unwrap().tag().is_some());
}

#[test]
fn rfc5118_4_addresses_and_ports_are_told_apart() {
    let target = |name: &str| {
        let request = request(name);
        let uri = request.uri.as_sip().unwrap();
        (uri.host.clone(), uri.port)
    };
    let host = |address: &str| Host::V6(address.parse().unwrap());
    assert_eq!(
        target("rfc5118/port-ambiguous"),
        (host("2001:db8::10:5070"), None)
    );
    assert_eq!(
        target("rfc5118/port-unambiguous"),
        (host("2001:db8::10"), Some(5070))
    );
    let three_colons = target("rfc5118/ipv6-bug-abnf-3-colons");
    assert_eq!(three_colons, target("rfc5118/ipv6-correct-abnf-2-colons"));
}

#[test]
fn rfc5118_4_5_received_comes_with_and_without_brackets() {
    for name in [
        "rfc5118/via-received-param-with-delim",
        "rfc5118/via-received-param-no-delim",
    ] {
        let via = request(name).headers.via().unwrap();
        assert_eq!(via.received(), "2001:db8::9:255".parse().ok(), "{name}");
    }
}
