//! Declarations: imports, functions and states; and how reading goes on after an error.

use nom::branch::alt;
use nom::combinator::map;
use nom::{Err, Parser};

use super::super::diagnostic::{Diagnostic, code};
use super::super::source::Span;
use super::ast::{Block, Declaration, Function, Name, State};
use super::error::{Parsed, SyntaxError, expect, reject};
use super::statement::block;
use super::token::{Kind, Token, Tokens};
use super::transition::{transition, transition_body};
use super::{keyword, name, report, skip, skip_block};
use crate::suggest::closest;

const KEYWORDS: [&str; 5] = ["import", "function", "initial", "state", "transition"];

/// All declarations that can be read, and the text of each, broken ones included.
pub fn declarations<'t>(mut input: Tokens<'_, 't>) -> (Vec<Declaration<'t>>, Vec<Span>) {
    let (mut declarations, mut extents) = (Vec::new(), Vec::new());
    while !input.is_empty() {
        if input.kind() == Some(Kind::Semicolon) {
            input = input.next();
            continue;
        }
        let start = input.span();
        input = match declaration(input) {
            Ok((rest, declaration)) => {
                declarations.push(declaration);
                rest
            }
            Err(error) => {
                let (rest, guessed) = misspelt(input, error);
                declarations.extend(guessed);
                rest
            }
        };
        extents.push(input.previous().map_or(start, |last| start.to(last.span)));
    }
    (declarations, extents)
}

/// Reports what is no declaration. If its first word resembles a keyword, the rest is read as if it
/// were that, because otherwise everything that uses the name would be an error too.
fn misspelt<'a, 't>(
    input: Tokens<'a, 't>,
    error: Err<SyntaxError>,
) -> (Tokens<'a, 't>, Option<Declaration<'t>>) {
    let (Err::Error(error) | Err::Failure(error)) = error else {
        return (skip_declaration(input), None);
    };
    let near = input
        .first()
        .filter(|token| token.kind == Kind::Word && error.left == input.left())
        .and_then(|token| closest(token.text, KEYWORDS).filter(|near| *near != token.text));
    let hint = near.map(|near| format!("did you mean '{near}'?"));
    let finding = error.into_diagnostic().maybe_hint(hint);
    input.context.report_syntax(finding);
    let guessed = match near {
        Some("state") => state_body(input, input.next(), false).map(some(Declaration::State)),
        Some("transition") => {
            transition_body(input, input.next()).map(some(Declaration::Transition))
        }
        Some("function") => function_body(input, input.next()).map(some(Declaration::Function)),
        Some("initial") => initial(input, input.next()).map(some(Declaration::State)),
        _ => return (skip_declaration(input), None),
    };
    // What else is wrong was said with the keyword already.
    guessed.unwrap_or_else(|_| (skip_declaration(input), None))
}

/// Makes a declaration of what a parser gives.
fn some<R, D, T>(make: impl Fn(D) -> T) -> impl Fn((R, D)) -> (R, Option<T>) {
    move |(rest, declaration)| (rest, Some(make(declaration)))
}

/// Goes on at the next line that begins a declaration.
fn skip_declaration<'a, 't>(input: Tokens<'a, 't>) -> Tokens<'a, 't> {
    let mut rest = input.next();
    while let Some(token) = rest.first()
        && !starts_declaration(token)
    {
        rest = rest.next();
    }
    rest
}

pub fn begins_declaration(token: &Token<'_>) -> bool {
    match token.kind {
        Kind::Word => matches!(token.text, "function" | "initial" | "state" | "transition"),
        Kind::Call => token.text == "import",
        _ => false,
    }
}

/// The same where it is sure: at the start of a line.
pub fn starts_declaration(token: &Token<'_>) -> bool {
    token.first_on_line && begins_declaration(token)
}

/// The same anywhere in a line, where what follows the word makes it sure.
pub fn opens_declaration(input: Tokens<'_, '_>) -> bool {
    let Some(token) = input.first().filter(|token| begins_declaration(token)) else {
        return false;
    };
    let next = input.second();
    token.first_on_line
        || match token.text {
            "import" => true,
            "initial" => next.is_some_and(|next| next.is_word("state")),
            "function" => next.is_some_and(|next| next.kind == Kind::Call),
            _ => next.is_some_and(|next| matches!(next.kind, Kind::Word | Kind::Quoted)),
        }
}

