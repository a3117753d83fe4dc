//! One side of a call: an endpoint, the usage of at most one call, and what happened to it in words.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use muleteer::sip::dialog::Dialog;
use muleteer::sip::dialog::capabilities::{RELIABLE, ReliablePolicy};
use muleteer::sip::dialog::farewell::Farewell;
use muleteer::sip::dialog::invite_usage::{
    Change, Command, Content, Event, InviteUsage, RequestToken, UsageSetup,
};
use muleteer::sip::dialog::session_timer::{self, SessionTimerSettings, TIMER};
use muleteer::sip::endpoint::{self, Endpoint, EndpointConfig, TransactionId};
use muleteer::sip::message::{
    HeaderName, Message, Method, Request, Response, StatusCode, Transport, Uri,
};
use muleteer::sip::transport::{Flow, Transmit};

use crate::support::endpoint::call_config;
use crate::support::wire::{Node, Wire, WireConfig, World};

pub const CALLER: usize = 0;
pub const CALLEE: usize = 1;

/// See the module's documentation.
pub struct Party {
    pub endpoint: Endpoint,
    pub usage: Option<InviteUsage>,
    /// Names of the usage's events, and of what the party did.
    pub log: Vec<String>,
    /// Whether it takes offers, or refuses them with 488.
    pub takes_offers: bool,
    /// Session timer, set before the call.
    pub timer: Option<SessionTimerSettings>,
    /// Requests of the dialog that it does not answer: it is gone.
    pub is_deaf: bool,
    address: SocketAddr,
    /// INVITEs of the other side.
    servers: Vec<TransactionId>,
    clients: Vec<(RequestToken, TransactionId)>,
    seed: u64,
}

impl Party {
    fn new(address: SocketAddr, seed: u64) -> Self {
        let config = EndpointConfig {
            supported: vec![RELIABLE.to_owned(), TIMER.to_owned()],
            ..call_config()
        };
        let mut secret = [address.port() as u8; 32];
        secret[..8].copy_from_slice(&seed.to_be_bytes());
        Self {
            endpoint: Endpoint::new(config, secret),
            usage: None,
            log: Vec::new(),
            takes_offers: true,
            timer: None,
            is_deaf: false,
            address,
            servers: Vec::new(),
            clients: Vec::new(),
            seed,
        }
    }

    fn setup(&self) -> UsageSetup {
        UsageSetup {
            reliable: ReliablePolicy::Supported,
            seed: self.seed,
            give_up: Duration::from_secs(32),
        }
    }

    /// Whether the call is up here.
    pub fn is_up(&self) -> bool {
        self.usage.as_ref().is_some_and(InviteUsage::is_established)
    }

    /// Whether the call has not come to its end here.
    pub fn is_alive(&self) -> bool {
        self.usage
            .as_ref()
            .is_some_and(|usage| !usage.is_terminated())
    }

    /// How often this is in the log.
    pub fn count(&self, word: &str) -> usize {
        self.log.iter().filter(|own| *own == word).count()
    }

    fn call(&mut self, now: Instant, to: SocketAddr) {
        let from = self.address;
        let text = format!(
            "INVITE sip:callee@{to} SIP/2.0\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK0\r\n\
             Max-Forwards: 70\r\nFrom: <sip:caller@{from}>;tag=caller\r\nTo: <sip:callee@{to}>\r\n\
             Call-ID: call-{}\r\nCSeq: 1 INVITE\r\nContact: <sip:caller@{from}>\r\n\
             Supported: 100rel\r\nContent-Type: application/sdp\r\nContent-Length: 5\r\n\r\noffer",
            self.seed
        );
        let Ok(Message::Request(mut invite)) = Message::parse_datagram(text.into()) else {
            panic!("an INVITE");
        };
        invite.headers.remove(&HeaderName::Via);
        let next_hop = invite.uri.clone();
        let mut usage = InviteUsage::uac(invite, next_hop, self.setup());
        if let Some(timer) = self.timer {
            usage.set_session_timer(now, timer);
        }
        self.usage = Some(usage);
        self.settle(now);
    }

    /// Does something with the usage, if there is one.
    pub fn act(&mut self, now: Instant, act: impl FnOnce(&mut InviteUsage)) {
        if let Some(usage) = &mut self.usage {
            usage.begin_turn(now);
            act(usage);
        }
        self.settle(now);
    }

    fn settle(&mut self, now: Instant) {
        loop {
            if let Some(event) = self.endpoint.poll_event() {
                self.on_endpoint_event(now, event);
                continue;
            }
            let Some(usage) = &mut self.usage else { return };
            if let Some(command) = usage.poll_command() {
                self.send(now, command);
            } else if let Some(event) = usage.poll_event() {
                self.on_usage_event(event);
            } else {
                return;
            }
        }
    }

