//! Tokens, and the token slice the parsers run over.

use std::cell::{Cell, RefCell};

use super::super::diagnostic::Diagnostic;
use super::super::include::Text;
use super::super::source::Span;
use super::lexer::Lexed;

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
    /// The name of a call; everything of the other kinds.
    pub name: Span,
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
            Kind::Quoted => format!("\"{}\"", self.text),
            _ => format!("'{}'", self.text),
        }
    }
}

/// What is left to parse. Cheap to copy, so that parsers can look ahead.
#[derive(Clone, Copy)]
pub struct Tokens<'a, 't> {
    all: &'a [Token<'t>],
    at: usize,
    /// Where the text begins, if there is no token at all.
    start: Span,
    pub context: &'a Context<'t>,
    /// How many blocks are open around this place.
    pub depth: usize,
}

/// What all parsers of one text share.
pub struct Context<'t> {
    pub text: &'t Text,
    findings: RefCell<Vec<Diagnostic>>,
    comments: RefCell<Vec<Span>>,
    /// Where the last syntax error was found.
    failed: Cell<Option<Span>>,
    /// How many tokens were left when a missing `}` was reported.
    unclosed: Cell<Option<usize>>,
}

impl<'t> Context<'t> {
    pub fn new(text: &'t Text) -> Self {
        Self {
            text,
            findings: RefCell::default(),
            comments: RefCell::default(),
            failed: Cell::default(),
            unclosed: Cell::default(),
        }
    }

    /// Takes over what the lexer has to say beside the tokens.
    pub fn lexed(&self, lexed: Lexed<'t>) -> Vec<Token<'t>> {
        self.findings.borrow_mut().extend(lexed.findings);
        self.comments.borrow_mut().extend(lexed.comments);
        lexed.tokens
    }

    pub fn report(&self, finding: Diagnostic) {
        self.findings.borrow_mut().push(finding);
    }

    /// Reports a syntax error; of several at one place the first.
    pub fn report_syntax(&self, finding: Diagnostic) {
        if self.failed.replace(Some(finding.span)) != Some(finding.span) {
            self.report(finding);
        }
    }

    /// Reports a missing `}`; of several at one place only the first, which is the innermost.
    pub fn report_unclosed(&self, left: usize, finding: Diagnostic) {
        if self.unclosed.replace(Some(left)) != Some(left) {
            self.report(finding);
        }
    }

    /// Whether a missing `}` was reported here.
    pub fn is_unclosed(&self, left: usize) -> bool {
        self.unclosed.get() == Some(left)
    }

    /// The findings and the comments behind code.
    pub fn into_parts(self) -> (Vec<Diagnostic>, Vec<Span>) {
        (self.findings.into_inner(), self.comments.into_inner())
    }
}

impl<'a, 't> Tokens<'a, 't> {
    /// `start` is where the text of the tokens begins.
    pub fn new(tokens: &'a [Token<'t>], start: usize, context: &'a Context<'t>) -> Self {
        Self {
            all: tokens,
            at: 0,
            start: context.text.span(start, start),
            context,
            depth: 0,
        }
    }

    pub fn first(&self) -> Option<&'a Token<'t>> {
        self.all.get(self.at)
    }

    pub fn second(&self) -> Option<&'a Token<'t>> {
        self.all.get(self.at + 1)
    }

    /// The token before the first.
    pub fn previous(&self) -> Option<&'a Token<'t>> {
        self.all.get(self.at.checked_sub(1)?)
    }

    pub fn kind(&self) -> Option<Kind> {
        self.first().map(|token| token.kind)
    }

    /// Everything behind the first token.
    pub fn next(self) -> Self {
        Self {
            at: (self.at + 1).min(self.all.len()),
            ..self
        }
    }

    pub fn is_empty(&self) -> bool {
        self.at >= self.all.len()
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
        self.all.len() - self.at
    }

    /// The span of the first token, or the end of the text.
    pub fn span(&self) -> Span {
        self.first().map_or(self.behind(), |token| token.span)
    }

    /// The empty span behind what was read, where something may be missing.
    pub fn behind(&self) -> Span {
        self.previous()
            .map_or(self.start, |token| token.span.behind())
    }

    /// Everything from the first token up to where `rest` begins.
    pub fn up_to(&self, rest: Tokens<'_, '_>) -> Span {
        let last = self.all[self.at..rest.at].last();
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
