//! `.expect` files: events for a diagram and the exact trace each has to give.
//!
//! Line based; blank lines and lines that begin with `#` do not count. Setup lines come first, then
//! blocks `on KIND param=value` with trace lines and assertions. The trace lines are what
//! [`TestHost`] records. This file reads the text; [`run`](super::run) runs it.
//! `docs/testing-diagrams.md` describes the format for its users.

use crate::dsm::condition::{event_kind, event_name, event_names};
use crate::dsm::event::{Event, EventKind};
use crate::dsm::registry::Registry;
use crate::dsm::value::Values;
use crate::suggest::closest;

use super::fact::Fact;
use super::host::TestHost;

/// A file longer than this is refused.
pub const MAX_BYTES: usize = 16 << 20;

/// One `.expect` file.
#[derive(Debug)]
pub struct Expectation {
    /// Whether the diagram has to be refused, and the line that says so (0: none does).
    pub(super) refused: (bool, usize),
    /// The diagram, relative to the folder of the file; `None`: the one of the same name.
    pub(super) program: Option<String>,
    /// Codes that have to be reported, with their lines.
    pub(super) lints: Vec<(usize, String)>,
    /// Further diagrams as (name, file).
    pub(super) diagrams: Vec<(String, String)>,
    pub(super) variables: Values,
    pub(super) host: TestHost,
    pub(super) blocks: Vec<Block>,
}

/// An event and what it has to do.
#[derive(Debug)]
pub struct Block {
    pub(super) line: usize,
    /// The line itself.
    pub(super) text: String,
    pub(super) event: Event,
    pub(super) trace: Vec<TraceLine>,
    pub(super) assertions: Vec<(usize, Assertion)>,
}

/// A line of the trace as the file has it.
#[derive(Clone, Debug)]
pub struct TraceLine {
    pub(super) line: usize,
    pub(super) text: String,
}

/// What has to hold once an event is processed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Assertion {
    /// `DIAGRAM/STATE` is current.
    State(String),
    /// A variable has this value, or does not exist.
    Variable(String, Option<String>),
    /// The same of a parameter of the event.
    Param(String, Option<String>),
    /// Whether the session was asked to stop.
    Stopped(bool),
    /// The engine complained, with this text among others.
    Problem(String),
}

/// A line that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {cause}")]
pub struct BadLine {
    /// Line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub cause: BadLineCause,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadLineCause {
    /// Before the first event.
    #[error("unknown setup word '{word}'; {}", suggestion(*.near, "expected a setup line or 'on EVENT'"))]
    UnknownSetup {
        /// As written.
        word: String,
        /// The closest known word.
        near: Option<&'static str>,
    },
    /// A setup line among the events.
    #[error("'{0}' is a setup line; it has to stand before the first 'on'")]
    SetupTooLate(&'static str),
    /// A trace line among the setup lines.
    #[error("a trace line before the first 'on'")]
    TraceTooEarly,
    /// The word behind a setup word.
    #[error("'{word}' needs {expected}")]
    BadSetup {
        /// The setup word.
        word: &'static str,
        /// What has to follow.
        expected: &'static str,
    },
    /// Behind `on`.
    #[error("unknown event '{kind}'; {}", suggestion(*.near, "expected the name of an event condition, such as key or timer, or of a loaded module's event"))]
    UnknownEvent {
        /// As written.
        kind: String,
        /// The closest known one.
        near: Option<&'static str>,
    },
    /// The first event starts the diagram, and only it.
    #[error("the first event has to be start, startup or reload, and no other may be")]
    NotTheStart,
    /// Some events have no parameter map.
    #[error("'{0}' events carry no parameters")]
    NoParameters(String),
    /// A parameter without value.
    #[error("'{0}' is no parameter; expected NAME=VALUE")]
    BadParameter(String),
    /// A value that ends too early or goes on too long.
    #[error("'{0}' is no value; one with blanks or quotes is a JSON string, as in \"a \\\"b\\\"\"")]
    BadValue(String),
    /// Too many variables.
    #[error("the values of this file are too large for one session")]
    TooManyValues,
    /// In a block.
    #[error("unknown trace word '{word}'; {}", suggestion(*.near, "expected T, S, R, A, L or X, or '=' and an assertion"))]
    UnknownTrace {
        /// As written.
        word: String,
        /// The closest known one.
        near: Option<&'static str>,
    },
    /// A trace word alone.
    #[error("nothing follows '{word}'; expected {expected}")]
    EmptyTrace {
        /// The trace word.
        word: &'static str,
        /// What has to follow.
        expected: &'static str,
    },
    /// Behind `=`.
    #[error(
        "'{0}' is no assertion; expected 'state DIAGRAM/STATE', 'stopped true', 'problem TEXT', '$NAME VALUE' or '#NAME VALUE'"
    )]
    BadAssertion(String),
    /// A refused diagram does not run.
    #[error("'load error' and events exclude each other: a refused diagram does not run")]
    RefusedWithEvents,
}