    fn on_endpoint_event(&mut self, now: Instant, event: endpoint::Event) {
        use endpoint::Event;
        match event {
            Event::Request {
                transaction,
                request,
                ..
            } => self.on_request(now, transaction, request),
            event => self.on_other(now, event),
        }
    }

    fn on_request(&mut self, now: Instant, transaction: TransactionId, request: Request) {
        let is_new = request.headers.to().unwrap().tag().is_none();
        if is_new && request.method == Method::Invite && self.usage.is_none() {
            let contact = Uri::parse(&format!("sip:callee@{}", self.address)).unwrap();
            let dialog = Dialog::uas(&request, "callee", contact).unwrap();
            self.endpoint.set_local_tag(transaction, "callee".into());
            self.servers.push(transaction);
            if let Some(timer) = &self.timer
                && let Err(refusal) = session_timer::judge(timer, &request)
            {
                let status = refusal.status();
                let mut response = Response::answering(&request, status, Some("callee"));
                refusal.write(&mut response);
                return self.endpoint.respond(now, transaction, response);
            }
            let mut usage = InviteUsage::uas(transaction, request, dialog, self.setup());
            if let Some(timer) = self.timer {
                usage.set_session_timer(now, timer);
            }
            self.usage = Some(usage);
            return;
        }
        if request.method == Method::Invite {
            self.servers.push(transaction);
        }
        match self.usage.as_mut().filter(|_| !is_new) {
            Some(usage) => {
                if usage.admit(transaction, &request) {
                    usage.handle_admitted(transaction, request);
                }
            }
            None => {
                let status = StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST;
                let response = Response::answering(&request, status, Some("none"));
                self.endpoint.respond(now, transaction, response);
            }
        }
    }

    fn on_other(&mut self, now: Instant, event: endpoint::Event) {
        use endpoint::Event;
        let token = |transaction: TransactionId, clients: &[(RequestToken, TransactionId)]| {
            let found = clients.iter().find(|(_, own)| *own == transaction);
            found.map(|(token, _)| *token)
        };
        let Some(usage) = self.usage.as_mut() else {
            return;
        };
        match event {
            Event::Request { .. } => unreachable!("taken before"),
            Event::Ack { request, .. } => usage.handle_ack(&request),
            Event::Cancelled { transaction } => usage.handle_cancel(transaction),
            Event::AckTimeout { .. } => usage.handle_ack_timeout(),
            Event::PrackTimeout { .. } => usage.handle_prack_timeout(),
            Event::Response {
                transaction,
                response,
            } => match token(transaction, &self.clients) {
                Some(token) => usage.handle_response(now, token, response),
                None => assert!(!Farewell::is_due(&response), "an INVITE without token"),
            },
            Event::Timeout { transaction } => {
                if let Some(token) = token(transaction, &self.clients) {
                    usage.handle_no_response(now, token, StatusCode::REQUEST_TIMEOUT);
                }
            }
            Event::SendFailed { .. } => unreachable!("the wire takes all"),
        }
    }

    fn on_usage_event(&mut self, event: Event) {
        let text = format!("{event:?}");
        let name = text.split([' ', '{']).next().unwrap_or_default();
        self.log.push(name.to_owned());
        let Some(usage) = &mut self.usage else { return };
        match event {
            Event::Offer { id, .. } if !self.takes_offers => {
                usage.decline(id, StatusCode::NOT_ACCEPTABLE_HERE, &[]);
            }
            Event::Offer { id, offer, .. } => {
                let body = match offer.is_empty() {
                    true => "offer",
                    false => "answer",
                };
                usage.answer(id, body.into(), &[]);
            }
            Event::OfferWanted { token, .. } => usage.offer(token, "offer".into()),
            Event::Answer { answer, .. } => assert_eq!(&answer[..], b"answer"),
            Event::Done { outcome, .. } => {
                let status = match outcome {
                    Ok(response) => response.status,
                    Err(status) => status,
                };
                self.log.push(format!("done {status}"));
            }
            _ => {}
        }
    }

    fn send(&mut self, now: Instant, command: Command) {
        match command {
            Command::Respond {
                transaction,
                response,
            } => self.endpoint.respond(now, transaction, *response),
            Command::Acknowledged { transaction } => self.endpoint.acknowledge(now, transaction),
            Command::Request {
                token,
                request,
                next_hop,
            } => {
                let flow = self.flow(&next_hop);
                let transaction = self.endpoint.send_request(now, *request, flow);
                self.clients.retain(|(own, _)| *own != token);
                self.clients.push((token, transaction));
            }
            Command::Ack {
                invite,
                request,
                next_hop,
            } => {
                let flow = self.flow(&next_hop);
                let found = self.clients.iter().find(|(own, _)| *own == invite);
                let transaction = found.expect("the INVITE of an ACK").1;
                self.endpoint.send_ack(transaction, *request, flow);
            }
            Command::Cancel { invite } => {
                let found = self.clients.iter().find(|(own, _)| *own == invite);
                let transaction = found.expect("the INVITE of a CANCEL").1;
                self.endpoint.cancel(now, transaction);
            }
        }
    }

