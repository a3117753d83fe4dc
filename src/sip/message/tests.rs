//! Reading and writing whole messages.

use bytes::Bytes;

use super::*;

const INVITE: &str = "INVITE sip:bob@biloxi.example.com SIP/2.0\r\n\
    Via: SIP/2.0/TCP client.atlanta.example.com:5060;branch=z9hG4bK74bf9\r\n\
    Max-Forwards: 70\r\n\
    From: Alice <sip:alice@atlanta.example.com>;tag=9fxced76sl\r\n\
    To: Bob <sip:bob@biloxi.example.com>\r\n\
    Call-ID: 3848276298220188511@atlanta.example.com\r\n\
    CSeq: 1 INVITE\r\n\
    Contact: <sip:alice@client.atlanta.example.com;transport=tcp>\r\n\
    Content-Type: application/sdp\r\n\
    Content-Length: 4\r\n\
    \r\n\
    v=0\n";

fn parse(text: impl Into<Bytes>) -> Result<Message, BadMessage> {
    Message::parse_datagram(text.into())
}

fn request(text: impl Into<Bytes>) -> Request {
    match parse(text).unwrap() {
        Message::Request(request) => request,
        Message::Response(response) => panic!("a request, not {response:?}"),
    }
}

/// The INVITE with one line replaced, or with `new` added if no line starts with `old`.
fn with_line(old: &str, new: &str) -> String {
    let line = INVITE
        .split("\r\n")
        .find(|line| !old.is_empty() && line.starts_with(old));
    match line {
        Some(line) => INVITE.replacen(line, new, 1),
        None => INVITE.replacen("Max-Forwards", &format!("{new}\r\nMax-Forwards"), 1),
    }
}

#[test]
fn an_invite_is_read() {
    let invite = request(INVITE);
    assert_eq!(invite.method, Method::Invite);
    assert_eq!(invite.uri.to_string(), "sip:bob@biloxi.example.com");
    assert_eq!(invite.body, "v=0\n");
    let headers = &invite.headers;
    assert_eq!(headers.via().unwrap().branch(), Some("z9hG4bK74bf9"));
    assert_eq!(headers.from().unwrap().display.as_deref(), Some("Alice"));
    assert_eq!(headers.from().unwrap().tag(), Some("9fxced76sl"));
    assert_eq!(headers.to().unwrap().tag(), None);
    assert_eq!(
        headers.call_id(),
        Ok("3848276298220188511@atlanta.example.com")
    );
    assert_eq!(
        headers.cseq(),
        Ok(CSeq {
            number: 1,
            method: Method::Invite
        })
    );
    assert_eq!(headers.max_forwards(), Ok(Some(70)));
    assert_eq!(headers.content_type().as_deref(), Some("application/sdp"));
    assert_eq!(headers.contacts().unwrap().len(), 1);
}

#[test]
fn what_is_written_is_what_was_read() {
    let invite = parse(INVITE).unwrap();
    assert_eq!(parse(invite.to_bytes()).unwrap(), invite);
}

/// The answer that a bad request gets.
fn refused(text: impl Into<Bytes>) -> (ParseError, Option<Box<Response>>) {
    let bad = parse(text).unwrap_err();
    (bad.error, bad.answer)
}

#[test]
fn a_bad_request_is_answered_with_400_and_what_is_wrong() {
    let (error, answer) = refused(with_line("From", "From: \"Alice <sip:alice@x>;tag=1"));
    assert!(matches!(
        error,
        ParseError::Header {
            name: HeaderName::From,
            ..
        }
    ));
    let answer = answer.unwrap();
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(
        answer.reason,
        "Bad Request (malformed From header: expected closing quote at byte 26)"
    );
    // The From is echoed as it came; the To, which can be read, gets a tag.
    assert_eq!(
        answer.headers.get(&HeaderName::From).unwrap(),
        b"\"Alice <sip:alice@x>;tag=1"
    );
    assert!(answer.headers.to().unwrap().tag().is_some());
    assert_eq!(answer.headers.via().unwrap().branch(), Some("z9hG4bK74bf9"));
}

#[test]
fn rfc3261_8_2_7_a_repeated_bad_request_gets_the_same_answer() {
    let bad = with_line("Content-Length", "Content-Length: 400");
    assert_eq!(refused(bad.clone()), refused(bad));
}

#[test]
fn another_version_is_answered_with_505() {
    let (error, answer) = refused(INVITE.replacen("SIP/2.0", "SIP/7.0", 1));
    assert_eq!(error, ParseError::Version);
    assert_eq!(answer.unwrap().status, StatusCode::VERSION_NOT_SUPPORTED);
}

#[test]
fn a_bad_ack_and_a_bad_response_are_never_answered() {
    let ack = with_line("Call-ID", "Call-ID: with blank").replace("INVITE", "ACK");
    assert_eq!(refused(ack).1, None);
    let response = with_line("INVITE", "SIP/2.0 2000 OK");
    assert_eq!(refused(response), (ParseError::StartLine, None));
}

