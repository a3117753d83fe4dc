//! What the peer says ends up in a file.

use std::time::Duration;

use muleteer::audio::recorder::{EndCause, RecorderSource, RecordingPlan, Sides, recorder};
use muleteer::codec::{CodecId, Variant};
use muleteer::media::{MediaCommand, MediaFormat, Output};
use muleteer::rtp::{Digit, PayloadType};

use crate::support::audio::{ms_of, silent_ms, sine};
use crate::support::media::{PEER, Rig, parameters, tone_prompt};

fn record(rig: &mut Rig, limit: Option<Duration>) -> RecorderSource {
    let (sink, source) = recorder(RecordingPlan {
        limit,
        ..RecordingPlan::new(8_000)
    });
    rig.command(MediaCommand::StartRecording(Box::new(sink)));
    source
}

fn samples(source: &mut RecorderSource) -> Vec<i16> {
    let mut pcm = vec![0; 80_000];
    let count = source.read(&mut pcm);
    pcm.truncate(count);
    pcm
}

#[test]
fn speech_and_pauses_are_recorded_in_time() {
    let mut rig = Rig::new();
    let mut source = record(&mut rig, None);
    rig.peer_says(PEER, &sine(440.0, 300));
    rig.run_ms(200);
    rig.peer_says(PEER, &sine(800.0, 200));
    rig.run_ms(100);
    rig.command(MediaCommand::StopRecording);
    let pcm = samples(&mut source);
    assert!(source.is_closed() || rig.world.retired == 1);
    assert_eq!(pcm.len(), 800 * 8);
    // The end of each fades out.
    assert!((300..=340).contains(&ms_of(&pcm, 440.0)));
    assert!((200..=240).contains(&ms_of(&pcm, 800.0)));
    assert!(silent_ms(&pcm) >= 160);
}

#[test]
fn a_recording_stops_at_its_limit() {
    let mut rig = Rig::new();
    let mut source = record(&mut rig, Some(Duration::from_millis(250)));
    rig.peer_says(PEER, &sine(440.0, 600));
    assert_eq!(samples(&mut source).len(), 250 * 8);
    assert!(source.is_closed());
}

#[test]
fn a_recording_ends_with_its_stream() {
    let mut rig = Rig::new();
    let mut source = record(&mut rig, None);
    rig.peer_says(PEER, &sine(440.0, 100));
    rig.command(MediaCommand::Close);
    assert!(source.is_closed());
    assert!(!samples(&mut source).is_empty());
}

#[test]
fn a_second_recording_ends_the_first() {
    let mut rig = Rig::new();
    let first = record(&mut rig, None);
    let mut second = record(&mut rig, None);
    assert!(first.is_closed());
    rig.peer_says(PEER, &sine(440.0, 100));
    assert!(!samples(&mut second).is_empty());
}

#[test]
fn the_last_words_before_the_end_are_recorded() {
    let mut rig = Rig::new();
    let mut source = record(&mut rig, None);
    rig.peer_says(PEER, &sine(440.0, 300));
    rig.command(MediaCommand::StopRecording);
    let pcm = samples(&mut source);
    assert!(ms_of(&pcm, 440.0) >= 290, "{}", ms_of(&pcm, 440.0));
}

#[test]
fn while_nobody_may_be_heard_silence_is_recorded() {
    let mut rig = Rig::new();
    let mut source = record(&mut rig, None);
    rig.peer_says(PEER, &sine(440.0, 200));
    rig.command(MediaCommand::SetReceiving(false));
    rig.peer_says(PEER, &sine(800.0, 200));
    rig.command(MediaCommand::SetReceiving(true));
    rig.peer_says(PEER, &sine(440.0, 200));
    rig.command(MediaCommand::StopRecording);
    let pcm = samples(&mut source);
    assert!((600..=680).contains(&(pcm.len() / 8)), "{}", pcm.len() / 8);
    assert_eq!(ms_of(&pcm, 800.0), 0);
}