    fn flow(&self, next_hop: &Uri) -> Flow {
        let sip = next_hop.as_sip().unwrap();
        Flow {
            transport: Transport::Udp,
            local: self.address,
            remote: SocketAddr::new(sip.host.ip().unwrap(), sip.port.unwrap()),
            connection: None,
        }
    }
}

impl Node for Party {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn receive(&mut self, now: Instant, flow: Flow, bytes: Bytes) {
        if self.is_deaf {
            return;
        }
        self.endpoint.handle_message(now, flow, bytes);
        if let Some(usage) = &mut self.usage {
            usage.begin_turn(now);
        }
        self.settle(now);
    }

    fn wake(&mut self, now: Instant) {
        if self.endpoint.poll_timeout().is_some_and(|at| at <= now) {
            self.endpoint.handle_timeout(now);
        }
        self.settle(now);
        if let Some(usage) = &mut self.usage
            && usage.poll_timeout().is_some_and(|at| at <= now)
        {
            usage.begin_turn(now);
            usage.handle_timeout(now);
        }
        self.settle(now);
    }

    fn deadline(&self) -> Option<Instant> {
        let usage = self.usage.as_ref().and_then(InviteUsage::poll_timeout);
        usage.into_iter().chain(self.endpoint.poll_timeout()).min()
    }

    fn transmit(&mut self) -> Option<Transmit> {
        self.endpoint.poll_transmit()
    }
}

/// A caller and a callee.
pub struct Pair {
    pub world: World<Party>,
}

impl Pair {
    pub fn new(wire: WireConfig, seed: u64) -> Self {
        let party = |address: &str| Party::new(address.parse().unwrap(), seed);
        let nodes = vec![party("192.0.2.1:5061"), party("192.0.2.2:5062")];
        Self {
            world: World::new(Wire::new(wire, seed), nodes),
        }
    }

    /// The caller calls.
    pub fn call(&mut self) {
        let (now, to) = (self.world.now, self.world.nodes[CALLEE].address);
        self.world.nodes[CALLER].call(now, to);
        self.world.flush();
    }

    /// One side does something.
    pub fn act(&mut self, side: usize, act: impl FnOnce(&mut InviteUsage)) {
        let now = self.world.now;
        self.world.nodes[side].act(now, act);
        self.world.flush();
    }

    pub fn run(&mut self, ms: u64) {
        self.world.advance(Duration::from_millis(ms));
    }

    pub fn side(&mut self, side: usize) -> &mut Party {
        &mut self.world.nodes[side]
    }

    /// A call that is up on both sides.
    pub fn established(wire: WireConfig) -> Self {
        let mut pair = Self::new(wire, 1);
        pair.call();
        pair.run(100);
        pair.act(CALLEE, |usage| usage.accept(None, &[], "answer".into()));
        pair.run(100);
        assert!(pair.side(CALLER).is_up() && pair.side(CALLEE).is_up());
        pair
    }

    /// Every message so far, as `METHOD` or `status METHOD`, of one side.
    pub fn sent_by(&mut self, side: usize) -> Vec<String> {
        let address = self.side(side).address;
        let messages = self.world.wire.log.iter();
        let own = messages.filter(|(_, transmit)| transmit.flow.local == address);
        own.map(
            |(_, transmit)| match Message::parse_datagram(transmit.bytes.clone()) {
                Ok(Message::Request(request)) => request.method.to_string(),
                Ok(Message::Response(response)) => {
                    let method = response.headers.cseq().unwrap().method;
                    format!("{} {method}", response.status)
                }
                Err(bad) => panic!("{bad:?}"),
            },
        )
        .collect()
    }

    /// The call ends, and nothing is left of it.
    pub fn ends(&mut self) {
        self.world.run_to_end(100_000);
        for side in &self.world.nodes {
            assert!(!side.is_alive(), "{:?}", side.log);
            let endpoint = &side.endpoint;
            let left = endpoint.server_transactions() + endpoint.client_transactions();
            assert_eq!(left, 0);
        }
    }
}

pub fn reinvite() -> Change {
    Change {
        method: Method::Invite,
        has_offer: true,
        headers: Vec::new(),
    }
}

pub fn update() -> Change {
    Change {
        method: Method::Update,
        ..reinvite()
    }
}

pub fn info(usage: &mut InviteUsage) {
    usage.send_request(Method::Info, &[], Content::default());
}
