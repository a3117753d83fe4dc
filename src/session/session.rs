//! One session: a call and the application that runs it.
//!
//! A core: `handle_*` takes what happened, [`Session::poll_output`] gives what is to be done. Drain
//! the outputs after each call. Driven by [`task`](super::task).

use std::time::{Duration, Instant};

use super::application::Running;
use super::call::{Call, CallEvent, SeenResponse};
use super::catalog::Application;
use super::core::SessionCore;
use super::dial_out::OwnParty;
use super::digits::DigitReport;
use super::event::{Params, SessionEvent, SessionOutput};
use crate::media::MediaEvent;
use crate::sip::dialog::invite_usage::RequestToken;
use crate::sip::message::{HeaderName, Response, StatusCode};

/// Who began the call of a session.
#[derive(Debug)]
pub enum Origin {
    /// A caller.
    Caller {
        /// Variables of a diagram.
        variables: Params,
    },
    /// The server.
    Server {
        /// Who we are in the call.
        own: OwnParty,
        /// Variables of a diagram.
        variables: Params,
    },
}

/// See the module's documentation.
#[derive(Debug)]
pub struct Session {
    call: Call,
    application: Option<Running>,
    /// While the INVITE of a caller has no final response: when to tell that it is being worked on.
    ring_at: Option<Instant>,
    has_rung: bool,
    /// While the INVITE, of either side, has none: when to give up.
    answer_by: Option<Instant>,
    /// When the caller's INVITE expires, if it says so.
    expires_at: Option<Instant>,
    incoming: bool,
    /// The application has no more say: only the SIP side has to come to its end.
    forced: bool,
    ended: bool,
}

impl Session {
    /// A session for a call that came in, or for one that goes out. [`begin`](Self::begin) it.
    pub fn new(mut call: Call, application: &Application, origin: Origin) -> Self {
        let incoming = matches!(origin, Origin::Caller { .. });
        if let Application::Diagram(diagram) = application {
            call.edit_by(diagram.diagrams.hooks());
        }
        let application = Running::new(application, &call, origin)
            .inspect_err(|error| tracing::error!("the call is refused: {error}"))
            .ok();
        Self {
            call,
            application,
            ring_at: None,
            has_rung: false,
            answer_by: None,
            expires_at: None,
            incoming,
            forced: false,
            ended: false,
        }
    }

    /// The call.
    pub fn call(&self) -> &Call {
        &self.call
    }

    /// Tells a caller that waits for an answer that it is being worked on, at first after a moment and
    /// then every minute (RFC 3261 §13.3.1.1), but not for ever. Nor does a call of ours ring for ever.
    fn mind_answer(&mut self, now: Instant) {
        if !self.call.is_pending() {
            (self.ring_at, self.answer_by, self.expires_at) = (None, None, None);
        } else if self.expires_at.is_some_and(|at| at <= now) {
            self.call.expire();
        } else if !self.incoming && self.answer_by.is_some_and(|at| at <= now) {
            tracing::info!("nobody answered in time: the call is cancelled");
            self.call.time_out();
        } else if self.answer_by.is_some_and(|at| at <= now) {
            tracing::warn!("the application did not answer in time: the call is refused");
            self.call
                .reject(StatusCode::TEMPORARILY_UNAVAILABLE, None, &[]);
        } else if self.ring_at.is_some_and(|at| at <= now) {
            self.ring_at = Some(now + RINGING_AGAIN);
            if !std::mem::replace(&mut self.has_rung, true) && self.call.has_progressed() {
                // The application has told the caller itself.
            } else {
                self.call.ring();
            }
        }
    }

    /// How long the caller gives its INVITE (RFC 3261 §13.3.1, §20.19); what cannot be read is no limit.
    fn expires(&self) -> Option<Duration> {
        let headers = &self.call.invite().headers;
        let seconds = headers.text(&HeaderName::Expires)?.trim().parse().ok()?;
        Some(Duration::from_secs(u64::from(u32::min(
            seconds,
            MAX_EXPIRES_S,
        ))))
    }

    /// A response does its work at once; an application that wants to see it hears of it before all that
    /// follows from it.
    fn on_response(&mut self, now: Instant, token: RequestToken, response: Box<Response>) {
        let application = self.application.as_ref().filter(|_| !self.forced);
        if self.call.is_replaced(token) || !application.is_some_and(Running::wants_replies) {
            return self
                .call
                .usage_for(token)
                .handle_response(now, token, *response);
        }
        let before = self.call.status();
        self.call
            .usage_mut()
            .handle_response(now, token, (*response).clone());
        let after = self.call.status();
        let seen = SeenResponse {
            response,
            before,
            after,
        };
        self.tell(now, CallEvent::Response(Box::new(seen)));
    }

    fn tell(&mut self, now: Instant, event: CallEvent) {
        if let Some(application) = self.application.as_mut().filter(|_| !self.forced) {
            application.handle_event(now, &mut self.call, event);
        }
    }

    fn pump(&mut self, now: Instant) {
        loop {
            self.call.pump();
            match self.call.poll_event() {
                Some(event) => self.tell(now, event),
                None => return self.call.tell_referrer(now),
            }
        }
    }
}

