//! Statements: calls, `if`, `for`, and blocks of them.

use nom::{Err, Parser};

use super::super::diagnostic::code;
use super::super::source::Span;
use super::ast::{Block, Call, Condition, For, ForHead, If, Name, Statement};
use super::condition::{call, condition};
use super::diagram::starts_declaration;
use super::error::{Parsed, SyntaxError, expect, refuse};
use super::lexer::lex_part;
use super::token::{Arguments, Kind, Token, Tokens};
use super::{MAX_NESTING, keyword, skip, token};

/// `{ statements }`.
pub fn block<'a, 't>(input: Tokens<'a, 't>) -> Parsed<'a, 't, Block<'t>> {
    let (rest, open) = token(Kind::OpenBrace, "'{'").parse(input)?;
    let (rest, block) = block_until(rest, &[Kind::CloseBrace], open.span)?;
    Ok((rest.next(), block))
}

/// Statements up to a token of one of the kinds in `ends`, which is left. Broken statements are
/// reported and skipped.
pub fn block_until<'a, 't>(
    input: Tokens<'a, 't>,
    ends: &[Kind],
    open: Span,
) -> Parsed<'a, 't, Block<'t>> {
    if input.depth >= MAX_NESTING {
        return refuse(input, code::NESTING_TOO_DEEP, "fewer blocks inside blocks");
    }
    let mut rest = input.nested();
    let mut block = Vec::new();
    loop {
        rest = skip(rest, &[Kind::Semicolon]);
        match rest.first() {
            Some(token) if ends.contains(&token.kind) => {
                return Ok((rest.at_depth_of(input), block));
            }
            Some(token) if !starts_declaration(token) => match statement(rest) {
                Ok((after, statements)) => {
                    block.extend(statements);
                    rest = after;
                }
                Err(error) => rest = skip_statement(rest, error)?,
            },
            _ => {
                let mut error = SyntaxError::new(rest, code::UNTERMINATED_BLOCK, "'}'");
                error.span = open;
                return Err(Err::Failure(error));
            }
        }
    }
}

/// Reports a broken statement and goes on behind it; passes on what ends the whole declaration.
pub fn skip_statement<'a, 't>(
    input: Tokens<'a, 't>,
    error: Err<SyntaxError>,
) -> Result<Tokens<'a, 't>, Err<SyntaxError>> {
    let found = match error {
        Err::Error(found) | Err::Failure(found) => found,
        Err::Incomplete(_) => return Ok(input.next()),
    };
    if found.code == code::UNTERMINATED_BLOCK || found.code == code::NESTING_TOO_DEEP {
        return Err(Err::Failure(found));
    }
    input.report(found.into_diagnostic());
    let mut rest = input.next();
    let mut open = 0;
    while let Some(token) = rest.first() {
        match token.kind {
            Kind::OpenBrace => open += 1,
            Kind::Semicolon | Kind::CloseBrace | Kind::Arrow if open == 0 => break,
            Kind::CloseBrace if open == 1 => return Ok(rest.next()),
            Kind::CloseBrace => open -= 1,
            _ if starts_declaration(token) => break,
            _ => {}
        }
        rest = rest.next();
    }
    Ok(rest)
}

