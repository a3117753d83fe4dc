//! How many calls began lately.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Calls per second are counted over this time, so that a short burst passes.
pub const RATE_WINDOW: Duration = Duration::from_secs(5);

/// When calls began within [`RATE_WINDOW`].
#[derive(Debug, Default)]
pub(super) struct Rate(VecDeque<Instant>);

impl Rate {
    /// Whether one more would be beyond `per_second` on average; 0 means no limit.
    pub fn is_full(&mut self, now: Instant, per_second: u32) -> bool {
        let is_past = |at: &Instant| now.duration_since(*at) >= RATE_WINDOW;
        while self.0.front().is_some_and(is_past) {
            self.0.pop_front();
        }
        let allowed = per_second as usize * RATE_WINDOW.as_secs() as usize;
        per_second != 0 && self.0.len() >= allowed
    }

    /// Counts one, if there is a limit.
    pub fn count(&mut self, now: Instant, per_second: u32) {
        if per_second != 0 {
            self.0.push_back(now);
        }
    }
}