impl SessionCore for Session {
    fn begin(&mut self, now: Instant) {
        self.call.begin(now);
        if self.application.is_none() {
            self.call
                .reject(StatusCode::SERVER_INTERNAL_ERROR, None, &[]);
        }
        self.tell(now, CallEvent::Start);
        if self.incoming {
            self.ring_at = Some(now + RINGING_AFTER);
            self.answer_by = Some(now + ANSWER_WITHIN);
            self.expires_at = self.expires().map(|after| now + after);
            self.tell(now, CallEvent::Invite);
        } else {
            self.answer_by = Some(now + self.call.ring_limit());
        }
        self.pump(now);
    }

    fn handle_event(&mut self, now: Instant, event: SessionEvent) {
        let usage = self.call.usage_mut();
        usage.begin_turn(now);
        match event {
            SessionEvent::Request(transaction, request) => {
                let wanted = self
                    .application
                    .as_ref()
                    .is_some_and(|application| !self.forced && application.wants_requests());
                if self.call.take_replaced(transaction, &request) {
                    // Of a dialog that is none of the application's any more.
                } else if !self.call.usage_mut().admit(transaction, &request) {
                    // It has its answer.
                } else if !self.call.admits_refer(transaction, &request)
                    || !self.call.admits_subscribe(now, transaction, &request)
                {
                    // So has this.
                } else if wanted {
                    self.tell(now, CallEvent::Request(transaction, request));
                } else {
                    self.call.handle_admitted(now, transaction, *request);
                }
            }
            SessionEvent::Replace(takeover) => self.call.take_over(now, *takeover),
            SessionEvent::Ack(ack) => self.call.handle_ack(&ack),
            SessionEvent::AckTimeout(invite) => self.call.handle_ack_timeout(invite),
            SessionEvent::PrackTimeout => usage.handle_prack_timeout(),
            SessionEvent::Cancel(transaction) => usage.handle_cancel(transaction),
            SessionEvent::Response(token, response) => self.on_response(now, token, response),
            SessionEvent::NoResponse(token, status) => {
                let usage = self.call.usage_for(token);
                usage.handle_no_response(now, token, status);
            }
            SessionEvent::Media(MediaEvent::Digit {
                digit,
                duration,
                source,
            }) => {
                let report = DigitReport {
                    digit,
                    duration,
                    source,
                };
                self.call.take_digit(now, report);
            }
            SessionEvent::Media(event) => self.tell(now, CallEvent::Media(event)),
            SessionEvent::Prompt(prompt) => self.tell(now, CallEvent::Prompt(prompt)),
            SessionEvent::RecordingBegun(begun) => self.tell(now, CallEvent::RecordingBegun(begun)),
            SessionEvent::RecordingEnded(ended) => self.tell(now, CallEvent::RecordingEnded(ended)),
            SessionEvent::RoomRecordingBegun(begun) => {
                self.tell(now, CallEvent::RoomRecordingBegun(begun));
            }
            SessionEvent::RoomRecordingEnded(ended) => {
                self.tell(now, CallEvent::RoomRecordingEnded(ended));
            }
            SessionEvent::Room(answer) => self.tell(now, CallEvent::Room(answer)),
            SessionEvent::InRoom(done) => self.tell(now, CallEvent::InRoom(done)),
            SessionEvent::Raised(event, params) => {
                self.tell(now, CallEvent::Raised(event, *params));
            }
            SessionEvent::Posted(params) => self.tell(now, CallEvent::Posted(params)),
            SessionEvent::News(event) => self.tell(now, CallEvent::News(event)),
            SessionEvent::Performed(token, result) => {
                self.tell(now, CallEvent::Performed(token, result));
            }
            SessionEvent::Shutdown => self.tell(now, CallEvent::Shutdown),
            SessionEvent::User(number) => self.tell(now, CallEvent::User(number)),
            SessionEvent::Terminate => self.abandon(),
        }
        self.pump(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.call.usage_mut().begin_turn(now);
        self.mind_answer(now);
        self.call.handle_timeout(now);
        if let Some(application) = self.application.as_mut().filter(|_| !self.forced) {
            application.handle_timeout(now, &mut self.call);
        }
        self.pump(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let application = self.application.as_ref().filter(|_| !self.forced);
        let waiting = [self.ring_at, self.answer_by, self.expires_at];
        let waiting = waiting.into_iter().flatten();
        let waiting = waiting.filter(|_| self.call.is_pending()).min();
        let call = self.call.poll_timeout();
        let application = application.and_then(Running::poll_timeout);
        waiting.into_iter().chain(call).chain(application).min()
    }

    fn poll_output(&mut self) -> Option<SessionOutput> {
        if let Some(output) = self.call.poll_output() {
            return Some(output);
        }
        let over = self.call.is_over()
            && (self.forced || self.application.as_ref().is_none_or(Running::is_done));
        if over && !std::mem::replace(&mut self.ended, true) {
            return Some(SessionOutput::Ended);
        }
        self.call.rest();
        None
    }

    fn abandon(&mut self) {
        self.forced = true;
        if self.incoming && self.call.is_pending() {
            self.call
                .reject(StatusCode::SERVER_INTERNAL_ERROR, None, &[]);
        } else {
            self.call.hang_up();
        }
    }
}

/// The longest life of an INVITE that is heeded: a day.
const MAX_EXPIRES_S: u32 = 86_400;
/// What is answered faster needs no 180. Picked by feel.
const RINGING_AFTER: Duration = Duration::from_millis(500);
/// RFC 3261 §13.3.1.1.
const RINGING_AGAIN: Duration = Duration::from_secs(60);
/// An application that has not answered by then never will; as long as a proxy waits (Timer C).
const ANSWER_WITHIN: Duration = Duration::from_secs(180);
