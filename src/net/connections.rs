//! The stream connections that are open: limits, and which one a request goes by.
//!
//! A request goes by an open connection if that one leads to the address and to whom is meant (RFC 3261
//! §18.1.1, RFC 5923 §5): one that we opened for the same domain, or, where a URI names an address and no
//! domain, any to that address and port. A connection that a client opened is used for a domain only if
//! the client asked for it with `alias`, over TLS, and proved to speak for that domain (RFC 5923 §8.2, §9).
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::HashMap;
use std::mem::{Discriminant, discriminant};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use memchr::memmem;
use tokio::net::TcpStream;

use super::connection::{Closing, Connection, Setup};
use crate::sip::endpoint::subscriber;
use crate::sip::message::{Host, Message, Transport};
use crate::sip::transport::{ConnectionId, Flow, default_port};
use crate::stats::{ConnectionStats, Stats};
use crate::throttle::Throttle;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Connections {
    setup: Arc<Setup>,
    stats: Arc<Stats>,
    by_id: HashMap<ConnectionId, Connection>,
    /// The latest connection to each peer, and those that peers named as theirs with `alias`.
    by_remote: HashMap<(Transport, SocketAddr), ConnectionId>,
    per_source: HashMap<IpAddr, u32>,
    next: u64,
    refused: Throttle,
    closed: HashMap<Discriminant<Closing>, Throttle>,
}

impl Connections {
    pub(super) fn new(setup: Setup, stats: Arc<Stats>) -> Self {
        Self {
            setup: Arc::new(setup),
            stats,
            by_id: HashMap::new(),
            by_remote: HashMap::new(),
            per_source: HashMap::new(),
            next: 0,
            refused: Throttle::default(),
            closed: HashMap::new(),
        }
    }

    /// Takes a connection that a peer has opened, or closes it if there are too many.
    pub(super) fn accept(&mut self, now: Instant, flow: Flow, stream: TcpStream) {
        if self.admits(now, flow.remote) {
            self.stats.connections.accepted.increment();
            let flow = self.named(flow);
            let connection = Connection::accepted(flow, stream, &self.setup);
            self.insert(connection);
        }
    }

    /// Notes that a connection from `remote` is closed at once: too many handshakes were begun there.
    pub(super) fn refuse_handshake(&mut self, now: Instant, remote: SocketAddr) {
        self.stats.connections.refused.handshakes.increment();
        self.log_refusal(now, remote, "handshakes_per_second");
    }

    /// Opens a connection to `flow.remote`, which has to speak for `domain` where the transport can
    /// tell; `None` if there are too many.
    pub(super) fn open(&mut self, now: Instant, flow: Flow, domain: &Host) -> Option<Flow> {
        if !self.admits(now, flow.remote) {
            return None;
        }
        self.stats.connections.opened.increment();
        let flow = self.named(flow);
        self.insert(Connection::opened(flow, domain.clone(), &self.setup));
        Some(flow)
    }

    /// The flow of an open connection to `remote` that may be used for `domain`.
    pub(super) fn to(
        &self,
        transport: Transport,
        remote: SocketAddr,
        domain: &Host,
    ) -> Option<Flow> {
        let id = self.by_remote.get(&(transport, remote))?;
        let connection = self.by_id.get(id)?;
        let is_meant = match (transport, domain) {
            (Transport::Tls, Host::Name(name)) => match &connection.domain {
                Some(Host::Name(own)) => own.eq_ignore_ascii_case(name),
                _ => proves(connection, name),
            },
            _ => true,
        };
        is_meant.then_some(connection.flow)
    }

