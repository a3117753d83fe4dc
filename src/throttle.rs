//! One log line in ten seconds for what a flood repeats.

use std::time::{Duration, Instant};

/// How long a line keeps the next ones back.
const INTERVAL: Duration = Duration::from_secs(10);

/// Says when to write a line, and how many were left out since the last one.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    last: Option<Instant>,
    unsaid: u64,
}

impl Throttle {
    /// `None`: this one is left out; else how many were before it.
    pub(crate) fn pass(&mut self, now: Instant) -> Option<u64> {
        if self.last.is_some_and(|last| now < last + INTERVAL) {
            self.unsaid += 1;
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.unsaid))
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_told_with_the_next_line() {
        let mut throttle = Throttle::default();
        let now = Instant::now();
        assert_eq!(throttle.pass(now), Some(0));
        assert_eq!(throttle.pass(now + INTERVAL / 3), None);
        assert_eq!(throttle.pass(now + INTERVAL / 2), None);
        assert_eq!(throttle.pass(now + INTERVAL), Some(2));
        assert_eq!(throttle.pass(now + INTERVAL * 2), Some(0));
    }
}
