//! SHELL: where recordings of scripts are written.
//!
//! A script names a file below one folder, which is made when the first recording needs it. A file
//! that is there already is replaced, not written over: whoever still writes or reads the old one
//! keeps it. The samples themselves are written by the media's file thread.
//!
//! While a recording runs, a symbolic link in the folder `.running` points to its file. What is still
//! there when a server starts was left by a crash, and is completed unless another server writes it.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::event::{AudioFile, RecordError};
use super::safe_path;
use crate::audio::recorder::RecorderSink;
use crate::audio::recording::{self, FileFormat, WavEncoding};
use crate::dsm::RecordOptions;
use crate::media::{FileIo, RecordingDone, RecordingRequest};

/// Subfolder of links to the recordings that run. No script can name it: it begins with a dot.
const RUNNING: &str = ".running";

/// What a session wants to record.
#[derive(Debug)]
pub struct Wanted {
    /// Where to.
    pub file: AudioFile,
    /// What and how long.
    pub options: RecordOptions,
    /// Samples a second of the call.
    pub sample_rate: u32,
}

/// Begins recordings.
#[derive(Debug)]
pub struct Recordings {
    folder: PathBuf,
    /// For scripts that do not say one.
    max_length: Option<Duration>,
}

impl Recordings {
    /// `folder` is where scripts record into; `max_length` holds where they do not say one.
    pub fn new(folder: PathBuf, max_length: Option<Duration>) -> Self {
        Self { folder, max_length }
    }

    /// Makes the file of a recording and begins it; `done` is called when it is complete. Returns the
    /// path of the file as well. Touches the disk: call it where waiting is allowed.
    ///
    /// # Errors
    /// [`RecordError`] for the name, or for what the system says.
    pub fn begin(
        &self,
        wanted: &Wanted,
        files: &FileIo,
        done: RecordingDone,
    ) -> Result<(PathBuf, Box<RecorderSink>), RecordError> {
        let options = wanted.options;
        let (path, format, limit) = match &wanted.file {
            AudioFile::Path(path) => {
                let name = path.to_string_lossy();
                let format = FileFormat::of_name(&name).map(|(_, format)| format);
                let format = format.unwrap_or(FileFormat::Wav(WavEncoding::Pcm16));
                (path.to_path_buf(), format, options.max)
            }
            AudioFile::Memory(file) => return Err(RecordError::Name(file.name.to_string())),
            AudioFile::Name(name) => {
                let (path, format) = path_of(&self.folder, name)?;
                (path, format, options.max.or(self.max_length))
            }
        };
        let unwritable = |error: io::Error| RecordError::Unwritable {
            path: path.display().to_string(),
            cause: error.to_string(),
        };
        let mut mark = None;
        if let AudioFile::Name(_) = wanted.file {
            prepare(&path).map_err(unwritable)?;
            mark = Mark::set(&self.folder, &path);
        }
        let request = RecordingRequest {
            path: path.clone(),
            format,
            sample_rate: format.sample_rate(wanted.sample_rate),
            sides: options.sides,
            limit: limit.filter(|limit| !limit.is_zero()),
            silence: options.silence,
            trim: options.trim,
        };
        let complete: RecordingDone = Box::new(move |ended| {
            drop(mark);
            done(ended);
        });
        let sink = files.record(request, complete).map_err(unwritable)?;
        Ok((path, sink))
    }
}

/// The link to a recording that runs. Dropping it says that the recording is complete.
struct Mark(PathBuf);

impl Mark {
    /// `None` where links cannot be made: then a crash may cost the end of the recording.
    fn set(folder: &Path, path: &Path) -> Option<Self> {
        let running = folder.join(RUNNING);
        let target = Path::new("..").join(path.strip_prefix(folder).ok()?);
        let link = running.join(format!("{:016x}", rand::random::<u64>()));
        let made = std::fs::create_dir_all(&running).and_then(|()| symlink(target, &link));
        match made {
            Ok(()) => Some(Self(link)),
            Err(error) => {
                tracing::debug!(path = %link.display(), %error, "no link to a recording that runs");
                None
            }
        }
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            tracing::debug!(path = %self.0.display(), %error, "a link cannot be taken away");
        }
    }
}

/// Completes what a crash has left in `folder`. Waits for the disk.
pub fn repair(folder: &Path) {
    // No folder: nothing was ever recorded.
    let Ok(links) = std::fs::read_dir(folder.join(RUNNING)) else {
        return;
    };
    for link in links.flatten().map(|link| link.path()) {
        let path = std::fs::canonicalize(&link).unwrap_or_else(|_| link.clone());
        match repair_file(&path) {
            Ok(Repair::Done) => {
                tracing::warn!(path = %path.display(), "completed a recording that was cut off");
            }
            Ok(Repair::Needless) => {}
            Ok(Repair::Running) => continue,
            // The file was moved or deleted meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                tracing::error!(path = %path.display(), %error, "a recording stays cut off");
                continue;
            }
        }
        drop(Mark(link));
    }
}

enum Repair {
    Done,
    Needless,
    /// A server writes it.
    Running,
}

