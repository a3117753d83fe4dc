//! What a loadable action module of Muleteer is written with.
//!
//! A module is a shared object `libmod_NAME.so` that exports one C function; [`abi`] holds its types,
//! and `include/muleteer_module.h` the same for C. In Rust, write functions over a [`Context`], declare
//! them with [`action()`] and [`condition()`], and list them in [`export_module!`](crate::export_module): the
//! SDK does the pointers, and no panic leaves the object. What waits goes through `Context::later` (feature
//! `tokio`) or [`Context::blocking`]; its end runs on the session again.
//!
//! `testing::ModuleTest` (feature `testing`) drives a module without a server.

pub mod abi;
mod blocking;
mod context;
mod declare;
mod export;
mod failure;
mod host;
mod pending;
#[cfg(feature = "testing")]
pub mod testing;

pub use context::{Args, Audio, Context, Flow, Owned};
pub use declare::{
    Action, Condition, Diagram, Event, Example, Finding, Hooks, InviteReply, Kind, Parameter,
    action, any, condition, event, may, need, waiting_condition,
};
pub use failure::{Exception, Failure};
pub use host::{Host, Level, Session};
#[cfg(feature = "tokio")]
pub use pending::background;
pub use pending::{Answer, Deadline};

pub use crate::{action_async, export_module};

#[doc(hidden)]
pub use declare::Declaration;
#[doc(hidden)]
pub use export::table;
