//! Re-INVITE, UPDATE and other requests of either side in an established call.

use muleteer::sip::dialog::invite_usage::{Change, Content};
use muleteer::sip::message::Method;

use super::party::{CALLEE, CALLER, Pair, reinvite, update};
use crate::support::wire::WireConfig;

fn established() -> Pair {
    Pair::established(WireConfig::CLEAN)
}

fn hang_up(mut pair: Pair) {
    pair.act(CALLER, |usage| usage.hang_up());
    pair.ends();
}

#[test]
fn rfc3261_14_1_re_invites_that_cross_are_both_done_in_the_end() {
    let mut pair = established();
    for side in [CALLER, CALLEE] {
        pair.act(side, |usage| {
            usage.change(reinvite());
        });
    }
    pair.run(50);
    for side in [CALLER, CALLEE] {
        assert_eq!(pair.side(side).count("OfferRefused"), 1, "side {side}");
    }
    // The owner of the Call-ID waits at least 2.1 s, the other at most 2 s.
    pair.run(2_050);
    assert_eq!(pair.side(CALLEE).count("done 200"), 1);
    assert_eq!(pair.side(CALLER).count("done 200"), 0);
    pair.run(2_000);
    assert_eq!(pair.side(CALLER).count("done 200"), 1);
    hang_up(pair);
}

#[test]
fn rfc3311_5_2_updates_that_cross_are_both_done_in_the_end() {
    let mut pair = established();
    for side in [CALLER, CALLEE] {
        pair.act(side, |usage| {
            usage.change(update());
        });
    }
    pair.run(4_100);
    for side in [CALLER, CALLEE] {
        assert_eq!(pair.side(side).count("done 200"), 1, "side {side}");
    }
    hang_up(pair);
}

#[test]
fn rfc3261_14_1_an_offer_that_is_refused_changes_nothing() {
    for change in [reinvite(), update()] {
        let mut pair = established();
        pair.side(CALLEE).takes_offers = false;
        pair.act(CALLER, |usage| {
            usage.change(change);
        });
        pair.run(1_000);
        assert_eq!(pair.side(CALLER).count("done 488"), 1);
        assert!(pair.side(CALLER).is_up() && pair.side(CALLEE).is_up());
        hang_up(pair);
    }
}

#[test]
fn rfc3261_14_1_a_re_invite_without_offer_brings_theirs_and_the_ack_our_answer() {
    let mut pair = established();
    let change = Change {
        has_offer: false,
        ..reinvite()
    };
    pair.act(CALLER, |usage| {
        usage.change(change);
    });
    pair.run(100);
    assert_eq!(pair.side(CALLER).count("Offer"), 1);
    assert_eq!(pair.side(CALLEE).log.last().unwrap(), "Answer");
    hang_up(pair);
}

#[test]
fn changes_go_out_one_after_the_other() {
    let mut pair = established();
    pair.act(CALLER, |usage| {
        for change in [reinvite(), update(), reinvite()] {
            usage.change(change);
        }
    });
    pair.run(1_000);
    assert_eq!(pair.side(CALLER).count("done 200"), 3);
    let sent = pair.sent_by(CALLER);
    assert_eq!(sent[2..], ["INVITE", "ACK", "UPDATE", "INVITE", "ACK"]);
    hang_up(pair);
}

#[test]
fn rfc5057_5_1_a_call_that_the_other_side_forgot_is_ended() {
    let mut pair = established();
    pair.side(CALLEE).usage = None;
    pair.act(CALLER, |usage| {
        usage.send_request(Method::Options, &[], Content::default());
    });
    pair.run(1_000);
    let log = &pair.side(CALLER).log;
    assert_eq!(log[1..], ["Done", "done 481", "RemoteDisappeared", "Ended"]);
    assert_eq!(pair.sent_by(CALLER).last().unwrap(), "BYE");
}

#[test]
fn rfc5057_5_1_a_call_whose_other_side_is_silent_is_ended() {
    let mut pair = established();
    pair.world.wire.passes = Box::new(|_, _| false);
    pair.act(CALLER, |usage| {
        usage.change(update());
    });
    pair.run(70_000);
    let log = &pair.side(CALLER).log;
    assert_eq!(log[log.len() - 2..], ["RemoteDisappeared", "Ended"]);
}

#[test]
fn a_reinvite_without_final_response_is_given_up_at_the_end_of_its_call() {
    for side in [CALLER, CALLEE] {
        let mut pair = Pair::established(WireConfig::CLEAN);
        pair.world.wire.passes = Box::new(|_, transmit| {
            let text = String::from_utf8_lossy(&transmit.bytes);
            let is_final = text.starts_with("SIP/2.0 ") && !text.starts_with("SIP/2.0 100");
            !(is_final && text.contains("CSeq: 2 INVITE"))
        });
        pair.act(CALLER, |usage| {
            usage.change(reinvite());
        });
        pair.run(100);
        pair.act(side, |usage| usage.hang_up());
        // It was answered at once, so there is no 100 after which it could be cancelled (RFC 3261 §9.1).
        pair.ends();
    }
}
