//! What is known about the name under the cursor.

use std::fmt::Write as _;

use lsp_types::{Hover, HoverContents, HoverParams, MarkupContent, MarkupKind};

use super::navigation::is_member;
use super::server::Refusal;
use super::workspace::{Analysis, Cursor, Workspace};
use crate::dsm::symbols::{DeclarationKind, Entity, Occurrence, Role};
use crate::dsm::{EventKind, Signature, event_kind};

/// Places listed for a variable.
const MAX_PLACES: usize = 12;

/// Answers a request.
pub fn hover(workspace: &mut Workspace, params: HoverParams) -> Result<Option<Hover>, Refusal> {
    let Some(cursor) = workspace.cursor(&params.text_document_position_params) else {
        return Ok(None);
    };
    let Some(name) = cursor.name() else {
        return Ok(None);
    };
    let Some(value) = describe(workspace, &cursor, name) else {
        return Ok(None);
    };
    let contents = MarkupContent {
        kind: MarkupKind::Markdown,
        value,
    };
    Ok(Some(Hover {
        contents: HoverContents::Markup(contents),
        range: Some(workspace.range(&cursor.analysis.index.sources, name.span)),
    }))
}

fn describe(workspace: &mut Workspace, cursor: &Cursor, name: &Occurrence) -> Option<String> {
    let analysis = &cursor.analysis;
    match name.entity {
        Entity::Action => {
            let imports = &analysis.index.imports;
            let found = workspace.registry.action_in_reach(&name.name, imports);
            found.map(action)
        }
        Entity::Condition => condition(&name.name),
        Entity::State => Some(state(analysis, &name.name)),
        Entity::Function => Some(function(analysis, &name.name)),
        Entity::Variable | Entity::Collection => Some(variable(workspace, cursor, name)),
        Entity::Select => {
            let text = select(&name.name)?;
            Some(format!("```dsm\n@{}\n```\n{text}", name.name))
        }
        Entity::Parameter => Some(format!("```dsm\n#{}\n```\nAn event parameter.", name.name)),
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

/// Usage, description and parameters of an action.
pub fn action(signature: &Signature) -> String {
    let mut text = format!("```dsm\n{}\n```\n{}", signature.usage(), signature.doc);
    if let Some(remark) = signature.remark_text() {
        let _ = write!(text, "\n\nNote: {remark}.");
    }
    if let Some(module) = signature.module() {
        let _ = write!(text, "\n\nFrom `{module}`.");
    }
    text
}

/// What a condition asks for, and the parameters of its event.
pub fn condition(name: &str) -> Option<String> {
    let kind = match name {
        "test" => {
            let text = "Compares values; holds for any event.";
            return Some(format!("```dsm\ntest(expression)\n```\n{text}"));
        }
        "keyPress" => EventKind::Key,
        name => event_kind(name)?,
    };
    let written = match name {
        "keyPress" => "keyPress(key)".to_owned(),
        name => format!("{name}[(expression)]"),
    };
    let names: Vec<&str> = kind.parameters().map(|it| it.name).collect();
    let parameters = match names.as_slice() {
        [] if !kind.has_params() => "The event has no parameters.".to_owned(),
        [] => "No parameters are known for this event.".to_owned(),
        names => format!("Parameters: `#{}`", names.join("` `#")),
    };
    let mut text = format!("```dsm\n{written}\n```\n{parameters}");
    if kind == EventKind::Key {
        text += "\n\n`#key` is 0 to 9, 10 for `*`, 11 for `#`, 12 to 15 for A to D.";
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

/// Variables the server sets or looks at.
const SPECIAL: &[(&str, &str)] = &[
    (
        "connect_session",
        "`0`: do not connect media at session start.",
    ),
    (
        "connect_early_session",
        "`0`: do not connect media for early media.",
    ),
    (
        "accept_early_session",
        "`0`: an outgoing call does not want early media.",
    ),
    ("enable_request_events", "`true`: raise `sipRequest`."),
    ("enable_reply_events", "`true`: raise `sipReply`."),
    (
        "prompts.default_fallback",
        "`yes`: a prompt that is missing in the prompt set is taken from the default set.",
    ),
    (
        "errno",
        "The last error: empty, `file`, `arg`, `script`, `config`, `internal`, `general`, ...",
    ),
    ("strerror", "The text of the last error."),
    ("index", "The result of `arrayIndex`."),
    (
        "record_length",
        "The result of `getRecordLength`, in milliseconds.",
    ),
    (
        "record_data_size",
        "The result of `getRecordDataSize`, in bytes.",
    ),
    ("DI_res", "The result of `DIgetResult`."),
    (
        "dlg.reply.hdrs",
        "Extra headers for replies; `\\r\\n` separates them.",
    ),
];

/// What the server does with a variable.
pub fn special(name: &str) -> Option<&'static str> {
    if name.starts_with("config.") {
        return Some("A value of the configuration.");
    }
    let found = SPECIAL.iter().find(|(known, _)| *known == name);
    found.map(|&(_, meaning)| meaning)
}

/// The variables the server sets or looks at.
pub fn special_names() -> impl Iterator<Item = (&'static str, &'static str)> {
    SPECIAL.iter().copied()
}

/// What a select gives.
pub fn select(name: &str) -> Option<&'static str> {
    let text = match name {
        "local_tag" => "The id of this session: its address for `postEvent`.",
        "remote_tag" => "The tag of the other side.",
        "callid" => "The Call-ID.",
        "user" => "The user part of the request URI.",
        "domain" => "The host part of the request URI.",
        "local_uri" => "The URI of this side.",
        "remote_uri" => "The URI of the other side.",
        "local_party" => "The To header of an incoming call, the From header of an outgoing one.",
        "remote_party" => "The From header of an incoming call, the To header of an outgoing one.",
        _ => return None,
    };
    Some(text)
}
