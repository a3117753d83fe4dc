//! SHELL. The media threads as the rest of the server sees them.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::command::{EventSink, MediaCommand, RoomEventSink, StreamId};
use super::core::Core;
use super::file_io::{FileIo, FileThread, ended_by};
use super::playout::Playout;
use super::ports::{OpenError, PortAllocator};
use super::room_handle::RoomHandle;
use super::schedule::FRAME;
use super::sockets::{Control, Opened, Port};
use super::stats::MediaTotals;
use super::thread::{Directory, Request, Shared, Worker};

/// How media threads are set up.
#[derive(Debug, Clone)]
pub struct MediaConfig {
    /// Media threads; 0 means one per core.
    pub threads: usize,
    /// The 20 ms frame is divided into slots of this length: 1, 2, 5 or 10 ms.
    pub slot: Duration,
    /// RTP ports; the even ones are used.
    pub ports: RangeInclusive<u16>,
    /// The most streams open at a time.
    pub max_streams: usize,
    /// What streams begin with.
    pub playout: Playout,
    /// Feeds SSRCs, first sequence numbers and first timestamps (RFC 3550 §5.1: unpredictable).
    pub seed: u64,
}

impl Default for MediaConfig {
    fn default() -> Self {
        Self {
            threads: 0,
            slot: Duration::from_millis(2),
            ports: 10_000..=19_999,
            max_streams: 5_000,
            playout: Playout::default(),
            seed: 0,
        }
    }
}

/// Why the media threads did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// [`MediaConfig::slot`] does not divide the frame.
    #[error("a slot of {0:?} is not 1, 2, 5 or 10 ms")]
    Slot(Duration),
    /// The system refused a thread or an epoll set.
    #[error("cannot start a media thread")]
    System(#[from] io::Error),
}

/// The media threads and the file thread. Dropping it ends them all, and completes recordings, unless they
/// were [left behind](MediaPool::end).
pub struct MediaPool {
    threads: Vec<MediaThread>,
    ports: PortAllocator,
    max_streams: usize,
    left: AtomicBool,
    /// After `threads`: they hand over their last recordings before it ends.
    files: FileThread,
}

struct MediaThread {
    shared: Arc<Shared>,
    joined: Option<JoinHandle<()>>,
}

impl MediaPool {
    /// Starts the threads.
    ///
    /// # Errors
    /// [`StartError::Slot`] for a slot length that does not divide the frame, and
    /// [`StartError::System`] when the system gives no thread.
    pub fn start(config: MediaConfig) -> Result<Self, StartError> {
        if !SLOTS_MS.map(Duration::from_millis).contains(&config.slot) {
            return Err(StartError::Slot(config.slot));
        }
        let count = match config.threads {
            0 => thread::available_parallelism().map_or(1, usize::from),
            count => count,
        };
        let directory = Arc::new(Directory::new(config.max_streams));
        // All count from the same instant, so that timestamps go on when a stream moves.
        let clock = Instant::now();
        // And tell the same time of day of it, as their reports do (RFC 3550 §6.4.1).
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
        let time_of_day = UNIX_EPOCH_NTP + since_epoch.unwrap_or_default();
        let origin = (clock, time_of_day);
        let files = FileThread::start()?;
        let threads = (0..count)
            .map(|index| MediaThread::start(index, origin, &config, &directory, files.io().clone()))
            .collect::<io::Result<_>>()?;
        let ports = PortAllocator::new(&config.ports);
        Ok(Self {
            threads,
            ports,
            max_streams: config.max_streams,
            left: AtomicBool::new(false),
            files,
        })
    }

