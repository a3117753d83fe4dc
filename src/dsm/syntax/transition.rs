//! `transition NAME SOURCE - conditions / actions -> TARGET`.

use nom::branch::alt;
use nom::{Err, Parser};

use super::super::comparison::find_outside_quotes;
use super::super::diagnostic::{Diagnostic, Severity, code};
use super::ast::{Block, Condition, Name, Statement, Transition};
use super::condition::condition;
use super::diagram::{
    begins_declaration, end_of_declaration, opens_declaration, starts_declaration, to_end,
};
use super::error::{Parsed, SyntaxError, expect};
use super::statement::{block_until, skip_broken, statement};
use super::token::{Kind, Token, Tokens};
use super::{keyword, name, report, skip, skip_block, token};

pub fn transition<'a, 't>(input: Tokens<'a, 't>) -> Parsed<'a, 't, Transition<'t>> {
    let (rest, _) = keyword("transition").parse(input)?;
    transition_body(input, rest)
}

/// What follows the keyword at `start`. Only without a name there is no transition at all.
pub fn transition_body<'a, 't>(
    start: Tokens<'a, 't>,
    input: Tokens<'a, 't>,
) -> Parsed<'a, 't, Transition<'t>> {
    let (rest, name) = expect(code::UNEXPECTED_TOKEN, "a transition name", name)(input)?;
    let (rest, sources) = sources(rest);
    let (rest, conditions) = conditions(rest);
    let (rest, actions) = actions(rest);
    let (rest, target) = target(rest);
    let rest = match target {
        Some(_) => end_of_declaration(junk(rest)),
        None => to_end(rest),
    };
    let transition = Transition {
        name,
        sources,
        conditions,
        actions,
        target,
        span: start.up_to(rest),
    };
    Ok((rest, transition))
}

/// The state or states a transition leaves; `None` if the conditions follow at once.
fn sources<'a, 't>(input: Tokens<'a, 't>) -> (Tokens<'a, 't>, Option<Vec<Name<'t>>>) {
    match input.first() {
        Some(token) if token.kind == Kind::Group => (input.next(), Some(source_list(input, token))),
        Some(token) if is_mark(token.kind) => (input, None),
        _ => match expect(code::UNEXPECTED_TOKEN, "a source state", name)(input) {
            Ok((rest, name)) => (rest, Some(vec![name])),
            Err(error) => (skip_broken(report(input, error)), Some(Vec::new())),
        },
    }
}

