//! How work with a database fails, and what a script sees of it.

use muleteer_sdk::module::{Context, Failure};
use mysql_async::{DriverError, Error, IoError};

/// The client's own numbers of the protocol: nobody answers at all; the answer to a statement is missing.
const CANNOT_CONNECT: u16 = 2002;
const CONNECTION_LOST: u16 = 2013;
/// The number for what has none.
const UNKNOWN: u16 = 2000;
/// What the database says when a statement has taken too long (MariaDB).
const STATEMENT_TIMEOUT: u16 = 1969;

/// An action did not do what was asked. The first word of each is that of `$errno`.
#[derive(Debug, Clone)]
pub enum Problem {
    Arg(String),
    Config(String),
    Connection { number: u16, text: String },
    Query { number: u16, text: String },
    Result(String),
    File(String),
}

impl Problem {
    /// There is no connection because of this.
    pub fn connecting(error: &Error) -> Self {
        let (number, text) = match error {
            Error::Server(error) => (error.code, error.message.clone()),
            Error::Driver(DriverError::NoClientSslFlagFromServer) => (
                UNKNOWN,
                "the database offers no TLS, which mysql_ca_cert asks for".to_owned(),
            ),
            error => (CANNOT_CONNECT, told(error)),
        };
        Self::Connection { number, text }
    }

    /// There is none in time.
    pub fn no_connection(text: impl Into<String>) -> Self {
        let text = text.into();
        Self::Connection {
            number: CANNOT_CONNECT,
            text,
        }
    }

    /// A statement failed with this.
    pub fn running(error: &Error) -> Self {
        match error {
            Error::Server(error) if error.code == STATEMENT_TIMEOUT => Self::Query {
                number: error.code,
                text: "the statement took too long".to_owned(),
            },
            Error::Server(error) => Self::Query {
                number: error.code,
                text: error.message.clone(),
            },
            Error::Driver(
                DriverError::StmtParamsMismatch { .. }
                | DriverError::MixedParams
                | DriverError::Params(_)
                | DriverError::PacketTooLarge,
            ) => Self::Query {
                number: UNKNOWN,
                text: told(error),
            },
            error => Self::lost(told(error)),
        }
    }

    /// The connection broke.
    pub fn lost(text: impl Into<String>) -> Self {
        let text = text.into();
        Self::Connection {
            number: CONNECTION_LOST,
            text,
        }
    }

    /// The database rejects a statement that was not sent.
    pub fn unusable(text: String) -> Self {
        Self::Query {
            number: UNKNOWN,
            text,
        }
    }

    /// A result does not have what is asked for.
    pub fn result(text: impl Into<String>) -> Self {
        Self::Result(text.into())
    }

    /// Tells the script: what the action gives back. Also assigns `$db.errno` and `$db.ereason`.
    pub fn told(self, cx: &mut Context<'_>) -> Failure {
        let (errno, text) = match self {
            Self::Arg(text) => ("arg", text),
            Self::Config(text) => ("config", text),
            Self::Result(text) => ("result", text),
            Self::File(text) => ("file", text),
            Self::Connection { number, text } => return database(cx, "connection", number, text),
            Self::Query { number, text } => return database(cx, "query", number, text),
        };
        Failure::errno(errno, text)
    }
}

fn database(cx: &mut Context<'_>, errno: &'static str, number: u16, text: String) -> Failure {
    let assigned = cx
        .set("db.errno", number.to_string())
        .and_then(|()| cx.set("db.ereason", &text));
    assigned
        .err()
        .unwrap_or_else(|| Failure::errno(errno, text))
}

/// An error and what caused it, once each.
fn told(error: &Error) -> String {
    if let Error::Io(IoError::Io(error)) = error {
        return error.to_string();
    }
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = error.source();
    }
    text
}
