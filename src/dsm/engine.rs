//! Runs a diagram: one event at a time, to the end or to an action that is not finished.
//!
//! Owns the current state, the variables and the suspended callers of one session. Driven by its
//! session, which gives events and does [`HostAction`](super::HostAction)s. It has no queue: events
//! that come while an action is pending wait with the session.
//!
//! Never recurses, and bounds what one event can do, because what a diagram loops over may come
//! from the network. A diagram that runs in circles is broken: its host ends the session.

mod outcome;
mod run;

use std::cell::Cell;
use std::mem;
use std::sync::Arc;

use super::argument::Arguments;
use super::condition::decided;
use super::event::{Event, EventKind};
use super::expr::{Scope, Verdicts};
use super::host::{
    ActionContext, ActionResult, Exception, Problem, ProblemKind, Trace, TransitionRef,
};
use super::list::{Cursor, Step};
use super::module::Hooks;
use super::program::{DiagramSet, State, StateDiagram, StateId, Target};
use super::value::Values;
use run::{Flow, ListEnd, Phase, Run, Waiting, holds, scope, work};

/// How often one event is processed again because of `repost` or exceptions.
const MAX_PASSES: u32 = 1000;
/// Actions, conditions and loop turns of one event: some milliseconds, for which other calls may
/// have to wait.
const MAX_STEPS: u32 = 100_000;
/// States named in the report of a repost or exception cycle.
const CYCLE_STATES: u32 = 8;
/// Diagrams that wait for a return.
const MAX_CALLERS: usize = 256;

/// Whether the engine is ready for the next event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The event is completely processed.
    Idle,
    /// An action or a condition is not finished; [`Engine::resume`] brings its result.
    Pending,
    /// The diagram runs in circles, as [`ActionContext::problem`] has told: the host ends the
    /// session, and no event is processed any more.
    Broken,
}

/// The engine cannot start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no diagram '{0}' with an initial state")]
pub struct NotStartable(pub String);

/// A running diagram.
#[derive(Clone, Debug)]
pub struct Engine {
    diagrams: Arc<DiagramSet>,
    at: Position,
    variables: Values,
    callers: Vec<Caller>,
    /// The current or last event; its parameters can be changed by the diagram.
    event: Event,
    suspended: Option<Box<Suspended>>,
    stopped: bool,
    broken: bool,
}

/// A state of a diagram of the set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Position {
    diagram: u32,
    state: StateId,
}

/// Who called the current diagram, and what it has left to do.
#[derive(Clone, Debug)]
struct Caller {
    at: Position,
    rest: Cursor,
}

/// An event in the middle of an action or a condition.
#[derive(Clone, Debug)]
struct Suspended {
    run: Run,
    waiting: Waiting,
}