    /// Opens a stream on an even port of the local address `ip`, on the thread that has the
    /// fewest. It is silent and deaf until [`MediaCommand::Configure`].
    ///
    /// `sink` is called on the media thread with what happens, and must not wait.
    ///
    /// # Errors
    /// [`OpenError::TooManyStreams`] and [`OpenError::PortsExhausted`] at the configured limits,
    /// [`OpenError::Busy`] when the thread is behind, [`OpenError::Socket`] when the system
    /// refuses the socket.
    pub fn open(&self, ip: IpAddr, sink: EventSink) -> Result<StreamHandle, OpenError> {
        if self.streams() >= self.max_streams {
            return Err(OpenError::TooManyStreams {
                limit: self.max_streams,
            });
        }
        let (socket, local_addr) = self.ports.bind(ip)?;
        let shared = self.least_loaded();
        let id = shared.directory.new_stream();
        shared.streams.fetch_add(1, Ordering::Relaxed);
        let opened = Box::new(Opened {
            port: Port::new(socket),
            control: Control::Shared,
            sink,
        });
        if shared.push(Request::Open(id, opened)).is_err() {
            shared.release(id);
            return Err(OpenError::Busy);
        }
        // Nothing happens on the stream before its first command, which wakes the thread.
        Ok(StreamHandle {
            id,
            local_addr,
            shared: shared.clone(),
        })
    }

    /// Opens a room on the thread that has the fewest streams and rooms. It costs nothing before
    /// it has members.
    ///
    /// `sink` is called on the media thread with what happens, and must not wait.
    ///
    /// # Errors
    /// [`OpenError::TooManyRooms`] at the limit, which is that of streams, and
    /// [`OpenError::Busy`] when the thread is behind.
    pub fn open_room(&self, sink: RoomEventSink) -> Result<RoomHandle, OpenError> {
        if self.rooms() >= self.max_streams {
            return Err(OpenError::TooManyRooms {
                limit: self.max_streams,
            });
        }
        let shared = self.least_loaded();
        let id = shared.directory.new_room();
        shared.rooms.fetch_add(1, Ordering::Relaxed);
        if shared.push(Request::OpenRoom(id, sink)).is_err() {
            shared.release_room(id);
            return Err(OpenError::Busy);
        }
        Ok(RoomHandle::new(id, shared.clone()))
    }

    fn least_loaded(&self) -> &Arc<Shared> {
        let load = |shared: &&Arc<Shared>| {
            shared.streams.load(Ordering::Relaxed) + shared.rooms.load(Ordering::Relaxed)
        };
        let threads = self.threads.iter().map(|thread| &thread.shared);
        threads.min_by_key(load).expect("a pool has a thread")
    }

    /// Where recordings are begun.
    pub fn files(&self) -> &FileIo {
        self.files.io()
    }

    /// What all threads have done so far.
    pub fn totals(&self) -> MediaTotals {
        let mut totals = MediaTotals::default();
        for thread in &self.threads {
            totals.add(&thread.shared.stats);
        }
        totals
    }

    /// Streams that are open; their sockets may still be closing.
    pub fn streams(&self) -> usize {
        self.threads
            .iter()
            .map(|thread| thread.shared.streams.load(Ordering::Relaxed))
            .sum()
    }

    /// Rooms that are open.
    pub fn rooms(&self) -> usize {
        self.threads
            .iter()
            .map(|thread| thread.shared.rooms.load(Ordering::Relaxed))
            .sum()
    }

    /// Ends the threads and completes recordings, but waits no longer than until `deadline`: call it where
    /// waiting is allowed. False: a disk or a thread takes longer. Then that is left behind, and dropping the
    /// pool does not wait for it.
    pub fn end(&self, deadline: Instant) -> bool {
        self.stop();
        let mut threads = self.threads.iter().filter_map(|it| it.joined.as_ref());
        let media = threads.all(|thread| ended_by(thread, deadline));
        self.left.store(!media, Ordering::Relaxed);
        // After them: they hand over their last recordings.
        self.files.end(deadline) && media
    }

    fn stop(&self) {
        for thread in &self.threads {
            thread.shared.stop();
            thread.shared.unpark();
        }
    }
}

impl Drop for MediaPool {
    fn drop(&mut self) {
        if self.left.load(Ordering::Relaxed) {
            return;
        }
        self.stop();
        for thread in &mut self.threads {
            if let Some(joined) = thread.joined.take() {
                // A panic there has been reported already; there is nothing to add.
                let _ = joined.join();
            }
        }
    }
}

