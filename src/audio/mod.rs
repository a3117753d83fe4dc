//! PCM away from the network: frames, rates, files, prompts and tones.
//!
//! Sessions and the file thread load and resample prompts; media threads play what is ready.
//! Files are bytes here, or a source of bytes: shells open and write them. Samples are 16-bit, mono.

pub mod decode;
pub mod dtmf;
pub mod dtmf_detector;
mod encodings;
pub mod feed;
pub mod frame;
pub mod live_resample;
pub mod mixer;
pub mod noise;
pub mod ogg;
pub mod playlist;
pub mod prompt;
pub mod recorder;
pub mod recording;
pub mod resample;
pub mod silence;
pub mod speakers;
pub mod stream_resample;
pub mod streamed;
pub mod stretch;
pub mod tone;
pub mod voice;

pub use dtmf::DtmfSender;
pub use dtmf_detector::DtmfDetector;
pub use live_resample::LiveResampler;
pub use noise::ComfortNoise;
pub use prompt::{AudioError, EncodedPrompt, Prompt};
pub use tone::{Cadence, Tone, ToneGenerator};
