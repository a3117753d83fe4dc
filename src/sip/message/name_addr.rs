//! From, To, Contact, Route and their like (RFC 3261 §20.10, §20.20).

use std::fmt::{self, Write};

use super::lex::{Cursor, is_blank, unquote};
use super::{Params, SyntaxError, Uri};

/// A URI with an optional display name and header parameters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NameAddr {
    /// The display name without quotes and escapes.
    pub display: Option<String>,
    /// The address.
    pub uri: Uri,
    /// The parameters of the header, outside the angle brackets.
    pub params: Params,
}

impl NameAddr {
    /// An address without display name and parameters.
    pub fn new(uri: impl Into<Uri>) -> Self {
        Self {
            display: None,
            uri: uri.into(),
            params: Params::default(),
        }
    }

    /// Reads one value: `( name-addr / addr-spec ) *( SEMI generic-param )`.
    ///
    /// Unquoted display names are taken with more characters than tokens have, since nobody
    /// quotes as the grammar wants; a comma is not among them.
    ///
    /// # Errors
    /// A quote or bracket that is not closed, a URI or parameter that cannot be read, and a URI
    /// with a comma or question mark outside brackets (§20.10).
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let mut params = Params::default();
        let (display, uri) = read(text, Uri::parse, |name, value| params.add(name, value))?;
        let display = display.map(|display| match display.starts_with('"') {
            true => unquote(display),
            false => display.to_owned(),
        });
        Ok(Self {
            display,
            uri,
            params,
        })
    }

    /// The `tag` parameter of a value that [`Self::parse`] takes, empty if it has no value; keeps nothing.
    pub(super) fn checked_tag(text: &str) -> Result<Option<&str>, SyntaxError> {
        let mut tag = None;
        read(text, Uri::check, note_tag(&mut tag))?;
        Ok(tag.map(Option::unwrap_or_default))
    }

    /// The same of a value that is known to be good. Looks at the parameters alone.
    pub(super) fn tag_in(text: &str) -> Option<&str> {
        let mut tag = None;
        let mut cursor = Cursor::new(behind_uri(text)?);
        Params::each(&mut cursor, note_tag(&mut tag)).ok()?;
        tag.flatten()
    }

    /// The `tag` parameter.
    pub fn tag(&self) -> Option<&str> {
        self.params.get("tag")
    }

    /// Sets the `tag` parameter.
    pub fn set_tag(&mut self, tag: &str) {
        self.params.set("tag", tag);
    }
}

/// Reads one value: its display name, quotes included, and what `uri` makes of its URI.
fn read<'a, U>(
    text: &'a str,
    uri: impl Fn(&'a str) -> Result<U, SyntaxError>,
    param: impl FnMut(&'a str, Option<&'a str>),
) -> Result<(Option<&'a str>, U), SyntaxError> {
    let mut cursor = Cursor::new(text);
    cursor.skip_blanks();
    let (display, (start, address)) = if cursor.peek() == Some(b'"') {
        let display = cursor.quoted()?;
        cursor.skip_blanks();
        (Some(display), bracketed(&mut cursor)?)
    } else if has_brackets(cursor.rest()) {
        let is_display = |b: u8| !matches!(b, b'<' | b',' | b'"' | b';' | 0..=8 | 10..=31);
        let display = cursor.take_while(is_display).trim_matches([' ', '\t']);
        let display = Some(display).filter(|display| !display.is_empty());
        (display, bracketed(&mut cursor)?)
    } else {
        (None, bare(&mut cursor)?)
    };
    let uri = uri(address).map_err(|e| SyntaxError {
        offset: start + e.offset,
        ..e
    })?;
    Params::each(&mut cursor, param)?;
    cursor.end("`;` or end of value")?;
    Ok((display, uri))
}

/// Notes the value of the first `tag`.
fn note_tag<'a, 't>(
    tag: &'t mut Option<Option<&'a str>>,
) -> impl FnMut(&'a str, Option<&'a str>) + use<'a, 't> {
    move |name, value| {
        if tag.is_none() && name.eq_ignore_ascii_case("tag") {
            *tag = Some(value);
        }
    }
}

/// What follows the URI, if there is a parameter.
fn behind_uri(text: &str) -> Option<&str> {
    let mut cursor = Cursor::new(text);
    cursor.skip_blanks();
    if cursor.peek() == Some(b'"') {
        cursor.quoted().ok()?;
    }
    let rest = cursor.rest();
    let at = memchr::memchr2(b'<', b';', rest.as_bytes())?;
    let params = &rest[at..];
    match params.starts_with('<') {
        true => Some(&params[memchr::memchr(b'>', params.as_bytes())? + 1..]),
        false => Some(params),
    }
}

/// Whether a value that does not begin with a quote has its URI in brackets; those behind a quote or
/// semicolon are in a parameter.
fn has_brackets(text: &str) -> bool {
    let first = memchr::memchr3(b'<', b'"', b';', text.as_bytes());
    first.is_some_and(|at| text.as_bytes()[at] == b'<')
}

/// `LAQUOT addr-spec RAQUOT`: where the URI begins, and the URI.
fn bracketed<'a>(cursor: &mut Cursor<'a>) -> Result<(usize, &'a str), SyntaxError> {
    cursor.expect(b'<', "`<`")?;
    let start = cursor.offset();
    let uri = cursor.take_while(|b| b != b'>');
    cursor.expect(b'>', "`>`")?;
    Ok((start, uri))
}

