//! CORE. All media of one thread: which stream is due when, and one stream's fault kept to itself.
//!
//! The shell feeds [`Core`] commands, datagrams and the time; the core answers through
//! [`MediaIo`]. In each tick every due stream first takes in what it received, and only then does
//! any stream send, so that whatever joins streams sees one consistent instant. A steady tick
//! allocates nothing, takes no lock and logs nothing.

use std::fmt;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::command::{MediaCommand, MediaEvent, RoomEvent, StreamId};
use super::hearing::PlayoutCounters;
use super::playout::Playout;
use super::recording::Recording;
use super::reports::WallClock;
use super::room::{Room, Shared};
use super::schedule::{FRAME, FrameClock, Placement, Schedule, Tick};
use super::sender::PacketBuffer;
use super::stats::MediaStats;
use super::stream::{Stream, Turn};
use crate::audio::feed::{FeedSink, FeedSource};
use crate::audio::playlist::{PlaylistItem, RoomId};

mod rooms;

pub use rooms::MovingStream;
use rooms::{Membership, RoomSlot, room_of};

/// What a [`Core`] asks of the world around it. No call may wait.
pub trait MediaIo {
    /// Sends one packet. A packet that cannot be sent is lost, as packets are.
    fn send(&mut self, stream: StreamId, destination: SocketAddr, packet: &[u8]);
    /// Tells the stream's session.
    fn event(&mut self, stream: StreamId, event: MediaEvent);
    /// Begins or ends reading the stream's socket; what came while it was not read is not wanted.
    fn listen(&mut self, stream: StreamId, listening: bool);
    /// Sends one RTCP packet, by the stream's own RTCP port if it has one.
    fn send_control(&mut self, stream: StreamId, destination: SocketAddr, packet: &[u8]);
    /// Opens or closes an RTCP port beside the stream's; what comes there goes to
    /// [`Core::handle_control_datagram`]. Without one, RTCP shares the port of RTP.
    fn control_port(&mut self, stream: StreamId, open: bool);
    /// Whether the RTCP port is still being opened. Nothing can be sent by it meanwhile.
    fn awaits_control_port(&self, stream: StreamId) -> bool {
        let _ = stream;
        false
    }
    /// Takes something whose destructor is too slow for a media thread.
    fn retire(&mut self, retired: Retired);
    /// The stream is gone: close its socket.
    fn closed(&mut self, stream: StreamId);
    /// Tells whoever keeps the room.
    fn room_event(&mut self, room: RoomId, event: RoomEvent) {
        let _ = (room, event);
    }
    /// The room is gone.
    fn room_closed(&mut self, room: RoomId) {
        let _ = room;
    }
}

/// What a stream no longer needs, see [`MediaIo::retire`].
#[derive(Debug)]
#[allow(dead_code, reason = "only ever dropped")]
pub enum Retired {
    /// A playlist item that has ended; it may hold the last reference to a prompt.
    Item(PlaylistItem),
    /// A recording that has ended.
    Recording(RetiredRecording),
    /// A whole stream.
    Stream(RetiredStream),
    /// A way into a room from outside, the stream's end and the room's.
    Tee(Box<FeedSink>),
    /// See above.
    Feed(Box<FeedSource>),
    /// A whole room.
    Room(RetiredRoom),
    /// What encoded the mix of a room for members of whom none is left.
    Shared(RetiredShared),
}

/// An encoder with its buffers, to be dropped.
pub struct RetiredShared(#[allow(dead_code, reason = "only ever dropped")] pub(super) Box<Shared>);

impl fmt::Debug for RetiredShared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetiredShared").finish_non_exhaustive()
    }
}

/// A room with all its buffers, to be dropped.
pub struct RetiredRoom(#[allow(dead_code, reason = "only ever dropped")] Box<Room>);

impl fmt::Debug for RetiredRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetiredRoom").finish_non_exhaustive()
    }
}

/// The stream's end of a recording, to be dropped.
pub struct RetiredRecording(
    #[allow(dead_code, reason = "only ever dropped")] pub(super) Box<Recording>,
);

