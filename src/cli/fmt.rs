//! `muleteer fmt`: puts state diagrams into the canonical layout.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::fs;
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};

use similar::TextDiff;
use tempfile::NamedTempFile;

use super::input::{PathError, STDIN, diagrams_in, kind};
use super::output::{complain, print_error, print_out, say};
use super::{Exit, FmtArgs};
use crate::dsm::source::EntryKind;
use crate::dsm::{FormatError, format};

/// Longest diagram that is read, in bytes; longer ones do not load either.
const MAX_BYTES: u64 = 4 << 20;
/// Unchanged lines shown around a change.
const CONTEXT: usize = 2;

/// Runs the command.
pub fn run(args: &FmtArgs) -> Exit {
    let mut tally = Tally::default();
    for path in &args.paths {
        if path.as_os_str() == STDIN {
            tally.record(STDIN, format_stdin(args.check));
            continue;
        }
        match files(path) {
            Ok(files) => {
                for file in files {
                    let result = format_file(&file, args.check);
                    tally.record(&file.to_string_lossy(), result);
                }
            }
            Err(error) => tally.unusable(&error),
        }
    }
    tally.summary(args.check);
    tally.exit(args.check)
}

/// What became of one text.
#[derive(Clone, Copy, PartialEq)]
enum Done {
    /// It had the canonical layout.
    Same,
    /// It was changed, or would be.
    Changed,
    /// It went to standard output.
    Printed,
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Format(#[from] FormatError),
    #[error("cannot be read: {0}")]
    Read(io::Error),
    #[error("cannot be written: {0}")]
    Write(io::Error),
    /// Standard output failed, which was said.
    #[error("the result was not printed")]
    NotPrinted,
}

#[derive(Default)]
struct Tally {
    same: usize,
    changed: usize,
    printed: usize,
    refused: usize,
    failed: usize,
}

impl Tally {
    fn record(&mut self, path: &str, result: Result<Done, Failure>) {
        match result {
            Ok(Done::Same) => self.same += 1,
            Ok(Done::Changed) => self.changed += 1,
            Ok(Done::Printed) => self.printed += 1,
            Err(Failure::Format(FormatError::Refused(refusal))) => {
                print_error(&refusal.to_string());
                complain!("{path}: left as it is, because of the above");
                self.refused += 1;
            }
            Err(Failure::Format(error)) => {
                complain!("{path}: left as it is: {error}");
                self.refused += 1;
            }
            Err(error) => {
                complain!("{path}: {error}");
                self.failed += 1;
            }
        }
    }

    fn unusable(&mut self, error: &PathError) {
        complain!("{error}");
        self.failed += 1;
    }

    fn summary(&self, check: bool) {
        if self.printed > 0 && self.same + self.changed == 0 {
            return;
        }
        let changed = if check { "would change" } else { "changed" };
        complain!(
            "{} {changed}, {} already formatted, {} left as they are",
            self.changed,
            self.same,
            self.refused + self.failed
        );
    }

    fn exit(&self, check: bool) -> Exit {
        if self.failed > 0 {
            Exit::Usage
        } else if self.refused > 0 || (check && self.changed > 0) {
            Exit::Input
        } else {
            Exit::Good
        }
    }
}

/// The diagrams a path names: itself, or all `*.dsm` directly in a folder.
fn files(path: &Path) -> Result<Vec<PathBuf>, PathError> {
    let name = path.to_string_lossy();
    match kind(&name)? {
        EntryKind::File => Ok(vec![path.to_owned()]),
        EntryKind::Folder => {
            let files = diagrams_in(&name)?;
            Ok(files.iter().map(|file| path.join(file)).collect())
        }
    }
}

fn format_stdin(check: bool) -> Result<Done, Failure> {
    let before = Document::read(io::stdin()).map_err(Failure::Read)?;
    let after = format(STDIN, &before.text)?;
    if check {
        return before.compare(STDIN, &after);
    }
    print(before.encode(&after))?;
    Ok(Done::Printed)
}

fn format_file(path: &Path, check: bool) -> Result<Done, Failure> {
    let name = path.to_string_lossy();
    let file = fs::File::open(path).map_err(Failure::Read)?;
    let before = Document::read(file).map_err(Failure::Read)?;
    let after = format(&name, &before.text)?;
    if check {
        return before.compare(&name, &after);
    }
    if before.is(&after) {
        return Ok(Done::Same);
    }
    replace(path, &before.encode(&after)).map_err(Failure::Write)?;
    say!("{name}");
    Ok(Done::Changed)
}

fn print(bytes: impl AsRef<[u8]>) -> Result<(), Failure> {
    match print_out(bytes) {
        Exit::Good => Ok(()),
        _ => Err(Failure::NotPrinted),
    }
}

/// Writes a file so that at any time there is the old one or the whole new one. A link stays one.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let path = fs::canonicalize(path)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file()
        .set_permissions(fs::metadata(&path)?.permissions())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// A text and how it was encoded.
struct Document {
    text: String,
    bytes: Vec<u8>,
    /// Old files are Latin-1 and stay so.
    latin1: bool,
}

impl Document {
    fn read(from: impl Read) -> io::Result<Self> {
        let mut bytes = Vec::new();
        from.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MAX_BYTES {
            let message = format!("more than {} MiB: no diagram", MAX_BYTES >> 20);
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
        }
        let (text, latin1) = match str::from_utf8(&bytes) {
            Ok(text) => (text.trim_start_matches('\u{feff}').to_owned(), false),
            Err(_) => (bytes.iter().map(|&byte| char::from(byte)).collect(), true),
        };
        Ok(Self {
            text,
            bytes,
            latin1,
        })
    }

    fn encode(&self, text: &str) -> Vec<u8> {
        match self.latin1 {
            // Formatting adds no letters: each is one that was a byte before.
            true => text
                .chars()
                .map(|c| u8::try_from(c).unwrap_or(b'?'))
                .collect(),
            false => text.as_bytes().to_vec(),
        }
    }

    fn is(&self, text: &str) -> bool {
        self.encode(text) == self.bytes
    }

    /// Shows what would change.
    fn compare(&self, name: &str, after: &str) -> Result<Done, Failure> {
        if self.is(after) {
            return Ok(Done::Same);
        }
        let after_name = format!("{name} (formatted)");
        let diff = TextDiff::from_lines(self.text.as_str(), after);
        let mut shown = diff.unified_diff();
        let shown = shown.context_radius(CONTEXT).header(name, &after_name);
        print(shown.to_string())?;
        Ok(Done::Changed)
    }
}
