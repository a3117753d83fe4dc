//! SHELL: the command line. Arguments to typed values, logging, and one file for each command.
//!
//! Driven by `main`, which parses [`Cli`] and hands each command its arguments. Exit codes are those of
//! [`Exit`]; clap itself ends with 2 on wrong usage and 0 after `--help`.
#![allow(clippy::disallowed_methods)]

use std::io::{self, Write as _};

mod args;
pub mod call;
pub mod check;
mod dtmf;
mod exit;
pub mod fmt;
pub mod graph;
mod logging;
pub mod lsp;
pub mod serve;
pub mod sim;
pub mod test;

pub use args::{
    CallArgs, CheckArgs, Cli, Command, FmtArgs, GraphArgs, LspArgs, PictureFormat, ReportFormat,
    ServeArgs, SimArgs, TestArgs,
};
pub use dtmf::{DtmfError, DtmfSequence, DtmfStep};
pub use exit::Exit;
pub use logging::{LogGuard, start_logging};

/// Prints to standard output. Whoever reads it may have seen enough and gone: that is no failure.
fn print_out(text: &str) -> Exit {
    let written = io::stdout().lock().write_all(text.as_bytes());
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            eprintln!("cannot write the result: {error}");
            Exit::Usage
        }
        _ => Exit::Good,
    }
}
