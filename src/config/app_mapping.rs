//! The mapping file: rules from a Request-URI to the name of an application.
//!
//! One rule a line, `PATTERN=>NAME`. The first rule whose pattern is found anywhere in the Request-URI
//! wins; the search is case-sensitive and `^` and `$` anchor it. NAME may use `\1` to `\8` for what a
//! group matched, and `\\` for a backslash. Lines that are blank or start with `#` are skipped; blanks
//! around PATTERN and NAME do not count, since neither a URI nor a name holds any.
//!
//! Existing files were written for POSIX extended expressions. These run on the `regex` crate, which
//! takes time linear in the length of the URI whatever the pattern. It reads the same notation, with
//! these differences:
//! - of several alternatives the first that matches is taken, not the longest; only what a group
//!   captures can tell the difference;
//! - within `[...]` a backslash escapes, so a backslash itself is `\\`; a literal `[`, `&&`, `--` or
//!   `~~` there needs a backslash;
//! - `\d`, `\s`, `\w` and `\b` are classes and boundaries; `*?`, `+?` and `(?...)` have their own
//!   meaning;
//! - collating elements (`[.ch.]`, `[=e=]`) do not exist.
//!
//! A pattern that only one of the two can read is an error at start, not a rule that never matches.

use std::fmt;
use std::path::{Path, PathBuf};

use regex::{Captures, Regex, RegexBuilder};
use thiserror::Error;

use super::error::write_lines;

/// Rules beyond this number are refused. Each call tries them in turn.
pub const MAX_RULES: usize = 10_000;
/// Memory for one compiled pattern, and for the cache it fills while it searches. A pattern for
/// telephone numbers takes a few KiB.
const MAX_PATTERN_BYTES: usize = 256 * 1024;
/// Groups within groups.
const MAX_NESTING: u32 = 50;

/// The rules of one mapping file.
#[derive(Debug, Clone, Default)]
pub struct AppMapping {
    rules: Vec<Rule>,
}

#[derive(Debug, Clone)]
struct Rule {
    line: usize,
    pattern: Regex,
    name: Vec<NamePart>,
}

/// A piece of the right-hand side.
#[derive(Debug, Clone, PartialEq, Eq)]
enum NamePart {
    Text(String),
    Group(usize),
}

/// Everything that is wrong with a mapping file, in order.
#[derive(Debug, Clone, PartialEq)]
pub struct MappingErrors(Vec<MappingError>);

/// One wrong line.
#[derive(Debug, Clone, PartialEq, Error)]
#[error("{}:{line}: {problem}", path.display())]
pub struct MappingError {
    /// The file, as it is named in the configuration.
    pub path: PathBuf,
    /// Line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: MappingProblem,
}

/// What is wrong with a rule.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum MappingProblem {
    /// Not exactly one `=>`.
    #[error("expected PATTERN=>NAME, found {arrows} times `=>`")]
    Arrows {
        /// How many there are.
        arrows: usize,
    },
    /// Nothing before `=>`.
    #[error("expected a pattern before `=>`; write .* to match every call")]
    NoPattern,
    /// Nothing after `=>`.
    #[error("expected the name of an application after `=>`")]
    NoName,
    /// The pattern cannot be read or is too large.
    #[error("{}", one_line(.0))]
    Pattern(#[from] regex::Error),
    /// A backslash before something else than 1 to 8 or a backslash.
    #[error("expected \\1 to \\8 or \\\\ in the name, found `\\{}`", .found.map(String::from).unwrap_or_default())]
    Escape {
        /// The character after the backslash; `None` at the end of the line.
        found: Option<char>,
    },
    /// `\N` for a group that the pattern does not have.
    #[error("\\{group} stands for a group, but the pattern has {groups}")]
    Group {
        /// The number after the backslash.
        group: usize,
        /// Groups in the pattern.
        groups: usize,
    },
    /// More than [`MAX_RULES`] rules.
    #[error("more than {MAX_RULES} rules")]
    TooManyRules,
}

