//! CORE. The decoders of one peer and the samples that they made.
//!
//! [`super::hearing`] says which payload is next, or that one is missing; here it becomes samples
//! of the rate that is wanted, at the end of a queue whose front is the frame that is heard.

use std::time::Duration;

use smallvec::SmallVec;

use super::command::MediaFormat;
use crate::audio::LiveResampler;
use crate::codec::{Decoder, Packing};
use crate::rtp::PayloadType;

/// Decoders, resampler and queue. Media thread; allocates when a codec is heard first, and the queue with
/// the first frame.
pub(super) struct Decoding {
    formats: SmallVec<[Incoming; 2]>,
    /// What a lost packet is taken to have been.
    latest: Option<Latest>,
    /// From the rate of a codec to `sample_rate`.
    resampling: Option<Resampling>,
    sample_rate: u32,
    longest_ms: usize,
    /// Empty before the first frame.
    queue: Box<[i16]>,
    queued: usize,
}

/// A format that may come.
struct Incoming {
    format: MediaFormat,
    /// Made when its first packet comes.
    decoder: Option<Box<dyn Decoder>>,
}

/// The latest packet that was decoded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Latest {
    /// Position in the list of formats.
    pub(super) format: usize,
    /// At the codec's rate.
    samples: usize,
    /// In µs.
    pub(super) micros: i64,
}

struct Resampling {
    from: u32,
    resampler: LiveResampler,
    /// What was decoded and has the rate `from`.
    decoded: Box<[i16]>,
}

impl Decoding {
    /// `formats` are what may come; samples are given out at `sample_rate` hertz.
    pub(super) fn new(formats: &[MediaFormat], sample_rate: u32) -> Self {
        let incoming = |&format| Incoming {
            format,
            decoder: None,
        };
        let longest_ms = formats.iter().map(longest_packet_ms).max().unwrap_or(0);
        Self {
            formats: formats.iter().map(incoming).collect(),
            latest: None,
            resampling: None,
            sample_rate,
            longest_ms,
            queue: Box::default(),
            queued: 0,
        }
    }

    /// The position of the format with this number.
    pub(super) fn find(&self, payload_type: PayloadType) -> Option<(usize, MediaFormat)> {
        let formats = self.formats.iter().map(|incoming| incoming.format);
        formats
            .enumerate()
            .find(|(_, format)| format.payload_type == payload_type)
    }

    pub(super) fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    /// The latest packet, unless none was decoded yet.
    pub(super) fn latest(&self) -> Option<Latest> {
        self.latest
    }

    pub(super) fn queued(&self) -> usize {
        self.queued
    }

    /// All that is queued.
    pub(super) fn samples(&self) -> &[i16] {
        &self.queue[..self.queued]
    }

    /// Lets the first `samples` go.
    pub(super) fn advance(&mut self, samples: usize) {
        if samples < self.queued {
            self.queue.copy_within(samples..self.queued, 0);
        }
        self.queued = self.queued.saturating_sub(samples);
    }

    /// Adds the samples of a payload; how long they last in µs, or `None` if the codec refuses it.
    pub(super) fn decode(&mut self, format: usize, payload: &[u8]) -> Option<i64> {
        let rate = self.formats[format].format.codec.sample_rate();
        let samples = self.produce(format, |decoder, out| decoder.decode(payload, out).ok())?;
        let micros = samples as i64 * 1_000_000 / i64::from(rate);
        self.latest = Some(Latest {
            format,
            samples,
            micros,
        });
        Some(micros)
    }

    /// Adds `micros`, rounded up to 10 ms or a packet, that sound like what was heard last, less and
    /// less; how much it was in µs. Nothing before anything was heard.
    pub(super) fn conceal(&mut self, micros: i64) -> i64 {
        self.replace(micros, None)
    }

    /// The same for one lost packet, of which `next_payload` may hold a copy.
    pub(super) fn recover(&mut self, next_payload: &[u8]) -> i64 {
        let micros = self.latest.map_or(0, |latest| latest.micros);
        self.replace(micros, Some(next_payload))
    }

    /// Whether a payload of this format holds a copy of the packet before it.
    pub(super) fn holds_copy(&self, format: usize, payload: &[u8]) -> bool {
        let decoder = self.formats[format].decoder.as_deref();
        decoder.is_some_and(|decoder| decoder.holds_copy(payload))
    }

