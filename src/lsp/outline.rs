//! Outline of a document, symbols of the workspace, and what can be folded.

use lsp_types::{
    DocumentSymbol, DocumentSymbolParams, DocumentSymbolResponse, FoldingRange, FoldingRangeKind,
    FoldingRangeParams, SymbolInformation, SymbolKind, WorkspaceSymbolParams,
    WorkspaceSymbolResponse,
};

use super::position::Lines;
use super::server::Refusal;
use super::uri::path_of;
use super::workspace::{Analysis, Workspace};
use crate::dsm::source::{FileId, Span};
use crate::dsm::symbols::{Declaration, DeclarationKind};

/// Symbols given for one query.
const MAX_SYMBOLS: usize = 500;

/// States with the transitions that leave them, and functions.
pub fn document(
    workspace: &mut Workspace,
    params: DocumentSymbolParams,
) -> Result<Option<DocumentSymbolResponse>, Refusal> {
    let path = path_of(&params.text_document.uri);
    let Some((analysis, file)) = workspace.view(&path) else {
        return Ok(None);
    };
    let lines = Lines::new(analysis.index.sources.file(file).text(), workspace.encoding);
    let outline = outline(&analysis, file, &lines);
    Ok(Some(DocumentSymbolResponse::Nested(outline)))
}

fn outline(analysis: &Analysis, file: FileId, lines: &Lines<'_>) -> Vec<DocumentSymbol> {
    let mut outline: Vec<DocumentSymbol> = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    let here = analysis.index.declarations.iter();
    for one in here.filter(|one| one.span.file == file && seen.insert(one.span)) {
        let symbol = symbol(one, lines);
        let DeclarationKind::Transition { sources, .. } = &one.kind else {
            outline.push(symbol);
            continue;
        };
        let state = outline.iter_mut().find(|state| {
            state.kind == SymbolKind::CLASS && sources.iter().any(|name| **name == *state.name)
        });
        match state {
            Some(state) => state.children.get_or_insert_default().push(symbol),
            None => outline.push(symbol),
        }
    }
    outline
}

fn symbol(one: &Declaration, lines: &Lines<'_>) -> DocumentSymbol {
    let range = |span: Span| lines.range(span.start as usize, span.end as usize);
    let (kind, detail) = describe(one);
    // An empty name would make clients refuse the whole answer.
    let name = if one.name.is_empty() {
        "(no name)"
    } else {
        &one.name
    };
    #[allow(deprecated, reason = "the field has to be given")]
    DocumentSymbol {
        name: name.to_owned(),
        detail,
        kind,
        tags: None,
        deprecated: None,
        range: range(one.span.to(one.name_span)),
        selection_range: range(one.name_span),
        children: None,
    }
}

fn describe(one: &Declaration) -> (SymbolKind, Option<String>) {
    match &one.kind {
        DeclarationKind::State { initial } => {
            (SymbolKind::CLASS, initial.then(|| "initial".to_owned()))
        }
        DeclarationKind::Function => (SymbolKind::FUNCTION, None),
        DeclarationKind::Transition {
            sources,
            conditions,
            target,
        } => {
            let detail = format!("{} - {conditions} → {target}", sources.join(", "));
            (SymbolKind::EVENT, Some(detail))
        }
    }
}

/// The states, functions, transitions and diagrams whose names contain the query.
pub fn workspace(
    workspace: &mut Workspace,
    params: WorkspaceSymbolParams,
) -> Result<Option<WorkspaceSymbolResponse>, Refusal> {
    let query = params.query.to_lowercase();
    let fits = |name: &str| name.to_lowercase().contains(&query);
    let mut found: Vec<SymbolInformation> = Vec::new();
    for analysis in workspace.every_diagram() {
        let sources = &analysis.index.sources;
        for one in &analysis.index.declarations {
            if !fits(&one.name) || found.len() >= MAX_SYMBOLS {
                continue;
            }
            let Some(location) = workspace.location(sources, one.name_span) else {
                continue;
            };
            #[allow(deprecated, reason = "the field has to be given")]
            let symbol = SymbolInformation {
                name: one.name.to_string(),
                kind: describe(one).0,
                tags: None,
                deprecated: None,
                location,
                container_name: Some(analysis.name().to_owned()),
            };
            // What several diagrams include is one symbol.
            if found.iter().all(|known| known.location != symbol.location) {
                found.push(symbol);
            }
        }
    }
    Ok(Some(WorkspaceSymbolResponse::Flat(found)))
}

/// Blocks, declarations and comments of more than one line.
pub fn folding(
    workspace: &mut Workspace,
    params: FoldingRangeParams,
) -> Result<Option<Vec<FoldingRange>>, Refusal> {
    let path = path_of(&params.text_document.uri);
    let Some((analysis, file)) = workspace.view(&path) else {
        return Ok(None);
    };
    let index = &analysis.index;
    let lines = Lines::new(index.sources.file(file).text(), workspace.encoding);
    let line = |at: u32| lines.position(at as usize).line;
    let mut ranges: Vec<(u32, u32, Option<FoldingRangeKind>)> = Vec::new();
    let declared = index.declarations.iter().map(|one| &one.span);
    for span in index.blocks.iter().chain(declared) {
        if span.file == file {
            ranges.push((line(span.start), line(span.end), None));
        }
    }
    for span in index.comments.iter().filter(|span| span.file == file) {
        let at = line(span.start);
        match ranges.last_mut() {
            Some((_, end, Some(_))) if *end + 1 == at => *end = at,
            _ => ranges.push((at, at, Some(FoldingRangeKind::Comment))),
        }
    }
    ranges.retain(|(start, end, _)| start < end);
    ranges.sort_by_key(|&(start, end, _)| (start, std::cmp::Reverse(end)));
    // An editor folds at a line; of several that begin in one the longest counts.
    ranges.dedup_by_key(|(start, ..)| *start);
    let folds = ranges
        .into_iter()
        .map(|(start_line, end_line, kind)| FoldingRange {
            start_line,
            end_line,
            kind,
            ..Default::default()
        });
    Ok(Some(folds.collect()))
}
