//! The `muleteer` command: reads the command line and runs one command.

use std::process::ExitCode;

use clap::Parser;
use muleteer::cli::{Cli, Command, call, check, fmt, graph, lsp, module, serve, sim, test};

/// A call makes some two hundred small allocations on one thread and frees them on another or much
/// later; glibc's allocator spends a fifth of a call's processor time on that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // One provider for all that speaks TLS, before anybody asks for another; there is none yet.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match Cli::parse().command {
        Command::Serve(args) => serve::run(&args).into(),
        Command::Check(args) => check::run(&args).into(),
        Command::Graph(args) => graph::run(&args).into(),
        Command::Fmt(args) => fmt::run(&args).into(),
        Command::Sim(args) => sim::run(&args).into(),
        Command::Lsp(args) => lsp::run(&args).into(),
        Command::Module(args) => module::run(&args).into(),
        Command::Test(args) => test::run(&args).into(),
        Command::Call(args) => call::run(&args).into(),
    }
}
