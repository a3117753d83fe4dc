//! The machines alone, driven by plain inputs.
#![allow(clippy::disallowed_methods)]

use std::time::{Duration, Instant};

use super::*;

const T1: Duration = Duration::from_millis(500);

fn values() -> TimerValues {
    TimerValues::default()
}

/// Runs the timers of a machine until none is left, at most `limit` of them; returns each action
/// with the milliseconds since `start`.
macro_rules! run_timers {
    ($machine:expr, $input:path, $start:expr) => {{
        let mut log = Vec::new();
        while let Some(at) = $machine.poll_timeout() {
            assert!(log.len() < 100, "a machine must end");
            let timer = $machine.expired(at).expect("it said that a timer is due");
            let action = $machine.handle(at, $input(timer));
            log.push((at.duration_since($start).as_millis(), timer, action));
        }
        log
    }};
}

#[test]
fn rfc3261_17_1_1_2_invite_doubles_timer_a_until_timer_b() {
    use invite_client::{Action, Input, State};
    let start = Instant::now();
    let mut machine = InviteClient::new(start, values(), Reliability::Unreliable);
    let log = run_timers!(machine, Input::Timer, start);
    let times: Vec<_> = log.iter().map(|(at, ..)| *at).collect();
    assert_eq!(times, [500, 1500, 3500, 7500, 15500, 31500, 32000]);
    assert_eq!(log[6].2, Action::Timeout);
    assert_eq!(machine.state(), State::Terminated);
}

#[test]
fn rfc3261_17_1_1_2_invite_is_not_repeated_over_reliable_transports() {
    use invite_client::{Action, Input};
    let start = Instant::now();
    let mut machine = InviteClient::new(start, values(), Reliability::Reliable);
    let log = run_timers!(machine, Input::Timer, start);
    assert_eq!(log, [(32000, Timer::B, Action::Timeout)]);
}

#[test]
fn rfc3261_17_1_1_2_provisional_response_stops_timers_a_and_b() {
    use invite_client::{Action, Input, State};
    let start = Instant::now();
    let mut machine = InviteClient::new(start, values(), Reliability::Unreliable);
    assert_eq!(machine.handle(start, Input::Provisional), Action::Deliver);
    assert_eq!(machine.handle(start, Input::Provisional), Action::Deliver);
    assert_eq!(machine.state(), State::Proceeding);
    assert_eq!(machine.poll_timeout(), None);
}

#[test]
fn rfc3261_9_1_cancelled_invite_without_final_response_ends_after_64_t1() {
    use invite_client::{Action, Input};
    let start = Instant::now();
    let mut machine = InviteClient::new(start, values(), Reliability::Unreliable);
    machine.handle(start, Input::Provisional);
    machine.handle(start, Input::Cancel);
    assert_eq!(machine.handle(start, Input::Provisional), Action::Deliver);
    let log = run_timers!(machine, Input::Timer, start);
    assert_eq!(log, [(32000, Timer::Cancel, Action::Timeout)]);
}

#[test]
fn rfc3261_17_1_1_2_repeated_failure_is_acknowledged_during_timer_d() {
    use invite_client::{Action, Input, State};
    let start = Instant::now();
    let mut machine = InviteClient::new(start, values(), Reliability::Unreliable);
    let first = machine.handle(start, Input::Failure);
    assert_eq!(first, Action::AcknowledgeAndDeliver);
    assert_eq!(machine.handle(start, Input::Failure), Action::Retransmit);
    assert_eq!(machine.handle(start, Input::Success), Action::Absorb);
    let log = run_timers!(machine, Input::Timer, start);
    assert_eq!(log, [(32000, Timer::D, Action::Absorb)]);
    assert_eq!(machine.handle(start, Input::Failure), Action::Absorb);
    assert_eq!(machine.state(), State::Terminated);
}

#[test]
fn rfc3261_17_1_1_2_timer_d_is_zero_over_reliable_transports() {
    use invite_client::{Input, State};
    let start = Instant::now();
    let mut machine = InviteClient::new(start, values(), Reliability::Reliable);
    machine.handle(start, Input::Failure);
    assert_eq!(machine.state(), State::Completed);
    assert_eq!(machine.poll_timeout(), Some(start));
}

