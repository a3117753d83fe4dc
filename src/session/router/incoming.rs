//! INVITEs that begin calls: whether one is taken now, and which application it is for.

use std::sync::Arc;
use std::time::Instant;

use super::{Limits, Mailbox, NewCall, Routed, Router};
use crate::session::event::{Params, SessionId};
use crate::session::guard::Guard;
use crate::sip::endpoint::TransactionId;
use crate::sip::message::header::Replaces;
use crate::sip::message::{Request, StatusCode};
use crate::sip::transport::Flow;

impl<M: Mailbox> Router<M> {
    pub(super) fn on_invite(
        &mut self,
        now: Instant,
        transaction: TransactionId,
        request: Request,
        flow: Flow,
        replaces: Option<Replaces>,
    ) -> Option<Routed> {
        self.stats.calls_received.increment();
        if let Some(reason) = self.overload(now, replaces.is_some()) {
            tracing::debug!(reason, "call refused");
            let status = StatusCode::SERVICE_UNAVAILABLE;
            return Some(self.refuse(transaction, &request, status, Some(reason)));
        }
        // Before the application is looked for, so that a stranger does not learn which there are.
        if let Some(refusal) = self.ask(now, transaction, &request, flow, Guard::guards_all) {
            return Some(refusal);
        }
        if !request.headers.accepts("application/sdp") {
            // It could read no answer of ours (RFC 3261 §20.1).
            tracing::debug!("call refused: Accept leaves out application/sdp");
            return Some(self.refuse(transaction, &request, StatusCode::NOT_ACCEPTABLE, None));
        }
        if let Some(replaces) = replaces {
            // Of which application the call is does not matter: whoever takes one over has to say who it is if
            // some callers have to.
            if let Some(refusal) = self.ask(now, transaction, &request, flow, Guard::guards_some) {
                return Some(refusal);
            }
            self.starts.count(now, self.limits.calls_per_second);
            return self.on_takeover(now, transaction, request, flow, &replaces);
        }
        let (name, application) = match self.select(&request) {
            Ok(selected) => selected,
            Err(why) => {
                self.stats.calls_refused.no_application.increment();
                self.log_unknown(now, &request, &why);
                return Some(self.refuse(transaction, &request, StatusCode::NOT_FOUND, None));
            }
        };
        let guards_it = |guard: &Guard| guard.guards(&name);
        if let Some(refusal) = self.ask(now, transaction, &request, flow, guards_it) {
            return Some(refusal);
        }
        self.starts.count(now, self.limits.calls_per_second);
        let id = SessionId(self.ids.tag().into());
        Some(Routed::NewCall(Box::new(NewCall {
            id,
            transaction,
            invite: Arc::new(request),
            flow,
            name,
            application,
            variables: Params::new(),
        })))
    }

    /// Why no new call is taken now, if so. One that takes the place of another makes no session more.
    fn overload(&mut self, now: Instant, takes_place: bool) -> Option<&'static str> {
        let Limits {
            sessions,
            calls_per_second,
            ..
        } = self.limits;
        let refused = &self.stats.calls_refused;
        if self.draining {
            refused.shutdown.increment();
            Some("Server shutting down")
        } else if sessions != 0 && self.calls >= sessions && !takes_place {
            refused.sessions.increment();
            Some("Too many sessions")
        } else if self.starts.is_full(now, calls_per_second) {
            refused.calls_per_second.increment();
            Some("Too many calls per second")
        } else {
            None
        }
    }
}
