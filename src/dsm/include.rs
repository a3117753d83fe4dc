//! From files to program text: comment lines, `#include`, and a map from the text back to the files.
//!
//! The line rules come before anything else looks at the text, so they apply inside quotes too, as
//! in the original.

use super::diagnostic::allow::is_comment_line;
use super::diagnostic::{Diagnostic, code};
use super::source::{EntryKind, FileId, SourceMap, SourceProvider, Span};

/// Files that include files that include files: deeper is a mistake.
const MAX_INCLUDE_DEPTH: usize = 32;
/// Files included for one diagram; a file counts each time.
const MAX_INCLUDES: usize = 10_000;
/// Bytes of one diagram with everything it includes; comments count.
pub const MAX_TEXT_BYTES: usize = 4 << 20;

/// The text of a diagram after includes, without comment lines.
#[derive(Debug, Default)]
pub struct Text {
    text: String,
    segments: Vec<Segment>,
    dropped: Vec<Dropped>,
    includes: Vec<Include>,
}

/// A file that an `#include` line names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Include {
    /// The line, without blanks at its ends.
    pub span: Span,
    /// The file as the provider knows it, whether or not it can be read.
    pub path: String,
}

/// Bytes of the text from `start` on that stand in `file` from `offset` on.
#[derive(Debug)]
struct Segment {
    start: usize,
    file: FileId,
    offset: usize,
}

/// A comment line that stood before the byte `at` of the text.
#[derive(Debug)]
struct Dropped {
    at: usize,
    span: Span,
}

impl Text {
    /// The lines of one file on their own; include lines are left out like comment lines.
    pub fn without_includes(file: FileId, sources: &SourceMap) -> Self {
        let mut text = Text::default();
        let mut offset = 0;
        for line in sources.file(file).text().split_inclusive('\n') {
            let first = line.trim_start_matches([' ', '\t']);
            if first.starts_with('#') || first.starts_with("--") {
                let start = offset + (line.len() - first.len());
                text.drop_line(file, start, first.trim_end());
            } else {
                text.push_line(file, offset, line);
            }
            offset += line.len();
        }
        text.or_empty(file)
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Where the bytes `start..end` of the text come from.
    pub fn span(&self, start: usize, end: usize) -> Span {
        let first = self.segment(start);
        let last = self.segment(end.saturating_sub(1).max(start));
        let from = first.offset + (start - first.start);
        let to = if last.file == first.file {
            last.offset + (end - last.start)
        } else {
            from
        };
        Span {
            file: first.file,
            start: from as u32,
            end: to.max(from) as u32,
        }
    }

    /// Where a part of this text comes from; `None` for what is no part of it.
    pub fn span_of(&self, part: &str) -> Option<Span> {
        let start = (part.as_ptr() as usize).checked_sub(self.text.as_ptr() as usize)?;
        let end = start.checked_add(part.len())?;
        (end <= self.text.len()).then(|| self.span(start, end))
    }

    /// The comment lines, in the order of the text.
    pub fn comments(&self) -> impl Iterator<Item = Span> {
        self.dropped.iter().map(|dropped| dropped.span)
    }

    /// Every file that was or should have been included, in the order of the text.
    pub fn includes(&self) -> &[Include] {
        &self.includes
    }

    /// The first comment line that was dropped from inside `start..end`.
    pub fn dropped_in(&self, start: usize, end: usize) -> Option<Span> {
        let first = self.dropped.partition_point(|dropped| dropped.at <= start);
        self.dropped
            .get(first)
            .filter(|dropped| dropped.at < end)
            .map(|dropped| dropped.span)
    }

    fn segment(&self, at: usize) -> &Segment {
        let behind = self.segments.partition_point(|segment| segment.start <= at);
        &self.segments[behind.saturating_sub(1)]
    }

    /// Gives a text without any line a place all the same.
    fn or_empty(mut self, file: FileId) -> Self {
        if self.segments.is_empty() {
            self.segments.push(Segment {
                start: 0,
                file,
                offset: 0,
            });
        }
        self
    }

    fn drop_line(&mut self, file: FileId, start: usize, content: &str) {
        let span = Span {
            file,
            start: start as u32,
            end: (start + content.len()) as u32,
        };
        let at = self.text.len();
        self.dropped.push(Dropped { at, span });
    }

    fn push_line(&mut self, file: FileId, offset: usize, line: &str) {
        let start = self.text.len();
        let contiguous = self
            .segments
            .last()
            .is_some_and(|last| last.file == file && last.offset + (start - last.start) == offset);
        if !contiguous {
            self.segments.push(Segment {
                start,
                file,
                offset,
            });
        }
        self.text.push_str(line);
        if !line.ends_with('\n') {
            self.text.push('\n');
        }
    }
}

/// Reads `path` and everything it includes; relative includes are looked up in `load_path`.
pub fn assemble(
    path: &str,
    load_path: &str,
    provider: &dyn SourceProvider,
    sources: &mut SourceMap,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Text> {
    let mut assembler = Assembler {
        provider,
        sources,
        diagnostics,
        text: Text::default(),
        open: Vec::new(),
        includes: 0,
        bytes: 0,
        full: false,
    };
    let Some(file) = assembler.read(path) else {
        let message = unreadable(path, provider);
        let file = sources.add(path, Vec::new());
        let span = Span {
            file,
            start: 0,
            end: 0,
        };
        diagnostics.push(Diagnostic::new(code::FILE_NOT_FOUND, span, message));
        return None;
    };
    assembler.file(file, path, load_path);
    Some(assembler.text.or_empty(file))
}

struct Assembler<'a> {
    provider: &'a dyn SourceProvider,
    sources: &'a mut SourceMap,
    diagnostics: &'a mut Vec<Diagnostic>,
    text: Text,
    /// Paths of the files being read, outermost first.
    open: Vec<String>,
    includes: usize,
    /// How much was read; a file counts each time.
    bytes: usize,
    full: bool,
}

impl Assembler<'_> {
    /// Reads a file once, however often it is included.
    fn read(&mut self, path: &str) -> Option<FileId> {
        if let Some(known) = self.sources.find(path) {
            return Some(known);
        }
        let bytes = self.provider.read(path)?;
        let binary = memchr::memchr(0, &bytes);
        let wide = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
        // Of a file that is no text nothing is looked at: every finding would be nonsense.
        let kept = if binary.is_some() { Vec::new() } else { bytes };
        let file = self.sources.add(path, kept);
        if binary.is_some() {
            self.not_text(file, wide);
        } else if let Some(start) = self.sources.file(file).latin1_from() {
            let message = "not UTF-8 from here on: the whole file is read as Latin-1";
            let text = &self.sources.file(file).text()[start as usize..];
            let end = start + text.chars().next().map_or(0, char::len_utf8) as u32;
            let span = Span { file, start, end };
            let finding = Diagnostic::new(code::NOT_UTF8, span, message);
            self.report(finding.hint("save the file as UTF-8"));
        }
        Some(file)
    }

