//! Helpers that every capability shares.

pub mod agent;
pub mod alloc;
pub mod audio;
pub mod caller;
pub mod endpoint;
pub mod media;
pub mod pages;
pub mod peer;
pub mod process;
pub mod seams;
pub mod server;
pub mod sockets;
pub mod studio;
pub mod wire;
