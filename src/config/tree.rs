//! TOML values that remember where they were written: one tree for the file and all overrides.

use std::collections::BTreeMap;
use std::fmt;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A place in one of the texts; sorts in the order in which errors are reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// 0 is the file, n the n-th override.
    pub source: usize,
    /// Byte offset into that text.
    pub offset: usize,
}

impl Place {
    /// The `source` of values from the file.
    pub const FILE: usize = 0;
    /// The beginning of the file.
    pub const START: Place = Place {
        source: Self::FILE,
        offset: 0,
    };
}

/// A value and its place.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub place: Place,
    pub value: Value,
}

/// A TOML value, with numbers as they were written.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Text(String),
    /// `value` is `None` beyond 64 bits.
    Integer {
        digits: String,
        value: Option<i64>,
    },
    Float(String),
    Boolean(bool),
    Date(String),
    List(Vec<Node>),
    Table(Table),
}

/// Keys and what stands under them.
pub(super) type Table = BTreeMap<String, Entry>;

/// One `key = value` or `[key]`.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub key_place: Place,
    pub node: Node,
}

/// Copies what the TOML parser read of text number `source`.
pub(super) fn table(source: usize, parsed: &DeTable<'_>) -> Table {
    let entry = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
        let key_place = Place {
            source,
            offset: key.span().start,
        };
        let node = node(source, value);
        (
            AsRef::<str>::as_ref(key.get_ref()).to_owned(),
            Entry { key_place, node },
        )
    };
    parsed.iter().map(entry).collect()
}

/// Copies one value of text number `source`.
pub(super) fn node(source: usize, parsed: &Spanned<DeValue<'_>>) -> Node {
    let place = Place {
        source,
        offset: parsed.span().start,
    };
    let value = match parsed.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => Value::Integer {
            digits: number.to_string(),
            value: i64::from_str_radix(number.as_str(), number.radix()).ok(),
        },
        DeValue::Float(number) => Value::Float(number.as_str().to_owned()),
        DeValue::Boolean(flag) => Value::Boolean(*flag),
        DeValue::Datetime(date) => Value::Date(date.to_string()),
        DeValue::Array(items) => Value::List(items.iter().map(|item| node(source, item)).collect()),
        DeValue::Table(entries) => Value::Table(table(source, entries)),
    };
    Node { place, value }
}

impl Value {
    /// The text of a string.
    pub fn text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A whole number that fits 64 bits.
    pub fn integer(&self) -> Option<i64> {
        match self {
            Value::Integer { value, .. } => *value,
            _ => None,
        }
    }

    /// As JSON. Numbers beyond what that holds, and dates, are texts.
    pub fn json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        let float = |digits: &str| {
            let number = digits.replace('_', "").parse().ok();
            number.and_then(serde_json::Number::from_f64)
        };
        match self {
            Value::Text(text) | Value::Date(text) => Json::from(text.as_str()),
            Value::Integer { digits, value } => {
                value.map_or(Json::from(digits.as_str()), Json::from)
            }
            Value::Float(digits) => float(digits).map_or(Json::from(digits.as_str()), Json::from),
            Value::Boolean(flag) => Json::from(*flag),
            Value::List(items) => items.iter().map(|item| item.value.json()).collect(),
            Value::Table(table) => table
                .iter()
                .map(|(key, entry)| (key.clone(), entry.node.value.json()))
                .collect(),
        }
    }

    /// A string, number or boolean as text.
    pub fn scalar(&self) -> Option<String> {
        match self {
            Value::Text(text) => Some(text.clone()),
            Value::Integer { digits, .. } | Value::Float(digits) => Some(digits.clone()),
            Value::Boolean(flag) => Some(flag.to_string()),
            Value::Date(_) | Value::List(_) | Value::Table(_) => None,
        }
    }
}

/// The value as an error message shows it: its type and a short, printable piece of it.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Text(text) => write!(f, "the string \"{}\"", excerpt(text)),
            Value::Integer { digits, .. } => write!(f, "the number {}", excerpt(digits)),
            Value::Float(digits) => write!(f, "the number {}", excerpt(digits)),
            Value::Boolean(flag) => write!(f, "{flag}"),
            Value::Date(date) => write!(f, "the date {date}"),
            Value::List(_) => write!(f, "a list"),
            Value::Table(_) => write!(f, "a table"),
        }
    }
}

/// At most 40 characters of `text` on one line.
pub(super) fn excerpt(text: &str) -> String {
    const LONGEST: usize = 40;
    let mut shown = printable(&text.chars().take(LONGEST).collect::<String>());
    if text.chars().nth(LONGEST).is_some() {
        shown.push_str("...");
    }
    shown
}

/// `text` with its control characters escaped.
pub(super) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c.is_control() {
            true => shown.extend(c.escape_default()),
            false => shown.push(c),
        }
    }
    shown
}
