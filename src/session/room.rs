//! A conference room as sessions see it: asked for by name, shared while somebody is in it.
//!
//! The [router](super::router) knows who is in which room and tells the members of each other. What is
//! heard in a room belongs to a media thread.

use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::audio::prompt::Prompt;
use crate::media::{OpenError, RoomHandle};

/// A room with at least one member. It is gone when the last one lets go of it.
pub struct Room {
    name: Box<str>,
    /// Opened by the first member that brings sound.
    sound: OnceLock<RoomHandle>,
}

impl Room {
    /// A room in which nothing is heard yet.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            sound: OnceLock::new(),
        }
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its sound, opened with `open` if nobody has yet.
    ///
    /// # Errors
    /// What `open` says.
    pub fn sound(
        &self,
        open: impl FnOnce() -> Result<RoomHandle, OpenError>,
    ) -> Result<&RoomHandle, OpenError> {
        if let Some(sound) = self.sound.get() {
            return Ok(sound);
        }
        // Should two members come at once, the second room is dropped again.
        let sound = open()?;
        Ok(self.sound.get_or_init(|| sound))
    }
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

/// What the stream of a session does in a room.
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
        /// The most members the room may have with this one; 0: any number.
        limit: usize,
    },
    /// Give this seat up.
    Leave(Seat),
    /// Count the members.
    Size(Box<str>),
    /// Send every member an event with this number.
    Post {
        /// The room.
        room: Box<str>,
        /// `#id`.
        id: u32,
    },
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
    /// The room has as many members as it may; the session is where it was.
    Full,
    /// The seat is given up, or was never taken.
    Left,
    /// Members of a room; 0 for one that does not exist.
    Size(usize),
    /// The event is on its way to so many.
    Posted(usize),
}