    /// Makes the next packet fade in from where the last one ended: something between is left out.
    pub(super) fn fade_in(&mut self) {
        let queued = self.queued;
        self.conceal(1);
        self.queued = queued;
    }

    /// Adds silence until `samples` are queued.
    pub(super) fn pad(&mut self, samples: usize) -> &mut [i16] {
        self.make_queue();
        let from = self.queued.min(samples);
        self.queue[from..samples].fill(0);
        self.queued = self.queued.max(samples);
        &mut self.queue[from..samples]
    }

    /// Everything that is queued and the room behind it, to be made longer or shorter by `change`,
    /// which returns the number of samples that are queued then.
    pub(super) fn stretch(&mut self, change: impl FnOnce(&mut [i16], usize) -> usize) {
        self.queued = change(&mut self.queue, self.queued).min(self.queue.len());
    }

    fn make_queue(&mut self) {
        if self.queue.is_empty() {
            let room_ms = LONGEST_FRAME.as_millis() as usize + self.longest_ms + ROOM_TO_STRETCH_MS;
            self.queue = vec![0; room_ms * self.sample_rate as usize / 1_000].into();
        }
    }

    fn replace(&mut self, micros: i64, next_payload: Option<&[u8]>) -> i64 {
        let Some(latest) = self.latest else {
            return 0;
        };
        let MediaFormat { codec, variant, .. } = self.formats[latest.format].format;
        let rate = codec.sample_rate() as usize;
        // A codec with frames makes up whole packets only.
        let unit = match codec.packing(variant) {
            Packing::Samples { .. } => rate / 100,
            Packing::Frames { .. } => latest.samples,
        };
        let wanted = (micros as usize * rate).div_ceil(1_000_000);
        let wanted = wanted.next_multiple_of(unit.max(1));
        let longest = self.longest_ms * rate / 1_000;
        let samples = self.produce(latest.format, |decoder, out| {
            let out = &mut out[..wanted.min(longest)];
            Some(match next_payload {
                Some(next) => decoder.recover(next, out),
                None => decoder.conceal(out),
            })
        });
        samples.unwrap_or(0) as i64 * 1_000_000 / rate as i64
    }

    /// Has a decoder make samples and adds them; how many it made at its own rate.
    fn produce(
        &mut self,
        format: usize,
        make: impl FnOnce(&mut dyn Decoder, &mut [i16]) -> Option<usize>,
    ) -> Option<usize> {
        self.make_queue();
        let Incoming { format, decoder } = &mut self.formats[format];
        if decoder.is_none() {
            *decoder = format.codec.decoder(format.variant).ok();
        }
        let decoder = decoder.as_deref_mut()?;
        let room = &mut self.queue[self.queued..];
        let rate = format.codec.sample_rate();
        if rate == self.sample_rate {
            let samples = make(decoder, room)?;
            self.queued += samples;
            return Some(samples);
        }
        if self.resampling.as_ref().is_none_or(|now| now.from != rate) {
            self.resampling = Resampling::new(rate, self.sample_rate, self.longest_ms);
        }
        let resampling = self.resampling.as_mut()?;
        let samples = make(decoder, &mut resampling.decoded)?;
        let decoded = &resampling.decoded[..samples];
        self.queued += resampling.resampler.process(decoded, room);
        Some(samples)
    }
}

impl Resampling {
    fn new(from: u32, to: u32, longest_ms: usize) -> Option<Self> {
        Some(Self {
            from,
            resampler: LiveResampler::new(from, to).ok()?,
            decoded: vec![0; longest_ms * from as usize / 1_000].into(),
        })
    }
}

/// The longest packet of a format that a peer may send.
fn longest_packet_ms(format: &MediaFormat) -> usize {
    match format.codec.packing(format.variant) {
        Packing::Samples { .. } => 60,
        Packing::Frames { .. } => 120,
    }
}

/// The longest frame that we send, and so hear at a time.
pub(super) const LONGEST_FRAME: Duration = Duration::from_millis(60);
/// For what is put in: one pitch period.
const ROOM_TO_STRETCH_MS: usize = 20;
