//! SHELL: what scripts do with files. May wait for the disk: for the blocking pool only. Where a path of a
//! script leads is decided in [`place`](super::place).
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, renameat, unlinkat};

use super::place::{Place, check, make_folder, make_folders};
use super::{FileWork, LocalPolicy, forbidden};
use crate::dsm::{ActionError, ActionResult, Answer, Errno};

/// What the names of new files begin with, as scripts know it.
const TEMPORARY: &str = "sems_";

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("{}: {source}", path.display())]
    System {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{0:?} is not below the folders of [sys] folders")]
    Outside(PathBuf),
}

impl FileError {
    pub fn system(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        Self::System { path, source }
    }
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
    let folders = &policy.folders;
    let place = |path: &Path| Place::of(folders, path);
    match work {
        FileWork::MakeFolder {
            path,
            parents: true,
        } => make_folders(folders, Path::new(&path))?,
        FileWork::MakeFolder { path, .. } => {
            let path = Path::new(&path);
            let made = make_folder(&place(path)?);
            made.map_err(|source| FileError::system(path, source))?;
        }
        FileWork::Rename { from, to } => {
            let (from, to) = (Path::new(&from), Path::new(&to));
            let moved = rename(&place(from)?, &place(to)?);
            moved.map_err(|source| FileError::system(from, source))?;
        }
        FileWork::Unlink(path) => unlink(folders, Path::new(&path))?,
        FileWork::UnlinkAll { folder, names } => {
            let folder = Path::new(&folder);
            let mut failed = Ok(());
            for name in &names {
                // An empty name is not the folder.
                failed = failed.and(unlink(folders, &folder.join(name)));
            }
            failed?;
        }
        FileWork::NewFile { variable } => {
            let folder = folders.first().cloned();
            let folder = folder.unwrap_or_else(std::env::temp_dir);
            let path = new_file(&folder).map_err(|source| FileError::system(&folder, source))?;
            let path = path.to_string_lossy().into_owned();
            return Ok(Answer::Assign(vec![(variable, path)]));
        }
        FileWork::Exists { path, wanted } => {
            let path = Path::new(&path);
            check(folders, path)?;
            // The file itself may be a link, too.
            let is_there = match path.canonicalize() {
                Ok(path) => place(&path)?.open().is_ok(),
                Err(_) => false,
            };
            return Ok(Answer::Value((is_there == wanted).into()));
        }
    }
    Ok(Answer::Nothing)
}

fn unlink(folders: &[PathBuf], path: &Path) -> Result<(), FileError> {
    let place = Place::of(folders, path)?;
    let (folder, name) = place.at();
    let done = unlinkat(folder, name, AtFlags::empty());
    done.map_err(|source| FileError::system(path, source.into()))
}

/// Moves a file. To another file system it is copied beside its new place first, so that nobody ever sees
/// half of it there.
fn rename(from: &Place, to: &Place) -> io::Result<()> {
    let ((folder, name), (new_folder, new_name)) = (from.at(), to.at());
    let error = match renameat(folder, name, new_folder, new_name) {
        Ok(()) => return Ok(()),
        Err(error) => io::Error::from(error),
    };
    if error.kind() != ErrorKind::CrossesDevices {
        return Err(error);
    }
    let beside = to.folder_path();
    let mut source = from.open()?;
    if !source.metadata()?.is_file() {
        return Err(error);
    }
    let copy = tempfile::Builder::new()
        .prefix(TEMPORARY)
        .tempfile_in(&beside)?;
    io::copy(&mut source, &mut copy.as_file())?;
    copy.as_file()
        .set_permissions(source.metadata()?.permissions())?;
    copy.as_file().sync_all()?;
    copy.persist(beside.join(to.name()))?;
    Ok(unlinkat(folder, name, AtFlags::empty())?)
}

fn new_file(folder: &Path) -> io::Result<PathBuf> {
    let file = tempfile::Builder::new()
        .prefix(TEMPORARY)
        .rand_bytes(6)
        .tempfile_in(folder)?;
    let (_, path) = file.keep()?;
    Ok(path)
}
