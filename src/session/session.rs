//! One session: a call and the application that runs it.
//!
//! A core: `handle_*` takes what happened, [`Session::poll_output`] gives what is to be done. Drain
//! the outputs after each call. Driven by [`task`](super::task).

use std::time::Instant;

use super::application::Running;
use super::call::{Call, CallEvent};
use super::catalog::Application;
use super::event::{SessionEvent, SessionOutput};
use crate::sip::message::StatusCode;

/// See the module's documentation.
#[derive(Debug)]
pub struct Session {
    call: Call,
    application: Option<Running>,
    /// The application has no more say: only the SIP side has to come to its end.
    forced: bool,
    ended: bool,
}

impl Session {
    /// Begins a session for a call that came in, or for one that goes out.
    pub fn new(now: Instant, call: Call, application: &Application, incoming: bool) -> Self {
        let application = Running::new(application, &call)
            .inspect_err(|error| tracing::error!("the call is refused: {error}"))
            .ok();
        let mut session = Self {
            call,
            application,
            forced: false,
            ended: false,
        };
        if session.application.is_none() {
            session.call.reject(StatusCode::SERVER_INTERNAL_ERROR, None);
        }
        session.tell(now, CallEvent::Start);
        if incoming {
            session.tell(now, CallEvent::Invite);
        }
        session.pump(now);
        session
    }

    /// Takes one event.
    pub fn handle_event(&mut self, now: Instant, event: SessionEvent) {
        let usage = self.call.usage_mut();
        match event {
            SessionEvent::Request(transaction, request) => {
                usage.handle_request(transaction, *request);
            }
            SessionEvent::Ack(ack) => usage.handle_ack(*ack),
            SessionEvent::AckTimeout => usage.handle_ack_timeout(),
            SessionEvent::Cancel(transaction) => usage.handle_cancel(transaction),
            SessionEvent::Response(token, response) => usage.handle_response(token, *response),
            SessionEvent::NoResponse(token, status) => usage.handle_no_response(token, status),
            SessionEvent::Media(event) => self.tell(now, CallEvent::Media(event)),
            SessionEvent::Prompt(prompt) => self.tell(now, CallEvent::Prompt(prompt)),
            SessionEvent::Posted(params) => self.tell(now, CallEvent::Posted(*params)),
            SessionEvent::PostDone(found) => self.tell(now, CallEvent::PostDone(found)),
            SessionEvent::Shutdown => self.tell(now, CallEvent::Shutdown),
            SessionEvent::Terminate => self.abandon(),
        }
        self.pump(now);
    }

    /// Takes the time.
    pub fn handle_timeout(&mut self, now: Instant) {
        if let Some(application) = self.application.as_mut().filter(|_| !self.forced) {
            application.handle_timeout(now, &mut self.call);
            self.pump(now);
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is wanted.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let application = self.application.as_ref().filter(|_| !self.forced);
        application.and_then(Running::poll_timeout)
    }

    /// Next thing to be done; [`SessionOutput::Ended`] is the last.
    pub fn poll_output(&mut self) -> Option<SessionOutput> {
        if let Some(output) = self.call.poll_output() {
            return Some(output);
        }
        let over = self.call.is_over()
            && (self.forced || self.application.as_ref().is_none_or(Running::is_done));
        (over && !std::mem::replace(&mut self.ended, true)).then_some(SessionOutput::Ended)
    }

    /// Ends the call in the way its state asks for, whatever the application thinks of it: at the
    /// end of the server's patience, or after a fault of ours.
    pub fn abandon(&mut self) {
        self.forced = true;
        self.call.hang_up();
    }

    /// The call.
    pub fn call(&self) -> &Call {
        &self.call
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
                None => return,
            }
        }
    }
}