fn repair_file(path: &Path) -> io::Result<Repair> {
    let mut file = File::options().read(true).write(true).open(path)?;
    if let Err(TryLockError::WouldBlock) = file.try_lock() {
        return Ok(Repair::Running);
    }
    let length = file.metadata()?.len();
    Ok(match recording::repair(&mut file, length)? {
        true => Repair::Done,
        false => Repair::Needless,
    })
}

fn path_of(folder: &Path, name: &str) -> Result<(PathBuf, FileFormat), RecordError> {
    let (file, format) = match FileFormat::of_name(name) {
        Some((file, format)) => (file, Some(format)),
        None => (name, None),
    };
    let path = safe_path::join(folder, file).ok_or_else(|| RecordError::Name(name.to_owned()))?;
    let format = format.ok_or_else(|| RecordError::Format(name.to_owned()))?;
    Ok((path, format))
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
    use std::io::Write;
    use std::sync::mpsc;

    use super::*;
    use crate::audio::recorder::{EndCause, Sides};
    use crate::audio::recording::{FileSpec, RecordingFile};
    use crate::media::{MediaConfig, MediaPool};

    fn path(name: &str) -> Result<PathBuf, RecordError> {
        path_of(Path::new("/srv/recordings"), name).map(|(path, _)| path)
    }

    #[test]
    fn a_name_is_an_audio_file_below_the_folder() {
        let below = |name: &str| Ok(Path::new("/srv/recordings").join(name));
        for name in ["a.wav", "box/49123/1.WAV", "a.opus", "b/c.ogg"] {
            assert_eq!(path(name), below(name));
        }
        assert_eq!(path("/srv/recordings/a.wav"), below("a.wav"));
        assert_eq!(path("b/a.wav|A-Law"), below("b/a.wav"));
    }

    #[test]
    fn names_that_leave_the_folder_are_refused() {
        for name in [
            "../a.wav",
            "/tmp/a.wav",
            "",
            ".wav",
            ".running/a.wav",
            "x/../a.wav",
            "x/../a.wav|A-Law",
            "a\0.wav",
        ] {
            assert_eq!(path(name), Err(RecordError::Name(name.to_owned())));
        }
    }

    #[test]
    fn other_formats_are_refused_by_name() {
        for name in ["a", "a.mp3", "a.wav|G729", "a.wav.txt", "a.opus|A-Law"] {
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

    fn wanted(name: &str, options: &str) -> Wanted {
        Wanted {
            file: AudioFile::Name(name.to_owned()),
            options: RecordOptions::parse(options).unwrap(),
            sample_rate: 16_000,
        }
    }

    fn links(folder: &Path) -> usize {
        std::fs::read_dir(folder.join(RUNNING)).map_or(0, Iterator::count)
    }

    #[test]
    fn a_script_says_more_than_the_server() {
        let folder = tempfile::tempdir().unwrap();
        let media = MediaPool::start(MediaConfig::default()).unwrap();
        let server = Some(Duration::from_secs(7_200));
        let recordings = Recordings::new(folder.path().to_owned(), server);
        for (name, options, rate, sides, limit) in [
            ("a.wav", "", 16_000, Sides::Peer, server),
            (
                "b/a.wav|A-Law",
                "max=3",
                8_000,
                Sides::Peer,
                Some(Duration::from_secs(3)),
            ),
            ("c.opus", "max=0; both=stereo", 16_000, Sides::Stereo, None),
        ] {
            let (done, ended) = mpsc::channel();
            let done = Box::new(move |how| done.send(how).unwrap());
            let wanted = wanted(name, options);
            let (path, sink) = recordings.begin(&wanted, media.files(), done).unwrap();
            assert!(path.exists());
            let plan = *sink.plan();
            assert_eq!((plan.sample_rate, plan.sides), (rate, sides));
            assert_eq!(plan.limit, limit);
            assert_eq!(links(folder.path()), 1);
            // A second server leaves it alone.
            repair(folder.path());
            assert_eq!(links(folder.path()), 1);
            drop(sink);
            let how = ended.recv_timeout(Duration::from_secs(20)).unwrap();
            assert_eq!(how.cause, EndCause::Stopped);
            assert_eq!(links(folder.path()), 0);
        }
    }

    #[test]
    fn what_a_crash_left_is_completed_once() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("box")).unwrap();
        let path = folder.path().join("box/a.wav");
        let gone = folder.path().join("gone.wav");
        let spec = FileSpec {
            format: FileFormat::Wav(WavEncoding::Pcm16),
            sample_rate: 8_000,
            sides: Sides::Peer,
            trim: false,
        };
        let mut left = RecordingFile::begin(File::create(&path).unwrap(), spec).unwrap();
        left.write(&[7; 12_000]).unwrap();
        left.store().unwrap();
        drop(left);
        let mut half_a_sample = File::options().append(true).open(&path).unwrap();
        half_a_sample.write_all(&[7]).unwrap();
        assert_eq!(hound::WavReader::open(&path).unwrap().duration(), 8_000);
        for path in [&path, &gone] {
            std::mem::forget(Mark::set(folder.path(), path));
        }
        assert_eq!(links(folder.path()), 2);
        repair(folder.path());
        assert_eq!(links(folder.path()), 0);
        let reader = hound::WavReader::open(&path).unwrap();
        assert_eq!(reader.duration(), 12_000);
        assert!(!gone.exists());
        repair(folder.path());
    }
}
