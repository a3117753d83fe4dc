//! A house with many telephones: one endpoint and the calls on it, each no more than the SIP side of one. It does
//! in a call whatever it is told, which sessions with their applications do not.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use muleteer::sip::dialog::Dialog;
use muleteer::sip::dialog::capabilities::{RELIABLE, ReliablePolicy};
use muleteer::sip::dialog::invite_usage::{Command, Event, InviteUsage, RequestToken, UsageSetup};
use muleteer::sip::dialog::session_timer::{self, SessionTimerSettings, TIMER};
use muleteer::sip::endpoint::{self, Endpoint, EndpointConfig, TransactionId};
use muleteer::sip::message::{
    HeaderName, Message, Method, Request, Response, StatusCode, Transport, Uri,
};
use muleteer::sip::transport::{Flow, Transmit};

use crate::support::endpoint::call_config;
use crate::support::wire::Node;

/// One call of the house.
pub struct Line {
    pub usage: InviteUsage,
    pub began: Instant,
    call_id: String,
    /// The INVITE of the other side.
    invite: Option<TransactionId>,
    /// Later ones of the other side.
    servers: Vec<TransactionId>,
    clients: Vec<(RequestToken, TransactionId)>,
}

impl Line {
    /// The other side's tag, when the call is up.
    pub fn peer(&self) -> Option<String> {
        let dialog = self
            .usage
            .dialog()
            .filter(|_| self.usage.is_established())?;
        Some(dialog.id().remote_tag.clone())
    }
}

/// See the module's documentation.
pub struct House {
    pub endpoint: Endpoint,
    /// By number, in the order of their beginning.
    pub lines: BTreeMap<u64, Line>,
    pub timer: SessionTimerSettings,
    address: SocketAddr,
    /// Number of the next call, also after a restart.
    next: u64,
    /// Offers that it made.
    offers: usize,
}

impl House {
    /// `first` is the number of its first call.
    pub fn new(address: SocketAddr, timer: SessionTimerSettings, first: u64) -> Self {
        let config = EndpointConfig {
            supported: vec![RELIABLE.to_owned(), TIMER.to_owned()],
            ..call_config()
        };
        let mut secret = [9; 32];
        secret[..8].copy_from_slice(&first.to_be_bytes());
        Self {
            endpoint: Endpoint::new(config, secret),
            lines: BTreeMap::new(),
            timer,
            address,
            next: first,
            offers: 0,
        }
    }

    /// All calls are forgotten, and what is on its way finds nobody who knows it.
    pub fn restart(&mut self) {
        *self = Self::new(self.address, self.timer, self.next + 1);
    }

    /// Calls and transactions that are not over.
    pub fn remains(&self) -> usize {
        let transactions =
            self.endpoint.server_transactions() + self.endpoint.client_transactions();
        let lines = self.lines.values();
        lines.filter(|line| !line.usage.is_terminated()).count() + transactions
    }

    /// Calls a user at this address.
    pub fn call(&mut self, now: Instant, user: &str, to: SocketAddr) {
        let (from, number) = (self.address, self.next);
        let offer = description(number, "sendrecv");
        let text = format!(
            "INVITE sip:{user}@{to} SIP/2.0\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK0\r\nMax-Forwards: 70\r\n\
             From: <sip:house@{from}>;tag=house-{number}\r\nTo: <sip:{user}@{to}>\r\n\
             Call-ID: house-{number}\r\nCSeq: 1 INVITE\r\nContact: <sip:house@{from}>\r\n\
             Supported: 100rel\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n",
            offer.len()
        );
        let mut text = text.into_bytes();
        text.extend_from_slice(&offer);
        let Ok(Message::Request(mut invite)) = Message::parse_datagram(text.into()) else {
            panic!("an INVITE");
        };
        invite.headers.remove(&HeaderName::Via);
        let next_hop = invite.uri.clone();
        let mut usage = InviteUsage::uac(invite, next_hop, self.setup());
        usage.set_session_timer(now, self.timer);
        self.add(now, format!("house-{number}"), usage, None);
        self.settle(now);
    }

    fn setup(&self) -> UsageSetup {
        UsageSetup {
            reliable: ReliablePolicy::Supported,
            seed: self.next,
            give_up: Duration::from_secs(32),
        }
    }

