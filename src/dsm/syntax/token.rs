//! Tokens, and the token slice the parsers run over.

use std::cell::RefCell;

use super::super::diagnostic::Diagnostic;
use super::super::include::Text;
use super::super::source::Span;

/// What a token is, before any grammar looks at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Semicolon,
    OpenBrace,
    CloseBrace,
    OpenBracket,
    CloseBracket,
    /// `->` or `-->`.
    Arrow,
    Slash,
    Dash,
    /// `-/`, a dash and a slash.
    DashSlash,
    /// A bare word; the only kind that can be a keyword.
    Word,
    /// A name in quotes.
    Quoted,
    /// `name(arguments)`.
    Call,
    /// `(text)` without a name before it.
    Group,
}

/// One token. `text` is the word, the text inside the quotes, or the name of a call.
#[derive(Clone, Copy, Debug)]
pub struct Token<'t> {
    pub kind: Kind,
    pub text: &'t str,
    /// What stands between the parentheses of a call or group.
    pub arguments: Option<Arguments<'t>>,
    pub span: Span,
    pub first_on_line: bool,
}

/// The text between parentheses, and where it begins in the program text.
#[derive(Clone, Copy, Debug)]
pub struct Arguments<'t> {
    pub text: &'t str,
    pub start: usize,
}

impl Token<'_> {
    pub fn is_word(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text == word
    }

    /// How the token is called in a message.
    pub fn describe(&self) -> String {
        match self.kind {
            Kind::Semicolon => "';'".into(),
            Kind::OpenBrace => "'{'".into(),
            Kind::CloseBrace => "'}'".into(),
            Kind::OpenBracket => "'['".into(),
            Kind::CloseBracket => "']'".into(),
            Kind::Group => "'('".into(),
            Kind::Call => format!("'{}(..)'", self.text),
            _ => format!("'{}'", self.text),
        }
    }
}

/// What is left to parse. Cheap to copy, so that parsers can look ahead.
#[derive(Clone, Copy)]
pub struct Tokens<'a, 't> {
    rest: &'a [Token<'t>],
    pub context: &'a Context<'t>,
    /// How many blocks are open around this place.
    pub depth: usize,
}

/// What all parsers of one text share.
pub struct Context<'t> {
    pub text: &'t Text,
    /// The last token, for what is missing at the end.
    pub end: Span,
    findings: RefCell<Vec<Diagnostic>>,
}

impl<'t> Context<'t> {
    pub fn new(text: &'t Text, end: Span, findings: Vec<Diagnostic>) -> Self {
        Self {
            text,
            end,
            findings: RefCell::new(findings),
        }
    }

    pub fn report(&self, finding: Diagnostic) {
        self.findings.borrow_mut().push(finding);
    }

    pub fn into_findings(self) -> Vec<Diagnostic> {
        self.findings.into_inner()
    }
}

impl<'a, 't> Tokens<'a, 't> {
    pub fn new(tokens: &'a [Token<'t>], context: &'a Context<'t>) -> Self {
        Self {
            rest: tokens,
            context,
            depth: 0,
        }
    }

    pub fn first(&self) -> Option<&'a Token<'t>> {
        self.rest.first()
    }

    pub fn second(&self) -> Option<&'a Token<'t>> {
        self.rest.get(1)
    }

    pub fn kind(&self) -> Option<Kind> {
        self.first().map(|token| token.kind)
    }

    /// Everything behind the first token.
    pub fn next(self) -> Self {
        Self {
            rest: self.rest.get(1..).unwrap_or(&[]),
            ..self
        }
    }

    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The same place, inside one block more.
    pub fn nested(self) -> Self {
        Self {
            depth: self.depth + 1,
            ..self
        }
    }

    /// The same place, at the depth of `outer`.
    pub fn at_depth_of(self, outer: Tokens<'_, '_>) -> Self {
        Self {
            depth: outer.depth,
            ..self
        }
    }

    /// How far the input is: fewer tokens left is further.
    pub fn left(&self) -> usize {
        self.rest.len()
    }

    /// The span of the first token, or the end of the text.
    pub fn span(&self) -> Span {
        self.first().map_or(self.context.end, |token| token.span)
    }

    /// Everything from the first token up to where `rest` begins.
    pub fn up_to(&self, rest: Tokens<'_, '_>) -> Span {
        let taken = self.rest.len().saturating_sub(rest.rest.len());
        let last = self.rest[..taken].last();
        last.map_or(self.span(), |last| self.span().to(last.span))
    }

    /// How the first token is called in a message.
    pub fn found(&self) -> String {
        self.first()
            .map_or_else(|| "the end of the text".into(), Token::describe)
    }

    pub fn report(&self, finding: Diagnostic) {
        self.context.report(finding);
    }
}
