//! Conditions of transitions and of `if`, and the calls they and statements are made of.

use nom::Err;

use super::super::diagnostic::{Diagnostic, code};
use super::ast::{Call, Condition, Name};
use super::error::{Parsed, refuse, reject};
use super::token::{Kind, Token, Tokens};

/// `not not name(expression)`; an `exception` before it is one condition more, and a `not` before
/// that still belongs to the name.
pub fn condition<'a, 't>(
    mut input: Tokens<'a, 't>,
    conditions: &mut Vec<Condition<'t>>,
) -> Parsed<'a, 't, ()> {
    let mut negated = false;
    while let Some(token) = input.first() {
        let named = matches!(token.kind, Kind::Word | Kind::Call);
        if token.is_word("not") {
            negated = !negated;
        } else if named && token.text == "exception" {
            conditions.push(Condition::Exception(token.span));
            if !negated {
                return Ok((input.next(), ()));
            }
        } else {
            break;
        }
        input = input.next();
    }
    let is_value =
        |token: &Token<'_>| token.kind == Kind::Word && token.text.starts_with(['$', '#', '@']);
    if input.first().is_some_and(is_value) {
        let expected = "a condition such as 'test($a == 1)'";
        return refuse(input, code::UNEXPECTED_TOKEN, expected);
    }
    let (rest, call) = match call(input, "a condition") {
        Err(Err::Error(_)) if negated => {
            let expected = "a condition behind 'not'";
            return refuse(input, code::UNEXPECTED_TOKEN, expected);
        }
        result => result?,
    };
    conditions.push(Condition::Test { negated, call });
    Ok((rest, ()))
}

/// `name`, `name(arguments)`, and `name (arguments)` with a warning.
pub fn call<'a, 't>(input: Tokens<'a, 't>, what: &'static str) -> Parsed<'a, 't, Call<'t>> {
    let Some(token) = input.first() else {
        return reject(input, what);
    };
    let name = Name {
        text: token.text,
        span: token.name,
    };
    match token.kind {
        Kind::Call => {
            let call = Call {
                name,
                arguments: token.arguments,
                span: token.span,
            };
            Ok((input.next(), call))
        }
        Kind::Word => {
            let group = input.second().filter(|next| next.kind == Kind::Group);
            let Some(group) = group else {
                return Ok((
                    input.next(),
                    Call {
                        name,
                        arguments: None,
                        span: token.span,
                    },
                ));
            };
            let message = format!("blank between '{}' and its parenthesis", token.text);
            input.report(Diagnostic::new(
                code::SPACE_BEFORE_PAREN,
                group.span,
                message,
            ));
            let span = token.span.to(group.span);
            Ok((
                input.next().next(),
                Call {
                    name,
                    arguments: group.arguments,
                    span,
                },
            ))
        }
        _ => reject(input, what),
    }
}
