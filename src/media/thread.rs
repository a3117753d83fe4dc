//! SHELL. Media threads: sockets, clock and queues around one [`Core`] each.
//!
//! A thread sleeps until the next slot in which a stream is due, or for as long as it takes when
//! none is active; only in the latter case does a command wake it, for otherwise it is carried out in
//! time for the next packet anyway. When it wakes it carries out commands, reads the sockets
//! that have something, and lets the core tick. It never wakes for a packet: a packet is wanted at
//! the next tick of its stream and not before.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use crossbeam_queue::ArrayQueue;

use super::command::{MediaCommand, MediaEvent, RoomCommand, RoomEvent, RoomEventSink, StreamId};
use super::control_port::ControlOrder;
use super::core::{Core, MediaIo, MovingStream, Retired};
use super::file_io::{Discarded, FileIo};
use super::sockets::{Control, Opened, Port, Ready, Sockets};
use super::stats::MediaStats;
use crate::audio::playlist::RoomId;

/// What is told to one media thread.
pub(super) enum Request {
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
pub(super) struct Moving {
    stream: MovingStream,
    opened: Box<Opened>,
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
    fn stream(&self) -> Option<StreamId> {
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

/// What all media threads share: ids, so that a stream keeps its own wherever it goes.
pub(super) struct Directory {
    free_keys: ArrayQueue<u32>,
    next_key: AtomicU32,
    free_room_keys: ArrayQueue<u32>,
    next_room_key: AtomicU32,
    generation: AtomicU32,
    moves: AtomicUsize,
}

impl Directory {
    pub(super) fn new(max_streams: usize) -> Self {
        Self {
            free_keys: ArrayQueue::new(max_streams.max(1)),
            next_key: AtomicU32::new(0),
            free_room_keys: ArrayQueue::new(max_streams.max(1)),
            next_room_key: AtomicU32::new(0),
            generation: AtomicU32::new(0),
            moves: AtomicUsize::new(0),
        }
    }

    pub(super) fn new_stream(&self) -> StreamId {
        let key = self.free_keys.pop();
        let key = key.unwrap_or_else(|| self.next_key.fetch_add(1, Ordering::Relaxed));
        StreamId::new(key, self.new_generation())
    }

    pub(super) fn new_room(&self) -> RoomId {
        let key = self.free_room_keys.pop();
        let key = key.unwrap_or_else(|| self.next_room_key.fetch_add(1, Ordering::Relaxed));
        RoomId::new(key, self.new_generation())
    }

    /// Lets one more stream move; false while too many do.
    pub(super) fn begin_move(&self) -> bool {
        let begun = self.moves.fetch_add(1, Ordering::Relaxed) < MOVES_AT_ONCE;
        if !begun {
            self.end_move();
        }
        begun
    }

    fn end_move(&self) {
        self.moves.fetch_sub(1, Ordering::Relaxed);
    }

    fn new_generation(&self) -> u32 {
        self.generation.fetch_add(1, Ordering::Relaxed)
    }
}

/// What a media thread and those who command it share.
pub(super) struct Shared {
    requests: ArrayQueue<Request>,
    /// Requests taken out that wait for their stream to arrive.
    waiting: AtomicUsize,
    pub(super) directory: Arc<Directory>,
    /// Streams that were given out and are not closed yet.
    pub(super) streams: AtomicUsize,
    /// And rooms.
    pub(super) rooms: AtomicUsize,
    stop: AtomicBool,
    /// The thread sleeps until it is woken.
    asleep: AtomicBool,
    thread: OnceLock<Thread>,
    pub(super) stats: Arc<MediaStats>,
}

impl Shared {
    /// `max_streams` is the most there are of all threads, and as many rooms.
    pub(super) fn new(max_streams: usize, directory: Arc<Directory>) -> Self {
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
    pub(super) fn push(&self, request: Request) -> Result<(), Request> {
        let waiting = self.requests.len() + self.waiting.load(Ordering::Relaxed);
        if !request.is_vital() && waiting >= REQUEST_LIMIT {
            return Err(request);
        }
        self.requests.push(request)
    }

    /// Names the thread that is woken.
    pub(super) fn set_thread(&self, thread: Thread) {
        // It is named once, when it has been started.
        let _ = self.thread.set(thread);
    }

    /// Makes sure that what was pushed is seen: wakes the thread if it sleeps without a deadline.
    pub(super) fn wake(&self) {
        if self.asleep.swap(false, Ordering::SeqCst) {
            self.unpark();
        }
    }

    /// Wakes the thread at once.
    pub(super) fn unpark(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    /// Sleeps until [`Shared::wake`], unless something was pushed meanwhile.
    fn sleep(&self) {
        self.asleep.store(true, Ordering::SeqCst);
        // Whoever pushes after this look finds the thread asleep and wakes it.
        if self.requests.is_empty() && !self.stop.load(Ordering::SeqCst) {
            thread::park();
        }
        self.asleep.store(false, Ordering::SeqCst);
    }

    /// The stream `id` is gone, or never came to be.
    pub(super) fn release(&self, id: StreamId) {
        // A key that does not fit is not used again; keys are plenty.
        let _ = self.directory.free_keys.push(id.key);
        self.streams.fetch_sub(1, Ordering::Relaxed);
    }

    /// The same of a room.
    pub(super) fn release_room(&self, id: RoomId) {
        let _ = self.directory.free_room_keys.push(id.key);
        self.rooms.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Release);
    }
}

/// One media thread.
pub(super) struct Worker {
    core: Core,
    world: World,
    shared: Arc<Shared>,
    /// Streams that are to come, with what was told to them meanwhile.
    expected: HashMap<StreamId, VecDeque<Request>>,
    /// Streams with something to read, and where it is read to; kept to spare the allocation.
    ready: Vec<Ready>,
    datagram: Box<[u8; MAX_DATAGRAM]>,
}

/// Everything of a thread that is not its core.
struct World {
    sockets: Sockets,
    /// By [`StreamId::index`].
    streams: Vec<Option<Box<Opened>>>,
    /// By [`RoomId`]'s key.
    rooms: Vec<Option<RoomEventSink>>,
    /// Streams that may have to be listened to, or no more.
    turned: Vec<StreamId>,
    files: FileIo,
    /// What the file thread has not been woken for yet, and since when.
    discarded: usize,
    discarded_at: Option<Instant>,
    shared: Arc<Shared>,
}

impl Worker {
    pub(super) fn new(core: Core, files: FileIo, shared: Arc<Shared>) -> io::Result<Self> {
        let world = World {
            sockets: Sockets::new()?,
            streams: Vec::new(),
            rooms: Vec::new(),
            turned: Vec::new(),
            files,
            discarded: 0,
            discarded_at: None,
            shared: shared.clone(),
        };
        let datagram = Box::new([0; MAX_DATAGRAM]);
        Ok(Self {
            core,
            world,
            shared,
            expected: HashMap::new(),
            ready: Vec::new(),
            datagram,
        })
    }

    /// Runs until [`Shared::stop`].
    pub(super) fn run(mut self) {
        while !self.shared.stop.load(Ordering::Acquire) {
            let now = Instant::now();
            self.take_requests(now);
            self.world.settle_listening();
            self.read_sockets(now);
            self.core.handle_timeout(now, &mut self.world);
            self.world.settle_listening();
            match self.core.poll_timeout() {
                Some(deadline) => {
                    self.world.hand_over(now);
                    thread::park_timeout(deadline.saturating_duration_since(Instant::now()));
                }
                None => {
                    self.world.hand_over_all();
                    self.shared.sleep();
                }
            }
        }
    }

    fn take_requests(&mut self, now: Instant) {
        while let Some(request) = self.shared.requests.pop() {
            self.handle_request(now, request);
        }
    }

    fn handle_request(&mut self, now: Instant, request: Request) {
        if let Some(id) = request.stream()
            && let Some(waiting) = self.expected.get_mut(&id)
        {
            waiting.push_back(request);
            self.shared.waiting.fetch_add(1, Ordering::Relaxed);
            return;
        }
        match request {
            Request::Open(id, opened) => {
                self.world.add(id, opened);
                self.core.open(id);
            }
            Request::Command(id, command) => {
                self.core.handle_command(now, id, command, &mut self.world);
            }
            Request::Expect(id) => {
                self.expected.insert(id, VecDeque::new());
            }
            Request::Depart(id, to) => self.send_off(now, id, &to),
            Request::Arrive(id, moving) => self.welcome(now, id, moving),
            Request::OpenRoom(id, sink) => {
                self.world.add_room(id, sink);
                self.core.open_room(id);
            }
            Request::Room(id, command) => {
                self.core
                    .handle_room_command(now, id, command, &mut self.world);
            }
            Request::ControlPort(id, port) => self.world.take_control(id, port),
        }
    }

    /// Hands a stream over to another thread, with its socket.
    fn send_off(&mut self, now: Instant, id: StreamId, to: &Shared) {
        let stream = self.core.take_stream(now, id, &mut self.world);
        let opened = self.world.take(id);
        let moving = stream.zip(opened).map(|(stream, opened)| {
            // In this order, so that the pool never seems to have fewer than it has.
            to.streams.fetch_add(1, Ordering::Relaxed);
            self.shared.streams.fetch_sub(1, Ordering::Relaxed);
            Box::new(Moving { stream, opened })
        });
        let pushed = to.push(Request::Arrive(id, moving));
        debug_assert!(pushed.is_ok(), "an arrival is vital");
        to.unpark();
    }

    /// Takes a stream from another thread, and does what it was told on its way.
    fn welcome(&mut self, now: Instant, id: StreamId, moving: Option<Box<Moving>>) {
        self.shared.directory.end_move();
        if let Some(moving) = moving {
            let Moving { stream, opened } = *moving;
            self.world.adopt(id, opened);
            self.core.put_stream(now, id, stream, &mut self.world);
        }
        let waiting = self.expected.remove(&id).unwrap_or_default();
        self.shared
            .waiting
            .fetch_sub(waiting.len(), Ordering::Relaxed);
        // Among these may be orders to go on to yet another thread, and back.
        for request in waiting {
            self.handle_request(now, request);
        }
    }

    /// Takes at most one datagram of each socket a round, so that a flood on one does not keep
    /// the others waiting; what is left is read at the next wake-up.
    fn read_sockets(&mut self, now: Instant) {
        for _ in 0..READ_ROUNDS {
            self.world.sockets.find_ready(&mut self.ready);
            if self.ready.is_empty() {
                return;
            }
            for &Ready { id, control } in &self.ready {
                let out = &mut self.datagram[..];
                let Some((len, source)) = self.world.receive(id, control, out) else {
                    continue;
                };
                let (core, world) = (&mut self.core, &mut self.world);
                if control {
                    core.handle_control_datagram(now, id, source, &out[..len], world);
                } else {
                    core.handle_datagram(now, id, source, &out[..len], world);
                }
            }
        }
    }
}

impl World {
    fn add(&mut self, id: StreamId, opened: Box<Opened>) {
        if self.streams.len() <= id.index() {
            self.streams.resize_with(id.index() + 1, || None);
        }
        self.streams[id.index()] = Some(opened);
    }

    /// Gives up a stream that leaves this thread.
    fn take(&mut self, id: StreamId) -> Option<Box<Opened>> {
        let opened = self.streams.get_mut(id.index())?.take()?;
        self.turned.retain(|turned| *turned != id);
        self.sockets.forget(&opened.port);
        if let Control::Own(port) = &opened.control {
            self.sockets.forget(port);
        }
        Some(opened)
    }

    /// Takes a stream from another thread.
    fn adopt(&mut self, id: StreamId, mut opened: Box<Opened>) {
        self.sockets.adopt(id, &mut opened.port);
        match &mut opened.control {
            Control::Own(port) => self.sockets.adopt_control(id, port),
            // What its former thread has ordered arrives there: it asks again.
            Control::Opening => opened.control = Control::Shared,
            Control::Shared | Control::None => {}
        }
        if opened.port.is_unsettled() {
            self.turned.push(id);
        }
        self.add(id, opened);
    }

    fn add_room(&mut self, id: RoomId, sink: RoomEventSink) {
        let index = id.key as usize;
        if self.rooms.len() <= index {
            self.rooms.resize_with(index + 1, || None);
        }
        self.rooms[index] = Some(sink);
    }

    /// Takes the RTCP port that was ordered for a stream, if that still waits for it.
    fn take_control(&mut self, id: StreamId, port: Option<Box<Port>>) {
        let stream = stream_of(&mut self.streams, id);
        let waiting = stream.filter(|stream| matches!(stream.control, Control::Opening));
        match (waiting, port) {
            (Some(stream), Some(mut port)) => {
                self.sockets.add_control(id, &mut port);
                stream.control = Control::Own(port);
            }
            (Some(stream), None) => stream.control = Control::None,
            (None, Some(port)) => self.discard(Discarded::Port(port)),
            (None, None) => {}
        }
    }

    fn stream(&mut self, id: StreamId) -> Option<&mut Opened> {
        stream_of(&mut self.streams, id)
    }

    /// Listens to those that are to be listened to, and no more to others. Several orders in a row
    /// often end where they began.
    fn settle_listening(&mut self) {
        while let Some(id) = self.turned.pop() {
            let Some(stream) = stream_of(&mut self.streams, id) else {
                continue;
            };
            if stream.port.is_wanted() {
                self.sockets.add(id, &mut stream.port);
            } else {
                self.sockets.remove(&mut stream.port);
            }
        }
    }

    fn receive(
        &mut self,
        id: StreamId,
        control: bool,
        out: &mut [u8],
    ) -> Option<(usize, SocketAddr)> {
        let stream = self.stream(id)?;
        match (&mut stream.control, control) {
            (_, false) => stream.port.receive(out),
            (Control::Own(port), true) => port.receive(out),
            (Control::Shared | Control::Opening | Control::None, true) => None,
        }
    }

    fn discard(&mut self, thing: Discarded) {
        self.files.discard(thing);
        self.discarded += 1;
    }

    /// Wakes the file thread when enough waits for it, or something has waited for long enough: a
    /// wake-up costs more than most of what it does.
    fn hand_over(&mut self, now: Instant) {
        if self.discarded == 0 {
            return;
        }
        let since = *self.discarded_at.get_or_insert(now);
        if self.discarded >= HAND_OVER || now.duration_since(since) >= HAND_OVER_AFTER {
            self.hand_over_all();
        }
    }

    fn hand_over_all(&mut self) {
        if self.discarded > 0 {
            self.files.wake();
        }
        (self.discarded, self.discarded_at) = (0, None);
    }
}

/// Borrows the streams alone, for those who need the sockets besides.
fn stream_of(streams: &mut [Option<Box<Opened>>], id: StreamId) -> Option<&mut Opened> {
    streams.get_mut(id.index())?.as_deref_mut()
}

impl MediaIo for World {
    fn send(&mut self, id: StreamId, destination: SocketAddr, packet: &[u8]) {
        let Some(stream) = self.stream(id) else {
            return;
        };
        let sent = stream.port.send(destination, packet);
        let stats = &self.shared.stats;
        if sent {
            stats.packets_sent.increment()
        } else {
            stats.packets_unsent.increment()
        }
    }

    fn send_control(&mut self, id: StreamId, destination: SocketAddr, packet: &[u8]) {
        let Some(stream) = self.stream(id) else {
            return;
        };
        let sent = match &mut stream.control {
            Control::Shared => stream.port.send(destination, packet),
            Control::Own(port) => port.send(destination, packet),
            Control::Opening | Control::None => false,
        };
        if sent {
            self.shared.stats.rtcp_sent.increment();
        }
    }

    fn control_port(&mut self, id: StreamId, open: bool) {
        let Some(stream) = stream_of(&mut self.streams, id) else {
            return;
        };
        match (&stream.control, open) {
            (Control::Shared, true) => {
                let order = |address| ControlOrder {
                    id,
                    address,
                    thread: self.shared.clone(),
                };
                let order = stream.port.next_address().map(order);
                stream.control = match order.is_some_and(|order| self.files.open_control(order)) {
                    true => Control::Opening,
                    false => Control::None,
                };
            }
            (Control::Own(_) | Control::Opening | Control::None, false) => {
                let before = std::mem::replace(&mut stream.control, Control::Shared);
                if let Control::Own(port) = before {
                    self.sockets.forget(&port);
                    self.discard(Discarded::Port(port));
                }
            }
            _ => {}
        }
    }

    fn awaits_control_port(&self, id: StreamId) -> bool {
        let stream = self.streams.get(id.index()).and_then(Option::as_deref);
        stream.is_some_and(|stream| matches!(stream.control, Control::Opening))
    }

    fn event(&mut self, id: StreamId, event: MediaEvent) {
        let Some(stream) = self.stream(id) else {
            return;
        };
        if !(stream.sink)(event) {
            self.shared.stats.events_dropped.increment();
        }
    }

    fn listen(&mut self, id: StreamId, listening: bool) {
        let Some(stream) = stream_of(&mut self.streams, id) else {
            return;
        };
        if stream.port.want(listening) {
            self.turned.push(id);
        }
    }

    fn retire(&mut self, retired: Retired) {
        let awaited = matches!(retired, Retired::Recording(_));
        self.discard(Discarded::Retired(retired));
        // A script waits for its recording to be complete.
        if awaited {
            self.hand_over_all();
        }
    }

    fn closed(&mut self, id: StreamId) {
        if let Some(opened) = self.take(id) {
            self.discard(Discarded::Opened(opened));
            self.shared.release(id);
        }
    }

    fn room_event(&mut self, id: RoomId, event: RoomEvent) {
        let sink = self.rooms.get(id.key as usize).and_then(Option::as_ref);
        if let Some(sink) = sink
            && !sink(event)
        {
            self.shared.stats.events_dropped.increment();
        }
    }

    fn room_closed(&mut self, id: RoomId) {
        if let Some(sink) = self.rooms.get_mut(id.key as usize).and_then(Option::take) {
            self.discard(Discarded::RoomSink(sink));
            self.shared.release_room(id);
        }
    }
}

/// Requests that may wait for one thread; a thread that is this far behind is overloaded.
const REQUEST_LIMIT: usize = 1_024;
/// Streams on their way from one thread to another, in the whole pool. A move takes a frame or two.
const MOVES_AT_ONCE: usize = 256;
/// Datagrams taken from one socket at one wake-up. Two are usual at most: wake-ups are 20 ms
/// apart when a single stream is active.
const READ_ROUNDS: usize = 8;
/// Things that the file thread is woken for at once.
const HAND_OVER: usize = 64;
/// How long fewer may wait. Picked by feel.
const HAND_OVER_AFTER: Duration = Duration::from_millis(100);
/// A longer datagram than one of RTP is cut, and then refused for its length.
const MAX_DATAGRAM: usize = super::receiver::MAX_DATAGRAM + 1;
