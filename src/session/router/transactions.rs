//! Which transactions lead to which session: those of the peer that something may still be told of, and our
//! own.

use super::{Mailbox, Router};
use crate::session::event::{SessionEvent, SessionId};
use crate::sip::dialog::invite_usage::RequestToken;
use crate::sip::endpoint::TransactionId;
use crate::sip::message::StatusCode;
use crate::sip::transport::Flow;

/// With so many requests of a session noted, those that are over are looked for. An INVITE has no other
/// end: a 2xx of one more fork may come as long as its transaction lives (RFC 6026 §7.2).
const CLIENTS_UNCHECKED: usize = 8;

impl<M: Mailbox> Router<M> {
    /// Notes that `transaction` carries the session's request `token`. `lives` tells which transactions are
    /// not over.
    pub fn bind_client(
        &mut self,
        id: &SessionId,
        token: RequestToken,
        transaction: TransactionId,
        lives: impl Fn(TransactionId) -> bool,
    ) {
        let Some(entry) = self.sessions.get_mut(id) else {
            return;
        };
        if entry.clients.len() >= CLIENTS_UNCHECKED {
            let clients = &mut self.clients;
            entry.clients.retain(|(_, earlier)| {
                let stays = lives(*earlier);
                if !stays {
                    clients.remove(earlier);
                }
                stays
            });
        }
        entry.clients.push((token, transaction));
        self.clients.insert(transaction, (id.clone(), token));
    }

    /// A request is done: nothing more comes by its transaction.
    pub(super) fn forget_client(&mut self, id: &SessionId, transaction: TransactionId) {
        self.clients.remove(&transaction);
        if let Some(entry) = self.sessions.get_mut(id) {
            entry.clients.retain(|(_, own)| *own != transaction);
        }
    }

    /// The client transaction that carries the session's request `token` now.
    pub fn client(&self, id: &SessionId, token: RequestToken) -> Option<TransactionId> {
        self.clients(id, token).next()
    }

    /// All client transactions that carried it, the latest first: one for each server that was tried.
    pub fn clients(
        &self,
        id: &SessionId,
        token: RequestToken,
    ) -> impl Iterator<Item = TransactionId> {
        let entry = self.sessions.get(id).into_iter();
        let clients = entry.flat_map(|entry| entry.clients.iter().rev());
        clients
            .filter(move |(own, _)| *own == token)
            .map(|(_, transaction)| *transaction)
    }

    /// Notes a request inside the dialog, which the session has not judged yet.
    pub(super) fn note_request(
        &mut self,
        id: SessionId,
        transaction: TransactionId,
        is_invite: bool,
        flow: Flow,
    ) {
        let Some(entry) = self.sessions.get_mut(&id) else {
            return;
        };
        let known = entry.flow.and_then(|known| known.connection);
        if flow.connection.is_some() && flow.connection != known {
            // The peer may have connected anew, or somebody else has guessed a tag.
            entry.moving = Some(Box::new((transaction, flow)));
        }
        if is_invite {
            entry.servers.push(transaction);
            self.servers.insert(transaction, id);
        }
    }

    /// Takes note of what a session answers. A request that gets a 2xx is the peer's, so its flow is too. An
    /// INVITE that is refused cannot be cancelled, and nobody waits for its ACK.
    pub fn note_answer(&mut self, id: &SessionId, transaction: TransactionId, status: StatusCode) {
        if !status.is_final() {
            return;
        }
        let Some(entry) = self.sessions.get_mut(id) else {
            return;
        };
        let moving = entry.moving.take_if(|moving| moving.0 == transaction);
        if status.is_success() {
            entry.succeed(transaction, &mut self.uses);
            if let Some(moved) = moving {
                self.uses.add(Some(moved.1));
                self.uses.drop(entry.flow.replace(moved.1));
            }
        } else if entry.servers.contains(&transaction) {
            entry.decline(transaction);
            self.forget_server(transaction);
        }
    }

    /// Nothing more is told of this INVITE of the peer.
    pub(super) fn forget_server(&mut self, transaction: TransactionId) {
        let id = self.servers.remove(&transaction);
        if let Some(entry) = id.and_then(|id| self.sessions.get_mut(&id)) {
            entry.servers.retain(|own| *own != transaction);
        }
    }

    pub(super) fn on_server(&self, transaction: TransactionId, event: SessionEvent) {
        if let Some(id) = self.servers.get(&transaction) {
            self.deliver(id, event);
        }
    }
}
