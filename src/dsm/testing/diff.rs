//! A [`Failure`] as text: where it is, what was expected, what came instead.

use std::fmt::Write as _;

use similar::{Algorithm, DiffOp, capture_diff_slices, group_diff_ops};

use super::expect::TraceLine;
use super::run::{Failure, FailureKind};

/// Lines shown around a difference.
const CONTEXT: usize = 3;
/// Lines shown of one difference; an event can log a hundred thousand.
const MAX_SHOWN: usize = 200;
/// Lines times lines up to which what both traces share is searched for.
const MAX_COMPARED: usize = 25_000_000;

impl Failure {
    /// `PATH:LINE: ...` and the difference; ends with a line end.
    pub fn render(&self, path: &str) -> String {
        let place = match self.line {
            0 => path.to_owned(),
            line => format!("{path}:{line}"),
        };
        format!("{place}: {}", self.kind.text())
    }

    /// Whether a trace differs, which [`updated`](super::updated) can mend.
    pub fn is_trace(&self) -> bool {
        matches!(self.kind, FailureKind::Trace { .. })
    }
}

impl FailureKind {
    /// What is different; ends with a line end.
    pub(in crate::dsm) fn text(&self) -> String {
        match self {
            FailureKind::Load {
                path,
                refused: true,
                findings,
            } => {
                format!("{path} should be refused, and loads\n{findings}")
            }
            FailureKind::Load { path, findings, .. } => {
                format!("{path} cannot be used\n{}", indented(findings))
            }
            FailureKind::Lint { code, reported } => {
                let reported = match reported.as_slice() {
                    [] => "nothing".to_owned(),
                    codes => codes.join(", "),
                };
                format!("'{code}' is not reported; reported is: {reported}\n")
            }
            FailureKind::Assertion {
                what,
                found,
                expected,
            } => {
                format!("{what} is {found}, expected {expected}\n")
            }
            FailureKind::NotStartable(error) => format!("{error}\n"),
            FailureKind::Trace {
                event,
                expected,
                got,
                problems,
            } => {
                let mut out = format!("{event}\n");
                render_diff(&mut out, expected, got);
                for problem in problems {
                    let _ = writeln!(out, "       note: {problem}");
                }
                out
            }
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: {}", self.line, self.kind.text())
    }
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}

/// The steps that turn the expected trace into the one that came.
pub fn ops(expected: &[TraceLine], got: &[String]) -> Vec<DiffOp> {
    if expected.len().saturating_mul(got.len()) > MAX_COMPARED {
        return vec![DiffOp::Replace {
            old_index: 0,
            old_len: expected.len(),
            new_index: 0,
            new_len: got.len(),
        }];
    }
    let expected: Vec<&str> = expected.iter().map(|line| line.text.as_str()).collect();
    let got: Vec<&str> = got.iter().map(String::as_str).collect();
    capture_diff_slices(Algorithm::Myers, &expected, &got)
}

/// `-` and a line number: expected there; `+`: came instead.
fn render_diff(out: &mut String, expected: &[TraceLine], got: &[String]) {
    let mut lines = Vec::new();
    for (index, group) in group_diff_ops(ops(expected, got), CONTEXT)
        .iter()
        .enumerate()
    {
        if index > 0 {
            lines.push("         ...".to_owned());
        }
        for op in group {
            let (_, old, new) = op.as_tag_tuple();
            let same = matches!(op, DiffOp::Equal { .. });
            let sign = if same { ' ' } else { '-' };
            let had = expected[old].iter();
            lines.extend(had.map(|TraceLine { line, text }| format!("  {line:>4} {sign} {text}")));
            let came = if same { &[] } else { &got[new] };
            lines.extend(came.iter().map(|text| format!("       + {text}")));
        }
    }
    for line in lines.iter().take(MAX_SHOWN) {
        let _ = writeln!(out, "{line}");
    }
    if lines.len() > MAX_SHOWN {
        let _ = writeln!(out, "       ... and {} lines more", lines.len() - MAX_SHOWN);
    }
}
