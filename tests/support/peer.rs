//! A peer that does exactly what a test says: it writes single messages onto the wire and keeps what
//! comes back. It repeats nothing and knows no transactions.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;
use muleteer::sip::message::{
    HeaderName, Message, Method, Request, Response, StatusCode, Transport,
};
use muleteer::sip::transport::{Flow, Transmit};

use super::wire::Node;

/// A call from the peer's side, and everything it got.
pub struct Peer {
    pub user: String,
    pub call_id: String,
    pub cseq: u32,
    pub our_tag: String,
    /// The other side's tag, taken from the first response that has one.
    pub their_tag: Option<String>,
    /// Header lines added to each request, each with its line end.
    pub extra: String,
    /// Request-URI, if it is not the user at the server.
    pub request_uri: Option<String>,
    /// URI of the Contact.
    pub contact: String,
    /// Type of what is in our requests.
    pub content_type: &'static str,
    /// Whether telephone events are offered.
    pub offers_events: bool,
    /// Whether BYE is answered by itself.
    pub confirms_bye: bool,
    /// All that came, in order.
    pub inbox: Vec<(Instant, Message)>,
    pub address: SocketAddr,
    pub server: SocketAddr,
    branch: u32,
    outbox: VecDeque<Bytes>,
}

impl Peer {
    pub fn new(address: SocketAddr, server: SocketAddr, user: &str) -> Self {
        Self {
            user: user.to_owned(),
            call_id: format!("call-{}-{user}", address.ip()),
            cseq: 1,
            our_tag: "peer".to_owned(),
            their_tag: None,
            extra: String::new(),
            request_uri: None,
            contact: format!("sip:peer@{address}"),
            content_type: "application/sdp",
            offers_events: true,
            confirms_bye: true,
            inbox: Vec::new(),
            address,
            server,
            branch: 0,
            outbox: VecDeque::new(),
        }
    }

    /// Forgets the call and begins the next one.
    pub fn new_call(&mut self, user: &str) {
        self.user = user.to_owned();
        self.branch += 1;
        self.call_id = format!("call-{}-{user}-{}", self.address.ip(), self.branch);
        self.cseq = 1;
        self.their_tag = None;
        self.extra.clear();
        self.inbox.clear();
    }

    /// PCMU, with telephone events unless switched off, at the peer's port 40000, with a direction.
    pub fn offer(&self, direction: &str) -> String {
        let ip = self.address.ip();
        let (events, format) = match self.offers_events {
            true => ("a=rtpmap:101 telephone-event/8000\r\n", " 101"),
            false => ("", ""),
        };
        format!(
            "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n\
             m=audio 40000 RTP/AVP 0{format}\r\na=rtpmap:0 PCMU/8000\r\n\
             {events}a={direction}\r\n"
        )
    }

    /// Sends a request of a new branch with the next CSeq number.
    pub fn request(&mut self, method: &str, body: &str) {
        self.cseq += 1;
        self.branch += 1;
        self.send(method, body);
    }

    /// Begins a call with a PCMU offer.
    pub fn invite(&mut self) {
        let offer = self.offer("sendrecv");
        self.request("INVITE", &offer);
    }

    /// Acknowledges a 2xx: a transaction of its own.
    pub fn ack(&mut self, body: &str) {
        self.branch += 1;
        self.send("ACK", body);
    }

    /// Acknowledges a failure or cancels: the branch of the INVITE.
    pub fn same_branch(&mut self, method: &str) {
        let tag = if method == "CANCEL" {
            self.their_tag.take()
        } else {
            None
        };
        self.send(method, "");
        if tag.is_some() {
            self.their_tag = tag;
        }
    }

