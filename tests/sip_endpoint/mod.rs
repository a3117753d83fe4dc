//! The SIP endpoint in virtual time: one endpoint and scripted bytes ([`probe`]), or two phones on a
//! wire that loses, repeats and reorders ([`phone`]).
#![allow(clippy::unwrap_used)]

mod cancel;
mod client;
mod loss;
mod overload;
mod phone;
pub mod probe;
mod random;
mod scale;
mod server;
mod torture;
