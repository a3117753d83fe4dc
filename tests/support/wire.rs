//! A seeded wire in virtual time, and a world of nodes on it.
//!
//! Datagrams are delayed, lost, reordered and duplicated as [`WireConfig`] says; streams deliver all
//! in order. The same seed gives the same run.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use muleteer::sip::transaction::Reliability;
use muleteer::sip::transport::{Flow, Transmit};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// What a wire does to datagrams.
#[derive(Debug, Clone, Copy)]
pub struct WireConfig {
    /// Shortest time on the way.
    pub latency: Duration,
    /// Random time added to each datagram; more than the sender's pace reorders.
    pub jitter: Duration,
    /// Probability of loss, 0 to 1.
    pub loss: f64,
    /// Probability that a datagram that is not lost comes twice, 0 to 1.
    pub duplication: f64,
}

impl WireConfig {
    /// Ten milliseconds each way and nothing else.
    pub const CLEAN: Self = Self {
        latency: Duration::from_millis(10),
        jitter: Duration::ZERO,
        loss: 0.0,
        duplication: 0.0,
    };
}

/// Says whether the message with this number, counted from 0, passes.
pub type Passes = Box<dyn FnMut(usize, &Transmit) -> bool>;

/// The network between the nodes.
pub struct Wire {
    pub config: WireConfig,
    rng: StdRng,
    /// By arrival, then by order of sending.
    in_flight: BinaryHeap<Reverse<(Instant, u64)>>,
    payloads: BTreeMap<u64, Transmit>,
    sent: u64,
    /// Every message that was sent, lost ones included, with when.
    pub log: Vec<(Instant, Transmit)>,
    /// Loses messages by choice, before chance does.
    pub passes: Passes,
}

impl Wire {
    pub fn new(config: WireConfig, seed: u64) -> Self {
        Self {
            config,
            rng: StdRng::seed_from_u64(seed),
            in_flight: BinaryHeap::new(),
            payloads: BTreeMap::new(),
            sent: 0,
            log: Vec::new(),
            passes: Box::new(|_, _| true),
        }
    }

    fn send(&mut self, now: Instant, transmit: Transmit) {
        self.log.push((now, transmit.clone()));
        if !(self.passes)(self.log.len() - 1, &transmit) {
            return;
        }
        if transmit.flow.reliability() == Reliability::Reliable {
            return self.put(now + self.config.latency, transmit);
        }
        if self.rng.random_bool(self.config.loss) {
            return;
        }
        if self.rng.random_bool(self.config.duplication) {
            let arrival = now + self.delay();
            self.put(arrival, transmit.clone());
        }
        let arrival = now + self.delay();
        self.put(arrival, transmit);
    }

    fn delay(&mut self) -> Duration {
        self.config.latency + self.config.jitter.mul_f64(self.rng.random::<f64>())
    }

    fn put(&mut self, arrival: Instant, transmit: Transmit) {
        self.in_flight.push(Reverse((arrival, self.sent)));
        self.payloads.insert(self.sent, transmit);
        self.sent += 1;
    }

    fn next_arrival(&self) -> Option<Instant> {
        self.in_flight.peek().map(|Reverse((at, _))| *at)
    }

    fn arrive(&mut self, now: Instant) -> Option<Transmit> {
        let number = self
            .in_flight
            .peek()
            .filter(|Reverse((at, _))| *at <= now)?
            .0
            .1;
        self.in_flight.pop();
        self.payloads.remove(&number)
    }
}

/// Something with an address on the wire.
pub trait Node {
    /// Where messages for this node go.
    fn address(&self) -> SocketAddr;
    /// A message came. Everything that follows from it at once is done before it returns.
    fn receive(&mut self, now: Instant, flow: Flow, bytes: Bytes);
    /// A deadline has come.
    fn wake(&mut self, now: Instant);
    /// When the node wants to be woken.
    fn deadline(&self) -> Option<Instant>;
    /// Takes something to send.
    fn transmit(&mut self) -> Option<Transmit>;
}

/// Nodes, the wire between them, and the time.
pub struct World<N> {
    pub start: Instant,
    pub now: Instant,
    pub nodes: Vec<N>,
    pub wire: Wire,
}

impl<N: Node> World<N> {
    pub fn new(wire: Wire, nodes: Vec<N>) -> Self {
        let start = Instant::now();
        Self {
            start,
            now: start,
            nodes,
            wire,
        }
    }

    /// Puts what the nodes have to send on the wire.
    pub fn flush(&mut self) {
        for node in &mut self.nodes {
            while let Some(transmit) = node.transmit() {
                self.wire.send(self.now, transmit);
            }
        }
    }

    /// Jumps to the earliest deadline or arrival and handles all of it. Returns `false` when nothing
    /// is left that could happen.
    pub fn step(&mut self) -> bool {
        self.flush();
        let Some(next) = self.next() else {
            return false;
        };
        self.now = self.now.max(next);
        while let Some(transmit) = self.wire.arrive(self.now) {
            let flow = Flow {
                local: transmit.flow.remote,
                remote: transmit.flow.local,
                ..transmit.flow
            };
            if let Some(node) = self.nodes.iter_mut().find(|n| n.address() == flow.local) {
                node.receive(self.now, flow, transmit.bytes);
            }
            self.flush();
        }
        for node in &mut self.nodes {
            if node.deadline().is_some_and(|deadline| deadline <= self.now) {
                node.wake(self.now);
            }
        }
        self.flush();
        true
    }

    /// Lets `time` pass and handles all that happens in it.
    pub fn advance(&mut self, time: Duration) {
        let end = self.now + time;
        self.flush();
        while self.next().is_some_and(|next| next <= end) {
            self.step();
        }
        self.now = end;
    }

    /// When something happens next.
    fn next(&self) -> Option<Instant> {
        let deadlines = self.nodes.iter().filter_map(Node::deadline);
        deadlines.chain(self.wire.next_arrival()).min()
    }

    /// Steps until nothing can happen any more; fails after `limit` steps.
    pub fn run_to_end(&mut self, limit: usize) {
        for _ in 0..limit {
            if !self.step() {
                return;
            }
        }
        panic!("the world still turns after {limit} steps");
    }
}
