//! Who hears whom, and how loud.

use muleteer::audio::playlist::RoomSeat;
use muleteer::codec::CodecId;
use muleteer::media::{MediaCommand, RoomCommand, RoomEvent};

use super::hall::{Hall, LOUDNESS, level, seat, wave};

const TONES: [f64; 3] = [400.0, 700.0, 1_100.0];

#[test]
fn each_of_three_hears_the_other_two_and_not_itself() {
    let mut hall = Hall::new();
    let room = hall.room(0);
    let members = TONES.map(|_| hall.member(room));
    for (id, hertz) in members.into_iter().zip(TONES) {
        hall.says(id, hertz);
    }
    hall.run_ms(300);
    hall.listen_anew();
    hall.run_ms(1_000);
    for (id, own) in members.into_iter().zip(TONES) {
        assert_eq!(hall.packets(id).len(), 50);
        for hertz in TONES {
            if hertz == own {
                hall.assert_does_not_hear(id, hertz);
            } else {
                hall.assert_hears(id, hertz);
            }
        }
    }
}

/// With L16, which is the samples themselves.
#[test]
fn the_sum_of_the_others_is_exact_to_the_sample() {
    let mut hall = Hall::new();
    let room = hall.room(0);
    let members = TONES.map(|hertz| {
        let id = hall.guest_with(CodecId::L16_16000, 20);
        hall.join(id, room);
        hall.says(id, hertz);
        id
    });
    hall.run_ms(300);
    hall.listen_anew();
    hall.run_ms(200);
    let sample = |hertz, n| wave(16_000, hertz, LOUDNESS, n);
    for (own, id) in members.into_iter().enumerate() {
        let heard = hall.heard(id);
        let others = [TONES[(own + 1) % 3], TONES[(own + 2) % 3]];
        let sum = |n| sample(others[0], n) + sample(others[1], n);
        let begins = (0..16_000).find(|begin| (0..400).all(|n| heard[n] == sum(begin + n)));
        let begin = begins.expect("the beginning is exact");
        for (n, &heard) in heard.iter().enumerate() {
            assert_eq!(heard, sum(begin + n));
        }
    }
}

#[test]
fn codecs_and_rates_mix() {
    let mut hall = Hall::new();
    let room = hall.room(0);
    let codecs = [CodecId::PCMU, CodecId::PCMA, CodecId::OPUS];
    let members = codecs.map(|codec| hall.guest_with(codec, 20));
    for (id, hertz) in members.into_iter().zip(TONES) {
        hall.join(id, room);
        hall.says(id, hertz);
    }
    hall.run_ms(500);
    hall.listen_anew();
    hall.run_ms(1_000);
    for (id, own) in members.into_iter().zip(TONES) {
        for hertz in TONES {
            let level = hall.level(id, hertz);
            if hertz == own {
                assert!(level < LOUDNESS / 30.0, "{hertz} Hz: {level}");
            } else {
                // Opus is no waveform codec.
                assert!((level / LOUDNESS - 1.0).abs() < 0.25, "{hertz} Hz: {level}");
            }
        }
    }
}

#[test]
fn pure_listeners_hear_the_same_bytes() {
    let mut hall = Hall::new();
    let room = hall.room(0);
    let talkers = [hall.member(room), hall.member(room)];
    hall.says(talkers[0], 400.0);
    hall.says(talkers[1], 700.0);
    let listeners: Vec<_> = (0..20)
        .map(|n| {
            let id = hall.guest();
            hall.tell(id, MediaCommand::Append(seat(room, true, n % 2 == 0)));
            id
        })
        .collect();
    hall.run_ms(300);
    hall.listen_anew();
    hall.run_ms(1_000);
    let payloads = |id| -> Vec<Vec<u8>> {
        let packets = hall.packets(id);
        packets.iter().map(|(_, p)| p.payload.to_vec()).collect()
    };
    let first = payloads(listeners[0]);
    for &id in &listeners {
        hall.assert_hears(id, 400.0);
        hall.assert_hears(id, 700.0);
        // One that has a slot of its own may be a frame behind.
        let own = payloads(id);
        assert!(own == first || own[1..] == first[..49], "{id:?}");
    }
}

