//! Typed values of structured headers, one file each (RFC 3261 §20 and the RFCs that add headers).
//!
//! Each type reads one element of its header's value and writes it; the list and which line it stands on
//! belong to [`Headers`](super::Headers).

mod cseq;
mod via;

pub use cseq::CSeq;
pub use via::Via;
