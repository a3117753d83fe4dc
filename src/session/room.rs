//! A conference room as sessions see it: asked for by name, shared while somebody is in it.
//!
//! The [router](super::router) knows who is in which room and tells the members of each other. What is
//! heard in a room belongs to a media thread.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::audio::playlist::RoomId;
use crate::audio::prompt::Prompt;
use crate::media::{
    FeedError, MoveBusy, OpenError, RoomCommand, RoomEvent, RoomEventSink, RoomHandle,
};

/// How often the sound of a room is opened anew after a fault of ours. What fails so often fails always.
const MAX_FAULTS: u32 = 3;

/// A room with at least one member. It is gone when the last one lets go of it.
pub struct Room {
    name: Box<str>,
    /// Session tasks alone take this lock, each for a moment.
    sound: Mutex<Sound>,
    /// Somebody wants to know who speaks most. The router sets it, media threads read it.
    is_followed: Arc<AtomicBool>,
}

/// What is heard in a room.
#[derive(Default)]
struct Sound {
    /// Opened by the first member that brings sound.
    open: Option<Open>,
    /// What was opened last, perhaps gone since.
    last: Option<RoomId>,
    faults: u32,
    /// How many are heard at a time; `None`: all.
    speakers: Option<usize>,
}

struct Open {
    handle: Arc<RoomHandle>,
    /// Set by the media thread when the room is gone by a fault.
    failed: Arc<AtomicBool>,
}

impl Room {
    /// A room in which nothing is heard yet.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            sound: Mutex::default(),
            is_followed: Arc::default(),
        }
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its sound, opened with `open` if nobody has yet, or if it has failed since.
    ///
    /// # Errors
    /// What `open` says; [`InRoomError::Faulty`] for a room that fails again and again.
    pub fn sound(
        &self,
        open: impl FnOnce(RoomEventSink) -> Result<RoomHandle, OpenError>,
    ) -> Result<Arc<RoomHandle>, InRoomError> {
        let mut sound = self.sound.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(failed) = sound
            .open
            .take_if(|open| open.failed.load(Ordering::Acquire))
        {
            sound.faults += 1;
            drop(failed);
        }
        if sound.faults >= MAX_FAULTS {
            return Err(InRoomError::Faulty);
        }
        if let Some(open) = &sound.open {
            return Ok(open.handle.clone());
        }
        let failed = Arc::new(AtomicBool::new(false));
        let noted = failed.clone();
        let handle = Arc::new(open(Box::new(move |event| {
            if event == RoomEvent::Failed {
                noted.store(true, Ordering::Release);
            }
            true
        }))?);
        if sound.speakers.is_some() {
            // The first order to a room finds its way.
            let _ = handle.command(RoomCommand::SetMaxSpeakers(sound.speakers));
        }
        sound.last = Some(handle.id());
        sound.open = Some(Open {
            handle: handle.clone(),
            failed,
        });
        Ok(handle)
    }

    /// Its sound, if there is any.
    pub fn open_sound(&self) -> Option<Arc<RoomHandle>> {
        let sound = self.sound.lock().unwrap_or_else(PoisonError::into_inner);
        sound.open.as_ref().map(|open| open.handle.clone())
    }

    /// Notes how many are heard at a time, for when its sound is opened anew.
    pub fn set_speakers(&self, most: Option<usize>) {
        let mut sound = self.sound.lock().unwrap_or_else(PoisonError::into_inner);
        sound.speakers = most;
    }

    /// Whether anybody wants to know who speaks most.
    pub fn is_followed(&self) -> &Arc<AtomicBool> {
        &self.is_followed
    }

    /// What media threads call its sound, or called it before it failed; `None` if there was none ever.
    pub fn last_id(&self) -> Option<RoomId> {
        let sound = self.sound.lock().unwrap_or_else(PoisonError::into_inner);
        sound.last
    }
}

