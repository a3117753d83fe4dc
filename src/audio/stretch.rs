//! Makes sound a little longer or shorter without changing its pitch (WSOLA).
//!
//! One call takes out, or repeats, one stretch of sound whose beginning and end are alike: pitch
//! periods of a voice, anything of a silence. The seam is a cross-fade, and the first sample stays
//! what it was, so nothing clicks at either end. In place, without a state and without memory of
//! its own; a jitter buffer calls it when its delay is to change, and else nothing is spent.

use crate::codec::pitch::{best_lag, longest_period, mix};

/// Takes up to `most` samples out of `pcm` and returns how many; the rest moves to the front.
///
/// `likeness`, 0 to 1, is how well a seam has to fit: 0.9 is not heard in a voice. Returns 0, and
/// changes nothing, where no seam fits, where `pcm` is shorter than the seam needs, and for less
/// than [`shortest`] samples.
///
/// Media thread; does not allocate.
pub fn shorten(pcm: &mut [i16], sample_rate: u32, most: usize, likeness: f32) -> usize {
    let Some((lag, overlap)) = seam(pcm, sample_rate, most, likeness) else {
        return 0;
    };
    for i in 0..overlap {
        pcm[i] = mix(pcm[i], pcm[lag + i], i, overlap);
    }
    pcm.copy_within(lag + overlap.., overlap);
    lag
}

/// Makes the `len` samples at the front of `pcm` up to `most` longer, and returns by how many;
/// `pcm` has room for them. Else like [`shorten`].
pub fn lengthen(
    pcm: &mut [i16],
    len: usize,
    sample_rate: u32,
    most: usize,
    likeness: f32,
) -> usize {
    let most = most.min(pcm.len() - len);
    let Some((lag, overlap)) = seam(&pcm[..len], sample_rate, most, likeness) else {
        return 0;
    };
    pcm.copy_within(overlap..len, lag + overlap);
    for i in 0..overlap {
        // What goes on here fades into what was here a lag before.
        pcm[lag + i] = mix(pcm[lag + i], pcm[i], i, overlap);
    }
    lag
}

/// The fewest samples that a call takes out or puts in: 2.5 ms.
pub fn shortest(sample_rate: u32) -> usize {
    (sample_rate / 400) as usize
}

/// The most samples that a call takes out of speech or puts into it: 15 ms.
pub fn longest(sample_rate: u32) -> usize {
    longest_period(sample_rate)
}

/// The lag at which to cut `pcm`, and the samples of the cross-fade there.
fn seam(pcm: &[i16], sample_rate: u32, most: usize, likeness: f32) -> Option<(usize, usize)> {
    let shortest = shortest(sample_rate);
    // The cross-fade takes as many samples as the shortest lag, and up to twice as many.
    let most = most.min(pcm.len().saturating_sub(shortest));
    if most < shortest {
        return None;
    }
    let overlap = |lag: usize| (2 * shortest).min(lag).min(pcm.len() - lag);
    if is_quiet(pcm) {
        return Some((most, overlap(most)));
    }
    let lags = shortest..=most.min(longest(sample_rate));
    let (lag, found) = best_lag(pcm, sample_rate, lags, |pcm, lag| {
        let window = pcm.len().checked_sub(lag)?.min(pcm.len() / 2);
        Some((&pcm[..window], &pcm[lag..lag + window]))
    })?;
    (found >= likeness).then(|| (lag, overlap(lag)))
}

/// Nothing but background noise, which may be cut anywhere.
pub fn is_quiet(pcm: &[i16]) -> bool {
    let sum: u32 = pcm
        .iter()
        .map(|sample| u32::from(sample.unsigned_abs()))
        .sum();
    sum < QUIET * pcm.len() as u32
}

/// Mean amplitude below which nobody hears what is missing, about -54 dBFS. Picked by feel.
const QUIET: u32 = 64;

#[cfg(test)]
mod tests {
    use rand::rngs::SmallRng;
    use rand::{RngExt, SeedableRng};

    use super::*;
    use crate::probe::{largest_step, level_at, sine};

    const RATES: [u32; 5] = [8_000, 16_000, 24_000, 32_000, 48_000];

    /// Stretches a tone frame by frame; its samples afterwards.
    fn stretched(hertz: f64, rate: u32, longer: bool) -> Vec<i16> {
        let frame = rate as usize / 50;
        let tone = sine(hertz, 8_000.0, rate, rate as usize);
        let mut out = Vec::new();
        for frame_pcm in tone.chunks(frame) {
            let mut pcm = frame_pcm.to_vec();
            if longer {
                pcm.resize(2 * frame, 0);
                let added = lengthen(&mut pcm, frame, rate, frame, 0.9);
                pcm.truncate(frame + added);
            } else {
                let removed = shorten(&mut pcm, rate, frame, 0.9);
                pcm.truncate(frame - removed);
            }
            assert_ne!(pcm.len(), frame, "{hertz} Hz at {rate}");
            out.extend(pcm);
        }
        out
    }

    #[test]
    fn a_tone_keeps_its_pitch_and_level_and_does_not_click() {
        for rate in RATES {
            for hertz in [100.0, 187.3, 440.0, 1_000.0] {
                for longer in [true, false] {
                    let out = stretched(hertz, rate, longer);
                    let clean = 8_000.0 * std::f64::consts::TAU * hertz / f64::from(rate);
                    let step = f64::from(largest_step(&out));
                    assert!(step < clean * 1.3 + 250.0, "{hertz} Hz at {rate}: {step}");
                    // The phase moves a little at each seam, so the level is measured in pieces.
                    for piece in out.chunks_exact(rate as usize / 20) {
                        let level = level_at(piece, rate, hertz);
                        assert!(
                            (level - 8_000.0).abs() < 800.0,
                            "{hertz} at {rate}: {level}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn what_fits_nowhere_is_left_alone() {
        let mut random = SmallRng::seed_from_u64(3);
        let mut noise: Vec<i16> = (0..160).map(|_| random.random()).collect();
        let before = noise.clone();
        assert_eq!(shorten(&mut noise, 8_000, 160, 0.9), 0);
        assert_eq!(noise, before);
        assert_ne!(shorten(&mut noise, 8_000, 160, -1.0), 0);
    }

    #[test]
    fn silence_is_cut_by_as_much_as_is_asked() {
        let mut pcm = [3; 320];
        assert_eq!(shorten(&mut pcm, 8_000, 100, 0.9), 100);
        assert_eq!(lengthen(&mut pcm, 160, 8_000, 77, 0.9), 77);
    }

    #[test]
    fn nothing_is_shorter_than_the_shortest_and_no_room_is_overrun() {
        let mut tone = sine(400.0, 8_000.0, 8_000, 160);
        for len in 0..160 {
            for most in [0, 1, 19, 20, 500] {
                let removed = shorten(&mut tone.clone()[..len], 8_000, most, 0.0);
                assert!(removed == 0 || (20..=most).contains(&removed));
                assert!(lengthen(&mut tone, len, 8_000, most, 0.0) <= 160 - len);
            }
        }
    }
}