/// `(a, b, "c d")`.
fn source_list<'t>(input: Tokens<'_, 't>, group: &Token<'t>) -> Vec<Name<'t>> {
    let place = |name: &str| input.context.text.span_of(name).unwrap_or(group.span);
    let mut rest = group.arguments.map(|arguments| arguments.text);
    let mut names = Vec::new();
    while let Some(list) = rest {
        let comma = find_outside_quotes(list, ",");
        let (name, behind) = match comma {
            Some(at) => (&list[..at], Some(&list[at + 1..])),
            None => (list, None),
        };
        let (text, span) = (unquoted(name.trim()), place(name.trim()));
        if !text.is_empty() {
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

/// `- c; c` or `- [ c; c ]` up to the slash or arrow, or to where they should be.
fn conditions<'a, 't>(input: Tokens<'a, 't>) -> (Tokens<'a, 't>, Vec<Condition<'t>>) {
    let mut conditions = Vec::new();
    let Ok((mut rest, _)) = token(Kind::Dash, "'-'").parse(input) else {
        return (input, conditions);
    };
    let ignored = [
        Kind::Semicolon,
        Kind::OpenBrace,
        Kind::CloseBrace,
        Kind::OpenBracket,
        Kind::CloseBracket,
    ];
    loop {
        let before = rest;
        rest = skip(rest, &ignored);
        match rest.kind() {
            Some(Kind::Slash | Kind::DashSlash | Kind::Arrow) => return (rest, conditions),
            _ if rest.first().is_none_or(starts_declaration) => {
                // The last word may be the target of the arrow that is missing.
                if let Some(Condition::Test { call, .. }) = conditions.last()
                    && call.arguments.is_none()
                {
                    conditions.pop();
                }
                return (before, conditions);
            }
            _ => {
                let one = |input| condition(input, &mut conditions);
                let expected = "a condition, '/' or '->'";
                rest = match expect(code::UNEXPECTED_TOKEN, expected, one)(rest) {
                    Ok((rest, ())) => rest,
                    Err(error) => skip_broken(report(rest, error)),
                };
            }
        }
    }
}

/// `/ { a; a; }` or `/ a; a` up to the arrow, or to where it should be.
fn actions<'a, 't>(input: Tokens<'a, 't>) -> (Tokens<'a, 't>, Block<'t>) {
    let slash = alt((token(Kind::Slash, "'/'"), token(Kind::DashSlash, "'-/'"))).parse(input);
    let Ok((rest, _)) = slash else {
        return (input, Vec::new());
    };
    let rest = skip(rest, &[Kind::Semicolon]);
    let Some(open) = rest.first().filter(|token| token.kind == Kind::OpenBrace) else {
        return bare_actions(rest);
    };
    let ends = [Kind::CloseBrace, Kind::Arrow];
    let (rest, block) = block_until(rest.next(), &ends, open.span);
    match rest.kind() {
        Some(Kind::Arrow) => {
            let finding =
                Diagnostic::new(code::UNTERMINATED_BLOCK, open.span, "no '}' before '->'");
            rest.report(finding.severity(Severity::Warning));
            (rest, block)
        }
        Some(Kind::CloseBrace) => {
            let rest = skip(rest.next(), &[Kind::CloseBracket]);
            let behind = skip(rest, &[Kind::Semicolon]);
            let goes_on = behind
                .first()
                .is_some_and(|token| !begins_declaration(token));
            (if goes_on { behind } else { rest }, block)
        }
        _ => (rest, block),
    }
}

fn bare_actions<'a, 't>(mut rest: Tokens<'a, 't>) -> (Tokens<'a, 't>, Block<'t>) {
    let mut block = Vec::new();
    let ignored = [Kind::Semicolon, Kind::CloseBracket, Kind::CloseBrace];
    loop {
        let before = rest;
        rest = skip(rest, &ignored);
        match rest.first() {
            Some(token) if token.kind == Kind::Arrow => return (rest, block),
            Some(token) if !starts_declaration(token) => {
                let (after, statements) = statement(rest);
                block.extend(statements);
                rest = after;
            }
            _ => {
                // The last word may be the target of the arrow that is missing.
                if let Some(Statement::Call(call)) = block.last()
                    && call.arguments.is_none()
                {
                    block.pop();
                }
                return (before, block);
            }
        }
    }
}

/// The original needed one more brace behind `else if`; files written around that end up here.
const SURPLUS_BRACE: &str = "'->' ('else if' chains here and needs no brace of its own)";

/// The arrow and the target; `None` if there is none, which is reported.
fn target<'a, 't>(input: Tokens<'a, 't>) -> (Tokens<'a, 't>, Option<Name<'t>>) {
    let ends = |token: &Token<'_>| token.kind == Kind::Semicolon || begins_declaration(token);
    let (code, expected) = match input.first() {
        Some(token) if token.kind == Kind::CloseBrace => (code::JUNK_IN_TRANSITION, SURPLUS_BRACE),
        Some(token) if !ends(token) => (code::JUNK_IN_TRANSITION, "'->' and a target"),
        _ => (code::MISSING_TARGET, "'->' and a target"),
    };
    let arrow = expect(code, expected, token(Kind::Arrow, "'->'"))(input);
    let rest = match arrow {
        Ok((rest, _)) => rest,
        Err(error) => {
            let mut rest = report(input, error);
            while rest
                .first()
                .is_some_and(|token| token.kind != Kind::Arrow && !ends(token))
            {
                rest = rest.next();
            }
            if rest.kind() != Some(Kind::Arrow) {
                return (rest, None);
            }
            rest.next()
        }
    };
    match expect(code::MISSING_TARGET, "a target state", name)(rest) {
        // The keyword of the next declaration is no name.
        Ok(_) if rest.first().is_some_and(starts_declaration) => {
            let error = SyntaxError::new(rest, code::MISSING_TARGET, "a target state");
            (report(rest, Err::Failure(error)), None)
        }
        Ok((rest, name)) => (rest, Some(name)),
        Err(error) => (report(rest, error), None),
    }
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
        input = match token.kind {
            Kind::OpenBrace => skip_block(input),
            _ => input.next(),
        };
    }
    input
}
