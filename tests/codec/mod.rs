//! Each codec in a media core, and changes from one to another in the middle of a call.

mod call;

use std::sync::Arc;
use std::time::Duration;

use muleteer::audio::Prompt;
use muleteer::audio::playlist::PlaylistItem;
use muleteer::audio::recorder::{RecorderSource, RecordingPlan, recorder};
use muleteer::audio::resample::resample;
use muleteer::codec::{CodecId, Encoding, MAX_PAYLOAD_BYTES, OpusSettings, Variant};
use muleteer::media::{MediaCommand, MediaEvent, MediaFormat, StreamParameters};
use muleteer::rtp::PayloadType;

use crate::support::audio::{SAMPLE_RATE, level, ms_of, sine};
use crate::support::media::{PEER, Rig, looped, once, parameters};
use crate::support::seams::assert_seamless;

const FIRST: u8 = 110;

/// The number of a codec in these tests.
fn number(codec: CodecId) -> PayloadType {
    let position = CodecId::BUILT_IN.iter().position(|known| *known == codec);
    PayloadType::new(FIRST + position.unwrap() as u8).unwrap()
}

/// Sends `codec` and takes them all.
fn speaking(codec: CodecId, ms: u64) -> MediaCommand {
    let format = |codec| MediaFormat::new(number(codec), codec);
    MediaCommand::Configure(Box::new(StreamParameters {
        send_format: format(codec),
        receive_formats: CodecId::BUILT_IN.into_iter().map(format).collect(),
        ptime: Duration::from_millis(ms),
        ..parameters()
    }))
}

/// What the peer heard, one codec after the other, at the rate of the tests.
fn heard(rig: &Rig) -> Vec<i16> {
    let packets = rig.audio();
    let runs = packets.chunk_by(|a, b| a.payload_type == b.payload_type);
    let decoded = runs.flat_map(|run| {
        let codec = CodecId::BUILT_IN[usize::from(run[0].payload_type.get() - FIRST)];
        let mut decoder = codec.decoder(Variant::default()).unwrap();
        let mut pcm = Vec::new();
        for packet in run {
            let mut out = [0; 5_760];
            let samples = decoder.decode(packet.payload, &mut out).unwrap();
            pcm.extend_from_slice(&out[..samples]);
        }
        resample(&pcm, codec.sample_rate(), SAMPLE_RATE).unwrap()
    });
    decoded.collect()
}

/// What the peer says, written down as it comes.
struct Tape {
    source: RecorderSource,
    pcm: Vec<i16>,
}

impl Tape {
    fn begin(rig: &mut Rig) -> Self {
        let (sink, source) = recorder(RecordingPlan::new(SAMPLE_RATE));
        rig.command(MediaCommand::StartRecording(Box::new(sink)));
        let pcm = Vec::new();
        Self { source, pcm }
    }

    fn go_on(&mut self) {
        let mut block = [0; 8_000];
        let count = self.source.read(&mut block);
        self.pcm.extend_from_slice(&block[..count]);
    }

    fn end(mut self, rig: &mut Rig) -> Vec<i16> {
        rig.command(MediaCommand::StopRecording);
        self.go_on();
        self.pcm
    }
}

fn tone(codec: CodecId, ms: usize) -> Vec<i16> {
    resample(&sine(440.0, ms), SAMPLE_RATE, codec.sample_rate()).unwrap()
}

#[test]
fn a_prompt_is_heard_in_every_codec_at_every_packet_time() {
    for codec in CodecId::BUILT_IN {
        for ms in [10, 20, 30, 40, 50, 60] {
            let mut rig = Rig::silent();
            rig.command(speaking(codec, ms));
            let prompt = Arc::new(Prompt::from_pcm(sine(440.0, 600), SAMPLE_RATE));
            let wanted = Duration::from_millis(ms);
            let (encoding, time) = Encoding::with_packet_time(codec, Variant::default(), wanted);
            prompt.encoded(encoding).unwrap();
            rig.play(&prompt);
            rig.run_ms(1_000);
            assert!(time <= wanted);
            for pair in rig.world.sent.windows(2) {
                assert_eq!(pair[1].at - pair[0].at, time, "{codec} {ms}");
                let passed = pair[1].packet().timestamp.since(pair[0].packet().timestamp);
                assert_eq!(passed as u32, codec.clock_rate().ticks_in(time));
            }
            assert!(
                rig.audio()
                    .iter()
                    .all(|p| p.payload.len() <= MAX_PAYLOAD_BYTES)
            );
            let heard = ms_of(&heard(&rig), 440.0);
            assert!((570..=620).contains(&heard), "{codec} {ms}: {heard} ms");
        }
    }
}

