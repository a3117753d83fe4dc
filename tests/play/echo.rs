//! The peer hears itself.

use std::time::Duration;

use muleteer::codec::{CodecId, Variant};
use muleteer::media::{MediaCommand, Output};
use muleteer::rtp::PayloadType;

use crate::support::audio::{ms_of, sine};
use crate::support::media::{PEER, Rig, parameters};

fn echoing() -> Rig {
    let mut rig = Rig::new();
    rig.command(MediaCommand::SetOutput(Output::Echo));
    rig
}

#[test]
fn the_peer_hears_what_it_says() {
    let mut rig = echoing();
    rig.peer_says(PEER, &sine(440.0, 1_000));
    rig.run_ms(200);
    assert!(rig.heard_ms(440.0) >= 980);
    // The end fades out.
    assert!(rig.audio().len() <= 53);
}

/// When each packet of `rig` was sent, in ms after the peer's packet that it holds, which came at the
/// same time of the frame from `said` on.
fn delays(rig: &Rig, said: Duration) -> Vec<u128> {
    let sent = rig.world.sent.iter().filter(|sent| sent.at >= said);
    let mut packet_said = said;
    sent.map(|sent| {
        let delay = (sent.at - packet_said).as_millis();
        packet_said += Duration::from_millis(20);
        delay
    })
    .collect()
}

#[test]
fn whenever_in_the_frame_a_peer_speaks_it_is_heard_after_the_delay_and_not_a_frame_later() {
    for (phase, reads_late) in (0..20).flat_map(|phase| [(phase, false), (phase, true)]) {
        let mut rig = echoing();
        if reads_late {
            rig.read_at_wake_ups();
        }
        rig.run_ms(100 + phase);
        for pause in [0, 300 + 7 * phase] {
            rig.peer_pauses(pause);
            let said = rig.elapsed();
            rig.peer_says(PEER, &sine(440.0, 400));
            let heard = delays(&rig, said);
            assert!(heard.len() >= 20, "{phase}: {}", heard.len());
            // A thread may be asleep when the first packet comes.
            let first = if reads_late { 10..=34 } else { 10..=14 };
            assert!(first.contains(&heard[0]), "{phase}, {pause}: {heard:?}");
            assert!(
                heard[1..20].iter().all(|delay| (10..=14).contains(delay)),
                "{phase}, {reads_late}, {pause}: {heard:?}"
            );
            rig.peer_pauses(200);
        }
    }
}

#[test]
fn a_peer_that_says_nothing_hears_nothing() {
    let mut rig = echoing();
    rig.run_ms(1_000);
    assert_eq!(rig.audio().len(), 0);
    rig.peer_says(PEER, &sine(440.0, 200));
    rig.run_ms(1_000);
    assert!(rig.audio().len() <= 13);
}

#[test]
fn a_lost_packet_leaves_no_hole() {
    let mut rig = echoing();
    let tone = sine(400.0, 1_000);
    rig.peer_says(PEER, &tone[..4_000]);
    let _lost = rig.peer_packet(PayloadType::PCMU, 160, &[0xff; 160]);
    rig.run_ms(20);
    rig.peer_says(PEER, &tone[..3_840]);
    rig.run_ms(200);
    let heard = rig.heard();
    assert!(ms_of(&heard, 400.0) >= 960, "{}", ms_of(&heard, 400.0));
}

#[test]
fn packets_of_another_length_are_evened_out() {
    for ms in [10, 30, 60] {
        let mut rig = echoing();
        for _ in 0..600 / ms {
            let mut payload = vec![0; ms * 8];
            let mut encoder = CodecId::PCMU.encoder(Variant::default()).unwrap();
            encoder.encode(&sine(400.0, ms), &mut payload);
            let datagram = rig.peer_packet(PayloadType::PCMU, ms as u32 * 8, &payload);
            rig.receive(PEER, &datagram);
            rig.run(Duration::from_millis(ms as u64));
        }
        rig.run_ms(300);
        assert!(rig.heard_ms(400.0) >= 540, "{ms}: {}", rig.heard_ms(400.0));
        assert!(rig.audio().iter().all(|packet| packet.payload.len() == 160));
    }
}

#[test]
fn nothing_is_echoed_while_receiving_is_off() {
    let mut rig = echoing();
    rig.command(MediaCommand::SetReceiving(false));
    assert!(!rig.world.listening);
    rig.peer_says(PEER, &sine(440.0, 200));
    assert_eq!(rig.audio().len(), 0);
    rig.command(MediaCommand::SetReceiving(true));
    assert!(rig.world.listening);
    rig.peer_says(PEER, &sine(440.0, 200));
    rig.run_ms(100);
    assert!(rig.heard_ms(440.0) >= 180);
}

#[test]
fn a_held_peer_is_not_listened_to() {
    let mut rig = echoing();
    let mut held = parameters();
    (held.send, held.receive) = (true, false);
    rig.command(MediaCommand::Configure(Box::new(held)));
    assert!(!rig.world.listening);
}
