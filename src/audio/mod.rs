//! PCM away from the network: frames, rates, files, prompts and tones.
//!
//! Sessions and the file thread load and resample prompts; media threads play what is ready.
//! Files are bytes here: shells read and write them. Samples are 16-bit, mono.

mod encodings;
pub mod feed;
pub mod frame;
pub mod live_resample;
pub mod mixer;
pub mod playlist;
pub mod prompt;
pub mod recorder;
pub mod resample;
pub mod silence;
pub mod speakers;
pub mod tone;
pub mod voice;
pub mod wav;

pub use live_resample::LiveResampler;
pub use prompt::{AudioError, EncodedPrompt, Prompt};
pub use tone::{Cadence, Tone, ToneGenerator};
