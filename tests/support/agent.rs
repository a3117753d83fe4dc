//! A whole user agent without sockets, tasks and threads: endpoint, router, sessions, and a fake of
//! everything that plays, hears and reads files. It does what the signalling task and the tasks of
//! the sessions do, in virtual time.

mod outputs;
mod requests;
mod settings;
mod sound;
mod work;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use muleteer::audio::prompt::Prompt;
use muleteer::codec::{CodecId, Codecs};
use muleteer::config::{ApplicationSelector, Dtmf};
use muleteer::ids::Ids;
use muleteer::rtp::srtp::KeySource;
use muleteer::session::begin::{self, Dial, FirstHop, Settings};
use muleteer::session::call::{RtpPolicy, capabilities};
use muleteer::session::catalog::DiagramApplication;
use muleteer::session::event::Params;
use muleteer::session::local::{Local, LocalPolicy, LocalWork};
use muleteer::session::monitoring::{Following, Store, StoreLimits};
use muleteer::session::outside::Ticket;
use muleteer::session::system::SystemStart;
use muleteer::session::{
    ActionToken, Catalog, Limits, Mailbox, NewCall, NewRequest, Occasion, RequestSession, Routed,
    Router, RouterConfig, SessionCore, SessionEvent, SessionId, SystemSession, Undelivered,
    Urgency,
};
use muleteer::sip::delivery::{Delivery, DeliveryConfig};
use muleteer::sip::dialog::capabilities::{EXTENSIONS, RELIABLE, ReliablePolicy};
use muleteer::sip::dialog::invite_usage::RequestToken;
use muleteer::sip::endpoint::{Endpoint, EndpointConfig, TransactionId};
use muleteer::sip::locate::{Answer, Question, Reach};
use muleteer::sip::message::{Request, Transport};
use muleteer::sip::transport::{Flow, Transmit};
use muleteer::stats::Stats;

use super::endpoint::call_config;
use super::studio::{Studio, Tape};
use super::wire::Node;

/// Events that may wait for one session, as in the server.
const MAILBOX: usize = 128;
/// Of these for events without which a call would not end, and for those that come once.
const RESERVED: usize = 80;
const RESERVED_FOR_ONCE: usize = 72;

/// How long a diagram may work on after a handled hang-up.
pub const LINGER: Duration = Duration::from_secs(20);
/// 64×T1.
const GIVE_UP: Duration = Duration::from_secs(32);

/// The session that scripts post to what a test wants to know.
pub const WITNESS: &str = "witness";

/// A mailbox without a task behind it.
#[derive(Debug, Clone, Default)]
pub struct Queue(Rc<RefCell<VecDeque<SessionEvent>>>);

impl Mailbox for Queue {
    fn post(&self, event: SessionEvent) -> Result<(), Undelivered> {
        let mut events = self.0.borrow_mut();
        let kept = match event.urgency() {
            Urgency::Ordinary => RESERVED,
            Urgency::Vital => RESERVED_FOR_ONCE,
            Urgency::Once => 0,
        };
        if events.len() >= MAILBOX - kept {
            return Err(Undelivered::Full(event));
        }
        events.push_back(event);
        Ok(())
    }
}

impl Queue {
    fn take(&self) -> Option<SessionEvent> {
        self.0.borrow_mut().pop_front()
    }
}

/// One call of an agent; it stays here after its end.
pub struct AgentCall {
    pub id: SessionId,
    /// What the stream was told, in words.
    pub media: Vec<String>,
    /// What the stream was to do in rooms, in words.
    pub acts: Vec<String>,
    /// Changes made to the playlist, which its end is told with.
    playlist_version: u32,
    /// Prompts that the session waits for, and whether they are to be looped.
    pub awaited: Vec<(String, bool)>,
    /// None: over.
    session: Option<Box<dyn SessionCore>>,
    mailbox: Queue,
    /// What is being recorded.
    tape: Option<Tape>,
    /// The same of a room.
    room_tape: Option<Tape>,
}

