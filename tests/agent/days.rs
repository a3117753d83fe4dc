//! Days of three user agents: a server with its sessions, and two [houses](super::house) that do whatever is
//! possible in a call. Calls of seconds and of hours overlap, messages are lost, repeated and overtake each other, the
//! wire is dead for minutes, and now and then a side forgets everything. Four times a day it is quiet: then both
//! sides of each call have to agree that it is up.
//!
//! For a longer run, or for another course of things:
//!
//! ```text
//! MULETEER_DAYS=30 MULETEER_SEED=7 cargo test --test main agent::days
//! ```

use std::cell::Cell;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use muleteer::session::catalog::Catalog;
use muleteer::session::{Limits, SessionEvent};
use muleteer::sip::dialog::invite_usage::{Change, Content, InviteUsage};
use muleteer::sip::dialog::session_timer::SessionTimerSettings;
use muleteer::sip::message::{HeaderName, Method, StatusCode};
use muleteer::sip::transport::{Flow, Transmit};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::house::{House, description};
use super::{AGENT, PEER, address, diagram};
use crate::support::agent::Agent;
use crate::support::wire::{Node, Wire, WireConfig, World};

const HOUSES: [&str; 2] = [PEER, "192.0.2.10:5060"];

const TIMER: SessionTimerSettings = SessionTimerSettings {
    interval_s: 600,
    minimum_s: 90,
    maximum_s: 3600,
};

const BAD: WireConfig = WireConfig {
    latency: Duration::from_millis(10),
    jitter: Duration::from_millis(400),
    loss: 0.25,
    duplication: 0.2,
};

const DEAD: WireConfig = WireConfig {
    loss: 1.0,
    ..WireConfig::CLEAN
};

/// Whoever has not answered until then is not waited for any more.
const RINGING: Duration = Duration::from_secs(180);

/// As long as it takes to find out that the other side has forgotten a call, and to end it.
const QUIET: Duration = Duration::from_secs(1_500);

/// What has to have happened at least once; the rest comes with it.
const SEEN: [&str; 12] = [
    "CANCEL", "PRACK", "UPDATE", "INFO", "REFER", "NOTIFY", "BYE", "183", "481", "486", "487",
    "491",
];

