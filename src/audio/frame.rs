//! Samples and the length of a frame.

/// Samples in the longest frame of one tick: 60 ms at 48 kHz.
pub const MAX_FRAME_SAMPLES: usize = 2_880;

/// Rounds and saturates a sample in the range of `i16`.
pub fn saturate(sample: f32) -> i16 {
    // `as` saturates and makes NaN 0.
    sample.round() as i16
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
    }
}
