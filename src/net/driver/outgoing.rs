//! What sessions send: which socket or connection it goes by.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Instant;

use smallvec::SmallVec;

use super::super::local_address::is_seen_as;
use super::super::udp::UdpListener;
use super::Driver;
use crate::session::begin::{self, Dial, FirstHop};
use crate::session::{DialAnswer, DialError, DialOrder, SessionEvent, SessionId};
use crate::sip::contact::ContactPlace;
use crate::sip::delivery::{Output, stamp_contact};
use crate::sip::dialog::farewell::Farewell;
use crate::sip::dialog::invite_usage::{Command, RequestToken};
use crate::sip::endpoint::TransactionId;
use crate::sip::locate::{LocateError, Question, Target, Targets};
use crate::sip::message::{HeaderName, Request, Transport};
use crate::sip::transport::Flow;

impl Driver {
    pub(super) fn on_dialog(&mut self, now: Instant, session: SessionId, command: Command) {
        match command {
            Command::Respond {
                transaction,
                response,
            } => {
                self.router
                    .note_answer(&session, transaction, response.status);
                self.endpoint.respond(now, transaction, *response);
            }
            Command::Acknowledged { transaction } => self.endpoint.acknowledge(now, transaction),
            Command::Cancel { invite } => {
                if self.delivery.cancel(now, &session, invite) {
                    return;
                }
                if let Some(transaction) = self.router.client(&session, invite) {
                    self.delivery.hold(transaction);
                    self.endpoint.cancel(now, transaction);
                }
            }
            command @ (Command::Request { .. } | Command::Ack { .. }) => {
                let flow = self.own_flow_of(&session, &command);
                let command = match flow {
                    Some(_) => self.delivery.keep_behind(&session, command),
                    None => Some(command),
                };
                if let Some(command) = command {
                    self.send_by(now, session, command, flow);
                }
            }
        }
    }

    fn own_flow_of(&self, session: &SessionId, command: &Command) -> Option<Flow> {
        match command {
            Command::Request {
                request, next_hop, ..
            }
            | Command::Ack {
                request, next_hop, ..
            } => self.own_flow(session, request, next_hop),
            _ => None,
        }
    }

    /// Sends a request or an ACK, by a connection of its own or to where the delivery finds.
    fn send_by(&mut self, now: Instant, session: SessionId, command: Command, flow: Option<Flow>) {
        match (command, flow) {
            (Command::Request { token, request, .. }, Some(flow)) => {
                let transaction = self.endpoint.send_request(now, *request, flow);
                self.bind(&session, token, transaction);
            }
            (
                Command::Request {
                    token,
                    request,
                    next_hop,
                },
                None,
            ) => self.delivery.send(now, session, token, request, &next_hop),
            (
                Command::Ack {
                    invite, request, ..
                },
                Some(flow),
            ) => {
                if let Some(transaction) = self.acknowledged(&session, invite, &request) {
                    self.endpoint.send_ack(transaction, *request, flow);
                }
            }
            (
                Command::Ack {
                    invite,
                    request,
                    next_hop,
                },
                None,
            ) => self
                .delivery
                .send_ack(now, session, invite, request, &next_hop),
            // Answers and CANCELs have a transaction, which knows its flow.
            _ => {}
        }
    }

    /// What comes by this transaction is for that session.
    fn bind(&mut self, session: &SessionId, token: RequestToken, transaction: TransactionId) {
        let endpoint = &self.endpoint;
        self.router
            .bind_client(session, token, transaction, |id| endpoint.has_client(id));
    }

    /// Acknowledges and ends a dialog whose session is gone.
    pub(super) fn say_farewell(
        &mut self,
        now: Instant,
        session: SessionId,
        invite: TransactionId,
        farewell: Farewell,
    ) {
        let Farewell { ack, bye, next_hop } = farewell;
        let token = RequestToken::UNHEARD;
        self.farewells.insert(session.clone(), invite);
        self.delivery
            .send_ack(now, session.clone(), token, Box::new(ack), &next_hop);
        self.delivery
            .send(now, session, token, Box::new(bye), &next_hop);
    }

