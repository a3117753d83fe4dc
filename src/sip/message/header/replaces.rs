//! Replaces (RFC 3891 §6.1).

use std::fmt;

use crate::sip::message::lex::{Cursor, is_blank};
use crate::sip::message::{Params, SyntaxError};

/// `Replaces = callid *( SEMI replaces-param )`: the dialog that an INVITE takes the place of, seen from
/// the side that receives the INVITE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaces {
    /// The Call-ID of the dialog.
    pub call_id: String,
    /// The receiver's own tag. `0` also stands for none (RFC 3891 §3).
    pub to_tag: String,
    /// The tag of the receiver's peer. `0` also stands for none.
    pub from_tag: String,
    /// Only a dialog that is not answered yet may be replaced.
    pub early_only: bool,
}

impl Replaces {
    /// Reads the value of a Replaces header.
    ///
    /// # Errors
    /// Not exactly one `to-tag` and one `from-tag`, no Call-ID, or something that breaks the grammar.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let mut cursor = Cursor::new(text);
        cursor.skip_blanks();
        let is_word = |b| !is_blank(b) && !matches!(b, b';' | b',') && b.is_ascii_graphic();
        let call_id = cursor.take_some(is_word, "Call-ID")?.to_owned();
        let missing = cursor.error("one to-tag and one from-tag");
        let params = Params::read(&mut cursor)?;
        cursor.end("`;` or end of Replaces")?;
        let one = |wanted: &str| {
            let mut named = params
                .iter()
                .filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
            match (named.next(), named.next()) {
                (Some((_, Some(tag))), None) if !tag.is_empty() => Ok(tag.to_owned()),
                _ => Err(missing),
            }
        };
        Ok(Self {
            call_id,
            to_tag: one("to-tag")?,
            from_tag: one("from-tag")?,
            early_only: params.contains("early-only"),
        })
    }
}

impl fmt::Display for Replaces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            call_id,
            to_tag,
            from_tag,
            early_only,
        } = self;
        let flag = if *early_only { ";early-only" } else { "" };
        write!(f, "{call_id};to-tag={to_tag};from-tag={from_tag}{flag}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_is_read_and_written() {
        for (text, written) in [
            (
                "98732@sip.example.com ;from-tag=r33th4x0r ;to-tag=ff87ff",
                "98732@sip.example.com;to-tag=ff87ff;from-tag=r33th4x0r",
            ),
            (
                "a<(\"[1]?{x}:/@b;To-Tag=0;from-tag=1;early-only;x=2",
                "a<(\"[1]?{x}:/@b;to-tag=0;from-tag=1;early-only",
            ),
        ] {
            let read = Replaces::parse(text).unwrap();
            assert_eq!(read.to_string(), written);
            assert_eq!(Replaces::parse(written), Ok(read));
        }
    }

    #[test]
    fn rfc3891_6_1_each_tag_stands_exactly_once() {
        for text in [
            "",
            "a@b",
            "a@b;to-tag=1",
            "a@b;from-tag=1",
            "a@b;to-tag=1;to-tag=2;from-tag=3",
            "a@b;to-tag;from-tag=3",
            "a@b;to-tag=;from-tag=3",
            ";to-tag=1;from-tag=2",
            "a@b;to-tag=1;from-tag=2, c@d;to-tag=1;from-tag=2",
            "a b;to-tag=1;from-tag=2",
        ] {
            assert!(Replaces::parse(text).is_err(), "{text}");
        }
    }
}
