//! Peers that send from odd places, or change what they send: they are heard and answered.

use muleteer::media::MediaCommand;
use muleteer::rtp::SourceRule;

use super::talker::{PEER_HZ, Talker, assert_unharmed, configure, echoed, line, line_with, talk};
use crate::support::media::parameters;

const PEER: &str = "192.0.2.1:4000";
const PRIVATE: &str = "10.0.0.5:4000";
const NAT: &str = "198.51.100.7:31000";

#[test]
fn a_phone_behind_a_symmetric_nat() {
    let (mut rig, mut phone) = (line(PRIVATE), Talker::peer(NAT));
    talk(&mut rig, &mut [&mut phone], 50);
    assert_unharmed(&mut rig, NAT, 800);
    assert_eq!(rig.stats.packets_unproven.value(), 2);
}

#[test]
fn a_phone_whose_description_names_a_wrong_public_address() {
    let (mut rig, mut phone) = (line(PEER), Talker::peer(NAT));
    talk(&mut rig, &mut [&mut phone], 100);
    assert_unharmed(&mut rig, NAT, 800);
}

#[test]
fn a_nat_that_binds_another_port_in_mid_call() {
    for (signalled, before, after) in [
        (PRIVATE, NAT, "198.51.100.7:40404"),
        (PRIVATE, NAT, "198.51.100.99:1024"),
        (PEER, PEER, "192.0.2.1:50505"),
    ] {
        let (mut rig, mut phone) = (line(signalled), Talker::peer(before));
        talk(&mut rig, &mut [&mut phone], 50);
        assert_unharmed(&mut rig, before, 800);
        phone.from = after.to_owned();
        talk(&mut rig, &mut [&mut phone], 30);
        echoed(&mut rig);
        talk(&mut rig, &mut [&mut phone], 50);
        assert_unharmed(&mut rig, after, 900);
        assert_eq!(rig.stats.sources_moved.value(), 1);
    }
}

#[test]
fn a_nat_that_binds_another_port_after_a_pause() {
    let (mut rig, mut phone) = (line(PRIVATE), Talker::peer(NAT));
    talk(&mut rig, &mut [&mut phone], 50);
    rig.run_ms(60_000);
    echoed(&mut rig);
    phone.pause(3_000);
    phone.from = "198.51.100.7:40404".to_owned();
    talk(&mut rig, &mut [&mut phone], 50);
    assert_unharmed(&mut rig, "198.51.100.7:40404", 800);
}

#[test]
fn a_move_to_another_network_with_a_re_invite() {
    let (mut rig, mut phone) = (line(PEER), Talker::peer(PEER));
    talk(&mut rig, &mut [&mut phone], 50);
    configure(&mut rig, "203.0.113.50:6000", SourceRule::default());
    echoed(&mut rig);
    phone.from = "203.0.113.50:6000".to_owned();
    talk(&mut rig, &mut [&mut phone], 50);
    assert_unharmed(&mut rig, "203.0.113.50:6000", 900);
}

#[test]
fn a_peer_that_moves_only_its_ear() {
    let (mut rig, mut peer) = (line(PEER), Talker::peer(PEER));
    talk(&mut rig, &mut [&mut peer], 50);
    configure(&mut rig, "203.0.113.50:6000", SourceRule::default());
    echoed(&mut rig);
    talk(&mut rig, &mut [&mut peer], 50);
    assert_unharmed(&mut rig, "203.0.113.50:6000", 900);
}

#[test]
fn a_transfer_behind_the_peer_changes_the_ssrc() {
    let (mut rig, mut first) = (line(PEER), Talker::peer(PEER));
    talk(&mut rig, &mut [&mut first], 50);
    echoed(&mut rig);
    let mut second = Talker::new(PEER, 0x3333_3333, PEER_HZ);
    talk(&mut rig, &mut [&mut second], 50);
    assert_unharmed(&mut rig, PEER, 800);
}

#[test]
fn a_restart_of_the_peer_changes_its_numbers() {
    let (mut rig, mut peer) = (line(PEER), Talker::peer(PEER));
    talk(&mut rig, &mut [&mut peer], 50);
    echoed(&mut rig);
    (peer.sequence, peer.timestamp) = (30_000, 0);
    talk(&mut rig, &mut [&mut peer], 50);
    assert_unharmed(&mut rig, PEER, 800);
}

