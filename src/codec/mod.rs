//! Speech codecs: PCM frames to RTP payloads and back.
//!
//! [`CodecId`] is the registry: it names every codec, says what SDP and RTP need to know of it and
//! makes its [`Encoder`] and [`Decoder`]. Media threads drive the coders of live streams;
//! [`crate::audio::prompt`] encodes prompts ahead of time. A coder allocates when it is made and
//! never again. Nothing here knows of packets, timestamps or calls.
//!
//! ITU-T G.711 (`pcmu`, `pcma`), RFC 6716 and RFC 7587 (`opus`).

mod concealment;
mod g711;
mod opus;
mod pcma;
mod pcmu;
mod registry;

pub use opus::OPUS_FRAME_SAMPLES;
pub use registry::{CodecError, CodecId, Decoder, Encoder, MAX_PACKET_SAMPLES, MAX_PAYLOAD_BYTES};

pub(crate) use pcma::alaw_to_linear;
pub(crate) use pcmu::ulaw_to_linear;
