//! Expressions, classified when a diagram is loaded and evaluated while it runs.
//!
//! [`Expr`] is a whole-argument reference, [`Template`] text with references inside, [`Sum`] the
//! argument of `eval`, and [`Comparison`](super::comparison) the argument of a condition.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use super::diagnostic::{Code, code};
use super::event::EventKind;
use super::host::ActionContext;
use super::value::{MAX_VALUE_BYTES, Values, integer};

/// The names `@` knows.
pub const SELECTS: &[&str] = &[
    "local_tag",
    "remote_tag",
    "callid",
    "user",
    "domain",
    "local_uri",
    "remote_uri",
    "local_party",
    "remote_party",
];

/// What an expression or action can see.
pub struct Scope<'a> {
    pub variables: &'a mut Values,
    /// The event being processed.
    pub event: EventKind,
    /// `None`: the event has no parameter map.
    pub params: Option<&'a mut Values>,
    pub host: &'a mut dyn ActionContext,
    /// Bytes that were compared, copied or searched so far: what the work of an action depends on.
    pub spent: Cell<usize>,
    /// What conditions of modules have said so far.
    pub verdicts: &'a mut Verdicts,
}

/// What the conditions of modules said, in the order in which they were asked, while one decision is
/// made: which transition is taken, or whether an `if` holds.
///
/// A condition that has to be waited for interrupts the decision, which is made again from its beginning
/// when the answer is there. Nothing has changed meanwhile, so the same conditions are met in the same
/// order; none is asked twice.
#[derive(Clone, Debug, Default)]
pub struct Verdicts {
    known: Vec<bool>,
    met: usize,
}

impl Verdicts {
    /// The decision is made from its beginning.
    pub fn rewind(&mut self) {
        self.met = 0;
    }

    /// The decision is made.
    pub fn clear(&mut self) {
        self.known.clear();
        self.met = 0;
    }

    /// The next condition is met; what it said, if it has been asked.
    pub fn meet(&mut self) -> Option<bool> {
        let known = self.known.get(self.met).copied();
        self.met += usize::from(known.is_some());
        known
    }

    /// The condition met last, which was new, says this.
    pub fn note(&mut self, verdict: bool) {
        self.known.push(verdict);
        self.met = self.known.len();
    }
}

impl Scope<'_> {
    /// Notes that this many bytes were looked at, so that the engine can limit them.
    pub fn spend(&self, bytes: usize) {
        self.spent.set(self.spent.get().saturating_add(bytes));
    }

    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.as_ref().and_then(|params| params.get(name))
    }
}

/// A finding about the text of an argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding<'t> {
    pub code: Code,
    pub message: String,
    /// The part of the program text it is about; `None`: the whole call.
    pub about: Option<&'t str>,
}

impl<'t> Finding<'t> {
    pub fn new(code: Code, about: &'t str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            about: Some(about),
        }
    }
}

/// A whole argument: literal text or one reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expr {
    Text(Box<str>),
    Variable(Box<str>),
    Param(Box<str>),
    Select(Box<str>),
}

impl Expr {
    /// Classifies text whose quotes are gone; `quoted` says whether it had any.
    pub fn parse(text: &str, quoted: bool) -> Self {
        let mut chars = text.chars();
        let (first, rest) = (chars.next(), chars.as_str());
        match first {
            // A doubled character stands for itself.
            Some('$' | '#' | '@') if rest.chars().next() == first => Expr::Text(rest.into()),
            Some('@') if rest.is_empty() => Expr::Text("@".into()),
            Some('$') => Expr::Variable(rest.into()),
            Some('#') => Expr::Param(rest.into()),
            Some('@') => Expr::Select(rest.into()),
            _ if quoted => Expr::Text(text.into()),
            _ => Expr::Text(text.trim_matches('"').into()),
        }
    }

