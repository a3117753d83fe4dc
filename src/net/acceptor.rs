//! Listening sockets of the stream transports.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::ListenError;
use super::connection::StreamInput;
use crate::config::ListenTransport;
use crate::sip::message::Transport;
use crate::throttle::Throttle;

/// Connections waiting to be accepted.
const BACKLOG: i32 = 1024;
/// Rest after a failure to accept.
const RECOVERY: Duration = Duration::from_millis(100);

/// A socket that takes connections of one transport: TCP, TLS, WebSocket or secure WebSocket.
#[derive(Debug)]
pub struct StreamAcceptor {
    listener: TcpListener,
    transport: Transport,
    local: SocketAddr,
}

impl StreamAcceptor {
    /// Binds `address`; port 0 picks a free one. Needs a tokio runtime.
    ///
    /// # Errors
    /// [`ListenError`] when the system refuses the address.
    pub fn bind(transport: ListenTransport, address: SocketAddr) -> Result<Self, ListenError> {
        let fail = |source| ListenError {
            transport,
            address,
            source,
        };
        let listener = open(address).map_err(fail)?;
        let local = listener.local_addr().map_err(fail)?;
        let transport = transport.transport();
        Ok(Self {
            listener,
            transport,
            local,
        })
    }

    /// What it speaks.
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// The bound address; its IP may be the wildcard.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Accepts until the signalling task is gone.
    pub(super) async fn run(self, inputs: mpsc::Sender<StreamInput>) {
        let mut failures = Throttle::default();
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = inputs.closed() => return,
            };
            match accepted {
                Ok((stream, remote)) => {
                    let input = StreamInput::Accepted(self.transport, stream, remote);
                    if inputs.send(input).await.is_err() {
                        return;
                    }
                }
                Err(error) => {
                    // Out of file descriptors, most likely: let some be closed first.
                    if let Some(unsaid) = failures.pass(Instant::now()) {
                        tracing::warn!(%error, local = %self.local, unsaid, "accepting a connection failed");
                    }
                    tokio::time::sleep(RECOVERY).await;
                }
            }
        }
    }
}

fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}
