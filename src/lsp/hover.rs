//! What is known about the name under the cursor.

use std::fmt::Write as _;

use lsp_types::{Hover, HoverContents, HoverParams, MarkupContent, MarkupKind, Range};

use super::navigation::is_member;
use super::position::Lines;
use super::server::Refusal;
use super::workspace::{Analysis, Cursor, Workspace};
use crate::dsm::diagnostic::code_at;
use crate::dsm::symbols::{DeclarationKind, Entity, Occurrence, Role, spot};
use crate::dsm::vocabulary::{SELECT_MEANINGS, VARIABLES};
use crate::dsm::{
    EventKind, Module, Registry, Signature, event_condition, event_kind, event_name,
    value_condition,
};

/// Places listed for a variable.
const MAX_PLACES: usize = 12;

/// Answers a request.
pub fn hover(workspace: &mut Workspace, params: HoverParams) -> Result<Option<Hover>, Refusal> {
    let Some(cursor) = workspace.cursor(&params.text_document_position_params) else {
        return Ok(None);
    };
    let Some(name) = cursor.name() else {
        return Ok(allowed(workspace, &cursor));
    };
    let Some(value) = describe(workspace, &cursor, name) else {
        return Ok(None);
    };
    let range = workspace.range(&cursor.analysis.index.sources, name.span);
    Ok(Some(shown(value, range)))
}

fn shown(value: String, range: Range) -> Hover {
    let contents = MarkupContent {
        kind: MarkupKind::Markdown,
        value,
    };
    Hover {
        contents: HoverContents::Markup(contents),
        range: Some(range),
    }
}

/// What a code means that an `allow` comment names.
fn allowed(workspace: &Workspace, cursor: &Cursor) -> Option<Hover> {
    let (code, place) = code_at(cursor.text(), cursor.offset)?;
    let lines = Lines::new(cursor.text(), workspace.encoding);
    let text = format!("`{}` ({}): {}", code.name, code.severity, code.summary);
    Some(shown(text, lines.range(place.start, place.end)))
}

fn describe(workspace: &mut Workspace, cursor: &Cursor, name: &Occurrence) -> Option<String> {
    let analysis = &cursor.analysis;
    match name.entity {
        Entity::Action => {
            let imports = &analysis.index.imports;
            let found = workspace.registry.action_in_reach(&name.name, imports);
            found.map(action)
        }
        Entity::Condition => {
            let imports = &analysis.index.imports;
            condition_in_reach(&workspace.registry, imports, &name.name)
        }
        Entity::Module => Some(imported(&workspace.registry, &name.name)),
        Entity::State => Some(state(analysis, &name.name)),
        Entity::Function => Some(function(analysis, &name.name)),
        Entity::Variable | Entity::Collection => Some(variable(workspace, cursor, name)),
        Entity::Select => {
            let text = select(&name.name)?;
            Some(format!("```dsm\n@{}\n```\n{text}", name.name))
        }
        Entity::Parameter => Some(parameter(workspace, cursor, &name.name)),
        Entity::Diagram => {
            let known = workspace.diagrams(&cursor.path);
            let found = known.iter().find(|one| one.name() == &*name.name);
            Some(match found {
                Some(one) => format!("Diagram `{}`: {}", name.name, one.path),
                None => format!("There is no diagram `{}`.", name.name),
            })
        }
        _ => None,
    }
}

/// What a parameter holds, for the events that the transition asks for.
fn parameter(workspace: &Workspace, cursor: &Cursor, name: &str) -> String {
    let imports = &cursor.analysis.index.imports;
    let spot = spot(cursor.text(), cursor.offset, imports, &workspace.registry);
    let known = spot.events.iter().flat_map(|kind| kind.parameters());
    let mut meanings: Vec<&str> = known
        .filter(|it| it.covers(name))
        .map(|it| it.doc)
        .collect();
    meanings.dedup();
    let meaning = match meanings[..] {
        [] => "An event parameter.".to_owned(),
        _ => meanings.join("; "),
    };
    format!("```dsm\n#{name}\n```\n{meaning}")
}

