//! WWW-Authenticate and Proxy-Authenticate (RFC 7616 §3.3, RFC 8760, RFC 3261 §20.27, §20.44).

use std::fmt;

use super::digest::{AuthParams, DigestAlgorithm, Qop, skip_commas};
use crate::sip::message::SyntaxError;
use crate::sip::message::lex::{Cursor, is_token};
use crate::sip::message::name_addr::write_quoted;

/// One Digest challenge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// Whose users are asked for.
    pub realm: String,
    /// What goes into the digest, once.
    pub nonce: String,
    /// To be given back as it is.
    pub opaque: Option<String>,
    /// Whether only the nonce was too old, not the password wrong.
    pub stale: bool,
    /// How to compute the digest.
    pub algorithm: DigestAlgorithm,
    /// What the digest may protect, values that nobody knows left out; `None` without the parameter
    /// (RFC 2069).
    pub qop: Option<Vec<Qop>>,
}

impl Challenge {
    /// Reads all Digest challenges of one header line.
    ///
    /// RFC 3261 §7.3.1 wants one to a line, RFC 7235 allows more. Challenges of other schemes and with
    /// an unknown algorithm cannot be answered and are left out (RFC 7616 §3.3).
    ///
    /// # Errors
    /// A parameter breaks the grammar or stands there twice; realm or nonce is missing.
    pub fn parse_line(text: &str) -> Result<Vec<Self>, SyntaxError> {
        let mut cursor = Cursor::new(text);
        let mut challenges = Vec::new();
        loop {
            skip_commas(&mut cursor);
            if cursor.rest().is_empty() && !challenges.is_empty() {
                return Ok(challenges);
            }
            let scheme = cursor.take_some(is_token, "authentication scheme")?;
            let is_digest = scheme.eq_ignore_ascii_case(DIGEST);
            let params = AuthParams::read(&mut cursor)?;
            if is_digest && let Some(challenge) = Self::from_params(&params, &cursor)? {
                challenges.push(challenge);
            }
            cursor.skip_blanks();
            if !cursor.eat(b',') {
                return cursor.end("`,` or end of value").map(|()| challenges);
            }
        }
    }

    fn from_params(
        params: &AuthParams<'_>,
        cursor: &Cursor<'_>,
    ) -> Result<Option<Self>, SyntaxError> {
        let realm = params.need("realm", "realm", cursor)?;
        let nonce = params.need("nonce", "nonce", cursor)?;
        let qop = params.get("qop").map(|list| {
            let values = list.split(',').map(str::trim);
            values.filter_map(Qop::parse).collect()
        });
        Ok(params.algorithm().map(|algorithm| Self {
            realm,
            nonce,
            opaque: params.owned("opaque"),
            stale: params.flag("stale"),
            algorithm,
            qop,
        }))
    }
}

/// The scheme's name.
pub(super) const DIGEST: &str = "Digest";

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest realm=")?;
        write_quoted(f, &self.realm)?;
        f.write_str(", nonce=")?;
        write_quoted(f, &self.nonce)?;
        if let Some(opaque) = &self.opaque {
            f.write_str(", opaque=")?;
            write_quoted(f, opaque)?;
        }
        if self.stale {
            f.write_str(", stale=true")?;
        }
        write!(f, ", algorithm={}", self.algorithm)?;
        if let Some(qop) = &self.qop {
            let values: Vec<_> = qop.iter().map(|qop| qop.as_str()).collect();
            write!(f, ", qop=\"{}\"", values.join(","))?;
        }
        Ok(())
    }
}
