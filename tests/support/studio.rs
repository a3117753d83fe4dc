//! The audio of an agent's calls in virtual time: a real media core, and callers who speak and listen.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use muleteer::audio::feed::Feeds;
use muleteer::audio::playlist::{PlaylistItem, RoomId, RoomSeat};
use muleteer::audio::recorder::{RecorderSink, RecorderSource, RecordingEnded, duration_of};
use muleteer::codec::{CodecId, Variant};
use muleteer::media::{
    Audience, Core, FeedError, MAX_FEEDS, MediaCommand, MediaEvent, MediaIo, MediaStats, Retired,
    RoomCommand, RoomEvent, StreamId,
};
use muleteer::rtp::{Digit, PayloadType, RtpHeaderTemplate, RtpPacket};
use muleteer::session::room::{InRoom, InRoomError, Mode, Room};

/// As the peer of the tests describes itself.
const CALLER: &str = "192.0.2.9:40000";
const TELEPHONE_EVENT: u8 = 101;

/// See the module's documentation. A call's number is the number of its stream.
pub struct Studio {
    core: Core,
    world: World,
    callers: Vec<RtpHeaderTemplate>,
    rooms: Vec<OpenRoom>,
    /// Of the audio heard so far.
    pub payload_types: BTreeSet<u8>,
}

/// The sound of a room. What failed stays in the list, for ids are not used twice.
struct OpenRoom {
    room: Arc<Room>,
    id: RoomId,
    feeds: Feeds,
}

#[derive(Default)]
struct World {
    /// The next thing that a room tells meets a fault.
    panics: bool,
    failed: Vec<RoomId>,
    speakers: Vec<(RoomId, Option<StreamId>)>,
    sent: Vec<(usize, Vec<u8>)>,
    events: Vec<(usize, MediaEvent)>,
    /// By the number of the call.
    ids: Vec<StreamId>,
}

impl World {
    fn number(&self, id: StreamId) -> usize {
        let known = self.ids.iter().position(|known| *known == id);
        known.expect("a stream of ours")
    }
}

impl MediaIo for World {
    fn send_control(&mut self, _: StreamId, _: SocketAddr, _: &[u8]) {}
    fn control_port(&mut self, _: StreamId, _: bool) {}
    fn send(&mut self, id: StreamId, _: SocketAddr, packet: &[u8]) {
        let number = self.number(id);
        self.sent.push((number, packet.to_vec()));
    }

    fn event(&mut self, id: StreamId, event: MediaEvent) {
        let number = self.number(id);
        self.events.push((number, event));
    }

    fn listen(&mut self, _: StreamId, _: bool) {}

    fn retire(&mut self, _: Retired) {}

    fn closed(&mut self, _: StreamId) {}

    fn room_event(&mut self, id: RoomId, event: RoomEvent) {
        assert!(
            !std::mem::take(&mut self.panics),
            "a fault made by the test"
        );
        match event {
            RoomEvent::Failed => self.failed.push(id),
            RoomEvent::ActiveSpeaker(speaker) => self.speakers.push((id, speaker)),
            _ => {}
        }
    }
}

impl Studio {
    pub fn new(start: Instant) -> Self {
        let slot = Duration::from_millis(2);
        Self {
            core: Core::new(start, slot, 5, Arc::new(MediaStats::default())),
            world: World::default(),
            callers: Vec::new(),
            rooms: Vec::new(),
            payload_types: BTreeSet::new(),
        }
    }

    /// Opens the stream of the next call.
    pub fn open(&mut self) {
        let number = self.world.ids.len() as u32;
        let id = StreamId::new(number, 1);
        self.world.ids.push(id);
        self.core.open(id);
        self.callers
            .push(RtpHeaderTemplate::new(u64::from(number) + 99));
    }

    pub fn command(&mut self, now: Instant, call: usize, command: MediaCommand) {
        let id = self.world.ids[call];
        self.core.handle_command(now, id, command, &mut self.world);
    }

