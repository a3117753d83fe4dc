//! Outbound proxy and next hops.

use muleteer::sip::delivery::Outbound;
use muleteer::sip::message::{HeaderName, Transport, Uri};

use super::{FIRST, SECOND, Town};
use crate::agent::outgoing::phone;

fn uri(text: &str) -> Uri {
    Uri::parse(text).unwrap()
}

fn proxied() -> Town {
    Town::with(&[Transport::Udp], |config| {
        config.outbound.proxy = Some(uri("sip:192.0.2.10;lr"));
    })
}

#[test]
fn rfc3261_8_1_2_the_outbound_proxy_is_the_first_route_outside_dialogs_alone() {
    let mut town = proxied();
    town.call("192.0.2.9");
    let invite = town.last(SECOND, "INVITE");
    assert_eq!(invite.uri, uri("sip:bob@192.0.2.9"));
    let route = invite.headers.text(&HeaderName::Route).unwrap();
    assert_eq!(route, "<sip:192.0.2.10;lr>");
    town.peer(SECOND).contact = "sip:bob@192.0.2.9".to_owned();
    town.respond(SECOND, 200);
    // The proxy did not record its route: what follows goes to the callee.
    let ack = town.last(FIRST, "ACK");
    assert_eq!(ack.headers.text(&HeaderName::Route), None);
    town.hang_up();
    assert_eq!(
        (town.count(FIRST, "BYE"), town.count(SECOND, "BYE")),
        (1, 0)
    );
    town.scene.ends_clean();
}

#[test]
fn rfc3261_9_1_cancel_and_ack_of_a_failure_take_the_route_of_their_invite() {
    let mut town = proxied();
    town.call("192.0.2.9");
    town.respond(SECOND, 180);
    town.hang_up();
    let cancel = town.last(SECOND, "CANCEL");
    town.respond_to(SECOND, &cancel, 200);
    town.respond(SECOND, 487);
    for method in ["CANCEL", "ACK"] {
        let request = town.last(SECOND, method);
        assert!(
            request.headers.text(&HeaderName::Route).is_some(),
            "{method}"
        );
    }
    town.scene.ends_clean();
}

#[test]
fn next_hops_are_tried_in_their_order_whatever_the_request_says() {
    let mut town = Town::with(&[Transport::Udp], |config| {
        config.outbound.next_hop = vec![uri("sip:192.0.2.10"), uri("sip:192.0.2.9")];
    });
    town.call("callee.example");
    assert_eq!(town.count(SECOND, "INVITE"), 1);
    town.run(8_000);
    assert_eq!(town.count(FIRST, "INVITE"), 1);
    town.respond(FIRST, 486);
    town.scene.ends_clean();
}

#[test]
fn a_call_may_have_a_way_of_its_own() {
    let mut town = proxied();
    let (mut dial, _) = phone("x", Vec::new());
    dial.outbound = Some(Outbound {
        proxy: None,
        next_hop: vec![uri("sip:192.0.2.9")],
    });
    town.dial(dial, "callee.example");
    let invite = town.last(FIRST, "INVITE");
    assert_eq!(invite.headers.text(&HeaderName::Route), None);
    town.respond(FIRST, 486);
    town.call("192.0.2.9");
    assert_eq!(
        town.count(SECOND, "INVITE"),
        1,
        "the next one goes the usual way"
    );
    town.respond(SECOND, 486);
    town.scene.ends_clean();
}
