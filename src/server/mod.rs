//! Puts a server together, starts it, and ends it without losing a call.
//!
//! [`Server::start`] builds every part from a [`Config`]: it loads diagrams and mapping, opens all
//! sockets, starts the media threads, the signalling task and those of `admin`, `registrar` and `monitor`.
//! What comes and goes is started by its owner: sessions by `session::pool`, connections by `net`, threads of
//! modules by `plugin`. [`Server::drain`] is the one way to stop.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod admin;
mod monitor;
mod registrar;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use self::admin::{Admin, AdminParts, Reload, Requests};
use self::monitor::MonitorTask;
use self::registrar::{Registrar, RegistrarParts};
use crate::codec::{CodecChoiceError, CodecId, Codecs};
use crate::config::{
    self, ApplicationSelector, Auth, Config, ConfiguredAccount, Listen, ListenTransport, LoadError,
    MonitoringUse, load_password, load_requests, load_selector, load_users,
};
use crate::control::dial::DialComponent;
use crate::control::dsm::DsmComponent;
use crate::control::monitoring::MonitoringComponent;
use crate::control::registrar::RegistrarComponent;
use crate::control::{Components, DI_DIAL, DSM, MONITORING, REGISTRAR_CLIENT};
use crate::deployment::{Deployment, DeploymentError};
use crate::dsm::module::ModuleEvent;
use crate::ids::Ids;
use crate::media::{MediaConfig, MediaPool, StartError as MediaError};
use crate::net::{
    Control, Dns, Driver, DriverParts, ListenError, Remains, StreamAcceptor, Tls, TlsError,
    UdpListener,
};
use crate::plugin::module::{ModuleError, Modules, Office, open_office};
use crate::plugin::{LoadError as LoadCodecError, load_codecs};
use crate::rtp::srtp::KeySource;
use crate::session::begin::{Dial, Settings};
use crate::session::call::{RtpPolicy, capabilities};
use crate::session::catalog::Catalog;
use crate::session::event::{Params, SessionId};
use crate::session::guard::{Guard, GuardConfig, Scope};
use crate::session::local::{Local, LocalPolicy};
use crate::session::monitoring::{Following, Monitor};
use crate::session::pool::{SessionContext, SessionPool, SipCommand};
use crate::session::prompts::PromptStore;
use crate::session::recordings::{self, Recordings};
use crate::session::router::{self, RequestSelectors};
use crate::session::{Limits, Router, RouterConfig};
use crate::sip::auth::{DigestServer, ServerConfig, Users};
use crate::sip::delivery::{Delivery, DeliveryConfig, Outbound};
use crate::sip::dialog::capabilities::EXTENSIONS;
use crate::sip::dialog::session_timer::TIMER;
use crate::sip::endpoint::{Endpoint, EndpointConfig, SentBy, SourceRules};
use crate::sip::locate::Reach;
use crate::sip::message::{Host, Transport};
use crate::sip::registration::Account;
use crate::sip::transaction::TimerValues;
use crate::stats::{self, LogLine, Stats};

/// Commands of sessions that may wait for the signalling task; a session that finds it full waits.
const SIP_COMMANDS: usize = 8192;
const CONTROL_QUEUE: usize = 64;
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

/// Brings what modules send to the signalling task.
#[derive(Debug)]
struct SignallingOffice(mpsc::WeakSender<SipCommand>);

impl Office for SignallingOffice {
    fn send(&self, to: &str, event: Option<&'static ModuleEvent>, params: Params) -> bool {
        let to = SessionId(to.into());
        // A server that is gone has no sessions.
        self.0.upgrade().is_none_or(|sender| {
            sender
                .try_send(SipCommand::Send { to, event, params })
                .is_ok()
        })
    }
}

