//! Go to definition, find references, highlight.

use std::collections::BTreeSet;
use std::rc::Rc;

use lsp_types::{
    DocumentHighlight, DocumentHighlightKind, DocumentHighlightParams, GotoDefinitionParams,
    GotoDefinitionResponse, Location, Position, Range, ReferenceParams,
};

use super::position::Lines;
use super::server::Refusal;
use super::uri::normal;
use super::workspace::{Analysis, Cursor, Workspace};
use crate::dsm::source::{EntryKind, FileId, SourceMap, Span};
use crate::dsm::symbols::{Entity, Occurrence, Role};
use crate::dsm::{SourceProvider, join};

/// Where the name under the cursor comes from.
pub fn definition(
    workspace: &mut Workspace,
    params: GotoDefinitionParams,
) -> Result<Option<GotoDefinitionResponse>, Refusal> {
    let Some(cursor) = workspace.cursor(&params.text_document_position_params) else {
        return Ok(None);
    };
    let found = match cursor.name() {
        Some(name) => of_name(workspace, &cursor, name),
        None => of_include(workspace, &cursor),
    };
    Ok((!found.is_empty()).then_some(GotoDefinitionResponse::Array(found)))
}

fn of_name(workspace: &mut Workspace, cursor: &Cursor, name: &Occurrence) -> Vec<Location> {
    match name.entity {
        Entity::State | Entity::Function => {
            let group = of_diagram(workspace, cursor, name);
            declared(workspace, &group, name)
        }
        Entity::Variable | Entity::Collection => {
            let group = workspace.related(&cursor.path);
            assigned(workspace, &group, name)
        }
        Entity::Diagram => diagrams(workspace, cursor, &name.name),
        Entity::File => files(workspace, &name.name),
        _ => Vec::new(),
    }
}

/// The declarations of a state or function.
fn declared(workspace: &Workspace, group: &[Rc<Analysis>], name: &Occurrence) -> Vec<Location> {
    places(workspace, group, name.entity, |one| {
        one.name == name.name && one.role == Role::Definition
    })
}

/// Where a variable, or a member of a collection, is assigned.
fn assigned(workspace: &Workspace, group: &[Rc<Analysis>], name: &Occurrence) -> Vec<Location> {
    places(workspace, group, Entity::Variable, |one| {
        let meant = match name.entity {
            Entity::Collection => is_member(&one.name, &name.name),
            _ => one.name == name.name,
        };
        meant && one.role == Role::Write
    })
}

/// Whether a variable is the element or member of an array or struct.
pub fn is_member(variable: &str, collection: &str) -> bool {
    variable
        .strip_prefix(collection)
        .is_some_and(|rest| rest.starts_with(['.', '[']))
}

/// All places of one kind, each once.
fn places(
    workspace: &Workspace,
    group: &[Rc<Analysis>],
    entity: Entity,
    wanted: impl Fn(&Occurrence) -> bool,
) -> Vec<Location> {
    let places = group.iter().flat_map(|one| {
        let found = one.index.occurrences.iter();
        let found = found.filter(|place| place.entity == entity && wanted(place));
        found.map(|place| (&one.index.sources, place.span))
    });
    locations(workspace, places)
}

fn locations<'a>(
    workspace: &Workspace,
    places: impl Iterator<Item = (&'a SourceMap, Span)>,
) -> Vec<Location> {
    let files = workspace.ranges(places).into_iter();
    files
        .filter_map(|(path, ranges)| Some((workspace.uri(&path)?, ranges)))
        .flat_map(|(uri, ranges)| {
            let at = move |range| Location::new(uri.clone(), range);
            ranges.into_iter().map(at)
        })
        .collect()
}

/// The beginning of a file.
fn beginning(workspace: &Workspace, path: &str) -> Option<Location> {
    let start = Range::new(Position::new(0, 0), Position::new(0, 0));
    Some(Location::new(workspace.uri(path)?, start))
}

fn diagrams(workspace: &mut Workspace, cursor: &Cursor, name: &str) -> Vec<Location> {
    let known = workspace.diagrams(&cursor.path);
    let found = known.iter().find(|one| one.name() == name);
    found
        .and_then(|one| beginning(workspace, &one.path))
        .into_iter()
        .collect()
}

/// The file of this name in each folder with prompts.
fn files(workspace: &Workspace, name: &str) -> Vec<Location> {
    let folders = match name.starts_with('/') {
        true => vec![String::new()],
        false => workspace.audio_folders(),
    };
    let paths = folders.iter().map(|folder| normal(&join(folder, name)));
    let there = |path: &String| workspace.documents.kind(path) == Some(EntryKind::File);
    paths
        .filter(there)
        .filter_map(|path| beginning(workspace, &path))
        .collect()
}