/// Why the stream of a session does not do something in a room.
#[derive(Debug, thiserror::Error)]
pub enum InRoomError {
    /// The session has no stream, or lost it.
    #[error("the call has no audio")]
    NoAudio,
    /// The room cannot be opened.
    #[error("the room has no sound: {0}")]
    Open(#[from] OpenError),
    /// The room was opened several times, and has failed each time.
    #[error("the room has failed {MAX_FAULTS} times")]
    Faulty,
    /// The stream does not get to the room.
    #[error("the call cannot be taken into the room: {0}")]
    Move(#[from] MoveBusy),
    /// The room does not hear one more call from elsewhere.
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// A media thread is too far behind.
    #[error("a media thread is busy")]
    Busy,
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Room")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl PartialEq for Room {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

/// How a member takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mode {
    /// It hears the others.
    pub hears: bool,
    /// The others hear it.
    pub speaks: bool,
}

impl Mode {
    /// Reads a mode as scripts write it; `None` for another word.
    pub fn parse(text: &str) -> Option<Self> {
        let (hears, speaks) = match text {
            "" => (true, true),
            "speakonly" => (false, true),
            "listenonly" => (true, false),
            _ => return None,
        };
        Some(Self { hears, speaks })
    }
}

/// What the stream of a session does in a room. All but `Change`, `Leave` and `Speakers` are answered with
/// [`SessionEvent::InRoom`](super::event::SessionEvent::InRoom).
#[derive(Debug, Clone)]
pub enum InRoom {
    /// Puts the room at the end of the playlist.
    Take(Mode),
    /// Changes how it takes part, in place.
    Change(Mode),
    /// Takes the room out of the playlist.
    Leave,
    /// Lets the room hear what the peer says, besides; what was begun with the same number ends.
    Tee(u32),
    /// Plays a sound to all other members.
    Announce(Arc<Prompt>),
    /// Lets only so many members be heard at a time, the loudest; `None`: all.
    Speakers(Option<usize>),
}

impl InRoom {
    /// Whether the session is told what came of it.
    pub fn is_answered(&self) -> bool {
        !matches!(self, Self::Change(_) | Self::Leave | Self::Speakers(_))
    }
}

/// What a session is in a room for. It has one seat of each name at most.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Seat {
    /// It takes part, by an item of its playlist.
    Playlist,
    /// What its peer says is heard there too, besides wherever else; several have names.
    Tee(Box<str>),
}

/// What a session asks about rooms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoomRequest {
    /// Take this seat; the room that the session held it in is left. The room is made if need be.
    Enter {
        /// The room.
        room: Box<str>,
        /// What for.
        seat: Seat,
    },
    /// Give this seat up.
    Leave(Seat),
    /// Give all seats up.
    LeaveAll,
}

/// What a session asks of a room besides its seats, most of it without a call as well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoomQuestion {
    /// Count the members.
    Size(Box<str>),
    /// Send every member an event with this number.
    Post {
        /// The room.
        room: Box<str>,
        /// `#id`.
        id: u32,
    },
    /// Whether the session is told who speaks most in the room of its playlist. Fails with
    /// [`Errno::SCRIPT`](crate::dsm::Errno::SCRIPT) if it is in none.
    Follow(bool),
}

/// What a session is told about a [`RoomRequest`].
#[derive(Debug, Clone, PartialEq)]
pub enum RoomAnswer {
    /// The seat is taken.
    Entered {
        /// The room.
        room: Arc<Room>,
        /// Members, this one included.
        members: usize,
    },
    /// The seats are given up, or were never taken.
    Left,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::media::{MediaConfig, MediaPool};

    fn pool() -> MediaPool {
        let config = MediaConfig {
            threads: 1,
            max_streams: 8,
            slot: Duration::from_millis(10),
            ..MediaConfig::default()
        };
        MediaPool::start(config).expect("a media thread can be started")
    }

    #[test]
    fn a_room_is_opened_by_its_first_member_for_all() {
        let (pool, room) = (pool(), Room::new("blue"));
        assert!(room.open_sound().is_none());
        let first = room.sound(|sink| pool.open_room(sink)).unwrap();
        let second = room.sound(|_| panic!("it is open")).unwrap();
        assert_eq!(first.id(), second.id());
        assert_eq!(room.open_sound().map(|sound| sound.id()), Some(first.id()));
    }

    #[test]
    fn a_room_that_failed_is_opened_anew_but_not_for_ever() {
        let (pool, room) = (pool(), Room::new("blue"));
        let mut ids = Vec::new();
        for _ in 0..MAX_FAULTS {
            let mut told = None;
            let open = |sink| {
                told = Some(sink);
                pool.open_room(Box::new(|_| true))
            };
            ids.push(room.sound(open).unwrap().id());
            let told = told.expect("it was opened");
            assert!(told(RoomEvent::RecordingEnded));
            assert!(room.sound(|_| panic!("it is open")).is_ok());
            assert!(told(RoomEvent::Failed));
        }
        ids.dedup();
        assert_eq!(ids.len(), MAX_FAULTS as usize);
        let failed = room.sound(|_| panic!("it fails"));
        assert!(matches!(failed, Err(InRoomError::Faulty)));
        // Its members can still leave it.
        assert!(room.open_sound().is_none());
        assert_eq!(room.last_id().as_ref(), ids.last());
    }

    #[test]
    fn a_room_that_cannot_be_opened_now_may_be_later() {
        let (pool, room) = (pool(), Room::new("blue"));
        let refused = room.sound(|_| Err(OpenError::Busy));
        assert!(matches!(refused, Err(InRoomError::Open(OpenError::Busy))));
        assert!(room.sound(|sink| pool.open_room(sink)).is_ok());
    }
}
