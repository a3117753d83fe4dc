//! Clocks that differ, and packets of another length than ours.

use std::time::Duration;

use muleteer::codec::CodecId;
use muleteer::rtp::PayloadType;

use super::ear::{CLEAN_STEP, CLICK, Ear, OPUS, TONE, Talker, frequency, quiet_frames};
use crate::support::audio::largest_step;

/// An hour, in which 300 ppm are 1.08 s.
#[test]
fn a_clock_that_drifts_is_followed_for_an_hour() {
    for ppm in [300.0, -300.0] {
        let mut ear = Ear::new();
        let mut talker = Talker::new();
        talker.ppm = ppm;
        for _ in 0..60 {
            ear.receive(talker.talk_ms(60_000));
            let sound = ear.sound();
            assert!(
                largest_step(sound) < CLICK,
                "{ppm}: {}",
                largest_step(sound)
            );
            assert!((frequency(sound) - TONE).abs() < 0.5, "{ppm}");
            ear.heard.clear();
        }
        ear.listen(Vec::new());
        let counters = ear.counters();
        let stretched = counters.inserted.as_secs_f64() - counters.removed.as_secs_f64();
        assert_eq!(counters.packets.played, 180_000, "{counters:?}");
        assert_eq!(counters.packets.lost, 0);
        assert!(
            (stretched + 1.08 * ppm.signum()).abs() < 0.06,
            "{counters:?}"
        );
    }
}

#[test]
fn packets_of_any_length_are_evened_out() {
    for ms in [10, 20, 30, 40, 50, 60] {
        let mut ear = Ear::new();
        let mut talker = Talker::new();
        talker.packet_ms = ms;
        ear.listen(talker.talk_ms(12_000));
        let sound = ear.sound();
        let counters = ear.counters();
        assert!(largest_step(sound) < CLICK, "{ms}: {}", largest_step(sound));
        assert!(quiet_frames(sound) <= 2, "{ms}: {}", quiet_frames(sound));
        assert!(sound.len().abs_diff(96_000) < 640, "{ms}: {counters:?}");
        assert_eq!(counters.packets.lost, 0);
        let concealed = counters.concealed.as_millis();
        assert!(concealed <= 120, "{ms}: {counters:?}");
    }
}

#[test]
fn a_codec_with_another_clock_takes_over_in_the_middle() {
    let mut ear = Ear::new();
    let mut talker = Talker::new();
    let mut packets = talker.talk_ms(4_000);
    talker.switch(OPUS, CodecId::OPUS);
    packets.extend(talker.talk_ms(4_000));
    talker.switch(PayloadType::PCMU, CodecId::PCMU);
    packets.extend(talker.talk_ms(4_000));
    ear.listen(packets);
    let sound = ear.sound();
    assert!(quiet_frames(sound) <= 4, "{}", quiet_frames(sound));
    assert!((frequency(sound) - TONE).abs() < 1.0);
    assert!(sound.len().abs_diff(96_000) < 640, "{}", sound.len());
    assert!(ear.counters().concealed <= Duration::from_millis(120));
}

#[test]
fn timestamps_that_jump_do_not_interrupt_for_long() {
    for jump in [-1_000_000, -800, 300, 800_000] {
        let mut ear = Ear::new();
        let mut talker = Talker::new();
        let mut packets = talker.talk_ms(4_000);
        talker.timestamp = talker.timestamp.wrapping_add_signed(jump);
        packets.extend(talker.talk_ms(4_000));
        ear.listen(packets);
        let sound = ear.sound();
        assert!(quiet_frames(sound) <= 6, "{jump}: {}", quiet_frames(sound));
        assert!(largest_step(sound) < 2 * CLICK, "{jump}");
        assert_eq!(ear.counters().packets.played, 400, "{jump}");
    }
}

#[test]
fn numbers_and_timestamps_wrap_unheard() {
    let mut ear = Ear::new();
    let mut talker = Talker::new();
    talker.number = 65_530;
    talker.timestamp = 0u32.wrapping_sub(800);
    ear.listen(talker.talk_ms(1_000));
    assert_eq!(ear.counters().packets.played, 50);
    assert!(largest_step(ear.sound()) < CLEAN_STEP);
}
