//! Runs a diagram: one event at a time, to the end or to an action that is not finished.
//!
//! Owns the current state, the variables and the suspended callers of one session. Driven by its
//! session, which gives events and does [`HostAction`]s. It has no queue: events
//! that come while an action is pending wait with the session.
//!
//! Never recurses, and bounds what one event can do, because what a diagram loops over may come
//! from the network.

use std::mem;
use std::sync::Arc;

use super::action::{Outcome, Then, set_errno};
use super::argument::Arguments;
use super::event::{Event, EventKind};
use super::expr::Scope;
use super::host::{
    ActionContext, ActionOutcome, ActionResult, Exception, HostAction, Problem, ProblemKind, Trace,
};
use super::list::{Cursor, Step};
use super::program::{Code, DiagramSet, State, StateDiagram, StateId, Target, Transition};
use super::source::Span;
use super::value::Values;

/// How often one event is processed again because of `repost` or exceptions.
const MAX_PASSES: u32 = 1000;
/// Actions and loop turns of one event: some milliseconds, for which other calls may have to wait.
const MAX_STEPS: u32 = 100_000;
/// Diagrams that wait for a return.
const MAX_CALLERS: usize = 256;

/// Whether the engine is ready for the next event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The event is completely processed.
    Idle,
    /// An action is not finished; [`Engine::resume`] brings its result.
    Pending,
}

/// The engine cannot start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no diagram '{0}' with an initial state")]
pub struct NotStartable(pub String);

/// A running diagram.
#[derive(Debug)]
pub struct Engine {
    diagrams: Arc<DiagramSet>,
    at: Position,
    variables: Values,
    callers: Vec<Caller>,
    /// The current or last event; its parameters can be changed by the diagram.
    event: Event,
    suspended: Option<Box<Suspended>>,
    stopped: bool,
}

/// A state of a diagram of the set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Position {
    diagram: u32,
    state: StateId,
}

/// Who called the current diagram, and what it has left to do.
#[derive(Debug)]
struct Caller {
    at: Position,
    rest: Cursor,
}

/// An event in the middle of an action.
#[derive(Debug)]
struct Suspended {
    run: Run,
    then: Then,
}

/// How far the current event is.
#[derive(Debug)]
struct Run {
    phase: Phase,
    list: Cursor,
    repost: bool,
    /// The parameters of the exception being handled.
    exception: Option<Values>,
    /// What typed conditions compare with.
    kind: EventKind,
    /// The action that is running or ran last in the current list.
    action: Option<Span>,
    passes: u32,
    steps: u32,
}

/// Which list is running; decides what comes behind it.
#[derive(Debug)]
enum Phase {
    /// The enter list of the state the engine starts in.
    Start,
    Exit(Arc<Transition>),
    Actions(Arc<Transition>),
    /// The enter list of a target.
    Enter,
    /// The enter list of a diagram that was called or jumped to, or a list behind a return: nothing
    /// follows, and `repost` has no effect.
    Detached,
}

impl Engine {
    /// An engine at the initial state of `diagram`, which has not started yet.
    ///
    /// # Errors
    /// [`NotStartable`] if there is no such diagram or it has no initial state.
    pub fn new(
        diagrams: Arc<DiagramSet>,
        diagram: &str,
        variables: Values,
    ) -> Result<Self, NotStartable> {
        let at = initial(&diagrams, diagram).ok_or_else(|| NotStartable(diagram.to_owned()))?;
        Ok(Self {
            diagrams,
            at,
            variables,
            callers: Vec::new(),
            event: Event::new(EventKind::Start),
            suspended: None,
            stopped: false,
        })
    }

    /// Enters the initial state, then processes the start event. Call once, before other events.
    pub fn start(&mut self, event: Event, host: &mut dyn ActionContext) -> Progress {
        let mut run = Run::new(event.kind);
        self.event = event;
        self.trace_state(host);
        run.enter(Phase::Start, self.state().enter.clone());
        self.drive(run, host)
    }

    /// Processes one event. While an action is pending the event is lost: let it wait.
    pub fn run_event(&mut self, event: Event, host: &mut dyn ActionContext) -> Progress {
        debug_assert!(
            !self.is_pending(),
            "events wait until the pending action is done"
        );
        if self.is_pending() {
            return Progress::Pending;
        }
        let run = Run::new(event.kind);
        self.event = event;
        self.next_pass(run, host)
    }

