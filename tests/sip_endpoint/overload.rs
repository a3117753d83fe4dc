//! More than can be dealt with, and sources that send too much.

use std::num::NonZeroU32;
use std::time::Duration;

use muleteer::sip::endpoint::{EndpointConfig, Event, SourceRules};
use muleteer::sip::message::{HeaderName, Response, StatusCode, Transport};

use super::probe::{Probe, in_dialog, request};
use crate::support::alloc::bytes_held_by;
use crate::support::endpoint::call_and_message_config;

fn with_rules(rules: SourceRules) -> Probe {
    let config = EndpointConfig {
        sources: rules,
        ..call_and_message_config()
    };
    Probe::with(config, Transport::Udp)
}

#[test]
fn new_calls_are_refused_without_a_transaction_while_others_go_on() {
    let mut probe = Probe::new();
    probe.receive(&request("INVITE", "z9hG4bK1", ""));
    let (invite, received) = probe.request();
    probe.respond(invite, &received, StatusCode::OK);
    probe.sent();

    probe.endpoint.set_overloaded(true);
    let transactions = probe.endpoint.server_transactions();
    let other = request("INVITE", "z9hG4bK2", "").replace("CSeq: 1", "CSeq: 2");
    probe.receive(&other);
    let (response, _) = probe.response();
    assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE);
    let retry_after = response.headers.get(&HeaderName::RetryAfter);
    assert_eq!(retry_after, Some(&b"5"[..]));
    assert_eq!(probe.endpoint.server_transactions(), transactions);
    assert_eq!(probe.endpoint.stats().overload_refusals, 1);
    assert!(probe.events().is_empty());

    probe.receive(&in_dialog("ACK", "z9hG4bK3", 1));
    probe.receive(&in_dialog("BYE", "z9hG4bK4", 2));
    assert_eq!(probe.events().len(), 2);
    probe.receive(&request("OPTIONS", "z9hG4bK5", ""));
    assert_eq!(probe.events().len(), 1, "a balancer goes on asking");
    // Some diagram may take a MESSAGE; nobody here takes a PUBLISH.
    for (method, status) in [("MESSAGE", 503), ("PUBLISH", 405)] {
        probe.receive(&request(method, &format!("z9hG4bK{method}"), ""));
        assert_eq!(probe.response().0.status.code(), status, "{method}");
    }
    assert!(probe.events().is_empty());

    probe.endpoint.set_overloaded(false);
    probe.receive(&other.replace("z9hG4bK2", "z9hG4bK6"));
    assert_eq!(probe.events().len(), 1);
}

#[test]
fn a_source_that_sends_too_much_is_refused_and_then_ignored() {
    let mut probe = with_rules(SourceRules {
        requests_per_second: NonZeroU32::new(3),
        ..SourceRules::default()
    });
    let options = |number: u32| {
        let request = request("OPTIONS", &format!("z9hG4bK{number}"), "");
        request.replace("CSeq: 1", &format!("CSeq: {number}"))
    };
    for number in 10..18 {
        probe.receive(&options(number));
    }
    assert_eq!(probe.events().len(), 3);
    assert_eq!(probe.sent_names(), ["503", "503"]);
    let stats = probe.endpoint.stats();
    assert_eq!((stats.rate_refused, stats.rate_ignored), (2, 3));

    // Its calls go on.
    probe.receive(&in_dialog("BYE", "z9hG4bK20", 2));
    assert_eq!(probe.events().len(), 1);

    probe.pass(Duration::from_secs(3));
    probe.receive(&options(21));
    assert_eq!(probe.events().len(), 1);
}

#[test]
fn what_comes_from_a_network_that_is_not_let_in_is_not_read() {
    let mut probe = with_rules(SourceRules {
        deny: vec!["192.0.2.9/32".parse().expect("a network")],
        ..SourceRules::default()
    });
    probe.receive(&request("INVITE", "z9hG4bK1", ""));
    probe.receive("NONSENSE\n\n");
    assert_eq!((probe.events().len(), probe.sent_count()), (0, 0));
    assert_eq!(probe.endpoint.stats().from_refused_networks, 2);
}

