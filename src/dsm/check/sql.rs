//! Statements of a database that hold what a caller sends.
//!
//! A reference written in a statement is safe: its value is bound or escaped. What is not safe is a
//! statement that is a variable as a whole, with a text that was put together before: there nobody can
//! tell what the script wrote from what the caller sent. What comes from a caller is followed through
//! assignments, in any order; a variable that `mysql.escape` assigns anywhere counts as clean, and so
//! do keys, which are numbers.

use std::collections::{HashMap, HashSet};

use super::super::argument::Argument;
use super::super::diagnostic::{Diagnostic, code};
use super::super::expr::Reference;
use super::super::program::StateDiagram;
use super::super::registry::{Kind, Role};
use super::flow;

/// Parameters with numbers or fixed words.
const HARMLESS: &[&str] = &[
    "key", "duration", "id", "code", "sip_code", "cseq", "type", "status", "expires", "method",
];
/// Selects that the server chooses.
const OURS: &[&str] = &["local_tag"];

/// Reports statements that are a variable with text of a caller.
pub fn assembled(diagram: &StateDiagram, findings: &mut Vec<Diagnostic>) {
    let statements: Vec<_> = flow::lists(diagram)
        .flat_map(flow::actions)
        .flat_map(|action| flow::arguments(action).map(move |it| (action, it)))
        .filter_map(|(action, (parameter, argument))| match argument {
            Argument::Template(text) if parameter.kind == Kind::Sql => match text.whole()? {
                Reference::Variable(name) => Some((action.span, name)),
                _ => None,
            },
            _ => None,
        })
        .collect();
    if statements.is_empty() {
        return;
    }
    let origins = origins(diagram);
    let mut reported = HashSet::new();
    for (span, name) in statements {
        if let Some(origin) = origins.get(name)
            && reported.insert(span)
        {
            let message =
                format!("${name} is run as a statement and holds {origin}, which a caller chooses");
            let finding = Diagnostic::new(code::SQL_INJECTION, span, message);
            let hint = "write the statement here, with its references; or use mysql.escape";
            findings.push(finding.hint(hint));
        }
    }
}

/// The variables that may hold what a caller sends, and where that comes from.
fn origins(diagram: &StateDiagram) -> HashMap<&str, String> {
    let mut assignments = Vec::new();
    let mut escaped = HashSet::new();
    for action in flow::lists(diagram).flat_map(flow::actions) {
        let Some((_, Argument::Name(target))) = flow::arguments(action)
            .next()
            .filter(|(parameter, _)| matches!(parameter.kind, Kind::Name | Kind::Target))
        else {
            continue;
        };
        if action.signature.role == Role::Escapes {
            escaped.insert(&**target);
        } else {
            let values = action.arguments.iter().skip(1);
            let values = values.flat_map(Argument::references);
            assignments.extend(values.map(|value| (&**target, value)));
        }
    }
    assignments.retain(|(target, _)| !escaped.contains(target));
    let mut origins: HashMap<&str, String> = HashMap::new();
    let mut copies: HashMap<&str, Vec<&str>> = HashMap::new();
    let mut open = Vec::new();
    for (target, value) in assignments {
        match value {
            Reference::Variable(name) => copies.entry(name).or_default().push(target),
            Reference::Param(name) if !HARMLESS.contains(&name) => {
                open.push((target, format!("#{name}")));
            }
            Reference::Select(name) if !OURS.contains(&name) => {
                open.push((target, format!("@{name}")));
            }
            Reference::Param(_) | Reference::Select(_) => {}
        }
    }
    while let Some((target, origin)) = open.pop() {
        if !origins.contains_key(target) {
            let copies = copies.remove(target).unwrap_or_default();
            open.extend(copies.into_iter().map(|copy| (copy, origin.clone())));
            origins.insert(target, origin);
        }
    }
    origins
}
