//! Requests that come in.

use std::time::Duration;

use muleteer::sip::endpoint::{EndpointConfig, Event};
use muleteer::sip::message::{HeaderName, Headers, Message, StatusCode, Transport};

use super::probe::{Probe, in_dialog, request};
use crate::support::endpoint::call_and_message_config;

const T1: Duration = Duration::from_millis(500);

#[test]
fn rfc3261_17_2_1_invite_gets_100_after_200_ms_and_again_when_repeated() {
    let mut probe = Probe::new();
    let invite = request("INVITE", "z9hG4bK1", "Timestamp: 54\n");
    probe.receive(&invite);
    probe.pass(Duration::from_millis(199));
    assert_eq!(probe.sent_count(), 0, "most are answered by then");
    probe.pass(Duration::from_millis(1));
    let (trying, to) = probe.response();
    assert_eq!(trying.status, StatusCode::TRYING);
    assert_eq!(trying.headers.to().unwrap().tag(), None);
    assert_eq!(trying.headers.get(&HeaderName::Timestamp), Some(&b"54"[..]));
    assert_eq!(to.to_string(), "192.0.2.9:5070");
    probe.receive(&invite);
    assert_eq!(probe.sent_names(), ["100"]);
    assert_eq!(probe.events().len(), 1);
    assert_eq!(probe.endpoint.stats().repeated_requests, 1);
}

#[test]
fn an_invite_that_comes_again_before_200_ms_gets_its_100_at_once() {
    let mut probe = Probe::new();
    let invite = request("INVITE", "z9hG4bK1", "");
    probe.receive(&invite);
    let (transaction, received) = probe.request();
    probe.receive(&invite);
    let (trying, to) = probe.response();
    assert_eq!(trying.status, StatusCode::TRYING);
    let via = |headers: &Headers| headers.via().unwrap().to_string();
    assert_eq!(via(&trying.headers), via(&received.headers));
    assert_eq!(to.to_string(), "192.0.2.9:5070");
    probe.respond(transaction, &received, StatusCode::OK);
    assert_eq!(probe.sent_names(), ["200"]);
    probe.receive(&in_dialog("ACK", "z9hG4bK2", 1));
    probe.pass_all();
    assert_eq!(probe.sent_count(), 0);
}

#[test]
fn rfc3261_13_3_1_4_2xx_is_repeated_until_its_ack_over_udp_and_tcp() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut probe = Probe::over(transport);
        probe.receive(&request("INVITE", "z9hG4bK1", ""));
        let (invite, received) = probe.request();
        probe.respond(invite, &received, StatusCode::OK);
        probe.pass(Duration::from_secs(10));
        let times: Vec<_> = probe.sent_at().into_iter().map(|(at, _)| at).collect();
        assert_eq!(times, [0, 500, 1500, 3500, 7500]);

        probe.receive(&in_dialog("ACK", "z9hG4bK2", 1));
        let events = probe.events();
        assert!(matches!(&events[..], [Event::Ack { transaction, .. }] if *transaction == invite));
        probe.receive(&in_dialog("ACK", "z9hG4bK2", 1));
        assert_eq!(probe.pass_all(), 32);
        assert_eq!((probe.sent_count(), probe.events().len()), (0, 0));
        assert!(probe.is_empty());
    }
}

#[test]
fn rfc3261_13_3_1_4_2xx_without_ack_ends_after_64_t1() {
    let mut probe = Probe::new();
    probe.receive(&request("INVITE", "z9hG4bK1", ""));
    let (invite, received) = probe.request();
    probe.respond(invite, &received, StatusCode::OK);
    assert_eq!(probe.pass_all(), 32);
    assert_eq!(
        probe.events(),
        [Event::AckTimeout {
            transaction: invite
        }]
    );
    assert_eq!(probe.sent_count(), 11);
    assert!(probe.is_empty());
    probe.receive(&in_dialog("ACK", "z9hG4bK2", 1));
    assert_eq!(probe.endpoint.stats().stray_acks, 1);
}

