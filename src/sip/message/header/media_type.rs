//! Media types as Content-Type and Accept have them (RFC 3261 §20.1, §20.15).

use std::fmt;

use crate::sip::message::lex::{Cursor, is_token};
use crate::sip::message::{Params, SyntaxError};

/// `m-type SLASH m-subtype *( SEMI m-parameter )`, in Accept with `*` for any.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MediaType {
    /// For example `application`; compare ignoring case.
    pub kind: String,
    /// For example `sdp`; compare ignoring case.
    pub subtype: String,
    /// For example `boundary` or, in Accept, `q`.
    pub params: Params,
}

impl MediaType {
    /// Reads one value.
    ///
    /// # Errors
    /// Type, slash, subtype or a parameter breaks the grammar.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let mut cursor = Cursor::new(text);
        cursor.skip_blanks();
        let kind = cursor.take_some(is_token, "media type")?.to_owned();
        cursor.skip_blanks();
        cursor.expect(b'/', "`/`")?;
        cursor.skip_blanks();
        let subtype = cursor.take_some(is_token, "media subtype")?.to_owned();
        let params = Params::read(&mut cursor)?;
        cursor.end("`;` or end of value")?;
        Ok(Self {
            kind,
            subtype,
            params,
        })
    }

    /// Whether this, an element of Accept, allows `media_type`, written without parameters. A quality
    /// of 0 is a refusal.
    pub fn takes(&self, media_type: &str) -> bool {
        let same = |ours: &str, theirs: &str| ours == "*" || ours.eq_ignore_ascii_case(theirs);
        let (kind, subtype) = media_type.split_once('/').unwrap_or((media_type, ""));
        let quality = self.params.get("q").and_then(|q| q.parse::<f32>().ok());
        same(&self.kind, kind) && same(&self.subtype, subtype) && quality != Some(0.0)
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}{}", self.kind, self.subtype, self.params)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_parameters_are_kept_as_they_stand() {
        let text = "multipart/mixed;boundary=\"a; b\"";
        let read = MediaType::parse(" multipart / mixed ; boundary=\"a; b\" ").unwrap();
        assert_eq!(read.params.unquoted("Boundary").as_deref(), Some("a; b"));
        assert_eq!(read.to_string(), text);
    }

    #[test]
    fn a_range_takes_what_it_names() {
        let takes = |range| MediaType::parse(range).unwrap().takes("application/sdp");
        for range in [
            "application/sdp",
            "Application/SDP;q=0.3",
            "application/*",
            "*/*",
        ] {
            assert!(takes(range), "{range}");
        }
        for range in [
            "text/plain",
            "application/sdp;q=0",
            "application/sdp;q=0.000",
            "*/x",
        ] {
            assert!(!takes(range), "{range}");
        }
        for wrong in ["", "application", "application/", "/sdp", "a b/c", "a/b c"] {
            assert!(MediaType::parse(wrong).is_err(), "{wrong}");
        }
    }
}
