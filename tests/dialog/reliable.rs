//! Reliable provisional responses (RFC 3262) and what they allow before the answer.

use muleteer::sip::message::StatusCode;

use super::party::{CALLEE, CALLER, Pair, update};
use crate::support::wire::WireConfig;

/// A call that has told its session description by 183.
fn early() -> Pair {
    let mut pair = Pair::new(WireConfig::CLEAN, 1);
    pair.call();
    pair.run(100);
    pair.act(CALLEE, |usage| {
        usage.progress(StatusCode::SESSION_PROGRESS, None, &[], "answer".into());
    });
    pair
}

#[test]
fn rfc3262_3_a_reliable_response_is_repeated_until_its_prack() {
    let mut pair = early();
    pair.world.wire.passes = Box::new(|_, transmit| !transmit.bytes.starts_with(b"PRACK"));
    pair.run(3_600);
    let repeated = |pair: &mut Pair| {
        let sent = pair.sent_by(CALLEE);
        sent.iter().filter(|word| *word == "183 INVITE").count()
    };
    // At 0, 0.5, 1.5 and 3.5 seconds.
    assert_eq!(repeated(&mut pair), 4);
    pair.world.wire.passes = Box::new(|_, _| true);
    pair.run(10_000);
    assert!(repeated(&mut pair) <= 5);
    assert!(pair.sent_by(CALLEE).contains(&"200 PRACK".to_owned()));
    pair.act(CALLEE, |usage| usage.accept(None, &[], "".into()));
    pair.run(100);
    assert!(pair.side(CALLER).is_up());
    pair.act(CALLEE, |usage| usage.hang_up());
    pair.ends();
}

#[test]
fn rfc3262_3_without_a_prack_the_call_ends_with_504() {
    let mut pair = early();
    pair.world.wire.passes = Box::new(|_, transmit| !transmit.bytes.starts_with(b"PRACK"));
    pair.run(40_000);
    assert_eq!(pair.side(CALLEE).log, ["NoPrack", "Ended"]);
    assert!(!pair.side(CALLER).is_alive());
    pair.ends();
}

#[test]
fn rfc3262_3_the_2xx_waits_for_the_prack_of_a_description() {
    let mut pair = early();
    pair.act(CALLEE, |usage| usage.accept(None, &[], "".into()));
    pair.run(1_000);
    let sent = pair.sent_by(CALLEE);
    let at = |word: &str| sent.iter().position(|own| own == word);
    assert!(at("200 PRACK") < at("200 INVITE"), "{sent:?}");
    assert!(pair.side(CALLER).is_up());
    pair.act(CALLER, |usage| usage.hang_up());
    pair.ends();
}

#[test]
fn rfc3311_5_1_either_side_may_update_before_the_answer() {
    for side in [CALLER, CALLEE] {
        let mut pair = early();
        pair.run(100);
        pair.act(side, |usage| {
            usage.change(update());
        });
        pair.run(100);
        assert_eq!(pair.side(side).count("done 200"), 1, "side {side}");
        pair.act(CALLEE, |usage| usage.accept(None, &[], "".into()));
        pair.run(100);
        assert!(pair.side(CALLER).is_up() && pair.side(CALLEE).is_up());
        pair.act(CALLER, |usage| usage.hang_up());
        pair.ends();
    }
}

#[test]
fn rfc3261_9_1_an_early_call_is_cancelled() {
    let mut pair = early();
    pair.run(100);
    pair.act(CALLER, |usage| usage.hang_up());
    pair.run(100);
    assert_eq!(pair.side(CALLEE).log.last().unwrap(), "Ended");
    pair.ends();
}
