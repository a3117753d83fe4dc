//! Authentication-Info (RFC 7615, RFC 7616 §3.5, RFC 3261 §20.6).

use std::fmt;

use super::digest::AuthParams;
use crate::sip::message::SyntaxError;
use crate::sip::message::lex::Cursor;
use crate::sip::message::name_addr::write_quoted;

/// What a server says when it has accepted credentials; the parameters that this server reads.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuthenticationInfo {
    /// The nonce for the next request.
    pub next_nonce: Option<String>,
}

impl AuthenticationInfo {
    /// Reads the value.
    ///
    /// # Errors
    /// A parameter breaks the grammar or stands there twice.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let mut cursor = Cursor::new(text);
        let params = AuthParams::read(&mut cursor)?;
        cursor.end("`,` or end of value")?;
        let next_nonce = params.owned("nextnonce");
        Ok(Self { next_nonce })
    }
}

impl fmt::Display for AuthenticationInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.next_nonce {
            Some(nonce) => {
                f.write_str("nextnonce=")?;
                write_quoted(f, nonce)
            }
            None => Ok(()),
        }
    }
}
