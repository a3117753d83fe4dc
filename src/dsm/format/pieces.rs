//! One file as tokens with everything that stands between them: comments, include lines, blank lines.
//!
//! Every byte of the file is in a piece or is blank, so nothing can get lost unseen.

use super::super::diagnostic::{Diagnostic, code};
use super::super::include::Text;
use super::super::source::{FileId, SourceMap, Span};
use super::super::syntax::{self, TokenKind as Kind};

/// One piece of a file.
#[derive(Clone, Copy, Debug)]
pub struct Piece<'t> {
    pub what: What,
    /// As written; a token of several lines holds the comment lines that are dropped from inside it.
    pub raw: &'t str,
    /// A blank line stands before it.
    pub blank: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Token(Kind),
    /// A comment line.
    Comment,
    /// A comment behind something else.
    Trailing,
    /// An `#include` line.
    Include,
}

/// All pieces, and how the lines between them end.
#[derive(Debug)]
pub struct Pieces<'t> {
    pub list: Vec<Piece<'t>>,
    pub line_end: &'static str,
}

/// Cuts a file into pieces. The error is text that the language ignores and that has no place in a
/// layout.
pub fn pieces<'t>(
    file: FileId,
    sources: &'t SourceMap,
    text: &Text,
) -> Result<Pieces<'t>, Diagnostic> {
    let source = sources.file(file).text();
    let mut scan = Scan {
        file,
        source,
        at: 0,
        list: Vec::new(),
        crlf: 0,
        lf: 0,
    };
    for token in syntax::lex(text).tokens {
        let (start, end) = (token.span.start as usize, token.span.end as usize);
        let blank = scan.gap(start)?;
        scan.push(What::Token(token.kind), &source[start..end], blank);
        scan.at = end;
    }
    scan.gap(source.len())?;
    // A multi-line text keeps its line ends whatever the others are, because they are its contents.
    let only_crlf = scan.crlf > 0 && scan.lf == 0;
    Ok(Pieces {
        list: scan.list,
        line_end: if only_crlf { "\r\n" } else { "\n" },
    })
}

struct Scan<'t> {
    file: FileId,
    source: &'t str,
    /// Behind the last piece.
    at: usize,
    list: Vec<Piece<'t>>,
    /// Line ends outside tokens.
    crlf: usize,
    lf: usize,
}

impl<'t> Scan<'t> {
    /// Reads what stands before the token at `end`; says whether a blank line stands last.
    fn gap(&mut self, end: usize) -> Result<bool, Diagnostic> {
        let mut blank = false;
        let mut offset = self.at;
        for (index, line) in self.source[self.at..end].split('\n').enumerate() {
            let content = line.trim_matches(is_blank);
            let start = offset + (line.len() - line.trim_start_matches(is_blank).len());
            offset += line.len() + 1;
            let whole_line = offset <= end;
            if whole_line && line.ends_with('\r') {
                self.crlf += 1;
            } else if whole_line {
                self.lf += 1;
            }
            let behind_token = index == 0 && !self.list.is_empty();
            if content.is_empty() {
                blank |= whole_line && !behind_token;
                continue;
            }
            let what = match behind_token {
                true if line.starts_with(is_blank) || self.follows_single() => What::Trailing,
                false if content.starts_with("#include") => What::Include,
                false => What::Comment,
                true => return Err(self.ignored(start, content)),
            };
            if !content.starts_with(['-', '#']) {
                return Err(self.ignored(start, content));
            }
            self.push(what, content, blank);
            blank = false;
        }
        Ok(blank)
    }

    /// Whether the last token needs no blank behind it.
    fn follows_single(&self) -> bool {
        self.source[..self.at].ends_with([';', '{', '}', '[', ']'])
    }

    fn push(&mut self, what: What, raw: &'t str, blank: bool) {
        self.list.push(Piece { what, raw, blank });
    }

    fn ignored(&self, start: usize, content: &str) -> Diagnostic {
        let span = Span {
            file: self.file,
            start: start as u32,
            end: (start + content.len()) as u32,
        };
        Diagnostic::new(code::TEXT_AFTER_PAREN, span, "this text is ignored")
    }
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}
