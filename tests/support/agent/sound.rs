//! What an agent plays, hears and records: prompts and tapes in memory, and words for what streams were told.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use muleteer::audio::playlist::PlaylistItem;
use muleteer::audio::prompt::Prompt;
use muleteer::audio::recorder::{RecordingMeter, RecordingPlan, recorder};
use muleteer::media::{MediaCommand, MediaEvent};
use muleteer::rtp::{Digit, DigitSource};
use muleteer::session::{AudioFile, Mailbox, PromptError, RecordError, SessionEvent, safe_path};

use super::{Agent, AgentCall};
use crate::support::studio::{Studio, Tape};

impl Agent {
    /// Makes prompts of these names be there.
    pub fn add_prompts(&mut self, names: &[&str]) {
        for name in names {
            let prompt = Arc::new(Prompt::from_pcm(vec![0; 160], 8000));
            self.prompts.insert((*name).to_owned(), prompt);
        }
    }

    /// Lets the loading of a prompt end, for every session that waits for it.
    pub fn release(&mut self, now: Instant, name: &str) {
        self.slow.remove(name);
        let file = AudioFile::Name(name.to_owned());
        for call in &mut self.calls {
            if let Some(at) = call.awaited.iter().position(|(awaited, _)| awaited == name) {
                let (_, looped) = call.awaited.remove(at);
                let result = loaded(&self.prompts, &file, looped);
                call.mailbox
                    .post(SessionEvent::Prompt(result))
                    .expect("room");
            }
        }
        self.settle(now);
    }

    /// Something happens to the audio of the call with this number.
    pub fn hear(&mut self, now: Instant, call: usize, event: MediaEvent) {
        self.tell(now, call, SessionEvent::Media(event));
    }

    /// All that is in the playlist has been played.
    pub fn end_playlist(&mut self, now: Instant, call: usize) {
        let version = self.calls[call].playlist_version;
        self.hear(now, call, MediaEvent::NoAudio { version });
    }

    /// The caller presses a key.
    pub fn press(&mut self, now: Instant, call: usize, key: char) {
        let digit = Digit::from_char(key).unwrap();
        let duration = Duration::from_millis(100);
        let source = DigitSource::Event;
        let event = MediaEvent::Digit {
            digit,
            duration,
            source,
        };
        self.hear(now, call, event);
    }

    /// Has the stream of a call do something.
    pub(super) fn command(&mut self, now: Instant, number: usize, command: MediaCommand) {
        let words = self.words(&command);
        let call = &mut self.calls[number];
        call.media.push(words);
        use MediaCommand::{Append, Flush, Prepend};
        if let Append(_) | Prepend(_) | Flush = command {
            call.playlist_version += 1;
        }
        match (&mut self.studio, command) {
            (Some(studio), command) => studio.command(now, number, command),
            (None, MediaCommand::StartRecording(sink)) => {
                call.tape.as_mut().expect("a file").sink = Some(sink);
            }
            (None, MediaCommand::StopRecording) => drop_sink(call),
            (None, _) => {}
        }
    }

    /// What the stream of a call takes in and the disk takes down. False: nothing has happened.
    pub(super) fn take_sound(&mut self) -> bool {
        let events = self.studio.as_mut().map(Studio::events);
        let mut some = false;
        for (number, event) in events.unwrap_or_default() {
            some = true;
            let _ = self.calls[number].mailbox.post(SessionEvent::Media(event));
        }
        for (room, speaker) in self
            .studio
            .as_mut()
            .map(Studio::speakers)
            .unwrap_or_default()
        {
            some = true;
            self.router.on_speaker(&room, speaker);
        }
        for call in &mut self.calls {
            let complete = call.room_tape.as_mut().and_then(Tape::advance);
            if let Some((pcm, _, ended)) = complete
                && let Some(Tape { name, .. }) = call.room_tape.take()
            {
                some = true;
                self.recordings.insert(name, pcm);
                let _ = call.mailbox.post(SessionEvent::RoomRecordingEnded(ended));
            }
            let complete = call.tape.as_mut().and_then(Tape::advance);
            if let Some((pcm, rate, ended)) = complete
                && let Some(Tape { name, .. }) = call.tape.take()
            {
                some = true;
                let prompt = Prompt::from_pcm(pcm.clone(), rate);
                self.prompts.insert(name.clone(), Arc::new(prompt));
                self.recordings.insert(name, pcm);
                let _ = call.mailbox.post(SessionEvent::RecordingEnded(ended));
            }
        }
        some
    }

