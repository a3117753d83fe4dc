//! A state diagram at work: its engine, its timers, and the events that wait for it.
//!
//! [`Script`] is what a diagram on a call and a diagram without one have in common. It processes one
//! event at a time and in order; while an action waits for something outside, later events wait here.
//! What differs is behind [`Surroundings`]. What the host promises around an event is named by the
//! mark `A` of its [`Step`], which comes back when the event has been processed.

mod described;
mod dial_out;
mod host;
pub mod message;
mod modules;
mod outside;
pub mod reply;
pub mod told;

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use self::host::Host;
use super::catalog::DiagramApplication;
use super::event::{ActionToken, SessionId, SessionOutput};
use super::monitoring::Follow;
use crate::dsm::module::{Heard, MessagePart, Moment, MomentKind, Objects};
use crate::dsm::{
    ActionError, ActionResult, Answer, DialogCondition, Engine, Event, EventKind, HostAction,
    NotStartable, Progress, Values,
};
use crate::ids::Draws;

/// Events that may wait while an action is pending. Of more, those that can come in any number are
/// dropped with a log line.
const MAX_WAITING: usize = 1000;
/// Bytes of their parameters.
const MAX_WAITING_BYTES: usize = 8 << 20;
/// Timers of one script that run at a time.
const MAX_TIMERS: usize = 1000;

/// Where a script runs: what a call and the lack of one make different.
pub trait Surroundings {
    /// Name of the session.
    fn id(&self) -> &SessionId;

    /// The value of a select `@name`; `None` if it is unknown.
    fn select(&self, name: &str) -> Option<String>;

    /// Does an action that [`Script`] does not do itself. `variables` are those of the session.
    fn perform(&mut self, action: &HostAction, variables: &Values) -> Performed;

    /// The values of a header of the INVITE that came in, if it is one that the server looks at itself.
    fn headers(&self, name: &str) -> Vec<String> {
        let _ = name;
        Vec::new()
    }

    /// Whether the message that the event is about has a body of this type, or a part of it. Without a call
    /// there is none.
    fn test(&mut self, condition: DialogCondition, content_type: &str) -> bool {
        let _ = (condition, content_type);
        false
    }

    /// A part of the SIP message that the event is about. Without a call there is none.
    fn message(&self, part: MessagePart<'_>) -> Option<String> {
        let _ = part;
        None
    }

    /// Ends the call at once, for `stop(true)`.
    fn hang_up(&mut self);

    /// Has something done outside the session.
    fn output(&mut self, output: SessionOutput);
}

/// What became of an action.
#[derive(Debug)]
pub enum Performed {
    /// It worked.
    Done,
    /// It worked, and this is what the script wanted to know.
    Value(serde_json::Value),
    /// It failed; the text, if any, tells an operator more than a script learns.
    Failed(ActionError, Option<String>),
    /// The surroundings will [`resume`](Script::resume) the script.
    Pending,
}

/// An event, and what follows it.
#[derive(Debug)]
pub struct Step<A> {
    /// The event.
    pub event: Event,
    /// What the host does when it has been processed.
    pub afterwards: A,
    /// Of a `noAudio`: the version of the playlist that it tells of.
    pub version: Option<u32>,
}

/// See the module's documentation.
#[derive(Debug)]
pub struct Script<A> {
    engine: Engine,
    state: State,
    /// Raised by the event that has just been processed; before all others.
    raised: VecDeque<Step<A>>,
    waiting: VecDeque<Step<A>>,
    /// Of the parameters of these.
    waiting_bytes: usize,
    /// What follows the event an action of which is pending.
    suspended: Option<A>,
}

/// The part of a script that actions change.
#[derive(Debug)]
struct State {
    timers: BTreeMap<u32, Instant>,
    /// What a pending action of [`Work`](super::event::Work) waits for.
    awaited: Option<ActionToken>,
    /// The same, if it is work of a module: its handle.
    work: Option<u64>,
    /// What modules keep in the session.
    objects: Objects,
    /// Of the `subscription` being processed, for modules that read it.
    notified: Option<String>,
    last_token: u32,
    /// The prefix of the call being placed, and the names of the sessions that each prefix got last.
    dialling: Option<Box<str>>,
    dialled: BTreeMap<Box<str>, String>,
    /// Why the last action failed, for the log should nobody handle it.
    failure: Option<String>,
    stopped: bool,
    draws: Draws,
    /// How many random numbers were drawn.
    drawn: u64,
    /// Whether the event being processed found a transition.
    moved: bool,
    /// Records the way of the diagram.
    follow: Option<Follow>,
}

/// The answer to an action that there is no such thing for `here`.
pub fn unavailable(action: &HostAction, here: &str) -> Performed {
    let refused = action.unavailable(here);
    let cause = refused.cause().map(str::to_owned);
    Performed::Failed(refused.into(), cause)
}