/// Answers, and does what its keys say; also the calls that it places.
const LINE: &str = r#"
import(mod_dlg);
initial state A enter { set($enable_request_events=true); };
state UP;
transition "calls" A - start / setTimer(1, 180) -> A;
transition "nobody" A - timer(#id == 1) / { dlg.bye(); stop(false); } -> A;
transition "refused" A - failed / stop(false) -> A;
transition "rings" A - invite; test(@user == "ring") / { dlg.reply(180, Ringing); setTimer(2, 5); } -> A;
transition "early" A - invite; test(@user == "early") / { dlg.acceptInvite(183); setTimer(2, 5); } -> A;
transition "busy" A - invite; test(@user == "busy") / { dlg.reply(486, Busy); stop(false); } -> A;
transition "answers" A - timer(#id == 2) / dlg.acceptInvite() -> A;
transition "up" A - sessionStart / removeTimer(1) -> UP;
transition "asked to call" UP - sipRequest(#method == REFER) / {
  set(#processed=true);
  dlg.replyRequest(202, Accepted);
  setTimer(3, 20);
} -> UP;
transition "called" UP - timer(#id == 3) / dlg.notifyRefer(200) -> UP;
transition "1" UP - keyPress(1) / dlg.info("application/dtmf-relay", "Signal=1\r\nDuration=100\r\n") -> UP;
transition "2" UP - keyPress(2) / dlg.refer("sip:x@example.com") -> UP;
transition "3" UP - keyPress(3) / {
  set($a_caller=line);
  set($a_callee=house);
  set($a_domain="192.0.2.9:5060");
  set($a_app=line);
  dlg.dialout(a);
} -> UP;
transition "9" UP - keyPress(9) / stop(true) -> UP;
transition "gone" (A, UP) - hangup / stop(false) -> A;
"#;

enum Who {
    Agent(Box<Agent>),
    House(Box<House>),
}

struct Side {
    who: Who,
    /// What it wants is asked for far more often than it changes.
    deadline: Cell<Option<Option<Instant>>>,
}

impl Side {
    fn new(who: Who) -> Self {
        let deadline = Cell::new(None);
        Self { who, deadline }
    }

    /// Who it is; perhaps it wants to be woken at another time afterwards.
    fn node(&mut self) -> &mut dyn Node {
        self.deadline.set(None);
        match &mut self.who {
            Who::Agent(agent) => &mut **agent,
            Who::House(house) => &mut **house,
        }
    }

    fn read(&self) -> &dyn Node {
        match &self.who {
            Who::Agent(agent) => &**agent,
            Who::House(house) => &**house,
        }
    }
}

impl Node for Side {
    fn address(&self) -> SocketAddr {
        self.read().address()
    }

    fn receive(&mut self, now: Instant, flow: Flow, bytes: Bytes) {
        self.node().receive(now, flow, bytes);
    }

    fn wake(&mut self, now: Instant) {
        self.node().wake(now);
    }

    fn deadline(&self) -> Option<Instant> {
        let known = self.deadline.get();
        let deadline = known.unwrap_or_else(|| self.read().deadline());
        self.deadline.set(Some(deadline));
        deadline
    }

    fn transmit(&mut self) -> Option<Transmit> {
        match &mut self.who {
            Who::Agent(agent) => agent.transmit(),
            Who::House(house) => house.transmit(),
        }
    }
}

fn agent(seed: u8) -> Side {
    let names = ["line", "ring", "early", "busy"];
    let catalog = Catalog::new(names.map(|name| diagram(name, LINE)));
    let mut agent = Agent::new(address(AGENT), catalog, Limits::default(), seed);
    agent.set_session_timer(TIMER);
    Side::new(Who::Agent(Box::new(agent)))
}

fn change(method: Method, has_offer: bool) -> Change {
    Change {
        method,
        has_offer,
        headers: Vec::new(),
    }
}

struct Days {
    world: World<Side>,
    rng: StdRng,
    seed: u64,
    restarts: u8,
    /// Calls that were up when it was quiet, all times together.
    agreed: usize,
    /// The first word of every request so far, and of responses the status.
    seen: BTreeSet<Bytes>,
}

impl Days {
    fn new(seed: u64) -> Self {
        let houses = [0, 1].map(|which| {
            // No call of one has the number of a call of the other.
            let first = seed << 32 | (which as u64) << 31;
            let house = House::new(address(HOUSES[which]), TIMER, first);
            Side::new(Who::House(Box::new(house)))
        });
        let nodes = std::iter::once(agent(1)).chain(houses).collect();
        Self {
            world: World::new(Wire::new(WireConfig::CLEAN, seed), nodes),
            rng: StdRng::seed_from_u64(seed),
            seed,
            restarts: 1,
            agreed: 0,
            seen: BTreeSet::new(),
        }
    }

    fn agent(&mut self) -> &mut Agent {
        let side = &mut self.world.nodes[0];
        side.deadline.set(None);
        match &mut side.who {
            Who::Agent(agent) => agent,
            Who::House(_) => panic!("the first is the agent"),
        }
    }

    fn house(&mut self, which: usize) -> &mut House {
        let side = &mut self.world.nodes[1 + which];
        side.deadline.set(None);
        match &mut side.who {
            Who::House(house) => house,
            Who::Agent(_) => panic!("only the first is the agent"),
        }
    }

    /// The numbers of the calls of a house.
    fn lines(&mut self, which: usize) -> Vec<u64> {
        self.house(which).lines.keys().copied().collect()
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        let count = all.len();
        (count > 0).then(|| all[self.rng.random_range(0..count)])
    }

    fn pass(&mut self, time: Duration) {
        self.world.advance(time);
        for (_, transmit) in self.world.wire.log.drain(..) {
            let mut words = transmit.bytes.split(|byte| *byte == b' ');
            let first = words.next().unwrap_or_default();
            let word = match first {
                b"SIP/2.0" => words.next().unwrap_or_default(),
                method => method,
            };
            if !self.seen.contains(word) {
                self.seen.insert(Bytes::copy_from_slice(word));
            }
        }
        self.agent().forget_the_past();
        let now = self.world.now;
        for which in 0..HOUSES.len() {
            for number in self.lines(which) {
                let line = &self.house(which).lines[&number];
                if line.usage.is_pending() && now.duration_since(line.began) > RINGING {
                    self.house(which).act(now, number, InviteUsage::hang_up);
                }
            }
        }
        self.world.flush();
    }

    /// Six hours.
    fn a_while(&mut self) {
        let end = self.world.now + Duration::from_secs(6 * 3_600);
        while self.world.now < end {
            let wait = match self.rng.random_range(0..10) {
                // Things come in bursts.
                0..=5 => self.rng.random_range(0..1_000),
                6..=7 => self.rng.random_range(0..20_000),
                _ => self.rng.random_range(0..600_000),
            };
            self.pass(Duration::from_millis(wait));
            self.something();
            self.world.flush();
        }
    }

    fn something(&mut self) {
        match self.rng.random_range(0..1_000) {
            0..=19 => self.weather(),
            20..=22 => self.restart(),
            23..=259 => self.call(),
            260..=499 => self.agent_acts(),
            _ => self.house_acts(),
        }
    }

    fn weather(&mut self) {
        let config = self.one_of(&[WireConfig::CLEAN, WireConfig::CLEAN, BAD, BAD, DEAD]);
        self.world.wire.config = config.expect("weather");
        if self.world.wire.config.loss == 1.0 {
            let dead = self.rng.random_range(1..180);
            self.pass(Duration::from_secs(dead));
            self.world.wire.config = WireConfig::CLEAN;
        }
    }

    fn restart(&mut self) {
        match self.rng.random_range(0..4) {
            0..=1 => {
                self.restarts = self.restarts.wrapping_add(1);
                self.world.nodes[0] = agent(self.restarts);
            }
            which => self.house(which - 2).restart(),
        }
    }

    fn call(&mut self) {
        let now = self.world.now;
        let which = self.rng.random_range(0..HOUSES.len());
        if self.lines(which).len() > 40 {
            return;
        }
        let users = [
            "line", "line", "ring", "early", "busy", "nobody", "house", "house",
        ];
        let user = self.one_of(&users).expect("a user");
        let to = match user {
            "house" => HOUSES[1 - which],
            _ => AGENT,
        };
        self.house(which).call(now, user, address(to));
    }

    /// Somebody who talks to the agent presses a key, or the agent ends a call.
    fn agent_acts(&mut self) {
        let now = self.world.now;
        let up = self.agent().live_calls();
        let Some(call) = self.one_of(&up) else { return };
        match self.rng.random_range(0..12) {
            0..=2 => self.agent().press(now, call, '1'),
            3..=5 => self.agent().press(now, call, '2'),
            6..=9 => self.agent().press(now, call, '3'),
            10 => self.agent().press(now, call, '9'),
            _ => self.agent().tell(now, call, SessionEvent::Shutdown),
        }
    }

    fn house_acts(&mut self) {
        let now = self.world.now;
        let which = self.rng.random_range(0..HOUSES.len());
        let lines = self.lines(which);
        let Some(number) = self.one_of(&lines) else {
            return;
        };
        // Both ends of a call between the houses change it at once.
        let peer = self.house(which).lines[&number].peer();
        let other = peer.and_then(|tag| tag.strip_prefix("house-")?.parse().ok());
        if let Some(other) = other.filter(|_| self.rng.random_bool(0.1)) {
            for (which, number) in [(which, number), (1 - which, other)] {
                self.house(which).act(now, number, |usage| {
                    let _ = usage.change(change(Method::Invite, true));
                });
            }
            return;
        }
        let what = self.rng.random_range(0..20);
        self.house(which).act(now, number, |usage| match what {
            0 => usage.hang_up(),
            1 => usage.reject(StatusCode::BUSY_HERE, None, &[]),
            2..=3 => usage.progress(StatusCode::RINGING, None, &[], Bytes::new()),
            4 => {
                let answer = description(number, "sendrecv");
                usage.progress(StatusCode::SESSION_PROGRESS, None, &[], answer);
            }
            5..=11 if usage.is_pending() => {
                usage.accept(None, &[], description(number, "sendrecv"));
            }
            5..=8 => {
                let _ = usage.change(change(Method::Invite, true));
            }
            9 => {
                let _ = usage.change(change(Method::Invite, false));
            }
            10..=12 => {
                let _ = usage.change(change(Method::Update, true));
            }
            13 => {
                let _ = usage.change(change(Method::Update, false));
            }
            14..=16 => {
                let _ = usage.send_request(Method::Info, &[], Content::default());
            }
            17 => {
                let _ = usage.send_request(Method::Options, &[], Content::default());
            }
            _ => {
                let refer = Method::parse("REFER").expect("a method");
                let to = (HeaderName::ReferTo, "<sip:x@example.com>".into());
                let _ = usage.send_request(refer, &[to], Content::default());
            }
        });
    }

    /// Nobody does anything, and every message arrives: the calls that are up are the same on both sides.
    fn quiet(&mut self) {
        self.world.wire.config = WireConfig::CLEAN;
        for _ in 0..10 {
            self.pass(QUIET / 10);
        }
        let (mut of_houses, mut between): (BTreeSet<String>, BTreeSet<_>) = Default::default();
        let mut agreed = 0;
        for which in 0..HOUSES.len() {
            for (number, line) in &self.house(which).lines {
                match line.peer() {
                    // Each end has to be there: the second one takes away what the first one put there.
                    Some(peer) if peer.starts_with("house-") => {
                        let mut ends = [format!("house-{number}"), peer];
                        ends.sort();
                        if !between.remove(&ends) {
                            between.insert(ends);
                            agreed += 1;
                        }
                    }
                    peer => of_houses.extend(peer),
                }
            }
        }
        assert!(between.is_empty(), "{between:?}, seed {}", self.seed);
        let agent = self.agent();
        let live = agent.live_calls().into_iter();
        let of_agent: BTreeSet<String> =
            live.map(|call| agent.calls[call].id.to_string()).collect();
        assert_eq!(of_agent, of_houses, "seed {}", self.seed);
        self.agreed += agreed + of_agent.len();
    }

    /// Everybody hangs up, and nothing is left.
    fn end(&mut self) {
        let now = self.world.now;
        for call in self.agent().live_calls() {
            self.agent().tell(now, call, SessionEvent::Shutdown);
        }
        for which in 0..HOUSES.len() {
            for number in self.lines(which) {
                self.house(which).act(now, number, InviteUsage::hang_up);
            }
        }
        self.world.run_to_end(1_000_000);
        assert_eq!(self.agent().remains(), 0, "seed {}", self.seed);
        for which in 0..HOUSES.len() {
            assert_eq!(self.house(which).remains(), 0, "seed {}", self.seed);
        }
        assert_eq!(self.agent().stats.sessions_active.value(), 0);
    }
}

#[test]
fn after_days_both_sides_agree_on_their_calls_and_nothing_is_left() {
    let number = |name: &str, usual: u64| {
        let text = std::env::var(name).ok();
        text.map_or(usual, |text| text.parse().expect("a number"))
    };
    let (days, seed) = (number("MULETEER_DAYS", 2), number("MULETEER_SEED", 1));
    let mut world = Days::new(seed);
    for _ in 0..4 * days {
        world.a_while();
        world.quiet();
    }
    world.end();
    let agreed = world.agreed;
    assert!(agreed > 20 * days as usize, "{agreed} calls");
    for word in SEEN {
        assert!(world.seen.contains(word.as_bytes()), "no {word}");
    }
}
