//! Opus through the system's libopus, mono.
//!
//! RFC 6716 (codec), RFC 7587 (payload format). The RTP clock is always 48 kHz and SDP always
//! says two channels, whatever is inside; a stereo or full-band packet from a peer is decoded to
//! mono at our rate by the library. What a peer asks for in its `fmtp` (RFC 7587 §6.1) bounds what
//! we send to it: bit rate, bandwidth, constant bit rate, error correction and gaps in silence.

use std::borrow::Cow;

use audiopus::coder::{Decoder as LibDecoder, Encoder as LibEncoder};
use audiopus::packet::Packet;
use audiopus::{Application, Bandwidth, Bitrate, Channels, MutSignals, SampleRate, Signal};

use super::parameters::{flag, number};
use super::{
    CodecDescription, CodecError, CodecFactory, CodecId, Decoder, Encoder, MAX_PACKET_SAMPLES,
    Packing, Variant, room_for,
};
use crate::rtp::ClockRate;

pub(super) static DESCRIPTION: CodecDescription =
    description(OpusSettings::DEFAULT.sample_rate, &OpusSettings::DEFAULT);

const fn description(sample_rate: u32, factory: &'static OpusSettings) -> CodecDescription {
    CodecDescription {
        encoding_name: "opus",
        clock_rate: ClockRate::HZ_48000,
        sample_rate,
        channels: 2,
        static_payload_type: None,
        joins: true,
        factory,
    }
}

/// How we speak Opus to everyone; a peer may ask for less.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpusSettings {
    /// Samples a second on our side: one of [`OpusSettings::SAMPLE_RATES`].
    pub sample_rate: u32,
    /// Bits a second that we send: 6,000 to 510,000.
    pub bitrate: u32,
    /// Effort of the encoder, 0 to 10.
    pub complexity: u8,
    /// Whether we send in-band forward error correction to peers that use it.
    pub fec: bool,
    /// Percentage of loss that the error correction prepares for, 0 to 100; without any there is
    /// none.
    pub loss_percent: u8,
    /// Whether little is sent in silence, to peers that ask for it, and we ask for it ourselves.
    pub dtx: bool,
}

impl OpusSettings {
    /// Out of the rates of the codec, those that everything else here works with.
    pub const SAMPLE_RATES: [u32; 4] = [8_000, 16_000, 24_000, 48_000];

    const DEFAULT: Self = Self {
        sample_rate: 16_000,
        // RFC 7587 §3.1.1 suggests 16 to 20 kb/s for wide-band speech; a little is for FEC.
        bitrate: 24_000,
        // 5 costs half of 10 and few hear the difference. Picked by measuring.
        complexity: 5,
        fec: true,
        loss_percent: 10,
        dtx: false,
    };
}

impl Default for OpusSettings {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl CodecId {
    /// Opus with these settings; [`CodecId::OPUS`] for the default ones, and otherwise
    /// [registered](CodecId::register).
    pub fn opus(settings: &OpusSettings) -> CodecId {
        if *settings == OpusSettings::DEFAULT {
            return CodecId::OPUS;
        }
        let settings: &'static OpusSettings = Box::leak(Box::new(settings.clone()));
        CodecId::register(description(settings.sample_rate, settings))
    }
}

impl CodecFactory for OpusSettings {
    fn fmtp(&self, _: Option<&str>) -> Cow<'static, str> {
        let mut fmtp = String::from("useinbandfec=1");
        if self.sample_rate < 48_000 {
            let rate = self.sample_rate;
            fmtp += &format!(";maxplaybackrate={rate};sprop-maxcapturerate={rate}");
        }
        if self.dtx {
            fmtp += ";usedtx=1";
        }
        fmtp.into()
    }

    fn variant(&self, fmtp: &str) -> Option<Variant> {
        Some(Wishes::of(fmtp, self).pack())
    }

    fn packing(&self, _: Variant) -> Packing {
        Packing::Frames {
            packet_ms: &[10, 20, 40, 60],
            max_bytes: MAX_OPUS_BYTES,
        }
    }

    fn samples_in(&self, _: Variant, payload: &[u8]) -> Option<usize> {
        samples_in(payload, rate_of(self.sample_rate))
    }

    fn pauses(&self, variant: Variant) -> bool {
        Wishes::unpack(variant).dtx
    }

    fn encoder(&self, variant: Variant) -> Result<Box<dyn Encoder>, CodecError> {
        let encoder = self.configured(Wishes::unpack(variant));
        Ok(Box::new(OpusEncoder(encoder.map_err(unavailable)?)))
    }

    fn decoder(&self, _: Variant) -> Result<Box<dyn Decoder>, CodecError> {
        let rate = rate_of(self.sample_rate);
        let library = LibDecoder::new(rate, Channels::Mono).map_err(unavailable)?;
        Ok(Box::new(OpusDecoder { library, rate }))
    }
}

