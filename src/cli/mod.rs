//! SHELL: the command line. Arguments to typed values, logging, and one file for each command.
//!
//! Driven by `main`, which parses [`Cli`] and hands each command its arguments. Exit codes are those of
//! [`Exit`]; clap itself ends with 2 on wrong usage and 0 after `--help`.
#![allow(clippy::disallowed_methods)]
// They panic when nobody reads any more; `output` does not.
#![deny(clippy::print_stdout, clippy::print_stderr)]

mod args;
pub mod call;
pub mod check;
mod coalescing;
mod dtmf;
mod exit;
pub mod fmt;
pub mod graph;
mod input;
mod logging;
pub mod lsp;
pub mod module;
mod output;
mod playable;
mod runtime;
pub mod serve;
pub mod sim;
pub mod test;

pub use args::{
    CallArgs, CheckArgs, Cli, Command, FmtArgs, GraphArgs, LspArgs, ModuleArgs, ModuleCommand,
    ModuleFolders, PictureFormat, ReportFormat, ServeArgs, SimArgs, TestArgs,
};
pub use dtmf::{DtmfError, DtmfSequence, DtmfStep};
pub use exit::Exit;
pub use logging::{LogGuard, start_logging};
