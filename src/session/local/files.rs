//! SHELL: what scripts do with files. May wait for the disk: for the blocking pool only.
//!
//! If the operator has named folders, a path is followed through all links up to its last part, and has
//! to end below one of them. Who may change links in these folders meanwhile is believed.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};

use super::{FileWork, LocalPolicy, forbidden};
use crate::dsm::{ActionError, ActionResult, Answer, Errno};

/// What the names of new files begin with, as scripts know it.
const TEMPORARY: &str = "sems_";
/// Of folders, less the umask.
const FOLDER_MODE: u32 = 0o775;

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
enum FileError {
    #[error("{}: {source}", path.display())]
    System {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{0:?} is not below the folders of [sys] folders")]
    Outside(PathBuf),
}

impl From<FileError> for ActionError {
    fn from(error: FileError) -> Self {
        match error {
            FileError::System { .. } => ActionError::errno(Errno::FILE, error.to_string()),
            FileError::Outside(_) => forbidden(error.to_string()),
        }
    }
}

/// Does `work` as far as `policy` allows.
pub fn perform(policy: &LocalPolicy, work: FileWork) -> ActionResult {
    let allowed = |path: &str| within(&policy.folders, Path::new(path));
    match work {
        FileWork::MakeFolder { path, parents } => {
            let path = allowed(&path)?;
            let mut builder = DirBuilder::new();
            let made = builder.mode(FOLDER_MODE).recursive(parents).create(&path);
            made.map_err(|source| system(&path, source))?;
        }
        FileWork::Rename { from, to } => rename(&allowed(&from)?, &allowed(&to)?)?,
        FileWork::Unlink(path) => unlink(&allowed(&path)?)?,
        FileWork::UnlinkAll { folder, names } => {
            let folder = Path::new(&folder);
            let mut failed = Ok(());
            for name in &names {
                // An empty name is not the folder.
                let path = folder.join(name);
                let done = within(&policy.folders, &path).and_then(|path| unlink(&path));
                failed = failed.and(done);
            }
            failed?;
        }
        FileWork::NewFile { variable } => {
            let folder = policy.folders.first().cloned();
            let folder = folder.unwrap_or_else(std::env::temp_dir);
            let path = new_file(&folder).map_err(|source| system(&folder, source))?;
            let path = path.to_string_lossy().into_owned();
            return Ok(Answer::Assign(vec![(variable, path)]));
        }
        FileWork::Exists { path, wanted } => {
            let path = allowed(&path)?;
            // The file itself may be a link, too.
            let is_there = match path.canonicalize() {
                Ok(path) => is_readable(&within(&policy.folders, &path)?),
                Err(_) => false,
            };
            return Ok(Answer::Value((is_there == wanted).into()));
        }
    }
    Ok(Answer::Nothing)
}

fn system(path: &Path, source: io::Error) -> FileError {
    let path = path.to_owned();
    FileError::System { path, source }
}

/// The path without links before its last part, if it leads below one of the folders.
fn within(folders: &[PathBuf], path: &Path) -> Result<PathBuf, FileError> {
    if folders.is_empty() {
        return Ok(path.to_owned());
    }
    let outside = || FileError::Outside(path.to_owned());
    let absolute = std::path::absolute(path).map_err(|source| system(path, source))?;
    if absolute
        .components()
        .any(|part| part == Component::ParentDir)
    {
        return Err(outside());
    }
    let (Some(name), Some(parent)) = (absolute.file_name(), absolute.parent()) else {
        return Err(outside());
    };
    let place = real(parent).map_err(|source| system(path, source))?;
    let is_in = |folder: &PathBuf| match folder.canonicalize() {
        Ok(folder) => place.starts_with(folder),
        Err(_) => false,
    };
    match folders.iter().any(is_in) {
        true => Ok(place.join(name)),
        false => Err(outside()),
    }
}

/// A path without `..` or links; what is not there yet stays as it is.
fn real(path: &Path) -> io::Result<PathBuf> {
    for there in path.ancestors() {
        match there.canonicalize() {
            Ok(real) => {
                let missing = path.strip_prefix(there).unwrap_or(Path::new(""));
                return Ok(real.join(missing));
            }
            // A link that leads nowhere is there, too.
            Err(error) if error.kind() == ErrorKind::NotFound && !there.is_symlink() => {}
            Err(error) => return Err(error),
        }
    }
    Err(ErrorKind::NotFound.into())
}

fn unlink(path: &Path) -> Result<(), FileError> {
    fs::remove_file(path).map_err(|source| system(path, source))
}

/// Moves a file. To another file system it is copied beside its new place first, so that nobody ever sees
/// half of it there.
fn rename(from: &Path, to: &Path) -> Result<(), FileError> {
    let error = match fs::rename(from, to) {
        Ok(()) => return Ok(()),
        Err(error) => error,
    };
    if error.kind() != ErrorKind::CrossesDevices {
        return Err(system(from, error));
    }
    let beside = to.parent().unwrap_or(Path::new(""));
    let copy = || -> io::Result<()> {
        let copy = tempfile::Builder::new()
            .prefix(TEMPORARY)
            .tempfile_in(beside)?;
        let mut source = File::open(from)?;
        if !source.metadata()?.is_file() {
            return Err(ErrorKind::CrossesDevices.into());
        }
        io::copy(&mut source, &mut copy.as_file())?;
        copy.as_file()
            .set_permissions(source.metadata()?.permissions())?;
        copy.as_file().sync_all()?;
        copy.persist(to)?;
        fs::remove_file(from)
    };
    copy().map_err(|source| system(from, source))
}

fn new_file(folder: &Path) -> io::Result<PathBuf> {
    let file = tempfile::Builder::new()
        .prefix(TEMPORARY)
        .rand_bytes(6)
        .tempfile_in(folder)?;
    let (_, path) = file.keep()?;
    Ok(path)
}

/// Whether it can be opened for reading. A pipe is not waited for.
fn is_readable(path: &Path) -> bool {
    let mut options = OpenOptions::new();
    let options = options.read(true).custom_flags(libc::O_NONBLOCK);
    options.open(path).is_ok()
}
