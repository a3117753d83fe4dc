//! Session-Expires and Min-SE (RFC 4028 §4, §5).

use std::fmt;

use super::delta_seconds;
use crate::decimal::write_number;
use crate::sip::message::lex::Cursor;
use crate::sip::message::{Params, SyntaxError};

/// `Session-Expires = delta-seconds *( SEMI se-params )`; parameters but `refresher` are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionExpires {
    /// The session interval.
    pub seconds: u32,
    /// Who is to refresh the session; absent when the answering side may choose.
    pub refresher: Option<Refresher>,
}

/// Who refreshes a session, by its role in the request that the header belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresher {
    /// The sender of the request.
    Uac,
    /// Who answers it.
    Uas,
}

impl SessionExpires {
    /// Reads the value of a Session-Expires header.
    ///
    /// # Errors
    /// No number, or a `refresher` that is neither `uac` nor `uas`.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let mut cursor = Cursor::new(text);
        let seconds = delta_seconds(&mut cursor)?;
        let wrong = cursor.error("refresher=uac or refresher=uas");
        let params = Params::read(&mut cursor)?;
        cursor.end("`;` or end of Session-Expires")?;
        let refresher = match params.get("refresher") {
            Some(role) if role.eq_ignore_ascii_case("uac") => Some(Refresher::Uac),
            Some(role) if role.eq_ignore_ascii_case("uas") => Some(Refresher::Uas),
            None if !params.contains("refresher") => None,
            _ => return Err(wrong),
        };
        Ok(Self { seconds, refresher })
    }
}

impl fmt::Display for SessionExpires {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let refresher = match self.refresher {
            Some(Refresher::Uac) => ";refresher=uac",
            Some(Refresher::Uas) => ";refresher=uas",
            None => "",
        };
        write_number(f, self.seconds.into())?;
        f.write_str(refresher)
    }
}

/// `Min-SE = delta-seconds *( SEMI generic-param )`: the shortest session interval that its sender takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MinSe(
    /// In seconds.
    pub u32,
);

impl MinSe {
    /// Reads the value of a Min-SE header.
    ///
    /// # Errors
    /// No number, or something behind it that is no parameter.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let mut cursor = Cursor::new(text);
        let seconds = delta_seconds(&mut cursor)?;
        Params::read(&mut cursor)?;
        cursor.end("`;` or end of Min-SE")?;
        Ok(Self(seconds))
    }
}

impl fmt::Display for MinSe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn session_expires_is_read_and_written() {
        for (text, seconds, refresher) in [
            ("1800", 1800, None),
            (" 90 ; Refresher=UAC", 90, Some(Refresher::Uac)),
            ("4000;x=1;refresher=uas", 4000, Some(Refresher::Uas)),
            ("99999999999", u32::MAX, None),
        ] {
            let read = SessionExpires::parse(text).unwrap();
            assert_eq!(
                (read.seconds, read.refresher),
                (seconds, refresher),
                "{text}"
            );
            assert_eq!(SessionExpires::parse(&read.to_string()), Ok(read));
        }
        assert_eq!(MinSe::parse("120;lr").unwrap().to_string(), "120");
    }

    #[test]
    fn what_is_no_interval_is_refused() {
        for text in [
            "",
            "-1",
            "x",
            "1800 1",
            "1800;refresher",
            "90;refresher=me",
            "9.5",
        ] {
            assert!(SessionExpires::parse(text).is_err(), "{text}");
        }
        for text in ["", "soon", "90, 91"] {
            assert!(MinSe::parse(text).is_err(), "{text}");
        }
    }
}