    pub fn eval<'a>(&'a self, scope: &'a Scope<'_>) -> Cow<'a, str> {
        match self {
            Expr::Text(text) => Cow::Borrowed(text),
            Expr::Variable(name) => Cow::Borrowed(scope.variables.get(name).unwrap_or("")),
            Expr::Param(name) => Cow::Borrowed(scope.param(name).unwrap_or("")),
            Expr::Select(name) => Cow::Owned(scope.host.select(name).unwrap_or_default()),
        }
    }

    /// The variable it reads.
    pub fn variable(&self) -> Option<&str> {
        match self {
            Expr::Variable(name) => Some(name),
            _ => None,
        }
    }

    /// What it refers to, if it is no text.
    pub fn reference(&self) -> Option<Reference<'_>> {
        match self {
            Expr::Text(_) => None,
            Expr::Variable(name) => Some(Reference::Variable(name)),
            Expr::Param(name) => Some(Reference::Param(name)),
            Expr::Select(name) => Some(Reference::Select(name)),
        }
    }

    /// The text, if it is known before the diagram runs.
    pub fn literal(&self) -> Option<&str> {
        match self {
            Expr::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expr::Text(text) => write!(f, "{text:?}"),
            Expr::Variable(name) => write!(f, "${name}"),
            Expr::Param(name) => write!(f, "#{name}"),
            Expr::Select(name) => write!(f, "@{name}"),
        }
    }
}

/// A reference in an expression, whatever kind of expression it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reference<'a> {
    Variable(&'a str),
    Param(&'a str),
    Select(&'a str),
}

/// Text with references inside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    source: Box<str>,
    pieces: Box<[Piece]>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Variable(String),
    /// The name, and how the reference was written: it stays when the event has no parameters.
    Param(String, String),
    Select(String),
}

/// What becomes of `@word` in a template if it is no select.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownSelect {
    /// Nothing, with a finding: the rule of the language.
    Dropped,
    /// It stays: texts for modules hold addresses and URLs.
    Kept,
}

impl Template {
    pub fn parse<'t>(
        text: &'t str,
        unknown: UnknownSelect,
        findings: &mut Vec<Finding<'t>>,
    ) -> Self {
        let source = text.into();
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(['$', '#', '@']) {
            push_text(&mut pieces, &rest[..at]);
            let mark = &rest[at..at + 1];
            let after = &rest[at + 1..];
            if rest[..at].ends_with('\\') {
                push_text(&mut pieces, mark);
                rest = after;
            } else if let Some(behind) = after.strip_prefix(mark) {
                push_text(&mut pieces, mark);
                rest = behind;
            } else {
                let (name, behind) = reference_name(after);
                let written = &rest[at..rest.len() - behind.len()];
                if unknown == UnknownSelect::Kept && mark == "@" && !SELECTS.contains(&name) {
                    push_text(&mut pieces, written);
                } else {
                    push_reference(&mut pieces, mark, name, written);
                    findings.extend(odd_reference(mark, name, written));
                }
                rest = behind;
            }
        }
        push_text(&mut pieces, rest);
        Self {
            source,
            pieces: pieces.into(),
        }
    }

    /// The references in it, in order.
    pub fn references(&self) -> impl Iterator<Item = Reference<'_>> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Text(_) => None,
            Piece::Variable(name) => Some(Reference::Variable(name)),
            Piece::Param(name, _) => Some(Reference::Param(name)),
            Piece::Select(name) => Some(Reference::Select(name)),
        })
    }

    /// Text that is taken as it stands.
    pub fn literal(text: &str) -> Self {
        Self {
            source: text.into(),
            pieces: [Piece::Text(text.to_owned())].into(),
        }
    }

    /// It as it is written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The text before the first reference.
    pub fn prefix(&self) -> &str {
        match self.pieces.first() {
            Some(Piece::Text(text)) => text,
            _ => "",
        }
    }

    /// The reference that is all of it.
    pub fn whole(&self) -> Option<Reference<'_>> {
        let mut references = self.references();
        references.next().filter(|_| self.pieces.len() == 1)
    }

    /// The text. One that is longer than a session may hold is not completed: it cannot be stored.
    pub fn eval(&self, scope: &Scope<'_>) -> String {
        let mut out = String::new();
        for piece in &self.pieces {
            if out.len() > MAX_VALUE_BYTES {
                break;
            }
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Variable(name) => out.push_str(scope.variables.get(name).unwrap_or("")),
                Piece::Param(_, written) if scope.params.is_none() => out.push_str(written),
                Piece::Param(name, _) => out.push_str(scope.param(name).unwrap_or("")),
                Piece::Select(name) => {
                    out.push_str(&scope.host.select(name).unwrap_or_default());
                }
            }
        }
        out
    }
}

