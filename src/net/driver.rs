//! The signalling task.
//!
//! One task owns the SIP endpoint, the router and the UDP sockets. It waits for a datagram, a
//! framed message, a command of a session or a timer, feeds the endpoint, hands the endpoint's
//! events to the router, and writes what the endpoint wants sent. It takes these inputs in turn and awaits
//! nothing else.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod outgoing;
mod outside;
mod streams;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep_until;

use self::outside::OutsideRequests;
use super::acceptor::StreamAcceptor;
use super::connection::{Setup, StreamInput};
use super::connections::Connections;
use super::dns::Resolver;
use super::load::{WayLoad, WorkLoad};
use super::local_address::LocalAddresses;
use super::tls::Tls;
use super::udp::UdpListener;
use crate::config::{ApplicationSelector, Connections as ConnectionLimits};
use crate::session::begin::Dial;
use crate::session::event::Params;
use crate::session::guard::Guard;
use crate::session::pool::{SessionPool, SipCommand};
use crate::session::router::{self, RequestSelectors};
use crate::session::system::SystemStart;
use crate::session::{Catalog, DialAnswer, NewCall, Routed, Router, SessionId, TaskMailbox};
use crate::sip::delivery::Delivery;
use crate::sip::endpoint::{Endpoint, EndpointStats, SourceRules, Sources, TransactionId};
use crate::sip::locate::{Answer, Question};
use crate::sip::message::Transport;
use crate::sip::registration::Identity;
use crate::sip::transport::{Flow, Transmit};
use crate::stats::Stats;

/// Commands taken before the other inputs get their turn.
const COMMANDS_AT_ONCE: usize = 64;

/// Datagrams that are taken in one turn, at most: few enough that timers and commands do not wait long.
const DATAGRAMS_AT_ONCE: usize = 16;

/// Framed messages waiting for the signalling task.
const STREAM_QUEUE: usize = 1024;
/// Answers of the DNS that wait for the signalling task.
const ANSWER_QUEUE: usize = 1024;

/// What the server asks of the signalling task.
#[derive(Debug)]
pub enum Control {
    /// Place a call.
    Dial(Box<Dial>),
    /// Choose applications of new calls by these.
    Reload(Box<(ApplicationSelector, RequestSelectors, Arc<Catalog>)>),
    /// Have the requests of an address of record be those of this account, or of nobody in particular.
    Identity(Box<str>, Option<Identity>),
    /// Guard requests like this, or let all pass.
    SetGuard(Option<Box<Guard>>),
    /// Start a diagram without a call.
    StartSystem(Box<SystemStart>),
    /// Deliver an event to a session or queue, and say whether there is one.
    Post {
        /// The session or queue.
        to: SessionId,
        /// The event's parameters.
        params: Box<Params>,
        /// Whether it was delivered.
        answer: oneshot::Sender<bool>,
    },
    /// Refuse new calls, tell every session to end.
    Drain,
    /// Tell every session of a signal, SIGUSR1 or SIGUSR2, by its number.
    Signal(u8),
    /// End every session that is left.
    Terminate,
    /// Answer as soon as there is no session.
    WhenIdle(oneshot::Sender<()>),
    /// Say how much is left in the tables.
    Inspect(oneshot::Sender<Remains>),
}

/// How much the signalling task holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remains {
    /// Sessions.
    pub sessions: usize,
    /// Entries in all of the router's tables.
    pub router_entries: usize,
    /// Transactions, lingering ones included.
    pub transactions: usize,
    /// Requests that wait for the DNS or have another server to try.
    pub deliveries: usize,
    /// Connections of stream transports.
    pub connections: usize,
    /// What the endpoint has done so far.
    pub endpoint: EndpointStats,
}