fn declaration<'a, 't>(input: Tokens<'a, 't>) -> Parsed<'a, 't, Declaration<'t>> {
    alt((
        map(import, Declaration::Import),
        map(function, Declaration::Function),
        map(state, Declaration::State),
        map(transition, Declaration::Transition),
        |input| {
            reject(
                input,
                "'import(..)', 'function', 'state', 'initial state' or 'transition'",
            )
        },
    ))
    .parse(input)
}

/// The `;` behind a declaration; it may be missing before another one.
pub fn end_of_declaration<'a, 't>(input: Tokens<'a, 't>) -> Tokens<'a, 't> {
    match input.first() {
        Some(token) if token.kind == Kind::Semicolon => return input.next(),
        Some(token) if !begins_declaration(token) => return input,
        _ if input.context.is_unclosed(input.left()) => return input,
        _ => {}
    }
    let message = format!("missing ';' before {}", input.found());
    let finding = Diagnostic::new(code::MISSING_SEMICOLON, input.behind(), message);
    input.report(finding);
    input
}

fn import<'a, 't>(input: Tokens<'a, 't>) -> Parsed<'a, 't, Name<'t>> {
    let (rest, token) = match input.first() {
        Some(token) if token.text == "import" && token.kind == Kind::Call => (input.next(), token),
        Some(token) if token.is_word("import") => {
            let error = SyntaxError::new(input, code::UNEXPECTED_TOKEN, "'import(..)'");
            let named = [Kind::Group, Kind::Word, Kind::Quoted];
            let name = input.second().filter(|next| named.contains(&next.kind));
            let Some(name) = name else {
                return Err(Err::Failure(error));
            };
            report(input, Err::Failure(error));
            (input.next().next(), name)
        }
        _ => return reject(input, "'import(..)'"),
    };
    let written = token
        .arguments
        .map_or(token.text, |arguments| arguments.text);
    let text = written.trim().trim_matches(['"', '\'']).trim();
    let span = input
        .context
        .text
        .span_of(text)
        .filter(|_| !text.is_empty());
    let span = span.unwrap_or(token.span);
    Ok((rest, Name { text, span }))
}

fn function<'a, 't>(input: Tokens<'a, 't>) -> Parsed<'a, 't, Function<'t>> {
    let (rest, _) = keyword("function").parse(input)?;
    function_body(input, rest)
}

/// What follows the keyword at `start`. A function without parentheses is known all the same.
fn function_body<'a, 't>(
    start: Tokens<'a, 't>,
    input: Tokens<'a, 't>,
) -> Parsed<'a, 't, Function<'t>> {
    let header = |rest| SyntaxError::new(rest, code::BAD_FUNCTION_HEADER, "a name with '()'");
    let (rest, head) = match input.first() {
        Some(token) if token.kind == Kind::Call => (input.next(), token),
        Some(token) if token.kind == Kind::Word => {
            report(input, Err::Failure(header(input)));
            (skip(input.next(), &[Kind::Group]), token)
        }
        _ => return Err(Err::Failure(header(input))),
    };
    let name = Name {
        text: head.text,
        span: head.name,
    };
    match expect(code::BAD_FUNCTION_HEADER, "'{'", block)(rest) {
        Ok((rest, body)) => {
            let rest = end_of_declaration(rest);
            let span = start.up_to(rest);
            Ok((rest, Function { name, body, span }))
        }
        Err(error) => {
            let rest = to_end(report(rest, error));
            let (body, span) = (Vec::new(), start.up_to(rest));
            Ok((rest, Function { name, body, span }))
        }
    }
}

fn state<'a, 't>(input: Tokens<'a, 't>) -> Parsed<'a, 't, State<'t>> {
    if let Ok((rest, _)) = keyword("initial").parse(input) {
        return initial(input, rest);
    }
    let (rest, _) = keyword("state").parse(input)?;
    state_body(input, rest, false)
}