#[test]
fn compact_names_are_their_full_names() {
    let compact = INVITE
        .replacen("Via:", "v:", 1)
        .replacen("From:", "F:", 1)
        .replacen("To:", "t:", 1)
        .replacen("Call-ID:", "i:", 1)
        .replacen("Contact:", "m:", 1)
        .replacen("Content-Type:", "c:", 1)
        .replacen("Content-Length:", "l:", 1);
    assert_eq!(request(compact), request(INVITE));
}

#[test]
fn folding_blanks_before_the_colon_and_bare_line_feeds_are_read() {
    let folded = with_line("CSeq", "CSeq\t : 1\r\n   \tINVITE").replace("\r\n", "\n");
    assert_eq!(request(folded), request(INVITE));
    let empty_continuation = with_line("CSeq", "CSeq: 1 INVITE\r\n ");
    assert_eq!(request(empty_continuation), request(INVITE));
    assert_eq!(request(format!("\r\n\r\n{INVITE}")), request(INVITE));
}

#[test]
fn bytes_that_are_no_utf8_are_kept_and_cost_nothing() {
    let mut latin1 = with_line("", "Subject: caf\u{e9}").into_bytes();
    let at = latin1
        .windows(2)
        .position(|w| w == "\u{e9}".as_bytes())
        .unwrap();
    latin1.splice(at..at + 2, [0xe9]);
    let request = request(latin1);
    assert_eq!(
        request.headers.get(&HeaderName::Subject).unwrap(),
        b"caf\xe9"
    );
    assert_eq!(
        request.headers.text(&HeaderName::Subject).unwrap(),
        "caf\u{fffd}"
    );
    assert!(request.to_bytes().windows(4).any(|w| w == b"caf\xe9"));
}

#[test]
fn a_display_name_that_is_no_utf8_does_not_cost_the_call() {
    let mut latin1 = with_line("From", "From: \"R#mi\" <sip:r@x>;tag=1").into_bytes();
    *latin1.iter_mut().find(|b| **b == b'#').unwrap() = 0xe9;
    let request = request(latin1);
    assert_eq!(request.headers.from().unwrap().tag(), Some("1"));
    let answer = Response::answering(&request, StatusCode::OK, None);
    assert!(
        answer
            .headers
            .get(&HeaderName::From)
            .unwrap()
            .contains(&0xe9)
    );
}

#[test]
fn unknown_methods_are_methods() {
    let request = request(INVITE.replace("INVITE", "FOO"));
    assert_eq!(request.method, Method::Other("FOO".into()));
    assert_eq!(request.headers.cseq().unwrap().method, request.method);
    // Methods are case-sensitive (§7.1).
    assert_eq!(
        Method::parse("invite"),
        Some(Method::Other("invite".into()))
    );
    assert_eq!(Method::parse("PUBLISH"), Some(Method::Publish));
    assert_eq!(Method::parse("a b"), None);
}

#[test]
fn token_lists_run_over_lines_and_skip_what_is_empty() {
    let allow = with_line("", "Allow: INVITE,ACK , , FOO\r\nAllow: BYE");
    let tokens: Vec<_> = request(allow)
        .headers
        .tokens(&HeaderName::Allow)
        .map(str::to_owned)
        .collect();
    assert_eq!(tokens, ["INVITE", "ACK", "FOO", "BYE"]);
}

#[test]
fn several_vias_on_a_line_and_over_lines_are_all_read() {
    let vias = with_line(
        "Via",
        "Via: SIP/2.0/UDP a;branch=z9hG4bK1 , SIP / 2.0 / TLS [2001:db8::1] : 5061 ;branch=z9hG4bK2\r\n\
         v: SIP/2.0/foo c.d_e:70;x=\"a,;b\";rport",
    );
    let headers = request(vias).headers;
    assert_eq!(headers.via().unwrap().branch(), Some("z9hG4bK1"));
    let vias: Vec<_> = headers.vias().unwrap().iter().map(Via::to_string).collect();
    assert_eq!(
        vias,
        [
            "SIP/2.0/UDP a;branch=z9hG4bK1",
            "SIP/2.0/TLS [2001:db8::1]:5061;branch=z9hG4bK2",
            "SIP/2.0/foo c.d_e:70;x=\"a,;b\";rport"
        ]
    );
}

#[test]
fn contact_and_route_lists_are_split_outside_quotes_and_brackets() {
    let lists = with_line(
        "Contact",
        "Contact: \"a, <b\" <sip:a,b@x>;q=1 , sip:c@y;expires=5, <tel:+1>;n=\"1,2\"\r\n\
         Route: <sip:p1;lr>,<sip:p2;lr>\r\nRoute: <sip:p3>",
    );
    let headers = request(lists).headers;
    let contacts: Vec<_> = headers
        .contacts()
        .unwrap()
        .iter()
        .map(NameAddr::to_string)
        .collect();
    assert_eq!(
        contacts,
        [
            "\"a, <b\" <sip:a,b@x>;q=1",
            "<sip:c@y>;expires=5",
            "<tel:+1>;n=\"1,2\""
        ]
    );
    let routes = headers.routes().unwrap();
    let hosts: Vec<_> = routes.iter().map(|route| route.uri.to_string()).collect();
    assert_eq!(hosts, ["sip:p1;lr", "sip:p2;lr", "sip:p3"]);
}

