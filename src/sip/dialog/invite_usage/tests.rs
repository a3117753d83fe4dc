use super::*;
use std::time::Duration;

use bytes::Bytes;

use crate::sip::message::{Message, Method};

/// Any time will do.
#[allow(clippy::disallowed_methods)]
fn now() -> Instant {
    Instant::now()
}

const SETUP: UsageSetup = UsageSetup {
    reliable: ReliablePolicy::Supported,
    seed: 1,
    give_up: Duration::from_secs(32),
};

const INVITE: TransactionId = TransactionId(0);

fn request(method: &str, cseq: u32, to_tag: &str) -> Request {
    let text = format!(
        "{method} sip:bob@server SIP/2.0\r\nVia: SIP/2.0/UDP p;branch=z9hG4bK1\r\n\
         From: <sip:alice@client>;tag=a\r\nTo: <sip:bob@server>{to_tag}\r\nCall-ID: c1\r\n\
         CSeq: {cseq} {method}\r\nContact: <sip:alice@client>\r\n\r\n"
    );
    match Message::parse_datagram(text.into()) {
        Ok(Message::Request(request)) => request,
        other => panic!("a request, not {other:?}"),
    }
}

/// A request of the peer inside the dialog.
impl InviteUsage {
    /// As a session does it whose application does not look at requests.
    fn handle_request(&mut self, transaction: TransactionId, request: Request) {
        if self.admit(transaction, &request) {
            self.handle_admitted(transaction, request);
        }
    }
}

fn inside(method: &str, cseq: u32) -> Request {
    request(method, cseq, ";tag=b")
}

/// A call that came in with CSeq 1.
fn uas() -> InviteUsage {
    uas_of(with_offer(request("INVITE", 1, "")))
}

/// With a session description.
fn with_offer(mut request: Request) -> Request {
    request.body = "offer".into();
    request
}

fn uas_of(invite: Request) -> InviteUsage {
    let contact = Uri::parse("sip:bob@10.0.0.1").unwrap();
    let dialog = Dialog::uas(&invite, "b", contact).unwrap();
    InviteUsage::uas(INVITE, invite, dialog, SETUP)
}

fn accepted() -> InviteUsage {
    let mut usage = uas();
    usage.accept(None, &[], "answer".into());
    assert_eq!(commands(&mut usage), ["0: 200"]);
    assert_eq!(events(&mut usage), ["Accepted"]);
    usage
}

fn confirmed() -> InviteUsage {
    let mut usage = accepted();
    usage.handle_ack(&inside("ACK", 1));
    assert!(events(&mut usage).is_empty());
    usage
}

const UAC: RequestToken = RequestToken(0);

/// A call that goes out.
fn uac() -> InviteUsage {
    let next_hop = Uri::parse("sip:proxy").unwrap();
    let mut usage = InviteUsage::uac(with_offer(request("INVITE", 1, "")), next_hop, SETUP);
    assert_eq!(commands(&mut usage), ["INVITE 1 to sip:proxy"]);
    usage
}

/// The peer of `uac` responds to the INVITE.
fn respond(usage: &mut InviteUsage, code: &str, tag: &str) {
    let status = StatusCode::new(code.parse().unwrap()).unwrap();
    let invite = request("INVITE", 1, "");
    let mut response = Response::answering(&invite, status, Some(tag));
    let contact = format!("<sip:{tag}@callee>");
    response.headers.push(HeaderName::Contact, contact);
    usage.handle_response(now(), UAC, response);
}

/// What is to be sent, in words.
fn commands(usage: &mut InviteUsage) -> Vec<String> {
    let words = |command| match command {
        Command::Respond {
            transaction,
            response,
        } => format!("{}: {}", transaction.0, response.status.code()),
        Command::Request {
            request, next_hop, ..
        }
        | Command::Ack {
            request, next_hop, ..
        } => {
            let number = request.headers.cseq().unwrap().number;
            format!("{} {number} to {next_hop}", request.method)
        }
        Command::Cancel { .. } => "CANCEL".to_owned(),
        Command::Acknowledged { .. } => "acknowledged".to_owned(),
    };
    std::iter::from_fn(|| usage.poll_command())
        .map(words)
        .collect()
}

