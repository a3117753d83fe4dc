//! One endpoint, a clock, and messages as text.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use muleteer::sip::endpoint::{Endpoint, EndpointConfig, Event, TransactionId};
use muleteer::sip::message::{Message, Method, Request, Response, StatusCode, Transport};
use muleteer::sip::transport::{ConnectionId, Flow};

use crate::support::endpoint::call_and_message_config;

pub const OURS: &str = "192.0.2.1:5060";
pub const PEER: &str = "192.0.2.9:5070";

/// The endpoint under test as its peer and its TU see it.
pub struct Probe {
    pub endpoint: Endpoint,
    pub start: Instant,
    pub now: Instant,
    pub flow: Flow,
    events: Vec<Event>,
    /// What was sent, with the milliseconds since the start.
    sent: Vec<(u128, SocketAddr, Bytes)>,
}

impl Probe {
    pub fn new() -> Self {
        Self::with(call_and_message_config(), Transport::Udp)
    }

    pub fn over(transport: Transport) -> Self {
        Self::with(call_and_message_config(), transport)
    }

    pub fn with(config: EndpointConfig, transport: Transport) -> Self {
        let start = Instant::now();
        let flow = Flow {
            transport,
            local: OURS.parse().unwrap(),
            remote: PEER.parse().unwrap(),
            connection: (transport != Transport::Udp).then_some(ConnectionId(1)),
        };
        Self {
            endpoint: Endpoint::new(config, [7; 32]),
            start,
            now: start,
            flow,
            events: Vec::new(),
            sent: Vec::new(),
        }
    }

    /// The peer sends a message; lines of `text` end with `\n`.
    pub fn receive(&mut self, text: &str) {
        let text = text.replace('\n', "\r\n");
        self.endpoint
            .handle_message(self.now, self.flow, Bytes::from(text));
        self.drain();
    }

    /// The peer sends these bytes.
    pub fn receive_bytes(&mut self, bytes: Bytes) {
        self.endpoint.handle_message(self.now, self.flow, bytes);
        self.drain();
    }

    /// What was sent since the last call, and where to: a 400 may be as broken as what it answers.
    pub fn sent_bytes(&mut self) -> Vec<(SocketAddr, Bytes)> {
        let sent = std::mem::take(&mut self.sent);
        sent.into_iter().map(|(_, to, bytes)| (to, bytes)).collect()
    }

    /// Time passes, timer by timer.
    pub fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        while let Some(at) = self.endpoint.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.endpoint.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    /// Time passes until no timer is left; returns the seconds since the start.
    pub fn pass_all(&mut self) -> u64 {
        while let Some(at) = self.endpoint.poll_timeout() {
            self.now = self.now.max(at);
            self.endpoint.handle_timeout(self.now);
            self.drain();
        }
        self.now.duration_since(self.start).as_secs()
    }

    pub fn respond(&mut self, transaction: TransactionId, request: &Request, status: StatusCode) {
        let response = Response::answering(request, status, Some("ours"));
        self.endpoint.respond(self.now, transaction, response);
        self.drain();
    }

    pub fn send(&mut self, request: Request) -> TransactionId {
        let transaction = self.endpoint.send_request(self.now, request, self.flow);
        self.drain();
        transaction
    }

    /// The one request that came up.
    pub fn request(&mut self) -> (TransactionId, Request) {
        match self.events().as_slice() {
            [
                Event::Request {
                    transaction,
                    request,
                    ..
                },
            ] => (*transaction, request.clone()),
            other => panic!("expected one request, got {other:?}"),
        }
    }

    pub fn events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// What was sent since the last call.
    pub fn sent(&mut self) -> Vec<Message> {
        let sent = std::mem::take(&mut self.sent);
        sent.into_iter().map(|(_, _, bytes)| parse(bytes)).collect()
    }

    /// How many messages were sent since the last call.
    pub fn sent_count(&mut self) -> usize {
        std::mem::take(&mut self.sent).len()
    }

