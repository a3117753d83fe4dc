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
    /// Made when the first packet is recorded.
    sent: Option<Box<SentSide>>,
    /// Made when the first frame of a room is recorded.
    mixed: Option<Box<MixedSide>>,
}

/// What the peer is sent, at the rate of the recording.
struct SentSide {
    encoding: Encoding,
    decoder: Box<dyn Decoder>,
    /// Of the recording.
    rate: u32,
    /// To that rate, if the codec has another one.
    resampler: Option<LiveResampler>,
    pcm: [i16; MAX_FRAME_SAMPLES],
}

impl Recording {
    pub(super) fn new(sink: Box<RecorderSink>) -> Self {
        Self {
            sink,
            paused: false,
            sent: None,
            mixed: None,
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
        if self.paused {
            return;
        }
        let rate = self.sample_rate();
        let frames = samples_in(packet_time, rate) as usize;
        let has_sent = self.sink.plan().sides.has_sent();
        if let (true, Some((encoding, _))) = (has_sent, sent)
            && self
                .sent
                .as_ref()
                .is_none_or(|side| side.encoding != encoding)
        {
            self.sent = SentSide::new(encoding, rate).map(Box::new);
        }
        let sent = match &mut self.sent {
            Some(side) => side.decode(frames, sent.map(|(_, payload)| payload)),
            None => None,
        };
        self.sink.write(frames, heard, sent);
    }

    /// The same for a member of a room: `sent` is what it heard, and at which rate.
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
        let sent = match sent {
            Some((from, pcm)) if from == rate => Some(pcm),
            Some((from, pcm)) => {
                if self.mixed.as_ref().is_none_or(|side| side.rate != from) {
                    self.mixed = MixedSide::new(from, rate).map(Box::new);
                }
                let side = self.mixed.as_mut();
                side.map(|side| side.convert(pcm, frames))
            }
            None => None,
        };
        self.sink.write(frames, heard, sent);
    }
}

/// What a member of a room hears, at another rate than that of the recording.
struct MixedSide {
    /// Of the room's sound.
    rate: u32,
    resampler: LiveResampler,
    pcm: [i16; MAX_FRAME_SAMPLES],
}

impl MixedSide {
    fn new(from: u32, to: u32) -> Option<Self> {
        Some(Self {
            rate: from,
            resampler: LiveResampler::new(from, to).ok()?,
            pcm: [0; MAX_FRAME_SAMPLES],
        })
    }

    fn convert(&mut self, pcm: &[i16], frames: usize) -> &[i16] {
        let made = self.resampler.process(pcm, &mut self.pcm);
        &self.pcm[..made.min(frames)]
    }
}

impl SentSide {
    /// `None` if the codec cannot be had, or has a rate that calls do not have.
    fn new(encoding: Encoding, rate: u32) -> Option<Self> {
        let codec = encoding.codec;
        let resampler = match codec.sample_rate() {
            from if from == rate => None,
            from => Some(LiveResampler::new(from, rate).ok()?),
        };
        Some(Self {
            encoding,
            decoder: codec.decoder(encoding.variant).ok()?,
            rate,
            resampler,
            pcm: [0; MAX_FRAME_SAMPLES],
        })
    }

    /// One packet time of `frames` samples; `None` if nothing was sent in it.
    fn decode(&mut self, frames: usize, payload: Option<&[u8]>) -> Option<&[i16]> {
        let mut decoded = [0; MAX_FRAME_SAMPLES];
        let samples = match payload {
            // What we have encoded can be decoded; else it is as good as nothing.
            Some(payload) => self.decoder.decode(payload, &mut decoded).unwrap_or(0),
            None if self.resampler.is_none() => return None,
            // The last sound leaves the resampler.
            None => frames * self.encoding.codec.sample_rate() as usize / self.rate as usize,
        };
        let samples = samples.min(decoded.len());
        let made = match &mut self.resampler {
            Some(resampler) => resampler.process(&decoded[..samples], &mut self.pcm),
            None => {
                let samples = samples.min(self.pcm.len());
                self.pcm[..samples].copy_from_slice(&decoded[..samples]);
                samples
            }
        };
        Some(&self.pcm[..made.min(frames)])
    }
}
