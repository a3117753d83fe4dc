//! SHELL: diagrams from the file system.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::io::Read as _;
use std::path::PathBuf;
use std::{fs, io};

use super::include::MAX_TEXT_BYTES;
use super::load::diagram_files;
use super::source::{EntryKind, SourceProvider};

/// Reads from the file system; relative paths start at the working directory.
#[derive(Clone, Copy, Debug, Default)]
pub struct FileSystem;

impl SourceProvider for FileSystem {
    fn kind(&self, path: &str) -> Option<EntryKind> {
        let found = fs::metadata(path).ok()?;
        match (found.is_file(), found.is_dir()) {
            (true, _) => Some(EntryKind::File),
            (_, true) => Some(EntryKind::Folder),
            _ => None,
        }
    }

    fn read(&self, path: &str) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        // One byte more than is allowed is enough to be refused.
        let mut file = fs::File::open(path).ok()?.take(MAX_TEXT_BYTES as u64 + 1);
        file.read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }

    fn list(&self, folder: &str) -> Vec<String> {
        entries(folder, |path| path.is_file())
    }

    fn folders(&self, folder: &str) -> Vec<String> {
        entries(folder, |path| path.is_dir())
    }
}

/// The names in a folder whose paths are wanted.
fn entries(folder: &str, wanted: impl Fn(&PathBuf) -> bool) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter(|entry| wanted(&entry.path()))
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

/// Finds every `NAME.dsm` directly in one of `folders`, as name and path. Of several with one name the
/// one in the earlier folder counts.
///
/// # Errors
/// The folder that cannot be read, and why.
pub fn find_diagrams(folders: &[PathBuf]) -> Result<Vec<(String, String)>, (PathBuf, io::Error)> {
    let mut diagrams: Vec<(String, String)> = Vec::new();
    for folder in folders {
        fs::read_dir(folder).map_err(|error| (folder.clone(), error))?;
        let folder = folder.to_string_lossy();
        for file in diagram_files(&folder, &FileSystem) {
            let name = file.trim_end_matches(".dsm").to_owned();
            if diagrams.iter().all(|(known, _)| *known != name) {
                diagrams.push((name, format!("{folder}/{file}")));
            }
        }
    }
    Ok(diagrams)
}