impl Server {
    /// Builds and starts everything. Needs a tokio runtime; returns once the server answers.
    ///
    /// # Errors
    /// [`StartError`] for the first part that cannot be built; nothing is left running.
    pub fn start(config: &Config, ids: &mut Ids) -> Result<Self, StartError> {
        let selector = load_selector(&config.app)?;
        let modules = Modules::of(config);
        for name in &config.dsm.preload {
            modules.load(name)?;
        }
        let requests = load_requests(&config.requests, &config.app)?;
        let deployment = Deployment::load(config)?;
        let codecs = codecs(config)?;
        let users = users(&config.auth)?;
        let accounts = accounts(config)?;
        let serves = |listen: &Listen| listen.transport.is_secure();
        let tls = Tls::load(&config.tls, config.sip.listen.iter().any(serves))?;
        let (udp, acceptors) = open_sockets(&config.sip.listen)?;
        let media = MediaPool::start(media_config(config, ids))?;
        recordings::repair(&config.audio.record_path);
        Ok(Self::assemble(
            config,
            ids,
            Parts {
                selector,
                requests,
                deployment: Some(deployment),
                users,
                accounts,
                udp,
                acceptors,
                tls,
                media,
                codecs,
            },
        ))
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
        let selector = ApplicationSelector::RuriUser;
        let tls = Tls::load(&config.tls, false)?;
        let udp = line.local.iter().map(|local| UdpListener::bind(*local));
        let bind = |local: &SocketAddr| StreamAcceptor::bind(ListenTransport::Tcp, *local);
        let acceptors = line.local.iter().map(bind);
        let (udp, acceptors) = (
            udp.collect::<Result<_, _>>()?,
            acceptors.collect::<Result<_, _>>()?,
        );
        let codecs = line.codecs;
        let media = MediaPool::start(media_config(config, ids))?;
        Ok(Self::assemble(
            config,
            ids,
            Parts {
                selector,
                requests: RequestSelectors::new(),
                deployment: None,
                users: None,
                accounts: Vec::new(),
                udp,
                acceptors,
                tls,
                media,
                codecs,
            },
        ))
    }

