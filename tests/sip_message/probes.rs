//! What phones, proxies and gateways really write, one test for each kind of trouble that it makes for
//! parsers. Each message is read, judged, written, and read again.

use bytes::Bytes;
use muleteer::sip::message::{
    HeaderName, Headers, Host, Message, Method, NameAddr, ParseError, Request, Response,
    StatusCode, Uri, Via,
};

use super::parse;

/// A request with these header lines in place of the usual ones of the same name, or beside them.
fn with(lines: &str) -> Vec<u8> {
    message("INVITE sip:bob@example.com SIP/2.0", lines, "")
}

fn message(start_line: &str, lines: &str, body: &str) -> Vec<u8> {
    let method = start_line.split(' ').next().unwrap();
    let usual = [
        "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1".to_owned(),
        "From: <sip:alice@example.com>;tag=a".to_owned(),
        "To: <sip:bob@example.com>".to_owned(),
        "Call-ID: 1@192.0.2.1".to_owned(),
        format!("CSeq: 1 {method}"),
    ];
    let name = |line: &str| HeaderName::parse(line.split(':').next()?.trim().as_bytes());
    let mut text = format!("{start_line}\r\n");
    for line in usual {
        if !lines.split("\r\n").any(|other| name(other) == name(&line)) {
            text += &format!("{line}\r\n");
        }
    }
    let lines = if lines.is_empty() {
        String::new()
    } else {
        format!("{lines}\r\n")
    };
    format!("{text}{lines}\r\n{body}").into_bytes()
}

/// Reads a request that has to be read the same after it was written.
fn request(bytes: impl Into<Bytes>) -> Request {
    let bytes = bytes.into();
    match parse(bytes.clone()) {
        Ok(Message::Request(request)) => {
            let written = parse(request.to_bytes()).unwrap();
            assert_eq!(written, Message::Request(request.clone()));
            request
        }
        other => panic!("{}: {other:?}", String::from_utf8_lossy(&bytes)),
    }
}

fn headers(lines: &str) -> Headers {
    request(with(lines)).headers
}

fn written<T: ToString>(list: Vec<T>) -> Vec<String> {
    list.iter().map(ToString::to_string).collect()
}

#[test]
fn every_compact_name_is_its_full_name() {
    for (compact, full) in [
        ("a", "Accept-Contact"),
        ("b", "Referred-By"),
        ("c", "Content-Type"),
        ("d", "Request-Disposition"),
        ("e", "Content-Encoding"),
        ("f", "From"),
        ("i", "Call-ID"),
        ("j", "Reject-Contact"),
        ("k", "Supported"),
        ("l", "Content-Length"),
        ("m", "Contact"),
        ("o", "Event"),
        ("r", "Refer-To"),
        ("s", "Subject"),
        ("t", "To"),
        ("u", "Allow-Events"),
        ("v", "Via"),
        ("x", "Session-Expires"),
        ("y", "Identity"),
    ] {
        let name = |text: &str| HeaderName::parse(text.as_bytes()).unwrap();
        assert_eq!(name(compact), name(full));
        assert_eq!(name(&compact.to_uppercase()).as_str(), full);
    }
    // The letters that are left mean nothing, and stay as they are.
    assert_eq!(HeaderName::parse(b"z").unwrap().as_str(), "z");
}

#[test]
fn a_byte_that_is_no_token_is_no_name() {
    for name in [&b"\0"[..], b" ", b"", b"a b", b"\xff", b"(", b"CSeq\0"] {
        assert_eq!(HeaderName::parse(name), None, "{name:?}");
    }
    let bad = parse(with("\0: 7 INVITE")).unwrap_err();
    assert_eq!(bad.error, ParseError::HeaderLine);
}

