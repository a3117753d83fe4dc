//! The SIP side of a call: what an application may do with it, and what it is told of it.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use smallvec::SmallVec;

use super::{Answer, Call, CallEvent};
use crate::sdp::{NegotiatedAudio, NegotiationError};
use crate::sip::dialog::capabilities::accepted_bodies;
use crate::sip::dialog::invite_usage::{
    Content, Due, Event as UsageEvent, ForkId, InviteUsage, Line, OfferId, RequestToken, SDP,
};
use crate::sip::endpoint::TransactionId;
use crate::sip::message::{HeaderName, Headers, Method, Request, Response, StatusCode, body};

/// Of a UAS; there is no fork of one's own answer.
pub(super) const OWN: ForkId = ForkId(0);

impl Call {
    /// Answers the pending INVITE with 200 and a session description; refuses it with 488 or 400
    /// if that cannot be.
    pub fn answer(&mut self) {
        self.accept(None, &[]);
    }

    /// As [`answer`](Self::answer), with a reason phrase and header lines.
    pub fn accept(&mut self, reason: Option<&str>, headers: &[Line]) {
        if let Some(body) = self.description_due() {
            self.usage.accept(reason, headers, body);
            self.pump();
        }
    }

    /// Tells the caller that the call is being worked on, in the words of the last time.
    pub fn ring(&mut self) {
        let status = self.progress.unwrap_or(StatusCode::RINGING);
        self.progress(status, None, &[]);
    }

    /// Sends a provisional response above 100 without a session description.
    pub fn progress(&mut self, status: StatusCode, reason: Option<&str>, headers: &[Line]) {
        self.progress = Some(status);
        self.usage.progress(status, reason, headers, Bytes::new());
        self.pump();
    }

    /// Sends a provisional response above 100 with a session description, so that both sides may hear
    /// each other before the answer: [`CallEvent::EarlySession`] follows. A caller without an offer gets
    /// ours if it takes it reliably, else none (RFC 3262 §5).
    pub fn early_session(&mut self, status: StatusCode, reason: Option<&str>, headers: &[Line]) {
        if !self.usage.is_pending() {
            return;
        }
        let may_describe = self.usage.due() != Due::Offer || self.usage.is_reliable();
        let body = match may_describe {
            true => self.description_due(),
            false => Some(Bytes::new()),
        };
        let Some(body) = body else { return };
        let is_answer = self.audio.is_some();
        self.progress = Some(status);
        self.usage.progress(status, reason, headers, body);
        if is_answer {
            self.early();
        }
        self.pump();
    }

    /// Refuses the pending INVITE.
    pub fn reject(&mut self, status: StatusCode, reason: Option<&str>, headers: &[Line]) {
        self.usage.reject(status, reason, headers);
        self.pump();
    }

    /// The time that the caller gave its INVITE is over (RFC 3261 §13.3.1).
    pub fn expire(&mut self) {
        self.usage.expire();
        self.pump();
    }

    /// Nobody has answered our INVITE in time: it is cancelled, and counts as without response.
    pub fn time_out(&mut self) {
        self.usage.time_out();
        self.pump();
    }

    /// Whether the caller got a provisional response above 100.
    pub fn has_progressed(&self) -> bool {
        self.progress.is_some()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is wanted.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let usages = self.replaced.iter().chain([&self.usage]);
        let usage = usages.filter_map(InviteUsage::poll_timeout);
        let transfers = self.transfer_timeout().into_iter();
        usage.chain(transfers).chain(self.referred_timeout()).min()
    }