    fn add(
        &mut self,
        now: Instant,
        call_id: String,
        usage: InviteUsage,
        invite: Option<TransactionId>,
    ) {
        let line = Line {
            usage,
            began: now,
            call_id,
            invite,
            servers: Vec::new(),
            clients: Vec::new(),
        };
        self.lines.insert(self.next, line);
        self.next += 1;
    }

    /// Does something in a call.
    pub fn act(&mut self, now: Instant, number: u64, act: impl FnOnce(&mut InviteUsage)) {
        if let Some(line) = self.lines.get_mut(&number) {
            line.usage.begin_turn(now);
            act(&mut line.usage);
        }
        self.settle(now);
    }

    fn settle(&mut self, now: Instant) {
        while let Some(event) = self.endpoint.poll_event() {
            self.on_endpoint_event(now, event);
        }
        let numbers: Vec<u64> = self.lines.keys().copied().collect();
        for number in numbers {
            self.settle_line(now, number);
        }
        let endpoint = &self.endpoint;
        self.lines.retain(|_, line| {
            let mut clients = line.clients.iter();
            !line.usage.is_terminated() || clients.any(|(_, one)| endpoint.has_client(*one))
        });
    }

    fn settle_line(&mut self, now: Instant, number: u64) {
        while let Some(line) = self.lines.get_mut(&number) {
            if let Some(command) = line.usage.poll_command() {
                self.send(now, number, command);
            } else if let Some(event) = line.usage.poll_event() {
                answer(&mut line.usage, number, &mut self.offers, event);
            } else {
                return;
            }
        }
    }

    fn on_endpoint_event(&mut self, now: Instant, event: endpoint::Event) {
        use endpoint::Event;
        let token = |line: &Line, transaction: TransactionId| {
            let mut clients = line.clients.iter();
            clients
                .find(|(_, own)| *own == transaction)
                .map(|(token, _)| *token)
        };
        let (transaction, is_ours) = match &event {
            Event::Request {
                transaction,
                request,
                ..
            } => return self.on_request(now, *transaction, request.clone()),
            Event::Ack { transaction, .. }
            | Event::Cancelled { transaction }
            | Event::AckTimeout { transaction }
            | Event::PrackTimeout { transaction } => (*transaction, false),
            Event::Response { transaction, .. }
            | Event::Timeout { transaction }
            | Event::SendFailed { transaction } => (*transaction, true),
        };
        let is_of = |line: &&mut Line| match is_ours {
            true => token(line, transaction).is_some(),
            false => line.invite == Some(transaction) || line.servers.contains(&transaction),
        };
        // A restart made the others nobody's.
        let Some(line) = self.lines.values_mut().find(is_of) else {
            return;
        };
        line.usage.begin_turn(now);
        let token = token(line, transaction);
        let usage = &mut line.usage;
        match (event, token) {
            (Event::Ack { request, .. }, _) => usage.handle_ack(&request),
            (Event::Cancelled { .. }, _) => usage.handle_cancel(transaction),
            (Event::AckTimeout { .. }, _) => usage.handle_ack_timeout(),
            (Event::PrackTimeout { .. }, _) => usage.handle_prack_timeout(),
            (Event::Response { response, .. }, Some(token)) => {
                usage.handle_response(now, token, response);
            }
            (Event::Timeout { .. }, Some(token)) => {
                usage.handle_no_response(now, token, StatusCode::REQUEST_TIMEOUT);
            }
            (event, _) => panic!("{event:?}"),
        }
    }

    fn on_request(&mut self, now: Instant, transaction: TransactionId, request: Request) {
        let call_id = request.headers.call_id().unwrap().to_owned();
        let is_new = request.headers.to().unwrap().tag().is_none();
        if is_new && request.method == Method::Invite {
            return self.on_invite(now, transaction, request, call_id);
        }
        let mut lines = self.lines.values_mut();
        let Some(line) = lines.find(|line| line.call_id == call_id && !is_new) else {
            let status = StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST;
            let response = Response::answering(&request, status, Some("none"));
            return self.endpoint.respond(now, transaction, response);
        };
        if request.method == Method::Invite {
            line.servers.push(transaction);
        }
        let usage = &mut line.usage;
        usage.begin_turn(now);
        if !usage.admit(transaction, &request) {
            return;
        }
        match request.method.as_str() {
            "NOTIFY" => usage.reply(transaction, &request, StatusCode::OK, None, &[], "".into()),
            // It promises to follow, and then nothing comes of it.
            "REFER" => {
                let accepted = StatusCode::new(202).unwrap();
                usage.reply(transaction, &request, accepted, None, &[], "".into());
            }
            _ => usage.handle_admitted(transaction, request),
        }
    }

