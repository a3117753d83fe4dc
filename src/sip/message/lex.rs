//! The cursor that all header and URI parsers read with, and the character classes of
//! RFC 3261 §25.1. Works on the text of one unfolded value.

use std::str::FromStr;

use super::SyntaxError;

/// A class of bytes as a table: one look for each byte, whatever the class.
macro_rules! class {
    (|$byte:ident| $holds:expr) => {{
        let mut table = [false; 256];
        let mut at = 0;
        while at < table.len() {
            let $byte = at as u8;
            table[at] = $holds;
            at += 1;
        }
        table
    }};
}
pub(super) use class;

/// A position in one value.
#[derive(Clone)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    pub(super) fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// The current position in bytes.
    pub(super) fn offset(&self) -> usize {
        self.at
    }

    /// An error at the current position.
    pub(super) fn error(&self, expected: &'static str) -> SyntaxError {
        SyntaxError {
            offset: self.at,
            expected,
        }
    }

    /// Steps over blanks. Mostly there are none.
    #[inline]
    pub(super) fn skip_blanks(&mut self) {
        while self.peek().is_some_and(is_blank) {
            self.at += 1;
        }
    }

    /// Steps over `byte`, which must be ASCII, if it is next.
    pub(super) fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    pub(super) fn expect(&mut self, byte: u8, expected: &'static str) -> Result<(), SyntaxError> {
        if self.eat(byte) {
            Ok(())
        } else {
            Err(self.error(expected))
        }
    }

    /// Steps over `text` if it is next.
    pub(super) fn eat_text(&mut self, text: &str) -> bool {
        let found = self.text.as_bytes()[self.at..].starts_with(text.as_bytes());
        self.at += if found { text.len() } else { 0 };
        found
    }

    /// Takes bytes while `class` holds. A class takes all bytes above 127 or none, so that the end
    /// is a character boundary.
    #[inline]
    pub(super) fn take_while(&mut self, class: impl Fn(u8) -> bool) -> &'a str {
        let (text, start) = (self.text, self.at);
        let len = text.as_bytes()[start..].iter().position(|b| !class(*b));
        self.at = len.map_or(text.len(), |len| start + len);
        &text[start..self.at]
    }

    /// As [`Self::take_while`], at least one byte.
    pub(super) fn take_some(
        &mut self,
        class: impl Fn(u8) -> bool,
        expected: &'static str,
    ) -> Result<&'a str, SyntaxError> {
        let taken = self.take_while(class);
        if taken.is_empty() {
            Err(self.error(expected))
        } else {
            Ok(taken)
        }
    }

    /// `quoted-string`, with its quotes and escapes as they stand.
    pub(super) fn quoted(&mut self) -> Result<&'a str, SyntaxError> {
        let start = self.at;
        self.expect(b'"', "quoted string")?;
        loop {
            self.take_while(|b| b != b'"' && b != b'\\');
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(&self.text[start..self.at]);
                }
                Some(_) => {
                    // The escaped character may be longer than one byte.
                    let escaped = self.rest().chars().nth(1);
                    self.at += 1 + escaped.map_or(0, char::len_utf8);
                }
                None => return Err(self.error("closing quote")),
            }
        }
    }

    /// Checks that nothing but blanks is left.
    pub(super) fn end(&mut self, expected: &'static str) -> Result<(), SyntaxError> {
        self.skip_blanks();
        if self.rest().is_empty() {
            Ok(())
        } else {
            Err(self.error(expected))
        }
    }
}

/// SP and HTAB: all that is left of LWS after unfolding.
pub(super) fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// `token = 1*(alphanum / "-" / "." / "!" / "%" / "*" / "_" / "+" / "`" / "'" / "~")`
#[inline]
pub(super) fn is_token(byte: u8) -> bool {
    static TOKEN: [bool; 256] = class!(|byte| byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~'
        ));
    TOKEN[usize::from(byte)]
}

/// `1*DIGIT`, if it fits; the standard library would take a sign too.
pub(super) fn number<T: FromStr>(text: &str) -> Option<T> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

/// The text inside the quotes of a raw `quoted-string`, escapes resolved.
pub(super) fn unquote(quoted: &str) -> String {
    let inner = quoted
        .strip_prefix('"')
        .and_then(|q| q.strip_suffix('"'))
        .unwrap_or(quoted);
    let mut text = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        text.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    text
}

/// Decodes `%HH` into bytes; a `%` that begins no escape stands for itself.
pub(super) fn percent_decode(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        match (first, escaped_byte(tail)) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    bytes
}

/// The byte that two hexadecimal digits at the start of `tail` stand for.
pub(super) fn escaped_byte(tail: &[u8]) -> Option<u8> {
    let digit = |at: usize| char::from(*tail.get(at)?).to_digit(16);
    u8::try_from(digit(0)? * 16 + digit(1)?).ok()
}
