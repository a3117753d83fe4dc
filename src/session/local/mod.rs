//! SHELL: what scripts do on the machine itself: files, processes, the time of day.
//!
//! [`LocalWork`] is what `mod_sys` asks for; [`Local`] does it for all sessions, away from the worker
//! that serves calls: files on the blocking pool, commands as processes of their own. Everything has one
//! deadline, and only so many things are done at a time, so that a disk that hangs or a flood of commands
//! keeps nobody else waiting. Where files may be, and whether commands are run, is the operator's choice.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod files;
mod place;
mod process;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinError;
use tokio::time::timeout;

use self::process::{CommandError, Finished};
use crate::dsm::{
    ActionError, ActionResult, Answer, Errno, Exception, ModuleCall, SysAction, SysCondition,
};

/// File work at a time; of the threads that the blocking pool has, most stay free.
const MAX_FILES: usize = 64;
/// Commands at a time.
const MAX_COMMANDS: usize = 64;

/// What a script wants done on the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LocalWork {
    /// Something about files.
    Files(FileWork),
    /// Have the shell run a command; its output and status go into this variable. Throws `popen`.
    Popen {
        /// Gets the output; with `.status` the exit code.
        variable: String,
        /// For the shell.
        command: String,
    },
    /// The same for a condition: whether it ended with 0.
    System {
        /// For the shell.
        command: String,
    },
    /// The time of day into the members of this struct.
    Clock {
        /// Its name.
        structure: String,
    },
}

/// Work on files. What fails is [`Errno::FILE`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileWork {
    /// Make a folder.
    MakeFolder {
        /// Its path.
        path: String,
        /// Those that it is in as well; it may be there already.
        parents: bool,
    },
    /// Move a file.
    Rename {
        /// From here.
        from: String,
        /// To here.
        to: String,
    },
    /// Delete a file.
    Unlink(String),
    /// Delete files of a folder, all that can be.
    UnlinkAll {
        /// The folder.
        folder: String,
        /// Their names.
        names: Vec<String>,
    },
    /// Make an empty file whose path this variable gets.
    NewFile {
        /// The variable.
        variable: String,
    },
    /// Whether a file can, or cannot, be opened for reading.
    Exists {
        /// The file.
        path: String,
        /// Whether it is to be there.
        wanted: bool,
    },
}

/// What the operator allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalPolicy {
    /// Files have to be below one of these; empty: anywhere.
    pub folders: Vec<PathBuf>,
    /// Whether commands are run.
    pub commands: bool,
    /// How long anything may take.
    pub deadline: Duration,
}

impl LocalWork {
    /// What an action of `mod_sys` wants.
    pub fn of(action: SysAction, call: &ModuleCall) -> Self {
        let mut arguments = call.arguments.iter().cloned();
        let mut next = || arguments.next().unwrap_or_default();
        LocalWork::Files(match action {
            SysAction::Mkdir | SysAction::MkdirRecursive => FileWork::MakeFolder {
                path: next(),
                parents: action == SysAction::MkdirRecursive,
            },
            SysAction::Rename => FileWork::Rename {
                from: next(),
                to: next(),
            },
            SysAction::Unlink => FileWork::Unlink(next()),
            SysAction::UnlinkArray => FileWork::UnlinkAll {
                folder: next(),
                names: arguments.collect(),
            },
            SysAction::Tmpnam => FileWork::NewFile { variable: next() },
            SysAction::Popen => {
                let (variable, command) = (next(), next());
                return LocalWork::Popen { variable, command };
            }
            SysAction::GetTimestamp => return LocalWork::Clock { structure: next() },
        })
    }

    /// What a condition of `mod_sys` wants.
    pub fn asked(condition: SysCondition, argument: &str) -> Self {
        let exists = |wanted| {
            LocalWork::Files(FileWork::Exists {
                path: argument.to_owned(),
                wanted,
            })
        };
        match condition {
            SysCondition::FileExists => exists(true),
            SysCondition::FileNotExists => exists(false),
            SysCondition::System => LocalWork::System {
                command: argument.to_owned(),
            },
        }
    }
}