#[test]
fn ack_of_a_refusal_that_left_no_transaction_is_no_stray_one() {
    let mut probe = Probe::new();
    for (branch, counted) in [("z9hG4bK1", 1), ("z9hG4bK2", 2), ("of-rfc-2543", 3)] {
        let text = request("INVITE", branch, "Require: time-travel\n");
        probe.receive(&text);
        let (refusal, _) = probe.response();
        assert_eq!(refusal.status, StatusCode::BAD_EXTENSION);
        let to = refusal.headers.to().expect("To");
        let tag = to.tag().expect("a tag").to_owned();
        let ack = in_dialog("ACK", branch, 1);
        probe.receive(&ack.replace("tag=ours", &format!("tag={tag}")));
        probe.receive(&ack);
        let stats = probe.endpoint.stats();
        assert_eq!((stats.refusal_acks, stats.stray_acks), (counted, counted));
        assert!(probe.is_empty() && probe.sent_count() == 0);
    }
}

#[test]
fn ack_with_another_tag_or_cseq_does_not_stop_the_2xx() {
    let mut probe = Probe::new();
    probe.receive(&request("INVITE", "z9hG4bK1", ""));
    let (invite, received) = probe.request();
    probe.respond(invite, &received, StatusCode::OK);
    probe.receive(&in_dialog("ACK", "z9hG4bK2", 2));
    probe.receive(&in_dialog("ACK", "z9hG4bK3", 1).replace("tag=ours", "tag=other"));
    probe.receive(&in_dialog("ACK", "z9hG4bK4", 1).replace("tag=theirs", "tag=other"));
    assert_eq!(probe.events(), []);
    assert_eq!(probe.endpoint.stats().stray_acks, 3);
    probe.sent();
    probe.pass(T1);
    assert_eq!(probe.sent_names(), ["200"]);
}

#[test]
fn ack_of_a_2xx_with_the_branch_of_the_invite_is_understood() {
    let mut probe = Probe::new();
    probe.receive(&request("INVITE", "z9hG4bK1", ""));
    let (invite, received) = probe.request();
    probe.respond(invite, &received, StatusCode::OK);
    probe.receive(&in_dialog("ACK", "z9hG4bK1", 1));
    assert!(matches!(&probe.events()[..], [Event::Ack { .. }]));
}

#[test]
fn rfc6026_7_1_repeated_invite_after_the_2xx_makes_no_second_call() {
    let mut probe = Probe::new();
    let invite = request("INVITE", "z9hG4bK1", "");
    probe.receive(&invite);
    let (transaction, received) = probe.request();
    probe.respond(transaction, &received, StatusCode::OK);
    probe.sent();
    probe.receive(&invite);
    assert_eq!(probe.sent_names(), ["200"]);
    probe.receive(&in_dialog("ACK", "z9hG4bK2", 1));
    probe.events();
    probe.receive(&invite);
    assert_eq!((probe.sent_count(), probe.events().len()), (0, 0));
}

#[test]
fn rfc3261_17_2_1_failure_is_repeated_over_udp_only_until_its_ack() {
    for (transport, repetitions) in [(Transport::Udp, 3), (Transport::Tcp, 0)] {
        let mut probe = Probe::over(transport);
        probe.receive(&request("INVITE", "z9hG4bK1", ""));
        let (invite, received) = probe.request();
        probe.sent();
        probe.respond(invite, &received, StatusCode::BUSY_HERE);
        probe.pass(Duration::from_secs(4));
        assert_eq!(probe.sent_count(), 1 + repetitions);
        // The ACK of a failure has the branch of the INVITE and goes no further.
        probe.receive(&in_dialog("ACK", "z9hG4bK1", 1));
        assert_eq!(probe.events(), []);
        let end = probe.pass_all();
        assert_eq!(end, if transport == Transport::Udp { 9 } else { 4 });
        assert_eq!(probe.sent_count(), 0);
        assert!(probe.is_empty());
    }
}

#[test]
fn rfc3261_17_2_1_failure_without_ack_ends_after_64_t1() {
    let mut probe = Probe::new();
    probe.receive(&request("INVITE", "z9hG4bK1", ""));
    let (invite, received) = probe.request();
    probe.respond(invite, &received, StatusCode::BUSY_HERE);
    assert_eq!(probe.pass_all(), 32);
    assert_eq!(probe.events(), []);
    assert!(probe.is_empty());
}