#[test]
fn before_a_description_is_agreed_nothing_is_recorded() {
    let mut rig = Rig::silent();
    let mut source = record(&mut rig, None);
    rig.run_ms(1_000);
    assert!(samples(&mut source).is_empty());
    rig.command(MediaCommand::Configure(Box::new(parameters())));
    rig.run_ms(500);
    assert!((480 * 8..=500 * 8).contains(&samples(&mut source).len()));
}

#[test]
fn a_recording_keeps_its_rate_when_another_codec_is_agreed() {
    let mut rig = Rig::new();
    let mut source = record(&mut rig, None);
    rig.peer_says(PEER, &sine(440.0, 500));
    let opus = MediaFormat::new(PayloadType::new(96).unwrap(), CodecId::OPUS);
    let mut changed = parameters();
    changed.send_format = opus;
    rig.command(MediaCommand::Configure(Box::new(changed)));
    rig.peer_says(PEER, &sine(440.0, 500));
    rig.command(MediaCommand::StopRecording);
    let pcm = samples(&mut source);
    assert!(
        (990..=1_080).contains(&(pcm.len() / 8)),
        "{}",
        pcm.len() / 8
    );
    assert!(ms_of(&pcm, 440.0) >= 900, "{}", ms_of(&pcm, 440.0));
}

/// A recording with both sides of the call: left and right.
fn both_sides(source: &mut RecorderSource) -> (Vec<i16>, Vec<i16>) {
    let pcm = samples(source);
    let side = |n| pcm.iter().skip(n).step_by(2).copied().collect();
    (side(0), side(1))
}

fn record_both(rig: &mut Rig, sides: Sides, sample_rate: u32) -> RecorderSource {
    let (sink, source) = recorder(RecordingPlan {
        sides,
        ..RecordingPlan::new(sample_rate)
    });
    rig.command(MediaCommand::StartRecording(Box::new(sink)));
    source
}

/// What was sent from the beginning on, at the time it was sent.
fn sent_in_time(rig: &Rig) -> Vec<i16> {
    let mut decoder = CodecId::PCMU.decoder(Variant::default()).unwrap();
    let mut pcm = Vec::new();
    for sent in &rig.world.sent {
        // Ticks are 20 ms apart, the first one at 20 ms or before.
        let frame = (sent.at.as_millis() as usize - 1) / 20;
        let packet = sent.packet();
        if packet.payload_type != PayloadType::PCMU {
            continue;
        }
        let mut samples = [0; 480];
        let count = decoder.decode(packet.payload, &mut samples).unwrap();
        pcm.resize(160 * frame, 0);
        pcm.extend_from_slice(&samples[..count]);
    }
    pcm
}

#[test]
fn both_sides_are_recorded_in_step_to_the_sample() {
    let mut rig = Rig::new();
    let mut source = record_both(&mut rig, Sides::Stereo, 8_000);
    rig.peer_says(PEER, &sine(440.0, 100));
    rig.play(&tone_prompt(1_000.0, 305));
    rig.peer_says(PEER, &sine(600.0, 120));
    rig.command(MediaCommand::SetMuted(true));
    rig.run_ms(60);
    rig.command(MediaCommand::SetMuted(false));
    rig.run_ms(240);
    let digit = Digit::from_char('5').unwrap();
    rig.play(&tone_prompt(1_000.0, 200));
    rig.command(MediaCommand::SendDigit {
        digit,
        duration: Duration::from_millis(60),
    });
    rig.run_ms(300);
    let sent = sent_in_time(&rig);
    let (left, right) = both_sides(&mut source);
    assert_eq!(left.len(), right.len());
    assert_eq!(right[..sent.len()], sent);
    assert!(right[sent.len()..].iter().all(|sample| *sample == 0));
    let said = ms_of(&left, 600.0);
    // The last sound fades out for 60 ms.
    assert!((100..=180).contains(&said), "{said}");
    assert_eq!(ms_of(&left, 1_000.0), 0);
    // 60 ms of the first prompt were muted.
    let heard = ms_of(&right, 1_000.0);
    assert!((360..=450).contains(&heard), "{heard}");
}

