//! Named values: session variables (`$`) and the parameters of an event (`#`).
//!
//! A value is text. A name is any text; `.` and `[n]` in it encode structs and arrays by convention
//! only, so the names are kept in byte order and a struct is a range of them. Size and number are
//! limited, because values come from the network.

use std::collections::BTreeMap;
use std::collections::btree_map::Range;
use std::ops::Bound;

/// Values one session may hold.
pub const MAX_VALUES: usize = 20_000;
/// Bytes of all names and values of one session.
pub const MAX_VALUE_BYTES: usize = 8 << 20;

/// Room that a value may keep beyond what it needs.
const ROOMY: usize = 64;

/// A value was not stored: [`MAX_VALUES`] or [`MAX_VALUE_BYTES`] would be passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more than {MAX_VALUES} values or {MAX_VALUE_BYTES} bytes of them")]
pub struct TooManyValues;

/// The variables of a session, or the parameters of an event, in byte order of their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Values {
    map: BTreeMap<Box<str>, String>,
    bytes: usize,
}

impl Values {
    /// Holds nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Assigns a value.
    ///
    /// # Errors
    /// [`TooManyValues`] if it does not fit; the old value then stays.
    pub fn set(&mut self, name: &str, value: impl Into<String>) -> Result<(), TooManyValues> {
        let value = value.into();
        let is_full = self.map.len() >= MAX_VALUES;
        match self.map.get_mut(name) {
            Some(slot) => {
                self.bytes = fit(self.bytes - slot.len(), value.len())?;
                *slot = value;
            }
            None if is_full => return Err(TooManyValues),
            None => {
                self.bytes = fit(self.bytes, name.len() + value.len())?;
                self.map.insert(name.into(), value);
            }
        }
        Ok(())
    }

    /// The same for a text that somebody else keeps: it is copied to where the old one is, if it fits well.
    ///
    /// # Errors
    /// As [`Values::set`].
    pub fn copy(&mut self, name: &str, value: &str) -> Result<(), TooManyValues> {
        let fits = |slot: &String| {
            // A module in C may give a part of the old value.
            let is_part = slot.as_bytes().as_ptr_range().contains(&value.as_ptr());
            slot.capacity() <= ROOMY.max(2 * value.len()) && !is_part
        };
        match self.map.get_mut(name) {
            Some(slot) if fits(slot) => {
                self.bytes = fit(self.bytes - slot.len(), value.len())?;
                slot.clear();
                slot.push_str(value);
                Ok(())
            }
            _ => self.set(name, value),
        }
    }

    /// The same for building: a value that does not fit is left out.
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        let _ = self.set(name, value);
        self
    }

    /// Appends to a value; one that does not exist counts as empty.
    ///
    /// # Errors
    /// [`TooManyValues`] if it does not fit; the old value then stays.
    pub fn append(&mut self, name: &str, more: &str) -> Result<(), TooManyValues> {
        let Some(value) = self.map.get_mut(name) else {
            return self.set(name, more);
        };
        if self.bytes + more.len() > MAX_VALUE_BYTES {
            return Err(TooManyValues);
        }
        value.push_str(more);
        self.bytes += more.len();
        Ok(())
    }

    /// The value of this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.map.get(name).map(String::as_str)
    }

    /// Removes a value.
    pub fn remove(&mut self, name: &str) -> Option<String> {
        let value = self.map.remove(name)?;
        self.bytes -= name.len() + value.len();
        Some(value)
    }

    /// Removes every value whose name begins with `prefix`.
    pub fn remove_prefix(&mut self, prefix: &str) {
        let names: Vec<Box<str>> = self
            .with_prefix(prefix)
            .map(|(name, _)| name.into())
            .collect();
        for name in names {
            self.remove(&name);
        }
    }

    /// All values in byte order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.map
            .iter()
            .map(|(name, value)| (&**name, value.as_str()))
    }

    /// The values whose names begin with `prefix`, in byte order.
    pub fn with_prefix<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.from(prefix)
            .map(|(name, value)| (&**name, value.as_str()))
            .take_while(move |(name, _)| name.starts_with(prefix))
    }

    /// The members of a struct: names without `name.`, in byte order.
    pub fn members<'a>(&'a self, name: &str) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let prefix = format!("{name}.");
        let length = prefix.len();
        self.from(&prefix)
            .take_while(move |(name, _)| name.starts_with(&prefix))
            .map(move |(name, value)| (&name[length..], value.as_str()))
    }

    /// The values of an array: for each index from 0 to the first gap all values whose names begin
    /// with `name[index]`.
    pub fn elements<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        let size = self.array_len(name);
        let name = name.to_owned();
        (0..size).flat_map(move |index| {
            let prefix = format!("{name}[{index}]");
            self.from(&prefix)
                .take_while(move |(name, _)| name.starts_with(&prefix))
                .map(|(_, value)| value.as_str())
        })
    }

    /// How many indices from 0 an array has without a gap.
    pub fn array_len(&self, name: &str) -> usize {
        (0..)
            .take_while(|index| {
                self.with_prefix(&format!("{name}[{index}]"))
                    .next()
                    .is_some()
            })
            .count()
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// Bytes of all names and values.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    fn from(&self, name: &str) -> Range<'_, Box<str>, String> {
        self.map
            .range::<str, _>((Bound::Included(name), Bound::Unbounded))
    }
}

