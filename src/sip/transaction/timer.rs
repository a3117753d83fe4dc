//! Timer values (RFC 3261 Appendix A, RFC 6026 §8) and the timers that one transaction has running.

use std::time::{Duration, Instant};

/// The three base values that all transaction timers come from (RFC 3261 §17.1.1.1, Appendix A).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimerValues {
    /// Estimate of the round trip; first retransmission interval. Default 500 ms.
    pub t1: Duration,
    /// Longest retransmission interval of anything but an INVITE request. Default 4 s.
    pub t2: Duration,
    /// Longest time a message stays in the network. Default 5 s.
    pub t4: Duration,
}

impl Default for TimerValues {
    fn default() -> Self {
        Self {
            t1: Duration::from_millis(500),
            t2: Duration::from_secs(4),
            t4: Duration::from_secs(5),
        }
    }
}

impl TimerValues {
    /// Returns 64×T1, the time after which a transaction gives up: timers B, F, H, J, L and M,
    /// the wait of RFC 3261 §9.1 for the end of a cancelled INVITE.
    pub fn give_up(&self) -> Duration {
        self.t1 * 64
    }
}

/// Whether a transport delivers what it accepted: UDP does not, TCP and its relatives do.
///
/// Over a reliable transport requests and non-2xx responses are sent once, and no time is spent on
/// absorbing retransmissions: timers A, E and G are not started, D, I, J and K are zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reliability {
    /// UDP.
    Unreliable,
    /// TCP, TLS, SCTP, WebSocket.
    Reliable,
}

impl Reliability {
    /// Returns `value`, or zero when the transport is reliable.
    pub(super) fn linger(self, value: Duration) -> Duration {
        match self {
            Self::Unreliable => value,
            Self::Reliable => Duration::ZERO,
        }
    }
}

/// A timer of RFC 3261 Appendix A or RFC 6026 §7, and those that the RFC describes without a letter.
/// C is not here: only proxies have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timer {
    /// INVITE request retransmission: T1, doubling without limit until B. Unreliable only.
    A,
    /// INVITE client gives up: 64×T1.
    B,
    /// INVITE client absorbs repeated failures: 32 s or more, zero over reliable transports.
    D,
    /// Non-INVITE request retransmission: T1 doubling to T2. Unreliable only.
    E,
    /// Non-INVITE client gives up: 64×T1.
    F,
    /// INVITE failure response retransmission: T1 doubling to T2. Unreliable only.
    G,
    /// INVITE server stops waiting for the ACK to a failure: 64×T1.
    H,
    /// INVITE server absorbs repeated ACKs: T4, zero over reliable transports.
    I,
    /// Non-INVITE server absorbs repeated requests: 64×T1, zero over reliable transports.
    J,
    /// Non-INVITE client absorbs repeated responses: T4, zero over reliable transports.
    K,
    /// INVITE server absorbs repeated INVITEs and waits for the ACK after a 2xx: 64×T1.
    L,
    /// INVITE client waits for repeated 2xx and those of other forks: 64×T1.
    M,
    /// The TU takes its time: the INVITE gets its 100, 200 ms after it came (RFC 3261 §17.2.1).
    Trying,
    /// 2xx retransmission: T1 doubling to T2, over every transport (RFC 3261 §13.3.1.4).
    Success,
    /// Retransmission of a reliable provisional response: T1, doubling without limit (RFC 3262 §3).
    Reliable,
    /// Nobody acknowledged a reliable provisional response: 64×T1 (RFC 3262 §3).
    Prack,
    /// End of a cancelled INVITE that gets no final response: 64×T1 (RFC 3261 §9.1).
    Cancel,
    /// Non-INVITE server that the TU does not answer: 64×T1, after which the client has given up too
    /// (its timer F).
    Unanswered,
}

/// RFC 3261 §17.2.1: how long a TU may take to answer before the transaction sends 100 (Trying).
pub(super) const TRYING_AFTER: Duration = Duration::from_millis(200);

/// RFC 3261 §17.1.1.2: at least 32 seconds, whatever T1 is.
const TIMER_D: Duration = Duration::from_secs(32);

impl TimerValues {
    /// Returns the value of [`Timer::D`] for an unreliable transport.
    pub(super) fn timer_d(&self) -> Duration {
        self.give_up().max(TIMER_D)
    }
}

/// The timers one transaction has running: at most one that repeats and one that ends a state.
#[derive(Debug, Clone, Default)]
pub(super) struct Timers {
    repeating: Option<(Timer, Instant)>,
    ending: Option<(Timer, Instant)>,
    /// What the repeating timer was last started with.
    interval: Duration,
}

impl Timers {
    /// Starts the repeating timer at `interval`.
    pub(super) fn repeat(&mut self, now: Instant, timer: Timer, interval: Duration) {
        self.repeating = Some((timer, now + interval));
        self.interval = interval;
    }

    /// Starts the repeating timer again at twice its interval, at most `longest`.
    ///
    /// Counted from `now`, not from when it was due: a late driver does not cause a burst.
    pub(super) fn back_off(&mut self, now: Instant, timer: Timer, longest: Duration) {
        self.repeat(now, timer, (self.interval * 2).min(longest));
    }

    /// Stops everything and starts the timer that ends the state just entered.
    pub(super) fn enter(&mut self, now: Instant, timer: Timer, duration: Duration) {
        self.repeating = None;
        self.end(now, timer, duration);
    }

    /// Starts the ending timer, leaving the repeating one alone.
    pub(super) fn end(&mut self, now: Instant, timer: Timer, duration: Duration) {
        self.ending = Some((timer, now + duration));
    }

    /// Stops the ending timer if it is `timer`; returns whether it was.
    pub(super) fn stop_ending(&mut self, timer: Timer) -> bool {
        self.ending
            .take_if(|(ending, _)| *ending == timer)
            .is_some()
    }

    pub(super) fn stop_repeating(&mut self) {
        self.repeating = None;
    }

    pub(super) fn stop(&mut self) {
        self.repeating = None;
        self.ending = None;
    }

    /// Returns when the next timer is due.
    pub(super) fn earliest(&self) -> Option<Instant> {
        let repeating = self.repeating.map(|(_, at)| at);
        let ending = self.ending.map(|(_, at)| at);
        match (repeating, ending) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// Takes a timer that is due. The ending timer goes first: nothing is sent when time is up.
    pub(super) fn expired(&mut self, now: Instant) -> Option<Timer> {
        let due = |slot: &mut Option<(Timer, Instant)>| slot.take_if(|(_, at)| *at <= now);
        due(&mut self.ending)
            .or_else(|| due(&mut self.repeating))
            .map(|(timer, _)| timer)
    }
}
