//! Hosts and ports as they stand in URIs and Via (RFC 3261 §25.1, RFC 5118, RFC 5954).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::SyntaxError;
use super::lex::{Cursor, class};
use crate::decimal::{write_ipv4, write_number};

/// `host = hostname / IPv4address / IPv6reference`
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Host {
    /// A domain name, as received.
    Name(String),
    /// A dotted IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address, written in brackets.
    V6(Ipv6Addr),
}

impl Host {
    /// The address, if it is one.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Name(_) => None,
            Self::V4(address) => Some(IpAddr::V4(*address)),
            Self::V6(address) => Some(IpAddr::V6(*address)),
        }
    }

    /// Whether both name the same host. Names compare ignoring case; nothing is looked up.
    pub fn equivalent(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Name(a), Self::Name(b)) => a.eq_ignore_ascii_case(b),
            _ => self == other,
        }
    }

    /// `hostport = host [ ":" port ]`, with the blanks that Via allows around the colon.
    pub(super) fn with_port(cursor: &mut Cursor<'_>) -> Result<(Self, Option<u16>), SyntaxError> {
        let host = Self::read(cursor)?;
        let mut ahead = cursor.clone();
        ahead.skip_blanks();
        if !ahead.eat(b':') {
            return Ok((host, None));
        }
        ahead.skip_blanks();
        let bad_port = ahead.error("port");
        let port = ahead
            .take_while(|b| b.is_ascii_digit())
            .parse()
            .map_err(|_| bad_port)?;
        *cursor = ahead;
        Ok((host, Some(port)))
    }

    fn read(cursor: &mut Cursor<'_>) -> Result<Self, SyntaxError> {
        let error = cursor.error("host");
        if cursor.eat(b'[') {
            let address = cursor.take_while(|b| b != b']');
            cursor.expect(b']', "closing bracket")?;
            return ipv6(address).map(Self::V6).ok_or(error);
        }
        // Underscores are no hostname characters, yet many hosts have them.
        let name = cursor.take_while(is_name);
        if let Ok(address) = name.parse() {
            return Ok(Self::V4(address));
        }
        // A name that ends in a number is a damaged address (RFC 3261: `toplabel` has a letter).
        let top_label = name
            .trim_end_matches('.')
            .rsplit('.')
            .next()
            .unwrap_or_default();
        if top_label.bytes().all(|b| b.is_ascii_digit()) {
            return Err(error);
        }
        Ok(Self::Name(name.to_owned()))
    }
}

#[inline]
fn is_name(byte: u8) -> bool {
    static NAME: [bool; 256] =
        class!(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
    NAME[usize::from(byte)]
}

impl From<IpAddr> for Host {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => Self::V6(address),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::V4(address) => write_ipv4(f, *address),
            Self::V6(address) => write!(f, "[{address}]"),
        }
    }
}

/// Writes `host [ ":" port ]`.
pub(super) fn write_host_port(
    f: &mut fmt::Formatter<'_>,
    host: &Host,
    port: Option<u16>,
) -> fmt::Result {
    fmt::Display::fmt(host, f)?;
    let Some(port) = port else {
        return Ok(());
    };
    f.write_str(":")?;
    write_number(f, port.into())
}

/// Reads an IPv6 address, also with the third colon before an embedded IPv4 address that the
/// grammar of RFC 3261 produced (RFC 5118 §4.10 asks to accept both).
fn ipv6(text: &str) -> Option<Ipv6Addr> {
    let three_colons = || {
        text.replacen(":::", "::", 1)
            .parse()
            .ok()
            .filter(|_| text.contains('.'))
    };
    text.parse().ok().or_else(three_colons)
}
