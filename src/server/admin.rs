//! The task that changes what is in place while the server runs: the one owner of the [`Deployment`].
//!
//! It takes one request at a time, reads files on the blocking pool, and tells the signalling task what
//! new calls get and which system diagrams to start. What fails changes nothing.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::{mpsc, oneshot};

use crate::config::{ApplicationSelector, Config, load_requests, load_selector};
use crate::control::dsm::{Command, Order, Outcome};
use crate::deployment::{Deployment, DeploymentError};
use crate::ids::Ids;
use crate::net::{Control, Tls};
use crate::server::{StartError, parts};
use crate::session::event::{Params, SessionId};
use crate::session::monitoring::Following;
use crate::session::router::RequestSelectors;
use crate::session::system::SystemStart;

/// A wish to have everything read again, and where the names of the applications are awaited.
pub(super) type Reload = (
    Box<Config>,
    oneshot::Sender<Result<Vec<String>, StartError>>,
);

/// Where the task hears what to do.
pub(super) struct Requests {
    pub reloads: mpsc::Receiver<Reload>,
    pub orders: mpsc::Receiver<Order>,
}

/// See the module's documentation.
pub(super) struct Admin {
    config: Box<Config>,
    /// Of the secrets of nonces.
    ids: Ids,
    selector: ApplicationSelector,
    requests: RequestSelectors,
    deployment: Deployment,
    tls: Arc<Tls>,
    following: Following,
    control: mpsc::Sender<Control>,
}

/// What the task is made of.
pub(super) struct AdminParts {
    pub ids: Ids,
    pub selector: ApplicationSelector,
    pub requests: RequestSelectors,
    pub deployment: Deployment,
    pub tls: Arc<Tls>,
    pub following: Following,
    pub control: mpsc::Sender<Control>,
}

impl Admin {
    pub fn new(config: &Config, parts: AdminParts) -> Self {
        Self {
            config: Box::new(config.clone()),
            ids: parts.ids,
            selector: parts.selector,
            requests: parts.requests,
            deployment: parts.deployment,
            tls: parts.tls,
            following: parts.following,
            control: parts.control,
        }
    }

    /// Starts the system diagrams, then serves until it is stopped.
    pub async fn run(mut self, mut requests: Requests) {
        self.start(self.deployment.system_diagrams()).await;
        loop {
            // Whoever asked may have given up waiting for an answer.
            tokio::select! {
                Some((config, answer)) = requests.reloads.recv() => {
                    let _ = answer.send(self.reload(config).await);
                }
                Some((command, answer)) = requests.orders.recv() => {
                    let _ = answer.send(self.carry_out(command).await);
                }
                else => return,
            }
        }
    }

    async fn reload(&mut self, config: Box<Config>) -> Result<Vec<String>, StartError> {
        let ignored = config.unheeded(&self.config);
        if !ignored.is_empty() {
            let sections = ignored.join(", ");
            tracing::warn!("changed, but heeded only after a restart: {sections}");
        }
        let config = Box::new(config.reloaded(&self.config));
        let (before, tls) = (self.deployment.clone(), self.tls.clone());
        let wanted = config.clone();
        let read = move || -> Result<_, StartError> {
            let selector = load_selector(&wanted.app)?;
            let requests = load_requests(&wanted.requests, &wanted.app)?;
            let credentials = tls.read(&wanted.tls)?;
            Ok((selector, requests, credentials, parts::users(&wanted.auth)?))
        };
        let (selector, requests, credentials, users) = blocking(move || Ok(read())).await??;
        let wanted = config.clone();
        let (next, starts) = blocking(move || before.reload(&wanted)).await?;
        self.tls.adopt(credentials);
        let guard = users.map(|users| parts::guard(&config.auth, users, &mut self.ids));
        (self.config, self.selector, self.requests) = (config, selector, requests);
        self.tell(Control::SetGuard(guard.map(Box::new))).await;
        self.adopt(next, starts).await;
        let catalog = self.deployment.catalog();
        Ok(catalog.names().into_iter().map(str::to_owned).collect())
    }