/// See the module's documentation.
pub struct Agent {
    pub endpoint: Endpoint,
    pub router: Router<Queue>,
    pub delivery: Delivery<SessionId>,
    /// What sessions have under way outside calls, by the name of its sender, as it was sent.
    outside: BTreeMap<SessionId, (Ticket, Request)>,
    outside_clients: HashMap<TransactionId, SessionId>,
    /// Requests sent outside calls so far.
    outside_sent: u32,
    /// INVITEs whose late answers are being acknowledged, as in the server.
    farewells: BTreeMap<SessionId, TransactionId>,
    /// What the DNS knows.
    pub zone: BTreeMap<(String, &'static str), Answer>,
    /// Whether the DNS answers not before [`Agent::answer_dns`], and what it was asked.
    pub dns_is_slow: bool,
    pub asked: Vec<Question>,
    pub stats: Arc<Stats>,
    /// In the order of their beginning.
    pub calls: Vec<AgentCall>,
    /// Prompts that are there. Others are missing.
    pub prompts: BTreeMap<String, Arc<Prompt>>,
    /// Prompts whose loading does not end before [`Agent::release`].
    pub slow: BTreeSet<String>,
    /// Recordings that are complete. Each is a prompt as well.
    pub recordings: BTreeMap<String, Vec<i16>>,
    /// Files that nothing can be recorded to.
    pub unwritable: BTreeSet<String>,
    /// Events that scripts posted to [`WITNESS`].
    pub witness: Vec<Params>,
    /// No room gets any sound.
    pub no_rooms: bool,
    /// What is kept in memory about calls.
    pub monitor: Store,
    /// What scripts do on the machine. It is done at once, whatever time it takes.
    pub local: Local,
    /// Work on the machine is not done before [`Agent::do_local_work`].
    pub local_is_slow: bool,
    local_work: Vec<(SessionId, ActionToken, LocalWork)>,
    /// Plays and hears for real, if it is there.
    pub studio: Option<Studio>,
    settings: Settings,
    address: SocketAddr,
    catalog: Arc<Catalog>,
    ids: Ids,
}

impl Agent {
    pub fn new(address: SocketAddr, catalog: Catalog, limits: Limits, seed: u8) -> Self {
        let mut ids = Ids::from_seed([seed; 32]);
        let stats = Arc::new(Stats::default());
        let catalog = Arc::new(catalog);
        let router = Router::new(RouterConfig {
            limits,
            supported: String::new(),
            selector: ApplicationSelector::RuriUser,
            catalog: catalog.clone(),
            ids: Ids::from_seed(ids.seed()),
            give_up: GIVE_UP,
            stats: stats.clone(),
        });
        let config = EndpointConfig {
            supported: [RELIABLE]
                .iter()
                .chain(EXTENSIONS)
                .map(ToString::to_string)
                .collect(),
            ..call_config()
        };
        let codecs = Codecs::new([CodecId::PCMU, CodecId::PCMA]);
        let mut reach = Reach::default();
        reach.add(Transport::Udp, address.ip());
        let delivery = DeliveryConfig {
            reach,
            ..DeliveryConfig::default()
        };
        Self {
            endpoint: Endpoint::new(config, ids.seed()),
            delivery: Delivery::new(delivery, ids.seed()),
            outside: BTreeMap::new(),
            outside_clients: HashMap::new(),
            outside_sent: 0,
            farewells: BTreeMap::new(),
            zone: BTreeMap::new(),
            dns_is_slow: false,
            asked: Vec::new(),
            router,
            stats,
            calls: Vec::new(),
            prompts: BTreeMap::new(),
            slow: BTreeSet::new(),
            recordings: BTreeMap::new(),
            unwritable: BTreeSet::new(),
            witness: Vec::new(),
            no_rooms: false,
            monitor: Store::new(StoreLimits {
                bytes: 16 << 20,
                retain: Duration::from_secs(10),
            }),
            local: Local::new(LocalPolicy {
                folders: Vec::new(),
                commands: true,
                deadline: Duration::from_secs(5),
            }),
            local_is_slow: false,
            local_work: Vec::new(),
            studio: None,
            settings: Settings {
                session_timer: None,
                capabilities: Arc::new(capabilities(&codecs)),
                rtp: RtpPolicy::default(),
                srtp_keys: KeySource::new([seed; 32]),
                dtmf: Dtmf::default(),
                linger: LINGER,
                ring: Duration::from_secs(180),
                give_up: GIVE_UP,
                following: Following::default(),
                reliable: ReliablePolicy::Supported,
                user_agent: "agent".to_owned(),
                name: None,
            },
            address,
            catalog,
            ids,
        }
    }

