//! A call that another peer takes over: its INVITE names the call's dialog in Replaces, and takes its place
//! (RFC 3891). That is how an attended transfer ends that we are the target of (RFC 5589 §7).
//!
//! The call goes on with its application and its stream. The new dialog has our tag, which is the name of the
//! session, and its own Call-ID; the one before is ended, and kept for what may still come of it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Instant;

use super::admission::admit;
use super::signalling::{OWN, status_of, warning_of};
use super::{Call, CallEvent, Digits};
use crate::sdp::NegotiatedAudio;
use crate::session::begin::{is_secure, signalling_host};
use crate::session::event::SessionOutput;
use crate::sip::dialog::Dialog;
use crate::sip::dialog::capabilities::accepted_bodies;
use crate::sip::dialog::invite_usage::{
    Command, Due, Event as UsageEvent, InviteUsage, Line, RequestToken, SDP, UsageSetup,
};
use crate::sip::endpoint::{RETRY_AFTER_S, TransactionId};
use crate::sip::message::{HeaderName, Request, Response, StatusCode, body};
use crate::sip::transport::Flow;

/// Dialogs of one call that are kept behind the present one. While that many are being ended, no other INVITE
/// takes the call over.
pub const MAX_REPLACED: usize = 4;

/// An INVITE with Replaces.
#[derive(Debug)]
pub struct Takeover {
    /// Its server transaction.
    pub transaction: TransactionId,
    /// The INVITE. Its Call-ID is not that of the call.
    pub invite: Request,
    /// How it came.
    pub flow: Flow,
}

impl Call {
    /// Answers an INVITE that is to take the place of the call: with 200 if that may be, and then the earlier
    /// dialog is ended. If it may not be, the call goes on as it was (RFC 3891 §3).
    pub fn take_over(&mut self, now: Instant, takeover: Takeover) {
        let Takeover {
            transaction,
            invite,
            flow,
        } = takeover;
        match self.judge(&invite, flow) {
            Ok(dialog) => self.succeed(now, transaction, invite, flow, dialog),
            Err(response) => self.outputs.push_back(SessionOutput::Sip(Command::Respond {
                transaction,
                response,
            })),
        }
        self.pump();
    }

