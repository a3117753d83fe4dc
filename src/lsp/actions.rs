//! Quick fixes for findings whose remedy is sure, and comments that allow findings.

use std::collections::HashMap;

use lsp_types::{
    CodeAction, CodeActionKind, CodeActionOrCommand, CodeActionParams, Range, TextEdit,
    WorkspaceEdit,
};

use super::diagnostics::show;
use super::position::Lines;
use super::server::Refusal;
use super::uri::path_of;
use super::workspace::{Analysis, Workspace};
use crate::dsm::diagnostic::AllowLine;
use crate::dsm::source::Span;
use crate::dsm::symbols::{Place, spot};
use crate::dsm::{Diagnostic, Severity};

/// The fixes for the findings in a range.
pub fn actions(
    workspace: &mut Workspace,
    params: CodeActionParams,
) -> Result<Option<Vec<CodeActionOrCommand>>, Refusal> {
    let path = path_of(&params.text_document.uri);
    let Some(text) = workspace.documents.document(&path) else {
        return Ok(None);
    };
    let lines = Lines::new(&text.text, workspace.encoding);
    let wanted = (
        lines.offset(params.range.start),
        lines.offset(params.range.end),
    );
    let mut actions: Vec<CodeActionOrCommand> = Vec::new();
    for analysis in workspace.containing(&path) {
        for (finding, span) in analysis.findings(&path) {
            if (span.end as usize) < wanted.0 || wanted.1 < span.start as usize {
                continue;
            }
            let sure = fix(&analysis, &path, finding, span);
            let allowed = allow(workspace, &analysis, finding, span);
            for fix in sure.into_iter().chain(allowed) {
                let action = action(workspace, &analysis, finding, span, fix, &params);
                let action = CodeActionOrCommand::CodeAction(action);
                if !actions.contains(&action) {
                    actions.push(action);
                }
            }
        }
    }
    Ok(Some(actions))
}

/// A change of one place.
struct Fix {
    title: String,
    start: u32,
    end: u32,
    text: String,
    /// It is what nearly everybody wants.
    sure: bool,
}

fn action(
    workspace: &Workspace,
    analysis: &Analysis,
    finding: &Diagnostic,
    span: Span,
    fix: Fix,
    params: &CodeActionParams,
) -> CodeAction {
    let text = analysis.loaded.sources.file(span.file).text();
    let lines = Lines::new(text, workspace.encoding);
    let range: Range = lines.range(fix.start as usize, fix.end as usize);
    let edit = TextEdit::new(range, fix.text);
    let uri = params.text_document.uri.clone();
    CodeAction {
        title: fix.title,
        kind: Some(CodeActionKind::QUICKFIX),
        diagnostics: Some(vec![show(&lines, finding, span)]),
        edit: Some(WorkspaceEdit::new(HashMap::from([(uri, vec![edit])]))),
        is_preferred: Some(fix.sure),
        ..Default::default()
    }
}

fn fix(analysis: &Analysis, path: &str, finding: &Diagnostic, span: Span) -> Option<Fix> {
    let hint = finding.hint.as_deref().unwrap_or("");
    if let Some(better) = between(hint, "did you mean '", "'") {
        return replace(analysis, path, finding, span, better);
    }
    if let Some(module) = between(hint, "add 'import(", ");'") {
        return Some(Fix {
            title: format!("import {module}"),
            start: 0,
            end: 0,
            text: format!("import({module});\n"),
            sure: true,
        });
    }
    match finding.code {
        "name-case" => {
            let better = between(&finding.message, "is written '", "'")?;
            replace(analysis, path, finding, span, better)
        }
        // It is missed where it belongs.
        "missing-semicolon" => Some(Fix {
            title: "add ';'".into(),
            start: span.start,
            end: span.start,
            text: ";".into(),
            sure: true,
        }),
        _ => None,
    }
}

/// A comment that says the finding is meant.
fn allow(
    workspace: &Workspace,
    analysis: &Analysis,
    finding: &Diagnostic,
    span: Span,
) -> Option<Fix> {
    let about_comments = ["bad-allow", "unknown-code", "unused-allow"].contains(&finding.code);
    if finding.severity == Severity::Error || about_comments {
        return None;
    }
    let text = analysis.loaded.sources.file(span.file).text();
    let AllowLine {
        start,
        text: line,
        covers_file,
    } = AllowLine::above(text, span.start as usize, finding.code);
    // Between the lines of a text or of arguments it would be taken out of these.
    let around = spot(text, start, &analysis.index.imports, &workspace.registry);
    if around.quoted || matches!(around.place, Place::Argument(_) | Place::Include) {
        return None;
    }
    let place = if covers_file { "in this file" } else { "here" };
    Some(Fix {
        title: format!("allow '{}' {place}", finding.code),
        start: start as u32,
        end: start as u32,
        text: line,
        sure: false,
    })
}

/// Replaces the name that the message tells of.
fn replace(
    analysis: &Analysis,
    path: &str,
    finding: &Diagnostic,
    span: Span,
    better: &str,
) -> Option<Fix> {
    let wrong = between(&finding.message, "'", "'")?;
    let file = analysis.file(path)?;
    let inside = |place: &Span| place.start >= span.start && place.end <= span.end;
    let mut places = analysis.index.occurrences.iter();
    let place =
        places.find(|one| one.span.file == file && inside(&one.span) && &*one.name == wrong);
    // A misspelt keyword is no name; then the finding is about just this word.
    let text = analysis.loaded.sources.file(span.file).text();
    let word = text.get(span.start as usize..span.end as usize)? == wrong;
    let place = place.map(|one| one.span).or(word.then_some(span))?;
    Some(Fix {
        title: format!("write '{better}'"),
        start: place.start,
        end: place.end,
        text: better.to_owned(),
        sure: true,
    })
}

fn between<'t>(text: &'t str, before: &str, after: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(found, _)| found)
}
