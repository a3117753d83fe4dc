//! SHELL. Sound files that are played while they are read, fed by the file thread.
//!
//! A play is opened where waiting is allowed, and has its first second read there; then the file
//! thread keeps it filled ([`Players`]), all plays in turn. [`crate::audio::streamed`] does the
//! work.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::audio::decode::{self, DecodeError, PcmSource};
use crate::audio::streamed::{StreamError, StreamFeed, StreamedSound, streamed};

/// Opens a sound file of any format and decodes its beginning. Touches the disk.
///
/// # Errors
/// [`DecodeError`], [`DecodeError::Io`] if the file cannot be opened.
pub fn open_sound(path: &Path) -> Result<PcmSource, DecodeError> {
    open_file(File::open(path)?, path)
}

fn open_file(file: File, path: &Path) -> Result<PcmSource, DecodeError> {
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    decode::open(Box::new(file), &extension)
}

/// One file being played.
#[derive(Debug)]
pub(super) struct Player {
    feed: StreamFeed,
    path: PathBuf,
}

impl Player {
    /// Opens `path` and reads its first second. Touches the disk.
    pub(super) fn open(
        path: &Path,
        sample_rate: u32,
        looped: bool,
    ) -> Result<(Box<StreamedSound>, Self), StreamError> {
        let file = File::open(path).map_err(DecodeError::Io)?;
        let named = path.to_owned();
        // All rounds of a loop play the file that was opened, even if another takes its name.
        let open = move || open_file(file.try_clone()?, &named);
        let (sound, feed) = streamed(Box::new(open), sample_rate, looped)?;
        let path = path.to_owned();
        Ok((Box::new(sound), Self { feed, path }))
    }

    /// Reads ahead; true when there is nothing more to do.
    fn advance(&mut self) -> bool {
        if !self.feed.is_low() {
            return false;
        }
        // A fault in a decoder ends this play and no other.
        match catch_unwind(AssertUnwindSafe(|| self.feed.fill())) {
            Ok(Ok(done)) => done,
            Ok(Err(error)) => {
                let path = self.path.display();
                tracing::warn!(%path, %error, "a sound ends early");
                true
            }
            Err(_) => {
                let path = self.path.display();
                tracing::error!(%path, "a sound ends early: its decoder failed");
                true
            }
        }
    }
}

/// All files being played, on the file thread.
#[derive(Debug, Default)]
pub(super) struct Players {
    players: Vec<Player>,
    /// Who is next.
    turn: usize,
}

impl Players {
    pub(super) fn add(&mut self, player: Player) {
        self.players.push(player);
    }

    /// Fills up who has room, in turn, for a short time; returns when to be called next, or `None`
    /// if nothing is played.
    pub(super) fn advance(&mut self) -> Option<Duration> {
        let begun = Instant::now();
        for _ in 0..self.players.len() {
            if begun.elapsed() > MAX_PASS {
                return Some(Duration::ZERO);
            }
            self.turn %= self.players.len();
            match self.players[self.turn].advance() {
                true => drop(self.players.swap_remove(self.turn)),
                false => self.turn += 1,
            }
        }
        (!self.players.is_empty()).then_some(REFILL_INTERVAL)
    }
}

