//! How many requests one call may send, so that it cannot take the room of all others.

use std::time::{Duration, Instant};

/// Requests that a call may send within [`WINDOW`]: more keys than anybody presses, and more offers than anybody
/// needs. A BYE is always taken.
const LIMIT: u32 = 200;
const WINDOW: Duration = Duration::from_secs(2);

/// Counts the requests of one call.
#[derive(Debug, Default)]
pub(in crate::session) struct Pace {
    since: Option<Instant>,
    count: u32,
}

impl Pace {
    /// Counts one; returns whether it may pass.
    pub(in crate::session) fn take(&mut self, now: Instant) -> bool {
        let since = *self.since.get_or_insert(now);
        if now.saturating_duration_since(since) >= WINDOW {
            (self.since, self.count) = (Some(now), 0);
        }
        self.count = self.count.saturating_add(1);
        self.count <= LIMIT
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_sends_too_much_waits_for_the_next_window() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        let passed = (0..2 * LIMIT).filter(|_| pace.take(start)).count();
        assert_eq!(passed, LIMIT as usize);
        assert!(pace.take(start + WINDOW));
    }
}
