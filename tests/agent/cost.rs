//! What one call costs in memory: how often it allocates, what it holds while it plays, and what stays behind
//! until its timers.

use std::time::Instant;

use bytes::Bytes;
use muleteer::session::Limits;
use muleteer::session::catalog::Catalog;
use muleteer::sip::message::{HeaderName, Message, Transport};
use muleteer::sip::transport::Flow;

use super::{AGENT, PEER, address, shipped};
use crate::support::agent::Agent;
use crate::support::alloc::{allocations_in, bytes_held_by};
use crate::support::wire::Node;

/// How often a call may allocate or free memory, from its INVITE to the 200 of its BYE. What stands in for
/// sockets, tasks and threads here is counted too.
const MAX_ALLOCATIONS: usize = 230;

/// What may stay of a call until the timers of its two transactions are over, in bytes.
const MAX_LINGERING_BYTES: isize = 2 * 3 * 1024;

/// What an announcement may hold while it is heard, in bytes: its session, dialog and transaction, and what
/// the test notes of it. Not what its task, its stream and its mailbox take.
const MAX_PLAYING_BYTES: isize = 13 * 1024;

const OFFER: &str = "v=0\r\n\
    o=alice 2890844526 2890844526 IN IP4 192.0.2.9\r\n\
    s=-\r\n\
    c=IN IP4 192.0.2.9\r\n\
    t=0 0\r\n\
    m=audio 49170 RTP/AVP 0 8 101\r\n\
    a=rtpmap:0 PCMU/8000\r\n\
    a=rtpmap:8 PCMA/8000\r\n\
    a=rtpmap:101 telephone-event/8000\r\n\
    a=fmtp:101 0-16\r\n\
    a=ptime:20\r\n\
    a=sendrecv\r\n";

struct Caller {
    /// Whom it calls.
    user: &'static str,
    agent: Agent,
    now: Instant,
    to_tag: String,
}

impl Caller {
    fn new() -> Self {
        Self::of("echo", Catalog::new(None))
    }

    fn of(user: &'static str, catalog: Catalog) -> Self {
        Self {
            user,
            agent: Agent::new(address(AGENT), catalog, Limits::default(), 1),
            now: Instant::now(),
            to_tag: String::new(),
        }
    }

    fn message(&self, call: usize, method: &str, cseq: u32, body: &str) -> Bytes {
        let tag = match method {
            "INVITE" => String::new(),
            _ => format!(";tag={}", self.to_tag),
        };
        let user = self.user;
        let content_type = match body {
            "" => "",
            _ => "Content-Type: application/sdp\r\n",
        };
        format!(
            "{method} sip:{user}@{AGENT} SIP/2.0\r\n\
             Via: SIP/2.0/UDP {PEER};branch=z9hG4bK-{call}-{method};rport\r\n\
             Max-Forwards: 70\r\n\
             From: \"Alice\" <sip:alice@{PEER}>;tag=alice-{call}\r\n\
             To: <sip:{user}@{AGENT}>{tag}\r\n\
             Call-ID: call-{call}@{PEER}\r\n\
             CSeq: {cseq} {method}\r\n\
             Contact: <sip:alice@{PEER}>\r\n\
             Allow: INVITE, ACK, BYE, CANCEL, OPTIONS\r\n\
             User-Agent: Phone\r\n\
             {content_type}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .into()
    }

    /// Gives the agent a message; how often it allocates and frees until all that follows is done.
    fn send(&mut self, message: Bytes) -> usize {
        let flow = Flow {
            transport: Transport::Udp,
            local: address(AGENT),
            remote: address(PEER),
            connection: None,
        };
        let mut last = None;
        let (agent, now) = (&mut self.agent, self.now);
        let allocations = allocations_in(|| {
            agent.receive(now, flow, message);
            while let Some(transmit) = agent.transmit() {
                last = Some(transmit);
            }
        });
        if let Some(last) = last {
            let message = Message::parse_datagram(last.bytes).unwrap();
            let to = message.headers().to().unwrap();
            self.to_tag = to.tag().unwrap().to_owned();
            assert!(message.headers().get(&HeaderName::CSeq).is_some());
        }
        allocations
    }

    /// Begins a call; how often the agent allocates and frees for INVITE and ACK.
    fn begin(&mut self, call: usize) -> [usize; 2] {
        let invite = self.message(call, "INVITE", 1, OFFER);
        let invited = self.send(invite);
        let ack = self.message(call, "ACK", 1, "");
        [invited, self.send(ack)]
    }

    /// Makes a whole call; how often the agent allocates and frees for INVITE, ACK and BYE.
    fn call(&mut self, call: usize) -> [usize; 3] {
        let [invited, acknowledged] = self.begin(call);
        let bye = self.message(call, "BYE", 2, "");
        let ended = self.send(bye);
        assert_eq!(self.agent.live(), 0);
        [invited, acknowledged, ended]
    }
}

/// So many calls that tables do not grow in the one that is measured.
const BEFORE: usize = 20;

#[test]
fn call_allocates_little() {
    let mut caller = Caller::new();
    for call in 0..BEFORE {
        caller.call(call);
    }
    let parts = caller.call(BEFORE);
    let allocations: usize = parts.iter().sum();
    assert!(
        allocations <= MAX_ALLOCATIONS,
        "{allocations} allocations: {parts:?} for INVITE, ACK and BYE"
    );
}

/// How much oftener for a call that is recorded in the monitoring store, whose work is counted too.
const MAX_RECORDING_ALLOCATIONS: usize = 30;

#[test]
fn call_that_is_recorded_allocates_little_more() {
    let measured = |recorded: bool| {
        let mut caller = Caller::new();
        if recorded {
            caller.agent.follow_calls(false, false);
        }
        for call in 0..BEFORE {
            caller.call(call);
        }
        let parts = caller.call(BEFORE);
        parts.iter().sum::<usize>()
    };
    let (plain, recorded) = (measured(false), measured(true));
    assert!(
        recorded <= plain + MAX_RECORDING_ALLOCATIONS,
        "{recorded} allocations instead of {plain}"
    );
}

#[test]
fn ended_call_leaves_little_until_its_timers() {
    const CALLS: usize = 64;
    let mut caller = Caller::new();
    for call in 0..BEFORE {
        caller.call(call);
    }
    let ((), held) = bytes_held_by(|| {
        for call in BEFORE..BEFORE + CALLS {
            caller.call(call);
            // What the agent keeps of calls that are over is for the tests.
            caller.agent.calls.clear();
        }
    });
    let each = held / CALLS as isize;
    assert!(each <= MAX_LINGERING_BYTES, "{each} bytes");
}

#[test]
fn announcement_holds_little_while_it_is_heard() {
    const CALLS: usize = 64;
    let diagram = shipped("announcement", &[("loop", "true")]);
    let mut caller = Caller::of("announcement", Catalog::new([diagram]));
    caller.agent.add_prompts(&["default.wav"]);
    for call in 0..BEFORE {
        caller.begin(call);
    }
    let ((), held) = bytes_held_by(|| {
        for call in BEFORE..BEFORE + CALLS {
            caller.begin(call);
        }
    });
    assert_eq!(caller.agent.live(), BEFORE + CALLS);
    let each = held / CALLS as isize;
    assert!(each <= MAX_PLAYING_BYTES, "{each} bytes");
}
