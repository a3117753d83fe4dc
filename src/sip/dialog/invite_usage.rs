//! The INVITE usage of a dialog: one call from its first INVITE to its last BYE, in either role.
//!
//! [`InviteUsage`] owns the [`Dialog`], knows what may be sent when (no BYE before the ACK, no
//! CANCEL after the answer, no second offer beside an open one) and builds every request and
//! response of the call. It knows nothing of audio: bodies pass through as bytes and the session
//! negotiates them. Driven by `session`; retransmissions and transaction timers belong to
//! [`Endpoint`](crate::sip::endpoint::Endpoint).
//!
//! After each `handle_*` or action, drain [`poll_command`](InviteUsage::poll_command) and
//! [`poll_event`](InviteUsage::poll_event) to `None`.
//!
//! RFC 3261 §9, §12 to §15; RFC 3264 §4 for the offer rules.

mod requests;

use std::collections::VecDeque;

use bytes::Bytes;

use super::Dialog;
use crate::sip::endpoint::TransactionId;
use crate::sip::message::{HeaderName, Method, Request, Response, StatusCode, Uri, body};

/// Names one request of this usage, so that its responses find their way back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestToken(pub u32);

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
    /// Send a request in a new client transaction.
    Request {
        /// Comes back with each response.
        token: RequestToken,
        /// The request, without Via.
        request: Box<Request>,
        /// Where it goes (RFC 3261 §12.2.1.1).
        next_hop: Uri,
    },
    /// Send the ACK of a 2xx.
    Ack {
        /// The INVITE it belongs to.
        invite: RequestToken,
        /// The ACK, without Via.
        request: Box<Request>,
        /// Where it goes.
        next_hop: Uri,
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
    /// A re-INVITE wants an answer by [`InviteUsage::accept`] or [`InviteUsage::reject`].
    Reinvite {
        /// Its server transaction.
        transaction: TransactionId,
        /// The offer; empty when the peer asks for ours.
        offer: Bytes,
    },
    /// The peer acknowledged our 2xx. `body` is its answer when the offer was ours.
    Acknowledged {
        /// Session description of the ACK, often empty.
        body: Bytes,
    },
    /// 180 to our INVITE, or another provisional response above 100.
    Progress {
        /// The response.
        response: Response,
    },
    /// 2xx to our INVITE; it has been acknowledged already.
    Answered {
        /// The response; its body is the answer.
        response: Response,
    },
    /// Final failure of our INVITE.
    Refused {
        /// Status of the final response.
        status: StatusCode,
        /// Its reason phrase.
        reason: String,
    },
    /// No final response to our INVITE came.
    NoResponse {
        /// What stands for one (RFC 3261 §8.1.3.1): 408, or 503 if it could not be sent.
        status: StatusCode,
    },
    /// The peer sent BYE, which has been answered.
    RemoteHangup {
        /// The header lines of the BYE.
        headers: String,
    },
    /// The peer cancelled its INVITE, which has been answered with 487.
    Cancelled,
    /// Nobody acknowledged our 2xx for 64*T1; a BYE is on its way (RFC 3261 §13.3.1.4).
    NoAck,
    /// The call is over and nothing is left to be sent.
    Ended,
}

/// Where the call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// UAS: the INVITE has no final response. UAC: no dialog yet.
    Inviting,
    /// UAC: CANCEL is out, or waits for the first provisional response.
    Cancelling,
    /// UAS: 2xx sent, its ACK is missing.
    Accepted,
    /// Established.
    Confirmed,
    /// Our BYE is out.
    Terminating,
    /// Over.
    Terminated,
}

#[derive(Debug)]
enum Role {
    Uas {
        transaction: TransactionId,
        invite: Box<Request>,
    },
    Uac {
        token: RequestToken,
        invite: Box<Request>,
    },
}

#[derive(Debug)]
struct InfoBody {
    content_type: &'static str,
    body: Bytes,
}

/// One call's SIP side. See the module's documentation.
#[derive(Debug)]
pub struct InviteUsage {
    role: Role,
    /// None: UAC before the first response with a To tag.
    dialog: Option<Dialog>,
    state: State,
    /// A local hang-up that waits for the ACK (RFC 3261 §15).
    bye_wanted: bool,
    /// A re-INVITE of the peer that has no final response yet.
    reinvite: Option<(TransactionId, Box<Request>)>,
    next_token: u32,
    bye: Option<RequestToken>,
    /// Our INFO that is on its way, and those that wait for its response.
    info: Option<RequestToken>,
    infos: VecDeque<InfoBody>,
    commands: VecDeque<Command>,
    events: VecDeque<Event>,
}

