//! Another server is tried when one fails, and the caller notices nothing.

use muleteer::session::application::phone::Report;
use muleteer::sip::message::{HeaderName, Response, StatusCode, Transport};

use super::{BOTH, FIRST, SECOND, Town};

#[test]
fn silence_sends_an_invite_to_the_next_server_after_eight_seconds() {
    let mut town = Town::new();
    town.call(BOTH);
    town.run(7_900);
    assert_eq!(town.count(FIRST, "INVITE"), 5);
    assert_eq!(town.count(SECOND, "INVITE"), 0);
    town.run(200);
    let (one, other) = (town.last(FIRST, "INVITE"), town.last(SECOND, "INVITE"));
    assert_ne!(
        one.headers.via().unwrap().branch(),
        other.headers.via().unwrap().branch()
    );
    assert_eq!(one.headers.call_id(), other.headers.call_id());
    assert_eq!(one.headers.cseq(), other.headers.cseq());
    town.respond(SECOND, 180);
    town.respond(SECOND, 200);
    assert_eq!(town.count(SECOND, "ACK"), 1);
    town.run(20_000);
    assert_eq!(town.count(FIRST, "INVITE"), 5, "it is not asked any more");
    assert_eq!(town.count(SECOND, "BYE"), 1, "the phone's time is over");
    let reports = town.reports();
    assert!(matches!(
        reports[..],
        [Report::Progress(..), Report::Answered(..), ..]
    ));
    town.scene.ends_clean();
}

#[test]
fn a_server_that_shows_up_late_is_cancelled() {
    let mut town = Town::new();
    town.call(BOTH);
    town.run(8_100);
    assert_eq!(town.count(FIRST, "CANCEL"), 0);
    town.respond(FIRST, 180);
    assert_eq!(town.count(FIRST, "CANCEL"), 1);
    let cancel = town.last(FIRST, "CANCEL");
    town.respond_to(FIRST, &cancel, 200);
    town.respond(FIRST, 487);
    assert_eq!(town.count(FIRST, "ACK"), 1);
    assert_eq!(town.reports(), [], "the caller does not hear of it");
    town.respond(SECOND, 486);
    let busy = Report::Refused(StatusCode::BUSY_HERE, "Busy Here".to_owned());
    assert_eq!(town.reports(), [busy, Report::Ended]);
    town.scene.ends_clean();
}

#[test]
fn a_late_answer_of_the_first_server_is_the_answer_while_the_second_rings() {
    let mut town = Town::new();
    town.call(BOTH);
    town.run(8_100);
    town.respond(SECOND, 180);
    town.respond(FIRST, 200);
    assert_eq!(town.count(FIRST, "ACK"), 1);
    assert_eq!(town.count(SECOND, "CANCEL"), 1);
    let cancel = town.last(SECOND, "CANCEL");
    town.respond_to(SECOND, &cancel, 200);
    town.respond(SECOND, 487);
    // The answer is repeated, as its ACK was lost: it is acknowledged again.
    town.respond(FIRST, 200);
    assert_eq!(town.count(FIRST, "ACK"), 2);
    town.run(4_000);
    assert_eq!(
        (town.count(FIRST, "BYE"), town.count(SECOND, "BYE")),
        (1, 0)
    );
    town.scene.ends_clean();
}

#[test]
fn a_late_answer_behind_that_of_the_second_server_is_acknowledged_and_ended() {
    let mut town = Town::new();
    town.call(BOTH);
    town.run(8_100);
    town.respond(SECOND, 200);
    town.respond(FIRST, 200);
    assert_eq!((town.count(FIRST, "ACK"), town.count(FIRST, "BYE")), (1, 1));
    assert_eq!(
        (town.count(SECOND, "ACK"), town.count(SECOND, "BYE")),
        (1, 0)
    );
    town.run(4_000);
    assert_eq!(town.count(SECOND, "BYE"), 1);
    town.scene.ends_clean();
}

/// A 503 to the latest INVITE, with this Retry-After.
fn unavailable(town: &mut Town, number: usize, retry_after: Option<&str>) {
    let invite = town.last(number, "INVITE");
    let status = StatusCode::SERVICE_UNAVAILABLE;
    let mut response = Response::answering(&invite, status, Some("down"));
    if let Some(value) = retry_after {
        let value = value.to_owned();
        response.headers.push(HeaderName::RetryAfter, value);
    }
    town.peer(number).send_raw(response.to_bytes());
    town.run(50);
}

#[test]
fn rfc3263_4_3_a_503_moves_a_request_on_at_once() {
    let mut town = Town::new();
    town.call(BOTH);
    unavailable(&mut town, FIRST, None);
    assert_eq!(town.count(FIRST, "ACK"), 1);
    assert_eq!(town.count(SECOND, "INVITE"), 1);
    town.respond(SECOND, 486);
    assert_eq!(town.reports().len(), 2);
    // Without Retry-After it may have the next one.
    town.call(BOTH);
    assert_eq!(town.count(FIRST, "INVITE"), 2);
    unavailable(&mut town, FIRST, Some("120 (maintenance);duration=9"));
    town.respond(SECOND, 486);
    town.call(BOTH);
    assert_eq!(
        (town.count(FIRST, "INVITE"), town.count(SECOND, "INVITE")),
        (2, 3)
    );
    town.respond(SECOND, 486);
    town.run(120_000);
    town.call(BOTH);
    assert_eq!(town.count(FIRST, "INVITE"), 3);
    town.respond(FIRST, 486);
    town.scene.ends_clean();
}