#[test]
fn folding_in_every_structured_header_is_one_blank() {
    let headers = headers(
        "Via: SIP/2.0/UDP\r\n 192.0.2.1\r\n\t;branch=z9hG4bK1\r\n\
         From: \"A\r\n  B\" <sip:a@x>\r\n ;tag=a\r\nCSeq: 1\r\n   INVITE",
    );
    assert_eq!(headers.via().unwrap().branch(), Some("z9hG4bK1"));
    let from = headers.from().unwrap();
    assert_eq!(
        (from.display.as_deref(), from.tag()),
        (Some("A B"), Some("a"))
    );
}

#[test]
fn line_ends_of_every_kind_and_blanks_before_the_colon_are_read() {
    let text = String::from_utf8(with("Subject : one")).unwrap();
    let bare = request(text.replace("\r\n", "\n"));
    assert_eq!(bare, request(text.clone()));
    assert_eq!(bare.headers.get(&HeaderName::Subject), Some(&b"one"[..]));
    // A lone CR ends no line: it is a blank, in what is read and in what is written.
    let lone = request(text.replace("one", "one\rVia: two"));
    assert_eq!(
        lone.headers.get(&HeaderName::Subject),
        Some(&b"one Via: two"[..])
    );
    assert_eq!(lone.headers.vias().unwrap().len(), 1);
}

#[test]
fn any_byte_in_a_header_that_nobody_reads_is_kept() {
    for byte in (0..=255).filter(|byte| !matches!(byte, b'\r' | b'\n')) {
        let mut bytes = with("X-Odd: a#b");
        *bytes.iter_mut().find(|b| **b == b'#').unwrap() = byte;
        let name = HeaderName::parse(b"x-odd").unwrap();
        let odd = request(bytes).headers;
        assert_eq!(odd.get(&name), Some(&[b'a', byte, b'b'][..]));
    }
}

#[test]
fn latin1_in_display_names_and_subjects_costs_nothing() {
    let mut bytes = with("From: Ren# <sip:r@x>;tag=1\r\nSubject: caf#");
    bytes
        .iter_mut()
        .filter(|b| **b == b'#')
        .for_each(|b| *b = 0xe9);
    let request = request(bytes);
    assert_eq!(request.headers.from().unwrap().tag(), Some("1"));
    let answer = Response::answering(&request, StatusCode::OK, Some("t")).to_bytes();
    assert!(
        answer.windows(5).any(|w| w == b"Ren\xe9 "),
        "the From is echoed byte by byte"
    );
}

#[test]
fn ipv6_is_read_everywhere_and_written_in_brackets() {
    let request = request(message(
        "INVITE sip:[2001:DB8::1]:5060;transport=tcp SIP/2.0",
        "Via: SIP/2.0/UDP [2001:db8::9]:5061;received=2001:db8::9;branch=z9hG4bK1\r\n\
         From: <sip:a@[::1]>;tag=1\r\nContact: <sip:a@[::ffff:192.0.2.1]:5070>\r\n\
         Route: <sip:[2001:db8::2];lr>",
        "",
    ));
    assert_eq!(
        request.uri.to_string(),
        "sip:[2001:db8::1]:5060;transport=tcp"
    );
    let via = request.headers.via().unwrap();
    assert_eq!(
        (via.port, via.received()),
        (Some(5061), "2001:db8::9".parse().ok())
    );
    assert_eq!(via.host, Host::V6("2001:db8::9".parse().unwrap()));
    assert_eq!(
        written(request.headers.contacts().unwrap()),
        ["<sip:a@[::ffff:192.0.2.1]:5070>"]
    );
    assert_eq!(
        written(request.headers.routes().unwrap()),
        ["<sip:[2001:db8::2];lr>"]
    );
}

#[test]
fn tel_and_urn_uris_stand_wherever_uris_stand() {
    let request = request(message(
        "INVITE tel:+1-201-555-0123;phone-context=example.com SIP/2.0",
        "From: <tel:+12015550100>;tag=1\r\nTo: tel:911;phone-context=x\r\n\
         Contact: <urn:service:sos>",
        "",
    ));
    let Uri::Tel(tel) = &request.uri else {
        panic!("a tel URI")
    };
    assert_eq!(tel.number, "+1-201-555-0123");
    assert_eq!(tel.params.get("phone-context"), Some("example.com"));
    assert_eq!(request.headers.from().unwrap().tag(), Some("1"));
    // Without brackets the parameter belongs to the header (RFC 3261 §20.10).
    assert_eq!(
        request.headers.to().unwrap().params.get("phone-context"),
        Some("x")
    );
    assert_eq!(
        written(request.headers.contacts().unwrap()),
        ["<urn:service:sos>"]
    );
}

