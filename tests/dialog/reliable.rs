//! Reliable provisional responses (RFC 3262) and what they allow before the answer.

use muleteer::sip::message::{HeaderName, StatusCode};

use crate::agent::{Scene, diagram};

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
fn rfc3262_5_an_offer_in_a_prack_is_answered_in_its_2xx_or_refused_with_the_call() {
    for is_good in [true, false] {
        let mut scene = Scene::new("early", diagram("early", EARLY));
        scene.peer().extra = "Supported: 100rel\r\n".to_owned();
        scene.peer().invite();
        scene.run(100);
        let progress = scene.peer().last_response();
        let rseq = progress.headers.text(&HeaderName::RSeq).unwrap();
        scene.peer().extra = format!("RAck: {rseq} {} INVITE\r\n", scene.peer().cseq);
        let mut offer = scene.peer().offer("sendrecv").replace("40000", "42000");
        if !is_good {
            offer = offer.replace("m=audio", "m=video");
        }
        scene.peer().request("PRACK", &offer);
        scene.peer().extra.clear();
        scene.run(100);
        assert_eq!(scene.peer().statuses("PRACK"), [200]);
        let answer = scene
            .peer()
            .responses()
            .find(|response| response.headers.cseq().unwrap().method.as_str() == "PRACK");
        assert_eq!(!answer.unwrap().body.is_empty(), is_good);
        match is_good {
            true => {
                assert!(
                    scene
                        .media()
                        .contains(&"configure 192.0.2.9:42000 sendrecv".to_owned())
                );
                scene.press("1");
                assert_eq!(scene.peer().statuses("INVITE").last(), Some(&200));
                scene.peer().cseq -= 1;
                scene.peer().ack("");
                scene.peer().cseq += 1;
                scene.bye();
            }
            false => {
                assert_eq!(scene.peer().statuses("INVITE").last(), Some(&488));
                scene.peer().cseq -= 1;
                scene.peer().same_branch("ACK");
            }
        }
        scene.ends_clean();
    }
}

/// Tells its session description by 183 and answers at a key.
const EARLY: &str = "import(mod_dlg);\ninitial state A;\n\
    transition \"invite\" A - invite / dlg.acceptInvite(183) -> A;\n\
    transition \"key\" A - key / dlg.acceptInvite(200) -> A;\n\
    transition \"gone\" A - hangup / stop(false) -> A;\n";

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
