//! What all media threads share: ids, so that a stream keeps its own wherever it goes.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use crossbeam_queue::ArrayQueue;

use crate::audio::playlist::RoomId;
use crate::media::command::StreamId;

/// Streams on their way from one thread to another, in the whole pool. A move takes a frame or two.
pub(super) const MOVES_AT_ONCE: usize = 256;

/// What all media threads share: ids, and how many streams move.
pub(in crate::media) struct Directory {
    pub(super) free_keys: ArrayQueue<u32>,
    next_key: AtomicU32,
    pub(super) free_room_keys: ArrayQueue<u32>,
    next_room_key: AtomicU32,
    generation: AtomicU32,
    moves: AtomicUsize,
}

impl Directory {
    pub(in crate::media) fn new(max_streams: usize) -> Self {
        Self {
            free_keys: ArrayQueue::new(max_streams.max(1)),
            next_key: AtomicU32::new(0),
            free_room_keys: ArrayQueue::new(max_streams.max(1)),
            next_room_key: AtomicU32::new(0),
            generation: AtomicU32::new(0),
            moves: AtomicUsize::new(0),
        }
    }

    pub(in crate::media) fn new_stream(&self) -> StreamId {
        let key = self.free_keys.pop();
        let key = key.unwrap_or_else(|| self.next_key.fetch_add(1, Ordering::Relaxed));
        StreamId::new(key, self.new_generation())
    }

    pub(in crate::media) fn new_room(&self) -> RoomId {
        let key = self.free_room_keys.pop();
        let key = key.unwrap_or_else(|| self.next_room_key.fetch_add(1, Ordering::Relaxed));
        RoomId::new(key, self.new_generation())
    }

    /// Lets one more stream move; false while too many do.
    pub(in crate::media) fn begin_move(&self) -> bool {
        let begun = self.moves.fetch_add(1, Ordering::Relaxed) < MOVES_AT_ONCE;
        if !begun {
            self.end_move();
        }
        begun
    }

    pub(super) fn end_move(&self) {
        self.moves.fetch_sub(1, Ordering::Relaxed);
    }

    fn new_generation(&self) -> u32 {
        self.generation.fetch_add(1, Ordering::Relaxed)
    }
}