/// 60 ms each, of one Opus packet and the next, as one packet of 120 ms (RFC 6716 §3.2.5).
fn joined(first: &[u8], second: &[u8]) -> Vec<u8> {
    let length = u8::try_from(first.len() - 1).unwrap();
    assert!(length < 252 && first[0] == second[0]);
    [&[first[0] | 3, 0x80 | 2, length], &first[1..], &second[1..]].concat()
}

#[test]
fn packets_of_every_length_are_heard() {
    for codec in CodecId::BUILT_IN {
        for ms in [10, 20, 30, 40, 50, 60, 120] {
            let is_opus = codec == CodecId::OPUS;
            let rate = codec.sample_rate() as usize;
            let bytes = rate * ms / 1_000 * 2;
            let is_long = codec.encoding_name() == "L16" && bytes > MAX_PAYLOAD_BYTES;
            if is_long || !is_opus && ms > 60 || is_opus && matches!(ms, 30 | 50) {
                continue;
            }
            let mut rig = Rig::silent();
            rig.command(speaking(codec, 20));
            let mut tape = Tape::begin(&mut rig);
            let mut encoder = codec.encoder(Variant::default()).unwrap();
            let ticks = codec
                .clock_rate()
                .ticks_in(Duration::from_millis(ms as u64));
            let mut half = Vec::new();
            for frame in tone(codec, 1_200).chunks_exact(rate * ms.min(60) / 1_000) {
                let mut payload = [0; MAX_PAYLOAD_BYTES];
                let bytes = encoder.encode(frame, &mut payload);
                let mut payload = payload[..bytes].to_vec();
                if ms == 120 {
                    if half.is_empty() {
                        half = payload;
                        continue;
                    }
                    payload = joined(&std::mem::take(&mut half), &payload);
                }
                let datagram = rig.peer_packet(number(codec), ticks, &payload);
                rig.receive(PEER, &datagram);
                rig.run_ms(ms as u64);
                tape.go_on();
            }
            let heard = ms_of(&tape.end(&mut rig), 440.0);
            assert!((1_150..=1_230).contains(&heard), "{codec} {ms}: {heard} ms");
        }
    }
}

#[test]
fn a_prompt_goes_on_at_its_position_in_another_codec() {
    let tones = [400.0, 700.0, 1_000.0, 1_300.0, 1_600.0];
    let pcm: Vec<i16> = tones.iter().flat_map(|hertz| sine(*hertz, 300)).collect();
    for ready in [false, true] {
        let prompt = Arc::new(Prompt::from_pcm(pcm.clone(), SAMPLE_RATE));
        if ready {
            for codec in CodecId::BUILT_IN {
                prompt.encoded(codec).unwrap();
            }
        }
        let mut rig = Rig::silent();
        rig.command(speaking(CodecId::PCMU, 20));
        rig.command(MediaCommand::Append(once(&prompt)));
        for (codec, ms) in [
            (CodecId::G722, 30),
            (CodecId::OPUS, 20),
            (CodecId::L16_16000, 10),
            (CodecId::OPUS, 60),
            (CodecId::PCMA, 20),
        ] {
            // Never where one tone follows another.
            rig.run_ms(230);
            rig.command(speaking(codec, ms));
        }
        rig.run_ms(1_000);
        let heard = heard(&rig);
        let length = heard.len() / 8;
        assert!((1_500..=1_560).contains(&length), "{ready}: {length} ms");
        for hertz in tones {
            let heard = ms_of(&heard, hertz);
            assert!(
                (260..=320).contains(&heard),
                "{ready} {hertz} Hz: {heard} ms"
            );
        }
    }
}

