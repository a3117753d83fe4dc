//! SHELL. The file thread: writes recordings down, reads files that are played, opens RTCP ports, and drops
//! what media threads are done with.
//!
//! Media threads must neither wait for a disk nor free memory, so both happen here. Recordings
//! come by a ring of samples each ([`crate::audio::recorder`]), everything else by one bounded
//! queue. The thread sleeps while nothing is recorded or played and nothing is handed over.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

use crossbeam_queue::ArrayQueue;

use super::command::RoomEventSink;
use super::control_port::ControlOrder;
use super::core::Retired;
use super::file_player::{Player, Players};
use super::sockets::{Opened, Port};
use crate::audio::decode::DecodeError;
use crate::audio::recorder::{
    self, EndCause, RecorderSink, RecorderSource, RecordingEnded, RecordingPlan, Sides,
};
use crate::audio::recording::{FileFormat, FileSpec, RecordingFile, Storage};
use crate::audio::streamed::{StreamError, StreamedSound};

/// Called once on the file thread when a recording is on disk.
pub type RecordingDone = Box<dyn FnOnce(RecordingEnded) + Send>;

/// A recording that is to be begun.
#[derive(Debug, Clone)]
pub struct RecordingRequest {
    /// The file, which is made or emptied.
    pub path: PathBuf,
    /// What is written into it.
    pub format: FileFormat,
    /// Samples a second; one that [`FileFormat::sample_rate`] gave.
    pub sample_rate: u32,
    /// Whose voices.
    pub sides: Sides,
    /// The recording ends when it is so long.
    pub limit: Option<Duration>,
    /// The recording ends when the peer says nothing for so long.
    pub silence: Option<Duration>,
    /// Silence at both ends is left out.
    pub trim: bool,
}

/// Gives work to the file thread. Cheap to clone.
#[derive(Clone)]
pub struct FileIo {
    queue: Arc<ArrayQueue<Job>>,
    thread: Thread,
}

/// The file thread itself. Dropping it finishes every recording and ends the thread, unless it was
/// [left behind](FileThread::end).
pub(super) struct FileThread {
    io: FileIo,
    stop: Arc<AtomicBool>,
    left: AtomicBool,
    joined: Option<JoinHandle<()>>,
}

