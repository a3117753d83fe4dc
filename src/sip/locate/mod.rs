//! Where a request goes: from SIP URIs to transport, address and port (RFC 3263 §4, RFC 2782).
//!
//! A [`Locator`] owns the searches that are under way, the answers of the DNS that are still good, and
//! which addresses have failed lately. It is driven by [`Delivery`](crate::sip::delivery::Delivery): it says
//! which [`Question`]s are to be asked and takes each [`Answer`]; who asks them is the shell's affair. It does
//! not send anything, and opens nothing.
//!
//! A hundred searches for one name ask once. All questions that can be asked at one time are asked at
//! one time, so a search takes three round trips at most: NAPTR, SRV, addresses.
//!
//! RFC 3263 §4 (client), RFC 2782 (SRV), RFC 3403 (NAPTR, terminal records only), RFC 7984 (both address
//! families), RFC 7118 §4 (WebSocket), RFC 5922 §4 (the name a TLS server has to prove).
//!
//! # Decisions
//!
//! - A transport that this server cannot send by is as good as not offered.
//! - A domain whose NAPTR records name SIP services, but none that we can use, is not reached. One whose NAPTR
//!   records are about other things (ENUM, say) is treated as if it had none.
//! - A question that gets no answer counts as one without records: a middlebox that drops NAPTR questions
//!   must not make a domain unreachable. It is asked again after [`FAILURE_TTL`].
//! - IPv6 addresses come before IPv4 ones of the same host (RFC 6724), as far as there are sockets for them.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use smallvec::SmallVec;

use crate::sip::message::Transport;

mod avoided;
mod cache;
mod hop;
mod locator;
mod records;
mod search;
mod srv_order;

pub use locator::{Located, Locator, SearchId};
pub use records::{Answer, Naptr, Question, RecordType, Records, Srv};

/// One way to send a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The transport.
    pub transport: Transport,
    /// The peer's address.
    pub address: SocketAddr,
    /// The name that a TLS server's certificate has to prove: the host of the URI, never one that the DNS
    /// gave (RFC 5922 §4). `None` without TLS.
    pub server_name: Option<Arc<str>>,
}

/// Ways to send a request, the best first; at most [`MAX_TARGETS`], at least one.
pub type Targets = SmallVec<[Target; 1]>;

/// Most targets that one search gives.
pub const MAX_TARGETS: usize = 16;
/// Most servers of one SRV answer that are looked at.
pub const MAX_SERVERS: usize = 8;
/// Most records of one answer that are kept. Whoever publishes more gets a part of them used.
pub const MAX_RECORDS: usize = 64;
/// Most questions of one search; others count as unanswered.
pub const MAX_QUESTIONS: usize = 48;
/// Most searches at one time: more requests than this waiting for the DNS are refused.
pub const MAX_SEARCHES: usize = 8192;
/// Most questions that are out about the names of one domain, its last two labels; others count as
/// unanswered. A domain whose name servers are silent must not hold up all the others.
pub const MAX_PER_DOMAIN: usize = 128;
/// How long a search may take. What is known then has to do.
pub const SEARCH_LIMIT: Duration = Duration::from_secs(10);
/// How long it is believed that a question gets no answer.
pub const FAILURE_TTL: Duration = Duration::from_secs(5);

/// Why a URI leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LocateError {
    /// A `tel:` URI or another that is no `sip:` or `sips:`.
    #[error("{0}: only sip: and sips: URIs lead to a server")]
    Scheme(String),
    /// The URI wants a transport that this server does not speak or has no socket for.
    #[error("transport {0} is not available here: see [sip] listen")]
    Transport(String),
    /// A `sips:` URI that wants a transport without TLS.
    #[error("a sips: URI needs TLS, not transport {0}")]
    Insecure(String),
    /// No domain name: a label is empty or longer than 63 characters, or all are longer than 253.
    #[error("{0}: not a domain name")]
    Name(String),
    /// No socket for the family of a numeric address.
    #[error("{0}: no socket for that address family: see [sip] listen")]
    Family(IpAddr),
    /// The domain says that it offers SIP by none of our transports.
    #[error("{0} offers SIP by no transport that is available here")]
    NotOffered(String),
    /// There is no address for the name.
    #[error("no address for host {0}")]
    NoAddress(String),
    /// The DNS did not answer.
    #[error("no answer of the DNS about {0}")]
    NoAnswer(String),
    /// [`MAX_SEARCHES`] are under way.
    #[error("too many requests wait for the DNS")]
    Busy,
}

/// The transports that can be sent by, and in which address families.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reach {
    ipv4: u8,
    ipv6: u8,
}

impl Reach {
    /// Adds that there is a socket of this transport at an address of the family of `local`.
    pub fn add(&mut self, transport: Transport, local: IpAddr) {
        match local {
            IpAddr::V4(_) => self.ipv4 |= bit(transport),
            IpAddr::V6(_) => self.ipv6 |= bit(transport),
        }
    }

    /// Whether `remote` can be sent to by this transport.
    pub fn covers(self, transport: Transport, remote: IpAddr) -> bool {
        match remote {
            IpAddr::V4(_) => self.ipv4 & bit(transport) != 0,
            IpAddr::V6(_) => self.ipv6 & bit(transport) != 0,
        }
    }

    /// Whether anything can be sent by this transport.
    pub fn has(self, transport: Transport) -> bool {
        (self.ipv4 | self.ipv6) & bit(transport) != 0
    }

    fn has_ipv4(self, transport: Transport) -> bool {
        self.ipv4 & bit(transport) != 0
    }

    fn has_ipv6(self, transport: Transport) -> bool {
        self.ipv6 & bit(transport) != 0
    }
}

fn bit(transport: Transport) -> u8 {
    match transport {
        Transport::Udp => 1,
        Transport::Tcp => 2,
        Transport::Tls => 4,
        Transport::Ws => 8,
        Transport::Wss => 16,
        Transport::Sctp | Transport::TlsSctp => 0,
    }
}

#[cfg(test)]
mod tests;