    fn not_text(&mut self, file: FileId, wide: bool) {
        let span = Span {
            file,
            start: 0,
            end: 0,
        };
        let (message, hint) = match wide {
            true => ("this file is UTF-16", "save it as UTF-8"),
            false => (
                "this file holds a NUL byte, so it is no text",
                "a diagram is a text file",
            ),
        };
        self.report(Diagnostic::new(code::NOT_TEXT, span, message).hint(hint));
    }

    fn file(&mut self, file: FileId, path: &str, load_path: &str) {
        self.open.push(path.to_owned());
        // The lines are copied out of the map because an include adds files to it.
        let text = self.sources.file(file).text().to_owned();
        let mut offset = 0;
        for line in text.split_inclusive('\n') {
            self.line(file, offset, line, load_path);
            if self.full {
                break;
            }
            offset += line.len();
        }
        self.open.pop();
    }

    fn line(&mut self, file: FileId, offset: usize, line: &str, load_path: &str) {
        let first = line.trim_start_matches([' ', '\t']);
        let content = first.trim_end();
        let start = offset + (line.len() - first.len());
        let span = Span {
            file,
            start: start as u32,
            end: (start + content.len()) as u32,
        };
        self.bytes += line.len();
        if self.bytes > MAX_TEXT_BYTES {
            return self.too_large(span);
        }
        if let Some(name) = first.strip_prefix("#include") {
            let name = include_name(name);
            if name.is_empty() {
                let message = "#include names no file";
                return self.report(Diagnostic::new(code::INCLUDE_NOT_FOUND, span, message));
            }
            let at = start + (name.as_ptr() as usize - first.as_ptr() as usize);
            let span = Span {
                file,
                start: at as u32,
                end: (at + name.len()) as u32,
            };
            return self.include(name, span, load_path);
        }
        if is_comment_line(first) {
            if content.starts_with("-->") {
                let message = "this line is a comment, because it begins with '--'";
                let hint = "put the arrow behind something else, or write '->'";
                self.report(Diagnostic::new(code::COMMENT_ARROW, span, message).hint(hint));
            }
            return self.text.drop_line(file, start, content);
        }
        self.text.push_line(file, offset, line);
    }

