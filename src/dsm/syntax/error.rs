//! What a parser wanted and what it found instead.

use nom::error::{ErrorKind, ParseError};
use nom::{Err, IResult, Parser};

use super::super::diagnostic::{Code, Diagnostic, code};
use super::super::source::Span;
use super::diagram::starts_declaration;
use super::token::Tokens;

/// One syntax error. Of several attempts the one that got furthest is kept.
#[derive(Clone, Debug)]
pub struct SyntaxError {
    pub code: Code,
    pub span: Span,
    pub expected: &'static str,
    pub found: Box<str>,
    /// Tokens that were left.
    pub left: usize,
}

pub type Parsed<'a, 't, O> = IResult<Tokens<'a, 't>, O, SyntaxError>;

impl SyntaxError {
    pub fn new(input: Tokens<'_, '_>, code: Code, expected: &'static str) -> Self {
        let found = input.found().into();
        // What is missing before the next declaration is missed behind the last one.
        let span = match input.first() {
            Some(token) if input.left() > 0 && !starts_declaration(token) => token.span,
            _ => input.behind(),
        };
        let left = input.left();
        Self {
            code,
            span,
            expected,
            found,
            left,
        }
    }

    pub fn into_diagnostic(self) -> Diagnostic {
        let message = format!("expected {}, found {}", self.expected, self.found);
        Diagnostic::new(self.code, self.span, message)
    }
}

impl<'a, 't> ParseError<Tokens<'a, 't>> for SyntaxError {
    fn from_error_kind(input: Tokens<'a, 't>, _: ErrorKind) -> Self {
        SyntaxError::new(input, code::UNEXPECTED_TOKEN, "something else")
    }

    fn append(_: Tokens<'a, 't>, _: ErrorKind, other: Self) -> Self {
        other
    }

    fn or(self, other: Self) -> Self {
        if other.left <= self.left { other } else { self }
    }
}

/// An error that lets the caller try something else.
pub fn reject<O>(input: Tokens<'_, '_>, expected: &'static str) -> Result<O, Err<SyntaxError>> {
    Err(Err::Error(SyntaxError::new(
        input,
        code::UNEXPECTED_TOKEN,
        expected,
    )))
}

/// An error that no other attempt can repair.
pub fn refuse<O>(
    input: Tokens<'_, '_>,
    code: Code,
    expected: &'static str,
) -> Result<O, Err<SyntaxError>> {
    Err(Err::Failure(SyntaxError::new(input, code, expected)))
}

/// Makes a missing `what` an error of `code` that no other attempt can repair.
pub fn expect<'a, 't: 'a, O>(
    code: Code,
    what: &'static str,
    mut parser: impl Parser<Tokens<'a, 't>, Output = O, Error = SyntaxError>,
) -> impl FnMut(Tokens<'a, 't>) -> Parsed<'a, 't, O> {
    move |input| match parser.parse(input) {
        Err(Err::Error(_)) => refuse(input, code, what),
        result => result,
    }
}
