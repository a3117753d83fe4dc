//! More than can be dealt with, and sources that send too much.

use std::num::NonZeroU32;
use std::time::Duration;

use muleteer::sip::endpoint::{EndpointConfig, SourceRules};
use muleteer::sip::message::{HeaderName, StatusCode, Transport};

use super::probe::{Probe, in_dialog, request};

fn with_rules(rules: SourceRules) -> Probe {
    let config = EndpointConfig {
        sources: rules,
        ..EndpointConfig::default()
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

    probe.endpoint.set_overloaded(false);
    probe.receive(&other.replace("z9hG4bK2", "z9hG4bK6"));
    assert_eq!(probe.sent_names(), ["100"]);
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
