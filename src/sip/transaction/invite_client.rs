//! INVITE client transaction: RFC 3261 §17.1.1 and figure 5, with the Accepted state and timer M of
//! RFC 6026 §7.2.

use std::time::{Duration, Instant};

use super::machine::{Machine, States};
use super::timer::{Reliability, Timer, TimerValues};

/// The state of an INVITE client transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The INVITE is out, nothing has come back.
    Calling,
    /// A provisional response came; the INVITE is no longer repeated.
    Proceeding,
    /// A 2xx came; more of them may come, also from other forks.
    Accepted,
    /// A failure came and was acknowledged; repeated ones are acknowledged again.
    Completed,
    /// Nothing is sent or accepted any more.
    Terminated,
}

/// What can happen to an INVITE client transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// A 1xx response.
    Provisional,
    /// A 2xx response.
    Success,
    /// A 3xx to 6xx response.
    Failure,
    /// The CANCEL for this INVITE has been sent.
    Cancel,
    /// The INVITE is not to be repeated any more, as its server is given up.
    Abandon,
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
    /// Build and send the ACK for this failure, and pass the response to the TU.
    AcknowledgeAndDeliver,
    /// Send the ACK or the INVITE, whichever was sent last, again.
    Retransmit,
    /// Tell the TU that no final response came in time.
    Timeout,
    /// Tell the TU that the INVITE could not be sent.
    Fail,
}

/// One INVITE that we sent.
pub type InviteClient = Machine<State>;

impl States for State {
    const TERMINATED: Self = Self::Terminated;
}

impl InviteClient {
    /// Starts in Calling; the owner sends the INVITE.
    pub fn new(now: Instant, values: TimerValues, reliability: Reliability) -> Self {
        let mut machine = Self::starting(State::Calling, values, reliability);
        machine.timers.end(now, Timer::B, values.give_up());
        if reliability == Reliability::Unreliable {
            machine.timers.repeat(now, Timer::A, values.t1);
        }
        machine
    }

    /// Takes one input at `now`. Figure 5 of RFC 6026 is this `match`.
    pub fn handle(&mut self, now: Instant, input: Input) -> Action {
        use State::{Accepted, Calling, Completed, Proceeding, Terminated};
        match (self.state, input) {
            (Calling, Input::Timer(Timer::A)) => {
                self.timers.back_off(now, Timer::A, Duration::MAX);
                Action::Retransmit
            }
            (Calling, Input::Provisional) => {
                self.timers.stop();
                self.go(Proceeding, Action::Deliver)
            }
            (Proceeding, Input::Provisional) => Action::Deliver,
            (Calling | Proceeding, Input::Success) => {
                self.timers.enter(now, Timer::M, self.values.give_up());
                self.go(Accepted, Action::Deliver)
            }
            (Calling | Proceeding, Input::Failure) => {
                let linger = self.reliability.linger(self.values.timer_d());
                self.timers.enter(now, Timer::D, linger);
                self.go(Completed, Action::AcknowledgeAndDeliver)
            }
            (Calling, Input::Abandon) => {
                self.timers.stop_repeating();
                Action::Absorb
            }
            (Proceeding, Input::Cancel) => {
                self.timers.end(now, Timer::Cancel, self.values.give_up());
                Action::Absorb
            }
            (Calling, Input::Timer(Timer::B)) | (Proceeding, Input::Timer(Timer::Cancel)) => {
                self.go(Terminated, Action::Timeout)
            }
            (Calling, Input::TransportError) => self.go(Terminated, Action::Fail),
            (Accepted, Input::Success) => Action::Deliver,
            (Completed, Input::Failure) => Action::Retransmit,
            // The figure also informs the TU of a failed ACK; the TU has its final response already
            // and is told the end of a transaction once only.
            (Completed, Input::TransportError)
            | (Completed, Input::Timer(Timer::D))
            | (Accepted, Input::Timer(Timer::M)) => self.go(Terminated, Action::Absorb),
            _ => Action::Absorb,
        }
    }
}
