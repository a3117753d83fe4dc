//! Files that are read while they are played, in virtual time: the file thread is the test.

use std::io::Cursor;
use std::time::Duration;

use muleteer::audio::Tone;
use muleteer::audio::decode::{self, DecodeError};
use muleteer::audio::playlist::PlaylistItem;
use muleteer::audio::streamed::{StreamFeed, streamed};
use muleteer::codec::{CodecId, Variant};
use muleteer::media::{MediaCommand, MediaEvent, MediaFormat, Output, StreamParameters};
use muleteer::rtp::PayloadType;

use crate::support::audio::{level, silent_ms, sine, wav_file};
use crate::support::media::{Rig, once, parameters, tone_prompt};

const OPUS: PayloadType = PayloadType::new(96).expect("below 128");

fn stream_at(pcm: &[i16], rate: u32, looped: bool) -> (PlaylistItem, StreamFeed) {
    let file = wav_file(pcm);
    let open = move || decode::open(Box::new(Cursor::new(file.clone())), "wav");
    let (sound, feed) = streamed(Box::new(open), rate, looped).unwrap();
    (PlaylistItem::Stream(Box::new(sound)), feed)
}

fn stream(pcm: &[i16], looped: bool) -> (PlaylistItem, StreamFeed) {
    stream_at(pcm, 8_000, looped)
}

/// Lets time pass while the files are read.
fn run(rig: &mut Rig, feeds: &mut [&mut StreamFeed], ms: u64) {
    for _ in 0..ms / 100 {
        for feed in &mut *feeds {
            feed.fill().unwrap();
        }
        rig.run_ms(100);
    }
}

/// What a listener on PCMU hears of `pcm`.
fn through_pcmu(pcm: &[i16]) -> Vec<i16> {
    let (mut payload, mut heard) = (vec![0; pcm.len()], vec![0; pcm.len()]);
    let coder = Variant::default();
    CodecId::PCMU
        .encoder(coder)
        .unwrap()
        .encode(pcm, &mut payload);
    let mut decoder = CodecId::PCMU.decoder(coder).unwrap();
    for (payload, heard) in payload.chunks(160).zip(heard.chunks_mut(160)) {
        decoder.decode(payload, heard).unwrap();
    }
    heard
}

/// Samples no two stretches of which are alike.
fn noise(samples: usize) -> Vec<i16> {
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 18) as i16 - 8_192
    };
    (0..samples).map(|_| next()).collect()
}

fn no_audio() -> MediaEvent {
    MediaEvent::NoAudio { version: 0 }
}

fn opus() -> Box<StreamParameters> {
    Box::new(StreamParameters {
        send_format: MediaFormat::new(OPUS, CodecId::OPUS),
        ..parameters()
    })
}

fn heard_in_opus(rig: &Rig) -> Vec<i16> {
    let mut decoder = CodecId::OPUS.decoder(Variant::default()).unwrap();
    let mut pcm = Vec::new();
    for packet in rig.audio() {
        let mut samples = [0; 5_760];
        let count = decoder.decode(packet.payload, &mut samples).unwrap();
        // Every other sample is at 8 kHz; tones of a test are low enough.
        pcm.extend(samples[..count].iter().step_by(2));
    }
    pcm
}

#[test]
fn a_long_file_is_heard_to_the_sample() {
    let pcm = noise(35_077);
    let mut rig = Rig::new();
    let (item, mut feed) = stream(&pcm, false);
    rig.command(MediaCommand::Append(item));
    run(&mut rig, &mut [&mut feed], 6_000);
    let heard = rig.heard();
    assert_eq!(heard[..pcm.len()], through_pcmu(&pcm));
    assert_eq!(heard.len(), pcm.len().next_multiple_of(160));
    assert_eq!(rig.events(), [no_audio()]);
    assert_eq!(rig.world.retired, 1);
    assert_eq!(rig.stats.starved_packets.value(), 0);
}

#[test]
fn streamed_files_follow_each_other_without_a_gap() {
    let (first, second) = (noise(9_001), noise(12_345));
    let mut rig = Rig::new();
    let (item, mut one) = stream(&first, false);
    rig.command(MediaCommand::Append(item));
    rig.command(MediaCommand::Append(PlaylistItem::Separator(5)));
    let (item, mut two) = stream(&second, false);
    rig.command(MediaCommand::Append(item));
    run(&mut rig, &mut [&mut one, &mut two], 4_000);
    let both = [first, second].concat();
    assert_eq!(rig.heard()[..both.len()], through_pcmu(&both));
    assert_eq!(rig.events(), [MediaEvent::Separator(5), no_audio()]);
}

