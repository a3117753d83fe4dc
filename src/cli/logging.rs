//! Log lines to standard error, in text or JSON, written by a thread of their own.
//!
//! Who logs only puts a line into a bounded queue. If standard error is slow (a full pipe, a paused
//! terminal) lines are lost and their number is told later; calls never wait for it.

mod json;
mod text;
mod time;

use std::env;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::Duration;

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use self::json::JsonLines;
use self::text::{TextFields, TextLines};
use self::time::write_time;
use crate::config::{Log, LogFormat, LogLevel};

/// Lines that may wait for standard error.
const QUEUE_LINES: usize = 4096;
/// How long the end of the process waits for the last lines.
const FLUSH: Duration = Duration::from_secs(1);
/// Between two lines of one message.
const CONTINUED: &[u8] = b"\n    | ";
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
    let colours = io::stderr().is_terminal();
    let level = level_filter(log.level);
    let subscriber = match env::var(EnvFilter::DEFAULT_ENV) {
        Ok(directives) if !directives.is_empty() => {
            let filter = EnvFilter::builder().with_default_directive(level.into());
            let filter = filter.parse_lossy(directives);
            subscriber(log.format, filter, colours, writer)
        }
        // A level alone is far less work for every span and line.
        _ => subscriber(log.format, level, colours, writer),
    };
    // Another subscriber can only be there already in a test, which then keeps its own.
    let _ = tracing::subscriber::set_global_default(subscriber);
    Ok(LogGuard { queue })
}

fn subscriber<W>(
    format: LogFormat,
    filter: impl Layer<Registry> + Send + Sync,
    colours: bool,
    writer: W,
) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filtered = Registry::default().with(filter);
    match format {
        LogFormat::Text => Box::new(filtered.with(text_lines(writer, colours))),
        LogFormat::Json => Box::new(filtered.with(json_lines(writer))),
    }
}

fn text_lines<S, W>(writer: W, colours: bool) -> impl Layer<S> + Send + Sync
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_ansi(colours)
        .fmt_fields(TextFields::default())
        .event_format(TextLines::default())
        .log_internal_errors(true)
}

fn json_lines<S, W>(writer: W) -> impl Layer<S> + Send + Sync
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .fmt_fields(JsonFields::new())
        .event_format(JsonLines)
        .log_internal_errors(true)
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

/// Whether a string is quoted as it is, in text as in JSON: nothing in it is escaped.
fn is_plain(text: &str) -> bool {
    // Without a way out before the end, so that many bytes are looked at together.
    text.bytes().fold(true, |plain, byte| {
        plain & matches!(byte, b' '..=b'~') & (byte != b'"') & (byte != b'\\')
    })
}

/// Whether a string is nothing but ASCII that a terminal shows.
fn is_printable(text: &str) -> bool {
    text.bytes()
        .fold(true, |shown, byte| shown & matches!(byte, b' '..=b'~'))
}

enum Entry {
    Line(Vec<u8>),
    /// Everything before it is written when the sender is dropped.
    Flush(SyncSender<()>),
}

/// The end of the queue at which lines go in. One `write` is one line.
struct LineQueue {
    queue: SyncSender<Entry>,
    lost: Arc<AtomicU64>,
}

impl<'a> MakeWriter<'a> for LineQueue {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

impl Write for &LineQueue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Err(TrySendError::Full(_)) = self.queue.try_send(Entry::Line(marked(line))) {
            self.lost.fetch_add(1, Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// `line` with its further lines marked as such: a diagram may log what a peer wrote, and nobody outside begins
/// lines of our log, which programs act on.
fn marked(line: &[u8]) -> Vec<u8> {
    let text = line.strip_suffix(b"\n").unwrap_or(line);
    if memchr::memchr2(b'\r', b'\n', text).is_none() {
        return line.to_vec();
    }
    let mut marked = Vec::with_capacity(line.len() + 8 * CONTINUED.len());
    for byte in text {
        match byte {
            b'\r' => marked.extend_from_slice(b"\\r"),
            b'\n' => marked.extend_from_slice(CONTINUED),
            byte => marked.push(*byte),
        }
    }
    marked.push(b'\n');
    marked
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
mod tests;
