use std::path::Path;
use std::sync::mpsc;

use super::*;
use crate::audio::recording::WavEncoding;

const PATIENCE: Duration = Duration::from_secs(20);

fn request(path: &Path) -> RecordingRequest {
    RecordingRequest {
        path: path.to_owned(),
        format: FileFormat::Wav(WavEncoding::Pcm16),
        sample_rate: 8_000,
        sides: Sides::Peer,
        limit: None,
        silence: None,
        trim: false,
    }
}

fn done() -> (RecordingDone, mpsc::Receiver<RecordingEnded>) {
    let (ended, receiver) = mpsc::channel();
    (Box::new(move |end| ended.send(end).unwrap()), receiver)
}

fn record(io: &FileIo, path: &Path) -> (Box<RecorderSink>, mpsc::Receiver<RecordingEnded>) {
    let (done, ended) = done();
    (io.record(request(path), done).unwrap(), ended)
}

/// A disk that takes nothing until it is let go, and no more than so many blocks.
struct Disk {
    gate: mpsc::Receiver<()>,
    room: usize,
    blocks: mpsc::Sender<usize>,
}

impl Storage for Disk {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if offset == 0 {
            return Ok(());
        }
        self.gate.recv_timeout(PATIENCE).unwrap();
        if self.room == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.room -= 1;
        // The test may have seen enough.
        let _ = self.blocks.send(bytes.len());
        Ok(())
    }

    fn set_len(&mut self, _: u64) -> io::Result<()> {
        Ok(())
    }
}

fn disk(room: usize) -> (Box<Disk>, mpsc::Sender<()>, mpsc::Receiver<usize>) {
    let (open, gate) = mpsc::channel();
    let (blocks, written) = mpsc::channel();
    (Box::new(Disk { gate, room, blocks }), open, written)
}

/// A disk on which everything fails that is not foreseen.
struct Faulty;

impl Storage for Faulty {
    fn write_at(&mut self, offset: u64, _: &[u8]) -> io::Result<()> {
        assert_eq!(offset, 0, "a fault on purpose");
        Ok(())
    }

