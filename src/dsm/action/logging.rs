//! Logging.

use super::{Done, Outcome};
use crate::dsm::argument::Arguments;
use crate::dsm::expr::{SELECTS, Scope};
use crate::dsm::host::LogLevel;
use crate::dsm::registry::{Kind, Parameter, Role, Separator, Signature, may, need, takes};

/// Bytes of one line.
const MAX_LINE: usize = 16 << 10;
const LEVEL: &[Parameter] = &[may("level", Kind::Value)];
const TEXT: &[Parameter] = &[may("text", Kind::Template)];

pub const SIGNATURES: &[Signature] = &[
    takes(
        "log",
        Separator::Commas(2),
        &[need("level", Kind::Value), need("text", Kind::Value)],
        log,
        "Logs a value: 0 error, 1 warning, 2 info, 3 debug.",
    )
    .role(Role::Log),
    takes(
        "logs",
        Separator::Commas(2),
        &[need("level", Kind::Value), need("text", Kind::Template)],
        log,
        "Logs a text with references inside.",
    )
    .role(Role::Log),
    takes(
        "error",
        Separator::None,
        TEXT,
        |a, s| log_at(LogLevel::Error, a, s),
        "Logs at level 0.",
    )
    .role(Role::Log),
    takes(
        "warn",
        Separator::None,
        TEXT,
        |a, s| log_at(LogLevel::Warning, a, s),
        "Logs at level 1.",
    )
    .role(Role::Log),
    takes(
        "info",
        Separator::None,
        TEXT,
        |a, s| log_at(LogLevel::Info, a, s),
        "Logs at level 2.",
    )
    .role(Role::Log),
    takes(
        "dbg",
        Separator::None,
        TEXT,
        |a, s| log_at(LogLevel::Debug, a, s),
        "Logs at level 3.",
    )
    .role(Role::Log),
    takes(
        "logVars",
        Separator::None,
        LEVEL,
        log_vars,
        "Logs all variables.",
    )
    .role(Role::Log),
    takes(
        "logParams",
        Separator::None,
        LEVEL,
        log_params,
        "Logs all parameters of the event.",
    )
    .role(Role::Log),
    takes(
        "logSelects",
        Separator::None,
        LEVEL,
        log_selects,
        "Logs all selects.",
    )
    .role(Role::Log),
    takes(
        "logAll",
        Separator::None,
        LEVEL,
        log_all,
        "Logs variables, parameters and selects.",
    )
    .role(Role::Log),
];

/// A text that is too long for a line of a log ends early.
fn shortened(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_LINE)]
}

fn log(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    let Some(level) = arguments.unsigned(0, scope) else {
        return Ok(Outcome::Complain("the level is no number".into()));
    };
    let text = arguments.owned(1, scope);
    scope.host.log(level.into(), shortened(&text));
    Ok(Outcome::Next)
}

fn log_at(level: LogLevel, arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    let text = arguments.owned(0, scope);
    scope.host.log(level, shortened(&text));
    Ok(Outcome::Next)
}

/// Logs what `lines` makes of the scope, one line each.
fn dump(
    arguments: &Arguments<'_>,
    scope: &mut Scope<'_>,
    lines: fn(&Scope<'_>) -> Vec<String>,
) -> Done {
    let Some(level) = arguments.unsigned(0, scope) else {
        return Ok(Outcome::Complain("the level is no number".into()));
    };
    for line in lines(scope) {
        scope.spend(line.len());
        scope.host.log(level.into(), shortened(&line));
    }
    Ok(Outcome::Next)
}

fn log_vars(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    dump(arguments, scope, variables)
}

fn log_params(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    dump(arguments, scope, params)
}

fn log_selects(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    dump(arguments, scope, selects)
}

fn log_all(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    dump(arguments, scope, |scope| {
        [variables(scope), params(scope), selects(scope)].concat()
    })
}

fn variables(scope: &Scope<'_>) -> Vec<String> {
    scope
        .variables
        .iter()
        .map(|(name, value)| format!("${name} = '{value}'"))
        .collect()
}

fn params(scope: &Scope<'_>) -> Vec<String> {
    let params = scope.params.iter().flat_map(|params| params.iter());
    params
        .map(|(name, value)| format!("#{name} = '{value}'"))
        .collect()
}

fn selects(scope: &Scope<'_>) -> Vec<String> {
    let value = |name: &str| scope.host.select(name).unwrap_or_default();
    SELECTS
        .iter()
        .map(|name| format!("@{name} = '{}'", value(name)))
        .collect()
}
