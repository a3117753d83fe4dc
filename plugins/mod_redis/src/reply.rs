//! What a server answers, as variables.

use muleteer_sdk::module::*;
use redis::Value;

/// The most variables of one reply.
const MAX_VALUES: usize = 10_000;
/// The deepest array inside arrays.
const MAX_DEPTH: usize = 16;

/// A reply, ready for a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// What is behind the name of the variable, and its value.
    Values(Vec<(String, String)>),
    /// An error of the server.
    Error(String),
    /// More than a script gets.
    TooLarge,
}

impl Reply {
    /// Reads what the client gives.
    pub fn read(value: Value) -> Self {
        let mut values = Vec::new();
        match flatten(String::new(), value, 0, &mut values) {
            Ok(()) => Reply::Values(values),
            Err(reply) => reply,
        }
    }

    /// Stores it, and removes what the variable held before.
    ///
    /// # Errors
    /// The errno `write` with what the server says; the variable then stays.
    pub fn store(self, cx: &mut Context<'_>, name: &str) -> Result<Flow, Failure> {
        let values = match self {
            Reply::Values(values) => values,
            Reply::Error(text) => return Err(Failure::errno("write", text)),
            Reply::TooLarge => {
                let text = format!("the reply has more than {MAX_VALUES} values, or too deep ones");
                return Err(Failure::errno("read", text));
            }
        };
        cx.remove(name);
        cx.remove_prefix(&format!("{name}["));
        cx.remove(&format!("{name}.nil"));
        for (suffix, value) in values {
            cx.set(&format!("{name}{suffix}"), value)?;
        }
        Ok(Flow::Next)
    }
}

fn flatten(
    at: String,
    value: Value,
    depth: usize,
    values: &mut Vec<(String, String)>,
) -> Result<(), Reply> {
    if values.len() >= MAX_VALUES || depth > MAX_DEPTH {
        return Err(Reply::TooLarge);
    }
    let text = match value {
        Value::Nil => {
            values.push((format!("{at}.nil"), "true".to_owned()));
            "nil".to_owned()
        }
        Value::Int(number) => number.to_string(),
        Value::Double(number) => number.to_string(),
        Value::Boolean(truth) => truth.to_string(),
        Value::Okay => "OK".to_owned(),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => text,
        Value::BulkString(bytes) | Value::BigNumber(bytes) => readable(bytes),
        Value::ServerError(error) => return Err(Reply::Error(told(&error))),
        Value::Attribute { data, .. } => return flatten(at, *data, depth, values),
        Value::Array(list) | Value::Set(list) | Value::Push { data: list, .. } => {
            return elements(at, list, depth, values);
        }
        Value::Map(members) => {
            let list = members.into_iter().flat_map(|(name, value)| [name, value]);
            return elements(at, list.collect(), depth, values);
        }
        other => format!("{other:?}"),
    };
    values.push((at, text));
    Ok(())
}

fn elements(
    at: String,
    list: Vec<Value>,
    depth: usize,
    values: &mut Vec<(String, String)>,
) -> Result<(), Reply> {
    for (index, value) in list.into_iter().enumerate() {
        flatten(format!("{at}[{index}]"), value, depth + 1, values)?;
    }
    Ok(())
}

fn readable(bytes: Vec<u8>) -> String {
    match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    }
}

/// What a server says is wrong.
fn told(error: &redis::ServerError) -> String {
    match error.details() {
        Some(details) => format!("{} {details}", error.code()),
        None => error.code().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: Value) -> Vec<(String, String)> {
        match Reply::read(value) {
            Reply::Values(values) => values,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn nested_arrays_become_names_with_two_indices() {
        let text = |text: &str| Value::BulkString(text.into());
        let list = Value::Array(vec![
            text("a"),
            Value::Array(vec![Value::Int(i64::MAX), Value::Nil]),
        ]);
        let values = read(list);
        let values: Vec<_> = values.iter().map(|(n, v)| (&**n, &**v)).collect();
        let expected = [
            ("[0]", "a"),
            ("[1][0]", "9223372036854775807"),
            ("[1][1].nil", "true"),
            ("[1][1]", "nil"),
        ];
        assert_eq!(values, expected);
        assert_eq!(read(Value::Array(vec![])), []);
    }

    #[test]
    fn what_is_too_large_or_too_deep_is_refused() {
        let deep = (0..50).fold(Value::Nil, |inner, _| Value::Array(vec![inner]));
        assert_eq!(Reply::read(deep), Reply::TooLarge);
        let long = Value::Array(vec![Value::Okay; 20_000]);
        assert_eq!(Reply::read(long), Reply::TooLarge);
    }
}
