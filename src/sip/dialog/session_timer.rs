//! The session timer of one call (RFC 4028), for both roles.
//!
//! [`SessionTimer`] knows how long the session lasts without a refresh and who refreshes it. It writes the
//! headers of the INVITEs, UPDATEs and their 2xx that the call sends, reads those of the peer, and says when
//! a refresh is due and when the session has expired. Driven by whoever owns the dialog: it makes and sends
//! the requests, decides with them when they can be sent, and ends the call. A call without session timers
//! has no such value.
//!
//! Forked responses make several dialogs, each with its own timer: clone the value that wrote the INVITE.
//!
//! # Assumptions
//!
//! - Once on, it stays on: a peer that does not know session timers is refreshed by us (RFC 4028 §3: one side
//!   that knows them is enough), so that one that has vanished is found out.
//! - Every INVITE and UPDATE of the peer counts as a sign of life, also one that we refuse.
//! - An interval below our minimum is refused only if the peer says that it knows what a 422 means; else it
//!   is raised to the minimum, and we refresh.

use std::time::{Duration, Instant};

use crate::sip::message::header::{MinSe, Refresher, SessionExpires};
use crate::sip::message::{HeaderName, Headers, Method, ParseError, Request, Response, StatusCode};

/// The option tag of session timers.
pub const TIMER: &str = "timer";

/// What an operator wants of session timers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionTimerSettings {
    /// Seconds that a session lasts without a refresh, if the peer agrees. RFC 4028 §4 recommends 1800.
    pub interval_s: u32,
    /// The shortest interval that is accepted, at least [`MIN_INTERVAL_S`].
    pub minimum_s: u32,
    /// The longest interval that a peer can ask for with a 422.
    pub maximum_s: u32,
}

impl Default for SessionTimerSettings {
    fn default() -> Self {
        Self {
            interval_s: 1800,
            minimum_s: MIN_INTERVAL_S,
            maximum_s: 7200,
        }
    }
}

/// The shortest interval that there is (RFC 4028 §4), and what a missing Min-SE stands for (§5).
pub const MIN_INTERVAL_S: u32 = 90;

/// Why a request is refused for its session timer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Session-Expires or Min-SE cannot be read.
    #[error(transparent)]
    Malformed(#[from] ParseError),
    /// The peer wants a shorter interval than is accepted here.
    #[error("session interval below {minimum_s} s")]
    TooSmall {
        /// The shortest that is accepted.
        minimum_s: u32,
    },
}

impl Refusal {
    /// The status code of the answer.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::TooSmall { .. } => StatusCode::SESSION_INTERVAL_TOO_SMALL,
        }
    }

    /// Adds what the answer has beside its status: Min-SE to a 422 (RFC 4028 §6).
    pub fn write(&self, response: &mut Response) {
        if let Self::TooSmall { minimum_s } = self {
            let value = MinSe(*minimum_s).to_string();
            response.headers.set(HeaderName::MinSe, value);
        }
    }
}

/// Judges an INVITE or UPDATE before anything else is done with it.
///
/// # Errors
/// [`Refusal`] names the answer.
pub fn judge(settings: &SessionTimerSettings, request: &Request) -> Result<(), Refusal> {
    let headers = &request.headers;
    headers.min_se()?;
    let minimum_s = settings.minimum_s.max(MIN_INTERVAL_S);
    match headers.session_expires()? {
        Some(asked)
            if asked.seconds < minimum_s && headers.lists(&HeaderName::Supported, TIMER) =>
        {
            Err(Refusal::TooSmall { minimum_s })
        }
        _ => Ok(()),
    }
}

/// What is to be done now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Due {
    /// Send this, an UPDATE without a body or a re-INVITE with the current description. If it cannot be sent
    /// now, [`SessionTimer::postpone`].
    Refresh(Method),
    /// The session is over for want of a refresh: send BYE (RFC 4028 §10).
    Expired,
}

/// What follows a refusal of one of our requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterRefusal {
    /// Send it again, written anew, with the next CSeq: a 422 was obeyed.
    SendAgain,
    /// Nothing that the timer could help. A refresh will be due again, an INVITE has failed.
    GiveUp,
}

