//! Nonces that a server need not remember (RFC 7616 §3.3, §5.4).
//!
//! A nonce is its time and number and a MAC over both and the address it was given to. So it cannot be
//! made up, and what was given to one address is of no use at another: who answers it has received it
//! where its request seems to come from. That makes a failure with such a nonce worth counting.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::digest::{hmac_sha256, same, to_hex};

/// Makes and knows the nonces of one server.
#[derive(Debug)]
pub(super) struct Nonces {
    secret: [u8; 32],
    /// Times count from here.
    epoch: Instant,
    next: u32,
}

/// One nonce: milliseconds since the epoch in the upper 64 bits, and a number below. Sorts by age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct NonceId(u128);

impl NonceId {
    const BYTES: usize = 12;

    fn new(millis: u64, number: u32) -> Self {
        Self(u128::from(millis) << 32 | u128::from(number))
    }

    fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes.copy_from_slice(&self.0.to_be_bytes()[16 - Self::BYTES..]);
        bytes
    }

    /// When it was made, after the epoch.
    pub(super) fn made(self) -> Duration {
        Duration::from_millis((self.0 >> 32) as u64)
    }
}

/// Half of a SHA-256: more than anybody can try.
const MAC_BYTES: usize = 16;
const HEX_DIGITS: usize = 2 * (NonceId::BYTES + MAC_BYTES);

impl Nonces {
    pub(super) fn new(secret: [u8; 32], epoch: Instant) -> Self {
        Self {
            secret,
            epoch,
            next: 0,
        }
    }

    /// A new nonce for whoever sends from `source`.
    pub(super) fn make(&mut self, now: Instant, source: IpAddr) -> String {
        self.next = self.next.wrapping_add(1);
        let millis = u64::try_from(self.age_of_epoch(now).as_millis()).unwrap_or(u64::MAX);
        let id = NonceId::new(millis, self.next);
        let mut nonce = to_hex(&id.to_bytes());
        nonce.push_str(&self.mac(id, source));
        nonce
    }

    /// The nonce, if this server gave it to `source`.
    pub(super) fn read(&self, nonce: &str, source: IpAddr) -> Option<NonceId> {
        if nonce.len() != HEX_DIGITS || !nonce.is_ascii() {
            return None;
        }
        let (id, mac) = nonce.split_at(2 * NonceId::BYTES);
        let id = NonceId(u128::from_str_radix(id, 16).ok()?);
        same(mac.as_bytes(), self.mac(id, source).as_bytes()).then_some(id)
    }

    /// The time that [`NonceId::made`] is compared with.
    pub(super) fn age_of_epoch(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.epoch)
    }

    fn mac(&self, id: NonceId, source: IpAddr) -> String {
        let source = source.to_string();
        let mac = hmac_sha256(&self.secret, &[&id.to_bytes(), source.as_bytes()]);
        to_hex(&mac[..MAC_BYTES])
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    const ALICE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const MALLORY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    #[test]
    fn a_nonce_is_known_with_its_time_and_only_where_it_was_given() {
        let epoch = Instant::now();
        let mut nonces = Nonces::new([1; 32], epoch);
        let made = Duration::from_millis(1234);
        let nonce = nonces.make(epoch + made, ALICE);
        assert_eq!(nonces.read(&nonce, ALICE).unwrap().made(), made);
        assert_eq!(nonces.read(&nonce, MALLORY), None);
        assert_ne!(nonces.make(epoch + made, ALICE), nonce);
        assert_eq!(Nonces::new([2; 32], epoch).read(&nonce, ALICE), None);
    }

    #[test]
    fn no_digit_of_a_nonce_can_be_changed() {
        let epoch = Instant::now();
        let mut nonces = Nonces::new([1; 32], epoch);
        let nonce = nonces.make(epoch, ALICE);
        for at in 0..nonce.len() {
            let mut forged = nonce.clone().into_bytes();
            forged[at] = if forged[at] == b'0' { b'1' } else { b'0' };
            let forged = String::from_utf8(forged).unwrap();
            assert_eq!(nonces.read(&forged, ALICE), None, "{forged}");
        }
        for wrong in [
            "",
            "x",
            &nonce[1..],
            &format!("{nonce}0"),
            &"\u{e4}".repeat(28),
        ] {
            assert_eq!(nonces.read(wrong, ALICE), None, "{wrong}");
        }
    }
}
