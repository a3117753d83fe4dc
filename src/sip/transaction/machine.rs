//! What the four machines have in common: a state, the timers that run in it, and an end.

use std::time::Instant;

use super::timer::{Reliability, Timer, TimerValues, Timers};

/// One transaction, whose kind is told by its states `S`. [`InviteClient`] and the other three names
/// add what each kind takes and does.
///
/// [`InviteClient`]: super::InviteClient
#[derive(Debug, Clone)]
pub struct Machine<S> {
    pub(super) state: S,
    pub(super) timers: Timers,
    pub(super) values: TimerValues,
    pub(super) reliability: Reliability,
}

/// The states of one kind of transaction.
pub trait States: Copy + PartialEq {
    /// Nothing is sent or accepted any more.
    const TERMINATED: Self;
}

impl<S: States> Machine<S> {
    pub(super) fn starting(state: S, values: TimerValues, reliability: Reliability) -> Self {
        Self {
            state,
            timers: Timers::default(),
            values,
            reliability,
        }
    }

    /// Takes a timer that is due at `now`, to be given back as an input.
    pub fn expired(&mut self, now: Instant) -> Option<Timer> {
        self.timers.expired(now)
    }

    /// Returns when the next timer is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.earliest()
    }

    /// Returns the state.
    pub fn state(&self) -> S {
        self.state
    }

    /// Returns whether the transaction is over.
    pub fn is_terminated(&self) -> bool {
        self.state == S::TERMINATED
    }

    /// Enters `state`, which asks for `action`. The last state has no timers.
    pub(super) fn go<A>(&mut self, state: S, action: A) -> A {
        self.state = state;
        if self.is_terminated() {
            self.timers.stop();
        }
        action
    }
}
