//! What a caller hears and says, through one stream.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without")]

mod allocation;
mod digits;
mod echo;
mod playlist;
mod recording;
mod source;
mod streams;
mod threads;
mod timing;