    /// Does what the delivery wants done.
    pub(super) fn deliver(&mut self, now: Instant, output: Output<SessionId>) {
        match output {
            Output::Ask(question) => self.ask(question),
            Output::Send {
                attempt,
                mut request,
            } => {
                let preferred = self.router.local(&attempt.sender);
                let Some(flow) = self.flow_to(now, &attempt.target, preferred) else {
                    return self.delivery.handle_unsendable(now, attempt);
                };
                // The ACK went before.
                self.farewells.remove(&attempt.sender);
                let name = self.name.clone();
                let place = ContactPlace {
                    transport: flow.transport,
                    local: flow.local,
                    name: name.as_deref(),
                    is_request: true,
                };
                match self.outside.contact(&attempt.sender, &place) {
                    Some(contact) => request.headers.push(HeaderName::Contact, contact),
                    None => stamp_contact(&mut request, &place, |local| self.is_local(local)),
                }
                if flow.connection.is_some() {
                    self.router.set_flow(&attempt.sender, &request, flow);
                }
                let transaction = self.endpoint.send_request(now, *request, flow);
                if !self.outside.bind(&attempt.sender, transaction, &flow) {
                    self.bind(&attempt.sender, attempt.token, transaction);
                }
                self.delivery.handle_sent(now, attempt, transaction);
            }
            Output::Ack {
                sender,
                invite,
                request,
                target,
            } => {
                let preferred = self.router.local(&sender);
                let flow = self.flow_to(now, &target, preferred);
                let transaction = self.acknowledged(&sender, invite, &request);
                if let (Some(transaction), Some(flow)) = (transaction, flow) {
                    self.endpoint.send_ack(transaction, *request, flow);
                }
            }
            Output::Own { sender, command } => {
                let flow = self.own_flow_of(&sender, &command);
                self.send_by(now, sender, command, flow);
            }
            Output::Located { sender, targets } => self.place(now, sender, targets),
            Output::Abandon(transaction) => self.endpoint.abandon(now, transaction),
            Output::Failed {
                sender,
                token,
                status,
            } => {
                self.farewells.remove(&sender);
                if !self.finish_outside(now, &sender, Err(status)) {
                    let event = SessionEvent::NoResponse(token, status);
                    self.router.deliver(&sender, event);
                }
            }
        }
    }

    fn ask(&self, question: Question) {
        let (resolver, answers) = (self.resolver.clone(), self.answer_sender.clone());
        tokio::spawn(async move {
            let answer = resolver.ask(&question).await;
            // At shutdown nobody waits for it any more.
            let _ = answers.send((question, answer)).await;
        });
    }

    /// The transaction whose 2xx is acknowledged: an INVITE that went to several servers has several.
    fn acknowledged(
        &mut self,
        session: &SessionId,
        invite: RequestToken,
        ack: &Request,
    ) -> Option<TransactionId> {
        if let Some(orphan) = self.farewells.get(session) {
            return Some(*orphan);
        }
        let mut all = self.router.clients(session, invite);
        let latest = all.next()?;
        let mut earlier = all.peekable();
        if earlier.peek().is_none() || self.endpoint.awaits_ack(latest, ack) {
            return Some(latest);
        }
        let found = earlier.find(|one| self.endpoint.awaits_ack(*one, ack));
        found.or(Some(latest))
    }

    /// Whether this is one of our sockets, as peers see it.
    fn is_local(&self, address: SocketAddr) -> bool {
        let udp = self.udp.iter().map(UdpListener::local);
        udp.chain(self.stream_listeners.iter().map(|(_, local)| *local))
            .any(|bound| is_seen_as(bound, address))
    }

    /// How to reach a target: by a socket of its family, `preferred` if that is one, or by a
    /// connection, a new one if need be.
    fn flow_to(
        &mut self,
        now: Instant,
        target: &Target,
        preferred: Option<SocketAddr>,
    ) -> Option<Flow> {
        let (transport, remote) = (target.transport, target.address);
        if transport != Transport::Udp {
            return self.stream_to(now, transport, remote, target.server_name.as_deref());
        }
        let usable = |local: &SocketAddr| {
            local.is_ipv4() == remote.is_ipv4() && self.udp.iter().any(|own| own.serves(*local))
        };
        let local = match preferred.filter(usable) {
            Some(local) => local,
            None => self.local_towards(now, transport, remote.ip())?,
        };
        Some(Flow {
            transport,
            local,
            remote,
            connection: None,
        })
    }

