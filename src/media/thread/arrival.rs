//! CORE. When the datagrams came that are read at one wake-up.
//!
//! A thread reads up to 20 ms after a packet has come. The kernel notes its arrival by the wall
//! clock, which may be set at any time; what it says counts as far as it lies between two readings.

use std::time::{Duration, Instant, SystemTime};

/// The two clocks at a reading of the sockets, and the reading before. Media thread.
#[derive(Debug)]
pub(super) struct ArrivalClock {
    before: Instant,
    now: Instant,
    /// `now`, since 1970.
    wall: Duration,
}

impl ArrivalClock {
    pub fn new(now: Instant) -> Self {
        Self {
            before: now,
            now,
            wall: Duration::ZERO,
        }
    }

    /// The sockets are read now.
    pub fn read_at(&mut self, now: Instant, wall: SystemTime) {
        self.before = self.now;
        self.now = now;
        self.wall = wall
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
    }

    /// When a datagram came that the kernel says came at `arrived` since 1970: not before the last reading,
    /// even if it was left over from it, and not after this one.
    pub fn instant_of(&self, arrived: Option<Duration>) -> Instant {
        let age = arrived.and_then(|arrived| self.wall.checked_sub(arrived));
        let longest = self.now.saturating_duration_since(self.before);
        self.now - age.unwrap_or_default().min(longest)
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_datagram_came_when_the_kernel_says_between_two_readings() {
        let start = Instant::now();
        let wall = Duration::from_secs(1_800_000_000);
        let mut clock = ArrivalClock::new(start);
        clock.read_at(start + 20 * MS, SystemTime::UNIX_EPOCH + wall);
        let came = |arrived| clock.instant_of(arrived) - start;
        assert_eq!(came(Some(wall - 13 * MS)), 7 * MS);
        assert_eq!(came(Some(wall)), 20 * MS);
        // Unknown, or the wall clock was set back or forward.
        assert_eq!(came(None), 20 * MS);
        assert_eq!(came(Some(wall + 3_600_000 * MS)), 20 * MS);
        assert_eq!(came(Some(wall - 3_600_000 * MS)), Duration::ZERO);
        assert_eq!(came(Some(Duration::ZERO)), Duration::ZERO);
    }
}
