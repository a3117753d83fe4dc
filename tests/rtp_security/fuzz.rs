//! Two hundred thousand datagrams that are nearly packets.

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::talker::{Talker, assert_unharmed, line, talk};
use crate::support::media::PEER;

const DATAGRAMS: usize = 200_000;

/// Random bytes behind a plausible begin, or a real packet with some bytes changed.
fn datagram(random: &mut SmallRng, model: &[u8]) -> Vec<u8> {
    let mut bytes = model.to_vec();
    if random.random_bool(0.5) {
        bytes.resize(random.random_range(0..200), 0);
        random.fill(&mut bytes[..]);
        if let [first, second, ..] = &mut bytes[..] {
            *first = *first & 0x3F | 0x80;
            *second &= random.random_range(0..=0xFF);
        }
        return bytes;
    }
    for _ in 0..random.random_range(1..6) {
        let at = random.random_range(0..bytes.len().min(16));
        bytes[at] = random.random();
    }
    if random.random_bool(0.1) {
        bytes.truncate(random.random_range(0..=bytes.len()));
    }
    bytes
}

#[test]
fn near_packets_from_everywhere_latch_nothing() {
    let mut random = SmallRng::seed_from_u64(11);
    let (mut rig, mut model) = (line(PEER), Talker::attacker(""));
    for n in 0..DATAGRAMS {
        let from = format!("203.0.113.{}:{}", n % 5, 2_000 + n % 3);
        let bytes = datagram(&mut random, &model.packet());
        rig.receive(&from, &bytes);
        if n % 100 == 0 {
            rig.run_ms(2);
        }
    }
    assert_eq!(rig.stats.packets_received.value(), 0);
    assert_eq!(rig.world.sent.len(), 0);
    let mut victim = Talker::peer(PEER);
    talk(&mut rig, &mut [&mut victim], 50);
    assert_unharmed(&mut rig, PEER, 900);
}

#[test]
fn near_packets_with_a_forged_source_do_not_touch_a_call() {
    let mut random = SmallRng::seed_from_u64(12);
    let (mut rig, mut victim) = (line(PEER), Talker::peer(PEER));
    let mut model = Talker::attacker(PEER);
    talk(&mut rig, &mut [&mut victim], 50);
    rig.world.sent.clear();
    for _ in 0..DATAGRAMS / 200 {
        for _ in 0..200 {
            let bytes = datagram(&mut random, &model.packet());
            rig.receive(PEER, &bytes);
        }
        talk(&mut rig, &mut [&mut victim], 1);
    }
    assert_unharmed(&mut rig, PEER, 20_000);
}
