//! Floods: whoever sends them, the calls of others go on, and afterwards nothing is left.
//!
//! Each flood is bounded, and what counts is what was answered and what is kept, never how long it took.

mod attacker;
mod calls;
mod registrations;
mod sources;
mod strangers;

use std::time::Duration;

use muleteer::config::Config;
use muleteer::net::Remains;

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