impl OpusSettings {
    fn configured(&self, wishes: Wishes) -> Result<LibEncoder, audiopus::Error> {
        let rate = rate_of(self.sample_rate);
        let mut encoder = LibEncoder::new(rate, Channels::Mono, Application::Voip)?;
        let bitrate = match wishes.max_bitrate {
            0 => self.bitrate,
            wish => wish.min(self.bitrate),
        };
        encoder.set_bitrate(Bitrate::BitsPerSecond(bitrate as i32))?;
        encoder.set_complexity(self.complexity)?;
        encoder.set_signal(Signal::Voice)?;
        encoder.set_inband_fec(wishes.fec)?;
        encoder.set_packet_loss_perc(self.loss_percent)?;
        encoder.set_dtx(wishes.dtx)?;
        encoder.set_vbr(!wishes.constant_bitrate)?;
        if let Some(bandwidth) = bandwidth_of(wishes.max_rate) {
            encoder.set_max_bandwidth(bandwidth)?;
        }
        Ok(encoder)
    }
}

/// What a peer asks for, as far as it makes a difference to what we would send anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wishes {
    fec: bool,
    dtx: bool,
    constant_bitrate: bool,
    /// Bits a second, one of [`BITRATES`]; 0 for no bound.
    max_bitrate: u32,
    /// Samples a second that it plays, out of [`RATES`]; 0 for no bound.
    max_rate: u32,
}

/// Bit rates that a peer's limit is rounded down to, so that few kinds of encoded prompts exist.
const BITRATES: [u32; 12] = [
    6_000, 8_000, 12_000, 16_000, 20_000, 24_000, 32_000, 48_000, 64_000, 96_000, 128_000, 256_000,
];
/// The sampling rates of the five bandwidths (RFC 6716 §2), likewise.
const RATES: [u32; 5] = [8_000, 12_000, 16_000, 24_000, 48_000];

impl Wishes {
    /// RFC 7587 §6.1. What is not given, or is no number, counts as its default.
    fn of(fmtp: &str, ours: &OpusSettings) -> Self {
        let bound = |name, steps: &[u32], own: u32| {
            let limit = number(fmtp, name).filter(|limit| *limit < own)?;
            let possible = steps.iter().take_while(|step| **step <= limit);
            // A bound below the least possible counts as that.
            possible.last().or(steps.first()).copied()
        };
        Self {
            fec: ours.fec && flag(fmtp, "useinbandfec"),
            dtx: ours.dtx && flag(fmtp, "usedtx"),
            constant_bitrate: flag(fmtp, "cbr"),
            max_bitrate: bound("maxaveragebitrate", &BITRATES, ours.bitrate).unwrap_or(0),
            max_rate: bound("maxplaybackrate", &RATES, ours.sample_rate).unwrap_or(0),
        }
    }

    fn pack(self) -> Variant {
        let flags = [self.fec, self.dtx, self.constant_bitrate];
        let flags = flags
            .iter()
            .rev()
            .fold(0, |bits, flag| bits << 1 | u64::from(*flag));
        let numbers = u64::from(self.max_bitrate) << 32 | u64::from(self.max_rate) << 8;
        Variant(numbers | flags)
    }

    fn unpack(Variant(bits): Variant) -> Self {
        let flag = |bit: u32| bits >> bit & 1 != 0;
        Self {
            fec: flag(0),
            dtx: flag(1),
            constant_bitrate: flag(2),
            max_bitrate: (bits >> 32) as u32,
            max_rate: (bits >> 8) as u32 & 0xFF_FFFF,
        }
    }
}

fn rate_of(sample_rate: u32) -> SampleRate {
    match sample_rate {
        8_000 => SampleRate::Hz8000,
        24_000 => SampleRate::Hz24000,
        48_000 => SampleRate::Hz48000,
        _ => SampleRate::Hz16000,
    }
}

fn bandwidth_of(max_rate: u32) -> Option<Bandwidth> {
    Some(match max_rate {
        8_000 => Bandwidth::Narrowband,
        12_000 => Bandwidth::Mediumband,
        16_000 => Bandwidth::Wideband,
        24_000 => Bandwidth::Superwideband,
        _ => return None,
    })
}

fn unavailable(error: audiopus::Error) -> CodecError {
    let code = match error {
        audiopus::Error::Opus(code) => code as i32,
        // The wrapper's own checks of our arguments.
        _ => 0,
    };
    CodecError::Unavailable { code }
}

/// The largest single frame (RFC 6716 §3.4).
const MAX_OPUS_BYTES: usize = 1_275;

