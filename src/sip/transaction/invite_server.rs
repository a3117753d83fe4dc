//! INVITE server transaction: RFC 3261 §17.2.1 and figure 7, with the Accepted state and timer L of
//! RFC 6026 §7.1.
//!
//! The retransmission of a 2xx until its ACK (RFC 3261 §13.3.1.4) is the work of the UAS core in the
//! RFC. It is done here, as [`Timer::Success`] in the Accepted state, because that state lives exactly
//! as long as the core would wait: 64×T1. The same goes for reliable provisional responses (RFC 3262
//! §3), which are repeated in the Proceeding state, one at a time.

use std::time::{Duration, Instant};

use super::machine::{Machine, States};
use super::timer::{Reliability, TRYING_AFTER, Timer, TimerValues};

/// The state of an INVITE server transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// No final response yet; a repeated INVITE gets the last provisional response again, or 100 (Trying)
    /// if there was none.
    Proceeding,
    /// A 2xx was sent and is repeated until its ACK.
    Accepted,
    /// The 2xx was acknowledged; repeated INVITEs are absorbed. RFC 6026 still calls this Accepted.
    Acknowledged,
    /// A failure was sent and is repeated until its ACK.
    Completed,
    /// The failure was acknowledged; repeated ACKs are absorbed.
    Confirmed,
    /// Nothing is sent or accepted any more.
    Terminated,
}

/// What can happen to an INVITE server transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// The INVITE came again.
    Request,
    /// The ACK of a failure came: it has the branch of the INVITE.
    Ack,
    /// The ACK of the 2xx came: it has the dialog and the CSeq number of the INVITE.
    SuccessAck,
    /// The TU sends a 1xx.
    Provisional,
    /// The TU sends a 1xx that a PRACK has to acknowledge.
    Reliable,
    /// That PRACK came.
    Prack,
    /// The TU sends a 2xx.
    Success,
    /// The TU sends a 3xx to 6xx.
    Failure,
    /// A timer is due.
    Timer(Timer),
}

/// What the owner has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Nothing.
    Absorb,
    /// Send 100 (Trying), and keep it.
    SendTrying,
    /// Send the response that the TU gave, and keep it.
    Send,
    /// Send the last response again.
    Retransmit,
    /// Send the reliable provisional response again.
    RetransmitReliable,
    /// Tell the TU that its reliable provisional response was never acknowledged.
    PrackTimeout,
    /// Pass the ACK of the 2xx to the TU.
    DeliverAck,
    /// Tell the TU that its 2xx was never acknowledged.
    AckTimeout,
}

/// One INVITE that we received.
pub type InviteServer = Machine<State>;

impl States for State {
    const TERMINATED: Self = Self::Terminated;
}

impl InviteServer {
    /// Starts in Proceeding at `now`. 100 (Trying) is for a TU that is slow or a peer that asks again:
    /// most INVITEs are answered at once (RFC 3261 §17.2.1).
    pub fn new(now: Instant, values: TimerValues, reliability: Reliability) -> Self {
        let mut machine = Self::starting(State::Proceeding, values, reliability);
        machine.timers.end(now, Timer::Trying, TRYING_AFTER);
        machine
    }

    /// Takes one input at `now`. Figure 7 of RFC 6026 is this `match`.
    pub fn handle(&mut self, now: Instant, input: Input) -> Action {
        use State::{Accepted, Acknowledged, Completed, Confirmed, Proceeding, Terminated};
        match (self.state, input) {
            (Proceeding, Input::Timer(Timer::Trying)) => Action::SendTrying,
            (Proceeding, Input::Request) if self.timers.stop_ending(Timer::Trying) => {
                Action::SendTrying
            }
            (Proceeding, Input::Provisional) => {
                self.timers.stop_ending(Timer::Trying);
                Action::Send
            }
            (Proceeding, Input::Reliable) => {
                self.timers.enter(now, Timer::Prack, self.values.give_up());
                self.timers.repeat(now, Timer::Reliable, self.values.t1);
                Action::Send
            }
            (Proceeding, Input::Prack) => {
                self.timers.stop();
                Action::Absorb
            }
            (Proceeding, Input::Timer(Timer::Reliable)) => {
                self.timers.back_off(now, Timer::Reliable, Duration::MAX);
                Action::RetransmitReliable
            }
            (Proceeding, Input::Timer(Timer::Prack)) => {
                self.timers.stop();
                Action::PrackTimeout
            }
            (Proceeding, Input::Success) => {
                self.timers.enter(now, Timer::L, self.values.give_up());
                self.timers.repeat(now, Timer::Success, self.values.t1);
                self.go(Accepted, Action::Send)
            }
            (Proceeding, Input::Failure) => {
                self.timers.enter(now, Timer::H, self.values.give_up());
                if self.reliability == Reliability::Unreliable {
                    self.timers.repeat(now, Timer::G, self.values.t1);
                }
                self.go(Completed, Action::Send)
            }
            (Proceeding | Accepted | Completed, Input::Request) => Action::Retransmit,
            (Accepted, Input::SuccessAck) => {
                self.timers.stop_repeating();
                self.go(Acknowledged, Action::DeliverAck)
            }
            (Accepted, Input::Timer(Timer::Success)) => {
                self.timers.back_off(now, Timer::Success, self.values.t2);
                Action::Retransmit
            }
            (Accepted, Input::Timer(Timer::L)) => self.go(Terminated, Action::AckTimeout),
            (Completed, Input::Timer(Timer::G)) => {
                self.timers.back_off(now, Timer::G, self.values.t2);
                Action::Retransmit
            }
            (Completed, Input::Ack) => {
                let linger = self.reliability.linger(self.values.t4);
                self.timers.enter(now, Timer::I, linger);
                self.go(Confirmed, Action::Absorb)
            }
            (Acknowledged, Input::Timer(Timer::L))
            | (Completed, Input::Timer(Timer::H))
            | (Confirmed, Input::Timer(Timer::I)) => self.go(Terminated, Action::Absorb),
            _ => Action::Absorb,
        }
    }
}