    async fn carry_out(&mut self, command: Command) -> Outcome {
        match command {
            Command::Post(to, params) => self.post(SessionId(to.into()), params).await,
            Command::ReloadDsms => {
                let config = self.config.clone();
                self.change(move |next| {
                    next.reload_main(&config)?;
                    Ok((Outcome::Done, Vec::new()))
                })
                .await
            }
            Command::LoadDsm { name, folder } => {
                let config = self.config.clone();
                let folder = folder.map(|folder| self.path(folder));
                self.change(move |next| {
                    let outcome = match next.load_diagram(&config, &name, folder.as_deref())? {
                        true => Outcome::Done,
                        false => Outcome::Failed(400, format!("there is a diagram '{name}'")),
                    };
                    Ok((outcome, Vec::new()))
                })
                .await
            }
            Command::LoadConfig { file, name } => {
                let file = self.path(file);
                self.change(move |next| Ok((Outcome::Done, next.load_bundle(&name, &file)?)))
                    .await
            }
            Command::Register { name, of } => {
                self.change(move |next| {
                    let outcome = match next.register(&name, of.as_deref()) {
                        Ok(true) => Outcome::Done,
                        Ok(false) => Outcome::Failed(500, format!("'{name}' is an application")),
                        Err(error) => Outcome::Failed(400, error.to_string()),
                    };
                    Ok((outcome, Vec::new()))
                })
                .await
            }
            Command::List(of) => {
                let names = self.deployment.diagram_names(of.as_deref());
                Outcome::Names(names.map(str::to_owned).collect())
            }
            Command::CreateSystem {
                configuration,
                diagram,
            } => match self.deployment.system_diagram(&configuration, &diagram) {
                Ok(start) => {
                    self.start(vec![start]).await;
                    Outcome::Done
                }
                Err(why) => Outcome::Failed(500, why),
            },
        }
    }

    /// Makes a change to a copy off this task, and adopts it if it works.
    async fn change(
        &mut self,
        change: impl FnOnce(&mut Deployment) -> Result<(Outcome, Vec<SystemStart>), DeploymentError>
        + Send
        + 'static,
    ) -> Outcome {
        let mut next = self.deployment.clone();
        let changed = blocking(move || change(&mut next).map(|done| (next, done))).await;
        match changed {
            Ok((next, (outcome, starts))) => {
                self.adopt(next, starts).await;
                outcome
            }
            Err(error) => {
                tracing::error!("nothing is changed: {error}");
                Outcome::Failed(500, error.to_string())
            }
        }
    }

    async fn adopt(&mut self, next: Deployment, starts: Vec<SystemStart>) {
        self.deployment = next;
        let follows = parts::follows(&self.config, &self.deployment);
        self.following.sessions.store(follows, Ordering::Relaxed);
        let catalog = self.deployment.catalog().into();
        let applications = (self.selector.clone(), self.requests.clone(), catalog);
        self.tell(Control::Reload(Box::new(applications))).await;
        self.start(starts).await;
    }

    async fn start(&self, starts: Vec<SystemStart>) {
        for start in starts {
            self.tell(Control::StartSystem(Box::new(start))).await;
        }
    }

    async fn post(&self, to: SessionId, params: Box<Params>) -> Outcome {
        let (answer, delivered) = oneshot::channel();
        self.tell(Control::Post { to, params, answer }).await;
        match delivered.await {
            Ok(true) => Outcome::Done,
            Ok(false) | Err(_) => Outcome::Failed(404, "Session not found".to_owned()),
        }
    }

    async fn tell(&self, control: Control) {
        // Fails only when the signalling task is gone, which is the end of the server.
        let _ = self.control.send(control).await;
    }

    /// A relative path in a command starts from the first folder of diagrams, where bundles are.
    fn path(&self, file: PathBuf) -> PathBuf {
        match self.config.dsm.path.first() {
            Some(folder) => folder.join(file),
            None => file,
        }
    }
}

/// Runs `work`, which reads files, where it may wait. A panic in it is its failure and nothing else.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, DeploymentError> + Send + 'static,
) -> Result<T, DeploymentError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|fault| {
        tracing::error!(%fault, "reading diagrams failed");
        Err(DeploymentError::Fault)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_while_diagrams_are_read_is_an_error() {
        let failed = blocking::<()>(|| panic!("a fault of this test")).await;
        assert!(matches!(failed, Err(DeploymentError::Fault)));
    }
}
