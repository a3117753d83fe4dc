//! What a module reaches without a call.

use std::sync::Arc;

use super::abi::{self, Text};
use super::failure::{Exception, Failure};

/// The server, as one module sees it.
#[derive(Clone, Copy)]
pub struct Host {
    table: &'static abi::Host,
}

/// How much a log line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Something does not work, and somebody has to look.
    Error,
    /// Something is odd.
    Warning,
    /// What an operator wants to know.
    Info,
    /// For whoever looks for a fault.
    Debug,
}

impl Host {
    pub(super) fn new(table: &'static abi::Host) -> Self {
        Self { table }
    }

    pub(super) fn table(&self) -> &'static abi::Host {
        self.table
    }

    /// The section `[module.NAME]` of the configuration as a JSON object; `{}` if there is none.
    pub fn config(&self) -> &'static str {
        // SAFETY: the table is the host's, which keeps this text for ever.
        let text = unsafe { (self.table.config)(self.table).get(usize::MAX) };
        text.filter(|text| !text.is_empty()).unwrap_or("{}")
    }

    /// Writes to the server's log, under the name of the module.
    pub fn log(&self, level: Level, text: &str) {
        let level = match level {
            Level::Error => abi::LOG_ERROR,
            Level::Warning => abi::LOG_WARNING,
            Level::Info => abi::LOG_INFO,
            Level::Debug => abi::LOG_DEBUG,
        };
        // SAFETY: the text is lent for this call.
        unsafe { (self.table.log)(self.table, level, Text::new(text)) }
    }

    /// A session or event queue, by its id or name.
    pub fn session(&self, id: &str) -> Session {
        Session {
            host: *self,
            id: id.into(),
        }
    }
}

/// A session by its id. It may be gone by now.
#[derive(Clone)]
pub struct Session {
    host: Host,
    id: Arc<str>,
}

impl Session {
    /// What scripts see as `@local_tag`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Sends it an `event` with these parameters. A session that is gone is no error.
    ///
    /// # Errors
    /// An exception `core` when the server takes no more.
    pub fn post(&self, params: &[(&str, &str)]) -> Result<(), Failure> {
        let pairs = pairs(params);
        let table = self.host.table;
        // SAFETY: the texts are lent for this call.
        let code = unsafe { (table.post)(table, Text::new(&self.id), pairs.as_ptr(), pairs.len()) };
        check(code, "an event cannot be posted")
    }

    /// Sends it an event that the module declares.
    ///
    /// # Errors
    /// An exception `core` for an event that is not declared, or when the server takes no more.
    pub fn raise(&self, event: &str, params: &[(&str, &str)]) -> Result<(), Failure> {
        let pairs = pairs(params);
        let table = self.host.table;
        let (id, name) = (Text::new(&self.id), Text::new(event));
        // SAFETY: the texts are lent for this call.
        let code = unsafe { (table.raise_event)(table, id, name, pairs.as_ptr(), pairs.len()) };
        check(code, event)
    }
}

pub(super) fn pairs(list: &[(&str, &str)]) -> Vec<abi::Pair> {
    let pair = |(name, value): &(&str, &str)| abi::Pair {
        name: Text::new(name),
        value: Text::new(value),
    };
    list.iter().map(pair).collect()
}

/// The failure that a code of the host stands for.
pub(super) fn check(code: abi::Code, what: &str) -> Result<(), Failure> {
    let cause = match code {
        abi::OK => return Ok(()),
        abi::UNKNOWN => "there is no such thing",
        abi::TOO_MANY => "more values than a session may hold",
        abi::NOT_HERE => "not possible here",
        abi::WAITS => "this action waits",
        _ => "refused by the server",
    };
    let cause = format!("{what}: {cause}");
    Err(Exception::new("core").with("cause", cause).into())
}
