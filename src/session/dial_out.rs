//! Calls that the server starts itself: what a script or a function of `di_dial` asks for, and why it
//! may not be had.

use std::fmt;

use tokio::sync::oneshot;

use super::event::{Params, SessionId};
use super::header_lines::Line;
use crate::sip::auth::Accounts;
use crate::sip::message::{NameAddr, Uri};

/// A call that somebody wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DialOut {
    /// Name of the application that the call is given to once it is placed.
    pub application: String,
    /// Who we are in it.
    pub own: OwnParty,
    /// Request-URI.
    pub uri: Uri,
    /// From, without tag.
    pub from: NameAddr,
    /// To, without tag.
    pub to: NameAddr,
    /// Name of its session, which nothing else may have; `None`: a new one.
    pub id: Option<SessionId>,
    /// What challenges are answered with.
    pub accounts: Accounts,
    /// Header lines added to the INVITE.
    pub headers: Vec<Line>,
    /// Variables of the application.
    pub variables: Params,
}

/// Who we are in a call that we place, as its diagram sees it by selects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnParty {
    /// `@user`.
    pub user: String,
    /// `@domain`, perhaps with a port.
    pub domain: String,
    /// `@local_uri`.
    pub uri: String,
}

/// Why a call is not placed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// No new calls any more.
    #[error("the server is shutting down")]
    ShuttingDown,
    /// `[limits] sessions`.
    #[error("there are as many calls as [limits] sessions allows")]
    TooManySessions,
    /// `[limits] calls_per_second`.
    #[error("more calls were placed than [limits] calls_per_second allows")]
    TooManyCalls,
    /// Neither a diagram nor a built-in application is called so.
    #[error("there is no application '{name}'; there are: {known}")]
    NoApplication {
        /// As asked for.
        name: String,
        /// The names of all.
        known: String,
    },
    /// The name is that of another session or queue.
    #[error("'{0}' is the name of another session or queue")]
    NameTaken(SessionId),
    /// The name cannot be a tag (RFC 3261 §19.3).
    #[error("'{0}' cannot be the name of a session: it is no token")]
    BadName(SessionId),
    /// No socket of ours leads there.
    #[error("no network leads there")]
    NoNetwork,
    /// It is not known where the call leads.
    #[error("{0}")]
    NotLocated(String),
    /// There is no stream for its audio.
    #[error("no audio can be had for it: {0}")]
    NoStream(String),
}

/// Where the session's name, or the refusal, is awaited.
pub type DialAnswer = oneshot::Sender<Result<SessionId, DialError>>;

/// A call that somebody wants, on its way to the signalling task.
pub struct DialOrder {
    /// The call.
    pub call: Box<DialOut>,
    /// Where it is told how it went: that the INVITE is on its way, or why not.
    pub answer: DialAnswer,
}

impl fmt::Debug for DialOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.call.fmt(f)
    }
}

impl DialOrder {
    /// An order, and where its answer comes.
    pub fn new(call: DialOut) -> (Self, oneshot::Receiver<Result<SessionId, DialError>>) {
        let (answer, result) = oneshot::channel();
        let call = Box::new(call);
        (Self { call, answer }, result)
    }
}

/// Makes variables of a value: members are joined by dots, and a list becomes `NAME_size`, `NAME_0` and
/// so on. A value without a name is `$extra`.
pub fn flatten(name: &str, value: &serde_json::Value, variables: &mut Params) {
    let own = if name.is_empty() { "extra" } else { name };
    use serde_json::Value;
    match value {
        Value::Object(members) => {
            for (member, value) in members {
                let name = match name {
                    "" => member.clone(),
                    name => format!("{name}.{member}"),
                };
                flatten(&name, value, variables);
            }
        }
        Value::Array(list) => {
            variables.insert(format!("{own}_size"), list.len().to_string());
            for (index, value) in list.iter().enumerate() {
                flatten(&format!("{own}_{index}"), value, variables);
            }
        }
        Value::Null => {}
        Value::String(text) => drop(variables.insert(own.to_owned(), text.clone())),
        other => drop(variables.insert(own.to_owned(), other.to_string())),
    }
}
