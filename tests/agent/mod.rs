//! Whole calls in virtual time: the user agent with its sessions against a scripted peer or against
//! another user agent, over the wire of the tests.

mod announcement;
mod answering;
mod applications;
mod bodies;
mod chaos;
mod cost;
mod days;
mod demo;
mod dialog;
mod echo;
mod ending;
mod house;
mod limits;
mod members;
mod order;
pub mod outgoing;
mod prompts;
mod recording;
mod replaced;
mod requests;
mod rooms;
mod sound;
mod srtp;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use muleteer::dsm::loader::{FileSystem, find_diagrams};
use muleteer::dsm::source::EntryKind;
use muleteer::dsm::{Registry, SourceProvider, load_set};
use muleteer::ids::Draws;
use muleteer::media::MediaEvent;
use muleteer::session::Limits;
use muleteer::session::catalog::{Catalog, DiagramApplication};
use muleteer::sip::transport::{Flow, Transmit};

use crate::support::agent::{Agent, AgentCall};
use crate::support::peer::Peer;
use crate::support::studio::Studio;
use crate::support::wire::{Node, Wire, WireConfig, World};

/// Whoever is on the wire.
pub enum Station {
    Agent(Box<Agent>),
    Peer(Box<Peer>),
}

impl Station {
    fn node(&mut self) -> &mut dyn Node {
        match self {
            Self::Agent(agent) => &mut **agent,
            Self::Peer(peer) => &mut **peer,
        }
    }
}

impl Node for Station {
    fn address(&self) -> SocketAddr {
        match self {
            Self::Agent(agent) => agent.address(),
            Self::Peer(peer) => peer.address,
        }
    }

    fn receive(&mut self, now: Instant, flow: Flow, bytes: Bytes) {
        self.node().receive(now, flow, bytes);
    }

    fn wake(&mut self, now: Instant) {
        self.node().wake(now);
    }

    fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Agent(agent) => agent.deadline(),
            Self::Peer(peer) => peer.deadline(),
        }
    }

    fn transmit(&mut self) -> Option<Transmit> {
        self.node().transmit()
    }
}

/// T1 of the default timers, in milliseconds.
const T1: u64 = 500;

pub const AGENT: &str = "192.0.2.1:5060";
pub const PEER: &str = "192.0.2.9:5060";

/// The address behind a name above.
pub fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// A diagram written in a test.
struct Text(String);

impl SourceProvider for Text {
    fn kind(&self, _: &str) -> Option<EntryKind> {
        Some(EntryKind::File)
    }

    fn read(&self, _: &str) -> Option<Vec<u8>> {
        Some(self.0.clone().into_bytes())
    }

    fn list(&self, _: &str) -> Vec<String> {
        Vec::new()
    }
}

/// An application of this name that runs the diagram `text`.
pub fn diagram(name: &str, text: &str) -> DiagramApplication {
    diagram_of(name, text, &Registry::default())
}

/// The same over what this registry knows.
pub fn diagram_of(name: &str, text: &str, registry: &Registry) -> DiagramApplication {
    let files = [(name.to_owned(), format!("{name}.dsm"))];
    let set = load_set(&files, &Text(text.to_owned()), registry);
    let loaded = &set.loaded[0];
    assert!(loaded.diagram.is_some(), "{}", loaded.render());
    DiagramApplication {
        name: name.to_owned(),
        diagrams: set.diagrams,
        prompts: Arc::default(),
        config: BTreeMap::new(),
        set_param_variables: true,
        draws: Draws::new([7; 32]),
    }
}

/// A shipped diagram with these settings.
pub fn shipped(name: &str, config: &[(&str, &str)]) -> DiagramApplication {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("dsm");
    let diagrams = find_diagrams(&[folder]).unwrap();
    let set = load_set(&diagrams, &FileSystem, &Registry::default());
    let pair = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    DiagramApplication {
        name: name.to_owned(),
        diagrams: set.diagrams,
        prompts: Arc::default(),
        config: config.iter().map(pair).collect(),
        set_param_variables: false,
        draws: Draws::new([7; 32]),
    }
}

/// An agent and a scripted peer that calls it, on a wire without faults.
pub struct Scene {
    pub world: World<Station>,
}

impl Scene {
    /// The agent runs `application`, or `echo`; the peer calls `user`.
    pub fn new(user: &str, application: impl Into<Option<DiagramApplication>>) -> Self {
        Self::with_limits(user, application, Limits::default())
    }

    pub fn with_limits(
        user: &str,
        application: impl Into<Option<DiagramApplication>>,
        limits: Limits,
    ) -> Self {
        let (agent, peer) = (address(AGENT), address(PEER));
        let catalog = Catalog::new(application.into());
        let nodes = vec![
            Station::Agent(Box::new(Agent::new(agent, catalog, limits, 1))),
            Station::Peer(Box::new(Peer::new(peer, agent, user))),
        ];
        Self {
            world: World::new(Wire::new(WireConfig::CLEAN, 1), nodes),
        }
    }

