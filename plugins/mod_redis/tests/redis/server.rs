//! A Redis of our own, in a temporary folder, on a free port of the loopback.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without")]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the test starts a server"
)]

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// A Redis on a socket in a folder of its own, and on a port.
pub struct Redis {
    process: Child,
    pub folder: PathBuf,
    pub port: u16,
}

impl Redis {
    pub fn start(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("mod_redis-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        // A port that is free now may be taken a moment later: then the next one is tried.
        for _ in 0..20 {
            let free = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = free.local_addr().unwrap().port();
            drop(free);
            let mut process = Command::new("redis-server")
                .args([
                    "--port",
                    &port.to_string(),
                    "--bind",
                    "127.0.0.1",
                    "--save",
                    "",
                ])
                .args(["--appendonly", "no", "--dir"])
                .arg(&folder)
                .arg("--unixsocket")
                .arg(folder.join("socket"))
                .stdout(Stdio::piped())
                .spawn()
                .expect(
                    "redis-server is not here: apt-get install redis-server, or make test-packages",
                );
            let mut log = BufReader::new(process.stdout.take().unwrap());
            let mut line = String::new();
            while log.read_line(&mut line).unwrap() > 0 {
                if line.contains("Ready to accept connections") {
                    std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
                    return Self {
                        process,
                        folder,
                        port,
                    };
                }
            }
            process.wait().unwrap();
        }
        panic!("no port was free");
    }

    pub fn url(&self) -> String {
        format!("redis://tcp:127.0.0.1;port={}", self.port)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
