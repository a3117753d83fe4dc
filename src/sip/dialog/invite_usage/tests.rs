use super::*;
use crate::sip::message::Message;

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
    let invite = request("INVITE", 1, "");
    let contact = Uri::parse("sip:bob@10.0.0.1").unwrap();
    let dialog = Dialog::uas(&invite, "b", contact).unwrap();
    InviteUsage::uas(INVITE, invite, dialog)
}

fn accepted() -> InviteUsage {
    let mut usage = uas();
    usage.accept("answer".into(), &[]);
    assert_eq!(commands(&mut usage), ["0: 200"]);
    usage
}

fn confirmed() -> InviteUsage {
    let mut usage = accepted();
    usage.handle_ack(inside("ACK", 1));
    assert_eq!(events(&mut usage), ["Acknowledged"]);
    usage
}

const UAC: RequestToken = RequestToken(0);

/// A call that goes out.
fn uac() -> InviteUsage {
    let next_hop = Uri::parse("sip:proxy").unwrap();
    let mut usage = InviteUsage::uac(request("INVITE", 1, ""), next_hop);
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
    usage.handle_response(UAC, response);
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
    usage.progress(StatusCode::RINGING);
    usage.accept("answer".into(), &[]);
    usage.accept("answer".into(), &[]);
    usage.reject(StatusCode::BUSY_HERE, None, &[]);
    usage.progress(StatusCode::RINGING);
    usage.handle_cancel(INVITE);
    assert_eq!(commands(&mut usage), ["0: 180", "0: 200"]);
    assert!(usage.is_established() && events(&mut usage).is_empty());

    let mut usage = uas();
    usage.reject(StatusCode::BUSY_HERE, Some("Busy"), &[]);
    usage.accept("answer".into(), &[]);
    assert_eq!(commands(&mut usage), ["0: 486"]);
    assert_eq!(events(&mut usage), ["Ended"]);

    let mut usage = uas();
    usage.handle_cancel(INVITE);
    usage.accept("answer".into(), &[]);
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
    usage.handle_ack(inside("ACK", 1));
    assert_eq!(commands(&mut usage), ["BYE 1 to sip:alice@client"]);
    assert_eq!(events(&mut usage), ["Acknowledged"]);
    usage.handle_response(RequestToken(0), ok());
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
    usage.handle_no_response(RequestToken(0), StatusCode::REQUEST_TIMEOUT);
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
    usage.handle_response(RequestToken(0), ok());
    assert!(events(&mut usage).is_empty());
}

#[test]
fn a_provisional_response_does_not_end_our_bye() {
    let mut usage = confirmed();
    usage.hang_up();
    usage.handle_response(RequestToken(0), Response::new(StatusCode::TRYING));
    assert!(!usage.is_terminated());
    usage.handle_response(RequestToken(0), Response::new(StatusCode::BUSY_HERE));
    assert!(usage.is_terminated());
}

#[test]
fn re_invites_are_taken_one_at_a_time() {
    let mut usage = confirmed();
    usage.handle_request(TransactionId(1), inside("INVITE", 2));
    usage.handle_request(TransactionId(2), inside("INVITE", 3));
    assert_eq!(commands(&mut usage), ["2: 500"]);
    assert_eq!(events(&mut usage), ["Reinvite"]);
    usage.accept("answer".into(), &[]);
    usage.handle_request(TransactionId(3), inside("INVITE", 4));
    usage.reject(StatusCode::NOT_ACCEPTABLE_HERE, None, &[]);
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
    usage.handle_request(TransactionId(3), inside("REFER", 5));
    assert_eq!(commands(&mut usage), ["2: 469", "3: 405"]);
}

#[test]
fn infos_go_out_one_after_the_other_until_one_fails() {
    let mut usage = confirmed();
    for body in ["1", "2", "3", "4"] {
        usage.send_info("text/plain", body.into());
    }
    let sent = |usage: &mut InviteUsage| {
        let Some(Command::Request { token, request, .. }) = usage.poll_command() else {
            panic!("no request");
        };
        assert!(usage.poll_command().is_none());
        assert_eq!(request.method, Method::Info);
        (token, request)
    };
    let (token, first) = sent(&mut usage);
    assert_eq!(&first.body[..], b"1");
    usage.handle_response(token, Response::answering(&first, StatusCode::OK, None));
    let (token, second) = sent(&mut usage);
    assert_eq!(&second.body[..], b"2");
    usage.handle_no_response(token, StatusCode::REQUEST_TIMEOUT);
    assert!(usage.poll_command().is_none() && usage.is_established());
    usage.send_info("text/plain", "5".into());
    assert_eq!(&sent(&mut usage).1.body[..], b"5");
}

#[test]
fn nothing_follows_after_the_end() {
    let mut usage = accepted();
    usage.handle_request(TransactionId(1), inside("BYE", 2));
    commands(&mut usage);
    events(&mut usage);
    usage.handle_ack(inside("ACK", 1));
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
    usage.handle_response(RequestToken(1), ok());
    assert_eq!(events(&mut usage), ["Ended"]);
}

#[test]
fn a_failure_or_no_response_ends_our_invite() {
    let mut usage = uac();
    respond(&mut usage, "486", "x");
    assert_eq!(events(&mut usage), ["Refused", "Ended"]);
    let mut usage = uac();
    usage.handle_no_response(UAC, StatusCode::REQUEST_TIMEOUT);
    usage.handle_no_response(UAC, StatusCode::REQUEST_TIMEOUT);
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
    usage.handle_no_response(UAC, StatusCode::REQUEST_TIMEOUT);
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
    let both = ["ACK 1 to sip:y@callee", "BYE 2 to sip:y@callee"];
    assert_eq!(commands(&mut usage), both);
    usage.handle_response(RequestToken(1), ok());
    assert!(usage.is_established());
    assert_eq!(events(&mut usage), ["Answered"]);
}

#[test]
fn an_answer_without_contact_begins_nothing() {
    let mut usage = uac();
    let invite = request("INVITE", 1, "");
    let response = Response::answering(&invite, StatusCode::OK, Some("x"));
    usage.handle_response(UAC, response);
    assert!(commands(&mut usage).is_empty());
    assert_eq!(events(&mut usage), ["Refused", "Ended"]);
}

#[test]
fn a_request_before_our_invite_is_answered_finds_no_dialog() {
    let mut usage = uac();
    usage.handle_request(TransactionId(1), inside("BYE", 2));
    assert_eq!(commands(&mut usage), ["1: 481"]);
}
