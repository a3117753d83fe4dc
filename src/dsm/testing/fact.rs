//! What is true of a call from its start: the setup lines of `.expect` files that make a [`TestHost`].
//!
//! Tests read them, the simulator takes them as commands, and what is saved or found by exploring is
//! written with them.

use std::fmt;

use super::expect::{BadLineCause, SETUP, value, whole_value, written};
use super::host::TestHost;
use crate::dsm::host::{ActionError, Errno, Exception};
use crate::dsm::value::{TooManyValues, Values};

/// One setup line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// A variable has this value before the call begins.
    Variable(String, String),
    /// A file cannot be played or recorded.
    Missing(String),
    /// A prompt of this name exists in this set; the default set is the empty name.
    Prompt(String, String),
    /// A prompt set exists.
    PromptSet(String),
    /// Events can be posted to this session.
    Session(String),
    /// Another session is in a group.
    Member(String, String),
    /// This action of a module fails, or `DI`; one of a loaded module does not run.
    Failing(String, Fault),
    /// This action of a loaded module does not run, and works.
    Skipped(String),
    /// This condition of a module holds, or does not; one of a loaded module does not run.
    Holding(String, bool),
}

/// How an action of a module fails.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// As most do: with the errno `general`, `DI` with `config`.
    #[default]
    Usual,
    /// With this errno.
    Errno(String),
    /// With an exception of this type.
    Throws(String),
}

/// Stands before the type of an exception.
const THROWS: &str = "throws";

impl Fact {
    /// Reads a line that begins with `word`; `None` if it is no word for a fact.
    ///
    /// # Errors
    /// What is wrong with the rest.
    pub fn parse(word: &str, rest: &str) -> Option<Result<Self, BadLineCause>> {
        let &(word, expected) = SETUP.iter().find(|(known, _)| *known == word)?;
        let bad = || BadLineCause::BadSetup { word, expected };
        let one = |fact: fn(String) -> Fact| match rest {
            "" => Err(bad()),
            rest => whole_value(rest).map(fact),
        };
        Some(match word {
            "var" => assignment(rest)
                .unwrap_or_else(|| Err(bad()))
                .map(|(name, value)| Fact::Variable(name, value)),
            "missing" => one(Fact::Missing),
            "prompt" if rest.is_empty() => Err(bad()),
            "prompt" => value(rest).and_then(|(name, set)| {
                let set = whole_value(set.trim_start())?;
                Ok(Fact::Prompt(name, set))
            }),
            "promptset" => one(Fact::PromptSet),
            "session" => one(Fact::Session),
            "member" => match value(rest) {
                Ok((_, "")) => Err(bad()),
                Ok((group, id)) => whole_value(id.trim_start()).map(|id| Fact::Member(group, id)),
                Err(error) => Err(error),
            },
            "fail" => match value(rest).map(|(name, fault)| (name, Fault::parse(fault))) {
                // Names of modules' actions have a dot, but for some of loaded modules, whose faults are
                // written; nothing else can fail by its name.
                Ok((name, Ok(Fault::Usual))) if name != "DI" && !name.contains('.') => Err(bad()),
                Ok((name, Ok(fault))) if !name.is_empty() => Ok(Fact::Failing(name, fault)),
                _ => Err(bad()),
            },
            "skip" => one(Fact::Skipped),
            "holds" => match value(rest).map(|(name, verdict)| (name, verdict.trim())) {
                Ok((name, "")) if name.contains('.') => Ok(Fact::Holding(name, true)),
                Ok((name, verdict @ ("true" | "false"))) if !name.is_empty() => {
                    Ok(Fact::Holding(name, verdict == "true"))
                }
                _ => Err(bad()),
            },
            _ => return None,
        })
    }

