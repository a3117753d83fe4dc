mod changes;
mod reliable;
mod requests;
mod uac;

use std::time::Duration;

use bytes::Bytes;

use super::*;
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

impl InviteUsage {
    /// As a session does it whose application does not look at requests.
    fn handle_request(&mut self, transaction: TransactionId, request: Request) {
        if self.admit(transaction, &request) {
            self.handle_admitted(transaction, request);
        }
    }
}

/// A request of the peer inside the dialog.
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

/// A call that came in, with an offer and its answer.
fn agreed() -> InviteUsage {
    let mut usage = confirmed();
    assert!(usage.is_negotiated());
    commands(&mut usage);
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

fn ok() -> Response {
    Response::new(StatusCode::OK)
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