#[test]
fn rfc3261_17_1_1_2_timer_d_is_32_seconds_even_for_a_small_t1() {
    use invite_client::{Action, Input};
    let start = Instant::now();
    let small = TimerValues {
        t1: Duration::from_millis(10),
        ..values()
    };
    let mut machine = InviteClient::new(start, small, Reliability::Unreliable);
    machine.handle(start, Input::Failure);
    let log = run_timers!(machine, Input::Timer, start);
    assert_eq!(log, [(32000, Timer::D, Action::Absorb)]);
}

#[test]
fn rfc6026_7_2_every_2xx_is_delivered_until_timer_m() {
    use invite_client::{Action, Input, State};
    let start = Instant::now();
    for reliability in [Reliability::Unreliable, Reliability::Reliable] {
        let mut machine = InviteClient::new(start, values(), reliability);
        assert_eq!(machine.handle(start, Input::Success), Action::Deliver);
        assert_eq!(machine.handle(start, Input::Success), Action::Deliver);
        assert_eq!(machine.handle(start, Input::Failure), Action::Absorb);
        assert_eq!(machine.handle(start, Input::Provisional), Action::Absorb);
        assert_eq!(machine.state(), State::Accepted);
        let log = run_timers!(machine, Input::Timer, start);
        assert_eq!(log, [(32000, Timer::M, Action::Absorb)]);
    }
}

#[test]
fn rfc3261_13_3_1_4_2xx_is_repeated_until_64_t1_over_every_transport() {
    use invite_server::{Action, Input};
    let start = Instant::now();
    for reliability in [Reliability::Unreliable, Reliability::Reliable] {
        let mut machine = InviteServer::new(start, values(), reliability);
        assert_eq!(machine.handle(start, Input::Success), Action::Send);
        let log = run_timers!(machine, Input::Timer, start);
        let times: Vec<_> = log.iter().map(|(at, ..)| *at).collect();
        assert_eq!(
            times,
            [
                500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500, 32000
            ]
        );
        assert_eq!(log[10].2, Action::AckTimeout);
    }
}

#[test]
fn rfc6026_7_1_accepted_absorbs_what_comes_after_the_ack() {
    use invite_server::{Action, Input};
    let start = Instant::now();
    let mut machine = InviteServer::new(start, values(), Reliability::Unreliable);
    machine.handle(start, Input::Success);
    assert_eq!(machine.handle(start, Input::Request), Action::Retransmit);
    assert_eq!(machine.handle(start, Input::SuccessAck), Action::DeliverAck);
    assert_eq!(machine.handle(start, Input::SuccessAck), Action::Absorb);
    assert_eq!(machine.handle(start, Input::Request), Action::Absorb);
    assert_eq!(machine.handle(start, Input::Failure), Action::Absorb);
    assert_eq!(machine.handle(start, Input::Ack), Action::Absorb);
    let log = run_timers!(machine, Input::Timer, start);
    assert_eq!(log, [(32000, Timer::L, Action::Absorb)]);
}

#[test]
fn rfc3261_17_2_1_100_is_for_a_tu_that_takes_longer_than_200_ms() {
    use invite_server::{Action, Input};
    let start = Instant::now();
    let new = || InviteServer::new(start, values(), Reliability::Unreliable);
    let mut machine = new();
    let log = run_timers!(machine, Input::Timer, start);
    assert_eq!(log, [(200, Timer::Trying, Action::SendTrying)]);
    for answer in [
        Input::Provisional,
        Input::Reliable,
        Input::Success,
        Input::Failure,
    ] {
        let mut machine = new();
        assert_eq!(machine.handle(start, answer), Action::Send);
        let log = run_timers!(machine, Input::Timer, start);
        assert!(log.iter().all(|(_, timer, _)| *timer != Timer::Trying));
    }
}