    /// The requests that were sent since the last call. Other than a request, a 400 may be as broken
    /// as what it answers.
    pub fn sent_requests(&mut self) -> Vec<Request> {
        let sent = std::mem::take(&mut self.sent);
        let request = |bytes| match Message::parse_datagram(bytes) {
            Ok(Message::Request(request)) => Some(request),
            _ => None,
        };
        sent.into_iter()
            .filter_map(|(_, _, bytes)| request(bytes))
            .collect()
    }

    /// First words of what was sent since the last call: method or status code, with milliseconds.
    pub fn sent_at(&mut self) -> Vec<(u128, String)> {
        let sent = std::mem::take(&mut self.sent);
        sent.into_iter()
            .map(|(at, _, bytes)| (at, name(&parse(bytes))))
            .collect()
    }

    /// As [`Self::sent_at`] without the time.
    pub fn sent_names(&mut self) -> Vec<String> {
        self.sent_at().into_iter().map(|(_, name)| name).collect()
    }

    /// The one response that was sent, and where to.
    pub fn response(&mut self) -> (Response, SocketAddr) {
        let sent = std::mem::take(&mut self.sent);
        let [(_, to, bytes)] = sent.as_slice() else {
            panic!("expected one response, got {sent:?}");
        };
        match parse(bytes.clone()) {
            Message::Response(response) => (response, *to),
            Message::Request(request) => panic!("expected a response, got {request:?}"),
        }
    }

    /// The one request that was sent.
    pub fn sent_request(&mut self) -> Request {
        match self.sent_requests().as_slice() {
            [request] => request.clone(),
            other => panic!("expected one request, got {other:?}"),
        }
    }

    pub fn is_empty(&self) -> bool {
        let transactions =
            self.endpoint.server_transactions() + self.endpoint.client_transactions();
        transactions == 0 && self.endpoint.poll_timeout().is_none()
    }

    pub fn drain(&mut self) {
        while let Some(transmit) = self.endpoint.poll_transmit() {
            let at = self.now.duration_since(self.start).as_millis();
            self.sent.push((at, transmit.flow.remote, transmit.bytes));
        }
        self.events
            .extend(std::iter::from_fn(|| self.endpoint.poll_event()));
    }
}

fn parse(bytes: Bytes) -> Message {
    Message::parse_datagram(bytes).expect("we write messages that can be read")
}

fn name(message: &Message) -> String {
    match message {
        Message::Request(request) => request.method.to_string(),
        Message::Response(response) => response.status.code().to_string(),
    }
}

/// A request of the peer, with `more` header lines.
pub fn request(method: &str, branch: &str, more: &str) -> String {
    format!(
        "{method} sip:us@192.0.2.1 SIP/2.0\n\
         Via: SIP/2.0/UDP 192.0.2.9:5070;branch={branch}\n\
         Max-Forwards: 70\n\
         From: <sip:peer@192.0.2.9>;tag=theirs\n\
         To: <sip:us@192.0.2.1>\n\
         Call-ID: one@192.0.2.9\n\
         CSeq: 1 {method}\n\
         {more}\n"
    )
}

/// A request inside the dialog that our `ours` tag made.
pub fn in_dialog(method: &str, branch: &str, cseq: u32) -> String {
    request(method, branch, "")
        .replace("<sip:us@192.0.2.1>\n", "<sip:us@192.0.2.1>;tag=ours\n")
        .replace("CSeq: 1 ", &format!("CSeq: {cseq} "))
}

/// A request of ours, still without Via.
pub fn outgoing(method: Method) -> Request {
    let text = request(method.as_str(), "z9hG4bKgone", "").replace('\n', "\r\n");
    match Message::parse_datagram(Bytes::from(text)) {
        Ok(Message::Request(mut request)) => {
            request
                .headers
                .remove(&muleteer::sip::message::HeaderName::Via);
            request
        }
        other => panic!("not a request: {other:?}"),
    }
}

/// The peer's response to a request of ours.
pub fn answer(request: &Request, code: u16, to_tag: &str) -> String {
    let status = StatusCode::new(code).expect("a status code");
    let response = Response::answering(request, status, Some(to_tag));
    String::from_utf8(response.to_bytes().to_vec())
        .expect("text")
        .replace("\r\n", "\n")
}
