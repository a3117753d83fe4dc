//! Session timers in whole calls (RFC 4028).

use muleteer::sip::dialog::session_timer::SessionTimerSettings;

use super::party::{CALLEE, CALLER, Pair};
use super::races::BAD;
use crate::support::wire::WireConfig;

const TIMER: SessionTimerSettings = SessionTimerSettings {
    interval_s: 600,
    minimum_s: 90,
    maximum_s: 7200,
};

/// A call that is up; a side without a timer knows nothing of them.
fn established(caller: Option<SessionTimerSettings>, callee: Option<SessionTimerSettings>) -> Pair {
    let mut pair = Pair::new(WireConfig::CLEAN, 1);
    pair.side(CALLER).timer = caller;
    pair.side(CALLEE).timer = callee;
    pair.call();
    pair.run(100);
    pair.act(CALLEE, |usage| usage.accept(None, &[], "answer".into()));
    pair.run(100);
    assert!(pair.side(CALLER).is_up() && pair.side(CALLEE).is_up());
    pair
}

fn agreed(pair: &mut Pair, side: usize) -> Option<(u32, bool)> {
    let usage = pair.side(side).usage.as_ref();
    usage.expect("a call").agreed_interval()
}

#[test]
fn rfc4028_a_call_is_refreshed_by_one_side_and_lives_on() {
    let mut pair = established(Some(TIMER), Some(TIMER));
    let (ours, theirs) = (agreed(&mut pair, CALLER), agreed(&mut pair, CALLEE));
    assert_eq!((ours, theirs), (Some((600, false)), Some((600, true))));
    pair.run(3_000_000);
    assert!(pair.side(CALLER).is_up() && pair.side(CALLEE).is_up());
    assert!(pair.side(CALLEE).count("done 200") >= 9);
    assert_eq!(pair.side(CALLER).count("done 200"), 0);
    pair.act(CALLER, |usage| usage.hang_up());
    pair.ends();
}

#[test]
fn rfc4028_8_1_a_peer_without_timers_is_refreshed_by_us() {
    for (with, caller, callee) in [(CALLER, Some(TIMER), None), (CALLEE, None, Some(TIMER))] {
        let mut pair = established(caller, callee);
        assert_eq!(agreed(&mut pair, with), Some((600, true)));
        pair.run(1_500_000);
        assert!(pair.side(CALLER).is_up() && pair.side(CALLEE).is_up());
        assert!(pair.side(with).count("done 200") >= 4);
    }
}

#[test]
fn rfc4028_10_a_call_whose_other_side_is_gone_ends() {
    // The caller refreshes nothing and hears no refresh: it ends 32 s before the interval does.
    let mut pair = established(Some(TIMER), Some(TIMER));
    pair.side(CALLEE).is_deaf = true;
    pair.side(CALLEE).usage = None;
    pair.run(567_000);
    assert_eq!(pair.side(CALLER).count("SessionExpired"), 0);
    pair.run(2_000);
    assert_eq!(pair.side(CALLER).count("SessionExpired"), 1);
    pair.run(40_000);
    assert!(!pair.side(CALLER).is_alive());
}

#[test]
fn rfc4028_7_3_a_422_is_obeyed_once() {
    let short = SessionTimerSettings {
        interval_s: 100,
        ..TIMER
    };
    let careful = SessionTimerSettings {
        minimum_s: 300,
        ..TIMER
    };
    let mut pair = established(Some(short), Some(careful));
    assert_eq!(
        agreed(&mut pair, CALLER).map(|(seconds, _)| seconds),
        Some(300)
    );
    assert_eq!(
        agreed(&mut pair, CALLEE).map(|(seconds, _)| seconds),
        Some(300)
    );

    // Beyond what the caller bears, the call fails.
    let mut pair = Pair::new(WireConfig::CLEAN, 1);
    pair.side(CALLER).timer = Some(SessionTimerSettings {
        maximum_s: 200,
        ..short
    });
    pair.side(CALLEE).timer = Some(careful);
    pair.call();
    pair.run(100);
    assert_eq!(pair.side(CALLER).count("Refused"), 1);
}

#[test]
fn rfc4028_10_refreshes_outlast_a_bad_wire() {
    for seed in 0..20 {
        let mut pair = Pair::new(BAD, seed);
        pair.side(CALLER).timer = Some(TIMER);
        pair.side(CALLEE).timer = Some(TIMER);
        pair.call();
        pair.run(5_000);
        pair.act(CALLEE, |usage| usage.accept(None, &[], "answer".into()));
        pair.run(2_000_000);
        assert!(
            pair.side(CALLER).is_up() && pair.side(CALLEE).is_up(),
            "seed {seed}"
        );
    }
}
