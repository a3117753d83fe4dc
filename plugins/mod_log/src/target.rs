//! Where messages go: a socket that is never waited for.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the socket of the module"
)]

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;

/// Where messages go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A socket of this machine.
    Local(PathBuf),
    /// Another machine, over UDP (RFC 5426).
    Remote(SocketAddr),
}

/// An open target.
#[derive(Debug)]
pub enum Target {
    /// A socket of this machine; its reader may come and go.
    Local(UnixDatagram, PathBuf),
    /// Another machine.
    Remote(UdpSocket, SocketAddr),
}

impl Target {
    /// Opens a socket. Whether anybody listens is not known before a message is sent.
    ///
    /// # Errors
    /// Those of the system.
    pub fn open(address: &Address) -> io::Result<Self> {
        Ok(match address {
            Address::Local(path) => {
                let socket = UnixDatagram::unbound()?;
                socket.set_nonblocking(true)?;
                Target::Local(socket, path.clone())
            }
            Address::Remote(to) => {
                let any: SocketAddr = match to {
                    SocketAddr::V4(_) => ([0; 4], 0).into(),
                    SocketAddr::V6(_) => ([0_u16; 8], 0).into(),
                };
                let socket = UdpSocket::bind(any)?;
                socket.set_nonblocking(true)?;
                Target::Remote(socket, *to)
            }
        })
    }

    /// Sends a message; one that cannot go at once is lost.
    ///
    /// # Errors
    /// Those of the system: nobody listens, or does not read fast enough.
    pub fn send(&self, message: &str) -> io::Result<()> {
        match self {
            Target::Local(socket, path) => socket.send_to(message.as_bytes(), path)?,
            Target::Remote(socket, to) => socket.send_to(message.as_bytes(), to)?,
        };
        Ok(())
    }
}

/// The name of this machine.
pub fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    match name.is_empty() {
        true => "-".to_owned(),
        false => name.to_owned(),
    }
}

/// The time as RFC 3339 writes it.
pub fn time() -> String {
    humantime::format_rfc3339_millis(std::time::SystemTime::now()).to_string()
}
