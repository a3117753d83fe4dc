//! SHELL: loads audio files once and shares them between calls.
//!
//! A prompt is read, decoded, resampled and encoded off the signalling and media threads, once for
//! each encoding, or for each sample rate if streams encode it themselves, and kept until the memory
//! limit asks for room. A file that was replaced on disk is noticed at the next play, at most
//! `RECHECK` later; calls that play the old one finish it. That a file is missing is
//! remembered for as long, because looking a name up in several places, most of which do not have it,
//! is how announcements are found. What the server writes itself is known to have changed at once
//! ([`PromptStore::changed`]).
//!
//! A file that plays longer than the limit is not loaded: it is opened again for each play and read
//! while it is heard ([`Playable::Long`]).
//!
//! Names of scripts are looked up below the store's folders; paths that the operator wrote into a
//! list of prompts are taken as they are.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::OnceCell;

use super::event::{AudioFile, PromptError};
use super::safe_path;
use crate::audio::decode::{self, Sound};
use crate::audio::playlist::PlaylistItem;
use crate::audio::prompt::{AudioError, Prompt};
use crate::codec::Encoding;
use crate::dsm::module::MemoryFile;
use crate::media::{FileIo, open_sound};

/// How long a file is taken to be unchanged without a look at the disk.
const RECHECK: Duration = Duration::from_secs(1);
/// What a file in memory may play at least, before it is taken to be a mistake.
const LONGEST_IN_MEMORY: Duration = Duration::from_secs(600);
/// Names of written files that are remembered without a look at their age.
const MIN_CROWD: usize = 256;
/// Names remembered as missing.
const MAX_MISSING: usize = 4096;
/// Bytes of a name that is remembered; a longer one, which may come from the network, is looked up each time.
const MAX_MISSING_NAME: usize = 512;

/// The prompts of a server. Shared by all session tasks.
#[derive(Debug)]
pub struct PromptStore {
    roots: Vec<PathBuf>,
    limit_bytes: usize,
    longest_whole: Duration,
    /// [`RECHECK`], but for tests.
    recheck: Duration,
    cache: Mutex<Cache>,
}

#[derive(Debug, Default)]
struct Cache {
    entries: HashMap<Key, Entry>,
    /// And since when.
    missing: HashMap<AudioFile, (Instant, PromptError)>,
    /// Names of files that the server has written lately, without their folders, and when. What was known of
    /// them before is not true any more.
    written: HashMap<OsString, Instant>,
    /// With so many of these, old ones are looked for.
    crowded: usize,
    bytes: usize,
    clock: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    file: AudioFile,
    form: Form,
}

/// What is kept of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Form {
    /// Samples and payloads.
    Encoded(Encoding),
    /// Samples at this rate, for codecs that do not join payloads.
    Samples(u32),
}

impl Key {
    fn new(file: &AudioFile, encoding: Encoding) -> Self {
        let form = match encoding.codec.joins() {
            true => Form::Encoded(encoding),
            false => Form::Samples(encoding.codec.sample_rate()),
        };
        Self {
            file: file.clone(),
            form,
        }
    }
}

#[derive(Debug)]
struct Entry {
    cell: Arc<OnceCell<Loaded>>,
    /// Counted towards the limit once loaded.
    bytes: usize,
    last_use: u64,
    checked: Instant,
}

/// A file as it is to be played.
#[derive(Debug, Clone)]
pub enum Playable {
    /// In memory, and encoded if calls can share that.
    Whole(Arc<Prompt>),
    /// Too long for that; its path.
    Long(Arc<Path>),
}

impl Playable {
    fn size_bytes(&self) -> usize {
        match self {
            Self::Whole(prompt) => prompt.size_bytes(),
            Self::Long(path) => path.as_os_str().len(),
        }
    }
}

#[derive(Debug, Clone)]
struct Loaded {
    playable: Playable,
    path: PathBuf,
    modified: Option<SystemTime>,
    length: u64,
}

impl Cache {
    /// Whether the server has written a file of this name after `since`.
    fn is_overtaken(&self, file: &AudioFile, since: Instant) -> bool {
        let name = match file {
            AudioFile::Name(name) => Path::new(name).file_name(),
            AudioFile::Path(path) => path.file_name(),
            AudioFile::Memory(_) => None,
        };
        let written = name.and_then(|name| self.written.get(name));
        written.is_some_and(|at| *at >= since)
    }
}

