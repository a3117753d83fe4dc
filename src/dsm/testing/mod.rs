//! Diagrams without a call: a host that records, and tests that say what has to be recorded.
//!
//! [`host`] stands in for a call, [`expect`] reads `.expect` files and runs them upon it.

pub mod expect;
pub mod host;

pub use host::{LOCAL_TAG, TestHost, registry};
