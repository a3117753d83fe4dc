//! `-- muleteer: allow(code, code)`: comments that say a finding is meant.
//!
//! A comment behind code covers its line. One on a line of its own covers the next line of code, and
//! all of the declarations that begin there; before the first line of code it covers the file. Errors
//! stay whatever a comment says.

use std::collections::HashMap;
use std::ops::Range;

use super::super::source::{FileId, SourceFile, SourceMap, Span};
use super::{Code, Diagnostic, Severity, code};

/// What the comment has to begin with.
const MARK: &str = "muleteer:";

/// All `allow` comments of a diagram.
#[derive(Debug, Default)]
pub struct Allows {
    list: Vec<Allow>,
    /// Comments that cannot be read or name what there is not.
    findings: Vec<Diagnostic>,
}

/// One code in one comment.
#[derive(Debug)]
struct Allow {
    code: &'static str,
    /// Where the code is written.
    span: Span,
    /// The bytes of the same file that are covered.
    covers: Range<u32>,
}

/// A line of its own that allows findings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowLine {
    /// The byte to put it at: where a line begins.
    pub start: usize,
    /// The line with its end.
    pub text: String,
    /// No code stands above it, so that it covers the whole file.
    pub covers_file: bool,
}

impl AllowLine {
    /// The line that allows findings of `code` in the line of the byte `at`.
    pub fn above(text: &str, at: usize, code: &str) -> Self {
        let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
        let line = &text[start..];
        let indent = &line[..line.len() - line.trim_start_matches([' ', '\t']).len()];
        let end = match text[..start].ends_with("\r\n") {
            true => "\r\n",
            false => "\n",
        };
        let mut above = text[..start].lines().map(str::trim);
        Self {
            start,
            text: format!("{indent}-- {MARK} allow({code}){end}"),
            covers_file: above.all(|line| line.is_empty() || is_comment_line(line)),
        }
    }
}

/// The code that an `allow` comment names at the byte `at`.
pub fn code_at(text: &str, at: usize) -> Option<(&'static Code, Range<usize>)> {
    let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let comment = text[start..at].rfind(MARK)?;
    let part = |c: char| c.is_ascii_lowercase() || c == '-';
    let before = text[start + comment + MARK.len()..at]
        .trim_end_matches(part)
        .len();
    let begin = start + comment + MARK.len() + before;
    let word = &text[begin..];
    let word = &word[..word.find(|c| !part(c)).unwrap_or(word.len())];
    Some((Code::find(word)?, begin..begin + word.len()))
}

/// Whether a comment behind code is one for us, which is no matter of style.
pub fn is_ours(comment: &str) -> bool {
    content(comment).is_some()
}

/// Whether a line, without the blanks before it, is a comment as a whole.
pub fn is_comment_line(line: &str) -> bool {
    line.starts_with("--") || (line.starts_with('#') && !line.starts_with("#include"))
}

/// What stands behind `muleteer:` in a comment.
fn content(comment: &str) -> Option<&str> {
    let text = comment.trim_start_matches(['-', '#']).trim_start();
    text.strip_prefix(MARK).map(str::trim)
}

impl Allows {
    /// Reads the comments of all files. `behind_code` are the comments that share their line with
    /// code, `declarations` the texts of all declarations.
    pub fn read(sources: &SourceMap, behind_code: &[Span], declarations: &[Span]) -> Self {
        let mut allows = Self::default();
        let mut starts: HashMap<FileId, Vec<Span>> = HashMap::new();
        for &declaration in declarations {
            starts
                .entry(declaration.file)
                .or_default()
                .push(declaration);
        }
        starts.values_mut().for_each(|spans| spans.sort_unstable());
        for id in sources.ids() {
            let in_file = starts.get(&id).map_or(&[][..], Vec::as_slice);
            allows.own_lines(id, sources.file(id), in_file);
        }
        for &comment in behind_code {
            let file = sources.file(comment.file);
            let text = &file.text()[comment.start as usize..comment.end as usize];
            if is_ours(text) {
                allows.comment(file.text(), comment, file.line_range(comment.start));
            }
        }
        allows
    }

    /// Comments that are lines of their own.
    fn own_lines(&mut self, id: FileId, file: &SourceFile, declarations: &[Span]) {
        // Those still waiting for the line of code they are about.
        let mut waiting: Vec<Span> = Vec::new();
        let mut seen_code = false;
        for number in 0..file.lines() {
            let (line, begin) = file.line(number);
            let start = begin + (line.len() - line.trim_start().len()) as u32;
            let text = line.trim();
            if is_comment_line(text) {
                if content(text).is_some() {
                    let end = start + text.len() as u32;
                    waiting.push(Span {
                        file: id,
                        start,
                        end,
                    });
                }
                continue;
            }
            if text.is_empty() || waiting.is_empty() {
                seen_code |= !text.is_empty();
                continue;
            }
            let covers = match seen_code {
                true => with_declarations(file.line_range(begin), declarations),
                false => 0..u32::MAX,
            };
            seen_code = true;
            for comment in waiting.drain(..) {
                self.comment(file.text(), comment, covers.clone());
            }
        }
        for comment in waiting {
            let covers = if seen_code { 0..0 } else { 0..u32::MAX };
            self.comment(file.text(), comment, covers);
        }
    }

