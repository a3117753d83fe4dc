//! Codecs that are shared objects: built, loaded, listened to.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without")]
#![allow(unsafe_code, reason = "looking into what was written in C")]

mod calls;
mod contract;
mod loading;
mod objects;
mod sound;
