//! The names inside the text of an argument, with the rules by which arguments are read.

use super::super::comparison::operator_in;
use super::super::expr::{SELECTS, UnknownSelect, reference_name};
use super::super::registry::{Kind, Signature};
use super::super::syntax::quoted_run;
use super::{Entity, Role};

/// One name in an argument: a part of its text.
pub struct Found<'t> {
    pub entity: Entity,
    pub role: Role,
    pub name: &'t str,
}

/// The names in one argument of an action. `index` counts from 0.
pub fn in_argument<'t>(signature: &Signature, index: usize, part: &'t str) -> Vec<Found<'t>> {
    let last = signature.parameters.last();
    let parameter = signature.parameters.get(index);
    let Some(parameter) = parameter.or(last.filter(|last| last.repeated)) else {
        return Vec::new();
    };
    let text = inner(part);
    let name: &str = &signature.name;
    match parameter.kind {
        Kind::Diagram => value(text, Some((Entity::Diagram, Role::Use))),
        Kind::Value | Kind::Timer => value(text, literal(name, parameter.name, index)),
        Kind::AudioFile | Kind::NewFile => value(text, Some((Entity::File, Role::Use))),
        Kind::Prompt => value(text, Some((Entity::Prompt, Role::Use))),
        Kind::NameValue | Kind::NamePrefix | Kind::TargetValue => {
            value(text, Some((Entity::Variable, Role::Write)))
        }
        Kind::Flag(_) | Kind::RecordOptions => value(text, None),
        Kind::Names => names(text),
        Kind::Name | Kind::Target | Kind::Removed => {
            variable(text, (Entity::Variable, Role::Write))
        }
        Kind::Collection => variable(text, (Entity::Collection, access(name))),
        Kind::Template => template(text, UnknownSelect::Dropped),
        Kind::ModuleText | Kind::Sql => template(text, UnknownSelect::Kept),
        Kind::Sum => text
            .split(['+', '-', ' '])
            .flat_map(|term| value(term, None))
            .collect(),
        Kind::Pairs => pairs(text),
        Kind::Replacement => {
            let sides = text.split("=>");
            let sides = sides.filter(|side| side.starts_with('$') && side.len() > 1);
            sides.map(|side| reference("$", &side[1..])).collect()
        }
        Kind::Literal | Kind::Code => Vec::new(),
        Kind::Di => di(part.trim()),
    }
}

/// The names in text with references inside.
pub fn template(text: &str, unknown: UnknownSelect) -> Vec<Found<'_>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['$', '#', '@']) {
        let mark = &rest[at..at + 1];
        let after = &rest[at + 1..];
        if rest[..at].ends_with('\\') {
            rest = after;
        } else if let Some(behind) = after.strip_prefix(mark) {
            rest = behind;
        } else {
            let (name, behind) = reference_name(after);
            let kept = unknown == UnknownSelect::Kept && mark == "@" && !SELECTS.contains(&name);
            if !name.is_empty() && !kept {
                found.push(reference(mark, name));
            }
            rest = behind;
        }
    }
    found
}

/// The names on both sides of a comparison.
pub fn comparison(text: &str) -> Vec<Found<'_>> {
    let text = text.trim();
    let (at, length) = operator_in(text);
    let sides = [&text[..at], &text[at + length..]];
    sides.into_iter().flat_map(operand).collect()
}

fn operand(side: &str) -> Vec<Found<'_>> {
    let side = side.trim();
    let length = side
        .strip_prefix("len(")
        .and_then(|rest| rest.strip_suffix(')'));
    match quoted_run(side) {
        // A side in quotes is literal.
        Some(("", _)) => Vec::new(),
        _ => value(length.unwrap_or(side).trim().trim_matches('"'), None),
    }
}

/// A whole argument: one reference, or literal text that stands for `literal`.
pub fn value(text: &str, literal: Option<(Entity, Role)>) -> Vec<Found<'_>> {
    let Some(mark) = text.chars().next() else {
        return Vec::new();
    };
    if !matches!(mark, '$' | '#' | '@') {
        let found = literal.map(|(entity, role)| Found {
            entity,
            role,
            name: text,
        });
        return found.into_iter().collect();
    }
    let (mark, name) = text.split_at(1);
    if name.is_empty() || name.starts_with(mark) {
        return Vec::new();
    }
    vec![reference(mark, name)]
}

/// A variable that is named with or without `$`, or a parameter with `#`.
fn variable(text: &str, (entity, role): (Entity, Role)) -> Vec<Found<'_>> {
    let (entity, name) = match text.strip_prefix('#') {
        Some(name) => (Entity::Parameter, name),
        None => (entity, text.strip_prefix('$').unwrap_or(text)),
    };
    let found = Found { entity, role, name };
    (!name.is_empty()).then_some(found).into_iter().collect()
}

/// `a;b;struct.`, or a reference to such a list.
fn names(text: &str) -> Vec<Found<'_>> {
    if text.starts_with(['$', '#', '@']) && !text.contains(';') {
        return value(text, None);
    }
    if text.trim() == "var" {
        return Vec::new();
    }
    let one = |name| match str::strip_suffix(name, ".") {
        Some(name) => variable(name, (Entity::Collection, Role::Use)),
        None => variable(name, (Entity::Variable, Role::Use)),
    };
    text.split(';').map(str::trim).flat_map(one).collect()
}

/// `key=value;key=value`, or a reference to such a list.
fn pairs(text: &str) -> Vec<Found<'_>> {
    if text.starts_with(['$', '#', '@']) {
        return value(text, None);
    }
    text.split(';')
        .filter_map(|entry| entry.split_once('='))
        .flat_map(|(_, entry)| value(entry.trim(), None))
        .collect()
}

fn di(part: &str) -> Vec<Found<'_>> {
    for cast in ["(struct)", "(array)"] {
        if let Some(rest) = part.strip_prefix(cast) {
            return variable(rest.trim(), (Entity::Collection, Role::Use));
        }
    }
    if part.starts_with('"') {
        return Vec::new();
    }
    let part = part.strip_prefix("(int)").unwrap_or(part);
    let part = part.strip_prefix("(json)").unwrap_or(part);
    value(inner(part), None)
}

fn reference<'t>(mark: &str, name: &'t str) -> Found<'t> {
    let entity = match mark {
        "$" => Entity::Variable,
        "#" => Entity::Parameter,
        _ => Entity::Select,
    };
    Found {
        entity,
        role: Role::Use,
        name,
    }
}

/// A part without blanks and quotes around it. Escapes stay: no name holds one.
pub fn inner(part: &str) -> &str {
    let part = part.trim();
    match part.chars().next() {
        Some(quote @ ('"' | '\'')) => match part[1..].strip_suffix(quote) {
            Some(inner) => inner,
            None => part.trim_matches(quote),
        },
        _ => part,
    }
}

/// What literal text means where a value is expected.
fn literal(action: &str, parameter: &str, index: usize) -> Option<(Entity, Role)> {
    match (action, parameter) {
        ("var", _) if index == 1 => Some((Entity::Variable, Role::Use)),
        ("param", _) if index == 1 => Some((Entity::Parameter, Role::Use)),
        (_, "diagram") => Some((Entity::Diagram, Role::Use)),
        _ => None,
    }
}

/// What an action does with the array or struct it names.
fn access(action: &str) -> Role {
    match action {
        "clearStruct" | "clearArray" => Role::Write,
        _ => Role::Use,
    }
}
