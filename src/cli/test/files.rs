//! The tests a command line means.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::dsm::testing::beside;

/// Why there is nothing to run.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// A path cannot be read.
    #[error("{}: {error}", .path.display())]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A file that is no test.
    #[error("{}: tests are files with the ending .expect", .0.display())]
    NotATest(PathBuf),
    /// A folder without test.
    #[error("{}: there is no .expect file in this folder", .0.display())]
    NoTests(PathBuf),
    /// Nothing is left.
    #[error("no test has '{0}' in its path")]
    NothingMatches(String),
}

/// All tests under the paths, sorted, each once.
///
/// # Errors
/// [`FindError`] for the first path that gives no test.
pub fn find_tests(paths: &[PathBuf], filter: Option<&str>) -> Result<Vec<String>, FindError> {
    let mut found = BTreeSet::new();
    for path in paths {
        let kind = fs::metadata(path).map_err(|error| unreadable(path, error))?;
        if kind.is_dir() {
            let mut inside = BTreeSet::new();
            walk(path, &mut inside)?;
            if inside.is_empty() {
                return Err(FindError::NoTests(path.clone()));
            }
            found.append(&mut inside);
        } else if is_test(path) {
            found.insert(path.clone());
        } else {
            return Err(FindError::NotATest(path.clone()));
        }
    }
    // One file has one path, however it was named.
    let paths = found.iter().map(|path| beside("", &path.to_string_lossy()));
    let paths: BTreeSet<String> = paths.collect();
    let paths = paths.into_iter();
    let wanted: Vec<String> = match filter {
        Some(filter) => paths.filter(|path| path.contains(filter)).collect(),
        None => paths.collect(),
    };
    match filter {
        Some(filter) if wanted.is_empty() => Err(FindError::NothingMatches(filter.to_owned())),
        _ => Ok(wanted),
    }
}

/// Linked folders are not followed, so that a circle of links has an end.
fn walk(folder: &Path, found: &mut BTreeSet<PathBuf>) -> Result<(), FindError> {
    let cannot = |error| unreadable(folder, error);
    for entry in fs::read_dir(folder).map_err(cannot)? {
        let entry = entry.map_err(cannot)?;
        let path = entry.path();
        if entry.file_type().map_err(cannot)?.is_dir() {
            walk(&path, found)?;
        } else if is_test(&path) {
            found.insert(path);
        }
    }
    Ok(())
}

fn is_test(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "expect")
}

fn unreadable(path: &Path, error: io::Error) -> FindError {
    FindError::Unreadable {
        path: path.to_owned(),
        error,
    }
}
