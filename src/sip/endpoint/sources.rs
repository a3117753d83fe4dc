//! Who may send us requests, and how many: networks that are let in, and a rate for each source.
//!
//! Owns one small record for each source that sent a request lately, in a table of bounded size. Driven by
//! the endpoint with the time. Knows no methods; what counts as a request is for the endpoint to say.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use ipnet::IpNet;

/// What is asked of sources. The default asks nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceRules {
    /// Networks that may send; empty: all.
    pub allow: Vec<IpNet>,
    /// Networks that may not, whatever `allow` says.
    pub deny: Vec<IpNet>,
    /// Networks without a rate: the proxies in front.
    pub trusted: Vec<IpNet>,
    /// New requests a second from one source, which may also come all at once.
    pub requests_per_second: Option<NonZeroU32>,
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It is dealt with.
    Admit,
    /// Its source sends too many: it is told so.
    Refuse,
    /// Its source goes on in spite of that: it is told nothing any more.
    Ignore,
}

/// The rules and what each source has left. See the module's documentation.
pub struct Sources {
    rules: SourceRules,
    buckets: HashMap<IpAddr, Bucket>,
    /// Shared by the sources that the table has no room for.
    others: Option<Bucket>,
    swept: Option<Instant>,
}

/// What a source may still send, a token a request. Below zero it is refused, at the bottom ignored.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f32,
    at: Instant,
}

/// Sources that are counted one by one; some 48 bytes each.
const MAX_SOURCES: usize = 65_536;
/// A full table is searched for sources to forget no more often than this.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

impl Sources {
    /// Nobody has sent anything.
    pub fn new(rules: SourceRules) -> Self {
        Self {
            rules,
            buckets: HashMap::new(),
            others: None,
            swept: None,
        }
    }

    /// Whether anything of this source is looked at.
    pub fn lets_in(&self, source: IpAddr) -> bool {
        self.rules.lets_in(source)
    }

    /// Counts a new request of `source`.
    pub fn take(&mut self, now: Instant, source: IpAddr) -> Admission {
        let Some(rate) = self.rules.requests_per_second else {
            return Admission::Admit;
        };
        let source = source.to_canonical();
        if listed(&self.rules.trusted, source) {
            return Admission::Admit;
        }
        let rate = rate.get() as f32;
        self.bucket(now, subscriber(source), rate).take(now, rate)
    }

    fn bucket(&mut self, now: Instant, source: IpAddr, rate: f32) -> &mut Bucket {
        let full = Bucket {
            tokens: rate,
            at: now,
        };
        if self.buckets.len() >= MAX_SOURCES && !self.buckets.contains_key(&source) {
            self.sweep(now, rate);
            if self.buckets.len() >= MAX_SOURCES {
                return self.others.get_or_insert(full);
            }
        }
        self.buckets.entry(source).or_insert(full)
    }

    /// Forgets the sources that have everything left, as if they had never sent.
    fn sweep(&mut self, now: Instant, rate: f32) {
        if self.swept.is_some_and(|at| now < at + SWEEP_EVERY) {
            return;
        }
        self.swept = Some(now);
        self.buckets.retain(|_, bucket| {
            bucket.refill(now, rate);
            bucket.tokens < rate
        });
    }
}

impl SourceRules {
    fn lets_in(&self, source: IpAddr) -> bool {
        if self.deny.is_empty() && self.allow.is_empty() {
            return true;
        }
        let source = source.to_canonical();
        !listed(&self.deny, source) && (self.allow.is_empty() || listed(&self.allow, source))
    }
}

impl Bucket {
    fn refill(&mut self, now: Instant, rate: f32) {
        let passed = now.saturating_duration_since(self.at).as_secs_f32();
        self.tokens = (self.tokens + passed * rate).min(rate);
        self.at = now;
    }

    fn take(&mut self, now: Instant, rate: f32) -> Admission {
        self.refill(now, rate);
        let before = self.tokens;
        self.tokens = (before - 1.0).max(-rate);
        if before >= 1.0 {
            Admission::Admit
        } else if before - 1.0 > -rate {
            Admission::Refuse
        } else {
            Admission::Ignore
        }
    }
}