    fn on_invite(
        &mut self,
        now: Instant,
        transaction: TransactionId,
        invite: Request,
        call_id: String,
    ) {
        let tag = format!("house-{}", self.next);
        let contact = Uri::parse(&format!("sip:house@{}", self.address)).unwrap();
        let dialog = Dialog::uas(&invite, &tag, contact).unwrap();
        self.endpoint.set_local_tag(transaction, tag.clone().into());
        if let Err(refusal) = session_timer::judge(&self.timer, &invite) {
            let mut response = Response::answering(&invite, refusal.status(), Some(&tag));
            refusal.write(&mut response);
            return self.endpoint.respond(now, transaction, response);
        }
        let mut usage = InviteUsage::uas(transaction, invite, dialog, self.setup());
        usage.set_session_timer(now, self.timer);
        self.add(now, call_id, usage, Some(transaction));
    }

    fn send(&mut self, now: Instant, number: u64, command: Command) {
        let line = self.lines.get_mut(&number).expect("a call that sends");
        let of = |line: &Line, invite: RequestToken| {
            let found = line.clients.iter().find(|(own, _)| *own == invite);
            found.expect("an INVITE of the call").1
        };
        let flow = |next_hop: &Uri| {
            let sip = next_hop.as_sip().unwrap();
            Flow {
                transport: Transport::Udp,
                local: self.address,
                remote: SocketAddr::new(sip.host.ip().unwrap(), sip.port.unwrap()),
                connection: None,
            }
        };
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
                let flow = flow(&next_hop);
                let transaction = self.endpoint.send_request(now, *request, flow);
                line.clients.retain(|(own, _)| *own != token);
                line.clients.push((token, transaction));
            }
            Command::Ack {
                invite,
                request,
                next_hop,
            } => {
                let transaction = of(line, invite);
                self.endpoint
                    .send_ack(transaction, *request, flow(&next_hop));
            }
            Command::Cancel { invite } => {
                let transaction = of(line, invite);
                self.endpoint.cancel(now, transaction);
            }
        }
    }
}

/// What the house says to everything that wants an answer at once.
fn answer(usage: &mut InviteUsage, number: u64, offers: &mut usize, event: Event) {
    match event {
        Event::Offer { id, .. } => usage.answer(id, description(number, "sendrecv"), &[]),
        // Now and then a call is held, and later it is not.
        Event::OfferWanted { token, .. } => {
            let directions = ["sendrecv", "sendonly", "inactive"];
            *offers += 1;
            let direction = directions[*offers % directions.len()];
            usage.offer(token, description(number, direction));
        }
        _ => {}
    }
}

/// PCMU, with telephone events.
pub fn description(number: u64, direction: &str) -> Bytes {
    let port = 40_000 + 2 * (number % 10_000);
    let text = format!(
        "v=0\r\no=- {number} 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n\
         a={direction}\r\n"
    );
    text.into()
}

impl Node for House {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn receive(&mut self, now: Instant, flow: Flow, bytes: Bytes) {
        self.endpoint.handle_message(now, flow, bytes);
        self.settle(now);
    }

    fn wake(&mut self, now: Instant) {
        if self.endpoint.poll_timeout().is_some_and(|at| at <= now) {
            self.endpoint.handle_timeout(now);
        }
        self.settle(now);
        for line in self.lines.values_mut() {
            if line.usage.poll_timeout().is_some_and(|at| at <= now) {
                line.usage.begin_turn(now);
                line.usage.handle_timeout(now);
            }
        }
        self.settle(now);
    }

    fn deadline(&self) -> Option<Instant> {
        let lines = self.lines.values();
        let timers = lines.filter_map(|line| line.usage.poll_timeout());
        timers.chain(self.endpoint.poll_timeout()).min()
    }

    fn transmit(&mut self) -> Option<Transmit> {
        self.endpoint.poll_transmit()
    }
}
