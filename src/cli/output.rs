//! What commands print. Whoever reads it may have seen enough and be gone: that is no failure, and
//! ends nothing but the printing.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::fmt;
use std::io::{self, ErrorKind, Write as _};

use super::Exit;

/// Prints a line to standard output.
macro_rules! say {
    ($($part:tt)*) => { $crate::cli::output::line(format_args!($($part)*)) };
}

/// Prints a line to standard error.
macro_rules! complain {
    ($($part:tt)*) => { $crate::cli::output::error_line(format_args!($($part)*)) };
}

pub(super) use {complain, say};

/// See [`say`]. What has to arrive goes through [`print_out`].
pub fn line(text: fmt::Arguments<'_>) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}

/// See [`complain`]. There is no better place to say that this cannot be said.
pub fn error_line(text: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Prints a text to standard error that ends its lines itself, such as findings.
pub fn print_error(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Prints a result to standard output, and says so if that fails.
pub fn print_out(bytes: impl AsRef<[u8]>) -> Exit {
    printed(write(bytes.as_ref()))
}

/// Writes to standard output; for commands that end when nobody reads.
///
/// # Errors
/// Those of writing.
pub fn write(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}

/// How a command ends that printed its result, as far as the printing goes.
pub fn printed(result: io::Result<()>) -> Exit {
    match result {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            complain!("cannot write the result: {error}");
            Exit::Usage
        }
        _ => Exit::Good,
    }
}

/// A number of things: `1 file`, `2 files`.
pub fn count(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}
