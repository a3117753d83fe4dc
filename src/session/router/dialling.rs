//! Calls that the server starts: whether one may be placed now, and what it becomes.

use std::time::Instant;

use super::{Limits, Mailbox, Router};
use crate::session::begin::Dial;
use crate::session::catalog::Application;
use crate::session::dial_out::{DialError, DialOut};
use crate::session::event::SessionId;
use crate::sip::auth::DigestClient;
use crate::sip::registration::Identity;

/// Longest name of a session that may be asked for.
const MAX_NAME: usize = 128;

impl<M: Mailbox> Router<M> {
    /// Names the session of a call that is wanted and finds its application. The limits are those of
    /// incoming calls; calls per second are counted apart, so that neither side keeps the other out.
    /// `waiting` calls have passed here and are no sessions yet.
    ///
    /// # Errors
    /// [`DialError`] if it may not be placed.
    pub fn dial_out(
        &mut self,
        now: Instant,
        mut wanted: DialOut,
        waiting: usize,
    ) -> Result<Dial, DialError> {
        let Limits {
            sessions,
            calls_per_second,
            ..
        } = self.limits;
        let refused = &self.stats.calls_not_placed;
        if self.draining {
            refused.shutdown.increment();
            return Err(DialError::ShuttingDown);
        }
        if sessions != 0 && self.calls + waiting >= sessions {
            refused.sessions.increment();
            return Err(DialError::TooManySessions);
        }
        if self.dialled.is_full(now, calls_per_second) {
            refused.calls_per_second.increment();
            return Err(DialError::TooManyCalls);
        }
        let found = self.catalog.find(&wanted.application);
        let found = found.filter(|it| !matches!(it, Application::Selected(_)));
        let Some(application) = found else {
            refused.no_application.increment();
            let known = self.catalog.names().join(", ");
            let name = wanted.application;
            return Err(DialError::NoApplication { name, known });
        };
        let name = wanted.application;
        let id = match wanted.id {
            Some(id) => self.wished(id)?,
            None => SessionId(self.ids.tag().into()),
        };
        let from = &wanted.from.uri;
        self.identities.lend(from, &mut wanted.accounts);
        let identity = self.identities.of(from).cloned().map(Box::new);
        let digest = (!wanted.accounts.is_empty())
            .then(|| Box::new(DigestClient::new(wanted.accounts, self.ids.seed())));
        self.dialled.count(now, calls_per_second);
        self.stats.calls_placed.increment();
        Ok(Dial {
            id,
            call_id: self.ids.call_id(),
            uri: wanted.uri,
            from: Some(wanted.from),
            to: Some(wanted.to),
            outbound: None,
            own: wanted.own,
            identity,
            digest,
            headers: wanted.headers,
            variables: wanted.variables,
            name,
            application,
        })
    }

    /// Has the requests of an address of record go as its registrar says, with its password for who asks.
    pub fn set_identity(&mut self, key: Box<str>, identity: Option<Identity>) {
        self.identities.set(key, identity);
    }

    /// A name that somebody chose.
    fn wished(&self, id: SessionId) -> Result<SessionId, DialError> {
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte);
        if id.0.is_empty() || id.0.len() > MAX_NAME || !id.0.bytes().all(is_token) {
            return Err(DialError::BadName(id));
        }
        if self.sessions.contains_key(&id) || self.queues.contains_key(&*id.0) {
            return Err(DialError::NameTaken(id));
        }
        Ok(id)
    }
}