    /// Goes on behind the action that was pending. Without one nothing happens.
    pub fn resume(&mut self, result: ActionResult, host: &mut dyn ActionContext) -> Progress {
        let Some(suspended) = self.suspended.take() else {
            return Progress::Idle;
        };
        let Suspended { mut run, then } = *suspended;
        match then.finish(result, &mut self.variables) {
            Ok(()) => self.drive(run, host),
            Err(exception) => match self.throw(&mut run, exception, host) {
                Flow::Continue => self.drive(run, host),
                Flow::End => Progress::Idle,
            },
        }
    }

    /// Whether an action is not finished.
    pub fn is_pending(&self) -> bool {
        self.suspended.is_some()
    }

    /// Whether the diagram asked to end the session.
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// The variables of the session.
    pub fn variables(&self) -> &Values {
        &self.variables
    }

    /// The variables of the session, for the host to set.
    pub fn variables_mut(&mut self) -> &mut Values {
        &mut self.variables
    }

    /// A parameter of the last event, as the diagram left it.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.event.params.as_ref()?.get(name)
    }

    /// The current diagram.
    pub fn diagram(&self) -> &Arc<StateDiagram> {
        self.diagrams.diagram(self.at.diagram)
    }

    /// The name of the current state.
    pub fn state_name(&self) -> &str {
        &self.state().name
    }

    fn state(&self) -> &State {
        self.diagram().state(self.at.state)
    }

    /// Runs lists and passes until the event is done or an action is pending.
    fn drive(&mut self, mut run: Run, host: &mut dyn ActionContext) -> Progress {
        loop {
            let flow = match self.run_list(&mut run, host) {
                ListEnd::Pending(then) => {
                    self.suspended = Some(Box::new(Suspended { run, then }));
                    return Progress::Pending;
                }
                ListEnd::Finished => self.list_finished(&mut run, host),
                ListEnd::Left => self.pass_finished(&mut run, host),
                ListEnd::Moved => Flow::Continue,
                ListEnd::Thrown(exception) => self.throw(&mut run, exception, host),
                ListEnd::OutOfSteps => {
                    self.problem(ProblemKind::TooManySteps(MAX_STEPS), &run, host);
                    Flow::End
                }
            };
            if flow == Flow::End {
                return Progress::Idle;
            }
        }
    }

    /// Offers the event to the current state; the common case is that nothing matches.
    fn next_pass(&mut self, mut run: Run, host: &mut dyn ActionContext) -> Progress {
        match self.match_event(&mut run, host) {
            Flow::Continue => self.drive(run, host),
            Flow::End => Progress::Idle,
        }
    }

    fn match_event(&mut self, run: &mut Run, host: &mut dyn ActionContext) -> Flow {
        run.passes += 1;
        if run.passes > MAX_PASSES {
            self.problem(ProblemKind::TooManyPasses(MAX_PASSES), run, host);
            return Flow::End;
        }
        let state = self.diagrams.diagram(self.at.diagram).state(self.at.state);
        let handling = run.exception.is_some();
        let kind = run.kind;
        let mut scope = scope(
            &mut self.variables,
            &mut self.event,
            &mut run.exception,
            host,
        );
        let taken = state.transitions.iter().find(|transition| {
            transition.exception == handling
                && transition
                    .conditions
                    .iter()
                    .all(|one| one.holds(kind, &mut scope))
        });
        let Some(transition) = taken else {
            if let Some(exception) = &run.exception {
                let kind = exception.get("type").unwrap_or("").to_owned();
                self.problem(ProblemKind::UnhandledException(kind), run, host);
            }
            return Flow::End;
        };
        host.trace(Trace::Transition(&transition.name));
        run.repost = false;
        run.enter(Phase::Exit(transition.clone()), state.exit.clone());
        Flow::Continue
    }

    /// Goes on with what follows a list that ran to its end.
    fn list_finished(&mut self, run: &mut Run, host: &mut dyn ActionContext) -> Flow {
        match mem::replace(&mut run.phase, Phase::Detached) {
            Phase::Exit(transition) => {
                let actions = transition.actions.clone();
                run.enter(Phase::Actions(transition), actions);
                Flow::Continue
            }
            Phase::Actions(transition) => match &transition.target {
                Target::State(state) => {
                    self.at.state = *state;
                    self.trace_state(host);
                    run.enter(Phase::Enter, self.state().enter.clone());
                    Flow::Continue
                }
                Target::Undeclared(name) => {
                    run.action = None;
                    self.problem(ProblemKind::UndeclaredTarget(name.to_string()), run, host);
                    self.pass_finished(run, host)
                }
            },
            Phase::Start => self.match_event(run, host),
            Phase::Enter | Phase::Detached => self.pass_finished(run, host),
        }
    }

    /// The event is done, unless it was reposted. An event that left the initial list early is
    /// still to be offered.
    fn pass_finished(&mut self, run: &mut Run, host: &mut dyn ActionContext) -> Flow {
        if run.repost || matches!(run.phase, Phase::Start) {
            return self.match_event(run, host);
        }
        Flow::End
    }

    /// Looks for a handler of an exception.
    fn throw(&mut self, run: &mut Run, exception: Exception, host: &mut dyn ActionContext) -> Flow {
        host.trace(Trace::Exception(exception.kind()));
        // Handlers of the initial list may ask for the start event.
        if !matches!(run.phase, Phase::Start) {
            run.kind = EventKind::Exception;
        }
        run.exception = Some(exception.into_params());
        self.match_event(run, host)
    }

    /// Runs the current list up to its end or to what ends it early.
    fn run_list(&mut self, run: &mut Run, host: &mut dyn ActionContext) -> ListEnd {
        loop {
            run.steps += 1;
            if run.steps > MAX_STEPS {
                return ListEnd::OutOfSteps;
            }
            let mut scope = scope(
                &mut self.variables,
                &mut self.event,
                &mut run.exception,
                host,
            );
            let action = match run.list.step(run.kind, &mut scope) {
                Ok(Step::Action(action)) => action,
                Ok(Step::Moved) => continue,
                Ok(Step::BadBound(bound)) => {
                    self.problem(ProblemKind::BadBound(bound), run, host);
                    continue;
                }
                Ok(Step::End) => return ListEnd::Finished,
                Err(error) => return ListEnd::Thrown(error.into()),
            };
            run.action = Some(action.span);
            if let Some(missing) = action.missing {
                let text = format!("the argument '{missing}' is missing");
                let action = action.signature.name.to_string();
                self.problem(ProblemKind::BadArgument { action, text }, run, host);
                continue;
            }
            let arguments = Arguments {
                signature: &action.signature,
                list: &action.arguments,
            };
            let outcome = (action.signature.run)(&arguments, &mut scope);
            let end = outcome
                .and_then(|outcome| self.outcome(outcome, &action.signature.name, run, host));
            match end {
                Ok(None) => {}
                Ok(Some(end)) => return end,
                Err(exception) => return ListEnd::Thrown(exception),
            }
        }
    }

    /// Does what an action left to the engine; `None` if the list goes on.
    fn outcome(
        &mut self,
        outcome: Outcome,
        action: &str,
        run: &mut Run,
        host: &mut dyn ActionContext,
    ) -> Result<Option<ListEnd>, Exception> {
        match outcome {
            Outcome::Next => {}
            Outcome::Repost => run.repost |= run.repost_counts(),
            Outcome::Break => {
                if !run.list.leave_loop(&mut self.variables)? {
                    return Ok(Some(ListEnd::Left));
                }
            }
            Outcome::Jump(diagram) => return self.jump(&diagram, None, run, host),
            Outcome::Call(diagram) => {
                if self.callers.len() >= MAX_CALLERS {
                    self.problem(ProblemKind::TooManyCallers(MAX_CALLERS), run, host);
                    return Err(Exception::core("too many diagrams wait for a return"));
                }
                return self.jump(&diagram, Some(self.at), run, host);
            }
            Outcome::Return => match self.callers.pop() {
                Some(caller) => {
                    while run.list.leave_loop(&mut self.variables)? {}
                    self.at = caller.at;
                    let (diagram, state) = (self.diagram().name(), self.state_name());
                    host.trace(Trace::Return { diagram, state });
                    run.go_on(caller.rest);
                    return Ok(Some(ListEnd::Moved));
                }
                None => self.problem(ProblemKind::NoCaller, run, host),
            },
            Outcome::Fail(errno, text) => set_errno(&errno, &text, &mut self.variables)?,
            Outcome::Complain(text) => {
                let action = action.to_owned();
                self.problem(ProblemKind::BadArgument { action, text }, run, host);
            }
            Outcome::Perform(action, then) => {
                self.stopped |= matches!(action, HostAction::Stop { .. });
                match host.perform(&action, &mut self.variables) {
                    ActionOutcome::Done(result) => then.finish(result, &mut self.variables)?,
                    ActionOutcome::Pending => return Ok(Some(ListEnd::Pending(then))),
                }
            }
        }
        Ok(None)
    }

    /// Goes to the initial state of another diagram; `caller` is where a return comes back to.
    fn jump(
        &mut self,
        name: &str,
        caller: Option<Position>,
        run: &mut Run,
        host: &mut dyn ActionContext,
    ) -> Result<Option<ListEnd>, Exception> {
        let Some(at) = initial(&self.diagrams, name) else {
            self.problem(ProblemKind::UnknownDiagram(name.to_owned()), run, host);
            return Ok(None);
        };
        match caller {
            Some(at) => self.callers.push(Caller {
                at,
                rest: mem::take(&mut run.list),
            }),
            None => while run.list.leave_loop(&mut self.variables)? {},
        }
        self.at = at;
        self.trace_state(host);
        run.go_on(Cursor::new(self.state().enter.clone()));
        Ok(Some(ListEnd::Moved))
    }

    fn trace_state(&self, host: &mut dyn ActionContext) {
        host.trace(Trace::State {
            diagram: self.diagram().name(),
            state: self.state_name(),
        });
    }

    fn problem(&self, kind: ProblemKind, run: &Run, host: &mut dyn ActionContext) {
        let diagram = self.diagram();
        let at = run.action.map(|span| diagram.sources.location(span));
        let (diagram, state) = (diagram.name().to_owned(), self.state_name().to_owned());
        host.problem(&Problem {
            diagram,
            state,
            at,
            kind,
        });
    }
}

