//! Statements with references: `$name`, `#name`, `@name`.
//!
//! No value becomes part of the statement's own text unless it is harmless there: between quotes it
//! is escaped, an integer and a name where SQL expects one are inserted, and everything else is bound.
//! A value is not searched for references again. This module knows no session: it asks [`Values`].

mod place;

use place::{Place, Role, is_integer, is_name};

use crate::escape::{Mode, escape};

/// The longest statement in bytes, without what is bound.
const MAX_STATEMENT: usize = 1 << 20;
/// The most bound values; the protocol has a limit of 65535.
const MAX_BOUND: usize = 10_000;
/// What stands for the content of a file.
const FILE: &str = "__FILE__";
/// What ends the name of a reference.
const ENDS: &[char] = &[' ', '\t', ',', '(', ')', '$', '#', ';', '\'', '"'];

/// What references stand for.
pub trait Values {
    fn variable(&self, name: &str) -> Option<String>;
    /// Whether the event has parameters at all.
    fn has_params(&self) -> bool;
    fn param(&self, name: &str) -> Option<String>;
    fn select(&self, name: &str) -> Option<String>;
    /// The text that `mysql.escape` made this value of.
    fn unescaped(&self, value: &str) -> Option<String>;
}

/// A statement as the database gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// With a `?` for each bound value.
    pub text: String,
    pub bound: Vec<Bound>,
    /// How the quoted values are escaped.
    pub mode: Mode,
    /// Where each `?` of a bound value is.
    places: Vec<usize>,
}

/// A bound value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bound {
    Text(String),
    /// The content of the file.
    File,
}

/// Why there is no statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unusable {
    Empty,
    TooLong,
    TooManyValues,
    Several,
    NoFile,
    FileInText,
}

impl Unusable {
    /// One line for people.
    pub fn text(self) -> String {
        match self {
            Self::Empty => "the statement is empty".to_owned(),
            Self::TooLong => format!("the statement has more than {MAX_STATEMENT} bytes"),
            Self::TooManyValues => format!("the statement has more than {MAX_BOUND} values"),
            Self::Several => "there is more than one statement; run them one by one".to_owned(),
            Self::NoFile => format!("the statement has no {FILE}"),
            Self::FileInText => format!("{FILE} has to stand alone, or alone between quotes"),
        }
    }
}

impl Statement {
    /// Replaces the references of a text.
    ///
    /// # Errors
    /// If it cannot be a statement.
    pub fn new(text: &str, values: &impl Values, mode: Mode) -> Result<Self, Unusable> {
        Self::read(text, values, mode, false)
    }

    /// The same, and the first `__FILE__` stands for a file.
    ///
    /// # Errors
    /// As above, or if there is none.
    pub fn with_file(text: &str, values: &impl Values, mode: Mode) -> Result<Self, Unusable> {
        let statement = Self::read(text, values, mode, true)?;
        match statement.bound.contains(&Bound::File) {
            true => Ok(statement),
            false if statement.text.contains(FILE) => Err(Unusable::FileInText),
            false => Err(Unusable::NoFile),
        }
    }

    fn read(text: &str, values: &impl Values, mode: Mode, file: bool) -> Result<Self, Unusable> {
        if text.trim().is_empty() {
            return Err(Unusable::Empty);
        }
        let assembled = whole(text.trim(), values);
        let reader = Reader {
            rest: assembled.as_deref().unwrap_or(text),
            values: assembled.is_none().then_some(values),
            mode,
            out: String::with_capacity(text.len()),
            bound: Vec::new(),
            places: Vec::new(),
            place: Place::new(text),
            awaits_file: file,
        };
        reader.read()
    }

    /// The whole as one text, with bound values as quoted texts.
    pub fn inlined(&self) -> String {
        let mut out = String::with_capacity(self.text.len());
        let mut copied = 0;
        for (at, value) in self.places.iter().zip(&self.bound) {
            out += &self.text[copied..*at];
            copied = at + 1;
            match value {
                Bound::Text(value) => {
                    out.push('\'');
                    escape(&mut out, value, '\'', self.mode);
                    out.push('\'');
                }
                Bound::File => out += FILE,
            }
        }
        out += &self.text[copied..];
        out
    }
}

