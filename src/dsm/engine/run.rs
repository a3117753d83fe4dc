//! How far the engine is with an event, and what conditions and actions see of it.

use std::cell::Cell;
use std::sync::Arc;

use super::super::action::Then;
use super::super::condition::all_hold;
use super::super::event::{Event, EventKind};
use super::super::expr::{Scope, Verdicts};
use super::super::host::{ActionContext, Exception};
use super::super::list::Cursor;
use super::super::program::{Action, Code, Transition};
use super::super::source::Span;
use super::super::value::Values;
use super::Position;

/// Bytes that are copied, compared or searched in about the time of one step.
const STEP_BYTES: usize = 1024;

/// How far the current event is.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub phase: Phase,
    pub list: Cursor,
    pub repost: bool,
    /// The parameters of the exception being handled.
    pub exception: Option<Values>,
    /// What typed conditions compare with.
    pub kind: EventKind,
    /// What conditions of modules have said in the decision that is being made.
    pub verdicts: Verdicts,
    /// The action that is running or ran last in the current list.
    pub action: Option<Span>,
    pub passes: u32,
    pub steps: u32,
    /// The states of the last passes before there are too many.
    pub cycle: Vec<Position>,
}

/// Which list is running; decides what comes behind it.
#[derive(Clone, Debug)]
pub(super) enum Phase {
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

/// Whether there is more to do for the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    Continue,
    /// A condition of a transition has to be waited for.
    Pending,
    End,
    Broken,
}

/// What a run waits for.
#[derive(Clone, Debug)]
pub(super) enum Waiting {
    /// An action, and what is done with its result.
    Action {
        then: Then,
        action: Arc<Action>,
        /// A hang-up gives it up.
        cancellable: bool,
    },
    /// A condition of an `if`.
    Branch,
    /// A condition of a transition.
    Transition,
}

/// How a list ended.
#[derive(Debug)]
pub(super) enum ListEnd {
    Finished,
    /// `break`: what follows the list does not take place.
    Left,
    /// Another list is set up to run.
    Moved,
    Thrown(Exception),
    /// Something is pending.
    Pending(Waiting),
    OutOfSteps,
}

impl Run {
    pub fn new(kind: EventKind) -> Self {
        Self {
            phase: Phase::Detached,
            list: Cursor::default(),
            repost: false,
            exception: None,
            kind,
            verdicts: Verdicts::default(),
            action: None,
            passes: 0,
            steps: 0,
            cycle: Vec::new(),
        }
    }

    pub fn enter(&mut self, phase: Phase, code: Code) {
        self.action = None;
        self.phase = phase;
        self.list = Cursor::new(code);
    }

    /// Goes on with a list of another diagram. The start event is still to be offered behind it; any
    /// other transition is abandoned.
    pub fn go_on(&mut self, list: Cursor) {
        if !matches!(self.phase, Phase::Start) {
            self.phase = Phase::Detached;
        }
        self.list = list;
        // Its place means nothing in the other diagram.
        self.action = None;
    }

    pub fn repost_counts(&self) -> bool {
        matches!(
            self.phase,
            Phase::Exit(_) | Phase::Actions(_) | Phase::Enter
        )
    }
}

/// What expressions see: the parameters of the exception, if one is being handled.
pub(super) fn scope<'a>(
    variables: &'a mut Values,
    kind: EventKind,
    event: &'a mut Event,
    exception: &'a mut Option<Values>,
    verdicts: &'a mut Verdicts,
    host: &'a mut dyn ActionContext,
) -> Scope<'a> {
    let params = exception.as_mut().or(event.params.as_mut());
    Scope {
        variables,
        event: kind,
        params,
        host,
        spent: Cell::new(0),
        verdicts,
    }
}

/// How many steps the bytes that were looked at make.
pub(super) fn work(scope: &Scope<'_>) -> u32 {
    u32::try_from(scope.spent.get() / STEP_BYTES).unwrap_or(u32::MAX)
}

/// Whether a transition matches; `None` if that has to be waited for. The original throws `param` where this engine throws `sbc`: handlers
/// that ask for one find the other.
pub(super) fn holds(
    transition: &Transition,
    kind: EventKind,
    scope: &mut Scope<'_>,
) -> Option<bool> {
    let all = |scope: &mut Scope<'_>| all_hold(&transition.conditions, kind, scope);
    if all(scope)? {
        return Some(true);
    }
    if !transition.exception || scope.param("type") != Some(SBC) {
        return Some(false);
    }
    set_type(scope, SBC_IN_THE_ORIGINAL);
    let found = all(scope);
    if found != Some(true) {
        set_type(scope, SBC);
    }
    found
}

/// The type of the exceptions of SBC actions.
const SBC: &str = "sbc";
const SBC_IN_THE_ORIGINAL: &str = "param";

fn set_type(scope: &mut Scope<'_>, name: &str) {
    if let Some(params) = &mut scope.params {
        // It replaces a name of about the same length; where that does not fit, nothing changes.
        let _ = params.set("type", name);
    }
}
