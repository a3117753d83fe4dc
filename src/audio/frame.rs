//! Samples and the length of a frame.

/// Samples in the longest frame of one tick: 20 ms at 48 kHz, or 60 ms at 16 kHz.
pub const MAX_FRAME_SAMPLES: usize = 960;

/// Rounds and saturates a sample in the range of `i16`.
pub fn saturate(sample: f32) -> i16 {
    // `as` saturates and makes NaN 0.
    sample.round() as i16
}

/// Adds `other` to `frame`, sample by sample, saturating. Samples that one side lacks are left.
pub fn add(frame: &mut [i16], other: &[i16]) {
    for (sample, &addend) in frame.iter_mut().zip(other) {
        *sample = sample.saturating_add(addend);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loud_samples_saturate() {
        assert_eq!(saturate(40_000.0), i16::MAX);
        assert_eq!(saturate(-40_000.0), i16::MIN);
        assert_eq!(saturate(-1.5), -2);
        assert_eq!(saturate(f32::NAN), 0);
        let mut frame = [30_000, -30_000, 5];
        add(&mut frame, &[30_000, -30_000]);
        assert_eq!(frame, [i16::MAX, i16::MIN, 5]);
    }
}
