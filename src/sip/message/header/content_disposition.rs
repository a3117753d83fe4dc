//! Content-Disposition (RFC 3261 §20.11).

use std::fmt;

use crate::sip::message::lex::{Cursor, is_token};
use crate::sip::message::{Params, SyntaxError};

/// `disp-type *( SEMI disp-param )`
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ContentDisposition {
    /// What the body is for: `session`, `render`, `alert` and others; compare ignoring case.
    pub kind: String,
    /// `handling` and others.
    pub params: Params,
}

impl ContentDisposition {
    /// Reads one value.
    ///
    /// # Errors
    /// The type is missing, or a parameter breaks the grammar.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let mut cursor = Cursor::new(text);
        cursor.skip_blanks();
        let kind = cursor.take_some(is_token, "disposition type")?.to_owned();
        let params = Params::read(&mut cursor)?;
        cursor.end("`;` or end of value")?;
        Ok(Self { kind, params })
    }

    /// Whether who does not understand the body is to act as if it were not there. `required` is the
    /// default.
    pub fn is_optional(&self) -> bool {
        let handling = self.params.unquoted("handling");
        handling.is_some_and(|handling| handling.eq_ignore_ascii_case("optional"))
    }
}

impl fmt::Display for ContentDisposition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.kind, self.params)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handling_is_required_unless_it_says_optional() {
        let optional = |text| ContentDisposition::parse(text).unwrap().is_optional();
        assert!(optional("signal;Handling=Optional"));
        assert!(!optional("session"));
        assert!(!optional("session;handling=required"));
        assert!(ContentDisposition::parse(";handling=optional").is_err());
    }
}