#[test]
fn rfc3261_17_2_2_final_response_is_repeated_for_timer_j() {
    let mut probe = Probe::new();
    let bye = in_dialog("BYE", "z9hG4bK1", 2);
    probe.receive(&bye);
    let (transaction, received) = probe.request();
    probe.receive(&bye);
    assert_eq!(probe.sent_count(), 0);
    probe.respond(transaction, &received, StatusCode::OK);
    probe.receive(&bye);
    assert_eq!(probe.sent_names(), ["200", "200"]);
    assert_eq!(probe.events(), []);
    assert_eq!(probe.pass_all(), 32);
    assert!(probe.is_empty());
}

#[test]
fn response_after_the_final_one_is_dropped_and_counted() {
    let mut probe = Probe::new();
    probe.receive(&in_dialog("BYE", "z9hG4bK1", 2));
    let (transaction, received) = probe.request();
    probe.respond(transaction, &received, StatusCode::OK);
    probe.respond(transaction, &received, StatusCode::SERVER_INTERNAL_ERROR);
    probe.pass_all();
    probe.respond(transaction, &received, StatusCode::OK);
    assert_eq!(probe.sent_names(), ["200"]);
    assert_eq!(probe.endpoint.stats().late_responses, 2);
}

#[test]
fn rfc3261_17_2_3_rfc2543_peer_without_cookie_is_matched_by_its_headers() {
    let mut probe = Probe::new();
    let invite = request("INVITE", "1", "");
    probe.receive(&invite);
    let (transaction, received) = probe.request();
    probe.respond(transaction, &received, StatusCode::BUSY_HERE);
    probe.receive(&invite);
    assert_eq!(probe.events(), []);
    assert_eq!(probe.sent_names(), ["486", "486"]);
    probe.receive(&in_dialog("ACK", "1", 1));
    assert_eq!(probe.pass_all(), 5);
    // The same branch in another call is another transaction.
    probe.receive(&invite.replace("Call-ID: one", "Call-ID: two"));
    assert_eq!(probe.events().len(), 1);
}

#[test]
fn rfc3261_17_2_3_same_branch_from_another_sender_is_another_transaction() {
    let mut probe = Probe::new();
    let options = request("OPTIONS", "z9hG4bK1", "");
    probe.receive(&options);
    probe.receive(
        &options
            .replace("UDP 192.0.2.9:5070", "UDP 192.0.2.8")
            .replace("one@", "two@"),
    );
    assert_eq!(probe.events().len(), 2);
}

#[test]
fn rfc3261_8_2_1_method_not_allowed_gets_405_and_an_unknown_one_501_with_allow() {
    let mut probe = Probe::new();
    probe.receive(&request("PUBLISH", "z9hG4bK1", ""));
    let (response, _) = probe.response();
    assert_eq!(response.status, StatusCode::METHOD_NOT_ALLOWED);
    let allow = response
        .headers
        .text(&HeaderName::Allow)
        .unwrap()
        .into_owned();
    assert!(allow.starts_with("INVITE, ACK, BYE"), "{allow}");
    assert!(response.headers.to().unwrap().tag().is_some());
    probe.receive(&request("DANCE", "z9hG4bK2", ""));
    let (response, _) = probe.response();
    assert_eq!(response.status, StatusCode::NOT_IMPLEMENTED);
    assert!(response.headers.get(&HeaderName::Allow).is_some());
    assert!(probe.is_empty() && probe.events().is_empty());
}

#[test]
fn rfc3261_8_2_2_3_unknown_extension_gets_420_with_unsupported() {
    let config = EndpointConfig {
        supported: vec!["100rel".to_owned()],
        ..call_and_message_config()
    };
    let mut probe = Probe::with(config, Transport::Udp);
    probe.receive(&request(
        "INVITE",
        "z9hG4bK1",
        "Require: 100REL, foo\nRequire: bar\n",
    ));
    let (response, _) = probe.response();
    assert_eq!(response.status, StatusCode::BAD_EXTENSION);
    assert_eq!(
        response.headers.get(&HeaderName::Unsupported),
        Some(&b"foo, bar"[..])
    );
    probe.receive(&request("INVITE", "z9hG4bK2", "Require: 100rel\n"));
    assert_eq!(probe.events().len(), 1);
}

