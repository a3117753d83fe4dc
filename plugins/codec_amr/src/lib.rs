//! AMR and AMR-WB through the system's opencore-amr and vo-amrwbenc, all under the Apache licence.
//!
//! RFC 4867: both payload formats, without interleaving, CRCs and robust sorting. We send speech in
//! every frame, in the highest mode that the peer's `mode-set` has, and follow its codec mode
//! requests from packet to packet. Silence descriptors of a peer become comfort noise.

#![allow(unsafe_code)]

mod band;
mod library;
mod modes;
mod payload;

use std::marker::PhantomData;

use muleteer_sdk::{Codec, Decoder, Description, Encoder, Failure, Packing, fmtp};

use band::{Band, MAX_STORED, Narrow, Wide};
use library::State;
use modes::Modes;
use payload::{Format, Reader};

muleteer_sdk::export_codecs! { open: library::open, codecs: [Amr<Narrow>, Amr<Wide>] }

/// 120 ms.
const MAX_FRAMES: usize = 6;

/// The codec of a band.
struct Amr<B>(PhantomData<B>);

impl<B: Band> Codec for Amr<B> {
    type Encoder = AmrEncoder<B>;
    type Decoder = AmrDecoder<B>;
    const DESCRIPTION: Description = Description {
        encoding_name: B::NAME,
        clock_rate: B::RATE,
        sample_rate: B::RATE,
        static_payload_type: None,
        // We change modes every second frame at most, which peers with a way into a GSM network
        // need (RFC 4867 §8.1).
        fmtp: CHANGE_CAPABILITY,
    };
    const REQUESTS: bool = true;

    /// The payload format, the highest mode and whether it is fixed: see [`Variant`].
    fn variant(fmtp: &str) -> Option<u64> {
        Variant::parse::<B>(fmtp).map(|variant| variant.to_bits::<B>())
    }

    fn packing(_: u64) -> Packing {
        Packing::Frames {
            samples: B::FRAME_SAMPLES as u32,
            bytes: (1 + MAX_STORED) as u32,
            max_frames: MAX_FRAMES as u32,
        }
    }

    /// The payload format and the `mode-set` of an offer are kept (RFC 4867 §8.3.1).
    fn answer(fmtp: &str) -> String {
        let mut answer = String::new();
        if Variant::parse::<B>(fmtp).is_some_and(|it| it.format == Format::OctetAligned) {
            answer.push_str("octet-align=1; ");
        }
        if let Some(modes) = fmtp::parameter(fmtp, "mode-set") {
            answer.push_str(&format!("mode-set={modes}; "));
        }
        answer + CHANGE_CAPABILITY
    }

    fn samples_in(variant: u64, payload: &[u8]) -> Option<usize> {
        let format = Variant::from_bits::<B>(variant).format;
        let frames = Reader::<B>::new(format, payload)?.frames();
        Some(frames * B::FRAME_SAMPLES)
    }

    fn request_in(variant: u64, payload: &[u8]) -> Option<u32> {
        let format = Variant::from_bits::<B>(variant).format;
        let request = Reader::<B>::new(format, payload)?.request();
        let known = request == payload::NO_REQUEST || usize::from(request) < B::MODES;
        known.then_some(request.into())
    }

    fn encoder(variant: u64) -> Option<AmrEncoder<B>> {
        let Variant { format, top, fixed } = Variant::from_bits::<B>(variant);
        Some(AmrEncoder {
            coder: B::encoder()?,
            band: PhantomData,
            format,
            modes: Modes::new(top, fixed),
        })
    }

    fn decoder(variant: u64) -> Option<AmrDecoder<B>> {
        Some(AmrDecoder {
            coder: B::decoder()?,
            band: PhantomData,
            format: Variant::from_bits::<B>(variant).format,
        })
    }
}

const CHANGE_CAPABILITY: &str = "mode-change-capability=2";

/// What a peer's parameters mean for the frames we send.
struct Variant {
    format: Format,
    /// The highest mode of the `mode-set`.
    top: u8,
    /// The mode stays: the peer allows changes between neighbours of its `mode-set` only
    /// (`mode-change-neighbor`), and we do not keep the set.
    fixed: bool,
}

