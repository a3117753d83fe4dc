//! Opus through the system's libopus: mono speech, coded at 16 kHz.
//!
//! RFC 6716 (codec), RFC 7587 (payload format). The RTP clock is always 48 kHz and SDP always
//! says two channels, whatever is inside; a stereo or full-band packet from a peer is decoded to
//! mono at 16 kHz by the library.

use std::borrow::Cow;

use audiopus::coder::{Decoder as LibDecoder, Encoder as LibEncoder};
use audiopus::packet::Packet;
use audiopus::{Application, Bitrate, Channels, MutSignals, SampleRate, Signal};

use super::{
    CodecDescription, CodecError, CodecFactory, Decoder, Encoder, MAX_PACKET_SAMPLES, Packing,
    Variant,
};
use crate::rtp::ClockRate;

pub(super) static DESCRIPTION: CodecDescription = CodecDescription {
    encoding_name: "opus",
    clock_rate: ClockRate::HZ_48000,
    sample_rate: SAMPLE_RATE,
    channels: 2,
    static_payload_type: None,
    factory: &Opus,
};

/// Sample rate on our side.
const SAMPLE_RATE: u32 = 16_000;
/// Samples in a frame of 20 ms.
pub const OPUS_FRAME_SAMPLES: usize = 320;
/// The largest single frame (RFC 6716 §3.4).
const MAX_OPUS_BYTES: usize = 1_275;

const LIB_RATE: SampleRate = SampleRate::Hz16000;
/// Bit rate for wide-band speech (RFC 7587 §3.1.1 suggests 16 to 20 kb/s; a little is for FEC).
const BITS_PER_SECOND: i32 = 24_000;
/// Effort of 0..=10; 5 costs half of 10 and few hear the difference. Picked by measuring.
const COMPLEXITY: u8 = 5;
/// Loss that the encoder prepares for; without it no FEC is sent.
const EXPECTED_LOSS_PERCENT: u8 = 10;

struct Opus;

impl CodecFactory for Opus {
    fn fmtp(&self, _: Option<&str>) -> Cow<'static, str> {
        Cow::Borrowed("useinbandfec=1")
    }

    fn packing(&self, _: Variant) -> Packing {
        Packing::Frames {
            packet_ms: &[10, 20, 40, 60],
            max_bytes: MAX_OPUS_BYTES,
        }
    }

    fn samples_in(&self, _: Variant, payload: &[u8]) -> Option<usize> {
        samples_in(payload)
    }

    fn encoder(&self, _: Variant) -> Result<Box<dyn Encoder>, CodecError> {
        Ok(Box::new(OpusEncoder::new()?))
    }

    fn decoder(&self, _: Variant) -> Result<Box<dyn Decoder>, CodecError> {
        Ok(Box::new(OpusDecoder::new()?))
    }
}

fn unavailable(error: audiopus::Error) -> CodecError {
    let code = match error {
        audiopus::Error::Opus(code) => code as i32,
        // The wrapper's own checks of our arguments.
        _ => 0,
    };
    CodecError::Unavailable { code }
}

/// The number of samples at 16 kHz; `None` for an empty, malformed or oversized packet.
fn samples_in(payload: &[u8]) -> Option<usize> {
    if payload.len() > MAX_OPUS_BYTES {
        return None;
    }
    let packet = Packet::try_from(payload).ok()?;
    let samples = audiopus::packet::nb_samples(packet, LIB_RATE).ok()?;
    (1..=MAX_PACKET_SAMPLES)
        .contains(&samples)
        .then_some(samples)
}

/// Encodes Opus with in-band forward error correction.
struct OpusEncoder(LibEncoder);

impl OpusEncoder {
    fn new() -> Result<Self, CodecError> {
        Self::configured().map(Self).map_err(unavailable)
    }

    fn configured() -> Result<LibEncoder, audiopus::Error> {
        let mut encoder = LibEncoder::new(LIB_RATE, Channels::Mono, Application::Voip)?;
        encoder.set_bitrate(Bitrate::BitsPerSecond(BITS_PER_SECOND))?;
        encoder.set_complexity(COMPLEXITY)?;
        encoder.set_signal(Signal::Voice)?;
        encoder.set_inband_fec(true)?;
        encoder.set_packet_loss_perc(EXPECTED_LOSS_PERCENT)?;
        Ok(encoder)
    }
}

impl Encoder for OpusEncoder {
    fn encode(&mut self, pcm: &[i16], out: &mut [u8]) -> usize {
        let len = out.len().min(MAX_OPUS_BYTES);
        self.0.encode(pcm, &mut out[..len]).unwrap_or(0)
    }
}

/// Decodes Opus.
struct OpusDecoder(LibDecoder);

impl OpusDecoder {
    fn new() -> Result<Self, CodecError> {
        LibDecoder::new(LIB_RATE, Channels::Mono)
            .map(Self)
            .map_err(unavailable)
    }

    /// Runs the decoder over `packet`, or over nothing for a lost one.
    fn run(&mut self, packet: Option<&[u8]>, out: &mut [i16], fec: bool) -> Option<usize> {
        let packet = packet.map(Packet::try_from).transpose().ok()?;
        let out = MutSignals::try_from(out).ok()?;
        self.0.decode(packet, out, fec).ok()
    }
}

