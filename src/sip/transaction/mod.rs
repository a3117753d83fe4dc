//! The four transaction machines of RFC 3261 §17 with the corrections of RFC 6026.
//!
//! A machine is a value of a few dozen bytes: a state in the RFC's words and the timers that are
//! running. It takes one input at a time with the current time and says what its owner has to do; it
//! neither sees messages nor keeps their bytes, which is the work of [`Endpoint`], its only driver.
//! Each machine's figure is one `match` over state and input.
//!
//! [`machine`] is what they share, [`key`] says which transaction a message belongs to, [`timer`] holds every timer value.
//!
//! [`Endpoint`]: super::endpoint::Endpoint

pub mod invite_client;
pub mod invite_server;
pub mod key;
pub mod machine;
pub mod non_invite_client;
pub mod non_invite_server;
pub mod timer;

pub use invite_client::InviteClient;
pub use invite_server::InviteServer;
pub use non_invite_client::NonInviteClient;
pub use non_invite_server::NonInviteServer;
pub use timer::{Reliability, Timer, TimerValues};

#[cfg(test)]
mod tests;