#[test]
fn rfc3261_8_2_2_3_require_in_ack_and_cancel_is_ignored() {
    let mut probe = Probe::new();
    probe.receive(&request("INVITE", "z9hG4bK1", ""));
    let (invite, received) = probe.request();
    probe.sent();
    probe.receive(&request("CANCEL", "z9hG4bK1", "Require: foo\n"));
    assert_eq!(probe.sent_names(), ["200"]);
    probe.respond(invite, &received, StatusCode::REQUEST_TERMINATED);
    let ack = in_dialog("ACK", "z9hG4bK1", 1).replace("Max-Forwards", "Require: foo\nMax-Forwards");
    probe.receive(&ack);
    assert_eq!(probe.pass_all(), 5);
}

#[test]
fn rfc3261_8_2_2_2_merged_request_gets_482() {
    let mut probe = Probe::new();
    probe.receive(&request("INVITE", "z9hG4bK1", ""));
    probe.sent();
    let other_way = request("INVITE", "z9hG4bK2", "");
    probe.receive(&other_way);
    let (first, _) = probe.response();
    assert_eq!(first.status, StatusCode::LOOP_DETECTED);
    probe.receive(&other_way);
    let (again, _) = probe.response();
    assert_eq!(first, again, "a stateless answer is the same each time");
    assert_eq!(probe.events().len(), 1);
    // With a To tag it is a new request in the dialog, whoever made it.
    probe.receive(&in_dialog("INVITE", "z9hG4bK3", 1));
    assert_eq!(probe.events().len(), 1);
}

#[test]
fn max_forwards_0_gets_483_but_options_is_answered() {
    let mut probe = Probe::new();
    let spent =
        |method, branch| request(method, branch, "").replace("Max-Forwards: 70", "Max-Forwards: 0");
    probe.receive(&spent("INVITE", "z9hG4bK1"));
    assert_eq!(probe.sent_names(), ["483"]);
    probe.receive(&spent("OPTIONS", "z9hG4bK2"));
    assert_eq!(probe.events().len(), 1);
    let broken = request("INVITE", "z9hG4bK3", "").replace(": 70", ": many");
    probe.receive(&broken);
    assert_eq!(probe.sent_names(), ["400"]);
    // What belongs to a call has arrived: otherwise nobody could end it.
    probe.receive(&in_dialog("BYE", "z9hG4bK4", 2).replace("Max-Forwards: 70", "Max-Forwards: 0"));
    assert_eq!(probe.events().len(), 1);
}

#[test]
fn malformed_request_gets_400_and_wrong_version_505() {
    let mut probe = Probe::new();
    let bad = request("INVITE", "z9hG4bK1;rport", "");
    probe.receive(&bad.replace("CSeq: 1 INVITE", "CSeq: 1 BYE"));
    let (response, to) = probe.response();
    assert_eq!(
        (response.status, to),
        (StatusCode::BAD_REQUEST, probe.flow.remote)
    );
    assert_eq!(response.headers.via().unwrap().rport(), Some(5070));
    probe.receive(&bad.replacen("SIP/2.0", "SIP/7.0", 1));
    assert_eq!(probe.sent_names(), ["505"]);
    assert_eq!(probe.endpoint.stats().malformed_answered, 2);
}

#[test]
fn malformed_ack_response_and_rubbish_are_dropped() {
    let mut probe = Probe::new();
    probe.receive(&request("ACK", "z9hG4bK1", "").replace("CSeq: 1", "CSeq: x"));
    probe.receive("SIP/2.0 200 OK\n\n");
    probe.receive("hello\n\n");
    probe.receive("\n\n");
    assert_eq!(probe.sent_count() + probe.events().len(), 0);
    let stats = probe.endpoint.stats();
    assert_eq!((stats.malformed_dropped, stats.keep_alives), (3, 1));
}

#[test]
fn rfc3581_4_response_goes_to_the_source_port_when_rport_asks() {
    let mut probe = Probe::new();
    let natted =
        request("OPTIONS", "z9hG4bK1;rport", "").replace("192.0.2.9:5070", "10.0.0.1:5060");
    probe.receive(&natted);
    let (transaction, received) = probe.request();
    let via = received.headers.via().unwrap();
    assert_eq!(via.received(), Some("192.0.2.9".parse().unwrap()));
    assert_eq!(via.rport(), Some(5070));
    probe.respond(transaction, &received, StatusCode::OK);
    assert_eq!(probe.response().1.to_string(), "192.0.2.9:5070");
}

