//! Findings for people: place, message, the source with the marked text, hint.
//!
//! What a file says is shown, never obeyed: characters that would move the cursor, change colours or
//! reorder text are replaced, and long lines are cut around the mark.

use std::fmt::{self, Write as _};

use anstyle::{AnsiColor, Style};
use unicode_width::UnicodeWidthChar;

use super::super::source::{SourceFile, SourceMap, Span};
use super::{Diagnostic, Severity};

/// How the parts of a finding look.
#[derive(Clone, Copy, Debug, Default)]
pub struct Theme {
    error: Style,
    warning: Style,
    note: Style,
    /// Place and message.
    strong: Style,
    /// Line numbers and frame.
    frame: Style,
}

impl Theme {
    /// Text without any escape sequence.
    pub fn plain() -> Self {
        Self::default()
    }

    /// Colours of a terminal.
    pub fn coloured() -> Self {
        Self {
            error: AnsiColor::BrightRed.on_default().bold(),
            warning: AnsiColor::BrightYellow.on_default().bold(),
            note: AnsiColor::BrightCyan.on_default().bold(),
            strong: Style::new().bold(),
            frame: AnsiColor::BrightBlue.on_default(),
        }
    }

    fn of(&self, severity: Severity) -> Style {
        match severity {
            Severity::Error => self.error,
            Severity::Warning => self.warning,
            Severity::Note => self.note,
        }
    }
}

impl Diagnostic {
    /// `file:line:col: severity[code]: message`, the source with the text marked, and the hint.
    pub fn render(&self, sources: &SourceMap) -> String {
        self.render_with(sources, &Theme::plain())
    }

    /// The same with the looks of a theme.
    pub fn render_with(&self, sources: &SourceMap, theme: &Theme) -> String {
        // Writing to a string does not fail.
        let mut out = String::new();
        let _ = self.write(&mut out, sources, theme);
        out
    }

    fn write(&self, out: &mut String, sources: &SourceMap, theme: &Theme) -> fmt::Result {
        let at = sources.location(self.span);
        let (strong, mark, frame) = (theme.strong, theme.of(self.severity), theme.frame);
        let path = harmless(&at.path);
        write!(out, "{strong}{path}:{}:{}:{strong:#} ", at.line, at.column)?;
        write!(out, "{mark}{}[{}]{mark:#}", self.severity, self.code)?;
        writeln!(out, "{strong}: {}{strong:#}", harmless(&self.message))?;
        snippet(out, sources.file(self.span.file), self.span, mark, frame)?;
        if let Some(hint) = &self.hint {
            writeln!(out, "  {strong}hint:{strong:#} {}", harmless(hint))?;
        }
        Ok(())
    }
}

/// The lines a span begins and ends in, each with what is marked of it.
fn snippet(
    out: &mut String,
    file: &SourceFile,
    span: Span,
    mark: Style,
    frame: Style,
) -> fmt::Result {
    let first = file.line_of(span.start);
    // An end at the start of a line belongs to the line before.
    let last = file.line_of(span.end.max(span.start + 1) - 1).max(first);
    let gutter = (last + 1).to_string().len();
    for line in [first, last] {
        let (text, start) = file.line(line);
        let from = span.start.saturating_sub(start) as usize;
        let from = if line == first { from } else { indent(text) };
        let to = (span.end.saturating_sub(start) as usize).min(text.len());
        let shown = Shown::new(text, from.min(text.len()), to);
        let (text, carets) = (shown.text.trim_end(), shown.carets());
        writeln!(out, "  {frame}{:>gutter$} |{frame:#} {text}", line + 1)?;
        writeln!(
            out,
            "  {frame}{:>gutter$} |{frame:#} {mark}{carets}{mark:#}",
            ""
        )?;
        if line == last {
            return Ok(());
        }
        if last > first + 1 {
            writeln!(out, "  {frame}{:>gutter$} :{frame:#}", "")?;
        }
    }
    Ok(())
}

fn indent(text: &str) -> usize {
    text.len() - text.trim_start().len()
}

/// One line as it is printed, and the columns that are marked.
struct Shown {
    text: String,
    indent: usize,
    width: usize,
}

/// Bytes shown before and behind the start of a mark where a line is long. Picked by feel.
const BEFORE: usize = 60;
const BEHIND: usize = 140;

impl Shown {
    fn new(line: &str, from: usize, to: usize) -> Self {
        let (mut start, mut end) = (0, line.len());
        if line.len() > BEFORE + BEHIND {
            start = line.floor_char_boundary(from.saturating_sub(BEFORE));
            end = line.ceil_char_boundary((from + BEHIND).min(line.len()));
        }
        let mut shown = Self {
            text: String::new(),
            indent: 0,
            width: 0,
        };
        if start > 0 {
            shown.push("…", false, false);
        }
        for (at, c) in line[start..end].char_indices() {
            let (at, mut buffer) = (start + at, [0; 4]);
            let cell = match c {
                '\t' => "    ",
                _ => visible(c).encode_utf8(&mut buffer),
            };
            shown.push(cell, at >= from, at >= to);
        }
        if end < line.len() {
            shown.text.push('…');
        }
        shown
    }

    fn push(&mut self, cell: &str, begun: bool, ended: bool) {
        let width: usize = cell.chars().filter_map(UnicodeWidthChar::width).sum();
        match (begun, ended) {
            (false, _) => self.indent += width,
            (true, false) => self.width += width,
            (true, true) => {}
        }
        self.text.push_str(cell);
    }

    fn carets(&self) -> String {
        " ".repeat(self.indent) + &"^".repeat(self.width.max(1))
    }
}

/// Text without characters that a terminal acts on.
fn harmless(text: &str) -> String {
    text.chars().map(visible).collect()
}

/// What stands for a character that would be obeyed instead of shown.
fn visible(c: char) -> char {
    match c {
        '\0'..='\u{1f}' => char::from_u32(0x2400 + c as u32).unwrap_or('\u{fffd}'),
        '\u{7f}' => '\u{2421}',
        // C1 controls, and marks that reorder the text around them.
        '\u{80}'..='\u{9f}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' => '\u{fffd}',
        '\u{2028}' | '\u{2029}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        _ => c,
    }
}
