//! One call that takes the place of another (RFC 3891): whether it may, and what tells the two apart while the
//! earlier one is being ended.

use super::{InviteUsage, RequestToken, Role, State};
use crate::sip::dialog::replaces::{self, Phase};
use crate::sip::endpoint::TransactionId;
use crate::sip::message::header::Replaces;
use crate::sip::message::{Request, StatusCode};

/// Requests that a usage whose place was taken may still begin: its BYE, and one for each late fork.
const LAST_TOKENS: u32 = 64;

impl InviteUsage {
    /// Whether the INVITE with this Replaces may take the place of the call.
    ///
    /// # Errors
    /// What it is answered with: see [`replaces::find`].
    pub fn replaceable(&self, replaces: &Replaces) -> Result<(), StatusCode> {
        let phase = self.phase();
        let dialogs = self.forks.ids().map(|id| ((), id, phase));
        replaces::find(replaces, dialogs)
    }

    fn phase(&self) -> Phase {
        match (self.state, &self.role) {
            (State::Inviting, Role::Uas { .. }) => Phase::Incoming,
            (State::Inviting, Role::Uac { .. }) => Phase::Outgoing,
            (State::Accepted | State::Confirmed, _) if !self.bye_wanted => Phase::Confirmed,
            _ => Phase::Ended,
        }
    }

    /// Whether the INVITE was the peer's.
    pub fn is_uas(&self) -> bool {
        matches!(self.role, Role::Uas { .. })
    }

    /// Names its requests otherwise than `former`, whose place it takes in the same session. Before it sends
    /// any.
    pub fn succeed(&mut self, former: &Self) {
        self.first_token = former.next_token.saturating_add(LAST_TOKENS);
        self.next_token = self.first_token;
    }

    /// Whether it has nothing to be sent or told.
    pub fn is_silent(&self) -> bool {
        self.commands.is_empty() && self.events.is_empty()
    }

    /// Whether it sent the request that this names.
    pub fn has_sent(&self, token: RequestToken) -> bool {
        (self.first_token..self.next_token).contains(&token.0)
    }

    /// Whether a request has the call's Call-ID.
    pub fn is_called(&self, request: &Request) -> bool {
        self.invite().headers.call_id().ok() == request.headers.call_id().ok()
    }

    /// Whether this INVITE of the peer lacks the ACK of its 2xx, as far as it is known.
    pub fn awaits_ack(&self, transaction: TransactionId) -> bool {
        let again = self.unacknowledged.map(|(transaction, _)| transaction);
        let first = self.uas_transaction();
        first == Some(transaction) || again == Some(transaction)
    }
}
