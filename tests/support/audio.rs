//! Sounds to play, and ears to hear them with.

use std::f64::consts::TAU;
use std::path::Path;

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

/// The sound of a WAV file, at [`SAMPLE_RATE`].
pub fn wav(path: &Path) -> Vec<i16> {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let sound = muleteer::audio::wav::read(&bytes, usize::MAX);
    let sound = sound.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    muleteer::audio::resample::resample(&sound.pcm, sound.sample_rate, SAMPLE_RATE).expect("a rate")
}

/// Where in `heard` all of `prompt` is, in seconds.
///
/// Its beginning, middle and end have to be there, each alike to more than 0.7 (1 is the same but for
/// the level) and where it should be within a tenth of a second.
#[track_caller]
pub fn position_of(prompt: &[i16], heard: &[i16]) -> f64 {
    const SECOND: usize = SAMPLE_RATE as usize;
    let last = prompt.len() - SECOND;
    let parts = [0, last / 2, last].map(|start| {
        let found = most_alike(&prompt[start..][..SECOND], heard);
        (start as f64 / f64::from(SAMPLE_RATE), found)
    });
    let begin = parts[0].1.at;
    for (offset, found) in &parts {
        let in_place = (found.at - begin - offset).abs() < 0.1;
        assert!(found.likeness > 0.7 && in_place, "{parts:?}");
    }
    begin
}

/// Where one sound is in another, and how much alike they are there, at most 1.
#[derive(Debug)]
struct Found {
    at: f64,
    likeness: f64,
}

/// Where the normalised cross-correlation of `excerpt` and `heard` is highest.
fn most_alike(excerpt: &[i16], heard: &[i16]) -> Found {
    let (excerpt, heard) = (thin_out(excerpt), thin_out(heard));
    let own: f32 = excerpt.iter().map(|sample| sample * sample).sum();
    let mut best = Found {
        at: 0.0,
        likeness: 0.0,
    };
    for (n, window) in heard.windows(excerpt.len()).enumerate() {
        let (mut product, mut other) = (0.0, 1.0);
        for (a, b) in excerpt.iter().zip(window) {
            product += a * b;
            other += b * b;
        }
        let likeness = f64::from(product / (own * other).sqrt());
        if likeness > best.likeness {
            let at = (n * THINNING) as f64 / f64::from(SAMPLE_RATE);
            best = Found { at, likeness };
        }
    }
    best
}

/// Enough of speech is below 1 kHz to tell it apart, at a sixteenth of the work.
const THINNING: usize = 4;
/// Samples of which one is made: takes away what is above 1 kHz.
const AVERAGED: usize = 8;

fn thin_out(pcm: &[i16]) -> Vec<f32> {
    let sum = |samples: &[i16]| samples.iter().copied().map(f32::from).sum::<f32>();
    pcm.windows(AVERAGED).step_by(THINNING).map(sum).collect()
}
