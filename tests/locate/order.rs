//! What is sent while a name is being looked up keeps its order, or is taken back.

use muleteer::session::application::phone::Report;

use super::{BOTH, FIRST, Town};

#[test]
fn rfc3261_9_1_a_call_cancelled_during_the_look_up_sends_nothing() {
    let mut town = Town::new();
    town.scene.agent().dns_is_slow = true;
    town.call(BOTH);
    town.hang_up();
    assert!(town.scene.is_over());
    town.scene.with_agent(|agent, now| agent.answer_dns(now));
    town.run(1_000);
    assert_eq!(town.count(FIRST, "INVITE"), 0);
    assert!(town.scene.world.wire.log.is_empty());
    town.scene.ends_clean();
}

#[test]
fn ack_and_bye_to_a_name_keep_their_order() {
    let mut town = Town::new();
    town.peer(FIRST).contact = "sip:bob@bob.example".to_owned();
    let ip = super::address(super::PEER).ip();
    town.host("bob.example", &[ip]);
    town.call("192.0.2.9");
    town.scene.agent().dns_is_slow = true;
    town.respond(FIRST, 200);
    town.hang_up();
    assert_eq!((town.count(FIRST, "ACK"), town.count(FIRST, "BYE")), (0, 0));
    // NAPTR, then SRV, then the address.
    for _ in 0..3 {
        town.scene.with_agent(|agent, now| agent.answer_dns(now));
    }
    town.run(100);
    let methods: Vec<_> = town
        .peer(FIRST)
        .requests()
        .map(|request| request.method.to_string())
        .collect();
    assert_eq!(methods, ["INVITE", "ACK", "BYE"]);
    town.scene.agent().dns_is_slow = false;
    town.scene.ends_clean();
}

#[test]
fn a_name_that_nobody_knows_fails_the_call() {
    let mut town = Town::new();
    town.call("nobody.example");
    assert_eq!(town.reports(), [Report::NotDelivered, Report::Ended]);
    town.scene.ends_clean();
}

#[test]
fn a_dns_that_never_answers_fails_the_call_after_ten_seconds() {
    let mut town = Town::new();
    town.scene.agent().dns_is_slow = true;
    town.call(BOTH);
    town.run(9_900);
    assert_eq!(town.reports(), []);
    town.run(200);
    assert_eq!(town.reports(), [Report::NotDelivered, Report::Ended]);
    town.scene.ends_clean();
}
