//! Floods: whoever sends them, the calls of others go on, and afterwards nothing is left.
//!
//! Each flood is bounded, and what counts is what was answered and what is kept, never how long it took.

mod attacker;
mod calls;
mod registrations;
mod sources;
mod strangers;

use std::time::Duration;

use muleteer::config::{Config, PortRange};
use muleteer::net::Remains;

use self::attacker::Talker;
use crate::support::process::hundred_ports;
use crate::support::server::{TestServer, config};

/// A server whose transactions linger for 0.64 s.
async fn server(change: impl FnOnce(&mut Config)) -> TestServer {
    let mut config = config();
    config.sip.t1 = Duration::from_millis(10);
    config.sip.t2 = Duration::from_millis(40);
    config.sip.t4 = Duration::from_millis(50);
    change(&mut config);
    TestServer::with(config).await
}

async fn remains(server: &TestServer) -> Remains {
    server.server.remains().await.expect("it runs")
}

/// Waits until nothing is left of any call or request.
async fn nothing_is_left(server: &TestServer) {
    for _ in 0..6000 {
        let left = remains(server).await;
        let entries = left.sessions + left.router_entries + left.transactions + left.deliveries;
        if entries == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("something is left: {:?}", remains(server).await);
}

/// For servers whose calls have audio: RTP ports that no other test uses.
fn with_own_ports(config: &mut Config) {
    let ports = hundred_ports();
    config.rtp.ports = PortRange::new(*ports.start(), *ports.end()).expect("ports");
}

/// Three calls that are up.
async fn talkers(server: &TestServer) -> Vec<Talker> {
    let mut talkers = Vec::new();
    for _ in 0..3 {
        talkers.push(Talker::call(server.udp).await);
    }
    talkers
}

/// Each is heard for a second, one after the other, and ended.
async fn talk_and_end(talkers: Vec<Talker>) {
    for mut talker in talkers {
        talker.talk(50).await;
        talker.bye().await;
    }
}
