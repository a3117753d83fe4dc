//! What a script does with conference rooms: its seat, its tees, and sounds over what is heard.
//!
//! Membership is the router's and begins with the action; sound begins when the playlist reaches the
//! item of the room.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::sound::Settled;
use crate::audio::playlist::PlaylistItem;
use crate::dsm::{ActionError, Answer, Errno, Exception, ModuleCall};
use crate::media::{MAX_TEES, MediaCommand, MixInSettings, Playout};
use crate::session::call::Call;
use crate::session::event::{AudioFile, PromptError, SessionOutput};
use crate::session::room::{InRoom, Mode, Room, RoomAnswer, RoomRequest, Seat};
use crate::session::script::Performed;

/// The tee of a script that names none.
const DEFAULT_TEE: &str = "conf.teechan";

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Conference {
    taken: Option<Taken>,
    /// There was a seat once.
    had_seat: bool,
    tees: BTreeMap<Box<str>, (u32, Arc<Room>)>,
    last_tee: u32,
    mix_in: Option<MixIn>,
    pending: Option<Pending>,
}

/// The seat of the playlist.
#[derive(Debug)]
struct Taken {
    room: Arc<Room>,
    mode: Mode,
    /// An item of the playlist stands for it.
    queued: bool,
}

/// What is mixed into what is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MixIn {
    /// Nothing yet, or one file.
    One,
    /// A list of files.
    List,
}

/// What a pending action waits for.
#[derive(Debug)]
enum Pending {
    Join(Mode),
    Tee(Box<str>),
    /// The router's word that it is done.
    Done,
    Size,
    /// A file to be mixed in.
    MixIn {
        path: String,
        kind: MixIn,
    },
    /// A file for the others in a room.
    Announce {
        path: String,
        room: Arc<Room>,
    },
}

impl Conference {
    /// Does an action of the module.
    pub fn perform(&mut self, call: &mut Call, action: &ModuleCall) -> Option<Performed> {
        let argument = |at: usize| action.arguments.get(at).map_or("", String::as_str);
        Some(match action.name.as_str() {
            "conference.join" | "conference.rejoin" => self.join(call, argument(0), argument(1)),
            "conference.leave" => self.leave(call),
            "conference.size" => {
                self.ask(call, RoomRequest::Size(argument(0).into()), Pending::Size)
            }
            "conference.postEvent" => {
                let Ok(id) = argument(1).parse() else {
                    return Some(failed(
                        Errno::ARG,
                        "the id of a conference event is no number",
                    ));
                };
                let room = argument(0).into();
                self.ask(call, RoomRequest::Post { room, id }, Pending::Done)
            }
            "conference.setPlayoutType" => {
                call.media(MediaCommand::SetPlayout(playout(argument(0))));
                Performed::Done
            }
            "conference.teejoin" => self.tee(call, argument(0), argument(1)),
            "conference.teeleave" => self.end_tee(call, argument(0)),
            "conference.setupMixIn" => self.set_up_mix_in(call, argument(0), argument(1)),
            "conference.playMixIn" => self.mix_in(call, argument(0), MixIn::One, false),
            "conference.playMixInList" => {
                self.mix_in(call, argument(0), MixIn::List, argument(1) == "true")
            }
            "conference.flushMixInList" => {
                if self.mix_in == Some(MixIn::List) {
                    call.media(MediaCommand::FlushMixIn);
                }
                Performed::Done
            }
            "conference.announce" => self.announce(call, argument(0)),
            _ => return None,
        })
    }

