//! SHELL. The file thread: writes recordings down, and drops what media threads are done with.
//!
//! Media threads must neither wait for a disk nor free memory, so both happen here. Recordings
//! come by a ring of samples each ([`crate::audio::recorder`]), everything else by one bounded
//! queue. The thread sleeps while nothing is recorded and nothing is handed over.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle, Thread};
use std::time::Duration;

use crossbeam_queue::ArrayQueue;

use super::command::RoomEventSink;
use super::core::Retired;
use super::sockets::Opened;
use crate::audio::recorder::{self, RecorderSink, RecorderSource, RecordingEnded};
use crate::audio::wav;

/// Called once on the file thread when a recording is on disk.
pub type RecordingDone = Box<dyn FnOnce(RecordingEnded) + Send>;

/// Gives work to the file thread. Cheap to clone.
#[derive(Clone)]
pub struct FileIo {
    queue: Arc<ArrayQueue<Job>>,
    thread: Thread,
}

/// The file thread itself. Dropping it finishes every recording and ends the thread.
pub(super) struct FileThread {
    io: FileIo,
    stop: Arc<AtomicBool>,
    joined: Option<JoinHandle<()>>,
}

/// Something the file thread is to drop.
pub(super) enum Discarded {
    Retired(#[allow(dead_code)] Retired),
    Opened(#[allow(dead_code)] Box<Opened>),
    RoomSink(#[allow(dead_code)] RoomEventSink),
}

enum Job {
    Record(Box<Recording>),
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
            joined: Some(joined),
        })
    }

    pub(super) fn io(&self) -> &FileIo {
        &self.io
    }
}

impl Drop for FileThread {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        self.io.wake();
        if let Some(thread) = self.joined.take() {
            // A panic there has been reported already; there is nothing to add.
            let _ = thread.join();
        }
    }
}

impl FileIo {
    /// Creates the WAV file `path` and returns where a stream is to put its samples: mono at
    /// `sample_rate` hertz, at most `limit` of it.
    ///
    /// The file is playable from the first second on, also after a crash. `done` is called when
    /// the returned sink is dropped and the last sample is written. Touches the disk: call it
    /// where waiting is allowed.
    ///
    /// # Errors
    /// What the system says when the file cannot be created, and
    /// [`io::ErrorKind::QuotaExceeded`] when too many recordings wait to be begun.
    pub fn record(
        &self,
        path: &Path,
        sample_rate: u32,
        limit: Option<Duration>,
        done: RecordingDone,
    ) -> io::Result<Box<RecorderSink>> {
        let mut file = File::create(path)?;
        file.write_all(&wav::header(sample_rate, 0))?;
        let (sink, source) = recorder::recorder(sample_rate, limit);
        let recording = Recording {
            file,
            source,
            written: 0,
            in_header: 0,
            failed: false,
            done: Some(done),
        };
        self.queue
            .push(Job::Record(Box::new(recording)))
            .map_err(|_| io::Error::from(io::ErrorKind::QuotaExceeded))?;
        self.wake();
        Ok(Box::new(sink))
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
}

impl Worker {
    fn run(mut self) {
        let mut buffer = vec![0; READ_SAMPLES];
        loop {
            let stopping = self.stop.load(Ordering::Acquire);
            while let Some(job) = self.queue.pop() {
                if let Job::Record(recording) = job {
                    self.recordings.push(*recording);
                }
            }
            self.recordings
                .retain_mut(|recording| !recording.advance(&mut buffer, stopping));
            if stopping {
                return;
            }
            if self.recordings.is_empty() {
                thread::park();
            } else {
                thread::park_timeout(WRITE_INTERVAL);
            }
        }
    }
}

/// One file being written.
struct Recording {
    file: File,
    source: RecorderSource,
    /// Samples in the file.
    written: u64,
    /// Samples that the header tells of.
    in_header: u64,
    failed: bool,
    done: Option<RecordingDone>,
}

impl Recording {
    /// Writes what has come; returns whether the recording has ended. `stopping` ends it.
    fn advance(&mut self, buffer: &mut [i16], stopping: bool) -> bool {
        let closed = self.source.is_closed() || stopping;
        loop {
            let count = self.source.read(buffer);
            if count == 0 {
                break;
            }
            self.append(&buffer[..count]);
        }
        let second = u64::from(self.source.sample_rate());
        if self.written > self.in_header && (closed || self.written - self.in_header >= second) {
            self.write_header();
        }
        if closed && let Some(done) = self.done.take() {
            done(RecordingEnded {
                length: recorder::duration_of(self.written, self.source.sample_rate()),
                lost: self.source.lost(),
                complete: !self.failed,
            });
        }
        closed
    }

