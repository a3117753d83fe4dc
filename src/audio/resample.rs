//! Sample rate conversion: whole signals for files and prompts, and frame by frame for live
//! streams.
//!
//! A whole signal goes through an FFT (`rubato`), whose delay is cut away.

use rubato::{Fft, FixedSync, WindowFunction};
use thiserror::Error;

use super::stream_resample::StreamResampler;

/// The lowest sample rate that can be converted, in Hz.
pub const MIN_SAMPLE_RATE: u32 = 8_000;
/// The highest sample rate that can be converted, in Hz.
pub const MAX_SAMPLE_RATE: u32 = 192_000;

/// Input samples an FFT works on at a time, at least. Long blocks make steep filters.
const FFT_BLOCK: usize = 1_024;
const WINDOW: WindowFunction = WindowFunction::BlackmanHarris2;

/// Converts a whole mono signal. The result starts where the input starts and has
/// `round(len * to / from)` samples. Allocates.
///
/// # Errors
/// [`ResampleError::UnsupportedRate`] when either rate is below [`MIN_SAMPLE_RATE`] or above
/// [`MAX_SAMPLE_RATE`].
pub fn resample(pcm: &[i16], from: u32, to: u32) -> Result<Vec<i16>, ResampleError> {
    if from == to || pcm.is_empty() {
        return check(from).and(check(to)).map(|()| pcm.to_vec());
    }
    let mut stream = StreamResampler::new(from, to)?;
    let mut output = Vec::with_capacity(stream.room_for(pcm.len()));
    stream.process(pcm, &mut output);
    stream.finish(&mut output);
    Ok(output)
}

fn check(rate: u32) -> Result<(), ResampleError> {
    match (MIN_SAMPLE_RATE..=MAX_SAMPLE_RATE).contains(&rate) {
        true => Ok(()),
        false => Err(ResampleError::UnsupportedRate(rate)),
    }
}

/// The filter between two different rates.
pub(super) fn filter(from: u32, to: u32) -> Result<Fft<f32>, ResampleError> {
    check(from).and(check(to))?;
    // An even number of the smallest blocks: the filter's delay is then a whole number of samples.
    let smallest = from / greatest_common_divisor(from, to);
    let block = FFT_BLOCK.next_multiple_of(2 * smallest as usize);
    let (from, to) = (from as usize, to as usize);
    Ok(
        Fft::new_custom(from, to, block, 1, 1, WINDOW, FixedSync::Input)
            .expect("rates and block size are not zero"),
    )
}

pub(super) fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 {
        a
    } else {
        greatest_common_divisor(b, a % b)
    }
}

/// Why a conversion cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ResampleError {
    /// A rate outside [`MIN_SAMPLE_RATE`]..=[`MAX_SAMPLE_RATE`].
    #[error("{0} Hz is not a supported sample rate")]
    UnsupportedRate(u32),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::{level_at, peak, sine};

    const FROM: [u32; 10] = [
        8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000, 192_000,
    ];
    const TO: [u32; 3] = [8_000, 16_000, 48_000];

    fn pairs() -> impl Iterator<Item = (u32, u32)> {
        FROM.into_iter()
            .flat_map(|from| TO.into_iter().map(move |to| (from, to)))
    }

    #[test]
    fn length_is_exact_for_any_input_length() {
        for (from, to) in pairs() {
            for len in [0, 1, 2, 79, 160, 1_023, 1_024, 5_000] {
                let expected = (f64::from(len) * f64::from(to) / f64::from(from)).round() as usize;
                let output = resample(&vec![100; len as usize], from, to).unwrap();
                assert_eq!(output.len(), expected, "{len} samples {from}->{to}");
            }
        }
    }

    #[test]
    fn tones_keep_level_and_place() {
        for (from, to) in pairs() {
            let output = resample(&sine(1_000.0, 10_000.0, from, from as usize), from, to).unwrap();
            let expected = sine(1_000.0, 10_000.0, to, to as usize);
            let heard = level_at(&output, to, 1_000.0);
            assert!((heard - 10_000.0).abs() < 50.0, "{from}->{to}: {heard}");
            // The signal begins and ends in the middle of a wave, where no filter is exact.
            let inner = to as usize / 50..to as usize * 49 / 50;
            for (sample, expected) in output[inner.clone()].iter().zip(&expected[inner]) {
                assert!(
                    sample.abs_diff(*expected) < 30,
                    "{from}->{to} is out of step"
                );
            }
        }
    }

    #[test]
    fn tones_above_the_lower_band_do_not_fold_back() {
        for (from, to) in pairs().filter(|(from, to)| from > to) {
            let hertz = (f64::from(to) / 2.0 + f64::from(from) / 2.0) / 2.0;
            let output = resample(&sine(hertz, 10_000.0, from, from as usize), from, to).unwrap();
            let inner = to as usize / 10..to as usize * 9 / 10;
            assert!(peak(&output[inner]) < 20, "{hertz} Hz {from}->{to}");
        }
    }

    #[test]
    fn rates_that_are_too_low_or_high_are_refused() {
        assert_eq!(
            resample(&[0], 7_999, 8_000),
            Err(ResampleError::UnsupportedRate(7_999))
        );
        assert_eq!(
            resample(&[0], 8_000, 192_001),
            Err(ResampleError::UnsupportedRate(192_001))
        );
    }

    #[test]
    fn an_awkward_rate_still_works() {
        let output = resample(&sine(500.0, 9_000.0, 44_099, 44_099), 44_099, 8_000).unwrap();
        assert_eq!(output.len(), 8_000);
        assert!((level_at(&output, 8_000, 500.0) - 9_000.0).abs() < 100.0);
    }
}
