//! Whether more comes than can be dealt with: which new calls are refused.
//!
//! Calls wait in two kinds of queues: datagrams and messages in that of the way they come by, and sessions that have
//! been started for their first turn. Each UDP socket is a way, and all connections together are one; the
//! signalling task takes from them in turn. Who fills one way has no influence on calls that come by another, but for
//! the queue of sessions, which all ways lead to.
//!
//! A queue that is long for a moment is a burst, or what gathered while the machine stood still: all in it will be
//! answered soon, and nobody is refused. A queue that has not been short for an [`INTERVAL`] stands: more comes than
//! can be dealt with, waiting helps nobody, and until it has been short for as long, new calls are refused at
//! once, which is cheap, whenever it is too long. (That is the idea of CoDel, RFC 8289; calls are refused before
//! they wait, and not by their age, so that the queue keeps its length.) So the server goes on with as many calls as it
//! can bear, whatever that is on this machine and with these diagrams, and whoever is refused learns it in time to try
//! elsewhere. A bound that a burst must not pass either keeps waiting and memory finite. CORE; driven by the
//! signalling task.

use std::time::{Duration, Instant};

/// For so long a queue has to be long until it stands, and short until it does not stand any more.
const INTERVAL: Duration = Duration::from_millis(100);
/// Time between two looks at a long queue counts as at most so much: one standstill of the machine, however long, is
/// no queue that stands.
const LONGEST_GAP: Duration = Duration::from_millis(20);

/// How long a queue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    /// What is in it waits for a moment only.
    Short,
    /// What comes now has to wait. That is fine in a burst.
    Long,
    /// As much as may wait at all.
    Full,
}

/// Time as it is seen at looks at a queue.
#[derive(Debug, Clone, Copy, Default)]
struct Looks {
    last: Option<Instant>,
}

impl Looks {
    /// What has passed since the last look.
    fn passed(&mut self, now: Instant) -> Duration {
        let last = self.last.replace(now).unwrap_or(now);
        now.saturating_duration_since(last)
    }
}

/// Tells a burst from a queue that stands.
#[derive(Debug, Clone, Copy, Default)]
struct Standing {
    stands: bool,
    /// For how long all looks have said the contrary.
    contrary: Duration,
    refuses: bool,
    /// Calls have been refused, and the queue has not been short since without standing.
    in_overload: bool,
}

impl Standing {
    /// Takes how long the queue is, `passed` after the last look; returns whether an overload begins.
    fn look(&mut self, passed: Duration, level: Level) -> bool {
        let long = level != Level::Short;
        if long == self.stands {
            self.contrary = Duration::ZERO;
        } else {
            self.contrary += match long {
                true => passed.min(LONGEST_GAP),
                false => passed,
            };
            if self.contrary >= INTERVAL {
                self.stands = long;
                self.contrary = Duration::ZERO;
            }
        }
        self.refuses = match level {
            Level::Short => false,
            Level::Long => self.stands,
            Level::Full => true,
        };
        let in_overload = self.refuses || (self.in_overload && (long || self.stands));
        !std::mem::replace(&mut self.in_overload, in_overload) && in_overload
    }
}

/// The queue of one way.
#[derive(Debug, Clone, Default)]
pub(super) struct WayLoad {
    inputs: u32,
    looks: Looks,
    queue: Standing,
}

/// From this on the queue of a way is long. Of two megabytes and datagrams of one kilobyte, some 10 ms of work.
const LONG_PERCENT: u32 = 35;
/// From this on it is full: what has come waits long enough already, and what comes next may be lost.
const FULL_PERCENT: u32 = 50;
/// Otherwise the queue of a way is looked at once in so many inputs.
const LOOK_EVERY: u32 = 8;

impl WayLoad {
    /// Counts an input; returns whether the queue is to be looked at: each time while calls are refused, so that
    /// the first call after a flood is taken.
    pub(super) fn count(&mut self) -> bool {
        self.inputs = self.inputs.wrapping_add(1);
        self.queue.refuses || self.inputs.is_multiple_of(LOOK_EVERY)
    }

