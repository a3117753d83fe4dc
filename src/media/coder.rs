//! CORE. From playlist items and samples to payload bytes of the codec a stream sends.

use std::sync::LazyLock;
use std::time::Duration;

use super::command::StreamParameters;
use crate::audio::frame::MAX_FRAME_SAMPLES;
use crate::audio::playlist::{Playlist, PlaylistItem};
use crate::audio::streamed::StreamedSound;
use crate::audio::{EncodedPrompt, LiveResampler, Prompt, Tone, ToneGenerator};
use crate::codec::{CodecId, Encoder, Encoding, Packing, Variant};
use crate::rtp::PayloadType;

/// How audio is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Format {
    pub(super) payload_type: PayloadType,
    pub(super) encoding: Encoding,
    pub(super) packet_time: Duration,
    /// Samples of one packet at the codec's sample rate.
    pub(super) packet_samples: usize,
    /// Where packets can be cut; `None` if each is encoded as a whole.
    unit: Option<Unit>,
}

/// See [`Packing::Samples`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Unit {
    samples: usize,
    bytes: usize,
}

impl Format {
    pub(super) fn new(parameters: &StreamParameters) -> Self {
        let send = parameters.send_format;
        let (encoding, packet_time) =
            Encoding::with_packet_time(send.codec, send.variant, parameters.ptime);
        let unit = match send.codec.packing(send.variant) {
            Packing::Samples { samples, bytes } => Some(Unit { samples, bytes }),
            Packing::Frames { .. } => None,
        };
        // Made here for the first stream of the process, so that a tick finds it ready.
        let _ = SILENCE.encoded(encoding);
        Self {
            payload_type: send.payload_type,
            encoding,
            packet_time,
            packet_samples: samples_in(packet_time, send.codec.sample_rate()),
            unit,
        }
    }

    pub(super) fn codec(&self) -> CodecId {
        self.encoding.codec
    }

    pub(super) fn unit(&self) -> Option<Unit> {
        self.unit
    }

    /// Samples of one packet.
    pub(super) fn packet_samples(&self) -> usize {
        self.packet_samples
    }

    /// The playing time of `samples` samples.
    pub(super) fn duration(&self, samples: usize) -> Duration {
        Duration::from_nanos(samples as u64 * 1_000_000_000 / u64::from(self.codec().sample_rate()))
    }

    /// `span` in samples, rounded to the nearest: adding up stretches never drifts.
    pub(super) fn samples(&self, span: Duration) -> usize {
        samples_in(span, self.codec().sample_rate())
    }

    /// `span` in bytes, rounded to the nearest unit.
    pub(super) fn bytes(&self, unit: Unit, span: Duration) -> usize {
        (self.samples(span) + unit.samples / 2) / unit.samples * unit.bytes
    }
}

/// Turns stretches of playlist items into payload bytes.
#[derive(Default)]
pub(super) struct Coder {
    /// Made when something must be encoded while it is sent, and kept from then on: the peer's
    /// decoder follows it.
    encoder: Option<(CodecId, Variant, Box<dyn Encoder>)>,
    /// What the peer last asked of an encoder of that codec.
    request: Option<(CodecId, u32)>,
    tone: Option<PlayingTone>,
    /// For a sound of another rate than the codec's, as after a change of codec.
    resampler: Option<(u32, u32, LiveResampler)>,
    /// A streamed sound had not enough samples.
    starved: bool,
    /// See [`Coder::set_paused`].
    paused: bool,
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
    /// Fills `out`, whole units of a sample-based codec, with `item` from `position` on; silence
    /// behind its end.
    pub(super) fn fill(
        &mut self,
        format: &Format,
        unit: Unit,
        item: &mut PlaylistItem,
        position: Duration,
        out: &mut [u8],
    ) {
        let Some(encoded) = encoding_of(format.encoding, item) else {
            let mut pcm = [0; MAX_FRAME_SAMPLES];
            let pcm = &mut pcm[..out.len() / unit.bytes * unit.samples];
            self.render(format, item, position, pcm);
            self.encode(format.encoding, pcm, out);
            return;
        };
        let bytes = match item {
            PlaylistItem::Silence(_) => None,
            _ => encoded.sample_bytes(),
        };
        let bytes = bytes
            .and_then(|bytes| bytes.get(format.bytes(unit, position)..))
            .unwrap_or_default();
        let ready = bytes.len().min(out.len());
        out[..ready].copy_from_slice(&bytes[..ready]);
        self.fill_silence(format, unit, &mut out[ready..]);
    }

