//! What loads but probably does not do what its author thinks.

use super::super::argument::{Argument, Bound};
use super::super::condition::event_kind;
use super::super::diagnostic::{Diagnostic, code};
use super::super::expr::{Expr, Finding};
use super::super::host::RecordOptions;
use super::super::program::{Instruction, StateDiagram};
use super::super::registry::{Kind, Role, Signature};
use super::super::source::Span;
use super::super::syntax::ast;
use super::body::role;
use super::flow;

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
        .is_some_and(|r| matches!(r, Role::Call | Role::Jump | Role::Return));
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
            (Kind::RecordOptions, Argument::Value(Expr::Text(options))) => {
                if let Err(error) = RecordOptions::parse(options) {
                    let message = format!("{error}; this throws 'core'");
                    found.push(Finding::new(code::BAD_OPTION, written, message));
                }
            }
            _ => {}
        }
    }
}

/// `repost` where there is no event that could be processed again.
pub fn reposts(diagram: &StateDiagram, findings: &mut Vec<Diagnostic>) {
    let initial = diagram.initial.map(|id| diagram.state(id));
    let enter = initial
        .into_iter()
        .flat_map(|state| flow::actions(&state.enter));
    for action in enter.filter(|action| action.signature.role == Role::Repost) {
        let message = "no effect when the diagram is started, called or jumped to";
        findings.push(Diagnostic::new(
            code::REPOST_IN_INITIAL_ENTER,
            action.span,
            message,
        ));
    }
}

/// A diagram that cannot be started; shown at its first state, or at its `start`.
pub fn no_initial(first: Option<Span>, start: Span, findings: &mut Vec<Diagnostic>) {
    let (span, message, hint) = match first {
        Some(state) => (
            state,
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
