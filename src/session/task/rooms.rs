//! What a session does in conference rooms: its stream takes seats, and rooms are recorded.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::{SipCommand, Task, wait_for};
use crate::audio::playlist::{PlaylistItem, RoomId, RoomSeat};
use crate::audio::recorder::RecorderSink;
use crate::media::{
    Audience, FeedError, MediaCommand, MoveBusy, OpenError, RoomBusy, RoomCommand, RoomEvent,
    RoomEventSink, RoomHandle,
};
use crate::session::core::SessionCore;
use crate::session::event::SessionEvent;
use crate::session::pool::SessionContext;
use crate::session::room::{InRoom, InRoomError, Mode, Room};

impl<S: SessionCore> Task<S> {
    /// Has the stream do something in a room, and tells the session how that went.
    pub(super) async fn in_room(&mut self, room: &Room, act: InRoom) {
        let is_answered = act.is_answered();
        let done = self.act_in(room, act).await;
        if let Err(error) = &done {
            tracing::warn!(session = %self.id, room = room.name(), %error, "this call does not get its part in a room");
        }
        if is_answered {
            let now = Instant::now();
            self.guarded(|session| session.handle_event(now, SessionEvent::InRoom(done)));
        }
    }

    async fn act_in(&mut self, room: &Room, act: InRoom) -> Result<RoomId, InRoomError> {
        let Some(stream) = &mut self.stream else {
            return Err(InRoomError::NoAudio);
        };
        let seat = |room: RoomId, mode: Mode| RoomSeat {
            room,
            hears: mode.hears,
            speaks: mode.speaks,
        };
        let (id, command) = match act {
            InRoom::Take(mode) => {
                let sound = open_sound(&self.context, room).await?;
                let moved = wait_for(|| stream.move_to(&sound).ok().map(Ok));
                moved.await.unwrap_or(Err(MoveBusy))?;
                let seat = seat(sound.id(), mode);
                (seat.room, MediaCommand::Append(PlaylistItem::Room(seat)))
            }
            InRoom::Change(mode) => {
                let seat = seat(present_sound(room)?.id(), mode);
                (seat.room, MediaCommand::SetSeat(seat))
            }
            InRoom::Leave => {
                // The session has counted it, so the stream has to hear of it, even when the room has
                // failed for good.
                let id = room.last_id().ok_or(InRoomError::NoAudio)?;
                (id, MediaCommand::LeaveRoom(id))
            }
            InRoom::Tee(number) => {
                let sound = open_sound(&self.context, room).await?;
                let feed = wait_for(|| match sound.feed() {
                    Err(FeedError::Busy) => None,
                    made => Some(made),
                });
                let feed = feed.await.unwrap_or(Err(FeedError::Busy))?;
                (sound.id(), MediaCommand::StartTee(number, feed))
            }
            InRoom::Announce(prompt) => {
                let sound = present_sound(room)?;
                let to = Audience::AllBut(stream.id());
                let play = || RoomCommand::Play {
                    prompt: prompt.clone(),
                    to,
                };
                let played = wait_for(|| sound.command(play()).ok());
                return played.await.map(|()| sound.id()).ok_or(InRoomError::Busy);
            }
            InRoom::Speakers(most) => {
                let sound = present_sound(room)?;
                room.set_speakers(most);
                let told = wait_for(|| sound.command(RoomCommand::SetMaxSpeakers(most)).ok());
                return told.await.map(|()| sound.id()).ok_or(InRoomError::Busy);
            }
        };
        self.command(command).await.map(|()| id)
    }
}

/// The sound of `room`, which its members have opened.
fn present_sound(room: &Room) -> Result<Arc<RoomHandle>, InRoomError> {
    room.open_sound().ok_or(InRoomError::NoAudio)
}

/// The sound of `room`, which is opened if need be.
async fn open_sound(context: &SessionContext, room: &Room) -> Result<Arc<RoomHandle>, InRoomError> {
    let open = || match room.sound(|sink| context.media.open_room(telling(context, room, sink))) {
        Err(InRoomError::Open(OpenError::Busy)) => None,
        opened => Some(opened),
    };
    wait_for(open).await.unwrap_or(Err(InRoomError::Busy))
}

/// `sink`, which also has those told who speaks most that want to know.
pub(super) fn telling(context: &SessionContext, room: &Room, sink: RoomEventSink) -> RoomEventSink {
    let name: Arc<str> = room.name().into();
    let is_followed = room.is_followed().clone();
    // The room is not to keep the signalling task from ending.
    let sip = context.sip.downgrade();
    Box::new(move |event| {
        if let RoomEvent::ActiveSpeaker(speaker) = event
            && is_followed.load(Ordering::Relaxed)
            && let Some(sip) = sip.upgrade()
        {
            let room = name.clone();
            // A media thread does not wait: where too much is to be done, nobody is told.
            let _ = sip.try_send(SipCommand::Speaker { room, speaker });
        }
        sink(event)
    })
}

/// Gives a recording to `room`. If that has no sound, the recording is complete at once.
pub(super) async fn record(context: &SessionContext, room: &Room, sink: Box<RecorderSink>) {
    let Ok(sound) = open_sound(context, room).await else {
        return;
    };
    let mut command = Some(RoomCommand::StartRecording(sink));
    let told = wait_for(|| match sound.command(command.take()?) {
        Ok(()) => Some(()),
        Err(RoomBusy(refused)) => {
            command = Some(refused);
            None
        }
    });
    if told.await.is_none() {
        tracing::error!(
            room = room.name(),
            "the media thread is busy: a room is not recorded"
        );
    }
}