    pub(super) fn get(&self, id: ConnectionId) -> Option<&Connection> {
        self.by_id.get(&id)
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Notes the SIP domains that a client has proved to speak for.
    pub(super) fn authenticate(&mut self, id: ConnectionId, identities: Vec<String>) {
        if let Some(connection) = self.by_id.get_mut(&id) {
            connection.identities = identities;
        }
    }

    /// Looks whether a message asks for requests to come back by its connection (RFC 5923 §8.2): with
    /// `alias` in the topmost Via, over TLS, and from a client that speaks for the host of `sent-by`.
    pub(super) fn note_alias(&mut self, id: ConnectionId, message: &Bytes) {
        let Some(connection) = self.by_id.get_mut(&id) else {
            return;
        };
        let is_possible = connection.alias.is_none() && !connection.identities.is_empty();
        if !is_possible || memmem::find(message, b"alias").is_none() {
            return;
        }
        let Ok(Message::Request(request)) = Message::parse_datagram(message.clone()) else {
            return;
        };
        let Ok(via) = request.headers.via() else {
            return;
        };
        let Host::Name(name) = &via.host else {
            return;
        };
        let Flow {
            transport, remote, ..
        } = connection.flow;
        if transport == Transport::Tls && via.params.contains("alias") && proves(connection, name) {
            let port = via.port.unwrap_or(default_port(transport));
            let alias = SocketAddr::new(remote.ip(), port);
            connection.alias = Some(alias);
            self.by_remote.insert((transport, alias), id);
        }
    }

    /// Notes that a registrar may send calls by this connection until then.
    pub(super) fn need(&mut self, id: ConnectionId, until: Instant) {
        if let Some(connection) = self.by_id.get_mut(&id) {
            connection.needed = connection.needed.max(Some(until));
        }
    }

    /// Whether a registration of ours lives by this connection.
    pub(super) fn is_needed(&self, now: Instant, id: ConnectionId) -> bool {
        let needed = self.by_id.get(&id).and_then(|one| one.needed);
        needed.is_some_and(|until| now < until)
    }

    /// Ends a connection that nobody needs.
    pub(super) fn retire(&mut self, now: Instant, id: ConnectionId) -> Option<Flow> {
        let connection = self.remove(id)?;
        self.note(now, &connection, &Closing::Idle);
        Some(connection.flow)
    }

    /// Ends a connection that does not take what we send.
    pub(super) fn abort(&mut self, now: Instant, id: ConnectionId) -> Option<Flow> {
        let connection = self.remove(id)?;
        self.note(now, &connection, &Closing::SlowReader);
        let flow = connection.flow;
        connection.abort();
        Some(flow)
    }

    /// Forgets a connection that is over.
    pub(super) fn forget(
        &mut self,
        now: Instant,
        id: ConnectionId,
        closing: &Closing,
    ) -> Option<Flow> {
        let connection = self.remove(id)?;
        self.note(now, &connection, closing);
        Some(connection.flow)
    }

    fn named(&mut self, flow: Flow) -> Flow {
        self.next += 1;
        Flow {
            connection: Some(ConnectionId(self.next)),
            ..flow
        }
    }

    /// Whether one more from or to `remote` is within the limits.
    fn admits(&mut self, now: Instant, remote: SocketAddr) -> bool {
        let limits = &self.setup.limits;
        let refused = &self.stats.connections.refused;
        let from_there = self
            .per_source
            .get(&subscriber(remote.ip().to_canonical()))
            .copied();
        let (counter, setting) = if self.by_id.len() >= limits.total as usize {
            (&refused.total, "total")
        } else if from_there.unwrap_or(0) >= limits.per_source {
            (&refused.source, "per_source")
        } else {
            return true;
        };
        counter.increment();
        self.log_refusal(now, remote, setting);
        false
    }

    fn log_refusal(&mut self, now: Instant, remote: SocketAddr, setting: &str) {
        if let Some(unsaid) = self.refused.pass(now) {
            tracing::warn!(%remote, unsaid, "a connection is refused: [connections] {setting} is reached");
        }
    }

    fn insert(&mut self, connection: Connection) {
        let flow = connection.flow;
        let Some(id) = flow.connection else {
            return;
        };
        *self
            .per_source
            .entry(subscriber(flow.remote.ip().to_canonical()))
            .or_default() += 1;
        self.by_remote.insert((flow.transport, flow.remote), id);
        self.by_id.insert(id, connection);
        self.stats.connections.open.set(self.by_id.len() as u64);
    }

    fn remove(&mut self, id: ConnectionId) -> Option<Connection> {
        let connection = self.by_id.remove(&id)?;
        let Flow {
            transport, remote, ..
        } = connection.flow;
        for address in [Some(remote), connection.alias].into_iter().flatten() {
            if self.by_remote.get(&(transport, address)) == Some(&id) {
                self.by_remote.remove(&(transport, address));
            }
        }
        let source = subscriber(remote.ip().to_canonical());
        if let Some(count) = self.per_source.get_mut(&source) {
            *count -= 1;
            if *count == 0 {
                self.per_source.remove(&source);
            }
        }
        self.stats.connections.open.set(self.by_id.len() as u64);
        Some(connection)
    }

    /// Counts the end of a connection, and logs it unless that is what all connections come to.
    fn note(&mut self, now: Instant, connection: &Connection, closing: &Closing) {
        let ConnectionStats {
            closed,
            unreachable,
            ..
        } = &self.stats.connections;
        let counter = match closing {
            Closing::Peer => return,
            Closing::Idle => return closed.idle.increment(),
            Closing::Unreachable(_) | Closing::Handshake(_) if connection.domain.is_some() => {
                unreachable
            }
            Closing::Unreachable(_) => return,
            Closing::Handshake(_) => &closed.handshake,
            Closing::Silent => &closed.silent,
            Closing::Unfinished => &closed.unfinished,
            Closing::Framing(_) | Closing::WebSocket(_) => &closed.malformed,
            Closing::SlowReader => &closed.slow_reader,
            Closing::NoPong => &closed.no_pong,
        };
        counter.increment();
        let line = self.closed.entry(discriminant(closing)).or_default();
        if let Some(unsaid) = line.pass(now) {
            let Flow {
                transport, remote, ..
            } = connection.flow;
            match &connection.domain {
                Some(domain) => {
                    tracing::warn!(%transport, %domain, %remote, unsaid, "a connection of ours: {closing}");
                }
                None => {
                    tracing::info!(%transport, %remote, unsaid, "a connection is closed: {closing}");
                }
            }
        }
    }
}

/// Whether an accepted connection may carry requests for `name`.
fn proves(connection: &Connection, name: &str) -> bool {
    let is_it = |own: &String| own.eq_ignore_ascii_case(name);
    connection.identities.iter().any(is_it)
}
