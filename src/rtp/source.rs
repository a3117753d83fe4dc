//! Which source address a stream listens to.
//!
//! Without this, anyone who guesses the port can speak in a call, or draw its audio to himself.
//! A stream latches onto the first source of valid packets, prefers the one that was signalled,
//! and then refuses all others until a new session description comes.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// The source a stream is bound to. Media thread; does not allocate.
///
/// A peer behind NAT sends from an address that its SDP does not name, so a foreign source may
/// latch. While the stream learns, a source closer to the signalled address takes its place. The
/// SSRC is not part of the latch: a peer may change it at any time (RFC 3550 §8.2), and the
/// jitter buffer follows.
#[derive(Debug, Clone)]
pub struct SourceLatch {
    signalled: Option<SocketAddr>,
    latched: Option<Latched>,
}

impl SourceLatch {
    /// A latch that prefers `signalled`, the peer's address in SDP.
    pub fn new(signalled: Option<SocketAddr>) -> Self {
        Self {
            signalled: signalled.map(canonical),
            latched: None,
        }
    }

    /// Learns anew after a session description that names `signalled`.
    pub fn reset(&mut self, signalled: Option<SocketAddr>) {
        self.signalled = signalled.map(canonical);
        self.latched = None;
    }

    /// Decides about a packet from `source`. The caller has already refused datagrams that are
    /// no RTP or whose payload type was not negotiated; those must not latch.
    pub fn check(&mut self, now: Instant, source: SocketAddr) -> Verdict {
        let source = canonical(source);
        let trust = self.trust(source);
        match &mut self.latched {
            Some(latched) if latched.source == source => Verdict::Accepted,
            Some(latched) if latched.yields_to(now, trust) => {
                latched.source = source;
                latched.trust = trust;
                Verdict::Latched
            }
            Some(_) => Verdict::Refused,
            None => {
                let learning_until = now + LEARNING_WINDOW;
                self.latched = Some(Latched {
                    source,
                    trust,
                    learning_until,
                });
                Verdict::Latched
            }
        }
    }

    /// The latched source, which is also where to send (symmetric RTP, RFC 4961). `None` before
    /// the first packet: send to the signalled address.
    pub fn source(&self) -> Option<SocketAddr> {
        self.latched.as_ref().map(|latched| latched.source)
    }

    fn trust(&self, source: SocketAddr) -> Trust {
        match self.signalled {
            Some(signalled) if signalled == source => Trust::Signalled,
            Some(signalled) if signalled.ip() == source.ip() => Trust::SignalledHost,
            _ => Trust::Foreign,
        }
    }
}

/// What to do with a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Use it.
    Accepted,
    /// Use it; it is the first from a source that is now latched, so what came before it came
    /// from elsewhere and is to be forgotten.
    Latched,
    /// Drop it.
    Refused,
}

/// How long after the first packet a source closer to the signalled address may take over:
/// enough for a peer that starts to send late. Picked by feel.
pub const LEARNING_WINDOW: Duration = Duration::from_secs(5);

#[derive(Debug, Clone)]
struct Latched {
    source: SocketAddr,
    trust: Trust,
    learning_until: Instant,
}

impl Latched {
    fn yields_to(&self, now: Instant, trust: Trust) -> bool {
        trust > self.trust && now < self.learning_until
    }
}

/// How well a source agrees with SDP, rising.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Trust {
    Foreign,
    /// The right host, another port: a NAT on that host, or an asymmetric sender.
    SignalledHost,
    Signalled,
}

/// IPv4 as IPv4, also when a dual-stack socket shows it mapped into IPv6; no flow label or scope.
fn canonical(address: SocketAddr) -> SocketAddr {
    let ip: IpAddr = address.ip().to_canonical();
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods)]

    use super::Verdict::{Accepted, Latched, Refused};
    use super::*;

    fn at(address: &str) -> SocketAddr {
        address.parse().unwrap()
    }

    const PEER: &str = "192.0.2.1:4000";
    const STRANGER: &str = "203.0.113.9:9999";

    #[test]
    fn the_first_source_stays_and_others_are_refused() {
        let now = Instant::now();
        let mut latch = SourceLatch::new(Some(at("10.0.0.5:4000")));
        assert_eq!(latch.source(), None);
        assert_eq!(latch.check(now, at(PEER)), Latched);
        assert_eq!(latch.check(now, at(PEER)), Accepted);
        assert_eq!(latch.check(now, at(STRANGER)), Refused);
        assert_eq!(latch.check(now, at("192.0.2.1:4001")), Refused);
        assert_eq!(latch.source(), Some(at(PEER)));
    }

    #[test]
    fn the_signalled_address_takes_over_while_learning() {
        let now = Instant::now();
        let mut latch = SourceLatch::new(Some(at(PEER)));
        assert_eq!(latch.check(now, at(STRANGER)), Latched);
        assert_eq!(latch.check(now, at("192.0.2.1:4444")), Latched);
        assert_eq!(latch.check(now, at(PEER)), Latched);
        assert_eq!(latch.check(now, at(STRANGER)), Refused);
        assert_eq!(latch.check(now, at("192.0.2.1:4444")), Refused);
    }

    #[test]
    fn nobody_takes_over_after_learning() {
        let now = Instant::now();
        let mut latch = SourceLatch::new(Some(at(PEER)));
        latch.check(now, at(STRANGER));
        assert_eq!(latch.check(now + LEARNING_WINDOW, at(PEER)), Refused);
    }

    #[test]
    fn a_new_session_description_learns_anew() {
        let now = Instant::now();
        let mut latch = SourceLatch::new(Some(at(PEER)));
        latch.check(now, at(PEER));
        latch.reset(Some(at(STRANGER)));
        assert_eq!(latch.source(), None);
        assert_eq!(latch.check(now, at(STRANGER)), Latched);
        assert_eq!(latch.check(now, at(PEER)), Refused);
    }

    #[test]
    fn a_mapped_address_is_the_same_address() {
        let now = Instant::now();
        let mut latch = SourceLatch::new(Some(at(PEER)));
        assert_eq!(latch.check(now, at("[::ffff:192.0.2.1]:4000")), Latched);
        assert_eq!(latch.check(now, at(PEER)), Accepted);
    }
}
