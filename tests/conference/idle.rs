//! What nobody hears costs nothing.

use muleteer::media::{MediaCommand, RoomCommand};

use super::hall::{Hall, LOUDNESS};

#[test]
fn ten_thousand_rooms_without_members_never_wake_anyone() {
    let mut hall = Hall::new();
    for key in 0..10_000 {
        let room = hall.room(key);
        hall.tell_room(room, RoomCommand::SetMaxSpeakers(Some(3)));
    }
    assert_eq!(hall.core.poll_timeout(), None);
    let id = hall.guest();
    hall.join(id, muleteer::audio::playlist::RoomId::new(77, 77));
    assert!(hall.core.poll_timeout().is_some());
    hall.run_ms(100);
    hall.tell(id, MediaCommand::SetReceiving(false));
    hall.tell(id, MediaCommand::Flush);
    hall.run_ms(40);
    assert_eq!(hall.core.poll_timeout(), None);
}

#[test]
fn members_on_hold_do_not_wake_their_room() {
    let mut hall = Hall::new();
    let room = hall.room(0);
    let members = [hall.member(room), hall.member(room)];
    hall.run_ms(100);
    for (n, id) in members.into_iter().enumerate() {
        let mut held = hall.parameters(id);
        (held.remote, held.send, held.receive) = (None, false, false);
        hall.tell(id, MediaCommand::Configure(Box::new(held)));
        assert_eq!(hall.core.poll_timeout().is_none(), n == 1);
    }
    for id in members {
        let back = hall.parameters(id);
        hall.tell(id, MediaCommand::Configure(Box::new(back)));
    }
    hall.says(members[0], 400.0);
    hall.run_ms(300);
    hall.listen_anew();
    hall.run_ms(300);
    hall.assert_hears(members[1], 400.0);
}

#[test]
fn whoever_is_alone_is_sent_silence() {
    let mut hall = Hall::new();
    let room = hall.room(0);
    let id = hall.member(room);
    hall.says(id, 400.0);
    hall.run_ms(200);
    hall.listen_anew();
    hall.run_ms(1_000);
    assert_eq!(hall.packets(id).len(), 50);
    assert!(hall.heard(id).iter().all(|&sample| sample == 0));
}

#[test]
fn noise_of_many_lines_does_not_add_up() {
    let mut hall = Hall::new();
    let room = hall.room(0);
    let listener = hall.member(room);
    for n in 0..50 {
        let id = hall.member(room);
        hall.says_at(id, 500.0, 30.0);
        if n == 0 {
            hall.says_at(id, 1_000.0, LOUDNESS);
        }
    }
    hall.run_ms(500);
    hall.listen_anew();
    hall.run_ms(500);
    hall.assert_hears(listener, 1_000.0);
    assert!(hall.level(listener, 500.0) < 30.0);
}
