//! Keys as tones in the audio.

use std::time::Duration;

use muleteer::codec::{CodecId, Variant};
use muleteer::config::{DigitDetection, DigitSending};
use muleteer::media::{MediaCommand, MediaEvent, StreamParameters};
use muleteer::rtp::{DigitSource, PayloadType};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::{keys, scene, tones};
use crate::support::audio::sine;
use crate::support::media::{PEER, Rig, parameters};

#[test]
fn a_caller_without_telephone_events_is_heard_by_tones() {
    let mut scene = scene("", |scene| scene.peer().offers_events = false);
    scene.says(&sine(440.0, 200));
    scene.says(&tones("1477*0#AD"));
    scene.says(&sine(440.0, 200));
    assert_eq!(keys(&mut scene), "1477*0#AD");
    scene.bye();
    scene.ends_clean();
}

#[test]
fn a_caller_with_telephone_events_is_heard_by_tones_only_if_the_setting_says_so() {
    for (inband, offers_events, expected) in [
        (DigitDetection::Auto, true, ""),
        (DigitDetection::On, true, "5"),
        (DigitDetection::Off, false, ""),
        (DigitDetection::Auto, false, "5"),
    ] {
        let mut scene = scene("", |scene| {
            scene.peer().offers_events = offers_events;
            scene.agent().set_dtmf(inband, DigitSending::Auto);
        });
        scene.says(&tones("5"));
        scene.says(&sine(440.0, 200));
        assert_eq!(keys(&mut scene), expected, "{inband:?} {offers_events}");
    }
}

#[test]
fn a_script_switches_detection() {
    let mut scene = scene("disableDTMFDetection(); setTimer(4, 1);", |scene| {
        scene.peer().offers_events = false;
    });
    scene.says(&tones("5"));
    scene.run(2_000);
    scene.says(&tones("6"));
    scene.run(300);
    assert_eq!(keys(&mut scene), "6");
}

fn hearing() -> StreamParameters {
    StreamParameters {
        telephone_event: None,
        hear_tones: true,
        ..parameters()
    }
}

fn rig() -> Rig {
    let mut rig = Rig::silent();
    rig.command(MediaCommand::Configure(Box::new(hearing())));
    rig
}

fn digits(rig: &Rig) -> String {
    let digit = |event: MediaEvent| match event {
        MediaEvent::Digit { digit, source, .. } => {
            assert_eq!(source, DigitSource::Tone);
            digit.to_char()
        }
        other => panic!("{other:?}"),
    };
    rig.events().into_iter().map(digit).collect()
}

#[test]
fn tones_are_heard_while_receiving_is_off_only_when_forced() {
    let mut rig = rig();
    rig.command(MediaCommand::SetReceiving(false));
    rig.peer_says(PEER, &tones("1"));
    rig.command(MediaCommand::ForceDigits(true));
    rig.peer_says(PEER, &tones("2"));
    rig.run_ms(300);
    rig.command(MediaCommand::DetectDigits(false));
    rig.peer_says(PEER, &tones("3"));
    assert_eq!(digits(&rig), "2");
}

#[test]
fn keys_are_told_soon_after_they_are_over() {
    let mut rig = rig();
    rig.peer_says(PEER, &sine(440.0, 400));
    // 80 ms, and 70 ms of silence behind.
    rig.peer_says(PEER, &tones("5"));
    rig.run_ms(400);
    let [(at, _)] = rig.world.events[..] else {
        panic!("{:?}", rig.world.events);
    };
    let since = at - Duration::from_millis(480);
    assert!(since < Duration::from_millis(150), "{since:?}");
}

/// Keys over a wire that loses, repeats and swaps packets. What is lost is concealed, so a loss of one
/// packet in fifty costs no key of 200 ms.
#[test]
fn keys_are_heard_over_a_lossy_wire() {
    for seed in 0..20 {
        let mut random = SmallRng::seed_from_u64(seed);
        let mut rig = rig();
        let sent: String = (0..20)
            .map(|_| char::from(b'0' + random.random_range(0..10)))
            .collect();
        let mut pcm = sine(440.0, 200);
        for key in sent.chars() {
            pcm.extend(held(key, 200));
            pcm.extend(vec![0; 8 * 120]);
        }
        let mut encoder = CodecId::PCMU.encoder(Variant::default()).expect("PCMU");
        let mut waiting = None;
        for frame in pcm.chunks_exact(160) {
            let mut payload = [0; 160];
            encoder.encode(frame, &mut payload);
            let datagram = rig.peer_packet(PayloadType::PCMU, 160, &payload);
            if random.random_bool(0.02) {
                // Lost.
            } else if waiting.is_none() && random.random_bool(0.1) {
                waiting = Some(datagram);
            } else {
                for _ in 0..=u32::from(random.random_bool(0.1)) {
                    rig.receive(PEER, &datagram);
                }
                if let Some(late) = waiting.take() {
                    rig.receive(PEER, &late);
                }
            }
            rig.run_ms(20);
        }
        rig.run_ms(500);
        assert_eq!(digits(&rig), sent, "seed {seed}");
    }
}

/// One key as a tone.
fn held(key: char, ms: u64) -> Vec<i16> {
    use muleteer::audio::DtmfSender;
    let mut sender = DtmfSender::new(8_000);
    sender.queue(
        muleteer::rtp::Digit::from_char(key).unwrap(),
        Duration::from_millis(ms),
    );
    let mut pcm = vec![0; ms as usize * 8];
    sender.fill(&mut pcm);
    pcm
}
