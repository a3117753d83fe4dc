//! What the peer says ends up in a file.

use std::time::Duration;

use muleteer::audio::recorder::{RecorderSource, recorder};
use muleteer::codec::CodecId;
use muleteer::media::{MediaCommand, MediaFormat};
use muleteer::rtp::PayloadType;

use crate::support::audio::{ms_of, silent_ms, sine};
use crate::support::media::{PEER, Rig, parameters};

fn record(rig: &mut Rig, limit: Option<Duration>) -> RecorderSource {
    let (sink, source) = recorder(8_000, limit);
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
