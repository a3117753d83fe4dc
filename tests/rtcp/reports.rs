//! Reports say what is true.

use std::time::Duration;

use muleteer::media::MediaCommand;
use muleteer::rtp::{Compound, RtcpPacket, RtpPacket};

use super::pair::{Pair, Path};

#[test]
fn loss_jitter_and_round_trip_are_measured() {
    let lossy = Path {
        loss: 0.05,
        spread: Duration::from_millis(18),
        ..Path::clear(60)
    };
    let mut pair = Pair::new(false, lossy, Path::clear(40));
    pair.both_talk();
    pair.run_s(60);
    let (a, b) = (pair.a.figures(), pair.b.figures());
    // What is on its way is not lost.
    assert!(b.packets_lost.abs_diff(pair.a.lost) <= 3, "{b:?}");
    assert!(a.packets_sent - b.packets_received - pair.a.lost <= 6);
    assert_eq!(b.octets_received, 160 * b.packets_received);
    assert_eq!((a.packets_lost, a.jitter), (0, Duration::ZERO));
    // Packets come at 60 or 70 ms, each as likely as the other.
    let jitter = b.jitter.as_millis();
    assert!((3..=8).contains(&jitter), "{b:?}");
    assert_eq!(a.peer_jitter.unwrap().as_millis().abs_diff(jitter) / 4, 0);
    for figures in [&a, &b] {
        let trip = figures.round_trip.unwrap().as_millis();
        assert!((90..=130).contains(&trip), "{trip}");
    }
    // The peer's last report is some seconds old.
    assert!(a.peer_lost.unwrap() * 10 >= b.packets_lost * 8);
    assert!(b.score.unwrap() > 3.5 && b.score.unwrap() < 4.1, "{b:?}");
    assert!(a.score.unwrap() > 4.2, "{a:?}");
    assert!((a.peer_score.unwrap() - b.score.unwrap()).abs() < 0.2);
}

#[test]
fn reports_are_five_seconds_apart_and_the_first_comes_sooner() {
    let mut pair = Pair::new(false, Path::clear(20), Path::clear(20));
    pair.both_talk();
    pair.run_s(300);
    let times: Vec<_> = pair.a.reports.iter().map(|(at, ..)| *at).collect();
    assert!(times[0] < Duration::from_millis(3_800), "{:?}", times[0]);
    let gaps: Vec<_> = times
        .windows(2)
        .map(|pair| (pair[1] - pair[0]).as_millis())
        .collect();
    assert!(
        gaps.iter().all(|gap| (2_450..=7_550).contains(gap)),
        "{gaps:?}"
    );
    assert!((50..=70).contains(&times.len()), "{}", times.len());
    assert!(gaps.iter().any(|gap| *gap < 4_000) && gaps.iter().any(|gap| *gap > 6_000));
}

#[test]
fn a_sender_report_pairs_the_clocks() {
    let mut pair = Pair::new(false, Path::clear(0), Path::clear(0));
    pair.both_talk();
    pair.run_s(30);
    let mut last = None;
    for (_, _, report) in &pair.a.reports {
        let Some(RtcpPacket::SenderReport { sender, ssrc, .. }) =
            Compound::parse(report).unwrap().next()
        else {
            panic!("a sender reports");
        };
        let sent = &pair.a.rig.audio()[0];
        assert_eq!(ssrc, sent.ssrc);
        let seconds = |ntp: u64| ntp as f64 / 4_294_967_296.0;
        if let Some((ntp, rtp)) = last.replace((sender.ntp, sender.rtp)) {
            let wall = seconds(sender.ntp - ntp);
            let media = f64::from(sender.rtp.since(rtp)) / 8_000.0;
            assert!((wall - media).abs() < 0.001, "{wall} {media}");
        }
        // As many packets as the media clock says, for there was no pause.
        let ticks = sender.rtp.since(sent.timestamp);
        assert_eq!(sender.packets, ticks as u32 / 160 + 1);
        assert_eq!(sender.octets, sender.packets * 160);
    }
}

