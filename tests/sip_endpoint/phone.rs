//! A phone: an endpoint and the smallest TU that makes and takes calls.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use muleteer::sip::endpoint::{Endpoint, Event, TransactionId};
use muleteer::sip::message::{HeaderName, Method, Request, Response, StatusCode, Transport, Uri};
use muleteer::sip::transport::{Flow, Transmit};

use crate::support::endpoint::call_and_message_config;
use crate::support::wire::Node;

/// What happens to a call, decided by its caller and put into the Subject for the callee.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// Rings for a second, is answered, and ended by the caller three seconds later.
    Answer,
    /// Is refused with 486.
    Refuse,
    /// Rings for two minutes; the caller cancels after this many milliseconds.
    Cancel(u64),
}

/// One call as one side sees it.
#[derive(Debug, Default)]
pub struct Call {
    /// A 2xx was sent or received.
    pub answered: bool,
    /// Callee: the ACK came.
    pub acknowledged: bool,
    /// The final failure sent or received; 408 for a timeout.
    pub failure: Option<u16>,
    /// A BYE came, or ours was answered or timed out.
    pub ended: bool,
    /// How often the INVITE got its end. Has to be 1.
    pub ends: usize,
    invite: Option<(TransactionId, Request)>,
    hanging_up: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Task {
    Answer(String),
    Cancel(String),
    HangUp(String),
    StopRinging(String),
}

pub struct Phone {
    pub endpoint: Endpoint,
    pub calls: BTreeMap<String, Call>,
    flow: Flow,
    tag: &'static str,
    tasks: BinaryHeap<Reverse<(Instant, Task)>>,
    byes: HashMap<TransactionId, String>,
    now: Instant,
}

/// After this a caller that got no final response cancels, as timer C does in a proxy.
const PATIENCE: Duration = Duration::from_secs(60);

impl Phone {
    /// Makes two phones that know each other.
    pub fn pair(transport: Transport, now: Instant, seed: u8) -> Vec<Self> {
        let [a, b]: [SocketAddr; 2] =
            ["192.0.2.1:5060", "192.0.2.2:5060"].map(|address| address.parse().unwrap());
        vec![
            Self::new(transport, (a, b), "caller", now, seed),
            Self::new(transport, (b, a), "callee", now, seed.wrapping_add(1)),
        ]
    }

    fn new(
        transport: Transport,
        (local, remote): (SocketAddr, SocketAddr),
        tag: &'static str,
        now: Instant,
        seed: u8,
    ) -> Self {
        Self {
            endpoint: Endpoint::new(call_and_message_config(), [seed; 32]),
            calls: BTreeMap::new(),
            flow: Flow {
                transport,
                local,
                remote,
                connection: None,
            },
            tag,
            tasks: BinaryHeap::new(),
            byes: HashMap::new(),
            now,
        }
    }

    pub fn is_idle(&self) -> bool {
        self.endpoint.server_transactions() + self.endpoint.client_transactions() == 0
    }

    /// Starts a call.
    pub fn call(&mut self, now: Instant, call_id: &str, plan: Plan) {
        self.now = now;
        let mut request = self.request(Method::Invite, call_id);
        let subject = match plan {
            Plan::Answer => "answer",
            Plan::Refuse => "refuse",
            Plan::Cancel(_) => "ring",
        };
        request.headers.push(HeaderName::Subject, subject);
        let patience = match plan {
            Plan::Cancel(after_ms) => Duration::from_millis(after_ms),
            Plan::Answer | Plan::Refuse => PATIENCE,
        };
        self.plan(patience, Task::Cancel(call_id.to_owned()));
        let id = self.endpoint.send_request(now, request.clone(), self.flow);
        let call = self.calls.entry(call_id.to_owned()).or_default();
        call.invite = Some((id, request));
    }

    /// A request of this side; From and To are as the callee's tag needs them.
    fn request(&self, method: Method, call_id: &str) -> Request {
        let uri = Uri::parse(&format!("sip:{}", self.flow.remote)).unwrap();
        let mut request = Request::new(method.clone(), uri);
        let headers = &mut request.headers;
        let to_tag = match (&method, self.tag) {
            (Method::Invite, _) => "",
            (_, "caller") => ";tag=callee",
            _ => ";tag=caller",
        };
        headers.push(HeaderName::MaxForwards, "70");
        headers.push(
            HeaderName::From,
            format!("<sip:{}>;tag={}", self.flow.local, self.tag),
        );
        headers.push(
            HeaderName::To,
            format!("<sip:{}>{to_tag}", self.flow.remote),
        );
        headers.push(HeaderName::CallId, call_id.to_owned());
        let number = if method == Method::Bye { 2 } else { 1 };
        headers.push(HeaderName::CSeq, format!("{number} {method}"));
        request
    }

    fn plan(&mut self, after: Duration, task: Task) {
        self.tasks.push(Reverse((self.now + after, task)));
    }

    fn run(&mut self, task: Task) {
        match task {
            Task::Answer(call_id) => self.finish(&call_id, StatusCode::OK),
            Task::Cancel(call_id) => {
                if let Some((id, _)) = &self.calls[&call_id].invite {
                    self.endpoint.cancel(self.now, *id);
                }
            }
            Task::HangUp(call_id) => self.hang_up(call_id),
            Task::StopRinging(call_id) => {
                self.finish(&call_id, StatusCode::TEMPORARILY_UNAVAILABLE);
            }
        }
    }

