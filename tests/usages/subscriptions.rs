//! Subscriptions: both sides agree on how long they last.

use std::time::Duration;

use super::party::{BAD, Party, pair};
use crate::support::wire::{WireConfig, World};

fn subscribed(config: WireConfig, seed: u8) -> World<Party> {
    let mut world = pair(config, seed);
    let now = world.now;
    world.nodes[0].subscribe(now);
    world.advance(Duration::from_secs(40));
    assert!(world.nodes.iter().all(|party| party.call.is_some()));
    world
}

#[test]
fn a_subscription_is_refreshed_for_a_day_over_a_bad_wire_and_ended_on_both_sides() {
    for seed in [11, 13, 17] {
        let mut world = subscribed(BAD, seed);
        world.advance(Duration::from_secs(86_400));
        assert!(world.nodes.iter().all(|party| party.call.is_some()));
        let now = world.now;
        world.nodes[0].unsubscribe(now);
        world.advance(Duration::from_secs(100));
        assert!(
            world.nodes.iter().all(|party| party.call.is_none()),
            "{seed}"
        );
        assert!(world.nodes.iter().all(|party| {
            party.endpoint.server_transactions() + party.endpoint.client_transactions() == 0
        }));
        let last = world.nodes[0].log.last().unwrap();
        assert!(last.contains("terminated;reason=timeout"), "{last}");
    }
}

#[test]
fn rfc6665_4_4_1_a_notify_that_is_faster_than_the_response_makes_the_dialog() {
    let mut world = pair(WireConfig::CLEAN, 19);
    // The first 200 is lost; the NOTIFY behind it is not.
    let mut lost = false;
    world.wire.passes = Box::new(move |_, transmit| {
        let is_ok = transmit.bytes.starts_with(b"SIP/2.0 200");
        let passes = lost || !is_ok;
        lost |= is_ok;
        passes
    });
    let now = world.now;
    world.nodes[0].subscribe(now);
    world.advance(Duration::from_millis(100));
    let log = &world.nodes[0].log;
    assert_eq!(log.len(), 1, "{log:?}");
    assert!(log[0].starts_with("Active: active;expires="), "{log:?}");
    world.advance(Duration::from_secs(3_600));
    assert!(world.nodes.iter().all(|party| party.call.is_some()));
}

#[test]
fn when_the_wire_is_cut_both_sides_end_the_subscription() {
    let mut world = subscribed(WireConfig::CLEAN, 23);
    world.wire.passes = Box::new(|_, _| false);
    world.advance(Duration::from_secs(700));
    assert!(world.nodes.iter().all(|party| party.call.is_none()));
    let log = &world.nodes[0].log[1..];
    assert_eq!(log, ["SUBSCRIBE got 408", "SUBSCRIBE got 408", "Expired"]);
}
