//! What lives in a dialog, between two sides on a wire that loses, repeats and reorders, in virtual time:
//! session timers, subscriptions, transfers.

pub mod party;
mod sessions;
mod subscriptions;
mod transfers;
