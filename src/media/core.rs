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

use super::command::{MediaCommand, MediaEvent, StreamId};
use super::hearing::PlayoutCounters;
use super::playout::Playout;
use super::recording::Recording;
use super::reports::WallClock;
use super::schedule::{FRAME, FrameClock, Placement, Schedule, Tick};
use super::sender::PacketBuffer;
use super::stats::MediaStats;
use super::stream::{Stream, Turn};
use crate::audio::playlist::PlaylistItem;

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
    /// Takes something whose destructor is too slow for a media thread.
    fn retire(&mut self, retired: Retired);
    /// The stream is gone: close its socket.
    fn closed(&mut self, stream: StreamId);
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
    /// By [`StreamId::index`].
    slots: Vec<Option<Slot>>,
    /// The first tick that was not handled yet.
    next_tick: Tick,
    random: StdRng,
    /// Of new streams.
    playout: Playout,
    stats: Arc<MediaStats>,
    wall_clock: WallClock,
    /// Streams whose activity may have changed in the running tick.
    changed: Vec<u32>,
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
}

impl Core {
    /// `start` is the origin of the media clock; `slot` is 1, 2, 5 or 10 ms; `seed` feeds SSRCs,
    /// sequence numbers and timestamps.
    pub fn new(start: Instant, slot: Duration, seed: u64, stats: Arc<MediaStats>) -> Self {
        let slots_per_frame = (FRAME.as_micros() / slot.as_micros()) as usize;
        Self {
            clock: FrameClock::new(start, slot),
            schedule: Schedule::new(slots_per_frame),
            slots: Vec::new(),
            next_tick: 0,
            random: StdRng::seed_from_u64(seed),
            playout: Playout::default(),
            stats,
            wall_clock: WallClock {
                start,
                at_start: Duration::ZERO,
            },
            changed: Vec::new(),
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
        let index = id.index();
        if self.slots.len() <= index {
            self.slots.resize_with(index + 1, || None);
        }
        debug_assert!(self.slots[index].is_none(), "a stream key is in use twice");
        let stream = Box::new(Stream::new(self.random.random(), self.playout));
        self.slots[index] = Some(Slot {
            id,
            stream,
            placement: None,
            period: 0,
            next_due: 0,
            listening: false,
        });
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
        let Some(slot) = slot_of(&mut self.slots, id) else {
            return;
        };
        let handled = catch_unwind(AssertUnwindSafe(|| {
            slot.stream.handle_command(
                now,
                &mut Turn {
                    id,
                    io,
                    stats: &self.stats,
                    wall_clock: self.wall_clock,
                    packet: &mut self.packet,
                },
                command,
            );
        }));
        match handled {
            Ok(()) if closes => self.close(id, io),
            Ok(()) => self.reschedule(now, id, io),
            Err(_) => self.fail(id, io),
        }
    }

    /// Takes one datagram that came from `source`.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        id: StreamId,
        source: SocketAddr,
        datagram: &[u8],
        io: &mut impl MediaIo,
    ) {
        let Some(slot) = slot_of(&mut self.slots, id) else {
            return;
        };
        let handled = catch_unwind(AssertUnwindSafe(|| {
            let turn = &mut Turn {
                id,
                io,
                stats: &self.stats,
                wall_clock: self.wall_clock,
                packet: &mut self.packet,
            };
            slot.stream.handle_datagram(now, turn, source, datagram);
        }));
        if handled.is_err() {
            self.fail(id, io);
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
        let Some(slot) = slot_of(&mut self.slots, id) else {
            return;
        };
        let handled = catch_unwind(AssertUnwindSafe(|| {
            let turn = &mut Turn {
                id,
                io,
                stats: &self.stats,
                wall_clock: self.wall_clock,
                packet: &mut self.packet,
            };
            slot.stream
                .handle_control_datagram(now, turn, source, datagram);
        }));
        if handled.is_err() {
            self.fail(id, io);
        }
    }

    /// Handles every tick that is due at `now`.
    ///
    /// A late caller gets the missed ticks handled at once, but at most 40 ms of them:
    /// what is older is left out, so that no stream sends a burst.
    pub fn handle_timeout(&mut self, now: Instant, io: &mut impl MediaIo) {
        let current = self.clock.tick_at(now);
        let oldest = (current + 1).saturating_sub(self.clock.ticks_in(MAX_BEHIND));
        if self.next_tick < oldest {
            if self.schedule.placed() > 0 {
                self.stats.skipped_ticks.add(oldest - self.next_tick);
            }
            self.next_tick = oldest;
        }
        while self.next_tick <= current {
            let tick = self.next_tick;
            self.next_tick += 1;
            let streams = self.schedule.take(tick);
            if !streams.is_empty() {
                self.stats.late_ticks.add(u64::from(tick < current));
                self.run(now, tick, &streams, io);
            }
            self.schedule.put_back(tick, streams);
            while let Some(key) = self.changed.pop() {
                self.settle(now, key, io);
            }
        }
    }

    /// When to call [`Core::handle_timeout`] next; `None` while no stream is active.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.schedule
            .next_occupied(self.next_tick)
            .map(|tick| self.clock.time_of(tick))
    }

