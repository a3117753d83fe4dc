//! Session descriptions (RFC 8866) and the offer/answer exchange (RFC 3264).
//!
//! [`OfferAnswer`] is what a session drives: one per dialog, it turns the peer's offer into our
//! answer, or makes our offer and reads the answer, and says in [`NegotiatedAudio`] what the media
//! stream has to do. [`SessionDescription`] is the plain model below it.
//!
//! Reader and writer are our own: those of sdp-rs stop in silence at a line out of order, refuse what phones
//! send (host names, blanks in the `o=` user), and write channels (`opus/48000 2`) as no peer reads them. As
//! the reader that forgives nothing, sdp-rs judges what modules make of our descriptions (`strict`).
//!
//! Not done here: resolving a host name (it is reported), opening a port, choosing codecs (the
//! caller states its [`Capabilities`]), sealing packets. One audio stream over RTP or SRTP is used; every other
//! stream is declined. Keys of SRTP are those of SDES (RFC 4568): DTLS, ICE, BUNDLE and RTCP feedback are
//! neither read nor claimed.

mod crypto;
mod description;
mod encryption;
mod format;
mod offer_answer;
mod reader;
mod strict;
mod write;

pub use crypto::{CryptoAttribute, CryptoError};
pub use description::{
    Attribute, ConnectionAddress, Direction, MediaDescription, Origin, SdpError,
    SessionDescription, Time,
};
pub use encryption::{SrtpPolicy, SrtpTerms};
pub use format::{AudioFormat, EventSet, TELEPHONE_EVENT};
pub use offer_answer::{
    Capabilities, MAX_PTIME, MIN_PTIME, NegotiatedAudio, NegotiationError, OfferAnswer,
};
pub use reader::{
    MAX_ATTRIBUTES_PER_SECTION, MAX_DESCRIPTION_BYTES, MAX_FORMATS_PER_MEDIA, MAX_MEDIA, MAX_TIMES,
};
pub use strict::is_strict;