impl<A> Script<A> {
    /// A script at the initial state of `application`, with its settings and `items` as variables;
    /// `follow` records its way.
    ///
    /// # Errors
    /// [`NotStartable`] if the diagram has no initial state.
    pub fn new<'a>(
        application: &DiagramApplication,
        items: impl IntoIterator<Item = (&'a str, &'a str)>,
        follow: Option<Follow>,
    ) -> Result<Self, NotStartable> {
        let mut variables = Values::new();
        for (key, value) in &application.config {
            assign(&mut variables, &format!("config.{key}"), value);
        }
        for (name, value) in items {
            assign(&mut variables, name, value);
        }
        Ok(Self {
            engine: Engine::new(application.diagrams.clone(), &application.name, variables)?,
            state: State {
                follow,
                ..State::new(application.draws.clone())
            },
            raised: VecDeque::new(),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            suspended: None,
        })
    }

    /// Starts the engine. Call once, before anything else. Gives `afterwards` back once the start
    /// event has been processed; so do all methods that return a mark.
    pub fn start(
        &mut self,
        now: Instant,
        kind: EventKind,
        afterwards: A,
        around: &mut dyn Surroundings,
    ) -> Option<A> {
        let progress = self.with_host(now, around, |engine, host| {
            engine.start(Event::new(kind), host)
        });
        self.after(progress, afterwards)
    }

    /// Puts an event behind all others. If too many are waiting it comes back.
    pub fn enqueue(&mut self, step: Step<A>) -> Option<Step<A>> {
        let bytes = self.waiting_bytes + bytes_of(&step.event);
        let full = self.waiting.len() >= MAX_WAITING || bytes > MAX_WAITING_BYTES;
        if full && comes_in_floods(step.event.kind) {
            tracing::warn!(event = ?step.event.kind, "too many events are waiting: this one is lost");
            return Some(step);
        }
        self.waiting_bytes = bytes;
        self.waiting.push_back(step);
        None
    }

    /// Puts an event that processing the last one gave rise to before those that came from outside.
    pub fn raise(&mut self, step: Step<A>) {
        self.raised.push_back(step);
    }

    /// Takes the next event out, unless an action is pending.
    pub fn next_step(&mut self) -> Option<Step<A>> {
        if self.is_suspended() {
            return None;
        }
        if let Some(raised) = self.raised.pop_front() {
            return Some(raised);
        }
        let step = self.waiting.pop_front()?;
        self.waiting_bytes -= bytes_of(&step.event);
        Some(step)
    }

    /// Processes an event.
    pub fn process(
        &mut self,
        now: Instant,
        step: Step<A>,
        around: &mut dyn Surroundings,
    ) -> Option<A> {
        self.state.moved = false;
        self.state.notified = notified(&step.event);
        let progress = self.with_host(now, around, |engine, host| {
            engine.run_event(step.event, host)
        });
        self.after(progress, step.afterwards)
    }

    /// Takes what became of work outside; what nobody waits for any more is ignored.
    pub fn performed(
        &mut self,
        now: Instant,
        token: ActionToken,
        result: ActionResult,
        around: &mut dyn Surroundings,
    ) -> Option<A> {
        self.state.awaited.take_if(|awaited| *awaited == token)?;
        self.state.work = None;
        let result = self.state.note_dialled(result);
        self.resume(now, result, around)
    }

    /// Gives up a pending call into another component, because what comes next cannot wait for it.
    pub fn cancel(&mut self, around: &mut dyn Surroundings) -> Option<A> {
        if !self.engine.cancel() {
            return None;
        }
        self.state.awaited = None;
        if let Some(work) = self.state.work.take() {
            around.output(SessionOutput::GiveUp(work));
        }
        self.state.dialling = None;
        tracing::info!("an action was waiting for its result: the rest of its list is abandoned");
        self.suspended.take()
    }

    /// Goes on behind the action that was pending.
    pub fn resume(
        &mut self,
        now: Instant,
        result: ActionResult,
        around: &mut dyn Surroundings,
    ) -> Option<A> {
        let afterwards = self.suspended.take()?;
        let progress = self.with_host(now, around, |engine, host| engine.resume(result, host));
        self.after(progress, afterwards)
    }

    /// Whether a module of the diagrams hears of such moments.
    pub fn is_heard(&self, kind: MomentKind) -> bool {
        self.engine.hooks().iter().any(|hook| hook.wants(kind))
    }

    /// Tells the modules of the diagrams of a moment. `event` has what is known of it. Gives what each of
    /// them answers, to be followed in order.
    pub fn tell_modules(
        &mut self,
        now: Instant,
        moment: Moment<'_>,
        mut event: Event,
        around: &mut dyn Surroundings,
    ) -> Vec<Heard> {
        let diagrams = self.engine.diagrams().clone();
        let hooks = diagrams.hooks().iter();
        let wanted = hooks.filter(|hook| hook.wants(moment.kind()));
        wanted
            .map(|hook| {
                self.with_host(now, around, |engine, host| {
                    engine.visit(&mut event, host, |scope| hook.hear(moment, scope))
                })
            })
            .collect()
    }

    /// Puts the events of timers that are due behind all others.
    pub fn handle_timeout(&mut self, now: Instant, afterwards: impl Fn() -> A) {
        while let Some(id) = self.state.take_due_timer(now) {
            self.enqueue(Step {
                event: Event::new(EventKind::Timer).with("id", id.to_string()),
                afterwards: afterwards(),
                version: None,
            });
        }
    }

    /// When the first timer is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.state.timers.values().min().copied()
    }

    /// Why the last action failed, in more detail than the script learns; for the log.
    pub fn note_failure(&mut self, why: String) {
        self.state.failure = Some(why);
    }

    /// Ends the script as `stop` does.
    pub fn stop(&mut self) {
        self.state.stopped = true;
    }

    /// Ends the script in the middle of whatever it does or waits for.
    pub fn abandon(&mut self) {
        self.state.stopped = true;
        self.state.awaited = None;
        self.suspended = None;
        self.raised.clear();
        self.waiting.clear();
        self.waiting_bytes = 0;
    }

    /// Whether the script is to end.
    pub fn is_stopped(&self) -> bool {
        self.state.stopped
    }

    /// Whether the event processed last found a transition.
    pub fn has_moved(&self) -> bool {
        self.state.moved
    }

    /// Whether an action is pending.
    pub fn is_suspended(&self) -> bool {
        self.suspended.is_some()
    }

    /// A variable of the session.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.engine.variables().get(name)
    }

    /// A parameter of the last event, as the script left it.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.engine.param(name)
    }

    fn after(&mut self, progress: Progress, afterwards: A) -> Option<A> {
        match progress {
            Progress::Pending => {
                self.suspended = Some(afterwards);
                None
            }
            Progress::Idle => Some(afterwards),
            // The engine has said why, and takes no more events.
            Progress::Broken => {
                self.abandon();
                Some(afterwards)
            }
        }
    }

    fn with_host<T>(
        &mut self,
        now: Instant,
        around: &mut dyn Surroundings,
        work: impl FnOnce(&mut Engine, &mut Host<'_>) -> T,
    ) -> T {
        let state = &mut self.state;
        work(&mut self.engine, &mut Host { now, state, around })
    }
}

