//! Dialogs: the peer-to-peer relation that an INVITE sets up (RFC 3261 §12).
//!
//! Owns the state of one dialog: identity, addresses, sequence numbers, route set and targets.
//! Makes the requests that are sent inside it and judges those that are received. Driven by a
//! session, which keeps one [`Dialog`] for each To tag that answered (forking makes several).
//! Does not send, does not know transactions or offers, and does not decide when a call ends.

pub mod capabilities;
pub mod farewell;
pub mod invite_usage;
pub mod replaces;
pub mod session_timer;
pub mod subscription;
pub mod transfer;

use thiserror::Error;

use super::message::{
    CSeq, HeaderName, Headers, Method, NameAddr, ParseError, Request, Response, StatusCode, Uri,
    to_text,
};

#[cfg(test)]
mod tests;

/// One early or confirmed dialog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialog {
    id: DialogId,
    state: DialogState,
    /// Our address with our tag: the From of what we send.
    local: NameAddr,
    /// The peer's address with its tag: the To of what we send.
    remote: NameAddr,
    /// Where the peer is to send requests: the Contact of what we send.
    contact: NameAddr,
    /// The number of our last request; `None` before the first.
    local_cseq: Option<u32>,
    /// The number of our last INVITE, which its ACK repeats.
    local_invite_cseq: Option<u32>,
    /// The highest number that the peer has used; `None` before its first request.
    remote_cseq: Option<u32>,
    route_set: Vec<NameAddr>,
    remote_target: Uri,
    secure: bool,
}

/// What tells dialogs apart, seen from our side.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DialogId {
    /// The Call-ID.
    pub call_id: String,
    /// Our tag.
    pub local_tag: String,
    /// The peer's tag; empty for a peer of RFC 2543 that has none.
    pub remote_tag: String,
}

impl DialogId {
    /// The dialog that a received request belongs to; `None` if its To has no tag.
    pub fn of_request(request: &Request) -> Option<Self> {
        let headers = &request.headers;
        Some(Self {
            call_id: headers.call_id().ok()?.to_owned(),
            local_tag: headers.to_tag().ok()??.into_owned(),
            remote_tag: headers.from_tag().ok()?.unwrap_or_default().into_owned(),
        })
    }

    /// Whether a received request belongs to this dialog, as [`Self::of_request`] would say.
    fn is_of(&self, headers: &Headers) -> bool {
        headers
            .call_id()
            .is_ok_and(|call_id| call_id == self.call_id)
            && matches!(headers.to_tag(), Ok(Some(tag)) if *tag == *self.local_tag)
            && headers
                .from_tag()
                .is_ok_and(|tag| tag.unwrap_or_default() == self.remote_tag)
    }

    /// The dialog that a response to our request belongs to; `None` for a provisional one whose To has no tag,
    /// which makes none. A 2xx without tag is of a peer of RFC 2543 (§12.1.2).
    pub fn of_response(response: &Response) -> Option<Self> {
        let headers = &response.headers;
        Some(Self {
            call_id: headers.call_id().ok()?.to_owned(),
            local_tag: headers.from_tag().ok()?.unwrap_or_default().into_owned(),
            remote_tag: match headers.to_tag().ok()? {
                Some(tag) => tag.into_owned(),
                None if response.status.is_success() => String::new(),
                None => return None,
            },
        })
    }
}

/// Whether a final response has made the dialog last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DialogState {
    /// Made by a provisional response.
    Early,
    /// Made or confirmed by a 2xx.
    Confirmed,
}

/// Why no dialog can be made from a message, or none be kept up by it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DialogError {
    /// A header that the dialog needs cannot be read.
    #[error(transparent)]
    Header(#[from] ParseError),
    /// The message has no Contact, more than one, or one that no request of SIP can be sent to.
    #[error("not exactly one Contact with a SIP or SIPS URI")]
    Contact,
    /// The route set would be longer than [`MAX_ROUTES`].
    #[error("more than {MAX_ROUTES} routes")]
    TooManyRoutes,
}

/// Why a request inside a dialog is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Reject {
    /// Call-ID or tags are those of another dialog.
    #[error("request belongs to no dialog")]
    NoDialog,
    /// The CSeq number is not higher than those that came before (§12.2.2).
    #[error("request is out of order")]
    OutOfOrder,
    /// The Contact of a target refresh request cannot be used.
    #[error("bad Contact: {0}")]
    Contact(#[source] DialogError),
}