    fn send(&mut self, method: &str, body: &str) {
        let Self {
            user,
            call_id,
            cseq,
            branch,
            address,
            server,
            extra,
            contact,
            our_tag,
            content_type,
            ..
        } = self;
        let to_tag = self.their_tag.as_ref();
        let to_tag = to_tag.map_or_else(String::new, |tag| format!(";tag={tag}"));
        let uri = self.request_uri.clone();
        let uri = uri.unwrap_or_else(|| format!("sip:{user}@{server}"));
        let content_type = match body {
            "" => String::new(),
            _ => format!("Content-Type: {content_type}\r\n"),
        };
        let text = format!(
            "{method} {uri} SIP/2.0\r\n\
             Via: SIP/2.0/UDP {address};branch=z9hG4bK{call_id}-{branch};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:peer@{address}>;tag={our_tag}\r\n\
             To: <sip:{user}@{server}>{to_tag}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n\
             Contact: <{contact}>\r\n{extra}{content_type}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.outbox.push_back(text.into());
    }

    /// Answers a request of the other side.
    pub fn respond(&mut self, request: &Request, status: u16, tag: &str, body: &str) {
        let status = StatusCode::new(status).unwrap();
        let tag = (!tag.is_empty()).then_some(tag);
        let mut response = Response::answering(request, status, tag);
        let contact = format!("<{}>", self.contact);
        response.headers.push(HeaderName::Contact, contact);
        if !body.is_empty() {
            response
                .headers
                .push(HeaderName::ContentType, "application/sdp");
            response.body = Bytes::copy_from_slice(body.as_bytes());
        }
        self.outbox.push_back(response.to_bytes());
    }

    /// Sends these bytes.
    pub fn send_raw(&mut self, bytes: Bytes) {
        self.outbox.push_back(bytes);
    }

    /// All responses so far.
    pub fn responses(&self) -> impl Iterator<Item = &Response> {
        self.inbox.iter().filter_map(|(_, message)| match message {
            Message::Response(response) => Some(response),
            Message::Request(_) => None,
        })
    }

    /// All requests so far.
    pub fn requests(&self) -> impl Iterator<Item = &Request> {
        self.inbox.iter().filter_map(|(_, message)| match message {
            Message::Request(request) => Some(request),
            Message::Response(_) => None,
        })
    }

    /// Status codes above 100 of the responses to our requests of this method, in order.
    pub fn statuses(&self, method: &str) -> Vec<u16> {
        self.responses()
            .filter(|response| response.headers.cseq().unwrap().method.as_str() == method)
            .map(|response| response.status.code())
            .filter(|status| *status != 100)
            .collect()
    }

    /// The last response.
    pub fn last_response(&self) -> Response {
        self.responses().last().expect("a response").clone()
    }

    /// The last request of this method.
    pub fn last_request(&self, method: &str) -> Option<Request> {
        self.requests()
            .filter(|request| request.method.as_str() == method)
            .last()
            .cloned()
    }

    /// Requests of this method so far, repetitions too.
    pub fn count(&self, method: &str) -> usize {
        self.requests()
            .filter(|request| request.method.as_str() == method)
            .count()
    }
}

impl Node for Peer {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn receive(&mut self, now: Instant, _: Flow, bytes: Bytes) {
        let message = Message::parse_datagram(bytes).expect("a SIP message");
        match &message {
            Message::Response(response) if self.their_tag.is_none() => {
                let to = response.headers.to().unwrap();
                self.their_tag = to.tag().map(str::to_owned);
            }
            Message::Request(request) if request.method == Method::Bye && self.confirms_bye => {
                let ok = Response::answering(request, StatusCode::OK, None);
                self.outbox.push_back(ok.to_bytes());
            }
            _ => {}
        }
        self.inbox.push((now, message));
    }

    fn wake(&mut self, _: Instant) {}

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn transmit(&mut self) -> Option<Transmit> {
        let bytes = self.outbox.pop_front()?;
        let flow = Flow {
            transport: Transport::Udp,
            local: self.address,
            remote: self.server,
            connection: None,
        };
        Some(Transmit { flow, bytes })
    }
}