#[test]
fn rtcp_goes_to_the_next_port_or_shares_that_of_rtp() {
    for (mux, port) in [(false, 6_001), (true, 6_000)] {
        let mut pair = Pair::new(mux, Path::clear(10), Path::clear(10));
        pair.both_talk();
        pair.run_s(20);
        assert_eq!(pair.a.rig.world.control_port, !mux);
        assert!(pair.a.reports.iter().all(|(_, to, _)| to.port() == port));
        assert!(pair.a.figures().round_trip.is_some());
        assert!(pair.a.rig.stats.rtcp_received.value() >= 2);
        assert_eq!(pair.a.rig.stats.rtcp_refused.value(), 0);
        assert_eq!(pair.a.rig.stats.packets_malformed.value(), 0);
    }
}

#[test]
fn who_only_listens_sends_receiver_reports() {
    let mut pair = Pair::new(true, Path::clear(10), Path::clear(10));
    let prompt = crate::support::media::tone_prompt(440.0, 1_000);
    pair.a
        .rig
        .command(MediaCommand::Append(crate::support::media::looped(&prompt)));
    pair.run_s(20);
    let peer = pair.a.rig.audio()[0].ssrc;
    for (_, _, report) in &pair.b.reports {
        let first = Compound::parse(report).unwrap().next();
        let Some(RtcpPacket::ReceiverReport { blocks, .. }) = first else {
            panic!("{first:?}");
        };
        assert_eq!(blocks.about(peer).unwrap().fraction_lost, 0);
    }
    assert!(!pair.b.reports.is_empty());
    assert_eq!(pair.b.figures().packets_sent, 0);
    assert!(pair.a.figures().peer_score.unwrap() > 4.2);
}

#[test]
fn a_stream_that_neither_sends_nor_hears_anything_sends_no_report() {
    let mut pair = Pair::new(false, Path::clear(10), Path::clear(10));
    pair.run_s(60);
    assert!(pair.a.reports.is_empty() && pair.b.reports.is_empty());
    pair.a.rig.command(MediaCommand::Close);
    assert!(pair.a.rig.world.reports.is_empty(), "nobody knows it");
}

#[test]
fn a_held_stream_sends_no_report() {
    let mut pair = Pair::new(false, Path::clear(10), Path::clear(10));
    pair.both_talk();
    pair.run_s(20);
    let mut held = crate::support::media::parameters();
    (held.remote, held.send, held.receive) = (None, false, false);
    held.rtcp = Some(muleteer::media::RtcpParameters {
        mux: false,
        remote: None,
    });
    pair.a.rig.command(MediaCommand::Configure(Box::new(held)));
    let before = pair.a.reports.len();
    pair.run_s(20);
    assert_eq!(pair.a.reports.len(), before);
}

#[test]
fn a_stream_that_ends_says_so() {
    let mut pair = Pair::new(false, Path::clear(10), Path::clear(10));
    pair.both_talk();
    pair.run_s(20);
    let ours = pair.a.rig.audio()[0].ssrc;
    pair.a.rig.command(MediaCommand::Close);
    let (_, _, last) = pair.a.rig.world.reports.last().unwrap();
    let left = Compound::parse(last)
        .unwrap()
        .any(|packet| matches!(packet, RtcpPacket::Bye(sources) if sources.contain(ours)));
    assert!(left);
    // It ends nothing at the other end.
    pair.run_s(1);
    assert_eq!(pair.b.rig.events(), []);
    assert!(!pair.b.rig.world.closed);
}

#[test]
fn reports_are_a_sign_of_life() {
    let mut pair = Pair::new(
        true,
        Path {
            loss: 1.0,
            ..Path::clear(10)
        },
        Path::clear(10),
    );
    let mut watched = crate::support::media::parameters();
    watched.remote = Some("192.0.2.1:4000".parse().unwrap());
    watched.rtp_timeout = Some(Duration::from_secs(20));
    watched.rtcp = Some(muleteer::media::RtcpParameters {
        mux: true,
        remote: None,
    });
    pair.b
        .rig
        .command(MediaCommand::Configure(Box::new(watched)));
    pair.both_talk();
    pair.run_s(60);
    assert_eq!(pair.b.rig.events(), []);
}

#[test]
fn rtp_of_a_shared_port_is_still_rtp() {
    let mut pair = Pair::new(true, Path::clear(10), Path::clear(10));
    pair.both_talk();
    pair.run_s(10);
    let stats = &pair.b.rig.stats;
    let sent = pair.a.rig.world.sent.iter();
    assert!(
        sent.clone()
            .all(|sent| RtpPacket::parse(sent.bytes()).is_ok())
    );
    assert!(stats.packets_received.value() + 2 >= sent.count() as u64);
}