/// The type of session descriptions.
pub const SDP: &str = "application/sdp";

/// Methods an established call understands, as Allow shows them (RFC 3261 §20.5).
pub const ALLOW: &str = "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO";

/// What may be in an INFO; the session reads it.
const INFO_BODIES: &str = "application/dtmf-relay, application/dtmf";

/// Seconds a peer is asked to wait when it is too early with a second INVITE (RFC 3261 §14.2
/// asks for a random value of 0 to 10; the middle serves).
const RETRY_AFTER_S: &str = "5";

/// INFO requests that may wait: more than anyone types.
const MAX_INFOS: usize = 64;

impl InviteUsage {
    /// Begins the UAS side from an INVITE. `dialog` was made from it with our tag.
    pub fn uas(transaction: TransactionId, invite: Request, dialog: Dialog) -> Self {
        let role = Role::Uas {
            transaction,
            invite: Box::new(invite),
        };
        Self::new(role, Some(dialog))
    }

    /// Begins the UAC side: sends `invite` to `next_hop`.
    pub fn uac(invite: Request, next_hop: Uri) -> Self {
        let token = RequestToken(0);
        let role = Role::Uac {
            token,
            invite: Box::new(invite.clone()),
        };
        let mut usage = Self::new(role, None);
        usage.next_token = 1;
        usage.commands.push_back(Command::Request {
            token,
            request: Box::new(invite),
            next_hop,
        });
        usage
    }

