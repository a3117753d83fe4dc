//! Statements: calls, `if`, `for`, and blocks of them.

use nom::{Err, Parser};

use super::super::diagnostic::{Diagnostic, code};
use super::super::source::Span;
use super::ast::{Block, Condition, For, ForHead, If, Statement};
use super::condition::{call, condition};
use super::diagram::starts_declaration;
use super::error::{Parsed, SyntaxError, expect, refuse};
use super::lexer::lex_part;
use super::token::{Arguments, Kind, Token, Tokens};
use super::{MAX_NESTING, keyword, report, skip, skip_block, token};

/// `{ statements }`.
pub fn block<'a, 't>(input: Tokens<'a, 't>) -> Parsed<'a, 't, Block<'t>> {
    let (rest, open) = token(Kind::OpenBrace, "'{'").parse(input)?;
    let (rest, block) = block_until(rest, &[Kind::CloseBrace], open.span);
    let closed = rest.kind() == Some(Kind::CloseBrace);
    Ok((if closed { rest.next() } else { rest }, block))
}

/// Statements up to a token of one of the kinds in `ends`, which is left. Broken statements and a
/// missing end are reported.
pub fn block_until<'a, 't>(
    input: Tokens<'a, 't>,
    ends: &[Kind],
    open: Span,
) -> (Tokens<'a, 't>, Block<'t>) {
    if input.depth >= MAX_NESTING {
        return (too_deep(input), Vec::new());
    }
    let mut rest = input.nested();
    let mut block = Vec::new();
    loop {
        rest = skip(rest, &[Kind::Semicolon]);
        match rest.first() {
            Some(token) if ends.contains(&token.kind) => break,
            Some(token) if !starts_declaration(token) => {
                let (after, statements) = statement(rest);
                block.extend(statements);
                rest = after;
            }
            _ => {
                let message = "this brace is never closed";
                let finding = Diagnostic::new(code::UNTERMINATED_BLOCK, open, message);
                rest.context.report_unclosed(rest.left(), finding);
                break;
            }
        }
    }
    (rest.at_depth_of(input), block)
}

/// Reports a block inside too many others and skips it, up to the brace that ends it.
fn too_deep<'a, 't>(input: Tokens<'a, 't>) -> Tokens<'a, 't> {
    let expected = "fewer blocks inside blocks";
    let error = SyntaxError::new(input, code::NESTING_TOO_DEEP, expected);
    let mut rest = report(input, Err::Failure(error));
    let goes_on = |token: &Token<'_>| token.kind != Kind::CloseBrace && !starts_declaration(token);
    while let Some(token) = rest.first().filter(|token| goes_on(token)) {
        rest = match token.kind {
            Kind::OpenBrace => skip_block(rest),
            _ => rest.next(),
        };
    }
    rest
}

/// One statement, or what is left of it: where it is broken that is reported, and reading goes on with
/// the next.
pub fn statement<'a, 't>(input: Tokens<'a, 't>) -> (Tokens<'a, 't>, Block<'t>) {
    match read(input) {
        Ok(read) => read,
        Err(error) => {
            let rest = report(input, error);
            // What follows an `else` or a broken head is read for its own mistakes.
            let is_else = rest.first().is_some_and(|token| token.is_word("else"));
            (
                if is_else {
                    rest.next()
                } else {
                    skip_statement(rest)
                },
                Vec::new(),
            )
        }
    }
}

/// Goes on behind a broken statement, with whatever can begin another one or end the list.
fn skip_statement<'a, 't>(input: Tokens<'a, 't>) -> Tokens<'a, 't> {
    let ends = |token: &Token<'_>| {
        matches!(
            token.kind,
            Kind::Semicolon | Kind::CloseBrace | Kind::OpenBrace | Kind::Arrow | Kind::Call
        ) || starts_declaration(token)
    };
    let mut rest = input;
    while rest.first().is_some_and(|token| !ends(token)) {
        rest = rest.next();
    }
    // An arrow ends a list only where the caller says so; nothing else may be read twice.
    match rest.kind() {
        Some(Kind::Arrow) if rest.left() == input.left() => rest.next(),
        _ => rest,
    }
}