/// Something the file thread is to drop.
pub(super) enum Discarded {
    Retired(#[allow(dead_code)] Retired),
    Opened(#[allow(dead_code)] Box<Opened>),
    RoomSink(#[allow(dead_code)] RoomEventSink),
    Port(#[allow(dead_code)] Box<Port>),
}

enum Job {
    Record(Box<Recording>),
    Play(Box<Player>),
    OpenControl(ControlOrder),
    /// Nothing but to be dropped here.
    Discard(#[allow(dead_code)] Discarded),
}

impl FileThread {
    pub(super) fn start() -> io::Result<Self> {
        let queue = Arc::new(ArrayQueue::new(QUEUE_LENGTH));
        let stop = Arc::new(AtomicBool::new(false));
        let worker = Worker {
            queue: queue.clone(),
            stop: stop.clone(),
            recordings: Vec::new(),
            players: Players::default(),
        };
        let joined = thread::Builder::new()
            .name("media-files".into())
            .spawn(|| worker.run())?;
        let io = FileIo {
            queue,
            thread: joined.thread().clone(),
        };
        Ok(Self {
            io,
            stop,
            left: AtomicBool::new(false),
            joined: Some(joined),
        })
    }

    /// Finishes every recording and ends the thread, but waits no longer than until `deadline`. False: the
    /// disk takes longer, and the thread is left behind.
    pub(super) fn end(&self, deadline: Instant) -> bool {
        self.stop();
        let ended = self.joined.as_ref().is_none_or(|it| ended_by(it, deadline));
        self.left.store(!ended, Ordering::Relaxed);
        ended
    }

    fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.io.wake();
    }

    pub(super) fn io(&self) -> &FileIo {
        &self.io
    }
}

impl Drop for FileThread {
    fn drop(&mut self) {
        self.stop();
        let is_left = self.left.load(Ordering::Relaxed);
        if let Some(thread) = self.joined.take().filter(|_| !is_left) {
            // A panic there has been reported already; there is nothing to add.
            let _ = thread.join();
        }
    }
}

/// Waits until `thread` has ended, but not beyond `deadline`.
pub(super) fn ended_by(thread: &JoinHandle<()>, deadline: Instant) -> bool {
    /// The system can wait for the end of a thread, or until a time, but not for both.
    const MOMENT: Duration = Duration::from_millis(2);
    while !thread.is_finished() {
        if Instant::now() >= deadline {
            return false;
        }
        thread::sleep(MOMENT);
    }
    true
}

impl FileIo {
    /// Creates the file and returns where a stream is to put its samples.
    ///
    /// The file is playable from the first second on, also after a crash, which costs no more than its last
    /// third of a second; while it is written it is
    /// locked, so that nobody takes it for one that a crash left. `done` is called when the returned sink
    /// is dropped and the last sample is written, or when the disk refuses more. Touches the disk: call it
    /// where waiting is allowed.
    ///
    /// # Errors
    /// What the system says when the file cannot be created, and
    /// [`io::ErrorKind::QuotaExceeded`] when too many recordings wait to be begun.
    pub fn record(
        &self,
        request: RecordingRequest,
        done: RecordingDone,
    ) -> io::Result<Box<RecorderSink>> {
        let file = File::create(&request.path)?;
        // Not every file system has locks; without one, only a second server could be mistaken.
        let _ = file.try_lock();
        self.record_to(Box::new(file), request, done)
    }

    fn record_to(
        &self,
        storage: Box<dyn Storage + Send>,
        request: RecordingRequest,
        done: RecordingDone,
    ) -> io::Result<Box<RecorderSink>> {
        let RecordingRequest {
            format,
            sample_rate,
            sides,
            ..
        } = request;
        let spec = FileSpec {
            format,
            sample_rate,
            sides,
            trim: request.trim,
        };
        let file = RecordingFile::begin(storage, spec)?;
        let longest = format.longest(sample_rate, sides);
        let (sink, source) = recorder::recorder(RecordingPlan {
            sample_rate,
            sides,
            limit: request.limit.into_iter().chain(longest).min(),
            silence: request.silence,
            frame_bytes: format.frame_bytes(sides),
        });
        let recording = Recording {
            path: request.path,
            file,
            source,
            is_losing: false,
            done: Some(done),
        };
        self.queue
            .push(Job::Record(Box::new(recording)))
            .map_err(|_| io::Error::from(io::ErrorKind::QuotaExceeded))?;
        self.wake();
        Ok(Box::new(sink))
    }

    /// Opens the sound file `path` to be played while it is read, once or `looped` without end, at
    /// `sample_rate` hertz. Its first second is read here: call it where waiting is allowed.
    ///
    /// # Errors
    /// [`StreamError`] for a file that cannot be played; [`io::ErrorKind::QuotaExceeded`] in it when
    /// too many wait to be begun.
    pub fn play(
        &self,
        path: &Path,
        sample_rate: u32,
        looped: bool,
    ) -> Result<Box<StreamedSound>, StreamError> {
        let (sound, player) = Player::open(path, sample_rate, looped)?;
        self.queue
            .push(Job::Play(Box::new(player)))
            .map_err(|_| DecodeError::Io(io::ErrorKind::QuotaExceeded.into()))?;
        self.wake();
        Ok(sound)
    }

    /// Has a port opened. Gives it up and returns false if too much waits already. Does not wait or allocate.
    pub(super) fn open_control(&self, order: ControlOrder) -> bool {
        let taken = self.queue.push(Job::OpenControl(order)).is_ok();
        self.wake();
        taken
    }

    /// Leaves `thing` to be dropped by the file thread at its next wake-up, see
    /// [`FileIo::wake`]; drops it here if too much waits already. Does not wait or allocate.
    pub(super) fn discard(&self, thing: Discarded) {
        // A full queue gives the thing back, and it is dropped here and now.
        let _ = self.queue.push(Job::Discard(thing));
    }

    /// Makes the file thread look at its queue.
    pub(super) fn wake(&self) {
        self.thread.unpark();
    }
}

struct Worker {
    queue: Arc<ArrayQueue<Job>>,
    stop: Arc<AtomicBool>,
    recordings: Vec<Recording>,
    players: Players,
}

impl Worker {
    fn run(mut self) {
        let mut buffer = vec![0; READ_SAMPLES];
        loop {
            let stopping = self.stop.load(Ordering::Acquire);
            while let Some(job) = self.queue.pop() {
                match job {
                    Job::Record(recording) => self.recordings.push(*recording),
                    Job::Play(player) => self.players.add(*player),
                    Job::OpenControl(order) => order.carry_out(),
                    Job::Discard(_) => {}
                }
            }
            self.recordings
                .retain_mut(|recording| !recording.advance(&mut buffer, stopping));
            if stopping {
                return;
            }
            let refill = self.players.advance();
            let write = (!self.recordings.is_empty()).then_some(WRITE_INTERVAL);
            match [refill, write].into_iter().flatten().min() {
                Some(wait) => thread::park_timeout(wait),
                None => thread::park(),
            }
        }
    }
}

/// One file being written.
struct Recording {
    /// For the log.
    path: PathBuf,
    file: RecordingFile<Box<dyn Storage + Send>>,
    source: RecorderSource,
    /// Samples were lost, and the log says so.
    is_losing: bool,
    done: Option<RecordingDone>,
}

impl Recording {
    /// Writes what has come; returns whether the recording has ended. `stopping` ends it, and so does a
    /// disk that refuses data: what is written by then stays consistent.
    fn advance(&mut self, buffer: &mut [i16], stopping: bool) -> bool {
        let closed = self.source.is_closed() || stopping;
        // A fault in an encoder ends this recording and no other.
        let written = catch_unwind(AssertUnwindSafe(|| self.write(buffer, closed)));
        let written = written.unwrap_or_else(|_| Err(io::Error::other("its encoder failed")));
        if let Err(error) = &written {
            let path = self.path.display();
            tracing::error!(%path, %error, "a recording ends: it cannot be written");
            self.file.give_up();
        }
        let lost = self.source.lost();
        if !lost.is_zero() && !self.is_losing {
            self.is_losing = true;
            let path = self.path.display();
            tracing::warn!(%path, "the disk is too slow: parts of a recording are lost");
        }
        if !closed && written.is_ok() {
            self.source
                .report(self.file.trimmed(), self.file.data_bytes());
            return false;
        }
        let frames = self.file.frames();
        self.source.report_complete(frames, self.file.data_bytes());
        if let Some(done) = self.done.take() {
            done(RecordingEnded {
                cause: match written {
                    Ok(()) => self.source.cause(),
                    Err(_) => EndCause::Disk,
                },
                length: recorder::duration_of(frames, self.source.plan().sample_rate),
                lost,
                complete: written.is_ok(),
            });
        }
        true
    }

    fn write(&mut self, buffer: &mut [i16], closed: bool) -> io::Result<()> {
        loop {
            let count = self.source.read(buffer);
            if count == 0 {
                break;
            }
            self.file.write(&buffer[..count])?;
        }
        match closed {
            true => self.file.finish(),
            false => self.file.store(),
        }
    }
}

impl Storage for File {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn set_len(&mut self, length: u64) -> io::Result<()> {
        Self::set_len(self, length)
    }
}

/// Jobs that may wait. Far more than the streams that end within one wake-up.
const QUEUE_LENGTH: usize = 1_024;
/// How often the rings of running recordings are emptied: a part of what they hold, so that there is
/// time for the disk as well. A crash loses so much of a recording.
const WRITE_INTERVAL: Duration = Duration::from_millis(100);
/// Samples read from a ring at once; an even number, so that channels stay where they are.
const READ_SAMPLES: usize = 4_096;

#[cfg(test)]
mod tests;