/// Has a request come in and refuses it before anything is sent.
fn refused(probe: &mut Probe, text: &str) {
    let bytes = text.replace('\n', "\r\n").into();
    probe.endpoint.handle_message(probe.now, probe.flow, bytes);
    let Some(Event::Request {
        transaction,
        request,
        ..
    }) = probe.endpoint.poll_event()
    else {
        panic!("a request that comes up: {text}");
    };
    let response = Response::answering(&request, StatusCode::NOT_FOUND, None);
    probe.endpoint.refuse(probe.now, transaction, response);
    probe.drain();
}

#[test]
fn rfc3261_8_2_7_what_is_refused_at_once_gets_no_100_and_leaves_nothing() {
    let mut probe = Probe::new();
    for text in [
        request("INVITE", "z9hG4bK1", ""),
        request("OPTIONS", "z9hG4bK2", ""),
        in_dialog("INFO", "z9hG4bK3", 2),
        // A peer of RFC 2543.
        request("INVITE", "1", ""),
    ] {
        let mut tags = Vec::new();
        for _ in 0..2 {
            refused(&mut probe, &text);
            let (response, _) = probe.response();
            assert_eq!(response.status, StatusCode::NOT_FOUND);
            let to = response.headers.to().expect("To");
            tags.push(to.tag().expect("a tag").to_owned());
            assert!(probe.is_empty(), "{text}");
        }
        assert_eq!(tags[0], tags[1]);
    }
    assert_eq!(probe.endpoint.stats().forgotten_requests, 8);
    probe.receive(&in_dialog("ACK", "z9hG4bK1", 1));
    assert_eq!(probe.endpoint.stats().stray_acks, 1);
}

#[test]
fn an_invite_that_got_its_100_is_refused_with_a_transaction() {
    let mut probe = Probe::new();
    probe.receive(&request("INVITE", "z9hG4bK1", ""));
    let (transaction, received) = probe.request();
    probe.pass(Duration::from_millis(200));
    assert_eq!(probe.sent_names(), ["100"]);
    let response = Response::answering(&received, StatusCode::NOT_FOUND, None);
    probe.endpoint.refuse(probe.now, transaction, response);
    probe.drain();
    let (response, _) = probe.response();
    assert!(response.headers.to().is_ok_and(|to| to.tag().is_some()));
    assert_eq!(probe.endpoint.server_transactions(), 1);
    probe.pass(Duration::from_secs(1));
    assert_eq!(probe.sent_names(), ["404"], "repeated until its ACK");
}

#[test]
fn a_to_tag_of_no_dialog_and_a_cancel_of_nothing_cost_their_source() {
    for (method, tagged) in [("INVITE", true), ("BYE", true), ("CANCEL", false)] {
        let mut probe = with_rules(SourceRules {
            requests_per_second: NonZeroU32::new(3),
            ..SourceRules::default()
        });
        for number in 0..20 {
            let branch = format!("z9hG4bK{number}");
            match tagged {
                true => refused(&mut probe, &in_dialog(method, &branch, number + 2)),
                false => probe.receive(&request(method, &branch, "")),
            }
        }
        assert_eq!(
            probe.sent_count(),
            5,
            "three, and two that are to slow down"
        );
        assert_eq!(probe.endpoint.stats().rate_ignored, 15);
        assert!(probe.is_empty());
    }
}

#[test]
fn what_a_peer_writes_into_a_key_is_not_kept() {
    let mut probe = Probe::new();
    let long = "x".repeat(60_000);
    let count = 50;
    let (_, held) = bytes_held_by(|| {
        for number in 0..count {
            // Of RFC 2543: the Request-URI is part of what tells transactions apart.
            let text = request("OPTIONS", &number.to_string(), "");
            let text = text.replacen("sip:us@", &format!("sip:{long}@"), 1);
            probe.receive(&text.replace("one@", &format!("{number}@")));
            let (transaction, received) = probe.request();
            probe.respond(transaction, &received, StatusCode::OK);
            probe.sent();
        }
    });
    assert_eq!(probe.endpoint.server_transactions(), count);
    // One key's text stays as room for the next ones.
    let each = (held - 130_000) / count as isize;
    assert!(each < 3 * 1024, "{each} bytes for each");
}