    fn assemble(config: &Config, ids: &mut Ids, parts: Parts) -> Self {
        let listening: Vec<_> = parts
            .udp
            .iter()
            .map(|socket| (Transport::Udp, socket.local()))
            .chain(
                parts
                    .acceptors
                    .iter()
                    .map(|socket| (socket.transport(), socket.local())),
            )
            .collect();
        let tls = Arc::new(parts.tls);
        let accounts = parts.accounts;
        let deployment = parts.deployment.as_ref();
        let catalog = deployment.map_or_else(Catalog::default, Deployment::catalog);
        let applications = catalog.names().into_iter().map(str::to_owned).collect();
        let stats = Arc::new(Stats::default());
        let (sip, commands) = mpsc::channel(SIP_COMMANDS);
        let office: Arc<dyn Office> = Arc::new(SignallingOffice(sip.downgrade()));
        open_office(&office);
        let (control, control_receiver) = mpsc::channel(CONTROL_QUEUE);
        let (orders, order_receiver) = mpsc::channel(CONTROL_QUEUE);
        let (registrations, registration_receiver) = mpsc::channel(CONTROL_QUEUE);
        let following = following(config, deployment);
        let has_monitor = deployment.is_some() && config.monitoring.enabled != MonitoringUse::No;
        let monitor = match has_monitor {
            true => MonitorTask::start(&config.monitoring, stats.clone()),
            false => Monitor::default(),
        };
        let dialling = DialComponent::new(sip.clone(), config.dial_out.pins.clone());
        let components = Components::default()
            .with(DSM, Arc::new(DsmComponent::new(orders)))
            .with(DI_DIAL, Arc::new(dialling))
            .with(
                REGISTRAR_CLIENT,
                Arc::new(RegistrarComponent::new(registrations)),
            );
        let components = match has_monitor {
            true => components.with(
                MONITORING,
                Arc::new(MonitoringComponent::new(monitor.clone())),
            ),
            false => components,
        };
        let cache_bytes = config.audio.cache_mib as usize * (1 << 20);
        let longest_whole = Duration::from_secs(config.audio.stream_after_s.into());
        // What was recorded can be played, but does not hide what was there before.
        let recordings = [config.audio.record_path.clone()];
        let audio_roots = config
            .audio
            .path
            .iter()
            .cloned()
            .chain(recordings)
            .collect();
        let context = Arc::new(SessionContext {
            sip,
            prompts: Arc::new(PromptStore::new(audio_roots, cache_bytes, longest_whole)),
            recordings: Recordings::new(
                config.audio.record_path.clone(),
                config.recording.max_length,
            ),
            media: parts.media,
            rtp_address: config.rtp.address,
            settings: Settings {
                capabilities: Arc::new(capabilities(&parts.codecs)),
                rtp: RtpPolicy {
                    timeout: config.rtp.timeout,
                    strict_source: config.rtp.strict_source,
                    asymmetric: config.rtp.asymmetric,
                    rtcp: config.rtp.rtcp,
                    srtp: config.rtp.srtp,
                    srtp_without_tls: config.rtp.srtp_without_tls,
                },
                srtp_keys: KeySource::new(ids.seed()),
                dtmf: config.dtmf,
                linger: config.dsm.linger,
                ring: config.dial_out.ring,
                give_up: timers(config).give_up(),
                following: following.clone(),
                reliable: config.sip.reliable,
                session_timer: config.sip.session_timer,
                user_agent: config.sip.server_header.clone().unwrap_or_default(),
                name: config.tls.name.as_ref().map(|name| name.0.as_str().into()),
            },
            components: Arc::new(components),
            local: Local::new(LocalPolicy {
                folders: config.sys.folders.clone(),
                commands: config.sys.commands,
                deadline: config.sys.deadline,
            }),
            monitor,
            stats: stats.clone(),
        });
        let endpoint_config = EndpointConfig {
            allow: router::methods(&parts.requests),
            ..endpoint_config(config, &parts.acceptors)
        };
        let mut router = Router::new(RouterConfig {
            limits: limits(config),
            supported: endpoint_config.supported.join(", "),
            selector: parts.selector.clone(),
            catalog: Arc::new(catalog),
            ids: Ids::from_seed(ids.seed()),
            stats: stats.clone(),
        });
        router.set_requests(parts.requests.clone());
        let router = match parts.users {
            Some(users) => router.guarded(guard(&config.auth, users, ids)),
            None => router,
        };
        let endpoint = Endpoint::new(endpoint_config, ids.seed());
        let servers: Vec<_> = config.dns.servers.iter().map(|server| server.0).collect();
        let delivery = delivery_config(config, &listening);
        let driver = Driver::new(DriverParts {
            endpoint,
            delivery: Delivery::new(delivery, ids.seed()),
            resolver: Arc::new(Dns::new(&servers)),
            router,
            pool: SessionPool::new(context.clone(), tokio::runtime::Handle::current()),
            udp: parts.udp,
            acceptors: parts.acceptors,
            limits: config.connections.clone(),
            handshakes: SourceRules {
                trusted: config.limits.trusted.clone(),
                requests_per_second: config.connections.handshakes_per_second,
                ..SourceRules::default()
            },
            tls: tls.clone(),
            name: context.settings.name.clone(),
            origins: config.websocket.origins.clone(),
            commands,
            control: control_receiver,
            stats,
        });
        let driver = tokio::spawn(driver.run());
        let (reloads, reload_receiver) = mpsc::channel(CONTROL_QUEUE);
        let admin = parts.deployment.map(|deployment| {
            let parts = AdminParts {
                ids: Ids::from_seed(ids.seed()),
                selector: parts.selector,
                requests: parts.requests,
                deployment,
                tls,
                following,
                control: control.clone(),
            };
            let admin = Admin::new(config, parts);
            tokio::spawn(admin.run(Requests {
                reloads: reload_receiver,
                orders: order_receiver,
            }))
        });
        let registrar = admin.is_some().then(|| {
            let parts = RegistrarParts {
                ids: Ids::from_seed(ids.seed()),
                user_agent: context.settings.user_agent.clone(),
                sip: context.sip.clone(),
                control: control.clone(),
                orders: registration_receiver,
            };
            Registrar::start(parts, accounts)
        });
        Self {
            listening,
            applications,
            control,
            reloads,
            admin,
            registrar,
            driver,
            context,
            _office: office,
        }
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
            let samples = stats::samples(&self.context.stats, &remains.endpoint, &totals);
            tracing::info!("counted: {}", LogLine(&samples));
        }
    }

    async fn idle(&self) {
        let (answer, idle) = oneshot::channel();
        self.tell(Control::WhenIdle(answer)).await;
        // An error means that the task is gone, which is as idle as can be.
        let _ = idle.await;
    }

    async fn tell(&self, control: Control) {
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

/// Where a test phone calls from, and how it talks.
#[derive(Debug, Clone)]
pub struct PhoneLine {
    /// Addresses of its SIP sockets; port 0 takes free ones.
    pub local: Vec<SocketAddr>,
    /// Codecs it offers, best first.
    pub codecs: Codecs,
}

/// What a server is assembled from.
struct Parts {
    selector: ApplicationSelector,
    /// Which applications take requests outside calls.
    requests: RequestSelectors,
    /// None for what only places calls.
    deployment: Option<Deployment>,
    /// Who may call, where callers are asked who they are.
    users: Option<Users>,
    /// What is kept registered.
    accounts: Vec<Account>,
    udp: Vec<UdpListener>,
    acceptors: Vec<StreamAcceptor>,
    tls: Tls,
    media: MediaPool,
    codecs: Codecs,
}

/// The users of the configuration, if anybody is asked who they are.
fn users(auth: &Auth) -> Result<Option<Users>, StartError> {
    if !auth.is_on() {
        return Ok(None);
    }
    let users = load_users(&auth.users).map_err(StartError::Users)?;
    if !users.has_realm(&auth.realm) {
        return Err(StartError::NoUsers {
            path: auth.users.clone(),
            realm: auth.realm.clone(),
        });
    }
    Ok(Some(users))
}

/// Which sessions are recorded by themselves.
fn following(config: &Config, deployment: Option<&Deployment>) -> Following {
    let wanted = deployment.is_some_and(|deployment| follows(config, deployment));
    Following {
        sessions: Arc::new(wanted.into()),
        states: config.monitoring.full_stategraph,
        transitions: config.monitoring.full_transitions,
    }
}

/// Whether calls are recorded in the monitoring store without a word of their scripts.
fn follows(config: &Config, deployment: &Deployment) -> bool {
    match config.monitoring.enabled {
        MonitoringUse::Yes => true,
        MonitoringUse::No => false,
        MonitoringUse::Auto => deployment.uses_monitoring(),
    }
}

/// The accounts of the configuration with their passwords.
fn accounts(config: &Config) -> Result<Vec<Account>, StartError> {
    let with_password = |configured: &ConfiguredAccount| {
        let mut account = configured.account.clone();
        if let Some(path) = &configured.password_file {
            account.password = load_password(path).map_err(StartError::Password)?;
        }
        Ok(account)
    };
    config.registrations.iter().map(with_password).collect()
}

fn guard(auth: &Auth, users: Users, ids: &mut Ids) -> Guard {
    /// Nonces whose counts are remembered: 100 bytes each.
    const MAX_NONCES: usize = 65_536;
    let config = ServerConfig {
        realm: auth.realm.clone(),
        algorithms: auth.algorithms.clone(),
        qop: auth.qop.clone(),
        nonce_lifetime: auth.nonce_lifetime,
        max_nonces: MAX_NONCES,
    };
    let everything = auth
        .applications
        .iter()
        .any(|name| name == Auth::EVERYTHING);
    Guard::new(GuardConfig {
        server: DigestServer::new(config, Arc::new(users), ids.seed(), Instant::now()),
        scope: match everything {
            true => Scope::All,
            false => Scope::Applications(auth.applications.iter().cloned().collect()),
        },
        trusted: auth.trusted.clone(),
        max_failures: auth.max_failures,
        window: auth.failure_window,
    })
}

/// The codecs of the configuration: those that are built in, and then those that are loaded.
fn codecs(config: &Config) -> Result<Codecs, StartError> {
    let loaded = load_codecs(&config.dsm.modules, &config.codec.load)?;
    let config = &config.codec;
    let opus = CodecId::opus(&config.opus);
    let as_configured = |codec| {
        if codec == CodecId::OPUS { opus } else { codec }
    };
    let available = CodecId::BUILT_IN.map(as_configured).into_iter();
    let available = available.chain(loaded);
    Ok(Codecs::chosen(available, &config.order, &config.exclude)?)
}

fn open_sockets(listen: &[Listen]) -> Result<(Vec<UdpListener>, Vec<StreamAcceptor>), ListenError> {
    let mut udp = Vec::new();
    let mut acceptors = Vec::new();
    for Listen { transport, address } in listen {
        match transport {
            ListenTransport::Udp => udp.push(UdpListener::bind(*address)?),
            stream => acceptors.push(StreamAcceptor::bind(*stream, *address)?),
        }
    }
    Ok((udp, acceptors))
}

fn limits(config: &Config) -> Limits {
    Limits {
        sessions: config
            .limits
            .sessions
            .map_or(0, |limit| limit.get() as usize),
        calls_per_second: config
            .limits
            .calls_per_second
            .map_or(0, |limit| limit.get()),
        options_sessions: config
            .limits
            .options_sessions
            .map_or(0, |limit| limit.get() as usize),
    }
}

fn timers(config: &Config) -> TimerValues {
    let config::Sip { t1, t2, t4, .. } = config.sip;
    TimerValues { t1, t2, t4 }
}

fn endpoint_config(config: &Config, acceptors: &[StreamAcceptor]) -> EndpointConfig {
    let sip = &config.sip;
    let mut acceptors = acceptors.iter();
    let listening = acceptors.find(|acceptor| acceptor.transport() == Transport::Tls);
    let sent_by = listening.zip(config.tls.name.as_ref());
    let sent_by = sent_by.map(|(acceptor, name)| SentBy {
        transport: Transport::Tls,
        host: Host::Name(name.0.clone()),
        port: Some(acceptor.local().port()),
    });
    EndpointConfig {
        timers: timers(config),
        server_header: sip.server_header.clone(),
        supported: supported(sip),
        alias: sent_by.is_some(),
        sent_by: sent_by.into_iter().collect(),
        max_transactions: config.limits.transactions as usize,
        sources: SourceRules {
            allow: sip.allow.clone(),
            deny: sip.deny.clone(),
            trusted: config.limits.trusted.clone(),
            requests_per_second: config.limits.requests_per_second_per_source,
        },
        ..EndpointConfig::default()
    }
}

fn delivery_config(config: &Config, listening: &[(Transport, SocketAddr)]) -> DeliveryConfig {
    let sip = &config.sip;
    let mut reach = Reach::default();
    for (transport, local) in listening {
        // WebSockets are for browsers to open; TLS needs no listener.
        if matches!(transport, Transport::Udp | Transport::Tcp) {
            reach.add(*transport, local.ip());
        }
        reach.add(Transport::Tls, local.ip());
    }
    DeliveryConfig {
        reach,
        outbound: Outbound {
            proxy: sip.outbound_proxy.as_ref().map(|proxy| proxy.uri().clone()),
            next_hop: sip.next_hop.iter().map(|hop| hop.uri().clone()).collect(),
        },
        patience: sip.failover,
        avoid: sip.blacklist,
    }
}

/// Option tags that a peer may require of us.
fn supported(sip: &config::Sip) -> Vec<String> {
    let timer = sip.session_timer.map(|_| TIMER);
    let tags = sip.reliable.supported().iter().chain(EXTENSIONS).copied();
    tags.chain(timer).map(str::to_owned).collect()
}

fn media_config(config: &Config, ids: &mut Ids) -> MediaConfig {
    let ports = config.rtp.ports;
    MediaConfig {
        threads: config
            .media
            .threads
            .map_or(0, |threads| threads.get().into()),
        slot: config.media.slot,
        playout: config.media.playout,
        ports: ports.first()..=ports.last(),
        max_streams: usize::from(ports.last() - ports.first()) / 2 + 1,
        seed: u64::from(ids.ssrc()) << 32 | u64::from(ids.ssrc()),
    }
}

#[cfg(test)]
mod tests;
