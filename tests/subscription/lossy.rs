//! A script's subscription against a real notifier, over a wire that loses, repeats and reorders.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use muleteer::session::{Catalog, Limits};
use muleteer::sip::transport::{Flow, Transmit};

use crate::agent::{AGENT, PEER, address, diagram};
use crate::support::agent::Agent;
use crate::support::wire::{Node, Wire, World};
use crate::usages::party::{BAD, Party};

enum Side {
    Agent(Box<Agent>),
    Notifier(Box<Party>),
}

impl Side {
    fn node(&mut self) -> &mut dyn Node {
        match self {
            Self::Agent(agent) => &mut **agent,
            Self::Notifier(party) => &mut **party,
        }
    }
}

impl Node for Side {
    fn address(&self) -> SocketAddr {
        match self {
            Self::Agent(agent) => agent.address(),
            Self::Notifier(party) => party.address(),
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
            Self::Notifier(party) => party.deadline(),
        }
    }

    fn transmit(&mut self) -> Option<Transmit> {
        self.node().transmit()
    }
}

const CLERK: &str = r##"
import(mod_subscription);
initial state A;
transition "up" A - startup / {
  set($s.user=bob); set($s.from_user=desk); set($s.domain="192.0.2.9:5060"); set($s.event=mwi);
  set($s.expires=600);
  subscription.create(s);
} -> A;
transition "told" A - subscription / { set($status=#status); postEvent(witness, status); } -> A;
transition "end" A - system / stop(false) -> A;
"##;

#[test]
fn a_subscription_lasts_for_a_day_over_a_bad_wire_and_ends_on_both_sides_with_its_session() {
    for seed in [3, 5, 7, 11] {
        let (here, there) = (address(AGENT), address(PEER));
        let agent = Agent::new(here, Catalog::new([]), Limits::default(), seed);
        let notifier = Party::new(there, here, "bob", seed + 1);
        let nodes = vec![
            Side::Agent(Box::new(agent)),
            Side::Notifier(Box::new(notifier)),
        ];
        let mut world = World::new(Wire::new(BAD, seed.into()), nodes);
        let now = world.now;
        let Side::Agent(agent) = &mut world.nodes[0] else {
            unreachable!()
        };
        agent.start_system(now, diagram("clerk", CLERK));
        world.advance(Duration::from_secs(86_400));
        let [Side::Agent(agent), Side::Notifier(notifier)] = &mut world.nodes[..] else {
            unreachable!()
        };
        assert!(notifier.call.is_some(), "{seed}: {:?}", notifier.log);
        let ends = agent
            .witness
            .iter()
            .filter(|told| told["status"] != "active");
        assert_eq!(ends.count(), 0, "{seed}");
        assert!(agent.witness.len() > 100, "a NOTIFY for each refresh");
        let now = world.now;
        let Side::Agent(agent) = &mut world.nodes[0] else {
            unreachable!()
        };
        agent.drain(now);
        world.advance(Duration::from_secs(100));
        let [Side::Agent(agent), Side::Notifier(notifier)] = &mut world.nodes[..] else {
            unreachable!()
        };
        assert!(notifier.call.is_none(), "{seed}: {:?}", notifier.log);
        assert_eq!(agent.remains(), 0, "{seed}");
    }
}