impl Suspended {
    /// Whether a hang-up gives it up.
    fn is_cancellable(&self) -> bool {
        let Waiting::Action { cancellable, .. } = self.waiting else {
            return false;
        };
        cancellable
    }
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
            broken: false,
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
        if self.broken {
            return Progress::Broken;
        }
        let run = Run::new(event.kind);
        self.event = event.completed();
        self.next_pass(run, host)
    }

    /// Goes on behind the action or condition that was pending. Without one nothing happens.
    pub fn resume(&mut self, result: ActionResult, host: &mut dyn ActionContext) -> Progress {
        let Some(suspended) = self.suspended.take() else {
            return Progress::Idle;
        };
        let Suspended { mut run, waiting } = *suspended;
        let end = match waiting {
            Waiting::Action { then, action, .. } => {
                self.settle(then, result).and_then(|next| match next {
                    Some(next) => self.outcome(next, &action, &mut run, host),
                    None => Ok(None),
                })
            }
            Waiting::Branch => match self.verdict(result, &mut run, host) {
                Some(noted) => noted.map(|()| None),
                None => return self.suspend(run, Waiting::Branch),
            },
            Waiting::Transition => match self.verdict(result, &mut run, host) {
                Some(Ok(())) => {
                    let flow = self.find_transition(&mut run, host);
                    return self.proceed(run, flow, host);
                }
                Some(Err(exception)) => Err(exception),
                None => return self.suspend(run, Waiting::Transition),
            },
        };
        match end {
            Ok(end) => self.drive_from(end, run, host),
            Err(exception) => {
                run.verdicts.clear();
                self.drive_from(Some(ListEnd::Thrown(exception)), run, host)
            }
        }
    }

    /// Takes what became of a condition; `None` if there is more to wait for.
    fn verdict(
        &mut self,
        result: ActionResult,
        run: &mut Run,
        host: &mut dyn ActionContext,
    ) -> Option<Result<(), Exception>> {
        let mut scope = scope(
            &mut self.variables,
            run.kind,
            &mut self.event,
            &mut run.exception,
            &mut run.verdicts,
            host,
        );
        let decided = decided(result, &mut scope);
        run.steps = run.steps.saturating_add(1 + work(&scope));
        Some(decided?.map(|verdict| run.verdicts.note(verdict)))
    }

    /// Lets code outside the diagram work in its session, between events.
    pub fn visit<T>(
        &mut self,
        event: &mut Event,
        host: &mut dyn ActionContext,
        work: impl FnOnce(&mut Scope<'_>) -> T,
    ) -> T {
        work(&mut Scope {
            variables: &mut self.variables,
            event: event.kind,
            params: event.params.as_mut(),
            host,
            spent: Cell::default(),
            verdicts: &mut Verdicts::default(),
        })
    }

    /// Gives up the pending action, if it is one that may be given up (a call into another component,
    /// a query), because something came that cannot wait: a hang-up.
    ///
    /// True: nothing is pending any more. The rest of the action list is abandoned and the event is
    /// done, as after an exception that nobody handles; the state stays, and the host forgets what it
    /// began. False: the action comes to its end first.
    pub fn cancel(&mut self) -> bool {
        match self.suspended.take() {
            None => false,
            Some(suspended) if suspended.is_cancellable() => true,
            Some(suspended) => {
                self.suspended = Some(suspended);
                false
            }
        }
    }

    /// Whether an action or a condition is not finished.
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

    /// The diagrams that it may go to.
    pub fn diagrams(&self) -> &Arc<DiagramSet> {
        &self.diagrams
    }

    /// What hears of the session.
    pub fn hooks(&self) -> &[&'static dyn Hooks] {
        self.diagrams.hooks()
    }

    /// The current diagram.
    pub fn diagram(&self) -> &Arc<StateDiagram> {
        self.diagrams.diagram(self.at.diagram)
    }

    /// The name of the current state.
    pub fn state_name(&self) -> &str {
        &self.state().name
    }

    /// Diagram, state and place of each caller that waits for a return, the first caller first.
    pub(super) fn waiting(&self) -> impl Iterator<Item = (u32, StateId, usize)> {
        let callers = self.callers.iter();
        callers.map(|caller| (caller.at.diagram, caller.at.state, caller.rest.place()))
    }

    fn state(&self) -> &State {
        self.diagram().state(self.at.state)
    }

    /// Runs lists and passes until the event is done or an action is pending.
    fn drive(&mut self, run: Run, host: &mut dyn ActionContext) -> Progress {
        self.drive_from(None, run, host)
    }

    /// The same, from where the current list may have ended already.
    fn drive_from(
        &mut self,
        mut end: Option<ListEnd>,
        mut run: Run,
        host: &mut dyn ActionContext,
    ) -> Progress {
        loop {
            let ended = end.take();
            let flow = match ended.unwrap_or_else(|| self.run_list(&mut run, host)) {
                ListEnd::Pending(waiting) => return self.suspend(run, waiting),
                ListEnd::Finished => self.list_finished(&mut run, host),
                ListEnd::Left => self.pass_finished(&mut run, host),
                ListEnd::Moved => Flow::Continue,
                ListEnd::Thrown(exception) => self.throw(&mut run, exception, host),
                ListEnd::OutOfSteps => {
                    self.give_up(ProblemKind::TooManySteps(MAX_STEPS), &run, host)
                }
            };
            match flow {
                Flow::Continue => {}
                Flow::Pending => return self.suspend(run, Waiting::Transition),
                Flow::End => return Progress::Idle,
                Flow::Broken => return Progress::Broken,
            }
        }
    }

    fn suspend(&mut self, run: Run, waiting: Waiting) -> Progress {
        self.suspended = Some(Box::new(Suspended { run, waiting }));
        Progress::Pending
    }

    fn proceed(&mut self, run: Run, flow: Flow, host: &mut dyn ActionContext) -> Progress {
        match flow {
            Flow::Continue => self.drive(run, host),
            Flow::Pending => self.suspend(run, Waiting::Transition),
            Flow::End => Progress::Idle,
            Flow::Broken => Progress::Broken,
        }
    }

    /// Offers the event to the current state; the common case is that nothing matches.
    fn next_pass(&mut self, mut run: Run, host: &mut dyn ActionContext) -> Progress {
        let flow = self.match_event(&mut run, host);
        self.proceed(run, flow, host)
    }

    /// The diagram would go on for ever.
    fn give_up(&mut self, kind: ProblemKind, run: &Run, host: &mut dyn ActionContext) -> Flow {
        self.broken = true;
        self.problem(kind, run, host);
        Flow::Broken
    }

    fn match_event(&mut self, run: &mut Run, host: &mut dyn ActionContext) -> Flow {
        run.passes += 1;
        if run.passes + CYCLE_STATES > MAX_PASSES && !run.cycle.contains(&self.at) {
            run.cycle.push(self.at);
        }
        if run.passes > MAX_PASSES {
            let name = |at: &Position| &*self.diagrams.diagram(at.diagram).state(at.state).name;
            let states = run.cycle.iter().map(name).collect::<Vec<_>>().join(", ");
            let passes = MAX_PASSES;
            return self.give_up(ProblemKind::TooManyPasses { passes, states }, run, host);
        }
        self.find_transition(run, host)
    }

    /// Looks for the transition of the current state that is taken.
    fn find_transition(&mut self, run: &mut Run, host: &mut dyn ActionContext) -> Flow {
        let diagram = self.diagrams.diagram(self.at.diagram);
        let state = diagram.state(self.at.state);
        let handling = run.exception.is_some();
        let kind = run.kind;
        let mut scope = scope(
            &mut self.variables,
            run.kind,
            &mut self.event,
            &mut run.exception,
            &mut run.verdicts,
            host,
        );
        scope.verdicts.rewind();
        let mut found = Some(None);
        let mut looked_at = 0;
        for (index, transition) in state.transitions.iter().enumerate() {
            if transition.exception == handling {
                match holds(transition, kind, &mut scope) {
                    Some(false) => {}
                    Some(true) => found = Some(Some((index, transition))),
                    None => found = None,
                }
                if !matches!(found, Some(None)) {
                    break;
                }
            }
            looked_at += 1;
        }
        run.steps = run.steps.saturating_add(looked_at + work(&scope));
        let Some(taken) = found else {
            return Flow::Pending;
        };
        run.verdicts.clear();
        let Some((index, transition)) = taken else {
            if let Some(exception) = &run.exception {
                let kind = exception.get("type").unwrap_or("").to_owned();
                self.problem(ProblemKind::UnhandledException(kind), run, host);
            }
            return Flow::End;
        };
        host.trace(Trace::Transition(TransitionRef {
            diagram: diagram.name(),
            state: &state.name,
            index,
            name: &transition.name,
        }));
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
            run.steps = run.steps.saturating_add(1);
            if run.steps > MAX_STEPS {
                return ListEnd::OutOfSteps;
            }
            let others = self.callers.iter().map(|caller| caller.rest.bytes()).sum();
            let mut scope = scope(
                &mut self.variables,
                run.kind,
                &mut self.event,
                &mut run.exception,
                &mut run.verdicts,
                host,
            );
            let step = run.list.step(run.kind, &mut scope, others);
            run.steps = run.steps.saturating_add(work(&scope));
            let action = match step {
                Ok(Step::Action(action)) => action,
                Ok(Step::Moved) => continue,
                Ok(Step::Pending) => return ListEnd::Pending(Waiting::Branch),
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
            scope.spent.set(0);
            let outcome = (action.signature.run)(&arguments, &mut scope);
            run.steps = run.steps.saturating_add(work(&scope));
            let end = outcome.and_then(|outcome| self.outcome(outcome, &action, run, host));
            match end {
                Ok(None) => {}
                Ok(Some(end)) => return end,
                Err(exception) => return ListEnd::Thrown(exception),
            }
        }
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

fn initial(diagrams: &DiagramSet, name: &str) -> Option<Position> {
    let diagram = diagrams.find(name)?;
    let state = diagrams.diagram(diagram).initial?;
    Some(Position { diagram, state })
}

#[cfg(test)]
mod tests;