impl Reject {
    /// The status code of the answer.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NoDialog => StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST,
            Self::OutOfOrder => StatusCode::SERVER_INTERNAL_ERROR,
            Self::Contact(_) => StatusCode::BAD_REQUEST,
        }
    }
}

impl Dialog {
    /// The early dialog of a UAS that is about to answer `request`, §12.1.1. `local_tag` is the To
    /// tag of all its responses, `contact` the URI at which we take requests.
    ///
    /// # Errors
    /// The request has no usable Contact or Record-Route; answer it with 400.
    pub fn uas(request: &Request, local_tag: &str, contact: Uri) -> Result<Self, DialogError> {
        let headers = &request.headers;
        let remote = headers.from()?;
        let mut local = headers.to()?;
        local.set_tag(local_tag);
        Ok(Self {
            id: DialogId {
                call_id: headers.call_id()?.to_owned(),
                local_tag: local_tag.to_owned(),
                remote_tag: tag_of(&remote),
            },
            state: DialogState::Early,
            local,
            remote,
            contact: NameAddr::new(contact),
            local_cseq: None,
            local_invite_cseq: None,
            remote_cseq: Some(headers.cseq()?.number),
            route_set: record_route(headers)?,
            remote_target: single_contact(headers.contacts()?)?,
            secure: request.uri.is_sips(),
        })
    }

    /// The dialog of a UAC whose `request` got `response`, a 101 to 299, §12.1.2. Early or
    /// confirmed as the response is provisional or final.
    ///
    /// A provisional response without Contact, which many gateways send, is taken to come from
    /// the Request-URI.
    ///
    /// # Errors
    /// A 2xx has no usable Contact, the Record-Route cannot be read, or the request has no Contact.
    pub fn uac(request: &Request, response: &Response) -> Result<Self, DialogError> {
        let (sent, received) = (&request.headers, &response.headers);
        let (local, remote) = (sent.from()?, received.to()?);
        let cseq = sent.cseq()?.number;
        let contacts = received.contacts()?;
        let remote_target = match response.status.is_provisional() && contacts.is_empty() {
            true => request.uri.clone(),
            false => single_contact(contacts)?,
        };
        Ok(Self {
            id: DialogId {
                call_id: sent.call_id()?.to_owned(),
                local_tag: tag_of(&local),
                remote_tag: tag_of(&remote),
            },
            state: DialogState::of(response.status),
            local,
            remote,
            contact: NameAddr::new(single_contact(sent.contacts()?)?),
            local_cseq: Some(cseq),
            local_invite_cseq: Some(cseq),
            remote_cseq: None,
            route_set: record_route(received)?.into_iter().rev().collect(),
            remote_target,
            secure: request.uri.is_sips(),
        })
    }

    /// Makes the next request to the peer, §12.2.1.1: Request-URI and Route from route set and
    /// remote target, From, To, Call-ID, Max-Forwards 70, and CSeq one higher than before. An ACK
    /// has the number of our last INVITE. Requests that refresh the target carry our Contact.
    ///
    /// Via and body are up to the caller. A CANCEL is not made here but from its INVITE (§9.1).
    pub fn next_request(&mut self, method: Method) -> Request {
        let number = self.next_number(&method);
        let (uri, routes, last) = self.request_uri_and_routes();
        let refreshes = refreshes_target(&method);
        let mut request = Request::new(method.clone(), uri);
        let headers = &mut request.headers;
        for route in routes.iter().chain(&last) {
            headers.push(HeaderName::Route, to_text(route));
        }
        headers.push(HeaderName::MaxForwards, MAX_FORWARDS);
        headers.push(HeaderName::From, to_text(&self.local));
        headers.push(HeaderName::To, to_text(&self.remote));
        headers.push(HeaderName::CallId, self.id.call_id.clone());
        headers.push(HeaderName::CSeq, CSeq { number, method }.to_string());
        if refreshes {
            headers.push(HeaderName::Contact, to_text(&self.contact));
        }
        request
    }

