//! The codecs there are, and what the other layers may ask of one.

use thiserror::Error;

use super::g711::{G711Decoder, G711Encoder};
use super::{g711, opus, pcma, pcmu};
use crate::rtp::{ClockRate, PayloadType};

/// A codec this server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CodecId {
    /// G.711 µ-law, 8 kHz.
    Pcmu,
    /// G.711 A-law, 8 kHz.
    Pcma,
    /// Opus as mono speech at 16 kHz; `opus/48000/2` in SDP (RFC 7587 §7).
    Opus,
}

/// Turns PCM into payloads. One encoder serves one stream, in order.
pub trait Encoder: Send {
    /// Encodes one frame of mono PCM at [`CodecId::sample_rate`] into `out` and returns the
    /// number of bytes written.
    ///
    /// `pcm` holds one packet's time: any length for G.711; 10, 20, 40 or 60 ms for Opus. Zero is
    /// returned, and nothing should be sent, when `out` is too small or the codec cannot encode
    /// that length.
    ///
    /// Media thread; does not allocate.
    fn encode(&mut self, pcm: &[i16], out: &mut [u8]) -> usize;
}

/// Turns payloads into PCM. One decoder serves one stream, in playout order.
pub trait Decoder: Send {
    /// Decodes one payload into `out`, mono at [`CodecId::sample_rate`], and returns the number
    /// of samples written. An `out` of [`MAX_PACKET_SAMPLES`] is always large enough.
    ///
    /// Media thread; does not allocate.
    ///
    /// # Errors
    /// [`CodecError::PayloadSize`] for a length the codec cannot have made,
    /// [`CodecError::BufferTooSmall`] when `out` does not hold the packet's samples,
    /// [`CodecError::Corrupt`] when the codec refuses the bytes.
    fn decode(&mut self, payload: &[u8], out: &mut [i16]) -> Result<usize, CodecError>;

    /// Fills `out` with a guess at what a lost packet held and returns the number of samples
    /// written. `out` has the length of the lost packet, a multiple of 10 ms. Repeated calls fade
    /// to silence.
    ///
    /// Media thread; does not allocate.
    fn conceal(&mut self, out: &mut [i16]) -> usize;

    /// Like [`Decoder::conceal`], when the packet after the lost one is already here: codecs with
    /// in-band forward error correction find a coarse copy in `next_payload`. The next packet is
    /// still to be decoded afterwards.
    ///
    /// Media thread; does not allocate.
    fn recover(&mut self, next_payload: &[u8], out: &mut [i16]) -> usize {
        let _ = next_payload;
        self.conceal(out)
    }
}

impl CodecId {
    /// Every codec, in the order in which we prefer them in an offer.
    pub const ALL: [CodecId; 3] = [CodecId::Opus, CodecId::Pcmu, CodecId::Pcma];

    /// Finds the codec of an SDP format by its `rtpmap` parts; the name is compared ignoring case
    /// (RFC 8866 §6.6). `None` when we do not speak it.
    pub fn from_format(encoding_name: &str, clock_rate: u32, channels: u8) -> Option<CodecId> {
        Self::ALL.into_iter().find(|id| {
            id.encoding_name().eq_ignore_ascii_case(encoding_name)
                && id.clock_rate().get() == clock_rate
                && id.channels() == channels
        })
    }

