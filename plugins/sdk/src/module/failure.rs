//! How an action fails.

use std::borrow::Cow;
use std::error::Error;

/// An action did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The script goes on, and sees it in `$errno` and `$strerror`.
    Errno {
        /// One of the words that the action declares.
        errno: Cow<'static, str>,
        /// For people.
        text: String,
    },
    /// The running list ends; an exception transition may go on.
    Thrown(Exception),
}

impl Failure {
    /// A failure that the script sees in `$errno` and `$strerror`.
    pub fn errno(errno: impl Into<Cow<'static, str>>, text: impl Into<String>) -> Self {
        Self::Errno {
            errno: errno.into(),
            text: text.into(),
        }
    }

    /// A failure that ends the running list.
    pub fn throw(exception: Exception) -> Self {
        Self::Thrown(exception)
    }
}

/// `?` on any error: `$errno` becomes `general`, `$strerror` what the error and its causes say.
impl<E: Error> From<E> for Failure {
    fn from(error: E) -> Self {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            let said = error.to_string();
            if !text.contains(&said) {
                text = format!("{text}: {said}");
            }
            cause = error.source();
        }
        Self::errno("general", text)
    }
}

impl From<Exception> for Failure {
    fn from(exception: Exception) -> Self {
        Self::Thrown(exception)
    }
}

/// An exception of the language: its `#type`, and what else its handlers see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    pub(super) kind: String,
    pub(super) params: Vec<(String, String)>,
}

impl Exception {
    /// An exception of this `#type`.
    pub fn new(kind: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            params: Vec::new(),
        }
    }

    /// Adds a parameter; `cause` is the usual one.
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.params.push((name.into(), value.into()));
        self
    }

    /// Its `#type`.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// One of its parameters.
    pub fn param(&self, name: &str) -> Option<&str> {
        let mut params = self.params.iter();
        params
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}