/// What the session is told, by name.
fn events(usage: &mut InviteUsage) -> Vec<String> {
    let name = |event: Event| {
        let text = format!("{event:?}");
        text.split([' ', '{']).next().unwrap().to_owned()
    };
    std::iter::from_fn(|| usage.poll_event())
        .map(name)
        .collect()
}

#[test]
fn an_unanswered_invite_is_accepted_rejected_or_cancelled_once() {
    let mut usage = uas();
    assert!(usage.is_pending());
    usage.progress(StatusCode::RINGING, None, &[], Bytes::new());
    usage.accept(None, &[], "answer".into());
    usage.accept(None, &[], "answer".into());
    usage.reject(StatusCode::BUSY_HERE, None, &[]);
    usage.progress(StatusCode::RINGING, None, &[], Bytes::new());
    usage.handle_cancel(INVITE);
    assert_eq!(commands(&mut usage), ["0: 180", "0: 200"]);
    assert!(usage.is_established());
    assert_eq!(events(&mut usage), ["Accepted"]);

    let mut usage = uas();
    usage.reject(StatusCode::BUSY_HERE, Some("Busy"), &[]);
    usage.accept(None, &[], "answer".into());
    assert_eq!(commands(&mut usage), ["0: 486"]);
    assert_eq!(events(&mut usage), ["Ended"]);

    let mut usage = uas();
    usage.handle_cancel(INVITE);
    usage.accept(None, &[], "answer".into());
    usage.handle_cancel(INVITE);
    assert_eq!(commands(&mut usage), ["0: 487"]);
    assert_eq!(events(&mut usage), ["Cancelled", "Ended"]);

    let mut usage = uas();
    usage.hang_up();
    usage.hang_up();
    assert_eq!(commands(&mut usage), ["0: 487"]);
    assert_eq!(events(&mut usage), ["Ended"]);
}

#[test]
fn a_bye_before_the_answer_ends_the_invite_too() {
    let mut usage = uas();
    usage.handle_request(TransactionId(1), inside("BYE", 2));
    assert_eq!(commands(&mut usage), ["1: 200", "0: 487"]);
    assert_eq!(events(&mut usage), ["RemoteHangup", "Ended"]);
}

#[test]
fn a_hang_up_before_the_ack_waits_for_it() {
    let mut usage = accepted();
    usage.hang_up();
    usage.hang_up();
    assert!(commands(&mut usage).is_empty());
    usage.handle_ack(&inside("ACK", 1));
    assert_eq!(commands(&mut usage), ["BYE 1 to sip:alice@client"]);
    assert!(events(&mut usage).is_empty());
    usage.handle_response(now(), RequestToken(0), ok());
    assert_eq!(events(&mut usage), ["Ended"]);
}

fn ok() -> Response {
    Response::new(StatusCode::OK)
}

#[test]
fn without_an_ack_the_call_is_ended() {
    let mut usage = accepted();
    usage.handle_ack_timeout();
    usage.handle_ack_timeout();
    assert_eq!(commands(&mut usage), ["BYE 1 to sip:alice@client"]);
    assert_eq!(events(&mut usage), ["NoAck"]);
    usage.handle_no_response(now(), RequestToken(0), StatusCode::REQUEST_TIMEOUT);
    assert!(usage.is_terminated());
    assert_eq!(events(&mut usage), ["Ended"]);
}

#[test]
fn an_established_call_is_ended_by_either_side_or_both() {
    let mut usage = confirmed();
    usage.handle_request(TransactionId(1), inside("BYE", 2));
    assert_eq!(commands(&mut usage), ["1: 200"]);
    assert_eq!(events(&mut usage), ["RemoteHangup", "Ended"]);

    let mut usage = confirmed();
    usage.hang_up();
    usage.hang_up();
    usage.handle_request(TransactionId(1), inside("BYE", 2));
    assert_eq!(
        commands(&mut usage),
        ["BYE 1 to sip:alice@client", "1: 200"]
    );
    assert_eq!(events(&mut usage), ["Ended"]);
    usage.handle_response(now(), RequestToken(0), ok());
    assert!(events(&mut usage).is_empty());
}

