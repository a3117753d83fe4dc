//! Sample rate conversion of live streams, frame by frame.
//!
//! A polyphase filter between 8, 16, 24, 32, 44.1 and 48 kHz. It delays by half its length, 2 ms of the
//! lower rate, where the FFT of [`super::resample`] would delay by 10 ms or more. Of a sound that is in
//! memory the same filter makes any part, without delay.

use std::f64::consts::PI;

use super::frame::saturate;
use super::resample::{ResampleError, greatest_common_divisor};

/// Sample rates between which a [`LiveResampler`] converts, in Hz.
pub const LIVE_SAMPLE_RATES: [u32; 6] = [8_000, 16_000, 24_000, 32_000, 44_100, 48_000];

/// Converts one mono stream. Media thread; allocates in [`LiveResampler::new`] only.
#[derive(Debug)]
pub struct LiveResampler {
    /// Output samples for each `down` input samples.
    up: usize,
    down: usize,
    /// One filter for each of the `up` positions between two input samples, latest tap last.
    filters: Box<[f32]>,
    taps: usize,
    /// The last `taps - 1` samples of earlier calls, then those of this call.
    line: Box<[f32]>,
    /// Position of the next output: input samples into this call's, and filter.
    offset: usize,
    phase: usize,
}

impl LiveResampler {
    /// Prepares the filters. Allocates.
    ///
    /// # Errors
    /// [`ResampleError::UnsupportedRate`] for a rate not in [`LIVE_SAMPLE_RATES`].
    pub fn new(from: u32, to: u32) -> Result<Self, ResampleError> {
        if let Some(&rate) = [from, to]
            .iter()
            .find(|rate| !LIVE_SAMPLE_RATES.contains(rate))
        {
            return Err(ResampleError::UnsupportedRate(rate));
        }
        let divisor = greatest_common_divisor(from, to);
        let (up, down) = ((to / divisor) as usize, (from / divisor) as usize);
        // The filter spans the same time in both directions: that of `TAPS` at the lower rate.
        let taps = if up >= down {
            TAPS
        } else {
            (TAPS * down / up).next_multiple_of(LANES)
        };
        Ok(Self {
            up,
            down,
            filters: filters(up, down, taps),
            taps,
            line: vec![0.0; taps - 1 + PART_SAMPLES].into(),
            offset: 0,
            phase: 0,
        })
    }

    /// Converts `input` and returns the number of samples written to `out`.
    ///
    /// Frames whose length is a multiple of the ratio, such as 10 or 20 ms of all rates, give the
    /// same length each time. Makes at most the length of `input` times the ratio of the rates,
    /// rounded up; what `out` does not hold is lost. Does not allocate.
    pub fn process(&mut self, input: &[i16], out: &mut [i16]) -> usize {
        if self.up == self.down {
            let len = input.len().min(out.len());
            out[..len].copy_from_slice(&input[..len]);
            return len;
        }
        let mut written = 0;
        for part in input.chunks(PART_SAMPLES) {
            written += self.process_part(part, &mut out[written..]);
        }
        written
    }

    /// Converts a part of a sound that is in memory: fills `out` with its samples from number
    /// `start` on at the new rate, without delay and whatever was converted before. Before and
    /// behind `pcm` is silence, or once more `pcm` if it is `looped`. Does not allocate.
    pub fn excerpt(&self, pcm: &[i16], looped: bool, start: usize, out: &mut [i16]) {
        let sample = |index: isize| match usize::try_from(index) {
            Ok(index) if index < pcm.len() => f32::from(pcm[index]),
            _ if looped && !pcm.is_empty() => {
                f32::from(pcm[index.rem_euclid(pcm.len() as isize) as usize])
            }
            _ => 0.0,
        };
        for (n, out) in out.iter_mut().enumerate() {
            let at = (start + n) * self.down;
            let filter = &self.filters[at % self.up * self.taps..][..self.taps];
            // The middle of the filter lies on the sample.
            let first = (at / self.up + 1) as isize - (self.taps / 2) as isize;
            let products = filter.iter().zip(first..).map(|(tap, n)| tap * sample(n));
            *out = saturate(products.sum());
        }
    }

