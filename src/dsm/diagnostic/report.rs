//! Findings for programs: `--format json`.

use serde::Serialize;

use super::super::source::SourceMap;
use super::{Diagnostic, Severity};

/// A finding as `--format json` shows it. Lines and columns count from 1, columns in characters.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Path of the file.
    pub file: String,
    /// Line the text it is about begins in.
    pub line: u32,
    /// Column of its first character.
    pub column: u32,
    /// Line it ends in.
    pub end_line: u32,
    /// Column behind its last character.
    pub end_column: u32,
    /// How bad it is.
    pub severity: Severity,
    /// Stable name of the kind of finding.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// The finding as a value that serialises.
    pub fn report(&self, sources: &SourceMap) -> Report {
        let (start, end) = (sources.location(self.span), sources.end(self.span));
        Report {
            file: start.path.to_string(),
            line: start.line,
            column: start.column,
            end_line: end.line,
            end_column: end.column,
            severity: self.severity,
            code: self.code,
            message: self.message.clone(),
            hint: self.hint.clone(),
        }
    }
}
