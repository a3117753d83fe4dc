//! CORE. From playlist items and samples to payload bytes of the codec a stream sends.

use std::sync::LazyLock;
use std::time::Duration;

use super::command::StreamParameters;
use super::schedule::FRAME;
use crate::audio::frame::MAX_FRAME_SAMPLES;
use crate::audio::playlist::PlaylistItem;
use crate::audio::{EncodedPrompt, Prompt, Tone, ToneGenerator};
use crate::codec::{CodecId, Encoder};
use crate::rtp::PayloadType;

/// How audio is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Format {
    pub(super) payload_type: PayloadType,
    pub(super) codec: CodecId,
    pub(super) packet_time: Duration,
    /// Samples of one packet at the codec's sample rate.
    pub(super) packet_samples: usize,
}

impl Format {
    /// A packet time that does not fit the frame clock, or the codec, becomes 20 ms.
    pub(super) fn new(parameters: &StreamParameters) -> Self {
        let (payload_type, codec) = parameters.send_format;
        let packet_time = if codec.is_sample_based() && PACKET_TIMES.contains(&parameters.ptime) {
            parameters.ptime
        } else {
            FRAME
        };
        let packet_samples = samples_in(packet_time, codec.sample_rate());
        // Encoded here for the first stream of the process, so that a tick finds it ready.
        let _ = SILENCE.encoded(codec);
        Self {
            payload_type,
            codec,
            packet_time,
            packet_samples,
        }
    }

    /// `span` in samples, rounded to the nearest: adding up stretches never drifts.
    pub(super) fn samples(&self, span: Duration) -> usize {
        samples_in(span, self.codec.sample_rate())
    }
}

/// The packet times that fit the frame clock.
const PACKET_TIMES: [Duration; 5] = [
    Duration::from_millis(10),
    Duration::from_millis(20),
    Duration::from_millis(30),
    Duration::from_millis(40),
    Duration::from_millis(60),
];

/// Turns stretches of playlist items into payload bytes.
#[derive(Default)]
pub(super) struct Coder {
    /// Made when something must be encoded while it is sent.
    encoder: Option<(CodecId, Box<dyn Encoder>)>,
    tone: Option<PlayingTone>,
}

/// A tone in the middle of its waves.
struct PlayingTone {
    tone: Tone,
    sample_rate: u32,
    generator: ToneGenerator,
    /// Samples made so far.
    made: usize,
}

impl Coder {
    /// Fills `out`, one byte a sample, with `item` from `position` on; silence behind its end.
    pub(super) fn fill(
        &mut self,
        format: &Format,
        item: &PlaylistItem,
        position: Duration,
        out: &mut [u8],
    ) {
        let Some(encoded) = encoding_of(format.codec, item) else {
            let mut pcm = [0; MAX_FRAME_SAMPLES];
            let pcm = &mut pcm[..out.len()];
            self.render(format, item, position, pcm);
            self.encode(format.codec, pcm, out);
            return;
        };
        let start = format.samples(position);
        let bytes = encoded
            .sample_bytes()
            .and_then(|bytes| bytes.get(start..))
            .unwrap_or_default();
        let ready = bytes.len().min(out.len());
        out[..ready].copy_from_slice(&bytes[..ready]);
        fill_silence(format.codec, &mut out[ready..]);
    }

    /// Writes the packet of `item` at `position` and returns its length. An item that has only
    /// `length` left is filled up with silence.
    pub(super) fn frame(
        &mut self,
        format: &Format,
        item: &PlaylistItem,
        position: Duration,
        length: Duration,
        out: &mut [u8],
    ) -> usize {
        let Some(encoded) = encoding_of(format.codec, item) else {
            let mut pcm = [0; MAX_FRAME_SAMPLES];
            let pcm = &mut pcm[..format.packet_samples];
            let audible = format.samples(length).min(pcm.len());
            self.render(format, item, position, &mut pcm[..audible]);
            return self.encode(format.codec, pcm, out);
        };
        let index = match item {
            PlaylistItem::Silence(_) => SETTLED_SILENCE,
            _ => format.samples(position) / format.packet_samples,
        };
        let payload = encoded
            .payload(index, format.packet_samples)
            .unwrap_or_default();
        out[..payload.len()].copy_from_slice(payload);
        payload.len()
    }

