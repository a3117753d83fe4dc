//! The expressions of the server: a table by name, which every session reads and writes.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use regex::{Regex, RegexBuilder};

/// The longest expression, in bytes.
pub const MAX_EXPRESSION: usize = 4 << 10;
/// The longest text that is searched, in bytes. The time of a search grows with it, and calls wait.
pub const MAX_TEXT: usize = 64 << 10;
/// The most expressions that are kept at a time.
pub const MAX_EXPRESSIONS: usize = 10_000;
/// Bytes of one compiled expression.
const MAX_COMPILED: usize = 1 << 20;

static EXPRESSIONS: RwLock<Option<HashMap<String, Arc<Regex>>>> = RwLock::new(None);

/// Why an expression is not kept.
#[derive(Debug)]
pub enum Unfit {
    /// It does not compile.
    Syntax(regex::Error),
    /// Longer than [`MAX_EXPRESSION`].
    TooLong,
    /// [`MAX_EXPRESSIONS`] are kept already.
    TooMany,
}

impl std::fmt::Display for Unfit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Unfit::Syntax(error) => {
                // The library shows the expression with a mark under it; the last line says what is wrong.
                let text = error.to_string();
                let last = text.lines().last().unwrap_or_default();
                f.write_str(last.trim_start_matches("error: "))
            }
            Unfit::TooLong => write!(f, "an expression has at most {MAX_EXPRESSION} bytes"),
            Unfit::TooMany => write!(
                f,
                "{MAX_EXPRESSIONS} expressions are kept already: clear some"
            ),
        }
    }
}

/// Compiles an expression and keeps it under a name. One that does not fit leaves the name without one.
///
/// # Errors
/// [`Unfit`].
pub fn compile(name: &str, expression: &str) -> Result<(), Unfit> {
    // Compiled before the table is locked: other calls do not wait for it.
    let compiled = match expression.len() {
        ..=MAX_EXPRESSION => RegexBuilder::new(expression)
            .size_limit(MAX_COMPILED)
            .build()
            .map_err(Unfit::Syntax),
        _ => Err(Unfit::TooLong),
    };
    let mut table = EXPRESSIONS.write().unwrap_or_else(PoisonError::into_inner);
    let table = table.get_or_insert_default();
    table.remove(name);
    let compiled = compiled?;
    if table.len() >= MAX_EXPRESSIONS {
        return Err(Unfit::TooMany);
    }
    table.insert(name.to_owned(), Arc::new(compiled));
    Ok(())
}

/// The expression of this name.
pub fn find(name: &str) -> Option<Arc<Regex>> {
    let table = EXPRESSIONS.read().unwrap_or_else(PoisonError::into_inner);
    table.as_ref()?.get(name).cloned()
}

/// Forgets the expression of this name, if there is one.
pub fn clear(name: &str) {
    let mut table = EXPRESSIONS.write().unwrap_or_else(PoisonError::into_inner);
    if let Some(table) = table.as_mut() {
        table.remove(name);
    }
}