#[test]
fn vias_below_the_topmost_are_left_alone() {
    let mut probe = Probe::new();
    let text = request(
        "OPTIONS",
        "z9hG4bK1, SIP/2.0/TCP a.example.com;branch=z9hG4bKx",
        "",
    )
    .replace("192.0.2.9:5070", "10.0.0.1:5060");
    probe.receive(&text);
    let (transaction, received) = probe.request();
    probe.respond(transaction, &received, StatusCode::OK);
    let (response, _) = probe.response();
    let vias: Vec<_> = response
        .headers
        .vias()
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        vias,
        [
            "SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK1;received=192.0.2.9",
            "SIP/2.0/TCP a.example.com;branch=z9hG4bKx",
        ]
    );
}

#[test]
fn full_table_refuses_new_requests_with_503_while_calls_can_end() {
    let config = EndpointConfig {
        max_transactions: 4,
        server_header: Some("muleteer".to_owned()),
        ..call_and_message_config()
    };
    let mut probe = Probe::with(config, Transport::Udp);
    let options =
        |n: u32| request("OPTIONS", &format!("z9hG4bK{n}"), "").replace("one@", &format!("{n}@"));
    for n in 0..4 {
        probe.receive(&options(n));
    }
    probe.receive(&options(4));
    let (response, _) = probe.response();
    assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        response.headers.get(&HeaderName::RetryAfter),
        Some(&b"5"[..])
    );
    assert_eq!(
        response.headers.get(&HeaderName::Server),
        Some(&b"muleteer"[..])
    );
    probe.receive(&in_dialog("BYE", "z9hG4bK8", 2));
    assert_eq!(probe.events().len(), 5);
    probe.receive(&in_dialog("BYE", "z9hG4bK9", 2));
    assert_eq!(probe.sent_names(), ["503"]);
    assert_eq!(probe.endpoint.stats().overload_refusals, 2);
}

#[test]
fn full_response_memory_refuses_new_requests_and_is_given_back() {
    let config = EndpointConfig {
        max_retained_bytes: 300,
        ..call_and_message_config()
    };
    let mut probe = Probe::with(config, Transport::Udp);
    probe.receive(&request("OPTIONS", "z9hG4bK1", ""));
    let (transaction, received) = probe.request();
    probe.respond(transaction, &received, StatusCode::OK);
    let long = request("OPTIONS", "z9hG4bK2", "").replace("one@", &"x".repeat(200));
    probe.receive(&long);
    let (transaction, received) = probe.request();
    probe.respond(transaction, &received, StatusCode::OK);
    probe.sent();
    probe.receive(&request("OPTIONS", "z9hG4bK3", "").replace("one@", "three@"));
    assert_eq!(probe.sent_names(), ["503"]);
    probe.pass_all();
    probe.receive(&request("OPTIONS", "z9hG4bK4", "").replace("one@", "four@"));
    assert_eq!(probe.events().len(), 1);
}

#[test]
fn same_seed_and_inputs_give_the_same_bytes() {
    let run = || {
        let mut probe = Probe::new();
        probe.receive(&request("DANCE", "z9hG4bK1", ""));
        probe.receive(&request("INVITE", "z9hG4bK2", ""));
        probe.send(super::probe::outgoing(
            muleteer::sip::message::Method::Options,
        ));
        probe
            .sent()
            .iter()
            .map(Message::to_bytes)
            .collect::<Vec<_>>()
    };
    assert_eq!(run(), run());
}

#[test]
fn a_request_that_nobody_answers_is_forgotten_when_its_client_has_given_up() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut probe = Probe::over(transport);
        probe.receive(&in_dialog("INFO", "z9hG4bK1", 2));
        probe.receive(&in_dialog("BYE", "z9hG4bK2", 3));
        let [
            _,
            Event::Request {
                transaction,
                request,
                ..
            },
        ] = &probe.events()[..]
        else {
            panic!("two requests");
        };
        probe.respond(*transaction, request, StatusCode::SESSION_PROGRESS);
        assert_eq!(probe.pass_all(), 32);
        assert!(probe.is_empty());
        assert_eq!(probe.sent_names(), ["183"]);
        assert_eq!(probe.endpoint.stats().unanswered_requests, 2);
    }
}
