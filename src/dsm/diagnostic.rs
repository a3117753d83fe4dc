//! Diagnostics: what is wrong in a diagram, where, and what to do about it.
//!
//! Every finding has a stable code from [`code`], whose severity is part of the table. This is the
//! one place that prints a source line.

use std::fmt::{self, Write as _};

use serde::Serialize;

use super::source::{SourceMap, Span};

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

/// The stable name of a kind of finding, with the severity it normally has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// The name as printed, such as `unknown-action`.
    pub name: &'static str,
    /// Its usual severity.
    pub severity: Severity,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Stable name of the kind of finding.
    pub code: &'static str,
    /// The text it is about; `None` if the file itself could not be read.
    pub span: Option<Span>,
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
            span: Some(span),
            message: message.into(),
            hint: None,
        }
    }

    /// A finding about a file that is not there.
    pub fn without_source(code: Code, message: impl Into<String>) -> Self {
        Self {
            severity: code.severity,
            code: code.name,
            span: None,
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

    /// `file:line:col: severity[code]: message`, the source line, a caret and the hint.
    pub fn render(&self, sources: &SourceMap) -> String {
        let mut out = String::new();
        if let Some(span) = self.span {
            let at = sources.location(span);
            let _ = write!(out, "{}:{}:{}: ", at.path, at.line, at.column);
        }
        let _ = writeln!(out, "{}[{}]: {}", self.severity, self.code, self.message);
        if let Some(span) = self.span {
            render_line(&mut out, sources, span);
        }
        if let Some(hint) = &self.hint {
            let _ = writeln!(out, "  hint: {hint}");
        }
        out
    }

    /// The same as a value that serialises, for machine-readable output.
    pub fn report(&self, sources: &SourceMap) -> Report {
        let at = self.span.map(|span| sources.location(span));
        Report {
            file: at.as_ref().map(|at| at.path.to_string()),
            line: at.as_ref().map(|at| at.line),
            column: at.as_ref().map(|at| at.column),
            severity: self.severity,
            code: self.code,
            message: self.message.clone(),
            hint: self.hint.clone(),
        }
    }
}

/// A finding as `--format json` shows it.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Path of the file.
    pub file: Option<String>,
    /// Line, from 1.
    pub line: Option<u32>,
    /// Column in characters, from 1.
    pub column: Option<u32>,
    /// How bad it is.
    pub severity: Severity,
    /// Stable name of the kind of finding.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// Prints the line a span begins in, with carets below the span.
fn render_line(out: &mut String, sources: &SourceMap, span: Span) {
    let file = sources.file(span.file);
    let line = file.line_of(span.start);
    let (text, start) = file.line(line);
    let from = (span.start - start) as usize;
    let to = ((span.end - start) as usize).min(text.len());
    let number = (line + 1).to_string();
    // A tab stays a tab in the caret line, so that both lines indent alike in any terminal.
    let indent: String = text
        .chars()
        .take(text.get(..from).unwrap_or(text).chars().count())
        .map(|c| if c == '\t' { '\t' } else { ' ' })
        .collect();
    let width = text
        .get(from..to)
        .map_or(1, |marked| marked.chars().count())
        .max(1);
    let gutter = " ".repeat(number.len());
    let _ = writeln!(out, "  {number} | {text}");
    let _ = writeln!(out, "  {gutter} | {indent}{}", "^".repeat(width));
}

/// Every code with its severity.
pub mod code {
    use super::{Code, Severity};

    const fn error(name: &'static str) -> Code {
        Code {
            name,
            severity: Severity::Error,
        }
    }
    const fn warning(name: &'static str) -> Code {
        Code {
            name,
            severity: Severity::Warning,
        }
    }
    const fn note(name: &'static str) -> Code {
        Code {
            name,
            severity: Severity::Note,
        }
    }

    /// A quote is never closed.
    pub const UNTERMINATED_QUOTE: Code = error("unterminated-quote");
    /// A parenthesis is never closed.
    pub const UNTERMINATED_PAREN: Code = error("unterminated-paren");
    /// A brace is never closed.
    pub const UNTERMINATED_BLOCK: Code = error("unterminated-block");
    /// Text is glued behind a closing quote.
    pub const TEXT_AFTER_QUOTE: Code = error("text-after-quote");
    /// Something else has to stand here.
    pub const UNEXPECTED_TOKEN: Code = error("unexpected-token");
    /// Blocks are nested too deeply.
    pub const NESTING_TOO_DEEP: Code = error("nesting-too-deep");
    /// Inlined functions make too many actions.
    pub const PROGRAM_TOO_LARGE: Code = error("program-too-large");
    /// The text with all includes is too long.
    pub const SOURCE_TOO_LARGE: Code = error("source-too-large");
    /// The file cannot be read.
    pub const FILE_NOT_FOUND: Code = error("file-not-found");
    /// An included file cannot be read.
    pub const INCLUDE_NOT_FOUND: Code = error("include-not-found");
    /// A file includes itself.
    pub const INCLUDE_CYCLE: Code = error("include-cycle");
    /// Includes are nested too deeply.
    pub const INCLUDE_TOO_DEEP: Code = error("include-too-deep");
    /// No such module.
    pub const UNKNOWN_MODULE: Code = error("unknown-module");
    /// No such action.
    pub const UNKNOWN_ACTION: Code = error("unknown-action");
    /// No such condition.
    pub const UNKNOWN_CONDITION: Code = error("unknown-condition");
    /// A transition leaves a state that is nowhere declared.
    pub const UNKNOWN_SOURCE_STATE: Code = error("unknown-source-state");
    /// The header of a `for` cannot be read.
    pub const BAD_FOR_HEADER: Code = error("bad-for-header");
    /// A function has no name with parentheses.
    pub const BAD_FUNCTION_HEADER: Code = error("bad-function-header");
    /// An `else` does not follow an `if`.
    pub const ELSE_WITHOUT_IF: Code = error("else-without-if");
    /// Words that do not belong to the transition.
    pub const JUNK_IN_TRANSITION: Code = error("junk-in-transition");
    /// A transition names no target.
    pub const MISSING_TARGET: Code = error("missing-target");
    /// An argument the action needs is missing; it does nothing.
    pub const MISSING_ARGUMENT: Code = warning("missing-argument");
    /// `range` takes one or two bounds; the loop never iterates.
    pub const BAD_RANGE: Code = warning("bad-range");
    /// The diagram cannot be started, called or jumped to.
    pub const NO_INITIAL_STATE: Code = warning("no-initial-state");
    /// A declaration is not ended by `;`.
    pub const MISSING_SEMICOLON: Code = warning("missing-semicolon");
    /// A transition names no source state.
    pub const MISSING_SOURCE: Code = warning("missing-source");
    /// The target is nowhere declared: the state will stay.
    pub const UNDECLARED_STATE: Code = warning("undeclared-state");
    /// No diagram of that name.
    pub const UNKNOWN_DIAGRAM: Code = warning("unknown-diagram");
    /// The first state of that name is used.
    pub const DUPLICATE_STATE: Code = warning("duplicate-state");
    /// The first initial state is used.
    pub const SECOND_INITIAL: Code = warning("second-initial");
    /// Words in a state declaration that have no meaning.
    pub const JUNK_IN_STATE: Code = warning("junk-in-state");
    /// The last of several enter or exit lists is used.
    pub const DUPLICATE_LIST: Code = warning("duplicate-list");
    /// The name is written in other case.
    pub const NAME_CASE: Code = warning("name-case");
    /// An arrow or slash without blank before it.
    pub const GLUED_ARROW: Code = warning("glued-arrow");
    /// Two calls without anything between them.
    pub const GLUED_CALL: Code = warning("glued-call");
    /// Text behind a closing parenthesis is ignored.
    pub const TEXT_AFTER_PAREN: Code = warning("text-after-paren");
    /// A blank stands before the parenthesis.
    pub const SPACE_BEFORE_PAREN: Code = warning("space-before-paren");
    /// A comment behind other text.
    pub const TRAILING_COMMENT: Code = note("trailing-comment");
    /// A line of a quoted text is taken as comment.
    pub const COMMENT_IN_STRING: Code = warning("comment-in-string");
    /// A line of an argument list is taken as comment.
    pub const COMMENT_IN_ARGUMENT: Code = warning("comment-in-argument");
    /// A line that begins with `-->` is a comment.
    pub const COMMENT_ARROW: Code = warning("comment-arrow");
    /// A name is empty.
    pub const EMPTY_NAME: Code = note("empty-name");
    /// A quoted keyword is an ordinary name.
    pub const QUOTED_KEYWORD: Code = note("quoted-keyword");
    /// A transition stands before its source state.
    pub const SOURCE_DECLARED_LATER: Code = note("source-declared-later");
    /// `=` is read as `==`.
    pub const COND_SINGLE_EQ: Code = warning("cond-single-eq");
    /// `<=` and `>=` compare numbers here; the original does not know them.
    pub const COND_LE_GE: Code = warning("cond-le-ge");
    /// `*` has no meaning with `!=`.
    pub const COND_PREFIX_NE: Code = warning("cond-prefix-ne");
    /// Without operator the condition never holds.
    pub const COND_NO_OPERATOR: Code = warning("cond-no-operator");
    /// Single quotes in a condition; the original does not remove them.
    pub const COND_SINGLE_QUOTE: Code = note("cond-single-quote");
    /// The original compares the text literally.
    pub const KEYPRESS_LITERAL: Code = note("keypress-literal");
    /// `not` on an event condition also holds for every other event.
    pub const NOT_TYPED: Code = note("not-typed");
    /// A character is taken as part of a variable name.
    pub const INTERP_NAME: Code = warning("interp-name");
    /// `@word` is replaced, although it is no select.
    pub const INTERP_SELECT: Code = warning("interp-select");
    /// `break` outside a loop: the target is not entered.
    pub const BREAK_ABORTS_TRANSITION: Code = warning("break-aborts-transition");
    /// The target is never entered.
    pub const TARGET_IGNORED: Code = warning("target-ignored");
    /// The original forgets what follows the block.
    pub const CALL_NESTED: Code = note("call-nested");
    /// `repost` has no effect when the diagram is entered.
    pub const REPOST_IN_INITIAL_ENTER: Code = warning("repost-in-initial-enter");
    /// `exception` has no effect in an `if`.
    pub const EXCEPTION_IN_IF: Code = warning("exception-in-if");
    /// No transition of the state looks at `hangup`.
    pub const HANGUP_UNHANDLED: Code = warning("hangup-unhandled");
    /// A transition for `hangup` does not stop the session.
    pub const HANGUP_WITHOUT_STOP: Code = note("hangup-without-stop");
    /// No transition leads to the state.
    pub const UNREACHABLE_STATE: Code = note("unreachable-state");
    /// An earlier transition always matches first.
    pub const UNREACHABLE_TRANSITION: Code = warning("unreachable-transition");
    /// The value of the variable is used as name.
    pub const DST_DOLLAR: Code = warning("dst-dollar");
    /// Blanks in a list of names; the original does not trim them.
    pub const LIST_BLANKS: Code = warning("list-blanks");
    /// The action has a newer name.
    pub const DEPRECATED_ACTION: Code = note("deprecated-action");
    /// The original does not know this name.
    pub const ALIAS_NAME: Code = note("alias-name");
}
