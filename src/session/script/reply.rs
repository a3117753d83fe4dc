//! What the actions of `mod_dlg` that reply have in common, with a call and without.

use bytes::Bytes;

use super::Performed;
use crate::dsm::{ActionError, Errno, Exception, Values};
use crate::session::header_lines::{self, Line};
use crate::sip::message::{Headers, StatusCode, body};

/// The variable with header lines for replies.
const REPLY_HEADERS: &str = "dlg.reply.hdrs";

/// Code, reason phrase and header lines of a reply.
pub struct Reply<'a> {
    /// Its code.
    pub status: StatusCode,
    /// Its reason phrase.
    pub reason: &'a str,
    /// Header lines to add.
    pub headers: Vec<Line>,
}

impl<'a> Reply<'a> {
    /// Reads the arguments; an empty code is `default`.
    ///
    /// # Errors
    /// What the action fails with.
    pub fn read(
        code: &str,
        reason: &'a str,
        default: StatusCode,
        variables: &Values,
    ) -> Result<Self, Performed> {
        let status = match code.trim() {
            "" => Some(default),
            code => code.parse().ok().and_then(StatusCode::new),
        };
        let status =
            status.ok_or_else(|| bad("the code of a reply is a number from 100 to 699"))?;
        if reason.contains(char::is_control) {
            return Err(bad("a reason phrase is one line"));
        }
        let lines = variables.get(REPLY_HEADERS).unwrap_or_default();
        let headers = header_lines::parse(lines);
        let headers = headers.map_err(|error| bad(format!("${REPLY_HEADERS}: {error}")))?;
        Ok(Self {
            status,
            reason,
            headers,
        })
    }
}

/// The part of a body that is of the type `wanted`, or nothing.
pub fn found(headers: &Headers, body: &Bytes, wanted: &str) -> Performed {
    match body::content(headers, body, wanted) {
        Some(part) => Performed::Value(String::from_utf8_lossy(&part).into()),
        None => Performed::Done,
    }
}

/// A bad argument.
pub fn bad(why: impl Into<String>) -> Performed {
    failed(Errno::ARG, why)
}

/// A failure that the script learns from `$errno`.
pub fn failed(errno: Errno, why: impl Into<String>) -> Performed {
    Performed::Failed(ActionError::errno(errno, why), None)
}

/// A failure that `mod_dlg` throws.
pub fn thrown(cause: &str) -> Performed {
    let exception = Exception::new("dlg").with("cause", cause);
    Performed::Failed(exception.into(), None)
}