/// `addr-spec`, up to the parameters, which belong to the header: where it begins, and itself.
fn bare<'a>(cursor: &mut Cursor<'a>) -> Result<(usize, &'a str), SyntaxError> {
    let start = cursor.offset();
    let uri = cursor.take_while(|b| !is_blank(b) && !matches!(b, b';' | b',' | b'?'));
    if cursor.peek() == Some(b'?') {
        return Err(cursor.error("`<` before a URI with headers"));
    }
    Ok((start, uri))
}

impl fmt::Display for NameAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(display) = &self.display {
            write_quoted(f, display)?;
            f.write_char(' ')?;
        }
        f.write_char('<')?;
        self.uri.fmt(f)?;
        f.write_char('>')?;
        self.params.fmt(f)
    }
}

/// Writes a `quoted-string`. Line ends, which it cannot hold, become blanks.
pub(super) fn write_quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for c in text.chars() {
        match c {
            '\r' | '\n' => f.write_char(' ')?,
            '"' | '\\' | '\0'..='\x08' | '\x0b'..='\x1f' | '\x7f' => write!(f, "\\{c}")?,
            _ => f.write_char(c)?,
        }
    }
    f.write_char('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_around_parameters_do_not_matter() {
        for text in [
            "<sip:a@x> ;tag=1",
            "<sip:a@x>; tag=1",
            " sip:a@x ;  tag = 1 ",
            "<sip:a@x>;TAG=1",
        ] {
            assert_eq!(NameAddr::parse(text).unwrap().tag(), Some("1"), "{text}");
        }
    }

    #[test]
    fn a_tag_without_a_value_is_an_empty_one() {
        for (text, tag) in [
            ("<sip:a@x>", None),
            ("<sip:a@x;tag>", None),
            ("<sip:a@x>;tag", Some("")),
            ("\"a;b\" <sip:a@x>;x=1;TAG=", Some("")),
            ("sip:a@x;tag= ;x=1", Some("")),
            ("<sip:a@x>;tag=a:b@c", Some("a:b@c")),
            ("<sip:a@x>;x=\";tag\";tag=1;tag", Some("1")),
        ] {
            assert_eq!(NameAddr::checked_tag(text), Ok(tag), "{text}");
        }
    }

    #[test]
    fn parameters_without_brackets_belong_to_the_header() {
        let bare = NameAddr::parse("sip:a@x;user=phone").unwrap();
        assert_eq!(bare.params.get("user"), Some("phone"));
        let bracketed = NameAddr::parse("<sip:a@x;user=phone>").unwrap();
        assert!(bracketed.params.is_empty());
    }

    #[test]
    fn brackets_in_a_parameter_are_none_around_the_uri() {
        let bare = NameAddr::parse("sip:a@x;tag=1;x=\"<urn:b>\"").unwrap();
        assert_eq!((bare.tag(), &bare.display), (Some("1"), &None));
    }

    #[test]
    fn display_names_come_with_and_without_quotes() {
        let display = |text: &str| NameAddr::parse(text).unwrap().display;
        assert_eq!(display("<sip:a@x>"), None);
        assert_eq!(display("caller<sip:a@x>").as_deref(), Some("caller"));
        assert_eq!(
            display("J\u{fc}rgen (home) <sip:a@x>").as_deref(),
            Some("J\u{fc}rgen (home)")
        );
        assert_eq!(
            display(r#""a \"<b>\" \\, c" <sip:a@x>"#).as_deref(),
            Some(r#"a "<b>" \, c"#)
        );
        assert_eq!(display(r#""" <sip:a@x>"#).as_deref(), Some(""));
    }

    #[test]
    fn quoted_parameter_values_keep_their_quotes() {
        let text = "<sip:a@x>;+sip.instance=\"<urn:uuid:0>\";x=\"a;b\\\"c\";y";
        let contact = NameAddr::parse(text).unwrap();
        assert_eq!(
            contact.params.get("+SIP.instance"),
            Some("\"<urn:uuid:0>\"")
        );
        assert_eq!(contact.params.unquoted("x").unwrap(), "a;b\"c");
        assert!(contact.params.contains("y"));
        assert_eq!(contact.to_string(), text);
    }

    #[test]
    fn what_is_not_a_name_addr_is_refused_where_it_goes_wrong() {
        for (text, offset, expected) in [
            ("\"Mr. J. User <sip:j@x>", 22, "closing quote"),
            ("Bell, Alexander <sip:a@x>", 4, "`<`"),
            ("\"T\" < sip:t@x >", 5, "URI character"),
            ("<sip:a@x", 8, "`>`"),
            ("<sip:a@x>;;", 10, "parameter name"),
            ("<sip:a@x> tag=1", 10, "`;` or end of value"),
            ("sip:a@x?Route=b", 7, "`<` before a URI with headers"),
            ("sip:a,b@x", 5, "`;` or end of value"),
            ("*", 0, "URI scheme"),
            ("", 0, "URI scheme"),
        ] {
            assert_eq!(
                NameAddr::parse(text),
                Err(SyntaxError { offset, expected }),
                "{text}"
            );
        }
    }
}
