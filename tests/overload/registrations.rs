//! Floods of REGISTERs where a diagram is the registrar.

use std::num::NonZeroU32;
use std::time::Duration;

use muleteer::config::{ApplicationRule, Config};

use super::attacker::{Attacker, Talker, WITNESS};
use super::{nothing_is_left, remains, server, talk_and_end, talkers, with_own_ports};
use crate::support::process::Folder;
use crate::support::server::TestServer;

/// Welcomes everybody.
const PROMPT: &str = r#"
import(mod_dlg);
initial state START;
state END;
transition "somebody" START - sipRequest(#method == REGISTER) / { dlg.reply(200, OK); stop(false); } -> END;
"#;

/// Welcomes everybody after a second, so that many wait.
const SLOW: &str = r#"
import(mod_dlg);
initial state START;
state WAITS;
state END;
transition "somebody" START - sipRequest(#method == REGISTER) / setTimer(1, 1); -> WAITS;
transition "now" WAITS - timer(#id == 1) / { dlg.reply(200, OK); stop(false); } -> END;
"#;

const MANY: usize = 1000;

/// A server that gives each REGISTER to the diagram `registrar`.
async fn registrar(diagram: &str, change: impl FnOnce(&mut Config)) -> TestServer {
    let folder = Folder::new(&[("registrar.dsm", diagram)]);
    server(|config| {
        config.dsm.path.push(folder.path().to_path_buf());
        config.requests.register = Some(ApplicationRule::Fixed("registrar".to_owned()));
        change(config);
    })
    .await
}

fn register(one: &mut Attacker) -> String {
    one.request("REGISTER", "", "", "Expires: 600\r\n")
        .replacen("sip:@", "sip:", 2)
}

/// A single REGISTER, from an address that is no attacker's, is answered with 200.
async fn is_registered(server: &TestServer) {
    let mut phone = Attacker::at("127.0.0.50", server.udp).await;
    phone.flood(1, register).await;
    phone.has_answers(1).await;
    assert_eq!(phone.answers.into_iter().collect::<Vec<_>>(), [(200, 1)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn registers_are_answered_or_refused_and_leave_nothing() {
    for diagram in [PROMPT, SLOW] {
        const SESSIONS: usize = 40;
        let server = registrar(diagram, |config| {
            config.limits.sessions = NonZeroU32::new(SESSIONS as u32);
            // A request is given up after 64*T1.
            config.sip.t1 = Duration::from_millis(if diagram == SLOW { 100 } else { 10 });
            config.sip.t2 = 4 * config.sip.t1;
        })
        .await;
        let mut attacker = Attacker::new(server.udp).await;
        attacker.flood(MANY, register).await;
        let left = remains(&server).await;
        assert!(left.sessions <= SESSIONS, "{left:?}");
        // What was refused has left nothing.
        let stats = server.server.stats();
        let refused = stats.requests_refused.sessions.value() as usize;
        assert!(left.transactions <= MANY - refused, "{left:?}");
        let overload = left.endpoint.overload_refusals as usize;
        assert_eq!(stats.requests_received.value() as usize, MANY - overload);
        attacker.has_answers(MANY).await;
        nothing_is_left(&server).await;
        let of = |status| attacker.answers.get(&status).copied().unwrap_or(0);
        assert_eq!(of(200) + of(503), MANY, "{:?}", attacker.answers);
        assert_eq!(of(503), refused + overload);
        assert!(of(200) > 0 && (diagram != SLOW || refused > 0));
        is_registered(&server).await;
        Talker::call(server.udp).await.bye().await;
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_registers_too_often_is_not_answered_and_others_are() {
    let server = registrar(PROMPT, |config| {
        config.limits.requests_per_second_per_source = NonZeroU32::new(2);
        config.limits.trusted = vec![format!("{WITNESS}/32").parse().expect("a network")];
    })
    .await;
    let mut attacker = Attacker::at("127.0.0.2", server.udp).await;
    attacker.flood(MANY, register).await;
    let answered: usize = attacker.answers.values().sum();
    assert!(answered < MANY, "{:?}", attacker.answers);
    let left = remains(&server).await;
    assert_eq!(left.endpoint.rate_ignored as usize, MANY - answered);
    // No more than these came to the diagram.
    let refused = left.endpoint.rate_refused as usize;
    let stats = server.server.stats();
    assert_eq!(stats.requests_received.value() as usize, answered - refused);
    is_registered(&server).await;
    Talker::call(server.udp).await.bye().await;
    nothing_is_left(&server).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_keep_their_audio_and_can_be_ended_while_everybody_registers() {
    let server = registrar(PROMPT, with_own_ports).await;
    let talkers = talkers(&server).await;
    let mut attacker = Attacker::new(server.udp).await;
    let flood = attacker.burst(6 * MANY, register);
    tokio::join!(flood, talk_and_end(talkers));
    nothing_is_left(&server).await;
    is_registered(&server).await;
    Talker::call(server.udp).await.bye().await;
    nothing_is_left(&server).await;
    server.stop().await;
}
