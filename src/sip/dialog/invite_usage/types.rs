//! What passes between an INVITE usage and the session above it.

use bytes::Bytes;

use crate::sip::endpoint::TransactionId;
use crate::sip::message::{HeaderName, Headers, Method, Request, Response, StatusCode, Uri};

/// Names one request of this usage, so that its responses find their way back. A request that is sent
/// again with credentials or after a 491 keeps its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestToken(pub u32);

impl RequestToken {
    /// Of a request whose responses nobody waits for; no usage gets so far.
    pub const UNHEARD: Self = Self(u32::MAX);
}

/// One of the dialogs that an INVITE made, in the order of their first response; 0 for a UAS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ForkId(pub u8);

/// Names an offer of the peer by the message that it came in, which decides what takes the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OfferId {
    /// A re-INVITE, UPDATE or PRACK: the answer goes into its 200.
    Request(TransactionId),
    /// The 2xx to an INVITE of ours without offer: into the ACK.
    Success(RequestToken),
    /// A reliable provisional response to such an INVITE: into the PRACK (RFC 3262 §5).
    Reliable(ForkId),
}

/// A header line that the session adds.
pub type Line = (HeaderName, String);

/// What the body of the next response to the INVITE is to be (RFC 3261 §13.2.1, RFC 3262 §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// The answer to the INVITE's offer.
    Answer,
    /// An offer: the INVITE had none.
    Offer,
    /// Nothing: the exchange is complete, or waits for the peer.
    Nothing,
}

/// What the usage wants sent.
#[derive(Debug)]
pub enum Command {
    /// Answer a request of the peer.
    Respond {
        /// The server transaction of that request.
        transaction: TransactionId,
        /// Provisional or final response.
        response: Box<Response>,
    },
    /// Stop repeating the reliable provisional response to this INVITE: its PRACK came.
    Acknowledged {
        /// The INVITE.
        transaction: TransactionId,
    },
    /// Send a request in a new client transaction.
    Request {
        /// Comes back with each response.
        token: RequestToken,
        /// The request, without Via.
        request: Box<Request>,
        /// Where it goes (RFC 3261 §12.2.1.1).
        next_hop: Box<Uri>,
    },
    /// Send the ACK of a 2xx.
    Ack {
        /// The INVITE it belongs to.
        invite: RequestToken,
        /// The ACK, without Via.
        request: Box<Request>,
        /// Where it goes.
        next_hop: Box<Uri>,
    },
    /// Cancel an INVITE that has no final response yet.
    Cancel {
        /// The INVITE.
        invite: RequestToken,
    },
}

/// What the session has to know.
#[derive(Debug)]
pub enum Event {
    /// An offer of the peer wants an answer by [`InviteUsage::answer`](super::InviteUsage::answer) or
    /// [`InviteUsage::decline`](super::InviteUsage::decline).
    Offer {
        /// Names it.
        id: OfferId,
        /// The dialog it belongs to.
        fork: ForkId,
        /// The session description; empty when a re-INVITE asks for an offer of ours.
        offer: Bytes,
    },
    /// A re-INVITE or UPDATE of ours may go out now and wants its offer by
    /// [`InviteUsage::offer`](super::InviteUsage::offer).
    OfferWanted {
        /// The request.
        token: RequestToken,
        /// The dialog it belongs to.
        fork: ForkId,
    },
    /// The answer to an offer of ours in a 2xx, a reliable 1xx, a re-INVITE or an UPDATE; empty if the
    /// peer gave none where it had to.
    Answer {
        /// The dialog it belongs to.
        fork: ForkId,
        /// The session description.
        answer: Bytes,
    },
    /// The request with our offer failed: the session is as it was before (RFC 3261 §14.1).
    OfferRefused {
        /// The dialog it belongs to.
        fork: ForkId,
    },
    /// 180 to our INVITE, or another provisional response above 100.
    Progress {
        /// The early dialog that it made or belongs to; `None` without To tag, or of more forks than
        /// [`MAX_FORKS`](super::MAX_FORKS).
        fork: Option<ForkId>,
        /// The response.
        response: Box<Response>,
        /// The answer to our offer, if this has it: preliminary unless the response is reliable.
        answer: Bytes,
    },
    /// The first 2xx to our INVITE. It has been acknowledged, unless its offer waits for an answer.
    Answered {
        /// Its dialog, which is the call from now on.
        fork: ForkId,
        /// The response.
        response: Box<Response>,
        /// The answer to our offer. `None` if a reliable 1xx brought it, or an offer follows instead.
        answer: Option<Bytes>,
    },
    /// Our 2xx to the INVITE is out.
    Accepted,
    /// Final failure of our INVITE.
    Refused {
        /// The final response.
        response: Box<Response>,
    },
    /// No final response to our INVITE came.
    NoResponse {
        /// What stands for one (RFC 3261 §8.1.3.1): 408, or 503 if it could not be sent.
        status: StatusCode,
    },
    /// A request of ours in the dialog is done.
    Done {
        /// Which.
        token: RequestToken,
        /// Its method.
        method: Method,
        /// The final response, or what stands for one.
        outcome: Result<Box<Response>, StatusCode>,
    },
    /// A request of ours in the dialog failed in a way that ends the call (RFC 5057 §5.1).
    RemoteDisappeared {
        /// Status of the failure; 408 for a time-out.
        status: StatusCode,
        /// Its reason phrase.
        reason: String,
        /// The response, unless it was a time-out.
        response: Option<Box<Response>>,
    },
    /// The peer sent BYE, which has been answered.
    RemoteHangup {
        /// The header lines of the BYE.
        headers: Headers,
    },
    /// The peer cancelled its INVITE or let it expire; it has been answered with 487.
    Cancelled,
    /// Nobody acknowledged our 2xx for 64*T1; a BYE is on its way (RFC 3261 §13.3.1.4).
    NoAck,
    /// Nobody acknowledged a reliable provisional response for 64*T1; the INVITE has been answered with
    /// 504 (RFC 3262 §3).
    NoPrack,
    /// Nobody refreshed the session in time; it is being ended (RFC 4028 §10).
    SessionExpired,
    /// The call is over and nothing is left to be sent.
    Ended,
}
