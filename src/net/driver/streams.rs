//! Messages that come and go by connections.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use bytes::Bytes;

use super::super::connection::StreamInput;
use super::Driver;
use crate::session::SessionId;
use crate::sip::endpoint::Admission;
use crate::sip::message::{Host, Message, Request, Transport, Uri};
use crate::sip::transport::{ConnectionId, Flow, Transmit, default_port};

impl Driver {
    pub(super) fn on_stream(&mut self, now: Instant, input: StreamInput) {
        match input {
            StreamInput::Accepted(transport, stream, remote) => {
                // A connection that vanished at once has no address.
                if let Ok(local) = stream.local_addr()
                    && self.endpoint.lets_in(remote.ip())
                {
                    let flow = Flow {
                        transport,
                        local,
                        remote,
                        connection: None,
                    };
                    let shakes_hands = matches!(transport, Transport::Tls | Transport::Wss);
                    let is_within =
                        !shakes_hands || self.handshakes.take(now, remote.ip()) == Admission::Admit;
                    match is_within {
                        true => self.connections.accept(now, flow, stream),
                        false => self.connections.refuse_handshake(now, remote),
                    }
                }
            }
            StreamInput::Authenticated(id, identities) => {
                self.connections.authenticate(id, identities);
            }
            StreamInput::Message(id, bytes) => {
                self.connections.note_alias(id, &bytes);
                if let Some(connection) = self.connections.get(id) {
                    let flow = connection.flow;
                    self.receive(now, flow, bytes);
                }
            }
            StreamInput::Idle(id) => {
                if !self.connections.is_needed(now, id)
                    && !self.router.uses(id)
                    && let Some(flow) = self.connections.retire(now, id)
                {
                    self.endpoint.handle_send_error(now, flow);
                }
            }
            StreamInput::Closed(id, closing) => {
                if let Some(flow) = self.connections.forget(now, id, &closing) {
                    self.endpoint.handle_send_error(now, flow);
                }
            }
        }
    }

    /// Writes `bytes` onto the connection that `flow` names.
    ///
    /// A response whose connection is gone goes by a new one to where the request came from, at the port
    /// of `sent-by` (RFC 3261 §18.2.2); not to a WebSocket, where nobody listens.
    pub(super) fn transmit_by(
        &mut self,
        now: Instant,
        id: ConnectionId,
        Transmit { flow, bytes }: Transmit,
    ) {
        match self.connections.get(id) {
            Some(connection) => {
                if !connection.send(bytes)
                    && let Some(flow) = self.connections.abort(now, id)
                {
                    self.endpoint.handle_send_error(now, flow);
                }
            }
            None if bytes.starts_with(b"SIP/2.0 ") => self.respond_anew(now, flow, bytes),
            None => self.endpoint.handle_send_error(now, flow),
        }
    }

    fn respond_anew(&mut self, now: Instant, flow: Flow, bytes: Bytes) {
        if !matches!(flow.transport, Transport::Tcp | Transport::Tls) {
            return;
        }
        let Ok(Message::Response(response)) = Message::parse_datagram(bytes.clone()) else {
            return;
        };
        let Ok(via) = response.headers.via() else {
            return;
        };
        let port = via.port.unwrap_or(default_port(flow.transport));
        // What stamped the Via on arrival: the address of the peer, whatever it wrote.
        let remote = SocketAddr::new(flow.remote.ip(), port);
        let name = via.host.to_string();
        let flow = self.stream_to(now, flow.transport, remote, Some(&name));
        let connection = flow.and_then(|flow| self.connections.get(flow.connection?));
        // What does not fit onto a new connection either is lost; the peer asks again.
        let _ = connection.map(|connection| connection.send(bytes));
    }

    /// The flow to `remote` over TCP or TLS: an open connection that may be used, or a new one. Over TLS
    /// the other side has to speak for `server_name`, the host of the URI that led here (RFC 5922 §7.3);
    /// without one, for its address.
    ///
    /// `None`: there are too many connections, or the transport is not for us to open.
    pub(super) fn stream_to(
        &mut self,
        now: Instant,
        transport: Transport,
        remote: SocketAddr,
        server_name: Option<&str>,
    ) -> Option<Flow> {
        if !matches!(transport, Transport::Tcp | Transport::Tls) {
            return None;
        }
        let domain = host(server_name, remote);
        if let Some(flow) = self.connections.to(transport, remote, &domain) {
            return Some(flow);
        }
        let local = self.local_towards(now, transport, remote.ip())?;
        let flow = Flow {
            transport,
            local,
            remote,
            connection: None,
        };
        self.connections.open(now, flow, &domain)
    }

    /// The connection that the session's peer uses, if requests to `next_hop` go by nothing else: it is a
    /// WebSocket, or its user agent asks for it with `ob` (RFC 7118 §5.2, RFC 5626 §4.3).
    pub(super) fn own_flow(
        &self,
        session: &SessionId,
        request: &Request,
        next_hop: &Uri,
    ) -> Option<Flow> {
        let sip = next_hop.as_sip()?;
        let flow = self.router.flow(session, request)?;
        let connection = self.connections.get(flow.connection?)?;
        let is_browser = matches!(flow.transport, Transport::Ws | Transport::Wss);
        let named = sip.params.get("transport").unwrap_or_default();
        let to_browser =
            is_browser && (named.eq_ignore_ascii_case("ws") || named.eq_ignore_ascii_case("wss"));
        (to_browser || sip.params.contains("ob")).then_some(connection.flow)
    }
}

fn host(name: Option<&str>, remote: SocketAddr) -> Host {
    let Some(name) = name else {
        return Host::from(remote.ip());
    };
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    let ip = bare.parse::<IpAddr>();
    ip.map_or_else(|_| Host::Name(name.to_owned()), Host::from)
}
