//! Timers that nobody waits for, and waiting for timers that nobody sets.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::super::condition::Condition;
use super::super::diagnostic::{Diagnostic, code};
use super::super::event::EventKind;
use super::super::expr::Reference;
use super::super::program::{Action, Instruction, State, StateDiagram, Transition};
use super::super::registry::{Kind, Role};
use super::super::source::Span;
use super::super::value::unsigned;
use super::flow;
use super::set::Set;
use super::shadow::Known;

/// Ids of one set that are followed; what is behind them is not reported on.
const MAX_FOLLOWED: usize = 256;

/// Reports both, for all diagrams of a set.
pub fn timers(set: &Set<'_>, findings: &mut [Vec<Diagnostic>]) {
    let graph = Graph::new(set);
    unhandled(set, &graph, findings);
    for (index, found) in findings.iter_mut().enumerate() {
        if let Some(diagram) = set.diagram(index) {
            never_set(set, index, diagram, found);
        }
    }
}

/// The states of all diagrams, and for each the states from which a session may come to it.
struct Graph<'a> {
    /// The number of the first state of each diagram.
    first: Vec<usize>,
    states: Vec<&'a State>,
    /// Behind the states there is one place for the returns of each diagram.
    before: Vec<Vec<usize>>,
    /// States that lead to where nothing is known.
    leaves: Vec<bool>,
}

impl<'a> Graph<'a> {
    fn new(set: &Set<'a>) -> Self {
        let mut graph = Self {
            first: Vec::new(),
            states: Vec::new(),
            before: Vec::new(),
            leaves: Vec::new(),
        };
        for diagram in set.diagrams() {
            graph.first.push(graph.states.len());
            graph
                .states
                .extend(diagram.into_iter().flat_map(|it| &it.states));
        }
        graph.before = vec![Vec::new(); graph.states.len() + graph.first.len()];
        graph.leaves = vec![false; graph.states.len()];
        for (index, diagram) in set.diagrams().enumerate() {
            if let Some(diagram) = diagram {
                graph.edges(set, index, diagram);
            }
        }
        graph
    }

    fn edges(&mut self, set: &Set<'_>, index: usize, diagram: &StateDiagram) {
        let first = self.first[index];
        let returned = self.states.len() + index;
        let mut callers = None;
        for (id, state) in diagram.states.iter().enumerate() {
            let at = first + id;
            for target in state.transitions.iter().filter_map(|it| flow::target(it)) {
                self.before[first + target as usize].push(at);
            }
            for action in flow::state_lists(state).flat_map(flow::actions) {
                if action.signature.role == Role::Return {
                    let sites = callers.get_or_insert_with(|| self.call_sites(set, index));
                    self.leaves[at] |= sites.is_none();
                    self.before[returned].push(at);
                }
                match self.destination(set, action) {
                    Some(Some(to)) => self.before[to].push(at),
                    Some(None) => self.leaves[at] = true,
                    None => {}
                }
            }
        }
        for site in callers.flatten().into_iter().flatten() {
            self.before[site].push(returned);
        }
    }

    /// The state an action goes to in another diagram; `Some(None)` if it is not known.
    fn destination(&self, set: &Set<'_>, action: &Action) -> Option<Option<usize>> {
        let name = flow::destination(action)?;
        let find = |name| {
            let index = set.find(name)?;
            let initial = set.diagram(index)?.initial?;
            Some(self.first[index] + initial as usize)
        };
        Some(name.and_then(find))
    }

    /// The states that call diagrams from which this one may be reached; `None` if not all are known.
    fn call_sites(&self, set: &Set<'_>, index: usize) -> Option<Vec<usize>> {
        let callers = set.callers(index)?;
        let mut sites = Vec::new();
        for caller in callers {
            let states = set.diagram(caller)?.states.iter().enumerate();
            let calls = states.filter(|(_, state)| {
                flow::state_lists(state)
                    .flat_map(flow::actions)
                    .any(|action| action.signature.role == Role::Call)
            });
            sites.extend(calls.map(|(id, _)| self.first[caller] + id));
        }
        Some(sites)
    }

    /// The states from which a timer of this id comes to a transition that may be for it.
    fn hears(&self, id: &str) -> Vec<bool> {
        let known = Known::event(EventKind::Timer, "id", id);
        let hears = |transition: &Transition| {
            !transition.exception
                && transition
                    .conditions
                    .iter()
                    .all(|condition| known.decide(condition) != Some(false))
        };
        let start = (0..self.states.len()).filter(|&at| {
            self.leaves[at] || self.states[at].transitions.iter().any(|it| hears(it))
        });
        flow::reachable(self.before.len(), start, |at, open| {
            open.extend(&self.before[at]);
        })
    }
}