/// Whether there is more to do for the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    Continue,
    End,
}

/// How a list ended.
#[derive(Debug)]
enum ListEnd {
    Finished,
    /// `break`: what follows the list does not take place.
    Left,
    /// Another list is set up to run.
    Moved,
    Thrown(Exception),
    Pending(Then),
    OutOfSteps,
}

impl Run {
    fn new(kind: EventKind) -> Self {
        Self {
            phase: Phase::Detached,
            list: Cursor::default(),
            repost: false,
            exception: None,
            kind,
            action: None,
            passes: 0,
            steps: 0,
        }
    }

    fn enter(&mut self, phase: Phase, code: Code) {
        self.action = None;
        self.phase = phase;
        self.list = Cursor::new(code);
    }

    /// Goes on with a list of another diagram. The start event is still to be offered behind it; any
    /// other transition is abandoned.
    fn go_on(&mut self, list: Cursor) {
        if !matches!(self.phase, Phase::Start) {
            self.phase = Phase::Detached;
        }
        self.list = list;
        // Its place means nothing in the other diagram.
        self.action = None;
    }

    fn repost_counts(&self) -> bool {
        matches!(
            self.phase,
            Phase::Exit(_) | Phase::Actions(_) | Phase::Enter
        )
    }
}

/// What expressions see: the parameters of the exception, if one is being handled.
fn scope<'a>(
    variables: &'a mut Values,
    event: &'a mut Event,
    exception: &'a mut Option<Values>,
    host: &'a mut dyn ActionContext,
) -> Scope<'a> {
    let params = exception.as_mut().or(event.params.as_mut());
    Scope {
        variables,
        params,
        host,
    }
}

fn initial(diagrams: &DiagramSet, name: &str) -> Option<Position> {
    let diagram = diagrams.find(name)?;
    let state = diagrams.diagram(diagram).initial?;
    Some(Position { diagram, state })
}

#[cfg(test)]
mod tests;
