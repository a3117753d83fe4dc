//! Typed values of structured headers, one file each (RFC 3261 §20 and the RFCs that add headers).
//!
//! Each type reads one element of its header's value and writes it; the list and which line it stands on
//! belong to [`Headers`](super::Headers).

mod content_disposition;
mod cseq;
mod media_type;
mod via;

pub use content_disposition::ContentDisposition;
pub use cseq::CSeq;
pub use media_type::MediaType;
pub use via::Via;
