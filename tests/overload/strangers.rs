//! Floods of what belongs to no call: each message is answered or counted, and none leaves a trace.

use super::attacker::Attacker;
use super::{nothing_is_left, remains, server};
use crate::support::caller::Caller;
use crate::support::process::ServerProcess;
use crate::support::server::{TestServer, config};

const MANY: usize = 400;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_nobody_wants_are_answered_and_leave_no_transaction() {
    // With the timers of the RFC: what lingered would be there for 32 seconds.
    let server = TestServer::with(config()).await;
    for (method, user, to_tag, status) in [
        ("OPTIONS", "echo", "", 200),
        ("REGISTER", "echo", "", 405),
        ("SUBSCRIBE", "echo", "", 489),
        ("MESSAGE", "echo", "", 405),
        ("NONSENSE", "echo", "", 501),
        ("BYE", "echo", "", 481),
        ("BYE", "echo", ";tag=nothing", 481),
        ("INVITE", "echo", ";tag=nothing", 481),
        ("INVITE", "nobody", "", 404),
        ("CANCEL", "echo", "", 481),
    ] {
        let mut attacker = Attacker::new(server.udp).await;
        attacker
            .flood(MANY, |one| one.request(method, user, to_tag, ""))
            .await;
        let answers: Vec<_> = attacker.answers.into_iter().collect();
        assert_eq!(answers, [(status, MANY)], "{method} {user} {to_tag}");
        let left = remains(&server).await;
        assert_eq!((left.transactions, left.router_entries), (0, 0), "{method}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_answered_is_counted() {
    let server = TestServer::with(config()).await;
    let mut attacker = Attacker::new(server.udp).await;
    attacker
        .flood(MANY, |one| one.request("ACK", "echo", ";tag=nothing", ""))
        .await;
    attacker
        .flood(MANY, |one| {
            let text = one.request("OPTIONS", "echo", "", "");
            let (start, headers) = text.split_once("\r\n").expect("lines");
            assert!(start.starts_with("OPTIONS"));
            format!("SIP/2.0 200 OK\r\n{headers}")
        })
        .await;
    for garbage in ["\u{0}\u{1}\u{2}", "INVITE", "GET / HTTP/1.1\r\n\r\n"] {
        attacker.flood(MANY, |_| garbage.to_owned()).await;
    }
    assert_eq!(attacker.answers.len(), 0);
    let left = remains(&server).await;
    assert_eq!(left.transactions, 0);
    let stats = left.endpoint;
    assert_eq!(stats.stray_acks, MANY as u64);
    assert_eq!(stats.stray_responses, MANY as u64);
    assert_eq!(stats.malformed_dropped, 3 * MANY as u64);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_headers_are_paid_for_by_who_sends_them() {
    let server = server(|_| {}).await;
    let mut attacker = Attacker::new(server.udp).await;
    let long = format!("X-Long: {}\r\n", "x".repeat(60_000));
    for user in ["nobody", "echo"] {
        attacker
            .flood(60, |one| one.request("INVITE", user, "", &long))
            .await;
    }
    let long = "y".repeat(60_000);
    attacker
        .flood(60, |one| {
            let text = one.request("INVITE", "nobody", "", "");
            let old_style = text.replace("z9hG4bK", "");
            old_style.replacen("sip:nobody", &format!("sip:{long}"), 1)
        })
        .await;
    assert_eq!(attacker.answers[&404], 120);
    nothing_is_left(&server).await;
    server.stop().await;
}

#[tokio::test]
async fn nobody_outside_decides_how_long_the_log_gets() {
    let server = ServerProcess::start(&["--set", "app.application=\"$(ruri.user)\""]);
    let mut attacker = Attacker::new(server.address).await;
    let long = "x".repeat(10_000);
    attacker
        .flood(200, |one| one.request("INVITE", &long, "", ""))
        .await;
    let mut caller = Caller::new(server.address, "echo").await;
    caller.call_id = "y".repeat(10_000);
    assert_eq!(caller.call(40_000).await.status.code(), 200);
    assert_eq!(caller.bye().await.status.code(), 200);
    let text = server.stop().text();
    assert!(text.contains(r#"call_id="yyyy"#), "the call has a line");
    let told = text.matches("answered 404").count();
    assert!((1..20).contains(&told), "{told} lines");
    let longest = text.lines().map(str::len).max();
    assert!(longest.is_some_and(|longest| longest < 4000), "{text}");
}
