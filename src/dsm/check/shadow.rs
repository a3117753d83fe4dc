//! What follows from conditions that hold together: transitions that an earlier one always forestalls,
//! and conditions that can never hold together.

use std::collections::{BTreeMap, HashSet};

use super::super::comparison::Comparison;
use super::super::condition::{Condition, Test, key_code};
use super::super::diagnostic::{Diagnostic, code};
use super::super::event::EventKind;
use super::super::expr::{Expr, Reference};
use super::super::program::{StateDiagram, Transition};
use super::super::source::Span;
use super::flow;

/// Transitions of a state that each other one is compared with; nobody writes that many by hand.
const MAX_COMPARED: usize = 256;
/// Conditions of one transition that are remembered.
const MAX_REMEMBERED: usize = 64;

/// What is known of an event and of values while some conditions hold.
#[derive(Debug, Default)]
pub struct Known<'a> {
    conditions: Vec<&'a Condition>,
    kind: Option<EventKind>,
    values: Vec<(Reference<'a>, &'a str)>,
    /// Comparisons that hold, and that do not.
    comparisons: Vec<(&'a Comparison, bool)>,
}

impl<'a> Known<'a> {
    /// What follows if all of these hold.
    pub fn from(conditions: impl IntoIterator<Item = &'a Condition>) -> Self {
        let mut known = Self::default();
        for condition in conditions {
            known.add(condition);
        }
        known
    }

    /// Of an event of this kind with this parameter.
    pub fn event(kind: EventKind, name: &'a str, value: &'a str) -> Self {
        Self {
            kind: Some(kind),
            values: vec![(Reference::Param(name), value)],
            ..Self::default()
        }
    }

    pub fn add(&mut self, condition: &'a Condition) {
        if self.conditions.len() >= MAX_REMEMBERED {
            return;
        }
        self.conditions.push(condition);
        match (&condition.test, condition.negated) {
            (Test::Expression(Some(comparison)), negated) => self.compare(comparison, !negated),
            (Test::Event(kind, comparison), false) => {
                self.kind = Some(*kind);
                if let Some(comparison) = comparison {
                    self.compare(comparison, true);
                }
            }
            (Test::KeyPress(key), false) => {
                self.kind = Some(EventKind::Key);
                if let Some(key) = key.literal() {
                    self.values.push((Reference::Param("key"), key_code(key)));
                }
            }
            _ => {}
        }
    }

    fn compare(&mut self, comparison: &'a Comparison, holds: bool) {
        self.comparisons.push((comparison, holds));
        if let Some((reference, value)) = comparison.equality()
            && holds
            && let Some(reference) = reference.reference()
        {
            self.values.push((reference, value));
        }
    }