#[test]
fn the_caller_stands_where_it_stands_without_the_other_side() {
    let script = |sides| {
        let mut rig = Rig::new();
        let mut source = record_both(&mut rig, sides, 8_000);
        rig.play(&tone_prompt(1_000.0, 300));
        rig.peer_says(PEER, &sine(440.0, 500));
        rig.run_ms(100);
        samples(&mut source)
    };
    let alone = script(Sides::Peer);
    let stereo = script(Sides::Stereo);
    let mixed = script(Sides::Mixed);
    let sums = stereo
        .chunks(2)
        .map(|frame| frame[0].saturating_add(frame[1]));
    assert!(stereo.iter().step_by(2).eq(&alone));
    assert!(sums.eq(mixed));
}

#[test]
fn an_echo_is_recorded_as_what_is_sent() {
    let mut rig = Rig::new();
    rig.command(MediaCommand::SetOutput(Output::Echo));
    let mut source = record_both(&mut rig, Sides::Stereo, 8_000);
    rig.peer_says(PEER, &sine(440.0, 400));
    let sent = sent_in_time(&rig);
    let (_, right) = both_sides(&mut source);
    assert_eq!(right[..sent.len()], sent);
    assert!(ms_of(&right, 440.0) >= 300);
}

#[test]
fn what_is_sent_by_any_codec_is_recorded_at_the_rate_of_the_recording() {
    let mut rig = Rig::silent();
    let mut changed = parameters();
    let opus = PayloadType::new(96).unwrap();
    changed.send_format = MediaFormat::new(opus, CodecId::OPUS);
    rig.command(MediaCommand::Configure(Box::new(changed)));
    let mut source = record_both(&mut rig, Sides::Stereo, 8_000);
    rig.play(&tone_prompt(1_000.0, 800));
    rig.run_ms(1_000);
    let (left, right) = both_sides(&mut source);
    assert_eq!(left.len(), right.len());
    assert!((990 * 8..=1_000 * 8).contains(&left.len()));
    assert!((760..=840).contains(&ms_of(&right, 1_000.0)));
}

#[test]
fn a_pause_is_left_out() {
    let mut rig = Rig::new();
    let mut source = record(&mut rig, None);
    rig.peer_says(PEER, &sine(440.0, 300));
    rig.command(MediaCommand::PauseRecording(true));
    rig.peer_says(PEER, &sine(800.0, 500));
    rig.command(MediaCommand::PauseRecording(false));
    rig.peer_says(PEER, &sine(600.0, 300));
    rig.command(MediaCommand::StopRecording);
    let pcm = samples(&mut source);
    assert!((600..=700).contains(&(pcm.len() / 8)), "{}", pcm.len() / 8);
    assert!(ms_of(&pcm, 440.0) >= 290, "{}", ms_of(&pcm, 440.0));
    assert_eq!(ms_of(&pcm, 800.0), 0);
    assert!(ms_of(&pcm, 600.0) >= 290, "{}", ms_of(&pcm, 600.0));
}

#[test]
fn a_caller_who_falls_silent_ends_the_recording() {
    let mut rig = Rig::new();
    let (sink, mut source) = recorder(RecordingPlan {
        silence: Some(Duration::from_millis(300)),
        ..RecordingPlan::new(8_000)
    });
    rig.command(MediaCommand::StartRecording(Box::new(sink)));
    rig.peer_says(PEER, &sine(440.0, 400));
    assert!(!source.is_closed());
    // A prompt is not the caller.
    rig.play(&tone_prompt(1_000.0, 500));
    rig.run_ms(500);
    assert!(source.is_closed());
    assert_eq!(source.cause(), EndCause::Silence);
    let ms = samples(&mut source).len() / 8;
    assert!((700..=800).contains(&ms), "{ms}");
}
