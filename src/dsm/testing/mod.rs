//! Diagrams without a call: a host that records, and tests that say what has to be recorded.
//!
//! [`host`] stands in for a call. [`expect`] reads `.expect` files, [`run`] runs them upon the host,
//! `fact` holds what is true of the call, `diff` shows what is different and [`updated`] writes it into
//! the text. [`coverage`] adds up what tests reached, and [`explore`] finds ways through a diagram without
//! tests. All of it is pure: files come from a [`SourceProvider`](super::SourceProvider), and threads are
//! up to the command.

pub mod coverage;
mod diff;
pub mod expect;
pub mod explore;
mod fact;
pub mod host;
pub mod run;
mod sandbox;
mod update;

pub use coverage::Coverage;
pub use expect::Expectation;
pub use fact::{Fact, assignment};
pub use host::{LOCAL_TAG, TestHost, registry, registry_over, stand_ins};
pub use run::{Failure, FailureKind, Outcome, beside};
pub use update::updated;
