//! What a codec is to the other layers, and how one is named.

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};

use super::{CodecError, Decoder, Encoder, MAX_PAYLOAD_BYTES, g722, l16, opus, pcma, pcmu};
use crate::rtp::{ClockRate, PayloadType};

/// Names a codec. Two are equal if they name the same [`CodecDescription`], which lives as long as
/// the process.
#[derive(Clone, Copy)]
pub struct CodecId(&'static CodecDescription);

/// Everything about a codec that does not change from call to call.
pub struct CodecDescription {
    /// The encoding name in an `rtpmap` attribute; compared ignoring case (RFC 8866 §6.6).
    pub encoding_name: &'static str,
    /// The rate of the RTP timestamp, which need not be the sample rate.
    pub clock_rate: ClockRate,
    /// Samples a second of the PCM that the coders take and give: 8,000 to 48,000.
    pub sample_rate: u32,
    /// The channel count in an `rtpmap` attribute. Opus says 2 even when it carries mono
    /// (RFC 7587 §7); the coders are always mono.
    pub channels: u8,
    /// The payload number fixed by RFC 3551 §6, `None` for a dynamic one.
    pub static_payload_type: Option<PayloadType>,
    /// What a fresh encoder makes may follow any other payloads without being heard as a break, as
    /// a decoder has no state or soon finds into another one. Prompts are then encoded once for all
    /// calls. False where in doubt: each stream then has one encoder for all that it sends.
    pub joins: bool,
    /// Reads parameters and payloads, and makes the coders.
    pub factory: &'static dyn CodecFactory,
}

/// The part of a codec that is code. Called by sessions and media threads at the same time.
pub trait CodecFactory: Send + Sync {
    /// What we write as `fmtp` parameters: into an offer (`offered` is `None`), or into the answer
    /// to an offer that has these ("" if it has none). Empty for no `fmtp` line.
    fn fmtp(&self, offered: Option<&str>) -> Cow<'static, str> {
        let _ = offered;
        Cow::Borrowed("")
    }

    /// What the `fmtp` parameters of one side mean for the payloads that are sent to it, "" if it
    /// gave none; `None` if this codec cannot work with them, so that the format is not agreed on.
    ///
    /// Different texts of the same meaning give the same value, and a peer can bring about few
    /// different ones: prompts are encoded, and kept, once for each.
    fn variant(&self, fmtp: &str) -> Option<Variant> {
        let _ = fmtp;
        Some(Variant::default())
    }

    /// How audio is cut into payloads.
    fn packing(&self, variant: Variant) -> Packing;

    /// The number of samples in `payload`; `None` when the codec cannot have made a payload of
    /// that length, so the packet is to be refused. Media thread; does not allocate.
    fn samples_in(&self, variant: Variant, payload: &[u8]) -> Option<usize>;

    /// What `payload` asks of our encoder of the same codec, as the codec mode request of RFC 4867
    /// §4.3.1 does. Media thread; does not allocate.
    fn request_in(&self, variant: Variant, payload: &[u8]) -> Option<u32> {
        let _ = (variant, payload);
        None
    }

    /// Whether an encoder sends the less of silence the longer it lasts (discontinuous
    /// transmission), so that no packet can stand for all of it.
    fn pauses(&self, variant: Variant) -> bool {
        let _ = variant;
        false
    }

    /// Makes an encoder. Allocates.
    ///
    /// # Errors
    /// [`CodecError::Unavailable`] when the codec's library refuses.
    fn encoder(&self, variant: Variant) -> Result<Box<dyn Encoder>, CodecError>;

    /// Makes a decoder. Allocates.
    ///
    /// # Errors
    /// [`CodecError::Unavailable`] when the codec's library refuses.
    fn decoder(&self, variant: Variant) -> Result<Box<dyn Decoder>, CodecError>;
}