    /// One tick of the streams in one slot: all read, then all write.
    fn run(&mut self, now: Instant, tick: Tick, keys: &[u32], io: &mut impl MediaIo) {
        for pass in [Pass::Read, Pass::Write] {
            for &key in keys {
                let Some(slot) = &mut self.slots[key as usize] else {
                    continue;
                };
                if tick < slot.next_due || slot.stream.has_failed() {
                    continue;
                }
                let turn = &mut Turn {
                    id: slot.id,
                    io,
                    stats: &self.stats,
                    wall_clock: self.wall_clock,
                    packet: &mut self.packet,
                };
                let clock = &self.clock;
                let done = catch_unwind(AssertUnwindSafe(|| match pass {
                    Pass::Read => slot.stream.read(now, turn),
                    Pass::Write => slot
                        .stream
                        .write(now, clock, tick, tick > slot.next_due, turn),
                }));
                if done.is_err() {
                    slot.stream.set_failed();
                }
                if pass == Pass::Write {
                    slot.next_due = tick + slot.period;
                }
                let idle = pass == Pass::Write && !slot.stream.is_active();
                if idle || slot.stream.has_failed() {
                    self.changed.push(key);
                }
            }
        }
    }

    /// After a tick: ends a stream that failed, or lets one sleep that has nothing more to do.
    fn settle(&mut self, now: Instant, key: u32, io: &mut impl MediaIo) {
        let Some(slot) = &self.slots[key as usize] else {
            return;
        };
        let id = slot.id;
        if slot.stream.has_failed() {
            return self.fail(id, io);
        }
        self.reschedule(now, id, io);
    }

    /// Gives the stream a place in the frame, takes it away, or moves it, as its state asks; and
    /// has its socket read or not.
    fn reschedule(&mut self, now: Instant, id: StreamId, io: &mut impl MediaIo) {
        let Some(slot) = slot_of(&mut self.slots, id) else {
            return;
        };
        let listening = slot.stream.is_listening();
        if slot.listening != listening {
            slot.listening = listening;
            io.listen(id, listening);
        }
        let active = slot.stream.is_active();
        let period = self.clock.ticks_in(slot.stream.packet_time());
        let stays = active && slot.period == period;
        if let Some(placement) = slot.placement.take_if(|_| !stays) {
            self.schedule.remove(id.key, placement);
        }
        if active && slot.placement.is_none() {
            if self.schedule.placed() == 0 {
                // Nothing was waited for while nothing was active: that is no delay.
                self.next_tick = self.next_tick.max(self.clock.tick_at(now) + 1);
            }
            let placement = self.schedule.place(id.key, period);
            slot.period = period;
            // Not before the last packet has been played out, so that timestamps never overlap.
            let earliest = self.next_tick.max(slot.next_due);
            slot.next_due = self.schedule.first_due(placement, earliest);
            slot.placement = Some(placement);
        }
        self.stats.active_streams.set(self.schedule.placed() as u64);
    }

    fn fail(&mut self, id: StreamId, io: &mut impl MediaIo) {
        self.stats.streams_failed.increment();
        io.event(id, MediaEvent::StreamFailed);
        self.close(id, io);
    }

    fn close(&mut self, id: StreamId, io: &mut impl MediaIo) {
        if slot_of(&mut self.slots, id).is_none() {
            return;
        }
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

#[derive(Clone, Copy, PartialEq, Eq)]
enum Pass {
    Read,
    Write,
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
