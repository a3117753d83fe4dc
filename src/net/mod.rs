//! SHELL: SIP sockets and the signalling task.
//!
//! [`Driver`] owns the SIP [`Endpoint`](crate::sip::endpoint::Endpoint), the
//! [`Router`](crate::session::Router), every UDP socket and the table of connections; each connection
//! (TCP, TLS, WebSocket) has a task of its own that frames messages. No decision about a call is taken
//! here: bytes go in, the cores answer, bytes go out.
//!
//! RFC 3261 §18 (transports), §18.2.2 (sending responses), RFC 5626 §3.5.1 (keep-alive), RFC 5922
//! (certificates), RFC 5923 (connection reuse), RFC 7118 (WebSocket); [`Dns`] asks the questions of
//! [`sip::locate`](crate::sip::locate).

mod acceptor;
mod connection;
mod connections;
mod dns;
mod driver;
mod load;
mod local_address;
mod receive_queue;
mod tls;
mod udp;

pub use acceptor::StreamAcceptor;
pub use dns::{Dns, QUESTION_LIMIT, Resolver};
pub use driver::{Control, Driver, DriverParts, Remains};
pub use local_address::address_towards;
pub use tls::{Credentials, Tls, TlsError};
pub use udp::UdpListener;

use std::net::SocketAddr;

use crate::config::{Listen, ListenTransport};

/// A socket that could not be opened at start.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot listen on {}: {source}{}",
    Listen { transport: *transport, address: *address },
    if source.kind() == std::io::ErrorKind::AddrInUse {
        "; another program uses this port: stop it, or choose another address in [sip] listen"
    } else if source.kind() == std::io::ErrorKind::PermissionDenied {
        "; ports below 1024 need privileges: choose a higher port in [sip] listen"
    } else if source.kind() == std::io::ErrorKind::AddrNotAvailable {
        "; this machine does not have that address: see [sip] listen"
    } else {
        ""
    }
)]
pub struct ListenError {
    /// What was to be spoken.
    pub transport: ListenTransport,
    /// What was asked for.
    pub address: SocketAddr,
    /// What the system said.
    pub source: std::io::Error,
}
