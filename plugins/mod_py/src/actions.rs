//! `py` as action and as condition: the side of the session.
#![allow(
    clippy::disallowed_methods,
    reason = "code has to be done in time, so the clock is read"
)]

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Instant;

use muleteer_sdk::module::*;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::interpreter::{self, Names, Python3, Task};
use crate::line::{Ask, Outlet, Raised, Refusal, Reply, Said};
use crate::pool::{Full, Pool};

/// The object that keeps the names of a session.
const NAMES: &str = "py_locals";

/// The class of the exception that ends code.
const TIME_LIMIT: &str = "TimeLimit";
/// `$errno` and `$strerror` for an action that took too long.
const LATE: (&str, &str) = ("general", "the Python code is not done in time");

const CODE: &[Parameter] = &[need("code", Kind::Literal)];

pub const ACTION: Action = action("py", act)
    .doc(
        "Runs Python code. It sees `type`, `params`, `dsm` and `session`; the names that it gives stay for the \
         session.",
    )
    .parameters(CODE)
    .errno(&["general"])
    .throws(&["py #cause #python_type #line"])
    .assigns_any()
    .example(Example {
        code: "py(session.setvar('a', 'b'))",
        expect: &[("a", "b")],
    })
    .example(Example {
        code: "py(n = 20); py(session.setvar('n', n + 1))",
        expect: &[("n", "21")],
    });

pub const CONDITION: Condition = condition("py", test)
    .doc("Whether the value of a Python expression is true. It has 50 ms; what fails is not true.")
    .parameters(CODE);

/// Code of actions may wait for something, so several threads take turns.
static ACTIONS: Pool = Pool::new("py-action", 16);
/// Conditions do not wait behind actions.
static CONDITIONS: Pool = Pool::new("py-condition", 4);

/// An action whose code runs.
struct Running {
    said: UnboundedReceiver<Said>,
    deadline: Instant,
    /// What the code gave to `setError`.
    error: Option<(String, String)>,
}

fn act(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    let python = loaded()?;
    let deadline = Instant::now() + python.config.timeout;
    let (sender, said) = unbounded_channel();
    let task = task(cx, args, false, Outlet::Action(sender), deadline)?;
    begin(&ACTIONS, python, task).map_err(|cause| Failure::errno("general", cause))?;
    let running = Running {
        said,
        deadline,
        error: None,
    };
    Ok(running.listen(cx))
}

impl Running {
    /// Waits for what the code says next.
    fn listen(mut self, cx: &mut Context<'_>) -> Flow {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            // Code that asks again and again would always be in time.
            return Flow::Failed(too_late());
        }
        let deadline = Deadline::new(left).failing(LATE.0, LATE.1);
        let next = async move {
            let said = self.said.recv().await;
            (self, said)
        };
        cx.later(deadline, next, |cx, (running, said)| match said {
            Some(Said::Ask(ask, reply)) => Ok(running.answer(cx, ask, reply)),
            Some(Said::End(end)) => running.end(end),
            None => Err(Failure::errno("general", "the Python code got no thread")),
        })
    }

    fn answer(mut self, cx: &mut Context<'_>, ask: Ask, reply: mpsc::SyncSender<Reply>) -> Flow {
        if let Ask::Fail(errno, text) = &ask {
            self.error = Some((errno.clone(), text.clone())).filter(|_| !errno.is_empty());
        }
        // Code that does not wait any more has ended.
        let give = move |answer| drop(reply.send(answer));
        match ask.at_once(cx) {
            Ok(answer) => {
                give(answer);
                self.listen(cx)
            }
            Err((action, args)) => {
                let args: Vec<&str> = args.iter().map(String::as_str).collect();
                cx.then(&action, &args, move |cx, outcome| {
                    give(answer_of(outcome));
                    Ok(self.listen(cx))
                })
            }
        }
    }

    fn end(self, end: Result<bool, Raised>) -> Result<Flow, Failure> {
        match (end, self.error) {
            // The clock of the code and that of the session may be the first to strike.
            (Err(raised), _) if raised.kind == TIME_LIMIT => Err(too_late()),
            (Err(raised), _) => Err(Exception::from(raised).into()),
            (Ok(_), Some((errno, text))) => Err(Failure::errno(errno, text)),
            (Ok(_), None) => Ok(Flow::Next),
        }
    }
}

fn test(cx: &mut Context<'_>, args: &Args<'_>) -> Result<bool, Failure> {
    let python = loaded()?;
    let timeout = python.config.condition_timeout;
    let deadline = Instant::now() + timeout;
    let (sender, said) = mpsc::channel();
    let task = task(cx, args, true, Outlet::Condition(sender), deadline)?;
    begin(&CONDITIONS, python, task).map_err(|cause| thrown(&cause))?;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let next = match left.is_zero() {
            true => Err(RecvTimeoutError::Timeout),
            false => said.recv_timeout(left),
        };
        match next {
            Ok(Said::Ask(ask, reply)) => {
                let answer = ask.at_once(cx).unwrap_or_else(|(action, args)| {
                    let args: Vec<&str> = args.iter().map(String::as_str).collect();
                    answer_of(cx.perform(&action, &args))
                });
                // As for an action.
                drop(reply.send(answer));
            }
            Ok(Said::End(Err(raised))) if raised.kind != TIME_LIMIT => {
                return Err(Exception::from(raised).into());
            }
            Ok(Said::End(Ok(holds))) => return Ok(holds),
            Ok(Said::End(Err(_))) | Err(RecvTimeoutError::Timeout) => {
                return Err(thrown(&format!("the code is not done within {timeout:?}")));
            }
            Err(RecvTimeoutError::Disconnected) => return Err(thrown("the code got no thread")),
        }
    }
}

fn too_late() -> Failure {
    Failure::errno(LATE.0, LATE.1)
}

/// A condition that could not be tested.
fn thrown(cause: &str) -> Failure {
    let exception = Exception::new("py").with("cause", cause);
    exception.with("python_type", TIME_LIMIT).into()
}

fn answer_of(outcome: Result<(), Failure>) -> Reply {
    outcome.map(|()| String::new()).map_err(Refusal::from)
}

fn loaded() -> Result<&'static Python3, Failure> {
    interpreter::loaded().ok_or_else(|| Failure::errno("general", "mod_py was not loaded"))
}

fn task(
    cx: &mut Context<'_>,
    args: &Args<'_>,
    condition: bool,
    outlet: Outlet,
    deadline: Instant,
) -> Result<Task, Failure> {
    let names = match cx.object::<Names>(NAMES) {
        Some(names) => names,
        None => {
            let names = Arc::new(Names::new());
            cx.set_object(NAMES, names.clone())?;
            names
        }
    };
    Ok(Task {
        code: args.text(0).into(),
        condition,
        names,
        event: cx.event(),
        params: cx.params(),
        outlet,
        deadline,
    })
}

fn begin(pool: &'static Pool, python: &'static Python3, task: Task) -> Result<(), String> {
    let run = pool.run(task.deadline, move || interpreter::run(python, task));
    run.map_err(|full| {
        let why = match full {
            Full::Queue => "too much Python code waits for a thread",
            Full::Stuck => {
                "all threads for Python code hang in something that cannot be interrupted"
            }
        };
        why.to_owned()
    })
}
