//! SHELL. The media threads as the rest of the server sees them.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::command::{EventSink, MediaCommand, StreamId};
use super::core::Core;
use super::file_io::{FileIo, FileThread};
use super::playout::Playout;
use super::ports::{OpenError, PortAllocator};
use super::schedule::FRAME;
use super::sockets::{Control, Opened, Port};
use super::stats::MediaTotals;
use super::thread::{Request, Shared, Worker};

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

/// The media threads and the file thread. Dropping it ends them all; recordings are completed.
pub struct MediaPool {
    threads: Vec<MediaThread>,
    ports: PortAllocator,
    max_streams: usize,
    /// After `threads`: they hand over their last recordings before it ends.
    files: FileThread,
}

struct MediaThread {
    shared: Arc<Shared>,
    thread: Thread,
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
        // Each stream goes to the thread that has the fewest.
        let share = config.max_streams.div_ceil(count).max(1);
        let files = FileThread::start()?;
        let threads = (0..count)
            .map(|index| MediaThread::start(index, share, &config, files.io().clone()))
            .collect::<io::Result<_>>()?;
        let ports = PortAllocator::new(&config.ports);
        Ok(Self {
            threads,
            ports,
            max_streams: config.max_streams,
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
        let load = |thread: &&MediaThread| thread.shared.streams.load(Ordering::Relaxed);
        let thread = self
            .threads
            .iter()
            .min_by_key(load)
            .expect("a pool has a thread");
        let shared = &thread.shared;
        shared.streams.fetch_add(1, Ordering::Relaxed);
        let id = shared.new_id();
        let opened = Box::new(Opened {
            port: Port::new(socket),
            control: Control::Shared,
            sink,
        });
        if shared.push(id, Request::Open(opened)).is_err() {
            shared.release(id);
            return Err(OpenError::Busy);
        }
        // Nothing happens on the stream before its first command, which wakes the thread.
        Ok(StreamHandle {
            id,
            local_addr,
            shared: shared.clone(),
            thread: thread.thread.clone(),
        })
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
}

impl Drop for MediaPool {
    fn drop(&mut self) {
        for thread in &self.threads {
            thread.shared.stop();
            thread.thread.unpark();
        }
        for thread in &mut self.threads {
            if let Some(joined) = thread.joined.take() {
                // A panic there has been reported already; there is nothing to add.
                let _ = joined.join();
            }
        }
    }
}

impl MediaThread {
    /// `share` is the most streams that this thread can get.
    fn start(index: usize, share: usize, config: &MediaConfig, files: FileIo) -> io::Result<Self> {
        let shared = Arc::new(Shared::new(share));
        let seed = config.seed.wrapping_add(index as u64);
        let time_of_day = SystemTime::now().duration_since(UNIX_EPOCH);
        let core = Core::new(Instant::now(), config.slot, seed, shared.stats.clone())
            .with_wall_clock(UNIX_EPOCH_NTP + time_of_day.unwrap_or_default())
            .with_playout(config.playout);
        let worker = Worker::new(core, files, shared.clone())?;
        let joined = thread::Builder::new()
            .name(format!("media-{index}"))
            .spawn(|| worker.run())?;
        Ok(Self {
            shared,
            thread: joined.thread().clone(),
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
    thread: Thread,
}

/// The media thread is too far behind to take this command.
#[derive(Debug, thiserror::Error)]
#[error("media thread is busy")]
pub struct MediaBusy(pub MediaCommand);

impl StreamHandle {
    /// Where the peer is to send its RTP.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Gives an order to the stream. Orders are carried out one after the other.
    ///
    /// A [`MediaCommand::Append`] of a prompt is cheapest when the prompt is already
    /// [encoded](crate::audio::Prompt::encoded) for what the stream sends.
    ///
    /// # Errors
    /// [`MediaBusy`] when too many orders wait.
    pub fn command(&self, command: MediaCommand) -> Result<(), MediaBusy> {
        let pushed = self.shared.push(self.id, Request::Command(command));
        self.shared.wake(&self.thread);
        match pushed {
            Err(Request::Command(refused)) => Err(MediaBusy(refused)),
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