    /// Does in a room what a session's task would do.
    pub fn act_in(
        &mut self,
        now: Instant,
        call: usize,
        room: &Arc<Room>,
        act: InRoom,
    ) -> Result<RoomId, InRoomError> {
        let failed = &self.world.failed;
        let is_known =
            |known: &OpenRoom| Arc::ptr_eq(&known.room, room) && !failed.contains(&known.id);
        let known = self.rooms.iter().position(is_known);
        let key = known.unwrap_or_else(|| {
            let id = RoomId::new(self.rooms.len() as u32, 1);
            self.core.open_room(id);
            self.rooms.push(OpenRoom {
                room: room.clone(),
                id,
                feeds: Feeds::new(MAX_FEEDS),
            });
            self.rooms.len() - 1
        });
        let id = self.rooms[key].id;
        let stream = self.world.ids[call];
        let seat = |mode: Mode| RoomSeat {
            room: id,
            hears: mode.hears,
            speaks: mode.speaks,
        };
        let command = match act {
            InRoom::Take(mode) => MediaCommand::Append(PlaylistItem::Room(seat(mode))),
            InRoom::Change(mode) => MediaCommand::SetSeat(seat(mode)),
            InRoom::Leave => MediaCommand::LeaveRoom(id),
            InRoom::Tee(number) => {
                let feed = self.rooms[key].feeds.open();
                let (sink, source) = feed.ok_or(FeedError::TooMany)?;
                self.order(now, id, RoomCommand::Feed(Box::new(source)));
                MediaCommand::StartTee(number, Box::new(sink))
            }
            InRoom::Announce(prompt) => {
                let to = Audience::AllBut(stream);
                self.order(now, id, RoomCommand::Play { prompt, to });
                return Ok(id);
            }
            InRoom::Speakers(most) => {
                self.order(now, id, RoomCommand::SetMaxSpeakers(most));
                return Ok(id);
            }
        };
        self.command(now, call, command);
        Ok(id)
    }

    /// What a call speaks by.
    pub fn stream(&self, call: usize) -> StreamId {
        self.world.ids[call]
    }

    /// Records a room.
    pub fn record(&mut self, now: Instant, room: &Arc<Room>, sink: RecorderSink) {
        let known = self
            .rooms
            .iter()
            .rev()
            .find(|known| Arc::ptr_eq(&known.room, room));
        if let Some(id) = known.map(|known| known.id) {
            self.order(now, id, RoomCommand::StartRecording(Box::new(sink)));
        }
    }

    /// Who began to speak most in which room, where somebody wants to know.
    pub fn speakers(&mut self) -> Vec<(String, Option<StreamId>)> {
        let told = std::mem::take(&mut self.world.speakers);
        let room = |id: RoomId| self.rooms.iter().find(|known| known.id == id);
        let told = told.into_iter().filter_map(|(id, speaker)| {
            let room = &room(id)?.room;
            let is_followed = room.is_followed().load(Ordering::Relaxed);
            is_followed.then(|| (room.name().to_owned(), speaker))
        });
        told.collect()
    }

    /// The next event of a room, such as the first word in it, is a fault.
    pub fn break_a_room(&mut self) {
        self.world.panics = true;
    }

    fn order(&mut self, now: Instant, room: RoomId, command: RoomCommand) {
        self.core
            .handle_room_command(now, room, command, &mut self.world);
    }

    pub fn wake(&mut self, now: Instant) {
        if self.deadline().is_some_and(|at| at <= now) {
            self.core.handle_timeout(now, &mut self.world);
        }
    }

    pub fn deadline(&self) -> Option<Instant> {
        self.core.poll_timeout()
    }

    /// What happened since the last time.
    pub fn events(&mut self) -> Vec<(usize, MediaEvent)> {
        std::mem::take(&mut self.world.events)
    }

    /// The caller says 20 ms.
    pub fn say(&mut self, now: Instant, call: usize, pcm: &[i16]) {
        let mut payload = [0; 160];
        let mut encoder = CodecId::PCMU.encoder(Variant::default()).expect("PCMU");
        encoder.encode(pcm, &mut payload);
        self.receive(now, call, PayloadType::PCMU, 160, &payload);
    }

