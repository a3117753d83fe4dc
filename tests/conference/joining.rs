//! Coming and going.

use muleteer::audio::playlist::PlaylistItem;
use muleteer::media::{MediaCommand, MediaEvent, Output, RoomCommand};

use super::hall::{Hall, seat};
use crate::support::media::{once, tone_prompt, without_version};

/// The greatest distance of two samples in a row.
fn steepest(pcm: &[i16]) -> u16 {
    let steps = pcm.windows(2).map(|pair| pair[0].abs_diff(pair[1]));
    steps.max().unwrap()
}

#[test]
fn nobody_clicks_when_a_talker_comes_goes_or_is_muted() {
    let mut hall = Hall::new();
    let room = hall.room(0);
    let listener = hall.member(room);
    let talker = hall.guest();
    hall.says(talker, 213.0);
    hall.run_ms(200);
    hall.listen_anew();
    for round in 0..20 {
        hall.join(talker, room);
        hall.run_ms(200 + round * 7);
        hall.tell(talker, MediaCommand::SetRoomMuted(true));
        hall.run_ms(60);
        hall.tell(talker, MediaCommand::SetRoomMuted(false));
        hall.run_ms(100);
        hall.tell(talker, MediaCommand::LeaveRoom(room));
        hall.run_ms(100 + round * 3);
    }
    // At its zero crossing the tone rises by 1,000 a sample; a click would be up to 6,000. G.711 adds
    // its steps.
    let steepest = steepest(&hall.heard(listener));
    assert!((800..1_700).contains(&steepest), "{steepest}");
    assert!(hall.level(listener, 213.0) > 1_000.0);
}

#[test]
fn prompts_before_the_room_are_played_first() {
    let mut hall = Hall::new();
    let room = hall.room(0);
    let member = hall.member(room);
    let newcomer = hall.guest();
    hall.says(member, 400.0);
    hall.says(newcomer, 700.0);
    hall.tell(
        newcomer,
        MediaCommand::Append(once(&tone_prompt(1_100.0, 500))),
    );
    hall.join(newcomer, room);
    hall.run_ms(480);
    hall.assert_does_not_hear(member, 700.0);
    hall.assert_does_not_hear(newcomer, 400.0);
    assert!(hall.level(newcomer, 1_100.0) > 8_000.0);
    hall.run_ms(200);
    hall.listen_anew();
    hall.run_ms(500);
    hall.assert_hears(member, 700.0);
    hall.assert_hears(newcomer, 400.0);
}

#[test]
fn a_file_in_front_suspends_the_room_in_both_directions() {
    let mut hall = Hall::new();
    let room = hall.room(0);
    let (a, b) = (hall.member(room), hall.member(room));
    hall.says(a, 400.0);
    hall.says(b, 700.0);
    hall.run_ms(500);
    hall.tell(a, MediaCommand::Prepend(once(&tone_prompt(1_100.0, 1_000))));
    hall.run_ms(100);
    hall.listen_anew();
    hall.run_ms(800);
    hall.assert_does_not_hear(a, 700.0);
    hall.assert_does_not_hear(b, 400.0);
    hall.run_ms(300);
    hall.listen_anew();
    hall.run_ms(500);
    hall.assert_hears(a, 700.0);
    hall.assert_hears(b, 400.0);
    let events: Vec<_> = hall.world.events.iter().collect();
    assert!(events.is_empty(), "{events:?}");
}

#[test]
fn whoever_is_thrown_out_between_two_frames_is_gone() {
    let mut hall = Hall::new();
    let room = hall.room(0);
    let (a, b) = (hall.member(room), hall.member(room));
    hall.says(a, 400.0);
    hall.run_ms(307);
    hall.tell(a, MediaCommand::Flush);
    hall.run_ms(50);
    hall.listen_anew();
    hall.run_ms(500);
    assert_eq!(hall.packets(a).len(), 0);
    assert_eq!(hall.packets(b).len(), 25);
    hall.assert_does_not_hear(b, 400.0);
    hall.join(a, room);
    hall.run_ms(100);
    hall.listen_anew();
    hall.run_ms(500);
    hall.assert_hears(b, 400.0);
}

