//! What a script plays and records: its prompt set, the file it waits for, its recording.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::host::queue;
use crate::audio::playlist::PlaylistItem;
use crate::audio::recorder::{RecordingEnded, RecordingMeter};
use crate::audio::tone::{Cadence, Tone};
use crate::dsm::module::MemoryFile;
use crate::dsm::{
    ActionError, ActionResult, Answer, Errno, Exception, FileChoice, RecordOptions, Ringtone,
};
use crate::media::MediaCommand;
use crate::session::call::Call;
use crate::session::event::{AudioFile, PromptError, RecordError};
use crate::session::prompt_sets::PromptSets;
use crate::session::script::Performed;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Sound {
    prompts: Arc<PromptSets>,
    /// The active prompt set; the default one until the script selects another.
    set: Option<String>,
    pending: Option<Pending>,
    recording: Option<Recording>,
}

/// What a pending action waits for.
#[derive(Debug)]
enum Pending {
    /// A file for the playlist; `failure` is raised if it cannot be had.
    Play { failure: Exception, front: bool },
    /// Files for the playlist, all or none.
    PlayAll(Series),
    /// The end of a recording that another one is to replace.
    Replace {
        path: String,
        options: RecordOptions,
    },
    /// The beginning of a recording.
    Record { path: String },
    /// The end of a recording.
    Stop,
}

/// Files that are loaded one after the other.
#[derive(Debug)]
struct Series {
    /// What has been loaded.
    items: Vec<PlaylistItem>,
    /// What is being loaded.
    current: FileChoice,
    rest: VecDeque<FileChoice>,
}

/// From `recordFile` to `stopRecord`.
#[derive(Debug)]
struct Recording {
    meter: RecordingMeter,
    /// It is complete already: the input was given to the playlist, or something failed.
    ended: Option<RecordingEnded>,
}

/// The end of an action that was pending.
pub(super) struct Settled {
    pub result: ActionResult,
    /// What went wrong, in more detail than the script learns.
    pub failure: Option<String>,
}

impl Sound {
    pub fn new(prompts: Arc<PromptSets>) -> Self {
        Self {
            prompts,
            set: None,
            pending: None,
            recording: None,
        }
    }

    /// Begins `playFile`.
    pub fn play_file(
        &mut self,
        call: &mut Call,
        path: &str,
        looped: bool,
        front: bool,
    ) -> Performed {
        call.load_prompt(AudioFile::Name(path.to_owned()), looped);
        self.pending = Some(Pending::Play {
            failure: Exception::file(path),
            front,
        });
        Performed::Pending
    }

    /// Begins to play a file that is in memory.
    pub fn play_memory(
        &mut self,
        call: &mut Call,
        file: &MemoryFile,
        looped: bool,
        front: bool,
    ) -> Performed {
        call.load_prompt(AudioFile::Memory(file.clone()), looped);
        self.pending = Some(Pending::Play {
            failure: Exception::file(&file.name),
            front,
        });
        Performed::Pending
    }

    /// Begins to play files one after the other.
    pub fn play_files(&mut self, call: &mut Call, files: &[FileChoice]) -> Performed {
        let mut rest: VecDeque<_> = files.iter().cloned().collect();
        let Some(current) = rest.pop_front() else {
            return Performed::Done;
        };
        load(call, &current.path);
        self.pending = Some(Pending::PlayAll(Series {
            items: Vec::with_capacity(files.len()),
            current,
            rest,
        }));
        Performed::Pending
    }

    /// Begins `playPrompt`; `fall_back` says whether the default set may help out.
    pub fn play_prompt(
        &mut self,
        call: &mut Call,
        name: &str,
        fall_back: bool,
        looped: bool,
        front: bool,
    ) -> Performed {
        let set = self.set.as_deref();
        let Some(path) = self.prompts.find(set, name, fall_back) else {
            let set = set.map_or_else(
                || "the default set".to_owned(),
                |set| format!("set {set:?}"),
            );
            let why = format!("there is no prompt {name:?} in {set}");
            return Performed::Failed(Exception::prompt(name).into(), Some(why));
        };
        call.load_prompt(AudioFile::Path(path.clone()), looped);
        self.pending = Some(Pending::Play {
            failure: Exception::prompt(name),
            front,
        });
        Performed::Pending
    }

