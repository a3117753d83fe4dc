//! Calls that we place, up to their answer or their end.

use super::*;

#[test]
fn an_answer_to_our_invite_is_acknowledged() {
    let mut usage = uac();
    respond(&mut usage, "100", "x");
    respond(&mut usage, "180", "x");
    assert_eq!(events(&mut usage), ["Progress"]);
    respond(&mut usage, "200", "x");
    assert_eq!(commands(&mut usage), ["ACK 1 to sip:x@callee"]);
    assert_eq!(events(&mut usage), ["Answered"]);
    usage.hang_up();
    assert_eq!(commands(&mut usage), ["BYE 2 to sip:x@callee"]);
    usage.handle_response(now(), RequestToken(1), ok());
    assert_eq!(events(&mut usage), ["Ended"]);
}

#[test]
fn a_failure_or_no_response_ends_our_invite() {
    let mut usage = uac();
    respond(&mut usage, "486", "x");
    assert_eq!(events(&mut usage), ["Refused", "Ended"]);
    let mut usage = uac();
    usage.handle_no_response(now(), UAC, StatusCode::REQUEST_TIMEOUT);
    usage.handle_no_response(now(), UAC, StatusCode::REQUEST_TIMEOUT);
    assert_eq!(events(&mut usage), ["NoResponse", "Ended"]);
    assert!(commands(&mut usage).is_empty());
}

#[test]
fn a_cancelled_invite_ends_with_whatever_comes() {
    let cancelled = || {
        let mut usage = uac();
        usage.hang_up();
        usage.hang_up();
        assert_eq!(commands(&mut usage), ["CANCEL"]);
        usage
    };
    let mut usage = cancelled();
    respond(&mut usage, "180", "x");
    assert!(events(&mut usage).is_empty());
    respond(&mut usage, "487", "x");
    assert_eq!(events(&mut usage), ["Refused", "Ended"]);
    let mut usage = cancelled();
    usage.handle_no_response(now(), UAC, StatusCode::REQUEST_TIMEOUT);
    assert_eq!(events(&mut usage), ["NoResponse", "Ended"]);
    let mut usage = cancelled();
    respond(&mut usage, "200", "x");
    let both = ["ACK 1 to sip:x@callee", "BYE 2 to sip:x@callee"];
    assert_eq!(commands(&mut usage), both);
    assert!(events(&mut usage).is_empty());
}

#[test]
fn other_forks_that_answer_are_acknowledged_and_ended() {
    let mut usage = uac();
    respond(&mut usage, "200", "x");
    commands(&mut usage);
    respond(&mut usage, "200", "y");
    let both = ["ACK 1 to sip:y@callee", "BYE 1002 to sip:y@callee"];
    assert_eq!(commands(&mut usage), both);
    usage.handle_response(now(), RequestToken(1), ok());
    assert!(usage.is_established());
    assert_eq!(events(&mut usage), ["Answered"]);
}

#[test]
fn rfc3261_13_2_2_4_an_answer_without_contact_is_acknowledged_and_ended() {
    let mut usage = uac();
    let invite = request("INVITE", 1, "");
    let response = Response::answering(&invite, StatusCode::OK, Some("x"));
    usage.handle_response(now(), UAC, response);
    let both = ["ACK 1 to sip:bob@server", "BYE 1002 to sip:bob@server"];
    assert_eq!(commands(&mut usage), both);
    assert_eq!(events(&mut usage), ["Refused"]);
    usage.handle_response(now(), RequestToken(1), ok());
    assert_eq!(events(&mut usage), ["Ended"]);
}

#[test]
fn a_request_before_our_invite_is_answered_finds_no_dialog() {
    let mut usage = uac();
    usage.handle_request(TransactionId(1), inside("BYE", 2));
    assert_eq!(commands(&mut usage), ["1: 481"]);
}

#[test]
fn rfc3261_13_2_2_4_an_offer_in_the_2xx_is_answered_in_the_ack() {
    let next_hop = Uri::parse("sip:proxy").unwrap();
    let mut usage = InviteUsage::uac(request("INVITE", 1, ""), next_hop, SETUP);
    commands(&mut usage);
    let invite = request("INVITE", 1, "");
    let mut ok = Response::answering(&invite, StatusCode::OK, Some("x"));
    ok.headers.push(HeaderName::Contact, "<sip:x@callee>");
    ok.body = "offer".into();
    usage.handle_response(now(), UAC, ok);
    assert!(commands(&mut usage).is_empty());
    let id = OfferId::Success(UAC);
    assert_eq!(events(&mut usage), ["Answered", "Offer"]);
    // A hang-up meanwhile does not forget the ACK.
    usage.answer(id, "answer".into(), &[]);
    usage.hang_up();
    let Some(Command::Ack { request: ack, .. }) = usage.poll_command() else {
        panic!("no ACK");
    };
    assert_eq!(&ack.body[..], b"answer");
    assert_eq!(commands(&mut usage), ["BYE 2 to sip:x@callee"]);
}

