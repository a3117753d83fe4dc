//! Calls per second through two endpoints on a virtual wire: INVITE, 180, 200, ACK, BYE, 200.
//!
//! The figure holds the work of both sides; a server does about half of it. `lingering` calls were
//! made before, 2,000 a virtual second, so their transactions still wait for their timers.
#![allow(clippy::disallowed_methods)]

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use divan::Bencher;
use divan::counter::ItemsCount;
use muleteer::sip::dialog::capabilities::METHODS;
use muleteer::sip::endpoint::{Endpoint, EndpointConfig, Event};
use muleteer::sip::message::{HeaderName, Method, Request, Response, StatusCode, Transport, Uri};
use muleteer::sip::transport::Flow;

fn main() {
    divan::main();
}

#[divan::bench(args = [0, 20_000])]
fn call(bencher: Bencher, lingering: usize) {
    let mut pair = Pair::new();
    for _ in 0..lingering {
        pair.call();
    }
    bencher
        .counter(ItemsCount::new(1u32))
        .bench_local(|| pair.call());
}

/// Two endpoints with the smallest TUs that make a call.
struct Pair {
    caller: Endpoint,
    callee: Endpoint,
    flow: Flow,
    now: Instant,
    calls: u64,
}

/// More than linger.
const MAX_TRANSACTIONS: usize = 200_000;
/// Virtual time between two calls.
const PACE: Duration = Duration::from_micros(500);

impl Pair {
    fn new() -> Self {
        let address = |text: &str| text.parse().expect("an address");
        let config = EndpointConfig::new(METHODS.to_vec(), MAX_TRANSACTIONS);
        Self {
            caller: Endpoint::new(config.clone(), [1; 32]),
            callee: Endpoint::new(config, [2; 32]),
            flow: Flow {
                transport: Transport::Udp,
                local: address("192.0.2.1:5060"),
                remote: address("192.0.2.2:5060"),
                connection: None,
            },
            now: Instant::now(),
            calls: 0,
        }
    }

    /// Makes one whole call, then runs the timers that are due.
    fn call(&mut self) {
        self.now += PACE;
        self.calls += 1;
        let invite = self.request(Method::Invite, "");
        self.caller.send_request(self.now, invite, self.flow);
        let mut wire = VecDeque::new();
        wire.extend(std::iter::from_fn(|| self.caller.poll_transmit()));
        while let Some(transmit) = wire.pop_front() {
            match transmit.flow.local == self.flow.local {
                true => self.callee_receives(transmit.bytes),
                false => self.caller_receives(transmit.bytes),
            }
            wire.extend(std::iter::from_fn(|| self.callee.poll_transmit()));
            wire.extend(std::iter::from_fn(|| self.caller.poll_transmit()));
        }
        for endpoint in [&mut self.caller, &mut self.callee] {
            endpoint.handle_timeout(self.now);
            assert!(endpoint.poll_transmit().is_none(), "nothing was lost");
        }
    }

    fn callee_receives(&mut self, bytes: Bytes) {
        let flow = Flow {
            local: self.flow.remote,
            remote: self.flow.local,
            ..self.flow
        };
        self.callee.handle_message(self.now, flow, bytes);
        while let Some(event) = self.callee.poll_event() {
            let Event::Request {
                transaction,
                request,
                ..
            } = event
            else {
                continue;
            };
            let mut respond = |status| {
                let response = Response::answering(&request, status, Some("callee"));
                self.callee.respond(self.now, transaction, response);
            };
            if request.method == Method::Invite {
                respond(StatusCode::RINGING);
            }
            respond(StatusCode::OK);
        }
    }

    fn caller_receives(&mut self, bytes: Bytes) {
        self.caller.handle_message(self.now, self.flow, bytes);
        while let Some(event) = self.caller.poll_event() {
            let Event::Response {
                transaction,
                response,
            } = event
            else {
                continue;
            };
            let invited = matches!(response.headers.cseq(), Ok(cseq) if cseq.number == 1);
            if invited && response.status.is_success() {
                let ack = self.request(Method::Ack, ";tag=callee");
                self.caller.send_ack(transaction, ack, self.flow);
                let bye = self.request(Method::Bye, ";tag=callee");
                self.caller.send_request(self.now, bye, self.flow);
            }
        }
    }

    fn request(&self, method: Method, to_tag: &str) -> Request {
        let uri = Uri::parse("sip:bob@192.0.2.2").expect("a URI");
        let cseq = if method == Method::Bye { 2 } else { 1 };
        let mut request = Request::new(method.clone(), uri);
        let headers = &mut request.headers;
        headers.push(HeaderName::MaxForwards, "70");
        headers.push(HeaderName::From, "<sip:alice@192.0.2.1>;tag=caller");
        headers.push(HeaderName::To, format!("<sip:bob@192.0.2.2>{to_tag}"));
        headers.push(HeaderName::CallId, format!("{}@192.0.2.1", self.calls));
        headers.push(HeaderName::CSeq, format!("{cseq} {method}"));
        headers.push(HeaderName::Contact, "<sip:alice@192.0.2.1>");
        request
    }
}
