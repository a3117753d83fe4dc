//! Which of this machine's addresses a peer sees.
//!
//! A socket bound to the wildcard address does not know; the routing table does. Connecting a UDP
//! socket asks it without sending anything. Answers are kept for a while, because a proxy in front
//! asks for the same one thousands of times a second.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// Routes seldom change; a minute keeps a laptop that moves between networks usable.
const KEEP: Duration = Duration::from_secs(60);
/// Peers remembered at once; beyond it the memory starts anew.
const MAX_ENTRIES: usize = 4096;

#[derive(Debug, Default)]
pub(super) struct LocalAddresses {
    known: HashMap<IpAddr, (IpAddr, Instant)>,
}

impl LocalAddresses {
    /// The concrete address behind `bound` for talking to `remote`: `bound` itself unless it is
    /// the wildcard. A peer without a route gets `bound` back.
    pub(super) fn towards(&mut self, now: Instant, bound: IpAddr, remote: IpAddr) -> IpAddr {
        if !bound.is_unspecified() {
            return bound;
        }
        if let Some((local, at)) = self.known.get(&remote)
            && now.duration_since(*at) < KEEP
        {
            return *local;
        }
        let local = address_towards(remote).unwrap_or(bound);
        if self.known.len() >= MAX_ENTRIES {
            self.known.clear();
        }
        self.known.insert(remote, (local, now));
        local
    }
}

/// This machine's address on the way to `remote`, as the routing table has it.
///
/// # Errors
/// What the system says when there is no way.
pub fn address_towards(remote: IpAddr) -> std::io::Result<IpAddr> {
    let any: IpAddr = match remote {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0))?;
    // The port does not matter: nothing is sent.
    socket.connect(SocketAddr::new(remote, 9))?;
    Ok(socket.local_addr()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_reached_from_loopback() {
        let mut addresses = LocalAddresses::default();
        let any = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let local = addresses.towards(Instant::now(), any, Ipv4Addr::LOCALHOST.into());
        assert_eq!(local, IpAddr::V4(Ipv4Addr::LOCALHOST));
    }

    #[test]
    fn a_bound_address_is_taken_as_it_is() {
        let mut addresses = LocalAddresses::default();
        let bound: IpAddr = "192.0.2.7".parse().unwrap();
        let local = addresses.towards(Instant::now(), bound, Ipv4Addr::LOCALHOST.into());
        assert_eq!(local, bound);
    }
}
