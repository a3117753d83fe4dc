//! What runs a call: a state diagram, the built-in echo, or the test phone.
//!
//! Every application is told [`CallEvent`]s one at a time and acts on the [`Call`]. One that waits
//! for something outside (a prompt being loaded) keeps later events in order itself.

pub mod diagram;
pub mod echo;
pub mod phone;

use std::time::Instant;

use self::diagram::Diagram;
use self::echo::Echo;
use self::phone::Phone;
use super::call::{Call, CallEvent};
use super::catalog::Application;
use super::session::Origin;
use crate::dsm::NotStartable;

/// A running application.
#[derive(Debug)]
pub enum Running {
    /// A state diagram.
    Diagram(Box<Diagram>),
    /// Sends back what it hears.
    Echo(Echo),
    /// The test phone.
    Phone(Box<Phone>),
}

impl Running {
    /// Begins `application` for `call`.
    ///
    /// # Errors
    /// [`NotStartable`] for a diagram without an initial state.
    pub fn new(
        application: &Application,
        call: &Call,
        origin: Origin,
    ) -> Result<Self, NotStartable> {
        Ok(match application {
            Application::Diagram(diagram) => {
                Self::Diagram(Box::new(Diagram::new(diagram, call, origin)?))
            }
            // It is looked up before a session begins, and only for calls that come in.
            Application::Selected(_) => return Err(NotStartable(application.name().to_owned())),
            Application::Echo => Self::Echo(Echo),
            Application::Phone(script) => Self::Phone(Box::new(Phone::new(script.clone()))),
        })
    }

    /// Takes one event of the call.
    pub fn handle_event(&mut self, now: Instant, call: &mut Call, event: CallEvent) {
        match self {
            Self::Diagram(diagram) => diagram.handle_event(now, call, event),
            Self::Echo(echo) => echo.handle_event(call, &event),
            Self::Phone(phone) => phone.handle_event(now, call, event),
        }
    }

    /// Takes the time.
    pub fn handle_timeout(&mut self, now: Instant, call: &mut Call) {
        match self {
            Self::Diagram(diagram) => diagram.handle_timeout(now, call),
            Self::Echo(_) => {}
            Self::Phone(phone) => phone.handle_timeout(now, call),
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is wanted.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Diagram(diagram) => diagram.poll_timeout(),
            Self::Echo(_) => None,
            Self::Phone(phone) => phone.poll_timeout(),
        }
    }

    /// Whether requests in the dialog are told to it before anything is done about them.
    pub fn wants_requests(&self) -> bool {
        matches!(self, Self::Diagram(diagram) if diagram.wants_requests())
    }

    /// Whether responses to our requests are told to it.
    pub fn wants_replies(&self) -> bool {
        matches!(self, Self::Diagram(diagram) if diagram.wants_replies())
    }

    /// Whether it needs nothing more once the call is over.
    pub fn is_done(&self) -> bool {
        match self {
            Self::Diagram(diagram) => diagram.is_done(),
            Self::Echo(_) => true,
            Self::Phone(phone) => phone.is_done(),
        }
    }
}
