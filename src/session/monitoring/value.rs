//! What an attribute holds.

use std::borrow::Cow;

/// A value: text, an integer, or any JSON.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Text.
    Text(Cow<'static, str>),
    /// An integer.
    Number(i64),
    /// A list, a struct, or what else JSON knows.
    Json(Box<serde_json::Value>),
}

impl Value {
    /// Text as it is compared and searched: of a list or struct its JSON.
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Value::Text(text) => Cow::Borrowed(text),
            Value::Number(number) => Cow::Owned(number.to_string()),
            Value::Json(json) => Cow::Owned(json.to_string()),
        }
    }

    /// The integer it is, also as text.
    pub fn integer(&self) -> Option<i64> {
        match self {
            Value::Text(text) => text.trim().parse().ok(),
            Value::Number(number) => Some(*number),
            Value::Json(_) => None,
        }
    }

    /// Appends `more`; a value that is no list becomes the first of one.
    pub fn push(&mut self, more: Value) {
        if let Value::Json(json) = self
            && let serde_json::Value::Array(list) = &mut **json
        {
            list.push(more.into());
            return;
        }
        let first = std::mem::replace(self, Value::Number(0));
        let list = vec![first.into(), more.into()];
        *self = Value::Json(Box::new(serde_json::Value::Array(list)));
    }

    /// How many elements a list has; 1 if it is none.
    pub fn elements(&self) -> usize {
        match self {
            Value::Json(json) => json.as_array().map_or(1, Vec::len),
            _ => 1,
        }
    }

    /// About how much memory it takes besides itself, in bytes.
    pub fn bytes(&self) -> usize {
        match self {
            Value::Text(text) => text.len(),
            Value::Number(_) => 0,
            Value::Json(json) => json_bytes(json),
        }
    }
}

/// Each value counts, so that many small ones are not free.
fn json_bytes(json: &serde_json::Value) -> usize {
    const EACH: usize = 64;
    let inner = match json {
        serde_json::Value::String(text) => text.len(),
        serde_json::Value::Array(list) => list.iter().map(json_bytes).sum(),
        serde_json::Value::Object(members) => members
            .iter()
            .map(|(name, value)| name.len() + json_bytes(value))
            .sum(),
        _ => 0,
    };
    EACH + inner
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::Text(text.into())
    }
}

impl From<&'static str> for Value {
    fn from(text: &'static str) -> Self {
        Value::Text(text.into())
    }
}

impl From<serde_json::Value> for Value {
    fn from(json: serde_json::Value) -> Self {
        match json {
            serde_json::Value::String(text) => text.into(),
            serde_json::Value::Number(number) if number.is_i64() => {
                Value::Number(number.as_i64().unwrap_or_default())
            }
            other => Value::Json(Box::new(other)),
        }
    }
}

impl From<Value> for serde_json::Value {
    fn from(value: Value) -> Self {
        match value {
            Value::Text(text) => text.into_owned().into(),
            Value::Number(number) => number.into(),
            Value::Json(json) => *json,
        }
    }
}