    /// The value that a reference is known to have.
    pub fn value(&self, reference: Reference<'_>) -> Option<&'a str> {
        let found = self.values.iter().find(|(known, _)| *known == reference);
        found.map(|(_, value)| *value)
    }

    /// The kind of the event, if that is known.
    pub fn kind(&self) -> Option<EventKind> {
        self.kind
    }

    /// Whether one more condition holds, if that follows.
    pub fn decide(&self, condition: &Condition) -> Option<bool> {
        let same = |known: &&&Condition| known.test == condition.test;
        if let Some(known) = self.conditions.iter().find(same) {
            return Some(known.negated == condition.negated);
        }
        let holds = match &condition.test {
            Test::Expression(None) => Some(true),
            Test::Expression(Some(comparison)) => self.decide_comparison(comparison),
            Test::Event(kind, comparison) => {
                let compared = match comparison {
                    Some(comparison) => self.decide_comparison(comparison),
                    None => Some(true),
                };
                self.of_kind(*kind, compared)
            }
            Test::KeyPress(key) => {
                let pressed = self.value(Reference::Param("key"));
                let equal = key.literal().zip(pressed).map(|(a, b)| key_code(a) == b);
                self.of_kind(EventKind::Key, equal)
            }
            Test::Module { .. } | Test::Values(..) | Test::Code(_) => None,
        };
        holds.map(|holds| holds != condition.negated)
    }

    /// Whether the event is of this kind and something else holds.
    fn of_kind(&self, kind: EventKind, and: Option<bool>) -> Option<bool> {
        match (self.kind, and) {
            (Some(known), _) if known != kind => Some(false),
            (_, Some(false)) => Some(false),
            (Some(_), and) => and,
            (None, _) => None,
        }
    }

    fn decide_comparison(&self, comparison: &Comparison) -> Option<bool> {
        let same = self
            .comparisons
            .iter()
            .find(|(known, _)| *known == comparison);
        if let Some((_, holds)) = same {
            return Some(*holds);
        }
        comparison.decide(|expr: &Expr| self.value(expr.reference()?))
    }

    /// Whether some conditions can never hold together.
    pub fn excludes(conditions: impl IntoIterator<Item = &'a Condition>) -> bool {
        let mut known = Self::default();
        conditions.into_iter().any(|condition| {
            let impossible = known.decide(condition) == Some(false);
            known.add(condition);
            impossible
        })
    }

    /// The first of some conditions that cannot hold because of those before it. One that never holds
    /// on its own, such as `1 == 2`, is somebody's switch.
    fn contradiction(conditions: impl IntoIterator<Item = &'a Condition>) -> Option<&'a Condition> {
        let mut known = Self::default();
        conditions.into_iter().find(|condition| {
            let impossible = known.decide(condition) == Some(false);
            known.add(condition);
            impossible && Self::default().decide(condition) != Some(false)
        })
    }
}

/// Transitions behind one that matches whenever they do. One that leaves several states is reported if
/// it is of no use in any: a general transition behind particular ones is how such lists are written.
pub fn transitions(diagram: &StateDiagram, findings: &mut Vec<Diagnostic>) {
    let mut shadows: BTreeMap<Span, Option<String>> = BTreeMap::new();
    for (_, state) in flow::named_states(diagram) {
        for (at, later) in state.transitions.iter().enumerate() {
            if shadows.get(&later.span).is_some_and(Option::is_none) {
                continue;
            }
            let known = Known::from(&later.conditions);
            let impossible = Known::excludes(&later.conditions);
            let first = state.transitions[..at]
                .iter()
                .take(MAX_COMPARED)
                .find(|earlier| !impossible && always_first(earlier, later, &known));
            let message = first.map(|earlier| {
                format!(
                    "in state '{}' the transition '{}' above always matches first",
                    state.name, earlier.name
                )
            });
            let shadow = shadows.entry(later.span).or_insert_with(|| message.clone());
            if message.is_none() {
                *shadow = None;
            }
        }
    }
    for (span, message) in shadows {
        if let Some(message) = message {
            findings.push(Diagnostic::new(code::UNREACHABLE_TRANSITION, span, message));
        }
    }
}

/// Whether `earlier` matches whenever `later` does, of which `known` tells.
fn always_first(earlier: &Transition, later: &Transition, known: &Known<'_>) -> bool {
    let mut conditions = earlier.conditions.iter();
    earlier.exception == later.exception
        && conditions.all(|condition| known.decide(condition) == Some(true))
}

/// Transitions and `if`s whose conditions exclude each other.
pub fn contradictions(diagram: &StateDiagram, findings: &mut Vec<Diagnostic>) {
    let mut reported = HashSet::new();
    let mut report = |condition: &Condition, message: &str| {
        if reported.insert(condition.span) {
            let finding = Diagnostic::new(code::IMPOSSIBLE_CONDITION, condition.span, message);
            findings.push(finding);
        }
    };
    for (_, state) in flow::named_states(diagram) {
        for transition in &state.transitions {
            if let Some(condition) = Known::contradiction(&transition.conditions) {
                report(
                    condition,
                    "this never holds together with what stands before it",
                );
            } else if transition.exception
                && let Some(condition) = transition.conditions.iter().find(|it| asks_for_event(it))
            {
                let message = "this never holds with 'exception', which is an event of its own";
                report(condition, message);
            }
        }
        for conditions in flow::state_lists(state).flat_map(flow::ifs) {
            if let Some(condition) = Known::contradiction(conditions) {
                report(
                    condition,
                    "this never holds together with what stands before it",
                );
            }
        }
    }
}

/// Whether a condition holds for one kind of event only, and none that is handled with an exception:
/// one of an initial enter list keeps the kind of the start event.
fn asks_for_event(condition: &Condition) -> bool {
    use EventKind::{Reload, Start, Startup};
    let typed = match condition.test {
        Test::Event(kind, _) => !matches!(kind, Start | Startup | Reload),
        Test::KeyPress(_) => true,
        _ => false,
    };
    typed && !condition.negated
}
