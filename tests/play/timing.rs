//! When packets leave, and what their headers say.

use std::time::Duration;

use muleteer::audio::Prompt;
use muleteer::codec::CodecId;
use muleteer::media::{MediaCommand, MediaEvent, MediaFormat, StreamId};
use muleteer::rtp::PayloadType;

use crate::support::media::{Rig, looped, parameters, tone_prompt};

#[test]
fn packets_leave_every_20_ms_with_rising_numbers() {
    let mut rig = Rig::new();
    rig.play(&tone_prompt(440.0, 400));
    rig.run_ms(1_000);
    for pair in rig.world.sent.windows(2) {
        let (one, two) = (pair[0].packet(), pair[1].packet());
        assert_eq!(pair[1].at - pair[0].at, Duration::from_millis(20));
        assert_eq!(two.sequence_number.since(one.sequence_number), 1);
        assert_eq!(two.timestamp.since(one.timestamp), 160);
        assert_eq!(two.ssrc, one.ssrc);
    }
}

#[test]
fn a_pause_advances_the_timestamp_and_ends_with_a_marker() {
    let mut rig = Rig::new();
    let prompt = tone_prompt(440.0, 100);
    rig.play(&prompt);
    rig.run_ms(500);
    rig.play(&prompt);
    rig.run_ms(500);
    let packets = rig.audio();
    let marked: Vec<_> = packets.iter().map(|packet| packet.marker).collect();
    let expected: Vec<_> = (0..10).map(|n| n % 5 == 0).collect();
    assert_eq!(marked, expected);
    let pause = rig.world.sent[5].at - rig.world.sent[0].at;
    assert_eq!(
        packets[5].timestamp.since(packets[0].timestamp),
        pause.as_millis() as i32 * 8
    );
    assert_eq!(
        packets[5].sequence_number.since(packets[0].sequence_number),
        5
    );
}

#[test]
fn packets_never_overlap_when_the_playlist_is_replaced() {
    let mut rig = Rig::new();
    rig.command(MediaCommand::SetReceiving(false));
    rig.command(MediaCommand::Append(looped(&tone_prompt(440.0, 100))));
    rig.run_ms(100);
    // Another stream takes the place in the frame, so that this one gets the next.
    rig.command(MediaCommand::Flush);
    let other = StreamId::new(4, 1);
    rig.core.open(other);
    let now = rig.now();
    let configure = MediaCommand::Configure(Box::new(parameters()));
    rig.core
        .handle_command(now, other, configure, &mut rig.world);
    rig.command(MediaCommand::Append(looped(&tone_prompt(440.0, 100))));
    rig.run_ms(100);
    let packets = rig.audio();
    assert!(packets.len() >= 8);
    for pair in packets.windows(2) {
        assert!(pair[1].timestamp.since(pair[0].timestamp) >= 160);
    }
}

#[test]
fn every_packet_time_is_kept() {
    for ms in [10, 20, 30, 40, 50, 60] {
        let mut rig = Rig::silent();
        let mut parameters = parameters();
        parameters.ptime = Duration::from_millis(ms);
        rig.command(MediaCommand::Configure(Box::new(parameters)));
        rig.play(&tone_prompt(440.0, 600));
        rig.run_ms(1_000);
        assert_eq!(rig.audio().len() as u64, 600 / ms, "{ms} ms");
        assert_eq!(rig.heard_ms(440.0), 600, "{ms} ms");
        for pair in rig.world.sent.windows(2) {
            assert_eq!(pair[1].at - pair[0].at, Duration::from_millis(ms));
        }
    }
}

