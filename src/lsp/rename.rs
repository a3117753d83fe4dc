//! Renaming states, functions and variables.
//!
//! A variable is renamed alone: `a` does not take `a.b` or `a[0]` with it, because the language knows
//! them as three variables. Where a name stands for all of them (the array or struct of a loop,
//! `size(a, ..)`, `clearStruct(a)`), renaming it renames every `a.b` and `a[0]`, and not the single
//! variable `a`. Names that are put together while a call runs are not found.

use std::collections::BTreeMap;
use std::rc::Rc;

use lsp_types::{
    PrepareRenameResponse, RenameParams, TextDocumentPositionParams, TextEdit, WorkspaceEdit,
};

use super::navigation::{group, is_member, same};
use super::position::Lines;
use super::server::Refusal;
use super::uri::normal;
use super::workspace::{Analysis, Cursor, Workspace};
use crate::dsm::KEYWORDS;
use crate::dsm::symbols::{Entity, Occurrence};

/// Whether the name under the cursor can be renamed, and what it is.
pub fn prepare(
    workspace: &mut Workspace,
    params: TextDocumentPositionParams,
) -> Result<Option<PrepareRenameResponse>, Refusal> {
    let Some(cursor) = workspace.cursor(&params) else {
        return Ok(None);
    };
    let Some(name) = cursor.name().filter(|name| renamable(name.entity)) else {
        return Ok(None);
    };
    Ok(Some(PrepareRenameResponse::RangeWithPlaceholder {
        range: workspace.range(&cursor.analysis.index.sources, name.span),
        placeholder: name.name.to_string(),
    }))
}

/// The changes that give the name under the cursor another name.
pub fn rename(
    workspace: &mut Workspace,
    params: RenameParams,
) -> Result<Option<WorkspaceEdit>, Refusal> {
    let cursor = workspace.cursor(&params.text_document_position);
    let refused = || Refusal::failed("only states, functions and variables can be renamed");
    let cursor = cursor.ok_or_else(refused)?;
    let name = cursor.name().ok_or_else(refused)?;
    let new = match name.entity {
        Entity::State => state_name(&params.new_name)?,
        Entity::Function => function_name(workspace, &cursor, &params.new_name)?,
        Entity::Variable | Entity::Collection => variable_name(name.entity, &params.new_name)?,
        _ => return Err(refused()),
    };
    let group = group(workspace, &cursor, name);
    let taken = matches!(name.entity, Entity::State | Entity::Function)
        && new != &*name.name
        && group
            .iter()
            .any(|one| one.index.places(name.entity, new).next().is_some());
    if taken {
        return Err(Refusal::failed(format!("the name '{new}' is taken")));
    }
    Ok(Some(edit(workspace, &group, name, new)))
}

fn renamable(entity: Entity) -> bool {
    matches!(
        entity,
        Entity::State | Entity::Function | Entity::Variable | Entity::Collection
    )
}

fn edit(
    workspace: &Workspace,
    group: &[Rc<Analysis>],
    name: &Occurrence,
    new: &str,
) -> WorkspaceEdit {
    let mut files: BTreeMap<String, (&str, BTreeMap<u32, &Occurrence>)> = BTreeMap::new();
    for analysis in group {
        for place in same(analysis, name) {
            let file = analysis.index.sources.file(place.span.file);
            let of_file = files.entry(normal(file.path()));
            let (_, places) = of_file.or_insert_with(|| (file.text(), BTreeMap::new()));
            places.insert(place.span.start, place);
        }
    }
    let edits = files.into_iter().map(|(path, (text, places))| {
        let lines = Lines::new(text, workspace.encoding);
        let edit = |place: &Occurrence| TextEdit {
            range: lines.range(place.span.start as usize, place.span.end as usize),
            new_text: replacement(text, place, name, new),
        };
        let edits: Vec<TextEdit> = places.into_values().map(edit).collect();
        (path, edits)
    });
    #[allow(
        clippy::mutable_key_type,
        reason = "the library's map; nobody changes a URI"
    )]
    let changes = edits
        .filter_map(|(path, edits)| Some((workspace.uri(&path)?, edits)))
        .collect();
    WorkspaceEdit::new(changes)
}