    fn process_part(&mut self, input: &[i16], out: &mut [i16]) -> usize {
        let history = self.taps - 1;
        for (place, &sample) in self.line[history..].iter_mut().zip(input) {
            *place = f32::from(sample);
        }
        let mut made = 0;
        while self.offset < input.len() {
            let window = &self.line[self.offset..self.offset + self.taps];
            let filter = &self.filters[self.phase * self.taps..][..self.taps];
            if let Some(place) = out.get_mut(made) {
                *place = saturate(dot(window, filter));
                made += 1;
            }
            self.phase += self.down;
            self.offset += self.phase / self.up;
            self.phase %= self.up;
        }
        self.offset -= input.len();
        self.line.copy_within(input.len()..input.len() + history, 0);
        made
    }
}

/// Input samples that are converted at a time.
const PART_SAMPLES: usize = 960;
/// Taps of each filter when the rate rises. With the two constants below, the slope reaches from
/// 80 to 104 % of the lower rate's band: 3.2 to 4.2 kHz for 8 kHz.
const TAPS: usize = 32;
/// Partial sums of a dot product, which the compiler keeps in vector registers.
const LANES: usize = 8;
/// Shape of the Kaiser window; 6 gives 63 dB of attenuation.
const KAISER_BETA: f64 = 6.0;
/// Middle of the filter's slope, as a part of the lower rate's band.
const CUTOFF: f64 = 0.92;

/// A windowed sinc at `up` times the input rate, dealt out to its `up` phases.
fn filters(up: usize, down: usize, taps: usize) -> Box<[f32]> {
    let length = up * taps;
    let middle = (length - 1) as f64 / 2.0;
    let cutoff = CUTOFF / up.max(down) as f64;
    let prototype = |i: usize| {
        let x = i as f64 - middle;
        let sinc = if x == 0.0 {
            cutoff
        } else {
            (PI * cutoff * x).sin() / (PI * x)
        };
        let edge = x / (middle + 0.5);
        sinc * bessel_i0(KAISER_BETA * (1.0 - edge * edge).sqrt()) / bessel_i0(KAISER_BETA)
    };
    let mut filters = vec![0.0; length];
    for phase in 0..up {
        let places = &mut filters[phase * taps..][..taps];
        // The latest sample meets the prototype's first tap of this phase.
        let values: Vec<f64> = (0..taps)
            .rev()
            .map(|tap| prototype(tap * up + phase))
            .collect();
        let sum: f64 = values.iter().sum();
        for (place, value) in places.iter_mut().zip(values) {
            // Every phase passes a constant unchanged; otherwise their differences would be heard.
            *place = (value / sum) as f32;
        }
    }
    filters.into()
}

/// The modified Bessel function of order 0, by its power series.
fn bessel_i0(x: f64) -> f64 {
    let (mut sum, mut term) = (1.0, 1.0);
    for k in 1..40 {
        term *= (x / 2.0 / f64::from(k)).powi(2);
        sum += term;
    }
    sum
}