    /// A datagram of the caller.
    pub fn deliver(&mut self, now: Instant, call: usize, datagram: &[u8]) {
        let (id, source) = (self.world.ids[call], CALLER.parse().expect("an address"));
        self.core
            .handle_datagram(now, id, source, datagram, &mut self.world);
    }

    /// The datagrams that came to the caller since the last time.
    pub fn take_sent(&mut self, call: usize) -> Vec<Vec<u8>> {
        let sent = self.world.sent.extract_if(.., |(to, _)| *to == call);
        sent.map(|(_, datagram)| datagram).collect()
    }

    /// The caller presses a key for 100 ms, told in one go: one packet and its end.
    pub fn press(&mut self, now: Instant, call: usize, key: char) {
        let code = Digit::from_char(key).expect("a key").event_code();
        let [high, low] = 800u16.to_be_bytes();
        let event = PayloadType::new(TELEPHONE_EVENT).expect("below 128");
        self.receive(now, call, event, 0, &[code, 10, high, low]);
        self.receive(now, call, event, 800, &[code, 0x80 | 10, high, low]);
    }

    fn receive(
        &mut self,
        now: Instant,
        call: usize,
        payload_type: PayloadType,
        ticks: u32,
        payload: &[u8],
    ) {
        let caller = &mut self.callers[call];
        let header = *caller.next_header(payload_type, false, caller.clock());
        caller.advance(ticks);
        let datagram = [&header[..], payload].concat();
        self.deliver(now, call, &datagram);
    }

    /// The audio that the caller heard since the last time, as if it had no pauses; and the keys.
    pub fn heard(&mut self, call: usize) -> (Vec<i16>, String) {
        let (mut pcm, mut keys) = (Vec::new(), String::new());
        let mut decoders = [CodecId::PCMU, CodecId::PCMA]
            .map(|codec| codec.decoder(Variant::default()).expect("G.711"));
        for (_, bytes) in self.world.sent.extract_if(.., |(to, _)| *to == call) {
            let packet = RtpPacket::parse(&bytes).expect("we send RTP");
            if packet.payload_type.get() == TELEPHONE_EVENT {
                // The first packet of a key has the marker.
                if packet.marker {
                    let digit = Digit::from_event_code(packet.payload[0]).expect("a key");
                    keys.push(digit.to_char());
                }
                continue;
            }
            self.payload_types.insert(packet.payload_type.get());
            let decoder = &mut decoders[usize::from(packet.payload_type == PayloadType::PCMA)];
            let mut samples = [0; 480];
            let count = decoder.decode(packet.payload, &mut samples).expect("G.711");
            pcm.extend_from_slice(&samples[..count]);
        }
        (pcm, keys)
    }
}

/// A recording as the server would write it to a file.
pub struct Tape {
    pub name: String,
    source: RecorderSource,
    pcm: Vec<i16>,
    /// Without a studio nobody else holds it.
    pub sink: Option<Box<RecorderSink>>,
}

impl Tape {
    pub fn new(name: String, source: RecorderSource) -> Self {
        Self {
            name,
            source,
            pcm: Vec::new(),
            sink: None,
        }
    }

    /// Takes down what has come; the whole recording once it is complete.
    pub fn advance(&mut self) -> Option<(Vec<i16>, u32, RecordingEnded)> {
        let closed = self.source.is_closed();
        let mut block = [0; 4_000];
        loop {
            match self.source.read(&mut block) {
                0 => break,
                count => self.pcm.extend_from_slice(&block[..count]),
            }
        }
        closed.then(|| {
            let rate = self.source.plan().sample_rate;
            let ended = RecordingEnded {
                cause: self.source.cause(),
                length: duration_of(self.pcm.len() as u64, rate),
                lost: self.source.lost(),
                complete: true,
            };
            (std::mem::take(&mut self.pcm), rate, ended)
        })
    }
}
