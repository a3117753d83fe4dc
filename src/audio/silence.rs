//! Notices when somebody stops talking.

use std::time::Duration;

/// Mean amplitude from which a frame counts as sound, about -42 dBFS: above line noise and comfort
/// noise, below quiet speech. Picked by feel.
const SOUND: u32 = 250;

/// Watches frames for a silence after sound. Does not allocate; media thread.
#[derive(Debug)]
pub struct SilenceWatch {
    after: Duration,
    /// How long it has been quiet since the last sound; `None` before the first sound and after
    /// the silence was reported.
    quiet: Option<Duration>,
}

impl SilenceWatch {
    /// A watch that reports a silence of `after`.
    pub fn new(after: Duration) -> Self {
        Self { after, quiet: None }
    }

    /// Takes the next frame of `pcm`, `length` long. True once for each silence that follows sound.
    pub fn hear(&mut self, pcm: &[i16], length: Duration) -> bool {
        if is_sound(pcm) {
            self.quiet = Some(Duration::ZERO);
            return false;
        }
        let Some(quiet) = self.quiet else {
            return false;
        };
        let quiet = quiet + length;
        let reached = quiet >= self.after;
        self.quiet = (!reached).then_some(quiet);
        reached
    }
}

/// Whether a frame is louder than line noise.
pub fn is_sound(pcm: &[i16]) -> bool {
    let sum: u32 = pcm
        .iter()
        .map(|sample| u32::from(sample.unsigned_abs()))
        .sum();
    sum > SOUND * pcm.len() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Duration = Duration::from_millis(20);

    #[test]
    fn silence_is_reported_once_after_sound() {
        let mut watch = SilenceWatch::new(Duration::from_millis(100));
        let (quiet, loud) = ([0; 160], [8000; 160]);
        assert!((0..50).all(|_| !watch.hear(&quiet, FRAME)));
        for _ in 0..2 {
            assert!((0..5).all(|_| !watch.hear(&loud, FRAME)));
            let reports = (0..50).filter(|_| watch.hear(&quiet, FRAME)).count();
            assert_eq!(reports, 1);
        }
    }

    #[test]
    fn a_short_pause_is_no_silence() {
        let mut watch = SilenceWatch::new(Duration::from_millis(100));
        let (quiet, loud) = ([3; 160], [-8000; 160]);
        for _ in 0..20 {
            assert!(!watch.hear(&loud, FRAME));
            assert!((0..4).all(|_| !watch.hear(&quiet, FRAME)));
        }
    }
}
