//! How a command ends.

use std::process::ExitCode;

use crate::config::LoadError;

/// How a command ended, for the shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: all is well.
    Good,
    /// 1: the input is at fault.
    Input,
    /// 2: wrong usage, or a file or socket failed.
    Usage,
    /// 3: the server failed while it ran.
    Fault,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(match exit {
            Exit::Good => 0,
            Exit::Input => 1,
            Exit::Usage => 2,
            Exit::Fault => 3,
        })
    }
}

impl From<&LoadError> for Exit {
    fn from(error: &LoadError) -> Exit {
        match error {
            LoadError::Unreadable { .. } => Exit::Usage,
            LoadError::Config(_)
            | LoadError::Mapping(_)
            | LoadError::Users(_)
            | LoadError::NoPassword { .. } => Exit::Input,
        }
    }
}
