//! The graph that the lints look at: the states of a diagram, and the ways through an action list.
//!
//! A list is flat code whose jumps lead forward but for loops. [`walk`] follows all ways through it at
//! once and hands each action what is known there. A loop is gone through once: what is known only grows.

use std::collections::HashSet;

use super::super::argument::Argument;
use super::super::condition::Condition;
use super::super::program::{
    Action, Instruction, Loop, State, StateDiagram, StateId, Target, Transition,
};
use super::super::registry::{Kind, Parameter, Role};

/// What is known at a place of a list, and what remains of it where two ways meet.
pub trait Fact: Clone {
    fn join(&mut self, other: &Self);
}

/// Only that a way leads there.
impl Fact for () {
    fn join(&mut self, (): &Self) {}
}

/// How a list may end, with what is known then.
#[derive(Debug)]
pub struct Exits<F> {
    /// The list runs to its end.
    pub end: Option<F>,
    /// The list is cut short by `break`, or runs to its end after another diagram returned: the event
    /// is done, and the target of a transition is not entered.
    pub stays: Option<F>,
}

/// Joins what one more way brings to a place.
pub fn meet<F: Fact>(place: &mut Option<F>, fact: &F) {
    match place {
        Some(known) => known.join(fact),
        None => *place = Some(fact.clone()),
    }
}

/// Follows all ways through a list. `visit` is given each action that a way leads to, once for each
/// lane: before and after the return from another diagram.
pub fn walk<F: Fact>(
    code: &[Instruction],
    start: F,
    mut visit: impl FnMut(&Action, &mut F),
) -> Exits<F> {
    let mut stays = None;
    // What is known before each instruction: on the way, and after another diagram returned.
    let mut lanes = [vec![None; code.len() + 1], vec![None; code.len() + 1]];
    lanes[0][0] = Some(start);
    let mut loops: Vec<usize> = Vec::new();
    for (at, instruction) in code.iter().enumerate() {
        loops.retain(|end| at < *end);
        for lane in 0..lanes.len() {
            let Some(mut fact) = lanes[lane][at].take() else {
                continue;
            };
            let mut go = |lane: usize, to: usize, fact: &F| meet(&mut lanes[lane][to], fact);
            match instruction {
                Instruction::Action(action) => {
                    visit(action, &mut fact);
                    match (action.signature.role, loops.last()) {
                        (Role::Break, Some(&end)) => go(lane, end, &fact),
                        (Role::Break, None) => meet(&mut stays, &fact),
                        (Role::Jump | Role::Return | Role::Throw, _) => {}
                        (Role::Call, _) => go(1, at + 1, &fact),
                        _ => go(lane, at + 1, &fact),
                    }
                }
                Instruction::Unless(_, length) => {
                    go(lane, at + 1, &fact);
                    go(lane, at + 1 + *length as usize, &fact);
                }
                Instruction::Skip(length) => go(lane, at + 1 + *length as usize, &fact),
                Instruction::Loop(head, length) => {
                    go(lane, at + 1, &fact);
                    if may_be_skipped(head) {
                        go(lane, at + 1 + *length as usize, &fact);
                    }
                }
                Instruction::Next => go(lane, at + 1, &fact),
            }
            if let Instruction::Loop(_, length) = instruction {
                loops.push(at + 1 + *length as usize);
            }
        }
    }
    let [end, resumed] = lanes.map(|mut lane| lane.pop().flatten());
    if let Some(fact) = resumed {
        meet(&mut stays, &fact);
    }
    Exits { end, stays }
}

/// Whether a loop may have nothing to visit.
fn may_be_skipped(head: &Loop) -> bool {
    match head {
        Loop::Range { from, to, .. } => match (from.literal(), to.literal()) {
            (Some(from), Some(to)) => from == to,
            _ => true,
        },
        Loop::Never | Loop::Array { .. } | Loop::Struct { .. } => true,
    }
}

/// The actions of a list in order of the text.
pub fn actions(code: &[Instruction]) -> impl Iterator<Item = &Action> {
    code.iter().filter_map(|instruction| match instruction {
        Instruction::Action(action) => Some(&**action),
        _ => None,
    })
}

