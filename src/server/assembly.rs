//! Connects the parts of a server, and starts its tasks.
//!
//! Queues between tasks are made here, each with its bound: what sessions, the signalling task (`net::Driver`)
//! and the tasks of `admin`, `registrar` and `monitor` tell each other. Nothing here can fail.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::Server;
use super::admin::{Admin, AdminParts, Requests};
use super::monitor::MonitorTask;
use super::parts::{self, Parts};
use super::registrar::{Registrar, RegistrarParts};
use crate::config::{Config, MonitoringUse};
use crate::control::dial::DialComponent;
use crate::control::dsm::{self, DsmComponent};
use crate::control::monitoring::MonitoringComponent;
use crate::control::registrar::{self, RegistrarComponent};
use crate::control::{DI_DIAL, MONITORING, REGISTRAR_CLIENT};
use crate::dsm::module::ModuleEvent;
use crate::ids::Ids;
use crate::net::{Dns, Driver, DriverParts};
use crate::plugin::module::{Office, open_office};
use crate::session::catalog::Catalog;
use crate::session::components::{Components, DSM};
use crate::session::event::{Params, SessionId};
use crate::session::monitoring::Monitor;
use crate::session::pool::{SessionContext, SessionPool, SipCommand};
use crate::session::router;
use crate::session::task::TaskMailbox;
use crate::session::{Router, RouterConfig};
use crate::sip::delivery::Delivery;
use crate::sip::endpoint::Endpoint;
use crate::stats::Stats;

/// Commands of sessions that may wait for the signalling task; a session that finds it full waits.
const SIP_COMMANDS: usize = 8192;
const CONTROL_QUEUE: usize = 64;

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

/// What diagrams order from tasks, by the functions of [`Components`].
struct Orders {
    admin: mpsc::Receiver<dsm::Order>,
    registrar: mpsc::Receiver<registrar::Order>,
}

impl Server {
    /// Makes a server of its parts. All its tasks run when this returns.
    pub(super) fn assemble(config: &Config, ids: &mut Ids, mut parts: Parts) -> Self {
        let listening = parts.listening();
        let catalog = parts.catalog();
        let applications = catalog.names().into_iter().map(str::to_owned).collect();
        let deployment = parts.deployment.as_ref();
        let following = parts::following(config, deployment);
        let stats = Arc::new(Stats::default());
        let has_monitor = deployment.is_some() && config.monitoring.enabled != MonitoringUse::No;
        let monitor = has_monitor.then(|| MonitorTask::start(&config.monitoring, stats.clone()));
        let (sip, commands) = mpsc::channel(SIP_COMMANDS);
        let office: Arc<dyn Office> = Arc::new(SignallingOffice(sip.downgrade()));
        open_office(&office);
        let (components, orders) = components(config, &sip, monitor.as_ref());
        let (control, control_receiver) = mpsc::channel(CONTROL_QUEUE);

        let settings = parts::settings(config, ids, &parts.codecs, following.clone());
        let methods = router::methods(&parts.requests);
        let endpoint_config = parts::endpoint_config(config, &parts.acceptors, methods);
        let supported = endpoint_config.supported.join(", ");
        let router = router(config, ids, &mut parts, catalog, supported, &stats);
        let endpoint = Endpoint::new(endpoint_config, ids.seed());
        let delivery = Delivery::new(parts::delivery_config(config, &listening), ids.seed());

        let context = Arc::new(SessionContext {
            sip,
            prompts: Arc::new(parts::prompts(config)),
            recordings: parts::recordings(config),
            media: parts.media,
            rtp_address: config.rtp.address,
            settings,
            components: Arc::new(components),
            local: parts::local(config),
            monitor: monitor.unwrap_or_default(),
            stats: stats.clone(),
        });
        let tls = Arc::new(parts.tls);
        let servers: Vec<_> = config.dns.servers.iter().map(|server| server.0).collect();
        let driver = Driver::new(DriverParts {
            endpoint,
            delivery,
            resolver: Arc::new(Dns::new(&servers)),
            router,
            pool: SessionPool::new(context.clone(), tokio::runtime::Handle::current()),
            udp: parts.udp,
            acceptors: parts.acceptors,
            limits: config.connections.clone(),
            handshakes: parts::handshakes(config),
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
                orders: orders.admin,
            }))
        });
        let registrar = admin.is_some().then(|| {
            let task = RegistrarParts {
                ids: Ids::from_seed(ids.seed()),
                user_agent: context.settings.user_agent.clone(),
                sip: context.sip.clone(),
                control: control.clone(),
                orders: orders.registrar,
            };
            Registrar::start(task, parts.accounts)
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
}

/// What diagrams can call, and where that arrives.
fn components(
    config: &Config,
    sip: &mpsc::Sender<SipCommand>,
    monitor: Option<&Monitor>,
) -> (Components, Orders) {
    let (orders, admin) = mpsc::channel(CONTROL_QUEUE);
    let (registrations, registrar) = mpsc::channel(CONTROL_QUEUE);
    let dialling = DialComponent::new(sip.clone(), config.dial_out.pins.clone());
    let registering = RegistrarComponent::new(registrations);
    let components = Components::default()
        .with(DSM, Arc::new(DsmComponent::new(orders)))
        .with(DI_DIAL, Arc::new(dialling))
        .with(REGISTRAR_CLIENT, Arc::new(registering));
    let components = match monitor {
        Some(monitor) => components.with(
            MONITORING,
            Arc::new(MonitoringComponent::new(monitor.clone())),
        ),
        None => components,
    };
    (components, Orders { admin, registrar })
}

/// What gives calls to sessions, behind its guard if callers are asked who they are.
fn router(
    config: &Config,
    ids: &mut Ids,
    parts: &mut Parts,
    catalog: Catalog,
    supported: String,
    stats: &Arc<Stats>,
) -> Router<TaskMailbox> {
    let mut router = Router::new(RouterConfig {
        limits: parts::limits(config),
        supported,
        selector: parts.selector.clone(),
        catalog: Arc::new(catalog),
        ids: Ids::from_seed(ids.seed()),
        give_up: parts::timers(config).give_up(),
        stats: stats.clone(),
    });
    router.set_requests(parts.requests.clone());
    match parts.users.take() {
        Some(users) => router.guarded(parts::guard(&config.auth, users, ids)),
        None => router,
    }
}