/// A text that is one reference as a whole: a statement that was put together before.
fn whole(text: &str, values: &impl Values) -> Option<String> {
    let sign = text.chars().next().filter(|c| matches!(c, '$' | '#'))?;
    let (name, length) = name(&text[1..], |name| look_up(values, sign, name).is_some())?;
    let is_whole = length == text.len() - 1;
    is_whole.then(|| look_up(values, sign, name).unwrap_or_default())
}

fn look_up(values: &impl Values, sign: char, name: &str) -> Option<String> {
    match sign {
        '$' => values.variable(name),
        '#' => values.param(name),
        _ => values.select(name),
    }
}

/// The name of a reference at the beginning of `rest`, and its length there. What is known decides: the
/// longest possible name, as scripts of old expect, or what looks like one (`$x%`, `$table.column`).
fn name(rest: &str, is_known: impl Fn(&str) -> bool) -> Option<(&str, usize)> {
    if let Some(inner) = rest.strip_prefix('(') {
        let name = &inner[..inner.find(')')?];
        return (!name.is_empty()).then_some((name, name.len() + 2));
    }
    let longest = &rest[..rest.find(ENDS).unwrap_or(rest.len())];
    if !longest.is_empty() && is_known(longest) {
        return Some((longest, longest.len()));
    }
    let likely = |c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.' | '[' | ']'));
    let plain = &longest[..longest.find(likely).unwrap_or(longest.len())];
    let plain = plain.trim_end_matches('.');
    if !plain.starts_with(|c: char| c.is_alphanumeric() || c == '_') {
        return None;
    }
    let mut known = plain;
    while !is_known(known) {
        match known.rfind(['.', '[']) {
            Some(at) => known = &known[..at],
            None => return Some((plain, plain.len())),
        }
    }
    Some((known, known.len()))
}

/// What a sign of a reference turns out to be.
enum Found<'a> {
    /// A value, and what was read for it.
    Value(String, usize),
    /// Text that stays.
    Text(&'a str),
}

struct Reader<'a, V> {
    rest: &'a str,
    /// Absent in a text that is a value itself.
    values: Option<&'a V>,
    mode: Mode,
    out: String,
    bound: Vec<Bound>,
    places: Vec<usize>,
    place: Place,
    awaits_file: bool,
}

impl<'a, V: Values> Reader<'a, V> {
    fn read(mut self) -> Result<Statement, Unusable> {
        while let Some(c) = self.rest.chars().next() {
            match c {
                '\'' | '"' | '`' => self.quoted(c)?,
                '$' | '#' | '@' => self.bare(),
                '\\' => self.copy(self.escaped()),
                ';' if self.rest[1..]
                    .chars()
                    .all(|c| c.is_whitespace() || c == ';') =>
                {
                    break;
                }
                ';' => return Err(Unusable::Several),
                c if c.is_whitespace() => self.copy(c.len_utf8()),
                c if is_word(c) => self.word(),
                _ => match comment(self.rest) {
                    Some(length) => self.copy(length),
                    None => {
                        self.copy(c.len_utf8());
                        self.place.sign(c);
                    }
                },
            }
            if self.out.len() > MAX_STATEMENT {
                return Err(Unusable::TooLong);
            }
            if self.bound.len() > MAX_BOUND {
                return Err(Unusable::TooManyValues);
            }
        }
        if self.out.trim().is_empty() {
            return Err(Unusable::Empty);
        }
        Ok(Statement {
            text: self.out,
            bound: self.bound,
            mode: self.mode,
            places: self.places,
        })
    }

    fn copy(&mut self, length: usize) {
        let (text, rest) = self.rest.split_at(length);
        self.out += text;
        self.rest = rest;
    }

    /// The length of a backslash and the character that it takes along.
    fn escaped(&self) -> usize {
        let next = self.rest.chars().nth(1);
        1 + next.map_or(0, char::len_utf8)
    }

    fn word(&mut self) {
        let length = self.rest.find(|c| !is_word(c)).unwrap_or(self.rest.len());
        let word = &self.rest[..length];
        if word == FILE && self.awaits_file {
            self.rest = &self.rest[length..];
            self.file();
            return;
        }
        self.place.word(word);
        self.copy(length);
    }

    fn bind(&mut self, value: Bound) {
        self.places.push(self.out.len());
        self.out.push('?');
        self.bound.push(value);
    }

    fn file(&mut self) {
        self.awaits_file = false;
        self.bind(Bound::File);
        self.place.operand();
    }

