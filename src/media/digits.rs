//! CORE. Keys as tones in the audio of a stream: heard, and sent.
//!
//! Either half costs nothing until it is needed: a detector is made when tones are wanted and the
//! peer is heard, a sender when the first key is to be sent.

use std::time::Duration;

use crate::audio::{DtmfDetector, DtmfSender};
use crate::rtp::{Digit, DigitPress};

/// Listens for tones.
#[derive(Default)]
pub(super) struct ToneEar {
    wanted: bool,
    detector: Option<Box<DtmfDetector>>,
    /// How long nothing has come.
    gap: Duration,
}

impl ToneEar {
    /// Whether keys are to be heard in the audio.
    pub(super) fn set_wanted(&mut self, wanted: bool) {
        self.wanted = wanted;
    }

    pub(super) fn is_wanted(&self) -> bool {
        self.wanted
    }

    /// Begins to listen at so many samples a second, anew after a change, or ceases to.
    pub(super) fn settle(&mut self, sample_rate: Option<u32>) {
        let listening_at = self.detector.as_deref().map(DtmfDetector::sample_rate);
        if listening_at != sample_rate {
            self.detector = sample_rate.map(|rate| Box::new(DtmfDetector::new(rate)));
        }
    }

    /// Takes the next frame, of this length, and tells `report` of each key that ended in it.
    /// `came` says whether the peer said any of it; a packet that is late does not end a key.
    pub(super) fn hear(
        &mut self,
        frame: &[i16],
        length: Duration,
        came: bool,
        report: impl FnMut(DigitPress),
    ) {
        let Some(detector) = &mut self.detector else {
            return;
        };
        self.gap = if came {
            Duration::ZERO
        } else {
            self.gap.saturating_add(length)
        };
        if came || self.gap > BRIDGED {
            detector.hear(frame, report);
        }
    }
}

/// Sends keys as tones.
#[derive(Default)]
pub(super) struct ToneMouth(Option<Box<DtmfSender>>);

impl ToneMouth {
    /// Queues a key for audio of so many samples a second.
    pub(super) fn queue(&mut self, digit: Digit, duration: Duration, sample_rate: u32) {
        let tones = self.0.take_if(|tones| tones.sample_rate() == sample_rate);
        let tones = self
            .0
            .insert(tones.unwrap_or_else(|| Box::new(DtmfSender::new(sample_rate))));
        tones.queue(digit, duration);
    }

    pub(super) fn is_idle(&self) -> bool {
        self.0.as_ref().is_none_or(|tones| tones.is_idle())
    }

    /// Fills `pcm`, whose rate is that of the audio, with keys; false if none are to be sent.
    pub(super) fn fill(&mut self, pcm: &mut [i16], sample_rate: u32) -> bool {
        let tones = self.0.as_mut().filter(|tones| !tones.is_idle());
        // What was queued for another codec is not worth being sent at another pitch.
        let Some(tones) = tones.filter(|tones| tones.sample_rate() == sample_rate) else {
            self.0 = None;
            return false;
        };
        tones.fill(pcm);
        true
    }
}

/// What is missing for so long is taken to come yet; what is missing for longer is silence.
const BRIDGED: Duration = Duration::from_millis(60);