#[test]
fn modes_change_in_place() {
    let mut hall = Hall::new();
    let room = hall.room(0);
    let (a, b) = (hall.member(room), hall.member(room));
    hall.says(a, 400.0);
    hall.says(b, 700.0);
    for (hears, speaks) in [(true, false), (false, true), (false, false), (true, true)] {
        let seat = RoomSeat {
            room,
            hears,
            speaks,
        };
        hall.tell(a, MediaCommand::SetSeat(seat));
        hall.run_ms(100);
        hall.listen_anew();
        hall.run_ms(1_000);
        assert_eq!(hall.level(a, 700.0) > LOUDNESS / 2.0, hears);
        assert_eq!(hall.level(b, 400.0) > LOUDNESS / 2.0, speaks);
        // Whoever hears nothing is sent silence.
        assert_eq!(hall.packets(a).len(), 50);
    }
}

#[test]
fn gain_and_mute_are_the_members_own() {
    let mut hall = Hall::new();
    let room = hall.room(0);
    let (a, b, c) = (hall.member(room), hall.member(room), hall.member(room));
    hall.says(a, 400.0);
    hall.says(b, 700.0);
    let mut after = |command| {
        hall.tell(a, command);
        hall.run_ms(200);
        hall.listen_anew();
        hall.run_ms(1_000);
        hall.assert_hears(c, 700.0);
        hall.assert_hears(a, 700.0);
        hall.level(c, 400.0) / LOUDNESS
    };
    let quiet = after(MediaCommand::SetRoomGain(0.5));
    assert!((quiet - 0.5).abs() < 0.05, "{quiet}");
    let loud = after(MediaCommand::SetRoomGain(2.0));
    assert!((loud - 2.0).abs() < 0.2, "{loud}");
    assert!(after(MediaCommand::SetRoomMuted(true)) < 0.01);
    assert!(after(MediaCommand::SetRoomMuted(false)) > 1.8);
    assert!(after(MediaCommand::SetRoomGain(f32::NAN)) < 0.01);
}

#[test]
fn ten_at_full_scale_are_loud_and_not_broken() {
    let mut hall = Hall::new();
    let room = hall.room(0);
    let listener = hall.member(room);
    for _ in 0..10 {
        let id = hall.member(room);
        hall.says_at(id, 400.0, 32_000.0);
    }
    hall.run_ms(300);
    hall.listen_anew();
    hall.run_ms(1_000);
    let heard = hall.heard(listener);
    let base = level(&heard, 8_000, 400.0);
    assert!((30_000.0..42_000.0).contains(&base), "{base}");
    // A sum that wraps around has no second half of the wave.
    assert!(level(&heard, 8_000, 800.0) < 300.0);
}

#[test]
fn only_the_loudest_are_heard_when_so_ordered() {
    let mut hall = Hall::new();
    let room = hall.room(0);
    let listener = hall.member(room);
    let talkers = TONES.map(|_| hall.member(room));
    for ((id, hertz), loudness) in talkers
        .into_iter()
        .zip(TONES)
        .zip([1_000.0, 6_000.0, 400.0])
    {
        hall.says_at(id, hertz, loudness);
    }
    hall.tell_room(room, RoomCommand::SetMaxSpeakers(Some(1)));
    hall.run_ms(500);
    hall.listen_anew();
    hall.run_ms(1_000);
    hall.assert_does_not_hear(listener, 400.0);
    hall.assert_hears(listener, 700.0);
    hall.assert_does_not_hear(listener, 1_100.0);
    // Who is not chosen hears those who are.
    hall.assert_hears(talkers[0], 700.0);
    hall.assert_does_not_hear(talkers[1], 400.0);
}

#[test]
fn the_active_speaker_is_reported_when_it_changes() {
    let mut hall = Hall::new();
    let room = hall.room(0);
    let (a, b) = (hall.member(room), hall.member(room));
    hall.says(a, 400.0);
    hall.run_ms(1_000);
    hall.falls_silent(a);
    hall.says(b, 700.0);
    hall.run_ms(1_000);
    hall.tell(b, MediaCommand::Flush);
    hall.run_ms(100);
    let active = |id| (room, RoomEvent::ActiveSpeaker(id));
    assert_eq!(
        hall.world.room_events,
        [active(Some(a)), active(Some(b)), active(None)]
    );
}