    /// The socket to reach `remote` from, as peers see it: the one bound to the address on the way there,
    /// else one bound to all addresses, else the first of that family. Port 0: nothing listens for that
    /// transport. `None`: there is no way.
    pub(super) fn local_towards(
        &mut self,
        now: Instant,
        transport: Transport,
        remote: IpAddr,
    ) -> Option<SocketAddr> {
        let any = match remote {
            IpAddr::V4(_) => IpAddr::from(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let ours = self.locals.towards(now, any, remote);
        let udp = self.udp.iter().map(UdpListener::local);
        let bound: SmallVec<[SocketAddr; 4]> = match transport {
            Transport::Udp => udp.collect(),
            _ => {
                let listeners = self.stream_listeners.iter();
                let of_transport = listeners.filter(|(own, _)| *own == transport);
                of_transport.map(|(_, local)| *local).collect()
            }
        };
        let mut of_family = bound.iter().filter(|one| one.is_ipv4() == remote.is_ipv4());
        let first = of_family.clone().next();
        let on_the_way = of_family.clone().find(|one| one.ip() == ours);
        let chosen = on_the_way
            .or_else(|| of_family.find(|one| one.ip().is_unspecified()))
            .or(first);
        let Some(chosen) = chosen else {
            // Connections can be opened where nothing listens.
            let is_way = transport != Transport::Udp && !ours.is_unspecified();
            return is_way.then(|| SocketAddr::new(ours, 0));
        };
        let ip = match chosen.ip().is_unspecified() {
            true => ours,
            false => chosen.ip(),
        };
        (!ip.is_unspecified()).then(|| SocketAddr::new(ip, chosen.port()))
    }

    /// Places a call for whoever ordered it, if it may be.
    pub(super) fn on_dial_out(&mut self, now: Instant, DialOrder { call, answer }: DialOrder) {
        match self.router.dial_out(now, *call, self.dials.len()) {
            Ok(dial) => self.on_dial(now, dial, Some(answer)),
            // Whoever asked may have given up.
            Err(error) => drop(answer.send(Err(error))),
        }
    }

    /// Finds out where a call leads; [`place`](Self::place) begins it.
    pub(super) fn on_dial(&mut self, now: Instant, dial: Dial, answer: Option<DialAnswer>) {
        let session = dial.id.clone();
        if self.dials.contains_key(&session) {
            let error = DialError::NameTaken(session);
            return begin::give_up(&dial.application, error, answer);
        }
        if let Some(outbound) = &dial.outbound {
            self.delivery
                .set_outbound(session.clone(), outbound.clone());
        }
        self.delivery.locate(now, session.clone(), dial.first_hop());
        self.dials.insert(session, (dial, answer));
    }

    /// Begins a call whose targets are known, from the address that the first of them is reached from.
    fn place(&mut self, now: Instant, session: SessionId, targets: Result<Targets, LocateError>) {
        let Some((dial, answer)) = self.dials.remove(&session) else {
            return;
        };
        let way = targets.map(|targets| {
            let transports = || targets.iter().map(|target| target.transport);
            targets.iter().find_map(
                |Target {
                     transport, address, ..
                 }| {
                    let local = self.local_towards(now, *transport, address.ip())?;
                    Some(FirstHop::new(local, *transport, transports()))
                },
            )
        });
        let why = match way {
            Ok(Some(way)) => {
                let call_id = dial.call_id.clone();
                let mailbox = self.pool.start_outgoing(dial, way, answer);
                return self
                    .router
                    .insert(session, call_id.as_bytes(), None, mailbox);
            }
            Ok(None) => DialError::NoNetwork,
            Err(error) => DialError::NotLocated(error.to_string()),
        };
        self.delivery.forget(&session);
        begin::give_up(&dial.application, why, answer);
    }

    /// Places no more calls.
    pub(super) fn drop_dials(&mut self) {
        for (session, (dial, answer)) in self.dials.drain() {
            self.delivery.forget(&session);
            begin::give_up(&dial.application, DialError::ShuttingDown, answer);
        }
    }
}