    /// Copies a quoted text, with its references.
    fn quoted(&mut self, quote: char) -> Result<(), Unusable> {
        let inner = &self.rest[1..];
        if self.awaits_file
            && let Some(behind) = inner.strip_prefix(FILE)
            && let Some(behind) = behind.strip_prefix(quote)
        {
            self.rest = behind;
            self.file();
            return Ok(());
        }
        self.copy(1);
        while let Some(c) = self.rest.chars().next() {
            let doubled = || self.rest[1..].starts_with(quote);
            let signed = || self.rest[1..].starts_with(['$', '#', '@']);
            match c {
                '\\' if self.mode == Mode::Backslash && quote != '`' => self.copy(self.escaped()),
                '\\' if signed() => self.copy(2),
                c if c == quote && doubled() => self.copy(2),
                c if c == quote => {
                    self.copy(1);
                    self.place.operand();
                    return Ok(());
                }
                '$' | '#' | '@' => match self.reference() {
                    Found::Text(text) => self.copy(text.len()),
                    Found::Value(value, length) => {
                        self.rest = &self.rest[length..];
                        escape(&mut self.out, &value, quote, self.mode);
                    }
                },
                c => self.copy(c.len_utf8()),
            }
            if self.out.len() > MAX_STATEMENT {
                return Err(Unusable::TooLong);
            }
        }
        Ok(())
    }

    /// Replaces a reference outside quotes.
    fn bare(&mut self) {
        match self.reference() {
            // No reference but a comment.
            Found::Text("#") => return self.copy(self.rest.find('\n').unwrap_or(self.rest.len())),
            Found::Text(text) => self.copy(text.len()),
            Found::Value(value, length) => {
                self.rest = &self.rest[length..];
                let is_text = match self.place.role(self.rest) {
                    // `--` could begin a comment.
                    _ if is_integer(&value) => !(value.starts_with('-') && self.out.ends_with('-')),
                    Role::Name | Role::More => value.is_empty() || is_name(&value),
                    Role::Listed => value.split(',').all(|item| is_integer(item.trim())),
                    Role::Value => false,
                };
                match is_text {
                    true => self.out += &value,
                    false => self.bind(Bound::Text(value)),
                }
            }
        }
        self.place.operand();
    }

    /// What the reference at this place stands for.
    fn reference(&self) -> Found<'a> {
        let sign = &self.rest[..1];
        let stays = |name: &str| Found::Text(&self.rest[..1 + name.len()]);
        let Some(values) = self.values else {
            return stays("");
        };
        if sign == "@" {
            return self.select(values);
        }
        let sign = if sign == "$" { '$' } else { '#' };
        let found = name(&self.rest[1..], |name| {
            look_up(values, sign, name).is_some()
        });
        match found {
            None => stays(""),
            Some((name, _)) if sign == '#' && !values.has_params() => stays(name),
            Some((name, length)) => {
                let value = look_up(values, sign, name).unwrap_or_default();
                let value = values.unescaped(&value).unwrap_or(value);
                Found::Value(value, 1 + length)
            }
        }
    }

    /// `@name` is also a variable of SQL, and `@@name` one of the server.
    fn select(&self, values: &V) -> Found<'a> {
        let text = &self.rest[1..];
        if let Some((name, length)) = name(text, |_| true).filter(|_| text.starts_with('('))
            && let Some(value) = values.select(name)
        {
            return Found::Value(value, 1 + length);
        }
        let more = text.trim_start_matches('@');
        let end = more
            .find(|c| !(is_word(c) || c == '.'))
            .unwrap_or(more.len());
        let word = more[..end].trim_end_matches('.');
        let length = 1 + text.len() - more.len() + word.len();
        let may_be = more.len() == text.len() && !word.starts_with(|c: char| c.is_ascii_digit());
        match may_be.then(|| values.select(word)).flatten() {
            Some(value) => Found::Value(value, length),
            None => Found::Text(&self.rest[..length]),
        }
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The length of a comment; what is in `/*! */` is no comment for the database.
fn comment(rest: &str) -> Option<usize> {
    if let Some(inner) = rest.strip_prefix("/*") {
        if inner.starts_with('!') || inner.starts_with("M!") {
            return None;
        }
        return Some(inner.find("*/").map_or(rest.len(), |end| end + 4));
    }
    let inner = rest.strip_prefix("--")?;
    let is_comment = inner.chars().next().is_none_or(char::is_whitespace);
    is_comment.then(|| rest.find('\n').unwrap_or(rest.len()))
}

#[cfg(test)]
mod tests;