#[test]
fn a_provisional_response_does_not_end_our_bye() {
    let mut usage = confirmed();
    usage.hang_up();
    usage.handle_response(now(), RequestToken(0), Response::new(StatusCode::TRYING));
    assert!(!usage.is_terminated());
    usage.handle_response(now(), RequestToken(0), Response::new(StatusCode::BUSY_HERE));
    assert!(usage.is_terminated());
}

#[test]
fn re_invites_are_taken_one_at_a_time() {
    let mut usage = confirmed();
    usage.handle_request(TransactionId(1), with_offer(inside("INVITE", 2)));
    usage.handle_request(TransactionId(2), inside("INVITE", 3));
    assert_eq!(commands(&mut usage), ["2: 500"]);
    assert_eq!(events(&mut usage), ["Offer"]);
    usage.answer(OfferId::Request(TransactionId(1)), "answer".into(), &[]);
    usage.handle_request(TransactionId(3), with_offer(inside("INVITE", 4)));
    let id = OfferId::Request(TransactionId(3));
    usage.decline(id, StatusCode::NOT_ACCEPTABLE_HERE, &[]);
    assert_eq!(commands(&mut usage), ["1: 200", "3: 488"]);
    assert!(usage.is_established());
}

#[test]
fn an_open_re_invite_ends_by_cancel_or_with_the_call() {
    let mut usage = confirmed();
    usage.handle_request(TransactionId(1), inside("INVITE", 2));
    usage.handle_cancel(TransactionId(7));
    usage.handle_cancel(TransactionId(1));
    assert_eq!(commands(&mut usage), ["1: 487"]);
    assert!(usage.is_established());
    usage.handle_request(TransactionId(2), inside("INVITE", 3));
    usage.handle_request(TransactionId(3), inside("BYE", 4));
    assert_eq!(commands(&mut usage), ["3: 200", "2: 487"]);
    assert!(usage.is_terminated());
}

#[test]
fn a_re_invite_while_the_first_is_unanswered_or_our_bye_is_out_is_refused() {
    let mut usage = uas();
    usage.handle_request(TransactionId(1), inside("INVITE", 2));
    assert_eq!(commands(&mut usage), ["1: 500"]);
    let mut usage = confirmed();
    usage.hang_up();
    usage.handle_request(TransactionId(1), inside("INVITE", 2));
    assert_eq!(
        commands(&mut usage),
        ["BYE 1 to sip:alice@client", "1: 481"]
    );
    assert_eq!(events(&mut usage), Vec::<String>::new());
}

#[test]
fn other_requests_are_answered_here() {
    let mut usage = confirmed();
    usage.handle_request(TransactionId(1), inside("OPTIONS", 3));
    usage.handle_request(TransactionId(2), inside("INFO", 4));
    usage.handle_request(TransactionId(3), inside("BYE", 2));
    usage.handle_request(TransactionId(4), request("BYE", 5, ";tag=another"));
    let answers = ["1: 200", "2: 200", "3: 500", "4: 481"];
    assert_eq!(commands(&mut usage), answers);
    assert!(usage.is_established() && events(&mut usage).is_empty());
}