    /// The encoding name in an `rtpmap` attribute.
    pub fn encoding_name(self) -> &'static str {
        match self {
            CodecId::Pcmu => "PCMU",
            CodecId::Pcma => "PCMA",
            CodecId::Opus => "opus",
        }
    }

    /// The rate of the RTP timestamp, which need not be the sample rate.
    pub fn clock_rate(self) -> ClockRate {
        match self {
            CodecId::Pcmu | CodecId::Pcma => ClockRate::HZ_8000,
            CodecId::Opus => ClockRate::HZ_48000,
        }
    }

    /// Samples a second of the PCM that the coders take and give.
    pub fn sample_rate(self) -> u32 {
        match self {
            CodecId::Pcmu | CodecId::Pcma => 8_000,
            CodecId::Opus => opus::SAMPLE_RATE,
        }
    }

    /// Whether a payload can be cut between any two samples, each of which takes one byte
    /// (a sample-based encoding, RFC 3551 §4.2).
    pub fn is_sample_based(self) -> bool {
        match self {
            CodecId::Pcmu | CodecId::Pcma => true,
            CodecId::Opus => false,
        }
    }

    /// The channel count in an `rtpmap` attribute. Opus says 2 even when it carries mono
    /// (RFC 7587 §7); the coders are always mono.
    pub fn channels(self) -> u8 {
        match self {
            CodecId::Pcmu | CodecId::Pcma => 1,
            CodecId::Opus => 2,
        }
    }

    /// The payload number fixed by RFC 3551 §6, `None` for a dynamic one.
    pub fn static_payload_type(self) -> Option<PayloadType> {
        match self {
            CodecId::Pcmu => Some(PayloadType::PCMU),
            CodecId::Pcma => Some(PayloadType::PCMA),
            CodecId::Opus => None,
        }
    }

    /// The `fmtp` parameters we offer, without the payload number.
    pub fn fmtp(self) -> Option<&'static str> {
        match self {
            CodecId::Pcmu | CodecId::Pcma => None,
            CodecId::Opus => Some("useinbandfec=1"),
        }
    }

    /// The number of samples in `payload` at [`CodecId::sample_rate`]; `None` when the codec
    /// cannot have made a payload of that length, so the packet is to be refused.
    ///
    /// G.711 packets hold 1 to 60 ms, Opus packets 2.5 to 120 ms (RFC 7587 §4.2).
    pub fn samples_in(self, payload: &[u8]) -> Option<usize> {
        match self {
            CodecId::Pcmu | CodecId::Pcma => g711::samples_in(payload),
            CodecId::Opus => opus::samples_in(payload),
        }
    }

    /// Makes an encoder. Allocates: not for the media thread.
    ///
    /// # Errors
    /// [`CodecError::Unavailable`] when the codec's library refuses.
    pub fn encoder(self) -> Result<Box<dyn Encoder>, CodecError> {
        Ok(match self {
            CodecId::Pcmu => Box::new(G711Encoder::new(&pcmu::TABLES)),
            CodecId::Pcma => Box::new(G711Encoder::new(&pcma::TABLES)),
            CodecId::Opus => Box::new(opus::OpusEncoder::new()?),
        })
    }

    /// Makes a decoder. Allocates: not for the media thread.
    ///
    /// # Errors
    /// [`CodecError::Unavailable`] when the codec's library refuses.
    pub fn decoder(self) -> Result<Box<dyn Decoder>, CodecError> {
        Ok(match self {
            CodecId::Pcmu => Box::new(G711Decoder::new(&pcmu::TABLES)),
            CodecId::Pcma => Box::new(G711Decoder::new(&pcma::TABLES)),
            CodecId::Opus => Box::new(opus::OpusDecoder::new()?),
        })
    }

    /// Position in [`CodecId::ALL`]-sized tables.
    pub(crate) fn index(self) -> usize {
        self as usize
    }
}

/// The most samples one payload can decode to: 120 ms of Opus at 16 kHz.
pub const MAX_PACKET_SAMPLES: usize = 1_920;

/// The most bytes we accept or make in one payload: the largest single Opus frame
/// (RFC 6716 §3.4), far above 60 ms of G.711.
pub const MAX_PAYLOAD_BYTES: usize = 1_275;

/// Why a codec did not do what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CodecError {
    /// A payload length that the codec cannot have made; zero included.
    #[error("a payload of {bytes} bytes is not a whole packet of this codec")]
    PayloadSize {
        /// Length of the refused payload.
        bytes: usize,
    },
    /// The caller's buffer does not hold the packet.
    #[error("the packet holds {needed} samples and the buffer {available}")]
    BufferTooSmall {
        /// Samples in the packet.
        needed: usize,
        /// Samples the buffer holds.
        available: usize,
    },
    /// The length is possible and the content is not.
    #[error("the payload is corrupt")]
    Corrupt,
    /// The codec's library could not make a coder.
    #[error("the codec library cannot make a coder")]
    Unavailable(#[source] audiopus::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_found_by_their_rtpmap() {
        for id in CodecId::ALL {
            let name = id.encoding_name().to_lowercase();
            let found = CodecId::from_format(&name, id.clock_rate().get(), id.channels());
            assert_eq!(found, Some(id));
        }
        assert_eq!(CodecId::from_format("opus", 48_000, 1), None);
        assert_eq!(CodecId::from_format("PCMU", 16_000, 1), None);
        assert_eq!(CodecId::from_format("G729", 8_000, 1), None);
    }

    #[test]
    fn every_codec_has_an_index_of_its_own() {
        let mut indices = CodecId::ALL.map(CodecId::index);
        indices.sort_unstable();
        assert_eq!(indices, [0, 1, 2]);
    }

    #[test]
    fn g711_packets_of_1_to_60_ms_are_taken() {
        let mut out = [0; MAX_PACKET_SAMPLES];
        for id in [CodecId::Pcmu, CodecId::Pcma] {
            let mut decoder = id.decoder().unwrap();
            for (bytes, good) in [
                (0, false),
                (7, false),
                (8, true),
                (160, true),
                (480, true),
                (481, false),
            ] {
                let payload = vec![0x55; bytes];
                assert_eq!(id.samples_in(&payload), good.then_some(bytes));
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
            assert_eq!(id.encoder().unwrap().encode(&[0; 160], &mut [0; 159]), 0);
        }
    }
}
