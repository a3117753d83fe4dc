//! What passes between a session and the rest of the server.

use std::borrow::Borrow;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use super::call::Takeover;
use super::dial_out::DialOut;
use super::local::LocalWork;
use super::monitoring::{Question, Write};
use super::outside::OutsideWork;
use super::room::{InRoom, InRoomError, Room, RoomAnswer, RoomQuestion, RoomRequest};
use crate::audio::playlist::{PlaylistItem, RoomId};
use crate::audio::recorder::{RecordingEnded, RecordingMeter};
use crate::codec::Encoding;
pub use crate::dsm::Params;
use crate::dsm::module::{MemoryFile, ModuleEvent, Ticket};
use crate::dsm::{ActionResult, DiCall, Event, EventKind, RecordOptions};
use crate::media::{MediaCommand, MediaEvent};
use crate::sip::dialog::invite_usage::{Command, RequestToken};
use crate::sip::endpoint::TransactionId;
use crate::sip::message::{Method, Request, Response, StatusCode};

/// Names a session: its local tag, which scripts see as `@local_tag`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub Arc<str>);

impl Borrow<str> for SessionId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An audio file that is to be played or recorded.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AudioFile {
    /// As a script wrote it, perhaps with parts from the network: it stays below configured folders.
    Name(String),
    /// A path that the operator chose, used as it stands.
    Path(Arc<Path>),
    /// In memory. Only to be played.
    Memory(MemoryFile),
}

impl fmt::Display for AudioFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Path(path) => path.display().fmt(f),
            Self::Memory(file) => f.write_str(&file.name),
        }
    }
}

/// Everything that can wake a session.
#[derive(Debug)]
pub enum SessionEvent {
    /// A request of the peer inside the dialog.
    Request(TransactionId, Box<Request>),
    /// An INVITE that is to take the place of the call (RFC 3891).
    Replace(Box<Takeover>),
    /// The ACK of a 2xx.
    Ack(Box<Request>),
    /// A 2xx to this INVITE of the peer was never acknowledged.
    AckTimeout(TransactionId),
    /// A reliable provisional response was never acknowledged.
    PrackTimeout,
    /// The peer cancelled the INVITE of this server transaction.
    Cancel(TransactionId),
    /// A response to a request of ours.
    Response(RequestToken, Box<Response>),
    /// A request of ours got no response, for this reason.
    NoResponse(RequestToken, StatusCode),
    /// Something happened to the audio.
    Media(MediaEvent),
    /// A prompt that was asked for is there, or cannot be had.
    Prompt(Result<PlaylistItem, PromptError>),
    /// A recording that was asked for has begun, or cannot.
    RecordingBegun(Result<RecordingMeter, RecordError>),
    /// A recording is complete: nothing more is written to its file.
    RecordingEnded(RecordingEnded),
    /// The same of a recording of a room.
    RoomRecordingBegun(Result<RecordingMeter, RecordError>),
    /// The same of a recording of a room.
    RoomRecordingEnded(RecordingEnded),
    /// Another session posted an event.
    Posted(Arc<Params>),
    /// A module raised an event of its own.
    Raised(&'static ModuleEvent, Box<Params>),
    /// Something that only the script is told: `subscription`, or `sipReply` outside a call.
    News(Box<Event>),
    /// What became of [work](SessionOutput::Perform).
    Performed(ActionToken, ActionResult),
    /// What came of a [request about rooms](SessionOutput::Room).
    Room(RoomAnswer),
    /// What came of an [act in a room](SessionOutput::InRoom), and which room that is to media threads.
    InRoom(Result<RoomId, InRoomError>),
    /// The server is shutting down.
    Shutdown,
    /// The operator sent the signal with this number, SIGUSR1 or SIGUSR2.
    User(u8),
    /// The time for ending by oneself is over.
    Terminate,
}

/// A mailbox takes the room of 32 of them at a time.
const _: () = assert!(size_of::<SessionEvent>() <= 56);

/// How much it matters that an event finds room in a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// Whoever sent it learns that there was none, or can do without it.
    Ordinary,
    /// The call could not come to its end without it, but the peer may repeat it at will.
    Vital,
    /// The same, and it comes once for each thing that the session has asked for or is told.
    Once,
}

impl SessionEvent {
    /// See [`Urgency`].
    pub fn urgency(&self) -> Urgency {
        match self {
            Self::Request(_, request) if request.method == Method::Bye => Urgency::Vital,
            Self::Media(
                MediaEvent::NoAudio { .. }
                | MediaEvent::RoomEnded(_)
                | MediaEvent::TeeEnded(_)
                | MediaEvent::StreamFailed,
            ) => Urgency::Once,
            Self::Request(..)
            | Self::Replace(_)
            | Self::Media(_)
            | Self::Posted(_)
            | Self::Raised(..)
            | Self::User(_) => Urgency::Ordinary,
            // A state that another follows; a notifier learns that there was no room.
            Self::News(event) if event.kind == EventKind::Subscription && !is_end(event) => {
                Urgency::Ordinary
            }
            // A reliable one comes again, any other can be done without.
            Self::Response(_, response) if response.status.is_provisional() => Urgency::Ordinary,
            Self::Ack(_) | Self::Cancel(_) => Urgency::Vital,
            _ => Urgency::Once,
        }
    }
}

/// Whether a `subscription` is the last of its kind.
fn is_end(event: &Event) -> bool {
    let status = event
        .params
        .as_ref()
        .and_then(|params| params.get("status"));
    !matches!(status, Some("active" | "pending"))
}