#[test]
fn headers_of_a_uri_are_kept() {
    let text = "<sip:b@x;transport=tcp?Replaces=1%40a%3Bto-tag%3D2&Subject=hi>";
    let contact = &headers(&format!("Contact: {text}")).contacts().unwrap()[0];
    let uri = contact.uri.as_sip().unwrap();
    assert_eq!(
        uri.headers.as_deref(),
        Some("Replaces=1%40a%3Bto-tag%3D2&Subject=hi")
    );
    assert_eq!(contact.to_string(), text);
}

#[test]
fn a_tag_without_a_value_is_refused_with_400() {
    for lines in [
        "From: <sip:a@x>;tag",
        "From: sip:a@x;tag=",
        "From: <sip:a@x>;tag=;x=1",
        "To: <sip:b@x>;tag=",
        "t: <sip:b@x> ; TAG",
    ] {
        let bad = parse(with(lines)).unwrap_err();
        assert!(matches!(bad.error, ParseError::Header { .. }), "{lines}");
        let answer = bad.answer.unwrap();
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{lines}");
        assert!(
            answer.reason.contains("tag with a value"),
            "{}",
            answer.reason
        );
    }
    // Other parameters need none, and a peer of RFC 2543 has no tag.
    assert_eq!(headers("From: <sip:a@x>;tagged;x=").from_tag(), Ok(None));
    // Whoever answers like that has answered.
    let lines = "To: <sip:b@x>;tag=\r\nCSeq: 1 BYE";
    assert!(parse(message("SIP/2.0 200 OK", lines, "")).is_ok());
}

#[test]
fn an_escape_that_is_none_stands_for_itself() {
    for (written, meant) in [
        ("a%zz", "a%zz"),
        ("100%", "100%"),
        ("%4", "%4"),
        ("%%41", "%A"),
    ] {
        let start_line = format!("INVITE sip:{written}@example.com SIP/2.0");
        let request = request(message(&start_line, "", ""));
        let uri = request.uri.as_sip().unwrap();
        assert_eq!(uri.user.as_deref(), Some(written));
        assert_eq!(uri.user_decoded().unwrap(), meant);
    }
}

#[test]
fn methods_are_open_and_case_sensitive() {
    for name in ["FOO", "invite", "Invite", "X-a.b!%*_+`'~"] {
        let request = request(message(
            &format!("{name} sip:b@x SIP/2.0"),
            "Allow: INVITE, FOO, ack",
            "",
        ));
        assert_eq!(request.method, Method::Other(name.into()));
        assert_eq!(request.headers.cseq().unwrap().method, request.method);
        let allow: Vec<_> = request.headers.tokens(&HeaderName::Allow).collect();
        assert_eq!(allow, ["INVITE", "FOO", "ack"]);
    }
    for name in [
        "PUBLISH",
        "MESSAGE",
        "REFER",
        "UPDATE",
        "PRACK",
        "INFO",
        "NOTIFY",
        "SUBSCRIBE",
    ] {
        let method = request(message(&format!("{name} sip:b@x SIP/2.0"), "", "")).method;
        assert_eq!(method.as_str(), name);
        assert!(!matches!(method, Method::Other(_)));
    }
}

