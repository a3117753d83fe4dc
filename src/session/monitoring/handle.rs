//! How sessions and components reach the owner of the store, and what a session tells it by itself.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{mpsc, oneshot};

use super::search::{Question, Reply};
use super::{Name, RecordId, Value, Write, attribute};
use crate::session::event::SessionId;

/// What the owner of the store is told.
#[derive(Debug)]
pub enum Order {
    /// Make a change.
    Write(Write),
    /// Answer a question.
    Ask(Question, oneshot::Sender<Reply>),
}

/// The way to the owner of the store, if there is a store. A full channel makes the sender wait.
#[derive(Clone, Default)]
pub struct Monitor {
    orders: Option<mpsc::Sender<Order>>,
}

impl Monitor {
    /// The way to whoever takes these orders.
    pub fn new(orders: mpsc::Sender<Order>) -> Self {
        Self {
            orders: Some(orders),
        }
    }

    /// Has a change made. Without a store nothing happens.
    pub async fn write(&self, write: Write) {
        if let Some(orders) = &self.orders {
            // Fails only at the end of the server.
            let _ = orders.send(Order::Write(write)).await;
        }
    }

    /// Asks a question; `None` without a store, and at the end of the server.
    pub async fn ask(&self, question: Question) -> Option<Reply> {
        let (answer, answered) = oneshot::channel();
        let orders = self.orders.as_ref()?;
        orders.send(Order::Ask(question, answer)).await.ok()?;
        answered.await.ok()
    }
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_on = self.orders.is_some();
        f.debug_struct("Monitor").field("is_on", &is_on).finish()
    }
}

/// Which sessions are recorded without a word of their scripts.
#[derive(Debug, Clone, Default)]
pub struct Following {
    /// All that begin now, or none.
    pub sessions: Arc<AtomicBool>,
    /// Also all their states, as a list.
    pub states: bool,
    /// Also all their transitions, in that list.
    pub transitions: bool,
}

impl Following {
    /// What a session that begins now is recorded by, if it is.
    pub fn begin(&self, id: &SessionId) -> Option<Follow> {
        self.sessions.load(Ordering::Relaxed).then(|| Follow {
            id: id.0.clone(),
            states: self.states,
            transitions: self.transitions,
            diagram: String::new(),
            state: String::new(),
        })
    }
}

/// What a session says of the way of its diagram.
#[derive(Debug, Clone)]
pub struct Follow {
    id: RecordId,
    states: bool,
    transitions: bool,
    /// As told last.
    diagram: String,
    state: String,
}

impl Follow {
    /// A state is current.
    pub fn entered(&mut self, diagram: &str, state: &str, mut write: impl FnMut(Write)) {
        let mut changed = Vec::new();
        if self.diagram != diagram {
            diagram.clone_into(&mut self.diagram);
            let value = Value::from(diagram.to_owned());
            changed.push((Name::Borrowed(attribute::DIAGRAM), value));
        }
        if self.state != state {
            state.clone_into(&mut self.state);
            let value = Value::from(state.to_owned());
            changed.push((Name::Borrowed(attribute::STATE), value));
        }
        if !changed.is_empty() {
            write(Write::Set(self.id.clone(), changed));
        }
        if self.states {
            write(self.passed(format!("{diagram}/{state}")));
        }
    }

    /// A transition is taken.
    pub fn took(&self, transition: &str, mut write: impl FnMut(Write)) {
        if self.transitions {
            write(self.passed(format!("> {transition} >")));
        }
    }

    fn passed(&self, what: String) -> Write {
        let name = Name::Borrowed(attribute::GRAPH);
        Write::Add(self.id.clone(), name, what.into())
    }
}
