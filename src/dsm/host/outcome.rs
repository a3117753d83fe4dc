//! What becomes of an action or a condition: an answer, an error that a script asks for, an exception.

use std::borrow::Cow;
use std::fmt;

use crate::dsm::module::Resumption;
use crate::dsm::value::{TooManyValues, Values};

/// What became of a [`HostAction`](super::HostAction).
#[derive(Clone, Debug, PartialEq)]
pub enum ActionOutcome {
    /// It is over.
    Done(ActionResult),
    /// The engine stops here until [`Engine::resume`](crate::dsm::Engine::resume) brings the result.
    Pending,
}

impl ActionOutcome {
    /// It worked and has nothing to tell.
    pub const fn done() -> Self {
        ActionOutcome::Done(Ok(Answer::Nothing))
    }
}

/// What became of a condition of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Whether it holds.
    Known(bool),
    /// The engine stops here until [`Engine::resume`](crate::dsm::Engine::resume) brings a boolean; whatever
    /// else it brings, the condition does not hold.
    Pending,
}

/// The result of an action.
pub type ActionResult = Result<Answer, ActionError>;

/// What a successful action brings back.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Answer {
    /// Nothing.
    #[default]
    Nothing,
    /// A value, for the actions that store one.
    Value(serde_json::Value),
    /// Variables to assign.
    Assign(Vec<(String, String)>),
    /// Code of a module that goes on with the action.
    Resume(Resumption),
}

/// How an action failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ActionError {
    /// The script learns it from `$errno` and `$strerror`.
    #[error("{errno}: {text}")]
    Errno {
        /// Word for `$errno`.
        errno: Errno,
        /// Text for `$strerror`.
        text: String,
    },
    /// The action list ends; an exception transition may go on.
    #[error(transparent)]
    Exception(#[from] Exception),
}

impl ActionError {
    /// A failure the script learns from `$errno`.
    pub fn errno(errno: Errno, text: impl Into<String>) -> Self {
        ActionError::Errno {
            errno,
            text: text.into(),
        }
    }
}

impl From<ActionError> for ActionOutcome {
    fn from(error: ActionError) -> Self {
        ActionOutcome::Done(Err(error))
    }
}

/// A word for `$errno`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Errno(pub Cow<'static, str>);

impl Errno {
    /// A file.
    pub const FILE: Errno = Errno(Cow::Borrowed("file"));
    /// An unknown or bad argument.
    pub const ARG: Errno = Errno(Cow::Borrowed("arg"));
    /// An action out of place.
    pub const SCRIPT: Errno = Errno(Cow::Borrowed("script"));
    /// Configuration, or a missing component.
    pub const CONFIG: Errno = Errno(Cow::Borrowed("config"));
    /// Internal.
    pub const INTERNAL: Errno = Errno(Cow::Borrowed("internal"));
    /// Anything else.
    pub const GENERAL: Errno = Errno(Cow::Borrowed("general"));
    /// The dialog.
    pub const DLG: Errno = Errno(Cow::Borrowed("dlg"));
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An exception of the language: a type and what the thrower adds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("exception '{}'", self.kind())]
pub struct Exception {
    params: Values,
}

impl Exception {
    /// An exception of this type.
    pub fn new(kind: &str) -> Self {
        Self {
            params: Values::new().with("type", kind),
        }
    }

    /// Adds a parameter.
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.params = self.params.with(name, value);
        self
    }

    /// A file that cannot be opened.
    pub fn file(path: &str) -> Self {
        Self::new("file").with("path", path)
    }

    /// A prompt or prompt set that does not exist.
    pub fn prompt(name: &str) -> Self {
        Self::new("prompt").with("name", name)
    }

    /// A bad number, or a function that is not available here.
    pub fn core(cause: impl Into<String>) -> Self {
        Self::new("core").with("cause", cause)
    }

    /// An action out of place.
    pub fn script(cause: impl Into<String>) -> Self {
        Self::new("script").with("cause", cause)
    }

    /// The `#type` of the exception.
    pub fn kind(&self) -> &str {
        self.params.get("type").unwrap_or("")
    }

    /// Its `#cause`, if it has one.
    pub fn cause(&self) -> Option<&str> {
        self.params.get("cause")
    }

    /// The parameters its handlers see.
    pub fn params(&self) -> &Values {
        &self.params
    }

    /// The parameters its handlers see.
    pub fn into_params(self) -> Values {
        self.params
    }
}

impl From<TooManyValues> for Exception {
    fn from(error: TooManyValues) -> Self {
        Exception::core(error.to_string())
    }
}