#[test]
fn an_item_in_front_suspends_a_stream_which_resumes_to_the_sample() {
    let pcm = noise(30_000);
    let mut rig = Rig::new();
    let (item, mut feed) = stream(&pcm, false);
    rig.command(MediaCommand::Append(item));
    run(&mut rig, &mut [&mut feed], 1_500);
    let before = rig.heard().len();
    let (front, mut other) = stream(&[0; 12_007], false);
    rig.command(MediaCommand::Prepend(front));
    run(&mut rig, &mut [&mut feed, &mut other], 6_000);
    let mut heard = rig.heard();
    heard.drain(before..before + 12_007);
    assert_eq!(heard[..pcm.len()], through_pcmu(&pcm));
    assert_eq!(rig.events(), [no_audio()]);
}

#[test]
fn a_looped_stream_has_no_gap_and_ends_when_it_is_flushed() {
    // 131 whole waves.
    let pcm = sine(100.0, 1_310);
    let mut rig = Rig::new();
    let (item, mut feed) = stream(&pcm, true);
    rig.command(MediaCommand::Append(item));
    run(&mut rig, &mut [&mut feed], 10_000);
    let heard = rig.heard();
    let wanted = through_pcmu(&pcm).repeat(10);
    assert_eq!(heard[..], wanted[..heard.len()]);
    assert!(!feed.fill().unwrap());
    rig.command(MediaCommand::Flush);
    rig.run_ms(1_000);
    assert_eq!(rig.events(), []);
    assert_eq!((rig.heard().len(), rig.world.retired), (heard.len(), 1));
    // What was retired is gone, so the file is let go of.
    assert!(feed.fill().unwrap());
}

#[test]
fn a_slow_disk_is_silence_and_leaves_nothing_out() {
    let pcm = noise(24_000);
    let mut rig = Rig::new();
    let (item, mut feed) = stream(&pcm, false);
    rig.command(MediaCommand::Append(item));
    // A second was read ahead; then nothing comes for another.
    rig.run_ms(2_020);
    let starved = rig.stats.starved_packets.value();
    assert!((49..=51).contains(&starved), "{starved}");
    run(&mut rig, &mut [&mut feed], 4_000);
    let mut heard = rig.heard();
    assert!(silent_ms(&heard[8_000..16_000]) >= 990);
    heard.drain(8_000..8_000 + starved as usize * 160);
    assert_eq!(heard[..pcm.len()], through_pcmu(&pcm));
    assert_eq!(rig.stats.starved_packets.value(), starved);
    assert_eq!(rig.events(), [no_audio()]);
}

#[test]
fn a_file_that_fails_in_the_middle_is_over_there() {
    let pcm = noise(12_000);
    let file = wav_file(&pcm);
    let mut rounds = 0;
    let open = move || {
        rounds += 1;
        match rounds {
            1 => decode::open(Box::new(Cursor::new(file.clone())), "wav"),
            _ => Err(DecodeError::NoAudio),
        }
    };
    let (sound, mut feed) = streamed(Box::new(open), 8_000, true).unwrap();
    let mut rig = Rig::new();
    let item = PlaylistItem::Stream(Box::new(sound));
    rig.command(MediaCommand::Append(item));
    rig.command(MediaCommand::Append(PlaylistItem::Separator(1)));
    rig.run_ms(500);
    while feed.fill().is_ok() {
        rig.run_ms(100);
    }
    rig.run_ms(3_000);
    assert_eq!(rig.heard()[..pcm.len()], through_pcmu(&pcm));
    assert_eq!(rig.events(), [MediaEvent::Separator(1), no_audio()]);
}