    /// Takes the time.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.give_up_transfers(now);
        self.expire_referred(now);
        for usage in self.replaced.iter_mut().chain([&mut self.usage]) {
            if usage.poll_timeout().is_some_and(|at| at <= now) {
                usage.handle_timeout(now);
            }
        }
        self.pump();
    }

    /// Ends the call in the way its state asks for.
    pub fn hang_up(&mut self) {
        self.hang_up_with(&[]);
    }

    /// The same with header lines in the BYE or the refusal.
    pub fn hang_up_with(&mut self, headers: &[Line]) {
        self.close_referred();
        self.usage.hang_up_with(headers);
        self.pump();
    }

    /// Sends a request in the dialog, see [`InviteUsage::send_request`]. [`CallEvent::Done`] tells what
    /// became of it.
    ///
    /// [`InviteUsage::send_request`]: crate::sip::dialog::invite_usage::InviteUsage::send_request
    pub fn send_request(
        &mut self,
        method: Method,
        headers: &[Line],
        body: Content,
    ) -> Option<RequestToken> {
        let token = self.usage.send_request(method, headers, body);
        self.pump();
        token
    }

    /// Answers a request of [`CallEvent::Request`], at once or later, with what the application wants. A
    /// request that the call depends on (INVITE, UPDATE, PRACK, BYE) is done as usual instead. A 2xx to a
    /// REFER promises the peer to [tell](Self::refer_progress) what comes of it.
    ///
    /// # Errors
    /// A REFER that was to be taken cannot be any more, and got this status instead.
    pub fn reply(
        &mut self,
        now: Instant,
        transaction: TransactionId,
        request: Request,
        answer: Answer<'_>,
    ) -> Result<(), StatusCode> {
        use Method::{Bye, Invite, Prack, Refer, Update};
        let (status, reason, headers) = answer;
        let mut done = Ok(());
        if self.former(&request).is_some()
            || matches!(request.method, Invite | Update | Prack | Bye)
        {
            self.handle_admitted(now, transaction, request);
        } else if request.method == Refer && status.is_success() {
            done = self.take_refer(now, transaction, &request, answer);
        } else {
            self.usage
                .reply(transaction, &request, status, reason, headers, Bytes::new());
        }
        self.pump();
        done
    }

    pub(super) fn on_usage_event(&mut self, event: UsageEvent) {
        match event {
            UsageEvent::Offer { id, fork, offer } => self.on_offer(id, fork, &offer),
            UsageEvent::OfferWanted { token, fork } => match self.negotiation.offer(fork) {
                Ok(body) => self.usage.offer(token, body),
                Err(error) => {
                    tracing::info!(%error, "nothing can be offered");
                    self.usage.withdraw(token);
                }
            },
            UsageEvent::Answer { fork, answer } => {
                let audio = self.negotiation.accept_answer(fork, &answer);
                self.on_answer(audio);
            }
            UsageEvent::OfferRefused { fork } => self.negotiation.withdraw_offer(fork),
            UsageEvent::Progress {
                fork,
                response,
                answer,
            } => self.on_progress(fork, response, &answer),
            UsageEvent::Answered { fork, answer, .. } => match answer {
                Some(answer) => {
                    let audio = self.negotiation.accept_final(fork, &answer);
                    self.on_answer(audio);
                }
                None => {
                    self.negotiation.confirm(fork);
                    self.start_if_negotiated();
                }
            },
            UsageEvent::Accepted => self.start_if_negotiated(),
            UsageEvent::Refused { response } => {
                let (status, reason) = (response.status, response.reason);
                self.events.push_back(CallEvent::Failed { status, reason });
            }
            UsageEvent::NoResponse { status } => {
                self.events.push_back(CallEvent::NoResponse { status });
            }
            UsageEvent::Done {
                token,
                method,
                outcome,
            } => self.on_done(token, method, outcome),
            UsageEvent::RemoteDisappeared {
                status,
                reason,
                response,
            } => {
                self.events.push_back(CallEvent::RemoteDisappeared {
                    status,
                    reason,
                    response,
                });
            }
            UsageEvent::SessionExpired => self.events.push_back(CallEvent::SessionExpired),
            UsageEvent::RemoteHangup { headers } => {
                self.events.push_back(CallEvent::Hangup { headers });
            }
            UsageEvent::Cancelled => {
                self.events.push_back(CallEvent::Hangup {
                    headers: Headers::new(),
                });
            }
            UsageEvent::NoAck => self.events.push_back(CallEvent::NoAck),
            UsageEvent::NoPrack => self.events.push_back(CallEvent::NoPrack),
            UsageEvent::Ended => {
                self.ended = true;
                self.events.push_back(CallEvent::Ended);
            }
        }
    }

    /// An offer of the peer: hold, resume, another address or codec. Answered at once (RFC 3261 §14.2).
    fn on_offer(&mut self, id: OfferId, fork: ForkId, offer: &Bytes) {
        if offer.is_empty() {
            return match self.negotiation.offer(fork) {
                Ok(body) => self.usage.answer(id, body, &[]),
                Err(error) => self.decline(id, &error),
            };
        }
        match self.negotiation.answer(fork, offer) {
            Ok((body, audio)) => {
                self.use_audio(audio);
                self.usage.answer(id, body, &[]);
                match id {
                    OfferId::Request(_) => {}
                    OfferId::Success(_) => self.start_if_negotiated(),
                    OfferId::Reliable(_) => self.early(),
                }
            }
            Err(error) => self.decline(id, &error),
        }
    }

    fn decline(&mut self, id: OfferId, error: &NegotiationError) {
        tracing::info!(%error, "a new offer is refused");
        let status = status_of(error);
        self.usage.decline(id, status, &warning_of(error));
        if self.usage.is_terminated() {
            // It was in a PRACK.
            self.fail(status);
        }
    }

    fn on_answer(&mut self, audio: Result<Arc<NegotiatedAudio>, NegotiationError>) {
        match audio {
            Ok(audio) => {
                self.use_new_audio(audio);
                match self.usage.is_established() {
                    true => self.start_if_negotiated(),
                    false => self.early(),
                }
            }
            Err(error) => {
                tracing::info!(%error, "the answer is not usable: hanging up");
                self.usage.hang_up();
            }
        }
    }

    fn on_progress(&mut self, fork: Option<ForkId>, response: Box<Response>, answer: &Bytes) {
        self.events.push_back(CallEvent::Ringing { fork, response });
        let Some(fork) = fork.filter(|_| !answer.is_empty()) else {
            return;
        };
        match self.negotiation.accept_early(fork, answer) {
            Ok(audio) => {
                self.use_new_audio(audio);
                self.early();
            }
            Err(error) => tracing::info!(%error, "no sound before the answer"),
        }
    }

    fn on_done(
        &mut self,
        token: RequestToken,
        method: Method,
        outcome: Result<Box<Response>, StatusCode>,
    ) {
        let is_good = matches!(&outcome, Ok(response) if response.status.is_success());
        if !is_good && method == Method::Info {
            tracing::info!("the peer did not take an INFO");
        }
        if method == Method::Refer {
            self.on_refer_done(token, &outcome);
        }
        if method == Method::Notify {
            self.on_notify_done(token, &outcome);
        }
        self.events.push_back(CallEvent::Done {
            token,
            method,
            outcome,
        });
    }

    /// What the next response to the INVITE is to carry; `None`: the INVITE has been refused for what
    /// is in it.
    fn description_due(&mut self) -> Option<Bytes> {
        if !self.usage.is_pending() {
            return None;
        }
        match self.usage.due() {
            Due::Nothing => Some(Bytes::new()),
            Due::Offer => match self.negotiation.offer(OWN) {
                Ok(body) => Some(body),
                Err(error) => {
                    self.refuse_offer(&error);
                    None
                }
            },
            Due::Answer => {
                let invite = self.usage.invite();
                let Ok(offer) = body::part(&invite.headers, &invite.body, SDP) else {
                    self.refuse_body();
                    return None;
                };
                match self.negotiation.answer_invite(&offer) {
                    Ok((body, audio)) => {
                        self.use_new_audio(audio);
                        Some(body)
                    }
                    Err(error) => {
                        self.refuse_offer(&error);
                        None
                    }
                }
            }
        }
    }

    /// RFC 3261 §8.2.3: says what would be understood.
    fn refuse_body(&mut self) {
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        self.usage.reject(status, None, &accepted_bodies(SDP));
        self.fail(status);
    }

    fn refuse_offer(&mut self, error: &NegotiationError) {
        tracing::info!(%error, "the offer cannot be accepted");
        let status = status_of(error);
        self.usage.reject(status, None, &warning_of(error));
        self.fail(status);
    }

    fn fail(&mut self, status: StatusCode) {
        let reason = status.reason();
        self.events.push_back(CallEvent::Failed { status, reason });
        self.pump();
    }

    /// What is in use before the answer needs no telling again.
    fn use_new_audio(&mut self, audio: Arc<NegotiatedAudio>) {
        if self.started || self.audio.as_ref() != Some(&audio) {
            self.use_audio(audio);
        }
    }

    fn early(&mut self) {
        if !self.started && !std::mem::replace(&mut self.is_early_told, true) {
            self.events.push_back(CallEvent::EarlySession);
        }
    }

    fn start_if_negotiated(&mut self) {
        let is_up = self.usage.is_established() && self.usage.is_negotiated();
        if is_up && !std::mem::replace(&mut self.started, true) {
            self.events.push_back(CallEvent::SessionStart);
        }
    }
}

