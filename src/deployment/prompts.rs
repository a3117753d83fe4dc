//! Reads the lists of prompts and looks after their files.
//!
//! A prompt is only taken in if its file can be played, so that a missing one is told when the server
//! starts and not when a caller should have heard it. Files are not kept in memory here: they are
//! loaded when they are first played.
#![allow(clippy::disallowed_methods)]

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::DeploymentError;
use crate::config::Config;
use crate::media::open_sound;
use crate::session::prompt_sets::{PromptSet, PromptSets, lines};
use crate::suggest::closest;

/// Largest list that is read, in bytes.
const MAX_LIST_BYTES: u64 = 4 << 20;
/// Findings of one list that are told; the rest is counted.
const MAX_TOLD: usize = 20;

/// Which lists make up the prompts, and where their files are.
#[derive(Debug, Clone, Copy)]
pub struct PromptLists<'a> {
    /// Lists of the default set.
    pub default: &'a [PathBuf],
    /// What an operator calls these lists.
    pub default_key: &'a str,
    /// Prompts that the default set has to have.
    pub required: &'a [String],
    /// What an operator calls that.
    pub required_key: &'a str,
    /// Folder of the lists of named sets.
    pub sets_path: &'a Path,
    /// Names of these sets and of their lists.
    pub sets: &'a [String],
    /// Folders that relative paths are looked up in, after the folder of the list.
    pub audio: &'a [PathBuf],
}

impl<'a> PromptLists<'a> {
    /// Those of `[dsm]`.
    pub fn of(config: &'a Config) -> Self {
        Self {
            default: &config.dsm.prompts,
            default_key: "[dsm] prompts",
            required: &config.dsm.required_prompts,
            required_key: "[dsm] required_prompts",
            sets_path: &config.dsm.prompt_sets_path,
            sets: &config.dsm.prompt_sets,
            audio: &config.audio.path,
        }
    }

    /// Reads all lists. What is wrong with one is logged, and the rest of it counts.
    ///
    /// # Errors
    /// [`DeploymentError::RequiredPrompts`] if the default set lacks a required one.
    pub fn load(&self) -> Result<PromptSets, DeploymentError> {
        self.load_telling(&mut |text| tracing::warn!("{text}"))
    }

    /// As [`load`](Self::load); `tell` is given what is wrong with a list, line by line.
    ///
    /// # Errors
    /// The same.
    pub fn load_telling(&self, tell: &mut dyn FnMut(&str)) -> Result<PromptSets, DeploymentError> {
        let mut default = PromptSet::new();
        for list in self.default {
            self.read(list, &mut default, tell);
        }
        let mut named = BTreeMap::new();
        for name in self.sets {
            let mut set = PromptSet::new();
            self.read(&list_of(self.sets_path, name), &mut set, tell);
            named.insert(name.clone(), set);
        }
        self.require(&default)?;
        Ok(PromptSets::new(default, named))
    }

    /// Adds the prompts of a list to `set`; a later one of a name replaces an earlier one.
    fn read(&self, list: &Path, set: &mut PromptSet, tell: &mut dyn FnMut(&str)) {
        let at = list.display();
        let findings = match read_list(list) {
            Ok(text) => self.take(list, &text, set),
            Err(error) => return tell(&format!("{at}: cannot read this list of prompts: {error}")),
        };
        for finding in findings.iter().take(MAX_TOLD) {
            tell(&format!("{at}:{finding}"));
        }
        if findings.len() > MAX_TOLD {
            let more = findings.len() - MAX_TOLD;
            tell(&format!("{at}: and {more} more findings like these"));
        }
    }

    fn take(&self, list: &Path, text: &str, set: &mut PromptSet) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut names = BTreeMap::new();
        for line in lines(text) {
            let mut tell = |cause| {
                let line = line.number;
                findings.push(Finding { line, cause });
            };
            let Some((name, path)) = line.prompt else {
                tell(Cause::NoPrompt);
                continue;
            };
            match self.find(list, path) {
                Ok(path) => {
                    set.insert(name.to_owned(), path.into());
                    if let Some(first) = names.insert(name, line.number) {
                        tell(Cause::Again(name.to_owned(), first));
                    }
                }
                Err(why) => tell(Cause::Unplayable(name.to_owned(), why)),
            }
        }
        findings
    }

    /// The file that a line of `list` means by `path`.
    fn find(&self, list: &Path, path: &str) -> Result<PathBuf, String> {
        let beside = list.parent().into_iter();
        let folders = beside.chain(self.audio.iter().map(PathBuf::as_path));
        let places: Vec<PathBuf> = match Path::new(path).is_absolute() {
            true => vec![PathBuf::from(path)],
            false => folders.map(|folder| folder.join(path)).collect(),
        };
        match places.iter().find(|place| place.is_file()) {
            Some(file) => playable(file).map(|()| file.clone()),
            None => {
                let places: Vec<_> = places.iter().map(|at| at.display().to_string()).collect();
                Err(format!("there is no file {}", places.join(" or ")))
            }
        }
    }

    fn require(&self, default: &PromptSet) -> Result<(), DeploymentError> {
        let missing = |name: &&String| !default.contains_key(*name);
        let missing: Vec<&String> = self.required.iter().filter(missing).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let with_hint = |name: &&String| {
            let near = closest(name, default.keys().map(String::as_str));
            let hint = near.map(|near| format!(" (is it {near:?}?)"));
            format!("{name:?}{}", hint.unwrap_or_default())
        };
        let lists: Vec<_> = self
            .default
            .iter()
            .map(|at| at.display().to_string())
            .collect();
        Err(DeploymentError::RequiredPrompts {
            key: self.required_key.to_owned(),
            names: missing.iter().map(with_hint).collect::<Vec<_>>().join(", "),
            remedy: match &lists[..] {
                [] => format!("name a list of prompts in {}", self.default_key),
                lists => format!("add `{}=FILE` to {}", missing[0], lists.join(" or ")),
            },
        })
    }
}

/// What is wrong with a line.
#[derive(Debug)]
struct Finding {
    line: usize,
    cause: Cause,
}

#[derive(Debug)]
enum Cause {
    NoPrompt,
    Again(String, usize),
    Unplayable(String, String),
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.line)?;
        match &self.cause {
            Cause::NoPrompt => {
                f.write_str("expected NAME=PATH with exactly one equals sign: the line is left out")
            }
            Cause::Again(name, first) => {
                write!(
                    f,
                    "the prompt {name:?} of line {first} is replaced by this one"
                )
            }
            Cause::Unplayable(name, why) => {
                write!(f, "the prompt {name:?} is left out: {why}")
            }
        }
    }
}

/// The list of a named set: the file of that name, or with `.conf` behind it.
fn list_of(folder: &Path, set: &str) -> PathBuf {
    let plain = folder.join(set);
    match plain.is_file() {
        true => plain,
        false => folder.join(format!("{set}.conf")),
    }
}

fn read_list(path: &Path) -> io::Result<String> {
    let file = File::open(path)?;
    let mut text = String::new();
    let read = file.take(MAX_LIST_BYTES + 1).read_to_string(&mut text)?;
    match read as u64 > MAX_LIST_BYTES {
        true => Err(io::Error::other(format!(
            "it is larger than {MAX_LIST_BYTES} bytes"
        ))),
        false => Ok(text),
    }
}

/// Whether a file is a sound that we read, by its beginning.
fn playable(path: &Path) -> Result<(), String> {
    match open_sound(path) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

#[cfg(test)]
mod tests;
