//! Requests of ours outside dialogs, such as REGISTER: what the signalling task is asked for, and what
//! comes back.

use tokio::sync::oneshot;

use crate::sip::message::{NameAddr, Request, Response, StatusCode, Uri};

/// A request to be sent in a transaction of its own. Anything but INVITE, ACK and CANCEL.
#[derive(Debug)]
pub struct OutsideRequest {
    /// The request, without Via.
    pub request: Box<Request>,
    /// Where it goes; `None`: where all requests outside dialogs go.
    pub next_hop: Option<Uri>,
    /// A Contact to be added; its host, port and transport become those that the next hop reaches us
    /// at.
    pub contact: Option<NameAddr>,
    /// Gets the answer, exactly one. Dropping the other end is fine.
    pub answer: oneshot::Sender<OutsideAnswer>,
}

/// The end of an [`OutsideRequest`].
#[derive(Debug)]
pub struct OutsideAnswer {
    /// The request as it was sent, without Via.
    pub request: Box<Request>,
    /// The final response, or what stands for one (RFC 3261 §8.1.3.1): 408 for none in time, 503 if
    /// the request could not be sent.
    pub response: Result<Response, StatusCode>,
}
