//! The recordings of a session: their files are opened, written and completed elsewhere, and waited for here.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::{Completion, Task, rooms};
use crate::audio::recorder::{RecorderSink, RecordingEnded};
use crate::media::MediaCommand;
use crate::session::core::SessionCore;
use crate::session::event::{RecordError, SessionEvent};
use crate::session::recordings::Wanted;
use crate::session::room::Room;

/// How long the disk may take to complete the recordings of a call that is over.
pub(super) const FINISH_RECORDING: Duration = Duration::from_secs(5);

/// What is recorded.
pub(super) enum Whose {
    Call,
    Room(Arc<Room>),
}

/// A recording whose file is open.
pub(super) struct Begun {
    path: PathBuf,
    sink: Box<RecorderSink>,
    ended: oneshot::Receiver<RecordingEnded>,
}

impl<S: SessionCore> Task<S> {
    /// Opens the file of a recording, which may wait for the disk.
    pub(super) fn begin_recording(&mut self, whose: Whose, wanted: Wanted) {
        let context = self.context.clone();
        self.recordings += 1;
        self.work.spawn_blocking(move || {
            let (done, ended) = oneshot::channel();
            let done = Box::new(move |how| {
                // The session does not wait for ever.
                let _ = done.send(how);
            });
            let begun = context
                .recordings
                .begin(&wanted, context.media.files(), done);
            let begun = begun.map(|(path, sink)| Begun { path, sink, ended });
            Completion::RecordingBegun(whose, begun)
        });
    }

    /// Gives an open file to the stream or room, and waits for its end besides everything else.
    pub(super) async fn on_begun(
        &mut self,
        whose: Whose,
        begun: Result<Begun, RecordError>,
    ) -> SessionEvent {
        let room = match &whose {
            Whose::Call => None,
            Whose::Room(room) => Some(room.clone()),
        };
        let begun = match begun {
            Ok(Begun { path, sink, ended }) => {
                // While it is written, what was known of the file or of its lack is wrong.
                self.context.prompts.changed(&path);
                let meter = sink.meter();
                self.work.spawn(async move {
                    let ended = ended.await.unwrap_or(RecordingEnded::LOST);
                    Completion::RecordingEnded(whose, path, ended)
                });
                // Without a stream or room the sink is dropped, and the recording is complete at once.
                match &room {
                    None => drop(self.command(MediaCommand::StartRecording(sink)).await),
                    // A call that is over is in no room.
                    Some(_) if self.stream.is_none() => drop(sink),
                    Some(room) => {
                        self.of_room = Some(meter.clone());
                        rooms::record(&self.context, room, sink).await;
                    }
                }
                Ok(meter)
            }
            Err(error) => {
                self.recordings -= 1;
                Err(error)
            }
        };
        match room {
            None => SessionEvent::RecordingBegun(begun),
            Some(_) => SessionEvent::RoomRecordingBegun(begun),
        }
    }

    /// Closes the stream and waits until its recordings are complete, unless the disk takes too long.
    pub(super) async fn complete_recordings(&mut self) {
        self.stream = None;
        if let Some(recording) = &self.of_room {
            recording.stop();
        }
        let complete = async {
            while self.recordings > 0
                && let Some(completed) = self.work.join_next().await
            {
                self.complete(completed).await;
            }
        };
        if timeout(FINISH_RECORDING, complete).await.is_err() {
            tracing::warn!("the disk is slow: a recording is completed after its call");
        }
    }
}