/// The number of samples at `rate`; `None` for an empty, malformed or oversized packet.
fn samples_in(payload: &[u8], rate: SampleRate) -> Option<usize> {
    if payload.len() > MAX_OPUS_BYTES {
        return None;
    }
    let packet = Packet::try_from(payload).ok()?;
    let samples = audiopus::packet::nb_samples(packet, rate).ok()?;
    (1..=MAX_PACKET_SAMPLES)
        .contains(&samples)
        .then_some(samples)
}

/// Whether the first frame of a packet holds what was before it, for error correction; `None` for
/// a packet that ends too soon to say so.
///
/// RFC 6716 §3.1 (first byte of a packet), §4.2.3 (first bits of a SILK frame: for each channel one
/// of activity for every 20 ms, and then that of the copy).
fn holds_copy(payload: &[u8]) -> Option<bool> {
    let (&first, rest) = payload.split_first()?;
    let parts = match first >> 3 {
        config @ 0..12 => match config % 4 {
            // 10, 20, 40 and 60 ms.
            0 | 1 => 1,
            parts => parts,
        },
        // Hybrid frames of 10 and 20 ms.
        12..16 => 1,
        // CELT has no copies.
        _ => return Some(false),
    };
    let is_stereo = first & 4 != 0;
    let bits = *first_frame(first & 3, rest)?.first()?;
    let mid = bits >> (7 - parts) & 1 != 0;
    let side = is_stereo && bits >> (6 - 2 * parts) & 1 != 0;
    Some(mid || side)
}

/// The first frame of a packet whose first byte ends in `code`, and what is behind it; `rest`
/// follows that byte. RFC 6716 §3.2.
fn first_frame(code: u8, rest: &[u8]) -> Option<&[u8]> {
    let (length, rest) = match code {
        0 | 1 => return Some(rest),
        2 => frame_length(rest)?,
        _ => {
            let (&count, mut rest) = rest.split_first()?;
            let (has_lengths, has_padding) = (count & 0x80 != 0, count & 0x40 != 0);
            let mut padding = if has_padding { 255 } else { 0 };
            while padding == 255 {
                let (&this, behind) = rest.split_first()?;
                (padding, rest) = (this, behind);
            }
            if !has_lengths {
                return Some(rest);
            }
            let (mut length, mut rest) = (None, rest);
            for _ in 1..count & 0x3F {
                let (this, behind) = frame_length(rest)?;
                length.get_or_insert(this);
                rest = behind;
            }
            // A single frame has no length.
            (length.unwrap_or(rest.len()), rest)
        }
    };
    rest.get(..length)
}

/// A length of one or two bytes, and what follows it.
fn frame_length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    if first < 252 {
        return Some((first.into(), rest));
    }
    let (&second, rest) = rest.split_first()?;
    Some((usize::from(second) * 4 + usize::from(first), rest))
}

struct OpusEncoder(LibEncoder);

impl Encoder for OpusEncoder {
    fn encode(&mut self, pcm: &[i16], out: &mut [u8]) -> usize {
        let len = out.len().min(MAX_OPUS_BYTES);
        match self.0.encode(pcm, &mut out[..len]) {
            // Nothing was said: the packet need not be sent (RFC 7587 §3.1.3).
            Ok(..=2) | Err(_) => 0,
            Ok(bytes) => bytes,
        }
    }
}

struct OpusDecoder {
    library: LibDecoder,
    rate: SampleRate,
}

impl OpusDecoder {
    /// Runs the decoder over `packet`, or over nothing for a lost one.
    fn run(&mut self, packet: Option<&[u8]>, out: &mut [i16], fec: bool) -> Option<usize> {
        let packet = packet.map(Packet::try_from).transpose().ok()?;
        let out = MutSignals::try_from(out).ok()?;
        self.library.decode(packet, out, fec).ok()
    }
}

impl Decoder for OpusDecoder {
    fn decode(&mut self, payload: &[u8], out: &mut [i16]) -> Result<usize, CodecError> {
        let out = room_for(payload, samples_in(payload, self.rate), out)?;
        self.run(Some(payload), out, false)
            .ok_or(CodecError::Corrupt)
    }

    fn conceal(&mut self, out: &mut [i16]) -> usize {
        self.run(None, out, false).unwrap_or_else(|| silence(out))
    }

    fn recover(&mut self, next_payload: &[u8], out: &mut [i16]) -> usize {
        if samples_in(next_payload, self.rate).is_none() {
            return self.conceal(out);
        }
        self.run(Some(next_payload), out, true)
            .unwrap_or_else(|| silence(out))
    }

    fn holds_copy(&self, payload: &[u8]) -> bool {
        holds_copy(payload).unwrap_or(false)
    }
}

fn silence(out: &mut [i16]) -> usize {
    out.fill(0);
    out.len()
}

#[cfg(test)]
mod tests;
