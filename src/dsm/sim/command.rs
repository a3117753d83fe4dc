//! The lines a user types at the simulator.

use std::time::Duration;

use super::super::event::{Event, EventKind};
use super::super::registry::Registry;
use super::super::testing::expect::{
    Assertion, BadLineCause, kind_of, parse_assertion, parse_event,
};
use super::super::testing::{Fact, assignment};
use super::event_names;
use crate::suggest::closest;

/// Longest time of one `wait`.
const LONGEST_WAIT: Duration = Duration::from_secs(7 * 86_400);

/// One line, understood.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Nothing, or a comment.
    Nothing,
    Events(Vec<Event>),
    Wait(Duration),
    Set(String, String),
    Fact(Fact),
    Vars(String),
    State,
    Where,
    Timers,
    Playlist,
    Expect(Assertion),
    Undo,
    History,
    Reload,
    Save(String),
    Help,
    Quit,
}

/// A line that is no command.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The first word is neither a command nor an event.
    #[error("unknown command or event '{word}'; {}", did_you_mean(near.as_deref()))]
    Unknown {
        /// The word.
        word: String,
        /// A known one that resembles it.
        near: Option<String>,
    },
    /// The command is known, what follows it is not right.
    #[error("expected {0}")]
    Expected(&'static str),
    /// What `.expect` files have too, is not as it has to be there.
    #[error(transparent)]
    Line(#[from] BadLineCause),
}

fn did_you_mean(near: Option<&str>) -> String {
    match near {
        Some(near) => format!("did you mean '{near}'?"),
        None => "'help' lists them".to_owned(),
    }
}

/// The commands that are no events, as `help` and completion show them.
pub const COMMANDS: &[(&str, &str)] = &[
    ("keys", "keys 1234#          press keys one after the other"),
    (
        "wait",
        "wait 5s             let time pass (ms, s, m): timers fire, the playlist plays",
    ),
    ("state", "state               the current state"),
    (
        "where",
        "where               the lines of the state and of its transitions",
    ),
    ("vars", "vars [PREFIX]       variables"),
    ("timers", "timers              timers that run"),
    ("playlist", "playlist            what is played"),
    ("set", "set $x=1            set a variable now"),
    (
        "var",
        "var x=1             set a variable before the start, and replay",
    ),
    (
        "missing",
        "missing x.wav       this file cannot be played or recorded; replays",
    ),
    ("prompt", "prompt NAME [SET]   this prompt exists; replays"),
    (
        "promptset",
        "promptset NAME      this prompt set exists; replays",
    ),
    (
        "session",
        "session ID          postEvent reaches this session; replays",
    ),
    (
        "member",
        "member GROUP ID     this session is in the group; replays",
    ),
    (
        "fail",
        "fail NAME|DI [HOW]  this action of a module fails, or all DI calls; replays",
    ),
    (
        "skip",
        "skip NAME           this action of a loaded module does not run; replays",
    ),
    (
        "holds",
        "holds NAME [false]  this condition of a module holds; replays",
    ),
    (
        "expect",
        "expect state NAME   or $x VALUE, $x unset, #x VALUE, stopped true, problem TEXT",
    ),
    (
        "startup",
        "startup             begin without a call, as a system diagram does",
    ),
    ("undo", "undo                take the last thing back"),
    ("history", "history             what happened so far"),
    (
        "reload",
        "reload              read the diagram again and replay",
    ),
    ("save", "save FILE.expect    keep what was done as a test"),
    ("on", ""),
    ("help", "help                this list"),
    ("quit", "quit                leave"),
];

/// Reads a line. Its event may be one of a module that `registry` has.
///
/// # Errors
/// [`CommandError`]
pub fn parse(line: &str, registry: &Registry) -> Result<Command, CommandError> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(Command::Nothing);
    }
    let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim();
    let text = |expected| match rest {
        "" => Err(CommandError::Expected(expected)),
        text => Ok(text.to_owned()),
    };
    Ok(match word {
        "keys" => Command::Events(keys(rest)?),
        "wait" => Command::Wait(duration(rest)?),
        "set" => {
            let expected = CommandError::Expected("$name=value");
            let (name, value) = assignment(rest).ok_or(expected)??;
            Command::Set(name, value)
        }
        "vars" => Command::Vars(rest.trim_start_matches('$').to_owned()),
        "state" => Command::State,
        "where" => Command::Where,
        "timers" => Command::Timers,
        "playlist" => Command::Playlist,
        "expect" => Command::Expect(parse_assertion(rest)?),
        "undo" => Command::Undo,
        "history" => Command::History,
        "reload" if rest.is_empty() => Command::Reload,
        "save" => Command::Save(text("a file")?),
        "help" | "?" => Command::Help,
        "quit" | "exit" => Command::Quit,
        "on" => Command::Events(vec![event(rest, registry)?]),
        _ => match Fact::parse(word, rest) {
            Some(fact) => Command::Fact(fact?),
            None => Command::Events(vec![event(line, registry)?]),
        },
    })
}