    /// Encodes samples of one packet; zero if that cannot be done.
    pub(super) fn encode(&mut self, codec: CodecId, pcm: &[i16], out: &mut [u8]) -> usize {
        if self
            .encoder
            .as_ref()
            .is_none_or(|(made_for, _)| *made_for != codec)
        {
            self.encoder = codec.encoder().ok().map(|encoder| (codec, encoder));
        }
        self.encoder
            .as_mut()
            .map_or(0, |(_, encoder)| encoder.encode(pcm, out))
    }

    /// The samples of `item` from `position` on, at the codec's rate.
    fn render(
        &mut self,
        format: &Format,
        item: &PlaylistItem,
        position: Duration,
        out: &mut [i16],
    ) {
        let rate = format.codec.sample_rate();
        match item {
            PlaylistItem::Prompt { prompt, .. } => resampled(prompt, position, rate, out),
            PlaylistItem::Tone { tone, .. } => {
                self.sound(*tone, rate, format.samples(position), out)
            }
            PlaylistItem::Silence(_) | PlaylistItem::Separator(_) => out.fill(0),
        }
    }

    /// Goes on with a tone, or begins it anew after something else was played.
    fn sound(&mut self, tone: Tone, sample_rate: u32, position: usize, out: &mut [i16]) {
        let goes_on = |playing: &PlayingTone| {
            playing.tone == tone && playing.sample_rate == sample_rate && playing.made == position
        };
        let playing = match self.tone.take().filter(goes_on) {
            Some(playing) => self.tone.insert(playing),
            None => {
                let generator = ToneGenerator::new(tone, sample_rate);
                self.tone.insert(PlayingTone {
                    tone,
                    sample_rate,
                    generator,
                    made: position,
                })
            }
        };
        playing.generator.fill(out);
        playing.made += out.len();
    }
}

/// The ready payloads of `item`, if it has any.
fn encoding_of(codec: CodecId, item: &PlaylistItem) -> Option<&EncodedPrompt> {
    match item {
        PlaylistItem::Prompt { prompt, .. } => prompt.ready(codec),
        PlaylistItem::Silence(_) => SILENCE.ready(codec),
        PlaylistItem::Tone { .. } | PlaylistItem::Separator(_) => None,
    }
}

/// Fills `out` with the silence of a sample-based codec.
pub(super) fn fill_silence(codec: CodecId, out: &mut [u8]) {
    if let Some(silence) = SILENCE.ready(codec).and_then(EncodedPrompt::sample_bytes)
        && let Some(&byte) = silence.first()
    {
        out.fill(byte);
    }
}

/// Reads a prompt that was not encoded for this codec in time, as after a change of codec in the
/// middle of it. Straight lines between samples are good enough for the rest of one prompt.
fn resampled(prompt: &Prompt, position: Duration, rate: u32, out: &mut [i16]) {
    let step = f64::from(prompt.sample_rate()) / f64::from(rate);
    let start = position.as_secs_f64() * f64::from(prompt.sample_rate());
    let pcm = prompt.pcm();
    let at = |index: usize| pcm.get(index).copied().map_or(0.0, f64::from);
    for (n, out) in out.iter_mut().enumerate() {
        let exact = start + n as f64 * step;
        let (index, part) = (exact as usize, exact.fract());
        *out = (at(index) * (1.0 - part) + at(index + 1) * part) as i16;
    }
}

/// `span` in samples, rounded to the nearest: adding up stretches never drifts.
fn samples_in(span: Duration, rate: u32) -> usize {
    let part = (u64::from(span.subsec_nanos()) * u64::from(rate) + 500_000_000) / 1_000_000_000;
    (span.as_secs() * u64::from(rate) + part) as usize
}

/// 60 ms of silence, the longest packet time, encoded once for the whole process.
static SILENCE: LazyLock<Prompt> = LazyLock::new(|| Prompt::from_pcm(vec![0; 480], 8_000));

/// The 20 ms frame of [`SILENCE`] that is repeated: the first ones carry an encoder's start.
const SETTLED_SILENCE: usize = 2;