    pub fn agent(&mut self) -> &mut Agent {
        match &mut self.world.nodes[0] {
            Station::Agent(agent) => agent,
            Station::Peer(_) => panic!("the first node is the agent"),
        }
    }

    pub fn peer(&mut self) -> &mut Peer {
        match &mut self.world.nodes[1] {
            Station::Peer(peer) => peer,
            Station::Agent(_) => panic!("the second node is the peer"),
        }
    }

    /// What is played and said is from now on played and heard for real.
    pub fn open_studio(&mut self) {
        self.with_agent(|agent, now| agent.studio = Some(Studio::new(now)));
    }

    pub fn studio(&mut self) -> &mut Studio {
        self.agent().studio.as_mut().expect("a studio")
    }

    /// The latest caller speaks while time passes.
    pub fn says(&mut self, pcm: &[i16]) {
        for frame in pcm.chunks_exact(160) {
            let (now, call) = (self.world.now, self.agent().calls.len() - 1);
            self.studio().say(now, call, frame);
            self.run(20);
        }
    }

    /// The latest caller presses keys that come by RTP.
    pub fn keys(&mut self, keys: &str) {
        for key in keys.chars() {
            let (now, call) = (self.world.now, self.agent().calls.len() - 1);
            self.studio().press(now, call, key);
            self.with_agent(|agent, now| agent.settle(now));
            self.run(100);
        }
    }

    /// What the latest caller heard since the last time: audio without pauses, and keys.
    pub fn heard(&mut self) -> (Vec<i16>, String) {
        let call = self.agent().calls.len() - 1;
        self.studio().heard(call)
    }

    /// The payload types of the audio that was heard so far.
    pub fn payload_types(&mut self) -> Vec<u8> {
        self.studio().payload_types.iter().copied().collect()
    }

    /// The agent and the time.
    pub fn with_agent<T>(&mut self, work: impl FnOnce(&mut Agent, Instant) -> T) -> T {
        let now = self.world.now;
        work(self.agent(), now)
    }

    /// Lets milliseconds pass.
    pub fn run(&mut self, ms: u64) {
        self.world.advance(Duration::from_millis(ms));
    }

    /// Calls, expects a 200 and acknowledges it.
    pub fn call(&mut self) {
        self.peer().invite();
        self.run(100);
        assert_eq!(self.peer().statuses("INVITE"), [200]);
        self.peer().ack("");
        self.run(100);
    }

    /// Answers the offer in our 200 with the ACK, and hears the echo.
    pub fn answer_our_offer(&mut self) {
        assert_eq!(self.peer().statuses("INVITE"), [200]);
        let ours = self.peer().last_response();
        assert!(String::from_utf8_lossy(&ours.body).contains("m=audio "));
        assert!(self.media().is_empty());
        let answer = self.peer().offer("sendrecv");
        self.peer().ack(&answer);
        self.run(100);
        let told = ["configure 192.0.2.9:40000 sendrecv", "output Echo"];
        assert_eq!(self.media(), told);
    }

    /// The peer hangs up and gets its 200.
    pub fn bye(&mut self) {
        self.peer().request("BYE", "");
        self.run(100);
        assert_eq!(self.peer().statuses("BYE"), [200]);
    }

    /// The latest call of the agent.
    pub fn last_call(&mut self) -> &mut AgentCall {
        self.agent().calls.last_mut().expect("a call")
    }

    /// What its stream was told since the last time.
    pub fn media(&mut self) -> Vec<String> {
        std::mem::take(&mut self.last_call().media)
    }

    /// Something happens to its audio.
    pub fn hear(&mut self, event: MediaEvent) {
        self.with_agent(|agent, now| agent.hear(now, agent.calls.len() - 1, event));
        self.run(50);
    }

    /// Its playlist ends.
    pub fn all_played(&mut self) {
        self.with_agent(|agent, now| agent.end_playlist(now, agent.calls.len() - 1));
        self.run(50);
    }

    /// Its caller presses keys.
    pub fn press(&mut self, keys: &str) {
        for key in keys.chars() {
            self.with_agent(|agent, now| agent.press(now, agent.calls.len() - 1, key));
        }
        self.run(50);
    }

    /// Whether no call is left; transactions may linger.
    pub fn is_over(&mut self) -> bool {
        self.agent().live() == 0
    }

    /// Waits for all timers; then nothing may be left of any call.
    pub fn ends_clean(&mut self) {
        self.world.run_to_end(10_000);
        assert_eq!(self.agent().live(), 0, "sessions");
        assert_eq!(self.agent().remains(), 0, "table entries");
    }
}
