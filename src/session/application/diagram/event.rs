//! What happens to a call, as events of the language, with what the host does after each.

use crate::audio::recorder::{EndCause, RecordingEnded};
use crate::dsm::{Event, EventKind};
use crate::media::MediaEvent;
use crate::session::call::{CallEvent, SeenResponse};
use crate::session::script::message::{about, request_event};
use crate::session::script::{Step, told};
use crate::sip::dialog::transfer::Progress;
use crate::sip::endpoint::TransactionId;
use crate::sip::message::{Request, Response, StatusCode};

/// What the host does when an event has been processed.
#[derive(Debug)]
pub(super) enum Afterwards {
    Nothing,
    /// Raise `invite` unless the script set `#processed`. Not processed at all unless the script wants
    /// requests.
    Invite,
    /// Handle this request unless the script set `#processed`.
    Request(TransactionId, Box<Request>),
    /// The same for the request that the script is looking at.
    RequestSeen,
    /// Nothing; this is the response that the event is about.
    Response(Box<Response>),
    /// Answer the INVITE unless the script did.
    Answer,
    /// Connect the playlist before the answer unless the script does not want it.
    ConnectEarly,
    /// Connect the playlist unless the script does not want it.
    Connect,
    /// End the session if nobody handled the hang-up, else let it finish.
    Linger,
    /// Stop unless the script set `#processed`.
    StopUnlessProcessed,
    /// The session is over.
    Finish,
}

/// What a response to a request of ours is in the language.
pub(super) fn reply_event(seen: &SeenResponse) -> Event {
    let SeenResponse {
        response,
        before,
        after,
    } = seen;
    let code = response.status.code().to_string();
    let event = Event::new(EventKind::SipReply)
        .with("code", &*code)
        .with("sip_code", code)
        .with("reason", &*response.reason)
        .with("sip_reason", &*response.reason)
        .with("dlg_status", after.name())
        .with("old_dlg_status", before.name());
    about(event, &response.headers, &response.body)
}

/// The event of a call whose place another INVITE has taken.
pub(super) fn replaced(invite: &Request, earlier: &Request) -> Step<Afterwards> {
    let call_id = earlier.headers.call_id().unwrap_or_default();
    let event = Event::new(EventKind::Replaced).with("replaced_callid", call_id);
    Step {
        event: about(event, &invite.headers, &invite.body),
        afterwards: Afterwards::Nothing,
        version: None,
    }
}

/// What became known of a REFER of ours.
fn transfer(progress: &Progress) -> Event {
    let (code, reason) = match &progress.status {
        Some((status, reason)) => (status.code().to_string(), reason.clone()),
        None => Default::default(),
    };
    Event::new(EventKind::Transfer)
        .with("code", code)
        .with("reason", reason)
        .with("final", progress.is_last.to_string())
}

/// The event of an INVITE that waits for its answer.
pub(super) fn invite() -> Step<Afterwards> {
    Step {
        event: Event::new(EventKind::Invite),
        afterwards: Afterwards::Answer,
        version: None,
    }
}

/// The event of a recording, of the call or of a room, that has ended by itself; `None` if it was ended.
pub(super) fn record_end(ended: &RecordingEnded, room: Option<&str>) -> Option<Step<Afterwards>> {
    let cause = match ended.cause {
        EndCause::Stopped => return None,
        EndCause::Length => "length",
        EndCause::Silence => "silence",
        EndCause::Disk => "disk",
    };
    let event = Event::new(EventKind::RecordEnd)
        .with("cause", cause)
        .with("length", ended.length.as_millis().to_string())
        .with("lost", ended.lost.as_millis().to_string())
        .with("room", room.unwrap_or_default());
    Some(Step {
        event,
        afterwards: Afterwards::Nothing,
        version: None,
    })
}

