//! A whole user agent without sockets, tasks and threads: endpoint, router, sessions, and a fake of
//! everything that plays, hears and reads files. It does what the signalling task and the tasks of
//! the sessions do, in virtual time.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use muleteer::audio::playlist::{PlaylistItem, RoomId};
use muleteer::audio::prompt::Prompt;
use muleteer::audio::recorder::{RecordingMeter, RecordingPlan, recorder};
use muleteer::codec::{CodecId, Codecs};
use muleteer::config::{ApplicationSelector, DigitDetection, DigitSending, Dtmf};
use muleteer::control::monitoring::MonitoringComponent;
use muleteer::control::{Components, MONITORING};
use muleteer::dsm::{self, ActionError, ActionResult, DiCall, Errno};
use muleteer::ids::Ids;
use muleteer::media::{MediaCommand, MediaEvent, OpenError};
use muleteer::rtp::srtp::KeySource;
use muleteer::rtp::{Digit, DigitSource};
use muleteer::sdp::SrtpPolicy;
use muleteer::session::begin::{self, Dial, FirstHop, Settings};
use muleteer::session::call::{RtpPolicy, capabilities};
use muleteer::session::catalog::DiagramApplication;
use muleteer::session::event::Params;
use muleteer::session::local::{Local, LocalPolicy, LocalWork};
use muleteer::session::monitoring::{
    self, Following, Monitor, Order, Reply, Store, StoreLimits, Write,
};
use muleteer::session::outside::Ticket;
use muleteer::session::room::{InRoom, InRoomError};
use muleteer::session::router::{self, RequestSelectors};
use muleteer::session::safe_path;
use muleteer::session::system::SystemStart;
use muleteer::session::{
    ActionToken, AudioFile, Catalog, Limits, Mail, Mailbox, NewCall, NewRequest, Occasion,
    PromptError, RecordError, RequestSession, Routed, Router, RouterConfig, SessionCore,
    SessionEvent, SessionId, SessionOutput, SystemSession, Undelivered, Urgency, Work,
};
use muleteer::sip::contact::ContactPlace;
use muleteer::sip::delivery::{Delivery, DeliveryConfig, Output, stamp_contact};
use muleteer::sip::dialog::capabilities::{EXTENSIONS, METHODS, RELIABLE, ReliablePolicy};
use muleteer::sip::dialog::invite_usage::{Command, RequestToken};
use muleteer::sip::dialog::session_timer::SessionTimerSettings;
use muleteer::sip::endpoint::{Endpoint, EndpointConfig, Event, TransactionId};
use muleteer::sip::locate::{Answer, Question, Reach, RecordType, Target};
use muleteer::sip::message::{HeaderName, Request, Response, StatusCode, Transport, Uri};
use muleteer::sip::transport::{Flow, Transmit};
use muleteer::stats::Stats;

use super::studio::{Studio, Tape};
use super::wire::Node;

/// Events that may wait for one session, as in the server.
const MAILBOX: usize = 128;
/// Of these for events without which a call would not end, and for those that come once.
const RESERVED: usize = 80;
const RESERVED_FOR_ONCE: usize = 72;

