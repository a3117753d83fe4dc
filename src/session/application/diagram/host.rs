//! What a script can do on a call.

use std::time::{Duration, Instant};

use super::conference::Conference;
use super::dialog::Dialog;
use super::invite_headers;
use super::sound::{Sound, ringtone};
use crate::audio::playlist::PlaylistItem;
use crate::dsm::module::MessagePart;
use crate::dsm::{DialogCondition, HostAction, ModuleAction, Values};
use crate::media::{MediaCommand, Output};
use crate::rtp::Digit;
use crate::session::call::Call;
use crate::session::dial_out::OwnParty;
use crate::session::event::{SessionId, SessionOutput};
use crate::session::script::{Performed, Surroundings, message, unavailable};
use crate::sip::message::HeaderName;

/// Where an action is not available, see [`unavailable`].
const HERE: &str = "in this version of the server";

/// A call as the surroundings of its script.
pub(super) struct OnCall<'a> {
    pub now: Instant,
    pub call: &'a mut Call,
    pub dialog: &'a mut Dialog,
    pub sound: &'a mut Sound,
    pub conference: &'a mut Conference,
    /// Who we are in a call that we placed, or that another peer has taken over.
    pub own: Option<&'a OwnParty>,
    pub ignores_rtp_timeout: &'a mut bool,
}

impl Surroundings for OnCall<'_> {
    fn id(&self) -> &SessionId {
        self.call.id()
    }

    fn select(&self, name: &str) -> Option<String> {
        if let Some(own) = self.own {
            return self.select_own(name, own);
        }
        let established = self.call.usage().dialog();
        if let Some(dialog) = established.filter(|_| name == "remote_uri") {
            return Some(dialog.remote_target().to_string());
        }
        message::select(self.call.invite(), &self.call.id().0, name)
    }

    fn headers(&self, name: &str) -> Vec<String> {
        match self.own {
            Some(_) => Vec::new(),
            None => invite_headers::apart(&self.call.invite().headers, name),
        }
    }

    fn perform(&mut self, action: &HostAction, variables: &Values) -> Performed {
        match action {
            HostAction::PlayFile {
                path,
                looped,
                front,
            } => return self.sound.play_file(self.call, path, *looped, *front),
            HostAction::PlayMemory {
                file,
                looped,
                front,
            } => return self.sound.play_memory(self.call, file, *looped, *front),
            HostAction::PlayFiles(files) => return self.sound.play_files(self.call, files),
            HostAction::PlayPrompt {
                name,
                looped,
                front,
            } => {
                let fall_back = variables.get("prompts.default_fallback") == Some("yes");
                let (looped, front) = (*looped, *front);
                let sound = &mut self.sound;
                return sound.play_prompt(self.call, name, fall_back, looped, front);
            }
            HostAction::SetPrompts { set } => return self.sound.set_prompts(set),
            HostAction::RecordFile { path, options } => {
                return self.sound.record(self.call, path, *options);
            }
            HostAction::PauseRecord(paused) => {
                return self.sound.pause_record(self.call, *paused);
            }
            HostAction::StopRecord => return self.sound.stop_record(self.call),
            HostAction::GetRecordLength => return self.sound.record_length(),
            HostAction::GetRecordDataSize => return self.sound.record_data_size(),
            HostAction::PlayRingtone(tone) => match ringtone(tone) {
                Ok(item) => self.call.media(queue(item, tone.front)),
                Err(exception) => return Performed::Failed(exception.into(), None),
            },
            HostAction::PlaySilence {
                milliseconds,
                front,
            } => {
                let length = Duration::from_millis(u64::try_from(*milliseconds).unwrap_or(0));
                self.call
                    .media(queue(PlaylistItem::Silence(length), *front));
            }
            HostAction::AddSeparator { id, front } => {
                self.call
                    .media(queue(PlaylistItem::Separator((*id).into()), *front));
            }
            HostAction::FlushPlaylist => {
                self.conference.flushed();
                self.call.media(MediaCommand::Flush);
            }
            // A playlist takes in nothing: as input it keeps what is heard from a recording.
            HostAction::SetInputPlaylist => self.sound.take_input(self.call),
            HostAction::SetInOutPlaylist => {
                self.sound.take_input(self.call);
                self.call.media(MediaCommand::SetOutput(Output::Playlist));
            }
            HostAction::SetOutputPlaylist | HostAction::ConnectMedia => {
                self.call.media(MediaCommand::SetOutput(Output::Playlist));
            }
            HostAction::DisconnectMedia => self.call.media(MediaCommand::SetOutput(Output::None)),
            HostAction::SetMuted(muted) => self.call.media(MediaCommand::SetMuted(*muted)),
            HostAction::SetReceiving(on) => self.call.media(MediaCommand::SetReceiving(*on)),
            HostAction::SetForceDtmfReceiving(on) => {
                self.call.media(MediaCommand::ForceDigits(*on));
            }
            HostAction::SetDtmfDetection(on) => self.call.detect_digits(*on),
            HostAction::MonitorRtpTimeout(watch) => *self.ignores_rtp_timeout = !*watch,
            HostAction::SendDtmf {
                events,
                milliseconds,
            } => {
                let duration = Duration::from_millis((*milliseconds).into());
                for digit in events
                    .iter()
                    .filter_map(|code| Digit::from_event_code(*code))
                {
                    self.call.send_digit(digit, duration);
                }
            }
            HostAction::Module(asked) => match asked.which {
                ModuleAction::Conference(it) => {
                    return self.conference.perform(self.call, it, asked);
                }
                ModuleAction::Dialog(it) => {
                    return self
                        .dialog
                        .perform(self.now, self.call, it, asked, variables);
                }
                // Not here, or done by the script before it comes here.
                ModuleAction::Sbc
                | ModuleAction::Missing(_)
                | ModuleAction::Named
                | ModuleAction::Room(_)
                | ModuleAction::Groups(_)
                | ModuleAction::Monitoring(_)
                | ModuleAction::Subscription(_)
                | ModuleAction::Sys(_)
                | ModuleAction::DialOut
                | ModuleAction::Message => return unavailable(action, HERE),
            },
            other => return unavailable(other, HERE),
        }
        Performed::Done
    }

    fn test(&mut self, condition: DialogCondition, content_type: &str) -> bool {
        self.dialog.test(self.call, condition, content_type)
    }

    fn message(&self, part: MessagePart<'_>) -> Option<String> {
        self.dialog.part(self.call, part)
    }

    fn hang_up(&mut self) {
        self.call.hang_up();
    }

    fn output(&mut self, output: SessionOutput) {
        self.call.output(output);
    }
}

