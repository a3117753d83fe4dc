//! What is played into a room, mixed into one member's ear, and recorded.

use std::time::Duration;

use muleteer::audio::feed::Feeds;
use muleteer::audio::recorder::{RecordingPlan, recorder};
use muleteer::media::{
    Audience, MediaCommand, MediaEvent, MixInSettings, RoomCommand, RoomEvent, StreamParameters,
};
use muleteer::rtp::Digit;

use super::hall::{Hall, LOUDNESS, level};
use crate::support::audio::ms_of;
use crate::support::media::{looped, once, tone_prompt};

/// What a prompt of [`tone_prompt`] is as loud as.
const PROMPT: f64 = 10_000.0;

fn mix_in(level: f32) -> MediaCommand {
    MediaCommand::SetMixIn(MixInSettings { level, every: None })
}

#[test]
fn all_but_the_newcomer_hear_its_sound_and_nobody_is_interrupted() {
    let mut hall = Hall::new();
    let room = hall.room(0);
    let (a, b, newcomer) = (hall.member(room), hall.member(room), hall.member(room));
    hall.says(a, 400.0);
    hall.run_ms(300);
    hall.listen_anew();
    let prompt = tone_prompt(1_100.0, 500);
    let to = Audience::AllBut(newcomer);
    hall.tell_room(room, RoomCommand::Play { prompt, to });
    hall.run_ms(500);
    for id in [b, newcomer] {
        hall.assert_hears(id, 400.0);
    }
    for id in [a, b] {
        let level = hall.level(id, 1_100.0);
        assert!((level / PROMPT - 1.0).abs() < 0.1, "{level}");
    }
    hall.assert_does_not_hear(newcomer, 1_100.0);
    hall.run_ms(20);
    hall.listen_anew();
    hall.run_ms(300);
    hall.assert_does_not_hear(b, 1_100.0);
}

#[test]
fn a_sound_is_mixed_in_at_its_level() {
    let mut hall = Hall::new();
    let room = hall.room(0);
    let (a, b) = (hall.member(room), hall.member(room));
    hall.says(b, 400.0);
    hall.tell(a, mix_in(0.25));
    hall.run_ms(300);
    hall.listen_anew();
    hall.tell(a, MediaCommand::PlayMixIn(once(&tone_prompt(1_100.0, 500))));
    hall.run_ms(500);
    let (output, sound) = (hall.level(a, 400.0), hall.level(a, 1_100.0));
    assert!((output / LOUDNESS - 0.75).abs() < 0.08, "{output}");
    assert!((sound / PROMPT - 0.25).abs() < 0.03, "{sound}");
    hall.run_ms(40);
    hall.listen_anew();
    hall.run_ms(300);
    hall.assert_hears(a, 400.0);
    hall.assert_does_not_hear(a, 1_100.0);
}

#[test]
fn at_level_nought_the_playlist_waits() {
    let mut hall = Hall::new();
    let a = hall.guest();
    hall.tell(a, mix_in(0.0));
    hall.tell(a, MediaCommand::Append(once(&tone_prompt(400.0, 600))));
    hall.run_ms(200);
    for _ in 0..2 {
        let item = once(&tone_prompt(1_100.0, 200));
        hall.tell(a, MediaCommand::AppendMixIn(item));
    }
    hall.run_ms(1_000);
    let heard = hall.heard(a);
    assert_eq!(heard.len(), 8_000);
    assert!(level(&heard[1_700..4_700], 8_000, 400.0) < 200.0);
    let part = |tone| level(&heard, 8_000, tone) / PROMPT;
    assert!((part(400.0) - 0.6).abs() < 0.03, "{}", part(400.0));
    assert!((part(1_100.0) - 0.4).abs() < 0.03, "{}", part(1_100.0));
}

#[test]
fn a_single_sound_repeats_and_a_list_is_flushed() {
    let mut hall = Hall::new();
    let a = hall.guest();
    hall.tell(a, MediaCommand::SetReceiving(false));
    let every = Some(Duration::from_millis(500));
    let settings = MixInSettings { level: 1.0, every };
    hall.tell(a, MediaCommand::SetMixIn(settings));
    hall.tell(a, MediaCommand::PlayMixIn(once(&tone_prompt(1_100.0, 100))));
    hall.run_ms(1_900);
    let heard = hall.packets(a).len();
    assert!((14..=16).contains(&heard), "{heard}: three times 100 ms");
    hall.tell(
        a,
        MediaCommand::AppendMixIn(looped(&tone_prompt(700.0, 100))),
    );
    hall.run_ms(200);
    hall.tell(a, MediaCommand::FlushMixIn);
    hall.run_ms(40);
    hall.listen_anew();
    hall.run_ms(1_000);
    assert_eq!(hall.packets(a).len(), 0);
    assert_eq!(hall.core.poll_timeout(), None);
}

