//! Python code that runs for a session, as the session sees it: it waits for what the code says, answers what it
//! asks, and takes how it ended.
#![allow(
    clippy::disallowed_methods,
    reason = "code has to be done in time, so the clock is read"
)]

use std::sync::mpsc;
use std::time::{Duration, Instant};

use muleteer_sdk::module::*;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::interpreter::{self, Python3, Task, Work};
use crate::line::{Ask, Outlet, Raised, Refusal, Reply, Said};
use crate::pool::{Full, Pool};

/// The class of the exception that ends code.
pub const TIME_LIMIT: &str = "TimeLimit";
/// What is told of code that took too long.
const LATE: &str = "the Python code is not done in time";
/// The variable that says what a callback left to the server: `yes` or `no`.
const DEFAULT: &str = "py.default";
/// The clock of the code strikes before that of the server.
const MARGIN: Duration = Duration::from_secs(1);

/// What code runs for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// `py` as an action.
    Action,
    /// `py` as a condition: no action of the server that waits.
    Condition,
    /// A callback of an application: whatever fails is an exception.
    Callback,
}

/// Code that runs.
struct Running {
    said: UnboundedReceiver<Said>,
    deadline: Instant,
    purpose: Purpose,
    /// What the code gave to `setError`.
    error: Option<(String, String)>,
}

/// Begins `work` on a thread of `pool`, and waits for it.
///
/// # Errors
/// If it gets no thread.
pub fn begin(
    cx: &mut Context<'_>,
    python: &'static Python3,
    work: Work,
    pool: &'static Pool,
    deadline: Instant,
    purpose: Purpose,
) -> Result<Flow, Failure> {
    let (sender, said) = unbounded_channel();
    let task = Task {
        work,
        event: cx.event(),
        params: cx.params(),
        outlet: Outlet::Session(sender),
        deadline,
    };
    let run = pool.run(deadline, move || interpreter::run(python, task));
    run.map_err(|full| purpose.failure(why(full)))?;
    let running = Running {
        said,
        deadline,
        purpose,
        error: None,
    };
    Ok(running.listen(cx))
}

/// Why code gets no thread.
pub fn why(full: Full) -> &'static str {
    match full {
        Full::Queue => "too much Python code waits for a thread",
        Full::Stuck => "all threads for Python code hang in something that cannot be interrupted",
    }
}

impl Purpose {
    /// What is not the doing of the code itself.
    fn failure(self, cause: &str) -> Failure {
        match self {
            Purpose::Action => Failure::errno("general", cause),
            Purpose::Condition | Purpose::Callback => Exception::new("py")
                .with("cause", cause)
                .with("python_type", TIME_LIMIT)
                .into(),
        }
    }
}

impl Running {
    /// Waits for what the code says next.
    fn listen(mut self, cx: &mut Context<'_>) -> Flow {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            // Code that asks again and again would always be in time.
            return Flow::Failed(self.purpose.failure(LATE));
        }
        let next = async move {
            let said = tokio::time::timeout(left, self.said.recv()).await;
            (self, said)
        };
        cx.later(left + MARGIN, next, |cx, (running, said)| match said {
            Ok(Some(Said::Ask(ask, reply))) => Ok(running.answer(cx, ask, reply)),
            Ok(Some(Said::End(end))) => running.end(cx, end),
            Ok(None) => Err(running
                .purpose
                .failure("the Python code got no thread in time")),
            Err(_) => Err(running.purpose.failure(LATE)),
        })
    }

    fn answer(mut self, cx: &mut Context<'_>, ask: Ask, reply: mpsc::SyncSender<Reply>) -> Flow {
        if let Ask::Fail(errno, text) = &ask {
            self.error = Some((errno.clone(), text.clone())).filter(|_| !errno.is_empty());
        }
        // Code that does not wait any more has ended.
        let give = move |answer| drop(reply.send(answer));
        let (action, args) = match ask.at_once(cx) {
            Ok(answer) => {
                give(answer);
                return self.listen(cx);
            }
            Err(action) => action,
        };
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        if self.purpose == Purpose::Condition {
            give(answer_of(cx.perform(&action, &args)));
            return self.listen(cx);
        }
        cx.then(&action, &args, move |cx, outcome| {
            give(answer_of(outcome));
            Ok(self.listen(cx))
        })
    }

    fn end(self, cx: &mut Context<'_>, end: Result<bool, Raised>) -> Result<Flow, Failure> {
        let value = match end {
            Ok(value) => value,
            // The clock of the code and that of the session may be the first to strike.
            Err(raised) if raised.kind == TIME_LIMIT => {
                return Err(self.purpose.failure(LATE));
            }
            Err(raised) => return Err(Exception::from(raised).into()),
        };
        match (self.purpose, self.error) {
            (Purpose::Condition, _) => Ok(Flow::Holds(value)),
            (Purpose::Action, Some((errno, text))) => Err(Failure::errno(errno, text)),
            (Purpose::Action, None) => Ok(Flow::Next),
            (Purpose::Callback, _) => {
                cx.set(DEFAULT, if value { "yes" } else { "no" })?;
                Ok(Flow::Next)
            }
        }
    }
}

fn answer_of(outcome: Result<(), Failure>) -> Reply {
    outcome.map(|()| String::new()).map_err(Refusal::from)
}
