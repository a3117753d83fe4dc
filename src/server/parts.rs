//! What a server is made of, from its configuration.
//!
//! [`Parts`] holds what has to be read, opened or started, which can fail. The functions below it turn the
//! configuration into the settings of each further part, which cannot. `assembly` connects it all.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{PhoneLine, StartError};
use crate::codec::{CodecId, Codecs};
use crate::config::{
    self, ApplicationSelector, Auth, Config, ConfiguredAccount, Listen, ListenTransport,
    MonitoringUse, load_password, load_requests, load_selector, load_users,
};
use crate::deployment::Deployment;
use crate::ids::Ids;
use crate::media::{MediaConfig, MediaPool};
use crate::net::{ListenError, StreamAcceptor, Tls, UdpListener};
use crate::plugin::load_codecs;
use crate::plugin::module::Modules;
use crate::rtp::srtp::KeySource;
use crate::session::Limits;
use crate::session::begin::Settings;
use crate::session::call::{RtpPolicy, capabilities};
use crate::session::catalog::Catalog;
use crate::session::guard::{Guard, GuardConfig, Scope};
use crate::session::local::{Local, LocalPolicy};
use crate::session::monitoring::Following;
use crate::session::prompts::PromptStore;
use crate::session::recordings::{self, Recordings};
use crate::session::router::RequestSelectors;
use crate::sip::auth::{DigestServer, ServerConfig, Users};
use crate::sip::delivery::{DeliveryConfig, Outbound};
use crate::sip::dialog::capabilities::EXTENSIONS;
use crate::sip::dialog::session_timer::TIMER;
use crate::sip::endpoint::{EndpointConfig, SentBy, SourceRules};
use crate::sip::locate::Reach;
use crate::sip::message::{Host, Method, Transport};
use crate::sip::registration::Account;
use crate::sip::transaction::TimerValues;

/// What a server is assembled from.
pub(super) struct Parts {
    pub selector: ApplicationSelector,
    /// Which applications take requests outside calls.
    pub requests: RequestSelectors,
    /// None for what only places calls.
    pub deployment: Option<Deployment>,
    /// Who may call, where callers are asked who they are.
    pub users: Option<Users>,
    /// What is kept registered.
    pub accounts: Vec<Account>,
    pub udp: Vec<UdpListener>,
    pub acceptors: Vec<StreamAcceptor>,
    pub tls: Tls,
    pub media: MediaPool,
    pub codecs: Codecs,
}

impl Parts {
    /// Reads and opens everything that the configuration names.
    ///
    /// # Errors
    /// [`StartError`] for the first part that cannot be had; nothing is left running.
    pub fn load(config: &Config, ids: &mut Ids) -> Result<Self, StartError> {
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
        Ok(Self {
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
        })
    }

    /// The parts of what only places calls.
    ///
    /// # Errors
    /// [`StartError`] when a socket or thread cannot be had.
    pub fn of_phone(config: &Config, line: PhoneLine, ids: &mut Ids) -> Result<Self, StartError> {
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
        Ok(Self {
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
        })
    }

    /// What listens where: sockets for packets first.
    pub fn listening(&self) -> Vec<(Transport, SocketAddr)> {
        let udp = self
            .udp
            .iter()
            .map(|socket| (Transport::Udp, socket.local()));
        let streams = self.acceptors.iter();
        let streams = streams.map(|socket| (socket.transport(), socket.local()));
        udp.chain(streams).collect()
    }

    /// The applications calls can be given to.
    pub fn catalog(&self) -> Catalog {
        let deployment = self.deployment.as_ref();
        deployment.map_or_else(Catalog::default, Deployment::catalog)
    }
}

/// The users of the configuration, if anybody is asked who they are.
pub(super) fn users(auth: &Auth) -> Result<Option<Users>, StartError> {
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
pub(super) fn following(config: &Config, deployment: Option<&Deployment>) -> Following {
    let wanted = deployment.is_some_and(|deployment| follows(config, deployment));
    Following {
        sessions: Arc::new(wanted.into()),
        states: config.monitoring.full_stategraph,
        transitions: config.monitoring.full_transitions,
    }
}

/// Whether calls are recorded in the monitoring store without a word of their scripts.
pub(super) fn follows(config: &Config, deployment: &Deployment) -> bool {
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

pub(super) fn guard(auth: &Auth, users: Users, ids: &mut Ids) -> Guard {
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

/// What sessions take from the configuration.
pub(super) fn settings(
    config: &Config,
    ids: &mut Ids,
    codecs: &Codecs,
    following: Following,
) -> Settings {
    Settings {
        capabilities: Arc::new(capabilities(codecs)),
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
        following,
        reliable: config.sip.reliable,
        session_timer: config.sip.session_timer,
        user_agent: config.sip.server_header.clone().unwrap_or_default(),
        name: config.tls.name.as_ref().map(|name| name.0.as_str().into()),
    }
}

pub(super) fn prompts(config: &Config) -> PromptStore {
    let audio = &config.audio;
    let cache_bytes = audio.cache_mib as usize * (1 << 20);
    let longest_whole = Duration::from_secs(audio.stream_after_s.into());
    // What was recorded can be played, but does not hide what was there before.
    let recordings = [audio.record_path.clone()];
    let roots = audio.path.iter().cloned().chain(recordings).collect();
    PromptStore::new(roots, cache_bytes, longest_whole)
}

pub(super) fn recordings(config: &Config) -> Recordings {
    Recordings::new(
        config.audio.record_path.clone(),
        config.recording.max_length,
    )
}

pub(super) fn local(config: &Config) -> Local {
    let sys = &config.sys;
    Local::new(LocalPolicy {
        folders: sys.folders.clone(),
        commands: sys.commands,
        deadline: sys.deadline,
    })
}

/// How fast one source may open connections.
pub(super) fn handshakes(config: &Config) -> SourceRules {
    SourceRules {
        trusted: config.limits.trusted.clone(),
        requests_per_second: config.connections.handshakes_per_second,
        ..SourceRules::default()
    }
}

pub(super) fn limits(config: &Config) -> Limits {
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

pub(super) fn timers(config: &Config) -> TimerValues {
    let config::Sip { t1, t2, t4, .. } = config.sip;
    TimerValues { t1, t2, t4 }
}

pub(super) fn endpoint_config(
    config: &Config,
    acceptors: &[StreamAcceptor],
    methods: Vec<Method>,
) -> EndpointConfig {
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
        sources: SourceRules {
            allow: sip.allow.clone(),
            deny: sip.deny.clone(),
            trusted: config.limits.trusted.clone(),
            requests_per_second: config.limits.requests_per_second_per_source,
        },
        ..EndpointConfig::new(methods, config.limits.transactions as usize)
    }
}

pub(super) fn delivery_config(
    config: &Config,
    listening: &[(Transport, SocketAddr)],
) -> DeliveryConfig {
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
