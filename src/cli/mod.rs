//! SHELL: the command line. Arguments to typed values, logging, and one file for each command.
//!
//! Driven by `main`, which parses [`Cli`] and hands each command its arguments. Exit codes are those of
//! [`Exit`]; clap itself ends with 2 on wrong usage and 0 after `--help`.
#![allow(clippy::disallowed_methods)]

mod args;
pub mod call;
pub mod check;
mod dtmf;
mod exit;
mod logging;
pub mod lsp;
pub mod serve;

pub use args::{CallArgs, CheckArgs, Cli, Command, LspArgs, ReportFormat, ServeArgs};
pub use dtmf::{DtmfError, DtmfSequence, DtmfStep};
pub use exit::Exit;
pub use logging::{LogGuard, start_logging};
