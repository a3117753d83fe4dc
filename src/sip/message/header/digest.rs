//! The vocabulary that challenges and credentials share (RFC 7616 §3.3, RFC 8760 §2).

use std::fmt;

use crate::sip::message::SyntaxError;
use crate::sip::message::lex::{Cursor, is_token, unquote};

/// A hash function, the stronger the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)] // the names say it
pub enum DigestHash {
    Md5,
    Sha256,
    Sha512_256,
}

impl DigestHash {
    const NAMES: [(&str, Self); 3] = [
        ("MD5", Self::Md5),
        ("SHA-256", Self::Sha256),
        ("SHA-512-256", Self::Sha512_256),
    ];

    /// Reads a name, in any case.
    pub fn parse(text: &str) -> Option<Self> {
        let is_it = |(name, _): &&(&str, Self)| name.eq_ignore_ascii_case(text);
        Self::NAMES.iter().find(is_it).map(|(_, hash)| *hash)
    }

    /// The name as it stands in `algorithm`.
    pub fn as_str(self) -> &'static str {
        Self::NAMES[self as usize].0
    }
}

impl fmt::Display for DigestHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// `algorithm`: a hash, with or without `-sess`. MD5 where a header names none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DigestAlgorithm {
    /// The hash.
    pub hash: DigestHash,
    /// Whether the key is bound to the first nonce and cnonce (`-sess`).
    pub session: bool,
}

impl DigestAlgorithm {
    /// Reads a name, in any case; `None` for one this server does not know.
    pub fn parse(text: &str) -> Option<Self> {
        let (start, end) = text.split_at_checked(text.len().saturating_sub(SESSION.len()))?;
        let session = end.eq_ignore_ascii_case(SESSION);
        let hash = DigestHash::parse(if session { start } else { text })?;
        Some(Self { hash, session })
    }
}

impl From<DigestHash> for DigestAlgorithm {
    fn from(hash: DigestHash) -> Self {
        let session = false;
        Self { hash, session }
    }
}

impl fmt::Display for DigestAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}{}",
            self.hash,
            if self.session { SESSION } else { "" }
        )
    }
}

const SESSION: &str = "-sess";

/// `qop-value`: what the digest protects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Qop {
    /// Method and URI.
    Auth,
    /// Method, URI and body.
    AuthInt,
}

impl Qop {
    /// Reads a value, in any case; `None` for an unknown one.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Auth, Self::AuthInt]
            .into_iter()
            .find(|qop| qop.as_str().eq_ignore_ascii_case(text))
    }

    /// The value as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::AuthInt => "auth-int",
        }
    }
}

/// `1#auth-param` of one challenge or one set of credentials, quotes and escapes resolved.
pub(super) struct AuthParams<'a>(Vec<(&'a str, String)>);

impl<'a> AuthParams<'a> {
    /// Reads up to the end, or to a comma that another scheme follows.
    pub(super) fn read(cursor: &mut Cursor<'a>) -> Result<Self, SyntaxError> {
        let mut params = Self(Vec::new());
        loop {
            cursor.skip_blanks();
            let again = cursor.error("parameter that is not there yet");
            let name = cursor.take_some(is_token, "parameter name")?;
            cursor.skip_blanks();
            cursor.expect(b'=', "`=`")?;
            cursor.skip_blanks();
            let value = match cursor.peek() {
                Some(b'"') => unquote(cursor.quoted()?),
                _ => cursor.take_while(is_bare).to_owned(),
            };
            if params.get(name).is_some() {
                return Err(again);
            }
            params.0.push((name, value));
            cursor.skip_blanks();
            if cursor.peek() != Some(b',') || starts_scheme(cursor.clone()) {
                return Ok(params);
            }
            skip_commas(cursor);
            if cursor.rest().is_empty() {
                return Ok(params);
            }
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let is_it = |(known, _): &&(&str, String)| known.eq_ignore_ascii_case(name);
        self.0.iter().find(is_it).map(|(_, value)| &**value)
    }

    pub(super) fn owned(&self, name: &str) -> Option<String> {
        self.get(name).map(str::to_owned)
    }

    /// A parameter that has to be there.
    pub(super) fn need(
        &self,
        name: &str,
        missing: &'static str,
        cursor: &Cursor<'_>,
    ) -> Result<String, SyntaxError> {
        self.owned(name).ok_or_else(|| cursor.error(missing))
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.get(name)
            .is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// `algorithm`; `None` for one this server does not know.
    pub(super) fn algorithm(&self) -> Option<DigestAlgorithm> {
        match self.get("algorithm") {
            Some(name) => DigestAlgorithm::parse(name),
            None => Some(DigestHash::Md5.into()),
        }
    }
}

/// Steps over commas and the blanks around them; empty elements of lists are allowed (RFC 3261 §7.3.1).
pub(super) fn skip_commas(cursor: &mut Cursor<'_>) {
    cursor.take_while(|b| matches!(b, b',' | b' ' | b'\t'));
}

/// Whether after the comma comes `auth-scheme SP ...` and not `name = value`.
fn starts_scheme(mut cursor: Cursor<'_>) -> bool {
    skip_commas(&mut cursor);
    let name = cursor.take_while(is_token);
    let before = cursor.offset();
    cursor.skip_blanks();
    !name.is_empty() && cursor.offset() > before && cursor.peek() != Some(b'=')
}

/// More than a token, since nobody quotes as the grammar wants.
fn is_bare(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b',' | b'"')
}