    /// Selects the active prompt set.
    pub fn set_prompts(&mut self, set: &str) -> Performed {
        if !self.prompts.has(set) {
            let why = format!("there is no prompt set {set:?}; see [dsm] prompt_sets");
            return Performed::Failed(Exception::prompt(set).into(), Some(why));
        }
        self.set = Some(set.to_owned());
        Performed::Done
    }

    /// Begins `recordFile`. A recording that runs is completed first, so that the same file can be
    /// recorded again.
    pub fn record(&mut self, call: &mut Call, path: &str, options: RecordOptions) -> Performed {
        let path = path.to_owned();
        let runs = |recording: Recording| recording.ended.is_none();
        self.pending = Some(match self.recording.take().is_some_and(runs) {
            true => {
                call.media(MediaCommand::StopRecording);
                Pending::Replace { path, options }
            }
            false => {
                call.record(AudioFile::Name(path.clone()), options);
                Pending::Record { path }
            }
        });
        Performed::Pending
    }

    /// `pauseRecord` and `resumeRecord`. One that has ended stays as it is.
    pub fn pause_record(&mut self, call: &mut Call, paused: bool) -> Performed {
        if self.recording.is_none() {
            return Performed::Failed(not_recording(), None);
        }
        call.media(MediaCommand::PauseRecording(paused));
        Performed::Done
    }

    /// Begins `stopRecord`.
    pub fn stop_record(&mut self, call: &mut Call) -> Performed {
        match self.recording.take() {
            None => Performed::Failed(not_recording(), None),
            Some(Recording { ended: None, .. }) => {
                call.media(MediaCommand::StopRecording);
                self.pending = Some(Pending::Stop);
                Performed::Pending
            }
            Some(Recording {
                ended: Some(ended), ..
            }) => match outcome(ended) {
                Ok(_) => Performed::Done,
                Err(error) => Performed::Failed(error, None),
            },
        }
    }

    /// Whether the script waits for the end of its recording, so that it needs no event to learn of it.
    pub fn is_stopping(&self) -> bool {
        matches!(self.pending, Some(Pending::Stop | Pending::Replace { .. }))
    }

    /// The input is the playlist from now on: a recording gets nothing more.
    pub fn take_input(&mut self, call: &mut Call) {
        if self.recording.is_some() {
            call.media(MediaCommand::StopRecording);
        }
    }

    /// Milliseconds recorded so far.
    pub fn record_length(&self) -> Performed {
        self.measure(|meter| meter.length().as_millis() as u64)
    }

    /// Bytes recorded so far.
    pub fn record_data_size(&self) -> Performed {
        self.measure(RecordingMeter::data_bytes)
    }

    fn measure(&self, of: impl FnOnce(&RecordingMeter) -> u64) -> Performed {
        match &self.recording {
            Some(recording) => Performed::Value(of(&recording.meter).into()),
            None => Performed::Failed(not_recording(), None),
        }
    }

    /// Takes the file that was waited for.
    pub fn on_prompt(
        &mut self,
        call: &mut Call,
        loaded: Result<PlaylistItem, PromptError>,
    ) -> Option<Settled> {
        let waits =
            |pending: &mut Pending| matches!(pending, Pending::Play { .. } | Pending::PlayAll(_));
        let (failure, front) = match self.pending.take_if(waits)? {
            Pending::Play { failure, front } => (failure, front),
            Pending::PlayAll(series) => return self.go_on(call, series, loaded),
            _ => return None,
        };
        Some(match loaded {
            Ok(item) => {
                call.media(queue(item, front));
                Settled::well()
            }
            Err(error) => {
                // Scripts try names one after the other: only what they do not handle is a fault.
                tracing::debug!("not played: {error}");
                Settled::failed(failure, error.to_string())
            }
        })
    }

