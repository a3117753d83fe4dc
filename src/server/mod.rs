//! Puts a server together, starts it, and ends it without losing a call.
//!
//! [`Server::start`] builds every part from a [`Config`] (`parts`): it loads diagrams and mapping, opens all
//! sockets, starts the media threads. `assembly` connects them and starts the signalling task and those of
//! `admin`, `registrar` and `monitor`. What comes and goes is started by its owner: sessions by `session::pool`,
//! connections by `net`, threads of modules by `plugin`. [`Server::drain`] is the one way to stop (`life`).
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod admin;
mod assembly;
mod life;
mod monitor;
mod parts;
mod registrar;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use self::admin::Reload;
pub use self::life::GivenUp;
use self::parts::Parts;
use self::registrar::Registrar;
use crate::codec::{CodecChoiceError, Codecs};
use crate::config::{Config, LoadError};
use crate::deployment::DeploymentError;
use crate::ids::Ids;
use crate::media::StartError as MediaError;
use crate::net::{Control, ListenError, TlsError};
use crate::plugin::LoadError as LoadCodecError;
use crate::plugin::module::{ModuleError, Office};
use crate::session::begin::Dial;
use crate::session::pool::SessionContext;
use crate::sip::message::Transport;
use crate::stats::Stats;

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A SIP socket cannot be opened.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// Certificates or keys cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The application mapping has mistakes, or cannot be read.
    #[error("{0}\nthis is the file that [app] mapping names")]
    Mapping(#[from] LoadError),
    /// The file of users has mistakes, or cannot be read.
    #[error("{0}\nthis is the file that [auth] users names")]
    Users(#[source] LoadError),
    /// A password cannot be read.
    #[error("{0}\nthis is a file that [[registration]] password_file names")]
    Password(#[source] LoadError),
    /// Nobody could pass.
    #[error(
        "{}: there is no user of realm {realm:?}, which [auth] asks for: write name:{realm}:SECRET",
        path.display()
    )]
    NoUsers {
        /// The file of users.
        path: PathBuf,
        /// The realm.
        realm: String,
    },
    /// `[codec]` asks for what there is not.
    #[error("{0}\nthis is said of [codec] order and exclude")]
    Codecs(#[from] CodecChoiceError),
    /// Diagrams and what belongs to them cannot be loaded.
    #[error(transparent)]
    Deployment(#[from] DeploymentError),
    /// A codec cannot be loaded.
    #[error("{0}\nthis is a codec that [codec] load names")]
    Load(#[from] LoadCodecError),
    /// A module cannot be loaded.
    #[error("{0}\nthis is a module that [dsm] preload names")]
    Module(#[from] ModuleError),
    /// The server is ending.
    #[error("the server is ending")]
    Ending,
    /// Media threads cannot be started.
    #[error(transparent)]
    Media(#[from] MediaError),
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    listening: Vec<(Transport, SocketAddr)>,
    applications: Vec<String>,
    control: mpsc::Sender<Control>,
    reloads: mpsc::Sender<Reload>,
    /// Not there in what only places calls.
    admin: Option<JoinHandle<()>>,
    registrar: Option<Registrar>,
    driver: JoinHandle<()>,
    context: Arc<SessionContext>,
    /// By which modules reach its sessions.
    _office: Arc<dyn Office>,
}

impl Server {
    /// Builds and starts everything. Needs a tokio runtime; returns once the server answers.
    ///
    /// # Errors
    /// [`StartError`] for the first part that cannot be built; nothing is left running.
    pub fn start(config: &Config, ids: &mut Ids) -> Result<Self, StartError> {
        let parts = Parts::load(config, ids)?;
        Ok(Self::assemble(config, ids, parts))
    }

    /// Starts what only places calls, over TLS too: a UDP and a TCP socket for each address, no
    /// applications.
    ///
    /// # Errors
    /// [`StartError`] when a socket or thread cannot be had.
    pub fn start_phone(
        config: &Config,
        line: PhoneLine,
        ids: &mut Ids,
    ) -> Result<Self, StartError> {
        let parts = Parts::of_phone(config, line, ids)?;
        Ok(Self::assemble(config, ids, parts))
    }

    /// Where the server listens: transport and bound address.
    pub fn listening(&self) -> &[(Transport, SocketAddr)] {
        &self.listening
    }

    /// Names of the applications calls can be given to.
    pub fn applications(&self) -> &[String] {
        &self.applications
    }

    /// The server's counters.
    pub fn stats(&self) -> &Stats {
        &self.context.stats
    }

    /// What sessions share, the media threads among it.
    pub fn context(&self) -> &SessionContext {
        &self.context
    }

    /// Loads diagrams, mapping, application settings, certificates and users again. New calls and connections get
    /// them; running ones keep theirs. Returns the names of the applications.
    ///
    /// # Errors
    /// [`StartError`] when they have errors; nothing is changed then.
    pub async fn reload(&self, config: &Config) -> Result<Vec<String>, StartError> {
        let (answer, names) = oneshot::channel();
        let request = (Box::new(config.clone()), answer);
        self.reloads
            .send(request)
            .await
            .map_err(|_| StartError::Ending)?;
        names.await.map_err(|_| StartError::Ending)?
    }

    /// Raises `system` with `#type` `User1` or `User2` in every diagram.
    pub async fn signal(&self, number: u8) {
        self.tell(Control::Signal(number)).await;
    }

    /// Places a call.
    pub async fn dial(&self, dial: Dial) {
        // Fails only when the signalling task is gone, and then nobody can be called.
        let _ = self.control.send(Control::Dial(Box::new(dial))).await;
    }
}

/// Where a test phone calls from, and how it talks.
#[derive(Debug, Clone)]
pub struct PhoneLine {
    /// Addresses of its SIP sockets; port 0 takes free ones.
    pub local: Vec<SocketAddr>,
    /// Codecs it offers, best first.
    pub codecs: Codecs,
}

#[cfg(test)]
mod tests;
