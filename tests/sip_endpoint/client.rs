//! Requests that we send.

use std::time::Duration;

use bytes::Bytes;
use muleteer::sip::endpoint::{EndpointConfig, Event, SentBy};
use muleteer::sip::message::{HeaderName, Host, Method, Request, StatusCode, Transport};

use super::probe::{Probe, answer, outgoing};
use crate::support::endpoint::call_and_message_config;

fn ack_for(request: &Request, tag: &str) -> Request {
    let mut ack = outgoing(Method::Ack);
    let to = format!("<sip:us@192.0.2.1>;tag={tag}");
    ack.headers.set(HeaderName::To, to);
    ack.headers.set(
        HeaderName::CSeq,
        request.headers.cseq().unwrap().to_string(),
    );
    ack.headers.set(HeaderName::CSeq, "1 ACK");
    ack
}

fn codes(events: &[Event]) -> Vec<u16> {
    let response = |event: &Event| match event {
        Event::Response { response, .. } => response.status.code(),
        other => panic!("expected a response, got {other:?}"),
    };
    events.iter().map(response).collect()
}

#[test]
fn rfc3261_8_1_1_7_each_request_has_a_branch_of_its_own_and_asks_for_rport() {
    let mut probe = Probe::new();
    probe.send(outgoing(Method::Options));
    let first = probe.sent_request().headers.via().unwrap();
    probe.send(outgoing(Method::Options));
    let second = probe.sent_request().headers.via().unwrap();
    assert!(first.branch().unwrap().starts_with("z9hG4bK"));
    assert_ne!(first.branch(), second.branch());
    assert!(first.wants_rport());
    assert_eq!(
        (first.host, first.port),
        (
            "192.0.2.1".parse::<std::net::IpAddr>().unwrap().into(),
            Some(5060)
        )
    );
}

#[test]
fn via_says_the_configured_name_of_the_transport() {
    let sent_by = SentBy {
        transport: Transport::Tcp,
        host: Host::Name("media.example.com".to_owned()),
        port: None,
    };
    let config = EndpointConfig {
        sent_by: vec![sent_by],
        ..call_and_message_config()
    };
    let mut probe = Probe::with(config, Transport::Tcp);
    probe.send(outgoing(Method::Options));
    let via = probe.sent_request().headers.via().unwrap().to_string();
    assert!(
        via.starts_with("SIP/2.0/TCP media.example.com;rport;branch=z9hG4bK"),
        "{via}"
    );
}

#[test]
fn rfc3261_17_1_1_2_invite_is_repeated_over_udp_until_it_times_out() {
    let mut probe = Probe::new();
    let invite = probe.send(outgoing(Method::Invite));
    assert_eq!(probe.pass_all(), 32);
    let times: Vec<_> = probe.sent_at().into_iter().map(|(at, _)| at).collect();
    assert_eq!(times, [0, 500, 1500, 3500, 7500, 15500, 31500]);
    assert_eq!(
        probe.events(),
        [Event::Timeout {
            transaction: invite
        }]
    );
    assert!(probe.is_empty());
}

#[test]
fn requests_are_sent_once_over_tcp() {
    for method in [Method::Invite, Method::Options] {
        let mut probe = Probe::over(Transport::Tcp);
        let transaction = probe.send(outgoing(method));
        assert_eq!(probe.pass_all(), 32);
        assert_eq!(probe.sent_count(), 1);
        assert_eq!(probe.events(), [Event::Timeout { transaction }]);
    }
}

#[test]
fn rfc3261_17_1_1_3_ack_of_a_failure_reuses_branch_and_headers_of_the_invite() {
    let mut probe = Probe::new();
    let mut request = outgoing(Method::Invite);
    request
        .headers
        .push(HeaderName::Route, "<sip:proxy.example.com;lr>");
    probe.send(request);
    let invite = probe.sent_request();
    let busy = answer(&invite, 486, "theirs");
    probe.receive(&busy);
    let ack = probe.sent_request();
    assert_eq!(ack.method, Method::Ack);
    assert_eq!(ack.uri, invite.uri);
    assert_eq!(ack.headers.vias(), invite.headers.vias());
    for name in [HeaderName::From, HeaderName::CallId, HeaderName::Route] {
        assert_eq!(ack.headers.get(&name), invite.headers.get(&name), "{name}");
    }
    assert_eq!(ack.headers.to().unwrap().tag(), Some("theirs"));
    assert_eq!(ack.headers.cseq().unwrap().to_string(), "1 ACK");
    probe.receive(&busy);
    assert_eq!(probe.sent_request(), ack);
    assert_eq!(codes(&probe.events()), [486], "a failure comes up once");
    assert_eq!(probe.pass_all(), 32);
    assert!(probe.is_empty());
}

#[test]
fn rfc3261_13_2_2_4_ack_is_repeated_for_each_repeated_2xx_of_its_dialog() {
    let mut probe = Probe::new();
    let transaction = probe.send(outgoing(Method::Invite));
    let invite = probe.sent_request();
    let ok = answer(&invite, 200, "left");
    probe.receive(&ok);
    probe.receive(&ok);
    assert_eq!(probe.sent_count(), 0, "there is no ACK to repeat yet");
    probe
        .endpoint
        .send_ack(transaction, ack_for(&invite, "left"), probe.flow);
    probe.drain();
    let ack = probe.sent_request();
    assert_ne!(
        ack.headers.via(),
        invite.headers.via(),
        "the ACK of a 2xx has its own branch"
    );
    probe.receive(&ok);
    assert_eq!(probe.sent_request(), ack);
    assert_eq!(codes(&probe.events()), [200]);
    assert_eq!(probe.pass_all(), 32);
    assert!(probe.is_empty());
    probe.receive(&ok);
    assert_eq!(probe.endpoint.stats().stray_responses, 1);
}