    fn too_large(&mut self, span: Span) {
        if !std::mem::replace(&mut self.full, true) {
            let message = format!(
                "more than {MAX_INCLUDES} includes or {} MiB of text; the rest is not read",
                MAX_TEXT_BYTES >> 20
            );
            self.report(Diagnostic::new(code::SOURCE_TOO_LARGE, span, message));
        }
    }

    fn include(&mut self, name: &str, span: Span, load_path: &str) {
        let absolute = name.starts_with('/');
        let path = if absolute {
            name.to_owned()
        } else {
            join(load_path, name)
        };
        // What an absolutely named file includes is looked up beside it.
        let load_path = match path.rsplit_once('/') {
            Some(("", _)) if absolute => "/".to_owned(),
            Some((folder, _)) if absolute => folder.to_owned(),
            _ => load_path.to_owned(),
        };
        match self.provider.kind(&path) {
            Some(EntryKind::Folder) => {
                let mut names = self.provider.list(&path);
                names.retain(|name| name.ends_with(".dsm"));
                names.sort_unstable();
                for name in names {
                    self.include_file(&join(&path, &name), span, &load_path);
                }
            }
            Some(EntryKind::File) => self.include_file(&path, span, &load_path),
            None => {
                let with_suffix = format!("{path}.dsm");
                let found = self.provider.kind(&with_suffix).is_some();
                let path = if found { with_suffix } else { path };
                self.include_file(&path, span, &load_path);
            }
        }
    }

    fn include_file(&mut self, path: &str, span: Span, load_path: &str) {
        if self.open.iter().any(|open| open == path) {
            let message = format!("'{path}' includes itself: {}", self.open.join(" -> "));
            return self.report(Diagnostic::new(code::INCLUDE_CYCLE, span, message));
        }
        if self.open.len() > MAX_INCLUDE_DEPTH {
            let message = format!("includes are nested more than {MAX_INCLUDE_DEPTH} deep");
            return self.report(Diagnostic::new(code::INCLUDE_TOO_DEEP, span, message));
        }
        self.includes += 1;
        if self.full || self.includes > MAX_INCLUDES {
            return self.too_large(span);
        }
        self.text.includes.push(Include {
            span,
            path: path.to_owned(),
        });
        let Some(file) = self.read(path) else {
            let message = unreadable(path, self.provider);
            let hint = "a relative name is looked up in the folder of the main diagram";
            let finding = Diagnostic::new(code::INCLUDE_NOT_FOUND, span, message).hint(hint);
            return self.report(finding);
        };
        self.file(file, path, load_path);
    }

    fn report(&mut self, finding: Diagnostic) {
        self.diagnostics.push(finding);
    }
}

/// What stands behind `#include`, without quotes, blanks and a `;`.
fn include_name(rest: &str) -> &str {
    let blank = |c: char| c.is_ascii_whitespace();
    let name = rest.trim_end_matches(|c| blank(c) || c == ';');
    name.trim_matches(|c| blank(c) || c == '"' || c == '\'')
}

fn unreadable(path: &str, provider: &dyn SourceProvider) -> String {
    match provider.kind(path) {
        None => format!("there is no file '{path}'"),
        Some(EntryKind::Folder) => format!("'{path}' is a folder"),
        Some(EntryKind::File) => format!("the file '{path}' cannot be read"),
    }
}

/// `folder/name`; `name` alone if the folder is empty.
pub fn join(folder: &str, name: &str) -> String {
    match folder {
        "" => name.to_owned(),
        _ if folder.ends_with('/') => format!("{folder}{name}"),
        _ => format!("{folder}/{name}"),
    }
}
