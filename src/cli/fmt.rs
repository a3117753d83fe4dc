//! `muleteer fmt`: puts state diagrams into the canonical layout.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::fs;
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};

use similar::TextDiff;
use tempfile::NamedTempFile;

use super::{Exit, FmtArgs};
use crate::dsm::{FormatError, format};

/// Longest diagram that is read, in bytes; longer ones do not load either.
const MAX_BYTES: u64 = 4 << 20;
/// Unchanged lines shown around a change.
const CONTEXT: usize = 2;

/// Runs the command.
pub fn run(args: &FmtArgs) -> Exit {
    let mut tally = Tally::default();
    for path in &args.paths {
        if path.as_os_str() == "-" {
            tally.record("standard input", format_stdin(args.check));
            continue;
        }
        match files(path) {
            Ok(files) => {
                for file in files {
                    let result = format_file(&file, args.check);
                    tally.record(&file.to_string_lossy(), result);
                }
            }
            Err(error) => tally.record(&path.to_string_lossy(), Err(error.into())),
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
    #[error(transparent)]
    Io(#[from] io::Error),
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
                eprint!("{refusal}");
                eprintln!("{path}: left as it is, because of the above");
                self.refused += 1;
            }
            Err(Failure::Format(error)) => {
                eprintln!("{path}: left as it is: {error}");
                self.refused += 1;
            }
            Err(Failure::Io(error)) => {
                eprintln!("{path}: {error}");
                self.failed += 1;
            }
        }
    }

    fn summary(&self, check: bool) {
        if self.printed > 0 && self.same + self.changed == 0 {
            return;
        }
        let changed = if check { "would change" } else { "changed" };
        eprintln!(
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
fn files(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !fs::metadata(path)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path)? {
        let file = entry?.path();
        if file.extension().is_some_and(|it| it == "dsm") && file.is_file() {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

fn format_stdin(check: bool) -> Result<Done, Failure> {
    let before = Document::read(io::stdin())?;
    let after = format("standard input", &before.text)?;
    if check {
        return Ok(before.compare("standard input", &after));
    }
    io::stdout().write_all(&before.encode(&after))?;
    Ok(Done::Printed)
}

fn format_file(path: &Path, check: bool) -> Result<Done, Failure> {
    let name = path.to_string_lossy();
    let before = Document::read(fs::File::open(path)?)?;
    let after = format(&name, &before.text)?;
    if check {
        return Ok(before.compare(&name, &after));
    }
    if before.is(&after) {
        return Ok(Done::Same);
    }
    replace(path, &before.encode(&after))?;
    println!("{name}");
    Ok(Done::Changed)
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
    fn compare(&self, name: &str, after: &str) -> Done {
        if self.is(after) {
            return Done::Same;
        }
        let after_name = format!("{name} (formatted)");
        let diff = TextDiff::from_lines(self.text.as_str(), after);
        let mut shown = diff.unified_diff();
        print!(
            "{}",
            shown.context_radius(CONTEXT).header(name, &after_name)
        );
        Done::Changed
    }
}