#[test]
fn rfc3261_15_a_bye_in_an_early_dialog_leaves_the_invite_to_its_end() {
    let mut usage = uac();
    respond(&mut usage, "180", "x");
    events(&mut usage);
    usage.handle_request(TransactionId(1), from_callee("OPTIONS", 4, "x"));
    usage.handle_request(TransactionId(2), from_callee("BYE", 5, "x"));
    usage.handle_request(TransactionId(3), from_callee("INFO", 6, "y"));
    assert_eq!(commands(&mut usage), ["1: 200", "2: 200", "3: 481"]);
    assert!(events(&mut usage).is_empty());
    // Its answer came behind its BYE: overtaken, or said although it had left. So we leave as well.
    respond(&mut usage, "200", "x");
    let both = ["ACK 1 to sip:x@callee", "BYE 2 to sip:x@callee"];
    assert_eq!(commands(&mut usage), both);
    assert_eq!(events(&mut usage), ["RemoteHangup"]);
    let gone = Response::new(StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST);
    usage.handle_response(now(), RequestToken(1), gone);
    assert_eq!(events(&mut usage), ["Ended"]);
}

#[test]
fn rfc3261_12_1_2_a_callee_without_a_tag_is_called_and_left_by_either_side() {
    let answered = || {
        let mut usage = uac();
        let mut response = Response::answering(&request("INVITE", 1, ""), StatusCode::OK, None);
        let contact = "<sip:old@callee>";
        response.headers.push(HeaderName::Contact, contact);
        usage.handle_response(now(), UAC, response);
        assert_eq!(commands(&mut usage), ["ACK 1 to sip:old@callee"]);
        assert_eq!(events(&mut usage), ["Answered"]);
        usage
    };
    let mut usage = answered();
    let bye = "BYE sip:alice@client SIP/2.0\r\nVia: SIP/2.0/UDP p;branch=z9hG4bK2\r\n\
        From: <sip:bob@server>\r\nTo: <sip:alice@client>;tag=a\r\nCall-ID: c1\r\nCSeq: 5 BYE\r\n\r\n";
    let Ok(Message::Request(bye)) = Message::parse_datagram(bye.into()) else {
        panic!("a request");
    };
    usage.handle_request(TransactionId(1), bye);
    assert_eq!(commands(&mut usage), ["1: 200"]);
    assert_eq!(events(&mut usage), ["RemoteHangup", "Ended"]);
    let mut usage = answered();
    usage.hang_up();
    assert_eq!(commands(&mut usage), ["BYE 2 to sip:old@callee"]);
}

fn digest() -> DigestClient {
    use crate::sip::auth::{Account, Accounts, Realm, Secret};
    let account = Account {
        realm: Realm::Any,
        user: "alice".to_owned(),
        password: Secret::new("secret"),
    };
    DigestClient::new(Accounts::new(vec![account]), [1; 32])
}

/// A challenge to `request`.
fn challenge(request: &Request, code: u16) -> Response {
    let mut response = Response::answering(request, StatusCode::new(code).unwrap(), Some("x"));
    let name = match code {
        401 => HeaderName::WwwAuthenticate,
        _ => HeaderName::ProxyAuthenticate,
    };
    let challenge = "Digest realm=\"r\", nonce=\"n\", qop=\"auth\"";
    response.headers.push(name, challenge);
    response
}

#[test]
fn rfc3261_22_2_a_challenge_is_answered_by_the_same_request_with_a_higher_number() {
    let mut usage = uac();
    usage.set_digest(digest());
    let invite = request("INVITE", 1, "");
    usage.handle_response(now(), UAC, challenge(&invite, 401));
    let (token, second) = sent(&mut usage);
    assert_eq!(token, UAC);
    assert_eq!(second.headers.cseq().unwrap().to_string(), "2 INVITE");
    assert!(second.headers.get(&HeaderName::Authorization).is_some());
    assert!(events(&mut usage).is_empty());
    // The same again: it is not accepted.
    usage.handle_response(now(), UAC, challenge(&second, 401));
    assert_eq!(events(&mut usage), ["Refused", "Ended"]);

    let mut usage = agreed();
    usage.set_digest(digest());
    usage.hang_up();
    let (token, bye) = sent(&mut usage);
    usage.handle_response(now(), token, challenge(&bye, 407));
    let (again, second) = sent(&mut usage);
    assert_eq!(again, token);
    assert_eq!(second.headers.cseq().unwrap().to_string(), "2 BYE");
    assert!(!usage.is_terminated());
    usage.handle_response(now(), token, status(&second, 200));
    assert!(usage.is_terminated());
}

#[test]
fn a_cancelled_invite_whose_end_nobody_tells_ends_the_call_all_the_same() {
    let mut usage = uac();
    let begin = now();
    usage.begin_turn(begin);
    usage.hang_up();
    let end = begin + SETUP.give_up + END_MARGIN;
    assert_eq!(usage.poll_timeout(), Some(end));
    usage.handle_timeout(end);
    assert_eq!(events(&mut usage), ["NoResponse", "Ended"]);
}