    /// After a failed write nothing more is written, so that the file stays consistent; the
    /// samples are still taken from the ring.
    fn append(&mut self, samples: &[i16]) {
        if self.failed {
            return;
        }
        let mut bytes = Vec::with_capacity(samples.len() * 2);
        wav::append_samples(samples, &mut bytes);
        match self.file.write_all(&bytes) {
            Ok(()) => self.written += samples.len() as u64,
            Err(error) => self.fail(&error),
        }
    }

    fn write_header(&mut self) {
        // A header cannot tell of more than 4 GiB; readers then go by the length of the file.
        let data_bytes = u32::try_from(self.written * 2).unwrap_or(u32::MAX);
        let header = wav::header(self.source.sample_rate(), data_bytes);
        let written = self
            .file
            .seek(SeekFrom::Start(0))
            .and_then(|_| self.file.write_all(&header))
            .and_then(|()| self.file.seek(SeekFrom::End(0)));
        match written {
            Ok(_) => self.in_header = self.written,
            Err(error) => self.fail(&error),
        }
    }

    fn fail(&mut self, error: &io::Error) {
        if !self.failed {
            tracing::error!(%error, "a recording cannot be written");
        }
        self.failed = true;
    }
}

/// Jobs that may wait. Far more than the streams that end within one wake-up.
const QUEUE_LENGTH: usize = 1_024;
/// How often a running recording is written out; a small part of what its ring holds.
const WRITE_INTERVAL: Duration = Duration::from_millis(100);
/// Samples read from a ring at once.
const READ_SAMPLES: usize = 4_096;

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    fn record(io: &FileIo, path: &Path) -> (Box<RecorderSink>, mpsc::Receiver<RecordingEnded>) {
        let (ended, receiver) = mpsc::channel();
        let done = Box::new(move |end| ended.send(end).unwrap());
        (io.record(path, 8_000, None, done).unwrap(), receiver)
    }

    #[test]
    fn a_recording_is_a_wav_file_of_its_samples() {
        let thread = FileThread::start().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        let (mut sink, ended) = record(thread.io(), &path);
        let samples: Vec<i16> = (0..4_000).map(|n| n * 3 - 6_000).collect();
        sink.write(&samples);
        drop(sink);
        thread.io().wake();
        let end = ended.recv_timeout(PATIENCE).unwrap();
        assert_eq!(end.length, Duration::from_millis(500));
        assert!(end.complete && end.lost.is_zero());
        let mut reader = hound::WavReader::open(&path).unwrap();
        assert_eq!(reader.spec().sample_rate, 8_000);
        assert_eq!(
            reader
                .samples::<i16>()
                .map(Result::unwrap)
                .collect::<Vec<_>>(),
            samples
        );
    }

    #[test]
    fn stopping_finishes_running_recordings() {
        let thread = FileThread::start().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (mut sink, ended) = record(thread.io(), &folder.path().join("b.wav"));
        sink.write(&[1; 800]);
        drop(thread);
        assert_eq!(
            ended.recv_timeout(PATIENCE).unwrap().length,
            Duration::from_millis(100)
        );
        assert!(sink.is_finished());
    }

    #[test]
    fn a_file_that_cannot_be_begun_is_refused() {
        let full = Path::new("/dev/full");
        if !full.exists() {
            return;
        }
        let thread = FileThread::start().unwrap();
        let (ended, receiver) = mpsc::channel();
        let refused = thread.io().record(
            full,
            8_000,
            None,
            Box::new(move |end| ended.send(end).unwrap()),
        );
        assert!(refused.is_err());
        assert!(receiver.recv_timeout(PATIENCE).is_err());
    }
}
