//! A whole server in this process, on free loopback ports.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use muleteer::config::{ApplicationRule, Config, Listen, Setting};
use muleteer::ids::Ids;
use muleteer::server::Server;
use muleteer::sip::message::Transport;

/// A running server with the shipped diagrams and prompts.
pub struct TestServer {
    pub server: Server,
    pub udp: SocketAddr,
    pub tcp: SocketAddr,
}

/// The shipped configuration on free loopback ports; the application is the Request-URI's user.
pub fn config() -> Config {
    let root = project_root();
    let mut config = Config::default();
    config.sip.listen = vec![listen("udp:127.0.0.1:0"), listen("tcp:127.0.0.1:0")];
    config.app.application = ApplicationRule::RuriUser;
    config.dsm.path = vec![root.join("dsm")];
    config.audio.path = vec![root.join("audio")];
    config
}

pub fn listen(text: &str) -> Listen {
    Listen::parse(text).expect("a listen value")
}

pub fn project_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

impl TestServer {
    pub async fn start() -> Self {
        Self::with(config()).await
    }

    pub async fn with(config: Config) -> Self {
        let server = Server::start(&config, &mut Ids::from_seed([7; 32])).expect("a server");
        let address = |transport| {
            let found = server.listening().iter().find(|(own, _)| *own == transport);
            found.map(|(_, address)| *address)
        };
        let udp = address(Transport::Udp).expect("a UDP socket");
        let tcp = address(Transport::Tcp).unwrap_or(udp);
        Self { server, udp, tcp }
    }

    /// Waits until no session is left, at most ten seconds.
    pub async fn idle(&self) {
        for _ in 0..1000 {
            if self
                .server
                .remains()
                .await
                .is_some_and(|remains| remains.sessions == 0)
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("sessions are left: {:?}", self.server.remains().await);
    }

    pub async fn stop(self) -> usize {
        self.server
            .drain(Duration::from_secs(2), std::future::pending())
            .await
            .expect("a signalling task that answers")
    }
}
