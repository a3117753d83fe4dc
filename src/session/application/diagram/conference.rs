//! What a script does with conference rooms: its seat, its tees, and sounds over what is heard.
//!
//! Membership is the router's and begins with the action; sound begins when the playlist reaches the
//! item of the room.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::room_recording::RoomRecording;
use super::sound::Settled;
use crate::audio::playlist::{PlaylistItem, RoomId};
use crate::dsm::{ActionError, Answer, ConferenceAction, Errno, Exception, ModuleCall};
use crate::media::{MAX_TEES, MediaCommand, MixInSettings, Playout};
use crate::session::call::Call;
use crate::session::event::{AudioFile, PromptError, SessionOutput};
use crate::session::room::{InRoom, InRoomError, Mode, Room, RoomAnswer, RoomRequest, Seat};
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
    pub recording: RoomRecording,
    pending: Option<Pending>,
    /// What the stream is doing in rooms, in order.
    acts: VecDeque<Act>,
}

/// The seat of the playlist.
#[derive(Debug)]
struct Taken {
    room: Arc<Room>,
    mode: Mode,
    /// The room that an item of the playlist stands for; `None`: there is no such item.
    queued: Option<RoomId>,
}

/// Something that the stream does in a room, see [`InRoom`].
#[derive(Debug)]
enum Act {
    /// It takes its seat, and the script waits for that.
    Join,
    /// It takes its seat again.
    Rejoin,
    /// Its tee of this name is to be heard, and the script waits for that.
    Tee(Box<str>),
    /// Its tee of this name is to be heard again.
    Retee(Box<str>),
    /// It plays a sound, and the script waits for that to begin.
    Announce,
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
    /// The router's word that the seat is given up again which the stream did not get to.
    Undone(InRoomError),
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
    pub fn perform(
        &mut self,
        call: &mut Call,
        action: ConferenceAction,
        asked: &ModuleCall,
    ) -> Performed {
        use ConferenceAction::*;
        let argument = |at| asked.argument(at);
        match action {
            Join => self.join(call, argument(0), argument(1)),
            Leave => self.leave(call),
            SetPlayoutType => {
                call.media(MediaCommand::SetPlayout(playout(argument(0))));
                Performed::Done
            }
            Tee => self.tee(call, argument(0), argument(1)),
            EndTee => self.end_tee(call, argument(0)),
            SetUpMixIn => self.set_up_mix_in(call, argument(0), argument(1)),
            PlayMixIn => self.mix_in(call, argument(0), MixIn::One, false),
            PlayMixInList => self.mix_in(call, argument(0), MixIn::List, argument(1) == "true"),
            FlushMixInList => {
                if self.mix_in == Some(MixIn::List) {
                    call.media(MediaCommand::FlushMixIn);
                }
                Performed::Done
            }
            Announce => self.announce(call, argument(0)),
            Gain => {
                // The action has seen to it that it is a number.
                let decibels: f32 = argument(0).trim().parse().unwrap_or(0.0);
                call.media(MediaCommand::SetRoomGain(10_f32.powf(decibels / 20.0)));
                Performed::Done
            }
            Speakers => self.speakers(call, argument(0)),
            Record => match &self.taken {
                Some(taken) => self.recording.begin(call, &taken.room, argument(0)),
                None => throw(NO_ROOM),
            },
            StopRecord => self.recording.stop(),
        }
    }