/// What stands at a place afterwards.
fn replacement(text: &str, place: &Occurrence, name: &Occurrence, new: &str) -> String {
    let before = text[..place.span.start as usize].chars().next_back();
    let quoted = matches!(before, Some('"' | '\''));
    match place.entity {
        Entity::State if !quoted && needs_quotes(new) => format!("\"{new}\""),
        // A bare name in a text ends at a bracket.
        Entity::Variable if name.entity == Entity::Variable && new.contains('[') => {
            let dollar = before == Some('$');
            if dollar {
                format!("({new})")
            } else {
                new.to_owned()
            }
        }
        Entity::Variable
            if is_member(&place.name, &name.name) && name.entity == Entity::Collection =>
        {
            format!("{new}{}", &place.name[name.name.len()..])
        }
        _ => new.to_owned(),
    }
}

/// Whether a state's name has to be written in quotes.
pub fn needs_quotes(name: &str) -> bool {
    name.contains([
        ' ', '\t', ';', '{', '}', '[', ']', '(', ')', '#', '-', '/', '\'',
    ]) || KEYWORDS.contains(&name)
}

fn state_name(new: &str) -> Result<&str, Refusal> {
    let new = new.trim();
    let bad = |why: &str| {
        Err(Refusal::failed(format!(
            "'{new}' cannot name a state: {why}"
        )))
    };
    match new {
        "" => bad("it is empty"),
        _ if KEYWORDS.contains(&new) => bad("it is a keyword"),
        _ if new.contains(',') => bad("a comma separates states in a list"),
        _ if new.contains('"') || new.contains('\\') => bad("it has a quote or backslash in it"),
        _ if new.contains(['\n', '\r']) => bad("it has more than one line"),
        _ => Ok(new),
    }
}

fn function_name<'n>(
    workspace: &Workspace,
    cursor: &Cursor,
    new: &'n str,
) -> Result<&'n str, Refusal> {
    let new = new.trim();
    let bad = |why: &str| {
        Err(Refusal::failed(format!(
            "'{new}' cannot name a function: {why}"
        )))
    };
    let imports = &cursor.analysis.index.imports;
    match new {
        _ if !is_word(new) => bad("write letters, digits, '_' and '.', a letter first"),
        _ if KEYWORDS.contains(&new) => bad("it is a keyword"),
        _ if workspace.registry.action_in_reach(new, imports).is_some() => {
            bad("it would hide the action of this name")
        }
        _ => Ok(new),
    }
}

fn variable_name(entity: Entity, new: &str) -> Result<&str, Refusal> {
    let new = new.trim();
    let new = new.strip_prefix('$').unwrap_or(new);
    let bad = |why: &str| {
        Err(Refusal::failed(format!(
            "'{new}' cannot name a variable: {why}"
        )))
    };
    let mut brackets = new.split('[').skip(1);
    let indexed = |part: &str| {
        let index = part.split_once(']').map(|(index, _)| index);
        index.is_some_and(|index| !index.is_empty() && index.bytes().all(|b| b.is_ascii_digit()))
    };
    match new {
        _ if !is_word(&new.replace(['[', ']'], "")) => {
            bad("write letters, digits, '_' and '.', a letter first")
        }
        _ if !brackets.all(indexed) || new.matches('[').count() != new.matches(']').count() => {
            bad("write an index as in 'a[0]'")
        }
        _ if entity == Entity::Collection && new.ends_with('.') => bad("it ends with a dot"),
        _ => Ok(new),
    }
}

fn is_word(name: &str) -> bool {
    let first = name.chars().next();
    first.is_some_and(|c| c.is_alphabetic() || c == '_')
        && !name.ends_with('.')
        && name
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | '.'))
}