#[test]
fn a_stream_that_closes_leaves() {
    let mut hall = Hall::new();
    let room = hall.room(0);
    let (a, b) = (hall.member(room), hall.member(room));
    hall.says(a, 400.0);
    hall.run_ms(300);
    hall.tell(a, MediaCommand::Close);
    hall.run_ms(50);
    hall.listen_anew();
    hall.run_ms(300);
    hall.assert_does_not_hear(b, 400.0);
    hall.tell(b, MediaCommand::Close);
    assert_eq!(hall.core.poll_timeout(), None);
}

#[test]
fn the_playlist_goes_on_when_the_room_ends() {
    let mut hall = Hall::new();
    let room = hall.room(0);
    let (a, b) = (hall.member(room), hall.member(room));
    hall.tell(a, MediaCommand::Append(PlaylistItem::Separator(7)));
    hall.run_ms(100);
    hall.tell_room(room, RoomCommand::Close);
    hall.run_ms(100);
    let mut events: Vec<_> = hall.world.events.drain(..).collect();
    events.sort_by_key(|(id, _)| *id == b);
    let events: Vec<_> = events
        .iter()
        .map(|(id, event)| (*id, without_version(event)))
        .collect();
    let no_audio = MediaEvent::NoAudio { version: 0 };
    assert_eq!(
        events,
        [
            (a, MediaEvent::RoomEnded(room)),
            (a, MediaEvent::Separator(7)),
            (a, no_audio.clone()),
            (b, MediaEvent::RoomEnded(room)),
            (b, no_audio),
        ]
    );
    hall.join(a, room);
    hall.run_ms(100);
    assert_eq!(hall.world.events[0].1, MediaEvent::RoomEnded(room));
}

#[test]
fn another_output_takes_a_stream_out_of_its_room() {
    let mut hall = Hall::new();
    let room = hall.room(0);
    let (a, b) = (hall.member(room), hall.member(room));
    hall.says(a, 400.0);
    hall.says(b, 700.0);
    hall.tell(a, MediaCommand::SetOutput(Output::Echo));
    hall.run_ms(300);
    hall.listen_anew();
    hall.run_ms(500);
    hall.assert_hears(a, 400.0);
    hall.assert_does_not_hear(b, 400.0);
    hall.tell(a, MediaCommand::SetOutput(Output::Playlist));
    hall.run_ms(300);
    hall.listen_anew();
    hall.run_ms(500);
    hall.assert_hears(a, 700.0);
    hall.assert_hears(b, 400.0);
}

#[test]
fn a_second_room_is_left_for_the_first() {
    let mut hall = Hall::new();
    let (one, two) = (hall.room(0), hall.room(1));
    let (a, b, c) = (hall.guest(), hall.member(one), hall.member(two));
    hall.tell(a, MediaCommand::Append(seat(one, true, true)));
    hall.says(a, 400.0);
    hall.says(b, 700.0);
    hall.says(c, 1_100.0);
    hall.run_ms(300);
    hall.tell(a, MediaCommand::Prepend(seat(two, true, true)));
    hall.run_ms(100);
    hall.listen_anew();
    hall.run_ms(500);
    hall.assert_hears(a, 1_100.0);
    hall.assert_hears(c, 400.0);
    hall.assert_does_not_hear(b, 400.0);
    hall.tell(a, MediaCommand::LeaveRoom(two));
    hall.run_ms(100);
    hall.listen_anew();
    hall.run_ms(500);
    hall.assert_hears(a, 700.0);
    hall.assert_hears(b, 400.0);
    hall.assert_does_not_hear(c, 400.0);
}
