//! The test phone of `muleteer call`: plays a file, records what it hears, presses keys.
//!
//! It reports what happens to whoever placed the call. Keys are pressed like a person would: the
//! first one when the other side falls silent, the next ones right after.

use std::collections::VecDeque;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::dsm::RecordOptions;
use crate::media::{MediaCommand, MediaEvent, Output};
use crate::rtp::Digit;
use crate::rtp::srtp::SrtpSuite;
use crate::session::call::{Call, CallEvent};
use crate::session::event::AudioFile;
use crate::sip::message::StatusCode;

/// What the phone does in its call.
#[derive(Debug)]
pub struct PhoneScript {
    /// Name of the WAV file to play, as its prompt store knows it.
    pub play: Option<String>,
    /// Where to write what is heard.
    pub record: Option<PathBuf>,
    /// Keys and pauses, in order.
    pub keys: Vec<Key>,
    /// How long to stay after the answer.
    pub duration: Duration,
    /// Hears what happens. Must not wait.
    pub reports: Reports,
}

/// Who hears what a phone does.
pub struct Reports(pub Box<dyn Fn(Report) + Send + Sync>);

impl fmt::Debug for Reports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reports")
    }
}

/// One step of a key sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// Press this key.
    Press(Digit),
    /// Wait.
    Pause(Duration),
}

/// What the phone tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// A provisional response.
    Progress(StatusCode, String),
    /// The call is up, with this codec, and encrypted with this suite if it is.
    Answered(&'static str, Option<SrtpSuite>),
    /// A key was pressed.
    Pressed(Digit),
    /// Nobody answered in time.
    NoAnswer,
    /// The file has been played.
    Played,
    /// The file cannot be played.
    PlayFailed(String),
    /// The call was refused.
    Refused(StatusCode, String),
    /// No response came.
    NoResponse,
    /// The INVITE could not be delivered.
    NotDelivered,
    /// The call could not be placed.
    Unreachable(String),
    /// The other side hung up.
    TheyHungUp,
    /// We hung up, the time being over.
    WeHungUp,
    /// The recording is complete; its length.
    Recorded(Duration),
    /// Nothing is recorded.
    RecordFailed(String),
    /// The call is over.
    Ended,
}

/// How long the phone lets it ring.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
/// How long the other side has to be silent before the first key.
const SILENCE: Duration = Duration::from_millis(600);
/// How long the phone waits for that silence.
const PATIENCE: Duration = Duration::from_secs(15);
/// From one key to the next.
const KEY_INTERVAL: Duration = Duration::from_millis(300);
/// How long the disk may take to complete the recording.
const FINISH_RECORDING: Duration = Duration::from_secs(5);
/// How long a key is held.
const KEY_LENGTH: Duration = Duration::from_millis(120);

impl PhoneScript {
    /// Reports that the call could not be placed, and its end.
    pub fn unreachable(&self, why: &str) {
        self.report(Report::Unreachable(why.to_owned()));
        self.report(Report::Ended);
    }

    fn report(&self, report: Report) {
        (self.reports.0)(report);
    }
}

/// See the module's documentation.
#[derive(Debug)]
pub struct Phone {
    script: Arc<PhoneScript>,
    keys: VecDeque<Key>,
    hang_up_at: Option<Instant>,
    key_at: Option<Instant>,
    /// The file is not complete yet.
    recording: bool,
    over: bool,
    answered: bool,
}

impl Phone {
    pub(super) fn new(script: Arc<PhoneScript>) -> Self {
        let keys = script.keys.iter().copied().collect();
        Self {
            script,
            keys,
            hang_up_at: None,
            key_at: None,
            recording: false,
            over: false,
            answered: false,
        }
    }

