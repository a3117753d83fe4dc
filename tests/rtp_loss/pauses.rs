//! A peer that sends nothing while it is silent.

use std::time::Duration;

use muleteer::media::{MediaCommand, MediaEvent};

use super::ear::{CLICK, Ear, Talker};
use crate::support::audio::largest_step;
use crate::support::media::parameters;

/// Sounds and pauses in turn, each in ms.
fn spans(pcm: &[i16]) -> Vec<(bool, usize)> {
    let mut spans: Vec<(bool, usize)> = Vec::new();
    for block in pcm.chunks(80) {
        let loud = block.iter().any(|sample| sample.unsigned_abs() > 1_000);
        match spans.last_mut() {
            Some((last, ms)) if *last == loud => *ms += 10,
            _ => spans.push((loud, 10)),
        }
    }
    spans
}

#[test]
fn a_pause_is_silence_and_keeps_its_length() {
    let mut ear = Ear::new();
    let mut talker = Talker::new();
    let mut packets = Vec::new();
    for _ in 0..5 {
        talker.marker = true;
        packets.extend(talker.talk_ms(1_000));
        talker.pause(700);
    }
    ear.listen(packets);
    let spans = spans(ear.sound());
    assert_eq!(spans.len(), 9, "{spans:?}");
    for (loud, ms) in &spans[..8] {
        // The end of each sound fades out.
        let expected = if *loud { 1_000..=1_060 } else { 640..=700 };
        assert!(expected.contains(ms), "{spans:?}");
    }
    assert!(largest_step(&ear.heard) < CLICK);
    assert!(ear.counters().concealed <= Duration::from_millis(5 * 60 + 60));
    assert_eq!(ear.counters().packets.lost, 0);
}

#[test]
fn comfort_noise_fills_a_pause_at_its_level() {
    let mut ear = Ear::new();
    let mut talker = Talker::new();
    let mut packets = talker.talk_ms(500);
    packets.push(talker.noise(50));
    talker.pause(980);
    talker.marker = true;
    packets.extend(talker.talk_ms(500));
    ear.listen(packets);
    assert_eq!(ear.stats.packets_malformed.value(), 0);
    let pause = &ear.heard[8 * 700..8 * 1_400];
    let power: f64 = pause.iter().map(|&sample| f64::from(sample).powi(2)).sum();
    let level = 20.0 * ((power / pause.len() as f64).sqrt() / 32_768.0).log10();
    assert!((-52.0..=-48.0).contains(&level), "{level} dB");
    assert!(largest_step(&ear.heard) < CLICK);
}

#[test]
fn a_lost_packet_before_a_pause_is_not_heard_as_a_long_loss() {
    let mut ear = Ear::new();
    let mut talker = Talker::new();
    let mut packets = talker.talk_ms(1_000);
    talker.talk();
    talker.pause(2_000);
    packets.extend(talker.talk_ms(1_000));
    ear.listen(packets);
    assert!(ear.counters().concealed <= Duration::from_millis(140));
    let spans = spans(ear.sound());
    assert!((1_940..=2_020).contains(&spans[1].1), "{spans:?}");
}

#[test]
fn a_peer_that_has_us_on_hold_may_be_silent_with_and_after_music() {
    let mut agreed = parameters();
    agreed.rtp_timeout = Some(Duration::from_secs(5));
    let mut ear = Ear::with(Default::default(), agreed.clone());
    let mut talker = Talker::new();
    ear.receive(talker.talk_ms(1_000));
    // The peer says a=sendonly.
    let mut held = agreed.clone();
    held.send = false;
    ear.command(MediaCommand::Configure(Box::new(held)));
    ear.run_until(Duration::from_secs(30));
    talker.pause(29_000);
    ear.receive(talker.talk_ms(1_000));
    ear.run_until(Duration::from_secs(60));
    assert_eq!(ear.events(), []);
    ear.command(MediaCommand::Configure(Box::new(agreed)));
    ear.run_until(Duration::from_millis(64_900));
    assert_eq!(ear.events(), []);
    ear.run_until(Duration::from_millis(65_100));
    assert_eq!(ear.events(), [MediaEvent::RtpTimeout]);
}

#[test]
fn a_held_call_does_not_time_out_and_resumes() {
    let mut agreed = parameters();
    agreed.rtp_timeout = Some(Duration::from_secs(5));
    let mut ear = Ear::with(Default::default(), agreed.clone());
    let mut talker = Talker::new();
    ear.listen(talker.talk_ms(1_000));
    let mut held = agreed.clone();
    held.receive = false;
    ear.command(MediaCommand::Configure(Box::new(held)));
    ear.run_until(Duration::from_secs(60));
    assert_eq!(ear.events(), []);
    agreed.receive_formats.truncate(1);
    ear.command(MediaCommand::Configure(Box::new(agreed)));
    ear.run_until(Duration::from_millis(64_500));
    assert_eq!(ear.events(), []);
    talker.pause(63_495);
    let from = ear.heard.len();
    ear.listen(talker.talk_ms(1_000));
    let spans = spans(&ear.heard[from..]);
    assert!(
        spans.iter().any(|&(loud, ms)| loud && ms >= 1_000),
        "{spans:?}"
    );
    ear.run_until(Duration::from_secs(80));
    assert_eq!(ear.events(), [MediaEvent::RtpTimeout]);
}
