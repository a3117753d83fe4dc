//! Parameters of URIs and headers (RFC 3261 §25.1, `generic-param`, `uri-parameters`).

use std::borrow::Cow;
use std::fmt;

use super::SyntaxError;
use super::lex::{Cursor, class, unquote};

/// The most parameters that one value may have. A Contact that lists the features of a phone
/// (RFC 3840) has about thirty.
pub const MAX_PARAMS: usize = 128;

/// Parameters in order of appearance: `;name` or `;name=value`. Names compare ignoring case.
/// A quoted value keeps its quotes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Params(Vec<(Cow<'static, str>, Option<String>)>);

impl Params {
    /// The value as it stands, quotes included; `None` if the parameter is absent or has no value.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(n, _)| n.eq_ignore_ascii_case(name))?.1
    }

    /// The value without quotes and escapes.
    pub fn unquoted(&self, name: &str) -> Option<Cow<'_, str>> {
        let value = self.get(name)?;
        Some(match value.starts_with('"') {
            true => Cow::Owned(unquote(value)),
            false => Cow::Borrowed(value),
        })
    }

    /// Whether the parameter is there, with or without a value.
    pub fn contains(&self, name: &str) -> bool {
        self.iter().any(|(n, _)| n.eq_ignore_ascii_case(name))
    }

    /// Gives the parameter this value, in its old place or at the end.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.put(name, Some(value.into()));
    }

    /// Gives the parameter no value, in its old place or at the end.
    pub fn set_flag(&mut self, name: &str) {
        self.put(name, None);
    }

    /// Removes the parameter, if it is there.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.0
            .iter()
            .map(|(name, value)| (&**name, value.as_deref()))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `*( SEMI generic-param )`, as far as it goes; blanks may stand around `;` and `=`.
    ///
    /// More is taken as an unquoted value than the grammar has (`received=2001:db8::1`, RFC 5118
    /// §4.5): everything visible that does not delimit.
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Self, SyntaxError> {
        let mut params = Self::default();
        Self::each(cursor, |name, value| params.add(name, value))?;
        Ok(params)
    }

    /// As [`Self::read`], but hands each name and value out instead of keeping them.
    pub(super) fn each<'a>(
        cursor: &mut Cursor<'a>,
        mut take: impl FnMut(&'a str, Option<&'a str>),
    ) -> Result<(), SyntaxError> {
        for count in 0.. {
            cursor.skip_blanks();
            if !cursor.eat(b';') {
                break;
            }
            if count == MAX_PARAMS {
                return Err(cursor.error("fewer parameters"));
            }
            cursor.skip_blanks();
            let name = cursor.take_some(|b| is_value(b) && b != b'=', "parameter name")?;
            cursor.skip_blanks();
            let value = if cursor.eat(b'=') {
                Some(value(cursor)?)
            } else {
                None
            };
            take(name, value);
        }
        Ok(())
    }

    /// Adds a parameter at the end.
    pub(super) fn add(&mut self, name: &str, value: Option<&str>) {
        self.0.push((owned_name(name), value.map(str::to_owned)));
    }

    fn put(&mut self, name: &str, value: Option<String>) {
        match self
            .0
            .iter_mut()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
        {
            Some(param) => param.1 = value,
            None => self.0.push((owned_name(name), value)),
        }
    }
}

/// Names that nearly every message has; they need no memory of their own.
const USUAL: [&str; 10] = [
    "branch",
    "rport",
    "received",
    "tag",
    "lr",
    "transport",
    "user",
    "alias",
    "ob",
    "expires",
];

fn owned_name(name: &str) -> Cow<'static, str> {
    let usual = USUAL.into_iter().find(|usual| *usual == name);
    usual.map_or_else(|| Cow::Owned(name.to_owned()), Cow::Borrowed)
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in self.iter() {
            f.write_str(";")?;
            f.write_str(name)?;
            if let Some(value) = value {
                f.write_str("=")?;
                f.write_str(value)?;
            }
        }
        Ok(())
    }
}

fn value<'a>(cursor: &mut Cursor<'a>) -> Result<&'a str, SyntaxError> {
    cursor.skip_blanks();
    if cursor.peek() == Some(b'"') {
        return cursor.quoted();
    }
    Ok(cursor.take_while(is_value))
}

/// What an unquoted name or value holds; a `?` ends the parameters of a URI.
#[inline]
fn is_value(byte: u8) -> bool {
    static VALUE: [bool; 256] =
        class!(|byte| byte.is_ascii_graphic()
            && !matches!(byte, b';' | b',' | b'?' | b'"' | b'<' | b'>'));
    VALUE[usize::from(byte)]
}
