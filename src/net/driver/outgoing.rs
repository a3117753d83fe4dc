//! What sessions send: where it goes, by which socket or connection.

use std::net::SocketAddr;
use std::time::Instant;

use super::super::resolve::{self, ResolveError, Target, TargetHost};
use super::super::tcp::Connection;
use super::super::udp::UdpListener;
use super::{Driver, Resolved};
use crate::session::begin::Dial;
use crate::session::{SessionEvent, SessionId};
use crate::sip::dialog::invite_usage::Command;
use crate::sip::message::{StatusCode, Transport, Uri};
use crate::sip::transport::Flow;

impl Driver {
    pub(super) fn on_dialog(&mut self, now: Instant, session: SessionId, command: Command) {
        match command {
            Command::Respond {
                transaction,
                response,
            } => {
                self.endpoint.respond(now, transaction, *response);
            }
            Command::Cancel { invite } => {
                if let Some(transaction) = self.router.client(&session, invite) {
                    self.endpoint.cancel(now, transaction);
                }
            }
            Command::Request { ref next_hop, .. } | Command::Ack { ref next_hop, .. } => {
                match resolve::target(next_hop) {
                    Ok(Target {
                        transport,
                        host: TargetHost::Address(ip),
                        port,
                    }) => {
                        let address = SocketAddr::new(ip, port);
                        self.send(now, &session, command, transport, address);
                    }
                    Ok(Target {
                        transport,
                        host: TargetHost::Name(name),
                        port,
                    }) => {
                        self.look_up(session, command, transport, name, port);
                    }
                    Err(error) => self.unreachable(&session, &command, &error),
                }
            }
        }
    }

    fn look_up(
        &self,
        session: SessionId,
        command: Command,
        transport: Transport,
        name: String,
        port: u16,
    ) {
        let results = self.resolved_sender.clone();
        let ipv4 = self.udp.iter().any(|socket| socket.local().is_ipv4());
        let ipv6 = self.udp.iter().any(|socket| socket.local().is_ipv6());
        tokio::spawn(async move {
            let address = resolve::look_up(&name, port, ipv4, ipv6).await;
            // At shutdown nobody waits for it any more.
            let _ = results
                .send(Resolved {
                    session,
                    command,
                    transport,
                    address,
                })
                .await;
        });
    }

    pub(super) fn on_resolved(&mut self, now: Instant, resolved: Resolved) {
        let Resolved {
            session,
            command,
            transport,
            address,
        } = resolved;
        match address {
            Ok(address) => self.send(now, &session, command, transport, address),
            Err(error) => self.unreachable(&session, &command, &error),
        }
    }

    fn send(
        &mut self,
        now: Instant,
        session: &SessionId,
        command: Command,
        transport: Transport,
        remote: SocketAddr,
    ) {
        let Some(flow) = self.flow_to(now, transport, remote, self.router.local(session)) else {
            let error = ResolveError::Transport(format!("{transport} to {remote}"));
            return self.unreachable(session, &command, &error);
        };
        match command {
            Command::Request { token, request, .. } => {
                let transaction = self.endpoint.send_request(now, *request, flow);
                self.router.bind_client(session, token, transaction);
            }
            Command::Ack {
                invite, request, ..
            } => {
                if let Some(transaction) = self.router.client(session, invite) {
                    self.endpoint.send_ack(transaction, *request, flow);
                }
            }
            Command::Respond { .. } | Command::Cancel { .. } => {}
        }
    }

    fn unreachable(&self, session: &SessionId, command: &Command, error: &ResolveError) {
        tracing::info!(%session, %error, "a request cannot be sent");
        if let Command::Request { token, .. } = command {
            let event = SessionEvent::NoResponse(*token, StatusCode::SERVICE_UNAVAILABLE);
            self.router.deliver(session, event);
        }
    }

    /// How to reach `remote`: a socket of its family, `preferred` if that is one, or a TCP connection,
    /// a new one if need be.
    fn flow_to(
        &mut self,
        now: Instant,
        transport: Transport,
        remote: SocketAddr,
        preferred: Option<SocketAddr>,
    ) -> Option<Flow> {
        if transport == Transport::Tcp {
            return self.connection_to(now, remote);
        }
        let usable = |local: &SocketAddr| local.is_ipv4() == remote.is_ipv4();
        let local = match preferred.filter(usable) {
            Some(local) => local,
            None => {
                let mut bound = self.udp.iter().map(UdpListener::local);
                let bound = bound.find(usable)?;
                SocketAddr::new(
                    self.locals.towards(now, bound.ip(), remote.ip()),
                    bound.port(),
                )
            }
        };
        Some(Flow {
            transport,
            local,
            remote,
            connection: None,
        })
    }

    fn connection_to(&mut self, now: Instant, remote: SocketAddr) -> Option<Flow> {
        let transport = Transport::Tcp;
        if let Some((id, connection)) = self.connections.to(remote) {
            return Some(Flow {
                transport,
                local: connection.local,
                remote,
                connection: Some(id),
            });
        }
        if !self.connections.admits(remote) {
            return None;
        }
        let bound = self
            .tcp_local
            .iter()
            .find(|local| local.is_ipv4() == remote.is_ipv4())
            .copied()
            .unwrap_or_else(|| unspecified_like(remote));
        let ip = self.locals.towards(now, bound.ip(), remote.ip());
        let local = SocketAddr::new(ip, bound.port());
        let id = self.connections.new_id();
        let connection = Connection::connecting(id, local, remote, self.stream_sender.clone());
        self.connections.insert(id, connection);
        Some(Flow {
            transport,
            local,
            remote,
            connection: Some(id),
        })
    }

    pub(super) fn on_dial(&mut self, now: Instant, dial: Dial) {
        let (session, call_id) = (dial.id.clone(), dial.call_id.clone());
        let Some(local) = self.local_for(now, &dial.uri) else {
            dial.application
                .unreachable("no socket for that address family or transport");
            return;
        };
        let mailbox = self.pool.start_outgoing(dial, local);
        self.router
            .insert(session, call_id.as_bytes(), None, mailbox);
    }

    /// The address a callee of `uri` will see; for a host name the first socket's.
    fn local_for(&mut self, now: Instant, uri: &Uri) -> Option<SocketAddr> {
        let target = resolve::target(uri).ok()?;
        let remote = match target.host {
            TargetHost::Address(ip) => SocketAddr::new(ip, target.port),
            TargetHost::Name(_) => unspecified_like(self.udp.first()?.local()),
        };
        let bound = self
            .udp
            .iter()
            .map(UdpListener::local)
            .find(|local| local.is_ipv4() == remote.is_ipv4())?;
        Some(SocketAddr::new(
            self.locals.towards(now, bound.ip(), remote.ip()),
            bound.port(),
        ))
    }
}

fn unspecified_like(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(_) => (std::net::Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (std::net::Ipv6Addr::UNSPECIFIED, 0).into(),
    }
}
