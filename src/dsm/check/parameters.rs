//! Names that are looked up while a diagram runs and then give nothing: selects that do not exist, and
//! parameters that the event of the same condition never has.

use std::collections::HashSet;

use super::super::argument::Argument;
use super::super::condition::{Condition, Test};
use super::super::diagnostic::{Code, Diagnostic, code};
use super::super::event::EventKind;
use super::super::expr::{Reference, SELECTS};
use super::super::program::{Action, StateDiagram};
use super::super::source::Span;
use super::flow;
use super::shadow::Known;
use crate::suggest::closest;

/// Parameters that scripts set for the host to see.
const SET_BY_SCRIPTS: &[&str] = &["processed", "StopProcessing"];

/// Reports names that are always empty.
pub fn names(diagram: &StateDiagram, findings: &mut Vec<Diagnostic>) {
    let mut names = Names {
        assigned: assigned(diagram),
        reported: HashSet::new(),
        findings,
    };
    for (_, state) in flow::named_states(diagram) {
        for transition in &state.transitions {
            if transition.exception {
                names.selects_of(&transition.conditions);
            } else {
                names.conditions(&transition.conditions);
            }
        }
        for list in flow::state_lists(state) {
            flow::ifs(list).for_each(|conditions| names.conditions(conditions));
            flow::actions(list).for_each(|action| names.action(action));
        }
    }
}

/// The event parameters that the diagram sets itself.
fn assigned(diagram: &StateDiagram) -> HashSet<&str> {
    let arguments = flow::lists(diagram)
        .flat_map(flow::actions)
        .flat_map(|action| &action.arguments);
    arguments
        .filter_map(|argument| match argument {
            Argument::Param(name) => Some(&**name),
            _ => None,
        })
        .collect()
}

struct Names<'a> {
    assigned: HashSet<&'a str>,
    reported: HashSet<(Span, String)>,
    findings: &'a mut Vec<Diagnostic>,
}

impl Names<'_> {
    fn conditions(&mut self, conditions: &[Condition]) {
        self.selects_of(conditions);
        if let Some(kind) = Known::from(conditions).kind() {
            for condition in conditions {
                // A condition that names another kind is reported as impossible.
                let same = match condition.test {
                    Test::Event(other, _) => other == kind && !condition.negated,
                    _ => true,
                };
                if same {
                    self.parameters_of(condition, kind);
                }
            }
        }
        for condition in conditions {
            if let (Test::Event(kind, _), true) = (&condition.test, condition.negated) {
                self.parameters_of(condition, *kind);
            }
        }
    }

    fn parameters_of(&mut self, condition: &Condition, kind: EventKind) {
        for name in references(condition).filter_map(|reference| match reference {
            Reference::Param(name) => Some(name),
            _ => None,
        }) {
            if has_parameter(kind, name)
                || SET_BY_SCRIPTS.contains(&name)
                || self.assigned.contains(name)
            {
                continue;
            }
            let message = format!("this event has no '#{name}': it is always empty");
            let known: Vec<_> = kind.parameters().map(|known| known.name).collect();
            let hint = match closest(name, known.iter().copied()) {
                Some(near) => Some(format!("did you mean '#{near}'?")),
                None if known.is_empty() => None,
                None => Some(format!("it has #{}", known.join(", #"))),
            };
            self.report(code::UNKNOWN_PARAMETER, condition.span, message, hint);
        }
    }

    fn selects_of(&mut self, conditions: &[Condition]) {
        for condition in conditions {
            for reference in references(condition) {
                self.select(reference, condition.span);
            }
        }
    }

    fn action(&mut self, action: &Action) {
        for argument in &action.arguments {
            // Unknown names inside of texts are found when they are read.
            if !matches!(argument, Argument::Template(_)) {
                for reference in argument.references() {
                    self.select(reference, action.span);
                }
            }
        }
    }

    fn select(&mut self, reference: Reference<'_>, span: Span) {
        let Reference::Select(name) = reference else {
            return;
        };
        if SELECTS.contains(&name) {
            return;
        }
        let hint = match closest(name, SELECTS.iter().copied()) {
            Some(near) => format!("did you mean '@{near}'?"),
            None => format!("write '@@{name}' for a text that begins with '@'"),
        };
        let message = format!("'@{name}' is no select: it is always empty");
        self.report(code::UNKNOWN_SELECT, span, message, Some(hint));
    }

    fn report(&mut self, code: Code, span: Span, message: String, hint: Option<String>) {
        // Functions are inserted at each call.
        if self.reported.insert((span, message.clone())) {
            let finding = Diagnostic::new(code, span, message).maybe_hint(hint);
            self.findings.push(finding);
        }
    }
}

/// Whether events of a kind may have a parameter.
pub fn has_parameter(kind: EventKind, name: &str) -> bool {
    kind.has_any_params() || kind.parameters().any(|known| known.covers(name))
}

/// The references in a condition.
pub fn references(condition: &Condition) -> impl Iterator<Item = Reference<'_>> {
    let (comparison, arguments, own) = match &condition.test {
        Test::Expression(comparison) | Test::Event(_, comparison) => {
            (comparison.as_ref(), &[][..], &[][..])
        }
        Test::KeyPress(key) => (None, std::slice::from_ref(key), &[][..]),
        Test::Module { arguments, .. } | Test::Values(_, arguments) => {
            (None, &**arguments, &[][..])
        }
        Test::Code(test) => (None, &[][..], &*test.arguments),
    };
    let sides = comparison.into_iter().flat_map(|it| it.values());
    let whole = sides.chain(arguments).filter_map(|value| value.reference());
    whole.chain(own.iter().flat_map(Argument::references))
}