impl PromptStore {
    /// A store over `roots`, searched in order, that keeps about `limit_bytes` of audio and loads no
    /// file that plays longer than `longest_whole`.
    pub fn new(roots: Vec<PathBuf>, limit_bytes: usize, longest_whole: Duration) -> Self {
        Self {
            roots,
            limit_bytes,
            longest_whole,
            recheck: RECHECK,
            cache: Mutex::default(),
        }
    }

    /// The prompt, or that there is none, if that is known without a look at the disk.
    pub fn cached(
        &self,
        file: &AudioFile,
        encoding: Encoding,
    ) -> Option<Result<Playable, PromptError>> {
        if matches!(file, AudioFile::Memory(_)) {
            return None;
        }
        let mut cache = self.lock();
        if let Some((at, error)) = cache.missing.get(file)
            && at.elapsed() < self.recheck
            && !cache.is_overtaken(file, *at)
        {
            return Some(Err(error.clone()));
        }
        cache.clock += 1;
        let clock = cache.clock;
        let key = Key::new(file, encoding);
        let checked = cache.entries.get(&key)?.checked;
        if checked.elapsed() >= self.recheck || cache.is_overtaken(file, checked) {
            return None;
        }
        let entry = cache.entries.get_mut(&key)?;
        entry.last_use = clock;
        entry.cell.get().map(|loaded| Ok(loaded.playable.clone()))
    }

    /// The prompt, loaded if need be. Callers that ask for the same one at once share the work.
    ///
    /// # Errors
    /// [`PromptError`] that says which name, where it was looked for, and what is wrong.
    pub async fn load(
        self: &Arc<Self>,
        file: &AudioFile,
        encoding: Encoding,
    ) -> Result<Playable, PromptError> {
        if let Some(known) = self.cached(file, encoding) {
            return known;
        }
        let key = Key::new(file, encoding);
        let since = Instant::now();
        self.forget_if_changed(&key).await;
        let cell = self.cell(&key);
        let this = self.clone();
        let wanted = key.clone();
        let loaded = cell
            .get_or_try_init(async move || {
                let read = tokio::task::spawn_blocking(move || this.read(&wanted)).await;
                read.unwrap_or_else(|panicked| {
                    Err(PromptError::Unreadable {
                        path: "".into(),
                        cause: panicked.to_string().into(),
                    })
                })
            })
            .await;
        match loaded {
            Ok(loaded) => {
                let playable = loaded.playable.clone();
                self.account(&key, playable.size_bytes());
                Ok(playable)
            }
            Err(error) => {
                // What failed is tried again next time, what is missing a little later.
                let mut cache = self.lock();
                // Another one may be loading since the file was written.
                let entry = cache.entries.get(&key);
                if entry.is_some_and(|entry| Arc::ptr_eq(&entry.cell, &cell)) {
                    cache.remove(&key);
                }
                let lasting = matches!(error, PromptError::Missing { .. } | PromptError::Name(_));
                if lasting && name_bytes(file) <= MAX_MISSING_NAME {
                    if cache.missing.len() >= MAX_MISSING {
                        cache.missing.clear();
                    }
                    cache.missing.insert(key.file, (since, error.clone()));
                }
                Err(error)
            }
        }
    }

    /// What is to be put into a playlist: the prompt, loaded if need be, or a long file, opened and
    /// with its first second read.
    ///
    /// # Errors
    /// As [`PromptStore::load`].
    pub async fn item(
        self: &Arc<Self>,
        files: &FileIo,
        file: &AudioFile,
        encoding: Encoding,
        looped: bool,
    ) -> Result<PlaylistItem, PromptError> {
        if let AudioFile::Memory(file) = file {
            let prompt = self.decode_memory(file.clone(), encoding).await?;
            return Ok(PlaylistItem::Prompt { prompt, looped });
        }
        let path = match self.load(file, encoding).await? {
            Playable::Whole(prompt) => return Ok(PlaylistItem::Prompt { prompt, looped }),
            Playable::Long(path) => path,
        };
        let files = files.clone();
        let rate = encoding.codec.sample_rate();
        let named = path.clone();
        let opened = tokio::task::spawn_blocking(move || files.play(&path, rate, looped)).await;
        let cause = match opened {
            Ok(Ok(sound)) => return Ok(PlaylistItem::Stream(sound)),
            Ok(Err(error)) => error.to_string(),
            Err(panicked) => panicked.to_string(),
        };
        Err(PromptError::Unreadable {
            path: named.display().to_string().into(),
            cause: cause.into(),
        })
    }

