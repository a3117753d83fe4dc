//! What modules act on in tests and simulated calls, all of it in memory: groups of sessions, and the files of a
//! machine that is not there.
//!
//! A file that the diagram has made, moved or deleted is as it left it; of all others the test says what is so.
//! No command runs: each gives no output and the status 0. The time of day stands still.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::host::{LOCAL_TAG, TestHost};
use crate::dsm::action::{GroupAction, ModuleAction, ModuleCondition, SysAction, SysCondition};
use crate::dsm::host::{ActionError, ActionResult, Answer, ConditionCall, Errno, ModuleCall};

/// The second that it always is: 9 September 2001, 01:46:40 UTC.
const NOW: &str = "1000000000";

/// What the diagram has changed.
#[derive(Clone, Debug, Default)]
pub struct Sandbox {
    /// Groups that this session is in.
    groups: BTreeSet<String>,
    files: BTreeMap<String, Entry>,
    /// Names made up so far.
    names: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entry {
    File,
    Folder,
    Gone,
}

impl TestHost {
    /// Does an action of a module that acts in memory; `None` for all others.
    pub(super) fn act_in_memory(&mut self, call: &ModuleCall) -> Option<ActionResult> {
        match call.which {
            ModuleAction::Groups(action) => Some(self.group(action, call)),
            ModuleAction::Sys(action) => Some(self.machine(action, call)),
            _ => None,
        }
    }

    /// Whether a condition holds that is about what was done in memory; `None` if that says nothing of it.
    pub(super) fn seen_in_memory(&self, condition: &ConditionCall) -> Option<bool> {
        let path = condition.arguments.first()?;
        match condition.which {
            ModuleCondition::Sys(SysCondition::FileExists) => self.is_there(path),
            ModuleCondition::Sys(SysCondition::FileNotExists) => {
                self.is_there(path).map(|is_there| !is_there)
            }
            _ => None,
        }
    }

    /// The other members of a group.
    pub(super) fn others(&self, group: &str) -> impl Iterator<Item = &str> {
        let members = self.members.iter().filter(move |(known, _)| known == group);
        members.map(|(_, id)| id.as_str())
    }

    fn group(&mut self, action: GroupAction, call: &ModuleCall) -> ActionResult {
        let group = call.argument(0);
        let groups = &mut self.sandbox.groups;
        match action {
            GroupAction::Join => drop(groups.insert(group.to_owned())),
            GroupAction::Leave => drop(groups.remove(group)),
            GroupAction::LeaveAll => groups.clear(),
            GroupAction::Get | GroupAction::GetSize => {
                let mut members: BTreeSet<&str> = self.others(group).collect();
                if self.sandbox.groups.contains(group) {
                    members.insert(LOCAL_TAG);
                }
                return Ok(Answer::Value(match action {
                    GroupAction::Get => members.into_iter().map(Value::from).collect(),
                    _ => Value::from(members.len()),
                }));
            }
        }
        Ok(Answer::Nothing)
    }

    fn machine(&mut self, action: SysAction, call: &ModuleCall) -> ActionResult {
        let (first, second) = (call.argument(0), call.argument(1));
        match action {
            SysAction::Mkdir => match self.is_there(first) {
                Some(true) => fault(first, "it is there"),
                _ => self.set(first, Entry::Folder),
            },
            SysAction::MkdirRecursive => match self.sandbox.files.get(first) {
                Some(Entry::File) => fault(first, "it is a file"),
                _ => self.set(first, Entry::Folder),
            },
            SysAction::Rename => self.take(first).and_then(|entry| self.set(second, entry)),
            SysAction::Unlink => self.unlink(first),
            SysAction::UnlinkArray => {
                let names = call.arguments.iter().skip(1);
                let mut done = Ok(Answer::Nothing);
                for name in names {
                    let deleted = self.unlink(&format!("{first}/{name}"));
                    done = done.and(deleted);
                }
                done
            }
            SysAction::Tmpnam => {
                self.sandbox.names += 1;
                let path = format!("/tmp/sems_{:06}", self.sandbox.names);
                self.sandbox.files.insert(path.clone(), Entry::File);
                Ok(Answer::Assign(vec![(first.to_owned(), path)]))
            }
            SysAction::Popen => Ok(Answer::Assign(vec![
                (format!("{first}.status"), "0".to_owned()),
                (first.to_owned(), String::new()),
            ])),
            SysAction::GetTimestamp => Ok(Answer::Assign(vec![
                (format!("{first}.tv_sec"), NOW.to_owned()),
                (format!("{first}.tv_usec"), "0".to_owned()),
            ])),
        }
    }

    /// Whether a file or folder is there; `None` if the diagram has not touched it.
    fn is_there(&self, path: &str) -> Option<bool> {
        match self.sandbox.files.get(path) {
            Some(entry) => Some(*entry != Entry::Gone),
            None => self.missing.contains(path).then_some(false),
        }
    }

    fn set(&mut self, path: &str, entry: Entry) -> ActionResult {
        self.sandbox.files.insert(path.to_owned(), entry);
        Ok(Answer::Nothing)
    }

    /// Takes a file or folder away from where it is.
    fn take(&mut self, path: &str) -> Result<Entry, ActionError> {
        if self.is_there(path) == Some(false) {
            return Err(missing(path));
        }
        let before = self.sandbox.files.insert(path.to_owned(), Entry::Gone);
        Ok(before.unwrap_or(Entry::File))
    }

    fn unlink(&mut self, path: &str) -> ActionResult {
        match self.sandbox.files.get(path) {
            Some(Entry::Folder) => fault(path, "it is a folder"),
            _ => self.take(path).map(|_| Answer::Nothing),
        }
    }
}

fn missing(path: &str) -> ActionError {
    ActionError::errno(Errno::FILE, format!("{path}: it is not there"))
}

fn fault(path: &str, why: &str) -> ActionResult {
    Err(ActionError::errno(Errno::FILE, format!("{path}: {why}")))
}