#[test]
fn rfc6026_7_2_2xx_of_another_fork_comes_up_and_has_its_own_ack() {
    let mut probe = Probe::new();
    let transaction = probe.send(outgoing(Method::Invite));
    let invite = probe.sent_request();
    probe.receive(&answer(&invite, 200, "left"));
    probe
        .endpoint
        .send_ack(transaction, ack_for(&invite, "left"), probe.flow);
    probe.drain();
    probe.sent();
    probe.receive(&answer(&invite, 200, "right"));
    assert_eq!(probe.sent_count(), 0);
    assert_eq!(codes(&probe.events()), [200, 200]);
    probe
        .endpoint
        .send_ack(transaction, ack_for(&invite, "right"), probe.flow);
    probe.drain();
    let right = probe.sent_request();
    probe.receive(&answer(&invite, 200, "right"));
    assert_eq!(probe.sent_request(), right);
}

#[test]
fn endless_forks_are_dropped_and_counted() {
    let mut probe = Probe::new();
    probe.send(outgoing(Method::Invite));
    let invite = probe.sent_request();
    for fork in 0..100 {
        probe.receive(&answer(&invite, 200, &format!("fork{fork}")));
    }
    assert_eq!(probe.events().len(), 16);
    assert_eq!(probe.endpoint.stats().stray_responses, 84);
}

#[test]
fn rfc3261_17_1_2_final_response_comes_up_once() {
    let mut probe = Probe::new();
    probe.send(outgoing(Method::Bye));
    let bye = probe.sent_request();
    probe.receive(&answer(&bye, 100, ""));
    probe.receive(&answer(&bye, 200, "theirs"));
    probe.receive(&answer(&bye, 200, "theirs"));
    assert_eq!(codes(&probe.events()), [100, 200]);
    assert_eq!(probe.pass_all(), 5);
    assert!(probe.is_empty());
}

#[test]
fn transaction_over_tcp_is_gone_with_its_final_response() {
    let mut probe = Probe::over(Transport::Tcp);
    probe.send(outgoing(Method::Bye));
    let bye = probe.sent_request();
    probe.receive(&answer(&bye, 200, "theirs"));
    assert!(probe.is_empty());
}

#[test]
fn rfc3261_17_1_3_stray_responses_are_dropped_and_counted() {
    let mut probe = Probe::new();
    probe.send(outgoing(Method::Options));
    let options = probe.sent_request();
    let ok = answer(&options, 200, "theirs");
    let branch = options.headers.via().unwrap().branch().unwrap().to_owned();
    probe.receive(&ok.replace(&branch, "z9hG4bKother"));
    probe.receive(&ok.replace("CSeq: 1 OPTIONS", "CSeq: 1 INVITE"));
    probe.receive(&ok.replacen("Via:", "Via: SIP/2.0/UDP first.example.com\nVia:", 1));
    probe.receive(&ok.replacen("\nFrom:", "\nVia: SIP/2.0/UDP below.example.com\nFrom:", 1));
    assert_eq!(probe.events(), []);
    assert_eq!(probe.endpoint.stats().stray_responses, 4);
    probe.receive(&ok);
    assert_eq!(codes(&probe.events()), [StatusCode::OK.code()]);
}

#[test]
fn rfc3261_17_1_4_send_error_ends_what_waits_on_that_flow() {
    let mut probe = Probe::over(Transport::Tcp);
    let invite = probe.send(outgoing(Method::Invite));
    let options = probe.send(outgoing(Method::Options));
    probe.endpoint.handle_send_error(probe.now, probe.flow);
    probe.drain();
    assert_eq!(
        probe.events(),
        [
            Event::SendFailed {
                transaction: invite
            },
            Event::SendFailed {
                transaction: options
            },
        ]
    );
    assert!(probe.is_empty());
    assert_eq!(probe.endpoint.stats().send_failures, 2);
}

#[test]
fn a_datagram_that_was_refused_ends_its_own_request_and_no_other() {
    let mut probe = Probe::new();
    let invite = probe.send(outgoing(Method::Invite));
    let refused = probe.sent_bytes().remove(0).1;
    probe.send(outgoing(Method::Options));
    let response = Bytes::from_static(b"SIP/2.0 200 OK\r\n\r\n");
    probe.endpoint.handle_unsent(probe.now, response);
    probe.endpoint.handle_unsent(probe.now, refused);
    probe.drain();
    let failed = Event::SendFailed {
        transaction: invite,
    };
    assert_eq!(probe.events(), [failed]);
    assert_eq!(probe.endpoint.client_transactions(), 1);
}

#[test]
fn send_error_leaves_a_ringing_invite_and_other_flows_alone() {
    let mut probe = Probe::new();
    probe.send(outgoing(Method::Invite));
    let invite = probe.sent_request();
    probe.receive(&answer(&invite, 180, "theirs"));
    probe.events();
    probe.endpoint.handle_send_error(probe.now, probe.flow);
    probe.drain();
    assert_eq!(probe.events(), []);
    let mut elsewhere = probe.flow;
    elsewhere.remote.set_port(9);
    probe.send(outgoing(Method::Options));
    probe.endpoint.handle_send_error(probe.now, elsewhere);
    probe.drain();
    probe.pass(Duration::from_secs(1));
    assert_eq!(probe.events(), []);
}
