//! Digest authentication, both sides (RFC 7616, RFC 8760, RFC 3261 §22).
//!
//! [`DigestClient`] answers challenges to requests of ours with the [`Accounts`] that an operator
//! configured; [`DigestServer`] asks whoever sends us requests who they are, by a list of [`Users`]. Both
//! are values without input and output. Who has to say who they are, and what becomes of those who
//! guess, is for [`session::guard`](crate::session::guard) to decide.
//!
//! # Not implemented
//!
//! - `userhash` (RFC 7616 §3.4.4): never offered; credentials with it are refused. A client need not use it.
//! - `username*` for other characters than ASCII: names are UTF-8, as everywhere in SIP.
//! - `rspauth` is neither sent nor checked.
//! - RFC 2069 clients, which send no qop, are refused: what they send can be used again by others.

pub mod client;
pub mod digest;
mod nonce;
mod replay;
pub mod server;
pub mod users;

pub use client::{Account, Accounts, DigestClient, Realm, Secret, Unanswered};
pub use server::{DigestServer, FailureCause, ServerConfig, Verdict};
pub use users::{UserErrors, Users};
