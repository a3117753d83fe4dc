//! What an application is told of its call.

use std::sync::Arc;

#[cfg(doc)]
use super::Call;
use crate::audio::playlist::{PlaylistItem, RoomId};
use crate::audio::recorder::{RecordingEnded, RecordingMeter};
use crate::dsm::module::ModuleEvent;
use crate::dsm::{ActionResult, Event};
use crate::media::MediaEvent;
use crate::session::event::{ActionToken, Params, PromptError, RecordError};
use crate::session::room::{InRoomError, RoomAnswer};
use crate::sip::dialog::invite_usage::{ForkId, RequestToken};
use crate::sip::dialog::transfer::Progress;
use crate::sip::endpoint::TransactionId;
use crate::sip::message::{Headers, Method, Request, Response, StatusCode};

/// What an application is told.
#[derive(Debug)]
pub enum CallEvent {
    /// The session begins.
    Start,
    /// The caller's INVITE waits for an answer.
    Invite,
    /// A provisional response to our INVITE.
    Ringing {
        /// The early dialog that it belongs to, if it makes one. After forking there are several.
        fork: Option<ForkId>,
        /// The response.
        response: Box<Response>,
    },
    /// Offer and answer are complete before the call is answered: the callee may be heard, or the caller
    /// may hear us.
    EarlySession,
    /// Our INVITE was refused, or the offer that came with the caller's.
    Failed {
        /// Status of the final response.
        status: StatusCode,
        /// Its reason phrase.
        reason: String,
    },
    /// No final response to our INVITE came.
    NoResponse {
        /// What stands for one: 408, or 503 if it could not be sent.
        status: StatusCode,
    },
    /// Offer and answer are complete and the call is established.
    SessionStart,
    /// The peer hung up or cancelled; `headers` are those of its request.
    Hangup {
        /// Header lines of the request.
        headers: Headers,
    },
    /// Nobody acknowledged our answer; the call is being ended.
    NoAck,
    /// Nobody acknowledged a reliable provisional response of ours; the INVITE has been refused.
    NoPrack,
    /// A request that the application sent in the dialog is done: [`Call::send_request`] gave the token.
    Done {
        /// Which.
        token: RequestToken,
        /// Its method.
        method: Method,
        /// The final response, or what stands for one.
        outcome: Result<Box<Response>, StatusCode>,
    },
    /// A request of ours in the dialog failed in a way that tells that the call is no more; it is being
    /// ended (RFC 5057).
    RemoteDisappeared {
        /// Status of the failure, 408 if there was none.
        status: StatusCode,
        /// Its reason phrase.
        reason: String,
        /// The response, unless it was a time-out.
        response: Option<Box<Response>>,
    },
    /// Another peer's INVITE has taken the place of the call's dialog, and is answered (RFC 3891): it is the
    /// [INVITE](Call::invite) of the call from now on.
    Replaced {
        /// The INVITE before it.
        earlier: Box<Request>,
    },
    /// A response to a request of ours, for an application that wants to see them. It has done its work.
    Response(Box<SeenResponse>),
    /// What became known of a REFER of ours.
    Transfer(Progress),
    /// Nobody refreshed the session in time; it is being ended (RFC 4028).
    SessionExpired,
    /// A request of the peer in the dialog, for an application that wants to look at them first. It has
    /// been [admitted](crate::sip::dialog::invite_usage::InviteUsage::admit).
    Request(TransactionId, Box<Request>),
    /// Audio.
    Media(MediaEvent),
    /// The prompt that was asked for.
    Prompt(Result<PlaylistItem, PromptError>),
    /// The recording that was asked for has begun, or cannot.
    RecordingBegun(Result<RecordingMeter, RecordError>),
    /// A recording is complete.
    RecordingEnded(RecordingEnded),
    /// The same of a recording of a room.
    RoomRecordingBegun(Result<RecordingMeter, RecordError>),
    /// The same of a recording of a room.
    RoomRecordingEnded(RecordingEnded),
    /// What came of a request about conference rooms.
    Room(RoomAnswer),
    /// What came of an act in a room, and which room that is to media threads.
    InRoom(Result<RoomId, InRoomError>),
    /// An event of another session.
    Posted(Arc<Params>),
    /// A module raised an event of its own.
    Raised(&'static ModuleEvent, Params),
    /// Something that only a script is told.
    News(Box<Event>),
    /// What became of work outside.
    Performed(ActionToken, ActionResult),
    /// The server is shutting down.
    Shutdown,
    /// The operator sent the signal with this number, SIGUSR1 or SIGUSR2.
    User(u8),
    /// The SIP side is over; nothing can be sent any more.
    Ended,
}

/// A response to a request of ours, and how the call stood before it and after it.
#[derive(Debug)]
pub struct SeenResponse {
    /// The response.
    pub response: Box<Response>,
    /// Before.
    pub before: CallStatus,
    /// After.
    pub after: CallStatus,
}

/// How a call stands, in the words of scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallStatus {
    /// The INVITE has no answer, and there is no dialog.
    Trying,
    /// The INVITE has no answer; there is an early dialog.
    Early,
    /// The call is up.
    Connected,
    /// It is being ended.
    Disconnecting,
    /// It is over.
    Disconnected,
}

impl CallStatus {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Trying => "Trying",
            Self::Early => "Early",
            Self::Connected => "Connected",
            Self::Disconnecting => "Disconnecting",
            Self::Disconnected => "Disconnected",
        }
    }
}
