//! RTCP from the wrong place or in the wrong shape changes nothing.

use muleteer::rtp::{Cname, MAX_REPORT_BYTES, Report, ReportBlock, Ssrc};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::pair::{Pair, Path};

fn call(mux: bool) -> Pair {
    let mut pair = Pair::new(mux, Path::clear(10), Path::clear(10));
    pair.both_talk();
    pair.run_s(20);
    pair
}

/// A report that everything of ours is lost.
fn slander(ssrc: Ssrc) -> Vec<u8> {
    let mut bytes = [0; MAX_REPORT_BYTES];
    let report = Report {
        ssrc: Ssrc(666),
        sender: None,
        block: Some(ReportBlock {
            ssrc,
            fraction_lost: 255,
            lost: 8_000_000,
            highest: 0,
            jitter: 1 << 30,
            last_report: 77,
            delay: 1,
        }),
        cname: Cname::new(0),
        bye: true,
    };
    let len = report.write(&mut bytes);
    bytes[..len].to_vec()
}

#[test]
fn reports_of_strangers_are_refused() {
    for mux in [false, true] {
        let mut pair = call(mux);
        let before = pair.a.figures();
        let forged = slander(pair.a.rig.audio()[0].ssrc);
        for _ in 0..10 {
            match mux {
                true => pair.a.rig.receive("203.0.113.9:9999", &forged),
                false => pair.a.rig.receive_control("203.0.113.9:9999", &forged),
            }
        }
        assert_eq!(pair.a.figures(), before);
        assert_eq!(pair.a.rig.stats.rtcp_refused.value(), 10);
        pair.run_s(20);
        let to = pair.a.reports.iter().map(|(_, to, _)| to.ip().to_string());
        assert!(to.into_iter().all(|to| to == "192.0.2.2"));
    }
}

#[test]
fn a_round_trip_is_not_believed_of_who_did_not_get_our_report() {
    let mut pair = call(false);
    let before = pair.a.figures();
    let forged = slander(pair.a.rig.audio()[0].ssrc);
    pair.a.rig.receive_control("192.0.2.2:6001", &forged);
    assert_eq!(pair.a.figures().round_trip, before.round_trip);
}

#[test]
fn broken_compounds_are_refused_whole() {
    let mut pair = call(false);
    let good = pair.b.reports[0].2.clone();
    let before = pair.a.figures();
    let refused = pair.a.rig.stats.rtcp_refused.value();
    for len in (0..good.len()).filter(|len| *len != 52) {
        pair.a.rig.receive_control("192.0.2.2:6001", &good[..len]);
    }
    assert_eq!(
        pair.a.rig.stats.rtcp_refused.value() - refused,
        good.len() as u64 - 1
    );
    assert_eq!(pair.a.figures(), before);
}

#[test]
fn random_changes_never_panic() {
    let mut pair = call(true);
    let good = pair.b.reports[0].2.clone();
    let mut random = SmallRng::seed_from_u64(3);
    for _ in 0..50_000 {
        let mut bytes = good.clone();
        for _ in 0..random.random_range(1..8) {
            let at = random.random_range(0..bytes.len());
            bytes[at] = random.random();
        }
        bytes.truncate(random.random_range(0..=bytes.len()));
        pair.a.rig.receive("192.0.2.2:6000", &bytes);
    }
    assert_eq!(pair.a.rig.stats.streams_failed.value(), 0);
    pair.a.figures();
    pair.run_s(5);
}
