//! The rooms of a [`Core`], and its streams' way in and out of them, and of the core.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use super::{Core, MediaIo, Retired, RetiredRoom, Slot, slot_of};
use crate::audio::playlist::{RoomId, RoomSeat};
use crate::media::command::{RoomCommand, RoomEvent, StreamId};
use crate::media::room::Room;
use crate::media::schedule::{FRAME, Placement, Tick};
use crate::media::stream::Stream;

/// One room of a core.
pub(super) struct RoomSlot {
    pub(super) room: Box<Room>,
    /// `None` while nothing is to be mixed. Members that may speak tick in the same slot.
    placement: Option<Placement>,
}

/// A stream's place in a room of its core.
#[derive(Clone, Copy)]
pub(super) struct Membership {
    pub(super) room: RoomId,
    pub(super) member: usize,
    seat: RoomSeat,
}

/// A stream on its way from one [`Core`] to another, see [`Core::take_stream`].
pub struct MovingStream {
    stream: Box<Stream>,
    next_due: Tick,
}

impl Core {
    /// Adds a room, which costs nothing before it has a member or records.
    ///
    /// The caller chooses the id; its key must be free.
    pub fn open_room(&mut self, id: RoomId) {
        let index = id.key as usize;
        if self.rooms.len() <= index {
            self.rooms.resize_with(index + 1, || None);
        }
        debug_assert!(self.rooms[index].is_none(), "a room key is in use twice");
        self.rooms[index] = Some(RoomSlot {
            room: Box::new(Room::new(id)),
            placement: None,
        });
    }

    /// Carries out `command`; one for a room that is gone is ignored.
    pub fn handle_room_command(
        &mut self,
        now: Instant,
        id: RoomId,
        command: RoomCommand,
        io: &mut impl MediaIo,
    ) {
        if matches!(command, RoomCommand::Close) {
            return self.close_room(now, id, io);
        }
        let Some(slot) = room_of(&mut self.rooms, id) else {
            return;
        };
        let handled = catch_unwind(AssertUnwindSafe(|| {
            slot.room.handle_command(command, io);
        }));
        match handled {
            Ok(()) => self.place_room(now, id, io),
            Err(_) => self.fail_room(now, id, io),
        }
    }

    /// Takes a stream out, to be put into another core of the same clock. It leaves its room, keeps
    /// all it has and is not reported as closed.
    pub fn take_stream(
        &mut self,
        now: Instant,
        id: StreamId,
        io: &mut impl MediaIo,
    ) -> Option<MovingStream> {
        slot_of(&mut self.slots, id)?;
        self.leave_room(now, id, io);
        let slot = self.slots[id.index()].take()?;
        if let Some(placement) = slot.placement {
            self.schedule.remove(id.key, placement);
        }
        self.stats.streams.decrement();
        self.stats.active_streams.set(self.schedule.placed() as u64);
        Some(MovingStream {
            stream: slot.stream,
            next_due: slot.next_due,
        })
    }

    /// Adds a stream that was taken out of another core. Its key must be free.
    pub fn put_stream(
        &mut self,
        now: Instant,
        id: StreamId,
        moving: MovingStream,
        io: &mut impl MediaIo,
    ) {
        let slot = Slot {
            next_due: moving.next_due,
            ..Slot::new(id, moving.stream)
        };
        self.put(slot);
        self.reschedule(now, id, io);
    }

    /// Makes the stream a member of the room that its playlist has come to, and of no other.
    pub(super) fn follow_room(&mut self, now: Instant, id: StreamId, io: &mut impl MediaIo) {
        loop {
            let Some(slot) = slot_of(&mut self.slots, id) else {
                return;
            };
            let wanted = slot.stream.seat();
            let Some(seat) = wanted else {
                return self.leave_room(now, id, io);
            };
            let settings = slot.stream.room_settings(seat);
            if let Some(membership) = &mut slot.membership
                && membership.room == seat.room
            {
                let Some(room) = room_of(&mut self.rooms, seat.room) else {
                    return;
                };
                room.room.update(membership.member, settings, io);
                membership.seat = seat;
                return;
            }
            if slot.membership.is_some() {
                self.leave_room(now, id, io);
                continue;
            }
            let Some(room) = room_of(&mut self.rooms, seat.room) else {
                let (stream, mut turn) =
                    slot.turn(&self.stats, self.wall_clock, &mut self.packet, io);
                stream.end_room(seat.room, &mut turn);
                stream.settle(now);
                continue;
            };
            let member = room.room.join(id, settings);
            slot.membership = Some(Membership {
                room: seat.room,
                member,
                seat,
            });
            slot.stream.settle(now);
            return;
        }
    }

