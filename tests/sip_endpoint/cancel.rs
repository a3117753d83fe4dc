//! CANCEL in both directions and its races (RFC 3261 §9).

use std::time::Duration;

use muleteer::sip::endpoint::Event;
use muleteer::sip::message::{HeaderName, Method, StatusCode};

use super::probe::{Probe, answer, in_dialog, outgoing, request};

#[test]
fn rfc3261_9_2_cancel_gets_200_and_comes_up_once() {
    let mut probe = Probe::new();
    probe.receive(&request("INVITE", "z9hG4bK1", ""));
    let (invite, received) = probe.request();
    probe.sent();
    let cancel = request("CANCEL", "z9hG4bK1", "");
    probe.receive(&cancel);
    probe.receive(&cancel);
    assert_eq!(probe.sent_names(), ["200", "200"]);
    assert_eq!(
        probe.events(),
        [Event::Cancelled {
            transaction: invite
        }]
    );
    probe.respond(invite, &received, StatusCode::REQUEST_TERMINATED);
    assert_eq!(probe.sent_names(), ["487"]);
    probe.receive(&in_dialog("ACK", "z9hG4bK1", 1));
    probe.pass_all();
    assert!(probe.is_empty());
}

#[test]
fn rfc3261_9_2_cancel_after_the_final_response_gets_200_and_has_no_effect() {
    for status in [StatusCode::OK, StatusCode::BUSY_HERE] {
        let mut probe = Probe::new();
        probe.receive(&request("INVITE", "z9hG4bK1", ""));
        let (invite, received) = probe.request();
        probe.respond(invite, &received, status);
        probe.sent();
        probe.receive(&request("CANCEL", "z9hG4bK1", ""));
        assert_eq!(probe.sent_names(), ["200"]);
        assert_eq!(probe.events(), []);
    }
}

#[test]
fn rfc3261_9_2_cancel_without_match_gets_481() {
    let mut probe = Probe::new();
    probe.receive(&request("INVITE", "z9hG4bK1", ""));
    probe.sent();
    probe.receive(&request("CANCEL", "z9hG4bK2", ""));
    assert_eq!(probe.sent_names(), ["481"]);
    assert_eq!(probe.events().len(), 1);
}

#[test]
fn rfc3261_9_1_cancel_waits_for_the_first_provisional_response() {
    let mut probe = Probe::new();
    let invite = probe.send(outgoing(Method::Invite));
    let sent = probe.sent_request();
    probe.endpoint.cancel(probe.now, invite);
    probe.drain();
    assert_eq!(probe.sent_count(), 0);
    probe.receive(&answer(&sent, 180, "theirs"));
    let cancel = probe.sent_request();
    assert_eq!(cancel.method, Method::Cancel);
    probe.receive(&answer(&sent, 183, "theirs"));
    assert_eq!(probe.sent_count(), 0, "one CANCEL only");
}

#[test]
fn rfc3261_9_1_cancel_looks_like_its_invite() {
    let mut probe = Probe::new();
    let mut request = outgoing(Method::Invite);
    request
        .headers
        .push(HeaderName::Route, "<sip:proxy.example.com;lr>");
    let invite = probe.send(request);
    let sent = probe.sent_request();
    probe.receive(&answer(&sent, 180, "theirs"));
    probe.endpoint.cancel(probe.now, invite);
    probe.drain();
    let cancel = probe.sent_request();
    assert_eq!(cancel.uri, sent.uri);
    for name in [
        HeaderName::From,
        HeaderName::To,
        HeaderName::CallId,
        HeaderName::Route,
    ] {
        assert_eq!(cancel.headers.get(&name), sent.headers.get(&name), "{name}");
    }
    assert_eq!(cancel.headers.vias(), sent.headers.vias());
    assert_eq!(cancel.headers.cseq().unwrap().to_string(), "1 CANCEL");
    assert_eq!(cancel.headers.get(&HeaderName::Require), None);
}

#[test]
fn cancel_in_time_ends_with_487_and_its_ack() {
    let mut probe = Probe::new();
    let invite = probe.send(outgoing(Method::Invite));
    let sent = probe.sent_request();
    probe.receive(&answer(&sent, 100, ""));
    probe.endpoint.cancel(probe.now, invite);
    probe.drain();
    let cancel = probe.sent_request();
    probe.receive(&answer(&cancel, 200, "theirs"));
    probe.receive(&answer(&sent, 487, "theirs"));
    assert_eq!(probe.sent_names(), ["ACK"]);
    let codes: Vec<_> = probe.events().iter().map(code).collect();
    assert_eq!(codes, [100, 487], "the TU hears nothing of its CANCEL");
    probe.pass_all();
    assert!(probe.is_empty());
}

#[test]
fn rfc3261_9_1_cancel_after_the_final_response_is_not_sent() {
    for code in [200, 486] {
        let mut probe = Probe::new();
        let invite = probe.send(outgoing(Method::Invite));
        let sent = probe.sent_request();
        probe.receive(&answer(&sent, code, "theirs"));
        probe.sent();
        probe.endpoint.cancel(probe.now, invite);
        probe.drain();
        assert_eq!(probe.sent_count(), 0);
    }
}

#[test]
fn success_that_crosses_the_cancel_comes_up() {
    let mut probe = Probe::new();
    let invite = probe.send(outgoing(Method::Invite));
    let sent = probe.sent_request();
    probe.receive(&answer(&sent, 180, "theirs"));
    probe.endpoint.cancel(probe.now, invite);
    probe.drain();
    let cancel = probe.sent_request();
    probe.receive(&answer(&cancel, 200, "theirs"));
    probe.receive(&answer(&sent, 200, "theirs"));
    let codes: Vec<_> = probe.events().iter().map(code).collect();
    assert_eq!(codes, [180, 200]);
}

#[test]
fn rfc3261_9_1_cancelled_invite_without_final_response_times_out_64_t1_after_the_cancel() {
    let mut probe = Probe::new();
    let invite = probe.send(outgoing(Method::Invite));
    let sent = probe.sent_request();
    probe.receive(&answer(&sent, 180, "theirs"));
    probe.events();
    probe.pass(Duration::from_secs(100));
    probe.endpoint.cancel(probe.now, invite);
    probe.drain();
    assert_eq!(probe.pass_all(), 132);
    assert_eq!(
        probe.events(),
        [Event::Timeout {
            transaction: invite
        }]
    );
    assert!(probe.is_empty());
}

fn code(event: &Event) -> u16 {
    match event {
        Event::Response { response, .. } => response.status.code(),
        other => panic!("expected a response, got {other:?}"),
    }
}