    /// Takes a file of several; the playlist gets all of them at once.
    fn go_on(
        &mut self,
        call: &mut Call,
        mut series: Series,
        loaded: Result<PlaylistItem, PromptError>,
    ) -> Option<Settled> {
        match loaded {
            Ok(item) => {
                series.items.push(item);
                let Some(next) = series.rest.pop_front() else {
                    for item in series.items {
                        call.media(queue(item, false));
                    }
                    return Some(Settled::well());
                };
                load(call, &next.path);
                series.current = next;
            }
            Err(error) => {
                tracing::debug!("not played: {error}");
                let Some(other) = series.current.otherwise.take() else {
                    let failure = Exception::file(&series.current.path);
                    return Some(Settled::failed(failure, error.to_string()));
                };
                load(call, &other);
            }
        }
        self.pending = Some(Pending::PlayAll(series));
        None
    }

    /// Takes the answer to `recordFile`.
    pub fn on_recording_begun(
        &mut self,
        begun: Result<RecordingMeter, RecordError>,
    ) -> Option<Settled> {
        let waits = |pending: &mut Pending| matches!(pending, Pending::Record { .. });
        let Some(Pending::Record { path }) = self.pending.take_if(waits) else {
            return None;
        };
        Some(match begun {
            Ok(meter) => {
                self.recording = Some(Recording { meter, ended: None });
                Settled::well()
            }
            Err(error) => {
                tracing::warn!("not recorded: {error}");
                Settled::failed(Exception::file(&path), error.to_string())
            }
        })
    }

    /// A recording is complete.
    pub fn on_recording_ended(
        &mut self,
        call: &mut Call,
        ended: RecordingEnded,
    ) -> Option<Settled> {
        match self.pending.take() {
            Some(Pending::Stop) => Some(Settled {
                result: outcome(ended),
                failure: None,
            }),
            Some(Pending::Replace { path, options }) => {
                call.record(AudioFile::Name(path.clone()), options);
                self.pending = Some(Pending::Record { path });
                None
            }
            other => {
                self.pending = other;
                if let Some(recording) = &mut self.recording {
                    recording.ended = Some(ended);
                }
                None
            }
        }
    }
}

impl Settled {
    pub(super) fn well() -> Self {
        Self {
            result: Ok(Answer::Nothing),
            failure: None,
        }
    }

    pub(super) fn failed(exception: Exception, failure: String) -> Self {
        Self {
            result: Err(exception.into()),
            failure: Some(failure),
        }
    }
}

/// Asks for a file that is played once.
fn load(call: &mut Call, path: &str) {
    call.load_prompt(AudioFile::Name(path.to_owned()), false);
}

/// How a script learns that its recording has ended.
pub(super) fn outcome(ended: RecordingEnded) -> ActionResult {
    let fault = |text: String| Err(ActionError::errno(Errno::FILE, text));
    if !ended.complete {
        return fault("the recording is cut short: the disk did not take all of it".to_owned());
    }
    if !ended.lost.is_zero() {
        let lost = ended.lost.as_secs_f64();
        return fault(format!("the disk was too slow: {lost:.1} s are missing"));
    }
    Ok(Answer::Nothing)
}

fn not_recording() -> ActionError {
    ActionError::errno(Errno::SCRIPT, "nothing is being recorded")
}

/// A ring tone as an item of the playlist. Without a pause it is a steady tone.
pub(super) fn ringtone(ringtone: &Ringtone) -> Result<PlaylistItem, Exception> {
    let number = |name: &str, value: i64| {
        u32::try_from(value)
            .map_err(|_| Exception::core(format!("ring tone: {name} is out of range: {value}")))
    };
    let millis = |name, value| number(name, value).map(|ms| Duration::from_millis(ms.into()));
    let (on, off) = (millis("on", ringtone.on)?, millis("off", ringtone.off)?);
    let length = millis("length", ringtone.length)?;
    let first = number("f", ringtone.f)?;
    let second = number("f2", ringtone.f2)?;
    let tone = Tone::ringing(
        first.into(),
        (second != 0).then(|| second.into()),
        (!off.is_zero()).then_some(Cadence { on, off }),
    );
    Ok(PlaylistItem::Tone {
        tone: Box::new(tone),
        duration: (!length.is_zero()).then_some(length),
    })
}
