//! Sounds to play, and ears to hear them with.

use std::f64::consts::TAU;

/// Samples a second of everything here.
pub const SAMPLE_RATE: u32 = 8_000;

/// A sine of `hertz` that lasts `ms`.
pub fn sine(hertz: f64, ms: usize) -> Vec<i16> {
    let step = TAU * hertz / f64::from(SAMPLE_RATE);
    (0..ms * 8)
        .map(|n| ((n as f64 * step).sin() * 10_000.0) as i16)
        .collect()
}

/// The amplitude of `hertz` in `pcm`, by the Goertzel algorithm.
pub fn level(pcm: &[i16], hertz: f64) -> f64 {
    let coefficient = 2.0 * (TAU * hertz / f64::from(SAMPLE_RATE)).cos();
    let (mut last, mut before) = (0.0, 0.0);
    for &sample in pcm {
        (last, before) = (f64::from(sample) + coefficient * last - before, last);
    }
    let power = last * last + before * before - coefficient * last * before;
    power.max(0.0).sqrt() * 2.0 / pcm.len().max(1) as f64
}

/// How many milliseconds of `pcm` are the tone `hertz`, in steps of 10 ms.
pub fn ms_of(pcm: &[i16], hertz: f64) -> usize {
    pcm.chunks(80)
        .filter(|block| level(block, hertz) > 5_000.0)
        .count()
        * 10
}

/// How many milliseconds of `pcm` are silence, in steps of 10 ms.
pub fn silent_ms(pcm: &[i16]) -> usize {
    let quiet = |block: &&[i16]| block.iter().all(|sample| sample.unsigned_abs() < 50);
    pcm.chunks(80).filter(quiet).count() * 10
}
