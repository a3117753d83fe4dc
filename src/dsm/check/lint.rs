//! What loads but probably does not do what its author thinks.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::super::argument::{Argument, Bound};
use super::super::condition::{Condition, Test, event_kind};
use super::super::diagnostic::{Diagnostic, code};
use super::super::event::EventKind;
use super::super::expr::{Expr, Finding};
use super::super::program::{Instruction, StateId, Target, Transition};
use super::super::registry::{Kind, Role, Signature};
use super::super::source::Span;
use super::super::syntax::ast;
use super::CheckedState;
use super::body::role;

/// A transition, and where its name stands.
pub struct Checked<'t> {
    pub program: Arc<Transition>,
    pub name: ast::Name<'t>,
}

impl<'t> Checked<'t> {
    pub fn new(transition: &ast::Transition<'t>, program: Arc<Transition>) -> Self {
        Self {
            program,
            name: transition.name,
        }
    }
}

/// `break` outside of a loop, where it abandons the transition.
pub fn breaks(list: &[Instruction], place: &str, findings: &mut Vec<Diagnostic>) {
    let mut loop_ends = Vec::new();
    for (at, instruction) in list.iter().enumerate() {
        loop_ends.retain(|&end| at < end);
        match instruction {
            Instruction::Loop(_, length) => loop_ends.push(at + 1 + *length as usize),
            Instruction::Action(action)
                if action.signature.role == Role::Break && loop_ends.is_empty() =>
            {
                let message = format!(
                    "'break' outside of a loop ends the {place}: the target state is not entered"
                );
                findings.push(Diagnostic::new(
                    code::BREAK_ABORTS_TRANSITION,
                    action.span,
                    message,
                ));
            }
            _ => {}
        }
    }
}

/// `callFSM` inside `if` or `for`: here it comes back to what follows the block.
pub fn nested_calls(list: &[Instruction], findings: &mut Vec<Diagnostic>) {
    let mut block_end = 0;
    for (at, instruction) in list.iter().enumerate() {
        match instruction {
            Instruction::Unless(_, length)
            | Instruction::Skip(length)
            | Instruction::Loop(_, length) => block_end = block_end.max(at + 1 + *length as usize),
            Instruction::Action(action)
                if action.signature.role == Role::Call && at < block_end =>
            {
                let message = "after the return the actions behind this block run too; \
                               the original forgets them";
                findings.push(Diagnostic::new(code::CALL_NESTED, action.span, message));
            }
            _ => {}
        }
    }
}

/// A list that ends in a jump, call or return never gets to the target.
pub fn target(list: &[Instruction], target: ast::Name<'_>, findings: &mut Vec<Diagnostic>) {
    let leaves = list
        .last()
        .and_then(role)
        .is_some_and(|r| matches!(r, Role::Call | Role::Leave));
    if leaves {
        let message = format!(
            "'{}' is never entered, because the list ends in another diagram",
            target.text
        );
        findings.push(Diagnostic::new(code::TARGET_IGNORED, target.span, message));
    }
}

/// `not` before an event condition that stands alone.
pub fn conditions(conditions: &[ast::Condition<'_>], findings: &mut Vec<Diagnostic>) {
    let typed = |condition: &ast::Condition<'_>| match condition {
        ast::Condition::Test {
            negated: false,
            call,
        } => event_kind(call.name.text).is_some() || call.name.text == "keyPress",
        _ => false,
    };
    if conditions.iter().any(typed) {
        return;
    }
    for condition in conditions {
        if let ast::Condition::Test {
            negated: true,
            call,
        } = condition
            && call
                .arguments
                .is_some_and(|arguments| !arguments.text.trim().is_empty())
            && event_kind(call.name.text).is_some()
        {
            let name = call.name.text;
            let message = format!("this also holds for every event that is no '{name}'");
            let finding = Diagnostic::new(code::NOT_TYPED, call.span, message);
            findings.push(finding.hint(format!("add the condition '{name}' to ask for both")));
        }
    }
}

/// What the arguments of one action look like.
pub fn arguments<'t>(
    signature: &Signature,
    bound: &Bound<'t>,
    name: &'t str,
    found: &mut Vec<Finding<'t>>,
) {
    if let Some((code, message)) = signature.remark {
        found.push(Finding::new(code, name, message));
    }
    let arguments = bound.arguments.iter().zip(&bound.written);
    for (parameter, (argument, written)) in signature.parameters.iter().zip(arguments) {
        match (parameter.kind, argument) {
            (Kind::NameValue, Argument::Value(Expr::Variable(name))) => {
                let message =
                    format!("the result goes to the variable that ${name} names, not to ${name}");
                found.push(Finding::new(code::DST_DOLLAR, written, message));
            }
            (Kind::Names, Argument::Value(Expr::Text(list))) if list.contains([' ', '\t']) => {
                let message = "blanks in a list of names; the original does not trim them";
                found.push(Finding::new(code::LIST_BLANKS, written, message));
            }
            _ => {}
        }
    }
}