/// The id a `setTimer` sets, if it is literal; `Some(None)` if it is computed.
fn timer_set(action: &Action) -> Option<Option<u32>> {
    if action.missing.is_some() {
        return None;
    }
    let (_, id) = flow::arguments(action).find(|(parameter, _)| parameter.kind == Kind::Timer)?;
    match id.literal() {
        // A number that cannot be read sets no timer.
        Some(text) => unsigned(text).map(Some),
        None => Some(None),
    }
}

/// A `setTimer` of one id in one place of the text, and whether it is handled after all.
type Sites = HashMap<(usize, Span, u32), bool>;

fn unhandled(set: &Set<'_>, graph: &Graph<'_>, findings: &mut [Vec<Diagnostic>]) {
    let mut sites = Sites::new();
    let mut hears: HashMap<u32, Vec<bool>> = HashMap::new();
    for (index, diagram) in set.diagrams().enumerate() {
        let Some(diagram) = diagram else { continue };
        let reachable = flow::reachable_states(diagram);
        for (id, state) in flow::named_states(diagram).filter(|it| reachable[it.0 as usize]) {
            let here = graph.first[index] + id as usize;
            let mut look = |list: &[Instruction], from: &[usize]| {
                for action in flow::actions(list) {
                    if let Some(Some(id)) = timer_set(action)
                        && (hears.len() < MAX_FOLLOWED || hears.contains_key(&id))
                    {
                        let hears = hears
                            .entry(id)
                            .or_insert_with(|| graph.hears(&id.to_string()));
                        let heard = from.iter().any(|&it| hears[it]);
                        *sites.entry((index, action.span, id)).or_default() |= heard;
                    }
                }
            };
            look(&state.enter, &[here]);
            look(&state.exit, &[here]);
            for transition in &state.transitions {
                let target = flow::target(transition);
                let target = target.map(|id| graph.first[index] + id as usize);
                let exits = flow::walk(&transition.actions, (), |_, ()| {});
                match target {
                    // Only the target counts if nothing keeps the session from getting there.
                    Some(target) if exits.stays.is_none() && !leaves(&transition.actions) => {
                        look(&transition.actions, &[target]);
                    }
                    Some(target) => look(&transition.actions, &[here, target]),
                    None => look(&transition.actions, &[here]),
                }
            }
        }
    }
    for ((index, span, id), _) in sites.into_iter().filter(|(_, heard)| !heard) {
        let message = format!("no state that is reached from here looks at timer {id}");
        findings[index].push(Diagnostic::new(code::TIMER_UNHANDLED, span, message));
    }
}

fn leaves(list: &[Instruction]) -> bool {
    flow::actions(list).any(|action| {
        matches!(
            action.signature.role,
            Role::Call | Role::Jump | Role::Return | Role::Throw
        )
    })
}

fn never_set(set: &Set<'_>, index: usize, diagram: &StateDiagram, found: &mut Vec<Diagnostic>) {
    let mut waits: Vec<(u32, Span)> = Vec::new();
    for (_, state) in flow::named_states(diagram) {
        waits.extend(state.transitions.iter().filter_map(|it| waits_for(it)));
    }
    if waits.is_empty() {
        return;
    }
    let Some(related) = set.related(index) else {
        return;
    };
    let mut ids = BTreeSet::new();
    for diagram in related.into_iter().filter_map(|it| set.diagram(it)) {
        for action in flow::lists(diagram).flat_map(flow::actions) {
            match timer_set(action) {
                Some(Some(id)) => drop(ids.insert(id)),
                Some(None) => return,
                None => {}
            }
        }
    }
    let mut reported = HashSet::new();
    for (id, span) in waits {
        if ids.contains(&id) || !reported.insert(span) {
            continue;
        }
        let message = format!("nothing sets timer {id}: this never holds");
        let ids: Vec<String> = ids.iter().map(u32::to_string).collect();
        let hint = (!ids.is_empty()).then(|| format!("set are: {}", ids.join(", ")));
        found.push(Diagnostic::new(code::TIMER_NEVER_SET, span, message).maybe_hint(hint));
    }
}

/// The timer that a transition waits for, and the condition that says so.
fn waits_for(transition: &Transition) -> Option<(u32, Span)> {
    let known = Known::from(&transition.conditions);
    if transition.exception || known.kind() != Some(EventKind::Timer) {
        return None;
    }
    let id = unsigned(known.value(Reference::Param("id"))?)?;
    let names_it = |condition: &&Condition| {
        let of = Known::from([*condition]);
        of.value(Reference::Param("id")).is_some()
    };
    let condition = transition.conditions.iter().find(names_it)?;
    Some((id, condition.span))
}
