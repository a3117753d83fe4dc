//! SHELL. Shared objects: codecs that are loaded when the server starts, and action modules ([`module`]).
//!
//! [`load_codecs`] finds `libcodec_NAME.so`, opens it, checks every fact in its table and registers
//! what it holds, so that the rest of the server cannot tell it from what is built in. It runs once,
//! before any call; an object is never closed. What the objects must keep to is
//! `plugins/sdk/include/muleteer_codec.h`: they run with all rights of the server, and a check here
//! finds mistakes, not malice.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]
#![allow(
    unsafe_code,
    reason = "calling what was written in another language cannot be checked"
)]

mod codec;
mod error;
mod loader;
pub mod module;
mod table;

pub use error::{LoadError, TableError};
pub use loader::load_codecs;