/// One statement; several if it is a plain block.
fn read<'a, 't>(input: Tokens<'a, 't>) -> Parsed<'a, 't, Block<'t>> {
    let Some(token) = input.first() else {
        return refuse(input, code::UNTERMINATED_BLOCK, "an action");
    };
    let one = |(rest, statement)| (rest, vec![statement]);
    match (token.kind, token.text) {
        (Kind::OpenBrace, _) => block(input),
        (Kind::Word | Kind::Call, "if") => Ok(one(if_statement(input, token))),
        (Kind::Word | Kind::Call, "for") => Ok(one(for_statement(input, token))),
        (Kind::Word, "else") => refuse(
            input,
            code::ELSE_WITHOUT_IF,
            "an action ('else' has to follow the '}' of 'if')",
        ),
        _ => {
            let (rest, call) = expect(code::UNEXPECTED_TOKEN, "an action", |input| {
                call(input, "an action")
            })(input)?;
            Ok((rest, vec![Statement::Call(call)]))
        }
    }
}

/// `if conditions { .. } else { .. }`; `else if` chains without recursion.
fn if_statement<'a, 't>(
    input: Tokens<'a, 't>,
    token: &'a Token<'t>,
) -> (Tokens<'a, 't>, Statement<'t>) {
    let mut chain = Vec::new();
    let mut links = 0;
    let mut token = token;
    let mut rest = input;
    let otherwise = loop {
        let (after, conditions) = if_conditions(rest.next(), token);
        let (after, then) = body(after, "a condition or '{'");
        // The links behind are read, but not kept: the tree would be as deep as the chain is long.
        if links < MAX_NESTING {
            chain.push((conditions, then));
        }
        rest = after;
        let Ok((after, _)) = keyword("else").parse(skip(rest, &[Kind::Semicolon])) else {
            break Vec::new();
        };
        match after.first() {
            Some(next) if matches!(next.kind, Kind::Word | Kind::Call) && next.text == "if" => {
                links += 1;
                if links == MAX_NESTING {
                    let expected = "a shorter chain of 'else if'";
                    let error = SyntaxError::new(after, code::NESTING_TOO_DEEP, expected);
                    report(after, Err::Failure(error));
                }
                (rest, token) = (after, next);
            }
            _ => {
                let (after, otherwise) = body(after, "'{' or 'if'");
                rest = after;
                break otherwise;
            }
        }
    };
    (rest, chained(chain, otherwise))
}

fn chained<'t>(chain: Vec<(Vec<Condition<'t>>, Block<'t>)>, otherwise: Block<'t>) -> Statement<'t> {
    let statement = chain
        .into_iter()
        .rev()
        .fold(otherwise, |otherwise, (conditions, then)| {
            vec![Statement::If(If {
                conditions,
                then,
                otherwise,
            })]
        });
    statement
        .into_iter()
        .next()
        .expect("a chain has a first link")
}

/// The block of an `if` or `for`. Without braces that is reported, and what follows is read as if it
/// stood behind.
fn body<'a, 't>(input: Tokens<'a, 't>, expected: &'static str) -> (Tokens<'a, 't>, Block<'t>) {
    match expect(code::UNEXPECTED_TOKEN, expected, block)(input) {
        Ok(body) => body,
        Err(error) => (report(input, error), Vec::new()),
    }
}

/// The conditions up to the `{`: bare, in brackets, or in a parenthesis behind `if`.
fn if_conditions<'a, 't>(
    input: Tokens<'a, 't>,
    token: &Token<'t>,
) -> (Tokens<'a, 't>, Vec<Condition<'t>>) {
    if let Some(group) = token.arguments {
        return (input, conditions_in(group, input));
    }
    if let Some(group) = input.first().filter(|token| token.kind == Kind::Group)
        && let Some(arguments) = group.arguments
    {
        return (input.next(), conditions_in(arguments, input));
    }
    let (rest, mut conditions) = if_condition_list(input);
    if rest.kind() == Some(Kind::OpenBrace) || conditions.len() < 2 {
        return (rest, conditions);
    }
    // The brace is missing, so what was taken for conditions are actions: only the first is none.
    let rest = skip(input, &[Kind::OpenBracket]);
    let mut first = Vec::new();
    match condition(rest, &mut first) {
        Ok((rest, ())) => (rest, first),
        Err(_) => {
            conditions.clear();
            (rest, conditions)
        }
    }
}

fn if_condition_list<'a, 't>(input: Tokens<'a, 't>) -> (Tokens<'a, 't>, Vec<Condition<'t>>) {
    let ignored = [Kind::Semicolon, Kind::OpenBracket, Kind::CloseBracket];
    let mut conditions = Vec::new();
    let mut rest = skip(input, &ignored);
    let ends = [Kind::OpenBrace, Kind::CloseBrace, Kind::Arrow, Kind::Slash];
    while let Some(token) = rest.first()
        && !ends.contains(&token.kind)
        && !["if", "for", "else"].contains(&token.text)
        && !starts_declaration(token)
    {
        let one = |input| condition(input, &mut conditions);
        rest = match expect(code::UNEXPECTED_TOKEN, "a condition or '{'", one)(rest) {
            Ok((rest, ())) => rest,
            Err(error) => skip_broken(report(rest, error)),
        };
        rest = skip(rest, &ignored);
    }
    (rest, conditions)
}

