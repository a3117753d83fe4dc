//! The lines a user types at the simulator.

use std::time::Duration;

use super::super::condition::event_kind;
use super::super::event::{Event, EventKind};
use super::event_names;
use crate::suggest::closest;

/// Longest time of one `wait`.
const LONGEST_WAIT: Duration = Duration::from_secs(7 * 86_400);

/// One line, understood.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Nothing, or a comment.
    Nothing,
    Events(Vec<Happening>),
    Wait(Duration),
    Set(String, String),
    Fact(Fact),
    Vars(String),
    State,
    Where,
    Timers,
    Playlist,
    Expect(Check),
    Undo,
    History,
    Reload,
    Save(String),
    Help,
    Quit,
}

/// An event and how an `.expect` file writes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Happening {
    pub event: Event,
    pub written: String,
}

/// What is true of the world from the start; a setup line of an `.expect` file.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    Variable(String, String),
    Missing(String),
    Prompt(String, String),
    PromptSet(String),
    Session(String),
}

/// What has to be so.
#[derive(Clone, Debug, PartialEq)]
pub enum Check {
    /// `STATE`, or `DIAGRAM/STATE`.
    State(String),
    /// `None`: does not exist.
    Variable(String, Option<String>),
    Param(String, Option<String>),
    Stopped(bool),
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
        "missing x.wav       this file cannot be opened; replays (also: fail playFile x.wav)",
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
        "expect",
        "expect state NAME   or $x VALUE, $x unset, #x VALUE, stopped true",
    ),
    ("undo", "undo                take the last event back"),
    ("history", "history             what happened so far"),
    (
        "reload",
        "reload              read the diagram again and replay",
    ),
    ("save", "save FILE.expect    keep what was done as a test"),
    ("fail", ""),
    ("on", ""),
    ("help", "help                this list"),
    ("quit", "quit                leave"),
];

/// Reads a line.
///
/// # Errors
/// [`CommandError`]
pub fn parse(line: &str) -> Result<Command, CommandError> {
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
            let (name, value) = assignment(rest)?;
            Command::Set(name, value)
        }
        "var" => {
            let (name, value) = assignment(rest)?;
            Command::Fact(Fact::Variable(name, value))
        }
        "missing" => Command::Fact(Fact::Missing(text("a path")?)),
        "fail" => match rest.split_once(char::is_whitespace) {
            Some(("playFile" | "playFileFront" | "recordFile", path)) => {
                Command::Fact(Fact::Missing(path.trim().to_owned()))
            }
            _ => return Err(CommandError::Expected("playFile or recordFile and a path")),
        },
        "prompt" => {
            let named = text("the name of a prompt")?;
            let (name, set) = named.split_once(' ').unwrap_or((&named, ""));
            Command::Fact(Fact::Prompt(name.to_owned(), set.trim().to_owned()))
        }
        "promptset" => Command::Fact(Fact::PromptSet(text("the name of a prompt set")?)),
        "session" => Command::Fact(Fact::Session(text("the id of a session")?)),
        "vars" => Command::Vars(rest.trim_start_matches('$').to_owned()),
        "state" => Command::State,
        "where" => Command::Where,
        "timers" => Command::Timers,
        "playlist" => Command::Playlist,
        "expect" => Command::Expect(check(rest)?),
        "undo" => Command::Undo,
        "history" => Command::History,
        "reload" if rest.is_empty() => Command::Reload,
        "save" => Command::Save(text("a file")?),
        "help" | "?" => Command::Help,
        "quit" | "exit" => Command::Quit,
        "on" => Command::Events(vec![happening(rest)?]),
        _ => Command::Events(vec![happening(line)?]),
    })
}

/// A line that is an event: `key 1`, `timer`, `event a=1 b="x y"`.
pub fn happening(line: &str) -> Result<Happening, CommandError> {
    let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let Some(kind) = event_kind(word) else {
        let known = COMMANDS.iter().map(|(name, _)| *name).chain(event_names());
        return Err(CommandError::Unknown {
            word: word.to_owned(),
            near: closest(word, known).map(str::to_owned),
        });
    };
    let mut params = Vec::new();
    let mut rest = rest.trim();
    if let Some(param) = short_param(kind, rest)? {
        params.push(param);
        rest = "";
    } else if kind == EventKind::NoAudio && rest.is_empty() {
        params.push(("type".to_owned(), "noAudio".to_owned()));
    }
    while !rest.is_empty() {
        let (name, after) = rest
            .split_once('=')
            .ok_or(CommandError::Expected("name=value behind an event"))?;
        let (read, after) = value(after)?;
        params.push((name.to_owned(), read));
        rest = after.trim_start();
    }
    if !params.is_empty() && !kind.has_params() {
        return Err(CommandError::Expected(
            "nothing: this event has no parameters",
        ));
    }
    let mut event = Event::new(kind);
    let mut line = word.to_owned();
    for (name, value) in params {
        line += &format!(" {name}={}", written(&value));
        event = event.with(&name, value);
    }
    Ok(Happening {
        event,
        written: line,
    })
}