fn push_text(pieces: &mut Vec<Piece>, text: &str) {
    match pieces.last_mut() {
        _ if text.is_empty() => {}
        Some(Piece::Text(last)) => last.push_str(text),
        _ => pieces.push(Piece::Text(text.to_owned())),
    }
}

fn push_reference(pieces: &mut Vec<Piece>, mark: &str, name: &str, written: &str) {
    match mark {
        _ if name.is_empty() => push_text(pieces, if mark == "@" { "@" } else { "" }),
        "$" => pieces.push(Piece::Variable(name.to_owned())),
        "#" => pieces.push(Piece::Param(name.to_owned(), written.to_owned())),
        _ => pieces.push(Piece::Select(name.to_owned())),
    }
}

/// The name behind a `$`, `#` or `@`, and what follows it.
pub fn reference_name(text: &str) -> (&str, &str) {
    let close = match text.chars().next() {
        Some('(') => Some(')'),
        Some(quote @ ('"' | '\'')) => Some(quote),
        _ => None,
    };
    if let Some(close) = close
        && let Some((name, behind)) = text[1..].split_once(close)
    {
        return (name, behind);
    }
    let ends = [
        ' ', '\t', ',', '(', ')', '[', ']', '$', '#', '@', ';', ':', '\'', '"',
    ];
    text.split_at(text.find(ends).unwrap_or(text.len()))
}

/// A reference that is no select, or that probably ends elsewhere than its author thinks.
fn odd_reference<'t>(mark: &str, name: &str, written: &'t str) -> Option<Finding<'t>> {
    let bracketed = written[mark.len()..].starts_with(['(', '"', '\'']);
    let odd = ['/', '=', '+', '?', '!', '|', '&', '<', '>'];
    if mark == "@" {
        if !name.is_empty() && !SELECTS.contains(&name) {
            let message = format!("'@{name}' is no select and becomes nothing; write '@@{name}'");
            return Some(Finding::new(code::INTERP_SELECT, written, message));
        }
    } else if !bracketed && (name.contains(odd) || name.ends_with('.')) {
        let short = &name[..name.find(odd).unwrap_or(name.len().saturating_sub(1))];
        let message = format!("the name is '{name}'; write '{mark}({short})' if it ends earlier");
        return Some(Finding::new(code::INTERP_NAME, written, message));
    }
    None
}

/// The argument of `eval`: integers added and subtracted from left to right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sum {
    terms: Box<[Term]>,
    /// The whole text as one argument, for operands that are no integers.
    whole: Expr,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Term {
    negative: bool,
    operand: Expr,
}

impl Sum {
    pub fn parse(text: &str) -> Self {
        let text: String = text.split_ascii_whitespace().collect();
        let mut terms = Vec::new();
        let mut rest = text.as_str();
        loop {
            let signs = rest.len() - rest.trim_start_matches(['+', '-']).len();
            // The operator and the sign of the operand behind it.
            let negative = rest[..signs].matches('-').count() % 2 == 1;
            rest = &rest[signs..];
            let end = rest.find(['+', '-']).unwrap_or(rest.len());
            terms.push(Term {
                negative,
                operand: Expr::parse(&rest[..end], false),
            });
            rest = &rest[end..];
            if rest.is_empty() {
                break;
            }
        }
        let whole = Expr::parse(&text, false);
        let plain = terms.len() == 1 && !text.starts_with(['+', '-']);
        Self {
            terms: if plain { [].into() } else { terms.into() },
            whole,
        }
    }

    /// The references in it, in order.
    pub fn references(&self) -> impl Iterator<Item = Reference<'_>> {
        let whole = [&self.whole].into_iter().filter(|_| self.terms.is_empty());
        let operands = self.terms.iter().map(|term| &term.operand);
        operands.chain(whole).filter_map(Expr::reference)
    }

    pub fn eval(&self, scope: &Scope<'_>) -> String {
        let sum = self.terms.iter().try_fold(0i64, |sum, term| {
            let operand = integer(&term.operand.eval(scope))?;
            Some(if term.negative {
                sum.saturating_sub(operand)
            } else {
                sum.saturating_add(operand)
            })
        });
        match sum {
            Some(sum) if !self.terms.is_empty() => sum.to_string(),
            _ => self.whole.eval(scope).into_owned(),
        }
    }
}
