//! Fewer, fuller turns of a busy thread.
//!
//! A thread that sleeps whenever it has nothing to do wakes for each datagram, and on a machine with many calls
//! the waking costs more than the datagram. So a worker that has slept often lately rests for a moment before
//! it asks for work again, and finds several things to do at once, as network cards moderate their
//! interrupts. A call of an idle server waits for nothing. Called by the runtime's thread.
#![allow(clippy::disallowed_methods)]

use std::cell::Cell;
use std::time::{Duration, Instant};

use tokio::runtime::Builder;

/// How long a busy thread rests: what a message may wait, well below what anybody can notice.
const REST: Duration = Duration::from_millis(1);
/// A thread is busy while its sleeps follow each other more closely than this, on the average.
const BUSY: Duration = Duration::from_millis(2);
/// After a sleep as long as this the thread is idle, whatever was before.
const SILENCE: Duration = Duration::from_millis(20);
/// One sleep's weight in that average is one in so many.
const SMOOTHING: u32 = 16;

thread_local! {
    static PACE: Cell<Pace> = const { Cell::new(Pace::IDLE) };
}

/// How closely the sleeps of a thread follow each other.
#[derive(Debug, Clone, Copy)]
struct Pace {
    last: Option<Instant>,
    average: Duration,
}

impl Pace {
    const IDLE: Self = Self {
        last: None,
        average: Duration::from_millis(4),
    };

    /// Takes a sleep that begins now; returns whether the thread is busy.
    fn sleeps(&mut self, now: Instant) -> bool {
        let since = self.last.map_or(SILENCE, |last| now - last);
        if since >= SILENCE {
            *self = Self::IDLE;
        }
        // A long sleep says that there is little to do, but not how little.
        let since = since.min(2 * BUSY);
        self.average = (self.average * (SMOOTHING - 1) + since) / SMOOTHING;
        self.last = Some(now);
        self.average < BUSY
    }
}

/// Has the threads of this runtime rest while they are busy.
pub(super) fn coalesce(threads: &mut Builder) -> &mut Builder {
    threads.on_thread_park(|| {
        let busy = PACE.with(|cell| {
            let mut pace = cell.get();
            let busy = pace.sleeps(Instant::now());
            cell.set(pace);
            busy
        });
        if busy {
            std::thread::sleep(REST);
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paced(pace: &mut Pace, start: Instant, every: Duration, sleeps: u32) -> bool {
        (1..=sleeps).fold(false, |_, n| pace.sleeps(start + every * n))
    }

    #[test]
    fn a_thread_that_sleeps_often_is_busy_until_it_sleeps_long() {
        let (mut pace, start) = (Pace::IDLE, Instant::now());
        assert!(!paced(&mut pace, start, 2 * BUSY, 100));
        let start = start + 200 * BUSY;
        assert!(paced(&mut pace, start, BUSY / 4, 100));
        let start = start + 25 * BUSY;
        assert!(!paced(&mut pace, start, 3 * BUSY, 30));
    }

    #[test]
    fn a_rest_does_not_end_a_busy_time() {
        let (mut pace, start) = (Pace::IDLE, Instant::now());
        assert!(paced(&mut pace, start, BUSY / 4, 100));
        assert!(paced(&mut pace, start + 25 * BUSY, REST + BUSY / 4, 1_000));
    }

    #[test]
    fn one_message_after_a_long_silence_waits_for_nothing() {
        let mut pace = Pace::IDLE;
        let now = Instant::now();
        assert!(paced(&mut pace, now, BUSY / 4, 100));
        assert!(!paced(&mut pace, now + 100 * BUSY, BUSY / 100, 10));
    }
}
