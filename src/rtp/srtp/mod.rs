//! SRTP and SRTCP (RFC 3711): packets sealed with a key of ours, and opened with a key of the peer.
//!
//! A media thread drives it, packet by packet: [`SrtpSender`] seals in place, [`SrtpReceiver`] opens into
//! a buffer that it is given, and neither allocates once it knows its sources. Replay protection is always
//! on. How keys are agreed on is not known here; for SDES they come from a [`KeySource`].
//!
//! Done here rather than by a library because those at hand allocate for each packet and leave replay
//! protection off; the ciphers are of `aes` and `ring`.
//!
//! RFC 3711 (AES in counter mode, HMAC-SHA1), RFC 6188 (AES with 256 bits), RFC 7714 (AES-GCM). Not done:
//! a key derivation rate other than 0, the F8 mode, SRTP without encryption or without authentication.

mod key;
mod key_source;
mod receiver;
mod sender;
mod transform;

pub use key::{MAX_MKI_BYTES, MasterKey, Mki, SrtpKey, SrtpKeys, SrtpSuite};
pub use key_source::KeySource;
pub use receiver::{SRTP_WINDOW, SrtpReceiver, SrtpRefusal};
pub use sender::SrtpSender;

/// What sealing adds to a packet at most: the tag, and the index of SRTCP.
pub const MAX_SRTP_OVERHEAD: usize = 20;

#[cfg(test)]
mod tests;
