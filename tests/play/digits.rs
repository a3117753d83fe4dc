//! Keys, as telephone-events (RFC 4733).

use std::time::Duration;

use muleteer::media::{MediaCommand, MediaEvent};
use muleteer::rtp::{Digit, DigitSource};

use crate::support::media::{PEER, Rig, TELEPHONE_EVENT, tone_prompt};

/// The peer presses `key` for 100 ms: five packets and three ends, all with one timestamp.
fn press(rig: &mut Rig, key: char) {
    let code = Digit::from_char(key).unwrap().event_code();
    let packets = (1..=8u16).map(|n| (n.min(5) * 160, n >= 6));
    for (at, (duration, end)) in packets.enumerate() {
        let [high, low] = duration.to_be_bytes();
        let payload = [code, u8::from(end) << 7 | 10, high, low];
        // The timestamp moves on with the last packet of the key only.
        let ticks = if at == 7 { 1_280 } else { 0 };
        let datagram = rig.peer_packet(TELEPHONE_EVENT, ticks, &payload);
        rig.receive(PEER, &datagram);
        rig.run_ms(20);
    }
}

fn digits(rig: &Rig) -> String {
    let key = |event: MediaEvent| match event {
        MediaEvent::Digit { digit, .. } => digit.to_char(),
        other => panic!("{other:?}"),
    };
    rig.events().into_iter().map(key).collect()
}

#[test]
fn each_key_is_reported_once_when_it_ends() {
    let mut rig = Rig::new();
    for key in "1223#".chars() {
        press(&mut rig, key);
    }
    assert_eq!(digits(&rig), "1223#");
    let first = MediaEvent::Digit {
        digit: Digit::from_char('1').unwrap(),
        duration: Duration::from_millis(100),
        source: DigitSource::Event,
    };
    assert_eq!(rig.world.events[0], (Duration::from_millis(100), first));
}

#[test]
fn a_key_whose_end_is_lost_is_reported_all_the_same() {
    let mut rig = Rig::new();
    let datagram = rig.peer_packet(TELEPHONE_EVENT, 0, &[5, 10, 0, 160]);
    rig.receive(PEER, &datagram);
    rig.run_ms(1_000);
    assert_eq!(digits(&rig), "5");
}

#[test]
fn digits_are_heard_while_receiving_is_off_only_when_forced() {
    let mut rig = Rig::new();
    rig.command(MediaCommand::SetReceiving(false));
    press(&mut rig, '1');
    rig.command(MediaCommand::ForceDigits(true));
    assert!(rig.world.listening);
    press(&mut rig, '2');
    rig.command(MediaCommand::DetectDigits(false));
    assert!(!rig.world.listening);
    press(&mut rig, '3');
    assert_eq!(digits(&rig), "2");
}

#[test]
fn undetected_digits_are_not_reported() {
    let mut rig = Rig::new();
    rig.command(MediaCommand::DetectDigits(false));
    press(&mut rig, '1');
    rig.command(MediaCommand::DetectDigits(true));
    press(&mut rig, '2');
    assert_eq!(digits(&rig), "2");
}

#[test]
fn a_sent_digit_goes_before_audio_and_audio_waits() {
    let mut rig = Rig::new();
    rig.play(&tone_prompt(440.0, 400));
    rig.run_ms(100);
    let digit = Digit::from_char('7').unwrap();
    rig.command(MediaCommand::SendDigit {
        digit,
        duration: Duration::from_millis(100),
    });
    rig.run_ms(2_000);
    let packets: Vec<_> = rig.world.sent.iter().map(|sent| sent.packet()).collect();
    let events: Vec<_> = packets
        .iter()
        .filter(|packet| packet.payload_type == TELEPHONE_EVENT)
        .collect();
    assert!(events.iter().all(|event| event.payload[0] == 7));
    assert!(
        events
            .iter()
            .all(|event| event.timestamp == events[0].timestamp)
    );
    assert!(events[0].marker && !events[1].marker);
    assert_eq!(
        events
            .iter()
            .filter(|event| event.payload[1] & 0x80 != 0)
            .count(),
        3
    );
    assert_eq!(rig.heard_ms(440.0), 400);
    for pair in packets.windows(2) {
        assert_eq!(pair[1].sequence_number.since(pair[0].sequence_number), 1);
    }
}

#[test]
fn a_digit_is_sent_without_any_audio() {
    let mut rig = Rig::new();
    rig.command(MediaCommand::SetReceiving(false));
    let digit = Digit::POUND;
    rig.command(MediaCommand::SendDigit {
        digit,
        duration: Duration::from_millis(60),
    });
    rig.run_ms(1_000);
    assert!(rig.world.sent.len() >= 4);
    assert_eq!(rig.core.poll_timeout(), None);
}