#[test]
fn a_header_that_is_not_needed_fails_alone() {
    let request = request(with_line(
        "Max-Forwards",
        "Max-Forwards: 300\r\nContact: <sip:",
    ));
    assert!(request.headers.max_forwards().is_err());
    assert!(request.headers.contacts().is_err());
}

#[test]
fn the_body_is_what_content_length_says() {
    assert_eq!(request(format!("{INVITE}12345")).body, "v=0\n");
    let rest = INVITE.replace("Content-Length: 4\r\n", "");
    assert_eq!(request(format!("{rest}12345")).body, "v=0\n12345");
    let twice = with_line("Content-Length", "Content-Length: 4\r\nl: 4");
    assert_eq!(request(twice).body, "v=0\n");
    for wrong in [
        "5",
        "-4",
        "+4",
        "4, 4",
        "",
        "99999999999999999999999",
        "4\r\nl: 3",
    ] {
        let wrong = with_line("Content-Length", &format!("Content-Length: {wrong}"));
        assert_eq!(
            refused(wrong.clone()).1.unwrap().status.code(),
            400,
            "{wrong}"
        );
    }
}

#[test]
fn a_binary_body_is_written_as_it_came() {
    let mut request = request(INVITE);
    request.body = (0..=255).collect::<Vec<u8>>().into();
    let bytes = request.to_bytes();
    assert!(bytes.ends_with(&request.body));
    assert_eq!(parse(bytes).unwrap(), Message::Request(request));
}

#[test]
fn the_reason_phrase_and_the_order_of_headers_are_kept() {
    let text = "SIP/2.0 403 My Reason\r\nTo: <sip:b@x>;tag=2\r\nX-a: 1\r\nFrom: <sip:a@x>;tag=1\r\n\
                Via: SIP/2.0/UDP a\r\nx-A: 2\r\nCSeq: 1 BYE\r\nCall-ID: c\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(parse(text).unwrap().to_bytes(), text);
}

#[test]
fn rfc3261_8_2_6_a_response_copies_what_it_must() {
    let invite = request(with_line("", "Record-Route: <sip:p;lr>\r\nTimestamp: 5"));
    let names = |code: u16, tag| {
        let response = Response::answering(&invite, StatusCode::new(code).unwrap(), tag);
        response
            .headers
            .iter()
            .map(|(name, _)| name.to_string())
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(names(100, None), "Via From To Call-ID CSeq Timestamp");
    assert_eq!(
        names(180, Some("t")),
        "Via From To Call-ID CSeq Record-Route"
    );
    assert_eq!(names(404, Some("t")), "Via From To Call-ID CSeq");
    let ringing = Response::answering(&invite, StatusCode::RINGING, Some("t"));
    let to = ringing.headers.get(&HeaderName::To).unwrap();
    assert_eq!(to, b"Bob <sip:bob@biloxi.example.com>;tag=t");
}

#[test]
fn nothing_that_is_sent_can_begin_a_header_of_its_own() {
    let mut response = Response::new(StatusCode::OK);
    response.reason = "OK\r\nX: 1".into();
    response
        .headers
        .push(HeaderName::Subject, "a\r\nX: 1\r\n\r\n");
    response.headers.set(HeaderName::Server, "b\nX: 1");
    response.headers.push_front(HeaderName::Via, "c\rX: 1");
    let text = response.to_bytes();
    assert_eq!(
        text,
        "SIP/2.0 200 OK  X: 1\r\nVia: c X: 1\r\nSubject: a X: 1\r\nServer: b X: 1\r\n\
         Content-Length: 0\r\n\r\n"
    );
}

#[test]
fn reason_phrases_are_those_of_the_rfc() {
    let phrase = |code| StatusCode::new(code).unwrap().reason();
    for (code, expected) in [
        (100, "Trying"),
        (181, "Call Is Being Forwarded"),
        (183, "Session Progress"),
        (200, "OK"),
        (405, "Method Not Allowed"),
        (414, "Request-URI Too Long"),
        (481, "Call/Transaction Does Not Exist"),
        (488, "Not Acceptable Here"),
        (505, "Version Not Supported"),
        // Unknown ones are treated as x00 (§8.1.3.2).
        (299, "OK"),
        (499, "Bad Request"),
    ] {
        assert_eq!(phrase(code), expected);
    }
    assert_eq!((StatusCode::new(99), StatusCode::new(700)), (None, None));
}