    /// Makes it so.
    ///
    /// # Errors
    /// The variables are too large for one session.
    pub fn tell(&self, host: &mut TestHost, variables: &mut Values) -> Result<(), TooManyValues> {
        match self.clone() {
            Fact::Variable(name, value) => variables.set(&name, value)?,
            Fact::Missing(path) => drop(host.missing.insert(path)),
            Fact::Prompt(name, set) => drop(host.prompts.insert((name, set))),
            Fact::PromptSet(name) => drop(host.prompt_sets.insert(name)),
            Fact::Session(id) => drop(host.sessions.insert(id)),
            Fact::Member(group, id) => drop(host.members.insert((group, id))),
            Fact::Failing(name, fault) => drop(host.failing.insert(name, fault)),
            Fact::Skipped(name) => drop(host.skipped.insert(name)),
            Fact::Holding(name, verdict) => drop(host.holding.insert(name, verdict)),
        }
        Ok(())
    }
}

/// `NAME=VALUE`, perhaps with `$`; `None` if there is no name.
pub fn assignment(text: &str) -> Option<Result<(String, String), BadLineCause>> {
    let (name, value) = text.split_once('=')?;
    let name = name.trim().trim_start_matches('$');
    let read = |value| (name.to_owned(), value);
    (!name.is_empty()).then(|| whole_value(value.trim()).map(read))
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fact::Variable(name, value) => write!(f, "var {name}={}", written(value)),
            Fact::Missing(path) => write!(f, "missing {}", written(path)),
            Fact::Prompt(name, set) if set.is_empty() => write!(f, "prompt {}", written(name)),
            Fact::Prompt(name, set) => write!(f, "prompt {} {}", written(name), written(set)),
            Fact::PromptSet(name) => write!(f, "promptset {}", written(name)),
            Fact::Session(id) => write!(f, "session {}", written(id)),
            Fact::Member(group, id) => write!(f, "member {} {}", written(group), written(id)),
            Fact::Failing(name, Fault::Usual) => write!(f, "fail {}", written(name)),
            Fact::Failing(name, Fault::Errno(word)) => {
                write!(f, "fail {} {}", written(name), written(word))
            }
            Fact::Failing(name, Fault::Throws(kind)) => {
                write!(f, "fail {} {THROWS} {}", written(name), written(kind))
            }
            Fact::Skipped(name) => write!(f, "skip {}", written(name)),
            Fact::Holding(name, true) if name.contains('.') => {
                write!(f, "holds {}", written(name))
            }
            Fact::Holding(name, verdict) => write!(f, "holds {} {verdict}", written(name)),
        }
    }
}

impl Fault {
    /// Reads what follows the name of the action.
    fn parse(text: &str) -> Result<Self, BadLineCause> {
        let text = text.trim();
        match text.split_once(char::is_whitespace) {
            _ if text.is_empty() => Ok(Fault::Usual),
            Some((THROWS, kind)) => whole_value(kind.trim_start()).map(Fault::Throws),
            _ => whole_value(text).map(Fault::Errno),
        }
    }

    /// What an action comes to that fails like this; `usual` is the errno if none is told.
    pub(super) fn error(&self, usual: Errno) -> ActionError {
        let errno = match self {
            Fault::Usual => usual,
            Fault::Errno(word) => Errno(word.clone().into()),
            Fault::Throws(kind) => {
                let exception = Exception::new(kind.as_str());
                return exception.with("cause", "the action failed").into();
            }
        };
        ActionError::errno(errno, "the action failed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let odd = || "a \"b\"\nc".to_owned();
        for fact in [
            Fact::Variable("x".into(), odd()),
            Fact::Variable("x".into(), String::new()),
            Fact::Missing(odd()),
            Fact::Prompt(odd(), String::new()),
            Fact::Prompt(odd(), odd()),
            Fact::Prompt(String::new(), "de".into()),
            Fact::PromptSet(odd()),
            Fact::Session(odd()),
            Fact::Member(odd(), "x".into()),
            Fact::Failing("conference.join".into(), Fault::Usual),
            Fact::Failing("curl.get".into(), Fault::Errno("arg".into())),
            Fact::Failing("py".into(), Fault::Throws(odd())),
            Fact::Skipped("py".into()),
            Fact::Holding("sys.file_exists".into(), true),
            Fact::Holding("ready".into(), true),
            Fact::Holding("sys.file_exists".into(), false),
        ] {
            let line = fact.to_string();
            let (word, rest) = line.split_once(' ').unwrap();
            assert_eq!(Fact::parse(word, rest), Some(Ok(fact)), "{line}");
        }
    }
}
