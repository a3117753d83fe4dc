//! Streams that go from one media thread to another.

use std::net::UdpSocket;
use std::sync::mpsc::{self, Receiver};

use muleteer::audio::playlist::PlaylistItem;
use muleteer::media::{
    MediaCommand, MediaConfig, MediaEvent, MediaPool, OpenError, RoomCommand, RoomHandle,
    StreamHandle, StreamParameters,
};
use muleteer::rtp::{PayloadType, RtpHeaderTemplate};

use super::hall::Hall;
use crate::support::audio::ms_of;
use crate::support::media::{looped, once, parameters, tone_prompt};
use crate::support::process::hundred_ports;
use crate::support::sockets::{LOOPBACK, PATIENCE, eventually, hear, peer};

#[test]
fn a_prompt_goes_on_to_the_sample_on_another_core() {
    let mut hall = Hall::new();
    let id = hall.guest();
    hall.tell(id, MediaCommand::Append(once(&tone_prompt(400.0, 1_000))));
    hall.tell(id, MediaCommand::Append(PlaylistItem::Separator(3)));
    let mut other = hall.another_core();
    for _ in 0..7 {
        hall.run_ms(130);
        let now = hall.now();
        let stream = hall.core.take_stream(now, id, &mut hall.world).unwrap();
        assert_eq!(hall.core.poll_timeout(), None);
        other.put_stream(now, id, stream, &mut hall.world);
        std::mem::swap(&mut hall.core, &mut other);
    }
    hall.run_ms(400);
    assert_eq!(hall.heard(id).len(), 8_000);
    hall.assert_does_not_hear(id, 700.0);
    assert!(hall.level(id, 400.0) > 9_500.0);
    assert_eq!(hall.world.events[0], (id, MediaEvent::Separator(3)));
    let packets = hall.packets(id);
    for pair in packets.windows(2) {
        let (a, b) = (&pair[0].1, &pair[1].1);
        assert_eq!(b.sequence_number.0, a.sequence_number.0.wrapping_add(1));
        assert_eq!(b.ssrc, a.ssrc);
        let step = b.timestamp.0.wrapping_sub(a.timestamp.0);
        assert!((160..480).contains(&step), "{step}");
    }
}

#[test]
fn a_member_that_moves_leaves_its_room() {
    let mut hall = Hall::new();
    let room = hall.room(0);
    let (a, b) = (hall.member(room), hall.member(room));
    hall.says(a, 400.0);
    hall.run_ms(300);
    let now = hall.now();
    let moving = hall.core.take_stream(now, a, &mut hall.world).unwrap();
    hall.run_ms(50);
    hall.listen_anew();
    hall.run_ms(300);
    hall.assert_does_not_hear(b, 400.0);
    let (now, mut other) = (hall.now(), hall.another_core());
    other.put_stream(now, a, moving, &mut hall.world);
    assert_eq!(hall.world.events, [(a, MediaEvent::RoomEnded(room))]);
}

fn pool() -> MediaPool {
    MediaPool::start(MediaConfig {
        threads: 2,
        ports: hundred_ports(),
        max_streams: 50,
        ..MediaConfig::default()
    })
    .unwrap()
}

/// A stream, its session and its peer.
struct Call {
    stream: Option<StreamHandle>,
    events: Receiver<MediaEvent>,
    peer: UdpSocket,
    header: RtpHeaderTemplate,
}

impl Call {
    fn new(pool: &MediaPool) -> Self {
        let (events, receiver) = mpsc::channel();
        let sink = Box::new(move |event| events.send(event).is_ok());
        let stream = pool.open(LOOPBACK, sink).unwrap();
        let peer = peer();
        let configure = MediaCommand::Configure(Box::new(StreamParameters {
            remote: Some(peer.local_addr().unwrap()),
            ..parameters()
        }));
        stream.command(configure).unwrap();
        Self {
            stream: Some(stream),
            events: receiver,
            peer,
            header: RtpHeaderTemplate::new(1),
        }
    }

    fn stream(&mut self) -> &mut StreamHandle {
        self.stream.as_mut().unwrap()
    }

    fn tell(&mut self, command: MediaCommand) {
        self.stream().command(command).unwrap();
    }

