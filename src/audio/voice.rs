//! One voice in a mix: what somebody says, in frames of 20 ms, at each sample rate the mix has.
//!
//! Samples come in stretches of any packet time and leave as frames. A speech gate keeps out who
//! says nothing, so that silence costs nothing and the noise of many lines does not add up. A
//! voice that comes or goes, or whose gain changes, does so within 5 ms and not at once. Media
//! thread; a buffer is made with the voice, a resampler with the first frame that needs it.

use smallvec::SmallVec;

use super::LiveResampler;
use super::frame::saturate;
use super::mixer::{FADES_PER_SECOND, frame_samples};

/// The highest gain of a voice: +18 dB.
pub const MAX_GAIN: f32 = 8.0;

/// See the module's documentation.
#[derive(Debug)]
pub struct Voice {
    rate: u32,
    /// Samples that were pushed and are not in a frame yet.
    queue: Vec<i16>,
    /// The queue has been long enough since it last ran dry.
    flowing: bool,
    /// The current frame as it is added to the mix.
    frame: Box<[i16]>,
    converted: SmallVec<[Converted; 1]>,
    /// The gain that the current frame ends with.
    gain: f32,
    level: f32,
    /// Frames for which the gate stays open.
    open: u32,
}

/// The current frame at another rate.
#[derive(Debug)]
struct Converted {
    rate: u32,
    resampler: LiveResampler,
    frame: Box<[i16]>,
}

/// What [`Voice::next_frame`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// Not enough samples have come.
    Nothing,
    /// A frame in which nobody speaks.
    Quiet,
    /// A frame to be heard.
    Speech,
}

impl Voice {
    /// A voice whose samples come at `rate` hertz. Allocates.
    pub fn new(rate: u32) -> Self {
        let samples = frame_samples(rate);
        Self {
            rate,
            queue: Vec::with_capacity(samples * QUEUED_FRAMES),
            flowing: false,
            frame: vec![0; samples].into(),
            converted: SmallVec::new(),
            gain: 0.0,
            level: 0.0,
            open: 0,
        }
    }

    /// In hertz.
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// Adds what was said. Beyond five frames the oldest samples are left out.
    pub fn push(&mut self, pcm: &[i16]) {
        let room = self.queue.capacity();
        let pcm = &pcm[pcm.len().saturating_sub(room)..];
        let excess = (self.queue.len() + pcm.len()).saturating_sub(room);
        self.queue.drain(..excess);
        self.queue.extend_from_slice(pcm);
        // Stretches that are no whole frames need one more half frame in hand than their length.
        let frame = self.frame.len();
        let enough = if pcm.len() > frame && !pcm.len().is_multiple_of(frame) {
            pcm.len() + frame / 2
        } else {
            frame
        };
        self.flowing |= self.queue.len() >= enough;
    }

    /// Goes on by one frame.
    pub fn next_frame(&mut self) -> Taken {
        let samples = self.frame.len();
        if !self.flowing || self.queue.len() < samples {
            self.flowing = false;
            return Taken::Nothing;
        }
        self.frame.copy_from_slice(&self.queue[..samples]);
        self.queue.drain(..samples);
        self.listen()
    }

    /// Makes `pcm` the current frame, silence behind its end.
    pub fn set_frame(&mut self, pcm: &[i16]) {
        let len = pcm.len().min(self.frame.len());
        self.frame[..len].copy_from_slice(&pcm[..len]);
        self.frame[len..].fill(0);
        self.gain = 1.0;
    }

    /// Brings the current frame to the gain `to`, 0 to keep it out. False: it adds nothing.
    pub fn apply_gain(&mut self, to: f32) -> bool {
        let from = std::mem::replace(&mut self.gain, to);
        if from == 0.0 && to == 0.0 {
            return false;
        }
        if from != to {
            let (head, rest) = self
                .frame
                .split_at_mut((self.rate / FADES_PER_SECOND) as usize);
            let step = (to - from) / head.len() as f32;
            for (sample, n) in head.iter_mut().zip(1u16..) {
                *sample = saturate(f32::from(*sample) * (from + step * f32::from(n)));
            }
            scale(rest, to);
        } else {
            scale(&mut self.frame, to);
        }
        true
    }

    /// Makes the current frame ready for a mix at `rate` hertz.
    pub fn convert(&mut self, rate: u32) {
        if rate == self.rate {
            return;
        }
        let known = self.converted.iter().position(|other| other.rate == rate);
        let at = match known {
            Some(at) => at,
            None => {
                // Rates of codecs and mixes are all supported; another would be silent.
                let Ok(resampler) = LiveResampler::new(self.rate, rate) else {
                    return;
                };
                self.converted.push(Converted {
                    rate,
                    resampler,
                    frame: vec![0; frame_samples(rate)].into(),
                });
                self.converted.len() - 1
            }
        };
        let Converted {
            resampler, frame, ..
        } = &mut self.converted[at];
        resampler.process(&self.frame, frame);
    }