/// What a loop of the tone `hertz`, made for `first`, sounds like after a change to `second`.
fn after_a_change(first: CodecId, second: CodecId, hertz: f64) -> Vec<i16> {
    // The same samples at another rate are another tone. Rounds end within packets.
    let rate = first.sample_rate();
    let times = f64::from(rate / SAMPLE_RATE);
    let pcm = sine(hertz / times, 130 * times as usize);
    let prompt = Arc::new(Prompt::from_pcm(pcm, rate));
    prompt.encoded(first).unwrap();
    let mut rig = Rig::silent();
    rig.command(speaking(first, 20));
    rig.command(MediaCommand::Append(looped(&prompt)));
    rig.run_ms(300);
    rig.command(speaking(second, 20));
    rig.run_ms(1_000);
    let mut decoder = second.decoder(Variant::default()).unwrap();
    let mut pcm = Vec::new();
    for packet in rig.audio() {
        if packet.payload_type == number(second) {
            let mut out = [0; 5_760];
            let samples = decoder.decode(packet.payload, &mut out).unwrap();
            pcm.extend_from_slice(&out[..samples]);
        }
    }
    pcm
}

#[test]
fn a_loop_is_as_clean_in_another_codec_as_in_the_first() {
    let folded = after_a_change(CodecId::G722, CodecId::PCMU, 6_000.0);
    assert!(level(&folded, 2_000.0) < 20.0);
    let kept = level(
        &after_a_change(CodecId::G722, CodecId::PCMU, 3_000.0),
        3_000.0,
    );
    assert!((kept - 10_000.0).abs() < 200.0, "{kept}");
    // Told as if these were samples of 8 kHz.
    let wide = after_a_change(CodecId::PCMU, CodecId::L16_16000, 1_300.0);
    let [kept, image] = [1_300.0, 6_700.0].map(|hertz| level(&wide, hertz / 2.0));
    assert!((kept - 10_000.0).abs() < 50.0, "{kept}");
    assert!(image < 20.0, "{image}");
}

#[test]
fn the_peer_may_change_the_codec_with_any_packet() {
    let mut rig = Rig::silent();
    rig.command(speaking(CodecId::PCMU, 20));
    let mut tape = Tape::begin(&mut rig);
    let codecs = [
        CodecId::PCMU,
        CodecId::G722,
        CodecId::OPUS,
        CodecId::L16_16000,
    ];
    for codec in codecs.into_iter().cycle().take(8) {
        let mut encoder = codec.encoder(Variant::default()).unwrap();
        let ticks = codec.clock_rate().ticks_in(Duration::from_millis(20));
        for frame in tone(codec, 300).chunks_exact(codec.sample_rate() as usize / 50) {
            let mut payload = [0; MAX_PAYLOAD_BYTES];
            let bytes = encoder.encode(frame, &mut payload);
            let datagram = rig.peer_packet(number(codec), ticks, &payload[..bytes]);
            rig.receive(PEER, &datagram);
            rig.run_ms(20);
            tape.go_on();
        }
    }
    let heard = ms_of(&tape.end(&mut rig), 440.0);
    assert!(heard >= 2_250, "{heard} ms");
}

#[test]
fn little_is_sent_of_silence_to_a_peer_that_asks_for_that() {
    let codec = CodecId::opus(&OpusSettings {
        dtx: true,
        ..OpusSettings::default()
    });
    for (fmtp, expected) in [("usedtx=1", 0..40), ("", 125..126)] {
        let mut parameters = parameters();
        parameters.send_format = MediaFormat {
            variant: codec.variant(fmtp).unwrap(),
            ..MediaFormat::new(number(CodecId::OPUS), codec)
        };
        let mut rig = Rig::silent();
        rig.configure(parameters);
        let silence = PlaylistItem::Silence(Duration::from_millis(2_500));
        rig.command(MediaCommand::Append(silence));
        rig.run_ms(3_000);
        let sent = rig.audio().len();
        assert!(expected.contains(&sent), "{fmtp}: {sent}");
        assert_eq!(rig.events(), [MediaEvent::NoAudio { version: 0 }]);
    }
}

#[test]
fn no_seam_is_heard_where_sounds_meet() {
    for codec in CodecId::BUILT_IN {
        let format = MediaFormat::new(number(codec), codec);
        assert_seamless(format);
    }
}
