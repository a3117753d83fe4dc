//! INVITEs that take the place of a call (RFC 3891): which session they are for, and what leads to it
//! afterwards.

use std::time::Instant;

use super::uses::Uses;
use super::{Entry, Mailbox, Purpose, Routed, Router, Undelivered};
use crate::session::call::{MAX_REPLACED, Takeover};
use crate::session::event::{SessionEvent, SessionId};
use crate::sip::endpoint::TransactionId;
use crate::sip::message::header::Replaces;
use crate::sip::message::{Request, StatusCode};
use crate::sip::transport::Flow;

/// An INVITE with Replaces that its session has not answered.
pub(super) struct Pending {
    transaction: TransactionId,
    flow: Flow,
    call_id: Box<[u8]>,
}

/// A dialog whose place was taken.
pub(super) struct Former {
    call_id: Box<[u8]>,
    flow: Option<Flow>,
}

impl<M> Entry<M> {
    /// Whether a dialog of the session has this Call-ID.
    pub(super) fn is_called(&self, call_id: &[u8]) -> bool {
        *self.call_id == *call_id || self.former(call_id).is_some()
    }

    fn former(&self, call_id: &[u8]) -> Option<&Former> {
        self.former
            .iter()
            .find(|former| *former.call_id == *call_id)
    }

    /// How the peer of the dialog that this request is for was last heard, or called.
    pub(super) fn flow_for(&self, request: &Request) -> Option<Flow> {
        match self.former_of(request) {
            Some(at) => self.former[at].flow,
            None => self.flow,
        }
    }

    /// Notes that; gives what was noted before.
    pub(super) fn set_flow_for(&mut self, request: &Request, flow: Flow) -> Option<Flow> {
        match self.former_of(request) {
            Some(at) => self.former[at].flow.replace(flow),
            None => self.flow.replace(flow),
        }
    }

    /// Those of all its dialogs.
    pub(super) fn flows(&self) -> impl Iterator<Item = Option<Flow>> {
        let former = self.former.iter().map(|former| former.flow);
        former.chain([self.flow])
    }

    fn former_of(&self, request: &Request) -> Option<usize> {
        if self.former.is_empty() {
            return None;
        }
        let call_id = request.headers.call_id().ok()?.as_bytes();
        self.former
            .iter()
            .position(|former| *former.call_id == *call_id)
    }

    /// The session has accepted the INVITE if this is its transaction: from now on it is the call.
    pub(super) fn succeed(&mut self, transaction: TransactionId, uses: &mut Uses) {
        let pending = self.takeover.take_if(|one| one.transaction == transaction);
        let Some(Pending { flow, call_id, .. }) = pending.map(|pending| *pending) else {
            return;
        };
        if self.former.len() >= MAX_REPLACED {
            uses.drop(self.former.remove(0).flow);
        }
        uses.add(Some(flow));
        self.former.push(Former {
            call_id: std::mem::replace(&mut self.call_id, call_id),
            flow: self.flow.replace(flow),
        });
        self.moving = None;
    }

    /// The session has refused the INVITE if this is its transaction.
    pub(super) fn decline(&mut self, transaction: TransactionId) {
        self.takeover.take_if(|one| one.transaction == transaction);
    }
}

impl<M: Mailbox> Router<M> {
    /// Gives an INVITE with Replaces to the session whose dialog it names, which answers it. The session and
    /// its application stay, so it makes no call more.
    pub(super) fn on_takeover(
        &mut self,
        now: Instant,
        transaction: TransactionId,
        invite: Request,
        flow: Flow,
        replaces: &Replaces,
    ) -> Option<Routed> {
        let call_id = invite.headers.call_id().unwrap_or_default();
        let entry = self.sessions.get_mut(&*replaces.to_tag);
        let entry = entry.filter(|entry| {
            entry.purpose == Purpose::Call && entry.is_called(replaces.call_id.as_bytes())
        });
        let status = match &entry {
            None => Some(StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST),
            // It has been replaced itself.
            Some(entry) if *entry.call_id != *replaces.call_id.as_bytes() => {
                Some(StatusCode::DECLINE)
            }
            // Nothing would tell the two dialogs apart.
            Some(entry) if entry.is_called(call_id.as_bytes()) => Some(StatusCode::BAD_REQUEST),
            Some(entry) if entry.takeover.is_some() => Some(StatusCode::REQUEST_PENDING),
            Some(_) => None,
        };
        let (Some(entry), None) = (entry, status) else {
            let status = status.unwrap_or(StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST);
            return Some(self.refuse(transaction, &invite, status, None));
        };
        if !entry.pace.take(now) {
            self.stats.sip_dropped.call_rate.increment();
            let (status, reason) = (StatusCode::SERVICE_UNAVAILABLE, "Too many requests in call");
            return Some(self.refuse(transaction, &invite, status, Some(reason)));
        }
        let pending = Box::new(Pending {
            transaction,
            flow,
            call_id: call_id.as_bytes().into(),
        });
        let takeover = Box::new(Takeover {
            transaction,
            invite,
            flow,
        });
        match entry.mailbox.post(SessionEvent::Replace(takeover)) {
            Ok(()) => {
                entry.takeover = Some(pending);
                entry.servers.push(transaction);
                let id = SessionId(replaces.to_tag.as_str().into());
                self.servers.insert(transaction, id);
                None
            }
            Err(Undelivered::Full(SessionEvent::Replace(takeover))) => {
                self.stats.sip_dropped.overload.increment();
                let status = StatusCode::SERVICE_UNAVAILABLE;
                Some(self.refuse(transaction, &takeover.invite, status, Some("Busy")))
            }
            Err(Undelivered::Gone(SessionEvent::Replace(takeover))) => {
                let status = StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST;
                Some(self.refuse(transaction, &takeover.invite, status, None))
            }
            Err(_) => None,
        }
    }
}