impl fmt::Debug for RetiredRecording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetiredRecording").finish_non_exhaustive()
    }
}

/// A stream with all its buffers, to be dropped.
pub struct RetiredStream(#[allow(dead_code, reason = "only ever dropped")] Box<Stream>);

impl fmt::Debug for RetiredStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetiredStream").finish_non_exhaustive()
    }
}

/// The streams of one media thread.
pub struct Core {
    clock: FrameClock,
    schedule: Schedule,
    /// Which rooms are mixed in which slot.
    room_schedule: Schedule,
    /// By [`StreamId::index`].
    slots: Vec<Option<Slot>>,
    /// By [`RoomId`]'s key.
    rooms: Vec<Option<RoomSlot>>,
    /// The first tick that was not handled yet.
    next_tick: Tick,
    random: StdRng,
    /// Of new streams.
    playout: Playout,
    stats: Arc<MediaStats>,
    wall_clock: WallClock,
    /// Streams whose activity may have changed in the running tick.
    changed: Vec<u32>,
    /// And rooms.
    changed_rooms: Vec<RoomId>,
    /// Where packets are put together, one after the other.
    packet: Box<PacketBuffer>,
}

struct Slot {
    id: StreamId,
    stream: Box<Stream>,
    /// `None` while the stream neither sends nor listens.
    placement: Option<Placement>,
    /// The packet time that `placement` was made for, in ticks.
    period: u64,
    /// When the next packet is due, and before that when the last one has been played out.
    next_due: Tick,
    listening: bool,
    membership: Option<Membership>,
}

impl Slot {
    fn new(id: StreamId, stream: Box<Stream>) -> Self {
        Self {
            id,
            stream,
            placement: None,
            period: 0,
            next_due: 0,
            listening: false,
            membership: None,
        }
    }

    /// The stream, and what it may use of the world.
    fn turn<'a, Io>(
        &'a mut self,
        stats: &'a MediaStats,
        wall_clock: WallClock,
        packet: &'a mut PacketBuffer,
        io: &'a mut Io,
    ) -> (&'a mut Stream, Turn<'a, Io>) {
        let turn = Turn {
            id: self.id,
            io,
            stats,
            wall_clock,
            packet,
        };
        (&mut self.stream, turn)
    }
}

impl Core {
    /// `start` is the origin of the media clock; `slot` is 1, 2, 5 or 10 ms; `seed` feeds SSRCs,
    /// sequence numbers and timestamps.
    pub fn new(start: Instant, slot: Duration, seed: u64, stats: Arc<MediaStats>) -> Self {
        let slots_per_frame = (FRAME.as_micros() / slot.as_micros()) as usize;
        Self {
            clock: FrameClock::new(start, slot),
            schedule: Schedule::new(slots_per_frame),
            room_schedule: Schedule::new(slots_per_frame),
            slots: Vec::new(),
            rooms: Vec::new(),
            next_tick: 0,
            random: StdRng::seed_from_u64(seed),
            playout: Playout::default(),
            stats,
            wall_clock: WallClock {
                start,
                at_start: Duration::ZERO,
            },
            changed: Vec::new(),
            changed_rooms: Vec::new(),
            packet: Box::new([0; size_of::<PacketBuffer>()]),
        }
    }

    /// Tells the time of day at `start`, since 1900, for sender reports; else they count from 0, as a
    /// sender without a clock may (RFC 3550 §6.4.1).
    pub fn with_wall_clock(mut self, at_start: Duration) -> Self {
        self.wall_clock.at_start = at_start;
        self
    }

    /// Chooses the playout that streams begin with.
    pub fn with_playout(self, playout: Playout) -> Self {
        Self { playout, ..self }
    }

    /// What became of a peer's audio while someone heard it; `None` for a stream that is gone.
    pub fn playout_counters(&self, id: StreamId) -> Option<PlayoutCounters> {
        let slot = self.slots.get(id.index())?.as_ref()?;
        (slot.id == id).then(|| slot.stream.playout_counters())
    }