fn suggestion(near: Option<&str>, otherwise: &str) -> String {
    near.map_or_else(
        || otherwise.to_owned(),
        |near| format!("did you mean '{near}'?"),
    )
}

/// Setup words, and what has to follow each.
pub(super) const SETUP: &[(&str, &str)] = &[
    ("dialect", "sems, slides or ours"),
    ("load", "ok or error"),
    ("lint", "the code of a finding, such as unreachable-state"),
    ("program", "the path of a diagram"),
    ("diag", "a name and the path of a diagram"),
    ("var", "NAME=VALUE"),
    ("missing", "the path of an audio file"),
    ("prompt", "the name of a prompt, and perhaps of its set"),
    ("promptset", "the name of a prompt set"),
    ("session", "the id of a session"),
    (
        "member",
        "the name of a group and the id of a session in it",
    ),
    (
        "fail",
        "DI or the name of a module's action, such as conference.join; for files there is 'missing'",
    ),
    ("skip", "the name of a loaded module's action"),
    (
        "holds",
        "the name of a module's condition, such as sys.file_exists, and perhaps true or false",
    ),
];

/// Trace words, and what has to follow each.
const TRACE: &[(&str, &str)] = &[
    ("T", "the name of a transition"),
    ("S", "DIAGRAM/STATE"),
    ("R", "DIAGRAM/STATE"),
    ("A", "an action"),
    ("L", "a level and a text"),
    ("X", "the type of an exception"),
];

impl Expectation {
    /// Reads a file with events of the server.
    ///
    /// # Errors
    /// [`BadLine`] for the first line that cannot be read.
    pub fn parse(text: &str) -> Result<Self, BadLine> {
        Self::with_registry(text, &Registry::core())
    }

    /// The same with events of other modules as well.
    ///
    /// # Errors
    /// As [`Expectation::parse`].
    pub fn with_registry(text: &str, registry: &Registry) -> Result<Self, BadLine> {
        let mut expectation = Self {
            refused: (false, 0),
            program: None,
            lints: Vec::new(),
            diagrams: Vec::new(),
            variables: Values::new(),
            host: TestHost::default(),
            blocks: Vec::new(),
        };
        for (index, line) in text.lines().enumerate() {
            let text = line.trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let line = index + 1;
            let read = expectation.line(line, text, registry);
            read.map_err(|cause| BadLine { line, cause })?;
        }
        Ok(expectation)
    }

    /// The file of the diagram if the text names one; relative to the folder of the `.expect` file.
    pub fn program(&self) -> Option<&str> {
        self.program.as_deref()
    }

    fn line(&mut self, line: usize, text: &str, registry: &Registry) -> Result<(), BadLineCause> {
        let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let rest = rest.trim();
        if word == "on" {
            let block = self.block(line, text, parse_event(rest, registry)?)?;
            self.blocks.push(block);
            return Ok(());
        }
        let Some(block) = self.blocks.last_mut() else {
            return self.setup(line, word, rest);
        };
        if let Some(assertion) = text.strip_prefix('=') {
            let assertion = parse_assertion(assertion.trim())?;
            block.assertions.push((line, assertion));
            return Ok(());
        }
        check_trace(word, rest)?;
        let text = text.to_owned();
        block.trace.push(TraceLine { line, text });
        Ok(())
    }

    fn block(&self, line: usize, text: &str, event: Event) -> Result<Block, BadLineCause> {
        if event.kind.begins() != self.blocks.is_empty() {
            return Err(BadLineCause::NotTheStart);
        }
        if self.refused.0 {
            return Err(BadLineCause::RefusedWithEvents);
        }
        Ok(Block {
            line,
            text: text.to_owned(),
            event,
            trace: Vec::new(),
            assertions: Vec::new(),
        })
    }