    /// The dialog that the INVITE makes if it may take the place of the call's.
    fn judge(&self, invite: &Request, flow: Flow) -> Result<Dialog, Box<Response>> {
        let refuse = |status| Box::new(Response::answering(invite, status, Some(&self.setup.id.0)));
        let replaces = invite.headers.replaces().ok().flatten();
        let replaces = replaces.ok_or_else(|| refuse(StatusCode::BAD_REQUEST))?;
        self.usage.replaceable(&replaces).map_err(refuse)?;
        let is_full = self.replaced.len() >= MAX_REPLACED;
        if is_full && !self.replaced[0].is_terminated() {
            let mut refusal = refuse(StatusCode::SERVICE_UNAVAILABLE);
            let headers = &mut refusal.headers;
            headers.push(HeaderName::RetryAfter, RETRY_AFTER_S);
            return Err(refusal);
        }
        if body::part(&invite.headers, &invite.body, SDP).is_err() {
            let mut refusal = refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE);
            for (name, value) in accepted_bodies(SDP) {
                refusal.headers.push(name, value);
            }
            return Err(refusal);
        }
        admit(invite, flow, &self.setup)
    }

    fn succeed(
        &mut self,
        now: Instant,
        transaction: TransactionId,
        invite: Request,
        flow: Flow,
        dialog: Dialog,
    ) {
        let seed = seed_of(&invite);
        let secure = is_secure(flow.transport);
        let signalling_host = signalling_host(&invite, flow);
        let offer = body::part(&invite.headers, &invite.body, SDP).unwrap_or_default();
        let setup = UsageSetup {
            reliable: self.setup.reliable,
            seed,
            give_up: self.setup.give_up,
        };
        let mut usage = InviteUsage::uas(transaction, invite, dialog, setup);
        usage.begin_turn(now);
        usage.succeed(&self.usage);
        if let Some(timer) = self.setup.session_timer {
            usage.set_session_timer(now, timer);
        }
        let mut negotiation = self.negotiation.anew(seed, secure);
        let described = match usage.due() {
            Due::Offer => negotiation.offer(OWN).map(|body| (body, None)),
            Due::Answer | Due::Nothing => negotiation
                .answer_invite(&offer)
                .map(|(body, audio)| (body, Some(audio))),
        };
        let (body, audio) = match described {
            Ok(described) => described,
            Err(error) => {
                tracing::info!(%error, "the call is not taken over: the offer cannot be accepted");
                usage.reject(status_of(&error), None, &warning_of(&error));
                return self.send_of(&mut usage);
            }
        };
        self.close_referred();
        self.close_transfers();
        self.pump();
        let mut former = std::mem::replace(&mut self.usage, usage);
        self.negotiation = negotiation;
        self.setup.signalling_host = signalling_host;
        self.setup.secure_signalling = secure;
        self.digits = Digits::default();
        tracing::info!("another INVITE takes the place of the call");
        let earlier = Box::new(former.invite().clone());
        self.events.push_back(CallEvent::Replaced { earlier });
        self.accept_as(audio, body);
        former.hang_up();
        if self.replaced.len() >= MAX_REPLACED {
            self.replaced.remove(0);
        }
        self.replaced.push(former);
    }

    fn accept_as(&mut self, audio: Option<Arc<NegotiatedAudio>>, body: bytes::Bytes) {
        if let Some(audio) = audio {
            self.use_audio(audio);
        }
        let no_lines: &[Line] = &[];
        self.usage.accept(None, no_lines, body);
        self.pump();
    }

    /// The dialog that a request belongs to, if another one has taken its place.
    pub(super) fn former(&mut self, request: &Request) -> Option<&mut InviteUsage> {
        let mut replaced = self.replaced.iter_mut();
        replaced.find(|former| former.is_called(request))
    }

    /// Takes a request in a dialog whose place was taken. False: it is none.
    pub fn take_replaced(&mut self, transaction: TransactionId, request: &Request) -> bool {
        let Some(former) = self.former(request) else {
            return false;
        };
        if former.admit(transaction, request) {
            former.handle_admitted(transaction, request.clone());
        }
        true
    }

    pub(super) fn handle_replaced(&mut self, transaction: TransactionId, request: Request) {
        if let Some(former) = self.former(&request) {
            former.handle_admitted(transaction, request);
        }
    }

    /// The SIP side that a response to this request of ours is for.
    pub fn usage_for(&mut self, token: RequestToken) -> &mut InviteUsage {
        let mut replaced = self.replaced.iter_mut();
        let former = replaced.find(|former| former.has_sent(token));
        former.unwrap_or(&mut self.usage)
    }

    /// Whether a dialog whose place was taken sent this request.
    pub fn is_replaced(&self, token: RequestToken) -> bool {
        let mut replaced = self.replaced.iter();
        replaced.any(|former| former.has_sent(token))
    }

    /// Takes the ACK of a 2xx.
    pub fn handle_ack(&mut self, ack: &Request) {
        match self.former(ack) {
            Some(former) => former.handle_ack(ack),
            None => self.usage.handle_ack(ack),
        }
    }

    /// Takes the word that the 2xx to this INVITE was never acknowledged.
    pub fn handle_ack_timeout(&mut self, invite: TransactionId) {
        let is_alone = self.replaced.is_empty();
        let mut replaced = self.replaced.iter_mut();
        if let Some(former) = replaced.find(|former| former.awaits_ack(invite)) {
            former.handle_ack_timeout();
        } else if is_alone || self.usage.awaits_ack(invite) {
            self.usage.handle_ack_timeout();
        }
    }

    /// Passes on what ends the earlier dialogs. Nothing of it is told.
    pub(super) fn pump_replaced(&mut self) {
        if self.replaced.iter().all(InviteUsage::is_silent) {
            return;
        }
        let mut replaced = std::mem::take(&mut self.replaced);
        for former in &mut replaced {
            self.send_of(former);
        }
        self.replaced = replaced;
    }

    fn send_of(&mut self, usage: &mut InviteUsage) {
        loop {
            while let Some(command) = usage.poll_command() {
                self.outputs.push_back(SessionOutput::Sip(command));
            }
            match usage.poll_event() {
                Some(UsageEvent::Offer { id, .. }) => {
                    usage.decline(id, StatusCode::NOT_ACCEPTABLE_HERE, &[]);
                }
                Some(UsageEvent::OfferWanted { token, .. }) => usage.withdraw(token),
                Some(_) => {}
                None => return,
            }
        }
    }
}

/// Another number for each INVITE.
fn seed_of(invite: &Request) -> u64 {
    let mut hasher = DefaultHasher::new();
    invite
        .headers
        .call_id()
        .unwrap_or_default()
        .hash(&mut hasher);
    invite.headers.from_tag().ok().flatten().hash(&mut hasher);
    hasher.finish()
}
