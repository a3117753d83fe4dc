//! How tests listen: the level of one frequency, the loudest sample.

use std::f64::consts::TAU;

/// Amplitude of the sine of `hertz` in `pcm`, by correlation.
pub(crate) fn level_at(pcm: &[i16], sample_rate: u32, hertz: f64) -> f64 {
    let step = TAU * hertz / f64::from(sample_rate);
    let (mut re, mut im) = (0.0, 0.0);
    for (i, &sample) in pcm.iter().enumerate() {
        let phase = step * i as f64;
        re += f64::from(sample) * phase.cos();
        im += f64::from(sample) * phase.sin();
    }
    2.0 * re.hypot(im) / pcm.len() as f64
}

/// The loudest sample, without its sign.
pub(crate) fn peak(pcm: &[i16]) -> u16 {
    pcm.iter()
        .map(|sample| sample.unsigned_abs())
        .max()
        .unwrap_or(0)
}

/// A steady sine, from its zero crossing on.
pub(crate) fn sine(hertz: f64, peak: f64, sample_rate: u32, samples: usize) -> Vec<i16> {
    let step = TAU * hertz / f64::from(sample_rate);
    (0..samples)
        .map(|i| (peak * (step * i as f64).sin()).round() as i16)
        .collect()
}

/// The largest difference of two neighbouring samples; a click shows here.
pub(crate) fn largest_step(pcm: &[i16]) -> u32 {
    pcm.windows(2)
        .map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).unsigned_abs())
        .max()
        .unwrap_or(0)
}
