//! Transfers: who asks for one learns how it ends.

use std::time::Duration;

use muleteer::sip::dialog::transfer::Refer;
use muleteer::sip::message::StatusCode;

use super::party::{BAD, Party, pair, uri};
use crate::support::wire::{WireConfig, World};

/// A call in which the caller has asked for another.
fn referred(config: WireConfig, seed: u8, refer: &Refer) -> World<Party> {
    let mut world = pair(config, seed);
    let now = world.now;
    world.nodes[0].invite(now);
    world.advance(Duration::from_secs(40));
    let now = world.now;
    world.nodes[0].refer(now, refer);
    world.advance(Duration::from_secs(40));
    world
}

/// What the other call got.
fn progress(world: &mut World<Party>, status: StatusCode) {
    let now = world.now;
    let call = world.nodes[1].call.as_mut().unwrap();
    let referred = call.referred.as_mut().unwrap();
    referred.progress(status, &status.reason());
    world.nodes[1].notify(now);
    world.advance(Duration::from_secs(40));
}

fn to_carol() -> Refer {
    Refer::to(uri("sip:carol@there"))
}

#[test]
fn a_transfer_is_told_of_to_its_end_over_a_bad_wire() {
    for seed in [29, 31, 37] {
        let mut world = referred(BAD, seed, &to_carol());
        progress(&mut world, StatusCode::RINGING);
        progress(&mut world, StatusCode::OK);
        assert_eq!(
            world.nodes[0].log,
            ["referred: 100", "referred: 180", "referred: 200 in the end"]
        );
        assert_eq!(world.nodes[1].log, ["REFER to sip:carol@there"]);
        let call = world.nodes[0].call.as_ref().unwrap();
        assert!(call.referrals.is_empty());
        let call = world.nodes[1].call.as_ref().unwrap();
        assert!(call.referred.as_ref().unwrap().is_over());
    }
}

#[test]
fn rfc4488_a_transfer_that_nobody_watches_is_not_told_of() {
    let refer = Refer {
        wants_progress: false,
        ..to_carol()
    };
    let mut world = referred(WireConfig::CLEAN, 41, &refer);
    progress(&mut world, StatusCode::BUSY_HERE);
    assert_eq!(world.nodes[0].log, ["REFER is over: None"]);
}

#[test]
fn a_transfer_without_end_is_told_of_as_it_stands_when_its_time_is_over() {
    let mut world = referred(WireConfig::CLEAN, 43, &to_carol());
    progress(&mut world, StatusCode::RINGING);
    world.advance(Duration::from_secs(300));
    let last = world.nodes[0].log.last().unwrap();
    assert_eq!(last, "referred: 180 in the end");
}