    /// Makes a response of ours to a request of this dialog: [`Response::answering`] with our tag,
    /// and with our Contact where it makes the dialog or refreshes the target (101 to 299).
    pub fn response(&self, request: &Request, status: StatusCode) -> Response {
        let mut response = Response::answering(request, status, Some(&self.id.local_tag));
        if (101..300).contains(&status.code()) && refreshes_target(&request.method) {
            response
                .headers
                .push(HeaderName::Contact, to_text(&self.contact));
        }
        response
    }

    /// Gives `request`, one of this dialog that was refused and is to be sent again, the next number.
    pub fn renumber(&mut self, request: &mut Request) {
        let method = request.method.clone();
        let number = self.next_number(&method);
        let cseq = CSeq { number, method };
        request.headers.set(HeaderName::CSeq, cseq.to_string());
    }

    /// Judges a request that the peer sent, §12.2.2, and notes its CSeq and, where the method
    /// refreshes it, the new remote target. Numbers may be left out; one that is not higher than those
    /// before is refused: the request is no repetition, which its transaction would have absorbed.
    /// An ACK has its INVITE's number and is never out of order. On an error nothing changes.
    ///
    /// # Errors
    /// See [`Reject`]; it names the status code to answer with. An ACK is dropped instead.
    pub fn check(&mut self, request: &Request) -> Result<(), Reject> {
        if !self.id.is_of(&request.headers) {
            return Err(Reject::NoDialog);
        }
        if request.method == Method::Ack {
            return Ok(());
        }
        let cseq = request.headers.cseq().map_err(|_| Reject::OutOfOrder)?;
        if self
            .remote_cseq
            .is_some_and(|highest| cseq.number <= highest)
        {
            return Err(Reject::OutOfOrder);
        }
        if refreshes_target(&request.method) {
            self.refresh_target(request.headers.contacts())
                .map_err(Reject::Contact)?;
        }
        self.remote_cseq = Some(cseq.number);
        Ok(())
    }

    /// Notes that we answered with a 2xx: the dialog of a UAS is confirmed.
    pub fn confirm(&mut self) {
        self.state = DialogState::Confirmed;
    }

    /// Takes in a 2xx to our INVITE or to another request that refreshes the target. The first
    /// one confirms an early dialog and brings the final route set (§13.2.2.4); each may bring a
    /// new remote target (§12.2.1.2).
    ///
    /// # Errors
    /// Record-Route or Contact cannot be read. Nothing has changed then.
    pub fn handle_success(&mut self, response: &Response) -> Result<(), DialogError> {
        let route_set = match self.state {
            DialogState::Early => Some(record_route(&response.headers)?.into_iter().rev()),
            DialogState::Confirmed => None,
        };
        self.refresh_target(response.headers.contacts())?;
        if let Some(route_set) = route_set {
            self.route_set = route_set.collect();
        }
        self.state = DialogState::Confirmed;
        Ok(())
    }

    /// Takes the remote target from a reliable provisional response, if it has one (RFC 3262 §1,
    /// RFC 6141 §4.9). One that is not usable leaves the old one.
    pub fn handle_reliable(&mut self, response: &Response) {
        // The response is good without: its Contact only may move the target.
        let _ = self.refresh_target(response.headers.contacts());
    }

    /// Takes in a 2xx to a request of ours in the dialog: it may bring a new remote target (§12.2.1.2). Does
    /// nothing for methods that refresh none.
    ///
    /// # Errors
    /// The Contact cannot be used. Nothing has changed then.
    pub fn handle_refresh(&mut self, response: &Response) -> Result<(), DialogError> {
        match refreshes_target(&response.headers.cseq()?.method) {
            true => self.refresh_target(response.headers.contacts()),
            false => Ok(()),
        }
    }

    /// What tells this dialog from others.
    pub fn id(&self) -> &DialogId {
        &self.id
    }

    /// Early or confirmed.
    pub fn state(&self) -> DialogState {
        self.state
    }

    /// Our address with our tag.
    pub fn local(&self) -> &NameAddr {
        &self.local
    }

    /// The peer's address with its tag.
    pub fn remote(&self) -> &NameAddr {
        &self.remote
    }

    /// CSeq number of our latest request in it; 0: none.
    pub fn local_cseq(&self) -> u32 {
        self.local_cseq.unwrap_or(0)
    }

