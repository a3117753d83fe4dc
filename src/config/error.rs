//! What can be wrong with a configuration, and how it is told to the operator.

use std::fmt;
use std::path::PathBuf;

use super::tree::printable;

/// Everything that is wrong with a configuration, in the order of the file, then of the overrides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(pub(super) Vec<ConfigError>);

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// Where it stands.
    pub location: Location,
    /// Dotted key, as in `sip.t1_ms`; empty if the text could not be read so far.
    pub key: String,
    /// What is wrong.
    pub problem: Problem,
}

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// In the file; `line` and `column` count from 1, `column` in characters.
    File {
        /// The file, as it was named on the command line.
        path: PathBuf,
        /// Line.
        line: usize,
        /// Column.
        column: usize,
    },
    /// In a `--set KEY=VALUE`; the text after `--set`.
    Override(String),
}

/// What is wrong with a value or a key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// The text is not TOML.
    Syntax {
        /// The TOML parser's words.
        message: String,
        /// The offending text; may be empty.
        found: String,
    },
    /// An override is not `KEY=VALUE` with a key of dotted words.
    Override,
    /// There is no such key.
    UnknownKey {
        /// A known key that looks alike.
        suggestion: Option<&'static str>,
        /// All keys that may stand here.
        known: Vec<&'static str>,
    },
    /// The value has the wrong type, form or range.
    Value {
        /// What the key takes.
        expected: String,
        /// What was written.
        found: String,
        /// A line to copy.
        example: String,
    },
}

impl ConfigErrors {
    /// The mistakes, at least one.
    pub fn iter(&self) -> impl Iterator<Item = &ConfigError> {
        self.0.iter()
    }
}

impl std::error::Error for ConfigErrors {}

/// One line for each mistake.
impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_lines(f, &self.0)
    }
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.location)?;
        // An override shows its key already.
        if !self.key.is_empty() && matches!(self.location, Location::File { .. }) {
            write!(f, "{}: ", self.key)?;
        }
        write!(f, "{}", self.problem)
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Location::File { path, line, column } => {
                write!(f, "{}:{line}:{column}", path.display())
            }
            // A password may stand in the value.
            Location::Override(text) if text.contains("password") => {
                let key = text.split('=').next().unwrap_or_default();
                write!(f, "--set {}=...", printable(key))
            }
            Location::Override(text) => write!(f, "--set {}", printable(text)),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Syntax { message, found } if found.is_empty() => write!(f, "{message}"),
            Problem::Syntax { message, found } => write!(f, "{message}, found `{found}`"),
            Problem::Override => write!(
                f,
                "expected KEY=VALUE with a key of words joined by dots; \
                 write for example --set log.level=debug"
            ),
            Problem::UnknownKey {
                suggestion: Some(key),
                ..
            } => {
                write!(f, "unknown key; did you mean `{key}`?")
            }
            Problem::UnknownKey { known, .. } => {
                write!(f, "unknown key; known here: {}", known.join(", "))
            }
            Problem::Value {
                expected,
                found,
                example,
            } => {
                write!(
                    f,
                    "expected {expected}, found {found}; write for example {example}"
                )
            }
        }
    }
}

/// Writes one item a line, without a line end after the last.
pub(super) fn write_lines<T: fmt::Display>(f: &mut fmt::Formatter<'_>, items: &[T]) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            writeln!(f)?;
        }
        write!(f, "{item}")?;
    }
    Ok(())
}
