//! The end of a server, on which its calls, its recordings and its bindings depend.
//!
//! [`Server::drain`] is the one way to stop. Each of its steps has a limit, so that it ends even if what it
//! waits for hangs: the signalling task is then given up ([`GivenUp`]), and a disk that does not answer is
//! left behind.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::Server;
use super::registrar::Registrar;
use crate::net::{Control, Remains};
use crate::plugin::module;
use crate::session::pool::SessionContext;
use crate::stats::{self, LogLine};

/// How long registrars may take to take bindings back, once all calls are over.
const LAST_REGISTERS: Duration = Duration::from_secs(2);
/// How long BYE may take to be answered once every session has been told to end.
const LAST_BYES: Duration = Duration::from_secs(4);
/// How long the signalling task may take to end when nobody needs it any more.
const LAST_TURN: Duration = Duration::from_secs(2);
/// How long the disk may take to complete recordings at the very end.
const LAST_SAMPLES: Duration = Duration::from_secs(5);

/// The signalling task hangs, and with it every session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the signalling task does not answer: a module that blocks may hold its thread. It is given up, and its calls \
     with it"
)]
pub struct GivenUp;

impl Server {
    /// How much is left in the signalling task's tables; `None` when it is gone.
    pub async fn remains(&self) -> Option<Remains> {
        let (answer, remains) = oneshot::channel();
        self.control.send(Control::Inspect(answer)).await.ok()?;
        remains.await.ok()
    }

    /// Waits until the signalling task is gone. While there is a server it ends only by a fault, and then
    /// no call can be taken or ended any more; [`drain`](Self::drain) logs what it was.
    pub async fn failed(&self) {
        self.control.closed().await;
    }

    /// Ends the server: refuses new calls, asks every session to end, gives them `grace`, ends what
    /// is left with BYE, and ends its threads. `hurry` cuts the grace short. Each step has a limit of its own;
    /// run this on another thread than that of the sessions, and it ends even if that one hangs.
    ///
    /// Returns the number of calls that had to be ended by force.
    ///
    /// # Errors
    /// [`GivenUp`] when the signalling task does not answer.
    pub async fn drain(
        mut self,
        grace: Duration,
        hurry: impl Future<Output = ()>,
    ) -> Result<usize, GivenUp> {
        self.tell(Control::Drain).await;
        let registrations = self.registrar.take().map(Registrar::end);
        let willing = async {
            tokio::select! {
                () = self.idle() => {}
                () = hurry => {}
            }
        };
        // Both outcomes lead to the same question: how many are left?
        let _ = timeout(grace, willing).await;
        let left = match timeout(LAST_BYES, self.remains()).await {
            Ok(remains) => Ok(remains.map_or(0, |remains| remains.sessions)),
            Err(_) => Err(GivenUp),
        };
        match left {
            Ok(0) => {}
            Ok(_) => {
                self.tell(Control::Terminate).await;
                let _ = timeout(LAST_BYES, self.idle()).await;
            }
            Err(why) => {
                tracing::error!("{why}");
                self.driver.abort();
            }
        }
        if let Some(registrations) = registrations {
            registrations.wait(Instant::now() + LAST_REGISTERS).await;
        }
        if left.is_ok() {
            self.log_counters().await;
        }
        let Self {
            control,
            admin,
            driver,
            context,
            ..
        } = self;
        // The signalling task ends with its last control sender.
        if let Some(admin) = admin {
            admin.abort();
        }
        drop(control);
        match timeout(LAST_TURN, driver).await {
            Ok(Ok(())) => {}
            Ok(Err(fault)) => tracing::error!(%fault, "the signalling task did not end well"),
            Err(_) => tracing::error!("the signalling task does not end: it is left behind"),
        }
        end_media(context).await;
        left
    }

    /// What the server has done, for whoever reads the log of its end.
    async fn log_counters(&self) {
        if let Ok(Some(remains)) = timeout(LAST_BYES, self.remains()).await {
            let totals = self.context.media.totals();
            let samples = stats::samples(
                &self.context.stats,
                &remains.endpoint,
                &totals,
                &module::counts(),
            );
            tracing::info!("counted: {}", LogLine(&samples));
        }
    }

    async fn idle(&self) {
        let (answer, idle) = oneshot::channel();
        self.tell(Control::WhenIdle(answer)).await;
        // An error means that the task is gone, which is as idle as can be.
        let _ = idle.await;
    }

    pub(super) async fn tell(&self, control: Control) {
        match timeout(LAST_BYES, self.control.send(control)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => tracing::error!("the signalling task is gone"),
            Err(_) => tracing::error!("the signalling task does not listen"),
        }
    }
}

/// Ends the media threads where waiting is allowed. What a disk holds that does not answer is left behind.
async fn end_media(context: Arc<SessionContext>) {
    let deadline = Instant::now() + LAST_SAMPLES;
    let ended = tokio::task::spawn_blocking(move || context.media.end(deadline));
    if !matches!(ended.await, Ok(true)) {
        tracing::error!("the disk does not answer: what is not yet written of recordings is lost");
    }
}
