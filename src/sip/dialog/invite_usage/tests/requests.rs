//! Requests inside a dialog that change nothing of the session.

use super::*;

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
