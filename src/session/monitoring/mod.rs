//! What the server keeps in memory about calls, and about anything else that scripts and operators want
//! to remember: records with an id, each with named attributes.
//!
//! [`Store`] is the core: one owner applies [`Write`]s to it and has it answer [`Search`]es in slices.
//! [`Monitor`] is how everybody else reaches that owner: writes are sent and forgotten, questions are
//! answered; both in order, so that a session reads what it has written. The record of a call has the
//! call's local tag as its id.

mod handle;
mod index;
mod pattern;
mod samples;
mod search;
mod store;
mod value;

use std::borrow::Cow;
use std::sync::Arc;

pub use self::handle::{Follow, Following, Monitor, Order};
pub use self::pattern::{BadPattern, Pattern};
pub use self::search::{Found, Question, Reply, Search, Wanted};
pub use self::store::{Lost, Store, StoreLimits};
pub use self::value::Value;

/// Names a record.
pub type RecordId = Arc<str>;
/// Names an attribute.
pub type Name = Cow<'static, str>;

/// A change.
#[derive(Debug, Clone, PartialEq)]
pub enum Write {
    /// A session begins, with these attributes.
    Begin(RecordId, Vec<(Name, Value)>),
    /// Set attributes.
    Set(RecordId, Vec<(Name, Value)>),
    /// Append to an attribute; a single value becomes the first of a list.
    Add(RecordId, Name, Value),
    /// Change an integer by so much; what is none counts as 0.
    Count(RecordId, Name, i64),
    /// Remove an attribute.
    Remove(RecordId, Name),
    /// The session of that record is over.
    Finish(RecordId),
    /// Remove the record.
    Erase(RecordId),
}

/// Attributes that a call gets by itself.
pub mod attribute {
    /// `in` or `out`.
    pub const DIRECTION: &str = "dir";
    /// From header.
    pub const FROM: &str = "from";
    /// To header.
    pub const TO: &str = "to";
    /// Request URI.
    pub const URI: &str = "ruri";
    /// Name of the application.
    pub const APPLICATION: &str = "app";
    /// Conference room.
    pub const ROOM: &str = "conf_id";
    /// Current diagram.
    pub const DIAGRAM: &str = "dsm_diag";
    /// Its current state.
    pub const STATE: &str = "dsm_state";
    /// All states and transitions so far.
    pub const GRAPH: &str = "dsm_stategraph";
}

#[cfg(test)]
mod tests;
