//! `conference.record`: the file that a script has a room recorded into.
//!
//! A room is recorded for one call at a time, until that call stops it, leaves or ends.

use std::sync::Arc;

use super::event::record_end;
use super::sound::{Settled, outcome};
use super::{Afterwards, Step};
use crate::audio::recorder::{RecordingEnded, RecordingMeter};
use crate::codec::CodecId;
use crate::dsm::{ActionError, Errno, Exception};
use crate::session::call::Call;
use crate::session::event::{AudioFile, RecordError, SessionOutput};
use crate::session::room::Room;
use crate::session::script::Performed;

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) enum RoomRecording {
    /// Nothing is recorded.
    #[default]
    None,
    /// The script waits for the file.
    Beginning { room: Arc<Room>, path: String },
    Running {
        room: Arc<Room>,
        meter: RecordingMeter,
    },
    /// The script waits for the end.
    Stopping,
    /// It ended by itself, and the script has not stopped it since.
    Ended(RecordingEnded),
}

impl RoomRecording {
    /// Begins `conference.record`.
    pub fn begin(&mut self, call: &mut Call, room: &Arc<Room>, path: &str) -> Performed {
        if !matches!(self, Self::None | Self::Ended(_)) {
            return refused("this call has a room recorded already");
        }
        call.output(SessionOutput::RecordRoom {
            room: room.clone(),
            file: AudioFile::Name(path.to_owned()),
            sample_rate: call.codec().unwrap_or(CodecId::PCMU).sample_rate(),
        });
        *self = Self::Beginning {
            room: room.clone(),
            path: path.to_owned(),
        };
        Performed::Pending
    }

    /// Begins `conference.stopRecord`.
    pub fn stop(&mut self) -> Performed {
        match std::mem::take(self) {
            Self::Running { meter, .. } => {
                meter.stop();
                *self = Self::Stopping;
                Performed::Pending
            }
            Self::Ended(ended) => match outcome(ended) {
                Ok(_) => Performed::Done,
                Err(error) => Performed::Failed(error, None),
            },
            other => {
                *self = other;
                refused("this call has no room recorded")
            }
        }
    }

    /// The call is no longer in its room.
    pub fn leave(&self) {
        if let Self::Running { meter, .. } = self {
            meter.stop();
        }
    }

    /// Takes the answer to [`begin`](Self::begin).
    pub fn on_begun(&mut self, begun: Result<RecordingMeter, RecordError>) -> Option<Settled> {
        let (room, path) = match std::mem::take(self) {
            Self::Beginning { room, path } => (room, path),
            other => {
                *self = other;
                return None;
            }
        };
        Some(match begun {
            Ok(meter) => {
                *self = Self::Running { room, meter };
                Settled::well()
            }
            Err(error) => {
                tracing::warn!("a room is not recorded: {error}");
                Settled::failed(Exception::file(&path), error.to_string())
            }
        })
    }

    /// The file is complete. Gives the end of the action that waited for it, or what the script is told.
    pub fn on_ended(
        &mut self,
        ended: RecordingEnded,
    ) -> (Option<Settled>, Option<Step<Afterwards>>) {
        match std::mem::take(self) {
            Self::Stopping => {
                let result = outcome(ended);
                let failure = None;
                (Some(Settled { result, failure }), None)
            }
            Self::Running { room, .. } => {
                *self = Self::Ended(ended);
                (None, record_end(&ended, Some(room.name())))
            }
            other => {
                *self = other;
                (None, None)
            }
        }
    }
}

fn refused(why: &str) -> Performed {
    Performed::Failed(ActionError::errno(Errno::SCRIPT, why), None)
}