/// The conditions of each `if` of a list.
pub fn ifs(code: &[Instruction]) -> impl Iterator<Item = &[Condition]> {
    code.iter().filter_map(|instruction| match instruction {
        Instruction::Unless(conditions, _) => Some(&**conditions),
        _ => None,
    })
}

/// The actions a list does whatever happens, as far as no `break` or other diagram ends it.
pub fn certain_actions(code: &[Instruction]) -> impl Iterator<Item = &Action> {
    let mut block_end = 0;
    code.iter()
        .enumerate()
        .filter_map(move |(at, instruction)| {
            match instruction {
                Instruction::Unless(_, length)
                | Instruction::Skip(length)
                | Instruction::Loop(_, length) => {
                    block_end = block_end.max(at + 1 + *length as usize)
                }
                Instruction::Action(action) if at >= block_end => return Some(&**action),
                _ => {}
            }
            None
        })
}

/// The arguments of an action with the parameters they belong to.
pub fn arguments(action: &Action) -> impl Iterator<Item = (&Parameter, &Argument)> {
    let parameters = action.signature.parameters;
    let repeated = parameters.last().filter(|last| last.repeated);
    let parameters = parameters
        .iter()
        .chain(std::iter::repeat_with(move || repeated).map_while(|it| it));
    parameters.zip(&action.arguments)
}

/// The diagram an action goes to: its name if that is literal. `None` if it goes to none.
pub fn destination(action: &Action) -> Option<Option<&str>> {
    arguments(action)
        .find(|(parameter, _)| parameter.kind == Kind::Diagram)
        .map(|(_, argument)| argument.literal())
}

/// All lists of a diagram: enter, exit and actions of the states that count.
pub fn lists(diagram: &StateDiagram) -> impl Iterator<Item = &[Instruction]> {
    named_states(diagram).flat_map(|(_, state)| state_lists(state))
}

/// The lists of a state and of the transitions that leave it.
pub fn state_lists(state: &State) -> impl Iterator<Item = &[Instruction]> {
    let transitions = state.transitions.iter().map(|it| &*it.actions);
    [&*state.enter, &*state.exit].into_iter().chain(transitions)
}

/// The states of a diagram; of several with one name the first.
pub fn named_states(diagram: &StateDiagram) -> impl Iterator<Item = (StateId, &State)> {
    let mut names = HashSet::new();
    let states = diagram.states.iter().enumerate();
    states
        .filter(move |(_, state)| names.insert(&*state.name))
        .map(|(id, state)| (id as StateId, state))
}

/// The state a transition leads to.
pub fn target(transition: &Transition) -> Option<StateId> {
    match transition.target {
        Target::State(id) => Some(id),
        Target::Undeclared(_) => None,
    }
}

/// Which states can be reached from `start`, itself included.
pub fn reachable(
    count: usize,
    start: impl IntoIterator<Item = usize>,
    mut next: impl FnMut(usize, &mut Vec<usize>),
) -> Vec<bool> {
    let mut seen = vec![false; count];
    let mut open: Vec<usize> = start.into_iter().collect();
    while let Some(at) = open.pop() {
        if !std::mem::replace(&mut seen[at], true) {
            next(at, &mut open);
        }
    }
    seen
}

/// Which of `count` places lead to one that is wanted. `look` says whether a place is, and where it leads.
pub fn leading_to(count: usize, mut look: impl FnMut(usize, &mut Vec<usize>) -> bool) -> Vec<bool> {
    let mut before = vec![Vec::new(); count];
    let mut wanted = Vec::new();
    for at in 0..count {
        let mut edges = Vec::new();
        if look(at, &mut edges) {
            wanted.push(at);
        }
        edges.into_iter().for_each(|to: usize| before[to].push(at));
    }
    reachable(count, wanted, |at, open| open.extend(&before[at]))
}

/// Which states a session gets to that begins in the initial state; all without one.
pub fn reachable_states(diagram: &StateDiagram) -> Vec<bool> {
    let Some(initial) = diagram.initial else {
        return vec![true; diagram.states.len()];
    };
    reachable(diagram.states.len(), [initial as usize], |at, open| {
        let transitions = &diagram.states[at].transitions;
        open.extend(
            transitions
                .iter()
                .filter_map(|it| Some(target(it)? as usize)),
        );
    })
}
