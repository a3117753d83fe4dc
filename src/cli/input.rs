//! The diagrams that a command line names, and what to say of paths that name none.

use std::fs;
use std::io::{self, Read as _};
use std::path::{self, Path, PathBuf};

use crate::dsm::loader::FileSystem;
use crate::dsm::source::EntryKind;
use crate::dsm::{SourceProvider, diagram_files};

/// The path that stands for standard input.
pub const STDIN: &str = "-";
/// More than a diagram may have.
const MAX_STDIN_BYTES: u64 = 8 << 20;

/// Why a path is of no use.
#[derive(Debug, thiserror::Error)]
pub enum PathError {
    /// It names nothing.
    #[error("{0}: there is no such file or folder")]
    Missing(String),
    /// The system does not let us.
    #[error("{path}: cannot be read: {error}")]
    Unreadable {
        /// The path.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// A pipe, a device, ...
    #[error("{0}: this is neither a file nor a folder")]
    NeitherFileNorFolder(String),
    /// Where one file is needed.
    #[error("{0}: this is a folder; name one file in it")]
    Folder(String),
    /// A folder of something else.
    #[error("{0}: there is no .dsm file directly in this folder")]
    NoDiagrams(String),
}

/// What a path names, if it can be read.
///
/// # Errors
/// [`PathError`]
pub fn kind(path: &str) -> Result<EntryKind, PathError> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => PathError::Missing(path.to_owned()),
        _ => PathError::Unreadable {
            path: path.to_owned(),
            error,
        },
    };
    let found = fs::metadata(path).map_err(failed)?;
    if found.is_dir() {
        fs::read_dir(path).map_err(failed)?;
        return Ok(EntryKind::Folder);
    }
    if !found.is_file() {
        return Err(PathError::NeitherFileNorFolder(path.to_owned()));
    }
    // Some files open and cannot be read for all that.
    let mut first = [0];
    let read = fs::File::open(path).and_then(|mut file| file.read(&mut first));
    read.map_err(failed)?;
    Ok(EntryKind::File)
}

/// Whether a path names one file that can be read.
///
/// # Errors
/// [`PathError`]
pub fn one_file(path: &str) -> Result<(), PathError> {
    match kind(path)? {
        EntryKind::File => Ok(()),
        EntryKind::Folder => Err(PathError::Folder(path.to_owned())),
    }
}

/// The names of the diagrams directly in a folder, sorted; there is at least one.
///
/// # Errors
/// [`PathError`]
pub fn diagrams_in(folder: &str) -> Result<Vec<String>, PathError> {
    let files = diagram_files(folder, &FileSystem);
    match files.is_empty() {
        true => Err(PathError::NoDiagrams(folder.to_owned())),
        false => Ok(files),
    }
}

/// `path` as a file in `folder` has to name it.
pub fn relative(folder: &Path, path: &str) -> String {
    let absolute = |path: &Path| path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let (folder, file) = (absolute(folder), absolute(Path::new(path)));
    let up = folder.components().count();
    let shared = folder.components().zip(file.components());
    let shared = shared.take_while(|(one, other)| one == other).count();
    let mut relative: PathBuf = (shared..up).map(|_| "..").collect();
    relative.extend(file.components().skip(shared));
    relative.to_string_lossy().into_owned()
}

/// The file system, and what came in from standard input.
#[derive(Default)]
pub struct Files {
    stdin: Option<Vec<u8>>,
}

impl Files {
    /// Reads standard input if it is among the paths.
    ///
    /// # Errors
    /// Those of reading it.
    pub fn read<'a>(mut paths: impl Iterator<Item = &'a str>) -> io::Result<Self> {
        let mut files = Self::default();
        if paths.any(|path| path == STDIN) {
            let mut bytes = Vec::new();
            let input = io::stdin().lock();
            input.take(MAX_STDIN_BYTES).read_to_end(&mut bytes)?;
            files.stdin = Some(bytes);
        }
        Ok(files)
    }

    fn stdin(&self, path: &str) -> Option<&Vec<u8>> {
        self.stdin.as_ref().filter(|_| path == STDIN)
    }
}

impl SourceProvider for Files {
    fn kind(&self, path: &str) -> Option<EntryKind> {
        match self.stdin(path) {
            Some(_) => Some(EntryKind::File),
            None => FileSystem.kind(path),
        }
    }

    fn read(&self, path: &str) -> Option<Vec<u8>> {
        match self.stdin(path) {
            Some(bytes) => Some(bytes.clone()),
            None => FileSystem.read(path),
        }
    }

    fn list(&self, folder: &str) -> Vec<String> {
        FileSystem.list(folder)
    }
}