    /// Fills `out`, at most one packet, with the silence of a sample-based codec.
    pub(super) fn fill_silence(&mut self, format: &Format, unit: Unit, out: &mut [u8]) {
        if out.is_empty() {
            return;
        }
        let silence = SILENCE.ready(format.encoding);
        let bytes = silence.and_then(EncodedPrompt::sample_bytes);
        let settled = bytes.and_then(|bytes| bytes.rchunks(out.len()).next());
        match settled.filter(|settled| settled.len() == out.len()) {
            Some(settled) => out.copy_from_slice(settled),
            None => {
                let pcm = &[0; MAX_FRAME_SAMPLES][..out.len() / unit.bytes * unit.samples];
                self.encode(format.encoding, pcm, out);
            }
        }
    }

    /// Passes on what the peer asks of an encoder of `codec`, now or when there is one.
    pub(super) fn follow(&mut self, codec: CodecId, request: u32) {
        if self.request.replace((codec, request)) == Some((codec, request)) {
            return;
        }
        if let Some((made_for, _, encoder)) = &mut self.encoder
            && *made_for == codec
        {
            encoder.request(request);
        }
    }

    /// While paused nothing is encoded: what comes next is not sent, so the peer's decoder would not
    /// follow the encoder.
    pub(super) fn set_paused(&mut self, paused: bool) {
        self.paused = paused;
    }

    /// Encodes samples of one packet; zero if that cannot be done.
    pub(super) fn encode(&mut self, encoding: Encoding, pcm: &[i16], out: &mut [u8]) -> usize {
        if self.paused || pcm.is_empty() {
            return 0;
        }
        let Encoding { codec, variant, .. } = encoding;
        let made_for = |made: &(CodecId, Variant, _)| (made.0, made.1) == (codec, variant);
        if !self.encoder.as_ref().is_some_and(made_for) {
            let made = codec.encoder(variant).ok().map(|mut encoder| {
                if let Some((_, request)) = self.request.filter(|(known, _)| *known == codec) {
                    encoder.request(request);
                }
                (codec, variant, encoder)
            });
            self.encoder = made;
        }
        self.encoder
            .as_mut()
            .map_or(0, |(_, _, encoder)| encoder.encode(pcm, out))
    }

    /// The samples of `item` from `position` on, at the codec's rate; silence behind its end.
    pub(super) fn render(
        &mut self,
        format: &Format,
        item: &mut PlaylistItem,
        position: Duration,
        out: &mut [i16],
    ) {
        let rate = format.codec().sample_rate();
        match item {
            PlaylistItem::Prompt { prompt, looped } => {
                self.prompt(prompt, *looped, rate, format.samples(position), out);
            }
            PlaylistItem::Stream(sound) => self.stream(sound, rate, position, out),
            PlaylistItem::Tone { tone, .. } => {
                self.sound(**tone, rate, format.samples(position), out)
            }
            PlaylistItem::Silence(_) | PlaylistItem::Separator(_) | PlaylistItem::Room(_) => {
                out.fill(0);
            }
        }
    }

    /// Whether a streamed sound had too few samples since this was last asked.
    pub(super) fn take_starved(&mut self) -> bool {
        std::mem::take(&mut self.starved)
    }

    /// The samples of a prompt from number `start` on, at `rate`.
    fn prompt(&mut self, prompt: &Prompt, looped: bool, rate: u32, start: usize, out: &mut [i16]) {
        let (pcm, from) = (prompt.pcm(), prompt.sample_rate());
        if from == rate {
            let rest = pcm.get(start..).unwrap_or_default();
            let (ready, silence) = out.split_at_mut(rest.len().min(out.len()));
            ready.copy_from_slice(&rest[..ready.len()]);
            silence.fill(0);
        } else if let Some(resampler) = self.resampler(from, rate) {
            resampler.excerpt(pcm, looped, start, out);
        } else {
            out.fill(0);
        }
    }

    /// Made when the rates are others than before.
    fn resampler(&mut self, from: u32, to: u32) -> Option<&mut LiveResampler> {
        let made_for = |made: &(u32, u32, _)| (made.0, made.1) == (from, to);
        if !self.resampler.as_ref().is_some_and(made_for) {
            let made = LiveResampler::new(from, to);
            self.resampler = made.ok().map(|resampler| (from, to, resampler));
        }
        self.resampler.as_mut().map(|(_, _, resampler)| resampler)
    }

