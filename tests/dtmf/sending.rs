//! Keys that we send.

use std::time::Duration;

use muleteer::audio::DtmfDetector;
use muleteer::codec::CodecId;
use muleteer::config::{DigitDetection, DigitSending};
use muleteer::media::{MediaCommand, MediaEvent, MediaFormat, StreamParameters};
use muleteer::rtp::{ClockRate, Digit, EventReceiver, PayloadType};

use super::scene;
use crate::support::audio::{SAMPLE_RATE, ms_of};
use crate::support::media::{PEER, Rig, parameters, tone_prompt};

fn detected(pcm: &[i16]) -> String {
    let mut detector = DtmfDetector::new(SAMPLE_RATE);
    let mut keys = String::new();
    detector.hear(pcm, |press| keys.push(press.digit.to_char()));
    keys
}

fn send(rig: &mut Rig, keys: &str, ms: u64) {
    for key in keys.chars() {
        rig.command(MediaCommand::SendDigit {
            digit: Digit::from_char(key).unwrap(),
            duration: Duration::from_millis(ms),
        });
    }
}

/// A stream whose peer knows no telephone-events.
fn without_events() -> Rig {
    let mut rig = Rig::silent();
    rig.command(MediaCommand::Configure(Box::new(StreamParameters {
        telephone_event: None,
        hear_tones: true,
        send_tones: true,
        ..parameters()
    })));
    rig
}

#[test]
fn a_peer_without_telephone_events_gets_tones() {
    let mut scene = scene(
        "sendDTMF(11, 100); sendDTMFSequence(\"1a22*D\", 80);",
        |scene| scene.peer().offers_events = false,
    );
    scene.run(3_000);
    let (pcm, events) = scene.heard();
    assert_eq!(events, "");
    assert_eq!(detected(&pcm), "#122*D");
}

#[test]
fn the_setting_decides_how_keys_are_sent() {
    for (send, offers_events, events, tones) in [
        (DigitSending::Auto, true, "5", ""),
        (DigitSending::Auto, false, "", "5"),
        (DigitSending::Inband, true, "", "5"),
        (DigitSending::Rtp, true, "5", ""),
        (DigitSending::Rtp, false, "", ""),
    ] {
        let mut scene = scene("sendDTMF(5, 100);", |scene| {
            scene.peer().offers_events = offers_events;
            scene.agent().set_dtmf(DigitDetection::Auto, send);
        });
        scene.run(1_000);
        let (pcm, heard) = scene.heard();
        assert_eq!(
            (heard.as_str(), detected(&pcm).as_str()),
            (events, tones),
            "{send:?}"
        );
        assert_eq!(scene.peer().count("INFO"), 0);
    }
}

#[test]
fn keys_by_info_go_out_one_after_the_other() {
    let text = "initial state TALK;
         transition \"go\" TALK - sessionStart / sendDTMFSequence(\"1*9\", 120); -> TALK;
         transition \"bye\" TALK - hangup / stop(false); -> TALK;";
    let mut scene = crate::agent::Scene::new("test", crate::agent::diagram("test", text));
    scene
        .agent()
        .set_dtmf(DigitDetection::Auto, DigitSending::Info);
    scene.call();
    for (n, key) in ["1", "*", "9"].into_iter().enumerate() {
        scene.run(100);
        assert_eq!(scene.peer().count("INFO"), n + 1);
        let info = scene.peer().last_request("INFO").unwrap();
        assert_eq!(
            info.headers.content_type().as_deref(),
            Some("application/dtmf-relay")
        );
        let expected = format!("Signal={key}\r\nDuration=120\r\n");
        assert_eq!(String::from_utf8_lossy(&info.body), expected);
        scene.peer().respond(&info, 200, "", "");
    }
    scene.run(1_000);
    scene.bye();
    scene.ends_clean();
}

#[test]
fn a_long_sequence_is_sent_whole_and_a_longer_one_not_at_all() {
    let keys = "1234567890".repeat(25);
    let actions = |keys: &str| format!("sendDTMFSequence({keys}, 40);");
    for offers_events in [true, false] {
        let mut scene = scene(&actions(&keys), |scene| {
            scene.peer().offers_events = offers_events;
        });
        scene.run(250 * 200);
        let (pcm, events) = scene.heard();
        let heard = if offers_events {
            events
        } else {
            detected(&pcm)
        };
        assert_eq!(heard, keys, "{offers_events}");
    }
    let mut scene = scene(&actions(&keys.repeat(2)), |_| {});
    scene.run(3_000);
    assert_eq!(scene.heard().1, "");
}