    /// The peer's Contact: the Request-URI of what we send, unless a strict router is first.
    pub fn remote_target(&self) -> &Uri {
        &self.remote_target
    }

    /// The proxies that want to see every request, nearest first.
    pub fn route_set(&self) -> &[NameAddr] {
        &self.route_set
    }

    /// Whether the dialog was set up with a `sips` Request-URI. Whether the request came over
    /// TLS, which §12.1 also asks for, is for the caller to know.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// Where the next request goes: the first route, or the remote target if there is none.
    pub fn next_hop(&self) -> &Uri {
        self.route_set
            .first()
            .map_or(&self.remote_target, |route| &route.uri)
    }

    fn next_number(&mut self, method: &Method) -> u32 {
        if let (Method::Ack, Some(number)) = (method, self.local_invite_cseq) {
            return number;
        }
        // No dialog lives for 2^32 requests; wrapping only rules out a panic.
        let number = self
            .local_cseq
            .map_or(FIRST_CSEQ, |number| number.wrapping_add(1));
        self.local_cseq = Some(number);
        if *method == Method::Invite {
            self.local_invite_cseq = Some(number);
        }
        number
    }

    /// §12.2.1.1. Behind a strict router (RFC 2543) the first route is the Request-URI and the
    /// remote target the last route.
    fn request_uri_and_routes(&self) -> (Uri, &[NameAddr], Option<NameAddr>) {
        match self.route_set.split_first() {
            Some((first, others)) if !is_loose_router(&first.uri) => {
                let target = NameAddr::new(self.remote_target.clone());
                (request_uri(first.uri.clone()), others, Some(target))
            }
            _ => (self.remote_target.clone(), &self.route_set, None),
        }
    }

    fn refresh_target(
        &mut self,
        contacts: Result<Vec<NameAddr>, ParseError>,
    ) -> Result<(), DialogError> {
        let contacts = contacts?;
        if !contacts.is_empty() {
            self.remote_target = single_contact(contacts)?;
        }
        Ok(())
    }
}

impl DialogState {
    fn of(status: StatusCode) -> Self {
        if status.is_provisional() {
            Self::Early
        } else {
            Self::Confirmed
        }
    }
}

/// The recommended value, RFC 3261 §8.1.1.6.
const MAX_FORWARDS: &str = "70";

/// The longest route set, which every request repeats and every dialog keeps. Max-Forwards allows
/// 70 hops; real calls pass fewer than ten.
pub const MAX_ROUTES: usize = 70;

/// The number of the first request of a UAS; any below 2^31 will do.
const FIRST_CSEQ: u32 = 1;

/// RFC 3261 §12.2 (re-INVITE), RFC 3311 (UPDATE), RFC 6665 §4.1.2.1 and §4.2.1.1 (SUBSCRIBE, NOTIFY),
/// RFC 3515 §2.2 (REFER).
fn refreshes_target(method: &Method) -> bool {
    matches!(
        method,
        Method::Invite | Method::Update | Method::Subscribe | Method::Notify | Method::Refer
    )
}

fn record_route(headers: &Headers) -> Result<Vec<NameAddr>, DialogError> {
    let routes = headers.record_routes()?;
    if routes.len() > MAX_ROUTES {
        return Err(DialogError::TooManyRoutes);
    }
    Ok(routes)
}

/// The URI of the only Contact, which has to be SIP or SIPS (§8.1.1.8), fit to be a Request-URI.
fn single_contact(contacts: Vec<NameAddr>) -> Result<Uri, DialogError> {
    match <[NameAddr; 1]>::try_from(contacts) {
        Ok([contact]) if contact.uri.as_sip().is_some() => Ok(request_uri(contact.uri)),
        _ => Err(DialogError::Contact),
    }
}

/// Takes away what a Request-URI may not have (§19.1.1, §12.2.1.1).
fn request_uri(mut uri: Uri) -> Uri {
    if let Uri::Sip(sip) = &mut uri {
        sip.params.remove("method");
        sip.headers = None;
    }
    uri
}

fn is_loose_router(uri: &Uri) -> bool {
    uri.as_sip().is_some_and(|uri| uri.is_loose_router())
}

fn tag_of(address: &NameAddr) -> String {
    address.tag().unwrap_or_default().to_owned()
}