    fn set_len(&mut self, _: u64) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_fault_ends_the_recording_and_no_other() {
    let thread = FileThread::start().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (mut other, other_ended) = record(thread.io(), &folder.path().join("other.wav"));
    let (done, ended) = done();
    let request = request(Path::new("faulty.wav"));
    let mut sink = thread
        .io()
        .record_to(Box::new(Faulty), request, done)
        .unwrap();
    sink.write(800, Some(&[1; 800]), None);
    let end = ended.recv_timeout(PATIENCE).unwrap();
    assert_eq!((end.cause, end.complete), (EndCause::Disk, false));
    other.write(800, Some(&[1; 800]), None);
    drop(other);
    thread.io().wake();
    let end = other_ended.recv_timeout(PATIENCE).unwrap();
    assert!(end.complete);
    assert_eq!(end.length, Duration::from_millis(100));
}

#[test]
fn a_recording_is_a_wav_file_of_its_samples() {
    let thread = FileThread::start().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.wav");
    let (mut sink, ended) = record(thread.io(), &path);
    let samples: Vec<i16> = (0..4_000).map(|n| n * 3 - 6_000).collect();
    sink.write(4_000, Some(&samples), None);
    drop(sink);
    thread.io().wake();
    let end = ended.recv_timeout(PATIENCE).unwrap();
    assert_eq!(end.length, Duration::from_millis(500));
    assert_eq!(end.cause, EndCause::Stopped);
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
    sink.write(800, Some(&[1; 800]), None);
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
    let (done, receiver) = done();
    assert!(thread.io().record(request(full), done).is_err());
    assert!(receiver.recv_timeout(PATIENCE).is_err());
}

#[test]
fn a_disk_that_stalls_costs_the_recording_a_part_and_the_call_nothing() {
    let thread = FileThread::start().unwrap();
    let (storage, open, written) = disk(usize::MAX);
    let (done, ended) = done();
    let mut sink = thread
        .io()
        .record_to(storage, request(Path::new("slow.wav")), done)
        .unwrap();
    let mut taken = 0;
    // The file thread is stuck in its first write, and the media thread is not.
    for _ in 0..250 {
        sink.write(160, None, None);
        taken += 160;
    }
    (0..20).for_each(|_| open.send(()).unwrap());
    drop(sink);
    thread.io().wake();
    let end = ended.recv_timeout(PATIENCE).unwrap();
    assert!(end.complete);
    assert!(end.lost >= Duration::from_secs(2), "{:?}", end.lost);
    let bytes: usize = written.try_iter().sum();
    let lost = (end.lost.as_secs_f64() * 8_000.0).round() as usize;
    assert_eq!(bytes / 2 + lost, taken);
    assert_eq!(end.length, recorder::duration_of(bytes as u64 / 2, 8_000));
}

#[test]
fn a_disk_that_is_full_ends_the_recording_at_once() {
    let thread = FileThread::start().unwrap();
    let (storage, open, written) = disk(1);
    let (done, ended) = done();
    let mut sink = thread
        .io()
        .record_to(storage, request(Path::new("full.wav")), done)
        .unwrap();
    let meter = sink.meter();
    (0..2).for_each(|_| open.send(()).unwrap());
    sink.write(8_000, None, None);
    assert_eq!(written.recv_timeout(PATIENCE), Ok(16_000));
    while !sink.is_finished() {
        sink.write(160, None, None);
        thread.io().wake();
        thread::yield_now();
    }
    let end = ended.recv_timeout(PATIENCE).unwrap();
    assert_eq!((end.cause, end.complete), (EndCause::Disk, false));
    assert_eq!(end.length, Duration::from_secs(1));
    assert_eq!(meter.length(), Duration::from_secs(1));
}

#[test]
fn a_real_disk_that_is_full_ends_the_recording_too() {
    let full = Path::new("/dev/full");
    if !full.exists() {
        return;
    }
    let thread = FileThread::start().unwrap();
    let (done, ended) = done();
    /// Full from the second write on.
    struct Filling(File, usize);
    impl Storage for Filling {
        fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
            self.1 += 1;
            match self.1 {
                1 => Ok(()),
                _ => self.0.write_all_at(bytes, offset),
            }
        }
        fn set_len(&mut self, length: u64) -> io::Result<()> {
            File::set_len(&self.0, length)
        }
    }
    let file = File::options().write(true).open(full).unwrap();
    let mut sink = thread
        .io()
        .record_to(Box::new(Filling(file, 0)), request(full), done)
        .unwrap();
    sink.write(8_000, None, None);
    drop(sink);
    thread.io().wake();
    let end = ended.recv_timeout(PATIENCE).unwrap();
    assert_eq!((end.cause, end.complete), (EndCause::Disk, false));
    assert_eq!(end.length, Duration::ZERO);
}

#[test]
fn a_thousand_recordings_lose_nothing() {
    let thread = FileThread::start().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut sinks: Vec<_> = (0..1_000)
        .map(|n| record(thread.io(), &folder.path().join(format!("{n}.wav"))))
        .collect();
    let frame: Vec<i16> = (0..160).collect();
    // Two seconds, as fast as the rings are emptied.
    for _ in 0..100 {
        for (sink, _) in &mut sinks {
            while sink.room() < frame.len() {
                thread.io().wake();
                thread::yield_now();
            }
            sink.write(frame.len(), Some(&frame), None);
        }
    }
    for (sink, ended) in sinks {
        drop(sink);
        thread.io().wake();
        let end = ended.recv_timeout(PATIENCE).unwrap();
        assert!(end.complete && end.lost.is_zero());
        assert_eq!(end.length, Duration::from_secs(2));
    }
}

#[test]
fn a_disk_that_hangs_does_not_keep_whoever_ends_the_thread() {
    let thread = FileThread::start().unwrap();
    let (storage, gate, _written) = disk(1);
    let (done, ended) = done();
    let mut sink = thread
        .io()
        .record_to(storage, request(Path::new("hung.wav")), done)
        .unwrap();
    sink.write(160, None, None);
    drop(sink);
    assert!(!thread.end(Instant::now() + Duration::from_millis(50)));
    // It does not wait either.
    drop(thread);
    assert!(ended.try_recv().is_err());
    drop(gate);
}

#[test]
fn the_end_of_the_thread_completes_recordings() {
    let folder = tempfile::tempdir().unwrap();
    let thread = FileThread::start().unwrap();
    let (_sink, ended) = record(thread.io(), &folder.path().join("a.wav"));
    assert!(thread.end(Instant::now() + PATIENCE));
    assert!(ended.try_recv().is_ok_and(|ended| ended.complete));
}
