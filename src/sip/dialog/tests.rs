use super::*;
use crate::sip::message::Message;

/// A request with the headers that a dialog is made of, and `lines` after them.
fn request(method: &str, cseq: u32, to_tag: &str, lines: &str) -> Request {
    let text = format!(
        "{method} sip:bob@biloxi.example.com SIP/2.0\r\nVia: SIP/2.0/UDP p;branch=z9hG4bK1\r\n\
         From: Alice <sip:alice@atlanta.example.com>;tag=a\r\n\
         To: Bob <sip:bob@biloxi.example.com>{to_tag}\r\nCall-ID: c1\r\n\
         CSeq: {cseq} {method}\r\n{lines}\r\n"
    );
    match Message::parse_datagram(text.into()) {
        Ok(Message::Request(request)) => request,
        other => panic!("a request, not {other:?}"),
    }
}

fn response(
    request: &Request,
    code: u16,
    to_tag: &str,
    lines: &[(HeaderName, &'static str)],
) -> Response {
    let status = StatusCode::new(code).unwrap();
    let mut response = Response::answering(request, status, Some(to_tag));
    for (name, value) in lines {
        response.headers.push(name.clone(), *value);
    }
    response
}

fn uri(text: &str) -> Uri {
    Uri::parse(text).unwrap()
}

const PROXIES: &str = "Record-Route: <sip:p2;lr>, <sip:p1;lr>\r\n";
const ALICE: &str = "Contact: <sip:alice@client;transport=udp>\r\n";

fn uas(lines: &str) -> Dialog {
    Dialog::uas(
        &request("INVITE", 314, "", lines),
        "b",
        uri("sip:bob@server"),
    )
    .unwrap()
}

fn uac(invite: &Request, code: u16) -> Dialog {
    let lines = [
        (HeaderName::RecordRoute, "<sip:p2;lr>, <sip:p1;lr>"),
        (HeaderName::Contact, "<sip:bob@host>"),
    ];
    Dialog::uac(invite, &response(invite, code, "b", &lines)).unwrap()
}

fn routes(request: &Request) -> Vec<String> {
    request
        .headers
        .routes()
        .unwrap()
        .iter()
        .map(|route| route.uri.to_string())
        .collect()
}

fn cseq(request: &Request) -> String {
    request.headers.cseq().unwrap().to_string()
}

#[test]
fn rfc3261_12_1_1_the_dialog_of_a_uas() {
    let mut dialog = uas(&format!("{PROXIES}{ALICE}"));
    let id = DialogId {
        call_id: "c1".into(),
        local_tag: "b".into(),
        remote_tag: "a".into(),
    };
    assert_eq!((dialog.id(), dialog.state()), (&id, DialogState::Early));
    let bye = dialog.next_request(Method::Bye);
    // The tag first sent by the caller is now in To, ours in From.
    assert_eq!(
        bye.headers.get(&HeaderName::From).unwrap(),
        b"\"Bob\" <sip:bob@biloxi.example.com>;tag=b"
    );
    assert_eq!(
        bye.headers.get(&HeaderName::To).unwrap(),
        b"\"Alice\" <sip:alice@atlanta.example.com>;tag=a"
    );
    assert_eq!(bye.uri, uri("sip:alice@client;transport=udp"));
    assert_eq!(routes(&bye), ["sip:p2;lr", "sip:p1;lr"]);
    assert_eq!(dialog.next_hop(), &uri("sip:p2;lr"));
    assert_eq!(bye.headers.max_forwards(), Ok(Some(70)));
    assert_eq!(bye.headers.get(&HeaderName::Contact), None);
    assert_eq!(cseq(&bye), "1 BYE");
    assert_eq!(cseq(&dialog.next_request(Method::Info)), "2 INFO");
}

#[test]
fn rfc3261_12_1_2_the_dialog_of_a_uac_has_the_route_set_reversed() {
    let invite = request("INVITE", 7, "", ALICE);
    let mut dialog = uac(&invite, 200);
    assert_eq!(dialog.state(), DialogState::Confirmed);
    let ack = dialog.next_request(Method::Ack);
    assert_eq!(routes(&ack), ["sip:p1;lr", "sip:p2;lr"]);
    assert_eq!(ack.uri, uri("sip:bob@host"));
    assert_eq!(cseq(&ack), "7 ACK");
    assert_eq!(ack.headers.to().unwrap().tag(), Some("b"));
}

#[test]
fn an_ack_has_the_number_of_the_invite_whatever_was_sent_between() {
    let mut dialog = uac(&request("INVITE", 7, "", ALICE), 200);
    let reinvite = dialog.next_request(Method::Invite);
    assert_eq!(cseq(&reinvite), "8 INVITE");
    let contact = &reinvite.headers.contacts().unwrap()[0];
    assert_eq!(contact.uri, uri("sip:alice@client;transport=udp"));
    assert_eq!(cseq(&dialog.next_request(Method::Info)), "9 INFO");
    assert_eq!(cseq(&dialog.next_request(Method::Ack)), "8 ACK");
    assert_eq!(cseq(&dialog.next_request(Method::Bye)), "10 BYE");
}

#[test]
fn a_response_names_the_dialog_that_it_makes() {
    let invite = request("INVITE", 7, "", ALICE);
    assert_eq!(
        DialogId::of_response(&Response::answering(&invite, StatusCode::TRYING, None)),
        None
    );
    let ringing = response(&invite, 180, "b", &[]);
    let dialog = Dialog::uac(&invite, &ringing).unwrap();
    assert_eq!(DialogId::of_response(&ringing).as_ref(), Some(dialog.id()));
}

#[test]
fn a_route_set_without_end_is_refused() {
    let invite = |routes: usize| {
        let lines = "Record-Route: <sip:p;lr>\r\n".repeat(routes);
        request("INVITE", 1, "", &format!("{lines}{ALICE}"))
    };
    let dialog = |routes| Dialog::uas(&invite(routes), "b", uri("sip:bob@server"));
    assert!(dialog(MAX_ROUTES).is_ok());
    assert_eq!(dialog(MAX_ROUTES + 1), Err(DialogError::TooManyRoutes));
}

#[test]
fn rfc3261_12_2_1_1_behind_a_strict_router_the_target_is_the_last_route() {
    let strict = "Record-Route: <sip:p2;method=INVITE>, <sip:p1;lr>\r\n";
    let mut dialog = uas(&format!("{strict}{ALICE}"));
    let bye = dialog.next_request(Method::Bye);
    assert_eq!(bye.uri, uri("sip:p2"));
    assert_eq!(
        routes(&bye),
        ["sip:p1;lr", "sip:alice@client;transport=udp"]
    );
}

#[test]
fn without_routes_the_target_is_the_next_hop() {
    let mut dialog = uas("Contact: <sip:alice@client?Subject=x>\r\n");
    assert_eq!(dialog.next_hop(), &uri("sip:alice@client"));
    assert_eq!(
        dialog
            .next_request(Method::Bye)
            .headers
            .get(&HeaderName::Route),
        None
    );
}

#[test]
fn rfc3261_12_2_2_lower_numbers_are_out_of_order_and_gaps_are_legal() {
    let mut dialog = uas(ALICE);
    assert_eq!(dialog.check(&request("INFO", 315, ";tag=b", "")), Ok(()));
    assert_eq!(dialog.check(&request("INFO", 400, ";tag=b", "")), Ok(()));
    let late = dialog
        .check(&request("BYE", 399, ";tag=b", ""))
        .unwrap_err();
    assert_eq!((late.status().code(), late), (500, Reject::OutOfOrder));
    // The ACK of the INVITE may come after other requests.
    assert_eq!(dialog.check(&request("ACK", 314, ";tag=b", "")), Ok(()));
    assert_eq!(dialog.check(&request("BYE", 401, ";tag=b", "")), Ok(()));
}

#[test]
fn the_first_request_of_the_other_side_may_have_any_number() {
    let mut dialog = uac(&request("INVITE", 7, "", ALICE), 200);
    let mut bye = request("BYE", 3, "", "");
    bye.headers
        .set(HeaderName::From, "<sip:bob@biloxi.example.com>;tag=b");
    bye.headers
        .set(HeaderName::To, "<sip:alice@atlanta.example.com>;tag=a");
    assert_eq!(dialog.check(&bye), Ok(()));
}

#[test]
fn a_request_of_another_dialog_is_refused_with_481() {
    let mut dialog = uas(ALICE);
    for to_tag in ["", ";tag=other", ";tag=B"] {
        let refused = dialog.check(&request("BYE", 315, to_tag, "")).unwrap_err();
        assert_eq!((refused.status().code(), refused), (481, Reject::NoDialog));
    }
}

#[test]
fn a_target_refresh_moves_the_target_and_nothing_else_does() {
    let mut dialog = uas(&format!("{PROXIES}{ALICE}"));
    let moved = "Contact: <sip:alice@mobile>\r\nRecord-Route: <sip:p9;lr>\r\n";
    dialog
        .check(&request("INFO", 315, ";tag=b", moved))
        .unwrap();
    assert_eq!(
        dialog.remote_target(),
        &uri("sip:alice@client;transport=udp")
    );
    dialog
        .check(&request("UPDATE", 316, ";tag=b", moved))
        .unwrap();
    assert_eq!(dialog.remote_target(), &uri("sip:alice@mobile"));
    assert_eq!(dialog.next_hop(), &uri("sip:p2;lr"));
}

#[test]
fn a_refused_target_refresh_changes_nothing() {
    let mut dialog = uas(ALICE);
    let before = dialog.clone();
    for contact in ["Contact: <sip:\r\n", "Contact: <sip:a@x>, <sip:b@x>\r\n"] {
        let refused = dialog
            .check(&request("INVITE", 315, ";tag=b", contact))
            .unwrap_err();
        assert_eq!(refused.status().code(), 400);
        assert_eq!(dialog, before);
    }
}

#[test]
fn rfc3261_13_2_2_4_the_2xx_brings_the_final_route_set() {
    let invite = request("INVITE", 7, "", ALICE);
    let mut dialog = uac(&invite, 183);
    assert_eq!(dialog.state(), DialogState::Early);
    let lines = [
        (HeaderName::RecordRoute, "<sip:p3;lr>"),
        (HeaderName::Contact, "<sip:bob@desk>"),
    ];
    dialog
        .handle_success(&response(&invite, 200, "b", &lines))
        .unwrap();
    assert_eq!(dialog.state(), DialogState::Confirmed);
    assert_eq!(dialog.next_hop(), &uri("sip:p3;lr"));
    assert_eq!(dialog.remote_target(), &uri("sip:bob@desk"));
    // Later ones move the target only (§12.2.1.2).
    let lines = [
        (HeaderName::RecordRoute, "<sip:p4;lr>"),
        (HeaderName::Contact, "<sip:bob@car>"),
    ];
    dialog
        .handle_success(&response(&invite, 200, "b", &lines))
        .unwrap();
    assert_eq!(dialog.next_hop(), &uri("sip:p3;lr"));
    assert_eq!(dialog.remote_target(), &uri("sip:bob@car"));
}

#[test]
fn a_dialog_needs_a_contact_unless_it_is_early() {
    let invite = request("INVITE", 7, "", ALICE);
    let early = Dialog::uac(&invite, &response(&invite, 180, "b", &[])).unwrap();
    assert_eq!(early.remote_target(), &invite.uri);
    let confirmed = Dialog::uac(&invite, &response(&invite, 200, "b", &[]));
    assert_eq!(confirmed, Err(DialogError::Contact));
    let uas = Dialog::uas(&request("INVITE", 1, "", ""), "b", uri("sip:bob@server"));
    assert_eq!(uas, Err(DialogError::Contact));
}

#[test]
fn rfc3261_8_1_1_8_a_contact_is_a_sip_or_sips_uri() {
    let uas = |contact: &str| {
        let contact = format!("Contact: {contact}\r\n");
        let invite = request("INVITE", 1, "", &contact);
        Dialog::uas(&invite, "b", uri("sip:bob@server"))
    };
    for wrong in ["<tel:+123>", "<mailto:a@b>", "<sip:a@b>, <sip:c@d>", "*"] {
        assert!(uas(wrong).is_err(), "{wrong}");
    }
    let mut dialog = uas("<sips:alice@client>").unwrap();
    for method in ["INVITE", "UPDATE"] {
        let moved = request(method, 2, ";tag=b", "Contact: <tel:+123>\r\n");
        let refused = dialog.check(&moved).unwrap_err();
        assert_eq!(refused, Reject::Contact(DialogError::Contact));
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
        assert_eq!(dialog.remote_target(), &uri("sips:alice@client"));
    }
}

#[test]
fn responses_have_our_tag_and_where_it_matters_our_contact() {
    let invite = request("INVITE", 314, "", &format!("{PROXIES}{ALICE}"));
    let mut dialog = Dialog::uas(&invite, "b", uri("sip:bob@server")).unwrap();
    let ok = dialog.response(&invite, StatusCode::OK);
    assert_eq!(ok.headers.to().unwrap().tag(), Some("b"));
    assert_eq!(ok.headers.contacts().unwrap()[0].uri, uri("sip:bob@server"));
    assert_eq!(ok.headers.record_routes().unwrap().len(), 2);
    assert!(
        dialog
            .response(&invite, StatusCode::BUSY_HERE)
            .headers
            .contacts()
            .unwrap()
            .is_empty()
    );
    dialog.confirm();
    assert_eq!(dialog.state(), DialogState::Confirmed);
}

#[test]
fn both_sides_of_a_call_agree() {
    let invite = request("INVITE", 7, "", &format!("{PROXIES}{ALICE}"));
    let mut callee = Dialog::uas(&invite, "b", uri("sip:bob@server")).unwrap();
    let mut caller = Dialog::uac(&invite, &callee.response(&invite, StatusCode::OK)).unwrap();
    callee.confirm();
    for method in [Method::Ack, Method::Info, Method::Update, Method::Bye] {
        assert_eq!(callee.check(&caller.next_request(method)), Ok(()));
    }
    for method in [Method::Info, Method::Invite, Method::Ack, Method::Bye] {
        assert_eq!(caller.check(&callee.next_request(method)), Ok(()));
    }
}