    /// Adds a stream, which does nothing until it is configured.
    ///
    /// The caller chooses the id; its key must be free.
    pub fn open(&mut self, id: StreamId) {
        let stream = Box::new(Stream::new(self.random.random(), self.playout));
        self.put(Slot::new(id, stream));
    }

    fn put(&mut self, slot: Slot) {
        let index = slot.id.index();
        if self.slots.len() <= index {
            self.slots.resize_with(index + 1, || None);
        }
        debug_assert!(self.slots[index].is_none(), "a stream key is in use twice");
        self.slots[index] = Some(slot);
        self.stats.streams.increment();
    }

    /// Carries out `command`; one for a stream that is gone is ignored.
    pub fn handle_command(
        &mut self,
        now: Instant,
        id: StreamId,
        command: MediaCommand,
        io: &mut impl MediaIo,
    ) {
        let closes = matches!(command, MediaCommand::Close);
        let handled = self.with_stream(now, id, io, |stream, turn| {
            stream.handle_command(now, turn, command);
        });
        match handled {
            true if closes => self.close(now, id, io),
            true => self.reschedule(now, id, io),
            false => {}
        }
    }

    /// Takes one datagram that came from `source` at `now`, which is not before the last timeout.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        id: StreamId,
        source: SocketAddr,
        datagram: &[u8],
        io: &mut impl MediaIo,
    ) {
        let mut wait = None;
        self.with_stream(now, id, io, |stream, turn| {
            stream.handle_datagram(now, turn, source, datagram);
            wait = stream.spurt_wait(now);
        });
        if let Some(wait) = wait {
            self.align(now, id, wait);
        }
    }

    /// Takes one datagram that came from `source` to the stream's RTCP port.
    pub fn handle_control_datagram(
        &mut self,
        now: Instant,
        id: StreamId,
        source: SocketAddr,
        datagram: &[u8],
        io: &mut impl MediaIo,
    ) {
        self.with_stream(now, id, io, |stream, turn| {
            stream.handle_control_datagram(now, turn, source, datagram);
        });
    }

    /// Does something with a stream; a fault in it ends the stream. False: it is gone.
    fn with_stream<Io: MediaIo>(
        &mut self,
        now: Instant,
        id: StreamId,
        io: &mut Io,
        work: impl FnOnce(&mut Stream, &mut Turn<'_, Io>),
    ) -> bool {
        let Some(slot) = slot_of(&mut self.slots, id) else {
            return false;
        };
        let (stream, mut turn) = slot.turn(&self.stats, self.wall_clock, &mut self.packet, io);
        let done = catch_unwind(AssertUnwindSafe(|| work(stream, &mut turn)));
        if done.is_err() {
            self.fail(now, id, io);
        }
        done.is_ok()
    }

    /// Handles every tick that is due at `now`.
    ///
    /// A late caller gets the missed ticks handled at once, but at most 40 ms of them:
    /// what is older is left out, so that no stream sends a burst.
    pub fn handle_timeout(&mut self, now: Instant, io: &mut impl MediaIo) {
        let current = self.clock.tick_at(now);
        let oldest = (current + 1).saturating_sub(self.clock.ticks_in(MAX_BEHIND));
        if self.next_tick < oldest {
            if self.is_busy() {
                self.stats.skipped_ticks.add(oldest - self.next_tick);
            }
            self.next_tick = oldest;
        }
        while self.next_tick <= current {
            let tick = self.next_tick;
            self.next_tick += 1;
            let streams = self.schedule.take(tick);
            let rooms = self.room_schedule.take(tick);
            if !streams.is_empty() || !rooms.is_empty() {
                self.stats.late_ticks.add(u64::from(tick < current));
                self.run(now, tick, &streams, &rooms, io);
            }
            self.schedule.put_back(tick, streams);
            self.room_schedule.put_back(tick, rooms);
            while let Some(key) = self.changed.pop() {
                self.settle(now, key, io);
            }
            while let Some(room) = self.changed_rooms.pop() {
                self.settle_room(now, room, io);
            }
        }
    }

    /// When to call [`Core::handle_timeout`] next; `None` while no stream or room is active.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let schedules = [&self.schedule, &self.room_schedule];
        let ticks = schedules.map(|schedule| schedule.next_occupied(self.next_tick));
        let first = ticks.into_iter().flatten().min();
        first.map(|tick| self.clock.time_of(tick))
    }

    /// Whether anything ticks.
    fn is_busy(&self) -> bool {
        self.schedule.placed() + self.room_schedule.placed() > 0
    }

    /// Something is about to tick. Nothing was waited for while nothing did: that is no delay.
    fn begin_time(&mut self, now: Instant) {
        if !self.is_busy() {
            self.next_tick = self.next_tick.max(self.clock.tick_at(now) + 1);
        }
    }

    /// One tick of the streams and rooms in one slot: all streams read, the rooms mix, all streams
    /// write.
    fn run(
        &mut self,
        now: Instant,
        tick: Tick,
        keys: &[u32],
        rooms: &[u32],
        io: &mut impl MediaIo,
    ) {
        for &key in keys {
            self.read(now, tick, key, io);
        }
        for &key in rooms {
            self.mix(tick, key, io);
        }
        for &key in keys {
            self.write(now, tick, key, io);
        }
    }

    fn read(&mut self, now: Instant, tick: Tick, key: u32, io: &mut impl MediaIo) {
        let Some(slot) = due(&mut self.slots, key, tick) else {
            return;
        };
        let membership = slot.membership;
        let (stream, mut turn) = slot.turn(&self.stats, self.wall_clock, &mut self.packet, io);
        let rooms = &mut self.rooms;
        let done = catch_unwind(AssertUnwindSafe(|| {
            stream.read(now, &mut turn);
            if let Some(Membership { room, member, .. }) = membership
                && let Some((rate, pcm)) = stream.heard()
                && let Some(room) = room_of(rooms, room)
            {
                room.room.speak(member, rate, pcm);
            }
        }));
        if done.is_err() {
            slot.stream.set_failed();
        }
    }

    fn write(&mut self, now: Instant, tick: Tick, key: u32, io: &mut impl MediaIo) {
        let Some(slot) = due(&mut self.slots, key, tick) else {
            self.note_failed(key);
            return;
        };
        let (clock, membership) = (&self.clock, slot.membership);
        let late = tick > slot.next_due;
        let (stream, mut turn) = slot.turn(&self.stats, self.wall_clock, &mut self.packet, io);
        let rooms = &mut self.rooms;
        let done = catch_unwind(AssertUnwindSafe(|| {
            let room = membership.and_then(|at| Some((room_of(rooms, at.room)?, at.member)));
            match room {
                Some((room, member)) => {
                    let place = (&mut *room.room, member);
                    stream.write_room(now, (clock, tick), late, place, &mut turn);
                }
                None => stream.write(now, clock, tick, late, &mut turn),
            }
        }));
        if done.is_err() {
            slot.stream.set_failed();
        }
        slot.next_due = tick + slot.period;
        let seat = slot.stream.seat().map(|seat| seat.room);
        let moves = seat != membership.map(|membership| membership.room);
        if slot.stream.has_failed() || moves || !slot.stream.is_active() {
            self.changed.push(key);
        }
    }

    /// A stream that failed while it was read does not write.
    fn note_failed(&mut self, key: u32) {
        if let Some(slot) = &self.slots[key as usize]
            && slot.stream.has_failed()
        {
            self.changed.push(key);
        }
    }

    /// After a tick: ends a stream that failed, or lets one sleep that has nothing more to do.
    fn settle(&mut self, now: Instant, key: u32, io: &mut impl MediaIo) {
        let Some(slot) = &self.slots[key as usize] else {
            return;
        };
        let id = slot.id;
        if slot.stream.has_failed() {
            return self.fail(now, id, io);
        }
        self.reschedule(now, id, io);
    }

    /// Gives the stream a place in the frame, takes it away, or moves it, as its state asks; and
    /// has its socket read or not.
    fn reschedule(&mut self, now: Instant, id: StreamId, io: &mut impl MediaIo) {
        self.follow_room(now, id, io);
        let Some(slot) = slot_of(&mut self.slots, id) else {
            return;
        };
        let listening = slot.stream.is_listening();
        if slot.listening != listening {
            slot.listening = listening;
            io.listen(id, listening);
        }
        let active = slot.stream.is_active();
        let membership = slot.membership;
        let period = self.clock.ticks_in(slot.stream.packet_time());
        if active {
            self.begin_time(now);
        }
        let fixed = match active {
            true => self.room_placement(membership),
            false => None,
        };
        let Some(slot) = slot_of(&mut self.slots, id) else {
            return;
        };
        let fits = fixed.is_none() || slot.placement == fixed;
        let stays = active && slot.period == period && fits;
        if let Some(placement) = slot.placement.take_if(|_| !stays) {
            self.schedule.remove(id.key, placement);
        }
        if active && slot.placement.is_none() {
            let placement = fixed.unwrap_or_else(|| self.schedule.choose(period));
            self.schedule.place(id.key, placement);
            slot.period = period;
            // Not before the last packet has been played out, so that timestamps never overlap.
            let earliest = self.next_tick.max(slot.next_due);
            slot.next_due = self.schedule.first_due(placement, earliest);
            slot.placement = Some(placement);
        }
        self.note_presence(now, membership, active, io);
        self.stats.active_streams.set(self.schedule.placed() as u64);
    }

    /// Moves a stream that is silent so that the talk-spurt of its peer that began at `now` is heard after `wait`
    /// and not up to a frame later. A member of a room ticks with that.
    fn align(&mut self, now: Instant, id: StreamId, wait: Duration) {
        let Some(slot) = slot_of(&mut self.slots, id) else {
            return;
        };
        let Some(placement) = slot.placement.filter(|_| slot.membership.is_none()) else {
            return;
        };
        // A tick more than is needed, for packets that come a little later than this one. It may be over by now
        // if the packet was read late, but not handled: the next timeout makes up for it.
        let in_time = self.clock.tick_at(now + wait) + 2;
        self.schedule.remove(id.key, placement);
        let placement = self.schedule.choose_from(in_time, slot.period);
        self.schedule.place(id.key, placement);
        slot.placement = Some(placement);
        slot.next_due = self.schedule.first_due(placement, in_time);
    }

    fn fail(&mut self, now: Instant, id: StreamId, io: &mut impl MediaIo) {
        self.stats.streams_failed.increment();
        io.event(id, MediaEvent::StreamFailed);
        self.close(now, id, io);
    }

    fn close(&mut self, now: Instant, id: StreamId, io: &mut impl MediaIo) {
        if slot_of(&mut self.slots, id).is_none() {
            return;
        }
        self.leave_room(now, id, io);
        let Some(slot) = self.slots[id.index()].take() else {
            return;
        };
        if let Some(placement) = slot.placement {
            self.schedule.remove(id.key, placement);
        }
        self.stats.streams.decrement();
        self.stats.active_streams.set(self.schedule.placed() as u64);
        io.retire(Retired::Stream(RetiredStream(slot.stream)));
        io.closed(id);
    }
}

/// The stream `key`, if it is due at `tick`.
fn due(slots: &mut [Option<Slot>], key: u32, tick: Tick) -> Option<&mut Slot> {
    slots[key as usize]
        .as_mut()
        .filter(|slot| tick >= slot.next_due && !slot.stream.has_failed())
}

fn slot_of(slots: &mut [Option<Slot>], id: StreamId) -> Option<&mut Slot> {
    slots
        .get_mut(id.index())?
        .as_mut()
        .filter(|slot| slot.id == id)
}

/// The most time that a late thread catches up with: two frames, so at most three packets of a
/// stream leave together. Picked by feel.
const MAX_BEHIND: Duration = Duration::from_millis(40);
