//! What is true of a call from its start: the setup lines of `.expect` files that make a [`TestHost`].
//!
//! Tests read them, the simulator takes them as commands, and what is saved or found by exploring is
//! written with them.

use std::fmt;

use super::expect::{BadLineCause, SETUP, value, whole_value, written};
use super::host::TestHost;
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
    /// This action of a module fails, or `DI`.
    Failing(String),
    /// This condition of a module holds.
    Holding(String),
}

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
            "fail" => match whole_value(rest) {
                // Names of modules' actions have a dot; nothing else can fail by its name.
                Ok(name) if name == "DI" || name.contains('.') => Ok(Fact::Failing(name)),
                _ => Err(bad()),
            },
            "holds" => match whole_value(rest) {
                Ok(name) if name.contains('.') => Ok(Fact::Holding(name)),
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
            Fact::Failing(name) => drop(host.failing.insert(name)),
            Fact::Holding(name) => drop(host.holding.insert(name)),
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
            Fact::Failing(name) => write!(f, "fail {}", written(name)),
            Fact::Holding(name) => write!(f, "holds {}", written(name)),
        }
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
            Fact::Failing("conference.join".into()),
            Fact::Holding("sys.file_exists".into()),
        ] {
            let line = fact.to_string();
            let (word, rest) = line.split_once(' ').unwrap();
            assert_eq!(Fact::parse(word, rest), Some(Ok(fact)), "{line}");
        }
    }
}
