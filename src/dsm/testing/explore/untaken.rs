//! What was never reached, and why, as far as that is known.

use crate::dsm::comparison::{Comparison, Operand, Operator};
use crate::dsm::condition::{Condition, Test};
use crate::dsm::event::EventKind;
use crate::dsm::program::{State, StateDiagram, Transition};
use crate::dsm::testing::coverage::Visits;

use super::search::Seen;

/// Each state that was never reached, and each transition that was never taken from one that was, as
/// (file, line, text).
pub fn untaken(diagram: &StateDiagram, visits: &Visits, seen: &Seen) -> Vec<(String, u32, String)> {
    let name = diagram.name();
    let mut untaken = Vec::new();
    let mut add = |span, text: String| {
        let at = diagram.sources.location(span);
        untaken.push((at.path.to_string(), at.line, text));
    };
    for state in &diagram.states {
        if !visits.has_state(name, &state.name) {
            add(state.span, format!("state {} is never reached", state.name));
            continue;
        }
        let rests = seen
            .rests
            .contains(&(name.to_owned(), state.name.to_string()));
        for (index, transition) in state.transitions.iter().enumerate() {
            if !visits.has_transition(name, &state.name, index) {
                let why = why(state, transition, rests, seen);
                let (from, transition_name) = (&state.name, &transition.name);
                let text =
                    format!("transition \"{transition_name}\" from {from} is never taken{why}");
                add(transition.span, text);
            }
        }
    }
    untaken
}

fn why(state: &State, transition: &Transition, rests: bool, seen: &Seen) -> String {
    let typed = |kind| {
        let is = |one: &Condition| matches!(&one.test, Test::Event(of, _) if *of == kind && !one.negated);
        transition.conditions.iter().any(is)
    };
    if transition.exception {
        return ": no such exception comes up there".to_owned();
    }
    let looks_at_events = transition
        .conditions
        .iter()
        .any(|one| !matches!(one.test, Test::Expression(_)));
    if !rests && looks_at_events {
        return format!(": {} is left as soon as it is entered", state.name);
    }
    if typed(EventKind::Timer) {
        if seen.timers.is_empty() {
            return ": no timer is ever set".to_owned();
        }
        let mut ids = transition.conditions.iter().filter_map(timer);
        if let Some(id) = ids.find(|id| !seen.timers.contains(id)) {
            return format!(": timer {id} is never set");
        }
    }
    if typed(EventKind::NoAudio) && !seen.audio {
        return ": nothing is ever played".to_owned();
    }
    if transition.conditions.is_empty() {
        return String::new();
    }
    let needs: Vec<String> = transition
        .conditions
        .iter()
        .map(ToString::to_string)
        .collect();
    format!("; it needs {}", needs.join("; "))
}

/// The timer that a condition waits for.
fn timer(condition: &Condition) -> Option<u32> {
    match &condition.test {
        Test::Event(
            EventKind::Timer,
            Some(Comparison {
                operator: Operator::Equal,
                right: Operand::Value(id),
                ..
            }),
        ) if !condition.negated => id.literal()?.parse().ok(),
        _ => None,
    }
}
