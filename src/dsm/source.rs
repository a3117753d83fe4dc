//! Source files of a diagram: what was read, and where in it a piece of text stands.
//!
//! Owns the text of every file that took part in loading. It reads nothing itself: a
//! [`SourceProvider`] gives bytes, so that diagrams load from a folder, an editor or a test alike.

use std::ops::Range;
use std::sync::Arc;

/// One file of a [`SourceMap`]; by default the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(u32);

/// A range of bytes in one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The file it is in.
    pub file: FileId,
    /// First byte.
    pub start: u32,
    /// One behind the last byte; never less than `start`.
    pub end: u32,
}

impl Span {
    /// The empty span behind this one.
    pub fn behind(self) -> Span {
        Span {
            start: self.end,
            ..self
        }
    }

    /// The smallest span that holds both; `self` if `other` is in another file.
    pub fn to(self, other: Span) -> Span {
        if self.file != other.file {
            return self;
        }
        Span {
            file: self.file,
            start: self.start.min(other.start),
            end: self.end.max(other.end),
        }
    }
}

/// A position as people count: lines and columns from 1, columns in characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// Path of the file as the provider knows it.
    pub path: Arc<str>,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
}

/// What a path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
}

/// Where source text comes from. Paths use `/`.
pub trait SourceProvider {
    /// What `path` names; `None` if there is nothing.
    fn kind(&self, path: &str) -> Option<EntryKind>;

    /// The bytes of a file; `None` if it cannot be read.
    fn read(&self, path: &str) -> Option<Vec<u8>>;

    /// Names (not paths) of the regular files directly in `folder`, in any order.
    fn list(&self, folder: &str) -> Vec<String>;

    /// Names of the folders directly in `folder`, in any order. Loading does not need them.
    fn folders(&self, _folder: &str) -> Vec<String> {
        Vec::new()
    }
}

/// All files that were read for one or more diagrams.
#[derive(Clone, Debug, Default)]
pub struct SourceMap {
    files: Vec<SourceFile>,
}

/// One file: its path, its text and where its lines begin.
#[derive(Clone, Debug)]
pub struct SourceFile {
    path: Arc<str>,
    text: String,
    line_starts: Vec<u32>,
    latin1_from: Option<u32>,
}

impl SourceMap {
    /// Adds a file. Bytes that are not UTF-8 are read as Latin-1, so that old files load; a byte
    /// order mark is left out.
    pub fn add(&mut self, path: &str, bytes: Vec<u8>) -> FileId {
        let mut latin1_from = None;
        let text = String::from_utf8(bytes).unwrap_or_else(|wrong| {
            let latin1 = |bytes: &[u8]| bytes.iter().map(|&byte| byte as char).collect::<String>();
            let (good, bad) = wrong.as_bytes().split_at(wrong.utf8_error().valid_up_to());
            let good = latin1(good);
            latin1_from = Some(good.len() as u32);
            good + &latin1(bad)
        });
        let text = text
            .strip_prefix('\u{feff}')
            .map(str::to_owned)
            .unwrap_or(text);
        let line_starts = std::iter::once(0)
            .chain(memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at as u32 + 1))
            .collect();
        self.files.push(SourceFile {
            path: path.into(),
            text,
            line_starts,
            latin1_from,
        });
        FileId(self.files.len() as u32 - 1)
    }

    /// The file of this path, if it was read already.
    pub fn find(&self, path: &str) -> Option<FileId> {
        let index = self.files.iter().position(|file| &*file.path == path)?;
        Some(FileId(index as u32))
    }

    /// A file of this map.
    pub fn file(&self, id: FileId) -> &SourceFile {
        &self.files[id.0 as usize]
    }

    /// The files in the order in which they were read.
    pub fn files(&self) -> impl Iterator<Item = &SourceFile> {
        self.files.iter()
    }

    /// All files by their numbers.
    pub(super) fn ids(&self) -> impl Iterator<Item = FileId> + use<> {
        (0..self.files.len() as u32).map(FileId)
    }

    /// Where a span begins.
    pub fn location(&self, span: Span) -> Location {
        self.at(span.file, span.start)
    }

    /// The place behind the last character of a span.
    pub fn end(&self, span: Span) -> Location {
        self.at(span.file, span.end)
    }

    fn at(&self, file: FileId, offset: u32) -> Location {
        let file = self.file(file);
        let line = file.line_of(offset);
        let start = file.line_starts[line] as usize;
        let before = file.text.get(start..offset as usize).unwrap_or("");
        Location {
            path: file.path.clone(),
            line: line as u32 + 1,
            column: before.chars().count() as u32 + 1,
        }
    }
}

impl SourceFile {
    /// The path as the provider knows it.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where the first byte stands that is not UTF-8, so that the file was read as Latin-1.
    pub(super) fn latin1_from(&self) -> Option<u32> {
        self.latin1_from
    }

    /// How many lines there are; one without a line end counts.
    pub(super) fn lines(&self) -> usize {
        self.line_starts.len()
    }

    /// The bytes of the line around `offset`, its line end or the end of the file included.
    pub(super) fn line_range(&self, offset: u32) -> Range<u32> {
        let line = self.line_of(offset);
        let next = self.line_starts.get(line + 1);
        self.line_starts[line]..next.copied().unwrap_or(self.text.len() as u32 + 1)
    }

    /// The line (from 0) that holds the byte at `offset`.
    pub(super) fn line_of(&self, offset: u32) -> usize {
        self.line_starts.partition_point(|&start| start <= offset) - 1
    }

    /// The text of a line (from 0) without its line end, and the offset at which it begins.
    pub(super) fn line(&self, line: usize) -> (&str, u32) {
        let start = self.line_starts[line];
        let end = self
            .line_starts
            .get(line + 1)
            .map_or(self.text.len(), |&end| end as usize);
        (
            self.text[start as usize..end].trim_end_matches(['\n', '\r']),
            start,
        )
    }
}
