//! The TCP connections that are open, found by id or by the peer's address.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use super::tcp::Connection;
use crate::sip::transport::ConnectionId;

/// Open TCP connections; beyond it new ones are closed at once.
const MAX_CONNECTIONS: usize = 4096;
/// Of these from one address, so that one peer cannot take them all. A proxy needs a few.
const MAX_PER_ADDRESS: usize = 1024;

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Connections {
    by_id: HashMap<ConnectionId, Connection>,
    /// The latest connection to each peer, for requests of ours (RFC 5923 §4).
    by_remote: HashMap<SocketAddr, ConnectionId>,
    per_address: HashMap<IpAddr, usize>,
    next: u64,
    refusing: bool,
}

impl Connections {
    /// Whether one more from `remote` is within the limits. The first refusal of a row is logged.
    pub(super) fn admits(&mut self, remote: SocketAddr) -> bool {
        let from_there = self.per_address.get(&remote.ip()).copied().unwrap_or(0);
        let admitted = self.by_id.len() < MAX_CONNECTIONS && from_there < MAX_PER_ADDRESS;
        if !admitted && !std::mem::replace(&mut self.refusing, true) {
            tracing::warn!(%remote, "too many TCP connections: new ones are closed at once");
        }
        if admitted {
            self.refusing = false;
        }
        admitted
    }

    /// A name for the next connection.
    pub(super) fn new_id(&mut self) -> ConnectionId {
        self.next += 1;
        ConnectionId(self.next)
    }

    pub(super) fn insert(&mut self, id: ConnectionId, connection: Connection) {
        let remote = connection.remote;
        *self.per_address.entry(remote.ip()).or_default() += 1;
        self.by_remote.insert(remote, id);
        self.by_id.insert(id, connection);
    }

    pub(super) fn remove(&mut self, id: ConnectionId) -> Option<Connection> {
        let connection = self.by_id.remove(&id)?;
        let remote = connection.remote;
        if self.by_remote.get(&remote) == Some(&id) {
            self.by_remote.remove(&remote);
        }
        if let Some(count) = self.per_address.get_mut(&remote.ip()) {
            *count -= 1;
            if *count == 0 {
                self.per_address.remove(&remote.ip());
            }
        }
        Some(connection)
    }

    pub(super) fn get(&self, id: ConnectionId) -> Option<&Connection> {
        self.by_id.get(&id)
    }

    /// A connection to `remote` that can be used again.
    pub(super) fn to(&self, remote: SocketAddr) -> Option<(ConnectionId, &Connection)> {
        let id = *self.by_remote.get(&remote)?;
        Some((id, self.by_id.get(&id)?))
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }
}
