//! Whole calls over a wire that loses messages.

use std::time::Duration;

use muleteer::sip::message::Transport;

use super::phone::{Call, Phone, Plan};
use crate::support::wire::{Wire, WireConfig, World};

const CALL: &str = "call@192.0.2.1";
const PLANS: [Plan; 3] = [Plan::Answer, Plan::Refuse, Plan::Cancel(500)];

/// Runs one call to its end and all timers after it.
fn run(
    plan: Plan,
    transport: Transport,
    mut passes: impl FnMut(usize) -> bool + 'static,
) -> World<Phone> {
    let mut wire = Wire::new(WireConfig::CLEAN, 1);
    wire.passes = Box::new(move |number, _| passes(number));
    let mut world = World::new(wire, Vec::new());
    world.nodes = Phone::pair(transport, world.now, 1);
    world.nodes[0].call(world.now, CALL, plan);
    world.run_to_end(1000);
    world
}

fn sides(world: &World<Phone>) -> [&Call; 2] {
    [0, 1].map(|side| &world.nodes[side].calls[CALL])
}

fn assert_as_planned(world: &World<Phone>, plan: Plan, what: &str) {
    for (side, call) in sides(world).into_iter().enumerate() {
        let got = (call.answered, call.failure, call.ended, call.ends);
        let expected = match plan {
            Plan::Answer => (true, None, true, 1),
            Plan::Refuse => (false, Some(486), false, 1),
            Plan::Cancel(_) => (false, Some(487), false, 1),
        };
        assert_eq!(got, expected, "{plan:?}, side {side}, {what}");
        assert!(world.nodes[side].is_idle(), "{plan:?}, side {side}, {what}");
    }
    if plan == Plan::Answer {
        assert!(sides(world)[1].acknowledged, "{what}");
    }
}

#[test]
fn calls_over_a_clean_wire_send_each_message_once() {
    for transport in [Transport::Udp, Transport::Tcp] {
        for (plan, messages) in PLANS.into_iter().zip([6, 4, 6]) {
            let world = run(plan, transport, |_| true);
            assert_as_planned(&world, plan, "clean");
            assert_eq!(world.wire.log.len(), messages, "{plan:?}");
        }
    }
}

#[test]
fn loss_of_any_two_messages_changes_no_outcome() {
    for plan in PLANS {
        for first in 0..8 {
            for second in first..12 {
                let world = run(plan, Transport::Udp, move |n| n != first && n != second);
                assert_as_planned(&world, plan, &format!("without {first} and {second}"));
            }
        }
    }
}

#[test]
fn callee_that_cannot_be_heard_times_out_on_both_sides() {
    let world = run(Plan::Answer, Transport::Udp, |number| number == 0);
    let [caller, callee] = sides(&world);
    assert_eq!((caller.failure, caller.ends), (Some(408), 1));
    assert!(callee.answered && !callee.acknowledged && callee.ended);
    assert!(world.nodes.iter().all(Phone::is_idle));
    // 32 s for the 2xx that starts after a second, 32 s for the BYE.
    assert!(world.now - world.start < Duration::from_secs(66));
}

#[test]
fn hundreds_of_calls_over_a_terrible_wire_end_in_agreement() {
    for seed in 0..6 {
        terrible(seed);
    }
}

/// 30 % loss, reordering and duplication, 300 calls of all kinds, one every 50 ms.
fn terrible(seed: u8) {
    let config = WireConfig {
        latency: Duration::from_millis(20),
        jitter: Duration::from_millis(700),
        loss: 0.3,
        duplication: 0.1,
    };
    let mut world = World::new(Wire::new(config, seed.into()), Vec::new());
    world.nodes = Phone::pair(Transport::Udp, world.now, seed);
    let calls = 300;
    for call in 0..calls {
        let at = world.start + Duration::from_millis(50 * call);
        while world.now < at {
            let before = world.now;
            // Nothing may be due before the next call.
            if !world.step() || world.now == before {
                break;
            }
        }
        let plan = match call % 5 {
            0..3 => Plan::Answer,
            3 => Plan::Refuse,
            _ => Plan::Cancel(call * 17 % 3000),
        };
        world.nodes[0].call(world.now, &format!("{call}@192.0.2.1"), plan);
    }
    world.run_to_end(200_000);
    assert!(
        world.nodes.iter().all(Phone::is_idle),
        "seed {seed}: tables are empty"
    );
    let [caller, callee] = [0, 1].map(|side| &world.nodes[side].calls);
    assert_eq!(caller.len(), calls as usize);
    let mut agreed = 0;
    for (call_id, ours) in caller {
        assert_eq!(ours.ends, 1, "seed {seed}, {call_id}: {ours:?}");
        let Some(theirs) = callee.get(call_id) else {
            // Every copy of the INVITE was lost.
            assert_eq!(ours.failure, Some(408), "seed {seed}, {call_id}");
            continue;
        };
        assert_agree(
            ours,
            theirs,
            &format!("seed {seed}, {call_id}: {ours:?} {theirs:?}"),
        );
        agreed += usize::from(ours.answered == theirs.answered && ours.failure == theirs.failure);
    }
    assert!(agreed > 290, "seed {seed}: only {agreed} calls ended alike");
}

fn assert_agree(ours: &Call, theirs: &Call, what: &str) {
    if ours.answered {
        assert!(theirs.answered && ours.ended, "{what}");
    }
    if theirs.acknowledged {
        assert!(ours.answered, "{what}");
    }
    if theirs.answered {
        assert!(theirs.ended, "{what}");
    }
    match ours.failure {
        None | Some(408) => {}
        failure => assert_eq!(failure, theirs.failure, "{what}"),
    }
}
