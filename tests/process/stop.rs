//! SIGTERM and SIGINT end the server without losing a call.

use std::time::{Duration, Instant};

use muleteer::sip::message::StatusCode;
use rustix::process::Signal;

use crate::support::caller::Caller;
use crate::support::process::{Folder, ServerProcess};

/// A diagram that goes on with its call while the server is shutting down.
const STAY: &str = r#"
initial state START;
state TALK;
state END;
transition "answered" START - sessionStart -> TALK;
transition "not yet" TALK - system(#type == "ServerShutdown") / set(#processed="true"); -> TALK;
transition "they left" (START, TALK) - hangup / stop(false); -> END;
"#;

async fn a_signal_ends_calls_with_a_bye(signal: Signal) {
    let mut server = ServerProcess::start(&[]);
    let mut caller = Caller::new(server.address, "echo").await;
    assert_eq!(caller.call(40_000).await.status, StatusCode::OK);

    server.process.signal(signal);
    server.process.line("Stopping: 1 calls are asked to end");
    let bye = caller.server_request().await;
    assert_eq!(bye.method.as_str(), "BYE");
    caller.confirm(&bye).await;
    server.process.ended().expect_code(0);
}

#[tokio::test]
async fn sigterm_ends_calls_with_a_bye() {
    a_signal_ends_calls_with_a_bye(Signal::TERM).await;
}

#[tokio::test]
async fn sigint_ends_calls_with_a_bye() {
    a_signal_ends_calls_with_a_bye(Signal::INT).await;
}

async fn a_second_signal_cuts_the_grace_short(signal: Signal) {
    let folder = Folder::new(&[("stay.dsm", STAY)]);
    let path = folder.as_setting("dsm.path");
    let mut server = ServerProcess::start(&["--set", "shutdown.grace_s=3600", "--set", &path]);
    let mut caller = Caller::new(server.address, "stay").await;
    assert_eq!(caller.call(40_000).await.status, StatusCode::OK);

    server.process.signal(signal);
    server.process.line("a second signal ends them at once");
    let before = Instant::now();
    server.process.signal(signal);
    let bye = caller.server_request().await;
    assert_eq!(bye.method.as_str(), "BYE");
    caller.confirm(&bye).await;

    let ended = server.process.ended().expect_code(0);
    ended.expect("1 calls had to be ended by force");
    assert!(before.elapsed() < Duration::from_secs(60));
}

#[tokio::test]
async fn a_second_sigterm_cuts_the_grace_short() {
    a_second_signal_cuts_the_grace_short(Signal::TERM).await;
}

#[tokio::test]
async fn a_second_sigint_cuts_the_grace_short() {
    a_second_signal_cuts_the_grace_short(Signal::INT).await;
}

#[tokio::test]
async fn a_call_that_stays_has_the_grace_and_then_ends() {
    let folder = Folder::new(&[("stay.dsm", STAY)]);
    let path = folder.as_setting("dsm.path");
    let mut server = ServerProcess::start(&["--set", "shutdown.grace_s=1", "--set", &path]);
    let mut caller = Caller::new(server.address, "stay").await;
    assert_eq!(caller.call(40_000).await.status, StatusCode::OK);

    server.process.signal(Signal::TERM);
    server.process.line("Stopping: 1 calls");
    let before = Instant::now();
    let bye = caller.server_request().await;
    assert!(before.elapsed() > Duration::from_millis(900));
    caller.confirm(&bye).await;
    server.process.ended().expect_code(0);
}

#[test]
fn without_calls_it_ends_at_once() {
    let server = ServerProcess::start(&["--set", "shutdown.grace_s=3600"]);
    server.stop();
}
