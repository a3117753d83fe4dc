//! `transition NAME SOURCE - conditions / actions -> TARGET`.

use nom::Parser;
use nom::branch::alt;

use super::super::comparison::find_outside_quotes;
use super::super::diagnostic::{Diagnostic, Severity, code};
use super::ast::{Block, Condition, Name, Transition};
use super::condition::condition;
use super::diagram::{
    begins_declaration, end_of_declaration, opens_declaration, starts_declaration,
};
use super::error::{Parsed, expect, refuse};
use super::statement::{block_until, skip_statement, statement};
use super::token::{Kind, Token, Tokens};
use super::{keyword, name, skip, token};

pub fn transition<'a, 't>(input: Tokens<'a, 't>) -> Parsed<'a, 't, Transition<'t>> {
    let (rest, _) = keyword("transition").parse(input)?;
    let (rest, name) = expect(code::UNEXPECTED_TOKEN, "a transition name", name)(rest)?;
    let (rest, sources) = sources(rest)?;
    let (rest, conditions) = conditions(rest)?;
    let (rest, actions) = actions(rest)?;
    let (rest, target) = target(rest)?;
    let rest = end_of_declaration(junk(rest));
    let transition = Transition {
        name,
        sources,
        conditions,
        actions,
        target,
        span: input.up_to(rest),
    };
    Ok((rest, transition))
}

/// The state or states a transition leaves; `None` if the conditions follow at once.
fn sources<'a, 't>(input: Tokens<'a, 't>) -> Parsed<'a, 't, Option<Vec<Name<'t>>>> {
    match input.first() {
        Some(token) if token.kind == Kind::Group => Ok((input.next(), Some(source_list(token)))),
        Some(token) if is_mark(token.kind) => Ok((input, None)),
        _ => {
            let (rest, name) = expect(code::UNEXPECTED_TOKEN, "a source state", name)(input)?;
            Ok((rest, Some(vec![name])))
        }
    }
}

/// `(a, b, "c d")`.
fn source_list<'t>(group: &Token<'t>) -> Vec<Name<'t>> {
    let mut rest = group.arguments.map(|arguments| arguments.text);
    let mut names = Vec::new();
    while let Some(list) = rest {
        let comma = find_outside_quotes(list, ",");
        let (name, behind) = match comma {
            Some(at) => (&list[..at], Some(&list[at + 1..])),
            None => (list, None),
        };
        let text = unquoted(name.trim());
        if !text.is_empty() {
            let span = group.span;
            names.push(Name { text, span });
        }
        rest = behind;
    }
    names
}

fn unquoted(name: &str) -> &str {
    match super::quoted_run(name) {
        Some(("", inner)) => inner,
        _ => name,
    }
}

fn is_mark(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Dash | Kind::DashSlash | Kind::Slash | Kind::Arrow
    )
}

/// `- c; c` or `- [ c; c ]` up to the slash or arrow.
fn conditions<'a, 't>(input: Tokens<'a, 't>) -> Parsed<'a, 't, Vec<Condition<'t>>> {
    let mut conditions = Vec::new();
    let Ok((mut rest, _)) = token(Kind::Dash, "'-'").parse(input) else {
        return Ok((input, conditions));
    };
    let ignored = [
        Kind::Semicolon,
        Kind::OpenBrace,
        Kind::CloseBrace,
        Kind::OpenBracket,
        Kind::CloseBracket,
    ];
    loop {
        rest = skip(rest, &ignored);
        match rest.kind() {
            Some(Kind::Slash | Kind::DashSlash | Kind::Arrow) => return Ok((rest, conditions)),
            _ if rest.first().is_none_or(starts_declaration) => {
                return refuse(rest, code::MISSING_TARGET, "'->' and a target");
            }
            _ => {
                let one = |input| condition(input, &mut conditions);
                rest = expect(code::UNEXPECTED_TOKEN, "a condition, '/' or '->'", one)(rest)?.0;
            }
        }
    }
}

/// `/ { a; a; }` or `/ a; a` up to the arrow.
fn actions<'a, 't>(input: Tokens<'a, 't>) -> Parsed<'a, 't, Block<'t>> {
    let slash = alt((token(Kind::Slash, "'/'"), token(Kind::DashSlash, "'-/'"))).parse(input);
    let Ok((rest, _)) = slash else {
        return Ok((input, Vec::new()));
    };
    let rest = skip(rest, &[Kind::Semicolon]);
    if let Some(open) = rest.first().filter(|token| token.kind == Kind::OpenBrace) {
        let (rest, block) = block_until(rest.next(), &[Kind::CloseBrace, Kind::Arrow], open.span)?;
        if rest.kind() == Some(Kind::Arrow) {
            let finding =
                Diagnostic::new(code::UNTERMINATED_BLOCK, open.span, "no '}' before '->'");
            rest.report(finding.severity(Severity::Warning));
            return Ok((rest, block));
        }
        let rest = skip(rest.next(), &[Kind::CloseBracket, Kind::Semicolon]);
        if rest.kind() == Some(Kind::CloseBrace) {
            return refuse(rest, code::JUNK_IN_TRANSITION, SURPLUS_BRACE);
        }
        return Ok((rest, block));
    }
    bare_actions(rest)
}

fn bare_actions<'a, 't>(mut rest: Tokens<'a, 't>) -> Parsed<'a, 't, Block<'t>> {
    let mut block = Vec::new();
    loop {
        rest = skip(
            rest,
            &[Kind::Semicolon, Kind::CloseBracket, Kind::CloseBrace],
        );
        match rest.first() {
            None => return refuse(rest, code::MISSING_TARGET, "'->' and a target"),
            Some(token) if token.kind == Kind::Arrow => return Ok((rest, block)),
            Some(token) if starts_declaration(token) => {
                return refuse(rest, code::MISSING_TARGET, "'->' and a target");
            }
            Some(_) => match statement(rest) {
                Ok((after, statement)) => {
                    block.extend(statement);
                    rest = after;
                }
                Err(error) => rest = skip_statement(rest, error)?,
            },
        }
    }
}

/// The original needed one more brace behind `else if`; files written around that end up here.
const SURPLUS_BRACE: &str = "'->' ('else if' chains here and needs no brace of its own)";

/// The arrow and the target.
fn target<'a, 't>(input: Tokens<'a, 't>) -> Parsed<'a, 't, Name<'t>> {
    let code = match input.first() {
        None => code::MISSING_TARGET,
        Some(token) if token.kind == Kind::Semicolon || begins_declaration(token) => {
            code::MISSING_TARGET
        }
        Some(_) => code::JUNK_IN_TRANSITION,
    };
    let (rest, _) = expect(code, "'->' and a target", token(Kind::Arrow, "'->'"))(input)?;
    expect(code::MISSING_TARGET, "a target state", name)(rest)
}

/// Skips what stands between the target and the end of the declaration.
fn junk<'a, 't>(mut input: Tokens<'a, 't>) -> Tokens<'a, 't> {
    while let Some(token) = input.first()
        && token.kind != Kind::Semicolon
        && !opens_declaration(input)
    {
        let message = format!("{} behind the target is ignored", token.describe());
        let finding = Diagnostic::new(code::JUNK_IN_TRANSITION, token.span, message);
        input.report(finding.severity(Severity::Warning));
        input = input.next();
    }
    input
}
