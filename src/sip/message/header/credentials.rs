//! Authorization and Proxy-Authorization (RFC 7616 §3.4, RFC 3261 §20.7, §20.28).

use std::fmt;

use super::challenge::DIGEST;
use super::digest::{AuthParams, DigestAlgorithm, Qop};
use crate::sip::message::SyntaxError;
use crate::sip::message::lex::{Cursor, is_token};
use crate::sip::message::name_addr::write_quoted;

/// One set of Digest credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user, or its hash with [`userhash`](Self::userhash).
    pub username: String,
    /// Whose user it is.
    pub realm: String,
    /// As in the challenge.
    pub nonce: String,
    /// The Request-URI of who made the digest.
    pub uri: String,
    /// The digest, in hexadecimal.
    pub response: String,
    /// How it was computed.
    pub algorithm: DigestAlgorithm,
    /// As in the challenge.
    pub opaque: Option<String>,
    /// `None` from clients of RFC 2069.
    pub protection: Option<Protection>,
    /// Whether `username` is a hash (RFC 7616 §3.4.4).
    pub userhash: bool,
}

/// The parameters that come with `qop`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Protection {
    /// What the digest protects.
    pub qop: Qop,
    /// The client's own nonce.
    pub cnonce: String,
    /// How often the client has used the nonce, this time included; eight hexadecimal digits.
    pub count: u32,
}

impl Credentials {
    /// Reads the value of one line; `None` if the scheme is not Digest.
    ///
    /// # Errors
    /// A parameter breaks the grammar, stands there twice or is missing; algorithm or qop is unknown.
    pub fn parse(text: &str) -> Result<Option<Self>, SyntaxError> {
        let mut cursor = Cursor::new(text);
        cursor.skip_blanks();
        let scheme = cursor.take_some(is_token, "authentication scheme")?;
        if !scheme.eq_ignore_ascii_case(DIGEST) {
            return Ok(None);
        }
        let params = AuthParams::read(&mut cursor)?;
        cursor.end("`,` or end of value")?;
        let need = |name, missing| params.need(name, missing, &cursor);
        let protection = match params.get("qop") {
            None => None,
            Some(qop) => Some(Protection {
                qop: Qop::parse(qop).ok_or_else(|| cursor.error("known qop"))?,
                cnonce: need("cnonce", "cnonce")?,
                count: params
                    .get("nc")
                    .and_then(nonce_count)
                    .ok_or_else(|| cursor.error("nc of eight hexadecimal digits"))?,
            }),
        };
        Ok(Some(Self {
            username: need("username", "username")?,
            realm: need("realm", "realm")?,
            nonce: need("nonce", "nonce")?,
            uri: need("uri", "uri")?,
            response: need("response", "response")?,
            algorithm: params
                .algorithm()
                .ok_or_else(|| cursor.error("known algorithm"))?,
            opaque: params.owned("opaque"),
            protection,
            userhash: params.flag("userhash"),
        }))
    }
}

/// `nc-value = 8LHEX`
fn nonce_count(text: &str) -> Option<u32> {
    let is_count = text.len() == 8 && text.bytes().all(|b| b.is_ascii_hexdigit());
    u32::from_str_radix(text, 16).ok().filter(|_| is_count)
}

impl fmt::Display for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = [
            ("Digest username=", &self.username),
            (", realm=", &self.realm),
            (", nonce=", &self.nonce),
            (", uri=", &self.uri),
            (", response=", &self.response),
        ];
        for (name, value) in quoted {
            f.write_str(name)?;
            write_quoted(f, value)?;
        }
        write!(f, ", algorithm={}", self.algorithm)?;
        if let Some(opaque) = &self.opaque {
            f.write_str(", opaque=")?;
            write_quoted(f, opaque)?;
        }
        if let Some(Protection { qop, cnonce, count }) = &self.protection {
            write!(f, ", qop={}, nc={count:08x}, cnonce=", qop.as_str())?;
            write_quoted(f, cnonce)?;
        }
        if self.userhash {
            f.write_str(", userhash=true")?;
        }
        Ok(())
    }
}
