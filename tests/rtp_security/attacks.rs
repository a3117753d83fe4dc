//! Attacks by name. The victim is heard unharmed, our audio goes to the victim, counters rise.

use muleteer::rtp::SourceRule;

use super::talker::{
    ATTACKER_HZ, Talker, assert_unharmed, configure, echoed, line, line_with, packet, talk,
};
use crate::support::media::Rig;

const VICTIM: &str = "192.0.2.1:4000";
const PRIVATE: &str = "192.168.1.20:4000";
const NAT: &str = "198.51.100.7:31000";
const ATTACKER: &str = "203.0.113.9:9999";

/// A call in which the victim has talked for a second.
fn call() -> (Rig, Talker) {
    let (mut rig, mut victim) = (line(VICTIM), Talker::peer(VICTIM));
    talk(&mut rig, &mut [&mut victim], 50);
    assert_unharmed(&mut rig, VICTIM, 900);
    (rig, victim)
}

#[test]
fn scanning_ports_before_the_first_packet_draws_no_audio() {
    let mut rig = line(PRIVATE);
    // What scanners do: the same packet some times, or a few from many ports.
    let probe = Talker::attacker(ATTACKER).packet();
    for n in 0..100 {
        rig.receive(ATTACKER, &probe);
        rig.receive(
            &format!("203.0.113.9:{}", 10_000 + n),
            &Talker::attacker("").packet(),
        );
        rig.run_ms(20);
    }
    assert_eq!(rig.world.sent.len(), 0);
    assert_eq!(rig.stats.packets_unproven.value(), 200);
    let mut victim = Talker::peer(NAT);
    talk(&mut rig, &mut [&mut victim], 50);
    assert_unharmed(&mut rig, NAT, 700);
}

#[test]
fn a_spray_before_the_first_packet_loses_to_the_signalled_address() {
    for head_start in [10, 60, 500] {
        let mut rig = line(VICTIM);
        let (mut victim, mut attacker) = (Talker::peer(VICTIM), Talker::attacker(ATTACKER));
        talk(&mut rig, &mut [&mut attacker], head_start);
        if head_start < 50 {
            assert_eq!(
                echoed(&mut rig).to.len(),
                0,
                "nothing is drawn for a second"
            );
        }
        talk(&mut rig, &mut [&mut attacker, &mut victim], 3);
        echoed(&mut rig);
        talk(&mut rig, &mut [&mut attacker, &mut victim], 50);
        assert_unharmed(&mut rig, VICTIM, 900);
        assert!(rig.stats.packets_from_strangers.value() >= 50);
    }
}

#[test]
fn a_spray_before_the_first_packet_loses_to_the_host_of_the_signalling() {
    let rule = SourceRule {
        signalling_host: Some("198.51.100.7".parse().unwrap()),
        strict: false,
        asymmetric: false,
    };
    let mut rig = line_with(PRIVATE, rule);
    let (mut victim, mut attacker) = (Talker::peer(NAT), Talker::attacker(ATTACKER));
    talk(&mut rig, &mut [&mut attacker], 100);
    talk(&mut rig, &mut [&mut attacker, &mut victim], 5);
    echoed(&mut rig);
    talk(&mut rig, &mut [&mut attacker, &mut victim], 50);
    assert_unharmed(&mut rig, NAT, 900);
}

#[test]
fn a_spray_in_mid_call_is_nothing() {
    let (mut rig, mut victim) = call();
    let mut attacker = Talker::attacker(ATTACKER);
    talk(&mut rig, &mut [&mut attacker, &mut victim], 50);
    assert_unharmed(&mut rig, VICTIM, 1_000);
    assert_eq!(rig.stats.packets_from_strangers.value(), 50);
}

#[test]
fn a_spray_in_a_pause_is_nothing() {
    let (mut rig, mut victim) = call();
    let mut attacker = Talker::attacker(ATTACKER);
    talk(&mut rig, &mut [&mut attacker], 500);
    victim.pause(500);
    echoed(&mut rig);
    talk(&mut rig, &mut [&mut attacker, &mut victim], 50);
    assert_unharmed(&mut rig, VICTIM, 900);
    assert_eq!(rig.stats.packets_from_strangers.value(), 550);
}

#[test]
fn a_guessed_source_port_is_no_proof_in_mid_call() {
    let (mut rig, mut victim) = call();
    for port in (1_024..65_000).step_by(997) {
        let mut attacker = Talker::attacker(&format!("192.0.2.1:{port}"));
        talk(&mut rig, &mut [&mut attacker, &mut victim], 1);
    }
    assert_unharmed(&mut rig, VICTIM, 1_200);
}

#[test]
fn replayed_packets_are_nothing() {
    for from in [ATTACKER, VICTIM] {
        let (mut rig, mut victim) = (line(VICTIM), Talker::peer(VICTIM));
        let mut captured = Vec::new();
        for _ in 0..300 {
            captured.push(victim.saying(super::talker::PEER_HZ));
            rig.receive(VICTIM, captured.last().unwrap());
            rig.run_ms(20);
        }
        echoed(&mut rig);
        // Old and recent ones, two for each that the victim sends.
        for n in 0..150 {
            rig.receive(from, &captured[n]);
            rig.receive(from, &captured[n + 150]);
            talk(&mut rig, &mut [&mut victim], 1);
        }
        assert_unharmed(&mut rig, VICTIM, 3_000);
        let stats = &rig.stats;
        let refused = stats.packets_from_strangers.value()
            + stats.packets_repeated.value()
            + stats.packets_out_of_sequence.value();
        assert_eq!(refused, 300);
    }
}