    /// Whether new calls are refused.
    pub(super) fn refuses(&self) -> bool {
        self.queue.refuses
    }

    /// Takes how full the queue is, 0 to 100; returns whether an overload begins.
    pub(super) fn look(&mut self, now: Instant, percent: u32) -> bool {
        let level = match percent {
            FULL_PERCENT.. => Level::Full,
            LONG_PERCENT.. => Level::Long,
            _ => Level::Short,
        };
        let passed = self.looks.passed(now);
        self.queue.look(passed, level)
    }
}

/// The sessions that wait for their first turn.
#[derive(Debug, Clone)]
pub(super) struct WorkLoad {
    looks: Looks,
    queue: Standing,
    /// How many sessions can be begun in an [`INTERVAL`], as far as is known.
    pace: usize,
    /// When that was seen; `None`: it is an assumption.
    learnt: Option<Instant>,
    window: Window,
}

/// An interval in which sessions are counted.
#[derive(Debug, Clone, Copy, Default)]
struct Window {
    passed: Duration,
    /// How many had been begun before.
    begun: usize,
    /// At one look nobody waited: more could have been begun.
    idle: bool,
}

/// A queue is short while what comes now waits less than this.
const TARGET: Duration = Duration::from_millis(20);
/// The most sessions that may wait, and the pace that is assumed until there is a better one.
const MOST_WAITING: usize = 640;
/// The least that is believed of a pace: with fewer sessions than an interval has targets, one more or less would be
/// everything.
const LEAST_PACE: usize = 40;
/// What is known of the pace is forgotten after this: the machine may have been busy with other things.
const MEMORY: Duration = Duration::from_secs(10);

impl Default for WorkLoad {
    fn default() -> Self {
        Self {
            looks: Looks::default(),
            queue: Standing::default(),
            pace: MOST_WAITING,
            learnt: None,
            window: Window::default(),
        }
    }
}

impl WorkLoad {
    /// Whether new calls are refused.
    pub(super) fn refuses(&self) -> bool {
        self.queue.refuses
    }

    /// Takes how many sessions have had their first turn since the start of the server, and how many wait for
    /// it; returns whether an overload begins.
    ///
    /// The queue is measured in time: its length by the number that was begun in the last interval in which somebody
    /// waited all the time. It is full when what comes now would wait for an interval.
    pub(super) fn look(&mut self, now: Instant, begun: usize, waiting: usize) -> bool {
        let passed = self.looks.passed(now);
        self.learn(now, passed, begun, waiting);
        let short = self.pace * TARGET.as_millis() as usize / INTERVAL.as_millis() as usize;
        let level = match waiting {
            _ if waiting >= self.pace => Level::Full,
            _ if waiting > short => Level::Long,
            _ => Level::Short,
        };
        self.queue.look(passed, level)
    }

    fn learn(&mut self, now: Instant, passed: Duration, begun: usize, waiting: usize) {
        let window = &mut self.window;
        window.passed += passed.min(INTERVAL);
        window.idle |= waiting == 0;
        if window.passed < INTERVAL {
            return;
        }
        let count = begun.wrapping_sub(window.begun);
        let pace = count as u128 * INTERVAL.as_micros() / window.passed.as_micros();
        let pace = (pace as usize).clamp(LEAST_PACE, MOST_WAITING);
        // Who begins none at all hangs, which says nothing of its pace. Who has been idle can do at least what it
        // did: where too few may wait, they are soon gone, and more may.
        if pace > self.pace || (!window.idle && count > 0) {
            self.pace = pace;
            self.learnt = Some(now);
        } else if self.learnt.is_some_and(|at| now - at >= MEMORY) {
            self.pace = MOST_WAITING;
            self.learnt = None;
        }
        *window = Window {
            begun,
            ..Window::default()
        };
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests;