    fn setup(&mut self, line: usize, word: &str, rest: &str) -> Result<(), BadLineCause> {
        let Some(&(word, expected)) = SETUP.iter().find(|(known, _)| *known == word) else {
            return Err(unknown_setup(word));
        };
        let bad = || BadLineCause::BadSetup { word, expected };
        if rest.is_empty() {
            return Err(bad());
        }
        if let Some(fact) = Fact::parse(word, rest) {
            return fact?
                .tell(&mut self.host, &mut self.variables)
                .map_err(|_| BadLineCause::TooManyValues);
        }
        match word {
            "dialect" if matches!(rest, "sems" | "slides" | "ours") => {}
            "load" if matches!(rest, "ok" | "error") => self.refused = (rest == "error", line),
            "lint" => self.lints.push((line, rest.to_owned())),
            "program" => self.program = Some(whole_value(rest)?),
            "diag" => {
                let (name, file) = value(rest)?;
                let file = whole_value(file.trim_start())?;
                if file.is_empty() {
                    return Err(bad());
                }
                self.diagrams.push((name, file));
            }
            _ => return Err(bad()),
        }
        Ok(())
    }
}

fn unknown_setup(word: &str) -> BadLineCause {
    if word.starts_with('=') || TRACE.iter().any(|(known, _)| *known == word) {
        return BadLineCause::TraceTooEarly;
    }
    let known = SETUP.iter().map(|(known, _)| *known).chain(["on"]);
    BadLineCause::UnknownSetup {
        near: closest(word, known),
        word: word.to_owned(),
    }
}

fn check_trace(word: &str, rest: &str) -> Result<(), BadLineCause> {
    if let Some(&(word, expected)) = TRACE.iter().find(|(known, _)| *known == word) {
        return match rest {
            "" => Err(BadLineCause::EmptyTrace { word, expected }),
            _ => Ok(()),
        };
    }
    if let Some((setup, _)) = SETUP.iter().find(|(known, _)| *known == word) {
        return Err(BadLineCause::SetupTooLate(setup));
    }
    let known = TRACE.iter().map(|(known, _)| *known).chain(["on"]);
    Err(BadLineCause::UnknownTrace {
        near: closest(word, known),
        word: word.to_owned(),
    })
}

/// The kind of event of this name: one of the server, or of a module that `registry` has.
pub fn kind_of(name: &str, registry: &Registry) -> Option<EventKind> {
    event_kind(name).or_else(|| {
        let mut events = registry.events_beside(name);
        let event = events.find(|event| event.name == name);
        event.map(EventKind::Module)
    })
}

/// Reads `KIND name=value name="value"`, as it stands behind `on`.
///
/// # Errors
/// What is wrong with it.
pub fn parse_event(text: &str, registry: &Registry) -> Result<Event, BadLineCause> {
    let (name, mut rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let Some(kind) = kind_of(name, registry) else {
        let events = registry.events_beside(name).map(|event| event.name);
        return Err(BadLineCause::UnknownEvent {
            near: closest(name, event_names().chain(events)),
            kind: name.to_owned(),
        });
    };
    let mut event = Event::new(kind);
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return Ok(event);
        }
        let Some(params) = &mut event.params else {
            return Err(BadLineCause::NoParameters(name.to_owned()));
        };
        let word = || rest.split_whitespace().next().unwrap_or("").to_owned();
        let (name, after) = rest
            .split_once('=')
            .filter(|(name, _)| !name.is_empty() && !name.contains(char::is_whitespace))
            .ok_or_else(|| BadLineCause::BadParameter(word()))?;
        let (value, after) = value(after)?;
        let stored = params.set(name, value);
        stored.map_err(|_| BadLineCause::TooManyValues)?;
        rest = after;
    }
}

/// An event as [`parse_event`] reads it.
pub fn event_words(event: &Event) -> String {
    let mut words = event_name(event.kind).unwrap_or("exception").to_owned();
    for (name, value) in event.params.iter().flat_map(Values::iter) {
        words += &format!(" {name}={}", written(value));
    }
    words
}

/// Reads what stands behind `=`.
///
/// # Errors
/// What is wrong with it.
pub fn parse_assertion(text: &str) -> Result<Assertion, BadLineCause> {
    let bad = || BadLineCause::BadAssertion(text.to_owned());
    let (what, value) = text.split_once(char::is_whitespace).ok_or_else(bad)?;
    let value = value.trim();
    let optional = || match value {
        "unset" => Ok(None),
        value => whole_value(value).map(Some),
    };
    if let Some(name) = what.strip_prefix('$') {
        return Ok(Assertion::Variable(name.to_owned(), optional()?));
    }
    if let Some(name) = what.strip_prefix('#') {
        return Ok(Assertion::Param(name.to_owned(), optional()?));
    }
    match (what, value) {
        ("state", _) => Ok(Assertion::State(value.to_owned())),
        ("problem", _) => Ok(Assertion::Problem(whole_value(value)?)),
        ("stopped", "true") => Ok(Assertion::Stopped(true)),
        ("stopped", "false") => Ok(Assertion::Stopped(false)),
        _ => Err(bad()),
    }
}

