//! Diagrams that can call each other, looked at together: what can only be said of all of them.

use std::collections::HashMap;
use std::sync::Arc;

use super::super::diagnostic::{Code, Diagnostic, code};
use super::super::program::{Action, Instruction, StateDiagram};
use super::super::registry::Role;
use super::resources::{self, Resources};
use super::{cycles, flow, timers, variables};

/// What is found here, most of it only where all diagrams are known.
pub const CODES: &[Code] = &[
    code::TIMER_UNHANDLED,
    code::TIMER_NEVER_SET,
    code::ENDLESS_JUMP,
    code::CALL_NEVER_RETURNS,
    code::RETURN_WITHOUT_CALL,
    code::UNSET_VARIABLE,
    code::MAYBE_UNSET_VARIABLE,
];

/// What can be said of diagrams together; one list of findings for each. `None` is a diagram with
/// errors. `whole` says that all diagrams that may call these, and that these may call, are among them.
pub fn lint_set(
    diagrams: &[Option<Arc<StateDiagram>>],
    whole: bool,
    resources: &dyn Resources,
) -> Vec<Vec<Diagnostic>> {
    let set = Set::new(diagrams, whole);
    let mut findings = vec![Vec::new(); diagrams.len()];
    timers::timers(&set, &mut findings);
    cycles::jumps(&set, &mut findings);
    returns(&set, &mut findings);
    for (index, found) in findings.iter_mut().enumerate() {
        if let Some(diagram) = set.diagram(index) {
            variables::unset(&set, index, diagram, found);
            resources::missing(diagram, resources, found);
        }
    }
    findings
}

/// Diagrams and how they lead to each other.
pub struct Set<'a> {
    diagrams: &'a [Option<Arc<StateDiagram>>],
    names: HashMap<&'a str, usize>,
    links: Vec<Links>,
    whole: bool,
    /// A name that is computed may be that of any diagram.
    computed: bool,
}

/// Where the calls and jumps of a diagram lead.
#[derive(Default)]
struct Links {
    calls: Vec<usize>,
    jumps: Vec<usize>,
    /// Some lead to a diagram that is not known here.
    unknown: bool,
    returns: bool,
    /// The diagrams that call this one or jump here.
    from: Vec<usize>,
}

impl<'a> Set<'a> {
    fn new(diagrams: &'a [Option<Arc<StateDiagram>>], whole: bool) -> Self {
        let mut names = HashMap::new();
        for (index, diagram) in diagrams.iter().enumerate() {
            if let Some(diagram) = diagram {
                names.entry(diagram.name()).or_insert(index);
            }
        }
        let mut set = Self {
            diagrams,
            names,
            links: Vec::new(),
            whole,
            computed: false,
        };
        for diagram in diagrams {
            let links = diagram.as_ref().map(|it| set.links_of(it));
            set.links.push(links.unwrap_or_default());
        }
        for from in 0..set.links.len() {
            let links = &set.links[from];
            for to in [&links.calls[..], &links.jumps].concat() {
                set.links[to].from.push(from);
            }
        }
        set
    }

    fn links_of(&mut self, diagram: &StateDiagram) -> Links {
        let mut links = Links::default();
        for action in flow::lists(diagram).flat_map(flow::actions) {
            links.returns |= action.signature.role == Role::Return;
            match flow::destination(action) {
                None => {}
                Some(None) => {
                    links.unknown = true;
                    self.computed = true;
                }
                Some(Some(name)) => match (self.find(name), action.signature.role) {
                    (Some(to), Role::Call) => links.calls.push(to),
                    (Some(to), _) => links.jumps.push(to),
                    // In a whole set nothing happens then.
                    (None, _) => links.unknown |= !self.whole,
                },
            }
        }
        links
    }