    fn new(role: Role, dialog: Option<Dialog>) -> Self {
        Self {
            role,
            dialog,
            state: State::Inviting,
            bye_wanted: false,
            reinvite: None,
            next_token: 0,
            bye: None,
            info: None,
            infos: VecDeque::new(),
            commands: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// Takes the ACK of one of our 2xx. Nothing follows from one that comes after the end.
    pub fn handle_ack(&mut self, ack: Request) {
        if self.state == State::Terminated {
            return;
        }
        if self.state == State::Accepted {
            self.state = State::Confirmed;
        }
        self.events.push_back(Event::Acknowledged {
            body: body::part(&ack.headers, &ack.body, SDP).unwrap_or_default(),
        });
        self.send_wanted_bye();
    }

    /// Takes the endpoint's word that a 2xx of ours was never acknowledged.
    pub fn handle_ack_timeout(&mut self) {
        if !matches!(self.state, State::Accepted | State::Confirmed) {
            return;
        }
        self.state = State::Confirmed;
        self.events.push_back(Event::NoAck);
        self.bye_wanted = true;
        self.send_wanted_bye();
    }

    /// Takes a CANCEL that matched the INVITE, which had no final response.
    pub fn handle_cancel(&mut self, transaction: TransactionId) {
        if let Some((pending, request)) = self
            .reinvite
            .take_if(|(pending, _)| *pending == transaction)
        {
            let response = self.plain(&request, StatusCode::REQUEST_TERMINATED);
            return self.respond(pending, response);
        }
        if self.state != State::Inviting {
            return;
        }
        self.refuse_invite(StatusCode::REQUEST_TERMINATED, None, &[]);
        self.events.push_back(Event::Cancelled);
        self.terminate();
    }

    /// Takes a response to a request of ours.
    pub fn handle_response(&mut self, token: RequestToken, response: Response) {
        if self.bye == Some(token) {
            if response.status.is_final() {
                self.terminate();
            }
            return;
        }
        if self.info == Some(token) {
            if response.status.is_final() {
                self.on_info_done(response.status);
            }
            return;
        }
        match &self.role {
            Role::Uac { token: invite, .. } if *invite == token => {
                self.on_invite_response(response)
            }
            _ => {}
        }
    }

    /// Takes the end of a client transaction without a final response: a timeout, or bytes that
    /// could not be sent. Counts as `408` (RFC 3261 §8.1.3.1).
    pub fn handle_no_response(&mut self, token: RequestToken, status: StatusCode) {
        if self.bye == Some(token) {
            return self.terminate();
        }
        if self.info == Some(token) {
            return self.on_info_done(status);
        }
        let Role::Uac { token: invite, .. } = self.role else {
            return;
        };
        if invite == token && matches!(self.state, State::Inviting | State::Cancelling) {
            self.events.push_back(Event::NoResponse { status });
            self.terminate();
        }
    }

    /// Sends a provisional response above 100 to the INVITE.
    pub fn progress(&mut self, status: StatusCode) {
        let Role::Uas {
            transaction,
            invite,
        } = &self.role
        else {
            return;
        };
        if self.state == State::Inviting {
            let transaction = *transaction;
            let response = self.plain(invite, status);
            self.respond(transaction, response);
        }
    }

    /// Answers the pending INVITE or re-INVITE with 200 and `body`.
    pub fn accept(&mut self, body: Bytes, headers: &[(HeaderName, String)]) {
        let (transaction, request) = match (self.reinvite.take(), &self.role) {
            (Some((transaction, request)), _) => (transaction, request),
            (
                None,
                Role::Uas {
                    transaction,
                    invite,
                },
            ) if self.state == State::Inviting => (*transaction, invite.clone()),
            _ => return,
        };
        let mut response = self.plain(&request, StatusCode::OK);
        response.headers.set(HeaderName::Allow, ALLOW);
        for (name, value) in headers {
            response.headers.push(name.clone(), value.clone());
        }
        add_description(&mut response, body);
        if self.state == State::Inviting {
            self.state = State::Accepted;
            if let Some(dialog) = &mut self.dialog {
                dialog.confirm();
            }
        }
        self.respond(transaction, response);
    }

    /// Answers the pending INVITE or re-INVITE with a failure. An INVITE's failure ends the call.
    pub fn reject(
        &mut self,
        status: StatusCode,
        reason: Option<&str>,
        headers: &[(HeaderName, String)],
    ) {
        if let Some((transaction, request)) = self.reinvite.take() {
            let mut response = self.plain(&request, status);
            set_reason(&mut response, reason);
            return self.respond(transaction, response);
        }
        if self.state == State::Inviting && matches!(self.role, Role::Uas { .. }) {
            self.refuse_invite(status, reason, headers);
            self.terminate();
        }
    }

    /// Ends the call in the way its state asks for: BYE (after the ACK, if that is missing),
    /// CANCEL, or 487 to an INVITE that was not answered (RFC 3261 §15).
    pub fn hang_up(&mut self) {
        match (self.state, &self.role) {
            (State::Inviting, Role::Uas { .. }) => {
                self.reject(StatusCode::REQUEST_TERMINATED, None, &[]);
            }
            (State::Inviting, Role::Uac { token, .. }) => {
                let invite = *token;
                self.state = State::Cancelling;
                self.commands.push_back(Command::Cancel { invite });
            }
            (State::Accepted | State::Confirmed, _) => {
                self.bye_wanted = true;
                self.send_wanted_bye();
            }
            (State::Cancelling | State::Terminating | State::Terminated, _) => {}
        }
    }

    /// Sends an INFO (RFC 6086, without an Info Package) once the one before has its response. Left
    /// out when no call is up, or when more wait than anyone has a use for.
    pub fn send_info(&mut self, content_type: &'static str, body: Bytes) {
        if self.is_established() && self.infos.len() < MAX_INFOS {
            self.infos.push_back(InfoBody { content_type, body });
            self.send_next_info();
        }
    }

    /// Next thing to send.
    pub fn poll_command(&mut self) -> Option<Command> {
        self.commands.pop_front()
    }

    /// Next thing to know.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The INVITE that began the call.
    pub fn invite(&self) -> &Request {
        match &self.role {
            Role::Uas { invite, .. } | Role::Uac { invite, .. } => invite,
        }
    }

    /// The dialog, once there is one.
    pub fn dialog(&self) -> Option<&Dialog> {
        self.dialog.as_ref()
    }

    /// Whether the first INVITE still waits for its final response.
    pub fn is_pending(&self) -> bool {
        self.state == State::Inviting
    }

    /// Whether a 2xx was sent or received and no BYE yet.
    pub fn is_established(&self) -> bool {
        matches!(self.state, State::Accepted | State::Confirmed)
    }

    /// Whether the call is over.
    pub fn is_terminated(&self) -> bool {
        self.state == State::Terminated
    }

    fn on_invite_response(&mut self, response: Response) {
        if response.status.is_success() {
            return self.on_invite_success(response);
        }
        if response.status.is_provisional() {
            if self.state == State::Inviting && response.status != StatusCode::TRYING {
                self.events.push_back(Event::Progress { response });
            }
            return;
        }
        if matches!(self.state, State::Inviting | State::Cancelling) {
            let (status, reason) = (response.status, response.reason);
            self.events.push_back(Event::Refused { status, reason });
            self.terminate();
        }
    }

    fn on_invite_success(&mut self, response: Response) {
        let Role::Uac { token, invite, .. } = &self.role else {
            return;
        };
        let token = *token;
        let Ok(mut dialog) = Dialog::uac(invite, &response) else {
            // Without a usable dialog there is nobody to send an ACK or BYE to.
            if matches!(self.state, State::Inviting | State::Cancelling) {
                let (status, reason) = (StatusCode::SERVER_INTERNAL_ERROR, "broken answer".into());
                self.events.push_back(Event::Refused { status, reason });
                self.terminate();
            }
            return;
        };
        let ack = dialog.next_request(Method::Ack);
        let next_hop = dialog.next_hop().clone();
        self.commands.push_back(Command::Ack {
            invite: token,
            request: Box::new(ack),
            next_hop,
        });
        match self.state {
            State::Inviting => {
                self.dialog = Some(dialog);
                self.state = State::Confirmed;
                self.events.push_back(Event::Answered { response });
                self.send_wanted_bye();
            }
            // The answer crossed our CANCEL: the call is up, so it has to be ended.
            State::Cancelling => {
                self.dialog = Some(dialog);
                self.state = State::Confirmed;
                self.bye_wanted = true;
                self.send_wanted_bye();
            }
            _ if self
                .dialog
                .as_ref()
                .is_some_and(|own| own.id() == dialog.id()) =>
            {
                // The same answer again: the ACK is all it needs.
            }
            // Another branch of a forked INVITE answered too (RFC 3261 §13.2.2.4).
            _ => {
                let bye = dialog.next_request(Method::Bye);
                let next_hop = dialog.next_hop().clone();
                let token = self.new_token();
                self.commands.push_back(Command::Request {
                    token,
                    request: Box::new(bye),
                    next_hop,
                });
            }
        }
    }

    fn send_wanted_bye(&mut self) {
        if !self.bye_wanted || self.state != State::Confirmed {
            return;
        }
        let Some(dialog) = self.dialog.as_mut() else {
            return;
        };
        let request = dialog.next_request(Method::Bye);
        let next_hop = dialog.next_hop().clone();
        self.state = State::Terminating;
        let token = self.new_token();
        self.bye = Some(token);
        self.commands.push_back(Command::Request {
            token,
            request: Box::new(request),
            next_hop,
        });
    }

    fn on_info_done(&mut self, status: StatusCode) {
        self.info = None;
        if !status.is_success() {
            // The next one would fare no better.
            self.infos.clear();
            tracing::info!(%status, "the peer did not take an INFO");
        }
        self.send_next_info();
    }

    fn send_next_info(&mut self) {
        if self.info.is_some() || !self.is_established() {
            return;
        }
        let (Some(dialog), Some(info)) = (self.dialog.as_mut(), self.infos.pop_front()) else {
            return;
        };
        let mut request = dialog.next_request(Method::Info);
        let headers = &mut request.headers;
        headers.push(HeaderName::ContentType, info.content_type);
        request.body = info.body;
        let next_hop = dialog.next_hop().clone();
        let token = self.new_token();
        self.info = Some(token);
        self.commands.push_back(Command::Request {
            token,
            request: Box::new(request),
            next_hop,
        });
    }

    fn refuse_invite(
        &mut self,
        status: StatusCode,
        reason: Option<&str>,
        headers: &[(HeaderName, String)],
    ) {
        let Role::Uas {
            transaction,
            invite,
        } = &self.role
        else {
            return;
        };
        let transaction = *transaction;
        let mut response = self.plain(invite, status);
        set_reason(&mut response, reason);
        for (name, value) in headers {
            response.headers.push(name.clone(), value.clone());
        }
        self.respond(transaction, response);
    }

    fn terminate(&mut self) {
        if self.state != State::Terminated {
            self.state = State::Terminated;
            self.events.push_back(Event::Ended);
        }
    }

    fn new_token(&mut self) -> RequestToken {
        let token = RequestToken(self.next_token);
        self.next_token = self.next_token.wrapping_add(1);
        token
    }

    /// A response with what RFC 3261 §8.2.6 and §12.1.1 ask for, without a body.
    fn plain(&self, request: &Request, status: StatusCode) -> Response {
        match &self.dialog {
            Some(dialog) => dialog.response(request, status),
            None => Response::answering(request, status, None),
        }
    }

    fn respond(&mut self, transaction: TransactionId, response: Response) {
        self.commands.push_back(Command::Respond {
            transaction,
            response: Box::new(response),
        });
    }
}

fn add_description(response: &mut Response, body: Bytes) {
    if !body.is_empty() {
        response.headers.push(HeaderName::ContentType, SDP);
        response.body = body;
    }
}

fn set_reason(response: &mut Response, reason: Option<&str>) {
    if let Some(reason) = reason {
        response.reason = reason.to_owned();
    }
}

#[cfg(test)]
mod tests;
