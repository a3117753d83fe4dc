//! The tests a command line means.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::cli::input::{PathError, kind};
use crate::dsm::source::EntryKind;
use crate::dsm::testing::beside;

/// Why there is nothing to run.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// A path is of no use.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A diagram instead of its test.
    #[error("{}: this is a diagram; {}, or try it without test: muleteer test --explore {}", .0.display(), test_of(.0), .0.display())]
    Diagram(PathBuf),
    /// A file that is no test.
    #[error("{}: tests are files with the ending .expect", .0.display())]
    NotATest(PathBuf),
    /// A folder without test.
    #[error(
        "{path}: there is no .expect file in this folder or below; write one with 'muleteer sim' and its \
         'save', or try diagrams without tests: muleteer test --explore {path}",
        path = .0.display()
    )]
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
        if kind(&path.to_string_lossy())? == EntryKind::Folder {
            let mut inside = BTreeSet::new();
            walk(path, &mut inside)?;
            if inside.is_empty() {
                return Err(FindError::NoTests(path.clone()));
            }
            found.append(&mut inside);
        } else if is_test(path) {
            found.insert(path.clone());
        } else if path.extension().is_some_and(|it| it == "dsm") {
            return Err(FindError::Diagram(path.clone()));
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

/// How a diagram comes to its test.
fn test_of(diagram: &Path) -> String {
    let test = diagram.with_extension("expect");
    let (test, diagram) = (test.display(), diagram.display());
    match fs::exists(test.to_string()) {
        Ok(true) => format!("its test is {test}"),
        _ => format!("write {test}, perhaps with 'muleteer sim {diagram}' and 'save {test}'"),
    }
}

fn unreadable(path: &Path, error: io::Error) -> FindError {
    FindError::Path(PathError::Unreadable {
        path: path.to_string_lossy().into_owned(),
        error,
    })
}
