use std::error::Error;
use std::fmt::{self, Debug};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use tracing::Level;

use super::*;
use crate::decimal::SocketText;

/// What a layer writes: each line in one piece.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<String>>>);

impl Write for Written {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8(line.to_vec()).unwrap();
        self.0.lock().unwrap().push(text);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Written {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Written {
    /// The lines without their times, which are not of the same instant.
    fn lines(&self) -> Vec<String> {
        let lines = self.0.lock().unwrap();
        // What the library says of its own troubles has no time.
        let behind_time = |line: &String| match line.split_once('Z') {
            Some((_, rest)) => rest.to_owned(),
            None => line.clone(),
        };
        lines.iter().map(behind_time).collect()
    }
}

/// How lines are written.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Style {
    Plain,
    Coloured,
    Json,
}

/// Logs to the library's format and to ours at once, and returns what both wrote.
fn both(style: Style, log: impl FnOnce()) -> (Vec<String>, Vec<String>) {
    let (theirs, ours) = (Written::default(), Written::default());
    let library = tracing_subscriber::fmt::layer()
        .with_writer(theirs.clone())
        .log_internal_errors(true);
    let colours = style == Style::Coloured;
    let subscriber: Box<dyn Subscriber + Send + Sync> = if style == Style::Json {
        let library = library.json().flatten_event(true);
        Box::new(
            Registry::default()
                .with(library)
                .with(json_lines(ours.clone())),
        )
    } else {
        let library = library.with_ansi(colours);
        Box::new(
            Registry::default()
                .with(library)
                .with(text_lines(ours.clone(), colours)),
        )
    };
    tracing::subscriber::with_default(subscriber, log);
    (theirs.lines(), ours.lines())
}

#[derive(Debug, thiserror::Error)]
#[error("outer \u{1b}[31m\n{text}")]
struct Outer {
    text: String,
    #[source]
    source: io::Error,
}

/// Every kind of value, in spans and lines, with `text` wherever there can be text.
fn log_everything(text: &str) {
    let error = Outer {
        text: text.to_owned(),
        source: io::Error::other(text.to_owned()),
    };
    let plain = io::Error::other(text.to_owned());
    let (error, plain): (&dyn Error, &dyn Error) = (&error, &plain);
    let socket: SocketAddr = "192.0.2.1:5060".parse().unwrap();
    tracing::info!("outside of spans");
    tracing::info!("{text}");
    tracing::info!(message = text);
    tracing::info!(message = %text, after = 1);
    tracing::info!(text);
    tracing::info!(first = text, "{text}");
    tracing::info!("log.hidden" = text, "log.number" = 7_u64, shown = text);
    tracing::info!(r#type = text, r#match = 4_u64, r#if = ?text, "raw names");
    let outer = tracing::error_span!("outer", call_id = text, session = %text);
    let _outer = outer.enter();
    tracing::trace!(own = ?text, debug = ?Some(text), lines = %text, "at trace");
    tracing::debug!(error, "with an error");
    tracing::debug!(plain, "with an error");
    tracing::debug!(error);
    tracing::warn!(message = error);
    {
        let empty = tracing::info_span!("no fields").entered();
        tracing::error!("in a span without fields");
        let late = tracing::info_span!("late", number = tracing::field::Empty, text = text);
        let _late = late.enter();
        late.record("number", 17_u64);
        tracing::warn!(from = %SocketText(socket), to = %socket, "in three spans");
        late.record("number", text);
        late.record("number", tracing::field::debug(error));
        tracing::info!(parent: &outer, "with a parent of its own");
        tracing::info!(parent: None, text, "with none");
        tracing::info!(parent: &empty, text, "with another");
    }
    tracing::info!(
        zero = 0_u64,
        most = u64::MAX,
        least = i64::MIN,
        wide = u128::MAX,
        minus = i128::MIN,
        half = 0.5_f64,
        whole = 3.0_f64,
        tiny = 1e-300_f64,
        not = f64::NAN,
        infinite = f64::INFINITY,
        yes = true,
        byte = 7_u8,
        small = -1_i8,
        bytes = text.as_bytes(),
        none = None::<u64>,
        some = Some(text),
        "values {}",
        7
    );
    tracing::info!(target: "dsm", text, "a target of its own");
    tracing::event!(target: "log", Level::INFO, text, "a target that the library knows");
}

#[test]
fn lines_are_those_of_the_library() {
    for style in [Style::Plain, Style::Coloured, Style::Json] {
        for text in [
            "",
            "yfe3byayq6z7rffa",
            "1997.18ea3df5b70a54b3@127.0.0.1",
            "a\"quoted\" and \\ and 'single'",
            "a\r\nforged: line\n",
            "\u{1b}[31mred\u{7}\u{8}\u{c}\u{7f}\u{9b}1m\u{0}",
            "ünïcödé \u{301}\u{200b}\u{2028}\u{feff} \u{10ffff} 你好",
        ] {
            let (theirs, ours) = both(style, || log_everything(text));
            assert!(theirs.len() > 20, "{theirs:?}");
            assert_eq!(ours, theirs, "{text:?}, {style:?}");
        }
    }
}

/// Fails as soon as it is written.
struct Unwritable;

impl Debug for Unwritable {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Err(fmt::Error)
    }
}

#[test]
fn what_cannot_be_written_is_left_out_as_by_the_library() {
    let (theirs, ours) = both(Style::Plain, || {
        tracing::info!(bad = ?Unwritable, "left out");
        tracing::info!("after it");
    });
    assert_eq!(ours, theirs);
}

#[test]
fn a_line_begins_with_its_time_and_level() {
    let written = Written::default();
    let subscriber = subscriber(LogFormat::Text, LevelFilter::INFO, false, written.clone());
    tracing::subscriber::with_default(subscriber, || {
        tracing::info!("begun");
        tracing::debug!("not this");
    });
    let lines = written.0.lock().unwrap();
    let (time, rest) = lines[0].split_at(27);
    assert!(time.starts_with("20") && time.ends_with('Z'), "{time}");
    assert_eq!(rest, format!("  INFO {}: begun\n", module_path!()));
    assert_eq!(lines.len(), 1);
}

#[test]
fn json_lines_are_objects_with_the_fields_at_the_top() {
    let (queue, entries) = sync_channel(2);
    let writer = LineQueue {
        queue,
        lost: Arc::default(),
    };
    let filter = EnvFilter::new("info");
    let subscriber = subscriber(LogFormat::Json, filter, false, writer);
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
    let writer = LineQueue {
        queue,
        lost: Arc::clone(&lost),
    };
    for line in ["one\n", "two\n", "three\n", "four\n"] {
        (&writer).write_all(line.as_bytes()).unwrap();
    }
    drop(writer);
    let mut out = Vec::new();
    write_lines(&entries, &lost, &mut out, Duration::ZERO);
    let expected = "one\ntwo\n2 log lines lost: standard error is too slow\n";
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn nobody_writes_lines_of_their_own_into_the_log() {
    let forged =
        "hello\r\n2026-01-01T00:00:00Z  WARN auth: authentication failed from 192.0.2.1: x\n";
    for colours in [false, true] {
        let (queue, entries) = sync_channel(8);
        let lost = Arc::default();
        let layer = text_lines(LineQueue { queue, lost }, colours);
        tracing::subscriber::with_default(Registry::default().with(layer), || {
            tracing::info!(target: "dsm", "{forged}");
            tracing::info!(said = %forged, "heard");
        });
        let mut out = Vec::new();
        write_lines(&entries, &AtomicU64::new(0), &mut out, Duration::ZERO);
        let text = String::from_utf8(out).unwrap();
        let forged = |line: &&str| !line.starts_with("    | ") && line.contains("WARN");
        assert_eq!(text.lines().filter(forged).count(), 0, "{text}");
        assert_eq!(text.matches("hello\\r\n    | 2026").count(), 2, "{text}");
    }
}

#[test]
fn the_end_of_the_process_waits_for_the_last_line() {
    let (queue, entries) = sync_channel(2);
    let lost = Arc::new(AtomicU64::new(0));
    let writer = LineQueue {
        queue: queue.clone(),
        lost: Arc::clone(&lost),
    };
    let guard = LogGuard { queue };
    (&writer).write_all(b"last\n").unwrap();
    drop(writer);
    let log = thread::spawn(move || {
        let mut out = Vec::new();
        write_lines(&entries, &lost, &mut out, Duration::ZERO);
        out
    });
    drop(guard);
    assert_eq!(log.join().unwrap(), b"last\n");
}

proptest! {
    #[test]
    fn any_text_is_written_as_by_the_library(text in any::<String>()) {
        for style in [Style::Plain, Style::Json] {
            let (theirs, ours) = both(style, || log_everything(&text));
            prop_assert_eq!(ours, theirs);
        }
    }
}