impl Decoder for OpusDecoder {
    fn decode(&mut self, payload: &[u8], out: &mut [i16]) -> Result<usize, CodecError> {
        let needed = samples_in(payload).ok_or(CodecError::PayloadSize {
            bytes: payload.len(),
        })?;
        if out.len() < needed {
            return Err(CodecError::BufferTooSmall {
                needed,
                available: out.len(),
            });
        }
        self.run(Some(payload), &mut out[..needed], false)
            .ok_or(CodecError::Corrupt)
    }

    fn conceal(&mut self, out: &mut [i16]) -> usize {
        self.run(None, out, false).unwrap_or_else(|| silence(out))
    }

    fn recover(&mut self, next_payload: &[u8], out: &mut [i16]) -> usize {
        if samples_in(next_payload).is_none() {
            return self.conceal(out);
        }
        self.run(Some(next_payload), out, true)
            .unwrap_or_else(|| silence(out))
    }
}

fn silence(out: &mut [i16]) -> usize {
    out.fill(0);
    out.len()
}

#[cfg(test)]
mod tests {
    use rand::rngs::SmallRng;
    use rand::{RngExt, SeedableRng};

    use super::*;
    use crate::probe::{level_at, sine};

    fn packets(pcm: &[i16]) -> Vec<Vec<u8>> {
        let mut encoder = OpusEncoder::new().unwrap();
        let mut payload = [0; MAX_OPUS_BYTES];
        pcm.chunks_exact(OPUS_FRAME_SAMPLES)
            .map(|frame| {
                let len = encoder.encode(frame, &mut payload);
                payload[..len].to_vec()
            })
            .collect()
    }

    #[test]
    fn a_tone_keeps_its_level() {
        let mut decoder = OpusDecoder::new().unwrap();
        let mut heard = Vec::new();
        for payload in packets(&sine(1_000.0, 8_000.0, SAMPLE_RATE, 16_000)) {
            let mut out = [0; MAX_PACKET_SAMPLES];
            assert_eq!(samples_in(&payload), Some(OPUS_FRAME_SAMPLES));
            let samples = decoder.decode(&payload, &mut out).unwrap();
            heard.extend_from_slice(&out[..samples]);
        }
        assert_eq!(heard.len(), 16_000);
        let level = level_at(&heard[4_000..], SAMPLE_RATE, 1_000.0);
        assert!((level - 8_000.0).abs() < 800.0, "{level}");
    }

    #[test]
    fn a_lost_packet_is_concealed_or_recovered_from_the_next() {
        let tone = packets(&sine(300.0, 8_000.0, SAMPLE_RATE, 9_600));
        let mut out = [0; OPUS_FRAME_SAMPLES];
        for recover in [false, true] {
            let mut decoder = OpusDecoder::new().unwrap();
            for payload in &tone[..10] {
                decoder.decode(payload, &mut out).unwrap();
            }
            let samples = match recover {
                true => decoder.recover(&tone[11], &mut out),
                false => decoder.conceal(&mut out),
            };
            assert_eq!(samples, OPUS_FRAME_SAMPLES);
            let level = level_at(&out, SAMPLE_RATE, 300.0);
            assert!(level > 3_000.0, "{level}");
            assert_eq!(decoder.decode(&tone[11], &mut out), Ok(OPUS_FRAME_SAMPLES));
        }
    }

    #[test]
    fn impossible_lengths_and_short_buffers_are_refused() {
        let mut decoder = OpusDecoder::new().unwrap();
        let mut out = [0; MAX_PACKET_SAMPLES];
        let too_long = [0xFF; MAX_OPUS_BYTES + 1];
        assert_eq!(
            decoder.decode(&[], &mut out),
            Err(CodecError::PayloadSize { bytes: 0 })
        );
        let bytes = too_long.len();
        assert_eq!(
            decoder.decode(&too_long, &mut out),
            Err(CodecError::PayloadSize { bytes })
        );
        let payload = &packets(&[0; OPUS_FRAME_SAMPLES])[0];
        assert_eq!(
            decoder.decode(payload, &mut out[..100]),
            Err(CodecError::BufferTooSmall {
                needed: OPUS_FRAME_SAMPLES,
                available: 100
            })
        );
        let mut encoder = OpusEncoder::new().unwrap();
        assert_eq!(encoder.encode(&[0; 77], &mut [0; 100]), 0);
        assert_eq!(encoder.encode(&[0; OPUS_FRAME_SAMPLES], &mut []), 0);
    }

    #[test]
    fn random_payloads_never_panic_or_overrun() {
        let mut random = SmallRng::seed_from_u64(9);
        let mut decoder = OpusDecoder::new().unwrap();
        let mut out = [0; MAX_PACKET_SAMPLES];
        for _ in 0..5_000 {
            let mut payload = [0u8; 200];
            random.fill(&mut payload[..]);
            let len = random.random_range(0..=payload.len());
            match decoder.decode(&payload[..len], &mut out) {
                Ok(samples) => assert_eq!(Some(samples), samples_in(&payload[..len])),
                Err(error) => assert!(!matches!(error, CodecError::BufferTooSmall { .. })),
            }
            decoder.recover(&payload[..len], &mut out[..OPUS_FRAME_SAMPLES]);
        }
    }
}
