//! Writes the traces that came into the text of an `.expect` file.

use similar::DiffOp;

use super::diff::ops;
use super::run::{Failure, FailureKind};

/// The text with the trace of every failing event replaced by what the diagram did; `None` if no trace
/// failed. Comments, assertions and everything that is right stay where they are.
pub fn updated(text: &str, failures: &[Failure]) -> Option<String> {
    let ending = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let mut lines: Vec<Line> = text.lines().map(Line::new).collect();
    let mut changed = false;
    for failure in failures {
        let FailureKind::Trace { expected, got, .. } = &failure.kind else {
            continue;
        };
        changed = true;
        let indent = expected.first().map_or("  ", |first| {
            let line = lines[first.line - 1].text;
            &line[..line.len() - line.trim_start().len()]
        });
        // New lines go behind the last line that was passed.
        let mut last = failure.line;
        for op in ops(expected, got) {
            let (_, old, new) = op.as_tag_tuple();
            let same = matches!(op, DiffOp::Equal { .. });
            for trace in &expected[old] {
                last = trace.line;
                lines[last - 1].kept = same;
            }
            if !same {
                let came = got[new].iter().map(|came| format!("{indent}{came}"));
                lines[last - 1].behind.extend(came);
            }
        }
    }
    let out = lines.iter().flat_map(Line::result);
    changed.then(|| out.map(|line| format!("{line}{ending}")).collect())
}

/// A line of the file, and what to insert behind it.
struct Line<'t> {
    text: &'t str,
    kept: bool,
    behind: Vec<String>,
}

impl<'t> Line<'t> {
    fn new(text: &'t str) -> Self {
        Self {
            text,
            kept: true,
            behind: Vec::new(),
        }
    }

    fn result(&self) -> impl Iterator<Item = &str> {
        let kept = self.kept.then_some(self.text);
        kept.into_iter()
            .chain(self.behind.iter().map(String::as_str))
    }
}