impl MediaThread {
    fn start(
        index: usize,
        (clock, time_of_day): (Instant, Duration),
        config: &MediaConfig,
        directory: &Arc<Directory>,
        files: FileIo,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared::new(config.max_streams, directory.clone()));
        let seed = config.seed.wrapping_add(index as u64);
        let core = Core::new(clock, config.slot, seed, shared.stats.clone())
            .with_wall_clock(time_of_day)
            .with_playout(config.playout);
        let worker = Worker::new(core, files, shared.clone())?;
        let joined = thread::Builder::new()
            .name(format!("media-{index}"))
            .spawn(|| worker.run())?;
        shared.set_thread(joined.thread().clone());
        Ok(Self {
            shared,
            joined: Some(joined),
        })
    }
}

impl fmt::Debug for MediaPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MediaPool")
            .field("threads", &self.threads.len())
            .finish_non_exhaustive()
    }
}

/// A session's hold on its stream. Dropping it closes the stream.
pub struct StreamHandle {
    id: StreamId,
    local_addr: SocketAddr,
    shared: Arc<Shared>,
}

/// Too many streams are on their way from one thread to another.
#[derive(Debug, thiserror::Error)]
#[error("too many streams are moving")]
pub struct MoveBusy;

/// The media thread is too far behind to take this command.
#[derive(Debug, thiserror::Error)]
#[error("media thread is busy")]
pub struct MediaBusy(pub MediaCommand);

impl StreamHandle {
    /// Where the peer is to send its RTP.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Names the stream; no other stream of the pool ever has the same name.
    pub fn id(&self) -> StreamId {
        self.id
    }

    /// Takes the stream to the thread of `room`, so that it can be a member. It keeps all it has, leaves
    /// the room that it is in, and carries out later orders there. Nothing happens if it is there
    /// already.
    ///
    /// # Errors
    /// [`MoveBusy`] while too many streams move; the stream is then where it was.
    pub fn move_to(&mut self, room: &RoomHandle) -> Result<(), MoveBusy> {
        if Arc::ptr_eq(&self.shared, &room.shared) {
            return Ok(());
        }
        if !self.shared.directory.begin_move() {
            return Err(MoveBusy);
        }
        let from = std::mem::replace(&mut self.shared, room.shared.clone());
        // First the one and then the other: nothing that is told to the stream can come before it
        // is expected, and nothing that was told to it can be left behind.
        let expected = self.shared.push(Request::Expect(self.id));
        let departs = from.push(Request::Depart(self.id, self.shared.clone()));
        debug_assert!(expected.is_ok() && departs.is_ok(), "both are vital");
        from.unpark();
        self.shared.unpark();
        Ok(())
    }

    /// Gives an order to the stream. Orders are carried out one after the other.
    ///
    /// A [`MediaCommand::Append`] of a prompt is cheapest when the prompt is already
    /// [encoded](crate::audio::Prompt::encoded) for what the stream sends.
    ///
    /// # Errors
    /// [`MediaBusy`] when too many orders wait.
    pub fn command(&self, command: MediaCommand) -> Result<(), MediaBusy> {
        let pushed = self.shared.push(Request::Command(self.id, command));
        self.shared.wake();
        match pushed {
            Err(Request::Command(_, refused)) => Err(MediaBusy(refused)),
            _ => Ok(()),
        }
    }
}

impl Drop for StreamHandle {
    fn drop(&mut self) {
        // The queue has room for one `Close` of each stream.
        let _ = self.command(MediaCommand::Close);
    }
}

impl fmt::Debug for StreamHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamHandle")
            .field("local_addr", &self.local_addr)
            .finish_non_exhaustive()
    }
}

/// From the era of NTP to that of Unix (RFC 5905 §6).
const UNIX_EPOCH_NTP: Duration = Duration::from_secs(2_208_988_800);
/// Slot lengths that divide [`FRAME`] and a 10 ms packet time into whole slots.
const SLOTS_MS: [u64; 4] = [1, 2, 5, 10];
const _: () = assert!(FRAME.as_millis() == 20);
