//! Declarations: imports, functions and states; and how reading goes on after an error.

use nom::branch::alt;
use nom::combinator::{map, opt};
use nom::{Err, Parser};

use super::super::diagnostic::{Diagnostic, code};
use super::super::source::Span;
use super::ast::{Block, Declaration, Function, Name, State};
use super::error::{Parsed, SyntaxError, expect, refuse, reject};
use super::statement::block;
use super::token::{Kind, Token, Tokens};
use super::transition::transition;
use super::{keyword, name, token};
use crate::suggest::closest;

const KEYWORDS: [&str; 5] = ["import", "function", "initial", "state", "transition"];

/// All declarations that can be read.
pub fn declarations<'t>(mut input: Tokens<'_, 't>) -> Vec<Declaration<'t>> {
    let mut declarations = Vec::new();
    while !input.is_empty() {
        if input.kind() == Some(Kind::Semicolon) {
            input = input.next();
            continue;
        }
        match declaration(input) {
            Ok((rest, declaration)) => {
                declarations.push(declaration);
                input = rest;
            }
            Err(Err::Error(error) | Err::Failure(error)) => {
                let near = input
                    .first()
                    .and_then(|token| closest(token.text, KEYWORDS));
                let hint = near.filter(|_| error.span == input.span());
                let hint = hint.map(|near| format!("did you mean '{near}'?"));
                input.report(error.into_diagnostic().maybe_hint(hint));
                input = skip_declaration(input);
            }
            Err(Err::Incomplete(_)) => break,
        }
    }
    declarations
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
        _ => {}
    }
    let message = format!("missing ';' before {}", input.found());
    input.report(Diagnostic::new(
        code::MISSING_SEMICOLON,
        input.span(),
        message,
    ));
    input
}

fn import<'a, 't>(input: Tokens<'a, 't>) -> Parsed<'a, 't, Name<'t>> {
    match input.first() {
        Some(token) if token.kind == Kind::Call && token.text == "import" => {
            let module = token.arguments.map_or("", |arguments| arguments.text);
            let module = module.trim().trim_matches(['"', '\'']).trim();
            Ok((
                input.next(),
                Name {
                    text: module,
                    span: token.span,
                },
            ))
        }
        _ => reject(input, "'import(..)'"),
    }
}

fn function<'a, 't>(input: Tokens<'a, 't>) -> Parsed<'a, 't, Function<'t>> {
    let (rest, _) = keyword("function").parse(input)?;
    let (rest, head) = expect(
        code::BAD_FUNCTION_HEADER,
        "a name with '()'",
        token(Kind::Call, "a name"),
    )(rest)?;
    let (rest, body) = expect(code::BAD_FUNCTION_HEADER, "'{'", block)(rest)?;
    let name = Name {
        text: head.text,
        span: head.span,
    };
    let rest = end_of_declaration(rest);
    let span = input.up_to(rest);
    Ok((rest, Function { name, body, span }))
}

fn state<'a, 't>(input: Tokens<'a, 't>) -> Parsed<'a, 't, State<'t>> {
    let (rest, initial) = opt(keyword("initial")).parse(input)?;
    let initial = initial.is_some();
    let (rest, _) = match keyword("state").parse(rest) {
        Err(Err::Error(_)) if initial => {
            return refuse(rest, code::UNEXPECTED_TOKEN, "'state' (in small letters)");
        }
        result => result?,
    };
    let (mut rest, name) = expect(code::UNEXPECTED_TOKEN, "a state name", name)(rest)?;
    let mut lists = Lists::default();
    loop {
        match rest.first() {
            Some(token) if token.kind == Kind::Semicolon || opens_declaration(rest) => break,
            None => break,
            Some(token) if matches!(token.kind, Kind::OpenBrace | Kind::CloseBrace) => {
                rest = rest.next();
            }
            Some(_) => match lists.list(rest) {
                Ok((after, ())) => rest = after,
                Err(error) => {
                    // The state is known all the same; without it there would be more errors.
                    report(input, error);
                    let rest = skip_declaration(rest);
                    return Ok((rest, lists.into_state(name, initial, input.up_to(rest))));
                }
            },
        }
    }
    let rest = end_of_declaration(rest);
    Ok((rest, lists.into_state(name, initial, input.up_to(rest))))
}

/// Reports an error that is dealt with.
fn report(input: Tokens<'_, '_>, error: Err<SyntaxError>) {
    if let Err::Error(error) | Err::Failure(error) = error {
        input.report(error.into_diagnostic());
    }
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
            _ => {
                let message = format!("{} has no meaning in a state", token.describe());
                input.report(Diagnostic::new(code::JUNK_IN_STATE, token.span, message));
                return Ok((input.next(), ()));
            }
        };
        let (rest, block) = expect(code::UNEXPECTED_TOKEN, "'{'", block)(input.next())?;
        if list.replace(block).is_some() {
            let message = format!("a second {} list; this one is used", token.describe());
            input.report(Diagnostic::new(code::DUPLICATE_LIST, token.span, message));
        }
        Ok((rest, ()))
    }
}
