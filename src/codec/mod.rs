//! Speech codecs: PCM frames to RTP payloads and back.
//!
//! A [`CodecDescription`] is all that SDP, RTP and the media threads need to know of a codec; a
//! [`CodecId`] names one. Some are built in, others are registered when the server starts;
//! [`Codecs`] is the list that a server speaks. Media threads drive the coders of live streams;
//! [`crate::audio::prompt`] encodes prompts ahead of time. A coder allocates when it is made and
//! never again. Nothing here knows of packets, timestamps or calls.
//!
//! ITU-T G.711 (`pcmu`, `pcma`), ITU-T G.722, RFC 3551 (`l16`), RFC 6716 and RFC 7587 (`opus`).

mod codecs;
mod coder;
mod concealment;
mod encoding;
mod g711;
mod g722;
mod l16;
mod opus;
mod parameters;
mod pcma;
mod pcmu;
pub(crate) mod pitch;
mod registry;

pub use codecs::{CodecChoiceError, CodecName, Codecs};
pub(crate) use coder::room_for;
pub use coder::{CodecError, Decoder, Encoder, MAX_PACKET_SAMPLES, MAX_PAYLOAD_BYTES};
pub use encoding::Encoding;
pub use opus::OpusSettings;
pub use registry::{CodecDescription, CodecFactory, CodecId, Packing, Variant};

pub(crate) use concealment::Concealment;
pub(crate) use pcma::alaw_to_linear;
pub(crate) use pcmu::ulaw_to_linear;
