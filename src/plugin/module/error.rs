//! Why a module is refused.

use std::error::Error as _;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why a module cannot be imported.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ModuleError {
    /// The name would not make a file name.
    #[error("{name:?} is no name of a module: expected mod_ and letters a to z, digits and _")]
    Name {
        /// As imported.
        name: String,
    },
    /// No folder has it.
    #[error("{file} is in none of the folders {folders}, which --modules or [dsm] modules names")]
    NotFound {
        /// The file that was looked for.
        file: String,
        /// Where.
        folders: String,
    },
    /// It cannot even be looked at.
    #[error("{}: {problem}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system says.
        problem: String,
    },
    /// Others could put code into the server.
    #[error("{}: anybody may write to {what}; take that right away with chmod o-w", file.display())]
    Writable {
        /// The file.
        file: PathBuf,
        /// It, or its folder.
        what: &'static str,
    },
    /// The dynamic linker refuses it.
    #[error("{}: no shared object that can be loaded: {problem}", file.display())]
    Open {
        /// The file.
        file: PathBuf,
        /// What the linker says.
        problem: String,
    },
    /// It is a shared object, but no module.
    #[error(
        "{}: no module of this name, it exports neither {own} nor {}",
        file.display(),
        muleteer_sdk::module::abi::ENTRY
    )]
    NoEntry {
        /// The file.
        file: PathBuf,
        /// What it may export besides `muleteer_module`.
        own: String,
    },
    /// Its table breaks the contract.
    #[error("{}: {source}", file.display())]
    Table {
        /// The file.
        file: PathBuf,
        /// Which rule.
        source: ModuleTableError,
    },
    /// It does not give the diagrams that it brings.
    #[error("{}: {problem}", file.display())]
    Diagrams {
        /// The file.
        file: PathBuf,
        /// In its own words, or what is wrong with them.
        problem: String,
    },
    /// It says that it cannot work here.
    #[error("{}: {problem}", file.display())]
    Refused {
        /// The file.
        file: PathBuf,
        /// In its own words.
        problem: String,
    },
}

/// Which rule of the contract a module breaks.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ModuleTableError {
    /// Made for another server.
    #[error(
        "made for version {major}.{minor} of the module contract; this server has {ours}: build it with \
         the server's plugins/sdk"
    )]
    Version {
        /// Of the object.
        major: u16,
        /// Of the object.
        minor: u16,
        /// Of this server.
        ours: String,
    },
    /// A structure has less than its members.
    #[error("{what} is a structure of {size} bytes, where the contract has {least}")]
    Size {
        /// Which.
        what: &'static str,
        /// As the object says.
        size: u32,
        /// The members of version 1.0.
        least: usize,
    },
    /// A pointer that must not be null, or is not aligned.
    #[error("{what} is no valid pointer")]
    Pointer {
        /// To what.
        what: &'static str,
    },
    /// A text is not UTF-8, or too long.
    #[error("{what} is no text that can be read")]
    Text {
        /// Which.
        what: &'static str,
    },
    /// Too many of something.
    #[error("{count} {what}; at most {most} are allowed")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// As the object says.
        count: usize,
        /// The limit.
        most: usize,
    },
    /// The object says another name than its file.
    #[error("it says that it is {says:?}; expected {expected:?}")]
    Name {
        /// As the object says.
        says: String,
        /// As the file is called.
        expected: String,
    },
    /// An action, condition or event outside of the module's own names.
    #[error(
        "{name:?} is no name for it: expected {prefix}, or {prefix}. and letters, digits, _ and ."
    )]
    Foreign {
        /// The name.
        name: String,
        /// What its names begin with.
        prefix: String,
    },
    /// Two of one name.
    #[error("{name} is there twice")]
    Twice {
        /// The name.
        name: String,
    },
    /// A number that this server does not know.
    #[error("{name}: {number} is no {what} that this server knows")]
    Number {
        /// The action or condition.
        name: String,
        /// Of what.
        what: &'static str,
        /// The number.
        number: u32,
    },
    /// An action without code.
    #[error("{name} has no function")]
    Function {
        /// The action or condition.
        name: String,
    },
}

/// The linker's own words, which are behind "dlopen failed", without the file.
pub(super) fn reason(error: &libloading::Error, file: &Path) -> String {
    let said = error
        .source()
        .map_or_else(|| error.to_string(), ToString::to_string);
    let file = format!("{}: ", file.display());
    said.strip_prefix(&file).unwrap_or(&said).to_owned()
}