    /// Puts an event into the mailbox of a call.
    pub fn tell(&mut self, now: Instant, call: usize, event: SessionEvent) {
        self.calls[call]
            .mailbox
            .post(event)
            .expect("room in the mailbox");
        self.settle(now);
    }

    /// Places a call; its number.
    pub fn dial(&mut self, now: Instant, mut dial: Dial) -> usize {
        dial.id = SessionId(self.ids.tag().into());
        dial.call_id = self.ids.call_id();
        self.place(now, dial);
        self.settle(now);
        self.calls.len() - 1
    }

    /// Begins the session of a call that is placed.
    fn place(&mut self, now: Instant, dial: Dial) {
        let (id, call_id) = (dial.id.clone(), dial.call_id.clone());
        if let Some(outbound) = dial.outbound.clone() {
            self.delivery.set_outbound(id.clone(), outbound);
        }
        let media = self.next_media();
        let way = FirstHop::new(self.address, Transport::Udp, []);
        let mut session =
            begin::outgoing(dial, way, media, &self.settings).expect("audio that can be offered");
        session.begin(now);
        let mailbox = self.add(&id, Box::new(session));
        self.router.insert(id, call_id.as_bytes(), None, mailbox);
    }

    /// Runs a diagram without a call.
    pub fn start_system(&mut self, now: Instant, application: DiagramApplication) {
        let id = self.router.system_id();
        let start = SystemStart::new(application, Occasion::Startup);
        let follow = self.settings.following.begin(&id);
        let session = SystemSession::new(id.clone(), &start, follow);
        let mut session = session.expect("an initial state");
        session.begin(now);
        let mailbox = self.add(&id, Box::new(session));
        self.router.insert_system(id, mailbox);
        self.settle(now);
    }

    /// Begins refusing new calls, as at the end of a server.
    pub fn drain(&mut self, now: Instant) {
        self.router.drain();
        self.settle(now);
    }

    /// Ends what is left.
    pub fn terminate(&mut self, now: Instant) {
        self.router.terminate_all();
        self.settle(now);
    }

    /// Numbers of the calls that are not over.
    pub fn live_calls(&self) -> Vec<usize> {
        let calls = self.calls.iter().enumerate();
        let live = calls.filter(|(_, call)| call.session.is_some());
        live.map(|(number, _)| number).collect()
    }

    /// Forgets the calls that are over, and what happened in the others; numbers change.
    pub fn forget_the_past(&mut self) {
        self.calls.retain(|call| call.session.is_some());
        for call in &mut self.calls {
            call.media.clear();
            call.acts.clear();
        }
    }

    /// Calls that are not over.
    pub fn live(&self) -> usize {
        let live = |call: &&AgentCall| call.session.is_some();
        self.calls.iter().filter(live).count()
    }

    /// Entries of all tables. Zero when nothing is left of any call.
    pub fn remains(&self) -> usize {
        let transactions =
            self.endpoint.server_transactions() + self.endpoint.client_transactions();
        self.live() + self.router.table_entries() + transactions + self.delivery.len()
    }

    /// Runs everything until nothing happens without a new input.
    pub fn settle(&mut self, now: Instant) {
        loop {
            let mut idle = !self.take_sound();
            while let Some(event) = self.endpoint.poll_event() {
                idle = false;
                let Some(event) = self.delivery.handle_event(now, event) else {
                    continue;
                };
                let Some(event) = self.take_outside(now, event) else {
                    continue;
                };
                match self.router.handle_event(now, event) {
                    Some(Routed::Refuse(transaction, response)) => {
                        self.endpoint.refuse(now, transaction, response);
                    }
                    Some(Routed::Respond(transaction, response)) => {
                        self.endpoint.respond(now, transaction, response);
                    }
                    Some(Routed::Farewell(session, invite, farewell)) => {
                        self.farewells.insert(session.clone(), invite);
                        let (token, next_hop) = (RequestToken::UNHEARD, &farewell.next_hop);
                        let ack = Box::new(farewell.ack);
                        self.delivery
                            .send_ack(now, session.clone(), token, ack, next_hop);
                        let bye = Box::new(farewell.bye);
                        self.delivery.send(now, session, token, bye, next_hop);
                    }
                    Some(Routed::NewCall(call)) => self.begin(now, *call),
                    Some(Routed::NewRequest(new)) => self.begin_request(now, *new),
                    None => {}
                }
            }
            idle &= !self.send_orders(now);
            while let Some(output) = self.delivery.poll_output() {
                idle = false;
                self.deliver(now, output);
            }
            for call in 0..self.calls.len() {
                idle &= !self.run(now, call);
            }
            if idle {
                return;
            }
        }
    }

