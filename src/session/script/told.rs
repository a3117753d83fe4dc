//! Events that a script hears whatever it runs in: a call, a request, or nothing.

use crate::dsm::module::ModuleEvent;
use crate::dsm::{ActionResult, Event, EventKind};
use crate::session::event::{ActionToken, Params, SessionEvent};

/// What an event of the mailbox is to a session that has no call.
pub enum Told {
    /// For the script.
    Event(Event),
    /// What became of the work of an action.
    Performed(ActionToken, ActionResult),
    /// The server is about to stop: the script hears [`shutdown`].
    Shutdown,
    /// The time for ending by oneself is over.
    Terminate,
    /// Of a call, which there is none of.
    OfCall,
}

/// Reads an event of the mailbox of a session that has no call.
pub fn without_call(event: SessionEvent) -> Told {
    match event {
        SessionEvent::Posted(params) => Told::Event(posted(&params)),
        SessionEvent::Raised(event, params) => Told::Event(raised(event, &params)),
        SessionEvent::News(event) => Told::Event(*event),
        SessionEvent::User(number) => Told::Event(user(number)),
        SessionEvent::Performed(token, result) => Told::Performed(token, result),
        SessionEvent::Shutdown => Told::Shutdown,
        SessionEvent::Terminate => Told::Terminate,
        SessionEvent::Request(..)
        | SessionEvent::Ack(_)
        | SessionEvent::AckTimeout(_)
        | SessionEvent::Replace(_)
        | SessionEvent::PrackTimeout
        | SessionEvent::Cancel(_)
        | SessionEvent::Response(..)
        | SessionEvent::NoResponse(..)
        | SessionEvent::Media(_)
        | SessionEvent::Prompt(_)
        | SessionEvent::RecordingBegun(_)
        | SessionEvent::RecordingEnded(_)
        | SessionEvent::RoomRecordingBegun(_)
        | SessionEvent::RoomRecordingEnded(_)
        | SessionEvent::Room(_)
        | SessionEvent::InRoom(_) => Told::OfCall,
    }
}

/// Another session posted an event.
pub fn posted(params: &Params) -> Event {
    with(EventKind::Event, params)
}

/// A module raised an event of its own.
pub fn raised(event: &'static ModuleEvent, params: &Params) -> Event {
    with(EventKind::Module(event), params)
}

/// The operator sent the signal with this number, SIGUSR1 or SIGUSR2.
pub fn user(number: u8) -> Event {
    Event::new(EventKind::System).with("type", format!("User{number}"))
}

/// The server is about to stop.
pub fn shutdown() -> Event {
    Event::new(EventKind::System).with("type", "ServerShutdown")
}

fn with(kind: EventKind, params: &Params) -> Event {
    let add = |event: Event, (name, value): (&String, &String)| event.with(name, value);
    params.iter().fold(Event::new(kind), add)
}