#[test]
fn early_media_of_one_branch_and_the_answer_of_another() {
    let (mut rig, mut ringback) = (line(PEER), Talker::peer(PEER));
    talk(&mut rig, &mut [&mut ringback], 50);
    let other = "203.0.113.50:6000";
    configure(&mut rig, other, SourceRule::default());
    let mut answered = Talker::new(other, 0x3333_3333, PEER_HZ);
    talk(&mut rig, &mut [&mut ringback], 20);
    talk(&mut rig, &mut [&mut ringback, &mut answered], 5);
    echoed(&mut rig);
    talk(&mut rig, &mut [&mut ringback, &mut answered], 50);
    assert_unharmed(&mut rig, other, 1_000);
}

#[test]
fn early_media_of_two_branches_through_one_border_element() {
    let mut rig = line(PEER);
    let mut first = Talker::peer(PEER);
    let mut second = Talker::new(PEER, 0x3333_3333, PEER_HZ);
    talk(&mut rig, &mut [&mut first, &mut second], 50);
    echoed(&mut rig);
    // The first goes on alone, without a break.
    talk(&mut rig, &mut [&mut first], 50);
    assert_unharmed(&mut rig, PEER, 1_000);
    talk(&mut rig, &mut [&mut second], 50);
    assert_unharmed(&mut rig, PEER, 800);
}

#[test]
fn hold_and_resume() {
    let (mut rig, mut phone) = (line(PRIVATE), Talker::peer(NAT));
    talk(&mut rig, &mut [&mut phone], 50);
    let mut held = parameters();
    (held.remote, held.receive) = (None, false);
    rig.command(MediaCommand::Configure(Box::new(held)));
    rig.run_ms(30_000);
    configure(&mut rig, PRIVATE, SourceRule::default());
    echoed(&mut rig);
    // Many phones begin anew.
    let mut resumed = Talker::new(NAT, 0x3333_3333, PEER_HZ);
    talk(&mut rig, &mut [&mut resumed], 50);
    assert_unharmed(&mut rig, NAT, 800);
}

#[test]
fn a_phone_whose_nat_was_corrected_by_a_proxy_but_for_the_port() {
    let (mut rig, mut phone) = (line(PEER), Talker::peer("192.0.2.1:17000"));
    talk(&mut rig, &mut [&mut phone], 50);
    assert_unharmed(&mut rig, "192.0.2.1:17000", 850);
}

#[test]
fn a_gateway_that_sends_from_another_port_than_it_receives_on() {
    let rule = SourceRule {
        asymmetric: true,
        ..SourceRule::default()
    };
    let mut rig = line_with(PEER, rule);
    let mut gateway = Talker::peer("192.0.2.1:17000");
    talk(&mut rig, &mut [&mut gateway], 50);
    assert_unharmed(&mut rig, PEER, 900);
}

#[test]
fn loss_and_reordering() {
    let (mut rig, mut peer) = (line(PEER), Talker::peer(PEER));
    for n in 0..200 {
        let (one, two) = (peer.packet(), peer.packet());
        if n % 10 != 0 {
            rig.receive(PEER, &two);
        }
        rig.run_ms(20);
        rig.receive(PEER, &one);
        rig.run_ms(20);
    }
    let stats = &rig.stats;
    assert_eq!(stats.packets_received.value(), 380);
    assert_eq!(stats.packets_repeated.value(), 0);
    assert_eq!(stats.packets_out_of_sequence.value(), 0);
}

#[test]
fn ipv6() {
    let peer = "[2001:db8::5]:4000";
    let (mut rig, mut phone) = (line(peer), Talker::peer(peer));
    talk(&mut rig, &mut [&mut phone], 50);
    assert_unharmed(&mut rig, peer, 900);
    let mut stranger = Talker::attacker("[2001:db8::6]:4000");
    talk(&mut rig, &mut [&mut stranger, &mut phone], 50);
    assert_unharmed(&mut rig, peer, 1_000);
}

#[test]
fn ipv4_mapped_into_ipv6() {
    let (mut rig, mut phone) = (line(PEER), Talker::peer("[::ffff:192.0.2.1]:4000"));
    talk(&mut rig, &mut [&mut phone], 50);
    assert_unharmed(&mut rig, PEER, 900);
}