/// What the signalling task is made of.
pub struct DriverParts {
    /// The SIP core.
    pub endpoint: Endpoint,
    /// Finds where requests go. It reaches what the sockets below can send to.
    pub delivery: Delivery<SessionId>,
    /// Answers its questions.
    pub resolver: Arc<dyn Resolver>,
    /// Where events go.
    pub router: Router<TaskMailbox>,
    /// Starts sessions.
    pub pool: SessionPool,
    /// Sockets, in the order of the configuration.
    pub udp: Vec<UdpListener>,
    /// Listening sockets of stream transports.
    pub acceptors: Vec<StreamAcceptor>,
    /// Limits of connections.
    pub limits: ConnectionLimits,
    /// Who may begin how many TLS handshakes.
    pub handshakes: SourceRules,
    /// Certificates.
    pub tls: Arc<Tls>,
    /// The name that our certificate proves.
    pub name: Option<Arc<str>>,
    /// Pages whose WebSockets are taken; empty: all.
    pub origins: Vec<String>,
    /// From sessions.
    pub commands: mpsc::Receiver<SipCommand>,
    /// From the server.
    pub control: mpsc::Receiver<Control>,
    /// Counters.
    pub stats: Arc<Stats>,
}

/// See the module's documentation.
pub struct Driver {
    endpoint: Endpoint,
    delivery: Delivery<SessionId>,
    resolver: Arc<dyn Resolver>,
    router: Router<TaskMailbox>,
    pool: SessionPool,
    udp: Vec<UdpListener>,
    /// Which of them is asked first.
    turn: usize,
    /// Datagrams to send at the end of the turn: by which socket, to whom.
    outbox: Vec<(usize, SocketAddr, Bytes)>,
    stream_listeners: Vec<(Transport, SocketAddr)>,
    connections: Connections,
    handshakes: Sources,
    name: Option<Arc<str>>,
    /// Of each UDP socket, and of all connections.
    loads: Vec<WayLoad>,
    /// Of the worker thread, which every way leads to.
    work: WorkLoad,
    locals: LocalAddresses,
    commands: mpsc::Receiver<SipCommand>,
    control: mpsc::Receiver<Control>,
    streams: mpsc::Receiver<StreamInput>,
    answers: mpsc::Receiver<(Question, Answer)>,
    answer_sender: mpsc::Sender<(Question, Answer)>,
    /// Calls to place that wait for the DNS: where they lead decides which address is theirs.
    dials: HashMap<SessionId, (Dial, Option<DialAnswer>)>,
    outside: OutsideRequests,
    /// INVITEs whose sessions are gone and whose late answers are being acknowledged.
    farewells: HashMap<SessionId, TransactionId>,
    /// Who wants to know when the last session is gone.
    when_idle: Vec<oneshot::Sender<()>>,
    stats: Arc<Stats>,
}

/// One thing the task woke up for.
enum Input {
    Datagram(usize, SocketAddr, Bytes),
    Command(SipCommand),
    Control(Control),
    Stream(StreamInput),
    Answer(Question, Answer),
    Timer,
    /// Every sender of commands is gone.
    Closed,
}

impl Driver {
    /// Puts the parts together and starts the acceptors. Needs a tokio runtime.
    pub fn new(parts: DriverParts) -> Self {
        let (stream_sender, streams) = mpsc::channel(STREAM_QUEUE);
        let (answer_sender, answers) = mpsc::channel(ANSWER_QUEUE);
        let listeners = parts.acceptors.iter();
        let stream_listeners = listeners
            .map(|acceptor| (acceptor.transport(), acceptor.local()))
            .collect();
        let setup = Setup {
            limits: parts.limits,
            tls: parts.tls,
            origins: parts.origins,
            inputs: stream_sender.clone(),
        };
        for acceptor in parts.acceptors {
            tokio::spawn(acceptor.run(stream_sender.clone()));
        }
        Self {
            endpoint: parts.endpoint,
            delivery: parts.delivery,
            resolver: parts.resolver,
            router: parts.router,
            pool: parts.pool,
            loads: vec![WayLoad::default(); parts.udp.len() + 1],
            work: WorkLoad::default(),
            udp: parts.udp,
            turn: 0,
            outbox: Vec::new(),
            stream_listeners,
            connections: Connections::new(setup, parts.stats.clone()),
            handshakes: Sources::new(parts.handshakes),
            name: parts.name,
            locals: LocalAddresses::default(),
            commands: parts.commands,
            control: parts.control,
            streams,
            answers,
            answer_sender,
            dials: HashMap::new(),
            outside: OutsideRequests::default(),
            farewells: HashMap::new(),
            when_idle: Vec::new(),
            stats: parts.stats,
        }
    }

