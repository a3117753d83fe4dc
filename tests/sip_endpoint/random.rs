//! Any order of anything: no panic, an end for each transaction, silence afterwards.

use std::collections::HashMap;
use std::time::Duration;

use muleteer::sip::endpoint::{Event, TransactionId};
use muleteer::sip::message::{HeaderName, Method, Request, StatusCode, Transport};
use proptest::prelude::*;

use super::probe::{Probe, answer, in_dialog, outgoing, request};

#[derive(Debug, Clone)]
enum Op {
    /// A request of the peer: method and branch by number, inside a dialog or not.
    Receive {
        method: usize,
        branch: u8,
        cseq: u32,
        in_dialog: bool,
    },
    /// A response of the peer to one of our requests.
    Answer {
        request: usize,
        code: u16,
        fork: u8,
    },
    /// One of the peer's messages with one byte changed.
    Damage {
        branch: u8,
        at: usize,
        byte: u8,
    },
    Rubbish(Vec<u8>),
    Respond {
        transaction: usize,
        code: u16,
    },
    Send(usize),
    Ack {
        transaction: usize,
        fork: u8,
    },
    Cancel(usize),
    SendError,
    Pass(u64),
}

const METHODS: [&str; 7] = ["INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "INFO", "DANCE"];
const CODES: [u16; 8] = [100, 180, 183, 200, 202, 302, 487, 603];

fn op() -> impl Strategy<Value = Op> {
    let code = prop::sample::select(&CODES[..]);
    prop_oneof![
        4 => (0..METHODS.len(), 0..4u8, 1..3u32, any::<bool>()).prop_map(
            |(method, branch, cseq, in_dialog)| Op::Receive { method, branch, cseq, in_dialog }
        ),
        4 => (0..8usize, code.clone(), 0..3u8)
            .prop_map(|(request, code, fork)| Op::Answer { request, code, fork }),
        1 => (0..4u8, 0..400usize, any::<u8>())
            .prop_map(|(branch, at, byte)| Op::Damage { branch, at, byte }),
        1 => prop::collection::vec(any::<u8>(), 0..60).prop_map(Op::Rubbish),
        4 => (0..8usize, code).prop_map(|(transaction, code)| Op::Respond { transaction, code }),
        2 => (0..METHODS.len()).prop_map(Op::Send),
        1 => (0..8usize, 0..3u8).prop_map(|(transaction, fork)| Op::Ack { transaction, fork }),
        1 => (0..8usize).prop_map(Op::Cancel),
        1 => Just(Op::SendError),
        3 => (0..20_000u64).prop_map(Op::Pass),
    ]
}

/// The probe with what the TU and the peer remember.
struct Walk {
    probe: Probe,
    /// Requests that came up and may be answered, also after their end.
    received: Vec<(TransactionId, Request)>,
    /// Our transactions and how often each ended.
    sent: Vec<TransactionId>,
    ends: HashMap<TransactionId, usize>,
    invites: Vec<TransactionId>,
    /// Our requests as the peer sees them.
    seen: Vec<Request>,
}

impl Walk {
    fn run(&mut self, op: Op) {
        match op {
            Op::Receive {
                method,
                branch,
                cseq,
                in_dialog: inside,
            } => {
                let branch = format!("z9hG4bK{branch}");
                let text = match inside {
                    true => in_dialog(METHODS[method], &branch, cseq),
                    false => request(METHODS[method], &branch, ""),
                };
                self.probe.receive(&text);
            }
            Op::Answer {
                request,
                code,
                fork,
            } => {
                if let Some(request) = self.seen.get(request) {
                    let text = answer(request, code, &format!("fork{fork}"));
                    self.probe.receive(&text);
                }
            }
            Op::Damage { branch, at, byte } => {
                let text = request("INVITE", &format!("z9hG4bK{branch}"), "");
                let mut bytes = text.replace('\n', "\r\n").into_bytes();
                let at = at % bytes.len();
                bytes[at] = byte;
                self.raw(bytes);
            }
            Op::Rubbish(bytes) => self.raw(bytes),
            Op::Respond { transaction, code } => {
                if let Some((id, request)) = self.received.get(transaction).cloned() {
                    self.probe
                        .respond(id, &request, StatusCode::new(code).unwrap());
                }
            }
            Op::Send(method) => {
                let method = Method::parse(METHODS[method]).unwrap();
                if !matches!(method, Method::Ack | Method::Cancel) {
                    let id = self.probe.send(outgoing(method.clone()));
                    self.sent.push(id);
                    if method == Method::Invite {
                        self.invites.push(id);
                    }
                }
            }
            Op::Ack { transaction, fork } => {
                if let Some(id) = self.sent.get(transaction) {
                    let mut ack = outgoing(Method::Ack);
                    let to = format!("<sip:us@192.0.2.1>;tag=fork{fork}");
                    ack.headers.set(HeaderName::To, to);
                    self.probe.endpoint.send_ack(*id, ack, self.probe.flow);
                    self.probe.drain();
                }
            }
            Op::Cancel(transaction) => {
                if let Some(id) = self.sent.get(transaction) {
                    self.probe.endpoint.cancel(self.probe.now, *id);
                    self.probe.drain();
                }
            }
            Op::SendError => {
                self.probe
                    .endpoint
                    .handle_send_error(self.probe.now, self.probe.flow);
                self.probe.drain();
            }
            Op::Pass(ms) => self.probe.pass(Duration::from_millis(ms)),
        }
        self.take();
    }

    fn raw(&mut self, bytes: Vec<u8>) {
        let (now, flow) = (self.probe.now, self.probe.flow);
        self.probe.endpoint.handle_message(now, flow, bytes.into());
        self.probe.drain();
    }

    fn take(&mut self) {
        for event in self.probe.events() {
            match event {
                Event::Request {
                    transaction,
                    request,
                    ..
                } => {
                    self.received.push((transaction, request));
                }
                Event::Response {
                    transaction,
                    response,
                } if response.status.is_final() => {
                    // Further 2xx of an INVITE are other forks, not other ends.
                    let fork = response.status.is_success() && self.invites.contains(&transaction);
                    let ends = self.ends.entry(transaction).or_default();
                    *ends = if fork { 1 } else { *ends + 1 };
                }
                Event::Timeout { transaction } | Event::SendFailed { transaction } => {
                    *self.ends.entry(transaction).or_default() += 1;
                }
                _ => {}
            }
        }
        self.seen.extend(self.probe.sent_requests());
    }

    /// The TU does its duty: answers what is open, cancels what rings.
    fn finish(&mut self) {
        for (id, request) in self.received.clone() {
            self.probe.respond(id, &request, StatusCode::BUSY_HERE);
        }
        for id in self.sent.clone() {
            self.probe.endpoint.cancel(self.probe.now, id);
            self.probe.drain();
        }
        self.probe.pass_all();
        self.take();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_operations_end_in_silence(
        ops in prop::collection::vec(op(), 0..80),
        over_tcp: bool,
    ) {
        let transport = if over_tcp { Transport::Tcp } else { Transport::Udp };
        let mut walk = Walk {
            probe: Probe::over(transport),
            received: Vec::new(),
            sent: Vec::new(),
            ends: HashMap::new(),
            invites: Vec::new(),
            seen: Vec::new(),
        };
        for op in ops {
            walk.run(op);
        }
        walk.finish();
        prop_assert!(walk.probe.is_empty());
        for id in &walk.sent {
            prop_assert_eq!(walk.ends.get(id), Some(&1), "one end for {:?}", id);
        }
        // Nothing is sent for what is over.
        for (id, request) in walk.received.clone() {
            walk.probe.respond(id, &request, StatusCode::OK);
        }
        walk.probe.pass(Duration::from_secs(1000));
        prop_assert_eq!(walk.probe.sent_count(), 0);
    }
}