impl Variant {
    /// `None` for what we do not do, and for a `mode-set` without a mode of ours.
    fn parse<B: Band>(fmtp: &str) -> Option<Self> {
        let flag = |name| fmtp::parameter(fmtp, name).is_some_and(|value| value != "0");
        let unsupported = flag("crc") || flag("robust-sorting");
        if unsupported || fmtp::parameter(fmtp, "interleaving").is_some() {
            return None;
        }
        let highest = B::MODES as u8 - 1;
        let top = match fmtp::parameter(fmtp, "mode-set") {
            None => highest,
            Some(set) => {
                let modes = set.split(',').map(|mode| mode.trim().parse().ok());
                modes.collect::<Option<Vec<u8>>>()?.into_iter().max()?
            }
        };
        (top <= highest).then_some(Self {
            format: if flag("octet-align") {
                Format::OctetAligned
            } else {
                Format::BandwidthEfficient
            },
            top,
            fixed: flag("mode-change-neighbor"),
        })
    }

    /// 0 for the defaults: bandwidth-efficient, the highest mode, changes allowed.
    fn to_bits<B: Band>(&self) -> u64 {
        let below = B::MODES as u64 - 1 - u64::from(self.top);
        below << 2 | u64::from(self.fixed) << 1 | u64::from(self.format == Format::OctetAligned)
    }

    fn from_bits<B: Band>(bits: u64) -> Self {
        let highest = B::MODES as u64 - 1;
        Self {
            format: if bits & 1 == 1 {
                Format::OctetAligned
            } else {
                Format::BandwidthEfficient
            },
            top: (highest - (bits >> 2).min(highest)) as u8,
            fixed: bits & 2 == 2,
        }
    }
}

struct AmrEncoder<B: Band> {
    coder: State,
    band: PhantomData<B>,
    format: Format,
    modes: Modes,
}

impl<B: Band> Encoder for AmrEncoder<B> {
    fn encode(&mut self, pcm: &[i16], out: &mut [u8]) -> Result<usize, Failure> {
        let frames = pcm.len() / B::FRAME_SAMPLES;
        if !pcm.len().is_multiple_of(B::FRAME_SAMPLES) || !(1..=MAX_FRAMES).contains(&frames) {
            return Err(Failure::Refused);
        }
        let mut stored = [[0; MAX_STORED]; MAX_FRAMES];
        // The libraries filter their input in place.
        let mut samples = [0; Wide::FRAME_SAMPLES];
        let samples = &mut samples[..B::FRAME_SAMPLES];
        for (frame, stored) in pcm.chunks_exact(B::FRAME_SAMPLES).zip(&mut stored) {
            samples.copy_from_slice(frame);
            let mode = self.modes.next();
            B::encode(&mut self.coder, mode, samples, stored).ok_or(Failure::Failed)?;
        }
        payload::write::<B>(self.format, &stored[..frames], out).ok_or(Failure::BufferTooSmall)
    }

    fn request(&mut self, request: u32) {
        self.modes.request(request as u8);
    }
}

struct AmrDecoder<B: Band> {
    coder: State,
    band: PhantomData<B>,
    format: Format,
}

impl<B: Band> Decoder for AmrDecoder<B> {
    const CONCEALS: bool = true;

    fn decode(&mut self, payload: &[u8], out: &mut [i16]) -> Result<usize, Failure> {
        let reader = Reader::<B>::new(self.format, payload).ok_or(Failure::Refused)?;
        let needed = reader.frames() * B::FRAME_SAMPLES;
        let out = out.get_mut(..needed).ok_or(Failure::BufferTooSmall)?;
        let mut stored = [0; MAX_STORED];
        for (index, frame) in out.chunks_exact_mut(B::FRAME_SAMPLES).enumerate() {
            reader.frame(index, &mut stored);
            B::decode(&mut self.coder, &stored, frame);
        }
        Ok(needed)
    }

    fn conceal(&mut self, out: &mut [i16]) {
        let mut frames = out.chunks_exact_mut(B::FRAME_SAMPLES);
        for frame in frames.by_ref() {
            B::decode(&mut self.coder, &B::LOST, frame);
        }
        frames.into_remainder().fill(0);
    }
}

#[cfg(test)]
mod tests;