/// Which failure a refused offer is answered with (RFC 3261 §14.2, §21.4.26).
pub(super) fn status_of(error: &NegotiationError) -> StatusCode {
    match error {
        NegotiationError::Malformed(_) => StatusCode::BAD_REQUEST,
        NegotiationError::OfferPending => StatusCode::REQUEST_PENDING,
        _ => StatusCode::NOT_ACCEPTABLE_HERE,
    }
}

/// What the peer is told besides, where the status alone does not say what to change (RFC 3261 §20.43).
pub(super) fn warning_of(error: &NegotiationError) -> SmallVec<[Line; 1]> {
    use NegotiationError::{
        EncryptionOff, FewerStreams, KeysInClear, NoAudio, NoCodec, NoProtocol, NoUsableKey,
        NotEncrypted,
    };
    let (code, text) = match error {
        NoProtocol => (302, "Incompatible transport protocol".to_owned()),
        NotEncrypted | EncryptionOff | KeysInClear | NoUsableKey => (302, error.to_string()),
        NoAudio => (304, "Media type not available".to_owned()),
        NoCodec => (305, "Incompatible media format".to_owned()),
        FewerStreams => (399, error.to_string()),
        _ => return SmallVec::new(),
    };
    let warning = format!("{code} muleteer \"{text}\"");
    [(HeaderName::Warning, warning)].into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offer_that_cannot_be_taken_now_is_no_bad_offer() {
        use NegotiationError::{NoCodec, OfferPending};
        assert_eq!(status_of(&OfferPending), StatusCode::REQUEST_PENDING);
        assert_eq!(status_of(&NoCodec), StatusCode::NOT_ACCEPTABLE_HERE);
    }
}