#[test]
fn a_long_sequence_by_info_is_sent_whole() {
    let keys = "1234567890".repeat(25);
    let mut scene = scene(&format!("sendDTMFSequence({keys}, 40);"), |scene| {
        scene
            .agent()
            .set_dtmf(DigitDetection::Auto, DigitSending::Info);
    });
    for n in 1..=keys.len() {
        scene.run(20);
        assert_eq!(scene.peer().count("INFO"), n);
        let info = scene.peer().last_request("INFO").unwrap();
        scene.peer().respond(&info, 200, "", "");
    }
}

#[test]
fn a_tone_goes_before_audio_and_audio_waits() {
    let mut rig = without_events();
    rig.play(&tone_prompt(440.0, 400));
    rig.run_ms(110);
    send(&mut rig, "7", 100);
    rig.run_ms(2_000);
    assert_eq!(rig.heard_ms(440.0), 400);
    assert_eq!(detected(&rig.heard()), "7");
}

#[test]
fn tones_are_sent_without_any_audio_while_muted_and_while_receiving_is_off() {
    let mut rig = without_events();
    rig.command(MediaCommand::SetReceiving(false));
    rig.command(MediaCommand::SetMuted(true));
    send(&mut rig, "11", 100);
    rig.run_ms(1_000);
    assert_eq!(detected(&rig.heard()), "11");
    assert_eq!(rig.core.poll_timeout(), None, "it sleeps again");
}

#[test]
fn our_detector_hears_our_tones_over_rtp() {
    let (mut sender, mut receiver) = (without_events(), without_events());
    let keys = "0123456789*#ABCD00";
    send(&mut sender, keys, 70);
    sender.run_ms(18 * 150);
    let packets: Vec<Vec<u8>> = sender
        .world
        .sent
        .iter()
        .map(|sent| sent.bytes().to_vec())
        .collect();
    for packet in packets {
        receiver.receive(PEER, &packet);
        receiver.run_ms(20);
    }
    receiver.run_ms(400);
    let heard: String = receiver
        .events()
        .into_iter()
        .filter_map(|event| match event {
            MediaEvent::Digit { digit, .. } => Some(digit.to_char()),
            _ => None,
        })
        .collect();
    assert_eq!(heard, keys);
}

#[test]
fn a_change_of_codec_ends_the_tones_that_wait() {
    let mut rig = without_events();
    send(&mut rig, "11111", 100);
    rig.run_ms(60);
    rig.command(MediaCommand::Configure(Box::new(StreamParameters {
        send_format: MediaFormat::new(PayloadType::new(96).unwrap(), CodecId::OPUS),
        telephone_event: None,
        send_tones: true,
        ..parameters()
    })));
    rig.world.sent.clear();
    rig.run_ms(1_000);
    assert!(rig.world.sent.is_empty());
    send(&mut rig, "2", 100);
    rig.run_ms(1_000);
    assert!(!rig.world.sent.is_empty());
}

/// Events keep their length, their one marker and their three ends at each clock rate and packet time,
/// with and without audio, and a long one is told in segments.
#[test]
fn events_are_sent_at_any_clock_rate() {
    for rate in [8_000, 16_000, 48_000] {
        for (ptime, plays) in [(10, false), (20, true), (60, true)] {
            let clock_rate = ClockRate::new(rate).unwrap();
            let event = PayloadType::new(101).unwrap();
            let mut rig = Rig::silent();
            rig.command(MediaCommand::Configure(Box::new(StreamParameters {
                telephone_event: Some((event, clock_rate)),
                ptime: Duration::from_millis(ptime),
                ..parameters()
            })));
            if plays {
                rig.play(&tone_prompt(440.0, 500));
            }
            send(&mut rig, "5", 120);
            send(&mut rig, "5", 9_000);
            rig.run_ms(12_000);
            let mut receiver = EventReceiver::default();
            let mut presses = Vec::new();
            let (mut markers, mut ends) = (0, 0);
            for sent in &rig.world.sent {
                let packet = sent.packet();
                if packet.payload_type == event {
                    markers += u32::from(packet.marker);
                    ends += u32::from(packet.payload[1] >> 7);
                    presses.extend(receiver.handle_packet(rig.now(), clock_rate, &packet));
                }
            }
            let lengths: Vec<u32> = presses.iter().map(|press| press.duration_ms).collect();
            assert_eq!(
                (lengths, markers, ends),
                (vec![120, 9_000], 2, 6),
                "{rate} {ptime}"
            );
            assert_eq!(ms_of(&rig.heard(), 440.0), if plays { 500 } else { 0 });
        }
    }
}
