//! Calls over TCP, TLS and WebSockets, and connections that mean harm.

mod command;
mod floods;
mod keep_alive;
mod phone;
mod pki;
mod reuse;
mod tls;
mod upgrade;
mod websocket;

use std::net::SocketAddr;
use std::time::Duration;

use muleteer::config::Config;
use muleteer::sip::message::Transport;

use self::pki::Pki;
use crate::support::server::{TestServer, config, listen};

/// A server that speaks everything, with certificates of `pki`.
async fn server(pki: &Pki, change: impl FnOnce(&mut Config)) -> TestServer {
    TestServer::with(configuration(pki, change)).await
}

fn configuration(pki: &Pki, change: impl FnOnce(&mut Config)) -> Config {
    let mut config = config();
    let all = ["udp", "tcp", "tls", "ws", "wss"];
    let all = all.map(|transport| listen(&format!("{transport}:127.0.0.1:0")));
    config.sip.listen = all.to_vec();
    config.tls = pki.settings();
    config.connections.handshakes_per_second = None;
    change(&mut config);
    config
}

fn address(server: &TestServer, transport: Transport) -> SocketAddr {
    let mut listening = server.server.listening().iter();
    let found = listening.find(|(own, _)| *own == transport);
    found.expect("it listens").1
}

/// Waits until the server holds `count` connections.
async fn connections(server: &TestServer, count: usize) {
    for _ in 0..1000 {
        let remains = server.server.remains().await.expect("it runs");
        if remains.connections == count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{count} connections: {:?}", server.server.remains().await);
}
