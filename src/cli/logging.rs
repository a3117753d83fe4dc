//! Log lines to standard error, in text or JSON, written by a thread of their own.
//!
//! Who logs only puts a line into a bounded queue. If standard error is slow (a full pipe, a paused
//! terminal) lines are lost and their number is told later; calls never wait for it.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::Duration;

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::config::{Log, LogFormat, LogLevel};

/// Lines that may wait for standard error.
const QUEUE_LINES: usize = 4096;
/// How long the end of the process waits for the last lines.
const FLUSH: Duration = Duration::from_secs(1);
/// Rest between two writes; how late a line may be.
const PAUSE: Duration = Duration::from_millis(20);

/// Writes what is still queued when it is dropped. Keep it until the process ends.
#[derive(Debug)]
pub struct LogGuard {
    queue: SyncSender<Entry>,
}

/// Starts to log as `log` says. The variable `RUST_LOG`, a filter such as
/// `warn,muleteer::session=debug`, replaces the level.
///
/// # Errors
///
/// The thread that writes could not be started.
pub fn start_logging(log: &Log) -> io::Result<LogGuard> {
    let (queue, entries) = sync_channel(QUEUE_LINES);
    let lost = Arc::new(AtomicU64::new(0));
    let writer = LineQueue {
        queue: queue.clone(),
        lost: Arc::clone(&lost),
    };
    thread::Builder::new()
        .name("log".to_owned())
        .spawn(move || write_lines(&entries, &lost, &mut io::stderr(), PAUSE))?;
    let filter = EnvFilter::builder()
        .with_default_directive(level_filter(log.level).into())
        .from_env_lossy();
    let colours = io::stderr().is_terminal();
    // Another subscriber can only be there already in a test, which then keeps its own.
    let _ = tracing::subscriber::set_global_default(subscriber(
        log.format,
        filter,
        colours,
        move || writer.clone(),
    ));
    Ok(LogGuard { queue })
}

fn subscriber<W>(
    format: LogFormat,
    filter: EnvFilter,
    colours: bool,
    writer: W,
) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer);
    match format {
        LogFormat::Text => Box::new(lines.with_ansi(colours).finish()),
        LogFormat::Json => Box::new(lines.json().flatten_event(true).finish()),
    }
}

fn level_filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}

enum Entry {
    Line(Vec<u8>),
    /// Everything before it is written when the sender is dropped.
    Flush(SyncSender<()>),
}

/// The end of the queue at which lines go in. One `write` is one line.
#[derive(Clone)]
struct LineQueue {
    queue: SyncSender<Entry>,
    lost: Arc<AtomicU64>,
}

impl Write for LineQueue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Err(TrySendError::Full(_)) = self.queue.try_send(Entry::Line(line.to_vec())) {
            self.lost.fetch_add(1, Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The log thread: ends when nobody can log any more.
///
/// Writes all lines that wait at once, then rests for `pause`: under load that is some fifty writes a
/// second instead of thousands, and whoever logs has nobody to wake.
fn write_lines(entries: &Receiver<Entry>, lost: &AtomicU64, out: &mut impl Write, pause: Duration) {
    let mut text = Vec::new();
    while let Ok(first) = entries.recv() {
        let mut flushed = Vec::new();
        for entry in std::iter::once(first).chain(entries.try_iter()) {
            match entry {
                Entry::Line(line) => text.extend_from_slice(&line),
                Entry::Flush(done) => flushed.push(done),
            }
        }
        let missing = lost.swap(0, Relaxed);
        if missing > 0 {
            let notice = format!("{missing} log lines lost: standard error is too slow\n");
            text.extend_from_slice(notice.as_bytes());
        }
        // Where the log fails there is nobody to tell.
        let _ = out.write_all(&text);
        text.clear();
        drop(flushed);
        thread::sleep(pause);
    }
}

impl Drop for LogGuard {
    fn drop(&mut self) {
        let (done, written) = sync_channel(0);
        if self.queue.try_send(Entry::Flush(done)).is_ok() {
            let _ = written.recv_timeout(FLUSH);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_lines_are_objects_with_the_fields_at_the_top() {
        let (queue, entries) = sync_channel(2);
        let writer = LineQueue {
            queue,
            lost: Arc::default(),
        };
        let filter = EnvFilter::new("info");
        let subscriber = subscriber(LogFormat::Json, filter, false, move || writer.clone());
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(call = "x", "answered");
            tracing::debug!("not this");
        });
        let mut out = Vec::new();
        write_lines(&entries, &AtomicU64::new(0), &mut out, Duration::ZERO);
        let line: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(
            (&line["level"], &line["call"]),
            (&"INFO".into(), &"x".into())
        );
    }

    #[test]
    fn a_full_queue_loses_lines_and_says_how_many() {
        let (queue, entries) = sync_channel(2);
        let lost = Arc::new(AtomicU64::new(0));
        let mut writer = LineQueue {
            queue,
            lost: Arc::clone(&lost),
        };
        for line in ["one\n", "two\n", "three\n", "four\n"] {
            writer.write_all(line.as_bytes()).unwrap();
        }
        drop(writer);
        let mut out = Vec::new();
        write_lines(&entries, &lost, &mut out, Duration::ZERO);
        let expected = "one\ntwo\n2 log lines lost: standard error is too slow\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn the_end_of_the_process_waits_for_the_last_line() {
        let (queue, entries) = sync_channel(2);
        let lost = Arc::new(AtomicU64::new(0));
        let mut writer = LineQueue {
            queue: queue.clone(),
            lost: Arc::clone(&lost),
        };
        let guard = LogGuard { queue };
        writer.write_all(b"last\n").unwrap();
        drop(writer);
        let log = thread::spawn(move || {
            let mut out = Vec::new();
            write_lines(&entries, &lost, &mut out, Duration::ZERO);
            out
        });
        drop(guard);
        assert_eq!(log.join().unwrap(), b"last\n");
    }
}
