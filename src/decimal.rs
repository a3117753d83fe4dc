//! Numbers and addresses in decimal, each written in one piece.
//!
//! For what every message has many of: the formatting machinery of the standard library takes ten times as long,
//! and writes an address byte by byte.

use std::fmt::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The longest address: `255.255.255.255`.
const IPV4_BYTES: usize = 15;

/// Writes `number` as its `Display` does.
pub(crate) fn write_number(out: &mut impl Write, number: u64) -> fmt::Result {
    out.write_str(itoa::Buffer::new().format(number))
}

/// Writes `address` as its `Display` does.
pub(crate) fn write_ipv4(out: &mut impl Write, address: Ipv4Addr) -> fmt::Result {
    let mut text = [b'.'; IPV4_BYTES];
    let mut at = IPV4_BYTES;
    for (place, octet) in address.octets().into_iter().enumerate().rev() {
        at = put_before(&mut text, at, octet);
        // The dot is there already.
        at -= usize::from(place > 0);
    }
    out.write_str(std::str::from_utf8(&text[at..]).map_err(|_| fmt::Error)?)
}

/// `address` as text.
pub(crate) fn ip_text(address: IpAddr) -> String {
    let IpAddr::V4(address) = address else {
        return address.to_string();
    };
    let mut text = String::with_capacity(IPV4_BYTES);
    // Writing into a String cannot fail.
    let _ = write_ipv4(&mut text, address);
    text
}

/// An address with its port, for a line of the log.
pub(crate) struct SocketText(pub SocketAddr);

impl fmt::Display for SocketText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SocketAddr::V4(address) = self.0 else {
            return self.0.fmt(f);
        };
        write_ipv4(f, *address.ip())?;
        f.write_str(":")?;
        write_number(f, address.port().into())
    }
}

/// Puts the digits of `number` before `end`, and returns where they begin.
fn put_before(text: &mut [u8], end: usize, mut number: u8) -> usize {
    let mut at = end;
    loop {
        at -= 1;
        text[at] = b'0' + number % 10;
        number /= 10;
        if number == 0 {
            return at;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_by_the_standard_library() {
        for number in [0, 9, 10, 5060, 65_535, u64::from(u32::MAX), u64::MAX] {
            let mut text = String::new();
            write_number(&mut text, number).unwrap();
            assert_eq!(text, number.to_string());
        }
    }

    #[test]
    fn addresses_are_written_as_by_the_standard_library() {
        for address in ["0.0.0.0", "127.0.0.1", "192.0.2.10", "255.255.255.255"] {
            let ip: IpAddr = address.parse().unwrap();
            assert_eq!(ip_text(ip), address);
        }
        assert_eq!(ip_text("2001:db8::1".parse().unwrap()), "2001:db8::1");
        for address in ["0.0.0.0:0", "192.0.2.10:65535", "[2001:db8::1]:5060"] {
            let socket: SocketAddr = address.parse().unwrap();
            assert_eq!(SocketText(socket).to_string(), address);
        }
    }
}
