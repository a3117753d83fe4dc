//! Where calls of ours go, and where else when that fails (RFC 3263): in virtual time against two servers,
//! and once with a real resolver and a small name server.

mod failover;
mod order;
mod resolver;
mod routes;

use std::net::IpAddr;
use std::time::Duration;

use muleteer::session::application::phone::Report;
use muleteer::session::begin::Dial;
use muleteer::sip::delivery::{Delivery, DeliveryConfig};
use muleteer::sip::locate::{Answer, Reach};
use muleteer::sip::message::{Request, Transport};
use tokio::sync::mpsc;

use crate::agent::outgoing::phone;
use crate::agent::{AGENT, PEER, Scene, Station, address};
use crate::support::peer::Peer;

const OTHER: &str = "192.0.2.10:5060";
/// A name with the addresses of both servers, in this order.
const BOTH: &str = "proxy.example:5060";
const FIRST: usize = 0;
const SECOND: usize = 1;

/// An agent that calls, and two servers.
struct Town {
    scene: Scene,
    reports: Vec<mpsc::Receiver<Report>>,
}

impl Town {
    fn new() -> Self {
        let mut scene = Scene::new("nobody", None);
        let other = Peer::new(address(OTHER), address(AGENT), "nobody");
        scene.world.nodes.push(Station::Peer(Box::new(other)));
        let mut town = Self {
            scene,
            reports: Vec::new(),
        };
        let both = [PEER, OTHER].map(|text| address(text).ip());
        town.host("proxy.example", &both);
        town
    }

    /// An agent that sends by these transports, with what `change` sets.
    fn with(transports: &[Transport], change: impl FnOnce(&mut DeliveryConfig)) -> Self {
        let mut town = Self::new();
        let mut reach = Reach::default();
        for transport in transports {
            reach.add(*transport, address(AGENT).ip());
        }
        let mut config = DeliveryConfig {
            reach,
            ..DeliveryConfig::default()
        };
        change(&mut config);
        town.scene.agent().delivery = Delivery::new(config, [3; 32]);
        town
    }

    fn host(&mut self, name: &str, addresses: &[IpAddr]) {
        let answer = Answer::addresses(addresses.iter().copied(), Duration::from_secs(300));
        let zone = &mut self.scene.agent().zone;
        zone.insert((name.to_owned(), "A"), answer);
    }

    fn call(&mut self, host: &str) {
        let (dial, _) = phone("x", Vec::new());
        self.dial(dial, host);
    }

    /// Calls bob at `host`, by the way that `dial` says.
    fn dial(&mut self, dial: Dial, host: &str) {
        let (own, reports) = phone(&format!("bob@{host}"), Vec::new());
        self.reports.push(reports);
        let dial = Dial {
            outbound: dial.outbound,
            from: dial.from,
            ..own
        };
        self.scene.with_agent(|agent, now| agent.dial(now, dial));
        self.run(20);
    }

    fn run(&mut self, ms: u64) {
        self.scene.run(ms);
    }

    fn peer(&mut self, number: usize) -> &mut Peer {
        match &mut self.scene.world.nodes[1 + number] {
            Station::Peer(peer) => peer,
            Station::Agent(_) => panic!("the first node is the agent"),
        }
    }

    fn count(&mut self, number: usize, method: &str) -> usize {
        self.peer(number).count(method)
    }

    fn last(&mut self, number: usize, method: &str) -> Request {
        self.peer(number).last_request(method).expect(method)
    }

    /// A server responds to the latest INVITE it got.
    fn respond(&mut self, number: usize, status: u16) {
        let invite = self.last(number, "INVITE");
        self.respond_to(number, &invite, status);
    }

    fn respond_to(&mut self, number: usize, request: &Request, status: u16) {
        let peer = self.peer(number);
        let body = match status {
            200 => peer.offer("sendrecv"),
            _ => String::new(),
        };
        let tag = format!("tag{number}");
        peer.respond(
            request,
            status,
            if status == 100 { "" } else { &tag },
            &body,
        );
        self.run(50);
    }

    /// What the phone of the latest call said since the last time.
    fn reports(&mut self) -> Vec<Report> {
        let reports = self.reports.last_mut().expect("a call");
        std::iter::from_fn(|| reports.try_recv().ok()).collect()
    }

    fn hang_up(&mut self) {
        self.scene.with_agent(|agent, now| agent.terminate(now));
        self.run(50);
    }
}
