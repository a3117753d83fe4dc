//! Reliable provisional responses (RFC 3262), of either side.

use super::*;

/// A reliable provisional response of the peer.
fn respond_reliably(usage: &mut InviteUsage, tag: &str, rseq: u32, body: &'static str) {
    let invite = request("INVITE", 1, "");
    let mut response = Response::answering(&invite, StatusCode::SESSION_PROGRESS, Some(tag));
    let headers = &mut response.headers;
    headers.push(HeaderName::Contact, format!("<sip:{tag}@callee>"));
    headers.push(HeaderName::Require, "100rel");
    headers.push(HeaderName::RSeq, rseq.to_string());
    response.body = body.into();
    usage.handle_response(now(), UAC, response);
}

#[test]
fn rfc3262_4_each_fork_has_its_own_row_of_reliable_responses() {
    let mut usage = uac();
    respond_reliably(&mut usage, "x", 7, "");
    respond_reliably(&mut usage, "x", 7, "");
    respond_reliably(&mut usage, "x", 9, "");
    respond_reliably(&mut usage, "y", 100, "answer");
    respond_reliably(&mut usage, "x", 8, "");
    let pracks = [
        "PRACK 2 to sip:x@callee",
        "PRACK 2 to sip:y@callee",
        "PRACK 3 to sip:x@callee",
    ];
    assert_eq!(commands(&mut usage), pracks);
    assert_eq!(events(&mut usage), ["Progress"; 3]);
    // An unreliable one after them is good too.
    respond(&mut usage, "180", "x");
    assert_eq!(events(&mut usage), ["Progress"]);
}

#[test]
fn rfc3262_5_the_answer_in_a_reliable_response_counts() {
    let mut usage = uac();
    respond_reliably(&mut usage, "x", 7, "answer");
    assert!(usage.is_negotiated());
    commands(&mut usage);
    events(&mut usage);
    respond(&mut usage, "200", "x");
    assert!(matches!(
        usage.poll_event(),
        Some(Event::Answered { answer: None, .. })
    ));
    assert_eq!(commands(&mut usage), ["ACK 1 to sip:x@callee"]);
}

#[test]
fn rfc3262_5_an_offer_in_a_reliable_response_is_answered_in_the_prack() {
    let next_hop = Uri::parse("sip:proxy").unwrap();
    let mut usage = InviteUsage::uac(request("INVITE", 1, ""), next_hop, SETUP);
    commands(&mut usage);
    respond_reliably(&mut usage, "x", 7, "offer");
    assert!(commands(&mut usage).is_empty());
    let Some(Event::Offer { id, offer, .. }) = usage.poll_event() else {
        panic!("no offer");
    };
    assert_eq!(&offer[..], b"offer");
    usage.answer(id, "answer".into(), &[]);
    let (_, prack) = sent(&mut usage);
    assert_eq!(prack.headers.rack().unwrap().to_string(), "7 1 INVITE");
    assert_eq!(&prack.body[..], b"answer");
    respond(&mut usage, "200", "x");
    assert!(usage.is_negotiated());
}

/// A caller who takes provisional responses reliably.
fn uas_reliable(body: &'static str) -> InviteUsage {
    let mut invite = request("INVITE", 1, "");
    invite.body = body.into();
    invite.headers.push(HeaderName::Supported, "100rel");
    uas_of(invite)
}

/// The RSeq of the only response that is to be sent.
fn rseq_sent(usage: &mut InviteUsage) -> u32 {
    let Some(Command::Respond { response, .. }) = usage.poll_command() else {
        panic!("no response");
    };
    assert!(response.headers.has_option(&HeaderName::Require, "100rel"));
    assert!(usage.poll_command().is_none());
    response.headers.rseq().unwrap()
}

fn prack(cseq: u32, rseq: u32, body: &'static str) -> Request {
    let mut prack = inside("PRACK", cseq);
    prack
        .headers
        .push(HeaderName::RAck, format!("{rseq} 1 INVITE"));
    prack.body = body.into();
    prack
}

#[test]
fn rfc3262_3_reliable_responses_wait_for_each_other_and_the_2xx_for_their_descriptions() {
    let mut usage = uas_reliable("offer");
    usage.progress(StatusCode::RINGING, None, &[], Bytes::new());
    let first = rseq_sent(&mut usage);
    usage.progress(StatusCode::SESSION_PROGRESS, None, &[], "answer".into());
    usage.accept(None, &[], Bytes::new());
    assert!(commands(&mut usage).is_empty());
    // It names nothing that is out.
    usage.handle_request(TransactionId(1), prack(2, first + 1, ""));
    assert_eq!(commands(&mut usage), ["1: 481"]);
    usage.handle_request(TransactionId(2), prack(3, first, ""));
    assert_eq!(commands(&mut usage), ["acknowledged", "2: 200", "0: 183"]);
    assert!(events(&mut usage).is_empty());
    usage.handle_request(TransactionId(3), prack(4, first + 1, ""));
    assert_eq!(commands(&mut usage), ["acknowledged", "3: 200", "0: 200"]);
    assert_eq!(events(&mut usage), ["Accepted"]);
    // The same PRACK in a new transaction acknowledges nothing.
    usage.handle_request(TransactionId(4), prack(5, first + 1, ""));
    assert_eq!(commands(&mut usage), ["4: 481"]);
}

#[test]
fn rfc3262_3_without_a_prack_the_invite_gets_504() {
    let mut usage = uas_reliable("offer");
    usage.progress(StatusCode::RINGING, None, &[], Bytes::new());
    usage.handle_prack_timeout();
    assert_eq!(commands(&mut usage), ["0: 180", "0: 504"]);
    assert_eq!(events(&mut usage), ["NoPrack", "Ended"]);
}

#[test]
fn rfc3262_5_a_late_offer_goes_reliably_and_the_prack_brings_the_answer() {
    let mut usage = uas_reliable("");
    assert_eq!(usage.due(), Due::Offer);
    usage.progress(StatusCode::SESSION_PROGRESS, None, &[], "offer".into());
    let rseq = rseq_sent(&mut usage);
    usage.handle_request(TransactionId(1), prack(2, rseq, "answer"));
    assert_eq!(events(&mut usage), ["Answer"]);
    commands(&mut usage);
    // A further PRACK could bring a new offer.
    usage.progress(StatusCode::RINGING, None, &[], Bytes::new());
    let rseq = rseq_sent(&mut usage);
    usage.handle_request(TransactionId(2), prack(3, rseq, "new offer"));
    assert_eq!(commands(&mut usage), ["acknowledged"]);
    assert_eq!(events(&mut usage), ["Offer"]);
    usage.answer(OfferId::Request(TransactionId(2)), "answer".into(), &[]);
    assert_eq!(commands(&mut usage), ["2: 200"]);
}

#[test]
fn an_unreliable_response_carries_no_offer() {
    let mut usage = uas_of(request("INVITE", 1, ""));
    usage.progress(StatusCode::SESSION_PROGRESS, None, &[], "offer".into());
    let Some(Command::Respond { response, .. }) = usage.poll_command() else {
        panic!("no response");
    };
    assert!(response.body.is_empty());
    assert_eq!(usage.due(), Due::Offer);
}
