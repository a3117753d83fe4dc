//! Typed values of structured headers, one file each (RFC 3261 §20 and the RFCs that add headers).
//!
//! Each type reads one element of its header's value and writes it; the list and which line it stands on
//! belong to [`Headers`](super::Headers).

use super::SyntaxError;
use super::lex::Cursor;

mod authentication_info;
mod challenge;
mod content_disposition;
mod credentials;
mod cseq;
mod digest;
mod event;
mod media_type;
mod rack;
mod replaces;
mod session_expires;
mod subscription_state;
mod via;

#[cfg(test)]
mod auth_tests;

pub use authentication_info::AuthenticationInfo;
pub use challenge::Challenge;
pub use content_disposition::ContentDisposition;
pub use credentials::{Credentials, Protection};
pub use cseq::CSeq;
pub use digest::{DigestAlgorithm, DigestHash, Qop};
pub use event::Event;
pub use media_type::MediaType;
pub use rack::RAck;
pub use replaces::Replaces;
pub use session_expires::{MinSe, Refresher, SessionExpires};
pub use subscription_state::{EndReason, SubscriptionState, Substate};
pub use via::Via;

/// `delta-seconds = 1*DIGIT`, after blanks. What 32 bits do not hold is their largest number: both are more
/// than a century.
pub(super) fn delta_seconds(cursor: &mut Cursor<'_>) -> Result<u32, SyntaxError> {
    cursor.skip_blanks();
    let digits = cursor.take_some(|b| b.is_ascii_digit(), "number of seconds")?;
    Ok(digits.parse().unwrap_or(u32::MAX))
}
