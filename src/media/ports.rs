//! SHELL. Hands out RTP sockets bound to even ports of a configured range.
//!
//! The kernel is the only book of what is in use: a port is free again when its socket is closed,
//! and a port that something else holds is stepped over. Ports are tried in turn over the whole
//! range, so that a late packet of an ended call does not find the next one. The odd port beside
//! each is left for RTCP (RFC 3550 §11).
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU32, Ordering};

use socket2::{Domain, Protocol, Socket, Type};

/// Why no RTP socket could be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Every even port of the range is taken.
    #[error("no free RTP port in {first}-{last}")]
    PortsExhausted {
        /// The lowest port of the range.
        first: u16,
        /// The highest port of the range.
        last: u16,
    },
    /// As many streams as configured are open.
    #[error("all {limit} media streams are in use")]
    TooManyStreams {
        /// [`super::MediaConfig::max_streams`].
        limit: usize,
    },
    /// As many rooms as configured are open.
    #[error("all {limit} rooms are in use")]
    TooManyRooms {
        /// [`super::MediaConfig::max_streams`]: a room that nobody is in is for no one.
        limit: usize,
    },
    /// The media thread has more to do than it takes in.
    #[error("media thread is busy")]
    Busy,
    /// The socket could not be made, or not bound to the address.
    #[error("cannot open an RTP socket on {address}")]
    Socket {
        /// The local address that was asked for.
        address: IpAddr,
        /// What the system said.
        source: io::Error,
    },
}

/// The even ports of a range, handed out in turn.
#[derive(Debug)]
pub(super) struct PortAllocator {
    first: u16,
    last: u16,
    /// Even ports in the range.
    count: u32,
    turn: AtomicU32,
}

impl PortAllocator {
    /// An odd lower bound is rounded up.
    pub(super) fn new(range: &RangeInclusive<u16>) -> Self {
        let (first, last) = (*range.start(), *range.end());
        let even = u32::from(first).next_multiple_of(2);
        let count = (u32::from(last) + 2).saturating_sub(even) / 2;
        Self {
            first,
            last,
            count,
            turn: AtomicU32::new(0),
        }
    }

    /// Binds the next free even port of the local address `ip`.
    pub(super) fn bind(&self, ip: IpAddr) -> Result<(UdpSocket, SocketAddr), OpenError> {
        for _ in 0..self.count {
            let turn = self.turn.fetch_add(1, Ordering::Relaxed) % self.count;
            let port = (u32::from(self.first).next_multiple_of(2) + 2 * turn) as u16;
            let address = SocketAddr::new(ip, port);
            match bind_udp(address) {
                Ok(socket) => return Ok((socket, address)),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                Err(source) => {
                    return Err(OpenError::Socket {
                        address: ip,
                        source,
                    });
                }
            }
        }
        Err(OpenError::PortsExhausted {
            first: self.first,
            last: self.last,
        })
    }
}

/// A socket that does not block, bound to `address`.
pub(super) fn bind_udp(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::DGRAM.nonblocking(),
        Some(Protocol::UDP),
    )?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    /// A small range of ports that is free at the moment.
    fn free_range() -> RangeInclusive<u16> {
        let probe = UdpSocket::bind((LOOPBACK, 0)).unwrap();
        let port = probe.local_addr().unwrap().port().min(65_000) & !1;
        port..=port + 7
    }

    #[test]
    fn ports_are_even_and_in_range() {
        for (range, count) in [
            (10_000..=10_009, 5),
            (10_001..=10_009, 4),
            (10_001..=10_001, 0),
        ] {
            assert_eq!(PortAllocator::new(&range).count, count, "{range:?}");
        }
        assert_eq!(PortAllocator::new(&(65_530..=65_535)).count, 3);
    }

    #[test]
    fn an_exhausted_range_is_an_error_until_a_socket_closes() {
        let range = free_range();
        let ports = PortAllocator::new(&range);
        let mut sockets = Vec::new();
        let exhausted = loop {
            match ports.bind(LOOPBACK) {
                Ok((socket, address)) => {
                    assert!(address.port().is_multiple_of(2) && range.contains(&address.port()));
                    sockets.push(socket);
                }
                Err(error) => break error,
            }
        };
        assert!(matches!(exhausted, OpenError::PortsExhausted { .. }));
        assert!((1..=4).contains(&sockets.len()));
        sockets.pop();
        assert!(ports.bind(LOOPBACK).is_ok());
    }
}