    fn hang_up(&mut self, call_id: String) {
        let call = self.calls.get_mut(&call_id).unwrap();
        if call.ended || std::mem::replace(&mut call.hanging_up, true) {
            return;
        }
        let bye = self.request(Method::Bye, &call_id);
        let id = self.endpoint.send_request(self.now, bye, self.flow);
        self.byes.insert(id, call_id);
    }

    /// Callee: sends a final response, if there is none yet.
    fn finish(&mut self, call_id: &str, status: StatusCode) {
        let call = self.calls.get_mut(call_id).unwrap();
        if call.ends > 0 {
            return;
        }
        call.ends += 1;
        match status.is_success() {
            true => call.answered = true,
            false => call.failure = Some(status.code()),
        }
        let (id, invite) = call.invite.as_ref().unwrap();
        let response = Response::answering(invite, status, Some("callee"));
        self.endpoint.respond(self.now, *id, response);
    }

    fn handle_events(&mut self) {
        while let Some(event) = self.endpoint.poll_event() {
            match event {
                Event::Request {
                    transaction,
                    request,
                    ..
                } => {
                    self.handle_request(transaction, request);
                }
                Event::Ack { request, .. } => self.call_of(&request).acknowledged = true,
                Event::Cancelled { transaction } => {
                    let call_id = self.call_id_of(transaction);
                    self.finish(&call_id, StatusCode::REQUEST_TERMINATED);
                }
                Event::PrackTimeout { .. } => panic!("nothing is sent reliably"),
                Event::AckTimeout { transaction } => {
                    let call_id = self.call_id_of(transaction);
                    self.hang_up(call_id);
                }
                Event::Response {
                    transaction,
                    response,
                } => {
                    self.handle_response(transaction, response.status);
                }
                Event::Timeout { transaction } | Event::SendFailed { transaction } => {
                    self.handle_response(transaction, StatusCode::REQUEST_TIMEOUT);
                }
            }
        }
    }

    fn handle_request(&mut self, id: TransactionId, request: Request) {
        let call_id = request.headers.call_id().unwrap().to_owned();
        if request.method == Method::Bye {
            self.call_of(&request).ended = true;
            let ok = Response::answering(&request, StatusCode::OK, None);
            return self.endpoint.respond(self.now, id, ok);
        }
        let known = self.calls.contains_key(&call_id);
        assert!(!known, "one INVITE makes one call");
        let subject = request
            .headers
            .text(&HeaderName::Subject)
            .unwrap()
            .into_owned();
        let ringing = Response::answering(&request, StatusCode::RINGING, Some("callee"));
        let call = self.calls.entry(call_id.clone()).or_default();
        call.invite = Some((id, request));
        self.endpoint.respond(self.now, id, ringing);
        match subject.as_str() {
            "answer" => self.plan(Duration::from_secs(1), Task::Answer(call_id)),
            "refuse" => self.finish(&call_id, StatusCode::BUSY_HERE),
            _ => self.plan(2 * PATIENCE, Task::StopRinging(call_id)),
        }
    }

    /// Caller: a response to INVITE or BYE; either side: the end of its BYE.
    fn handle_response(&mut self, id: TransactionId, status: StatusCode) {
        if !status.is_final() {
            return;
        }
        if let Some(call_id) = self.byes.remove(&id) {
            self.calls.get_mut(&call_id).unwrap().ended = true;
            return;
        }
        let call_id = self.call_id_of(id);
        let call = self.calls.get_mut(&call_id).unwrap();
        call.ends += 1;
        if !status.is_success() {
            call.failure = Some(status.code());
            return;
        }
        call.answered = true;
        let ack = self.request(Method::Ack, &call_id);
        self.endpoint.send_ack(id, ack, self.flow);
        self.plan(Duration::from_secs(3), Task::HangUp(call_id));
    }

    fn call_of(&mut self, request: &Request) -> &mut Call {
        self.calls
            .get_mut(request.headers.call_id().unwrap())
            .unwrap()
    }

    fn call_id_of(&self, invite: TransactionId) -> String {
        let is = |call: &Call| call.invite.as_ref().is_some_and(|(id, _)| *id == invite);
        self.calls
            .iter()
            .find(|(_, call)| is(call))
            .unwrap()
            .0
            .clone()
    }
}

impl Node for Phone {
    fn address(&self) -> SocketAddr {
        self.flow.local
    }

    fn receive(&mut self, now: Instant, flow: Flow, bytes: Bytes) {
        self.now = now;
        self.endpoint.handle_message(now, flow, bytes);
        self.handle_events();
    }

    fn wake(&mut self, now: Instant) {
        self.now = now;
        if self.endpoint.poll_timeout().is_some_and(|at| at <= now) {
            self.endpoint.handle_timeout(now);
        }
        self.handle_events();
        while self.tasks.peek().is_some_and(|Reverse((at, _))| *at <= now) {
            let Reverse((_, task)) = self.tasks.pop().unwrap();
            self.run(task);
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let task = self.tasks.peek().map(|Reverse((at, _))| *at);
        self.endpoint.poll_timeout().into_iter().chain(task).min()
    }

    fn transmit(&mut self) -> Option<Transmit> {
        self.endpoint.poll_transmit()
    }
}
