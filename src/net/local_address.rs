//! Which of this machine's addresses a peer sees.
//!
//! A socket bound to the wildcard address does not know; the routing table does. Connecting a UDP
//! socket asks it without sending anything. Answers are kept for a while, because a proxy in front
//! asks for the same one thousands of times a second. Sources can be forged, a new one in each datagram:
//! so the table is asked only so often a second, and whoever comes beyond that is taken to be reached by
//! the default route, as nearly everybody is.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// Routes seldom change; a minute keeps a laptop that moves between networks usable.
const KEEP: Duration = Duration::from_secs(60);
/// Peers remembered at once. Beyond it one goes that was not heard of lately.
const MAX_ENTRIES: usize = 4096;
/// The routing table is asked so often a second, some 10 us each time.
const LOOK_UPS_PER_SECOND: u32 = 500;
/// What only the default routes lead to: addresses for documentation (RFC 5737, RFC 3849).
const ELSEWHERE: (Ipv4Addr, Ipv6Addr) = (
    Ipv4Addr::new(198, 51, 100, 1),
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1),
);

/// Whether peers may see `seen` as the address of a socket that is bound to `bound`: the same port and address,
/// or any address of its family if it is bound to the wildcard.
pub(super) fn is_seen_as(bound: SocketAddr, seen: SocketAddr) -> bool {
    let any = bound.ip().is_unspecified() && bound.is_ipv4() == seen.is_ipv4();
    bound.port() == seen.port() && (any || bound.ip() == seen.ip())
}

#[derive(Debug, Default)]
pub(super) struct LocalAddresses {
    known: HashMap<IpAddr, Known>,
    /// Those known, in the order in which they are looked at for one to forget.
    order: VecDeque<IpAddr>,
    /// The second that is counted, and the look-ups in it.
    second: Option<(Instant, u32)>,
}

#[derive(Debug)]
struct Known {
    local: IpAddr,
    at: Instant,
    /// Since it was last passed over.
    used: bool,
}

impl LocalAddresses {
    /// The concrete address behind `bound` for talking to `remote`: `bound` itself unless it is
    /// the wildcard. A peer without a route gets `bound` back.
    pub(super) fn towards(&mut self, now: Instant, bound: IpAddr, remote: IpAddr) -> IpAddr {
        if !bound.is_unspecified() {
            return bound;
        }
        self.find(now, remote, |remote| {
            address_towards(remote).unwrap_or(bound)
        })
    }

    fn find(
        &mut self,
        now: Instant,
        remote: IpAddr,
        mut look_up: impl FnMut(IpAddr) -> IpAddr,
    ) -> IpAddr {
        let known = self.recall(now, remote);
        if let Some((local, true)) = known {
            return local;
        }
        if self.may_look_up(now) {
            let local = look_up(remote);
            self.remember(now, remote, local);
            return local;
        }
        if let Some((local, _)) = known {
            return local;
        }
        let elsewhere = match remote {
            IpAddr::V4(_) => ELSEWHERE.0.into(),
            IpAddr::V6(_) => ELSEWHERE.1.into(),
        };
        match self.recall(now, elsewhere) {
            Some((local, true)) => local,
            _ => {
                let local = look_up(elsewhere);
                self.remember(now, elsewhere, local);
                local
            }
        }
    }

    /// What is known of a peer, and whether it is of late.
    fn recall(&mut self, now: Instant, remote: IpAddr) -> Option<(IpAddr, bool)> {
        let known = self.known.get_mut(&remote)?;
        known.used = true;
        let is_fresh = now.saturating_duration_since(known.at) < KEEP;
        Some((known.local, is_fresh))
    }

    fn may_look_up(&mut self, now: Instant) -> bool {
        match &mut self.second {
            Some((since, count)) if now.saturating_duration_since(*since).as_secs() == 0 => {
                *count += 1;
                *count <= LOOK_UPS_PER_SECOND
            }
            second => {
                *second = Some((now, 1));
                true
            }
        }
    }

    fn remember(&mut self, now: Instant, remote: IpAddr, local: IpAddr) {
        if !self.known.contains_key(&remote) {
            self.make_room();
            self.order.push_back(remote);
        }
        let known = Known {
            local,
            at: now,
            used: false,
        };
        self.known.insert(remote, known);
    }

    /// Forgets one if there are too many: the first that was not used since it was last looked at.
    fn make_room(&mut self) {
        while self.known.len() >= MAX_ENTRIES
            && let Some(oldest) = self.order.pop_front()
        {
            match self.known.get_mut(&oldest) {
                Some(known) if known.used => {
                    known.used = false;
                    self.order.push_back(oldest);
                }
                _ => drop(self.known.remove(&oldest)),
            }
        }
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
    fn peers_see_a_socket_at_its_address_or_at_any_of_its_family() {
        let seen =
            |bound: &str, seen: &str| is_seen_as(bound.parse().unwrap(), seen.parse().unwrap());
        assert!(seen("192.0.2.7:5060", "192.0.2.7:5060"));
        assert!(!seen("192.0.2.7:5060", "192.0.2.8:5060"));
        assert!(!seen("192.0.2.7:5060", "192.0.2.7:5061"));
        assert!(seen("0.0.0.0:5060", "192.0.2.7:5060"));
        assert!(!seen("0.0.0.0:5060", "[2001:db8::7]:5060"));
        assert!(seen("[::]:5060", "[2001:db8::7]:5060"));
        assert!(!seen("[::]:5060", "[2001:db8::7]:5061"));
    }

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

    fn forged(number: u32) -> IpAddr {
        Ipv4Addr::from_bits(0x0a00_0000 + number).into()
    }

    #[test]
    fn a_flood_of_new_sources_asks_for_few_of_them_and_drives_out_nobody_who_calls() {
        let (mut addresses, start) = (LocalAddresses::default(), Instant::now());
        let ours = IpAddr::from(Ipv4Addr::new(192, 0, 2, 1));
        let default = IpAddr::from(Ipv4Addr::new(192, 0, 2, 2));
        let proxy: IpAddr = "203.0.113.1".parse().unwrap();
        let mut asked = 0;
        for number in 0..100_000 {
            let now = start + Duration::from_micros(u64::from(number) * 100);
            let mut find = |remote| {
                addresses.find(now, remote, |remote| {
                    asked += 1;
                    match remote {
                        IpAddr::V4(address) if address == ELSEWHERE.0 => default,
                        _ => ours,
                    }
                })
            };
            assert_eq!(find(proxy), ours);
            find(forged(number));
        }
        // Ten seconds.
        assert!(asked <= 11 * LOOK_UPS_PER_SECOND, "{asked}");
        assert!(addresses.known.len() <= MAX_ENTRIES);
        let now = start + Duration::from_millis(9_999);
        let stranger = addresses.find(now, forged(200_000), |_| panic!("too often"));
        assert_eq!(stranger, default);
    }

    #[test]
    fn one_is_forgotten_at_a_time() {
        let (mut addresses, now) = (LocalAddresses::default(), Instant::now());
        for number in 0..MAX_ENTRIES as u32 + 10 {
            addresses.remember(now, forged(number), forged(0));
        }
        assert_eq!(addresses.known.len(), MAX_ENTRIES);
        assert_eq!(addresses.order.len(), MAX_ENTRIES);
    }
}
