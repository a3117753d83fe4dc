//! What a coder does, and the sizes that all of them keep to.

use thiserror::Error;

/// Turns PCM into payloads. One encoder serves one stream, in order.
pub trait Encoder: Send {
    /// Encodes one packet of mono PCM at [`CodecId::sample_rate`](super::CodecId::sample_rate) into
    /// `out` and returns the number of bytes written.
    ///
    /// `pcm` holds one packet's time, as the codec's [`Packing`](super::Packing) allows it. Zero is
    /// returned, and nothing should be sent, when `out` is too small, the codec cannot encode that
    /// length, or it chose to send nothing (discontinuous transmission).
    ///
    /// Media thread; does not allocate.
    fn encode(&mut self, pcm: &[i16], out: &mut [u8]) -> usize;

    /// Takes what the peer asks for in its payloads, see
    /// [`CodecFactory::request_in`](super::CodecFactory::request_in). Media thread; does not
    /// allocate.
    fn request(&mut self, request: u32) {
        let _ = request;
    }
}

/// Turns payloads into PCM. One decoder serves one stream, in playout order.
pub trait Decoder: Send {
    /// Decodes one payload into `out`, mono at
    /// [`CodecId::sample_rate`](super::CodecId::sample_rate), and returns the number of samples
    /// written. An `out` of [`MAX_PACKET_SAMPLES`] is always large enough.
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

    /// Whether `payload` holds a copy of the packet before it, which [`Decoder::recover`] would
    /// find. It may be any bytes of the network.
    ///
    /// Media thread; does not allocate.
    fn holds_copy(&self, payload: &[u8]) -> bool {
        let _ = payload;
        false
    }
}

/// The part of `out` that the samples of `payload` fill; the codec says how many those are, if it can have
/// made the payload.
pub(crate) fn room_for<'a>(
    payload: &[u8],
    samples: Option<usize>,
    out: &'a mut [i16],
) -> Result<&'a mut [i16], CodecError> {
    let bytes = payload.len();
    let needed = samples.ok_or(CodecError::PayloadSize { bytes })?;
    let available = out.len();
    out.get_mut(..needed)
        .ok_or(CodecError::BufferTooSmall { needed, available })
}

/// The most samples one payload can decode to: 120 ms at 48 kHz, the longest Opus packet.
pub const MAX_PACKET_SAMPLES: usize = 5_760;

/// The most bytes in one payload: what an Ethernet frame leaves room for behind IPv6, UDP and RTP
/// headers, and an authentication tag.
pub const MAX_PAYLOAD_BYTES: usize = 1_400;

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
    #[error("the codec library cannot make a coder (its error {code})")]
    Unavailable {
        /// As the library counts its errors; 0 if it does not.
        code: i32,
    },
}