#[test]
fn rfc3261_17_2_1_failure_is_repeated_by_timer_g_until_timer_h() {
    use invite_server::{Action, Input};
    let start = Instant::now();
    let mut machine = InviteServer::new(start, values(), Reliability::Unreliable);
    assert_eq!(machine.handle(start, Input::Request), Action::SendTrying);
    assert_eq!(machine.handle(start, Input::Request), Action::Retransmit);
    assert_eq!(machine.handle(start, Input::Provisional), Action::Send);
    assert_eq!(machine.handle(start, Input::Failure), Action::Send);
    assert_eq!(machine.handle(start, Input::Request), Action::Retransmit);
    let log = run_timers!(machine, Input::Timer, start);
    assert_eq!(log.len(), 11);
    assert_eq!(log[10], (32000, Timer::H, Action::Absorb));
}

#[test]
fn rfc3261_17_2_1_ack_stops_timer_g_and_starts_timer_i() {
    use invite_server::{Action, Input, State};
    let start = Instant::now();
    for (reliability, linger) in [(Reliability::Unreliable, 5000), (Reliability::Reliable, 0)] {
        let mut machine = InviteServer::new(start, values(), reliability);
        machine.handle(start, Input::Failure);
        assert_eq!(machine.handle(start, Input::Ack), Action::Absorb);
        assert_eq!(machine.handle(start, Input::Ack), Action::Absorb);
        assert_eq!(machine.state(), State::Confirmed);
        let log = run_timers!(machine, Input::Timer, start);
        assert_eq!(log, [(linger, Timer::I, Action::Absorb)]);
    }
}

#[test]
fn rfc3261_17_1_2_2_request_is_repeated_by_timer_e_capped_at_t2() {
    use non_invite_client::{Action, Input};
    let start = Instant::now();
    let mut machine = NonInviteClient::new(start, values(), Reliability::Unreliable);
    let log = run_timers!(machine, Input::Timer, start);
    let times: Vec<_> = log.iter().map(|(at, ..)| *at).collect();
    assert_eq!(
        times,
        [
            500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500, 32000
        ]
    );
    assert_eq!(log[10].2, Action::Timeout);
}

#[test]
fn rfc3261_17_1_2_2_timer_e_is_t2_once_proceeding() {
    use non_invite_client::{Action, Input};
    let start = Instant::now();
    let mut machine = NonInviteClient::new(start, values(), Reliability::Unreliable);
    assert_eq!(machine.handle(start, Input::Provisional), Action::Deliver);
    let log = run_timers!(machine, Input::Timer, start);
    let times: Vec<_> = log.iter().map(|(at, ..)| *at).collect();
    assert_eq!(
        times,
        [500, 4500, 8500, 12500, 16500, 20500, 24500, 28500, 32000]
    );
}

#[test]
fn rfc3261_17_1_2_2_final_response_is_delivered_once_and_lingers_for_timer_k() {
    use non_invite_client::{Action, Input};
    let start = Instant::now();
    for (reliability, linger) in [(Reliability::Unreliable, 5000), (Reliability::Reliable, 0)] {
        let mut machine = NonInviteClient::new(start, values(), reliability);
        assert_eq!(machine.handle(start, Input::Final), Action::Deliver);
        assert_eq!(machine.handle(start, Input::Final), Action::Absorb);
        let log = run_timers!(machine, Input::Timer, start);
        assert_eq!(log, [(linger, Timer::K, Action::Absorb)]);
    }
}

#[test]
fn rfc3261_17_2_2_repeated_request_gets_the_last_response() {
    use non_invite_server::{Action, Input};
    let start = Instant::now();
    for (reliability, linger) in [(Reliability::Unreliable, 32000), (Reliability::Reliable, 0)] {
        let mut machine = NonInviteServer::new(start, values(), reliability);
        assert_eq!(machine.handle(start, Input::Request), Action::Absorb);
        assert_eq!(machine.handle(start, Input::Provisional), Action::Send);
        assert_eq!(machine.handle(start, Input::Request), Action::Retransmit);
        assert_eq!(machine.handle(start, Input::Final), Action::Send);
        assert_eq!(machine.handle(start, Input::Final), Action::Absorb);
        assert_eq!(machine.handle(start, Input::Request), Action::Retransmit);
        let log = run_timers!(machine, Input::Timer, start);
        assert_eq!(log, [(linger, Timer::J, Action::Absorb)]);
    }
}

