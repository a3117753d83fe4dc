//! CANCEL, answers and hang-ups that cross each other: whatever is lost, a call is up on both sides or
//! on none.

use std::time::{Duration, Instant};

use muleteer::sip::message::StatusCode;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::party::{CALLEE, CALLER, Pair, info, reinvite, update};
use crate::support::wire::WireConfig;

pub const BAD: WireConfig = WireConfig {
    latency: Duration::from_millis(10),
    jitter: Duration::from_millis(300),
    loss: 0.2,
    duplication: 0.2,
};

/// What may happen at any time.
const ACTS: [&str; 9] = [
    "ring", "early", "accept", "accept", "reject", "hang up", "reinvite", "update", "info",
];

fn act(pair: &mut Pair, side: usize, what: &str) {
    pair.act(side, |usage| match what {
        "ring" => usage.progress(StatusCode::RINGING, None, &[], "".into()),
        "early" => usage.progress(StatusCode::SESSION_PROGRESS, None, &[], "answer".into()),
        "accept" => usage.accept(None, &[], "answer".into()),
        "reject" => usage.reject(StatusCode::BUSY_HERE, None, &[]),
        "hang up" => usage.hang_up(),
        "reinvite" => {
            usage.change(reinvite());
        }
        "update" => {
            usage.change(update());
        }
        _ => info(usage),
    });
}

/// Random acts of both sides in the first seconds of a call.
fn random_call(seed: u64) -> Pair {
    let mut pair = Pair::new(BAD, seed);
    let mut rng = StdRng::seed_from_u64(seed);
    let start: Instant = pair.world.now;
    let mut acts: Vec<(u64, usize, &str)> = (0..rng.random_range(1..10))
        .map(|_| {
            let what = ACTS[rng.random_range(0..ACTS.len())];
            // A call that ends at once tells little.
            let ends = matches!(what, "hang up" | "reject");
            let at = rng.random_range(0..if ends { 8_000 } else { 3_000 });
            (at, rng.random_range(0..2), what)
        })
        .collect();
    acts.sort_unstable();
    pair.call();
    for (at, side, what) in acts {
        let passed = (pair.world.now - start).as_millis() as u64;
        pair.run(at.saturating_sub(passed));
        act(&mut pair, side, what);
    }
    pair
}

#[test]
fn whatever_crosses_and_is_lost_both_sides_agree() {
    let (mut up, mut over) = (0, 0);
    for seed in 1..=600 {
        let mut pair = random_call(seed);
        // Longer than any transaction lives, one after the other.
        pair.run(200_000);
        let states = [CALLER, CALLEE].map(|side| pair.side(side).is_up());
        let logs = [CALLER, CALLEE].map(|side| pair.side(side).log.clone());
        assert_eq!(states[0], states[1], "seed {seed}: {logs:?}");
        match states[0] {
            true => up += 1,
            false => over += 1,
        }
        pair.act((seed % 2) as usize, |usage| usage.hang_up());
        // What still rings.
        pair.act(CALLER, |usage| usage.hang_up());
        pair.ends();
    }
    assert!(up > 100 && over > 100, "{up} up, {over} over");
}

#[test]
fn rfc3261_9_1_a_cancel_waits_for_the_first_provisional_response() {
    let mut pair = Pair::new(WireConfig::CLEAN, 1);
    pair.call();
    pair.act(CALLER, |usage| usage.hang_up());
    pair.run(1_000);
    assert_eq!(pair.sent_by(CALLER), ["INVITE", "CANCEL", "ACK"]);
    assert_eq!(
        pair.sent_by(CALLEE),
        ["100 INVITE", "200 CANCEL", "487 INVITE"]
    );
    assert_eq!(pair.side(CALLEE).log, ["Cancelled", "Ended"]);
    pair.ends();
}

#[test]
fn rfc3261_9_2_the_200_to_a_cancel_has_the_to_tag_of_the_invite() {
    use muleteer::sip::message::Message;
    let mut pair = Pair::new(WireConfig::CLEAN, 1);
    pair.call();
    pair.run(300);
    pair.act(CALLER, |usage| usage.hang_up());
    pair.run(100);
    let messages = pair.world.wire.log.iter();
    let tags: Vec<_> = messages
        .filter_map(|(_, transmit)| Message::parse_datagram(transmit.bytes.clone()).ok())
        .filter_map(|message| match message {
            Message::Response(response) => response.headers.to().unwrap().tag().map(str::to_owned),
            Message::Request(_) => None,
        })
        .collect();
    assert_eq!(tags, ["callee", "callee"]);
    pair.ends();
}

#[test]
fn rfc3261_13_2_2_4_an_answer_that_crosses_the_cancel_is_acknowledged_and_ended() {
    let mut pair = Pair::new(WireConfig::CLEAN, 1);
    pair.call();
    pair.run(300);
    pair.act(CALLEE, |usage| usage.accept(None, &[], "answer".into()));
    pair.act(CALLER, |usage| usage.hang_up());
    pair.run(100);
    assert_eq!(pair.sent_by(CALLER), ["INVITE", "CANCEL", "ACK", "BYE"]);
    let answers = ["100 INVITE", "200 INVITE", "200 CANCEL", "200 BYE"];
    assert_eq!(pair.sent_by(CALLEE), answers);
    assert_eq!(pair.side(CALLEE).log, ["Accepted", "RemoteHangup", "Ended"]);
    assert_eq!(pair.side(CALLER).count("Answered"), 0);
    pair.ends();
}

#[test]
fn rfc3261_9_1_a_cancelled_call_without_any_final_response_is_given_up() {
    let mut pair = Pair::new(WireConfig::CLEAN, 1);
    pair.call();
    pair.run(300);
    pair.world.wire.passes = Box::new(|_, transmit| !transmit.bytes.starts_with(b"SIP/2.0 487"));
    pair.act(CALLER, |usage| usage.hang_up());
    pair.run(32_100);
    assert_eq!(pair.side(CALLER).log, ["NoResponse", "Ended"]);
    pair.ends();
}

#[test]
fn both_sides_hang_up_at_once() {
    let mut pair = Pair::established(WireConfig::CLEAN);
    pair.act(CALLER, |usage| usage.hang_up());
    pair.act(CALLEE, |usage| usage.hang_up());
    pair.run(100);
    assert!(!pair.side(CALLER).is_alive() && !pair.side(CALLEE).is_alive());
    pair.ends();
}