/// The one parameter of `key 1`, `timer 1` and `separator 1`.
fn short_param(kind: EventKind, text: &str) -> Result<Option<(String, String)>, CommandError> {
    if text.is_empty() || text.contains('=') {
        return Ok(None);
    }
    let param = |name: &str, value: String| Ok(Some((name.to_owned(), value)));
    match kind {
        EventKind::Key => match key_number(text) {
            Some(number) => param("key", number.to_string()),
            None => Err(CommandError::Expected("a key: 0-9 * # A-D")),
        },
        EventKind::Timer | EventKind::Separator if text.parse::<u32>().is_ok() => {
            param("id", text.to_owned())
        }
        EventKind::Timer | EventKind::Separator => Err(CommandError::Expected("a number")),
        EventKind::System => param("type", text.to_owned()),
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

fn keys(text: &str) -> Result<Vec<Happening>, CommandError> {
    let expected = CommandError::Expected("keys: 0-9 * # A-D");
    let pressed: Option<Vec<u32>> = text
        .chars()
        .filter(|key| !key.is_whitespace())
        .map(|key| key_number(&key.to_string()))
        .collect();
    match pressed {
        Some(keys) if !keys.is_empty() => keys
            .iter()
            .map(|key| happening(&format!("key key={key}")))
            .collect(),
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

fn assignment(text: &str) -> Result<(String, String), CommandError> {
    let expected = CommandError::Expected("$name=value");
    let (name, assigned) = text.split_once('=').ok_or(expected.clone())?;
    let name = name.trim().trim_start_matches('$');
    if name.is_empty() {
        return Err(expected);
    }
    Ok((name.to_owned(), whole_value(assigned)?))
}

fn check(text: &str) -> Result<Check, CommandError> {
    let expected = || {
        CommandError::Expected("state NAME, $name VALUE, $name unset, #name VALUE or stopped true")
    };
    let (what, rest) = text.split_once(char::is_whitespace).ok_or_else(expected)?;
    let optional = |text: &str| match text.trim() {
        "unset" => Ok(None),
        text => whole_value(text).map(Some),
    };
    if let Some(name) = what.strip_prefix('$') {
        return Ok(Check::Variable(name.to_owned(), optional(rest)?));
    }
    if let Some(name) = what.strip_prefix('#') {
        return Ok(Check::Param(name.to_owned(), optional(rest)?));
    }
    match (what, rest.trim()) {
        ("state", name) => Ok(Check::State(name.to_owned())),
        ("stopped", "true") => Ok(Check::Stopped(true)),
        ("stopped", "false") => Ok(Check::Stopped(false)),
        _ => Err(expected()),
    }
}

/// The rest of a line as a value: a JSON string, or as it stands.
fn whole_value(text: &str) -> Result<String, CommandError> {
    let text = text.trim();
    if !text.starts_with('"') {
        return Ok(text.to_owned());
    }
    match value(text)? {
        (value, "") => Ok(value),
        _ => Err(CommandError::Expected("nothing behind the closing quote")),
    }
}

/// A bare word or a JSON string, and what follows it.
fn value(text: &str) -> Result<(String, &str), CommandError> {
    if !text.starts_with('"') {
        let (value, rest) = text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()));
        return Ok((value.to_owned(), rest));
    }
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<String>();
    match values.next() {
        Some(Ok(value)) => Ok((value, &text[values.byte_offset()..])),
        _ => Err(CommandError::Expected("a closing quote")),
    }
}

/// A value as `.expect` files write it: bare, or as a JSON string.
pub fn written(value: &str) -> String {
    let plain = !value.is_empty() && !value.contains(|c: char| c.is_whitespace() || c == '"');
    match plain {
        true if value != "unset" => value.to_owned(),
        _ => serde_json::Value::from(value).to_string(),
    }
}