/// What follows `initial`. Without `state` it is a state all the same.
fn initial<'a, 't>(start: Tokens<'a, 't>, input: Tokens<'a, 't>) -> Parsed<'a, 't, State<'t>> {
    if let Ok((rest, _)) = keyword("state").parse(input) {
        return state_body(start, rest, true);
    }
    let expected = "'state' (in small letters)";
    let error = SyntaxError::new(input, code::UNEXPECTED_TOKEN, expected);
    report(input, Err::Failure(error));
    let is_keyword = |token: &&Token<'_>| closest(token.text, ["state"]).is_some();
    let rest = match input.first().filter(is_keyword) {
        Some(_) => input.next(),
        None => input,
    };
    state_body(start, rest, true)
}

/// What follows `state` in a declaration that begins at `start`.
fn state_body<'a, 't>(
    start: Tokens<'a, 't>,
    input: Tokens<'a, 't>,
    initial: bool,
) -> Parsed<'a, 't, State<'t>> {
    let (mut rest, name) = expect(code::UNEXPECTED_TOKEN, "a state name", name)(input)?;
    let mut lists = Lists::default();
    while let Some(token) = rest.first()
        && token.kind != Kind::Semicolon
        && !opens_declaration(rest)
    {
        rest = match token.kind {
            Kind::OpenBrace | Kind::CloseBrace => rest.next(),
            _ => match lists.list(rest) {
                Ok((after, ())) => after,
                Err(error) => {
                    let rest = to_end(report(rest, error));
                    return Ok((rest, lists.into_state(name, initial, start.up_to(rest))));
                }
            },
        };
    }
    let rest = end_of_declaration(rest);
    Ok((rest, lists.into_state(name, initial, start.up_to(rest))))
}

/// Goes on behind the end of a declaration that cannot be read to its end.
pub fn to_end<'a, 't>(mut input: Tokens<'a, 't>) -> Tokens<'a, 't> {
    while let Some(token) = input.first().filter(|token| !starts_declaration(token)) {
        input = match token.kind {
            Kind::Semicolon => return skip_to_declaration(input.next()),
            Kind::OpenBrace => skip_block(input),
            _ => input.next(),
        };
    }
    input
}

/// Skips what is left of a broken declaration behind its first `;`.
fn skip_to_declaration<'a, 't>(mut input: Tokens<'a, 't>) -> Tokens<'a, 't> {
    while input
        .first()
        .is_some_and(|token| !begins_declaration(token))
    {
        input = input.next();
    }
    input
}

#[derive(Default)]
struct Lists<'t> {
    enter: Option<Block<'t>>,
    exit: Option<Block<'t>>,
}

impl<'t> Lists<'t> {
    fn into_state(self, name: Name<'t>, initial: bool, span: Span) -> State<'t> {
        let (enter, exit) = (
            self.enter.unwrap_or_default(),
            self.exit.unwrap_or_default(),
        );
        State {
            name,
            initial,
            enter,
            exit,
            span,
        }
    }

    /// One enter or exit list, or a word that is ignored.
    fn list<'a>(&mut self, input: Tokens<'a, 't>) -> Parsed<'a, 't, ()> {
        let Some(token) = input.first() else {
            return Ok((input, ()));
        };
        let list = match token.text {
            "enter" if token.kind == Kind::Word => &mut self.enter,
            "exit" if token.kind == Kind::Word => &mut self.exit,
            _ => return Ok((junk(input, token), ())),
        };
        let (rest, block) = expect(code::UNEXPECTED_TOKEN, "'{'", block)(input.next())?;
        if list.replace(block).is_some() {
            let message = format!("a second {} list; this one is used", token.describe());
            input.report(Diagnostic::new(code::DUPLICATE_LIST, token.span, message));
        }
        Ok((rest, ()))
    }
}

/// Reports a word without meaning in a state, and skips it with the block behind it.
fn junk<'a, 't>(input: Tokens<'a, 't>, token: &Token<'t>) -> Tokens<'a, 't> {
    let near = closest(token.text, ["enter", "exit"]).filter(|_| token.kind == Kind::Word);
    let hint = near.map(|near| format!("did you mean '{near}'?"));
    let message = format!("{} has no meaning in a state", token.describe());
    let finding = Diagnostic::new(code::JUNK_IN_STATE, token.span, message);
    input.report(finding.maybe_hint(hint));
    let rest = input.next();
    let holds_lists = rest
        .second()
        .is_some_and(|token| token.is_word("enter") || token.is_word("exit"));
    if holds_lists { rest } else { skip_block(rest) }
}
