//! Which connections calls go by, counted as they come and go: a connection asks when it has long been silent.

use std::collections::HashMap;

use crate::sip::transport::{ConnectionId, Flow};

/// How many dialogs go by each connection. Datagrams cost nothing here.
#[derive(Debug, Default)]
pub(super) struct Uses(HashMap<ConnectionId, u32>);

impl Uses {
    pub(super) fn add(&mut self, flow: Option<Flow>) {
        if let Some(connection) = flow.and_then(|flow| flow.connection) {
            *self.0.entry(connection).or_default() += 1;
        }
    }

    pub(super) fn drop(&mut self, flow: Option<Flow>) {
        let Some(connection) = flow.and_then(|flow| flow.connection) else {
            return;
        };
        if let Some(count) = self.0.get_mut(&connection) {
            *count -= 1;
            if *count == 0 {
                self.0.remove(&connection);
            }
        }
    }

    pub(super) fn contains(&self, connection: ConnectionId) -> bool {
        self.0.contains_key(&connection)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
