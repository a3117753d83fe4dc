//! Many transactions at once.

use std::time::Duration;

use muleteer::sip::message::StatusCode;

use super::probe::{Probe, request};

/// 2,000 calls a second over UDP leave an INVITE and a BYE each for 32 seconds: 128,000 transactions
/// at a time. They are all alike here, so that the test is quick.
#[test]
fn transactions_of_2000_calls_a_second_linger_and_leave() {
    let mut probe = Probe::new();
    let (rate, seconds) = (4000, 33);
    for number in 0..rate * seconds {
        probe.pass(Duration::from_micros(1_000_000 / rate));
        let text = request("OPTIONS", &format!("z9hG4bK{number}"), "");
        probe.receive(&text.replace("one@", &format!("{number}@")));
        let (transaction, received) = probe.request();
        probe.respond(transaction, &received, StatusCode::OK);
        probe.sent_count();
    }
    let lingering = probe.endpoint.server_transactions();
    assert_eq!(
        lingering,
        32 * rate as usize,
        "those of the last 32 seconds"
    );
    probe.pass_all();
    assert!(probe.is_empty());
    assert_eq!(probe.sent_count(), 0);
}
