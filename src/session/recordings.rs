//! SHELL: where recordings of scripts are written.
//!
//! A script names a file below one folder, which is made when the first recording needs it. A file
//! that is there already is replaced, not written over: whoever still writes or reads the old one
//! keeps it. The samples themselves are written by the media's file thread.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::io;
use std::path::{Path, PathBuf};

use super::event::{AudioFile, RecordError};
use super::safe_path;
use crate::audio::recorder::RecorderSink;
use crate::media::{FileIo, RecordingDone};

/// Makes the file of a recording and begins it; `done` is called when it is complete. Returns the
/// path of the file as well. Touches the disk: call it where waiting is allowed.
///
/// # Errors
/// [`RecordError`] for the name, or for what the system says.
pub fn begin(
    folder: &Path,
    file: &AudioFile,
    sample_rate: u32,
    files: &FileIo,
    done: RecordingDone,
) -> Result<(PathBuf, Box<RecorderSink>), RecordError> {
    let path = match file {
        AudioFile::Path(path) => path.to_path_buf(),
        AudioFile::Name(name) => path_of(folder, name)?,
    };
    let prepared = match file {
        AudioFile::Path(_) => Ok(()),
        AudioFile::Name(_) => prepare(&path),
    };
    let begun = prepared.and_then(|()| files.record(&path, sample_rate, None, done));
    match begun {
        Ok(sink) => Ok((path, sink)),
        Err(error) => Err(RecordError::Unwritable {
            path: path.display().to_string(),
            cause: error.to_string(),
        }),
    }
}

fn path_of(folder: &Path, name: &str) -> Result<PathBuf, RecordError> {
    let path = safe_path::join(folder, name).ok_or_else(|| RecordError::Name(name.to_owned()))?;
    let is_wav = |extension: &std::ffi::OsStr| extension.eq_ignore_ascii_case("wav");
    if path.extension().is_some_and(is_wav) {
        Ok(path)
    } else {
        Err(RecordError::Format(name.to_owned()))
    }
}

/// Makes the folders above `path` and takes away a file that it names. A pipe or device is refused:
/// opening one may wait for ever.
fn prepare(path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.is_file() => std::fs::remove_file(path),
        Ok(found) if !found.is_symlink() => Err(io::Error::other("it is there and no file")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(name: &str) -> Result<PathBuf, RecordError> {
        path_of(Path::new("/srv/recordings"), name)
    }

    #[test]
    fn a_name_is_a_wav_file_below_the_folder() {
        let below = |name: &str| Ok(Path::new("/srv/recordings").join(name));
        assert_eq!(path("a.wav"), below("a.wav"));
        assert_eq!(path("box/49123/1.WAV"), below("box/49123/1.WAV"));
        assert_eq!(path("/srv/recordings/a.wav"), below("a.wav"));
    }

    #[test]
    fn names_that_leave_the_folder_are_refused() {
        for name in [
            "../a.wav",
            "/tmp/a.wav",
            "",
            ".wav",
            "x/../a.wav",
            "a\0.wav",
        ] {
            assert_eq!(path(name), Err(RecordError::Name(name.to_owned())));
        }
    }

    #[test]
    fn other_formats_are_refused_by_name() {
        for name in ["a", "a.mp3", "a.wav|A-Law", "a.wav.txt"] {
            assert_eq!(path(name), Err(RecordError::Format(name.to_owned())));
        }
    }

    #[test]
    fn what_is_no_file_is_refused_and_a_file_is_taken_away() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe.wav");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        assert!(prepare(&pipe).is_err());
        let file = folder.path().join("file.wav");
        std::fs::write(&file, "old").unwrap();
        prepare(&file).unwrap();
        assert!(!file.exists());
    }
}
