//! What becomes of requests of sessions: responses, and time-outs that stand for them.

use super::{Mailbox, Routed, Router, Undelivered};
use crate::session::event::{SessionEvent, SessionId};
use crate::sip::dialog::farewell::Farewell;
use crate::sip::endpoint::TransactionId;
use crate::sip::message::{Response, StatusCode};

impl<M: Mailbox> Router<M> {
    /// A response goes to its session. A 2xx to an INVITE is acknowledged even when that is gone, and
    /// its dialog ended: the other side would keep up a call with nobody (RFC 3261 §13.2.2.4).
    pub(super) fn on_response(
        &mut self,
        transaction: TransactionId,
        response: Response,
    ) -> Option<Routed> {
        let is_due = Farewell::is_due(&response);
        let is_over = response.status.is_final() && !is_due;
        let farewell = |response: &Response| {
            let farewell = Farewell::of(response, None)?;
            let session = SessionId(response.headers.from().ok()?.tag()?.into());
            Some(Routed::Farewell(session, transaction, Box::new(farewell)))
        };
        let Some((id, token)) = self.clients.get(&transaction).cloned() else {
            return is_due.then(|| farewell(&response)).flatten();
        };
        let entry = self.sessions.get(&id)?;
        let event = SessionEvent::Response(token, Box::new(response));
        let undelivered = entry.mailbox.post(event).err();
        if is_over {
            self.forget_client(&id, transaction);
        }
        match undelivered? {
            Undelivered::Full(event) => {
                self.stats.sip_dropped.overload.increment();
                tracing::debug!(session = %id, ?event, "mailbox full: this event is lost");
                None
            }
            Undelivered::Gone(SessionEvent::Response(_, response)) if is_due => farewell(&response),
            Undelivered::Gone(_) => None,
        }
    }

    pub(super) fn on_no_response(&mut self, transaction: TransactionId, status: StatusCode) {
        if let Some((id, token)) = self.clients.get(&transaction).cloned() {
            self.deliver(&id, SessionEvent::NoResponse(token, status));
            self.forget_client(&id, transaction);
        }
    }
}
