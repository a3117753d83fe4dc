//! What is told to a media thread, and the queue it comes by.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, Thread};

use crossbeam_queue::ArrayQueue;

use super::directory::{Directory, MOVES_AT_ONCE};
use crate::audio::playlist::RoomId;
use crate::media::command::{MediaCommand, RoomCommand, RoomEventSink, StreamId};
use crate::media::core::MovingStream;
use crate::media::sockets::{Opened, Port};
use crate::media::stats::MediaStats;

/// Requests that may wait for one thread; a thread that is this far behind is overloaded.
const REQUEST_LIMIT: usize = 1_024;

/// What is told to one media thread.
pub(in crate::media) enum Request {
    Open(StreamId, Box<Opened>),
    Command(StreamId, MediaCommand),
    /// The stream will come from another thread; what is told to it until then waits.
    Expect(StreamId),
    /// The stream is to go to the thread that this belongs to, which expects it.
    Depart(StreamId, Arc<Shared>),
    /// An expected stream is here; `None` if it had ended before it could leave.
    Arrive(StreamId, Option<Box<Moving>>),
    OpenRoom(RoomId, RoomEventSink),
    Room(RoomId, RoomCommand),
    /// The RTCP port that was ordered for a stream; `None`: it cannot be had.
    ControlPort(StreamId, Option<Box<Port>>),
}

/// A stream between two threads.
pub(in crate::media) struct Moving {
    pub(super) stream: MovingStream,
    pub(super) opened: Box<Opened>,
}

impl Request {
    /// Whether it may not be refused. Of each there is a limited number at a time: one `Close` of each
    /// stream and room, and what belongs to [`MOVES_AT_ONCE`] moves.
    fn is_vital(&self) -> bool {
        match self {
            Self::Command(_, command) => matches!(command, MediaCommand::Close),
            Self::Room(_, command) => matches!(command, RoomCommand::Close),
            Self::Expect(_) | Self::Depart(..) | Self::Arrive(..) => true,
            Self::Open(..) | Self::OpenRoom(..) | Self::ControlPort(..) => false,
        }
    }

    /// The stream it is told to, if it has to wait until that is here.
    pub(super) fn stream(&self) -> Option<StreamId> {
        match self {
            Self::Command(id, _) | Self::Expect(id) | Self::Depart(id, _) => Some(*id),
            Self::Open(..)
            | Self::Arrive(..)
            | Self::OpenRoom(..)
            | Self::Room(..)
            | Self::ControlPort(..) => None,
        }
    }
}

/// What a media thread and those who command it share.
pub(in crate::media) struct Shared {
    pub(super) requests: ArrayQueue<Request>,
    /// Requests taken out that wait for their stream to arrive.
    pub(super) waiting: AtomicUsize,
    pub(in crate::media) directory: Arc<Directory>,
    /// Streams that were given out and are not closed yet.
    pub(in crate::media) streams: AtomicUsize,
    /// And rooms.
    pub(in crate::media) rooms: AtomicUsize,
    pub(super) stop: AtomicBool,
    /// The thread sleeps until it is woken.
    asleep: AtomicBool,
    thread: OnceLock<Thread>,
    pub(in crate::media) stats: Arc<MediaStats>,
}

impl Shared {
    /// `max_streams` is the most there are of all threads, and as many rooms.
    pub(in crate::media) fn new(max_streams: usize, directory: Arc<Directory>) -> Self {
        // Beyond the limit there is room for what is vital.
        let vital = 2 * max_streams + 3 * MOVES_AT_ONCE;
        Self {
            requests: ArrayQueue::new(REQUEST_LIMIT + vital),
            waiting: AtomicUsize::new(0),
            directory,
            streams: AtomicUsize::new(0),
            rooms: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            asleep: AtomicBool::new(false),
            thread: OnceLock::new(),
            stats: Arc::default(),
        }
    }

    /// Queues a request, or gives it back when too many wait. There is always room for what is vital.
    pub(in crate::media) fn push(&self, request: Request) -> Result<(), Request> {
        let waiting = self.requests.len() + self.waiting.load(Ordering::Relaxed);
        if !request.is_vital() && waiting >= REQUEST_LIMIT {
            return Err(request);
        }
        self.requests.push(request)
    }

    /// Names the thread that is woken.
    pub(in crate::media) fn set_thread(&self, thread: Thread) {
        // It is named once, when it has been started.
        let _ = self.thread.set(thread);
    }

    /// Makes sure that what was pushed is seen: wakes the thread if it sleeps without a deadline.
    pub(in crate::media) fn wake(&self) {
        if self.asleep.swap(false, Ordering::SeqCst) {
            self.unpark();
        }
    }

    /// Wakes the thread at once.
    pub(in crate::media) fn unpark(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    /// Sleeps until [`Shared::wake`], unless something was pushed meanwhile.
    pub(super) fn sleep(&self) {
        self.asleep.store(true, Ordering::SeqCst);
        // Whoever pushes after this look finds the thread asleep and wakes it.
        if self.requests.is_empty() && !self.stop.load(Ordering::SeqCst) {
            thread::park();
        }
        self.asleep.store(false, Ordering::SeqCst);
    }

    /// The stream `id` is gone, or never came to be.
    pub(in crate::media) fn release(&self, id: StreamId) {
        // A key that does not fit is not used again; keys are plenty.
        let _ = self.directory.free_keys.push(id.key);
        self.streams.fetch_sub(1, Ordering::Relaxed);
    }

    /// The same of a room.
    pub(in crate::media) fn release_room(&self, id: RoomId) {
        let _ = self.directory.free_room_keys.push(id.key);
        self.rooms.fetch_sub(1, Ordering::Relaxed);
    }

    pub(in crate::media) fn stop(&self) {
        self.stop.store(true, Ordering::Release);
    }
}