/// The lengths are equal and multiples of [`LANES`].
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0; LANES];
    for (a, b) in a.chunks_exact(LANES).zip(b.chunks_exact(LANES)) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::{level_at, peak, sine};

    fn max_output(resampler: &LiveResampler, input_samples: usize) -> usize {
        (input_samples * resampler.up).div_ceil(resampler.down)
    }

    fn convert(pcm: &[i16], from: u32, to: u32) -> Vec<i16> {
        let mut resampler = LiveResampler::new(from, to).unwrap();
        let (frame, made) = ((from / 50) as usize, (to / 50) as usize);
        let mut output = Vec::new();
        for part in pcm.chunks(frame) {
            let mut out = vec![0; max_output(&resampler, part.len())];
            assert_eq!(resampler.process(part, &mut out), made);
            output.extend(out);
        }
        output
    }

    fn pairs() -> impl Iterator<Item = (u32, u32)> {
        LIVE_SAMPLE_RATES
            .into_iter()
            .flat_map(|from| LIVE_SAMPLE_RATES.into_iter().map(move |to| (from, to)))
    }

    #[test]
    fn speech_band_tones_keep_their_level_between_all_rates() {
        for (from, to) in pairs() {
            for hertz in [300.0, 1_000.0, 3_000.0] {
                let output = convert(&sine(hertz, 10_000.0, from, from as usize), from, to);
                let heard = level_at(&output[to as usize / 10..], to, hertz);
                assert!(
                    (heard - 10_000.0).abs() < 200.0,
                    "{hertz} Hz {from}->{to}: {heard}"
                );
            }
        }
    }

    #[test]
    fn tones_above_the_lower_band_do_not_fold_back() {
        for (from, to) in pairs().filter(|(from, to)| from > to) {
            let hertz = f64::from(to) / 2.0 * 1.1;
            let output = convert(&sine(hertz, 10_000.0, from, from as usize), from, to);
            let heard = peak(&output[to as usize / 10..]);
            assert!(heard < 20, "{hertz} Hz {from}->{to}: {heard}");
        }
    }

    #[test]
    fn images_are_suppressed_when_the_rate_rises() {
        for (from, to) in pairs().filter(|(from, to)| from < to) {
            let output = convert(&sine(1_000.0, 10_000.0, from, from as usize), from, to);
            let image = level_at(&output[to as usize / 10..], to, f64::from(from) - 1_000.0);
            assert!(image < 20.0, "{from}->{to}: {image}");
        }
    }

    #[test]
    fn frames_of_any_length_give_the_same_signal() {
        let pcm = sine(700.0, 8_000.0, 48_000, 4_800);
        let whole = convert(&pcm, 48_000, 16_000);
        let mut resampler = LiveResampler::new(48_000, 16_000).unwrap();
        let mut output = Vec::<i16>::new();
        for part in pcm.chunks(77) {
            let mut out = vec![0; max_output(&resampler, part.len())];
            let made = resampler.process(part, &mut out);
            output.extend(&out[..made]);
        }
        assert_eq!(output, whole);
    }

    #[test]
    fn any_part_of_a_sound_is_the_same_as_in_the_whole() {
        for (from, to) in pairs().filter(|(from, to)| from != to) {
            let pcm = sine(700.0, 8_000.0, from, from as usize / 10);
            let resampler = LiveResampler::new(from, to).unwrap();
            let mut whole = vec![0; to as usize / 10];
            resampler.excerpt(&pcm, true, 0, &mut whole);
            // A filter of even length has its middle between two of its steps.
            let early = 0.5 / (resampler.up as f64 * f64::from(from));
            for (n, &made) in whole.iter().enumerate() {
                let time = n as f64 / f64::from(to) + early;
                let exact = (2.0 * PI * 700.0 * time).sin() * 8_000.0;
                let wrong = (f64::from(made) - exact).abs();
                assert!(wrong < 100.0, "{from}->{to} {n}: {made} {exact}");
            }
            let mut part = [0; 37];
            resampler.excerpt(&pcm, true, 501, &mut part);
            assert_eq!(part, whole[501..538]);
        }
    }

    #[test]
    fn nothing_is_around_a_sound_that_ends() {
        let resampler = LiveResampler::new(8_000, 16_000).unwrap();
        let mut out = [1; 200];
        resampler.excerpt(&[1_000; 50], false, 150, &mut out);
        assert_eq!(out, [0; 200]);
        resampler.excerpt(&[], true, 0, &mut out);
        assert_eq!(out, [0; 200]);
        resampler.excerpt(&[1_000; 50], false, 40, &mut out[..20]);
        assert_eq!(out[..20], [1_000; 20]);
    }

    #[test]
    fn longer_input_than_a_frame_is_taken() {
        let pcm = sine(700.0, 8_000.0, 8_000, 4_000);
        let mut out = vec![0; 24_000];
        let mut resampler = LiveResampler::new(8_000, 48_000).unwrap();
        assert_eq!(resampler.process(&pcm, &mut out), 24_000);
        assert_eq!(out, convert(&pcm, 8_000, 48_000));
        assert_eq!(
            LiveResampler::new(8_000, 48_000)
                .unwrap()
                .process(&pcm, &mut out[..5]),
            5
        );
    }

    #[test]
    fn other_rates_are_refused() {
        let refused = LiveResampler::new(22_050, 8_000).unwrap_err();
        assert_eq!(refused, ResampleError::UnsupportedRate(22_050));
    }
}
