//! The canonical layout of a diagram.
//!
//! One file at a time, include lines stay where they are. A text is cut into `pieces`, which are put
//! into the shape of a `tree` and printed; then the result is read again and compared with the text
//! it was made of. What would change is refused. Reads no file and follows no include.
//!
//! The layout is one that the original language loads. Names, arguments and comments stay as they are
//! written, lines inside a text too; what changes is what stands between them, and signs that mean
//! nothing where they are.

mod meaning;
mod pieces;
mod print;
mod tree;

use std::fmt;
use std::sync::Arc;

use self::meaning::Meaning;
use super::diagnostic::{Diagnostic, Severity, code};
use super::include::Text;
use super::source::SourceMap;
use super::syntax::{Token, TokenKind as Kind, begins_declaration, lex, parse, parse_statements};

/// Puts a text into the canonical layout.
///
/// The text is a whole diagram or a part that others include: declarations, or the statements of a
/// list. `path` is only for messages. Line ends stay as they are if all of them are CR LF, else they
/// become LF. Formatting the result again changes nothing.
///
/// # Errors
/// [`FormatError`] if the text has mistakes, or holds words that the language ignores.
pub fn format(path: &str, text: &str) -> Result<String, FormatError> {
    let before = Source::new(path, text);
    let parts = before.read()?;
    let formatted = print::print(&parts.entries, parts.line_end);
    let after = Source::new(path, &formatted);
    let same = after
        .read()
        .is_ok_and(|again| again.meaning == parts.meaning && again.entries == parts.entries);
    match same {
        true => Ok(formatted),
        false => Err(FormatError::Unsafe),
    }
}

/// Why a text was not formatted.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// It has mistakes, or words that mean nothing where they stand.
    #[error("{0}")]
    Refused(Refusal),
    /// The result would not say the same as the text.
    #[error("the layout would change the meaning; this is a fault of muleteer, not of the diagram")]
    Unsafe,
}

/// What has to be mended before a text can be formatted.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The mistakes, in the order of the text; at least one.
    pub diagnostics: Vec<Diagnostic>,
    /// For showing them.
    pub sources: Arc<SourceMap>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.diagnostics
            .iter()
            .try_for_each(|finding| f.write_str(&finding.render(&self.sources)))
    }
}

/// A text on its own, includes not followed.
struct Source {
    sources: Arc<SourceMap>,
    text: Text,
}

/// What a text says and how it is laid out.
struct Parts<'t> {
    meaning: Meaning<'t>,
    entries: Vec<tree::Entry<'t>>,
    line_end: &'static str,
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        let mut sources = SourceMap::default();
        let file = sources.add(path, text.as_bytes().to_vec());
        Self {
            text: Text::without_includes(file, &sources),
            sources: Arc::new(sources),
        }
    }

    fn read(&self) -> Result<Parts<'_>, FormatError> {
        let (meaning, mut found) = self.parse();
        found.retain(hinders);
        if !found.is_empty() {
            return Err(self.refused(found));
        }
        let file = self.text.span(0, 0).file;
        let pieces = pieces::pieces(file, &self.sources, &self.text)
            .map_err(|finding| self.refused(vec![finding]))?;
        let entries = tree::build(&pieces.list).ok_or(FormatError::Unsafe)?;
        Ok(Parts {
            meaning,
            entries,
            line_end: pieces.line_end,
        })
    }

    fn parse(&self) -> (Meaning<'_>, Vec<Diagnostic>) {
        let tokens = lex(&self.text).tokens;
        let is_semicolon = |token: &Token<'_>| token.kind == Kind::Semicolon;
        if tokens.iter().any(begins_declaration) || tokens.iter().all(is_semicolon) {
            let (diagram, found) = parse(&self.text);
            (Meaning::of_diagram(&diagram), found)
        } else {
            let (block, found) = parse_statements(&self.text);
            (Meaning::of_statements(&block), found)
        }
    }

    fn refused(&self, mut diagnostics: Vec<Diagnostic>) -> FormatError {
        diagnostics.sort_by_key(|finding| finding.span);
        FormatError::Refused(Refusal {
            diagnostics,
            sources: self.sources.clone(),
        })
    }
}

/// Whether there is no layout for a text with this finding: mistakes, and words that are ignored.
fn hinders(finding: &Diagnostic) -> bool {
    let ignored = [
        code::JUNK_IN_STATE,
        code::JUNK_IN_TRANSITION,
        code::TEXT_AFTER_PAREN,
        code::UNTERMINATED_BLOCK,
    ];
    finding.severity == Severity::Error || ignored.iter().any(|code| code.name == finding.code)
}

#[cfg(test)]
mod tests;
