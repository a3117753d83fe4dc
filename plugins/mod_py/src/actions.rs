//! `py` as action and as condition: the side of the session.
#![allow(
    clippy::disallowed_methods,
    reason = "code has to be done in time, so the clock is read"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use muleteer_sdk::module::*;

use crate::interpreter::{self, Names, Python3, Work};
use crate::pool::Pool;
use crate::running::{self, Purpose};

/// The object that keeps the names of a session.
const NAMES: &str = "py_locals";

const CODE: &[Parameter] = &[need("code", Kind::Code)];

pub const ACTION: Action = action("py", act)
    .doc(
        "Runs Python code. It sees `type`, `params`, `dsm` and `session`; the names that it gives stay for the \
         session.",
    )
    .parameters(CODE)
    .errno(&["general"])
    .throws(&["py #cause #python_type #line"])
    .assigns_any()
    .check(check_statements)
    .example(Example {
        code: "py(session.setvar('a', 'b'))",
        expect: &[("a", "b")],
    })
    .example(Example {
        code: "py('''n'''; n = 20); py(session.setvar('n', n + 1))",
        expect: &[("n", "21")],
    });

pub const CONDITION: Condition = waiting_condition("py", test)
    .doc("Whether the value of a Python expression is true. It has a second; what fails is not true.")
    .parameters(CODE)
    .check(check_expression);

/// Code of actions may wait for something, so several threads take turns.
pub static ACTIONS: Pool = Pool::new("py-action", 16);
/// Conditions do not wait behind actions.
static CONDITIONS: Pool = Pool::new("py-condition", 4);

fn act(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    let python = interpreter::loaded()?;
    begin(cx, args, python, python.config.timeout, Purpose::Action)
}

fn test(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    let python = interpreter::loaded()?;
    let timeout = python.config.condition_timeout;
    begin(cx, args, python, timeout, Purpose::Condition)
}

fn begin(
    cx: &mut Context<'_>,
    args: &Args<'_>,
    python: &'static Python3,
    timeout: Duration,
    purpose: Purpose,
) -> Result<Flow, Failure> {
    let names = match cx.object::<Names>(NAMES) {
        Some(names) => names,
        None => {
            let names = Arc::new(Names::new());
            cx.set_object(NAMES, names.clone())?;
            names
        }
    };
    let condition = purpose == Purpose::Condition;
    let work = Work::Code {
        code: args.text(0).into(),
        condition,
        names,
    };
    let pool = if condition { &CONDITIONS } else { &ACTIONS };
    running::begin(cx, python, work, pool, Instant::now() + timeout, purpose)
}

fn check_statements(args: &Args<'_>) -> Result<(), Finding> {
    check(args, false)
}

fn check_expression(args: &Args<'_>) -> Result<(), Finding> {
    check(args, true)
}

/// Has Python read the code.
fn check(args: &Args<'_>, condition: bool) -> Result<(), Finding> {
    let (Some(code), Ok(python)) = (args.written(0), interpreter::loaded()) else {
        return Ok(());
    };
    let Some((text, line)) = interpreter::mistake(python, code, condition) else {
        return Ok(());
    };
    let before = code.split_inclusive('\n').take(line.saturating_sub(1));
    Err(Finding::new(text).at(0, before.map(str::len).sum()))
}
