//! Questions to the DNS and their answers.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::{FAILURE_TTL, MAX_RECORDS};

/// One question.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Question {
    /// An absolute name in lower case, without the dot at its end.
    pub name: Arc<str>,
    /// What is wanted.
    pub kind: RecordType,
}

/// The kinds of records that matter here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecordType {
    /// Services of a domain (RFC 3403).
    Naptr,
    /// Servers of a service (RFC 2782).
    Srv,
    /// IPv4 addresses of a host.
    A,
    /// IPv6 addresses of a host (RFC 3596).
    Aaaa,
}

/// What the DNS says, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What it says.
    pub records: Records,
    /// How long that is good.
    pub ttl: Duration,
}

/// The content of an answer. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Records {
    /// NAPTR records.
    Naptr(Arc<[Naptr]>),
    /// SRV records.
    Srv(Arc<[Srv]>),
    /// The addresses of A or AAAA records, in the order of the answer.
    Addresses(Arc<[IpAddr]>),
    /// There are no records of that type, or no such name.
    None,
    /// No answer came, or none that makes sense.
    Failed,
}

/// A NAPTR record (RFC 3403 §4.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Naptr {
    /// Records with a higher one are not looked at once there is a match.
    pub order: u16,
    /// Lower ones come first among those of the same order.
    pub preference: u16,
    /// `s` leads to an SRV record, `a` to addresses. Records with others are skipped.
    pub flags: Box<str>,
    /// Such as `SIP+D2U` (RFC 3263 §4.1).
    pub services: Box<str>,
    /// Whether there is a regular expression, which SIP has no use for; such records are skipped.
    pub has_regexp: bool,
    /// The next name to ask for, without the dot at its end.
    pub replacement: Box<str>,
}

/// An SRV record (RFC 2782).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Srv {
    /// Lower ones come first.
    pub priority: u16,
    /// Share of the requests among those of the same priority.
    pub weight: u16,
    /// The server's port.
    pub port: u16,
    /// The server's name without the dot at its end; empty: the service is not offered.
    pub target: Box<str>,
}

impl Answer {
    /// An answer with these addresses.
    pub fn addresses(addresses: impl IntoIterator<Item = IpAddr>, ttl: Duration) -> Self {
        let addresses = addresses.into_iter().take(MAX_RECORDS).collect();
        let records = Records::Addresses(addresses);
        Self { records, ttl }
    }

    /// An answer with these SRV records.
    pub fn srv(records: impl IntoIterator<Item = Srv>, ttl: Duration) -> Self {
        let records = Records::Srv(records.into_iter().take(MAX_RECORDS).collect());
        Self { records, ttl }
    }

    /// An answer with these NAPTR records.
    pub fn naptr(records: impl IntoIterator<Item = Naptr>, ttl: Duration) -> Self {
        let records = Records::Naptr(records.into_iter().take(MAX_RECORDS).collect());
        Self { records, ttl }
    }

    /// The answer that there is nothing.
    pub fn none(ttl: Duration) -> Self {
        let records = Records::None;
        Self { records, ttl }
    }

    /// What stands for an answer that did not come.
    pub fn failed() -> Self {
        let records = Records::Failed;
        Self {
            records,
            ttl: FAILURE_TTL,
        }
    }
}
