//! What a script does by `mod_dlg`: replies and requests of its own, and a look into the messages that
//! events are about.

use std::time::Instant;

use bytes::Bytes;

use crate::dsm::module::MessagePart;
use crate::dsm::{DialogAction, DialogCondition, Errno, ModuleCall, Values};
use crate::session::call::Call;
use crate::session::header_lines;
use crate::session::script::reply::{Reply, bad, failed, found, thrown};
use crate::session::script::{Performed, message};
use crate::sip::dialog::invite_usage::Content;
use crate::sip::endpoint::TransactionId;
use crate::sip::message::header::Replaces;
use crate::sip::message::{
    HeaderName, Headers, Method, NameAddr, Request, Response, StatusCode, Uri, body,
};

/// The message that the event being processed is about.
#[derive(Debug, Default)]
pub(super) enum Message {
    /// None.
    #[default]
    None,
    /// The INVITE that began the call.
    Invite,
    /// A request in the dialog.
    Request {
        /// Its transaction; `None`: the script has replied.
        transaction: Option<TransactionId>,
        /// The request.
        request: Box<Request>,
    },
    /// A response to a request of ours.
    Response(Box<Response>),
}

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Dialog {
    /// We placed the call: there is no INVITE to reply to.
    is_ours: bool,
    /// What the event being processed is about.
    pub message: Message,
    /// The caller got a reply of the script's own.
    pub has_replied: bool,
    /// The script ended the call itself: its session stays until it stops.
    pub has_ended: bool,
    /// The script is to stop, for the caller cannot be answered.
    pub has_failed: bool,
}

impl Dialog {
    /// A part of the message that the event is about.
    pub fn part(&self, call: &Call, part: MessagePart<'_>) -> Option<String> {
        let (headers, body, object) = match &self.message {
            Message::None => return None,
            Message::Invite => (&call.invite().headers, &call.invite().body, "request"),
            Message::Request { request, .. } => (&request.headers, &request.body, "request"),
            Message::Response(response) => (&response.headers, &response.body, "reply"),
        };
        message::part(headers, body, object, part)
    }

    /// Of a call that we placed, or of a caller's.
    pub fn new(is_ours: bool) -> Self {
        Self {
            is_ours,
            ..Self::default()
        }
    }

    /// Does an action of the module.
    pub fn perform(
        &mut self,
        now: Instant,
        call: &mut Call,
        action: DialogAction,
        asked: &ModuleCall,
        variables: &Values,
    ) -> Performed {
        let (first, second) = (asked.argument(0), asked.argument(1));
        let ok = StatusCode::OK;
        let done = match action {
            DialogAction::Reply => {
                Reply::read(first, second, ok, variables).and_then(|reply| self.reply(call, &reply))
            }
            DialogAction::ReplyRequest => Reply::read(first, second, ok, variables)
                .and_then(|reply| self.reply_request(now, call, &reply)),
            DialogAction::AcceptInvite => {
                let reason = match first {
                    "" => "OK",
                    _ => second,
                };
                Reply::read(first, reason, ok, variables)
                    .and_then(|reply| self.accept_invite(call, &reply))
            }
            DialogAction::Bye => self.bye(call, first),
            DialogAction::Refer => refer(now, call, first, second, asked.argument(2)),
            DialogAction::NotifyRefer => Reply::read(first, second, ok, &Values::new())
                .and_then(|reply| notify_refer(call, &reply)),
            DialogAction::Info => info(call, first, second),
            DialogAction::GetRequestBody => match self.request(call) {
                Some(request) => Err(found(&request.headers, &request.body, first)),
                None => Err(thrown("no request")),
            },
            DialogAction::GetReplyBody => match &self.message {
                Message::Response(response) => Err(found(&response.headers, &response.body, first)),
                _ => Err(thrown("no reply")),
            },
            DialogAction::GetOtherId => Err(Performed::Value("".into())),
            DialogAction::GetRtpRelayMode => Err(Performed::Value("RTP_Direct".into())),
        };
        done.map_or_else(|other| other, |()| Performed::Done)
    }

    /// Evaluates a condition of the module.
    pub fn test(&self, call: &Call, condition: DialogCondition, content_type: &str) -> bool {
        let part =
            |headers: &Headers, body: &Bytes| body::content(headers, body, content_type).is_some();
        match (condition, &self.message) {
            (DialogCondition::ReplyHasContentType, Message::Response(response)) => {
                part(&response.headers, &response.body)
            }
            (DialogCondition::RequestHasContentType, Message::Invite | Message::Request { .. }) => {
                let request = self.request(call);
                request.is_some_and(|request| part(&request.headers, &request.body))
            }
            _ => {
                tracing::warn!(?condition, "this event is about no such message");
                false
            }
        }
    }

    /// The request that the event being processed is about.
    fn request<'a>(&'a self, call: &'a Call) -> Option<&'a Request> {
        match &self.message {
            Message::Invite => Some(call.invite()),
            Message::Request { request, .. } => Some(request),
            Message::None | Message::Response(_) => None,
        }
    }