impl OnCall<'_> {
    /// A select of a call in which it is known who we are; of one that we placed the other side of each.
    fn select_own(&self, name: &str, own: &OwnParty) -> Option<String> {
        let (local, remote) = match self.call.usage().is_uas() {
            true => (HeaderName::To, HeaderName::From),
            false => (HeaderName::From, HeaderName::To),
        };
        let invite = self.call.invite();
        let headers = &invite.headers;
        let text = |header: HeaderName| headers.text(&header).map(|text| text.into_owned());
        let dialog = self.call.usage().dialog();
        Some(match name {
            "local_tag" => self.call.id().to_string(),
            "remote_tag" => dialog
                .map_or("", |dialog| &dialog.id().remote_tag)
                .to_owned(),
            "callid" => headers.call_id().ok()?.to_owned(),
            "user" => own.user.clone(),
            "domain" => own.domain.clone(),
            "local_uri" => own.uri.clone(),
            "remote_uri" => match dialog {
                Some(dialog) => dialog.remote_target().to_string(),
                None => invite.uri.to_string(),
            },
            "local_party" => text(local)?,
            "remote_party" => text(remote)?,
            _ => return None,
        })
    }
}

/// The command that puts an item into the playlist.
pub(super) fn queue(item: PlaylistItem, front: bool) -> MediaCommand {
    match front {
        true => MediaCommand::Prepend(item),
        false => MediaCommand::Append(item),
    }
}