/// See the module's documentation.
#[derive(Debug, Clone)]
pub struct SessionTimer {
    settings: SessionTimerSettings,
    /// What our next request asks for, while no session runs.
    wanted_s: u32,
    /// The largest Min-SE of this call, ours included (RFC 4028 §7.4).
    min_se_s: u32,
    /// A 422 has been obeyed and no 2xx has come since.
    raised: bool,
    /// The peer's last request said that it knows session timers.
    peer_knows: bool,
    /// Session-Expires of the peer's last request.
    peer_asked: Option<SessionExpires>,
    peer_updates: bool,
    session: Option<Session>,
}

/// A session that somebody has to refresh.
#[derive(Debug, Clone)]
struct Session {
    interval_s: u32,
    we_refresh: bool,
    /// When a refresh is due; `None` while one is out and when it is the peer's turn.
    refresh_at: Option<Instant>,
    expires_at: Instant,
    /// How long to wait after the next refresh that fails.
    retry: Duration,
}

/// The least wait after a refresh that could not be sent or was refused; doubled each time. Picked by feel.
const RETRY: Duration = Duration::from_secs(2);
/// RFC 4028 §10: a BYE goes out by the smaller of this and a third of the interval before the end.
const MARGIN: Duration = Duration::from_secs(32);

impl SessionTimer {
    /// The timer of a call that is about to begin.
    pub fn new(settings: SessionTimerSettings) -> Self {
        let min_se_s = settings.minimum_s.max(MIN_INTERVAL_S);
        Self {
            settings,
            wanted_s: settings.interval_s.max(min_se_s),
            min_se_s,
            raised: false,
            peer_knows: false,
            peer_asked: None,
            peer_updates: false,
            session: None,
        }
    }

    /// Writes Supported, Session-Expires and Min-SE of an INVITE or UPDATE of ours (RFC 4028 §7.1, §7.4).
    pub fn write_request(&self, request: &mut Request) {
        let seconds = match &self.session {
            Some(session) => session.interval_s.max(self.min_se_s),
            None => self.wanted_s,
        };
        // Named in a running session, so that a refresh does not change who refreshes.
        let refresher = self
            .session
            .as_ref()
            .map(|session| match session.we_refresh {
                true => Refresher::Uac,
                false => Refresher::Uas,
            });
        let headers = &mut request.headers;
        let expires = SessionExpires { seconds, refresher };
        headers.add_token(HeaderName::Supported, TIMER);
        headers.set(HeaderName::SessionExpires, expires.to_string());
        headers.set(HeaderName::MinSe, MinSe(self.min_se_s).to_string());
    }

    /// Takes an INVITE or UPDATE of the peer that [`judge`] let pass.
    pub fn handle_request(&mut self, now: Instant, request: &Request) {
        let headers = &request.headers;
        self.peer_knows = headers.lists(&HeaderName::Supported, TIMER);
        self.peer_asked = headers.session_expires().ok().flatten();
        if let Ok(Some(MinSe(seconds))) = headers.min_se() {
            self.min_se_s = self.min_se_s.max(seconds);
        }
        self.note_allow(headers);
        if let Some(Session {
            interval_s,
            we_refresh,
            ..
        }) = self.session
        {
            self.arm(now, interval_s, we_refresh);
        }
    }

    /// Writes what a 2xx of ours to the peer's last INVITE or UPDATE has (RFC 4028 §9), and begins the
    /// interval anew. An UPDATE before the call is answered begins none.
    pub fn write_success(&mut self, now: Instant, response: &mut Response) {
        let asked = self.peer_asked.take();
        let ours = self.settings.interval_s;
        let interval_s = asked
            .map_or(ours, |asked| asked.seconds.min(ours))
            .max(self.min_se_s);
        // RFC 4028 §9, table 2. Whom the peer leaves the choice to refreshes as before.
        let we_refresh = match asked.and_then(|asked| asked.refresher) {
            _ if !self.peer_knows => true,
            Some(refresher) => refresher == Refresher::Uas,
            None => self
                .session
                .as_ref()
                .is_none_or(|session| session.we_refresh),
        };
        let refresher = Some(match we_refresh {
            true => Refresher::Uas,
            false => Refresher::Uac,
        });
        let headers = &mut response.headers;
        let expires = SessionExpires {
            seconds: interval_s,
            refresher,
        };
        headers.add_token(HeaderName::Supported, TIMER);
        headers.set(HeaderName::SessionExpires, expires.to_string());
        if self.peer_knows {
            headers.add_token(HeaderName::Require, TIMER);
        }
        self.begin(now, response, interval_s, we_refresh);
    }