    /// Takes the router's answer.
    pub fn on_answer(&mut self, call: &mut Call, answer: RoomAnswer) -> Option<Settled> {
        let result = match (self.pending.take()?, answer) {
            (Pending::Join(mode), RoomAnswer::Entered { room, .. }) => {
                if let Some(left) = self.taken.take() {
                    self.recording.leave();
                    call.in_room(&left.room, InRoom::Leave);
                }
                self.act(call, &room, InRoom::Take(mode), Act::Join);
                self.taken = Some(Taken {
                    room,
                    mode,
                    queued: None,
                });
                return None;
            }
            (Pending::Tee(name), RoomAnswer::Entered { room, .. }) => {
                match self.tees.remove(&name) {
                    Some((number, present)) if Arc::ptr_eq(&present, &room) => {
                        self.tees.insert(name, (number, present));
                        Ok(Answer::Nothing)
                    }
                    before => {
                        if let Some((number, _)) = before {
                            call.media(MediaCommand::StopTee(number));
                        }
                        self.begin_tee(call, name.clone(), room, Act::Tee(name));
                        return None;
                    }
                }
            }
            (Pending::Undone(error), _) => Err(exception(&error.to_string()).into()),
            (Pending::Done, _) => Ok(Answer::Nothing),
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

    /// Takes what came of the oldest act in a room.
    pub fn on_done(
        &mut self,
        call: &mut Call,
        done: Result<RoomId, InRoomError>,
    ) -> Option<Settled> {
        match (self.acts.pop_front()?, done) {
            (Act::Join, Ok(room)) => {
                self.had_seat = true;
                self.queued(Some(room));
                let name = self.taken.as_ref().map(|taken| taken.room.name());
                call.note_room(name);
            }
            (Act::Rejoin, Ok(room)) => {
                self.queued(Some(room));
                return None;
            }
            (Act::Join, Err(error)) => {
                call.take_failed();
                call.note_room(None);
                self.taken = None;
                self.undo(call, Seat::Playlist, error);
                return None;
            }
            (Act::Rejoin, Err(error)) => {
                // The end of the playlist is told, if it was the last item: the script may try again.
                call.take_failed();
                tracing::error!(%error, "a room that failed cannot be joined again");
                return None;
            }
            (Act::Tee(name), Err(error)) => {
                self.tees.remove(&name);
                self.undo(call, Seat::Tee(name), error);
                return None;
            }
            (Act::Retee(name), Err(error)) => {
                tracing::error!(%error, tee = name, "a tee has ended with its room");
                self.tees.remove(&name);
                call.output(SessionOutput::Room(RoomRequest::Leave(Seat::Tee(name))));
                return None;
            }
            (Act::Retee(_), Ok(_)) => return None,
            (Act::Announce, Err(error)) => {
                let error = exception(&error.to_string());
                return Some(Settled {
                    result: Err(error.into()),
                    failure: None,
                });
            }
            (Act::Tee(_) | Act::Announce, Ok(_)) => {}
        }
        Some(Settled::well())
    }

    /// A room is gone by a fault of ours. What the call did there goes on in a new one.
    pub fn room_ended(&mut self, call: &mut Call, room: RoomId) {
        if let Some(taken) = self.taken.as_mut().filter(|it| it.queued == Some(room)) {
            taken.queued = None;
            let (room, mode) = (taken.room.clone(), taken.mode);
            self.act(call, &room, InRoom::Take(mode), Act::Rejoin);
        }
    }

    /// The same of a room that a tee led to.
    pub fn tee_ended(&mut self, call: &mut Call, number: u32) {
        let mut tees = self.tees.iter();
        if let Some((name, (_, room))) = tees.find(|(_, (other, _))| *other == number) {
            let (name, room) = (name.clone(), room.clone());
            self.begin_tee(call, name.clone(), room, Act::Retee(name));
        }
    }

    /// The playlist was full when this room was to be put into it.
    pub fn not_queued(&mut self, room: RoomId) {
        if let Some(taken) = &mut self.taken {
            taken.queued.take_if(|queued| *queued == room);
        }
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
                    self.act(call, &room, InRoom::Announce(prompt), Act::Announce);
                    return None;
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
        self.queued(None);
    }

    /// This room is in the playlist now, or none.
    fn queued(&mut self, room: Option<RoomId>) {
        if let Some(taken) = &mut self.taken {
            taken.queued = room;
        }
    }

    fn join(&mut self, call: &mut Call, room: &str, mode: &str) -> Performed {
        let Some(mode) = Mode::parse(mode) else {
            let text = format!("'{mode}' is neither 'speakonly' nor 'listenonly' nor empty");
            return failed(Errno::ARG, &text);
        };
        if room.is_empty() {
            return throw(NAMELESS);
        }
        if let Some(taken) = self
            .taken
            .as_mut()
            .filter(|taken| taken.room.name() == room)
        {
            let stays = taken.mode == mode;
            taken.mode = mode;
            let room = taken.room.clone();
            if taken.queued.is_none() {
                self.act(call, &room, InRoom::Take(mode), Act::Join);
                return Performed::Pending;
            }
            if !stays {
                call.in_room(&room, InRoom::Change(mode));
            }
            return Performed::Done;
        }
        let request = RoomRequest::Enter {
            room: room.into(),
            seat: Seat::Playlist,
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
        self.recording.leave();
        call.in_room(&taken.room, InRoom::Leave);
        call.note_room(None);
        self.ask(call, RoomRequest::Leave(Seat::Playlist), Pending::Done)
    }

    fn tee(&mut self, call: &mut Call, room: &str, name: &str) -> Performed {
        let name = tee_name(name);
        if room.is_empty() {
            return throw(NAMELESS);
        }
        if self.tees.len() >= MAX_TEES && !self.tees.contains_key(name) {
            return throw(&format!("a call has at most {MAX_TEES} tees"));
        }
        let request = RoomRequest::Enter {
            room: room.into(),
            seat: Seat::Tee(name.into()),
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
        if !(0.0..=1.0).contains(&level) {
            return throw(&format!("{level} is no level from 0 to 1"));
        }
        self.mix_in.get_or_insert(MixIn::One);
        call.media(MediaCommand::SetMixIn(MixInSettings {
            level,
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
            return throw(NO_ROOM);
        };
        let room = taken.room.clone();
        call.load_prompt(AudioFile::Name(path.to_owned()), false);
        let path = path.to_owned();
        self.pending = Some(Pending::Announce { path, room });
        Performed::Pending
    }

    /// Of no number, or of 0, all are heard.
    fn speakers(&mut self, call: &mut Call, number: &str) -> Performed {
        let Some(taken) = &self.taken else {
            return throw(NO_ROOM);
        };
        let most = number.trim().parse().ok().filter(|most| *most > 0);
        call.in_room(&taken.room, InRoom::Speakers(most));
        Performed::Done
    }

    fn begin_tee(&mut self, call: &mut Call, name: Box<str>, room: Arc<Room>, act: Act) {
        self.last_tee += 1;
        self.act(call, &room, InRoom::Tee(self.last_tee), act);
        self.tees.insert(name, (self.last_tee, room));
    }

    fn act(&mut self, call: &mut Call, room: &Arc<Room>, what: InRoom, act: Act) {
        call.in_room(room, what);
        self.acts.push_back(act);
    }

    /// Gives up a seat that the stream did not get to, before the script is told.
    fn undo(&mut self, call: &mut Call, seat: Seat, error: InRoomError) {
        self.ask(call, RoomRequest::Leave(seat), Pending::Undone(error));
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

/// Callers of a variable that was never set would hear each other.
const NAMELESS: &str = "the name of the room is empty";
const NO_ROOM: &str = "no room has been joined";
/// What 'jb' stands for: enough for most networks.
const FIXED_DELAY: Duration = Duration::from_millis(60);
/// A day.
const MAX_MIX_IN_S: f64 = 86_400.0;
