//! Whether an INVITE may make a dialog of a call at all, before anybody asks what it wants.

use super::CallSetup;
use crate::sip::contact::ContactPlace;
use crate::sip::dialog::Dialog;
use crate::sip::dialog::capabilities::{RELIABLE, ReliablePolicy};
use crate::sip::dialog::invite_usage::can_reliable;
use crate::sip::dialog::session_timer;
use crate::sip::message::{HeaderName, Request, Response, StatusCode};
use crate::sip::transport::Flow;

/// The dialog that an INVITE makes which came by this flow.
///
/// # Errors
/// The answer it gets instead: 421 if its sender lacks what the operator requires, 422 if its session would be
/// too short, 400 if it can begin no dialog.
pub fn admit(invite: &Request, flow: Flow, setup: &CallSetup) -> Result<Dialog, Box<Response>> {
    let tag = Some(&*setup.id.0);
    if setup.reliable == ReliablePolicy::Required && !can_reliable(&invite.headers) {
        let mut refusal = Response::answering(invite, StatusCode::EXTENSION_REQUIRED, tag);
        refusal.headers.push(HeaderName::Require, RELIABLE);
        return Err(Box::new(refusal));
    }
    if let Some(timer) = &setup.session_timer
        && let Err(cause) = session_timer::judge(timer, invite)
    {
        let mut refusal = Response::answering(invite, cause.status(), tag);
        cause.write(&mut refusal);
        return Err(Box::new(refusal));
    }
    let Flow {
        local, transport, ..
    } = flow;
    // By a `sips` URI if it called one (RFC 3261 §12.1.1).
    let contact = ContactPlace {
        transport,
        local,
        name: setup.name.as_deref(),
        is_request: false,
    };
    let contact = contact.uri(invite.uri.is_sips()).into();
    Dialog::uas(invite, &setup.id.0, contact).map_err(|error| {
        tracing::info!(%error, "this INVITE begins no dialog");
        let mut refusal = Response::answering(invite, StatusCode::BAD_REQUEST, tag);
        refusal.reason = error.to_string();
        Box::new(refusal)
    })
}
