//! Rooms: who hears whom, how well, and at what cost.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without")]

mod hall;
mod idle;
mod joining;
mod mixing;
mod moving;
mod sounds;
mod timing;
