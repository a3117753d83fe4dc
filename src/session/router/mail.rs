//! Events between sessions, and the names they are reached by.

use super::{Mailbox, Router};
use crate::dsm::module::ModuleEvent;
use crate::dsm::{ActionError, Answer, Errno};
use crate::session::event::{ActionToken, Mail, Params, SessionEvent, SessionId};
use std::sync::Arc;

/// Event queues of one session. Picked by feel.
const MAX_QUEUES: usize = 64;

impl<M: Mailbox> Router<M> {
    /// Does what `session` asks for and tells it how it went.
    pub fn handle_mail(&mut self, session: &SessionId, token: ActionToken, mail: Mail) {
        let result = match mail {
            Mail::Post { to, params } => self
                .post(&to, *params)
                .then_some(Answer::Nothing)
                .ok_or_else(|| format!("there is no session or queue '{to}'")),
            Mail::Register(name) => self.register(session, &name).map(|()| Answer::Nothing),
            Mail::Unregister(name) => {
                self.unregister(session, &name);
                Ok(Answer::Nothing)
            }
        };
        let result = result.map_err(|text| ActionError::errno(Errno::ARG, text));
        self.deliver(session, SessionEvent::Performed(token, result));
    }

    /// Delivers an event to a session, or to the one that has a queue of that name. False: there is
    /// none.
    pub fn post(&self, to: &SessionId, params: Params) -> bool {
        let to = self.queues.get(&*to.0).unwrap_or(to);
        self.deliver(to, SessionEvent::Posted(Arc::new(params)))
    }

    /// Delivers an event that a module sends: `event`, or one of its own.
    pub fn send(&self, to: &SessionId, event: Option<&'static ModuleEvent>, params: Params) {
        let to = self.queues.get(&*to.0).unwrap_or(to);
        self.deliver(
            to,
            match event {
                Some(event) => SessionEvent::Raised(event, Box::new(params)),
                None => SessionEvent::Posted(Arc::new(params)),
            },
        );
    }

    /// Notes one more name for a session. What it is taken by comes back as an error.
    fn register(&mut self, session: &SessionId, name: &str) -> Result<(), String> {
        if self.sessions.contains_key(name) {
            return Err(format!("'{name}' is the name of a session"));
        }
        let Some(entry) = self.sessions.get_mut(session) else {
            return Err("the session is over".to_owned());
        };
        match self.queues.get(name) {
            Some(owner) if owner != session => {
                return Err(format!("'{name}' is registered by session {owner}"));
            }
            Some(_) => return Ok(()),
            None if entry.queues.len() >= MAX_QUEUES => {
                return Err(format!("a session has at most {MAX_QUEUES} event queues"));
            }
            None => {}
        }
        entry.queues.push(name.into());
        self.queues.insert(name.into(), session.clone());
        Ok(())
    }

    fn unregister(&mut self, session: &SessionId, name: &str) {
        if self.queues.get(name) == Some(session) {
            self.queues.remove(name);
            if let Some(entry) = self.sessions.get_mut(session) {
                entry.queues.retain(|own| **own != *name);
            }
        }
    }
}