    pub fn diagrams(&self) -> impl Iterator<Item = Option<&'a StateDiagram>> {
        self.diagrams.iter().map(|diagram| diagram.as_deref())
    }

    pub fn diagram(&self, index: usize) -> Option<&'a StateDiagram> {
        self.diagrams[index].as_deref()
    }

    pub fn find(&self, name: &str) -> Option<usize> {
        self.names.get(name).copied()
    }

    pub fn name(&self, index: usize) -> &str {
        self.diagram(index).map_or("", |diagram| diagram.name())
    }

    /// The diagrams that a session may come to from this one, itself included, but for returns.
    /// `None` if some are not known.
    pub fn callees(&self, index: usize) -> Option<Vec<usize>> {
        let found = self.closure([index], |at| {
            let links = &self.links[at];
            [&links.calls[..], &links.jumps].concat()
        });
        let known = found.iter().all(|&it| !self.links[it].unknown);
        known.then_some(found)
    }

    /// The diagrams that may lead to this one, itself included. `None` if some are not known.
    pub fn callers(&self, index: usize) -> Option<Vec<usize>> {
        let found = self.closure([index], |at| self.links[at].from.clone());
        let is_called_elsewhere = || found.iter().any(|&it| self.links[it].returns);
        let known = !self.computed && (self.whole || !is_called_elsewhere());
        known.then_some(found)
    }

    /// All diagrams that share a session with this one. `None` if some are not known.
    pub fn related(&self, index: usize) -> Option<Vec<usize>> {
        let all = self.closure([index], |at| {
            let links = &self.links[at];
            [&links.calls[..], &links.jumps, &links.from].concat()
        });
        let leaves = |&it: &usize| {
            let links = &self.links[it];
            links.unknown || (links.returns && !self.whole)
        };
        (!self.computed && !all.iter().any(leaves)).then_some(all)
    }

    fn closure(
        &self,
        start: impl IntoIterator<Item = usize>,
        next: impl Fn(usize) -> Vec<usize>,
    ) -> Vec<usize> {
        let seen = flow::reachable(self.links.len(), start, |at, open| open.extend(next(at)));
        (0..seen.len()).filter(|&at| seen[at]).collect()
    }

    /// Whether a session that is called into each diagram may come back from it or ends on its own.
    fn come_back(&self) -> Vec<bool> {
        flow::leading_to(self.links.len(), |at, jumps| {
            let links = &self.links[at];
            jumps.extend(&links.jumps);
            links.unknown || self.diagram(at).is_none_or(returns_or_ends)
        })
    }
}

/// Whether a session may return or be stopped somewhere in a diagram.
fn returns_or_ends(diagram: &StateDiagram) -> bool {
    let reachable = flow::reachable_states(diagram);
    let mut states = flow::named_states(diagram).filter(|(id, _)| reachable[*id as usize]);
    states.any(|(_, state)| {
        let heard = state.transitions.iter().filter(|it| !ends_call(it));
        let heard = heard.map(|it| &*it.actions);
        heard.chain([&*state.enter, &*state.exit]).any(has_end)
            || flow::state_lists(state).any(has_return)
    })
}

fn has_return(list: &[Instruction]) -> bool {
    flow::actions(list).any(|action| action.signature.role == Role::Return)
}

fn has_end(list: &[Instruction]) -> bool {
    flow::actions(list).any(|action| action.signature.role == Role::Stop)
}

/// Whether a transition is for the end of a call, where every diagram stops.
fn ends_call(transition: &super::super::program::Transition) -> bool {
    use super::super::event::EventKind::*;
    let kind = super::shadow::Known::from(&transition.conditions).kind();
    matches!(
        kind,
        Some(Hangup | BeforeDestroy | RemoteDisappeared | SessionTimeout | RtpTimeout | System)
    )
}

/// Calls of diagrams that never return, and returns in diagrams that nobody calls.
fn returns(set: &Set<'_>, findings: &mut [Vec<Diagnostic>]) {
    let comes_back = set.come_back();
    for (index, found) in findings.iter_mut().enumerate() {
        let Some(diagram) = set.diagram(index) else {
            continue;
        };
        let mut seen = std::collections::HashSet::new();
        let actions = || flow::lists(diagram).flat_map(flow::actions);
        for action in actions().filter(|action| seen.insert(action.span)) {
            if let Some(name) = never_returns(set, action, &comes_back) {
                let message = format!(
                    "diagram '{name}' has no 'returnFSM' that can be reached: what follows never runs"
                );
                let finding = Diagnostic::new(code::CALL_NEVER_RETURNS, action.span, message);
                found.push(finding.hint("use jumpFSM for a diagram that does not come back"));
            }
        }
        if !set.whole || is_called(set, index) {
            continue;
        }
        let mut returns = actions().filter(|action| action.signature.role == Role::Return);
        if let Some(action) = returns.next() {
            let message = "no diagram calls this one: the list will just go on";
            let finding = Diagnostic::new(code::RETURN_WITHOUT_CALL, action.span, message);
            found.push(finding);
        }
    }
}

/// The name of the diagram, if the action calls one that does not come back.
fn never_returns<'a>(set: &Set<'_>, action: &'a Action, comes_back: &[bool]) -> Option<&'a str> {
    let name = flow::destination(action)??;
    let to = set.find(name)?;
    (action.signature.role == Role::Call && !comes_back[to]).then_some(name)
}

/// Whether a session in this diagram may have been called there.
fn is_called(set: &Set<'_>, index: usize) -> bool {
    let Some(callers) = set.callers(index) else {
        return true;
    };
    // A caller on the way is enough: those behind it jump.
    callers.iter().any(|&it| {
        let called = |links: &Links| links.calls.contains(&it);
        set.links.iter().any(called)
    })
}
