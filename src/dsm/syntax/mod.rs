//! The grammar: program text to tree.
//!
//! Two steps, both with nom: [`lexer`] makes tokens, the parsers run over the token slice. Neither
//! stops at the first error: a broken declaration is reported and skipped, the others stay.
//! Constructs the original refuses but whose meaning is plain are accepted with a warning.

pub mod ast;
mod condition;
mod diagram;
mod error;
mod lexer;
mod statement;
mod token;
mod transition;

use nom::Parser;
use nom::combinator::map;

use super::diagnostic::{Diagnostic, code};
use super::include::Text;
use ast::Name;
use error::{Parsed, reject};
use token::{Context, Kind, Tokens};

pub use diagram::begins_declaration;
pub use lexer::{is_keyword, lex, quoted_run};
pub use statement::split_at_in;
pub use token::{Kind as TokenKind, Token};

/// Blocks inside blocks; deeper is a mistake. Picked by feel.
const MAX_NESTING: usize = 64;

/// Parses a whole text. The tree holds every declaration that could be read.
pub fn parse(text: &Text) -> (ast::Diagram<'_>, Vec<Diagnostic>) {
    let (tokens, findings) = lex(text);
    // What is missing at the end is shown at the last thing that is there.
    let end = tokens.last().map_or(text.span(0, 0), |token| token.span);
    let context = Context::new(text, end, findings);
    let declarations = diagram::declarations(Tokens::new(&tokens, &context));
    (ast::Diagram { declarations }, context.into_findings())
}

/// Parses what may stand between the braces of a list: a file that is meant to be included there.
pub fn parse_statements(text: &Text) -> (ast::Block<'_>, Vec<Diagnostic>) {
    let (mut tokens, findings) = lex(text);
    let end = tokens.last().map_or(text.span(0, 0), |token| token.span);
    let context = Context::new(text, end, findings);
    tokens.push(Token {
        kind: Kind::CloseBrace,
        text: "}",
        arguments: None,
        span: end,
        first_on_line: true,
    });
    let input = Tokens::new(&tokens, &context);
    let block = match statement::block_until(input, &[Kind::CloseBrace], end) {
        Ok((rest, block)) if rest.left() == 1 => block,
        Ok((rest, block)) => {
            let message = "this '}' closes nothing";
            let finding = Diagnostic::new(code::UNEXPECTED_TOKEN, rest.span(), message);
            context.report(finding);
            block
        }
        Err(nom::Err::Error(error) | nom::Err::Failure(error)) => {
            context.report(error.into_diagnostic());
            Vec::new()
        }
        Err(nom::Err::Incomplete(_)) => Vec::new(),
    };
    (block, context.into_findings())
}

/// A token of this kind.
fn token<'a, 't: 'a>(
    kind: Kind,
    what: &'static str,
) -> impl Parser<Tokens<'a, 't>, Output = &'a Token<'t>, Error = error::SyntaxError> {
    move |input: Tokens<'a, 't>| match input.first() {
        Some(token) if token.kind == kind => Ok((input.next(), token)),
        _ => reject(input, what),
    }
}

/// A bare word with this text.
fn keyword<'a, 't: 'a>(
    word: &'static str,
) -> impl Parser<Tokens<'a, 't>, Output = &'a Token<'t>, Error = error::SyntaxError> {
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

/// Skips tokens as long as they are of one of `kinds`.
fn skip<'a, 't>(mut input: Tokens<'a, 't>, kinds: &[Kind]) -> Tokens<'a, 't> {
    while input.kind().is_some_and(|kind| kinds.contains(&kind)) {
        input = input.next();
    }
    input
}
