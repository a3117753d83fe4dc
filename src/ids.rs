//! Random identifiers: tags, Call-IDs, SSRCs, and seeds for other generators.
//!
//! One generator, seeded by the operating system in the server and by a constant in tests, so that a
//! core with the same seed and input writes the same bytes. It is cryptographically strong: whoever
//! guesses a tag can end a call (RFC 3261 §19.3), whoever guesses an SSRC can inject audio.
//!
//! Tokens are lower-case letters and digits: SIP compares tokens ignoring case (RFC 3261 §7.3.1), and
//! nothing in them needs escaping in a URI, a file name or a log line.

use std::fmt;
use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use ring::hmac;

/// 32 symbols, five bits each; without `l` and `o`, which read like digits, and `u` and `i`.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// A source of identifiers.
#[derive(Debug)]
pub struct Ids {
    rng: StdRng,
}

impl Ids {
    /// A source that nobody can predict.
    ///
    /// # Panics
    ///
    /// The operating system has no random bytes; there is no safe way to go on.
    pub fn from_os() -> Ids {
        Ids {
            rng: rand::make_rng(),
        }
    }

    /// A source that repeats itself: for tests, and for a part that got its seed from
    /// [`Ids::seed`].
    pub fn from_seed(seed: [u8; 32]) -> Ids {
        Ids {
            rng: StdRng::from_seed(seed),
        }
    }

    /// A seed for the generator of another part, such as a transaction layer or a media thread.
    pub fn seed(&mut self) -> [u8; 32] {
        let mut seed = [0; 32];
        self.rng.fill_bytes(&mut seed);
        seed
    }

    /// A From or To tag of 80 bits. RFC 3261 §19.3 asks for at least 32.
    pub fn tag(&mut self) -> String {
        self.token(16)
    }

    /// A Call-ID of 120 bits, without a host part. RFC 3261 §8.1.1.4.
    pub fn call_id(&mut self) -> String {
        self.token(24)
    }

    /// A synchronisation source. RFC 3550 §8.1.
    pub fn ssrc(&mut self) -> u32 {
        self.rng.next_u32()
    }

    fn token(&mut self, symbols: usize) -> String {
        let mut symbol = || ALPHABET[self.rng.next_u32() as usize % ALPHABET.len()];
        let token = (0..symbols).map(|_| symbol()).collect();
        String::from_utf8(token).expect("all symbols are ASCII")
    }
}

/// Random numbers for those who need few: each is HMAC-SHA256 of a name and a number by one secret, so that
/// whoever draws none keeps nothing.
#[derive(Clone)]
pub struct Draws(Arc<hmac::Key>);

impl Draws {
    /// `secret` has to be random, and another one in each run of the server.
    pub fn new(secret: [u8; 32]) -> Self {
        Self(Arc::new(hmac::Key::new(hmac::HMAC_SHA256, &secret)))
    }

    /// The random number with this place in the row of this name.
    pub fn number(&self, name: &str, place: u64) -> u64 {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(&place.to_be_bytes());
        context.update(name.as_bytes());
        let tag = context.sign();
        let bytes = tag.as_ref().first_chunk().copied();
        u64::from_be_bytes(bytes.expect("SHA-256 has 32 bytes"))
    }
}

impl fmt::Debug for Draws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Draws(..)")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_identifiers() {
        let mut one = Ids::from_seed([7; 32]);
        let mut other = Ids::from_seed([7; 32]);
        assert_eq!(one.call_id(), other.call_id());
        assert_eq!(one.ssrc(), other.ssrc());
        assert_ne!(one.tag(), Ids::from_seed([8; 32]).tag());
    }

    #[test]
    fn draws_differ_by_secret_name_and_place() {
        let draws = Draws::new([7; 32]);
        assert_eq!(draws.number("a", 1), Draws::new([7; 32]).number("a", 1));
        let others = [
            draws.number("a", 2),
            draws.number("b", 1),
            Draws::new([8; 32]).number("a", 1),
        ];
        assert!(
            others
                .into_iter()
                .all(|other| other != draws.number("a", 1))
        );
    }

    #[test]
    fn identifiers_are_tokens_and_do_not_repeat() {
        let mut ids = Ids::from_os();
        let tags: HashSet<String> = (0..10_000).map(|_| ids.tag()).collect();
        assert_eq!(tags.len(), 10_000);
        assert!(
            tags.iter()
                .flat_map(|tag| tag.bytes())
                .all(|b| ALPHABET.contains(&b))
        );
    }
}
