//! How work with the services fails, and what a script sees of it.

use muleteer_http::Broken;
use muleteer_sdk::module::{Context, Exception, Failure};

/// The longest text of a service that becomes `$aws.ereason`, in characters.
const MAX_REASON: usize = 1000;

/// An action did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// There is no key to sign with.
    NoKey(String),
    /// Nobody can be reached.
    Connection(String),
    /// There is no file to send.
    NoFile(String),
    /// The file that was to be written.
    File(String),
    /// The service refuses, or what it says is broken or late.
    Service(String),
}

impl From<Broken> for Problem {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::File(text) => Self::File(text),
            broken => Self::Service(broken.to_string()),
        }
    }
}

impl Problem {
    /// What a service says.
    pub fn service(text: &str) -> Self {
        Self::Service(text.chars().take(MAX_REASON).collect())
    }

    /// Tells the script about work with the store; `errno` is the word for what the service refuses.
    pub fn of_store(self, cx: &mut Context<'_>, errno: &'static str) -> Failure {
        match self {
            Self::NoKey(text) => thrown("need preload", text),
            Self::Connection(text) => thrown("get connection", text),
            Self::NoFile(text) => thrown("file not found", text),
            Self::File(text) => Failure::errno("file", text),
            Self::Service(text) => reasoned(cx, errno, text),
        }
    }

    /// Tells the script about work with a queue.
    pub fn of_queue(self, cx: &mut Context<'_>, errno: &'static str) -> Failure {
        match self {
            Self::NoKey(text) | Self::Connection(text) => reasoned(cx, "aws_conn", text),
            Self::NoFile(text) | Self::File(text) | Self::Service(text) => {
                reasoned(cx, errno, text)
            }
        }
    }
}

/// An exception with one of the causes that scripts know.
pub fn thrown(cause: &str, text: impl Into<String>) -> Failure {
    Failure::throw(
        Exception::new("aws")
            .with("cause", cause)
            .with("text", text),
    )
}

/// A failure that `$aws.ereason` tells as well.
fn reasoned(cx: &mut Context<'_>, errno: &'static str, text: String) -> Failure {
    match cx.set("aws.ereason", &text) {
        Ok(()) => Failure::errno(errno, text),
        Err(failure) => failure,
    }
}