/// So many bytes and more, if that is not too much.
fn fit(bytes: usize, more: usize) -> Result<usize, TooManyValues> {
    match bytes + more {
        bytes if bytes > MAX_VALUE_BYTES => Err(TooManyValues),
        bytes => Ok(bytes),
    }
}

/// Reads an unsigned number: leading blanks, up to ten digits, then nothing or a blank, CR or LF.
/// Empty text is 0; `None` for anything else.
pub fn unsigned(text: &str) -> Option<u32> {
    number(text.trim_start_matches([' ', '\t']))?
        .try_into()
        .ok()
}

/// The same with all ten digits.
pub fn natural(text: &str) -> Option<u64> {
    let number = number(text.trim_start_matches([' ', '\t']))?;
    u64::try_from(number).ok()
}

/// The same with an optional leading `-`, and all ten digits.
pub fn signed(text: &str) -> Option<i64> {
    let text = text.trim_start_matches([' ', '\t']);
    match text.strip_prefix('-') {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_digit()) => Some(-number(rest)?),
        Some(_) => None,
        None => number(text),
    }
}

fn number(text: &str) -> Option<i64> {
    let digits = &text[..text.bytes().take_while(u8::is_ascii_digit).count()];
    let ended = text[digits.len()..]
        .chars()
        .next()
        .is_none_or(|c| matches!(c, ' ' | '\r' | '\n'));
    match digits.len() {
        _ if !ended => None,
        0 => Some(0),
        1..=10 => digits.parse().ok(),
        _ => None,
    }
}

/// Reads text that is an integer and nothing else: blanks, sign, digits. Empty text is 0; what does
/// not fit saturates.
pub fn integer(text: &str) -> Option<i64> {
    let text = text.trim_start_matches([' ', '\t']);
    if text.is_empty() {
        return Some(0);
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let limit = if text.starts_with('-') {
        i64::MIN
    } else {
        i64::MAX
    };
    Some(text.parse().unwrap_or(limit))
}

/// Whole numbers from here on are written with an exponent.
const LARGE: f64 = 1e15;

/// The shortest text of a number with 15 digits that count, so that a tenth and two tenths make `0.3`: a
/// whole one has no fraction, a large one an exponent.
pub fn decimal(number: f64) -> String {
    let rounded = format!("{number:.14e}").parse().unwrap_or(number);
    let number = if f64::is_finite(rounded) {
        rounded
    } else {
        number
    };
    if number.abs() >= LARGE {
        format!("{number:e}")
    } else if number.fract() == 0.0 {
        (number as i64).to_string()
    } else {
        format!("{number:?}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_is_copied_counts_as_one_that_is_set() {
        let mut values = Values::new();
        for text in ["", "short", &"x".repeat(1_000), "y", ""] {
            values.copy("a", text).unwrap();
            assert_eq!(
                (values.get("a"), values.bytes()),
                (Some(text), 1 + text.len())
            );
        }
        let large = "x".repeat(MAX_VALUE_BYTES);
        assert_eq!(values.copy("a", &large), Err(TooManyValues));
        assert_eq!(values.copy("b", &large), Err(TooManyValues));
        assert_eq!(
            (values.get("a"), values.len(), values.bytes()),
            (Some(""), 1, 1)
        );
    }

    #[test]
    fn numbers_are_written_as_short_as_they_can_be() {
        for (number, text) in [
            (7.0, "7"),
            (-0.0, "0"),
            (-2.5, "-2.5"),
            (7.25, "7.25"),
            (0.1 + 0.2, "0.3"),
            (f64::MAX, "1.7976931348623157e308"),
            (999_999_999_999_999.0, "999999999999999"),
            (1e15, "1e15"),
            (-1.5e300, "-1.5e300"),
            (1e-7, "1e-7"),
        ] {
            assert_eq!(decimal(number), text);
        }
    }

    #[test]
    fn a_natural_number_has_at_most_ten_digits_and_no_sign() {
        for (text, number) in [
            ("", Some(0)),
            (" 9999999999", Some(9_999_999_999)),
            ("5 6", Some(5)),
            ("10000000000", None),
            ("-5", None),
            ("+5", None),
            ("2.5", None),
            ("abc", None),
        ] {
            assert_eq!(natural(text), number, "{text}");
        }
    }
}
