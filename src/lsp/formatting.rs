//! The canonical layout: of a document, or of the lines that are selected.

use std::ops::Range as Bytes;

use lsp_types::{
    DocumentFormattingParams, DocumentRangeFormattingParams, Position, Range, TextEdit,
};
use similar::TextDiff;

use super::position::Lines;
use super::server::Refusal;
use super::uri::path_of;
use super::workspace::Workspace;
use crate::dsm::{FormatError, format};

/// Documents of more lines are replaced as a whole, because a comparison takes too long.
const MAX_COMPARED_LINES: usize = 10_000;

/// Answers a request for a whole document. Nothing is changed where there are mistakes: the findings
/// show them already.
pub fn document(
    workspace: &Workspace,
    params: DocumentFormattingParams,
) -> Result<Option<Vec<TextEdit>>, Refusal> {
    let path = path_of(&params.text_document.uri);
    let Some(document) = workspace.documents.document(&path) else {
        return Ok(None);
    };
    let changes = changes(&path, &document.text)?;
    Ok(changes.map(|changes| edits(workspace, &document.text, &changes)))
}

/// Answers a request for some lines: the changes of the whole document that touch them, and those
/// around that these do not make sense without.
pub fn range(
    workspace: &Workspace,
    params: DocumentRangeFormattingParams,
) -> Result<Option<Vec<TextEdit>>, Refusal> {
    let path = path_of(&params.text_document.uri);
    let Some(document) = workspace.documents.document(&path) else {
        return Ok(None);
    };
    let text = &document.text;
    let Some(changes) = changes(&path, text)? else {
        return Ok(None);
    };
    let whole = applied(text, &changes);
    let lines = Lines::new(text, workspace.encoding);
    let start = lines.offset(Position::new(params.range.start.line, 0));
    let end = lines.offset(params.range.end);
    let mut first = changes.partition_point(|change| change.place.end < start);
    let mut last = changes.partition_point(|change| change.place.start <= end);
    let mut more = 1;
    while first < last {
        let some = applied(text, &changes[first..last]);
        let all = last - first == changes.len();
        if all || format(&path, &some).is_ok_and(|again| again == whole) {
            break;
        }
        first = first.saturating_sub(more);
        last = (last + more).min(changes.len());
        more *= 2;
    }
    let some = changes.get(first..last).unwrap_or_default();
    Ok(Some(edits(workspace, text, some)))
}

/// Lines that are replaced.
struct Change {
    place: Bytes<usize>,
    new: String,
}

/// What the layout changes, in the order of the text; `None` if there are mistakes.
fn changes(path: &str, text: &str) -> Result<Option<Vec<Change>>, Refusal> {
    let formatted = match format(path, text) {
        Ok(formatted) => formatted,
        Err(FormatError::Refused(_)) => return Ok(None),
        Err(error @ FormatError::Unsafe) => return Err(Refusal::failed(error.to_string())),
    };
    if formatted == text {
        return Ok(Some(Vec::new()));
    }
    if text.lines().count() > MAX_COMPARED_LINES {
        let place = 0..text.len();
        let new = formatted;
        return Ok(Some(vec![Change { place, new }]));
    }
    let diff = TextDiff::from_lines(text, &formatted);
    let (old, new) = (
        starts(diff.iter_old_slices()),
        starts(diff.iter_new_slices()),
    );
    let changed = diff
        .ops()
        .iter()
        .filter(|op| op.tag() != similar::DiffTag::Equal);
    let change = |op: &similar::DiffOp| {
        let (from, to) = (op.old_range(), op.new_range());
        Change {
            place: old[from.start]..old[from.end],
            new: formatted[new[to.start]..new[to.end]].to_owned(),
        }
    };
    Ok(Some(changed.map(change).collect()))
}

/// Where each line begins, and the last one ends.
fn starts<'t>(lines: impl Iterator<Item = &'t str>) -> Vec<usize> {
    let mut starts = vec![0];
    for line in lines {
        starts.push(starts[starts.len() - 1] + line.len());
    }
    starts
}

fn applied(text: &str, changes: &[Change]) -> String {
    let mut out = String::new();
    let mut at = 0;
    for Change { place, new } in changes {
        out += &text[at..place.start];
        out += new;
        at = place.end;
    }
    out + &text[at..]
}

fn edits(workspace: &Workspace, text: &str, changes: &[Change]) -> Vec<TextEdit> {
    let lines = Lines::new(text, workspace.encoding);
    let edit = |Change { place, new }: &Change| {
        let range: Range = lines.range(place.start, place.end);
        TextEdit::new(range, new.clone())
    };
    changes.iter().map(edit).collect()
}