#[test]
fn another_ssrc_from_elsewhere_is_nothing() {
    let (mut rig, mut victim) = call();
    let mut attacker = Talker::attacker(ATTACKER);
    (attacker.sequence, attacker.timestamp) = (victim.sequence, victim.timestamp);
    talk(&mut rig, &mut [&mut attacker, &mut victim], 50);
    assert_unharmed(&mut rig, VICTIM, 1_000);
}

#[test]
fn another_ssrc_from_a_forged_source_is_not_heard_in_mid_talk() {
    let (mut rig, mut victim) = call();
    let mut attacker = Talker::attacker(VICTIM);
    for _ in 0..50 {
        talk(&mut rig, &mut [&mut attacker, &mut victim], 1);
        for _ in 0..3 {
            let burst = attacker.packet();
            rig.receive(VICTIM, &burst);
        }
    }
    assert_unharmed(&mut rig, VICTIM, 1_000);
    assert_eq!(rig.stats.packets_of_other_ssrc.value(), 200);
}

#[test]
fn a_forged_source_that_speaks_in_a_pause_is_silenced_by_the_victim() {
    let (mut rig, mut victim) = call();
    let mut attacker = Talker::attacker(VICTIM);
    talk(&mut rig, &mut [&mut attacker], 50);
    victim.pause(50);
    talk(&mut rig, &mut [&mut attacker, &mut victim], 5);
    echoed(&mut rig);
    talk(&mut rig, &mut [&mut attacker, &mut victim], 50);
    assert_unharmed(&mut rig, VICTIM, 1_000);
}

#[test]
fn the_victims_ssrc_from_elsewhere_is_nothing_while_the_victim_talks() {
    let (mut rig, mut victim) = call();
    // One who has seen the call, and sends what will come next.
    let mut attacker = Talker::attacker(ATTACKER);
    (attacker.ssrc, attacker.sequence) = (victim.ssrc, victim.sequence.wrapping_add(1));
    attacker.timestamp = victim.timestamp.wrapping_add(160);
    talk(&mut rig, &mut [&mut attacker, &mut victim], 100);
    assert_unharmed(&mut rig, VICTIM, 2_000);
    assert_eq!(rig.stats.sources_moved.value(), 0);
}

#[test]
fn numbers_far_off_from_a_forged_source_are_nothing() {
    let (mut rig, mut victim) = call();
    let mut attacker = Talker::attacker(VICTIM);
    attacker.ssrc = victim.ssrc;
    attacker.sequence = victim.sequence.wrapping_add(20_000);
    talk(&mut rig, &mut [&mut attacker, &mut victim], 50);
    assert_unharmed(&mut rig, VICTIM, 1_000);
    assert_eq!(rig.stats.packets_out_of_sequence.value(), 50);
}

#[test]
fn a_hold_does_not_open_the_call() {
    let (mut rig, mut victim) = call();
    let mut attacker = Talker::attacker(ATTACKER);
    configure(&mut rig, VICTIM, SourceRule::default());
    talk(&mut rig, &mut [&mut attacker], 100);
    echoed(&mut rig);
    victim.pause(100);
    talk(&mut rig, &mut [&mut attacker, &mut victim], 50);
    assert_unharmed(&mut rig, VICTIM, 900);
}

#[test]
fn what_is_no_packet_of_this_call_is_counted_and_harmless() {
    let (mut rig, mut victim) = call();
    let good = victim.clone().packet();
    let with = |at: usize, byte: u8| {
        let mut bad = good.clone();
        bad[at] = byte;
        bad
    };
    let mut padded = with(0, 0xA0);
    *padded.last_mut().unwrap() = 0xFF;
    let malformed = [
        Vec::new(),
        good[..11].to_vec(),
        with(0, 0x00),
        with(0, 0x40),
        with(0, 0xC0),
        [&with(0, 0x8F)[..12], &[0; 8]].concat(),
        [&with(0, 0x90)[..12], &[0xBE, 0xDE, 0xFF, 0xFF]].concat(),
        padded,
        [&good[..], &[0x55; 1_400]].concat(),
    ];
    let not_agreed = [
        with(1, 8),
        with(1, 127),
        with(1, 0x80 | 72),
        good[..12].to_vec(),
        [&good[..], &[0x55; 1_000]].concat(),
    ];
    for bad in malformed.iter().chain(&not_agreed).cycle().take(140) {
        rig.receive(VICTIM, bad);
        talk(&mut rig, &mut [&mut victim], 1);
    }
    assert_unharmed(&mut rig, VICTIM, 2_800);
    assert_eq!(rig.stats.packets_malformed.value(), 90);
    assert_eq!(rig.stats.packets_not_agreed.value(), 50);
}

#[test]
fn forged_digits_are_not_reported() {
    let (mut rig, mut victim) = call();
    for n in 0..50u16 {
        let mut digit = packet(n, 90_000, 0x2222_2222, &[5, 0x80 | 10, 0x03, 0x20]);
        digit[1] = 101;
        rig.receive(ATTACKER, &digit);
        rig.receive(VICTIM, &digit);
        talk(&mut rig, &mut [&mut victim], 1);
    }
    assert_eq!(rig.events(), []);
    assert_eq!(rig.heard_ms(ATTACKER_HZ), 0);
}

#[test]
fn a_strict_stream_hears_and_follows_the_signalled_host_alone() {
    let rule = SourceRule {
        signalling_host: Some("203.0.113.9".parse().unwrap()),
        strict: true,
        asymmetric: false,
    };
    let mut rig = line_with(VICTIM, rule);
    let (mut victim, mut attacker) = (Talker::peer(VICTIM), Talker::attacker(ATTACKER));
    talk(&mut rig, &mut [&mut attacker], 500);
    assert_eq!(rig.world.sent.len(), 0);
    talk(&mut rig, &mut [&mut victim], 50);
    assert_unharmed(&mut rig, VICTIM, 900);
}
