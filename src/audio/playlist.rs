//! What a caller is to hear, in order: prompts, silence, tones, and marks between them.
//!
//! A playlist knows durations and positions, never codecs: it says which stretch of which item
//! comes next, and whoever sends it picks the encoded bytes or the samples. It is owned by one
//! stream of a media thread; after the items are in, playing them does not allocate.
//! Finished items are handed back, because dropping one may free a whole prompt.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::prompt::Prompt;
use super::streamed::StreamedSound;
use super::tone::Tone;

/// The most items a playlist holds. A diagram that adds more in a loop is at fault.
pub const MAX_PLAYLIST_ITEMS: usize = 1_000;

/// One entry of a [`Playlist`].
#[derive(Debug)]
pub enum PlaylistItem {
    /// A prompt, once or without end.
    Prompt {
        /// What is played.
        prompt: Arc<Prompt>,
        /// Starts again at its end until it is flushed.
        looped: bool,
    },
    /// A sound that is read while it is played. It has its end, or is looped, at its other end.
    Stream(Box<StreamedSound>),
    /// Silence, which is sent as audio.
    Silence(Duration),
    /// A tone; without a duration it plays until it is flushed.
    Tone {
        /// What it sounds like. In a box: most items are others, and their room counts in each call.
        tone: Box<Tone>,
        /// How long it plays.
        duration: Option<Duration>,
    },
    /// A mark: reaching it is reported with its number, and takes no time.
    Separator(i64),
    /// A place in a room, taken for as long as this item is the current one. It has no end.
    Room(RoomSeat),
}

/// Names a room of a media thread; a used-up id never names a later room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RoomId {
    /// Position in a table, used again after the room ended.
    pub(crate) key: u32,
    /// Tells the users of one position apart.
    pub(crate) generation: u32,
}

impl RoomId {
    /// `generation` differs for each room that ever has this `key`.
    pub const fn new(key: u32, generation: u32) -> Self {
        Self { key, generation }
    }
}

/// What a call does in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoomSeat {
    /// The room.
    pub room: RoomId,
    /// It hears the room; otherwise it is sent silence.
    pub hears: bool,
    /// The room hears it.
    pub speaks: bool,
}

/// What is left behind on the way to the next sound, see [`Playlist::pass`].
#[derive(Debug)]
pub enum Passed {
    /// A separator was reached.
    Separator(i64),
    /// An item has ended and left the list.
    Ended(PlaylistItem),
}

/// What comes next, see [`Playlist::play`].
#[derive(Debug)]
pub struct Stretch<'a> {
    /// The item at the front; a streamed one is read from here.
    pub item: &'a mut PlaylistItem,
    /// Offset into the item.
    pub position: Duration,
    /// How much of it; never zero, and at most what was asked for.
    pub length: Duration,
}

/// A queue of items of which the first is playing.
#[derive(Debug, Default)]
pub struct Playlist {
    entries: VecDeque<Entry>,
    /// The last item has ended and nobody was told yet.
    ran_empty: bool,
}

#[derive(Debug)]
struct Entry {
    item: PlaylistItem,
    /// How much of it was played, in this round of it.
    position: Duration,
}

impl Entry {
    /// Playing time that is left; `None` if it has no end, or none is known yet.
    fn left(&self) -> Option<Duration> {
        let whole = match &self.item {
            PlaylistItem::Prompt { prompt, .. } => Some(prompt.duration()),
            PlaylistItem::Stream(sound) => return sound.left(),
            PlaylistItem::Silence(duration) => Some(*duration),
            PlaylistItem::Tone { duration, .. } => *duration,
            PlaylistItem::Separator(_) => Some(Duration::ZERO),
            PlaylistItem::Room(_) => None,
        };
        whole.map(|whole| whole.saturating_sub(self.position))
    }

    /// Whether it starts again at its end.
    fn goes_round(&self) -> bool {
        // An empty one would never get anywhere.
        matches!(self.item, PlaylistItem::Prompt { looped: true, .. }) && !self.position.is_zero()
    }
}

impl Playlist {
    /// Adds `item` behind all others.
    ///
    /// # Errors
    /// Gives the item back when the list holds [`MAX_PLAYLIST_ITEMS`].
    pub fn append(&mut self, item: PlaylistItem) -> Result<(), PlaylistItem> {
        self.insert(item, VecDeque::push_back)
    }

