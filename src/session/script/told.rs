//! Events that a script hears whatever it runs in: a call, a request, or nothing.

use crate::dsm::module::ModuleEvent;
use crate::dsm::{Event, EventKind};
use crate::session::event::Params;

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
