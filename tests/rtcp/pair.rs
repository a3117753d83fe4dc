//! Two streams that talk to each other over a network with delay and loss, in virtual time.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use muleteer::media::{FiguresSink, MediaCommand, RtcpParameters, StreamFigures, StreamParameters};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::support::media::{Rig, looped, parameters, tone_prompt};

const A: &str = "192.0.2.1:4000";
const B: &str = "192.0.2.2:6000";

/// One direction of the network.
pub struct Path {
    pub delay: Duration,
    /// Part of the RTP packets that is lost, 0 to 1.
    pub loss: f64,
    /// The most that a packet is late beyond `delay`.
    pub spread: Duration,
}

impl Path {
    pub fn clear(delay_ms: u64) -> Self {
        Self {
            delay: Duration::from_millis(delay_ms),
            loss: 0.0,
            spread: Duration::ZERO,
        }
    }
}

/// A datagram on its way.
struct Flying {
    due: Duration,
    control: bool,
    bytes: Vec<u8>,
}

pub struct End {
    pub rig: Rig,
    address: SocketAddr,
    /// From here to the other end.
    pub path: Path,
    flying: VecDeque<Flying>,
    seen: (usize, usize),
    /// Destinations of all RTCP, and what it was.
    pub reports: Vec<(Duration, SocketAddr, Vec<u8>)>,
    /// What the path lost.
    pub lost: u64,
}

pub struct Pair {
    pub a: End,
    pub b: End,
    random: SmallRng,
    now: Duration,
}

impl Pair {
    pub fn new(mux: bool, there: Path, back: Path) -> Self {
        let mut pair = Self {
            a: End::new(A, there),
            b: End::new(B, back),
            random: SmallRng::seed_from_u64(5),
            now: Duration::ZERO,
        };
        pair.a.configure(B, mux);
        pair.b.configure(A, mux);
        pair
    }

    pub fn both_talk(&mut self) {
        for end in [&mut self.a, &mut self.b] {
            let prompt = tone_prompt(440.0, 1_000);
            end.rig.command(MediaCommand::Append(looped(&prompt)));
        }
    }

    pub fn run_s(&mut self, seconds: u64) {
        for _ in 0..seconds * 100 {
            self.now += STEP;
            self.a.rig.run(STEP);
            self.b.rig.run(STEP);
            self.a.send(self.now, &mut self.random);
            self.b.send(self.now, &mut self.random);
            let (a, b) = (&mut self.a, &mut self.b);
            a.deliver(self.now, b);
            b.deliver(self.now, a);
        }
    }
}

impl End {
    fn new(address: &str, path: Path) -> Self {
        Self {
            rig: Rig::silent(),
            address: address.parse().unwrap(),
            path,
            flying: VecDeque::new(),
            seen: (0, 0),
            reports: Vec::new(),
            lost: 0,
        }
    }

    pub fn configure(&mut self, remote: &str, mux: bool) {
        self.rig
            .command(MediaCommand::Configure(Box::new(StreamParameters {
                remote: Some(remote.parse().unwrap()),
                rtcp: Some(RtcpParameters { mux, remote: None }),
                ..parameters()
            })));
    }

    pub fn figures(&mut self) -> StreamFigures {
        let told = Arc::new(Mutex::new(None));
        let tell = told.clone();
        let sink = FiguresSink::new(move |figures| *tell.lock().unwrap() = Some(figures));
        self.rig.command(MediaCommand::Measure(sink));
        let figures = told.lock().unwrap().take();
        figures.unwrap()
    }

    /// Puts what the stream sent on its way.
    fn send(&mut self, now: Duration, random: &mut SmallRng) {
        for sent in &self.rig.world.sent[self.seen.0..] {
            if random.random_bool(self.path.loss) {
                self.lost += 1;
                continue;
            }
            let late = self.path.spread.mul_f64(random.random());
            self.flying.push_back(Flying {
                due: now + self.path.delay + late,
                control: false,
                bytes: sent.bytes().to_vec(),
            });
        }
        for report in &self.rig.world.reports[self.seen.1..] {
            self.reports.push(report.clone());
            self.flying.push_back(Flying {
                due: now + self.path.delay,
                control: true,
                bytes: report.2.clone(),
            });
        }
        self.seen = (self.rig.world.sent.len(), self.rig.world.reports.len());
    }

    /// Hands over what is due at the other end.
    fn deliver(&mut self, now: Duration, to: &mut End) {
        let mut later = VecDeque::new();
        while let Some(flying) = self.flying.pop_front() {
            if flying.due > now {
                later.push_back(flying);
            } else if flying.control && to.rig.world.control_port {
                let mut from = self.address;
                from.set_port(from.port() + 1);
                to.rig.receive_control(&from.to_string(), &flying.bytes);
            } else {
                to.rig.receive(&self.address.to_string(), &flying.bytes);
            }
        }
        self.flying = later;
    }
}

/// Of the network. A packet's delay is exact to that.
const STEP: Duration = Duration::from_millis(10);
