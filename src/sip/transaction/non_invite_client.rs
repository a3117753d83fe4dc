//! Non-INVITE client transaction: RFC 3261 §17.1.2 and figure 6.

use std::time::Instant;

use super::machine::{Machine, States};
use super::timer::{Reliability, Timer, TimerValues};

/// The state of a non-INVITE client transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The request is out, nothing has come back.
    Trying,
    /// A provisional response came; the request is repeated every T2.
    Proceeding,
    /// The final response came; repeated ones are absorbed.
    Completed,
    /// Nothing is sent or accepted any more.
    Terminated,
}

/// What can happen to a non-INVITE client transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// A 1xx response.
    Provisional,
    /// A 2xx to 6xx response.
    Final,
    /// A timer is due.
    Timer(Timer),
    /// The transport could not send.
    TransportError,
}

/// What the owner has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Nothing.
    Absorb,
    /// Pass the response to the TU.
    Deliver,
    /// Send the request again.
    Retransmit,
    /// Tell the TU that no final response came in time.
    Timeout,
    /// Tell the TU that the request could not be sent.
    Fail,
}

/// One request other than INVITE that we sent.
pub type NonInviteClient = Machine<State>;

impl States for State {
    const TERMINATED: Self = Self::Terminated;
}

impl NonInviteClient {
    /// Starts in Trying; the owner sends the request.
    pub fn new(now: Instant, values: TimerValues, reliability: Reliability) -> Self {
        let mut machine = Self::starting(State::Trying, values, reliability);
        machine.timers.end(now, Timer::F, values.give_up());
        if reliability == Reliability::Unreliable {
            machine.timers.repeat(now, Timer::E, values.t1);
        }
        machine
    }

    /// Takes one input at `now`. Figure 6 of RFC 3261 is this `match`.
    pub fn handle(&mut self, now: Instant, input: Input) -> Action {
        use State::{Completed, Proceeding, Terminated, Trying};
        match (self.state, input) {
            (Trying, Input::Timer(Timer::E)) => {
                self.timers.back_off(now, Timer::E, self.values.t2);
                Action::Retransmit
            }
            (Proceeding, Input::Timer(Timer::E)) => {
                self.timers.repeat(now, Timer::E, self.values.t2);
                Action::Retransmit
            }
            (Trying | Proceeding, Input::Provisional) => self.go(Proceeding, Action::Deliver),
            (Trying | Proceeding, Input::Final) => {
                let linger = self.reliability.linger(self.values.t4);
                self.timers.enter(now, Timer::K, linger);
                self.go(Completed, Action::Deliver)
            }
            (Trying | Proceeding, Input::Timer(Timer::F)) => self.go(Terminated, Action::Timeout),
            (Trying | Proceeding, Input::TransportError) => self.go(Terminated, Action::Fail),
            (Completed, Input::Timer(Timer::K)) => self.go(Terminated, Action::Absorb),
            _ => Action::Absorb,
        }
    }
}