    fn comment(&mut self, text: &str, span: Span, covers: Range<u32>) {
        let comment = &text[span.start as usize..span.end as usize];
        let codes = content(comment)
            .and_then(|content| content.strip_prefix("allow"))
            .and_then(|rest| rest.trim_start().strip_prefix('('))
            .and_then(|rest| rest.split_once(')'))
            .map(|(codes, _)| codes)
            .filter(|codes| !codes.trim().is_empty());
        let Some(codes) = codes else {
            let message = "expected 'muleteer: allow(code, code)'";
            return self
                .findings
                .push(Diagnostic::new(code::BAD_ALLOW, span, message));
        };
        let mut at = span.start + (codes.as_ptr() as usize - comment.as_ptr() as usize) as u32;
        for written in codes.split(',') {
            let name = written.trim();
            let start = at + (written.len() - written.trim_start().len()) as u32;
            let end = start + name.len() as u32;
            at += written.len() as u32 + 1;
            let span = Span { start, end, ..span };
            match Code::find(name) {
                Some(known) => self.list.push(Allow {
                    code: known.name,
                    span,
                    covers: covers.clone(),
                }),
                None => self.unknown(name, span),
            }
        }
    }

    fn unknown(&mut self, name: &str, span: Span) {
        let near = Code::nearest(name).filter(|_| self.findings.len() < super::MAX_FINDINGS);
        let hint = near.map(|near| format!("did you mean '{near}'?"));
        let message = format!("there is no finding called '{name}'");
        self.findings
            .push(Diagnostic::new(code::UNKNOWN_CODE, span, message).maybe_hint(hint));
    }

    /// Takes out what is allowed, and adds what is wrong with the comments themselves. `main` is the
    /// file whose unused comments are reported: other diagrams may need those of an included one. Nothing
    /// is said about those for codes that were not looked for.
    pub fn apply(
        mut self,
        findings: &mut Vec<Diagnostic>,
        main: FileId,
        is_looked_for: impl Fn(&str) -> bool,
    ) {
        findings.append(&mut self.findings);
        let unused = self.unused(findings, main, is_looked_for);
        findings.extend(unused);
        let covered = self.covered();
        findings.retain(|finding| {
            let ranges = covered.get(&(finding.span.file, finding.code));
            finding.severity == Severity::Error
                || !ranges.is_some_and(|ranges| contain(ranges, finding.span.start))
        });
    }

    fn unused(
        &self,
        findings: &[Diagnostic],
        main: FileId,
        is_looked_for: impl Fn(&str) -> bool,
    ) -> Vec<Diagnostic> {
        let mut places: HashMap<(&str, bool), Vec<u32>> = HashMap::new();
        let mut refused = false;
        for finding in findings {
            let error = finding.severity == Severity::Error;
            refused |= error;
            if finding.span.file == main {
                let key = (finding.code, error);
                places.entry(key).or_default().push(finding.span.start);
            }
        }
        places
            .values_mut()
            .for_each(|starts| starts.sort_unstable());
        let any = |allow: &Allow, error: bool| {
            places.get(&(allow.code, error)).is_some_and(|starts| {
                let first = starts.partition_point(|&start| start < allow.covers.start);
                starts
                    .get(first)
                    .is_some_and(|start| allow.covers.contains(start))
            })
        };
        let unused = self.list.iter().filter(|allow| {
            let counts = allow.code != code::UNUSED_ALLOW.name && is_looked_for(allow.code);
            allow.span.file == main && counts && !any(allow, false)
        });
        unused
            .filter_map(|allow| {
                let name = allow.code;
                let message = if any(allow, true) {
                    format!("'{name}' is an error here, and errors cannot be allowed")
                } else if refused {
                    // Not everything was looked at, so nothing can be said.
                    return None;
                } else {
                    format!("there is no '{name}' here to allow")
                };
                Some(Diagnostic::new(code::UNUSED_ALLOW, allow.span, message))
            })
            .collect()
    }

    /// What is covered for each code, as ranges in order that do not touch each other.
    fn covered(&self) -> HashMap<(FileId, &'static str), Vec<Range<u32>>> {
        let mut covered: HashMap<_, Vec<Range<u32>>> = HashMap::new();
        for allow in &self.list {
            let ranges = covered.entry((allow.span.file, allow.code)).or_default();
            ranges.push(allow.covers.clone());
        }
        for ranges in covered.values_mut() {
            ranges.sort_unstable_by_key(|range| range.start);
            ranges.dedup_by(|next, last| {
                let joined = next.start <= last.end;
                if joined {
                    last.end = last.end.max(next.end);
                }
                joined
            });
        }
        covered
    }
}

/// From the start of `line` to its end or to that of the last declaration that begins in it. What is
/// missing at an end is covered too.
fn with_declarations(line: Range<u32>, declarations: &[Span]) -> Range<u32> {
    let first = declarations.partition_point(|span| span.start < line.start);
    let end = declarations[first..]
        .iter()
        .take_while(|span| span.start < line.end)
        .fold(line.end, |end, span| end.max(span.end + 1));
    line.start..end
}

fn contain(ranges: &[Range<u32>], at: u32) -> bool {
    let behind = ranges.partition_point(|range| range.start <= at);
    behind > 0 && ranges[behind - 1].contains(&at)
}