    pub(super) fn handle_event(&mut self, now: Instant, call: &mut Call, event: CallEvent) {
        match event {
            CallEvent::Start => self.hang_up_at = Some(now + ANSWER_WITHIN),
            CallEvent::Ringing { response, .. } => {
                self.report(Report::Progress(response.status, response.reason));
            }
            CallEvent::Failed { status, reason } => self.report(Report::Refused(status, reason)),
            CallEvent::NoResponse { status } => self.report(match status {
                StatusCode::REQUEST_TIMEOUT => Report::NoResponse,
                _ => Report::NotDelivered,
            }),
            CallEvent::SessionStart => self.on_start(now, call),
            CallEvent::Prompt(Ok(item)) => call.media(MediaCommand::Append(item)),
            CallEvent::Prompt(Err(error)) => self.report(Report::PlayFailed(error.to_string())),
            CallEvent::RecordingBegun(Ok(_)) => {}
            CallEvent::RecordingBegun(Err(error)) => {
                self.on_recording_over(Report::RecordFailed(error.to_string()));
            }
            CallEvent::RecordingEnded(ended) => {
                self.on_recording_over(Report::Recorded(ended.length));
            }
            CallEvent::Media(event) => self.on_media(now, event),
            CallEvent::Hangup { .. }
            | CallEvent::RemoteDisappeared { .. }
            | CallEvent::SessionExpired => self.report(Report::TheyHungUp),
            CallEvent::Shutdown => call.hang_up(),
            CallEvent::Ended => self.on_end(now, call),
            _ => {}
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant, call: &mut Call) {
        if self.hang_up_at.is_some_and(|at| at <= now) {
            self.hang_up_at = None;
            self.key_at = None;
            if !self.answered {
                self.report(Report::NoAnswer);
                return call.hang_up();
            }
            if self.over {
                self.recording = false;
                return self.report(Report::Ended);
            }
            self.report(Report::WeHungUp);
            return call.hang_up();
        }
        if self.key_at.is_some_and(|at| at <= now) {
            self.key_at = None;
            self.step(now, call);
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.hang_up_at.into_iter().chain(self.key_at).min()
    }

    pub(super) fn is_done(&self) -> bool {
        self.over && !self.recording
    }

    fn on_start(&mut self, now: Instant, call: &mut Call) {
        let codec = call
            .codec()
            .map_or("no codec", |codec| codec.encoding_name());
        self.report(Report::Answered(codec, call.suite()));
        call.media(MediaCommand::SetOutput(Output::Playlist));
        if let Some(path) = &self.script.record {
            let file = AudioFile::Path(path.as_path().into());
            call.record(file, RecordOptions::default());
            self.recording = true;
        }
        if let Some(name) = &self.script.play {
            call.load_prompt(AudioFile::Name(name.clone()), false);
        }
        self.answered = true;
        if !self.keys.is_empty() {
            call.media(MediaCommand::WatchSilence(Some(SILENCE)));
            self.key_at = Some(now + PATIENCE);
        }
        self.hang_up_at = Some(now + self.script.duration);
    }

    fn on_media(&mut self, now: Instant, event: MediaEvent) {
        match event {
            // Only the first key waits; later ones have their own time.
            MediaEvent::Silence if self.keys.len() == self.script.keys.len() => {
                self.key_at = self.key_at.map(|_| now);
            }
            MediaEvent::NoAudio { .. } => self.report(Report::Played),
            _ => {}
        }
    }

    /// Nothing more is written; `recorded` tells how much was.
    fn on_recording_over(&mut self, recorded: Report) {
        self.recording = false;
        self.report(recorded);
        if self.over {
            self.hang_up_at = None;
            self.report(Report::Ended);
        }
    }

    /// Does the next step of the key sequence and sets the time of the one after it.
    fn step(&mut self, now: Instant, call: &mut Call) {
        match self.keys.pop_front() {
            Some(Key::Press(digit)) => {
                call.send_digit(digit, KEY_LENGTH);
                self.report(Report::Pressed(digit));
                self.key_at = Some(now + KEY_INTERVAL);
            }
            Some(Key::Pause(pause)) => self.key_at = Some(now + pause),
            None => {}
        }
    }

    fn on_end(&mut self, now: Instant, call: &mut Call) {
        self.hang_up_at = None;
        self.key_at = None;
        self.over = true;
        if self.recording {
            call.media(MediaCommand::StopRecording);
            self.hang_up_at = Some(now + FINISH_RECORDING);
        } else {
            self.report(Report::Ended);
        }
    }

    fn report(&self, report: Report) {
        self.script.report(report);
    }
}