    /// Replies to the caller's INVITE without a session description.
    fn reply(&mut self, call: &mut Call, reply: &Reply<'_>) -> Result<(), Performed> {
        self.check_pending(call)?;
        let Reply {
            status,
            reason,
            headers,
        } = reply;
        if *status == StatusCode::TRYING {
            // It has been sent.
        } else if status.is_provisional() {
            call.progress(*status, Some(reason), headers);
        } else if status.is_success() {
            let why = "a call is accepted by dlg.acceptInvite, with a session description";
            return Err(failed(Errno::GENERAL, why));
        } else {
            self.has_ended = true;
            call.reject(*status, Some(reason), headers);
        }
        self.has_replied = true;
        Ok(())
    }

    /// Replies to the request that the event is about.
    fn reply_request(
        &mut self,
        now: Instant,
        call: &mut Call,
        reply: &Reply<'_>,
    ) -> Result<(), Performed> {
        match &mut self.message {
            Message::Invite => self.reply(call, reply),
            Message::Request {
                transaction,
                request,
            } => {
                let answered = || failed(Errno::GENERAL, "this request has its reply");
                let transaction = match reply.status.is_final() {
                    true => transaction.take(),
                    false => *transaction,
                };
                let transaction = transaction.ok_or_else(answered)?;
                let done = call.reply(
                    now,
                    transaction,
                    (**request).clone(),
                    (reply.status, Some(reply.reason), &reply.headers),
                );
                done.map_err(|status| {
                    let why = format!("the call cannot take a REFER now: it got {status}");
                    failed(Errno::DLG, why)
                })
            }
            Message::None | Message::Response(_) => Err(thrown("no request")),
        }
    }

    /// Replies to the caller's INVITE with a session description.
    fn accept_invite(&mut self, call: &mut Call, reply: &Reply<'_>) -> Result<(), Performed> {
        self.check_pending(call)?;
        let Reply {
            status,
            reason,
            headers,
        } = reply;
        match status.is_success() {
            true => call.accept(Some(reason), headers),
            false => call.early_session(*status, Some(reason), headers),
        }
        if call.usage().is_terminated() {
            self.has_failed = true;
            return Err(failed(
                Errno::DLG,
                "no session can be agreed on: the caller was refused",
            ));
        }
        self.has_replied = true;
        Ok(())
    }

    fn check_pending(&self, call: &Call) -> Result<(), Performed> {
        if self.is_ours {
            return Err(failed(
                Errno::GENERAL,
                "this call has no INVITE of a caller",
            ));
        }
        if !call.is_pending() {
            return Err(failed(Errno::GENERAL, "the INVITE has its answer"));
        }
        Ok(())
    }

    fn bye(&mut self, call: &mut Call, lines: &str) -> Result<(), Performed> {
        let headers = header_lines::parse(lines).map_err(|error| bad(error.to_string()))?;
        self.has_ended = true;
        self.has_replied = true;
        call.hang_up_with(&headers);
        Ok(())
    }
}

fn refer(
    now: Instant,
    call: &mut Call,
    target: &str,
    seconds: &str,
    replaces: &str,
) -> Result<(), Performed> {
    if target.trim().is_empty() || target.contains(char::is_control) {
        return Err(failed(Errno::DLG, "there is nobody to refer to"));
    }
    let target = match replaces.trim() {
        "" => target.to_owned(),
        replaces => attended(target, replaces)?,
    };
    let mut headers = vec![(HeaderName::ReferTo, target)];
    if !seconds.trim().is_empty() {
        headers.push((HeaderName::Expires, seconds.trim().to_owned()));
    }
    match call.usage().is_established() && call.refer(now, &headers) {
        true => Ok(()),
        false => Err(failed(Errno::DLG, "REFER needs an established call")),
    }
}

/// Refer-To of an attended transfer: whom to call, and which dialog the call takes the place of (RFC 3891 §6.1).
fn attended(target: &str, replaces: &str) -> Result<String, Performed> {
    let no_dialog = |_| failed(Errno::DLG, "replaces is CALLID;to-tag=TAG;from-tag=TAG");
    let replaces = Replaces::parse(replaces).map_err(no_dialog)?;
    let mut target = NameAddr::parse(target)
        .map_err(|_| failed(Errno::DLG, "a call that replaces another goes to a SIP URI"))?;
    let Uri::Sip(uri) = &mut target.uri else {
        return Err(failed(
            Errno::DLG,
            "a call that replaces another goes to a SIP URI",
        ));
    };
    uri.embed_header(&HeaderName::Replaces, &replaces.to_string());
    Ok(target.to_string())
}

fn notify_refer(call: &mut Call, reply: &Reply<'_>) -> Result<(), Performed> {
    let reason = match reply.reason.trim() {
        "" => reply.status.reason(),
        reason => reason.to_owned(),
    };
    match call.refer_progress(reply.status, &reason) {
        true => Ok(()),
        false => Err(failed(
            Errno::DLG,
            "no REFER was taken whose end is still to be told",
        )),
    }
}

fn info(call: &mut Call, content_type: &str, body: &str) -> Result<(), Performed> {
    let mut content = Content::default();
    if !content_type.is_empty() {
        content_type.clone_into(&mut content.content_type);
        content.body = header_lines::unescape(body).into();
    }
    let sent =
        call.usage().is_established() && call.send_request(Method::Info, &[], content).is_some();
    match sent {
        true => Ok(()),
        false => Err(failed(Errno::DLG, "INFO needs an established call")),
    }
}
