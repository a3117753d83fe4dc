//! Tones: one or two sines, steady or in a cadence.
//!
//! A media thread fills its frames from a [`ToneGenerator`]. The tones of keys are in [`super::dtmf`].

use std::f64::consts::TAU;
use std::time::Duration;

use super::frame::saturate;

/// What a tone sounds like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tone {
    /// First frequency in Hz.
    pub frequency_hz: f64,
    /// Second frequency in Hz, as loud as the first.
    pub second_hz: Option<f64>,
    /// Peak of each sine, 0 to 32,767.
    pub peak: i16,
    /// Sound and silence, over and over; `None` for a steady tone.
    pub cadence: Option<Cadence>,
}

/// The rhythm of a tone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cadence {
    /// How long it sounds.
    pub on: Duration,
    /// How long it is silent.
    pub off: Duration,
}

impl Tone {
    /// One or two sines as loud as the ringing of networks.
    pub const fn ringing(
        frequency_hz: f64,
        second_hz: Option<f64>,
        cadence: Option<Cadence>,
    ) -> Tone {
        Tone {
            frequency_hz,
            second_hz,
            peak: if second_hz.is_some() { 4_000 } else { 8_000 },
            cadence,
        }
    }

    /// A steady sine.
    pub const fn sine(frequency_hz: f64, peak: i16) -> Tone {
        Tone {
            frequency_hz,
            second_hz: None,
            peak,
            cadence: None,
        }
    }
}

/// Makes the samples of a [`Tone`]. Each sounding begins and ends with a ramp, and so without a
/// click. Media thread; never allocates.
#[derive(Debug, Clone)]
pub struct ToneGenerator {
    oscillators: [Oscillator; 2],
    peak: f64,
    /// Samples of sound and of the whole period; `None` for a steady tone.
    rhythm: Option<(u64, u64)>,
    ramp: u64,
    /// Samples since the tone, or its period, began.
    position: u64,
}

impl ToneGenerator {
    /// Starts `tone` at `sample_rate` samples a second. Frequencies that are not between 0 and half
    /// the sample rate are silent; so is a cadence that never sounds.
    pub fn new(tone: Tone, sample_rate: u32) -> Self {
        let oscillator = |hertz| Oscillator::new(hertz, sample_rate);
        let samples_in = |time: Duration| (time.as_secs_f64() * f64::from(sample_rate)) as u64;
        Self {
            oscillators: [
                oscillator(tone.frequency_hz),
                oscillator(tone.second_hz.unwrap_or(0.0)),
            ],
            peak: f64::from(tone.peak),
            rhythm: tone.cadence.map(|cadence| {
                let on = samples_in(cadence.on);
                (on, on.saturating_add(samples_in(cadence.off)))
            }),
            ramp: samples_in(RAMP).max(1),
            position: 0,
        }
    }

    /// Fills `out` with the next samples.
    pub fn fill(&mut self, out: &mut [i16]) {
        for sample in out {
            let gain = self.gain();
            let wave: f64 = self.oscillators.iter_mut().map(Oscillator::next).sum();
            *sample = saturate((wave * self.peak * gain) as f32);
            self.advance();
        }
    }

    /// 0 to 1: silence, ramp or sound.
    fn gain(&self) -> f64 {
        let (on, _) = self.rhythm.unwrap_or((u64::MAX, u64::MAX));
        let from_edge = self
            .position
            .min(on.saturating_sub(self.position))
            .min(self.ramp);
        from_edge as f64 / self.ramp as f64
    }

    fn advance(&mut self) {
        self.position += 1;
        if let Some((_, period)) = self.rhythm
            && self.position >= period
        {
            self.position = 0;
        }
    }
}

/// Length of the ramps.
const RAMP: Duration = Duration::from_millis(5);

/// A sine by its phase in turns, which stays exact however long it runs.
#[derive(Debug, Clone)]
pub(super) struct Oscillator {
    turns: f64,
    step: f64,
}

impl Oscillator {
    /// A step of 0 stays at the sine of 0.
    pub(super) fn new(hertz: f64, sample_rate: u32) -> Self {
        let step = hertz / f64::from(sample_rate);
        Self {
            turns: 0.0,
            step: if (0.0..0.5).contains(&step) {
                step
            } else {
                0.0
            },
        }
    }

    pub(super) fn next(&mut self) -> f64 {
        let value = (self.turns * TAU).sin();
        self.turns = (self.turns + self.step).fract();
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::{level_at, peak};

    fn samples(tone: Tone, sample_rate: u32, seconds: u32) -> Vec<i16> {
        let mut out = vec![0; (sample_rate * seconds) as usize];
        let mut generator = ToneGenerator::new(tone, sample_rate);
        // Frame by frame, as it is used.
        out.chunks_mut(160).for_each(|frame| generator.fill(frame));
        out
    }

    fn cadence(on_ms: u64, off_ms: u64) -> Cadence {
        Cadence {
            on: Duration::from_millis(on_ms),
            off: Duration::from_millis(off_ms),
        }
    }

    #[test]
    fn a_sine_has_its_frequency_and_level() {
        for sample_rate in [8_000, 16_000, 48_000] {
            let pcm = samples(Tone::sine(1_004.0, 10_000), sample_rate, 2);
            assert!((level_at(&pcm, sample_rate, 1_004.0) - 10_000.0).abs() < 50.0);
            assert!(level_at(&pcm, sample_rate, 1_008.0) < 100.0);
        }
    }

    #[test]
    fn a_tone_starts_and_stops_without_a_click() {
        let tone = Tone {
            cadence: Some(cadence(500, 500)),
            ..Tone::sine(425.0, 8_000)
        };
        let pcm = samples(tone, 8_000, 2);
        let steepest = 8_000.0 * TAU * 425.0 / 8_000.0;
        for pair in pcm.windows(2) {
            assert!((i32::from(pair[1]) - i32::from(pair[0])).abs() <= steepest as i32 + 200);
        }
        assert!(pcm[..3].iter().all(|sample| sample.abs() < 300));
    }

    #[test]
    fn a_cadence_sounds_and_pauses() {
        // The ringing of North America.
        let ringing = Tone::ringing(440.0, Some(480.0), Some(cadence(2_000, 4_000)));
        let pcm = samples(ringing, 8_000, 8);
        assert!(level_at(&pcm[..16_000], 8_000, 440.0) > 3_900.0);
        assert!(level_at(&pcm[..16_000], 8_000, 480.0) > 3_900.0);
        assert_eq!(peak(&pcm[16_000..48_000]), 0);
        assert!(peak(&pcm[48_100..]) > 7_000);
    }

    #[test]
    fn impossible_tones_are_silent() {
        for frequency in [-5.0, 4_000.0, f64::NAN, f64::INFINITY] {
            assert_eq!(peak(&samples(Tone::sine(frequency, 8_000), 8_000, 1)), 0);
        }
        let never = Cadence {
            on: Duration::ZERO,
            off: Duration::ZERO,
        };
        let tone = Tone {
            cadence: Some(never),
            ..Tone::sine(400.0, 8_000)
        };
        assert_eq!(peak(&samples(tone, 8_000, 1)), 0);
    }
}