/// What an event of the call is in the language, and what follows it.
pub(super) fn step_of(event: CallEvent) -> Option<Step<Afterwards>> {
    let version = match event {
        CallEvent::Media(MediaEvent::NoAudio { version }) => Some(version),
        _ => None,
    };
    let of = Event::new;
    let (event, afterwards) = match event {
        CallEvent::Request(transaction, request) => (
            request_event(&request),
            Afterwards::Request(transaction, request),
        ),
        CallEvent::SessionStart => (of(EventKind::SessionStart), Afterwards::Connect),
        CallEvent::EarlySession => (of(EventKind::Early), Afterwards::ConnectEarly),
        CallEvent::Ringing { response, .. } if response.status != StatusCode::RINGING => {
            return None;
        }
        CallEvent::Ringing { response, .. } => {
            let code = response.status.code().to_string();
            let has_body = !response.body.is_empty();
            let event = of(EventKind::Ringing).with("code", code);
            let event = event.with("reason", response.reason);
            (
                event.with("has_body", has_body.to_string()),
                Afterwards::Nothing,
            )
        }
        CallEvent::RemoteDisappeared {
            status,
            reason,
            response,
        } => {
            let headers = response.as_ref().map(|response| &response.headers);
            let cseq = headers.and_then(|headers| headers.cseq().ok());
            let event = of(EventKind::RemoteDisappeared)
                .with("code", status.code().to_string())
                .with("reason", reason)
                .with(
                    "hdrs",
                    headers.map_or_else(String::new, ToString::to_string),
                )
                .with("cseq", cseq.map_or(0, |cseq| cseq.number).to_string());
            (event, Afterwards::StopUnlessProcessed)
        }
        CallEvent::Response(seen) => {
            let event = reply_event(&seen);
            (event, Afterwards::Response(seen.response))
        }
        CallEvent::Transfer(progress) => (transfer(&progress), Afterwards::Nothing),
        CallEvent::SessionExpired => (
            of(EventKind::SessionTimeout),
            Afterwards::StopUnlessProcessed,
        ),
        CallEvent::Failed { status, reason } => failed(status, reason),
        CallEvent::NoResponse { status } => failed(status, status.reason()),
        CallEvent::Hangup { headers } => (
            of(EventKind::Hangup).with("headers", headers.to_string()),
            Afterwards::Linger,
        ),
        CallEvent::NoAck => {
            let event = of(EventKind::Hangup)
                .with("headers", "")
                .with("reason", "onNoAck");
            (event, Afterwards::Linger)
        }
        CallEvent::NoPrack => {
            let event = of(EventKind::Hangup)
                .with("headers", "")
                .with("reason", "onNoPrack");
            (event, Afterwards::Linger)
        }
        CallEvent::Posted(params) => (told::posted(&params), Afterwards::Nothing),
        CallEvent::Raised(event, params) => (told::raised(event, &params), Afterwards::Nothing),
        CallEvent::News(event) => (*event, Afterwards::Nothing),
        CallEvent::User(number) => (told::user(number), Afterwards::Nothing),
        CallEvent::Shutdown => (told::shutdown(), Afterwards::StopUnlessProcessed),
        CallEvent::Media(event) => media_event(event)?,
        CallEvent::Start
        | CallEvent::Done { .. }
        | CallEvent::Invite
        | CallEvent::Prompt(_)
        | CallEvent::RecordingBegun(_)
        | CallEvent::RecordingEnded(_)
        | CallEvent::RoomRecordingBegun(_)
        | CallEvent::RoomRecordingEnded(_)
        | CallEvent::Room(_)
        | CallEvent::InRoom(_)
        | CallEvent::Performed(..)
        | CallEvent::Replaced { .. }
        | CallEvent::Ended => return None,
    };
    Some(Step {
        event,
        afterwards,
        version,
    })
}

fn failed(status: StatusCode, reason: String) -> (Event, Afterwards) {
    let event = Event::new(EventKind::Failed).with("code", status.code().to_string());
    (event.with("reason", reason), Afterwards::Nothing)
}

fn media_event(event: MediaEvent) -> Option<(Event, Afterwards)> {
    let of = Event::new;
    Some(match event {
        MediaEvent::NoAudio { .. } => (
            of(EventKind::NoAudio).with("type", "noAudio"),
            Afterwards::Nothing,
        ),
        MediaEvent::Separator(id) => (
            of(EventKind::Separator).with("id", id.to_string()),
            Afterwards::Nothing,
        ),
        MediaEvent::Digit {
            digit, duration, ..
        } => {
            let event = of(EventKind::Key).with("key", digit.event_code().to_string());
            let event = event.with("duration", duration.as_millis().to_string());
            (event, Afterwards::Nothing)
        }
        MediaEvent::RtpTimeout => {
            let event = of(EventKind::RtpTimeout).with("type", "rtp_timeout");
            (event, Afterwards::StopUnlessProcessed)
        }
        MediaEvent::StreamFailed => (
            of(EventKind::NoAudio).with("type", "cleared"),
            Afterwards::StopUnlessProcessed,
        ),
        MediaEvent::PlaylistFull(_) => {
            tracing::warn!("the playlist is full: an item was not added");
            return None;
        }
        _ => return None,
    })
}
