//! The session of a diagram that runs without a call.
//!
//! A core with the verbs of [`Session`](super::Session). It hears of timers, posted events and the end of
//! the server; what needs a call throws `core`.

use std::collections::VecDeque;
use std::time::Instant;

use super::catalog::DiagramApplication;
use super::core::SessionCore;
use super::event::{SessionEvent, SessionId, SessionOutput};
use super::monitoring::Follow;
use super::script::told::Told;
use super::script::{Performed, Script, Step, Surroundings, told, unavailable};
use crate::dsm::module::Moment;
use crate::dsm::{Event, EventKind, Exception, HostAction, NotStartable, Values};

/// Why a system diagram is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// The server starts, or somebody asked for it.
    Startup,
    /// Its bundle was loaded again; the instance before runs on.
    Reload,
}

/// A diagram to be run without a call.
#[derive(Debug)]
pub struct SystemStart {
    /// The diagram.
    pub application: DiagramApplication,
    /// Why.
    pub occasion: Occasion,
}

impl SystemStart {
    /// A start of `application`.
    pub fn new(application: DiagramApplication, occasion: Occasion) -> Self {
        Self {
            application,
            occasion,
        }
    }
}

/// See the module's documentation.
#[derive(Debug)]
pub struct SystemSession {
    script: Script<()>,
    occasion: Occasion,
    around: Around,
    ended: bool,
    /// The modules have heard of the end.
    told: bool,
}

/// Nothing but a name and the world outside.
#[derive(Debug)]
struct Around {
    id: SessionId,
    outputs: VecDeque<SessionOutput>,
}

impl SystemSession {
    /// A session that begins when it is told to; `follow` records its way.
    ///
    /// # Errors
    /// [`NotStartable`] if the diagram has no initial state.
    pub fn new(
        id: SessionId,
        start: &SystemStart,
        follow: Option<Follow>,
    ) -> Result<Self, NotStartable> {
        Ok(Self {
            script: Script::new(&start.application, [], follow)?,
            occasion: start.occasion,
            around: Around {
                id,
                outputs: VecDeque::new(),
            },
            ended: false,
            told: false,
        })
    }

    fn enqueue(&mut self, event: Event) {
        self.script.enqueue(Step {
            event,
            afterwards: (),
            version: None,
        });
    }

    /// Processes waiting events until one stops the diagram or waits for something.
    fn run(&mut self, now: Instant) {
        while !self.script.is_stopped()
            && let Some(step) = self.script.next_step()
        {
            self.script.process(now, step, &mut self.around);
        }
        let over = self.script.is_stopped() && !self.script.is_suspended();
        if over && !std::mem::replace(&mut self.told, true) {
            self.tell_modules(now, Moment::BeforeDestroy, EventKind::BeforeDestroy);
        }
    }

    fn tell_modules(&mut self, now: Instant, moment: Moment<'_>, kind: EventKind) {
        let event = Event::new(kind);
        // Only what begins and ends is told here, which nobody answers.
        self.script
            .tell_modules(now, moment, event, &mut self.around);
    }
}

impl SessionCore for SystemSession {
    fn begin(&mut self, now: Instant) {
        let kind = match self.occasion {
            Occasion::Startup => EventKind::Startup,
            Occasion::Reload => EventKind::Reload,
        };
        self.tell_modules(now, Moment::SessionStart, kind);
        self.script.start(now, kind, (), &mut self.around);
        self.run(now);
    }

    fn handle_event(&mut self, now: Instant, event: SessionEvent) {
        match told::without_call(event) {
            Told::Event(event) => self.enqueue(event),
            Told::Performed(token, result) => {
                self.script.performed(now, token, result, &mut self.around);
            }
            Told::Shutdown => self.enqueue(told::shutdown()),
            Told::Terminate => self.abandon(),
            Told::OfCall => {}
        }
        self.run(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.script.handle_timeout(now, || ());
        self.run(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.script.poll_timeout()
    }

    fn poll_output(&mut self) -> Option<SessionOutput> {
        if let Some(output) = self.around.outputs.pop_front() {
            return Some(output);
        }
        let over = self.script.is_stopped() && !self.script.is_suspended();
        (over && !std::mem::replace(&mut self.ended, true)).then_some(SessionOutput::Ended)
    }

    fn abandon(&mut self) {
        self.script.abandon();
    }
}

impl Surroundings for Around {
    fn id(&self) -> &SessionId {
        &self.id
    }

    fn select(&self, name: &str) -> Option<String> {
        (name == "local_tag").then(|| self.id.to_string())
    }

    fn perform(&mut self, action: &HostAction, _: &Values) -> Performed {
        match action {
            HostAction::Module(_) => unavailable(action, "in a system diagram"),
            _ => {
                let name = action.name();
                let cause =
                    format!("{name} is not available in a system diagram: there is no call");
                Performed::Failed(Exception::core(cause.clone()).into(), Some(cause))
            }
        }
    }

    fn hang_up(&mut self) {}

    fn output(&mut self, output: SessionOutput) {
        self.outputs.push_back(output);
    }
}
