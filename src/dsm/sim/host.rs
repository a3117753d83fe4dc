//! The host of a simulated call: the recording host, with timers and a playlist that take time.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::host::{
    ActionContext, ActionOutcome, ConditionCall, HostAction, LogLevel, Problem, Trace, Verdict,
};
use super::super::module::Objects;
use super::super::testing::TestHost;
use super::super::value::Values;
use super::Sounds;
use super::playlist::{Playlist, Sound};

pub struct SimHost<'a> {
    pub record: TestHost,
    pub sounds: &'a dyn Sounds,
    /// Since the start.
    pub now: Duration,
    /// When each timer fires.
    pub timers: BTreeMap<u32, Duration>,
    pub playlist: Playlist,
}

impl SimHost<'_> {
    /// The timer that fires next, and when.
    pub fn next_timer(&self) -> Option<(u32, Duration)> {
        let timers = self.timers.iter().map(|(id, at)| (*id, *at));
        timers.min_by_key(|(_, at)| *at)
    }

    /// What an action that worked does to timers and playlist.
    fn follow(&mut self, action: &HostAction) {
        let length = |milliseconds: i64| {
            Sound::Lasts(Duration::from_millis(milliseconds.max(0).unsigned_abs()))
        };
        match action {
            HostAction::SetTimer { id, seconds } => {
                let at = self.now + Duration::from_secs(u64::from(*seconds));
                self.timers.insert(*id, at);
            }
            HostAction::RemoveTimer { id } => drop(self.timers.remove(id)),
            HostAction::RemoveTimers => self.timers.clear(),
            HostAction::PlayMemory {
                file,
                looped,
                front,
            } => {
                let sound = match looped {
                    true => Sound::Endless,
                    false => Sound::Lasts(self.sounds.length(&file.name)),
                };
                self.playlist.push(&file.name, sound, *front);
            }
            HostAction::PlayFile {
                path: name,
                looped,
                front,
            }
            | HostAction::PlayPrompt {
                name,
                looped,
                front,
            } => {
                let sound = match looped {
                    true => Sound::Endless,
                    false => Sound::Lasts(self.sounds.length(name)),
                };
                self.playlist.push(name, sound, *front);
            }
            HostAction::PlaySilence {
                milliseconds,
                front,
            } => self.playlist.push("silence", length(*milliseconds), *front),
            HostAction::PlayFiles(files) => {
                for path in files.iter().filter_map(|file| self.record.playable(file)) {
                    let sound = Sound::Lasts(self.sounds.length(path));
                    self.playlist.push(path, sound, false);
                }
            }
            HostAction::PlayRingtone(tone) => {
                let sound = match tone.length {
                    0 => Sound::Endless,
                    milliseconds => length(milliseconds),
                };
                self.playlist.push("ring tone", sound, tone.front);
            }
            HostAction::AddSeparator { id, front } => {
                self.playlist.push("", Sound::Separator(*id), *front);
            }
            HostAction::FlushPlaylist => self.playlist.flush(),
            HostAction::SetInOutPlaylist
            | HostAction::SetOutputPlaylist
            | HostAction::ConnectMedia => self.playlist.connected = true,
            HostAction::DisconnectMedia => self.playlist.connected = false,
            _ => {}
        }
    }
}

impl ActionContext for SimHost<'_> {
    fn select(&self, name: &str) -> Option<String> {
        self.record.select(name)
    }

    fn random(&mut self) -> u64 {
        self.record.random()
    }

    fn perform(&mut self, action: &HostAction, variables: &mut Values) -> ActionOutcome {
        let outcome = self.record.perform(action, variables);
        if matches!(outcome, ActionOutcome::Done(Ok(_))) {
            self.follow(action);
        }
        outcome
    }

    fn test(&mut self, condition: &ConditionCall, variables: &mut Values) -> Verdict {
        self.record.test(condition, variables)
    }

    fn runs(&self, action: &str) -> bool {
        self.record.runs(action)
    }

    fn asks(&self, condition: &str) -> bool {
        self.record.asks(condition)
    }

    fn objects(&mut self) -> Option<&mut Objects> {
        self.record.objects()
    }

    fn log(&mut self, level: LogLevel, text: &str) {
        self.record.log(level, text);
    }

    fn trace(&mut self, step: Trace<'_>) {
        self.record.trace(step);
    }

    fn problem(&mut self, problem: &Problem) {
        self.record.problem(problem);
    }
}
