//! SHELL: the paths of scripts, and where they lead. May wait for the disk.
//!
//! If the operator has named folders, a path is followed through all links up to its last part, and has
//! to end below one of them. What is done then is done in the folder that was opened there, not by its
//! path: whoever changes links meanwhile leads nothing elsewhere.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::ffi::OsStr;
use std::fs::{DirBuilder, File};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Once;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, mkdirat, openat, openat2};
use rustix::io::Errno;

use super::files::FileError;

/// Of folders, less the umask.
const FOLDER_MODE: u32 = 0o775;
/// How a folder is opened that only leads on.
const FOLDER: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
/// How a file is opened whose path has no links: nobody is waited for, and no link is followed.
const FILE: OFlags = OFlags::RDONLY
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// Where a file is, or is to be.
pub struct Place {
    /// Open; `None`: the path tells the folder.
    folder: Option<OwnedFd>,
    /// Its name in the folder, or its path.
    path: PathBuf,
}

impl Place {
    /// Where `path` leads, if that is below one of these folders, or if there are none.
    pub fn of(folders: &[PathBuf], path: &Path) -> Result<Self, FileError> {
        let Some(way) = Way::of(folders, path)? else {
            let path = path.to_owned();
            return Ok(Self { folder: None, path });
        };
        let system = |source: Errno| FileError::system(path, source.into());
        let opened = way.open_root().and_then(|root| match way.parent() {
            parent if parent.as_os_str().is_empty() => Ok(root),
            parent => beneath(root.as_fd(), parent),
        });
        Ok(match opened {
            Ok(folder) => Self {
                folder: Some(folder),
                path: way.name().into(),
            },
            Err(error) if is_missing(error) => Self {
                folder: None,
                path: way.root.join(&way.rest),
            },
            Err(error) => return Err(system(error)),
        })
    }

    /// For functions of the system that take both.
    pub fn at(&self) -> (BorrowedFd<'_>, &Path) {
        let folder = self.folder.as_ref().map_or(CWD, AsFd::as_fd);
        (folder, &self.path)
    }

    /// Opens the file for reading.
    pub fn open(&self) -> io::Result<File> {
        let (folder, path) = self.at();
        Ok(openat(folder, path, FILE, Mode::empty())?.into())
    }

    /// The folder, for functions that take paths only.
    pub fn folder_path(&self) -> PathBuf {
        match &self.folder {
            Some(folder) => format!("/proc/self/fd/{}", folder.as_raw_fd()).into(),
            None => self.path.parent().unwrap_or(Path::new("")).to_owned(),
        }
    }

    /// The name of the file in that folder.
    pub fn name(&self) -> &OsStr {
        self.path.file_name().unwrap_or_default()
    }
}

/// Whether a path leads to where files are allowed, also if nothing is there.
pub fn check(folders: &[PathBuf], path: &Path) -> Result<(), FileError> {
    Way::of(folders, path).map(drop)
}

/// Makes one folder.
pub fn make_folder(place: &Place) -> io::Result<()> {
    let (folder, path) = place.at();
    Ok(mkdirat(folder, path, Mode::from(FOLDER_MODE))?)
}