/// Usage and description of an action, and what comes of it: variables, errors, exceptions.
pub fn action(signature: &Signature) -> String {
    let mut text = format!("```dsm\n{}\n```\n{}", signature.usage(), signature.doc);
    let mut say = |what: &str, words: &[&str]| {
        if !words.is_empty() {
            let _ = write!(text, "\n\n{what} `{}`.", words.join("`, `"));
        }
    };
    say("Sets", signature.sets);
    say(
        "On failure `$errno` is",
        signature.errno.unwrap_or_default(),
    );
    say("Throws", signature.throws);
    if signature.errno.is_some() {
        text += "\n\nSuccess clears `$errno`.";
    }
    if !signature.is_available {
        text += "\n\n**Not yet available**: it throws when it is reached.";
    }
    for example in signature.examples {
        let _ = write!(text, "\n\n```dsm\n{};\n```", example.code);
        for (name, value) in example.expect {
            let _ = write!(text, "\n`${name}` is `{value:?}`.");
        }
    }
    if let Some(remark) = signature.remark_text() {
        let _ = write!(text, "\n\nNote: {remark}.");
    }
    if let Some(module) = signature.module() {
        let _ = write!(text, "\n\nFrom `{module}`.");
    }
    text
}

/// The same for a condition, of a loaded module or of the server.
pub fn condition_in_reach(registry: &Registry, imports: &[Box<str>], name: &str) -> Option<String> {
    let modules = imports.iter().filter_map(|module| registry.module(module));
    let mut own = modules.filter_map(|module| module_condition(module, name));
    own.next().or_else(|| condition(name))
}

/// A condition of a loaded module.
fn module_condition(module: &Module, name: &str) -> Option<String> {
    if let Some(signature) = module.condition_signature(name) {
        return Some(action(signature));
    }
    let event = module.events().find(|event| event.name == name)?;
    let mut text = format!("```dsm\n{name}[(expression)]\n```\n{}\n", event.doc);
    for parameter in event.parameters {
        let _ = write!(text, "\n- `#{}`: {}", parameter.name, parameter.doc);
    }
    let _ = write!(text, "\n\nFrom `{}`.", module.name());
    Some(text)
}

/// What the import of a module brings, or why it brings nothing.
fn imported(registry: &Registry, name: &str) -> String {
    let Some(module) = registry.module(name) else {
        let why = registry.refusal(name).map(|why| why.to_string());
        return format!("`{name}` cannot be used. {}", why.unwrap_or_default());
    };
    let mut text = "```dsm\n".to_owned();
    for action in module.actions() {
        let _ = writeln!(text, "{}", action.usage());
    }
    for condition in module.conditions() {
        let _ = writeln!(text, "{condition}  -- a condition");
    }
    format!("{text}```\n`{name}` brings these.")
}

/// All of a module, as a page.
pub fn module(module: &Module) -> String {
    let mut page = String::new();
    for signature in module.actions() {
        let _ = write!(page, "## {}\n\n{}\n\n", signature.name, action(signature));
    }
    for name in module.conditions() {
        let text = module_condition(module, name).or_else(|| condition(name));
        let text = text.unwrap_or_else(|| format!("```dsm\n{name}(..)\n```"));
        let _ = write!(page, "## {name}\n\n{text}\n\n");
    }
    page
}

/// What a condition asks for, and the parameters of its event.
pub fn condition(name: &str) -> Option<String> {
    let kind = match name {
        "test" => {
            let text = "Compares values; holds for any event.";
            return Some(format!("```dsm\ntest(expression)\n```\n{text}"));
        }
        "keyPress" => EventKind::Key,
        name => match value_condition(name) {
            Some(found) => {
                let (usage, doc) = (found.usage(), found.doc);
                return Some(format!("```dsm\n{usage}\n```\n{doc}"));
            }
            None => event_kind(name)?,
        },
    };
    let written = match name {
        "keyPress" => "keyPress(key)".to_owned(),
        name => format!("{name}[(expression)]"),
    };
    let mut text = format!("```dsm\n{written}\n```\n");
    if let Some(event) = event_name(kind).and_then(event_condition) {
        let doc = event.doc;
        let _ = writeln!(text, "{doc}\n");
        if !event.is_raised {
            text += "**Not yet available**: the event does not come.\n\n";
        }
    }
    let mut parameters = kind.parameters().peekable();
    match parameters.peek() {
        None if !kind.has_params() => text += "The event has no parameters.",
        None => text += "No parameters are known for this event.",
        Some(_) => text += "Parameters:\n",
    }
    for parameter in parameters {
        let _ = writeln!(text, "- `#{}`: {}", parameter.name, parameter.doc);
    }
    Some(text)
}

