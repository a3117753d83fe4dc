//! The `muleteer` command: reads the command line and runs one command.

use std::process::ExitCode;

use clap::Parser;
use muleteer::cli::{Cli, Command, call, check, serve};

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Serve(args) => serve::run(&args).into(),
        Command::Check(args) => check::run(&args).into(),
        Command::Call(args) => call::run(&args).into(),
    }
}
