//! The threads that `serve` and `call` run on.

use tokio::runtime::{Builder, Runtime};

use super::Exit;
use super::output::complain;

/// Starts `threads` with everything switched on.
///
/// # Errors
/// The exit code, when they cannot be started; why has been told.
pub(super) fn start_runtime(threads: &mut Builder) -> Result<Runtime, Exit> {
    threads.enable_all().build().map_err(|error| {
        complain!("cannot start worker threads: {error}");
        Exit::Usage
    })
}