    /// Moves as soon as the threads let it.
    fn move_to(&mut self, room: &RoomHandle) {
        let stream = self.stream();
        eventually("a stream may move", || stream.move_to(room).is_ok());
    }

    fn talk(&mut self) {
        let mut datagram = [0x55; 172];
        let clock = self.header.clock();
        datagram[..12].copy_from_slice(self.header.next_header(PayloadType::PCMU, false, clock));
        self.header.advance(160);
        let to = self.stream().local_addr();
        self.peer.send_to(&datagram, to).unwrap();
    }

    fn hear(&self, packets: usize) -> Vec<i16> {
        hear(&self.peer, packets)
    }
}

fn room(pool: &MediaPool) -> RoomHandle {
    pool.open_room(Box::new(|_| true)).unwrap()
}

#[test]
fn a_thousand_moves_lose_nothing_and_keep_the_order() {
    let pool = pool();
    // Each goes to the thread with the fewest, so to one each.
    let rooms = [room(&pool), room(&pool)];
    let mut calls: Vec<_> = (0..10).map(|_| Call::new(&pool)).collect();
    eventually("all listen", || pool.totals().active_streams == 10);
    for n in 0..100 {
        for call in &mut calls {
            call.talk();
            call.tell(MediaCommand::Append(PlaylistItem::Separator(2 * n)));
            call.move_to(&rooms[n as usize % 2]);
            call.tell(MediaCommand::Append(PlaylistItem::Separator(2 * n + 1)));
        }
    }
    for call in &calls {
        for n in 0..200 {
            let event = loop {
                match call.events.recv_timeout(PATIENCE).unwrap() {
                    MediaEvent::NoAudio { .. } => {}
                    event => break event,
                }
            };
            assert_eq!(event, MediaEvent::Separator(n));
        }
    }
    eventually("every packet is taken in", || {
        pool.totals().packets_received == 1_000
    });
    assert_eq!(pool.streams(), 10);
    assert_eq!(pool.totals().streams, 10);
    // Each ends on its way.
    for (n, call) in calls.iter_mut().enumerate() {
        call.move_to(&rooms[n % 2]);
        call.stream = None;
    }
    // One that is between two threads counts as open.
    eventually("all are closed", || pool.streams() == 0);
    assert_eq!(pool.totals().streams, 0);
    assert_eq!(pool.totals().streams_failed, 0);
}

#[test]
fn streams_of_two_threads_meet_in_a_room() {
    let pool = pool();
    let room = room(&pool);
    let mut calls = [Call::new(&pool), Call::new(&pool), Call::new(&pool)];
    for call in &mut calls {
        call.move_to(&room);
        call.tell(MediaCommand::Append(room.seat(true, true)));
    }
    for call in &calls {
        call.hear(3);
    }
    let prompt = tone_prompt(440.0, 400);
    let to = muleteer::media::Audience::All;
    room.command(RoomCommand::Play { prompt, to }).unwrap();
    for call in &calls {
        // It begins within the packets that wait.
        assert!(ms_of(&call.hear(60), 440.0) >= 360);
    }
    drop(room);
    for call in &calls {
        let event = call.events.recv_timeout(PATIENCE).unwrap();
        assert!(matches!(event, MediaEvent::RoomEnded(_)), "{event:?}");
    }
    eventually("the room is gone", || pool.rooms() == 0);
}

#[test]
fn a_prompt_is_heard_on_while_its_stream_moves() {
    let pool = pool();
    let rooms = [room(&pool), room(&pool)];
    let mut call = Call::new(&pool);
    call.tell(MediaCommand::Append(looped(&tone_prompt(440.0, 100))));
    call.hear(5);
    for n in 0..10 {
        call.move_to(&rooms[n % 2]);
        assert!(ms_of(&call.hear(10), 440.0) >= 180);
    }
}

#[test]
fn rooms_beyond_the_limit_are_refused() {
    let pool = pool();
    let rooms: Vec<_> = (0..50).map(|_| room(&pool)).collect();
    let refused = pool.open_room(Box::new(|_| true)).unwrap_err();
    assert!(matches!(refused, OpenError::TooManyRooms { limit: 50 }));
    drop(rooms);
    eventually("all rooms are gone", || pool.rooms() == 0);
}