/// Why a prompt cannot be played.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PromptError {
    /// The name leaves the configured folders or is no file name at all.
    #[error("the name {0:?} is not allowed: it has to stay below the [audio] path folders")]
    Name(Box<str>),
    /// No folder has it.
    #[error("there is no file {name:?} in {folders}")]
    Missing {
        /// As the script asked for it.
        name: Box<str>,
        /// Where it was looked for.
        folders: Box<str>,
    },
    /// It is there but cannot be read as audio.
    #[error("{path}: {cause}")]
    Unreadable {
        /// Path of the file.
        path: Box<str>,
        /// What is wrong with it.
        cause: Box<str>,
    },
}

/// Why nothing can be recorded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The name leaves the configured folder or is no file name at all.
    #[error("the name {0:?} is not allowed: it has to stay below the [audio] record_path folder")]
    Name(String),
    /// The end of the name asks for another format.
    #[error(
        "cannot record {0:?}: the name has to end in .wav, .wav|A-Law, .wav|Mu-Law, .opus or .ogg"
    )]
    Format(String),
    /// The file cannot be made.
    #[error("cannot record to {path}: {cause}")]
    Unwritable {
        /// Path of the file.
        path: String,
        /// What the system said.
        cause: String,
    },
}

/// Names work that a session waits for, among all it ever asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActionToken(pub u32);

/// What a script has others do for it, one thing at a time.
#[derive(Debug)]
pub enum Work {
    /// For the router, which knows all sessions.
    Mail(Mail),
    /// For the router as well.
    Group(GroupRequest),
    /// The same; the answer to a size is a number.
    Room(RoomQuestion),
    /// Something on the machine itself.
    Local(LocalWork),
    /// For the owner of the monitoring store; the answer is an attribute.
    Ask(Box<Question>),
    /// Start a diagram without a call. Throws `core`.
    StartSystem {
        /// `main` or the name of a bundle.
        configuration: Box<str>,
        /// The diagram.
        diagram: Box<str>,
    },
    /// Call a function of another component.
    Call(Box<DiCall>),
    /// Wait for work of a module; gives what goes on with the action.
    Module(Arc<Ticket>),
    /// Place a call; gives the name of its session. Fails with
    /// [`Errno::GENERAL`](crate::dsm::Errno::GENERAL).
    DialOut(Box<DialOut>),
    /// Do something outside calls. Fails with [`Errno::GENERAL`](crate::dsm::Errno::GENERAL).
    Outside(OutsideWork),
}

/// What a session wants of the groups of sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupRequest {
    /// Become a member. Throws `core` if it is in too many.
    Join(Box<str>),
    /// Be one no longer.
    Leave(Box<str>),
    /// Of any group.
    LeaveAll,
    /// The ids of all members, in order.
    Members(Box<str>),
    /// How many there are.
    Size(Box<str>),
    /// Deliver an event to all others. Fails with [`Errno::ARG`](crate::dsm::Errno::ARG) if nobody gets it.
    Post {
        /// The group.
        group: Box<str>,
        /// The event's parameters.
        params: Box<Params>,
    },
}

/// Events between sessions, and the names they are reached by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mail {
    /// Deliver an event to a session or queue. Fails with [`Errno::ARG`](crate::dsm::Errno::ARG) if
    /// there is none.
    Post {
        /// The session or queue.
        to: SessionId,
        /// The event's parameters.
        params: Box<Params>,
    },
    /// Make the session reachable under one more name. Fails with `ARG` if it is taken.
    Register(Box<str>),
    /// Undo that; names of other sessions are left alone.
    Unregister(Box<str>),
}

/// What a session wants done by its task.
#[derive(Debug)]
pub enum SessionOutput {
    /// Send this on the dialog.
    Sip(Command),
    /// Tell the session's stream.
    Media(MediaCommand),
    /// Load a prompt, encoded like this, or open a long file; [`SessionEvent::Prompt`] answers.
    LoadPrompt {
        /// Which.
        file: AudioFile,
        /// What the stream sends with.
        encoding: Encoding,
        /// Whether it is played again and again.
        looped: bool,
    },
    /// Have this done outside; [`SessionEvent::Performed`] answers.
    Perform {
        /// Comes back with the result.
        token: ActionToken,
        /// What.
        work: Work,
    },
    /// Nobody waits for the work of a module with this handle any more.
    GiveUp(u64),
    /// Tell the owner of the monitoring store.
    Monitor(Write),
    /// Take or give up seats in conference rooms; [`SessionEvent::Room`] answers.
    Room(RoomRequest),
    /// Have the session's stream do something in a room; [`SessionEvent::InRoom`] answers, in order.
    InRoom(Arc<Room>, InRoom),
    /// Record the call into a new file. [`SessionEvent::RecordingBegun`] answers, and
    /// [`SessionEvent::RecordingEnded`] follows in the end.
    Record {
        /// Which.
        file: AudioFile,
        /// What of it and how long.
        options: RecordOptions,
        /// Samples per second of the stream.
        sample_rate: u32,
    },
    /// Record a room into a new file. [`SessionEvent::RoomRecordingBegun`] answers, and
    /// [`SessionEvent::RoomRecordingEnded`] follows in the end.
    RecordRoom {
        /// The room.
        room: Arc<Room>,
        /// Which.
        file: AudioFile,
        /// Samples per second.
        sample_rate: u32,
    },
    /// The session is over; nothing follows.
    Ended,
}
