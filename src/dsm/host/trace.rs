//! What a host hears of a running diagram: its steps, and the mistakes that show only then.

use std::fmt;

use crate::dsm::source::Location;

/// A step of the engine, for tests, live diagrams and monitoring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trace<'a> {
    /// All conditions of this transition hold.
    Transition(TransitionRef<'a>),
    /// The state became current.
    State {
        /// Diagram.
        diagram: &'a str,
        /// State.
        state: &'a str,
    },
    /// `returnFSM` made a saved state current again.
    Return {
        /// Diagram.
        diagram: &'a str,
        /// State.
        state: &'a str,
    },
    /// An exception of this type reached the engine.
    Exception(&'a str),
}

/// A transition as it leaves one state. Names need not be unique; state and index are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransitionRef<'a> {
    /// Diagram.
    pub diagram: &'a str,
    /// The state it leaves.
    pub state: &'a str,
    /// Its place among the transitions of the state, from 0.
    pub index: usize,
    /// Its name as written.
    pub name: &'a str,
}

/// Where something went wrong while a diagram ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Diagram.
    pub diagram: String,
    /// Current state.
    pub state: String,
    /// The action that was running, if one was.
    pub at: Option<Location>,
    /// What went wrong.
    pub kind: ProblemKind,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(at) = &self.at {
            write!(f, "{}:{}: ", at.path, at.line)?;
        }
        write!(f, "{}/{}: {}", self.diagram, self.state, self.kind)
    }
}

/// Mistakes that show only while a diagram runs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProblemKind {
    /// No exception transition matched.
    #[error("exception '{0}' is not handled")]
    UnhandledException(String),
    /// The session ends.
    #[error(
        "an event was processed {passes} times: repost or exceptions go on for ever in {states}"
    )]
    TooManyPasses {
        /// How often.
        passes: u32,
        /// The names of the states that take part.
        states: String,
    },
    /// The session ends.
    #[error("one event took {0} steps: an endless loop, jump cycle or too much text")]
    TooManySteps(u32),
    /// `callFSM` throws.
    #[error("more than {0} diagrams wait for a return")]
    TooManyCallers(usize),
    /// The list goes on.
    #[error("no diagram '{0}' with an initial state")]
    UnknownDiagram(String),
    /// The list goes on.
    #[error("returnFSM without callFSM")]
    NoCaller,
    /// The state stays.
    #[error("target state '{0}' is not declared")]
    UndeclaredTarget(String),
    /// The loop does not iterate.
    #[error("'{0}' is no bound of a range")]
    BadBound(String),
    /// The action does nothing.
    #[error("{action}: {text}")]
    BadArgument {
        /// Name of the action.
        action: String,
        /// What is wrong with it.
        text: String,
    },
}