    /// Takes a 2xx to our INVITE or UPDATE (RFC 4028 §7.2), and begins the interval anew.
    pub fn handle_success(&mut self, now: Instant, response: &Response) {
        let headers = &response.headers;
        self.note_allow(headers);
        self.raised = false;
        let (interval_s, we_refresh) = match headers.session_expires() {
            Ok(Some(granted)) => (
                granted.seconds.max(self.min_se_s),
                granted.refresher != Some(Refresher::Uas),
            ),
            // The peer does not know session timers.
            Ok(None) | Err(_) => (self.wanted_s, true),
        };
        self.begin(now, response, interval_s, we_refresh);
    }

    /// Takes a final response to our INVITE or UPDATE that is no 2xx.
    ///
    /// A 422 is obeyed once (RFC 4028 §7.3), if what it asks for is within the maximum. Whether the
    /// response ends the call (408, 481 and others, RFC 5057) is for the dialog to know.
    pub fn handle_refusal(&mut self, now: Instant, response: &Response) -> AfterRefusal {
        if response.status == StatusCode::SESSION_INTERVAL_TOO_SMALL && self.obey(response) {
            return AfterRefusal::SendAgain;
        }
        let is_update = response
            .headers
            .cseq()
            .is_ok_and(|cseq| cseq.method == Method::Update);
        let unknown = [StatusCode::METHOD_NOT_ALLOWED, StatusCode::NOT_IMPLEMENTED];
        if is_update && unknown.contains(&response.status) {
            self.peer_updates = false;
        }
        self.postpone(now);
        AfterRefusal::GiveUp
    }

    /// Has a refresh that could not be sent, or was refused, be due again a little later.
    pub fn postpone(&mut self, now: Instant) {
        if let Some(session) = &mut self.session
            && session.we_refresh
            && session.refresh_at.is_none()
        {
            session.refresh_at = Some(now + session.retry);
            session.retry *= 2;
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is wanted.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let session = self.session.as_ref()?;
        let refresh = session.refresh_at.unwrap_or(session.expires_at);
        Some(refresh.min(session.expires_at))
    }

    /// Says what is due at `now`, if anything. Nothing follows [`Due::Expired`].
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Due> {
        let session = self.session.as_mut()?;
        if session.expires_at <= now {
            self.session = None;
            return Some(Due::Expired);
        }
        session.refresh_at.take_if(|at| *at <= now)?;
        Some(Due::Refresh(match self.peer_updates {
            true => Method::Update,
            false => Method::Invite,
        }))
    }

    /// The session interval in seconds and whether we refresh it; `None` before the call is answered.
    pub fn agreed(&self) -> Option<(u32, bool)> {
        let session = self.session.as_ref()?;
        Some((session.interval_s, session.we_refresh))
    }

    /// Notes whether the peer takes UPDATE, if its message says so.
    fn note_allow(&mut self, headers: &Headers) {
        if headers.get(&HeaderName::Allow).is_some() {
            self.peer_updates = headers.lists(&HeaderName::Allow, Method::Update.as_str());
        }
    }

    /// Takes the interval of a 422. False: it cannot be, or has been done already.
    fn obey(&mut self, response: &Response) -> bool {
        let Ok(Some(MinSe(seconds))) = response.headers.min_se() else {
            return false;
        };
        if self.raised || seconds > self.settings.maximum_s.max(self.min_se_s) {
            return false;
        }
        self.raised = true;
        self.min_se_s = self.min_se_s.max(seconds);
        self.wanted_s = self.wanted_s.max(seconds);
        true
    }

    /// Begins the interval if `response`, a 2xx, answers an INVITE or refreshes a session.
    fn begin(&mut self, now: Instant, response: &Response, interval_s: u32, we_refresh: bool) {
        let answers = |method| {
            let cseq = response.headers.cseq();
            cseq.is_ok_and(|cseq| cseq.method == method)
        };
        if self.session.is_some() || answers(Method::Invite) {
            self.arm(now, interval_s, we_refresh);
        }
    }

    fn arm(&mut self, now: Instant, interval_s: u32, we_refresh: bool) {
        let interval = Duration::from_secs(interval_s.into());
        self.session = Some(Session {
            interval_s,
            we_refresh,
            refresh_at: we_refresh.then(|| now + interval / 2),
            expires_at: now + interval - MARGIN.min(interval / 3),
            retry: RETRY,
        });
    }
}

#[cfg(test)]
mod tests;
