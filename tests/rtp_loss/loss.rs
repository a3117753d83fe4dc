//! Packets that are lost, late, swapped or repeated.

use std::time::Duration;

use muleteer::media::Playout;

use super::ear::{CLEAN_STEP, CLICK, Ear, Network, TONE, Talker, frequency, quiet_frames};
use crate::support::audio::largest_step;
use crate::support::media::parameters;

#[test]
fn a_clean_network_is_heard_unchanged_and_soon() {
    let mut ear = Ear::new();
    ear.listen(Talker::new().talk_ms(60_000));
    let sound = ear.sound();
    assert!(largest_step(sound) < CLEAN_STEP);
    assert_eq!(quiet_frames(&sound[..sound.len() - 480]), 0);
    // The first packet came after 5 ms and waits for at most a frame and the shortest delay.
    assert!((15..=36).contains(&ear.first_ms()), "{}", ear.first_ms());
    let counters = ear.counters();
    assert_eq!(counters.packets.played, 3_000);
    assert_eq!(counters.packets.lost, 0);
    assert!(counters.concealed <= Duration::from_millis(60));
    assert_eq!(counters.inserted + counters.removed, Duration::ZERO);
}

#[test]
fn lost_packets_are_concealed_without_a_click() {
    for seed in 0..5 {
        for percent in [2, 5, 10] {
            let mut network = Network::new(seed);
            network.loss = f64::from(percent) / 100.0;
            let mut ear = Ear::new();
            ear.listen(network.carry(Talker::new().talk_ms(20_000)));
            let sound = ear.sound();
            let case = format!("seed {seed}, {percent} %: {:?}", ear.counters());
            assert!(
                largest_step(sound) < CLICK,
                "{} {case}",
                largest_step(sound)
            );
            assert!((frequency(sound) - TONE).abs() < 2.0, "{case}");
            assert!(quiet_frames(sound) <= percent as usize * 3, "{case}");
            let ratio = ear.counters().concealed.as_secs_f64() / 20.0;
            let expected = f64::from(percent) / 100.0;
            assert!((ratio - expected).abs() < expected * 0.5 + 0.005, "{case}");
            // What is lost is made up for in full: time is neither lost nor won.
            assert!(sound.len().abs_diff(160_000) < 1_000, "{case}");
        }
    }
}

#[test]
fn jitter_is_taken_up_by_the_delay() {
    for seed in 0..5 {
        let mut network = Network::new(seed);
        network.jitter_ms = 40.0;
        let mut ear = Ear::new();
        let mut talker = Talker::new();
        ear.receive(network.carry(talker.talk_ms(10_000)));
        let settled = ear.counters();
        let from = ear.heard.len();
        ear.listen(network.carry(talker.talk_ms(50_000)));
        let counters = ear.counters();
        let case = format!("seed {seed}: {counters:?}");
        assert!(counters.packets.late - settled.packets.late <= 25, "{case}");
        assert!((25..=60).contains(&counters.delay.as_millis()), "{case}");
        let sound = &ear.heard[from..ear.heard.len() - 2_400];
        assert!(
            largest_step(sound) < CLICK,
            "{} {case}",
            largest_step(sound)
        );
        assert!((frequency(sound) - TONE).abs() < 1.0, "{case}");
    }
}

#[test]
fn packets_swapped_by_ten_are_heard_in_order() {
    let mut ear = Ear::new();
    let mut talker = Talker::new();
    let mut swapped = |ear: &mut Ear, ms| {
        let mut packets = talker.talk_ms(ms);
        for packet in packets.iter_mut().step_by(11) {
            packet.at += Duration::from_millis(205);
        }
        ear.receive(packets);
    };
    swapped(&mut ear, 10_000);
    let before = ear.counters();
    let from = ear.heard.len();
    swapped(&mut ear, 30_000);
    let counters = ear.counters();
    assert!(
        counters.packets.late - before.packets.late <= 2,
        "{counters:?}"
    );
    let sound = &ear.heard[from..ear.heard.len() - 3_200];
    assert!(largest_step(sound) < CLICK, "{}", largest_step(sound));
}

#[test]
fn packets_that_come_twice_are_heard_once() {
    let mut network = Network::new(1);
    network.twice = 0.5;
    let mut ear = Ear::new();
    ear.listen(network.carry(Talker::new().talk_ms(10_000)));
    let counters = ear.counters();
    assert_eq!((counters.packets.played, counters.packets.lost), (500, 0));
    assert!(ear.stats.packets_repeated.value() > 200);
    assert_eq!(counters.packets.late, 0);
    assert!(largest_step(ear.sound()) < CLEAN_STEP);
}

#[test]
fn after_a_stall_the_delay_comes_back_within_seconds() {
    for stall in [100, 300, 1_000] {
        let mut ear = Ear::new();
        let mut packets = Talker::new().talk_ms(30_000);
        let (from, to) = (
            packets[750].at,
            packets[750].at + Duration::from_millis(stall),
        );
        for packet in &mut packets {
            if (from..to).contains(&packet.at) {
                packet.at = to;
            }
        }
        let end = packets[1_499].at;
        ear.listen(packets);
        let counters = ear.counters();
        let sound = ear.sound();
        assert!(
            largest_step(sound) < CLICK,
            "{stall}: {}",
            largest_step(sound)
        );
        // The tone ends where it would have ended without the stall.
        let heard_until = ear.first_ms() + sound.len() / 8;
        let late = heard_until as i64 - end.as_millis() as i64;
        assert!(late < 160, "{stall}: {late} ms, {counters:?}");
        assert_eq!(ear.stats.packets_late.value(), 0);
        if stall < 500 {
            assert_eq!(counters.packets.dropped, 0, "{counters:?}");
        }
    }
}

#[test]
fn a_fixed_delay_is_kept() {
    let playout = Playout::Fixed(Duration::from_millis(120));
    let mut network = Network::new(4);
    network.jitter_ms = 60.0;
    let mut ear = Ear::with(playout, parameters());
    ear.listen(network.carry(Talker::new().talk_ms(20_000)));
    assert!((125..=225).contains(&ear.first_ms()), "{}", ear.first_ms());
    let counters = ear.counters();
    assert_eq!((counters.packets.played, counters.packets.late), (1_000, 0));
    assert_eq!(counters.delay, Duration::from_millis(120));
}

#[test]
fn simple_playout_plays_what_comes_and_stretches_nothing() {
    let mut network = Network::new(4);
    network.jitter_ms = 30.0;
    let mut ear = Ear::with(Playout::Simple, parameters());
    ear.listen(network.carry(Talker::new().talk_ms(20_000)));
    let counters = ear.counters();
    assert!(counters.packets.played > 950, "{counters:?}");
    assert_eq!(counters.inserted + counters.removed, Duration::ZERO);
}
