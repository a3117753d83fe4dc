//! Messages of the wire: the RFCs' torture tests, properties, and what an attacker might send.

#![allow(clippy::unwrap_used)] // helpers of tests, not only tests

mod oracle;
mod probes;
mod properties;
pub mod robustness;
mod torture;

use std::fs;
use std::path::Path;

use bytes::Bytes;
use muleteer::sip::message::{BadMessage, Message};

/// The INVITE of RFC 3665 §3.1 with its body.
pub const INVITE: &[u8] = include_bytes!("rfc3665_invite.sip");

/// A torture message by folder and file name.
pub fn torture_message(name: &str) -> Bytes {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/torture");
    fs::read(folder.join(name))
        .unwrap_or_else(|error| panic!("{name}: {error}"))
        .into()
}

fn parse(bytes: impl Into<Bytes>) -> Result<Message, BadMessage> {
    Message::parse_datagram(bytes.into())
}