/// What can be said when all states and transitions are known.
pub fn states(
    states: &[CheckedState<'_>],
    ids: &HashMap<&str, StateId>,
    initial: Option<StateId>,
    findings: &mut Vec<Diagnostic>,
) {
    let all = || states.iter().flat_map(|state| &state.transitions);
    let first = |id: usize| ids.get(states[id].name.text) == Some(&(id as StateId));
    let targets: HashSet<StateId> = all()
        .filter_map(|transition| match transition.program.target {
            Target::State(id) => Some(id),
            Target::Undeclared(_) => None,
        })
        .collect();
    // Diagrams without a call hear no hangup.
    let has_call = !all().any(|transition| {
        transition.program.conditions.iter().any(|condition| {
            matches!(
                condition.test,
                Test::Event(EventKind::Startup | EventKind::Reload, _)
            )
        })
    });
    if let Some(id) = initial {
        repost(&states[id as usize], findings);
    }
    for (id, state) in states.iter().enumerate().filter(|(id, _)| first(*id)) {
        let (name, id) = (state.name, id as StateId);
        if initial != Some(id) && !targets.contains(&id) {
            let message = format!("no transition leads to state '{}'", name.text);
            findings.push(Diagnostic::new(code::UNREACHABLE_STATE, name.span, message));
        }
        if has_call
            && !state
                .transitions
                .iter()
                .any(|checked| hears_hangup(&checked.program))
        {
            let message = format!("state '{}' does not look at 'hangup'", name.text);
            let finding = Diagnostic::new(code::HANGUP_UNHANDLED, name.span, message);
            findings.push(finding.hint("a session whose hangup nobody handles is ended"));
        }
    }
    unreachable_transitions(states, findings);
    hangups(states, findings);
}

fn repost(initial: &CheckedState<'_>, findings: &mut Vec<Diagnostic>) {
    for instruction in &*initial.enter {
        if let Instruction::Action(action) = instruction
            && action.signature.role == Role::Repost
        {
            let message = "no effect when the diagram is started, called or jumped to";
            findings.push(Diagnostic::new(
                code::REPOST_IN_INITIAL_ENTER,
                action.span,
                message,
            ));
        }
    }
}

/// A diagram that cannot be started; shown at its first state, or at its `start`.
pub fn no_initial(first: Option<ast::Name<'_>>, start: Span, findings: &mut Vec<Diagnostic>) {
    let (span, message, hint) = match first {
        Some(state) => (
            state.span,
            "no initial state: the diagram cannot be started, called or jumped to",
            "write 'initial state' before the name of one",
        ),
        None => (
            start,
            "no state: the diagram cannot be started, called or jumped to",
            "a diagram begins with 'initial state NAME;'",
        ),
    };
    findings.push(Diagnostic::new(code::NO_INITIAL_STATE, span, message).hint(hint));
}

/// Transitions for `hangup` after which nobody ends the session.
fn hangups(states: &[CheckedState<'_>], findings: &mut Vec<Diagnostic>) {
    let ends = |list: &[Instruction]| {
        list.iter()
            .filter_map(role)
            .any(|r| matches!(r, Role::Stop | Role::Call | Role::Leave))
    };
    let mut reported: HashSet<Span> = HashSet::new();
    for state in states {
        for Checked { program, name } in &state.transitions {
            let hangup = |one: &Condition| {
                !one.negated && matches!(one.test, Test::Event(EventKind::Hangup, _))
            };
            let target_ends = match program.target {
                Target::State(id) => ends(&states[id as usize].enter),
                Target::Undeclared(_) => false,
            };
            if program.conditions.iter().any(hangup)
                && !(ends(&state.exit) || ends(&program.actions) || target_ends)
                && reported.insert(name.span)
            {
                let message = "the session goes on for a while, because nothing calls 'stop'";
                findings.push(Diagnostic::new(
                    code::HANGUP_WITHOUT_STOP,
                    name.span,
                    message,
                ));
            }
        }
    }
}

fn hears_hangup(transition: &Transition) -> bool {
    let other = |condition: &Condition| match condition.test {
        Test::Event(EventKind::Hangup, _) => false,
        Test::Event(..) | Test::KeyPress(_) => !condition.negated,
        Test::Expression(_) | Test::Module { .. } => false,
    };
    !transition.exception && !transition.conditions.iter().any(other)
}

/// Transitions of a state that each other one is compared with; nobody writes that many by hand.
const MAX_COMPARED: usize = 1_000;

fn unreachable_transitions(states: &[CheckedState<'_>], findings: &mut Vec<Diagnostic>) {
    let mut reported: HashSet<Span> = HashSet::new();
    for state in states {
        for (at, later) in state.transitions.iter().enumerate() {
            let shadow = state.transitions[..at]
                .iter()
                .take(MAX_COMPARED)
                .find(|earlier| always_first(&earlier.program, &later.program));
            if let Some(earlier) = shadow
                && reported.insert(later.name.span)
            {
                let message = format!(
                    "in state '{}' the transition '{}' above always matches first",
                    state.name.text, earlier.name.text
                );
                let span = later.name.span;
                findings.push(Diagnostic::new(code::UNREACHABLE_TRANSITION, span, message));
            }
        }
    }
}

/// Whether `earlier` matches whenever `later` does.
fn always_first(earlier: &Transition, later: &Transition) -> bool {
    let implied = |wanted: &Condition| {
        later.conditions.iter().any(|given| {
            let same_kind = match (&wanted.test, &given.test) {
                (Test::Event(wanted, None), Test::Event(given, _)) => wanted == given,
                (Test::Event(EventKind::Key, None), Test::KeyPress(_)) => true,
                _ => false,
            };
            given == wanted || (same_kind && !wanted.negated && !given.negated)
        })
    };
    earlier.exception == later.exception && earlier.conditions.iter().all(implied)
}