    /// The name of a file that can be recorded into.
    pub(super) fn writable(&self, file: &AudioFile) -> Result<String, RecordError> {
        let name = file.to_string();
        if safe_path::join(Path::new("/recordings"), &name).is_none() {
            return Err(RecordError::Name(name));
        }
        if self.unwritable.contains(&name) {
            let cause = "read-only file system".to_owned();
            return Err(RecordError::Unwritable { path: name, cause });
        }
        Ok(name)
    }

    pub(super) fn record(
        &mut self,
        now: Instant,
        number: usize,
        file: &AudioFile,
        plan: RecordingPlan,
    ) -> Result<RecordingMeter, RecordError> {
        let name = self.writable(file)?;
        let (sink, source) = recorder(plan);
        let meter = sink.meter();
        self.calls[number].tape = Some(Tape::new(name, source));
        let start = MediaCommand::StartRecording(Box::new(sink));
        self.command(now, number, start);
        Ok(meter)
    }

    fn words(&self, command: &MediaCommand) -> String {
        match command {
            MediaCommand::Configure(to) => {
                let direction = match (to.send, to.receive) {
                    (true, true) => "sendrecv",
                    (true, false) => "sendonly",
                    (false, true) => "recvonly",
                    (false, false) => "inactive",
                };
                match to.remote {
                    Some(remote) => format!("configure {remote} {direction}"),
                    None => format!("configure nowhere {direction}"),
                }
            }
            MediaCommand::Append(item) => format!("append {}", self.item(item)),
            MediaCommand::Prepend(item) => format!("prepend {}", self.item(item)),
            MediaCommand::SetOutput(output) => format!("output {output:?}"),
            MediaCommand::SetReceiving(on) => format!("receiving {on}"),
            MediaCommand::DetectDigits(on) => format!("digits {on}"),
            MediaCommand::StartRecording(_) => "start recording".to_owned(),
            MediaCommand::StopRecording => "stop recording".to_owned(),
            MediaCommand::PauseRecording(true) => "pause recording".to_owned(),
            MediaCommand::PauseRecording(false) => "resume recording".to_owned(),
            MediaCommand::SendDigit { digit, .. } => format!("send digit {digit}"),
            other => format!("{other:?}").to_lowercase(),
        }
    }

    fn item(&self, item: &PlaylistItem) -> String {
        match item {
            PlaylistItem::Prompt { prompt, looped } => {
                let known = |(_, known): &(&String, &Arc<Prompt>)| Arc::ptr_eq(known, prompt);
                let (name, _) = self.prompts.iter().find(known).unwrap();
                let looped = if *looped { " looped" } else { "" };
                format!("{name}{looped}")
            }
            other => format!("{other:?}").to_lowercase(),
        }
    }
}

/// What the store would give a session.
pub(super) fn loaded(
    prompts: &BTreeMap<String, Arc<Prompt>>,
    file: &AudioFile,
    looped: bool,
) -> Result<PlaylistItem, PromptError> {
    let name = &file.to_string();
    let named = matches!(file, AudioFile::Name(_));
    if named && safe_path::join(Path::new("/audio"), name).is_none() {
        return Err(PromptError::Name(name.as_str().into()));
    }
    let prompt = prompts.get(name).cloned();
    let missing = || PromptError::Missing {
        name: name.as_str().into(),
        folders: "/audio".into(),
    };
    let item = |prompt| PlaylistItem::Prompt { prompt, looped };
    prompt.map(item).ok_or_else(missing)
}

/// Without a studio, a recording ends when it is told to.
pub(super) fn drop_sink(call: &mut AgentCall) {
    if let Some(tape) = &mut call.tape {
        tape.sink = None;
    }
}