/// How long a diagram may work on after a handled hang-up.
pub const LINGER: Duration = Duration::from_secs(20);

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
            stats: stats.clone(),
        });
        let config = EndpointConfig {
            allow: METHODS.to_vec(),
            supported: [RELIABLE]
                .iter()
                .chain(EXTENSIONS)
                .map(ToString::to_string)
                .collect(),
            ..EndpointConfig::default()
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
                give_up: Duration::from_secs(32),
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

    /// Chooses the applications of new calls otherwise than by the user part of the Request-URI.
    pub fn select_by(&mut self, selector: ApplicationSelector) {
        self.router.reload(selector, self.catalog.clone());
    }

    /// Whether new calls have reliable provisional responses.
    pub fn set_reliable(&mut self, policy: ReliablePolicy) {
        self.settings.reliable = policy;
    }

    /// How new calls hear and send keys.
    pub fn set_dtmf(&mut self, inband: DigitDetection, send: DigitSending) {
        self.settings.dtmf = Dtmf { inband, send };
    }

    /// New calls are recorded by themselves, with their states and transitions if that is wanted.
    pub fn follow_calls(&mut self, states: bool, transitions: bool) {
        self.settings.following = Following {
            sessions: Arc::new(true.into()),
            states,
            transitions,
        };
    }

    /// An attribute of a record as text.
    pub fn attribute(&self, id: &str, name: &str) -> Option<String> {
        let value = self.monitor.attribute(id, name)?;
        Some(value.text().into_owned())
    }

    /// Asks the monitoring store.
    pub fn ask(&mut self, mut question: monitoring::Question) -> Reply {
        let now = Duration::from_secs(1_700_000_000);
        loop {
            if let Some(reply) = self.monitor.answer(now, &mut question) {
                return reply;
            }
        }
    }

    /// Calls a function of the component that reads and writes the monitoring store.
    fn call_monitoring(&mut self, call: DiCall) -> ActionResult {
        let (orders, mut received) = tokio::sync::mpsc::channel(8);
        let component = MonitoringComponent::new(Monitor::new(orders));
        let components = Components::default().with(MONITORING, Arc::new(component));
        let calling = components.call_for_script(call);
        drop(components);
        let serve = async {
            while let Some(order) = received.recv().await {
                match order {
                    Order::Write(write) => drop(self.monitor.apply(write)),
                    Order::Ask(question, answer) => drop(answer.send(self.ask(question))),
                }
            }
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.unwrap().block_on(async {
            let (result, ()) = tokio::join!(calling, serve);
            result
        })
    }

    /// Does the work on the machine that waits.
    pub fn do_local_work(&mut self, now: Instant) {
        self.finish_local_work();
        self.settle(now);
    }

    fn finish_local_work(&mut self) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        for (id, token, work) in std::mem::take(&mut self.local_work) {
            let result = runtime.block_on(self.local.perform(work));
            let done = SessionEvent::Performed(token, result);
            self.router.deliver(&id, done);
        }
    }

    /// Whether new calls encrypt audio.
    pub fn set_srtp(&mut self, srtp: SrtpPolicy, srtp_without_tls: bool) {
        self.settings.rtp.srtp = srtp;
        self.settings.rtp.srtp_without_tls = srtp_without_tls;
    }

    /// New calls get what is in this catalog.
    pub fn reload(&mut self, catalog: Catalog) {
        self.catalog = Arc::new(catalog);
        self.select_by(ApplicationSelector::RuriUser);
    }

    /// Makes prompts of these names be there.
    pub fn add_prompts(&mut self, names: &[&str]) {
        for name in names {
            let prompt = Arc::new(Prompt::from_pcm(vec![0; 160], 8000));
            self.prompts.insert((*name).to_owned(), prompt);
        }
    }

    /// Lets the loading of a prompt end, for every session that waits for it.
    pub fn release(&mut self, now: Instant, name: &str) {
        self.slow.remove(name);
        let file = AudioFile::Name(name.to_owned());
        for call in &mut self.calls {
            if let Some(at) = call.awaited.iter().position(|(awaited, _)| awaited == name) {
                let (_, looped) = call.awaited.remove(at);
                let result = loaded(&self.prompts, &file, looped);
                call.mailbox
                    .post(SessionEvent::Prompt(result))
                    .expect("room");
            }
        }
        self.settle(now);
    }

    /// Something happens to the audio of the call with this number.
    pub fn hear(&mut self, now: Instant, call: usize, event: MediaEvent) {
        self.tell(now, call, SessionEvent::Media(event));
    }

    /// All that is in the playlist has been played.
    pub fn end_playlist(&mut self, now: Instant, call: usize) {
        let version = self.calls[call].playlist_version;
        self.hear(now, call, MediaEvent::NoAudio { version });
    }

    /// The caller presses a key.
    pub fn press(&mut self, now: Instant, call: usize, key: char) {
        let digit = Digit::from_char(key).unwrap();
        let duration = Duration::from_millis(100);
        let source = DigitSource::Event;
        let event = MediaEvent::Digit {
            digit,
            duration,
            source,
        };
        self.hear(now, call, event);
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

    /// The DNS answers what it was asked.
    pub fn answer_dns(&mut self, now: Instant) {
        for question in std::mem::take(&mut self.asked) {
            let kind = match question.kind {
                RecordType::Naptr => "NAPTR",
                RecordType::Srv => "SRV",
                RecordType::A => "A",
                RecordType::Aaaa => "AAAA",
            };
            let answer = self.zone.get(&(question.name.to_string(), kind)).cloned();
            let answer = answer.unwrap_or(Answer::none(Duration::from_secs(60)));
            self.delivery.handle_answer(now, question, &answer);
        }
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

    /// New calls have this session timer.
    pub fn set_session_timer(&mut self, timer: SessionTimerSettings) {
        self.settings.session_timer = Some(timer);
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

    /// Gives requests outside calls to applications, by method.
    pub fn serve(&mut self, requests: RequestSelectors) {
        self.endpoint.set_allow(router::methods(&requests));
        self.router.set_requests(requests);
    }

    fn begin_request(&mut self, now: Instant, new: NewRequest) {
        let id = new.id.clone();
        let mut session = RequestSession::new(new, LINGER).expect("an initial state");
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

    fn carry_out(&mut self, now: Instant, number: usize, output: SessionOutput) {
        let id = self.calls[number].id.clone();
        match output {
            SessionOutput::Sip(command) => self.send(now, &id, command),
            SessionOutput::Media(command) => {
                let words = self.words(&command);
                let call = &mut self.calls[number];
                call.media.push(words);
                use MediaCommand::{Append, Flush, Prepend};
                if let Append(_) | Prepend(_) | Flush = command {
                    call.playlist_version += 1;
                }
                match (&mut self.studio, command) {
                    (Some(studio), command) => studio.command(now, number, command),
                    (None, MediaCommand::StartRecording(sink)) => {
                        call.tape.as_mut().expect("a file").sink = Some(sink);
                    }
                    (None, MediaCommand::StopRecording) => drop_sink(call),
                    (None, _) => {}
                }
            }
            SessionOutput::LoadPrompt { file, looped, .. } => {
                let name = file.to_string();
                if self.slow.contains(&name) {
                    return self.calls[number].awaited.push((name, looped));
                }
                let result = loaded(&self.prompts, &file, looped);
                if let Some(session) = &mut self.calls[number].session {
                    session.handle_event(now, SessionEvent::Prompt(result));
                }
            }
            SessionOutput::Room(request) => {
                let stream = self.studio.as_ref().map(|studio| studio.stream(number));
                self.router.handle_room(&id, stream, request);
            }
            SessionOutput::RecordRoom {
                room,
                file,
                sample_rate,
            } => {
                let plan = RecordingPlan::new(sample_rate);
                let begun = self.writable(&file).map(|name| {
                    let (sink, source) = recorder(plan);
                    let meter = sink.meter();
                    self.calls[number].room_tape = Some(Tape::new(name, source));
                    let studio = self.studio.as_mut().expect("rooms with sound");
                    studio.record(now, &room, sink);
                    meter
                });
                let begun = SessionEvent::RoomRecordingBegun(begun);
                self.router.deliver(&id, begun);
            }
            SessionOutput::InRoom(room, act) => {
                let is_answered = act.is_answered();
                self.calls[number].acts.push(format!("{act:?}"));
                let changes = matches!(act, InRoom::Take(_) | InRoom::Leave);
                let done = match &mut self.studio {
                    _ if self.no_rooms && matches!(act, InRoom::Take(_) | InRoom::Tee(_)) => {
                        Err(InRoomError::Open(OpenError::TooManyRooms { limit: 0 }))
                    }
                    Some(studio) => studio.act_in(now, number, &room, act),
                    None => Ok(RoomId::new(0, 0)),
                };
                let call = &mut self.calls[number];
                call.playlist_version += u32::from(changes && done.is_ok());
                if let Some(session) = call.session.as_mut().filter(|_| is_answered) {
                    session.handle_event(now, SessionEvent::InRoom(done));
                }
            }
            SessionOutput::Perform {
                token,
                work: Work::Mail(Mail::Post { to, params }),
            } if &*to.0 == WITNESS => {
                self.witness.push(*params);
                let done = SessionEvent::Performed(token, Ok(dsm::Answer::Nothing));
                self.router.deliver(&id, done);
            }
            SessionOutput::Perform {
                token,
                work: Work::Mail(mail),
            } => self.router.handle_mail(&id, token, mail),
            SessionOutput::Perform {
                token,
                work: Work::Group(request),
            } => self.router.handle_group(&id, token, request),
            SessionOutput::Perform {
                token,
                work: Work::Room(question),
            } => self.router.answer_room(&id, token, question),
            SessionOutput::Perform {
                token,
                work: Work::Local(work),
            } => {
                self.local_work.push((id, token, work));
                if !self.local_is_slow {
                    self.finish_local_work();
                }
            }
            SessionOutput::Perform {
                token,
                work: Work::Ask(question),
            } => {
                let value = match self.ask(question) {
                    Reply::Attribute(Some(value)) => value.into(),
                    _ => serde_json::Value::Null,
                };
                let done = SessionEvent::Performed(token, Ok(dsm::Answer::Value(value)));
                self.router.deliver(&id, done);
            }
            SessionOutput::Monitor(write) => {
                let _ = self.monitor.apply(write);
            }
            SessionOutput::Perform {
                work: Work::Call(call),
                ..
            } if call.factory == "never" => {}
            SessionOutput::Perform {
                token,
                work: Work::DialOut(call),
            } => {
                let placed = self.router.dial_out(now, *call, 0).map(|dial| {
                    let id = dial.id.to_string();
                    self.place(now, dial);
                    dsm::Answer::Value(id.into())
                });
                let placed =
                    placed.map_err(|error| ActionError::errno(Errno::GENERAL, error.to_string()));
                self.router
                    .deliver(&id, SessionEvent::Performed(token, placed));
            }
            SessionOutput::Perform {
                token,
                work: Work::Module(ticket),
            } => {
                let event = SessionEvent::Performed(token, ticket.block());
                self.router.deliver(&id, event);
            }
            SessionOutput::GiveUp(work) => muleteer::plugin::module::give_up(work),
            SessionOutput::Perform {
                token,
                work: Work::Outside(work),
            } => self.router.handle_outside(now, &id, token, work),
            SessionOutput::Perform {
                token,
                work: Work::Call(call),
            } if call.factory == MONITORING => {
                let result = self.call_monitoring(*call);
                self.router
                    .deliver(&id, SessionEvent::Performed(token, result));
            }
            SessionOutput::Perform { token, .. } => {
                let nothing = ActionError::errno(Errno::CONFIG, "not in this test");
                let event = SessionEvent::Performed(token, Err(nothing));
                self.router.deliver(&id, event);
            }
            SessionOutput::Record {
                file,
                options,
                sample_rate,
            } => {
                let plan = RecordingPlan {
                    sides: options.sides,
                    limit: options.max,
                    silence: options.silence,
                    ..RecordingPlan::new(sample_rate)
                };
                let begun = self.record(now, number, &file, plan);
                self.router
                    .deliver(&id, SessionEvent::RecordingBegun(begun));
            }
            SessionOutput::Ended => {
                if let Some(studio) = &mut self.studio {
                    studio.command(now, number, MediaCommand::Close);
                }
                drop_sink(&mut self.calls[number]);
                self.calls[number].session = None;
                let _ = self.monitor.apply(Write::Finish(id.0.clone()));
                self.router.remove(&id);
                self.router.end_outside(now, &id);
                self.delivery.forget(&id);
            }
        }
    }

    /// What the stream of a call takes in and the disk takes down. False: nothing has happened.
    fn take_sound(&mut self) -> bool {
        let events = self.studio.as_mut().map(Studio::events);
        let mut some = false;
        for (number, event) in events.unwrap_or_default() {
            some = true;
            let _ = self.calls[number].mailbox.post(SessionEvent::Media(event));
        }
        for (room, speaker) in self
            .studio
            .as_mut()
            .map(Studio::speakers)
            .unwrap_or_default()
        {
            some = true;
            self.router.on_speaker(&room, speaker);
        }
        for call in &mut self.calls {
            let complete = call.room_tape.as_mut().and_then(Tape::advance);
            if let Some((pcm, _, ended)) = complete
                && let Some(Tape { name, .. }) = call.room_tape.take()
            {
                some = true;
                self.recordings.insert(name, pcm);
                let _ = call.mailbox.post(SessionEvent::RoomRecordingEnded(ended));
            }
            let complete = call.tape.as_mut().and_then(Tape::advance);
            if let Some((pcm, rate, ended)) = complete
                && let Some(Tape { name, .. }) = call.tape.take()
            {
                some = true;
                let prompt = Prompt::from_pcm(pcm.clone(), rate);
                self.prompts.insert(name.clone(), Arc::new(prompt));
                self.recordings.insert(name, pcm);
                let _ = call.mailbox.post(SessionEvent::RecordingEnded(ended));
            }
        }
        some
    }

    /// The name of a file that can be recorded into.
    fn writable(&self, file: &AudioFile) -> Result<String, RecordError> {
        let name = file.to_string();
        if safe_path::join(Path::new("/recordings"), &name).is_none() {
            return Err(RecordError::Name(name));
        }
        if self.unwritable.contains(&name) {
            let cause = "read-only file system".to_owned();
            return Err(RecordError::Unwritable { path: name, cause });
        }
        Ok(name)
    }

    fn record(
        &mut self,
        now: Instant,
        number: usize,
        file: &AudioFile,
        plan: RecordingPlan,
    ) -> Result<RecordingMeter, RecordError> {
        let name = self.writable(file)?;
        let (sink, source) = recorder(plan);
        let meter = sink.meter();
        self.calls[number].tape = Some(Tape::new(name, source));
        let start = MediaCommand::StartRecording(Box::new(sink));
        self.carry_out(now, number, SessionOutput::Media(start));
        Ok(meter)
    }

    fn send(&mut self, now: Instant, id: &SessionId, command: Command) {
        match command {
            Command::Respond {
                transaction,
                response,
            } => {
                self.router.note_answer(id, transaction, response.status);
                self.endpoint.respond(now, transaction, *response);
            }
            Command::Acknowledged { transaction } => self.endpoint.acknowledge(now, transaction),
            Command::Cancel { invite } => {
                if self.delivery.cancel(now, id, invite) {
                    return;
                }
                if let Some(transaction) = self.router.client(id, invite) {
                    self.delivery.hold(transaction);
                    self.endpoint.cancel(now, transaction);
                }
            }
            Command::Request {
                token,
                request,
                next_hop,
            } => self
                .delivery
                .send(now, id.clone(), token, request, &next_hop),
            Command::Ack {
                invite,
                request,
                next_hop,
            } => self
                .delivery
                .send_ack(now, id.clone(), invite, request, &next_hop),
        }
    }

    fn deliver(&mut self, now: Instant, output: Output<SessionId>) {
        match output {
            Output::Ask(question) => {
                self.asked.push(question);
                if !self.dns_is_slow {
                    self.answer_dns(now);
                }
            }
            Output::Send {
                attempt,
                mut request,
            } => {
                let flow = self.flow(&attempt.target);
                let place = ContactPlace {
                    transport: flow.transport,
                    local: flow.local,
                    name: None,
                    is_request: true,
                };
                if let Some((_, sent)) = self.outside.get_mut(&attempt.sender) {
                    for request in [&mut *request, sent] {
                        place_contact(request, &place);
                    }
                    let transaction = self.endpoint.send_request(now, *request, flow);
                    let sender = attempt.sender.clone();
                    self.outside_clients.insert(transaction, sender);
                    return self.delivery.handle_sent(now, attempt, transaction);
                }
                stamp_contact(&mut request, &place, |local| local == self.address);
                let transaction = self.endpoint.send_request(now, *request, flow);
                self.router
                    .bind_client(&attempt.sender, attempt.token, transaction, |id| {
                        self.endpoint.has_client(id)
                    });
                self.delivery.handle_sent(now, attempt, transaction);
            }
            Output::Ack {
                sender,
                invite,
                request,
                target,
            } => {
                let flow = self.flow(&target);
                let transactions: Vec<_> = self.router.clients(&sender, invite).collect();
                let mut all = transactions.iter();
                let found = all.find(|one| self.endpoint.awaits_ack(**one, &request));
                let orphan = self.farewells.remove(&sender);
                if let Some(transaction) = orphan.as_ref().or(found).or(transactions.first()) {
                    self.endpoint.send_ack(*transaction, *request, flow);
                }
            }
            Output::Own { sender, command } => self.send(now, &sender, command),
            Output::Located { .. } => {}
            Output::Abandon(transaction) => self.endpoint.abandon(now, transaction),
            Output::Failed {
                sender,
                token,
                status,
            } => {
                if !self.finish_outside(now, &sender, Err(status)) {
                    self.router
                        .deliver(&sender, SessionEvent::NoResponse(token, status));
                }
            }
        }
    }

    /// Sends what sessions have under way outside calls. False: there is nothing.
    fn send_orders(&mut self, now: Instant) -> bool {
        let mut some = false;
        while let Some(order) = self.router.poll_outside() {
            some = true;
            self.outside_sent += 1;
            let sender = SessionId(format!("outside {}", self.outside_sent).into());
            let mut request = order.request;
            if let Some(contact) = order.contact {
                let headers = &mut request.headers;
                headers.push(HeaderName::Contact, contact.to_string());
            }
            let route = request.headers.routes().unwrap().into_iter().next();
            let hop = order.next_hop.or(route.map(|route| route.uri));
            let hop = hop.unwrap_or_else(|| request.uri.clone());
            let under_way = (order.ticket, (*request).clone());
            self.outside.insert(sender.clone(), under_way);
            self.delivery
                .send(now, sender, RequestToken(0), request, &hop);
        }
        some
    }

    /// Takes an event of a request outside calls; gives every other one back.
    fn take_outside(&mut self, now: Instant, event: Event) -> Option<Event> {
        let (Event::Response { transaction, .. } | Event::Timeout { transaction }) = &event else {
            return Some(event);
        };
        let Some(sender) = self.outside_clients.get(transaction).cloned() else {
            return Some(event);
        };
        let answer = match event {
            Event::Response { response, .. } if response.status.is_provisional() => return None,
            Event::Response { response, .. } => Ok(response),
            _ => Err(StatusCode::REQUEST_TIMEOUT),
        };
        self.finish_outside(now, &sender, answer);
        None
    }

    fn finish_outside(
        &mut self,
        now: Instant,
        sender: &SessionId,
        answer: Result<Response, StatusCode>,
    ) -> bool {
        let Some((ticket, request)) = self.outside.remove(sender) else {
            return false;
        };
        self.outside_clients.retain(|_, other| other != sender);
        self.delivery.forget(sender);
        self.router
            .handle_outside_answer(now, ticket, request, answer);
        true
    }

    fn flow(&self, target: &Target) -> Flow {
        Flow {
            transport: target.transport,
            local: self.address,
            remote: target.address,
            connection: None,
        }
    }

    fn words(&self, command: &MediaCommand) -> String {
        match command {
            MediaCommand::Configure(to) => {
                let direction = match (to.send, to.receive) {
                    (true, true) => "sendrecv",
                    (true, false) => "sendonly",
                    (false, true) => "recvonly",
                    (false, false) => "inactive",
                };
                match to.remote {
                    Some(remote) => format!("configure {remote} {direction}"),
                    None => format!("configure nowhere {direction}"),
                }
            }
            MediaCommand::Append(item) => format!("append {}", self.item(item)),
            MediaCommand::Prepend(item) => format!("prepend {}", self.item(item)),
            MediaCommand::SetOutput(output) => format!("output {output:?}"),
            MediaCommand::SetReceiving(on) => format!("receiving {on}"),
            MediaCommand::DetectDigits(on) => format!("digits {on}"),
            MediaCommand::StartRecording(_) => "start recording".to_owned(),
            MediaCommand::StopRecording => "stop recording".to_owned(),
            MediaCommand::PauseRecording(true) => "pause recording".to_owned(),
            MediaCommand::PauseRecording(false) => "resume recording".to_owned(),
            MediaCommand::SendDigit { digit, .. } => format!("send digit {digit}"),
            other => format!("{other:?}").to_lowercase(),
        }
    }

    fn item(&self, item: &PlaylistItem) -> String {
        match item {
            PlaylistItem::Prompt { prompt, looped } => {
                let known = |(_, known): &(&String, &Arc<Prompt>)| Arc::ptr_eq(known, prompt);
                let (name, _) = self.prompts.iter().find(known).unwrap();
                let looped = if *looped { " looped" } else { "" };
                format!("{name}{looped}")
            }
            other => format!("{other:?}").to_lowercase(),
        }
    }
}

/// Puts our address into the Contact of a request that has none of ours yet.
fn place_contact(request: &mut Request, place: &ContactPlace<'_>) {
    let contact = request.headers.contacts().unwrap().pop();
    if let Some(mut contact) = contact
        && let Uri::Sip(uri) = &mut contact.uri
        && uri.host.to_string() == "invalid"
    {
        place.write_to(uri);
        request
            .headers
            .set(HeaderName::Contact, contact.to_string());
    }
}

/// What the store would give a session.
fn loaded(
    prompts: &BTreeMap<String, Arc<Prompt>>,
    file: &AudioFile,
    looped: bool,
) -> Result<PlaylistItem, PromptError> {
    let name = &file.to_string();
    let named = matches!(file, AudioFile::Name(_));
    if named && safe_path::join(Path::new("/audio"), name).is_none() {
        return Err(PromptError::Name(name.clone()));
    }
    let prompt = prompts.get(name).cloned();
    let missing = || PromptError::Missing {
        name: name.to_owned(),
        folders: "/audio".to_owned(),
    };
    let item = |prompt| PlaylistItem::Prompt { prompt, looped };
    prompt.map(item).ok_or_else(missing)
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

/// Without a studio, a recording ends when it is told to.
fn drop_sink(call: &mut AgentCall) {
    if let Some(tape) = &mut call.tape {
        tape.sink = None;
    }
}