    /// Adds `item` before the one that is playing, which goes on afterwards from where it was.
    ///
    /// # Errors
    /// Gives the item back when the list holds [`MAX_PLAYLIST_ITEMS`].
    pub fn prepend(&mut self, item: PlaylistItem) -> Result<(), PlaylistItem> {
        self.insert(item, VecDeque::push_front)
    }

    /// Drops all items; nothing is reported. Returns what was queued.
    pub fn flush(&mut self) -> impl Iterator<Item = PlaylistItem> + Send + 'static {
        self.ran_empty = false;
        std::mem::take(&mut self.entries)
            .into_iter()
            .map(|entry| entry.item)
    }

    /// Steps over a separator, or an item that has ended; `None` once there is something to play or
    /// the list is empty. Call it until then before [`Playlist::play`].
    ///
    /// Media thread only. Does not allocate.
    pub fn pass(&mut self) -> Option<Passed> {
        let entry = self.entries.front_mut()?;
        if entry.left() != Some(Duration::ZERO) {
            return None;
        }
        if entry.goes_round() {
            entry.position = Duration::ZERO;
            return None;
        }
        Some(match self.end_front()? {
            PlaylistItem::Separator(id) => Passed::Separator(id),
            item => Passed::Ended(item),
        })
    }

    /// The next stretch, of at most `at_most`; `None` when the list is empty, or at a room, which is not
    /// played.
    ///
    /// Media thread only. Does not allocate.
    pub fn play(&mut self, at_most: Duration) -> Option<Stretch<'_>> {
        let entry = self.entries.front_mut()?;
        if let PlaylistItem::Room(_) = entry.item {
            return None;
        }
        let length = entry.left().map_or(at_most, |left| at_most.min(left));
        let position = entry.position;
        entry.position += length;
        Some(Stretch {
            item: &mut entry.item,
            position,
            length,
        })
    }

    /// What [`Playlist::play`] would go on with: the item, where in it, and how much of it is left,
    /// if that is known.
    pub fn front(&self) -> Option<(&PlaylistItem, Duration, Option<Duration>)> {
        let entry = self.entries.front()?;
        Some((&entry.item, entry.position, entry.left()))
    }

    /// The seat that is taken now: that of the current item.
    pub fn seat(&self) -> Option<RoomSeat> {
        match self.entries.front()?.item {
            PlaylistItem::Room(seat) => Some(seat),
            _ => None,
        }
    }

    /// Changes what is done in `seat`'s room, in all items that stand for it.
    pub fn change_seat(&mut self, seat: RoomSeat) {
        for entry in &mut self.entries {
            if let PlaylistItem::Room(present) = &mut entry.item
                && present.room == seat.room
            {
                *present = seat;
            }
        }
    }

    /// Takes out all items that stand for `room`, as [`Playlist::flush`] does.
    pub fn leave_room(&mut self, room: RoomId) {
        self.entries
            .retain(|entry| !matches!(entry.item, PlaylistItem::Room(seat) if seat.room == room));
    }

    /// `room` is no more: its items have ended.
    pub fn end_room(&mut self, room: RoomId) {
        let before = self.entries.len();
        self.leave_room(room);
        self.ran_empty |= before > 0 && self.entries.is_empty();
    }

    /// Whether the last item has ended since this was last asked. True once each time.
    pub fn take_ran_empty(&mut self) -> bool {
        std::mem::take(&mut self.ran_empty)
    }

    /// Whether there is no item.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether there is nothing to play and nothing to report.
    pub fn is_idle(&self) -> bool {
        self.entries.is_empty() && !self.ran_empty
    }

    fn insert(
        &mut self,
        item: PlaylistItem,
        push: fn(&mut VecDeque<Entry>, Entry),
    ) -> Result<(), PlaylistItem> {
        if self.entries.len() >= MAX_PLAYLIST_ITEMS {
            return Err(item);
        }
        self.ran_empty = false;
        if self.entries.capacity() == 0 {
            // Most playlists never hold more at a time.
            self.entries.reserve_exact(1);
        }
        push(
            &mut self.entries,
            Entry {
                item,
                position: Duration::ZERO,
            },
        );
        Ok(())
    }

    fn end_front(&mut self) -> Option<PlaylistItem> {
        let entry = self.entries.pop_front()?;
        self.ran_empty = self.entries.is_empty();
        Some(entry.item)
    }
}