    fn begin_request(&mut self, now: Instant, new: NewRequest) {
        let id = new.id.clone();
        let Settings {
            linger, give_up, ..
        } = self.settings;
        let session = RequestSession::new(new, linger, give_up);
        let mut session = session.expect("an initial state");
        session.begin(now);
        let mailbox = self.add(&id, Box::new(session));
        self.router.insert_request(id, mailbox);
    }

    fn begin(&mut self, now: Instant, call: NewCall) {
        let (id, invite) = (call.id.clone(), (call.transaction, call.flow));
        let call_id = call.invite.headers.call_id().unwrap().to_owned();
        self.endpoint.set_local_tag(invite.0, id.0.clone());
        let media = self.next_media();
        match begin::incoming(call, media, &self.settings) {
            Ok(mut session) => {
                session.begin(now);
                let mailbox = self.add(&id, Box::new(session));
                self.router
                    .insert(id, call_id.as_bytes(), Some(invite), mailbox);
            }
            Err(refusal) => {
                self.endpoint
                    .respond(now, refusal.transaction, *refusal.response);
            }
        }
    }

    fn add(&mut self, id: &SessionId, session: Box<dyn SessionCore>) -> Queue {
        let mailbox = Queue::default();
        self.calls.push(AgentCall {
            id: id.clone(),
            media: Vec::new(),
            acts: Vec::new(),
            playlist_version: 0,
            awaited: Vec::new(),
            session: Some(session),
            mailbox: mailbox.clone(),
            tape: None,
            room_tape: None,
        });
        if let Some(studio) = &mut self.studio {
            studio.open();
        }
        mailbox
    }

    fn next_media(&self) -> SocketAddr {
        let port = 10_000 + 2 * (self.calls.len() % 20_000) as u16;
        SocketAddr::new(self.address.ip(), port)
    }

    /// Gives a session what waits for it. False: nothing did.
    fn run(&mut self, now: Instant, number: usize) -> bool {
        let mut ran = false;
        loop {
            let call = &mut self.calls[number];
            let Some(session) = &mut call.session else {
                return ran;
            };
            if let Some(output) = session.poll_output() {
                self.carry_out(now, number, output);
            } else if session.poll_timeout().is_some_and(|at| at <= now) {
                session.handle_timeout(now);
            } else if let Some(event) = call.mailbox.take() {
                session.handle_event(now, event);
            } else {
                return ran;
            }
            ran = true;
        }
    }
}

impl Node for Agent {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn receive(&mut self, now: Instant, flow: Flow, bytes: Bytes) {
        self.router.set_clock(now, 1_000_000_000);
        self.endpoint.handle_message(now, flow, bytes);
        self.settle(now);
    }

    fn wake(&mut self, now: Instant) {
        self.router.set_clock(now, 1_000_000_000);
        self.router.handle_timeout(now);
        self.delivery.handle_timeout(now);
        if self.endpoint.poll_timeout().is_some_and(|at| at <= now) {
            self.endpoint.handle_timeout(now);
        }
        if let Some(studio) = &mut self.studio {
            studio.wake(now);
        }
        self.settle(now);
    }

    fn deadline(&self) -> Option<Instant> {
        let sessions = self.calls.iter().filter_map(|call| call.session.as_ref());
        let timers = sessions.filter_map(|session| session.poll_timeout());
        let studio = self.studio.as_ref().and_then(Studio::deadline);
        timers
            .chain(self.endpoint.poll_timeout())
            .chain(self.delivery.poll_timeout())
            .chain(self.router.poll_timeout())
            .chain(studio)
            .min()
    }

    fn transmit(&mut self) -> Option<Transmit> {
        self.endpoint.poll_transmit()
    }
}