    /// The next samples of a streamed sound, and silence where none have come.
    fn stream(
        &mut self,
        sound: &mut StreamedSound,
        rate: u32,
        position: Duration,
        out: &mut [i16],
    ) {
        let from = sound.sample_rate();
        if from == rate {
            let count = sound.read(out);
            self.starved |= count < out.len() && sound.left().is_none();
            out[count..].fill(0);
            return;
        }
        // As many as the same time takes at its own rate.
        let length = Duration::from_nanos(out.len() as u64 * 1_000_000_000 / u64::from(rate));
        let wanted = samples_in(position + length, from) - samples_in(position, from);
        let mut pcm = [0; MAX_FRAME_SAMPLES];
        let pcm = &mut pcm[..wanted.min(MAX_FRAME_SAMPLES)];
        let count = sound.read(pcm);
        self.starved |= count < pcm.len() && sound.left().is_none();
        let resampler = self.resampler(from, rate);
        let made = resampler.map_or(0, |resampler| resampler.process(pcm, out));
        out[made..].fill(0);
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

/// Writes the next packet of what plays, if that is encoded already, and returns its length; `None`
/// if it has to be encoded now.
pub(super) fn ready_packet(format: &Format, playlist: &Playlist, out: &mut [u8]) -> Option<usize> {
    let (item, position, left) = playlist.front()?;
    let index = match item {
        // Less of it shares the packet with what follows.
        PlaylistItem::Silence(_) if left.is_none_or(|left| left >= format.packet_time) => {
            SETTLED_SILENCE
        }
        // A round that ends inside of a packet is followed by the next one there. All is encoded
        // now then: going back to ready packets every few rounds would be heard.
        PlaylistItem::Prompt { prompt, looped }
            if !looped || packet_index(format, prompt.duration()).is_some() =>
        {
            packet_index(format, position)?
        }
        _ => return None,
    };
    let encoded = encoding_of(format.encoding, item)?;
    let payload = encoded
        .payload(index, format.packet_samples)
        .unwrap_or_default();
    out[..payload.len()].copy_from_slice(payload);
    Some(payload.len())
}

/// Whether what plays next is to start a packet, so that its ready packets can be sent.
pub(super) fn starts_packet(format: &Format, playlist: &Playlist) -> bool {
    let Some((item, position, _)) = playlist.front() else {
        return false;
    };
    matches!(item, PlaylistItem::Prompt { looped: false, .. })
        && packet_index(format, position).is_some()
        && encoding_of(format.encoding, item).is_some()
}

/// Which packet of a prompt begins at `position`; after a change of packet time none may.
fn packet_index(format: &Format, position: Duration) -> Option<usize> {
    let start = format.samples(position);
    start
        .is_multiple_of(format.packet_samples)
        .then(|| start / format.packet_samples)
}

/// The ready payloads of `item`, if it has any.
fn encoding_of(encoding: Encoding, item: &PlaylistItem) -> Option<&EncodedPrompt> {
    match item {
        PlaylistItem::Prompt { prompt, .. } => prompt.ready(encoding),
        PlaylistItem::Silence(_) if encoding.codec.pauses(encoding.variant) => None,
        PlaylistItem::Silence(_) => SILENCE.ready(encoding),
        PlaylistItem::Stream(_)
        | PlaylistItem::Tone { .. }
        | PlaylistItem::Separator(_)
        | PlaylistItem::Room(_) => None,
    }
}

/// Writes a silent packet of a codec that joins payloads to `out` and returns its length.
pub(super) fn silent_packet(format: &Format, out: &mut [u8]) -> usize {
    let silence = SILENCE.ready(format.encoding);
    let payload = silence
        .and_then(|silence| silence.payload(SETTLED_SILENCE, format.packet_samples))
        .unwrap_or_default();
    out[..payload.len()].copy_from_slice(payload);
    payload.len()
}

/// `span` in samples, rounded to the nearest: adding up stretches never drifts.
fn samples_in(span: Duration, rate: u32) -> usize {
    let part = (u64::from(span.subsec_nanos()) * u64::from(rate) + 500_000_000) / 1_000_000_000;
    (span.as_secs() * u64::from(rate) + part) as usize
}

/// Three times the longest packet time of silence, encoded once for the whole process.
static SILENCE: LazyLock<Prompt> = LazyLock::new(|| Prompt::from_pcm(vec![0; 3 * 480], 8_000));

/// The packet of [`SILENCE`] that is repeated: the first ones carry an encoder's start.
const SETTLED_SILENCE: usize = 2;