#[test]
fn vias_on_one_line_and_blanks_before_their_parameters_lose_nothing() {
    let headers = headers(
        "Via: SIP/2.0/UDP a ;branch=z9hG4bK1 ; rport,SIP/2.0/TCP b:5061; branch = z9hG4bK2\r\n\
         Via: SIP/2.0/TLS c ; x=\"a,b;c\" ;branch=z9hG4bK3",
    );
    assert_eq!(headers.via().unwrap().branch(), Some("z9hG4bK1"));
    assert!(headers.via().unwrap().wants_rport());
    let vias = headers.vias().unwrap();
    let branches: Vec<_> = vias.iter().filter_map(Via::branch).collect();
    assert_eq!(branches, ["z9hG4bK1", "z9hG4bK2", "z9hG4bK3"]);
}

#[test]
fn lists_of_addresses_are_split_where_they_should_be() {
    let headers = headers(
        "Contact: <sip:a@x>;q=0.5, \"B, <C>\" <sip:b,c@y>\t; tag=1 ,sip:d@z;expires=5\r\n\
         Record-Route: <sip:p1;lr>, <sip:p2;lr>\r\nRoute:<sip:p3;lr>,<sip:p4;lr>",
    );
    assert_eq!(
        written(headers.contacts().unwrap()),
        [
            "<sip:a@x>;q=0.5",
            "\"B, <C>\" <sip:b,c@y>;tag=1",
            "<sip:d@z>;expires=5"
        ]
    );
    assert_eq!(
        written(headers.record_routes().unwrap()),
        ["<sip:p1;lr>", "<sip:p2;lr>"]
    );
    assert_eq!(
        written(headers.routes().unwrap()),
        ["<sip:p3;lr>", "<sip:p4;lr>"]
    );
}

#[test]
fn quoted_values_hold_every_delimiter() {
    let contact = "<sip:a@x>;+sip.instance=\"<urn:uuid:0>\";x=\"a;b,c\\\"d\";reg-id=1";
    let read = &headers(&format!("Contact: {contact}")).contacts().unwrap()[0];
    assert_eq!(read.params.get("+sip.instance"), Some("\"<urn:uuid:0>\""));
    assert_eq!(read.params.unquoted("x").as_deref(), Some("a;b,c\"d"));
    assert_eq!(read.to_string(), contact);
}

#[test]
fn challenges_of_every_algorithm_are_kept_as_they_came() {
    let challenge =
        "Digest realm=\"a, b\", nonce=\"1\", algorithm=SHA-512-256, qop=\"auth,auth-int\"";
    for name in [HeaderName::WwwAuthenticate, HeaderName::ProxyAuthenticate] {
        let headers = headers(&format!("{name}: {challenge}"));
        assert_eq!(headers.text(&name).as_deref(), Some(challenge));
    }
}

#[test]
fn parameters_of_a_content_type_are_written_as_they_came() {
    let text = "multipart/mixed ; boundary=\"a b\"";
    let headers = headers(&format!("Content-Type: {text}"));
    assert_eq!(headers.content_type().as_deref(), Some("multipart/mixed"));
    assert_eq!(
        headers.text(&HeaderName::ContentType).as_deref(),
        Some(text)
    );
}

#[test]
fn own_reason_phrases_and_the_order_of_headers_are_kept() {
    let text = "SIP/2.0 403 My \u{e9} Reason\r\nX-1: a\r\nTo: <sip:b@x>;tag=2\r\n\
                From: <sip:a@x>;tag=1\r\nVia: SIP/2.0/UDP a\r\nx-1: b\r\nCSeq: 1 BYE\r\n\
                Call-ID: c\r\nContent-Length: 0\r\n\r\n";
    let Ok(Message::Response(response)) = parse(text) else {
        panic!("a response")
    };
    assert_eq!(
        (response.status.code(), &*response.reason),
        (403, "My \u{e9} Reason")
    );
    assert_eq!(response.to_bytes(), text);
}

