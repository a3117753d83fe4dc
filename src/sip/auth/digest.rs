//! The sums of Digest: A1, A2, response (RFC 7616 §3.4.1 to §3.4.3) and the HMAC of RFC 2104.

use std::fmt::Write;

use md5::{Digest, Md5};
use sha2::{Sha256, Sha512_256};

use crate::sip::message::header::{DigestAlgorithm, DigestHash, Protection, Qop};

/// H(user:realm:password) in lower-case hexadecimal: all that a server has to know of a password. Whoever
/// has it can use it, for this realm and hash.
#[derive(Clone, PartialEq, Eq)]
pub struct Ha1(String);

/// What a digest is about.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The request's method.
    pub method: &'a str,
    /// The `uri` parameter.
    pub uri: &'a str,
    /// The request's body; counts for `auth-int` only.
    pub body: &'a [u8],
}

impl Ha1 {
    /// Computes it from a password.
    pub fn new(hash: DigestHash, user: &str, realm: &str, password: &str) -> Self {
        Self(hex_of(hash, &[user, realm, password]))
    }

    /// Takes it as lower-case or upper-case hexadecimal digits; `None` if they are not as many as the
    /// hash has.
    pub fn from_hex(hash: DigestHash, text: &str) -> Option<Self> {
        let digits = match hash {
            DigestHash::Md5 => 32,
            DigestHash::Sha256 | DigestHash::Sha512_256 => 64,
        };
        let is_hex = text.len() == digits && text.bytes().all(|b| b.is_ascii_hexdigit());
        is_hex.then(|| Self(text.to_ascii_lowercase()))
    }

    /// The `response` parameter. `protection` is `None` without qop (RFC 2069 §2.1.2).
    ///
    /// Of an algorithm with `-sess`, `nonce` and cnonce have to be those of the first request.
    pub fn response(
        &self,
        algorithm: DigestAlgorithm,
        nonce: &str,
        protection: Option<&Protection>,
        subject: Subject<'_>,
    ) -> String {
        let hash = algorithm.hash;
        let cnonce = protection.map_or("", |protection| &*protection.cnonce);
        let session;
        let a1 = match algorithm.session {
            true => {
                session = hex_of(hash, &[&self.0, nonce, cnonce]);
                &session
            }
            false => &self.0,
        };
        let Subject { method, uri, body } = subject;
        let Some(Protection { qop, count, .. }) = protection else {
            return hex_of(hash, &[a1, nonce, &hex_of(hash, &[method, uri])]);
        };
        let a2 = match qop {
            Qop::Auth => hex_of(hash, &[method, uri]),
            Qop::AuthInt => hex_of(hash, &[method, uri, &hex(hash, &[body])]),
        };
        let count = format!("{count:08x}");
        hex_of(hash, &[a1, nonce, &count, cnonce, qop.as_str(), &a2])
    }
}

/// Nothing of it, so that it cannot get into a log.
impl std::fmt::Debug for Ha1 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ha1(...)")
    }
}

/// Whether both are the same, in a time that only depends on their lengths.
pub(super) fn same(one: &[u8], other: &[u8]) -> bool {
    let differences = one.iter().zip(other).fold(0, |all, (a, b)| all | (a ^ b));
    // Without the barrier the compiler may leave the loop at the first difference.
    one.len() == other.len() && std::hint::black_box(differences) == 0
}

/// HMAC with SHA-256 over all of `parts` (RFC 2104 §2).
pub(super) fn hmac_sha256(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    const BLOCK: usize = 64;
    let padded = |pad: u8| {
        let mut block = [pad; BLOCK];
        for (byte, key) in block.iter_mut().zip(key) {
            *byte ^= key;
        }
        Sha256::new_with_prefix(block)
    };
    let mut inner = padded(0x36);
    for part in parts {
        inner.update(part);
    }
    let mut outer = padded(0x5c);
    outer.update(inner.finalize());
    outer.finalize().into()
}

/// The hash of the texts with colons between them.
fn hex_of(hash: DigestHash, texts: &[&str]) -> String {
    let mut parts: Vec<&[u8]> = Vec::with_capacity(2 * texts.len());
    for (index, text) in texts.iter().enumerate() {
        if index > 0 {
            parts.push(b":");
        }
        parts.push(text.as_bytes());
    }
    hex(hash, &parts)
}

fn hex(hash: DigestHash, parts: &[&[u8]]) -> String {
    match hash {
        DigestHash::Md5 => hex_with::<Md5>(parts),
        DigestHash::Sha256 => hex_with::<Sha256>(parts),
        DigestHash::Sha512_256 => hex_with::<Sha512_256>(parts),
    }
}

