//! A document as an object of a session, and how actions reach it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use muleteer_sdk::module::*;
use serde_json::Value;

use crate::path::{self, Step};

/// The largest text of a document, and the most that is put into one, in bytes.
pub const MAX_BYTES: usize = 1 << 20;

/// A document, and how much was put into it.
#[derive(Debug)]
pub struct Document {
    /// What it holds.
    pub root: Value,
    /// Bytes of the texts it was made of.
    pub bytes: usize,
}

/// A document of a session.
pub type Shared = Arc<Mutex<Document>>;

/// Keeps a new document.
///
/// # Errors
/// As [`Context::set_object`].
pub fn keep(cx: &mut Context<'_>, name: &str, root: Value, bytes: usize) -> Result<Flow, Failure> {
    cx.set_object(name, Arc::new(Mutex::new(Document { root, bytes })))?;
    Ok(Flow::Next)
}

/// The document of this name.
///
/// # Errors
/// The errno `arg`.
pub fn find(cx: &Context<'_>, name: &str) -> Result<Shared, Failure> {
    let missing = || Failure::errno("arg", format!("there is no document {name:?}"));
    cx.object::<Mutex<Document>>(name).ok_or_else(missing)
}

/// A document that nobody else looks at meanwhile.
pub fn open(document: &Shared) -> MutexGuard<'_, Document> {
    document.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A path of a script.
///
/// # Errors
/// The errno `arg`.
pub fn steps(path: &str) -> Result<Vec<Step>, Failure> {
    path::steps(path).map_err(|error| Failure::errno("arg", error.to_string()))
}

/// What a text of JSON says.
///
/// # Errors
/// The errno `arg`, with line and column of what is no JSON.
pub fn parse(text: &str) -> Result<Value, Failure> {
    fits(text.len())?;
    serde_json::from_str(text).map_err(|error| Failure::errno("arg", error.to_string()))
}

/// Whether this many bytes are no more than a document may have.
///
/// # Errors
/// The errno `arg`.
pub fn fits(bytes: usize) -> Result<(), Failure> {
    let too_large = || Failure::errno("arg", format!("a document has at most {MAX_BYTES} bytes"));
    (bytes <= MAX_BYTES).then_some(()).ok_or_else(too_large)
}

/// A value as a script gets it: a text as it is, null as nothing, all else as JSON.
pub fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        value => value.to_string(),
    }
}
