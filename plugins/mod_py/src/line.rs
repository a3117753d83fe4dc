//! Between a piece of Python code and its session: the code asks, the session answers when it is its turn.
//!
//! Each end may go at any time. Without a session, or when it does not wait any more, asking raises
//! `dsm.SessionGone`.

use std::fmt;
use std::sync::mpsc;

use muleteer_sdk::module::{Context, Exception, Failure};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use tokio::sync::mpsc::UnboundedSender;

use crate::interpreter;

/// The longest text that code gives to its session.
const MAX_TEXT: usize = 1 << 20;

/// What code wants of its session.
#[derive(Debug)]
pub enum Ask {
    Variable(String),
    Assign(String, String),
    /// A parameter of the event.
    AssignParam(String, String),
    Select(String),
    /// The body of the message that the event is about.
    Body,
    /// `$errno` and `$strerror`.
    Fail(String, String),
    /// An action of the server with its arguments.
    Perform(String, Vec<String>),
}

/// A value, or why there is none.
pub type Reply = Result<String, Refusal>;

/// Why the session did not do it.
#[derive(Debug)]
pub struct Refusal {
    /// The type of an exception, or a word for `$errno`.
    word: String,
    cause: String,
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Errno { errno, text } => Self {
                word: errno.into_owned(),
                cause: text,
            },
            Failure::Thrown(exception) => {
                let cause = ["cause", "path", "name"];
                let cause = cause.iter().find_map(|name| exception.param(name));
                Self {
                    word: exception.kind().to_owned(),
                    cause: cause.unwrap_or_default().to_owned(),
                }
            }
        }
    }
}

/// Python code raised this, and nobody caught it.
#[derive(Debug)]
pub struct Raised {
    /// The name of its class.
    pub kind: String,
    pub text: String,
    /// The line in the code, from 1; 0 if it is not known.
    pub line: u32,
    /// The file of an application; empty for the code of a diagram.
    pub file: String,
}

impl fmt::Display for Raised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.file.is_empty() {
            write!(f, "{}:{}: ", self.file, self.line)?;
        }
        write!(f, "{}: {}", self.kind, self.text)
    }
}

impl From<Raised> for Exception {
    fn from(raised: Raised) -> Self {
        let exception = Self::new("py")
            .with("cause", raised.text)
            .with("python_type", raised.kind)
            .with("line", raised.line.to_string());
        match raised.file.is_empty() {
            true => exception,
            false => exception.with("file", raised.file),
        }
    }
}

/// What the code tells its session.
#[derive(Debug)]
pub enum Said {
    Ask(Ask, mpsc::SyncSender<Reply>),
    /// It is over, and its value is true or not.
    End(Result<bool, Raised>),
}

/// Where the session listens.
#[derive(Debug, Clone)]
pub enum Outlet {
    /// An action or a condition that waits.
    Session(UnboundedSender<Said>),
    /// Who loads an application; it answers nothing.
    Loader(mpsc::Sender<Said>),
}

impl Outlet {
    /// False: nobody listens any more.
    pub fn say(&self, said: Said) -> bool {
        match self {
            Outlet::Session(sender) => sender.send(said).is_ok(),
            Outlet::Loader(sender) => sender.send(said).is_ok(),
        }
    }
}

/// The end of the code.
#[pyclass(frozen)]
pub struct Line {
    outlet: Outlet,
}

impl Line {
    pub fn new(outlet: Outlet) -> Self {
        Self { outlet }
    }
}

#[pymethods]
impl Line {
    /// Asks and waits; a refusal is a `RuntimeError`.
    #[pyo3(signature = (what, *args))]
    fn ask(&self, py: Python<'_>, what: &str, args: &Bound<'_, PyTuple>) -> PyResult<String> {
        let args: Vec<String> = args.extract::<Vec<String>>()?;
        if args.iter().any(|arg| arg.len() > MAX_TEXT) {
            return Err(PyValueError::new_err("a text of more than 1 MiB"));
        }
        let ask = understood(what, args);
        let reply = py.detach(|| {
            let (sender, receiver) = mpsc::sync_channel(1);
            let said = self.outlet.say(Said::Ask(ask, sender));
            said.then(|| receiver.recv().ok()).flatten()
        });
        match reply {
            Some(Ok(value)) => Ok(value),
            Some(Err(refusal)) => {
                let error = PyRuntimeError::new_err(refusal.word);
                error.value(py).setattr("cause", refusal.cause)?;
                Err(error)
            }
            None => Err(interpreter::session_gone(py)),
        }
    }
}

fn understood(what: &str, args: Vec<String>) -> Ask {
    let mut list = args.iter().cloned();
    let mut next = || list.next().unwrap_or_default();
    match what {
        "var" => Ask::Variable(next()),
        "setvar" => Ask::Assign(next(), next()),
        "setparam" => Ask::AssignParam(next(), next()),
        "select" => Ask::Select(next()),
        "body" => Ask::Body,
        "setError" => Ask::Fail(next(), next()),
        action => Ask::Perform(action.to_owned(), args),
    }
}

impl Ask {
    /// Answers it now; `Err` gives back an action of the server, which may have to wait.
    pub fn at_once(self, cx: &mut Context<'_>) -> Result<Reply, (String, Vec<String>)> {
        let assigned = match self {
            Ask::Variable(name) => return Ok(Ok(cx.var(&name).unwrap_or_default())),
            Ask::Select(name) => return Ok(Ok(cx.select(&name).unwrap_or_default())),
            Ask::Body => return Ok(Ok(cx.body("").unwrap_or_default())),
            Ask::Assign(name, value) => cx.set(&name, value),
            Ask::AssignParam(name, value) => cx.set_param(&name, value),
            Ask::Fail(errno, text) => cx
                .set("errno", errno)
                .and_then(|()| cx.set("strerror", text)),
            Ask::Perform(action, args) => return Err((action, args)),
        };
        Ok(assigned.map(|()| String::new()).map_err(Refusal::from))
    }
}