fn hex_with<D: Digest>(parts: &[&[u8]]) -> String {
    let mut hasher = D::new();
    for part in parts {
        hasher.update(part);
    }
    to_hex(&hasher.finalize())
}

/// Two lower-case digits a byte.
pub(super) fn to_hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const GET: Subject<'_> = Subject {
        method: "GET",
        uri: "/dir/index.html",
        body: b"",
    };

    fn response(
        ha1: &Ha1,
        algorithm: &str,
        nonce: &str,
        protection: Option<&Protection>,
    ) -> String {
        let algorithm = DigestAlgorithm::parse(algorithm).unwrap();
        ha1.response(algorithm, nonce, protection, GET)
    }

    #[test]
    fn rfc7616_3_9_1_md5_and_sha256() {
        let nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
        let protection = Protection {
            qop: Qop::Auth,
            cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ".to_owned(),
            count: 1,
        };
        for (hash, expected) in [
            (DigestHash::Md5, "8ca523f5e9506fed4657c9700eebdbec"),
            (
                DigestHash::Sha256,
                "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
            ),
        ] {
            let ha1 = Ha1::new(hash, "Mufasa", "http-auth@example.org", "Circle of Life");
            let computed = response(&ha1, hash.as_str(), nonce, Some(&protection));
            assert_eq!(computed, expected, "{hash}");
        }
    }

    /// The RFC's own response is wrong; this is what erratum 4897 gives.
    #[test]
    fn rfc7616_3_9_2_sha512_256_and_a_name_beyond_ascii() {
        let hash = DigestHash::Sha512_256;
        let name = "J\u{e4}s\u{f8}n Doe";
        let ha1 = Ha1::new(hash, name, "api@example.org", "Secret, or not?");
        let protection = Protection {
            qop: Qop::Auth,
            cnonce: "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v".to_owned(),
            count: 1,
        };
        let subject = Subject {
            uri: "/doe.json",
            ..GET
        };
        let nonce = "5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK";
        assert_eq!(
            ha1.response(hash.into(), nonce, Some(&protection), subject),
            "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5"
        );
    }

    #[test]
    fn rfc2617_3_5_md5_with_qop_auth() {
        let ha1 = Ha1::new(
            DigestHash::Md5,
            "Mufasa",
            "testrealm@host.com",
            "Circle Of Life",
        );
        assert_eq!(ha1.0, "939e7578ed9e3c518a452acee763bce9");
        let nonce = "dcd98b7102dd2f0e8b11d0f600bfb0c093";
        let protection = Protection {
            qop: Qop::Auth,
            cnonce: "0a4f113b".to_owned(),
            count: 1,
        };
        assert_eq!(
            response(&ha1, "MD5", nonce, Some(&protection)),
            "6629fae49393a05397450978507c4ef1"
        );
        // The same without qop, as RFC 2069 computes it.
        assert_eq!(
            response(&ha1, "MD5", nonce, None),
            "670fd8c2df070c60b045671b8b24ff02"
        );
    }

    /// Worked out by hand from the definitions.
    #[test]
    fn a_session_key_and_a_body_go_into_the_digest() {
        let hash = DigestHash::Sha256;
        let ha1 = Ha1::new(hash, "u", "r", "p");
        let protection = Protection {
            qop: Qop::AuthInt,
            cnonce: "c".to_owned(),
            count: 0xff,
        };
        let subject = Subject {
            method: "INVITE",
            uri: "sip:x",
            body: b"v=0",
        };
        let algorithm = DigestAlgorithm::parse("SHA-256-sess").unwrap();
        let sha = |text: &str| hex(hash, &[text.as_bytes()]);
        let a1 = sha(&format!("{}:n:c", sha("u:r:p")));
        let a2 = sha(&format!("INVITE:sip:x:{}", sha("v=0")));
        let expected = sha(&format!("{a1}:n:000000ff:c:auth-int:{a2}"));
        let computed = ha1.response(algorithm, "n", Some(&protection), subject);
        assert_eq!(computed, expected);
    }

    #[test]
    fn rfc4231_4_7_hmac_of_parts_is_that_of_the_whole() {
        // Test case 1 has a key of 20 bytes; padding it with zeros is what HMAC does.
        let mut key = [0; 32];
        key[..20].fill(0x0b);
        let mac = to_hex(&hmac_sha256(&key, &[b"Hi ", b"There"]));
        assert_eq!(
            mac,
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        );
    }

    #[test]
    fn equal_means_equal_to_the_last_byte() {
        assert!(same(b"abc", b"abc"));
        for other in [&b"abd"[..], b"xbc", b"ab", b"abcd", b""] {
            assert!(!same(b"abc", other));
        }
    }
}
