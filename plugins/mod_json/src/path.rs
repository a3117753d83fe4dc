//! Places in a document, written as variables are: `calls[0].from.name`. Empty is the whole document.
//!
//! A JSON Pointer (RFC 6901), which begins with `/`, is understood as well: it reaches names with dots
//! and brackets.

use serde_json::Value;

/// The most steps of a path.
const MAX_STEPS: usize = 64;

/// One step into a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A member of an object.
    Member(String),
    /// An element of an array, from 0.
    Element(usize),
    /// Behind the last element of an array: `[]`, in a pointer `-`.
    Append,
    /// In a pointer a number is a member of an object or an element of an array.
    Either(String, usize),
}

/// A path that cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub struct BadPath {
    path: String,
    why: &'static str,
}

impl std::fmt::Display for BadPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:?} is no path such as calls[0].from: {}",
            self.path, self.why
        )
    }
}

/// The steps of a path.
///
/// # Errors
/// [`BadPath`]: an empty name, a bracket without its other half, more than 64 steps.
pub fn steps(path: &str) -> Result<Vec<Step>, BadPath> {
    let steps = match path.strip_prefix('/') {
        Some(pointer) => Ok(pointer.split('/').map(pointed).collect()),
        None => dotted(path),
    };
    let steps = steps.and_then(|steps: Vec<Step>| match steps.len() {
        ..=MAX_STEPS => Ok(steps),
        _ => Err("it has more than 64 steps"),
    });
    steps.map_err(|why| BadPath {
        path: path.chars().take(80).collect(),
        why,
    })
}

fn pointed(step: &str) -> Step {
    let name = step.replace("~1", "/").replace("~0", "~");
    let is_index = name == "0" || (!name.starts_with(['0', '+']) && !name.is_empty());
    match name.parse() {
        Ok(index) if is_index => Step::Either(name, index),
        _ if name == "-" => Step::Append,
        _ => Step::Member(name),
    }
}

fn dotted(path: &str) -> Result<Vec<Step>, &'static str> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(bracket) = rest.strip_prefix('[') {
            let (index, behind) = bracket.split_once(']').ok_or("a bracket is open")?;
            steps.push(match index {
                "" => Step::Append,
                _ => Step::Element(index.parse().map_err(|_| "an index is no number")?),
            });
            rest = behind;
            if !rest.is_empty() && !rest.starts_with(['.', '[']) {
                return Err("behind a bracket comes a dot or a bracket");
            }
        } else {
            let name = match steps.is_empty() {
                true => rest,
                false => rest.strip_prefix('.').unwrap_or(rest),
            };
            let end = name.find(['.', '[']).unwrap_or(name.len());
            if end == 0 {
                return Err("a name is empty");
            }
            steps.push(Step::Member(name[..end].to_owned()));
            rest = &name[end..];
            if rest == "." {
                return Err("a name is empty");
            }
        }
    }
    Ok(steps)
}

/// The value at a path.
pub fn find<'v>(value: &'v Value, steps: &[Step]) -> Option<&'v Value> {
    steps.iter().try_fold(value, |value, step| match step {
        Step::Member(name) => value.as_object()?.get(name),
        Step::Element(index) => value.as_array()?.get(*index),
        Step::Append => None,
        Step::Either(name, index) => match value {
            Value::Object(members) => members.get(name),
            Value::Array(elements) => elements.get(*index),
            _ => None,
        },
    })
}

/// The place at a path, made where it is missing: objects for names, arrays for indices. An array grows
/// by one element at a time.
///
/// # Errors
/// What stands in the way.
pub fn place<'v>(value: &'v mut Value, steps: &[Step]) -> Result<&'v mut Value, &'static str> {
    steps.iter().try_fold(value, |value, step| {
        if value.is_null() {
            *value = match step {
                Step::Member(_) | Step::Either(..) => Value::Object(Default::default()),
                Step::Element(_) | Step::Append => Value::Array(Vec::new()),
            };
        }
        match (step, value) {
            (Step::Member(name) | Step::Either(name, _), Value::Object(members)) => {
                Ok(members.entry(name.as_str()).or_insert(Value::Null))
            }
            (Step::Element(index) | Step::Either(_, index), Value::Array(elements)) => {
                if *index == elements.len() {
                    elements.push(Value::Null);
                }
                let gap = "an array has no gaps: its next element comes behind the last one";
                elements.get_mut(*index).ok_or(gap)
            }
            (Step::Append, Value::Array(elements)) => {
                elements.push(Value::Null);
                elements.last_mut().ok_or("an array is empty")
            }
            (Step::Member(_), _) => Err("what would hold a member is no object"),
            _ => Err("what would hold an element is no array"),
        }
    })
}

/// Removes the value at a path and gives it. The whole document cannot be removed.
pub fn remove(value: &mut Value, steps: &[Step]) -> Option<Value> {
    let (last, parents) = steps.split_last()?;
    let parent = parents.iter().try_fold(value, |value, step| match step {
        Step::Member(name) => value.as_object_mut()?.get_mut(name),
        Step::Element(index) => value.as_array_mut()?.get_mut(*index),
        Step::Append => None,
        Step::Either(name, index) => match value {
            Value::Object(members) => members.get_mut(name),
            Value::Array(elements) => elements.get_mut(*index),
            _ => None,
        },
    })?;
    match (last, parent) {
        (Step::Member(name) | Step::Either(name, _), Value::Object(members)) => {
            members.remove(name)
        }
        (Step::Element(index) | Step::Either(_, index), Value::Array(elements)) => {
            (*index < elements.len()).then(|| elements.remove(*index))
        }
        _ => None,
    }
}