#[test]
fn an_info_about_something_else_is_refused_and_told_what_is_understood() {
    let mut usage = confirmed();
    let mut info = inside("INFO", 3);
    info.body = "<x/>".into();
    info.headers
        .push(HeaderName::ContentType, "application/xml");
    usage.handle_request(TransactionId(1), info.clone());
    let Some(Command::Respond { response, .. }) = usage.poll_command() else {
        panic!("no response");
    };
    assert_eq!(response.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let accept = response.headers.text(&HeaderName::Accept).unwrap();
    assert_eq!(accept, "application/dtmf-relay, application/dtmf");
    info.headers.set(HeaderName::CSeq, "4 INFO");
    info.headers.push(HeaderName::InfoPackage, "conference");
    usage.handle_request(TransactionId(2), info);
    usage.handle_request(TransactionId(3), inside("PUBLISH", 5));
    assert_eq!(commands(&mut usage), ["2: 469", "3: 405"]);
}

/// A text for an INFO.
fn text(body: &'static str) -> Content {
    Content {
        content_type: "text/plain".to_owned(),
        body: body.into(),
    }
}

/// The only request that is to be sent.
fn sent(usage: &mut InviteUsage) -> (RequestToken, Box<Request>) {
    let Some(Command::Request { token, request, .. }) = usage.poll_command() else {
        panic!("no request");
    };
    assert!(usage.poll_command().is_none());
    (token, request)
}

fn status(request: &Request, code: u16) -> Response {
    Response::answering(request, StatusCode::new(code).unwrap(), None)
}

#[test]
fn infos_go_out_one_after_the_other() {
    let mut usage = confirmed();
    for body in ["1", "2", "3"] {
        assert!(usage.send_request(Method::Info, &[], text(body)).is_some());
    }
    for (body, code) in [("1", 200), ("2", 415), ("3", 200)] {
        let (token, info) = sent(&mut usage);
        assert_eq!(
            (&info.method, &info.body[..]),
            (&Method::Info, body.as_bytes())
        );
        usage.handle_response(now(), token, status(&info, code));
        assert_eq!(events(&mut usage), ["Done"]);
    }
    assert!(usage.poll_command().is_none() && usage.is_established());
}

#[test]
fn requests_and_then_the_bye_wait_for_the_ack_so_that_none_overtakes_the_answer() {
    let mut usage = accepted();
    commands(&mut usage);
    for method in [Method::Refer, Method::Info, Method::Info] {
        assert!(usage.send_request(method, &[], text("1")).is_some());
    }
    usage.hang_up();
    assert!(usage.poll_command().is_none());
    usage.handle_ack(&inside("ACK", 1));
    let sent: Vec<_> = std::iter::from_fn(|| usage.poll_command())
        .map(|command| match command {
            Command::Request { request, .. } => request.method,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(sent, [Method::Refer, Method::Info, Method::Bye]);
}

#[test]
fn other_requests_go_out_at_once_and_the_calls_own_are_not_for_the_session() {
    let mut usage = confirmed();
    for method in [Method::Refer, Method::Message, Method::Notify] {
        assert!(
            usage
                .send_request(method, &[], Content::default())
                .is_some()
        );
    }
    assert_eq!(commands(&mut usage).len(), 3);
    for method in [Method::Bye, Method::Invite, Method::Prack, Method::Cancel] {
        assert!(
            usage
                .send_request(method, &[], Content::default())
                .is_none()
        );
    }
}

#[test]
fn rfc5057_5_1_a_failure_ends_the_call_or_the_request_only() {
    for (code, ends) in [
        (405, false),
        (489, false),
        (404, true),
        (481, true),
        (408, true),
    ] {
        let mut usage = confirmed();
        usage.send_request(Method::Options, &[], Content::default());
        let (token, options) = sent(&mut usage);
        usage.handle_response(now(), token, status(&options, code));
        let (told, out) = (events(&mut usage), commands(&mut usage));
        match ends {
            true => {
                assert_eq!(told, ["Done", "RemoteDisappeared"]);
                assert_eq!(out, ["BYE 2 to sip:alice@client"]);
            }
            false => assert_eq!((told, out), (vec!["Done".to_owned()], Vec::new())),
        }
    }
}

#[test]
fn nothing_follows_after_the_end() {
    let mut usage = accepted();
    usage.handle_request(TransactionId(1), inside("BYE", 2));
    commands(&mut usage);
    events(&mut usage);
    usage.handle_ack(&inside("ACK", 1));
    usage.handle_ack_timeout();
    usage.hang_up();
    assert!(commands(&mut usage).is_empty() && events(&mut usage).is_empty());
    usage.handle_request(TransactionId(2), inside("BYE", 3));
    usage.handle_request(TransactionId(3), inside("INVITE", 4));
    assert_eq!(commands(&mut usage), ["2: 481", "3: 481"]);
    assert!(events(&mut usage).is_empty());
}

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

/// The peer of `uac` or `confirmed_uac` sends a request in the dialog of its tag.
fn from_callee(method: &str, cseq: u32, tag: &str) -> Request {
    let mut request = request(method, cseq, ";tag=a");
    let from = format!("<sip:bob@server>;tag={tag}");
    request.headers.set(HeaderName::From, from);
    request
        .headers
        .set(HeaderName::To, "<sip:alice@client>;tag=a");
    request
}

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

/// Our re-INVITE with an offer, sent.
fn reinviting(usage: &mut InviteUsage) -> (RequestToken, Box<Request>) {
    let change = Change {
        method: Method::Invite,
        has_offer: true,
        headers: Vec::new(),
    };
    let token = usage.change(change).unwrap();
    assert_eq!(events(usage), ["OfferWanted"]);
    usage.offer(token, "offer".into());
    sent(usage)
}

/// A call that came in, with an offer and its answer.
fn agreed() -> InviteUsage {
    let mut usage = confirmed();
    assert!(usage.is_negotiated());
    commands(&mut usage);
    usage
}

#[test]
fn rfc3261_14_1_glare_waits_and_tries_again() {
    let mut usage = agreed();
    let (token, invite) = reinviting(&mut usage);
    // Theirs crosses ours.
    usage.handle_request(TransactionId(1), with_offer(inside("INVITE", 2)));
    usage.handle_request(TransactionId(2), with_offer(inside("UPDATE", 3)));
    assert_eq!(commands(&mut usage), ["1: 491", "2: 491"]);
    let start = now();
    usage.handle_response(start, token, status(&invite, 491));
    assert_eq!(events(&mut usage), ["OfferRefused"]);
    // We are not the owner of the Call-ID.
    let at = usage.poll_timeout().expect("another try");
    assert!(at - start <= Duration::from_secs(2));
    // Theirs goes first.
    usage.handle_request(TransactionId(3), with_offer(inside("INVITE", 4)));
    usage.handle_timeout(at);
    assert_eq!(events(&mut usage), ["Offer"]);
    usage.answer(OfferId::Request(TransactionId(3)), "answer".into(), &[]);
    assert_eq!(commands(&mut usage), ["3: 200"]);
    assert!(events(&mut usage).is_empty());
    usage.handle_ack(&inside("ACK", 4));
    assert_eq!(events(&mut usage), ["OfferWanted"]);
    usage.offer(token, "offer".into());
    let (again, invite) = sent(&mut usage);
    assert_eq!(again, token);
    let mut ok = status(&invite, 200);
    ok.body = "answer".into();
    usage.handle_response(start, token, ok);
    assert_eq!(events(&mut usage), ["Answer", "Done"]);
    let number = invite.headers.cseq().unwrap().number;
    let ack = format!("ACK {number} to sip:alice@client");
    assert_eq!(commands(&mut usage), [ack]);
}

#[test]
fn rfc3261_14_1_a_refused_re_invite_leaves_the_session_as_it_was() {
    let mut usage = agreed();
    let (token, invite) = reinviting(&mut usage);
    usage.handle_response(now(), token, status(&invite, 488));
    assert_eq!(events(&mut usage), ["OfferRefused", "Done"]);
    assert!(usage.is_established() && usage.is_negotiated());
    assert!(commands(&mut usage).is_empty());
}

#[test]
fn rfc3311_5_2_an_update_with_an_offer_waits_for_the_one_before() {
    let mut usage = agreed();
    usage.handle_request(TransactionId(1), with_offer(inside("UPDATE", 2)));
    usage.handle_request(TransactionId(2), with_offer(inside("UPDATE", 3)));
    usage.handle_request(TransactionId(3), inside("UPDATE", 4));
    let Some(Command::Respond { response, .. }) = usage.poll_command() else {
        panic!("no response");
    };
    assert_eq!(response.status.code(), 500);
    let seconds = response.headers.text(&HeaderName::RetryAfter).unwrap();
    assert!(seconds.parse::<u32>().unwrap() <= 10);
    assert_eq!(commands(&mut usage), ["3: 200"]);
    assert_eq!(events(&mut usage), ["Offer"]);
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
fn a_bye_whose_end_nobody_tells_ends_the_call_all_the_same() {
    let mut usage = accepted();
    usage.handle_ack(&inside("ACK", 1));
    let begin = now();
    usage.begin_turn(begin);
    usage.hang_up();
    events(&mut usage);
    let end = begin + SETUP.give_up + END_MARGIN;
    assert_eq!(usage.poll_timeout(), Some(end));
    usage.handle_timeout(end);
    assert_eq!(events(&mut usage), ["Ended"]);
    assert_eq!(usage.poll_timeout(), None);
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
