//! SHELL. Media threads: sockets, clock and queues around one [`Core`] each.
//!
//! A thread sleeps until the next slot in which a stream is due, or for as long as it takes when
//! none is active; only in the latter case does a command wake it, for otherwise it is carried out in
//! time for the next packet anyway. When it wakes it carries out commands, reads the sockets
//! that have something, and lets the core tick. It never wakes for a packet: a packet is wanted at
//! the next tick of its stream and not before.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_queue::ArrayQueue;

use super::command::{MediaCommand, MediaEvent, StreamId};
use super::core::{Core, MediaIo, Retired};
use super::file_io::{Discarded, FileIo};
use super::sockets::{Control, Opened, Ready, Sockets};
use super::stats::MediaStats;

/// What is told to one media thread.
pub(super) enum Request {
    Open(Box<Opened>),
    Command(MediaCommand),
}

/// What a media thread and those who command it share.
pub(super) struct Shared {
    requests: ArrayQueue<(StreamId, Request)>,
    /// Requests that are let in; the rest of the queue is kept for one `Close` per stream.
    request_limit: usize,
    /// Keys of ended streams, to be used again.
    free_keys: ArrayQueue<u32>,
    next_key: AtomicU32,
    generation: AtomicU32,
    /// Streams that were given out and are not closed yet.
    pub(super) streams: AtomicUsize,
    stop: AtomicBool,
    /// The thread sleeps until it is woken.
    asleep: AtomicBool,
    pub(super) stats: Arc<MediaStats>,
}

impl Shared {
    pub(super) fn new(max_streams: usize) -> Self {
        Self {
            requests: ArrayQueue::new(REQUEST_LIMIT + max_streams),
            request_limit: REQUEST_LIMIT,
            free_keys: ArrayQueue::new(max_streams),
            next_key: AtomicU32::new(0),
            generation: AtomicU32::new(0),
            streams: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            asleep: AtomicBool::new(false),
            stats: Arc::default(),
        }
    }

    /// Queues a request, or gives it back when too many wait. There is always room for `Close`.
    pub(super) fn push(&self, id: StreamId, request: Request) -> Result<(), Request> {
        let closes = matches!(request, Request::Command(MediaCommand::Close));
        if !closes && self.requests.len() >= self.request_limit {
            return Err(request);
        }
        self.requests
            .push((id, request))
            .map_err(|(_, request)| request)
    }

    /// Makes sure that what was pushed is seen: wakes `thread` if it sleeps without a deadline.
    pub(super) fn wake(&self, thread: &thread::Thread) {
        if self.asleep.swap(false, Ordering::SeqCst) {
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

    pub(super) fn new_id(&self) -> StreamId {
        let key = self
            .free_keys
            .pop()
            .unwrap_or_else(|| self.next_key.fetch_add(1, Ordering::Relaxed));
        StreamId::new(key, self.generation.fetch_add(1, Ordering::Relaxed))
    }

    /// The stream `id` is gone, or never came to be.
    pub(super) fn release(&self, id: StreamId) {
        // A key that does not fit is not used again; keys are plenty.
        let _ = self.free_keys.push(id.key);
        self.streams.fetch_sub(1, Ordering::Relaxed);
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
    /// Streams with something to read, and where it is read to; kept to spare the allocation.
    ready: Vec<Ready>,
    datagram: Box<[u8; MAX_DATAGRAM]>,
}

/// Everything of a thread that is not its core.
struct World {
    sockets: Sockets,
    /// By [`StreamId::index`].
    streams: Vec<Option<Box<Opened>>>,
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
        while let Some((id, request)) = self.shared.requests.pop() {
            match request {
                Request::Open(opened) => {
                    self.world.add(id, opened);
                    self.core.open(id);
                }
                Request::Command(command) => {
                    self.core.handle_command(now, id, command, &mut self.world);
                }
            }
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

    fn stream(&mut self, id: StreamId) -> Option<&mut Opened> {
        self.streams.get_mut(id.index())?.as_deref_mut()
    }

    /// Listens to those that are to be listened to, and no more to others. Several orders in a row
    /// often end where they began.
    fn settle_listening(&mut self) {
        while let Some(id) = self.turned.pop() {
            let stream = self.streams.get_mut(id.index());
            let Some(stream) = stream.and_then(Option::as_deref_mut) else {
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
            (Control::Shared | Control::None, true) => None,
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
            Control::None => false,
        };
        if sent {
            self.shared.stats.rtcp_sent.increment();
        }
    }

    fn control_port(&mut self, id: StreamId, open: bool) {
        let Some(stream) = self
            .streams
            .get_mut(id.index())
            .and_then(Option::as_deref_mut)
        else {
            return;
        };
        match (&stream.control, open) {
            (Control::Shared, true) => {
                stream.control = match stream.port.next_port() {
                    Ok(mut port) => {
                        self.sockets.add_control(id, &mut port);
                        Control::Own(port)
                    }
                    Err(error) => {
                        tracing::debug!(%error, "a call goes without RTCP: its port is taken");
                        Control::None
                    }
                };
            }
            (Control::Own(_) | Control::None, false) => {
                let before = std::mem::replace(&mut stream.control, Control::Shared);
                if let Control::Own(port) = &before {
                    self.sockets.forget(port);
                }
            }
            _ => {}
        }
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
        let Some(stream) = self
            .streams
            .get_mut(id.index())
            .and_then(Option::as_deref_mut)
        else {
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
        let Some(stream) = self.streams.get_mut(id.index()).and_then(Option::take) else {
            return;
        };
        self.turned.retain(|turned| *turned != id);
        self.sockets.forget(&stream.port);
        if let Control::Own(port) = &stream.control {
            self.sockets.forget(port);
        }
        self.discard(Discarded::Opened(stream));
        self.shared.release(id);
    }
}

/// Requests that may wait for one thread; a thread that is this far behind is overloaded.
const REQUEST_LIMIT: usize = 1_024;
/// Datagrams taken from one socket at one wake-up. Two are usual at most: wake-ups are 20 ms
/// apart when a single stream is active.
const READ_ROUNDS: usize = 8;
/// Things that the file thread is woken for at once.
const HAND_OVER: usize = 64;
/// How long fewer may wait. Picked by feel.
const HAND_OVER_AFTER: Duration = Duration::from_millis(100);
/// A longer datagram than one of RTP is cut, and then refused for its length.
const MAX_DATAGRAM: usize = super::receiver::MAX_DATAGRAM + 1;