#[test]
fn transport_error_ends_a_client_that_waits_for_its_first_response() {
    let now = Instant::now();
    let mut invite = InviteClient::new(now, values(), Reliability::Unreliable);
    let action = invite.handle(now, invite_client::Input::TransportError);
    assert_eq!(action, invite_client::Action::Fail);
    let mut other = NonInviteClient::new(now, values(), Reliability::Unreliable);
    let action = other.handle(now, non_invite_client::Input::TransportError);
    assert_eq!(action, non_invite_client::Action::Fail);
    assert_eq!((invite.poll_timeout(), other.poll_timeout()), (None, None));
}

#[test]
fn late_driver_does_not_cause_a_burst() {
    let start = Instant::now();
    let mut machine = NonInviteClient::new(start, values(), Reliability::Unreliable);
    let late = start + Duration::from_secs(20);
    let timer = machine.expired(late).expect("timer E is due");
    machine.handle(late, non_invite_client::Input::Timer(timer));
    assert_eq!(machine.expired(late), None);
    assert_eq!(machine.poll_timeout(), Some(late + 2 * T1));
}

/// Any order of inputs ends by itself, and nothing happens after Terminated.
mod any_order {
    use proptest::prelude::*;

    use super::*;

    /// Feeds `choices` to a machine, one every 700 ms with the timers that fell due before it.
    macro_rules! explore {
        ($machine:expr, $module:ident, $inputs:expr, $choices:expr, $start:expr) => {{
            let mut now = $start;
            let inputs = $inputs;
            for choice in $choices {
                while let Some(timer) = $machine.expired(now) {
                    $machine.handle(now, $module::Input::Timer(timer));
                }
                let before = $machine.state();
                let action = $machine.handle(now, inputs[choice % inputs.len()]);
                if before == $module::State::Terminated {
                    assert_eq!(action, $module::Action::Absorb);
                    assert_eq!($machine.state(), $module::State::Terminated);
                }
                now += Duration::from_millis(700);
            }
            let log = run_timers!($machine, $module::Input::Timer, $start);
            (log, $machine.state())
        }};
    }

    fn reliability(reliable: bool) -> Reliability {
        match reliable {
            true => Reliability::Reliable,
            false => Reliability::Unreliable,
        }
    }

    proptest! {
        #[test]
        fn invite_client_ends(choices in prop::collection::vec(0usize..5, 0..60), reliable: bool) {
            use invite_client::{Input, State};
            let start = Instant::now();
            let mut machine = InviteClient::new(start, values(), reliability(reliable));
            let inputs = [
                Input::Provisional, Input::Success, Input::Failure, Input::Cancel,
                Input::TransportError,
            ];
            let (_, state) = explore!(machine, invite_client, inputs, choices, start);
            // Only a TU that never cancels can wait for ever.
            prop_assert!(matches!(state, State::Terminated | State::Proceeding));
        }

        #[test]
        fn invite_server_ends(choices in prop::collection::vec(0usize..6, 0..60), reliable: bool) {
            use invite_server::{Input, State};
            let start = Instant::now();
            let mut machine = InviteServer::new(start, values(), reliability(reliable));
            let inputs = [
                Input::Request, Input::Ack, Input::SuccessAck, Input::Provisional,
                Input::Success, Input::Failure,
            ];
            let (_, state) = explore!(machine, invite_server, inputs, choices, start);
            prop_assert!(matches!(state, State::Terminated | State::Proceeding));
        }

        #[test]
        fn non_invite_client_ends(choices in prop::collection::vec(0usize..3, 0..60), reliable: bool) {
            use non_invite_client::{Input, State};
            let start = Instant::now();
            let mut machine = NonInviteClient::new(start, values(), reliability(reliable));
            let inputs = [Input::Provisional, Input::Final, Input::TransportError];
            let (_, state) = explore!(machine, non_invite_client, inputs, choices, start);
            prop_assert_eq!(state, State::Terminated);
        }

        #[test]
        fn non_invite_server_ends(choices in prop::collection::vec(0usize..3, 0..60), reliable: bool) {
            use non_invite_server::{Input, State};
            let start = Instant::now();
            let mut machine = NonInviteServer::new(start, values(), reliability(reliable));
            let inputs = [Input::Request, Input::Provisional, Input::Final];
            let (_, state) = explore!(machine, non_invite_server, inputs, choices, start);
            prop_assert_eq!(state, State::Terminated);
        }
    }
}
