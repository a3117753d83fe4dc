//! Low, even noise for where somebody pauses, so that the line does not sound dead.

/// Makes noise of a level that it reaches, and leaves, gradually. Does not allocate; media thread.
#[derive(Debug)]
pub struct ComfortNoise {
    /// The largest sample that is aimed at, and of now.
    wanted: f32,
    peak: f32,
    /// Of a xorshift generator; never zero.
    state: u32,
}

impl Default for ComfortNoise {
    fn default() -> Self {
        Self {
            wanted: 0.0,
            peak: 0.0,
            state: 0x9e37_79b9,
        }
    }
}

impl ComfortNoise {
    /// Aims at a level of so many decibels below overload. Louder than -40 dB counts as -40 dB,
    /// since louder noise comforts nobody.
    pub fn set_level(&mut self, decibels_below: u8) {
        let rms = f32::from(i16::MAX) * 10f32.powf(-f32::from(decibels_below.max(LOUDEST)) / 20.0);
        // Evenly spread samples reach √3 of their mean square's root.
        self.wanted = rms * 3f32.sqrt();
    }

    /// Aims at silence.
    pub fn end(&mut self) {
        self.wanted = 0.0;
    }

    /// Adds noise to `pcm`.
    pub fn add_to(&mut self, pcm: &mut [i16]) {
        if self.wanted == 0.0 && self.peak < 1.0 {
            self.peak = 0.0;
            return;
        }
        for sample in pcm {
            self.peak += (self.wanted - self.peak) * STEP;
            self.state ^= self.state << 13;
            self.state ^= self.state >> 17;
            self.state ^= self.state << 5;
            let random = self.state as i32 as f32 / 2f32.powi(31);
            *sample = sample.saturating_add((random * self.peak) as i16);
        }
    }
}

const LOUDEST: u8 = 40;
/// Part of the way to the wanted level that one sample goes: some 30 ms at 8 kHz.
const STEP: f32 = 1.0 / 128.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::peak;

    #[test]
    fn noise_has_the_level_that_was_asked_for() {
        for (level, expected) in [(50, 103.6), (60, 32.8), (0, 327.7)] {
            let mut noise = ComfortNoise::default();
            noise.set_level(level);
            let mut pcm = [0; 16_000];
            noise.add_to(&mut pcm);
            let sum: f64 = pcm[2_000..].iter().map(|&x| f64::from(x).powi(2)).sum();
            let rms = (sum / 14_000.0).sqrt();
            assert!((rms / expected - 1.0).abs() < 0.1, "{level}: {rms}");
        }
    }

    #[test]
    fn noise_ends_in_silence() {
        let mut noise = ComfortNoise::default();
        noise.set_level(50);
        noise.add_to(&mut [0; 8_000]);
        noise.end();
        noise.add_to(&mut [0; 8_000]);
        let mut pcm = [0; 160];
        noise.add_to(&mut pcm);
        assert_eq!(peak(&pcm), 0);
    }
}
