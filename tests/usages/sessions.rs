//! Session timers: a call lasts as long as somebody refreshes it.

use std::time::Duration;

use muleteer::sip::dialog::session_timer::SessionTimerSettings;

use super::party::{BAD, Party, pair};
use crate::support::wire::{WireConfig, World};

fn called(config: WireConfig, seed: u8, prepare: impl Fn(&mut [Party])) -> World<Party> {
    let mut world = pair(config, seed);
    prepare(&mut world.nodes);
    let now = world.now;
    world.nodes[0].invite(now);
    world.advance(Duration::from_secs(40));
    world
}

fn agreed(world: &World<Party>) -> [Option<(u32, bool)>; 2] {
    [0, 1].map(|side| {
        let call = world.nodes[side].call.as_ref()?;
        call.timer.as_ref()?.agreed()
    })
}

#[test]
fn a_call_is_refreshed_for_a_day_over_a_bad_wire() {
    let mut world = called(BAD, 3, |_| {});
    assert_eq!(agreed(&world), [Some((1800, false)), Some((1800, true))]);
    world.advance(Duration::from_secs(86_400));
    assert_eq!(agreed(&world), [Some((1800, false)), Some((1800, true))]);
    let refreshes = world.nodes[0].log.iter();
    let refreshes = refreshes.filter(|line| *line == "UPDATE came").count();
    assert!((90..=96).contains(&refreshes), "{refreshes}");
    let now = world.now;
    world.nodes[1].hang_up(now);
    world.advance(Duration::from_secs(100));
    assert!(world.nodes.iter().all(|party| party.call.is_none()));
}

#[test]
fn a_peer_that_does_not_know_update_is_refreshed_by_invite() {
    let mut world = called(BAD, 5, |parties| parties[0].allow = "INVITE, ACK, BYE");
    world.advance(Duration::from_secs(7_200));
    assert!(agreed(&world).iter().all(Option::is_some));
    let log = &world.nodes[0].log;
    assert!(
        log.len() >= 7 && log.iter().all(|line| line == "INVITE came"),
        "{log:?}"
    );
}

#[test]
fn when_the_wire_is_cut_both_sides_end_the_call() {
    let mut world = called(WireConfig::CLEAN, 7, |_| {});
    world.wire.passes = Box::new(|_, _| false);
    world.advance(Duration::from_secs(890));
    assert!(agreed(&world).iter().all(Option::is_some));
    world.advance(Duration::from_secs(1_000));
    assert_eq!(agreed(&world), [None, None]);
    // Who refreshes learns it from the refresh, who waits from the clock.
    assert_eq!(world.nodes[1].log, ["UPDATE got 408", "BYE got 408"]);
    assert_eq!(world.nodes[0].log, ["expired", "BYE got 408"]);
}

#[test]
fn rfc4028_7_3_a_caller_that_wants_too_little_asks_again() {
    let mut world = called(WireConfig::CLEAN, 9, |parties| {
        let settings = SessionTimerSettings {
            interval_s: 90,
            ..SessionTimerSettings::default()
        };
        parties[0].timers = settings;
        parties[1].timers.minimum_s = 600;
    });
    assert_eq!(agreed(&world), [Some((600, false)), Some((600, true))]);
    assert_eq!(world.nodes[0].log, ["INVITE got 422"]);
    world.advance(Duration::from_secs(3_600));
    assert!(agreed(&world).iter().all(Option::is_some));
}
