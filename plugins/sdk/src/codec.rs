//! What the author of a codec implements.

use crate::abi;

/// A codec: facts, and how its coders are made.
pub trait Codec: 'static {
    /// Turns PCM into payloads.
    type Encoder: Encoder;
    /// Turns payloads into PCM.
    type Decoder: Decoder;
    /// What RTP and SDP need to know.
    const DESCRIPTION: Description;
    /// Whether payloads may carry wishes for our encoder ([`Codec::request_in`]).
    const REQUESTS: bool = false;

    /// What the `fmtp` parameters of one side mean for the payloads that are sent to it; `None`
    /// when this codec cannot be used so.
    ///
    /// Different texts of one meaning give the same number, and there are few different ones:
    /// sounds are encoded, and kept, once for each. 0 stands for the defaults.
    fn variant(fmtp: &str) -> Option<u64> {
        let _ = fmtp;
        Some(0)
    }

    /// How audio is cut into payloads.
    fn packing(variant: u64) -> Packing;

    /// The `fmtp` parameters that answer an offer with `fmtp`.
    fn answer(fmtp: &str) -> String {
        let _ = fmtp;
        Self::DESCRIPTION.fmtp.to_owned()
    }

    /// The number of samples in `payload`; `None` when this codec cannot have made it.
    ///
    /// Media thread; does not allocate.
    fn samples_in(variant: u64, payload: &[u8]) -> Option<usize>;

    /// What `payload` asks of our encoder, as the codec mode request of RFC 4867 §4.3.1 does.
    ///
    /// Media thread; does not allocate.
    fn request_in(variant: u64, payload: &[u8]) -> Option<u32> {
        let _ = (variant, payload);
        None
    }

    /// Makes an encoder.
    fn encoder(variant: u64) -> Option<Self::Encoder>;

    /// Makes a decoder.
    fn decoder(variant: u64) -> Option<Self::Decoder>;
}

/// Turns PCM into payloads: one stream's, in order.
pub trait Encoder: Send {
    /// Encodes the PCM of one packet into `out` and returns the bytes written; 0 when nothing
    /// needs to be sent.
    ///
    /// Media thread; does not allocate.
    ///
    /// # Errors
    /// [`Failure::Refused`] for a length that is no whole packet, [`Failure::BufferTooSmall`] when
    /// `out` does not hold it, [`Failure::Failed`] when the codec fails.
    fn encode(&mut self, pcm: &[i16], out: &mut [u8]) -> Result<usize, Failure>;

    /// Takes what [`Codec::request_in`] found. Media thread; does not allocate.
    fn request(&mut self, request: u32) {
        let _ = request;
    }
}

/// Turns payloads into PCM: one stream's, in playout order.
pub trait Decoder: Send {
    /// Whether [`Decoder::conceal`] does something. If not, the server repeats the last pitch
    /// period.
    const CONCEALS: bool = false;

    /// Decodes one payload into `out` and returns the samples written.
    ///
    /// Media thread; does not allocate.
    ///
    /// # Errors
    /// [`Failure::Refused`] for a payload that is not this codec's, [`Failure::BufferTooSmall`]
    /// when `out` does not hold it, [`Failure::Failed`] when the codec fails.
    fn decode(&mut self, payload: &[u8], out: &mut [i16]) -> Result<usize, Failure>;

    /// Fills `out` with a guess at a lost packet; calls in a row fade to silence.
    ///
    /// Media thread; does not allocate.
    fn conceal(&mut self, out: &mut [i16]) {
        out.fill(0);
    }
}

/// What RTP and SDP need to know of a codec.
pub struct Description {
    /// The encoding name of `a=rtpmap`.
    pub encoding_name: &'static str,
    /// The rate of the RTP timestamp in hertz.
    pub clock_rate: u32,
    /// Samples a second of the PCM.
    pub sample_rate: u32,
    /// The number fixed by RFC 3551 §6.
    pub static_payload_type: Option<u8>,
    /// The `fmtp` parameters of our offers; empty for none.
    pub fmtp: &'static str,
}

/// How PCM becomes packets (RFC 3551 §4.2, §4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// Payloads can be cut anywhere between units.
    Samples {
        /// Samples of the shortest stretch that fills whole bytes.
        unit_samples: u32,
        /// Its bytes.
        unit_bytes: u32,
    },
    /// Payloads hold whole frames.
    Frames {
        /// Samples of a frame.
        samples: u32,
        /// Bytes of the largest packet with one frame.
        bytes: u32,
        /// Frames that may share a packet; at most 120 ms together.
        max_frames: u32,
    },
}

/// Why a coder did not do what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Not a payload, or not a length, of this codec.
    Refused,
    /// The caller's buffer does not hold the result.
    BufferTooSmall,
    /// The codec itself failed.
    Failed,
}

impl Failure {
    /// The number of the C contract.
    pub const fn code(self) -> i32 {
        match self {
            Failure::Refused => abi::REFUSED,
            Failure::BufferTooSmall => abi::BUFFER_TOO_SMALL,
            Failure::Failed => abi::FAILED,
        }
    }
}