    /// The current frame at `rate` hertz, once it was [converted](Voice::convert).
    pub fn at(&self, rate: u32) -> &[i16] {
        if rate == self.rate {
            return &self.frame;
        }
        let known = self.converted.iter().find(|other| other.rate == rate);
        known.map_or(&[], |converted| &converted.frame)
    }

    /// Whether the last frame was in the mix to its end.
    pub fn is_sounding(&self) -> bool {
        self.gain > 0.0
    }

    /// Ends it: the next frame begins from nothing.
    pub fn stop(&mut self) {
        self.gain = 0.0;
    }

    /// The mean amplitude of the last frames.
    pub fn level(&self) -> f32 {
        self.level
    }

    /// Lets the level fall as long as nothing comes.
    pub fn decay(&mut self) {
        self.level -= self.level * RELEASE;
    }

    fn listen(&mut self) -> Taken {
        let sum: u32 = self
            .frame
            .iter()
            .map(|sample| u32::from(sample.unsigned_abs()))
            .sum();
        let mean = sum as f32 / self.frame.len() as f32;
        let speed = if mean > self.level { ATTACK } else { RELEASE };
        self.level += (mean - self.level) * speed;
        self.open = if mean >= SPEECH {
            HANGOVER
        } else {
            self.open.saturating_sub(1)
        };
        if self.open > 0 {
            Taken::Speech
        } else {
            Taken::Quiet
        }
    }
}

fn scale(pcm: &mut [i16], gain: f32) {
    if gain != 1.0 {
        for sample in pcm {
            *sample = saturate(f32::from(*sample) * gain);
        }
    }
}

/// What a voice keeps at most: 100 ms.
const QUEUED_FRAMES: usize = 5;
/// Mean amplitude that opens the gate, about -58 dBFS: above the noise of a quiet line, below a
/// whisper. Picked by feel.
const SPEECH: f32 = 40.0;
/// Frames for which the gate stays open after speech: 400 ms, longer than the pauses between words.
const HANGOVER: u32 = 20;
/// How fast the level follows speech, and how fast it falls, a frame.
const ATTACK: f32 = 0.3;
const RELEASE: f32 = 0.08;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::{level_at, sine};

    #[test]
    fn a_voice_passes_unchanged_after_its_first_milliseconds() {
        let pcm = sine(400.0, 8_000.0, 8_000, 320);
        let mut voice = Voice::new(8_000);
        voice.push(&pcm);
        assert_eq!(voice.next_frame(), Taken::Speech);
        assert!(voice.apply_gain(1.0));
        assert_eq!(voice.at(8_000)[40..], pcm[40..160]);
        assert_eq!(voice.next_frame(), Taken::Speech);
        assert!(voice.apply_gain(1.0));
        assert_eq!(*voice.at(8_000), pcm[160..]);
        assert_eq!(voice.next_frame(), Taken::Nothing);
    }

    #[test]
    fn the_gate_closes_after_the_hangover_only() {
        let mut voice = Voice::new(8_000);
        let mut heard = |pcm: &[i16]| {
            voice.push(pcm);
            voice.next_frame()
        };
        assert_eq!(heard(&[8; 160]), Taken::Quiet);
        assert_eq!(heard(&[900; 160]), Taken::Speech);
        let open = (0..50)
            .filter(|_| heard(&[8; 160]) == Taken::Speech)
            .count();
        assert_eq!(open, HANGOVER as usize - 1);
    }

    #[test]
    fn packets_of_any_time_flow_without_gaps() {
        for ms in [10, 20, 30, 40, 50, 60] {
            let pcm = sine(400.0, 8_000.0, 8_000, 8_000);
            let mut packets = pcm.chunks_exact(ms * 8);
            let mut voice = Voice::new(8_000);
            let mut heard = Vec::new();
            for now in (0..1_000).step_by(10) {
                if now % ms == 0
                    && let Some(packet) = packets.next()
                {
                    voice.push(packet);
                }
                if now % 20 == 10 && voice.next_frame() != Taken::Nothing {
                    heard.extend_from_slice(voice.at(8_000));
                }
            }
            assert!(heard.len() > 7_000, "{ms} ms: {}", heard.len());
            assert_eq!(heard, pcm[..heard.len()], "{ms} ms");
        }
    }

    #[test]
    fn what_is_not_taken_is_limited_to_the_latest() {
        let mut voice = Voice::new(8_000);
        for n in 0..100 {
            voice.push(&[n; 160]);
        }
        voice.next_frame();
        assert_eq!(voice.at(8_000)[0], 95);
    }

    #[test]
    fn another_rate_has_the_same_level() {
        let pcm = sine(400.0, 8_000.0, 8_000, 8_000);
        let mut voice = Voice::new(8_000);
        let mut heard = Vec::new();
        for frame in pcm.chunks_exact(160) {
            voice.push(frame);
            voice.next_frame();
            voice.apply_gain(0.5);
            voice.convert(16_000);
            heard.extend_from_slice(voice.at(16_000));
        }
        let level = level_at(&heard[1_600..], 16_000, 400.0);
        assert!((level - 4_000.0).abs() < 80.0, "{level}");
    }
}
