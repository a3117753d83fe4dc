//! Addresses that failed lately and are tried last.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::{Target, Targets};
use crate::sip::message::Transport;

/// Most addresses remembered; more than this at a time means that the network is down.
const MAX_AVOIDED: usize = 1024;

#[derive(Debug, Default)]
pub(super) struct Avoided {
    until: HashMap<(Transport, SocketAddr), Instant>,
}

impl Avoided {
    /// Notes that `target` is not to be used before `time` has passed, if there is another.
    pub(super) fn add(&mut self, now: Instant, target: &Target, time: Duration) {
        if self.until.len() >= MAX_AVOIDED {
            self.until.retain(|_, until| *until > now);
        }
        let key = (target.transport, target.address);
        if self.until.len() < MAX_AVOIDED || self.until.contains_key(&key) {
            let until = self.until.entry(key).or_insert(now);
            *until = (*until).max(now + time);
        }
    }

    /// Puts what is avoided behind all others.
    pub(super) fn sort(&self, now: Instant, targets: &mut Targets) {
        if self.until.is_empty() || targets.len() < 2 {
            return;
        }
        targets.sort_by_key(|target| {
            let until = self.until.get(&(target.transport, target.address));
            until.is_some_and(|until| *until > now)
        });
    }
}