/// The `fmtp` parameters of one direction as the codec's own number, such as the `mode` of iLBC or
/// a packed set of options. Nobody else looks into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Variant(pub u64);

/// How audio is cut into payloads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// A payload can be cut between any two units of so many samples in so many bytes
    /// (a sample-based encoding, RFC 3551 §4.2): 1 and 1 for G.711, 8 and 3 for G.726-24. Ten
    /// milliseconds are a whole number of units.
    Samples {
        /// Samples of one unit.
        samples: usize,
        /// Bytes of one unit.
        bytes: usize,
    },
    /// A payload is encoded as a whole, of one or more frames.
    Frames {
        /// The packet times in milliseconds that the encoder takes. At least one of 10, 20, 30, 40, 50
        /// and 60; others are never used.
        packet_ms: &'static [u8],
        /// The longest payload that a peer may send, at most [`MAX_PAYLOAD_BYTES`].
        max_bytes: usize,
    },
}

impl CodecId {
    /// G.711 µ-law, 8 kHz.
    pub const PCMU: CodecId = CodecId(&pcmu::DESCRIPTION);
    /// G.711 A-law, 8 kHz.
    pub const PCMA: CodecId = CodecId(&pcma::DESCRIPTION);
    /// Opus as mono speech at 16 kHz; `opus/48000/2` in SDP (RFC 7587 §7).
    pub const OPUS: CodecId = CodecId(&opus::DESCRIPTION);

    /// G.722 at 64 kb/s, 16 kHz.
    pub const G722: CodecId = CodecId(&g722::DESCRIPTION);
    /// Uncompressed, 8 kHz.
    pub const L16_8000: CodecId = CodecId(&l16::L16_8000);
    /// Uncompressed, 16 kHz.
    pub const L16_16000: CodecId = CodecId(&l16::L16_16000);
    /// Uncompressed, 44.1 kHz.
    pub const L16_44100: CodecId = CodecId(&l16::L16_44100);
    /// Uncompressed, 48 kHz.
    pub const L16_48000: CodecId = CodecId(&l16::L16_48000);

    /// The codecs that need nothing loaded, best first; those that few networks carry at the end.
    pub const BUILT_IN: [CodecId; 8] = [
        Self::OPUS,
        Self::G722,
        Self::PCMU,
        Self::PCMA,
        Self::L16_16000,
        Self::L16_8000,
        Self::L16_48000,
        Self::L16_44100,
    ];

    /// Registers a codec for the rest of the process: its description is never freed, so that what
    /// was handed to a media thread is always there. For the start of the server, not for calls.
    pub fn register(description: CodecDescription) -> CodecId {
        CodecId(Box::leak(Box::new(description)))
    }

