//! Why an object is not loaded.

use std::error::Error as _;
use std::path::PathBuf;

use thiserror::Error;

/// Why a codec that the configuration names cannot be loaded.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The name would not make a file name.
    #[error("{name:?} is no name of a codec to load: expected letters a to z, digits and _")]
    Name {
        /// As configured.
        name: String,
    },
    /// No folder has it.
    #[error(
        "{file} is in none of the folders {}; `make plugins` builds it",
        list(folders)
    )]
    NotFound {
        /// The file that was looked for.
        file: String,
        /// Where.
        folders: Vec<PathBuf>,
    },
    /// The dynamic linker refuses it.
    #[error("{}: {}", file.display(), reason(source))]
    Open {
        /// The object.
        file: PathBuf,
        /// What the linker says.
        source: libloading::Error,
    },
    /// It is a shared object, but none with codecs.
    #[error("{}: no codec object, it has no function {}", file.display(), muleteer_sdk::abi::ENTRY)]
    NoEntry {
        /// The object.
        file: PathBuf,
    },
    /// The object says that it cannot work here.
    #[error("{}: {problem}", file.display())]
    Refused {
        /// The object.
        file: PathBuf,
        /// In its own words, most often which library it misses.
        problem: String,
    },
    /// Its table breaks the contract.
    #[error("{}: {source}", file.display())]
    Table {
        /// The object.
        file: PathBuf,
        /// Which rule.
        source: TableError,
    },
}

/// Which rule of the codec contract a table breaks.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TableError {
    /// Made for another server.
    #[error("made for version {major} of the codec contract; this server has version {ours}")]
    Version {
        /// Of the object.
        major: u16,
        /// Of this server.
        ours: u16,
    },
    /// A structure has less than its members.
    #[error("a structure of {size} bytes, where the contract has {least}")]
    Size {
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
    /// No codecs, or too many.
    #[error("{count} codecs, where 1 to {most} are possible")]
    Count {
        /// As the object says.
        count: u32,
        /// The limit.
        most: u32,
    },
    /// An encoding name or fmtp that cannot stand in a session description.
    #[error("codec {index}: {what} cannot stand in a session description")]
    Text {
        /// Position in the table, from 0.
        index: usize,
        /// Which text.
        what: &'static str,
    },
    /// A number out of its range.
    #[error("{codec}: {what} {value} is not possible")]
    Number {
        /// The encoding name.
        codec: String,
        /// Which number.
        what: &'static str,
        /// Its value.
        value: i64,
    },
    /// A function is missing.
    #[error("{codec}: there is no function {function}")]
    Function {
        /// The encoding name.
        codec: String,
        /// Which function.
        function: &'static str,
    },
    /// The static payload number is another codec's.
    #[error("{codec}: payload type {number} belongs to {owner}")]
    PayloadType {
        /// The encoding name.
        codec: String,
        /// The number.
        number: u8,
        /// RFC 3551 gives it to.
        owner: &'static str,
    },
    /// A format is there already.
    #[error("{codec}/{clock_rate} is there already")]
    Duplicate {
        /// The encoding name.
        codec: String,
        /// Its clock rate.
        clock_rate: u32,
    },
}

/// The linker's own words, which are behind "dlopen failed".
fn reason(error: &libloading::Error) -> String {
    error
        .source()
        .map_or_else(|| error.to_string(), ToString::to_string)
}

fn list(folders: &[PathBuf]) -> String {
    let names: Vec<String> = folders
        .iter()
        .map(|folder| folder.display().to_string())
        .collect();
    names.join(", ")
}