/// A line that is an event: `key 1`, `timer`, `event a=1 b="x y"`.
pub fn event(line: &str, registry: &Registry) -> Result<Event, CommandError> {
    let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let Some(kind) = kind_of(word, registry) else {
        let events = registry.events_beside(word).map(|event| event.name);
        let events = event_names().chain(events);
        let known = COMMANDS.iter().map(|(name, _)| *name).chain(events);
        return Err(CommandError::Unknown {
            word: word.to_owned(),
            near: closest(word, known).map(str::to_owned),
        });
    };
    match short_param(kind, rest.trim())? {
        Some((name, value)) => Ok(Event::new(kind).with(name, value)),
        None => Ok(parse_event(line, registry)?),
    }
}

/// The one parameter of `key 1`, `timer 1`, `separator 1` and `system User1`; what `noAudio` means.
fn short_param(
    kind: EventKind,
    text: &str,
) -> Result<Option<(&'static str, String)>, CommandError> {
    if text.contains('=') {
        return Ok(None);
    }
    match kind {
        EventKind::NoAudio if text.is_empty() => Ok(Some(("type", "noAudio".to_owned()))),
        _ if text.is_empty() => Ok(None),
        EventKind::Key => match key_number(text) {
            Some(number) => Ok(Some(("key", number.to_string()))),
            None => Err(CommandError::Expected("a key: 0-9 * # A-D")),
        },
        EventKind::Timer | EventKind::Separator if text.parse::<u32>().is_ok() => {
            Ok(Some(("id", text.to_owned())))
        }
        EventKind::Timer | EventKind::Separator => Err(CommandError::Expected("a number")),
        EventKind::System => Ok(Some(("type", text.to_owned()))),
        _ => Ok(None),
    }
}

/// The number of a key, 0..=15.
fn key_number(text: &str) -> Option<u32> {
    let mut letters = text.chars();
    match (letters.next()?, letters.next()) {
        ('*', None) => Some(10),
        ('#', None) => Some(11),
        (letter @ ('A'..='D' | 'a'..='d'), None) => {
            Some(12 + letter.to_ascii_uppercase() as u32 - 'A' as u32)
        }
        _ => text.parse().ok().filter(|number| *number <= 15),
    }
}

fn keys(text: &str) -> Result<Vec<Event>, CommandError> {
    let expected = CommandError::Expected("keys: 0-9 * # A-D");
    let pressed: Option<Vec<u32>> = text
        .chars()
        .filter(|key| !key.is_whitespace())
        .map(|key| key_number(&key.to_string()))
        .collect();
    match pressed {
        Some(keys) if !keys.is_empty() => {
            let press = |key: u32| Event::new(EventKind::Key).with("key", key.to_string());
            Ok(keys.into_iter().map(press).collect())
        }
        _ => Err(expected),
    }
}

fn duration(text: &str) -> Result<Duration, CommandError> {
    let expected = CommandError::Expected("a time of a week or less, such as 5s, 200ms or 2m");
    let unit_at = text
        .find(|c: char| c.is_ascii_alphabetic())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let seconds = match unit {
        "ms" => 0.001,
        "s" | "" => 1.0,
        "m" => 60.0,
        _ => return Err(expected),
    };
    let number: f64 = number.trim().parse().map_err(|_| expected.clone())?;
    Duration::try_from_secs_f64(number * seconds)
        .ok()
        .filter(|time| *time <= LONGEST_WAIT)
        .ok_or(expected)
}
