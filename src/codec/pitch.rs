//! Finds the lag at which a sound resembles itself: its pitch period, or a multiple of it.
//!
//! Sound of high rates is looked through at about 8 kHz first and then near the best lag only, so
//! that the work hardly grows with the rate. Called while a loss is hidden or time is stretched,
//! never for a packet that came in time.

use std::ops::RangeInclusive;

/// The lag in `lags` at which the two stretches named by `pair` are most alike, and how much, at most 1.
///
/// `pair` is given the signal, possibly at a lower rate, and a lag in samples of it; it names stretches
/// of equal length, or `None` if the signal is too short for that.
///
/// Looks at the first 40 ms of longer signals. Does not allocate.
pub(crate) fn best_lag(
    pcm: &[i16],
    sample_rate: u32,
    lags: RangeInclusive<usize>,
    pair: impl Fn(&[i16], usize) -> Option<(&[i16], &[i16])>,
) -> Option<(usize, f32)> {
    let factor = (sample_rate / COARSE_RATE).max(1) as usize;
    if factor == 1 {
        return most_alike(pcm, lags, &pair);
    }
    let mut coarse = [0; COARSE_SAMPLES];
    let len = (pcm.len() / factor).min(COARSE_SAMPLES);
    for (sample, part) in coarse[..len].iter_mut().zip(pcm.chunks_exact(factor)) {
        let sum: i32 = part.iter().copied().map(i32::from).sum();
        *sample = (sum / factor as i32) as i16;
    }
    let coarse_lags = lags.start().div_ceil(factor)..=lags.end() / factor;
    let (lag, _) = most_alike(&coarse[..len], coarse_lags, &pair)?;
    let near = (lag * factor).saturating_sub(factor).max(*lags.start())
        ..=(lag * factor + factor).min(*lags.end());
    most_alike(pcm, near, &pair)
}

fn most_alike(
    pcm: &[i16],
    lags: RangeInclusive<usize>,
    pair: &impl Fn(&[i16], usize) -> Option<(&[i16], &[i16])>,
) -> Option<(usize, f32)> {
    lags.filter_map(|lag| {
        let (a, b) = pair(pcm, lag)?;
        Some((lag, likeness(a, b)))
    })
    .max_by(|a, b| a.1.total_cmp(&b.1))
}

/// The normalised correlation of two signals of the same length, from -1 to 1; 0 if one is silent.
fn likeness(a: &[i16], b: &[i16]) -> f32 {
    const LANES: usize = 8;
    let (mut product, mut energy_a, mut energy_b) = ([0f32; LANES], [0f32; LANES], [0f32; LANES]);
    for (a, b) in a.chunks(LANES).zip(b.chunks(LANES)) {
        for (lane, (&a, &b)) in a.iter().zip(b).enumerate() {
            let (a, b) = (f32::from(a), f32::from(b));
            product[lane] += a * b;
            energy_a[lane] += a * a;
            energy_b[lane] += b * b;
        }
    }
    let sum = |lanes: [f32; LANES]| lanes.iter().sum::<f32>();
    let energy = sum(energy_a).sqrt() * sum(energy_b).sqrt();
    if energy == 0.0 {
        return 0.0;
    }
    sum(product) / energy
}

/// `from` fading into `to`, at step `i` of `steps`.
pub(crate) fn mix(from: i16, to: i16, i: usize, steps: usize) -> i16 {
    let (i, steps) = (i as i32 + 1, steps as i32 + 1);
    ((i32::from(from) * (steps - i) + i32::from(to) * i) / steps) as i16
}

/// The longest period that is looked for, in samples of `sample_rate`: 66 Hz.
pub(crate) fn longest_period(sample_rate: u32) -> usize {
    (sample_rate * 3 / 200) as usize
}

/// The rate, or up to twice as much, at which the first look is taken.
const COARSE_RATE: u32 = 8_000;
/// 40 ms at the first look.
const COARSE_SAMPLES: usize = 320 * 2;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::sine;

    #[test]
    fn the_period_of_a_tone_is_found_at_every_rate() {
        for rate in [8_000, 12_000, 16_000, 24_000, 32_000, 44_100, 48_000] {
            let pcm = sine(125.0, 8_000.0, rate, rate as usize / 25);
            let longest = longest_period(rate);
            let window = pcm.len() / 2;
            let found = best_lag(&pcm, rate, longest / 6..=longest, |pcm, lag| {
                let window = window * pcm.len() / (rate as usize / 25);
                Some((pcm.get(..window)?, pcm.get(lag..lag + window)?))
            });
            let (lag, likeness) = found.unwrap();
            let period = f64::from(rate) / 125.0;
            assert!((lag as f64 - period).abs() <= 1.0, "{rate}: {lag}");
            assert!(likeness > 0.99, "{rate}: {likeness}");
        }
    }

    #[test]
    fn silence_resembles_nothing() {
        assert_eq!(likeness(&[0; 20], &[0; 20]), 0.0);
    }
}