    /// Takes the router's answer.
    pub fn on_answer(&mut self, call: &mut Call, answer: RoomAnswer) -> Option<Settled> {
        let result = match (self.pending.take()?, answer) {
            (Pending::Join(mode), RoomAnswer::Entered { room, .. }) => {
                if let Some(left) = self.taken.take() {
                    call.in_room(&left.room, InRoom::Leave);
                }
                call.in_room(&room, InRoom::Take(mode));
                self.had_seat = true;
                self.taken = Some(Taken {
                    room,
                    mode,
                    queued: true,
                });
                Ok(Answer::Nothing)
            }
            (Pending::Tee(name), RoomAnswer::Entered { room, .. }) => {
                let number = match self.tees.get(&name) {
                    Some((number, _)) => *number,
                    None => {
                        self.last_tee += 1;
                        self.last_tee
                    }
                };
                call.in_room(&room, InRoom::Tee(number));
                self.tees.insert(name, (number, room));
                Ok(Answer::Nothing)
            }
            (Pending::Size, RoomAnswer::Size(members)) => Ok(Answer::Value(members.into())),
            (Pending::Done, _) => Ok(Answer::Nothing),
            (_, RoomAnswer::Full) => Err(exception("the room is full").into()),
            (pending, _) => {
                // Of a request before the one that is waited for.
                self.pending = Some(pending);
                return None;
            }
        };
        Some(Settled {
            result,
            failure: None,
        })
    }

    /// Whether the next prompt that is loaded is for it.
    pub fn waits_for_prompt(&self) -> bool {
        matches!(
            self.pending,
            Some(Pending::MixIn { .. } | Pending::Announce { .. })
        )
    }

    /// Takes the file that was waited for.
    pub fn on_prompt(
        &mut self,
        call: &mut Call,
        loaded: Result<PlaylistItem, PromptError>,
    ) -> Option<Settled> {
        let pending = self.pending.take()?;
        let (Pending::MixIn { path, .. } | Pending::Announce { path, .. }) = &pending else {
            self.pending = Some(pending);
            return None;
        };
        let item = match loaded {
            Ok(item) => item,
            Err(error) => return Some(Settled::failed(Exception::file(path), error.to_string())),
        };
        match pending {
            Pending::MixIn { kind, .. } => {
                // A list takes the place of a file, and a file that of a list.
                let goes_on = kind == MixIn::List && self.mix_in == Some(MixIn::List);
                self.mix_in = Some(kind);
                call.media(match goes_on {
                    true => MediaCommand::AppendMixIn(item),
                    false => MediaCommand::PlayMixIn(item),
                });
            }
            Pending::Announce { room, path } => match item {
                PlaylistItem::Prompt { prompt, .. } => {
                    call.in_room(&room, InRoom::Announce(prompt));
                }
                _ => {
                    let why = format!("{path} is too long to be played to a room");
                    return Some(Settled::failed(Exception::file(&path), why));
                }
            },
            _ => {}
        }
        Some(Settled::well())
    }

    /// The playlist has been emptied.
    pub fn flushed(&mut self) {
        if let Some(taken) = &mut self.taken {
            taken.queued = false;
        }
    }

    fn join(&mut self, call: &mut Call, room: &str, mode: &str) -> Performed {
        let Some(mode) = Mode::parse(mode) else {
            let text = format!("'{mode}' is neither 'speakonly' nor 'listenonly' nor empty");
            return failed(Errno::ARG, &text);
        };
        if let Some(taken) = self
            .taken
            .as_mut()
            .filter(|taken| taken.room.name() == room)
        {
            let stays = taken.queued && taken.mode == mode;
            let change = match taken.queued {
                true => InRoom::Change(mode),
                false => InRoom::Take(mode),
            };
            (taken.mode, taken.queued) = (mode, true);
            if !stays {
                let room = taken.room.clone();
                call.in_room(&room, change);
            }
            return Performed::Done;
        }
        let request = RoomRequest::Enter {
            room: room.into(),
            seat: Seat::Playlist,
            limit: 0,
        };
        self.ask(call, request, Pending::Join(mode))
    }

