//! What two ends of a call learn of each other by RTCP.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without")]

mod malformed;
mod pair;
mod reports;
mod sockets;
