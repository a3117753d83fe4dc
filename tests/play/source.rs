//! Who is listened to and sent to, and what is refused.

use std::time::Duration;

use muleteer::media::{MediaCommand, MediaEvent, Output};
use muleteer::rtp::PayloadType;

use crate::support::audio::sine;
use crate::support::media::{PEER, Rig, parameters, tone_prompt};

const NAT: &str = "198.51.100.7:31000";
const STRANGER: &str = "203.0.113.9:9999";

#[test]
fn audio_goes_to_where_the_peer_sends_from() {
    let mut rig = Rig::new();
    rig.play(&tone_prompt(440.0, 2_000));
    rig.run_ms(200);
    rig.peer_says(NAT, &sine(800.0, 1_100));
    rig.run_ms(200);
    assert_eq!(rig.world.sent.first().unwrap().to, PEER.parse().unwrap());
    assert_eq!(rig.world.sent.last().unwrap().to, NAT.parse().unwrap());
}

#[test]
fn a_stranger_is_neither_heard_nor_sent_to() {
    let mut rig = Rig::new();
    rig.command(MediaCommand::SetOutput(Output::Echo));
    rig.peer_says(PEER, &sine(440.0, 100));
    rig.peer_says(STRANGER, &sine(1_000.0, 400));
    rig.peer_says(PEER, &sine(440.0, 100));
    assert!(
        rig.world
            .sent
            .iter()
            .all(|sent| sent.to == PEER.parse().unwrap())
    );
    assert_eq!(rig.heard_ms(1_000.0), 0);
    assert_eq!(rig.stats.packets_from_strangers.value(), 20);
}

#[test]
fn the_same_description_again_does_not_let_a_stranger_in() {
    let mut rig = Rig::new();
    rig.peer_says(NAT, &sine(440.0, 1_100));
    let mut held = parameters();
    (held.remote, held.receive) = (None, false);
    rig.command(MediaCommand::Configure(Box::new(held)));
    rig.command(MediaCommand::Configure(Box::new(parameters())));
    rig.peer_says(STRANGER, &sine(1_000.0, 100));
    assert_eq!(rig.stats.packets_from_strangers.value(), 5);
    rig.play(&tone_prompt(440.0, 20));
    rig.run_ms(100);
    assert_eq!(rig.world.sent.last().unwrap().to, NAT.parse().unwrap());
}

#[test]
fn a_new_address_in_the_description_is_followed() {
    let mut rig = Rig::new();
    rig.peer_says(NAT, &sine(440.0, 1_100));
    let mut moved = parameters();
    moved.remote = Some(STRANGER.parse().unwrap());
    rig.command(MediaCommand::Configure(Box::new(moved)));
    rig.play(&tone_prompt(440.0, 20));
    rig.run_ms(100);
    assert_eq!(rig.world.sent.last().unwrap().to, STRANGER.parse().unwrap());
}

#[test]
fn garbage_is_counted_and_harmless() {
    let mut rig = Rig::new();
    rig.command(MediaCommand::SetOutput(Output::Echo));
    let other = PayloadType::new(77).unwrap();
    let mut datagrams = vec![Vec::new(), vec![0x80], vec![0xff; 1_500], vec![0; 12]];
    datagrams.push(rig.peer_packet(other, 160, &[0; 160]));
    // No packet of G.711 is empty or a second long.
    datagrams.push(rig.peer_packet(PayloadType::PCMU, 160, &[]));
    datagrams.push(rig.peer_packet(PayloadType::PCMU, 160, &[0; 1_400]));
    for datagram in &datagrams {
        rig.receive(STRANGER, datagram);
        rig.run_ms(20);
    }
    assert_eq!(rig.stats.packets_malformed.value(), 4);
    assert_eq!(rig.stats.packets_not_agreed.value(), 3);
    assert_eq!(rig.world.sent.len(), 0);
    rig.peer_says(PEER, &sine(440.0, 100));
    assert!(rig.heard_ms(440.0) >= 60, "garbage does not latch");
}

#[test]
fn a_silent_peer_is_reported_once_per_silence() {
    let mut rig = Rig::silent();
    let mut parameters = parameters();
    parameters.rtp_timeout = Some(Duration::from_secs(5));
    rig.command(MediaCommand::Configure(Box::new(parameters)));
    rig.run_ms(20_000);
    assert_eq!(rig.events(), [MediaEvent::RtpTimeout]);
    rig.peer_says(PEER, &sine(440.0, 100));
    rig.run_ms(20_000);
    assert_eq!(rig.events().len(), 2);
    let at = rig.world.events[1].0.as_millis();
    assert!((25_080..25_120).contains(&at), "{at}");
}

#[test]
fn a_peer_nobody_listens_to_does_not_time_out() {
    let mut rig = Rig::silent();
    let mut parameters = parameters();
    parameters.rtp_timeout = Some(Duration::from_secs(5));
    rig.command(MediaCommand::Configure(Box::new(parameters)));
    rig.command(MediaCommand::SetReceiving(false));
    rig.run_ms(20_000);
    rig.command(MediaCommand::SetReceiving(true));
    rig.run_ms(4_000);
    assert_eq!(rig.events(), []);
}

#[test]
fn a_peer_that_names_a_host_is_sent_to_once_it_is_heard() {
    let mut rig = Rig::new();
    let mut named = parameters();
    (named.remote, named.follow_source) = (None, true);
    rig.command(MediaCommand::Configure(Box::new(named)));
    rig.play(&tone_prompt(440.0, 1_000));
    rig.run_ms(200);
    assert_eq!(rig.world.sent.len(), 0);
    rig.peer_says(NAT, &sine(800.0, 100));
    rig.run_ms(200);
    assert_eq!(rig.world.sent.last().unwrap().to, NAT.parse().unwrap());
}
