//! What is heard of a peer, whatever the network and its clock do to its packets.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without")]

mod clock;
mod copies;
mod ear;
mod loss;
mod pauses;
mod restarts;