impl State {
    fn new(draws: Draws) -> Self {
        Self {
            timers: BTreeMap::new(),
            awaited: None,
            notified: None,
            last_token: 0,
            dialling: None,
            dialled: BTreeMap::new(),
            failure: None,
            stopped: false,
            draws,
            drawn: 0,
            moved: false,
            follow: None,
            objects: Default::default(),
            work: None,
        }
    }

    /// Of a call that has been placed the variable gets the name.
    fn note_dialled(&mut self, result: ActionResult) -> ActionResult {
        let Some(prefix) = self.dialling.take() else {
            return result;
        };
        match result {
            Ok(Answer::Value(serde_json::Value::String(id))) => {
                self.dialled.insert(prefix.clone(), id.clone());
                Ok(Answer::Assign(vec![(format!("{prefix}_ltag"), id)]))
            }
            other => other,
        }
    }

    /// Sets a timer. False: too many run.
    fn set_timer(&mut self, id: u32, at: Instant) -> bool {
        let room = self.timers.len() < MAX_TIMERS || self.timers.contains_key(&id);
        if room {
            self.timers.insert(id, at);
        }
        room
    }

    fn take_due_timer(&mut self, now: Instant) -> Option<u32> {
        let due = self.timers.iter().filter(|(_, at)| **at <= now);
        let (id, _) = due.min_by_key(|(_, at)| **at)?;
        let id = *id;
        self.timers.remove(&id);
        Some(id)
    }
}

/// The body of a NOTIFY that this event tells of.
fn notified(event: &Event) -> Option<String> {
    let params = event.params.as_ref();
    let params = params.filter(|_| event.kind == EventKind::Subscription)?;
    let body = params.get("body").filter(|body| !body.is_empty());
    body.map(str::to_owned)
}

fn bytes_of(event: &Event) -> usize {
    event.params.as_ref().map_or(0, Values::bytes)
}

/// Whether others decide how many such events there are. Of all others there are a few in a session.
fn comes_in_floods(kind: EventKind) -> bool {
    use EventKind::{
        Event, Key, Module, NoAudio, Ringing, Separator, SipReply, SipRequest, Subscription, Timer,
        Transfer,
    };
    matches!(
        kind,
        Event
            | Module(_)
            | Key
            | NoAudio
            | Ringing
            | Separator
            | SipReply
            | SipRequest
            | Subscription
            | Timer
            | Transfer
    )
}

fn assign(values: &mut Values, name: &str, value: &str) {
    if values.set(name, value).is_err() {
        tracing::warn!(name, "too many values: this one is left out");
    }
}