fn of_include(workspace: &Workspace, cursor: &Cursor) -> Vec<Location> {
    let at = cursor.offset as u32;
    let includes = cursor.analysis.index.includes.iter();
    let paths: BTreeSet<&str> = includes
        .filter(|one| one.span.file == cursor.file)
        .filter(|one| one.span.start <= at && at <= one.span.end)
        .map(|one| one.path.as_str())
        .filter(|path| workspace.documents.kind(path) == Some(EntryKind::File))
        .collect();
    let found = paths.into_iter();
    found
        .filter_map(|path| beginning(workspace, path))
        .collect()
}

/// Every place of the name under the cursor, in all diagrams that belong together.
pub fn references(
    workspace: &mut Workspace,
    params: ReferenceParams,
) -> Result<Option<Vec<Location>>, Refusal> {
    let Some(cursor) = workspace.cursor(&params.text_document_position) else {
        return Ok(None);
    };
    let Some(name) = cursor.name() else {
        return Ok(None);
    };
    let group = group(workspace, &cursor, name);
    let definitions = params.context.include_declaration;
    let places = group.iter().flat_map(|one| {
        let found = same(one, name);
        let found = found.filter(|place| definitions || place.role != Role::Definition);
        found.map(|place| (&one.index.sources, place.span))
    });
    Ok(Some(locations(workspace, places)))
}

/// The diagrams in which a name means the same.
pub fn group(workspace: &mut Workspace, cursor: &Cursor, name: &Occurrence) -> Vec<Rc<Analysis>> {
    match name.entity {
        Entity::State | Entity::Function => of_diagram(workspace, cursor, name),
        Entity::Variable | Entity::Collection | Entity::Parameter => {
            workspace.related(&cursor.path)
        }
        _ => workspace.diagrams(&cursor.path),
    }
}

/// Those of the document, and further ones that have a file in which the name stands: a state is
/// known in one diagram, but a file may be part of several.
fn of_diagram(workspace: &mut Workspace, cursor: &Cursor, name: &Occurrence) -> Vec<Rc<Analysis>> {
    let mut group = workspace.containing(&cursor.path);
    let mut rest = workspace.diagrams(&cursor.path);
    rest.retain(|one| group.iter().all(|known| known.path != one.path));
    let mut from = 0;
    while let Some(known) = group.get(from).cloned() {
        from += 1;
        let places = known.index.places(name.entity, &name.name);
        let files: BTreeSet<FileId> = places.map(|place| place.span.file).collect();
        let paths = files.iter().map(|&file| known.index.sources.file(file));
        let paths: Vec<String> = paths.map(|file| normal(file.path())).collect();
        let (near, far): (Vec<_>, Vec<_>) = rest
            .into_iter()
            .partition(|one| paths.iter().any(|path| one.has(path)));
        group.extend(near);
        rest = far;
    }
    group
}

/// Every place in a diagram that means the same as `name`. The members of a collection belong to it;
/// a single variable is only itself.
pub fn same<'a>(
    analysis: &'a Analysis,
    name: &'a Occurrence,
) -> impl Iterator<Item = &'a Occurrence> {
    analysis.index.occurrences.iter().filter(move |one| {
        let equal = one.entity == name.entity && one.name == name.name;
        let member = name.entity == Entity::Collection
            && one.entity == Entity::Variable
            && is_member(&one.name, &name.name);
        equal || member
    })
}

/// The places of the name under the cursor in its document.
pub fn highlight(
    workspace: &mut Workspace,
    params: DocumentHighlightParams,
) -> Result<Option<Vec<DocumentHighlight>>, Refusal> {
    let Some(cursor) = workspace.cursor(&params.text_document_position_params) else {
        return Ok(None);
    };
    let Some(name) = cursor.name() else {
        return Ok(None);
    };
    Ok(Some(highlights(workspace, &cursor, name, cursor.file)))
}

fn highlights(
    workspace: &Workspace,
    cursor: &Cursor,
    name: &Occurrence,
    file: FileId,
) -> Vec<DocumentHighlight> {
    let text = cursor.analysis.index.sources.file(file).text();
    let lines = Lines::new(text, workspace.encoding);
    let here = same(&cursor.analysis, name).filter(|one| one.span.file == file);
    here.map(|one| DocumentHighlight {
        range: lines.range(one.span.start as usize, one.span.end as usize),
        kind: Some(match one.role {
            Role::Definition | Role::Write => DocumentHighlightKind::WRITE,
            Role::Use => DocumentHighlightKind::READ,
        }),
    })
    .collect()
}
