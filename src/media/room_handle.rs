//! SHELL. Rooms as the rest of the server sees them.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::fmt;
use std::sync::Arc;

use super::command::RoomCommand;
use super::room::MAX_FEEDS;
use super::thread::{Request, Shared};
use crate::audio::feed::{FeedSink, Feeds};
use crate::audio::playlist::{PlaylistItem, RoomId, RoomSeat};

/// A hold on a room of one media thread. Dropping it closes the room, whose members' playlists then
/// go on.
///
/// A stream joins in two steps: [`StreamHandle::move_to`](super::StreamHandle::move_to), and then
/// [`MediaCommand::Append`](super::MediaCommand::Append) of a [`RoomHandle::seat`].
pub struct RoomHandle {
    pub(super) id: RoomId,
    pub(super) shared: Arc<Shared>,
    feeds: Feeds,
}

/// The media thread is too far behind to take this command.
#[derive(Debug, thiserror::Error)]
#[error("media thread is busy")]
pub struct RoomBusy(pub RoomCommand);

/// Why there is no way into a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FeedError {
    /// The media thread is too far behind.
    #[error("media thread is busy")]
    Busy,
    /// The room hears as many calls from elsewhere as it may.
    #[error("the room hears {MAX_FEEDS} calls from elsewhere already")]
    TooMany,
}

impl RoomHandle {
    pub(super) fn new(id: RoomId, shared: Arc<Shared>) -> Self {
        Self {
            id,
            shared,
            feeds: Feeds::new(MAX_FEEDS),
        }
    }

    /// Names the room in commands to streams.
    pub fn id(&self) -> RoomId {
        self.id
    }

    /// A playlist item: while it is the current one its stream is in the room.
    pub fn seat(&self, hears: bool, speaks: bool) -> PlaylistItem {
        PlaylistItem::Room(RoomSeat {
            room: self.id,
            hears,
            speaks,
        })
    }

    /// Gives an order to the room. Orders are carried out one after the other.
    ///
    /// # Errors
    /// [`RoomBusy`] when too many orders wait.
    pub fn command(&self, command: RoomCommand) -> Result<(), RoomBusy> {
        let pushed = self.shared.push(Request::Room(self.id, command));
        self.shared.wake();
        match pushed {
            Err(Request::Room(_, refused)) => Err(RoomBusy(refused)),
            _ => Ok(()),
        }
    }

    /// Makes a way into the room for a stream of any thread, to be given to it with
    /// [`MediaCommand::StartTee`](super::MediaCommand::StartTee).
    ///
    /// # Errors
    /// [`FeedError::TooMany`] while there are [`MAX_FEEDS`], and [`FeedError::Busy`] when too many
    /// orders wait.
    pub fn feed(&self) -> Result<Box<FeedSink>, FeedError> {
        let (sink, source) = self.feeds.open().ok_or(FeedError::TooMany)?;
        let command = RoomCommand::Feed(Box::new(source));
        self.command(command).map_err(|_| FeedError::Busy)?;
        Ok(Box::new(sink))
    }
}

impl Drop for RoomHandle {
    fn drop(&mut self) {
        // The queue has room for one `Close` of each room.
        let _ = self.command(RoomCommand::Close);
    }
}

impl fmt::Debug for RoomHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoomHandle")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
