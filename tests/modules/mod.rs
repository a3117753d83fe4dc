//! Action modules that are shared objects: loaded, called, and kept from doing harm.
#![allow(unsafe_code, reason = "looking into what was written in C")]

mod aws;
mod calls;
mod contract;
mod events;
mod examples;
mod explored;
mod hang_up;
mod hooks;
mod misbehaving;
mod mysql;
pub mod objects;
mod py;
mod readmes;
mod refused;