#[test]
fn a_tee_is_heard_in_the_other_room_and_hears_nothing_of_it() {
    for ptime in [10, 20, 30, 60] {
        let mut hall = Hall::new();
        let (main, side) = (hall.room(0), hall.room(1));
        let caller = hall.guest_with(muleteer::codec::CodecId::PCMU, ptime);
        let (friend, boss) = (hall.member(main), hall.member(side));
        let (sink, source) = Feeds::new(1).open().unwrap();
        hall.tell_room(side, RoomCommand::Feed(Box::new(source)));
        hall.tell(caller, MediaCommand::StartTee(1, Box::new(sink)));
        hall.says(caller, 400.0);
        hall.says(boss, 700.0);
        // Without a room of its own, and in one.
        for joins in [false, true] {
            if joins {
                hall.join(caller, main);
            }
            hall.run_ms(300);
            hall.listen_anew();
            hall.run_ms(600);
            hall.assert_hears(boss, 400.0);
            hall.assert_does_not_hear(caller, 700.0);
        }
        hall.assert_hears(friend, 400.0);
        hall.tell(caller, MediaCommand::StopTee(1));
        hall.run_ms(300);
        hall.listen_anew();
        hall.run_ms(300);
        hall.assert_does_not_hear(boss, 400.0);
        hall.assert_hears(friend, 400.0);
    }
}

#[test]
fn a_tee_whose_room_is_gone_ends_and_is_told_of() {
    let mut hall = Hall::new();
    let caller = hall.guest();
    let (sink, source) = Feeds::new(1).open().unwrap();
    hall.says(caller, 400.0);
    hall.tell(caller, MediaCommand::StartTee(3, Box::new(sink)));
    hall.run_ms(100);
    assert_eq!(hall.world.events, []);
    drop(source);
    hall.run_ms(100);
    assert_eq!(hall.world.events, [(caller, MediaEvent::TeeEnded(3))]);
}

#[test]
fn keys_of_a_muted_member_are_sent_and_nothing_else() {
    for ptime in [10, 20, 30, 40, 50, 60] {
        let mut hall = Hall::new();
        let room = hall.room(0);
        let talker = hall.member(room);
        let member = hall.guest_with(muleteer::codec::CodecId::PCMU, ptime);
        let configure = StreamParameters {
            send_tones: true,
            ..hall.parameters(member)
        };
        hall.tell(member, MediaCommand::Configure(Box::new(configure)));
        hall.join(member, room);
        hall.says(talker, 400.0);
        hall.tell(member, MediaCommand::SetMuted(true));
        // Keys that begin at any frame of a packet.
        for _ in 0..4 {
            hall.run_ms(300);
            hall.listen_anew();
            hall.run_ms(20);
            let (digit, duration) = (Digit::from_char('1').unwrap(), Duration::from_millis(200));
            hall.tell(member, MediaCommand::SendDigit { digit, duration });
            hall.run_ms(480);
            let key = ms_of(&hall.heard(member), 697.0);
            assert!((180..=220).contains(&key), "{key} of {ptime} ms");
            hall.assert_does_not_hear(member, 400.0);
            let sent = hall.packets(member).len() as u64 * ptime;
            assert!(sent < 440, "{sent} ms of {ptime}");
        }
    }
}

#[test]
fn what_was_encoded_for_members_that_are_gone_is_let_go_of() {
    let mut hall = Hall::new();
    let room = hall.room(0);
    let (talker, steady, fickle) = (hall.member(room), hall.member(room), hall.member(room));
    hall.says(talker, 400.0);
    for (changes, ptime) in [10, 30, 60, 10, 30, 60].into_iter().enumerate() {
        let configure = StreamParameters {
            ptime: Duration::from_millis(ptime),
            ..hall.parameters(fickle)
        };
        hall.tell(fickle, MediaCommand::Configure(Box::new(configure)));
        hall.run_ms(300);
        assert_eq!(hall.world.unshared, changes);
    }
    hall.tell(fickle, MediaCommand::LeaveRoom(room));
    assert_eq!(hall.world.unshared, 6);
    hall.run_ms(300);
    hall.assert_hears(steady, 400.0);
    hall.tell(steady, MediaCommand::Close);
    assert_eq!(hall.world.unshared, 6, "the talker would take it as well");
    hall.tell(talker, MediaCommand::Close);
    assert_eq!(hall.world.unshared, 7);
}

#[test]
fn a_recording_of_a_room_keeps_the_time_and_has_everyone() {
    let mut hall = Hall::new();
    let room = hall.room(0);
    let (sink, mut source) = recorder(RecordingPlan {
        limit: Some(Duration::from_millis(2_500)),
        ..RecordingPlan::new(16_000)
    });
    hall.tell_room(room, RoomCommand::StartRecording(Box::new(sink)));
    let mut pcm = Vec::new();
    let mut read = |hall: &mut Hall, ms: u64| {
        hall.run_ms(ms);
        let mut out = [0; 16_000];
        let count = source.read(&mut out);
        pcm.extend_from_slice(&out[..count]);
        pcm.len()
    };
    assert_eq!(read(&mut hall, 500), 8_000);
    let (a, b) = (hall.member(room), hall.member(room));
    hall.says(a, 400.0);
    hall.says(b, 700.0);
    assert_eq!(read(&mut hall, 1_000), 24_000);
    hall.falls_silent(a);
    hall.falls_silent(b);
    assert_eq!(read(&mut hall, 900), 38_400);
    assert_eq!(read(&mut hall, 1_000), 40_000);
    let ended = (room, RoomEvent::RecordingEnded);
    assert!(hall.world.room_events.contains(&ended));
    for tone in [400.0, 700.0] {
        assert_eq!(level(&pcm[..8_000], 16_000, tone), 0.0);
        let talk = level(&pcm[12_000..23_000], 16_000, tone);
        assert!((talk / LOUDNESS - 1.0).abs() < 0.1, "{talk}");
        assert!(level(&pcm[34_000..], 16_000, tone) < 10.0);
    }
}