/// A value that nothing may follow.
pub(super) fn whole_value(text: &str) -> Result<String, BadLineCause> {
    match value(text)? {
        (value, "") => Ok(value),
        _ => Err(BadLineCause::BadValue(text.to_owned())),
    }
}

/// A bare word or a JSON string, and what follows it.
pub(super) fn value(text: &str) -> Result<(String, &str), BadLineCause> {
    if !text.starts_with('"') {
        let (value, rest) = text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()));
        return Ok((value.to_owned(), rest));
    }
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<String>();
    let bad = || BadLineCause::BadValue(text.to_owned());
    let value = values.next().and_then(Result::ok).ok_or_else(bad)?;
    let read = values.byte_offset();
    Ok((value, &text[read..]))
}

/// Whether these files can hold a variable or parameter of this name.
pub fn is_name(name: &str) -> bool {
    let separates = |c: char| c.is_whitespace() || c.is_control() || c == '=';
    !name.is_empty() && !name.starts_with('$') && !name.contains(separates)
}

/// A value as these files write it.
pub fn written(value: &str) -> String {
    let bare = !value.is_empty() && !value.contains(|c: char| c.is_whitespace() || c == '"');
    // A bare word cannot hold what a line ends at, nor be taken for "does not exist".
    if bare && value != "unset" && !value.contains(char::is_control) {
        return value.to_owned();
    }
    serde_json::json!(value).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        Expectation::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn a_line_that_cannot_be_read_says_what_was_expected() {
        let cases = [
            (
                "vra a=1",
                "line 1: unknown setup word 'vra'; did you mean 'var'?",
            ),
            (
                "\n# x\nxyzzy",
                "line 3: unknown setup word 'xyzzy'; expected a setup line",
            ),
            ("var a", "line 1: 'var' needs NAME=VALUE"),
            ("var a=b c", "'b c' is no value"),
            ("missing a b.wav", "'a b.wav' is no value"),
            ("load never", "'load' needs ok or error"),
            ("dialect", "'dialect' needs sems"),
            ("diag ask", "'diag' needs a name and the path"),
            ("prompt a b c", "'b c' is no value"),
            (
                "fail playFile",
                "'fail' needs DI or the name of a module's action",
            ),
            ("T \"x\"", "a trace line before the first 'on'"),
            ("on kye", "unknown event 'kye'; did you mean 'key'?"),
            ("on", "unknown event ''; expected the name"),
            ("on key", "the first event has to be start"),
            (
                "on start\non start",
                "line 2: the first event has to be start",
            ),
            ("on start a=1", "'start' events carry no parameters"),
            (
                "on start\non key key",
                "'key' is no parameter; expected NAME=VALUE",
            ),
            ("on start\non key key=\"a", "'\"a' is no value"),
            ("on start\nK \"x\"", "unknown trace word 'K'"),
            (
                "on start\nOn key",
                "unknown trace word 'On'; did you mean 'on'?",
            ),
            (
                "on start\nT",
                "nothing follows 'T'; expected the name of a transition",
            ),
            ("on start\nlint x", "'lint' is a setup line"),
            ("on start\n= stat main/A", "'stat main/A' is no assertion"),
            ("on start\n= stopped yes", "'stopped yes' is no assertion"),
            ("on start\n= $a", "'$a' is no assertion"),
            ("on start\n= $a b c", "'b c' is no value"),
            (
                "load error\non start",
                "'load error' and events exclude each other",
            ),
        ];
        for (text, expected) in cases {
            let error = error(text);
            assert!(error.contains(expected), "{text:?}: {error}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for value in [
            "", "a", "a b", "\"", "unset", "a\nb", "grün", "a=b", "\u{2028}", "\\",
        ] {
            let line = format!("on start\non event x={} y=1\n", written(value));
            let expectation = Expectation::parse(&line).unwrap();
            let params = expectation.blocks[1].event.params.as_ref().unwrap();
            assert_eq!((params.get("x"), params.get("y")), (Some(value), Some("1")));
        }
    }
}
