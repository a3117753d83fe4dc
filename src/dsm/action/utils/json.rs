//! JSON as variables: `.NAME` for members, `[n]` for elements.
//!
//! The text is read once and nothing but the variables is kept of it, so that what a peer sends costs no more
//! than a session may hold.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::{Done, bad_argument, succeed};
use crate::dsm::action::remove_prefix;
use crate::dsm::argument::Arguments;
use crate::dsm::expr::Scope;
use crate::dsm::value::{MAX_VALUE_BYTES, MAX_VALUES, TooManyValues, decimal};

pub fn decode(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    let text = arguments.owned(0, scope);
    let target = arguments.name(1);
    let mut leaves = Leaves::new(target);
    let mut input = serde_json::Deserializer::from_str(&text);
    // More than 128 levels are an error of the reader.
    let read = leaves.deserialize(&mut input).and_then(|()| input.end());
    if leaves.is_full {
        return Err(TooManyValues.into());
    }
    if let Err(error) = read {
        return bad_argument(format!("no JSON: {error}"));
    }
    for opening in ['.', '['] {
        remove_prefix(&format!("{target}{opening}"), scope);
    }
    scope.spend(leaves.bytes);
    for (name, value) in leaves.values {
        scope.variables.set(&name, value)?;
    }
    succeed(scope)
}

/// The variables that a value becomes.
struct Leaves {
    /// The name of the value that is being read.
    name: String,
    values: Vec<(String, String)>,
    bytes: usize,
    is_full: bool,
}

impl Leaves {
    fn new(target: &str) -> Self {
        Self {
            name: target.to_owned(),
            values: Vec::new(),
            bytes: 0,
            is_full: false,
        }
    }

    fn put<E: Error>(&mut self, value: impl Into<String>) -> Result<(), E> {
        let value = value.into();
        self.bytes += self.name.len() + value.len();
        if self.bytes > MAX_VALUE_BYTES || self.values.len() >= MAX_VALUES {
            self.is_full = true;
            return Err(E::custom(TooManyValues));
        }
        self.values.push((self.name.clone(), value));
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for &mut Leaves {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<(), D::Error> {
        input.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &mut Leaves {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.put(value.to_string())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.put(value.to_string())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.put(value.to_string())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.put(decimal(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.put(value)
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.put("")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let length = self.name.len();
        for index in 0.. {
            self.name.push_str(&format!("[{index}]"));
            let more = elements.next_element_seed(&mut *self)?.is_some();
            self.name.truncate(length);
            if !more {
                break;
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let length = self.name.len();
        while let Some(member) = members.next_key::<String>()? {
            self.name.push('.');
            self.name.push_str(&member);
            members.next_value_seed(&mut *self)?;
            self.name.truncate(length);
        }
        Ok(())
    }
}