    /// A file in memory as a prompt, which is played once and not kept.
    async fn decode_memory(
        self: &Arc<Self>,
        file: MemoryFile,
        encoding: Encoding,
    ) -> Result<Arc<Prompt>, PromptError> {
        let path = file.name.to_string();
        let longest = self.longest_whole.max(LONGEST_IN_MEMORY);
        let decoded =
            tokio::task::spawn_blocking(move || decode_memory(&file, encoding, longest)).await;
        let cause = match decoded {
            Ok(Ok(prompt)) => return Ok(Arc::new(prompt)),
            Ok(Err(cause)) => cause,
            Err(panicked) => panicked.to_string(),
        };
        Err(PromptError::Unreadable {
            path: path.into(),
            cause: cause.into(),
        })
    }

    /// Notes that the server has written `path`: it is read anew when it is asked for next, whatever
    /// name it is asked for by. Whoever waits for it already gets what is being read. Costs the same however
    /// much is in memory.
    pub fn changed(&self, path: &Path) {
        // The same file may be known by another way to its folder, so only its name counts.
        let Some(name) = path.file_name() else { return };
        let mut cache = self.lock();
        cache.written.insert(name.to_owned(), Instant::now());
        if cache.written.len() >= cache.crowded.max(MIN_CROWD) {
            // What is older is found out by a look at the disk.
            cache.written.retain(|_, at| at.elapsed() < self.recheck);
            cache.crowded = 2 * cache.written.len();
        }
    }

    /// Bytes of audio in memory.
    #[cfg(test)]
    fn memory_bytes(&self) -> usize {
        self.lock().bytes
    }

    fn cell(&self, key: &Key) -> Arc<OnceCell<Loaded>> {
        let mut cache = self.lock();
        cache.clock += 1;
        let clock = cache.clock;
        let entry = cache.entries.entry(key.clone()).or_insert_with(|| Entry {
            cell: Arc::default(),
            bytes: 0,
            last_use: clock,
            checked: Instant::now(),
        });
        entry.last_use = clock;
        entry.cell.clone()
    }

    /// Drops an entry whose file is no longer the one that was read.
    async fn forget_if_changed(&self, key: &Key) {
        let looked = Instant::now();
        let loaded = {
            let mut cache = self.lock();
            let Some(entry) = cache.entries.get(key) else {
                return;
            };
            let (checked, loaded) = (entry.checked, entry.cell.get().cloned());
            if cache.is_overtaken(&key.file, checked) {
                return cache.remove(key);
            }
            loaded
        };
        let Some(loaded) = loaded else { return };
        let known = (loaded.modified, loaded.length);
        let now = tokio::task::spawn_blocking(move || stamp(&loaded.path)).await;
        let mut cache = self.lock();
        if matches!(now, Ok(Ok(stamp)) if stamp == known) {
            if let Some(entry) = cache.entries.get_mut(key) {
                entry.checked = looked;
            }
        } else {
            cache.remove(key);
        }
    }

    /// Notes that a prompt is there and makes room for it.
    fn account(&self, key: &Key, bytes: usize) {
        let mut cache = self.lock();
        cache.missing.remove(&key.file);
        let Some(entry) = cache.entries.get_mut(key) else {
            return;
        };
        let before = std::mem::replace(&mut entry.bytes, bytes);
        cache.bytes = cache.bytes + bytes - before;
        while cache.bytes > self.limit_bytes && cache.entries.len() > 1 {
            let oldest = cache
                .entries
                .iter()
                .filter(|(other, entry)| *other != key && entry.bytes > 0)
                .min_by_key(|(_, entry)| entry.last_use)
                .map(|(other, _)| other.clone());
            let Some(oldest) = oldest else { return };
            cache.remove(&oldest);
        }
    }

    fn read(&self, key: &Key) -> Result<Loaded, PromptError> {
        let path = self.find(&key.file)?;
        let unreadable = |cause: String| PromptError::Unreadable {
            path: path.display().to_string().into(),
            cause: cause.into(),
        };
        let (modified, length) = stamp(&path).map_err(|error| unreadable(error.to_string()))?;
        let playable = self
            .decode(&path, key.form)
            .map_err(|error| unreadable(error.to_string()))?;
        Ok(Loaded {
            playable,
            path,
            modified,
            length,
        })
    }