    fn leave(&mut self, call: &mut Call) -> Performed {
        let Some(taken) = self.taken.take() else {
            return match self.had_seat {
                true => Performed::Done,
                false => failed(Errno::SCRIPT, "no room has been joined"),
            };
        };
        call.in_room(&taken.room, InRoom::Leave);
        self.ask(call, RoomRequest::Leave(Seat::Playlist), Pending::Done)
    }

    fn tee(&mut self, call: &mut Call, room: &str, name: &str) -> Performed {
        let name = tee_name(name);
        if self.tees.len() >= MAX_TEES && !self.tees.contains_key(name) {
            return throw(&format!("a call has at most {MAX_TEES} tees"));
        }
        let request = RoomRequest::Enter {
            room: room.into(),
            seat: Seat::Tee(name.into()),
            limit: 0,
        };
        self.ask(call, request, Pending::Tee(name.into()))
    }

    fn end_tee(&mut self, call: &mut Call, name: &str) -> Performed {
        let name = tee_name(name);
        let Some((number, _)) = self.tees.remove(name) else {
            return failed(Errno::SCRIPT, &format!("there is no tee '{name}'"));
        };
        call.media(MediaCommand::StopTee(number));
        let request = RoomRequest::Leave(Seat::Tee(name.into()));
        self.ask(call, request, Pending::Done)
    }

    fn set_up_mix_in(&mut self, call: &mut Call, level: &str, seconds: &str) -> Performed {
        let every = match seconds.trim() {
            "" => 0.0,
            text => match text.parse::<f64>() {
                Ok(seconds) if (0.0..=MAX_MIX_IN_S).contains(&seconds) => seconds,
                _ => return throw(&format!("'{seconds}' is no number of seconds")),
            },
        };
        let level: f32 = level.trim().parse().unwrap_or(0.0);
        // A level that is no number at all is none, too.
        let level = if level.is_nan() { 0.0 } else { level };
        self.mix_in.get_or_insert(MixIn::One);
        call.media(MediaCommand::SetMixIn(MixInSettings {
            level: level.clamp(0.0, 1.0),
            every: (every > 0.0).then(|| Duration::from_secs_f64(every)),
        }));
        Performed::Done
    }

    fn mix_in(&mut self, call: &mut Call, path: &str, kind: MixIn, looped: bool) -> Performed {
        if self.mix_in.is_none() {
            return throw("setupMixIn comes first");
        }
        call.load_prompt(AudioFile::Name(path.to_owned()), looped);
        self.pending = Some(Pending::MixIn {
            path: path.to_owned(),
            kind,
        });
        Performed::Pending
    }

    fn announce(&mut self, call: &mut Call, path: &str) -> Performed {
        let Some(taken) = &self.taken else {
            return throw("no room has been joined");
        };
        let room = taken.room.clone();
        call.load_prompt(AudioFile::Name(path.to_owned()), false);
        let path = path.to_owned();
        self.pending = Some(Pending::Announce { path, room });
        Performed::Pending
    }

    fn ask(&mut self, call: &mut Call, request: RoomRequest, pending: Pending) -> Performed {
        call.output(SessionOutput::Room(request));
        self.pending = Some(pending);
        Performed::Pending
    }
}

fn tee_name(name: &str) -> &str {
    if name.is_empty() { DEFAULT_TEE } else { name }
}

fn playout(name: &str) -> Playout {
    match name {
        "adaptive" => Playout::Adaptive,
        "jb" => Playout::Fixed(FIXED_DELAY),
        _ => Playout::Simple,
    }
}

fn exception(cause: &str) -> Exception {
    Exception::new("conference").with("cause", cause)
}

fn throw(cause: &str) -> Performed {
    Performed::Failed(exception(cause).into(), Some(cause.to_owned()))
}

fn failed(errno: Errno, text: &str) -> Performed {
    Performed::Failed(ActionError::errno(errno, text), None)
}

/// What 'jb' stands for: enough for most networks.
const FIXED_DELAY: Duration = Duration::from_millis(60);
/// A day.
const MAX_MIX_IN_S: f64 = 86_400.0;