#[test]
fn opus_runs_on_a_48_khz_clock() {
    let mut rig = Rig::silent();
    let payload_type = PayloadType::new(96).unwrap();
    let mut parameters = parameters();
    parameters.send_format = MediaFormat::new(payload_type, CodecId::OPUS);
    rig.command(MediaCommand::Configure(Box::new(parameters)));
    let prompt = Prompt::from_pcm(crate::support::audio::sine(440.0, 210), 8_000);
    prompt.encoded(CodecId::OPUS).unwrap();
    rig.play(&prompt.into());
    rig.run_ms(500);
    let packets = rig.audio();
    assert_eq!(packets.len(), 11);
    assert_eq!(packets[0].payload_type, payload_type);
    assert_eq!(packets[1].timestamp.since(packets[0].timestamp), 960);
    assert_eq!(rig.events(), [MediaEvent::NoAudio { version: 0 }]);
}

#[test]
fn a_codec_can_change_in_the_middle_of_a_prompt() {
    let mut rig = Rig::new();
    rig.play(&tone_prompt(440.0, 1_000));
    rig.run_ms(500);
    let mut other = parameters();
    other.send_format = MediaFormat::new(PayloadType::PCMA, CodecId::PCMA);
    rig.command(MediaCommand::Configure(Box::new(other)));
    rig.run_ms(1_000);
    let packets = rig.audio();
    assert_eq!(packets.len(), 50);
    assert_eq!(packets.last().unwrap().payload_type, PayloadType::PCMA);
}

#[test]
fn nobody_wakes_for_a_held_or_idle_stream() {
    let mut rig = Rig::new();
    rig.command(MediaCommand::SetReceiving(false));
    assert_eq!(rig.core.poll_timeout(), None);
    rig.command(MediaCommand::Append(looped(&tone_prompt(440.0, 100))));
    assert!(rig.core.poll_timeout().is_some());
    let mut held = parameters();
    (held.send, held.receive) = (false, false);
    rig.command(MediaCommand::Configure(Box::new(held)));
    assert_eq!(rig.core.poll_timeout(), None);
    rig.command(MediaCommand::Configure(Box::new(parameters())));
    rig.run_ms(100);
    assert!(rig.audio().len() >= 4);
    rig.command(MediaCommand::Close);
    assert!(rig.world.closed);
    assert_eq!(rig.core.poll_timeout(), None);
}

#[test]
fn a_late_thread_does_not_send_a_burst() {
    let mut rig = Rig::new();
    rig.play(&tone_prompt(440.0, 1_000));
    rig.run_ms(100);
    let before = rig.audio().len();
    rig.stall_ms(500);
    assert!(rig.audio().len() - before <= 3);
    assert!(rig.stats.skipped_ticks.value() > 0);
    rig.run_ms(2_000);
    // Nothing of the prompt is lost, and the gap is marked.
    assert_eq!(rig.audio().len(), 50);
    assert_eq!(rig.audio().iter().filter(|packet| packet.marker).count(), 2);
}

#[test]
fn sleeping_is_not_being_late() {
    let mut rig = Rig::new();
    rig.command(MediaCommand::SetReceiving(false));
    rig.run_ms(10_000);
    rig.play(&tone_prompt(440.0, 100));
    rig.run_ms(500);
    assert_eq!(rig.audio().len(), 5);
    assert_eq!(
        (
            rig.stats.skipped_ticks.value(),
            rig.stats.late_ticks.value()
        ),
        (0, 0)
    );
}

#[test]
fn a_fault_ends_one_stream_and_not_the_thread() {
    let mut rig = Rig::new();
    let other = StreamId::new(4, 1);
    rig.core.open(other);
    let now = rig.now();
    let configure = MediaCommand::Configure(Box::new(parameters()));
    rig.core
        .handle_command(now, other, configure, &mut rig.world);
    rig.play(&tone_prompt(440.0, 1_000));
    rig.world.panics = true;
    rig.run_ms(30);
    assert_eq!(rig.events(), [MediaEvent::StreamFailed]);
    assert!(rig.world.closed);
    assert_eq!(rig.stats.streams.value(), 1);
    assert!(
        rig.core.poll_timeout().is_some(),
        "the other stream goes on"
    );
}
