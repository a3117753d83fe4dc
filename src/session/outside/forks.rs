//! Notifiers beyond the first one of a SUBSCRIBE that forked (RFC 6665 §4.1.2.4).
//!
//! Each is a subscription in a dialog of its own, with the same tag of ours. Its handle is that tag, a dot, and a hash
//! of the notifier's tag: so a NOTIFY finds it by its two tags also when the first subscription is over. New ones
//! are taken while the NOTIFYs that a SUBSCRIBE brings may be on their way. `presence` has none: it wants one
//! agent to notify (RFC 3856 §6.9).

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

use crate::sip::message::header::Event;

/// Forks of one SUBSCRIBE.
pub(super) const MAX_FORKS: usize = 16;

/// Until when forks of a SUBSCRIBE that is sent now are taken; `None`: never.
pub(super) fn until(now: Instant, event: &Event, timer_n: Duration) -> Option<Instant> {
    (event.package != "presence").then(|| now + timer_n)
}

/// The handle of a fork of `first`.
pub(super) fn handle(first: &str, remote_tag: &str) -> Box<str> {
    // Who finds two tags with one hash gets 481 for the second.
    let mut hasher = DefaultHasher::new();
    remote_tag.hash(&mut hasher);
    format!("{first}.{:016x}", hasher.finish()).into()
}

/// Whether this is the handle of a fork of `first`.
pub(super) fn is_fork(handle: &str, first: &str) -> bool {
    let rest = handle.strip_prefix(first);
    rest.is_some_and(|rest| rest.starts_with('.'))
}
