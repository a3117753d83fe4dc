//! Requests of ours outside calls: REGISTERs of the server, subscriptions and messages of scripts.
//!
//! [`Subscriptions`] and [`Messages`] are what scripts have under way; the router owns both, gives their
//! [`Order`]s to whoever sends, and takes the answers. Cores: no socket, no clock.

mod forks;
mod messages;
mod subscriptions;

use tokio::sync::oneshot;

pub use messages::{MessageOrder, Messages};
pub use subscriptions::{SubscribeOrder, Subscriptions};

use crate::dsm::Event;
use crate::ids::Ids;
use crate::session::SessionId;
use crate::sip::message::{
    CSeq, HeaderName, Method, NameAddr, Request, Response, SipUri, StatusCode, Uri,
};

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

/// What a script wants to have under way. All fail with [`Errno::GENERAL`](crate::dsm::Errno::GENERAL).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutsideWork {
    /// Subscribe; gives the handle.
    Subscribe(Box<SubscribeOrder>),
    /// Subscribe again, for so many seconds or what is usual.
    Renew {
        /// Which.
        handle: Box<str>,
        /// How long.
        seconds: Option<u32>,
    },
    /// End a subscription. One that there is not is as good as ended.
    Unsubscribe {
        /// Which.
        handle: Box<str>,
    },
    /// Send a message; its answer comes as an event.
    Send(Box<MessageOrder>),
}

/// Why something cannot be under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OutsideError {
    /// The handle is not one of this session.
    #[error("this session has no subscription of that handle")]
    NoSubscription,
    /// A limit of each session.
    #[error("a session has at most {0} of these under way")]
    TooMany(usize),
    /// A limit of the server.
    #[error("the server has at most {0} of these under way")]
    TooManyInAll(usize),
    /// `[limits] calls_per_second`.
    #[error("more requests were sent than [limits] calls_per_second allows")]
    TooFast,
    /// The server is shutting down.
    #[error("the server is shutting down")]
    ShuttingDown,
}

/// Whose request it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Ticket {
    /// A SUBSCRIBE, by the handle of its subscription.
    Subscription(Box<str>),
    /// A message, by its number.
    Message(u64),
}

/// A request to be sent. The answer goes to
/// [`Router::handle_outside_answer`](crate::session::Router::handle_outside_answer).
#[derive(Debug)]
pub struct Order {
    /// Whose it is.
    pub ticket: Ticket,
    /// The request, without Via.
    pub request: Box<Request>,
    /// Where it goes if it is outside a dialog; `None`: where all such requests go.
    pub next_hop: Option<Uri>,
    /// A Contact to be added, as in [`OutsideRequest`].
    pub contact: Option<NameAddr>,
}

/// Something that a session's script is told.
#[derive(Debug)]
pub struct News {
    /// The session.
    pub to: SessionId,
    /// What it is told.
    pub event: Event,
}

/// Where the first request of an exchange goes, and from whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parties {
    /// Request-URI.
    pub uri: Uri,
    /// From, without tag.
    pub from: NameAddr,
    /// To, without tag.
    pub to: NameAddr,
    /// A server that it is sent to, whatever its Request-URI says.
    pub proxy: Option<Uri>,
}

/// The Call-ID and tag of a new exchange.
struct Names {
    call_id: String,
    tag: String,
}

impl Names {
    fn new(ids: &mut Ids) -> Self {
        Self {
            call_id: ids.call_id(),
            tag: ids.tag(),
        }
    }
}

impl Parties {
    /// The first request, with the CSeq number 1.
    fn first(&self, method: Method, names: &Names) -> Request {
        let mut request = Request::new(method.clone(), self.uri.clone());
        let mut from = self.from.clone();
        from.set_tag(&names.tag);
        let headers = &mut request.headers;
        // A proxy that routes loosely has a place in Route (RFC 3261 §8.1.2); others only get the request.
        let is_loose = |hop: &&Uri| hop.as_sip().is_some_and(SipUri::is_loose_router);
        if let Some(hop) = self.proxy.as_ref().filter(is_loose) {
            headers.push(HeaderName::Route, format!("<{hop}>"));
        }
        headers.push(HeaderName::MaxForwards, "70");
        headers.push(HeaderName::From, from.to_string());
        headers.push(HeaderName::To, self.to.to_string());
        headers.push(HeaderName::CallId, names.call_id.clone());
        headers.push(HeaderName::CSeq, CSeq { number: 1, method }.to_string());
        request
    }
}

/// Gives a request outside a dialog that is to be sent again the next CSeq number.
fn renumber(request: &mut Request) {
    let number = request.headers.cseq().map_or(0, |cseq| cseq.number);
    let cseq = CSeq {
        number: number.wrapping_add(1),
        method: request.method.clone(),
    };
    request.headers.set(HeaderName::CSeq, cseq.to_string());
}

fn is_challenge(status: StatusCode) -> bool {
    status == StatusCode::UNAUTHORIZED || status == StatusCode::PROXY_AUTHENTICATION_REQUIRED
}
