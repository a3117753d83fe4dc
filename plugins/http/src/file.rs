//! A body that becomes a file: written aside, and renamed when all of it is there.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use reqwest::Response;
use tokio::fs::{self, File};
use tokio::io::AsyncWriteExt;

use crate::Broken;
use crate::body::chunk;

/// A file that is removed again unless it is kept.
pub struct Aside {
    path: PathBuf,
    target: PathBuf,
    file: Option<File>,
}

impl Aside {
    /// Makes a file beside the one that is wanted.
    ///
    /// # Errors
    /// [`Broken::File`]: such as a folder that is not there.
    pub async fn create(target: impl Into<PathBuf>) -> Result<Self, Broken> {
        let target = target.into();
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let process = std::process::id();
        let mut path = target.clone().into_os_string();
        path.push(format!(".{process}-{number}.part"));
        let path = PathBuf::from(path);
        let file = File::create_new(&path).await;
        let file = file.map_err(|error| broken(&path, &error))?;
        Ok(Self {
            path,
            target,
            file: Some(file),
        })
    }

    /// Writes the body of an answer and puts the file in its place.
    ///
    /// # Errors
    /// [`Broken`]; the file that was there before then stays.
    pub async fn fill(mut self, mut response: Response, most: u64) -> Result<(), Broken> {
        let mut written = 0;
        let Some(mut file) = self.file.take() else {
            return Ok(());
        };
        while let Some(chunk) = chunk(&mut response).await? {
            written += chunk.len() as u64;
            if written > most {
                return Err(Broken::TooLarge(most));
            }
            let result = file.write_all(&chunk).await;
            result.map_err(|error| broken(&self.path, &error))?;
        }
        let flushed = file.flush().await;
        flushed.map_err(|error| broken(&self.path, &error))?;
        drop(file);
        let renamed = fs::rename(&self.path, &self.target).await;
        renamed.map_err(|error| broken(&self.target, &error))
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        // After a rename there is nothing to remove. Also dropped when a call hangs up in the middle.
        #[allow(
            clippy::let_underscore_must_use,
            reason = "what is not there need not be removed"
        )]
        let _ = std::fs::remove_file(&self.path);
    }
}

fn broken(path: &Path, error: &std::io::Error) -> Broken {
    Broken::File(format!("{}: {error}", path.display()))
}