impl AppMapping {
    /// Reads the rules in `text`; `path` names the file in errors and is not opened.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the file.
    pub fn parse(text: &str, path: &Path) -> Result<AppMapping, MappingErrors> {
        let mut rules = Vec::new();
        let mut errors = Vec::new();
        let mut report = |line, problem| {
            let path = path.to_owned();
            errors.push(MappingError {
                path,
                line,
                problem,
            });
        };
        for (line, written) in (1..).zip(text.lines()) {
            let written = written.trim();
            if written.is_empty() || written.starts_with('#') {
                continue;
            }
            if rules.len() == MAX_RULES {
                report(line, MappingProblem::TooManyRules);
                break;
            }
            match Rule::parse(line, written) {
                Ok(rule) => rules.push(rule),
                Err(problem) => report(line, problem),
            }
        }
        if errors.is_empty() {
            Ok(AppMapping { rules })
        } else {
            Err(MappingErrors(errors))
        }
    }

    /// The name that the first matching rule gives to `ruri`, and the line of that rule. The name is
    /// empty if the rule consists of groups that matched nothing.
    pub fn find(&self, ruri: &str) -> Option<(String, usize)> {
        self.rules.iter().find_map(|rule| {
            let captures = rule.pattern.captures(ruri)?;
            Some((expand(&rule.name, &captures), rule.line))
        })
    }

    /// Number of rules.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there is no rule at all.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }
}

impl Rule {
    fn parse(line: usize, written: &str) -> Result<Rule, MappingProblem> {
        let arrows = written.matches("=>").count();
        let (pattern, name) = written
            .split_once("=>")
            .filter(|_| arrows == 1)
            .ok_or(MappingProblem::Arrows { arrows })?;
        if pattern.trim().is_empty() {
            return Err(MappingProblem::NoPattern);
        }
        let pattern = RegexBuilder::new(pattern.trim())
            .size_limit(MAX_PATTERN_BYTES)
            .dfa_size_limit(MAX_PATTERN_BYTES)
            .nest_limit(MAX_NESTING)
            .build()?;
        // The whole match counts as group 0.
        let name = name_parts(name.trim(), pattern.captures_len() - 1)?;
        Ok(Rule {
            line,
            pattern,
            name,
        })
    }
}

/// Reads the right-hand side of a rule whose pattern has `groups` groups.
fn name_parts(name: &str, groups: usize) -> Result<Vec<NamePart>, MappingProblem> {
    if name.is_empty() {
        return Err(MappingProblem::NoName);
    }
    let mut parts = Vec::new();
    let mut text = String::new();
    let mut chars = name.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            text.push(c);
            continue;
        }
        match chars.next() {
            Some('\\') => text.push('\\'),
            Some(digit @ '1'..='8') => {
                let group = digit as usize - '0' as usize;
                if group > groups {
                    return Err(MappingProblem::Group { group, groups });
                }
                parts.push(NamePart::Text(std::mem::take(&mut text)));
                parts.push(NamePart::Group(group));
            }
            found => return Err(MappingProblem::Escape { found }),
        }
    }
    parts.push(NamePart::Text(text));
    Ok(parts)
}

fn expand(name: &[NamePart], captures: &Captures<'_>) -> String {
    let mut expanded = String::new();
    for part in name {
        expanded.push_str(match part {
            NamePart::Text(text) => text,
            NamePart::Group(group) => captures.get(*group).map_or("", |found| found.as_str()),
        });
    }
    expanded
}

/// The reason at the end of the drawing that the regex crate makes of a syntax error.
fn one_line(error: &regex::Error) -> String {
    let drawing = error.to_string();
    let last = drawing.lines().last().unwrap_or_default();
    format!("bad pattern: {}", last.trim_start_matches("error: "))
}

impl MappingErrors {
    /// The mistakes, at least one.
    pub fn iter(&self) -> impl Iterator<Item = &MappingError> {
        self.0.iter()
    }
}

impl std::error::Error for MappingErrors {}

/// One line for each mistake.
impl fmt::Display for MappingErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_lines(f, &self.0)
    }
}
