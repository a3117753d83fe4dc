//! The session timer of the call (RFC 4028): where its headers go, and what follows when it is due.

use std::time::Instant;

use super::{Change, Event, InviteUsage, Role, State};
use crate::sip::dialog::session_timer::{self, AfterRefusal, SessionTimer, SessionTimerSettings};
use crate::sip::endpoint::TransactionId;
use crate::sip::message::{Method, Request, Response};

/// A session timer.
#[derive(Debug)]
pub(super) struct Refresh {
    timer: SessionTimer,
    settings: SessionTimerSettings,
}

impl Refresh {
    /// Adds what an INVITE or UPDATE of ours has.
    pub(super) fn write_to(&self, request: &mut Request) {
        self.timer.write_request(request);
    }
}

impl InviteUsage {
    /// Has the call refreshed and its end found out from now on (RFC 4028). Give it before the first command
    /// is taken. The caller's INVITE has been [judged](session_timer::judge).
    pub fn set_session_timer(&mut self, now: Instant, settings: SessionTimerSettings) {
        let mut timer = SessionTimer::new(settings);
        match &mut self.role {
            Role::Uas { invite, .. } => timer.handle_request(now, invite),
            Role::Uac { invite, .. } => {
                timer.write_request(invite);
                for command in &mut self.commands {
                    if let super::Command::Request { request, .. } = command {
                        timer.write_request(request);
                    }
                }
            }
        }
        self.refresh = Some(Box::new(Refresh { timer, settings }));
        self.turn = Some(now);
    }

    /// The interval of the session in seconds and whether we refresh it, once that is agreed.
    pub fn agreed_interval(&self) -> Option<(u32, bool)> {
        self.refresh.as_ref()?.timer.agreed()
    }

    pub(super) fn refresh_at(&self) -> Option<Instant> {
        let is_up = matches!(self.state, State::Accepted | State::Confirmed);
        let refresh = self.refresh.as_ref().filter(|_| is_up && !self.bye_wanted);
        refresh?.timer.poll_timeout()
    }

    /// Sends a refresh that is due, or ends a session that nobody refreshed.
    pub(super) fn mind_refresh(&mut self, now: Instant) {
        if self.refresh_at().is_none_or(|at| at > now) {
            return;
        }
        let due = self.refresh.as_mut();
        match due.and_then(|refresh| refresh.timer.handle_timeout(now)) {
            Some(session_timer::Due::Refresh(method)) => {
                let has_offer = method == Method::Invite;
                let change = Change {
                    method,
                    has_offer,
                    headers: Vec::new(),
                };
                if self.change(change).is_none()
                    && let Some(refresh) = &mut self.refresh
                {
                    refresh.timer.postpone(now);
                }
            }
            Some(session_timer::Due::Expired) => {
                self.events.push_back(Event::SessionExpired);
                self.hang_up();
            }
            None => {}
        }
    }

    /// Judges a request of the peer, and counts it as a sign of life. False: it has its answer.
    pub(super) fn admits_interval(
        &mut self,
        transaction: TransactionId,
        request: &Request,
    ) -> bool {
        let timed = self.refresh.as_mut().zip(self.turn);
        let Some((refresh, now)) = timed.filter(|_| refreshes(&request.method)) else {
            return true;
        };
        refresh.timer.handle_request(now, request);
        let Err(refusal) = session_timer::judge(&refresh.settings, request) else {
            return true;
        };
        let mut response = self.plain(request, refusal.status());
        refusal.write(&mut response);
        self.respond(transaction, response);
        false
    }

    /// Adds what a 2xx of ours to an INVITE or UPDATE has.
    pub(super) fn write_interval(&mut self, response: &mut Response) {
        let timed = self.refresh.as_mut().zip(self.turn);
        if let Some((refresh, now)) = timed.filter(|_| is_refreshed_by(response)) {
            refresh.timer.write_success(now, response);
        }
    }

    /// Adds what an INVITE or UPDATE of ours has.
    pub(super) fn ask_interval(&self, request: &mut Request) {
        if let Some(refresh) = self.refresh.as_ref().filter(|_| refreshes(&request.method)) {
            refresh.write_to(request);
        }
    }

    /// Takes a 2xx to an INVITE or UPDATE of ours.
    pub(super) fn note_interval(&mut self, response: &Response) {
        let timed = self.refresh.as_mut().zip(self.turn);
        if let Some((refresh, now)) = timed.filter(|_| is_refreshed_by(response)) {
            refresh.timer.handle_success(now, response);
        }
    }

    /// Takes another final response to an INVITE or UPDATE of ours. True: a 422 asks for a longer interval,
    /// and the request is to be sent again.
    pub(super) fn obeys_interval(&mut self, response: &Response) -> bool {
        let Some((refresh, now)) = self.refresh.as_mut().zip(self.turn) else {
            return false;
        };
        refresh.timer.handle_refusal(now, response) == AfterRefusal::SendAgain
    }

    /// An INVITE or UPDATE of ours got no response.
    pub(super) fn postpone_refresh(&mut self) {
        if let Some((refresh, now)) = self.refresh.as_mut().zip(self.turn) {
            refresh.timer.postpone(now);
        }
    }
}

fn refreshes(method: &Method) -> bool {
    matches!(method, Method::Invite | Method::Update)
}

fn is_refreshed_by(response: &Response) -> bool {
    let cseq = response.headers.cseq();
    response.status.is_success() && cseq.is_ok_and(|cseq| refreshes(&cseq.method))
}
