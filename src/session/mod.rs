//! Sessions: one call leg each, with its SIP dialog, its application and its audio.
//!
//! [`Session`] is the core: events in, outputs out, no clock and no socket. [`task`] gives each one
//! a task; [`Router`], owned by the signalling task, brings SIP events to it. Applications live in
//! [`application`]: a state diagram, the built-in echo, the test phone.

pub mod app_param;
pub mod application;
pub mod begin;
pub mod call;
pub mod catalog;
pub mod components;
pub mod core;
pub mod dial_out;
pub mod digits;
pub mod dtmf_info;
pub mod event;
pub mod guard;
pub mod header_lines;
pub mod local;
pub mod monitor_select;
pub mod monitoring;
pub mod outside;
pub mod pool;
pub mod prompt_sets;
pub mod prompts;
pub mod recordings;
pub mod request;
pub mod room;
pub mod router;
pub mod safe_path;
pub mod script;
#[allow(clippy::module_inception)]
pub mod session;
pub mod system;
pub mod task;

pub use self::core::SessionCore;
pub use catalog::{Application, Catalog};
pub use dial_out::{DialAnswer, DialError, DialOrder, DialOut, OwnParty};
pub use event::{
    ActionToken, AudioFile, GroupRequest, Mail, PromptError, RecordError, SessionEvent, SessionId,
    SessionOutput, Urgency, Work,
};
pub use request::{NewRequest, RequestSession};
pub use router::{Limits, Mailbox, NewCall, Routed, Router, RouterConfig, Undelivered};
pub use session::Session;
pub use system::{Occasion, SystemSession};
pub use task::TaskMailbox;
