//! A thread for the handshakes of TLS. One takes a millisecond of signatures and key agreement, and whoever
//! wants can begin thousands a second: on the signalling task's thread they would delay every call.

use std::io;
use std::sync::OnceLock;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinSet;

/// The name of the thread.
const THREAD: &str = "tls-handshakes";

/// See the module's documentation. Without a handshake there is no thread.
#[derive(Debug, Default)]
pub(super) struct Handshakes {
    runtime: OnceLock<Option<Runtime>>,
}

impl Handshakes {
    /// Carries out one handshake. It ends when the future is dropped.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        handshake: impl Future<Output = io::Result<T>> + Send + 'static,
    ) -> io::Result<T> {
        let thread = self
            .thread()
            .ok_or_else(|| io::Error::other("no thread for TLS handshakes"))?;
        let mut work = JoinSet::new();
        work.spawn_on(handshake, &thread);
        match work.join_next().await {
            Some(Ok(done)) => done,
            Some(Err(fault)) => Err(io::Error::other(fault)),
            None => Err(io::ErrorKind::Interrupted.into()),
        }
    }

    fn thread(&self) -> Option<Handle> {
        let runtime = self.runtime.get_or_init(|| {
            let mut threads = Builder::new_multi_thread();
            threads.worker_threads(1).thread_name(THREAD);
            let built = threads.build();
            built
                .inspect_err(|error| tracing::error!(%error, "no thread for TLS handshakes"))
                .ok()
        });
        runtime.as_ref().map(|runtime| runtime.handle().clone())
    }
}

impl Drop for Handshakes {
    fn drop(&mut self) {
        // Nobody waits for one any more, and whoever drops this may be a task.
        if let Some(Some(runtime)) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_handshake_keeps_the_thread_of_calls_free_and_ends_when_nobody_waits() {
        let handshakes = Handshakes::default();
        let name = handshakes.run(async { Ok(std::thread::current().name().map(str::to_owned)) });
        assert_eq!(name.await.unwrap().as_deref(), Some(THREAD));
        let (dropped, is_dropped) = tokio::sync::oneshot::channel::<()>();
        let endless = handshakes.run(async move {
            let _guard = dropped;
            std::future::pending::<io::Result<()>>().await
        });
        let given_up = tokio::time::timeout(std::time::Duration::from_millis(10), endless).await;
        assert!(given_up.is_err());
        // The sender is dropped with the work.
        assert!(is_dropped.await.is_err());
    }
}
