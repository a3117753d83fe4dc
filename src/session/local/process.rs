//! SHELL: commands of scripts. Each runs in a process group of its own, which is killed when the command
//! takes too long, says too much, or nobody waits for it any more.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// The most that a command may write for a script, in bytes.
pub const MAX_OUTPUT: usize = 1 << 20;

/// A command that has ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Finished {
    /// Its exit code, or 128 and the number of the signal that killed it.
    pub status: i32,
    /// Its standard output, if that was wanted.
    pub output: Vec<u8>,
}

/// Why a command did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// There is no shell, or no process to be had.
    #[error("the shell cannot be started: {0}")]
    Start(#[source] io::Error),
    /// It was killed.
    #[error("timeout")]
    Timeout,
    /// It was killed.
    #[error("more than {MAX_OUTPUT} bytes of output")]
    TooMuch,
    /// Its output cannot be read.
    #[error("the output cannot be read: {0}")]
    Read(#[source] io::Error),
    /// The system does not tell its end.
    #[error("the end of the shell cannot be waited for: {0}")]
    Wait(#[source] io::Error),
}

impl CommandError {
    /// The type of the exception.
    pub fn kind(&self) -> &'static str {
        match self {
            CommandError::Wait(_) => "pclose",
            _ => "popen",
        }
    }
}

/// Has the shell run `command`, and reads its output if that is `wanted`; else it goes where the server's
/// goes, as errors do. It gets no input. The wait for its turn counts towards the deadline.
pub async fn run(
    command: &str,
    wanted: bool,
    turns: Arc<Semaphore>,
    deadline: Duration,
) -> Result<Finished, CommandError> {
    let done = async {
        // The semaphore is never closed.
        let _turn = turns.acquire_owned().await.ok();
        let mut group = Group::start(command, wanted)?;
        let output = group.read().await?;
        let status = group.wait().await?;
        Ok(Finished { status, output })
    };
    timeout(deadline, done)
        .await
        .unwrap_or(Err(CommandError::Timeout))
}

/// A command with all processes that it starts.
struct Group {
    shell: Child,
    /// Nobody has waited for the shell yet, so its number is its own.
    running: Option<Pid>,
}

impl Group {
    fn start(command: &str, wanted: bool) -> Result<Self, CommandError> {
        let output = match wanted {
            true => Stdio::piped(),
            false => Stdio::inherit(),
        };
        let shell = Command::new("/bin/sh")
            .arg("-c")
            .arg(command)
            .stdin(Stdio::null())
            .stdout(output)
            .process_group(0)
            .spawn()
            .map_err(CommandError::Start)?;
        let number = shell.id().and_then(|id| i32::try_from(id).ok());
        let running = number.and_then(Pid::from_raw);
        Ok(Self { shell, running })
    }

    /// Reads to the end of the output, which a process in the background may hold open.
    async fn read(&mut self) -> Result<Vec<u8>, CommandError> {
        let mut output = Vec::new();
        let Some(pipe) = &mut self.shell.stdout else {
            return Ok(output);
        };
        let mut limited = pipe.take(MAX_OUTPUT as u64 + 1);
        limited
            .read_to_end(&mut output)
            .await
            .map_err(CommandError::Read)?;
        match output.len() > MAX_OUTPUT {
            true => Err(CommandError::TooMuch),
            false => Ok(output),
        }
    }

    async fn wait(&mut self) -> Result<i32, CommandError> {
        let status = self.shell.wait().await.map_err(CommandError::Wait)?;
        self.running = None;
        Ok(code(status))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.running {
            // Fails only if all of them have just ended.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

fn code(status: ExitStatus) -> i32 {
    let killed = status.signal().map(|signal| 128 + signal);
    status.code().or(killed).unwrap_or(-1)
}

/// The time of day as members of a struct.
pub fn clock(structure: &str) -> Vec<(String, String)> {
    // A clock that stands before 1970 is set wrong, and says 0.
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.unwrap_or_default();
    vec![
        (format!("{structure}.tv_sec"), now.as_secs().to_string()),
        (
            format!("{structure}.tv_usec"),
            now.subsec_micros().to_string(),
        ),
    ]
}