/// The transitions into and out of a state.
fn state(analysis: &Analysis, name: &str) -> String {
    let (mut from, mut into) = (String::new(), String::new());
    for one in &analysis.index.declarations {
        let DeclarationKind::Transition {
            sources,
            conditions,
            target,
        } = &one.kind
        else {
            continue;
        };
        let when = if conditions.is_empty() {
            "always"
        } else {
            conditions
        };
        if sources.iter().any(|source| &**source == name) {
            let _ = writeln!(from, "- {when} → {target}");
        }
        if &**target == name {
            let _ = writeln!(into, "- {} → ({when})", sources.join(", "));
        }
    }
    let initial = analysis
        .index
        .declarations
        .iter()
        .any(|one| &*one.name == name && one.kind == DeclarationKind::State { initial: true });
    let initial = if initial { "initial " } else { "" };
    let list = |list: String| {
        if list.is_empty() {
            "- none\n".to_owned()
        } else {
            list
        }
    };
    format!(
        "```dsm\n{initial}state {name}\n```\nLeaves by:\n{}\nReached from:\n{}",
        list(from),
        list(into)
    )
}

fn function(analysis: &Analysis, name: &str) -> String {
    let uses = analysis.index.places(Entity::Function, name);
    let calls = uses.filter(|one| one.role == Role::Use).count();
    format!("```dsm\nfunction {name}()\n```\nInserted where it is called: {calls} times.")
}

/// Where a variable is assigned, and what it means if the server looks at it.
fn variable(workspace: &mut Workspace, cursor: &Cursor, name: &Occurrence) -> String {
    let mut text = format!("```dsm\n${}\n```\n", name.name);
    if let Some(meaning) = special(&name.name) {
        let _ = writeln!(text, "{meaning}\n");
    }
    let mut places = Vec::new();
    for one in workspace.related(&cursor.path) {
        let written = one.index.occurrences.iter().filter(|place| {
            let collection = name.entity == Entity::Collection;
            place.entity == Entity::Variable
                && place.role == Role::Write
                && (place.name == name.name || (collection && is_member(&place.name, &name.name)))
        });
        for place in written {
            let at = one.index.sources.location(place.span);
            let file = at.path.rsplit('/').next().unwrap_or(&at.path).to_owned();
            let line = one.index.sources.file(place.span.file).text();
            let line = line.lines().nth(at.line as usize - 1).unwrap_or("").trim();
            places.push(format!(
                "- {file}:{}: `{}`",
                at.line,
                line.replace('`', "'")
            ));
        }
    }
    places.sort_unstable();
    places.dedup();
    match places.len() {
        0 => text += "Assigned nowhere in these diagrams.",
        _ => text += "Assigned in:\n",
    }
    let more = places.len().saturating_sub(MAX_PLACES);
    places.truncate(MAX_PLACES);
    text += &places.join("\n");
    if more > 0 {
        let _ = write!(text, "\n- and {more} more");
    }
    text
}

/// What the server does with a variable.
fn special(name: &str) -> Option<&'static str> {
    if name.starts_with("config.") {
        return Some("Setting of the application.");
    }
    let found = VARIABLES.iter().find(|(known, _)| *known == name);
    found.map(|&(_, meaning)| meaning)
}

/// The variables the server sets or looks at, but for those that stand for many.
pub fn special_names() -> impl Iterator<Item = (&'static str, &'static str)> {
    let single = |(name, _): &(&str, &str)| !name.contains("NAME") && !name.contains('[');
    VARIABLES.iter().copied().filter(single)
}

/// What a select gives.
pub fn select(name: &str) -> Option<&'static str> {
    let found = SELECT_MEANINGS.iter().find(|(known, _)| *known == name);
    found.map(|&(_, meaning)| meaning)
}
