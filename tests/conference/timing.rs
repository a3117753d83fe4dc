//! Packets of every length, at the right time.

use std::time::Duration;

use muleteer::codec::CodecId;
use muleteer::media::MediaCommand;

use super::hall::{Hall, seat};
use crate::support::media::{once, tone_prompt};

#[test]
fn members_with_any_packet_time_hear_each_other() {
    let mut hall = Hall::new();
    let room = hall.room(0);
    let members =
        [10, 20, 30, 40, 50, 60].map(|ptime| (ptime, hall.guest_with(CodecId::PCMU, ptime)));
    let tones = [300.0, 500.0, 700.0, 1_100.0, 1_500.0];
    for ((_, id), tone) in members.into_iter().zip(tones) {
        hall.join(id, room);
        hall.says_at(id, tone, 3_000.0);
    }
    hall.run_ms(500);
    hall.listen_anew();
    hall.run_ms(1_200);
    for ((ptime, id), own) in members.into_iter().zip(tones) {
        let packets = hall.packets(id);
        assert_eq!(packets.len() as u64, 1_200 / ptime, "{ptime} ms");
        for pair in packets.windows(2) {
            let step = pair[1].1.timestamp.0.wrapping_sub(pair[0].1.timestamp.0);
            assert_eq!(u64::from(step), ptime * 8);
            assert_eq!(pair[0].1.payload.len() as u64, ptime * 8);
            assert!(!pair[1].1.marker);
        }
        for tone in tones {
            let level = hall.level(id, tone);
            if tone == own {
                assert!(level < 100.0, "{ptime} ms, own: {level}");
            } else {
                assert!(
                    (level - 3_000.0).abs() < 300.0,
                    "{ptime} ms, {tone} Hz: {level}"
                );
            }
        }
    }
}

#[test]
fn timestamps_never_overlap_between_prompts_and_room() {
    for ptime in [10, 20, 30, 40, 50, 60] {
        let mut hall = Hall::new();
        let room = hall.room(0);
        let other = hall.member(room);
        hall.says(other, 400.0);
        let id = hall.guest_with(CodecId::PCMU, ptime);
        for round in 0..10 {
            hall.tell(
                id,
                MediaCommand::Prepend(once(&tone_prompt(700.0, 130 + round))),
            );
            hall.join(id, room);
            hall.run_ms(400 + 3 * round as u64);
            hall.tell(id, MediaCommand::LeaveRoom(room));
        }
        let packets = hall.packets(id);
        for pair in packets.windows(2) {
            let step = pair[1].1.timestamp.0.wrapping_sub(pair[0].1.timestamp.0);
            assert!(
                (ptime * 8..2_400).contains(&step.into()),
                "{ptime} ms: {step}"
            );
        }
    }
}

#[test]
fn talkers_are_sent_at_one_instant_and_listeners_spread_over_the_frame() {
    let mut hall = Hall::new();
    let room = hall.room(0);
    let talkers: Vec<_> = (0..5).map(|_| hall.member(room)).collect();
    hall.says(talkers[0], 400.0);
    let listeners: Vec<_> = (0..50)
        .map(|_| {
            let id = hall.guest();
            hall.tell(id, MediaCommand::Append(seat(room, true, false)));
            id
        })
        .collect();
    hall.run_ms(200);
    hall.listen_anew();
    hall.run_ms(20);
    let at = |id| hall.packets(id)[0].0;
    assert!(talkers.iter().all(|&id| at(id) == at(talkers[0])));
    let mut slots: Vec<Duration> = listeners.iter().map(|&id| at(id)).collect();
    slots.sort();
    slots.dedup();
    assert!(slots.len() >= 9, "{slots:?}");
}