    /// See [`CodecDescription::encoding_name`].
    pub fn encoding_name(self) -> &'static str {
        self.0.encoding_name
    }

    /// See [`CodecDescription::clock_rate`].
    pub fn clock_rate(self) -> ClockRate {
        self.0.clock_rate
    }

    /// See [`CodecDescription::sample_rate`].
    pub fn sample_rate(self) -> u32 {
        self.0.sample_rate
    }

    /// See [`CodecDescription::channels`].
    pub fn channels(self) -> u8 {
        self.0.channels
    }

    /// See [`CodecDescription::static_payload_type`].
    pub fn static_payload_type(self) -> Option<PayloadType> {
        self.0.static_payload_type
    }

    /// See [`CodecDescription::joins`].
    pub fn joins(self) -> bool {
        self.0.joins
    }

    /// See [`CodecFactory::fmtp`].
    pub fn fmtp(self, offered: Option<&str>) -> Cow<'static, str> {
        self.0.factory.fmtp(offered)
    }

    /// See [`CodecFactory::variant`].
    pub fn variant(self, fmtp: &str) -> Option<Variant> {
        self.0.factory.variant(fmtp)
    }

    /// See [`CodecFactory::packing`].
    pub fn packing(self, variant: Variant) -> Packing {
        self.0.factory.packing(variant)
    }

    /// The longest payload to be expected of a peer: up to 60 ms of a sample-based codec.
    pub fn max_bytes(self, variant: Variant) -> usize {
        let bytes = match self.packing(variant) {
            Packing::Samples { samples, bytes } => {
                self.sample_rate() as usize * 60 / 1_000 / samples * bytes
            }
            Packing::Frames { max_bytes, .. } => max_bytes,
        };
        bytes.min(MAX_PAYLOAD_BYTES)
    }

    /// See [`CodecFactory::samples_in`].
    pub fn samples_in(self, variant: Variant, payload: &[u8]) -> Option<usize> {
        self.0.factory.samples_in(variant, payload)
    }

    /// See [`CodecFactory::request_in`].
    pub fn request_in(self, variant: Variant, payload: &[u8]) -> Option<u32> {
        self.0.factory.request_in(variant, payload)
    }

    /// See [`CodecFactory::pauses`].
    pub fn pauses(self, variant: Variant) -> bool {
        self.0.factory.pauses(variant)
    }

    /// See [`CodecFactory::encoder`].
    ///
    /// # Errors
    /// [`CodecError::Unavailable`].
    pub fn encoder(self, variant: Variant) -> Result<Box<dyn Encoder>, CodecError> {
        self.0.factory.encoder(variant)
    }

    /// See [`CodecFactory::decoder`].
    ///
    /// # Errors
    /// [`CodecError::Unavailable`].
    pub fn decoder(self, variant: Variant) -> Result<Box<dyn Decoder>, CodecError> {
        self.0.factory.decoder(variant)
    }
}

impl PartialEq for CodecId {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.0, other.0)
    }
}

impl Eq for CodecId {}

impl Hash for CodecId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::ptr::from_ref(self.0).hash(state);
    }
}

impl fmt::Debug for CodecId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for CodecId {
    /// The name and the clock rate, as in an `rtpmap`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.encoding_name(), self.clock_rate().get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::MAX_PACKET_SAMPLES;

    #[test]
    fn codecs_are_equal_by_identity() {
        assert_eq!(CodecId::PCMU, CodecId::PCMU);
        assert_ne!(CodecId::PCMU, CodecId::PCMA);
        let again = |factory| {
            CodecId::register(CodecDescription {
                encoding_name: "PCMU",
                clock_rate: ClockRate::HZ_8000,
                sample_rate: 8_000,
                channels: 1,
                static_payload_type: Some(PayloadType::PCMU),
                joins: true,
                factory,
            })
        };
        let registered = again(pcmu::DESCRIPTION.factory);
        assert_ne!(registered, CodecId::PCMU);
        assert_eq!(registered.to_string(), CodecId::PCMU.to_string());
    }

    #[test]
    fn g711_packets_of_1_to_60_ms_are_taken() {
        let mut out = [0; MAX_PACKET_SAMPLES];
        let plain = Variant::default();
        for id in [CodecId::PCMU, CodecId::PCMA] {
            let mut decoder = id.decoder(plain).unwrap();
            for (bytes, good) in [
                (0, false),
                (7, false),
                (8, true),
                (160, true),
                (480, true),
                (481, false),
            ] {
                let payload = vec![0x55; bytes];
                assert_eq!(id.samples_in(plain, &payload), good.then_some(bytes));
                let expected = if good {
                    Ok(bytes)
                } else {
                    Err(CodecError::PayloadSize { bytes })
                };
                assert_eq!(decoder.decode(&payload, &mut out), expected);
            }
            assert_eq!(
                decoder.decode(&[0x55; 160], &mut out[..80]),
                Err(CodecError::BufferTooSmall {
                    needed: 160,
                    available: 80
                })
            );
            let mut encoder = id.encoder(plain).unwrap();
            assert_eq!(encoder.encode(&[0; 160], &mut [0; 159]), 0);
        }
    }
}
