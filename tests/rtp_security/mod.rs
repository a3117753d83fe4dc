//! Who is heard in a call and who gets its audio, under attack and in odd but honest networks.
//!
//! In every case our stream echoes what it hears, so that what it sent tells both.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without")]

mod attacks;
mod fuzz;
mod honest;
mod sockets;
mod srtp;
mod talker;