/// Makes the folder of this path and all that it is in; they may be there already.
pub fn make_folders(folders: &[PathBuf], path: &Path) -> Result<(), FileError> {
    let system = |source: io::Error| FileError::system(path, source);
    let Some(way) = Way::of(folders, path)? else {
        return make_all(path).map_err(system);
    };
    let make = || {
        let mut folder = way.open_root()?;
        for part in way.rest.components() {
            let part: &Path = part.as_ref();
            match mkdirat(&folder, part, Mode::from(FOLDER_MODE)) {
                Ok(()) | Err(Errno::EXIST) => folder = beneath(folder.as_fd(), part)?,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    };
    let made = match make() {
        Err(error) if is_missing(error) => make_all(&way.root.join(&way.rest)),
        made => made.map_err(Into::into),
    };
    made.map_err(system)
}

/// The same by its path alone.
fn make_all(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.mode(FOLDER_MODE).recursive(true).create(path)
}

/// A path without links, cut where a folder of the operator ends.
struct Way {
    root: PathBuf,
    /// At least a name.
    rest: PathBuf,
}

impl Way {
    /// `None`: every path is allowed.
    fn of(folders: &[PathBuf], path: &Path) -> Result<Option<Self>, FileError> {
        if folders.is_empty() {
            return Ok(None);
        }
        let outside = || FileError::Outside(path.to_owned());
        let system = |source| FileError::system(path, source);
        let absolute = std::path::absolute(path).map_err(system)?;
        let mut parts = absolute.components();
        if parts.any(|part| part == Component::ParentDir) {
            return Err(outside());
        }
        let (Some(name), Some(parent)) = (absolute.file_name(), absolute.parent()) else {
            return Err(outside());
        };
        let place = real(parent).map_err(system)?.join(name);
        let below = |folder: &PathBuf| {
            let root = folder.canonicalize().ok()?;
            let rest = place.strip_prefix(&root).ok()?.to_owned();
            (!rest.as_os_str().is_empty()).then_some(Self { root, rest })
        };
        folders.iter().find_map(below).map(Some).ok_or_else(outside)
    }

    /// The operator's own folder.
    fn open_root(&self) -> rustix::io::Result<OwnedFd> {
        openat(CWD, &self.root, FOLDER, Mode::empty())
    }

    fn parent(&self) -> &Path {
        self.rest.parent().unwrap_or(Path::new(""))
    }

    fn name(&self) -> &OsStr {
        self.rest.file_name().unwrap_or_default()
    }
}

/// Opens a folder below another one, wherever links lead meanwhile.
fn beneath(folder: BorrowedFd<'_>, path: &Path) -> rustix::io::Result<OwnedFd> {
    let resolve = ResolveFlags::BENEATH.union(ResolveFlags::NO_MAGICLINKS);
    loop {
        match openat2(folder, path, FOLDER, Mode::empty(), resolve) {
            // Something was renamed at this moment.
            Err(Errno::AGAIN) => {}
            opened => return opened,
        }
    }
}

/// Whether the system, or what confines this process, does not know `openat2`.
fn is_missing(error: Errno) -> bool {
    static TOLD: Once = Once::new();
    let is_missing = matches!(error, Errno::NOSYS | Errno::PERM);
    if is_missing {
        TOLD.call_once(|| {
            tracing::warn!(
                "this system has no openat2 (Linux 5.6): whoever changes links in [sys] folders at the \
                 right moment leads the files of scripts out of them"
            );
        });
    }
    is_missing
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_place_stays_where_it_was_found() {
        let world = tempfile::tempdir().unwrap();
        let (inside, outside) = (world.path().join("inside"), world.path().join("outside"));
        for folder in [&inside, &outside, &inside.join("a")] {
            std::fs::create_dir(folder).unwrap();
        }
        let place = Place::of(std::slice::from_ref(&inside), &inside.join("a/b")).unwrap();
        // Between the look and the work, a link comes.
        std::fs::rename(inside.join("a"), inside.join("was")).unwrap();
        symlink(&outside, inside.join("a")).unwrap();
        make_folder(&place).unwrap();
        assert!(inside.join("was/b").is_dir() && !outside.join("b").exists());
    }

    #[test]
    fn a_link_that_comes_at_the_wrong_moment_leads_nowhere() {
        let world = tempfile::tempdir().unwrap();
        let (inside, outside) = (world.path().join("inside"), world.path().join("outside"));
        for folder in [&inside, &outside] {
            std::fs::create_dir(folder).unwrap();
        }
        let way = Way::of(std::slice::from_ref(&inside), &inside.join("a/b"))
            .unwrap()
            .unwrap();
        symlink("../outside", inside.join("a")).unwrap();
        let root = way.open_root().unwrap();
        let opened = beneath(root.as_fd(), way.parent());
        assert_eq!(opened.unwrap_err(), Errno::XDEV);
        let found = make_folders(std::slice::from_ref(&inside), &inside.join("a/b"));
        assert!(matches!(found, Err(FileError::Outside(_))));
    }
}
