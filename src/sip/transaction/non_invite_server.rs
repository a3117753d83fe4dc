//! Non-INVITE server transaction: RFC 3261 §17.2.2 and figure 8.

use std::time::Instant;

use super::machine::{Machine, States};
use super::timer::{Reliability, Timer, TimerValues};

/// The state of a non-INVITE server transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nothing was sent; a repeated request is absorbed.
    Trying,
    /// A provisional response was sent; a repeated request gets it again.
    Proceeding,
    /// The final response was sent; a repeated request gets it again.
    Completed,
    /// Nothing is sent or accepted any more.
    Terminated,
}

/// What can happen to a non-INVITE server transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// The request came again.
    Request,
    /// The TU sends a 1xx.
    Provisional,
    /// The TU sends a 2xx to 6xx.
    Final,
    /// A timer is due.
    Timer(Timer),
}

/// What the owner has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Nothing.
    Absorb,
    /// Send the response that the TU gave, and keep it.
    Send,
    /// Send the last response again.
    Retransmit,
    /// The TU has not answered, and nobody waits for it any more.
    GiveUp,
}

/// One request other than INVITE, ACK and CANCEL that we received.
pub type NonInviteServer = Machine<State>;

impl States for State {
    const TERMINATED: Self = Self::Terminated;
}

impl NonInviteServer {
    /// Starts in Trying.
    pub fn new(now: Instant, values: TimerValues, reliability: Reliability) -> Self {
        let mut machine = Self::starting(State::Trying, values, reliability);
        machine.timers.end(now, Timer::Unanswered, values.give_up());
        machine
    }

    /// Takes one input at `now`. Figure 8 of RFC 3261 is this `match`, with an end for what the TU leaves
    /// without a final response.
    pub fn handle(&mut self, now: Instant, input: Input) -> Action {
        use State::{Completed, Proceeding, Terminated, Trying};
        match (self.state, input) {
            (Trying | Proceeding, Input::Provisional) => self.go(Proceeding, Action::Send),
            (Trying | Proceeding, Input::Final) => {
                let linger = self.reliability.linger(self.values.give_up());
                self.timers.enter(now, Timer::J, linger);
                self.go(Completed, Action::Send)
            }
            (Proceeding | Completed, Input::Request) => Action::Retransmit,
            (Trying | Proceeding, Input::Timer(Timer::Unanswered)) => {
                self.go(Terminated, Action::GiveUp)
            }
            (Completed, Input::Timer(Timer::J)) => self.go(Terminated, Action::Absorb),
            _ => Action::Absorb,
        }
    }
}