/// One statement; several if it is a plain block.
pub fn statement<'a, 't>(input: Tokens<'a, 't>) -> Parsed<'a, 't, Block<'t>> {
    let Some(token) = input.first() else {
        return refuse(input, code::UNTERMINATED_BLOCK, "an action");
    };
    let one = |(rest, statement)| (rest, vec![statement]);
    match (token.kind, token.text) {
        (Kind::OpenBrace, _) => block(input),
        (Kind::Word | Kind::Call, "if") => if_statement(input, token).map(one),
        (Kind::Word | Kind::Call, "for") => for_statement(input, token).map(one),
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
fn if_statement<'a, 't>(input: Tokens<'a, 't>, token: &Token<'t>) -> Parsed<'a, 't, Statement<'t>> {
    let mut chain = Vec::new();
    let mut token = token;
    let mut rest = input;
    let otherwise = loop {
        let (after, conditions) = if_conditions(rest.next(), token)?;
        let (after, then) = expect(code::UNEXPECTED_TOKEN, "a condition or '{'", block)(after)?;
        chain.push((conditions, then));
        rest = after;
        let Ok((after, _)) = keyword("else").parse(skip(rest, &[Kind::Semicolon])) else {
            break Vec::new();
        };
        match after.first() {
            Some(next) if matches!(next.kind, Kind::Word | Kind::Call) && next.text == "if" => {
                if chain.len() >= MAX_NESTING {
                    return refuse(
                        after,
                        code::NESTING_TOO_DEEP,
                        "a shorter chain of 'else if'",
                    );
                }
                (rest, token) = (after, next);
            }
            _ => {
                let (after, otherwise) =
                    expect(code::UNEXPECTED_TOKEN, "'{' or 'if'", block)(after)?;
                rest = after;
                break otherwise;
            }
        }
    };
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
    let statement = statement
        .into_iter()
        .next()
        .expect("a chain has a first link");
    Ok((rest, statement))
}

/// The conditions up to the `{`: bare, in brackets, or in a parenthesis behind `if`.
fn if_conditions<'a, 't>(
    input: Tokens<'a, 't>,
    token: &Token<'t>,
) -> Parsed<'a, 't, Vec<Condition<'t>>> {
    if let Some(group) = token.arguments {
        return Ok((input, conditions_in(group, input)?));
    }
    if let Some(group) = input.first().filter(|token| token.kind == Kind::Group)
        && let Some(arguments) = group.arguments
    {
        return Ok((input.next(), conditions_in(arguments, input)?));
    }
    if_condition_list(input)
}

fn if_condition_list<'a, 't>(input: Tokens<'a, 't>) -> Parsed<'a, 't, Vec<Condition<'t>>> {
    let ignored = [Kind::Semicolon, Kind::OpenBracket, Kind::CloseBracket];
    let mut conditions = Vec::new();
    let mut rest = skip(input, &ignored);
    while !rest.is_empty() && rest.kind() != Some(Kind::OpenBrace) {
        let one = |input| condition(input, &mut conditions);
        rest = expect(code::UNEXPECTED_TOKEN, "a condition or '{'", one)(rest)?.0;
        rest = skip(rest, &ignored);
    }
    Ok((rest, conditions))
}

/// Reads the conditions in `if(..)`: the text inside the parenthesis is one token for the lexer.
fn conditions_in<'t>(
    group: Arguments<'t>,
    outer: Tokens<'_, 't>,
) -> Result<Vec<Condition<'t>>, Err<SyntaxError>> {
    let context = outer.context;
    let (tokens, findings) = lex_part(context.text, group.start, group.start + group.text.len());
    findings
        .into_iter()
        .for_each(|finding| context.report(finding));
    let (rest, conditions) = if_condition_list(Tokens::new(&tokens, context))?;
    if !rest.is_empty() {
        return refuse(rest, code::UNEXPECTED_TOKEN, "a condition");
    }
    Ok(conditions)
}

/// `for (head) { .. }`.
fn for_statement<'a, 't>(
    input: Tokens<'a, 't>,
    token: &Token<'t>,
) -> Parsed<'a, 't, Statement<'t>> {
    // The usual `for (` is one blank more than a call, and no reason to complain.
    let group = input
        .second()
        .filter(|next| next.kind == Kind::Group && token.kind == Kind::Word);
    let (rest, call) = match group {
        Some(group) => {
            let name = Name {
                text: token.text,
                span: token.span,
            };
            (
                input.next().next(),
                Call {
                    name,
                    arguments: group.arguments,
                    span: token.span,
                },
            )
        }
        None => call(input, "a loop header")?,
    };
    let head = call
        .arguments
        .and_then(|arguments| for_head(arguments.text));
    let Some(head) = head else {
        return refuse(
            input,
            code::BAD_FOR_HEADER,
            "'for ($i in range(a, b))', 'for ($v in $array)' or 'for ($k,$v in $struct)'",
        );
    };
    let (rest, body) = expect(code::UNEXPECTED_TOKEN, "'{'", block)(rest)?;
    Ok((
        rest,
        Statement::For(For {
            head,
            body,
            span: call.span,
        }),
    ))
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