#[test]
fn a_muted_or_unheard_stream_keeps_its_place() {
    let pcm = noise(24_000);
    let mut rig = Rig::new();
    let (item, mut feed) = stream(&pcm, false);
    rig.command(MediaCommand::Append(item));
    run(&mut rig, &mut [&mut feed], 500);
    let before = rig.heard().len();
    rig.command(MediaCommand::SetMuted(true));
    run(&mut rig, &mut [&mut feed], 1_000);
    rig.command(MediaCommand::SetMuted(false));
    rig.command(MediaCommand::SetOutput(Output::None));
    run(&mut rig, &mut [&mut feed], 5_000);
    rig.command(MediaCommand::SetOutput(Output::Playlist));
    run(&mut rig, &mut [&mut feed], 5_000);
    // Mute goes on with the file, another output does not.
    let expected = through_pcmu(&pcm);
    let heard = rig.heard();
    assert_eq!(heard[..before], expected[..before]);
    assert_eq!(
        heard[before..before + 8_000],
        expected[before + 8_000..before + 16_000]
    );
    assert_eq!(rig.events(), [no_audio()]);
}

#[test]
fn a_change_of_codec_in_the_middle_is_heard_on() {
    let mut rig = Rig::new();
    let (item, mut feed) = stream(&sine(500.0, 4_000), false);
    rig.command(MediaCommand::Append(item));
    run(&mut rig, &mut [&mut feed], 1_000);
    rig.world.sent.clear();
    rig.command(MediaCommand::Configure(opus()));
    run(&mut rig, &mut [&mut feed], 5_000);
    let heard = heard_in_opus(&rig);
    assert!((3_000 * 8 - 320..=3_000 * 8 + 320).contains(&heard.len()));
    let loud = heard[800..20_000]
        .chunks(800)
        .filter(|part| level(part, 500.0) > 8_000.0);
    assert_eq!(loud.count(), 24);
    assert_eq!(rig.events(), [no_audio()]);
}

#[test]
fn streams_and_silence_have_their_exact_length_in_a_frame_codec_too() {
    let mut rig = Rig::silent();
    rig.command(MediaCommand::Configure(opus()));
    let mut feeds = Vec::new();
    for _ in 0..20 {
        let (item, feed) = stream_at(&sine(500.0, 105), 16_000, false);
        feeds.push(feed);
        rig.command(MediaCommand::Append(item));
        let silence = PlaylistItem::Silence(Duration::from_millis(95));
        rig.command(MediaCommand::Append(silence));
    }
    rig.run_ms(6_000);
    // 20 times 200 ms, and not a packet more for every item.
    assert_eq!(rig.audio().len(), 200);
    let heard = heard_in_opus(&rig);
    // The last one is where the first one was, and as long.
    for start in [0, 19 * 1_600] {
        assert!(level(&heard[start + 160..start + 800], 500.0) > 8_000.0);
        assert!(level(&heard[start + 960..start + 1_600], 500.0) < 500.0);
    }
    assert_eq!(rig.events(), [no_audio()]);
}

#[test]
fn a_looped_prompt_has_no_gap_in_a_frame_codec() {
    let mut rig = Rig::silent();
    rig.command(MediaCommand::Configure(opus()));
    // 13 whole waves; not a whole number of packets.
    let prompt = tone_prompt(200.0, 65);
    prompt.encoded(CodecId::OPUS).unwrap();
    let looped = crate::support::media::looped(&prompt);
    rig.command(MediaCommand::Append(looped));
    rig.run_ms(3_000);
    let heard = heard_in_opus(&rig);
    for (n, part) in heard[1_600..].chunks_exact(320).enumerate() {
        let level = level(part, 200.0);
        assert!((level - 10_000.0).abs() < 1_500.0, "{level} at {n}");
    }
}

#[test]
fn a_prompt_that_is_encoded_starts_with_a_packet() {
    let mut rig = Rig::silent();
    rig.command(MediaCommand::Configure(opus()));
    let prompt = tone_prompt(400.0, 100);
    let encoded = prompt.encoded(CodecId::OPUS).unwrap().unwrap();
    let tone = PlaylistItem::Tone {
        tone: Box::new(Tone::sine(800.0, 8_000)),
        duration: Some(Duration::from_millis(30)),
    };
    rig.command(MediaCommand::Append(tone));
    rig.command(MediaCommand::Append(once(&prompt)));
    rig.run_ms(500);
    let audio = rig.audio();
    assert_eq!(audio.len(), 2 + 5);
    for (n, packet) in audio[2..].iter().enumerate() {
        assert_eq!(Some(packet.payload), encoded.payload(n, 320));
    }
}