#[test]
fn the_body_is_bytes_and_ends_where_content_length_says() {
    let body: Vec<u8> = (0..=255).collect();
    let mut bytes = with("Content-Length: 256");
    bytes.extend_from_slice(&body);
    bytes.extend_from_slice(b"extra");
    assert_eq!(request(bytes).body, body);
    // Two that say the same are one, two that differ are none.
    assert_eq!(request(with("l: 0\r\nContent-Length: 0")).body, "");
    for wrong in [
        "Content-Length: -1",
        "Content-Length: +0",
        "Content-Length: 0\r\nl: 1",
        "Content-Length: 0, 0",
        "Content-Length: 0\r\n 0",
        "Content-Length:",
        "Content-Length: 0x0",
        "Content-Length: 18446744073709551616",
        "Content-Length: 1",
    ] {
        let bad = parse(with(wrong)).unwrap_err();
        assert_eq!(
            bad.answer.unwrap().status,
            StatusCode::BAD_REQUEST,
            "{wrong}"
        );
    }
    // In a folded line it is a part of another header.
    let folded = request(with("Subject: a\r\n Content-Length: 99"));
    assert_eq!(
        folded.headers.text(&HeaderName::Subject).as_deref(),
        Some("a Content-Length: 99")
    );
}

#[test]
fn headers_of_extensions_are_known_by_name() {
    let headers = headers(
        "Subscription-State: terminated;reason=noresource\r\nHistory-Info: <sip:a@x>;index=1\r\n\
         Diversion: <sip:c@y>;reason=no-answer\r\nReason: Q.850;cause=16;text=\"a, b\"\r\n\
         P-Asserted-Identity: \"A\" <sip:a@x>, <tel:+1>\r\nPath: <sip:p;lr>\r\nPrivacy: id;header",
    );
    for (name, value) in [
        (
            HeaderName::SubscriptionState,
            "terminated;reason=noresource",
        ),
        (HeaderName::HistoryInfo, "<sip:a@x>;index=1"),
        (HeaderName::Diversion, "<sip:c@y>;reason=no-answer"),
        (HeaderName::Reason, "Q.850;cause=16;text=\"a, b\""),
        (HeaderName::PAssertedIdentity, "\"A\" <sip:a@x>, <tel:+1>"),
        (HeaderName::Path, "<sip:p;lr>"),
        (HeaderName::Privacy, "id;header"),
    ] {
        assert_eq!(headers.text(&name).as_deref(), Some(value));
    }
    assert_eq!(headers.tokens(&HeaderName::PAssertedIdentity).count(), 2);
}

#[test]
fn numbers_that_fit_nowhere_are_refused_or_fail_alone() {
    for cseq in [
        "4294967296 INVITE",
        "-1 INVITE",
        "99999999999999999999 INVITE",
        "1e3 INVITE",
        "1",
    ] {
        let bad = parse(with(&format!("CSeq: {cseq}"))).unwrap_err();
        assert_eq!(
            bad.answer.unwrap().status,
            StatusCode::BAD_REQUEST,
            "{cseq}"
        );
    }
    // §8.1.1.5 tells clients to stay below 2^31; who goes on to 2^32 can be served.
    let cseq = headers("CSeq: 4294967295 INVITE").cseq().unwrap();
    assert_eq!(cseq.number, u32::MAX);
    for hops in ["256", "-1", "70 70", "1.5", "99999999999999999999", ""] {
        assert!(
            headers(&format!("Max-Forwards: {hops}"))
                .max_forwards()
                .is_err(),
            "{hops}"
        );
    }
    assert_eq!(headers("Max-Forwards: 00070").max_forwards(), Ok(Some(70)));
}

#[test]
fn a_from_that_is_cut_or_doubled_is_refused() {
    for from in [
        "\"A <sip:a@x>;tag=1",
        "<sip:a@x;tag=1",
        "<sip:a@x>>;tag=1",
        "<<sip:a@x>;tag=1",
        "<sip:a@x>;tag=1, <sip:b@x>;tag=2",
        "<sip:a@x>;tag=1\r\nf: <sip:a@x>;tag=1",
        "",
        "<>",
    ] {
        let bad = parse(with(&format!("From: {from}"))).unwrap_err();
        assert_eq!(
            bad.answer.unwrap().status,
            StatusCode::BAD_REQUEST,
            "{from}"
        );
    }
    assert!(NameAddr::parse("<sip:a@x>;tag=1").is_ok());
}
