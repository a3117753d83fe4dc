//! Floods of calls and inside calls.

use std::num::NonZeroU32;

use super::attacker::{Attacker, Talker};
use super::{nothing_is_left, remains, server, talk_and_end, talkers, with_own_ports};
use crate::support::caller::Caller;
use crate::support::server::{TestServer, config};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invites_that_nobody_acknowledges_leave_nothing() {
    const SESSIONS: usize = 40;
    const MANY: usize = 1500;
    let server = server(|config| {
        config.limits.sessions = NonZeroU32::new(SESSIONS as u32);
    })
    .await;
    let mut attacker = Attacker::new(server.udp).await;
    attacker
        .flood(MANY, |one| one.request("INVITE", "echo", "", ""))
        .await;
    let stats = server.server.stats();
    assert_eq!(stats.calls_received.value(), MANY as u64);
    let refused = stats.calls_refused.sessions.value() as usize;
    let left = remains(&server).await;
    assert!(left.sessions <= SESSIONS, "{left:?}");
    // What was refused left nothing, and each call an INVITE and a BYE at most.
    assert!(left.transactions <= 2 * (MANY - refused), "{left:?}");
    assert_eq!(attacker.answers[&503], refused);
    nothing_is_left(&server).await;
    assert_eq!(
        remains(&server).await.endpoint.ack_timeouts as usize,
        MANY - refused
    );
    let talker = Talker::call(server.udp).await;
    talker.bye().await;
    nothing_is_left(&server).await;
    server.stop().await;
}

/// How many begin before the others are refused depends on the machine.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn of_many_calls_at_once_each_is_answered_or_refused() {
    const MANY: usize = 800;
    let server = server(|_| {}).await;
    let mut attacker = Attacker::new(server.udp).await;
    attacker.call_at_once(MANY).await;
    let of = |status| attacker.answers.get(&status).copied().unwrap_or(0);
    assert_eq!(of(200) + of(503), MANY, "{:?}", attacker.answers);
    nothing_is_left(&server).await;
    // It recovers at once.
    let talker = Talker::call(server.udp).await;
    talker.bye().await;
    nothing_is_left(&server).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_call_that_sends_too_much_does_not_take_the_room_of_the_others() {
    let server = TestServer::with(config()).await;
    let mut other = Talker::call(server.udp).await;
    let mut evil = Caller::new(server.udp, "echo").await;
    assert_eq!(evil.call(40_000).await.status.code(), 200);
    let (tag, call_id) = (evil.to_tag.clone().expect("a tag"), evil.call_id.clone());
    let mut attacker = Attacker::new(server.udp).await;
    const MANY: usize = 1000;
    let mut cseq = 1;
    let mut info = |one: &mut Attacker| {
        let text = one.request("INFO", "echo", &format!(";tag={tag}"), "");
        cseq += 1;
        let lines = text.split("\r\n").map(|line| match line.split_once(": ") {
            Some(("Call-ID", _)) => format!("Call-ID: {call_id}"),
            Some(("CSeq", _)) => format!("CSeq: {cseq} INFO"),
            Some(("From", _)) => "From: <sip:caller@127.0.0.1>;tag=from".to_owned(),
            _ => line.to_owned(),
        });
        lines.collect::<Vec<_>>().join("\r\n")
    };
    tokio::join!(attacker.flood(MANY, &mut info), other.talk(50));
    let passed = MANY - server.server.stats().sip_dropped.call_rate.value() as usize;
    // However slow this machine is, what is kept is what was let in.
    let left = remains(&server).await.transactions;
    assert!(left <= passed + 4, "{left} of {passed}");
    evil.cseq = 10 * MANY as u32;
    assert_eq!(evil.bye().await.status.code(), 200);
    other.bye().await;
    server.idle().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_keep_their_audio_and_can_be_ended_while_a_flood_lasts() {
    let server = server(with_own_ports).await;
    let talkers = talkers(&server).await;
    let mut attacker = Attacker::new(server.udp).await;
    let flood = attacker.burst(6000, |one| match one.number() % 4 {
        0 => one.request("INVITE", "echo", "", ""),
        1 => one.request("INVITE", "nobody", "", ""),
        2 => one.request("OPTIONS", "echo", "", ""),
        _ => one.request("", "", "", ""),
    });
    tokio::join!(flood, talk_and_end(talkers));
    nothing_is_left(&server).await;
    let talker = Talker::call(server.udp).await;
    talker.bye().await;
    nothing_is_left(&server).await;
    server.stop().await;
}
