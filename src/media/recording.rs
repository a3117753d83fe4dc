//! CORE. A recording on the stream that it is taken from: both sides of one instant, and pauses.
//!
//! What the peer hears is what was sent to it, so that is what is recorded: the payload is decoded
//! again. It costs a table look-up a sample for G.711, and nothing at all while only the peer is
//! recorded.

use std::time::Duration;

use crate::audio::LiveResampler;
use crate::audio::frame::MAX_FRAME_SAMPLES;
use crate::audio::recorder::{RecorderSink, samples_in};
use crate::codec::{Decoder, Encoding};

pub(super) struct Recording {
    sink: Box<RecorderSink>,
    paused: bool,
    /// Of the packets that are sent; made with the first one that is recorded.
    decoder: Option<(Encoding, Box<dyn Decoder>)>,
    /// Made with the first sound sent of another rate.
    conversion: Option<Box<Conversion>>,
}

impl Recording {
    pub(super) fn new(sink: Box<RecorderSink>) -> Self {
        Self {
            sink,
            paused: false,
            decoder: None,
            conversion: None,
        }
    }

    pub(super) fn set_paused(&mut self, paused: bool) {
        self.paused = paused;
    }

    pub(super) fn is_paused(&self) -> bool {
        self.paused
    }

    /// Whether a limit is reached, or nobody writes it down any more.
    pub(super) fn is_finished(&self) -> bool {
        self.sink.is_finished()
    }

    /// The rate at which it wants to hear the peer.
    pub(super) fn sample_rate(&self) -> u32 {
        self.sink.plan().sample_rate
    }

    /// Takes one packet time of the call. `heard` is what the peer said, `sent` the audio packet that
    /// it was sent; without either, time passes all the same.
    pub(super) fn take(
        &mut self,
        packet_time: Duration,
        heard: Option<&[i16]>,
        sent: Option<(Encoding, &[u8])>,
    ) {
        let wanted = !self.paused && self.sink.plan().sides.has_sent();
        let Some((encoding, payload)) = sent.filter(|_| wanted) else {
            return self.take_frame(packet_time, heard, None);
        };
        let mut decoded = [0; MAX_FRAME_SAMPLES];
        let samples = match self.decoder(encoding) {
            // What we have encoded can be decoded; else it is as good as nothing.
            Some(decoder) => decoder.decode(payload, &mut decoded).unwrap_or(0),
            None => 0,
        };
        let sent = &decoded[..samples.min(MAX_FRAME_SAMPLES)];
        let rate = encoding.codec.sample_rate();
        self.take_frame(packet_time, heard, Some((rate, sent)));
    }

    /// The same where what was sent is at hand as samples, with their rate.
    pub(super) fn take_frame(
        &mut self,
        time: Duration,
        heard: Option<&[i16]>,
        sent: Option<(u32, &[i16])>,
    ) {
        if self.paused {
            return;
        }
        let rate = self.sample_rate();
        let frames = samples_in(time, rate) as usize;
        let sent = sent.filter(|_| self.sink.plan().sides.has_sent());
        if let Some((from, _)) = sent
            && self.conversion.as_ref().is_none_or(|it| it.from != from)
        {
            self.conversion = Conversion::new(from, rate).map(Box::new);
        }
        let sent = match (sent, &mut self.conversion) {
            (Some((from, pcm)), _) if from == rate => Some(&pcm[..pcm.len().min(frames)]),
            (sent, Some(conversion)) => Some(conversion.convert(sent.map(|(_, pcm)| pcm), frames)),
            (_, None) => None,
        };
        self.sink.write(frames, heard, sent);
    }

    /// What decodes `encoding`; `None` if the codec cannot be had.
    fn decoder(&mut self, encoding: Encoding) -> Option<&mut dyn Decoder> {
        if self
            .decoder
            .as_ref()
            .is_none_or(|(known, _)| *known != encoding)
        {
            let made = encoding.codec.decoder(encoding.variant).ok()?;
            self.decoder = Some((encoding, made));
        }
        let (_, decoder) = self.decoder.as_mut()?;
        Some(&mut **decoder)
    }
}

/// From the rate of what was sent to that of the recording.
struct Conversion {
    from: u32,
    to: u32,
    resampler: LiveResampler,
    pcm: [i16; MAX_FRAME_SAMPLES],
}

impl Conversion {
    /// `None` for equal rates, and for one that calls do not have.
    fn new(from: u32, to: u32) -> Option<Self> {
        (from != to).then_some(())?;
        Some(Self {
            from,
            to,
            resampler: LiveResampler::new(from, to).ok()?,
            pcm: [0; MAX_FRAME_SAMPLES],
        })
    }

    /// `frames` samples at most; where nothing was sent, the last sound leaves the resampler.
    fn convert(&mut self, pcm: Option<&[i16]>, frames: usize) -> &[i16] {
        const NOTHING: [i16; MAX_FRAME_SAMPLES] = [0; MAX_FRAME_SAMPLES];
        let silent = frames * self.from as usize / self.to as usize;
        let pcm = pcm.unwrap_or(&NOTHING[..silent.min(MAX_FRAME_SAMPLES)]);
        let made = self.resampler.process(pcm, &mut self.pcm);
        &self.pcm[..made.min(frames)]
    }
}
