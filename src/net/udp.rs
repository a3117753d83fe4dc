//! SIP over UDP: one socket per listening address.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use bytes::Bytes;
use rustix::net::sockopt::set_socket_recv_buffer_size_force;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::ReadBuf;
use tokio::net::UdpSocket;

use super::local_address::is_seen_as;
use super::{ListenError, receive_queue};
use crate::config::ListenTransport;

/// Asked of the kernel for each SIP socket, so that a burst of calls waits instead of being lost. Without
/// the capability CAP_NET_ADMIN the kernel grants what `net.core.rmem_max` allows.
const SOCKET_BUFFER_BYTES: usize = 2 << 20;
/// The largest UDP payload.
const MAX_DATAGRAM_BYTES: usize = 65_535;

/// A bound UDP socket for SIP.
#[derive(Debug)]
pub struct UdpListener {
    socket: UdpSocket,
    local: SocketAddr,
    buffer: Box<[u8]>,
}

impl UdpListener {
    /// Binds `address`; port 0 picks a free one. Needs a tokio runtime.
    ///
    /// # Errors
    /// [`ListenError`] when the system refuses the address.
    pub fn bind(address: SocketAddr) -> Result<Self, ListenError> {
        let fail = |source| ListenError {
            transport: ListenTransport::Udp,
            address,
            source,
        };
        let socket = open(address).map_err(fail)?;
        let local = socket.local_addr().map_err(fail)?;
        Ok(Self {
            socket,
            local,
            buffer: vec![0; MAX_DATAGRAM_BYTES].into(),
        })
    }

    /// The bound address; its IP may be the wildcard.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// How full the kernel's queue of received datagrams is, 0 to 100.
    pub(super) fn queue_percent(&self) -> u32 {
        receive_queue::percent(&self.socket).unwrap_or(0)
    }

    /// Whether `local`, an address that a peer sees, is this socket's.
    pub(super) fn serves(&self, local: SocketAddr) -> bool {
        is_seen_as(self.local, local)
    }

    /// Takes one datagram, or registers the task to be woken. Errors of the socket (a peer's port
    /// unreachable, say) concern no one in particular and are skipped.
    pub(super) fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<(SocketAddr, Bytes)> {
        loop {
            let mut buf = ReadBuf::new(&mut self.buffer);
            match self.socket.poll_recv_from(cx, &mut buf) {
                Poll::Ready(Ok(source)) => {
                    return Poll::Ready((source, Bytes::copy_from_slice(buf.filled())));
                }
                Poll::Ready(Err(error)) => tracing::debug!(%error, "receiving on a UDP socket"),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Sends one datagram without waiting. A full socket buffer loses it, as the network may;
    /// the transaction's timer repeats it.
    pub(super) fn send(&self, destination: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        match self.socket.try_send_to(bytes, destination) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn open(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    // Best effort: a smaller buffer than asked for still works. Beyond the system's limit only root gets.
    if set_socket_recv_buffer_size_force(&socket, SOCKET_BUFFER_BYTES).is_err() {
        let _ = socket.set_recv_buffer_size(SOCKET_BUFFER_BYTES);
    }
    let _ = socket.set_send_buffer_size(SOCKET_BUFFER_BYTES);
    // Linux doubles what is asked for and tells the double.
    if let Ok(doubled) = socket.recv_buffer_size()
        && doubled < SOCKET_BUFFER_BYTES
    {
        tracing::warn!(
            %address,
            granted_kib = doubled / 2048,
            asked_kib = SOCKET_BUFFER_BYTES / 1024,
            "the receive buffer is small, and a burst of calls may be lost: raise the sysctl net.core.rmem_max"
        );
    }
    socket.bind(&address.into())?;
    UdpSocket::from_std(socket.into())
}