/// Does what scripts want done on the machine, see the module's documentation.
#[derive(Debug)]
pub struct Local {
    policy: Arc<LocalPolicy>,
    files: Arc<Semaphore>,
    commands: Arc<Semaphore>,
}

impl Local {
    /// Does what `policy` allows.
    pub fn new(policy: LocalPolicy) -> Self {
        Self {
            policy: Arc::new(policy),
            files: Arc::new(Semaphore::new(MAX_FILES)),
            commands: Arc::new(Semaphore::new(MAX_COMMANDS)),
        }
    }

    /// Does `work`, or gives it up at the deadline. To drop the future ends a command with all that it
    /// has started; file work that has begun comes to its end.
    pub fn perform(
        &self,
        work: LocalWork,
    ) -> impl Future<Output = ActionResult> + Send + 'static + use<> {
        let policy = self.policy.clone();
        let (files, commands) = (self.files.clone(), self.commands.clone());
        async move {
            match work {
                LocalWork::Files(work) => in_time(policy, files, work).await,
                LocalWork::Clock { structure } => Ok(Answer::Assign(process::clock(&structure))),
                LocalWork::System { command } if command.trim().is_empty() => {
                    Ok(Answer::Value(false.into()))
                }
                LocalWork::System { command } => {
                    if !policy.commands {
                        return Err(forbidden(NO_COMMANDS));
                    }
                    let done = process::run(&command, false, commands, policy.deadline).await;
                    Ok(Answer::Value(holds(&command, &done).into()))
                }
                LocalWork::Popen { variable, command } => {
                    if !policy.commands {
                        return Err(forbidden(NO_COMMANDS));
                    }
                    let done = process::run(&command, true, commands, policy.deadline).await;
                    output(variable, done)
                }
            }
        }
    }
}

const NO_COMMANDS: &str = "[sys] commands does not allow any";

/// Does work on files on the blocking pool.
async fn in_time(policy: Arc<LocalPolicy>, files: Arc<Semaphore>, work: FileWork) -> ActionResult {
    let deadline = policy.deadline;
    let done = async {
        // The semaphore is never closed.
        let permit = files.acquire_owned().await.ok();
        let blocking = move || {
            let done = files::perform(&policy, work);
            drop(permit);
            done
        };
        tokio::task::spawn_blocking(blocking).await
    };
    match timeout(deadline, done).await {
        Ok(Ok(done)) => done,
        Ok(Err(fault)) => Err(on_fault(&fault)),
        Err(_) => {
            let text = format!("the file system took more than {} s", deadline.as_secs());
            Err(ActionError::errno(Errno::FILE, text))
        }
    }
}

fn on_fault(fault: &JoinError) -> ActionError {
    tracing::error!(%fault, "work on files failed");
    ActionError::errno(Errno::INTERNAL, "a fault in this server")
}

fn forbidden(why: impl Into<String>) -> ActionError {
    ActionError::errno(Errno::CONFIG, why)
}

/// Whether `sys.system` holds. What is neither yes nor no is for the log.
fn holds(command: &str, done: &Result<Finished, CommandError>) -> bool {
    match done {
        Ok(Finished { status: 0, .. }) => return true,
        Ok(Finished { status: 1, .. }) => {}
        Ok(Finished { status, .. }) => {
            tracing::error!(target: "dsm", command, status, "sys.system: the command failed");
        }
        Err(error) => tracing::error!(target: "dsm", command, %error, "sys.system"),
    }
    false
}

/// What `sys.popen` assigns, or throws.
fn output(variable: String, done: Result<Finished, CommandError>) -> ActionResult {
    match done {
        Ok(Finished { status, output }) => Ok(Answer::Assign(vec![
            (format!("{variable}.status"), status.to_string()),
            (variable, String::from_utf8_lossy(&output).into_owned()),
        ])),
        Err(error) => {
            let thrown = Exception::new(error.kind()).with("cause", error.to_string());
            Err(thrown.into())
        }
    }
}

#[cfg(test)]
mod tests;