/// Skips what is no condition, but nothing that has a meaning behind conditions.
pub fn skip_broken<'a, 't>(input: Tokens<'a, 't>) -> Tokens<'a, 't> {
    match input.kind() {
        // A bare comparison is several words.
        Some(Kind::Word) => skip(input, &[Kind::Word, Kind::Quoted, Kind::Call, Kind::Group]),
        Some(Kind::Quoted | Kind::Group | Kind::Dash) => input.next(),
        _ => input,
    }
}

/// Reads the conditions in `if(..)`: the text inside the parenthesis is one token for the lexer.
fn conditions_in<'t>(group: Arguments<'t>, outer: Tokens<'_, 't>) -> Vec<Condition<'t>> {
    let context = outer.context;
    let end = group.start + group.text.len();
    let tokens = context.lexed(lex_part(context.text, group.start, end));
    let (rest, conditions) = if_condition_list(Tokens::new(&tokens, group.start, context));
    if !rest.is_empty() {
        let error = SyntaxError::new(rest, code::UNEXPECTED_TOKEN, "a condition");
        report(rest, Err::Failure(error));
    }
    conditions
}

/// `for (head) { .. }`. Without a head that can be read the body is read for its own mistakes.
fn for_statement<'a, 't>(
    input: Tokens<'a, 't>,
    token: &Token<'t>,
) -> (Tokens<'a, 't>, Statement<'t>) {
    let (rest, arguments) = match input.second().filter(|_| token.arguments.is_none()) {
        Some(group) if group.kind == Kind::Group => (input.next().next(), group.arguments),
        _ => (input.next(), token.arguments),
    };
    let span = rest
        .previous()
        .map_or(token.span, |last| token.span.to(last.span));
    let head = arguments.and_then(|arguments| for_head(arguments.text));
    if head.is_none() {
        let expected =
            "'for ($i in range(a, b))', 'for ($v in $array)' or 'for ($k,$v in $struct)'";
        let mut error = SyntaxError::new(input, code::BAD_FOR_HEADER, expected);
        let written = arguments.filter(|arguments| !arguments.text.trim().is_empty());
        if let Some(written) = written.map(|arguments| arguments.text.trim()) {
            error.span = input.context.text.span_of(written).unwrap_or(span);
            error.found = format!("'{written}'").into();
        }
        report(input, Err::Failure(error));
    }
    let (rest, body) = body(rest, "'{'");
    let head = head.unwrap_or(ForHead::Range {
        variable: "",
        bounds: vec!["0"],
    });
    (rest, Statement::For(For { head, body, span }))
}

fn for_head(text: &str) -> Option<ForHead<'_>> {
    let (variables, collection) = split_at_in(text)?;
    let collection = collection.trim();
    if let Some(bounds) = collection.strip_prefix("range").map(str::trim_start)
        && let Some(bounds) = bounds
            .strip_prefix('(')
            .and_then(|rest| rest.strip_suffix(')'))
    {
        let bounds = bounds.split(',').map(str::trim).collect();
        return Some(ForHead::Range {
            variable: variable(variables)?,
            bounds,
        });
    }
    let collection = variable(collection)?;
    match variables.split_once(',') {
        Some((key, value)) => Some(ForHead::Struct {
            key: variable(key)?,
            value: variable(value)?,
            structure: collection,
        }),
        None => Some(ForHead::Array {
            variable: variable(variables)?,
            array: collection,
        }),
    }
}

/// The text on both sides of the word `in`.
pub fn split_at_in(text: &str) -> Option<(&str, &str)> {
    let blank = |text: Option<char>| text.is_some_and(char::is_whitespace);
    text.match_indices("in")
        .map(|(at, word)| (&text[..at], &text[at + word.len()..]))
        .find(|(before, after)| blank(before.chars().next_back()) && blank(after.chars().next()))
}

/// A variable name without its `$`.
fn variable(text: &str) -> Option<&str> {
    let text = text.trim();
    let name = text.strip_prefix('$').unwrap_or(text);
    (!name.is_empty()).then_some(name)
}