    /// Where the stream has to tick: with its room, if it may speak there. Listeners keep a slot of
    /// their own, so that a large audience does not send all its packets at once.
    pub(super) fn room_placement(&mut self, membership: Option<Membership>) -> Option<Placement> {
        let membership = membership.filter(|membership| membership.seat.speaks)?;
        let frame = self.clock.ticks_in(FRAME);
        let slot = room_of(&mut self.rooms, membership.room)?;
        if slot.placement.is_none() {
            let placement = self.schedule.choose(frame);
            self.room_schedule.place(membership.room.key, placement);
            slot.placement = Some(placement);
        }
        slot.placement
    }

    /// Tells the room whether the stream ticks.
    pub(super) fn note_presence(
        &mut self,
        now: Instant,
        membership: Option<Membership>,
        present: bool,
        io: &mut impl MediaIo,
    ) {
        if let Some(membership) = membership
            && let Some(slot) = room_of(&mut self.rooms, membership.room)
        {
            slot.room.set_present(membership.member, present);
            self.place_room(now, membership.room, io);
        }
    }

    /// Mixes one frame of the room.
    pub(super) fn mix(&mut self, tick: Tick, key: u32, io: &mut impl MediaIo) {
        let Some(slot) = self.rooms.get_mut(key as usize).and_then(Option::as_mut) else {
            return;
        };
        let frame = tick / self.clock.ticks_in(FRAME);
        let mixed = catch_unwind(AssertUnwindSafe(|| slot.room.mix(frame, io)));
        if mixed.is_err() {
            slot.room.set_failed();
        }
        if slot.room.has_failed() || !slot.room.is_active() {
            self.changed_rooms.push(slot.room.id());
        }
    }

    /// After a tick: ends a room that failed, or lets one sleep that has nothing more to do.
    pub(super) fn settle_room(&mut self, now: Instant, id: RoomId, io: &mut impl MediaIo) {
        match room_of(&mut self.rooms, id) {
            Some(slot) if slot.room.has_failed() => self.fail_room(now, id, io),
            _ => self.place_room(now, id, io),
        }
    }

    /// The stream is no longer a member of any room.
    pub(super) fn leave_room(&mut self, now: Instant, id: StreamId, io: &mut impl MediaIo) {
        let Some(slot) = slot_of(&mut self.slots, id) else {
            return;
        };
        let Some(membership) = slot.membership.take() else {
            return;
        };
        slot.stream.settle(now);
        if let Some(slot) = room_of(&mut self.rooms, membership.room) {
            slot.room.leave(membership.member, io);
            self.place_room(now, membership.room, io);
        }
    }

    /// Gives the room a slot of the frame, or takes it away.
    fn place_room(&mut self, now: Instant, id: RoomId, io: &mut impl MediaIo) {
        let frame = self.clock.ticks_in(FRAME);
        let Some(slot) = room_of(&mut self.rooms, id) else {
            return;
        };
        let active = slot.room.is_active();
        if let Some(placement) = slot.placement.take_if(|_| !active) {
            self.room_schedule.remove(id.key, placement);
            slot.room.pause(io);
        }
        if active && slot.placement.is_none() {
            let placement = self.schedule.choose(frame);
            slot.placement = Some(placement);
            self.begin_time(now);
            self.room_schedule.place(id.key, placement);
        }
    }

    fn fail_room(&mut self, now: Instant, id: RoomId, io: &mut impl MediaIo) {
        io.room_event(id, RoomEvent::Failed);
        self.close_room(now, id, io);
    }

    /// Ends the room: where a member's playlist has it, that goes on.
    fn close_room(&mut self, now: Instant, id: RoomId, io: &mut impl MediaIo) {
        if room_of(&mut self.rooms, id).is_none() {
            return;
        }
        let Some(slot) = self.rooms[id.key as usize].take() else {
            return;
        };
        if let Some(placement) = slot.placement {
            self.room_schedule.remove(id.key, placement);
        }
        for stream in slot.room.streams() {
            if let Some(slot) = slot_of(&mut self.slots, stream) {
                slot.membership = None;
            }
            self.reschedule(now, stream, io);
        }
        io.retire(Retired::Room(RetiredRoom(slot.room)));
        io.room_closed(id);
    }
}

pub(super) fn room_of(rooms: &mut [Option<RoomSlot>], id: RoomId) -> Option<&mut RoomSlot> {
    rooms
        .get_mut(id.key as usize)?
        .as_mut()
        .filter(|slot| slot.room.id() == id)
}