    fn decode(&self, path: &Path, form: Form) -> Result<Playable, AudioError> {
        let mut source = open_sound(path)?;
        let sample_rate = source.sample_rate();
        let longest = self.longest_whole.as_secs_f64() * f64::from(sample_rate);
        let mut pcm = Vec::new();
        match source.read_to_end(&mut pcm, longest as usize) {
            Ok(true) => {}
            Ok(false) => return Ok(Playable::Long(path.into())),
            Err(error) if pcm.is_empty() => return Err(error.into()),
            // As when it is streamed: what is good is heard.
            Err(error) => {
                let path = path.display();
                tracing::warn!(%path, %error, "a sound ends early");
            }
        }
        let sound = Sound { pcm, sample_rate };
        let prompt = match form {
            Form::Samples(rate) => Prompt::from_sound(sound, rate)?,
            Form::Encoded(encoding) => {
                let prompt = Prompt::from_sound(sound, encoding.codec.sample_rate())?;
                prompt.encoded(encoding)?;
                prompt
            }
        };
        Ok(Playable::Whole(Arc::new(prompt)))
    }

    fn find(&self, file: &AudioFile) -> Result<PathBuf, PromptError> {
        let name = match file {
            AudioFile::Name(name) => name,
            AudioFile::Memory(file) => return Err(PromptError::Name((*file.name).into())),
            AudioFile::Path(path) if path.is_file() => return Ok(path.to_path_buf()),
            AudioFile::Path(path) => {
                let folder = path.parent().unwrap_or(path);
                return Err(PromptError::Missing {
                    name: path.display().to_string().into(),
                    folders: folder.display().to_string().into(),
                });
            }
        };
        let mut allowed = false;
        for root in &self.roots {
            if let Some(path) = safe_path::join(root, name) {
                allowed = true;
                if path.is_file() {
                    return Ok(path);
                }
            }
        }
        if !allowed && !self.roots.is_empty() {
            return Err(PromptError::Name(name.as_str().into()));
        }
        let folders: Vec<_> = self
            .roots
            .iter()
            .map(|root| root.display().to_string())
            .collect();
        Err(PromptError::Missing {
            name: name.as_str().into(),
            folders: folders.join(", ").into(),
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Cache> {
        // Every change leaves the cache whole, so a panic elsewhere does not spoil it.
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cache {
    fn remove(&mut self, key: &Key) {
        if let Some(gone) = self.entries.remove(key) {
            self.bytes -= gone.bytes;
        }
    }
}

fn name_bytes(file: &AudioFile) -> usize {
    match file {
        AudioFile::Name(name) => name.len(),
        AudioFile::Path(path) => path.as_os_str().len(),
        AudioFile::Memory(file) => file.name.len(),
    }
}

/// Decodes a file that is in memory, and encodes it for a call.
fn decode_memory(
    file: &MemoryFile,
    encoding: Encoding,
    longest: Duration,
) -> Result<Prompt, String> {
    let extension = file.name.rsplit_once('.').map_or("", |(_, ending)| ending);
    let bytes = Box::new(io::Cursor::new(file.bytes.clone()));
    let mut source = decode::open(bytes, extension).map_err(|error| error.to_string())?;
    let sample_rate = source.sample_rate();
    let most = longest.as_secs_f64() * f64::from(sample_rate);
    let mut pcm = Vec::new();
    match source.read_to_end(&mut pcm, most as usize) {
        Ok(true) => {}
        Ok(false) => return Err(format!("it plays longer than {} s", longest.as_secs())),
        Err(error) if pcm.is_empty() => return Err(error.to_string()),
        Err(error) => tracing::warn!(file = %file.name, %error, "a sound ends early"),
    }
    let sound = Sound { pcm, sample_rate };
    let prompt = Prompt::from_sound(sound, encoding.codec.sample_rate())
        .map_err(|error| error.to_string())?;
    prompt
        .encoded(encoding)
        .map_err(|error| error.to_string())?;
    Ok(prompt)
}

/// What tells one version of a file from the next.
fn stamp(path: &Path) -> io::Result<(Option<SystemTime>, u64)> {
    let metadata = std::fs::metadata(path)?;
    Ok((metadata.modified().ok(), metadata.len()))
}

#[cfg(test)]
mod tests;
