//! SHELL. Media threads: sockets, clock and queues around one [`Core`] each.
//!
//! A thread sleeps until the next slot in which a stream is due, or for as long as it takes when
//! none is active; only in the latter case does a command wake it, for otherwise it is carried out in
//! time for the next packet anyway. When it wakes it carries out commands, reads the sockets
//! that have something, and lets the core tick. It never wakes for a packet: a packet is wanted at
//! the next tick of its stream and not before. When it came is what the kernel noted.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod arrival;
mod directory;
mod requests;
mod world;

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use self::arrival::ArrivalClock;
pub(super) use self::directory::Directory;
use self::requests::Moving;
pub(super) use self::requests::{Request, Shared};
use self::world::World;
use super::command::StreamId;
use super::core::Core;
use super::file_io::FileIo;
use super::sockets::Ready;

/// Datagrams taken from each socket at one wake-up, whatever waits at others. Of honest peers two are usual at
/// most: wake-ups are 20 ms apart when a single stream is active.
const READ_ROUNDS: usize = 8;
/// Datagrams taken at one wake-up of sockets that have still more: some two milliseconds' work.
const MAX_SURPLUS: usize = 1_000;
/// How long a thread sleeps at most while it is flooded: a socket holds some 170 small datagrams, and what
/// comes beyond displaces the packets of the call.
const FLOODED_SLEEP: Duration = Duration::from_millis(2);
/// A longer datagram than one of RTP is cut, and then refused for its length.
const MAX_DATAGRAM: usize = super::receiver::MAX_DATAGRAM + 1;

/// One media thread.
pub(super) struct Worker {
    core: Core,
    world: World,
    arrivals: ArrivalClock,
    shared: Arc<Shared>,
    /// Streams that are to come, with what was told to them meanwhile.
    expected: HashMap<StreamId, VecDeque<Request>>,
    /// Streams with something to read, and where it is read to; kept to spare the allocation.
    ready: Vec<Ready>,
    datagram: Box<[u8; MAX_DATAGRAM]>,
}

impl Worker {
    pub(super) fn new(core: Core, files: FileIo, shared: Arc<Shared>) -> io::Result<Self> {
        let world = World::new(files, shared.clone())?;
        let datagram = Box::new([0; MAX_DATAGRAM]);
        Ok(Self {
            core,
            world,
            arrivals: ArrivalClock::new(Instant::now()),
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
            let is_flooded = self.read_sockets(now);
            self.core.handle_timeout(now, &mut self.world);
            self.world.settle_listening();
            match self.core.poll_timeout() {
                Some(deadline) => {
                    self.world.hand_over(now);
                    let deadline = match is_flooded {
                        true => deadline.min(now + FLOODED_SLEEP),
                        false => deadline,
                    };
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
    /// the others waiting; what is left is read at the next wake-up. Returns whether there is a flood.
    fn read_sockets(&mut self, now: Instant) -> bool {
        self.arrivals.read_at(now, SystemTime::now());
        let mut surplus = 0;
        for round in 0.. {
            self.world.sockets.find_ready(&mut self.ready);
            if round >= READ_ROUNDS {
                surplus += self.ready.len();
            }
            if self.ready.is_empty() || surplus > MAX_SURPLUS {
                break;
            }
            for &Ready { id, control } in &self.ready {
                let out = &mut self.datagram[..];
                let Some(received) = self.world.receive(id, control, out) else {
                    continue;
                };
                if received.dropped > 0 {
                    let dropped = u64::from(received.dropped);
                    self.shared.stats.packets_overflowed.add(dropped);
                }
                let datagram = &out[..received.len];
                let (source, came) = (received.source, self.arrivals.instant_of(received.arrived));
                let (core, world) = (&mut self.core, &mut self.world);
                if control {
                    core.handle_control_datagram(came, id, source, datagram, world);
                } else {
                    core.handle_datagram(came, id, source, datagram, world);
                }
            }
        }
        surplus > 0
    }
}

#[cfg(test)]
mod tests;