#[test]
fn a_503_of_the_last_server_is_the_outcome() {
    let mut town = Town::new();
    town.call(BOTH);
    unavailable(&mut town, FIRST, None);
    unavailable(&mut town, SECOND, None);
    let status = StatusCode::SERVICE_UNAVAILABLE;
    let outcome = Report::Refused(status, status.reason());
    assert_eq!(town.reports(), [outcome, Report::Ended]);
    assert_eq!(
        (town.count(FIRST, "INVITE"), town.count(SECOND, "INVITE")),
        (1, 1)
    );
    town.scene.ends_clean();
}

#[test]
fn nobody_at_all_is_a_timeout_after_all_servers_were_tried() {
    let mut town = Town::new();
    town.call(BOTH);
    town.run(7_000 + 32_000);
    assert_eq!(town.reports(), []);
    town.run(2_000);
    assert_eq!(town.reports(), [Report::NoResponse, Report::Ended]);
    assert_eq!(town.count(SECOND, "INVITE"), 7);
    town.scene.ends_clean();
}

#[test]
fn a_silent_server_is_avoided_for_a_minute() {
    let mut town = Town::new();
    town.call(BOTH);
    town.run(8_100);
    town.respond(SECOND, 486);
    town.call(BOTH);
    assert_eq!(
        (town.count(FIRST, "INVITE"), town.count(SECOND, "INVITE")),
        (5, 2)
    );
    town.respond(SECOND, 486);
    town.run(60_000);
    town.call(BOTH);
    assert_eq!(town.count(FIRST, "INVITE"), 6);
    town.respond(FIRST, 486);
    town.scene.ends_clean();
}

#[test]
fn a_cancelled_call_is_taken_to_no_other_server() {
    let mut town = Town::new();
    town.call(BOTH);
    town.hang_up();
    town.run(40_000);
    assert_eq!(town.count(SECOND, "INVITE"), 0);
    town.scene.ends_clean();
}

#[test]
fn a_bye_that_gets_no_response_goes_to_the_next_server() {
    let mut town = Town::new();
    town.peer(FIRST).contact = "sip:bob@proxy.example:5060".to_owned();
    town.peer(FIRST).confirms_bye = false;
    town.call(BOTH);
    town.respond(FIRST, 200);
    town.hang_up();
    assert_eq!(town.count(FIRST, "BYE"), 1);
    town.run(31_000);
    assert_eq!(town.count(SECOND, "BYE"), 0);
    town.run(2_000);
    assert_eq!(town.count(SECOND, "BYE"), 1);
    town.scene.ends_clean();
}

/// Lets every connection attempt to anywhere fail.
fn refuse_connections(town: &mut Town) {
    let log = town.scene.world.wire.log.iter();
    let streams = log.map(|(_, transmit)| transmit.flow);
    let streams: Vec<_> = streams
        .filter(|flow| flow.transport == Transport::Tcp)
        .collect();
    for flow in streams {
        town.scene.with_agent(|agent, now| {
            agent.endpoint.handle_send_error(now, flow);
            agent.settle(now);
        });
    }
    town.run(50);
}

#[test]
fn rfc3261_18_1_1_a_large_request_goes_by_tcp_and_by_udp_if_that_is_refused() {
    let both = [Transport::Udp, Transport::Tcp];
    let mut town = Town::with(&both, |_| {});
    let (mut dial, _) = crate::agent::outgoing::phone("x", Vec::new());
    let long = format!("sip:{}@example.com", "a".repeat(1000));
    let from = muleteer::sip::message::NameAddr::parse(&format!("<{long}>"));
    dial.from = Some(from.unwrap());
    town.scene.world.wire.passes =
        Box::new(|_, transmit| transmit.flow.transport != Transport::Tcp);
    town.dial(dial, "192.0.2.9");
    let (_, first) = &town.scene.world.wire.log[0];
    assert_eq!(first.flow.transport, Transport::Tcp);
    let text = String::from_utf8_lossy(&first.bytes).into_owned();
    assert!(text.contains("Via: SIP/2.0/TCP "), "{text}");
    assert!(text.contains(";transport=tcp>"), "{text}");
    refuse_connections(&mut town);
    let invite = town.last(FIRST, "INVITE");
    let via = invite.headers.via().unwrap().to_string();
    assert!(via.starts_with("SIP/2.0/UDP "), "{via}");
    let contact = invite.headers.contacts().unwrap().remove(0).to_string();
    assert!(!contact.contains("transport"), "{contact}");
    town.respond(FIRST, 486);
    town.scene.ends_clean();
}

#[test]
fn a_small_request_goes_by_udp() {
    let both = [Transport::Udp, Transport::Tcp];
    let mut town = Town::with(&both, |_| {});
    town.call("192.0.2.9");
    assert_eq!(town.count(FIRST, "INVITE"), 1);
    let (_, first) = &town.scene.world.wire.log[0];
    assert_eq!(first.flow.transport, Transport::Udp);
    town.respond(FIRST, 486);
    town.scene.ends_clean();
}
