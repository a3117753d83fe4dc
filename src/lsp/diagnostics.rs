//! Findings of `muleteer check` for the open documents, as one types.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use lsp_types::{
    Diagnostic as Shown, DiagnosticRelatedInformation, DiagnosticSeverity, DiagnosticTag,
    NumberOrString, Position, PublishDiagnosticsParams, Range,
};

use super::documents::MAX_DOCUMENT_BYTES;
use super::position::Lines;
use super::uri::normal;
use super::workspace::{Analysis, Workspace};
use crate::dsm::source::Span;
use crate::dsm::{Diagnostic, Severity};

/// Findings shown for one document; a broken file has thousands, and nobody reads them.
const MAX_SHOWN: usize = 200;

/// The findings of each open document, with its path.
pub fn all(workspace: &mut Workspace) -> Vec<(String, PublishDiagnosticsParams)> {
    let open: Vec<String> = workspace
        .documents
        .iter()
        .map(|(path, _)| path.to_owned())
        .collect();
    open.into_iter()
        .filter_map(|path| {
            let shown = of_document(workspace, &path);
            let document = workspace.documents.document(&path)?;
            let (uri, version) = (document.uri.clone(), Some(document.version));
            Some((path, PublishDiagnosticsParams::new(uri, shown, version)))
        })
        .collect()
}

/// The message that takes back what was published for a document.
pub fn none(workspace: &Workspace, path: &str) -> Option<PublishDiagnosticsParams> {
    let uri = workspace.uri(path)?;
    Some(PublishDiagnosticsParams::new(uri, Vec::new(), None))
}

fn of_document(workspace: &mut Workspace, path: &str) -> Vec<Shown> {
    if workspace
        .documents
        .document(path)
        .is_some_and(|document| document.too_long)
    {
        return vec![too_long()];
    }
    let analyses = workspace.containing(path);
    let encoding = workspace.encoding;
    let Some(lines) = analyses.iter().find_map(|one| one.lines(path, encoding)) else {
        return Vec::new();
    };
    // A part of several diagrams has most of its findings in each.
    let mut seen = BTreeSet::new();
    let found = analyses.iter().flat_map(|one| one.findings(path));
    let mut found: Vec<_> = found
        .filter(|(finding, span)| {
            seen.insert((span.start, span.end, finding.code, &finding.message))
        })
        .collect();
    // Where there are too many, the worst are kept.
    found.sort_by_key(|(finding, _)| Reverse(finding.severity));
    found.truncate(MAX_SHOWN);
    found.sort_by_key(|(_, span)| span.start);
    let shown = found
        .iter()
        .map(|(finding, span)| show(&lines, finding, *span));
    let mut shown: Vec<Shown> = shown.collect();
    for analysis in &analyses {
        shown.extend(elsewhere(workspace, analysis, path));
    }
    shown
}

/// One finding as the editor shows it.
pub fn show(lines: &Lines<'_>, finding: &Diagnostic, span: Span) -> Shown {
    let hint = finding.hint.as_ref();
    let message = match hint {
        Some(hint) => format!("{}\nhint: {hint}", finding.message),
        None => finding.message.clone(),
    };
    Shown {
        range: lines.range(span.start as usize, span.end as usize),
        severity: Some(severity(finding.severity)),
        code: Some(NumberOrString::String(finding.code.to_owned())),
        source: Some("muleteer".into()),
        message,
        tags: tags(finding.code),
        ..Default::default()
    }
}

fn severity(severity: Severity) -> DiagnosticSeverity {
    match severity {
        Severity::Error => DiagnosticSeverity::ERROR,
        Severity::Warning => DiagnosticSeverity::WARNING,
        Severity::Note => DiagnosticSeverity::INFORMATION,
    }
}

fn tags(code: &str) -> Option<Vec<DiagnosticTag>> {
    match code {
        "deprecated-action" => Some(vec![DiagnosticTag::DEPRECATED]),
        "unreachable-state" | "unreachable-transition" => Some(vec![DiagnosticTag::UNNECESSARY]),
        _ => None,
    }
}

/// What is wrong in included files that are not open, at the lines that include them.
fn elsewhere(workspace: &Workspace, analysis: &Analysis, path: &str) -> Vec<Shown> {
    let mut shown = Vec::new();
    let mut seen = BTreeSet::new();
    for include in &analysis.index.includes {
        let target = normal(&include.path);
        let from = analysis.index.sources.file(include.span.file).path();
        let here = normal(from) == path && seen.insert((include.span, target.clone()));
        if !here || workspace.documents.document(&target).is_some() {
            continue;
        }
        let bad: Vec<_> = analysis
            .findings(&target)
            .filter(|(finding, _)| finding.severity >= Severity::Warning)
            .collect();
        let Some(worst) = bad.iter().map(|(finding, _)| finding.severity).max() else {
            continue;
        };
        let related = bad.iter().take(10).filter_map(|(finding, span)| {
            let location = workspace.location(&analysis.loaded.sources, *span)?;
            let message = finding.message.clone();
            Some(DiagnosticRelatedInformation { location, message })
        });
        shown.push(Shown {
            range: workspace.range(&analysis.index.sources, include.span),
            severity: Some(severity(worst)),
            code: Some(NumberOrString::String(bad[0].0.code.to_owned())),
            source: Some("muleteer".into()),
            message: format!(
                "{} findings in '{target}', such as: {}",
                bad.len(),
                bad[0].0.message
            ),
            related_information: Some(related.collect()),
            ..Default::default()
        });
    }
    shown
}

fn too_long() -> Shown {
    let text = format!(
        "this document is longer than {} KiB and is not looked at; split it with #include",
        MAX_DOCUMENT_BYTES >> 10
    );
    let start = Position::new(0, 0);
    Shown {
        range: Range::new(start, start),
        severity: Some(DiagnosticSeverity::WARNING),
        code: Some(NumberOrString::String("source-too-large".into())),
        source: Some("muleteer".into()),
        message: text,
        ..Default::default()
    }
}
