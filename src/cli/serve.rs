//! `muleteer serve`: runs the server until a signal ends it.
#![allow(clippy::disallowed_methods)]

use std::io;
use std::pin::Pin;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::runtime::{Builder, Handle};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::coalescing::coalesce;
use super::output::{complain, say};
use super::runtime::start_runtime;
use super::{Exit, ServeArgs, start_logging};
use crate::config::Config;
use crate::deployment::DeploymentError;
use crate::ids::Ids;
use crate::net::TlsError;
use crate::server::{Server, StartError};
use crate::sip::transport::DEFAULT_PORT;

/// Threads that run the signalling task and the sessions. Their work is short and mostly in turn: one
/// thread takes thousands of calls a second, and a second one would spend more on waking the first
/// than it takes off it.
const WORKERS: usize = 1;
/// How long files that are being read or opened at the end of the server are waited for.
const LAST_FILES: Duration = Duration::from_secs(1);

/// Runs the command.
pub fn run(args: &ServeArgs) -> Exit {
    let config = match args.load_config() {
        Ok(config) => config,
        Err(error) => {
            complain!("{error}");
            return Exit::from(&error);
        }
    };
    // Lines are written as long as this lives.
    let _log = match start_logging(&config.log) {
        Ok(log) => log,
        Err(error) => {
            complain!("cannot start logging: {error}");
            return Exit::Usage;
        }
    };
    for notice in config.notices() {
        tracing::warn!("{notice}");
    }
    raise_file_limit();
    let mut threads = Builder::new_multi_thread();
    let runtime = match start_runtime(coalesce(threads.worker_threads(WORKERS))) {
        Ok(runtime) => runtime,
        Err(exit) => return exit,
    };
    // Signals, and the time that the end may take, are a matter of this thread alone: whatever holds the
    // worker, it hears them.
    let own = match start_runtime(&mut Builder::new_current_thread()) {
        Ok(own) => own,
        Err(exit) => return exit,
    };
    let exit = own.block_on(serve(config, args, runtime.handle()));
    // Nothing that does not answer, file system or module, must keep the server from ending.
    runtime.shutdown_timeout(LAST_FILES);
    own.shutdown_background();
    exit
}

/// The signals that a server heeds.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    user1: Signal,
    user2: Signal,
}

impl Signals {
    fn catch() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            user1: signal(SignalKind::user_defined1())?,
            user2: signal(SignalKind::user_defined2())?,
        })
    }

    /// Waits for one that ends the server.
    async fn end(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

async fn serve(config: Config, args: &ServeArgs, workers: &Handle) -> Exit {
    // Caught before any call is taken, so that none is lost to an early signal.
    let mut signals = match Signals::catch() {
        Ok(signals) => signals,
        Err(error) => {
            complain!("cannot listen for signals: {error}");
            return Exit::Usage;
        }
    };
    let started = {
        let _workers = workers.enter();
        Server::start(&config, &mut Ids::from_os())
    };
    let server = match started {
        Ok(server) => server,
        Err(error) => {
            complain!("{error}");
            return match &error {
                StartError::Mapping(error)
                | StartError::Users(error)
                | StartError::Password(error) => Exit::from(error),
                StartError::Listen(_)
                | StartError::Media(_)
                | StartError::Tls(TlsError::Read { .. })
                | StartError::Deployment(DeploymentError::DiagramFolder { .. }) => Exit::Usage,
                _ => Exit::Input,
            };
        }
    };
    greet(&server);
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        "the server has started"
    );
    if !attend(&server, args, &mut signals).await {
        // Nobody could be told to end; this logs why.
        let _ = server.drain(Duration::ZERO, std::future::ready(())).await;
        complain!("the signalling task has failed: the log says why; no call is taken any more");
        return Exit::Fault;
    }
    let calls = server.stats().sessions_active.value();
    say!("Stopping: {calls} calls are asked to end; a second signal ends them at once.");
    let drained = server.drain(config.shutdown.grace, signals.end());
    match drained.await {
        Ok(0) => Exit::Good,
        Ok(left) => {
            say!("{left} calls had to be ended by force.");
            Exit::Good
        }
        Err(error) => {
            complain!("{error}");
            Exit::Fault
        }
    }
}

/// Does what signals ask for until one ends the server. False: the signalling task is gone.
async fn attend(server: &Server, args: &ServeArgs, signals: &mut Signals) -> bool {
    // A disk may take its time over a reload, and other signals do not wait for that. A second one does.
    let mut reloading: Option<Pin<Box<dyn Future<Output = ()>>>> = None;
    loop {
        let is_idle = reloading.is_none();
        let reloaded = async {
            match &mut reloading {
                Some(reload) => reload.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = reloaded => reloading = None,
            _ = signals.hangup.recv(), if is_idle => {
                reloading = Some(Box::pin(reload(server, args)));
            }
            _ = signals.user1.recv() => server.signal(1).await,
            _ = signals.user2.recv() => server.signal(2).await,
            _ = signals.terminate.recv() => return true,
            _ = signals.interrupt.recv() => return true,
            () = server.failed() => return false,
        }
    }
}

async fn reload(server: &Server, args: &ServeArgs) {
    let args = args.clone();
    let loaded = match tokio::task::spawn_blocking(move || args.load_config()).await {
        Ok(loaded) => loaded,
        Err(fault) => {
            tracing::error!(%fault, "nothing was reloaded: reading the configuration failed");
            return;
        }
    };
    let outcome = match loaded {
        Ok(config) => server
            .reload(&config)
            .await
            .map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match outcome {
        Ok(applications) => tracing::info!(
            applications = applications.join(", "),
            "diagrams, application settings and certificates are loaded anew; running calls keep theirs"
        ),
        Err(error) => tracing::error!("nothing was reloaded:\n{error}"),
    }
}

fn greet(server: &Server) {
    say!("Muleteer {} listens on", env!("CARGO_PKG_VERSION"));
    for (transport, address) in server.listening() {
        say!("  {} {address}", transport.to_string().to_lowercase());
    }
    let applications = server.applications();
    say!("Applications: {}", applications.join(", "));
    let demo = applications.iter().find(|name| *name == "demo");
    if let Some(name) = demo.or(applications.first())
        && let Some((_, address)) = server.listening().first()
    {
        let host = match address.ip() {
            ip if ip.is_unspecified() && ip.is_ipv4() => "127.0.0.1".to_owned(),
            ip if ip.is_unspecified() => "[::1]".to_owned(),
            ip if ip.is_ipv6() => format!("[{ip}]"),
            ip => ip.to_string(),
        };
        let port = match address.port() {
            DEFAULT_PORT => String::new(),
            port => format!(":{port}"),
        };
        say!(
            "Dial sip:{name}@{host}{port} with any SIP phone, or in another terminal:\n  \
             muleteer call sip:{name}@{host}{port} --record heard.wav --dtmf 1"
        );
    }
    say!("Ctrl-C stops.");
}

/// A call needs a socket: takes all the file descriptors the system allows.
fn raise_file_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return;
    }
    let wanted = Rlimit {
        current: maximum,
        maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, wanted) {
        tracing::warn!(%error, ?current, "the limit of open files could not be raised");
    }
}