/// How often plays are looked after; a part of what their rings hold.
const REFILL_INTERVAL: Duration = Duration::from_millis(200);
/// How long the rest of the file thread's work waits for plays.
const MAX_PASS: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::wav_file;

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
            let path = self.0.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            path
        }
    }

    /// Fills until nobody has room.
    fn settle(players: &mut Players) -> Option<Duration> {
        loop {
            match players.advance() {
                Some(Duration::ZERO) => {}
                other => return other,
            }
        }
    }

    #[test]
    fn a_thousand_plays_are_fed_in_turn_by_one_thread() {
        let folder = Folder::new();
        let pcm: Vec<i16> = (0..24_000).map(|n| (n % 1_000) as i16).collect();
        let path = folder.write("a.wav", &wav_file(&pcm, 8_000));
        let mut players = Players::default();
        let mut sounds = Vec::new();
        for _ in 0..1_000 {
            let (sound, player) = Player::open(&path, 8_000, false).unwrap();
            players.add(player);
            sounds.push((sound, 0));
        }
        assert!(settle(&mut players).is_some());
        let mut heard = [0; 4_000];
        for _ in 0..6 {
            for (sound, position) in &mut sounds {
                assert_eq!(sound.read(&mut heard), 4_000);
                assert_eq!(heard, pcm[*position..*position + 4_000]);
                *position += 4_000;
            }
            settle(&mut players);
        }
        // All have come to their end, and nothing is left to wake up for.
        assert!(sounds.iter().all(|(sound, _)| sound.remaining() == Some(0)));
        assert_eq!(settle(&mut players), None);
    }

    #[test]
    fn a_play_that_was_dropped_is_let_go_of() {
        let folder = Folder::new();
        let path = folder.write("a.wav", &wav_file(&[5; 80_000], 8_000));
        let mut players = Players::default();
        let mut kept = Vec::new();
        for looped in [true, false, true] {
            let (sound, player) = Player::open(&path, 8_000, looped).unwrap();
            players.add(player);
            kept.push(sound);
        }
        assert_eq!(settle(&mut players), Some(REFILL_INTERVAL));
        kept.remove(1);
        settle(&mut players);
        assert_eq!(players.players.len(), 2);
        kept.clear();
        assert_eq!(settle(&mut players), None);
    }

    #[test]
    fn a_loop_goes_on_with_the_file_that_was_opened() {
        let folder = Folder::new();
        let path = folder.write("a.wav", &wav_file(&[100; 12_000], 8_000));
        let (mut sound, player) = Player::open(&path, 8_000, true).unwrap();
        let mut players = Players::default();
        players.add(player);
        let other = folder.write("b.wav", &wav_file(&[999; 12_000], 8_000));
        std::fs::rename(other, &path).unwrap();
        let mut heard = [0; 4_000];
        for _ in 0..20 {
            assert_eq!(sound.read(&mut heard), 4_000);
            assert_eq!(heard, [100; 4_000]);
            settle(&mut players);
        }
    }

    #[test]
    fn a_file_that_cannot_be_played_is_refused_when_it_is_opened() {
        let folder = Folder::new();
        let text = folder.write("a.wav", b"no sound");
        for path in [text.as_path(), Path::new("/nowhere/a.wav")] {
            assert!(Player::open(path, 8_000, false).is_err());
        }
    }

    #[test]
    fn damage_in_the_middle_ends_one_play_and_no_other() {
        let folder = Folder::new();
        let opus = include_bytes!("../../tests/fixtures/audio/tones.opus");
        let mut bytes = opus.repeat(3);
        bytes[opus.len() + 20] ^= 1;
        // Longer than is read ahead, so that the damage is met later.
        let long = wav_file(&[7; 80_000], 8_000);
        let (damaged, whole) = (folder.write("a.opus", &bytes), folder.write("b.wav", &long));
        assert!(Player::open(&damaged, 8_000, false).is_err());
        let mut players = Players::default();
        let (mut sound, player) = Player::open(&whole, 8_000, false).unwrap();
        players.add(player);
        std::fs::OpenOptions::new()
            .write(true)
            .open(&whole)
            .unwrap()
            .set_len(44 + 2 * 20_000)
            .unwrap();
        let (mut other, player) =
            Player::open(&folder.write("c.wav", &long), 8_000, false).unwrap();
        players.add(player);
        let (mut heard, mut rest) = (0, [0; 4_000]);
        for _ in 0..30 {
            heard += sound.read(&mut rest);
            other.read(&mut rest);
            settle(&mut players);
        }
        assert_eq!(sound.remaining(), Some(0));
        assert!((8_000..=20_000).contains(&heard), "{heard}");
        assert_eq!(other.remaining(), Some(0));
    }
}
