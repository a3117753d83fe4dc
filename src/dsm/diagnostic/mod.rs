//! Diagnostics: what is wrong in a diagram, where, and what to do about it.
//!
//! Every finding has a stable code from [`code`], whose severity and page are part of the table.
//! Comments in a diagram may `allow` findings that are no errors. This is the one place that prints
//! a source line (`render`) and the one that knows the machine-readable formats (`report`, [`sarif`]).

pub(super) mod allow;
pub mod code;
mod render;
mod report;
pub mod sarif;

use std::fmt;

use serde::Serialize;

use super::source::Span;

pub use allow::{AllowLine, code_at};
pub use code::Code;
pub use render::Theme;
pub use report::Report;

/// Findings of one diagram; what is behind them is left out, as nobody reads that far.
pub const MAX_FINDINGS: usize = 1_000;

/// How bad a finding is. Ordered: `Note < Warning < Error`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Style; the diagram means what it says.
    Note,
    /// The diagram loads; it probably does not do what its author thinks.
    Warning,
    /// The diagram is refused.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        })
    }
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Stable name of the kind of finding.
    pub code: &'static str,
    /// The text it is about; empty where something is missing.
    pub span: Span,
    /// What is wrong or what will happen, one line.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// A finding with the usual severity of its code.
    pub fn new(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self {
            severity: code.severity,
            code: code.name,
            span,
            message: message.into(),
            hint: None,
        }
    }

    /// Adds what to do about it.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds what to do about it, if there is something to say.
    pub fn maybe_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }

    /// Gives another severity than the usual one.
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }
}

/// Puts findings in the order of the text, each once, and leaves out what is too much.
pub(super) fn tidy(findings: &mut Vec<Diagnostic>) {
    findings.sort_by(|a, b| (a.span, a.code, &a.message).cmp(&(b.span, b.code, &b.message)));
    findings.dedup();
    if findings.len() <= MAX_FINDINGS {
        return;
    }
    let rest = findings.split_off(MAX_FINDINGS);
    let message = format!("{} more findings are not shown", rest.len());
    let worst = rest.iter().map(|finding| finding.severity).max();
    let finding = Diagnostic::new(code::TOO_MANY_FINDINGS, rest[0].span, message);
    let severity = worst.unwrap_or(Severity::Note);
    findings.push(finding.severity(severity));
}
