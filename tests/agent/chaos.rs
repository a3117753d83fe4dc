//! Two user agents and many calls over a bad wire: whatever is lost, every call ends on both sides
//! and leaves nothing behind.

use std::time::Duration;

use muleteer::session::application::phone::{Key, Report};
use muleteer::session::catalog::Catalog;
use muleteer::session::{Limits, SessionEvent};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::mpsc;

use super::outgoing::phone;
use super::{AGENT, PEER, Station, address, diagram};
use crate::support::agent::Agent;
use crate::support::wire::{Wire, WireConfig, World};

const CALLS: usize = 200;

/// Hangs up after three seconds, which is when the phone does too.
const BRIEF: &str = r#"
initial state A;
transition "up" A - sessionStart / setTimer(1, 3); -> A;
transition "time" A - timer(#id == 1) / stop(true); -> A;
transition "bye" A - hangup / stop(false); -> A;
"#;

/// Never answers.
const RING: &str = r#"
initial state A;
transition "invite" A - invite / playFile(never.wav); -> A;
"#;

const BAD: WireConfig = WireConfig {
    latency: Duration::from_millis(10),
    jitter: Duration::from_millis(300),
    loss: 0.2,
    duplication: 0.2,
};

struct Chaos {
    world: World<Station>,
    phones: Vec<mpsc::Receiver<Report>>,
    rng: StdRng,
}

impl Chaos {
    fn new(seed: u8) -> Self {
        let callee = Catalog::new([diagram("brief", BRIEF), diagram("ring", RING)]);
        let none = Limits::default();
        let caller = Agent::new(address(AGENT), Catalog::default(), none, seed);
        let mut callee = Agent::new(address(PEER), callee, none, seed + 100);
        callee.slow.insert("never.wav".to_owned());
        let nodes = [caller, callee].map(|agent| Station::Agent(Box::new(agent)));
        Self {
            world: World::new(Wire::new(BAD, seed.into()), nodes.into()),
            phones: Vec::new(),
            rng: StdRng::seed_from_u64(seed.into()),
        }
    }

    fn agent(&mut self, number: usize) -> &mut Agent {
        match &mut self.world.nodes[number] {
            Station::Agent(agent) => agent,
            Station::Peer(_) => panic!("both are agents"),
        }
    }

    /// Places a call; which one, and when the caller gives it up if it does.
    fn dial(&mut self) -> (usize, Option<Duration>) {
        let user = ["echo", "echo", "brief", "ring", "nobody"][self.rng.random_range(0..5)];
        let patience = Duration::from_millis(self.rng.random_range(0..4_000));
        let impatient = user == "ring" || self.rng.random_bool(0.3);
        let pause = Key::Pause(Duration::from_secs(1));
        let (dial, reports) = phone(&format!("{user}@{PEER}"), vec![pause]);
        self.phones.push(reports);
        let now = self.world.now;
        let call = self.agent(0).dial(now, dial);
        (call, impatient.then_some(patience))
    }

    fn run(&mut self) {
        let mut hang_ups = Vec::new();
        for _ in 0..CALLS {
            let (call, patience) = self.dial();
            hang_ups.extend(patience.map(|patience| (self.world.now + patience, call)));
            self.pass(Duration::from_millis(50), &mut hang_ups);
        }
        self.pass(Duration::from_secs(5), &mut hang_ups);
        assert!(hang_ups.is_empty());
        self.world.run_to_end(1_000_000);
    }

    /// Lets time pass in which callers hang up.
    fn pass(&mut self, time: Duration, hang_ups: &mut Vec<(std::time::Instant, usize)>) {
        let end = self.world.now + time;
        hang_ups.sort();
        while let Some(&(at, call)) = hang_ups.first().filter(|(at, _)| *at <= end) {
            hang_ups.remove(0);
            let now = self.world.now;
            self.world.advance(at - now);
            self.agent(0).tell(at, call, SessionEvent::Shutdown);
        }
        let now = self.world.now;
        self.world.advance(end - now);
    }
}

/// How often a phone was answered, and how often its call ended.
fn outcome(reports: &mut mpsc::Receiver<Report>) -> (usize, usize) {
    let reports: Vec<_> = std::iter::from_fn(|| reports.try_recv().ok()).collect();
    let count = |is: fn(&Report) -> bool| reports.iter().filter(|report| is(report)).count();
    (
        count(|report| matches!(report, Report::Answered(..))),
        count(|report| matches!(report, Report::Ended)),
    )
}

fn every_call_ends(seed: u8) {
    let mut chaos = Chaos::new(seed);
    chaos.run();
    for side in 0..2 {
        let agent = chaos.agent(side);
        assert_eq!(agent.live(), 0, "sessions of side {side}, seed {seed}");
        assert_eq!(agent.remains(), 0, "entries of side {side}, seed {seed}");
        assert_eq!(agent.stats.sessions_active.value(), 0);
        assert_eq!(agent.stats.sip_dropped.overload.value(), 0);
    }
    let outcomes: Vec<_> = chaos.phones.iter_mut().map(outcome).collect();
    let answered = outcomes
        .iter()
        .filter(|(answered, _)| *answered == 1)
        .count();
    assert!(answered >= CALLS / 4, "{answered} answered, seed {seed}");
    let once = |(answered, ended): &(usize, usize)| *answered <= 1 && *ended == 1;
    assert!(outcomes.iter().all(once), "{outcomes:?}, seed {seed}");
    let calls = chaos.agent(1).calls.len();
    assert!(
        (answered..=CALLS).contains(&calls),
        "{calls} calls came, seed {seed}"
    );
}

#[test]
fn every_call_ends_on_both_sides_and_leaves_nothing() {
    for seed in 1..=6 {
        every_call_ends(seed);
    }
}

#[test]
fn the_same_seed_gives_the_same_messages() {
    let log = |seed| {
        let mut chaos = Chaos::new(seed);
        for _ in 0..20 {
            chaos.dial();
            chaos.world.advance(Duration::from_millis(50));
        }
        let start = chaos.world.start;
        chaos.world.advance(Duration::from_secs(10));
        let log = chaos.world.wire.log.iter();
        log.map(|(at, transmit)| (*at - start, transmit.bytes.clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(log(7), log(7));
    assert_ne!(log(7), log(8));
}