    /// Runs until the control channel is closed.
    pub async fn run(mut self) {
        loop {
            let input = self.wait().await;
            let now = Instant::now();
            if let Input::Closed = input {
                return;
            }
            let is_datagram = matches!(input, Input::Datagram(..));
            self.watch_load(now, &input);
            self.take(now, input);
            if is_datagram {
                self.take_datagrams(now);
            }
            self.take_commands(now);
            // Not left to chance, so that a flood on one socket does not hold up the timers.
            if self.poll_timeout().is_some_and(|at| at <= now) {
                self.take(now, Input::Timer);
            }
            self.flush(now);
            if !self.when_idle.is_empty()
                && self.router.is_empty()
                && !self.router.is_unsubscribing()
            {
                for waiting in self.when_idle.drain(..) {
                    // Whoever asked may have given up.
                    let _ = waiting.send(());
                }
            }
        }
    }

    /// Waits for the next input. Of several that are ready one is chosen at random, and sockets take
    /// turns, so that none of them starves another.
    async fn wait(&mut self) -> Input {
        let deadline = self.poll_timeout();
        let Self {
            udp,
            turn,
            commands,
            control,
            streams,
            answers,
            ..
        } = self;
        let timer = async {
            match deadline {
                Some(at) => sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        *turn = turn.wrapping_add(1);
        let datagram = std::future::poll_fn(|cx| poll_datagram(udp, *turn, cx));
        tokio::select! {
            control = control.recv() => control.map_or(Input::Closed, Input::Control),
            Some(command) = commands.recv() => Input::Command(command),
            (index, source, bytes) = datagram => Input::Datagram(index, source, bytes),
            Some(input) = streams.recv() => Input::Stream(input),
            Some((question, answer)) = answers.recv() => Input::Answer(question, answer),
            () = timer => Input::Timer,
        }
    }

    /// Takes what datagrams are ready without waiting, in a bounded batch, as
    /// [`take_commands`](Self::take_commands) does.
    fn take_datagrams(&mut self, now: Instant) {
        // Nobody has to be woken: `wait` asks the sockets again before it sleeps.
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..DATAGRAMS_AT_ONCE {
            self.turn = self.turn.wrapping_add(1);
            let Poll::Ready((index, source, bytes)) =
                poll_datagram(&mut self.udp, self.turn, &mut cx)
            else {
                return;
            };
            let input = Input::Datagram(index, source, bytes);
            self.watch_load(now, &input);
            self.take(now, input);
        }
    }

    /// Takes what commands are ready without waiting, in a bounded batch: a burst of them costs one
    /// turn.
    fn take_commands(&mut self, now: Instant) {
        for _ in 0..COMMANDS_AT_ONCE {
            match self.commands.try_recv() {
                Ok(command) => self.take(now, Input::Command(command)),
                Err(_) => return,
            }
        }
    }

    /// Tells the endpoint whether what comes this way waits too long, before it is looked at or after.
    fn watch_load(&mut self, now: Instant, input: &Input) {
        let way = match input {
            Input::Datagram(index, ..) => *index,
            Input::Stream(_) => self.udp.len(),
            _ => return,
        };
        if self.loads[way].count() {
            let percent = match self.udp.get(way) {
                Some(socket) => socket.queue_percent(),
                None => (self.streams.len() * 100 / STREAM_QUEUE) as u32,
            };
            if self.loads[way].look(now, percent) {
                self.stats.overloads.increment();
            }
        }
        if self.work.look(now, self.pool.begun(), self.pool.unbegun()) {
            self.stats.overloads.increment();
        }
        self.endpoint
            .set_overloaded(self.work.refuses() || self.loads[way].refuses());
    }

    fn take(&mut self, now: Instant, input: Input) {
        if self.router.wants_clock() {
            let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
            let seconds = since_1970.map_or(0, |time| time.as_secs());
            self.router.set_clock(now, seconds);
        }
        match input {
            Input::Datagram(index, source, bytes) => self.on_datagram(now, index, source, bytes),
            Input::Command(command) => self.on_command(now, command),
            Input::Control(control) => self.on_control(now, control),
            Input::Stream(input) => self.on_stream(now, input),
            Input::Answer(question, answer) => {
                self.delivery.handle_answer(now, question, &answer);
            }
            Input::Timer => {
                self.router.handle_timeout(now);
                self.delivery.handle_timeout(now);
                self.endpoint.handle_timeout(now);
            }
            Input::Closed => {}
        }
        self.drain_endpoint(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let (endpoint, delivery) = (self.endpoint.poll_timeout(), self.delivery.poll_timeout());
        let timers = [endpoint, delivery, self.router.poll_timeout()];
        timers.into_iter().flatten().min()
    }

    fn on_datagram(&mut self, now: Instant, index: usize, source: SocketAddr, bytes: Bytes) {
        // Before anything that costs more than a look at a list.
        if !self.endpoint.lets_in(source.ip()) {
            return;
        }
        let bound = self.udp[index].local();
        let ip = self.locals.towards(now, bound.ip(), source.ip());
        let flow = Flow {
            transport: Transport::Udp,
            local: SocketAddr::new(ip, bound.port()),
            remote: source,
            connection: None,
        };
        self.receive(now, flow, bytes);
    }

    fn receive(&mut self, now: Instant, flow: Flow, bytes: Bytes) {
        let from = flow.remote;
        tracing::debug!(target: "sip", %from, "{}", start_line(&bytes));
        self.endpoint.handle_message(now, flow, bytes);
    }

    fn on_control(&mut self, now: Instant, control: Control) {
        match control {
            Control::Dial(dial) => self.on_dial(now, *dial, None),
            Control::Reload(applications) => {
                let (selector, requests, catalog) = *applications;
                self.endpoint.set_allow(router::methods(&requests));
                self.router.set_requests(requests);
                self.router.reload(selector, catalog);
            }
            Control::Identity(key, identity) => self.router.set_identity(key, identity),
            Control::SetGuard(guard) => self.router.set_guard(guard.map(|guard| *guard)),
            Control::StartSystem(start) => {
                let id = self.router.system_id();
                let mailbox = self.pool.start_system(id.clone(), *start);
                self.router.insert_system(id, mailbox);
            }
            Control::Post { to, params, answer } => {
                // The asker may have given up.
                let _ = answer.send(self.router.post(&to, *params));
            }
            Control::Drain => {
                self.drop_dials();
                self.router.drain();
            }
            Control::Signal(number) => self.router.signal(number),
            Control::Terminate => self.router.terminate_all(),
            Control::WhenIdle(answer) => self.when_idle.push(answer),
            Control::Inspect(answer) => {
                // The asker may have given up.
                let _ = answer.send(Remains {
                    sessions: self.router.len(),
                    router_entries: self.router.table_entries(),
                    transactions: self.endpoint.server_transactions()
                        + self.endpoint.client_transactions(),
                    deliveries: self.delivery.len(),
                    connections: self.connections.len(),
                    endpoint: self.endpoint.stats(),
                });
            }
        }
    }

    fn on_command(&mut self, now: Instant, command: SipCommand) {
        match command {
            SipCommand::Dialog { session, command } => self.on_dialog(now, session, command),
            SipCommand::Mail {
                session,
                token,
                mail,
            } => self.router.handle_mail(&session, token, mail),
            SipCommand::Send { to, event, params } => self.router.send(&to, event, params),
            SipCommand::Group {
                session,
                token,
                request,
            } => self.router.handle_group(&session, token, request),
            SipCommand::RoomQuestion {
                session,
                token,
                question,
            } => self.router.answer_room(&session, token, question),
            SipCommand::Room {
                session,
                stream,
                request,
            } => self.router.handle_room(&session, stream, request),
            SipCommand::Speaker { room, speaker } => self.router.on_speaker(&room, speaker),
            SipCommand::Outside(outside) => self.on_outside(now, *outside),
            SipCommand::OutsideWork {
                session,
                token,
                work,
            } => self.router.handle_outside(now, &session, token, work),
            SipCommand::DialOut(order) => self.on_dial_out(now, order),
            SipCommand::Ended { session } => {
                self.router.remove(&session);
                self.router.end_outside(now, &session);
                self.delivery.forget(&session);
            }
        }
    }

    /// Lets endpoint, delivery and router talk and sends what comes of it, until all are silent.
    fn drain_endpoint(&mut self, now: Instant) {
        loop {
            while let Some(event) = self.endpoint.poll_event() {
                let Some(event) = self.delivery.handle_event(now, event) else {
                    continue;
                };
                let Some(event) = self.take_outside(now, event) else {
                    continue;
                };
                match self.router.handle_event(now, event) {
                    Some(Routed::Respond(transaction, response)) => {
                        self.endpoint.respond(now, transaction, response);
                    }
                    Some(Routed::Farewell(session, invite, farewell)) => {
                        self.say_farewell(now, session, invite, *farewell);
                    }
                    Some(Routed::Refuse(transaction, response)) => {
                        self.endpoint.refuse(now, transaction, response);
                    }
                    Some(Routed::NewCall(call)) => self.start(*call),
                    Some(Routed::NewRequest(new)) => {
                        let id = new.id.clone();
                        let mailbox = self.pool.start_request(*new);
                        self.router.insert_request(id, mailbox);
                    }
                    None => {}
                }
            }
            self.send_orders(now);
            if let Some(output) = self.delivery.poll_output() {
                self.deliver(now, output);
            } else if let Some(transmit) = self.endpoint.poll_transmit() {
                self.transmit(now, transmit);
            } else {
                return;
            }
        }
    }

    fn start(&mut self, call: NewCall) {
        let (id, transaction, flow) = (call.id.clone(), call.transaction, call.flow);
        let invite = call.invite.clone();
        let call_id = invite.headers.call_id().unwrap_or_default();
        self.endpoint.set_local_tag(transaction, id.0.clone());
        let mailbox = self.pool.start_incoming(call);
        self.router
            .insert(id, call_id.as_bytes(), Some((transaction, flow)), mailbox);
    }

    fn transmit(&mut self, now: Instant, Transmit { flow, bytes }: Transmit) {
        self.stats.sip_messages_sent.increment();
        tracing::debug!(target: "sip", to = %flow.remote, "{}", start_line(&bytes));
        match flow.connection {
            Some(id) => self.transmit_by(now, id, Transmit { flow, bytes }),
            None => {
                let mut sockets = self.udp.iter();
                let Some(index) = sockets.position(|socket| socket.serves(flow.local)) else {
                    tracing::error!(local = %flow.local, "no socket for this address");
                    return;
                };
                self.outbox.push((index, flow.remote, bytes));
            }
        }
    }

    /// Sends the datagrams of a turn one after the other, so that who receives them wakes once.
    fn flush(&mut self, now: Instant) {
        while !self.outbox.is_empty() {
            let mut unsent = Vec::new();
            for (index, remote, bytes) in self.outbox.drain(..) {
                if let Err(error) = self.udp[index].send(remote, &bytes) {
                    tracing::debug!(%remote, %error, "a datagram could not be sent");
                    unsent.push(bytes);
                }
            }
            if unsent.is_empty() {
                return;
            }
            for bytes in unsent {
                self.endpoint.handle_unsent(now, bytes);
            }
            // Which may lead to more.
            self.drain_endpoint(now);
        }
    }
}

/// The first line of a message, for the log; at most as much of it as fits a line.
fn start_line(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    let line = bytes.split(|byte| *byte == b'\r').next();
    let line = line.unwrap_or_default();
    String::from_utf8_lossy(&line[..line.len().min(200)])
}

/// Takes a datagram of the first socket that has one, beginning behind the one that `turn` counts to.
fn poll_datagram(
    udp: &mut [UdpListener],
    turn: usize,
    cx: &mut Context<'_>,
) -> Poll<(usize, SocketAddr, Bytes)> {
    for step in 0..udp.len() {
        let index = turn.wrapping_add(step) % udp.len();
        if let Poll::Ready((source, bytes)) = udp[index].poll_receive(cx) {
            return Poll::Ready((index, source, bytes));
        }
    }
    Poll::Pending
}
