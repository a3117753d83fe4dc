//! The grammar: program text to tree.
//!
//! Two steps, both with nom: [`lexer`] makes tokens, the parsers run over the token slice. Neither
//! stops at the first error: what cannot be read is reported and skipped, and the declaration around it
//! stays with its name and all else that could be read, so that one mistake is one finding.
//! Constructs the original refuses but whose meaning is plain are accepted with a warning.

pub mod ast;
mod condition;
mod diagram;
mod error;
mod lexer;
mod statement;
mod token;
mod transition;

use nom::combinator::map;
use nom::{Err, Parser};

use super::diagnostic::{Diagnostic, code};
use super::include::Text;
use ast::Name;
use diagram::starts_declaration;
use error::{Parsed, SyntaxError, reject};
use token::{Context, Kind, Tokens};

pub use diagram::begins_declaration;
pub use lexer::{KEYWORDS, is_keyword, lex, quoted_run};
pub use statement::split_at_in;
pub use token::{Kind as TokenKind, Token};

/// Blocks inside blocks; deeper is a mistake. Picked by feel.
const MAX_NESTING: usize = 64;

/// Parses a whole text. The tree holds every declaration that could be read.
pub fn parse(text: &Text) -> (ast::Diagram<'_>, Vec<Diagnostic>) {
    let context = Context::new(text);
    let tokens = context.lexed(lex(text));
    let (declarations, extents) = diagram::declarations(Tokens::new(&tokens, 0, &context));
    let (findings, comments) = context.into_parts();
    let diagram = ast::Diagram {
        declarations,
        extents,
        comments,
    };
    (diagram, findings)
}

/// Parses what may stand between the braces of a list: a file that is meant to be included there.
pub fn parse_statements(text: &Text) -> (ast::Block<'_>, Vec<Diagnostic>) {
    let context = Context::new(text);
    let mut tokens = context.lexed(lex(text));
    let end = tokens.last().map_or(text.span(0, 0), |token| token.span);
    tokens.push(Token {
        kind: Kind::CloseBrace,
        text: "}",
        arguments: None,
        name: end,
        span: end,
        first_on_line: true,
    });
    let input = Tokens::new(&tokens, 0, &context);
    let (rest, block) = statement::block_until(input, &[Kind::CloseBrace], end);
    if rest.left() != 1 {
        let message = "this '}' closes nothing";
        let finding = Diagnostic::new(code::UNEXPECTED_TOKEN, rest.span(), message);
        context.report(finding);
    }
    let (findings, _) = context.into_parts();
    (block, findings)
}

/// A token of this kind.
fn token<'a, 't: 'a>(
    kind: Kind,
    what: &'static str,
) -> impl Parser<Tokens<'a, 't>, Output = &'a Token<'t>, Error = SyntaxError> {
    move |input: Tokens<'a, 't>| match input.first() {
        Some(token) if token.kind == kind => Ok((input.next(), token)),
        _ => reject(input, what),
    }
}

/// A bare word with this text.
fn keyword<'a, 't: 'a>(
    word: &'static str,
) -> impl Parser<Tokens<'a, 't>, Output = &'a Token<'t>, Error = SyntaxError> {
    move |input: Tokens<'a, 't>| match input.first() {
        Some(token) if token.is_word(word) => Ok((input.next(), token)),
        _ => reject(input, word),
    }
}

/// A bare word or a quoted text.
fn name<'a, 't>(input: Tokens<'a, 't>) -> Parsed<'a, 't, Name<'t>> {
    let name = |token: &Token<'t>| Name {
        text: token.text,
        span: token.span,
    };
    nom::branch::alt((
        map(token(Kind::Word, "a name"), name),
        map(token(Kind::Quoted, "a name"), name),
    ))
    .parse(input)
}

/// Reports an error that is dealt with; gives the place where it was found.
fn report<'a, 't>(input: Tokens<'a, 't>, error: Err<SyntaxError>) -> Tokens<'a, 't> {
    let (Err::Error(error) | Err::Failure(error)) = error else {
        return input;
    };
    let mut rest = input;
    while rest.left() > error.left {
        rest = rest.next();
    }
    input.context.report_syntax(error.into_diagnostic());
    rest
}

/// Skips a `{ .. }` with all blocks in it; what has no brace is left.
fn skip_block<'a, 't>(mut input: Tokens<'a, 't>) -> Tokens<'a, 't> {
    let mut open = 0;
    while let Some(token) = input.first().filter(|token| !starts_declaration(token)) {
        match token.kind {
            Kind::OpenBrace => open += 1,
            Kind::CloseBrace if open > 0 => open -= 1,
            _ if open == 0 => break,
            _ => {}
        }
        input = input.next();
        if open == 0 {
            break;
        }
    }
    input
}

/// Skips tokens as long as they are of one of `kinds`.
fn skip<'a, 't>(mut input: Tokens<'a, 't>, kinds: &[Kind]) -> Tokens<'a, 't> {
    while input.kind().is_some_and(|kind| kinds.contains(&kind)) {
        input = input.next();
    }
    input
}