fn listed(networks: &[IpNet], source: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(&source))
}

/// Who stands behind an address: of IPv6 the first 64 bits, since one subscriber has all of the rest.
pub(crate) fn subscriber(source: IpAddr) -> IpAddr {
    match source {
        IpAddr::V4(_) => source,
        IpAddr::V6(address) => {
            let network = address.to_bits() & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from_bits(network))
        }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn rated(requests_per_second: u32) -> Sources {
        Sources::new(SourceRules {
            requests_per_second: NonZeroU32::new(requests_per_second),
            trusted: vec!["10.0.0.0/8".parse().unwrap()],
            ..SourceRules::default()
        })
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_source_may_send_its_rate_then_is_refused_then_ignored() {
        let (mut sources, start) = (rated(10), Instant::now());
        let mut taken = |n: usize| -> Vec<Admission> {
            (0..n)
                .map(|_| sources.take(start, ip("192.0.2.1")))
                .collect()
        };
        assert_eq!(taken(10), [Admission::Admit; 10]);
        assert_eq!(taken(9), [Admission::Refuse; 9]);
        assert_eq!(taken(3), [Admission::Ignore; 3]);
        assert_eq!(sources.take(start, ip("192.0.2.2")), Admission::Admit);
        let later = start + Duration::from_secs(2);
        assert_eq!(sources.take(later, ip("192.0.2.1")), Admission::Admit);
    }

    #[test]
    fn a_flood_is_never_admitted_while_it_lasts() {
        let (mut sources, start) = (rated(10), Instant::now());
        let mut admitted = 0;
        for millisecond in 0..10_000 {
            let now = start + Duration::from_millis(millisecond);
            admitted += usize::from(sources.take(now, ip("192.0.2.1")) == Admission::Admit);
        }
        assert_eq!(admitted, 10);
    }

    #[test]
    fn trusted_networks_have_no_rate() {
        let (mut sources, now) = (rated(1), Instant::now());
        for _ in 0..100 {
            assert_eq!(sources.take(now, ip("10.9.8.7")), Admission::Admit);
            assert_eq!(sources.take(now, ip("::ffff:10.9.8.7")), Admission::Admit);
        }
    }

    #[test]
    fn one_ipv6_subscriber_is_one_source() {
        let (mut sources, now) = (rated(1), Instant::now());
        assert_eq!(sources.take(now, ip("2001:db8::1")), Admission::Admit);
        assert_ne!(sources.take(now, ip("2001:db8::2")), Admission::Admit);
        assert_eq!(sources.take(now, ip("2001:db8:0:1::1")), Admission::Admit);
    }

    #[test]
    fn a_full_table_is_not_exceeded_and_gets_room_again() {
        let (mut sources, start) = (rated(2), Instant::now());
        for number in 0..MAX_SOURCES as u32 + 10 {
            sources.take(start, Ipv4Addr::from_bits(0xC000_0000 + number).into());
        }
        assert_eq!(sources.buckets.len(), MAX_SOURCES);
        assert!(sources.others.is_some());
        let later = start + Duration::from_secs(10);
        assert_eq!(sources.take(later, ip("203.0.113.1")), Admission::Admit);
        assert_eq!(sources.buckets.len(), 1);
    }

    #[test]
    fn deny_is_stronger_than_allow() {
        let rules = SourceRules {
            allow: vec!["192.0.2.0/24".parse().unwrap()],
            deny: vec!["192.0.2.7/32".parse().unwrap()],
            ..SourceRules::default()
        };
        let lets_in = |text| rules.lets_in(ip(text));
        assert!(lets_in("192.0.2.1") && lets_in("::ffff:192.0.2.1"));
        assert!(!lets_in("192.0.2.7") && !lets_in("198.51.100.1"));
        assert!(SourceRules::default().lets_in(ip("198.51.100.1")));
    }
}
