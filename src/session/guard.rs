//! Who has to say who they are before they are served, and what becomes of those who guess.
//!
//! The [`Guard`] belongs to the router and is asked for each request outside a dialog. It challenges,
//! counts failures by address, and refuses addresses that fail too often. Only failures with a nonce count
//! that was given to the very address: nobody can have another one shut out by sending in its name, and who
//! guesses has to receive our answers. Each is one log line (see [`Guard::admit`]).

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use ipnet::IpNet;

use crate::excerpt::Excerpt;
use crate::sip::auth::{DigestServer, FailureCause, Verdict};
use crate::sip::endpoint::subscriber;
use crate::sip::message::{Request, Response, StatusCode};
use crate::stats::AuthenticationStats;

/// Which requests are guarded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All outside dialogs.
    All,
    /// Calls to these applications.
    Applications(BTreeSet<String>),
}

/// What a [`Guard`] is made of.
#[derive(Debug)]
pub struct GuardConfig {
    /// Challenges and checks.
    pub server: DigestServer,
    /// Which requests are guarded.
    pub scope: Scope,
    /// Who is not asked, such as a proxy that has asked already.
    pub trusted: Vec<IpNet>,
    /// Failures of one address within a window, after which it is refused; 0: never.
    pub max_failures: u32,
    /// The window, and at least how long the address is refused.
    pub window: Duration,
}

/// See the module's documentation.
#[derive(Debug)]
pub struct Guard {
    server: DigestServer,
    scope: Scope,
    trusted: Vec<IpNet>,
    failures: Failures,
}

impl Guard {
    /// A guard that has seen nobody fail.
    pub fn new(config: GuardConfig) -> Self {
        Self {
            server: config.server,
            scope: config.scope,
            trusted: config.trusted,
            failures: Failures::new(config.max_failures, config.window),
        }
    }

    /// Guards as `next` does from now on. Who has failed is not forgotten, and nonces stay good.
    pub fn adopt(&mut self, next: Self) {
        self.server.adopt(next.server);
        (self.scope, self.trusted) = (next.scope, next.trusted);
        (self.failures.max, self.failures.window) = (next.failures.max, next.failures.window);
    }

    /// Whether every request is guarded, whatever it is for.
    pub fn guards_all(&self) -> bool {
        self.scope == Scope::All
    }

    /// Whether calls to this application are guarded, but not every request.
    pub fn guards(&self, application: &str) -> bool {
        match &self.scope {
            Scope::All => false,
            Scope::Applications(names) => names.contains(application),
        }
    }

    /// Whether calls to some applications are guarded, but not every request.
    pub fn guards_some(&self) -> bool {
        !self.guards_all()
    }

    /// Decides about a guarded request; `None` lets it pass, else it is answered so.
    ///
    /// A failure is logged as a warning of target `auth`: `authentication failed from ADDRESS: ...`, and
    /// the last one before an address is refused is followed by `authentication blocked for ADDRESS`.
    /// Programs that watch the log depend on both. A digest that is right but of another URI counts for
    /// neither: a proxy that changes the Request-URI would be shut out with all callers behind it. It is a
    /// line of its own, `authentication not accepted from ADDRESS: ...`.
    pub fn admit(
        &mut self,
        now: Instant,
        source: IpAddr,
        request: &Request,
        stats: &AuthenticationStats,
    ) -> Option<Denial> {
        let source = source.to_canonical();
        if self.trusted.iter().any(|network| network.contains(&source)) {
            return None;
        }
        if self.failures.is_blocked(now, source) {
            stats.blocked.increment();
            let status = StatusCode::FORBIDDEN;
            return Some(Denial::Uncounted(Response::answering(
                request, status, None,
            )));
        }
        let stale = match self.server.check(now, source, request) {
            Verdict::Authenticated(user) => {
                tracing::debug!(target: "auth", %source, user, "authenticated");
                stats.accepted.increment();
                return None;
            }
            Verdict::Unknown => false,
            Verdict::Stale => true,
            Verdict::Failed(failure) => {
                stats.failed.increment();
                let (method, user) = (&request.method, Excerpt(&failure.user));
                let cause = failure.cause;
                let is_guess = cause != FailureCause::OtherUri;
                let what = if is_guess { "failed" } else { "not accepted" };
                // Everything in the text, in this order, so that all log formats show the same.
                tracing::warn!(
                    target: "auth",
                    "authentication {what} from {source}: {cause}; method {method}, user {user:?}"
                );
                if is_guess && self.failures.note(now, source) {
                    tracing::warn!(target: "auth", "authentication blocked for {source}");
                }
                stats.challenged.increment();
                let challenge = self.server.challenge(now, source, request, false);
                return Some(match is_guess {
                    true => Denial::Counted(challenge),
                    false => Denial::Uncounted(challenge),
                });
            }
        };
        stats.challenged.increment();
        let challenge = self.server.challenge(now, source, request, stale);
        Some(Denial::Uncounted(challenge))
    }
}

/// The answer to a request that does not pass; To has no tag yet.
#[derive(Debug)]
pub enum Denial {
    /// It was one failure more: a repetition of it must not be another.
    Counted(Response),
    /// It can be judged again (RFC 3261 §26.3.2.4).
    Uncounted(Response),
}

/// How often addresses have failed: in this window and in the one before, so that forgetting costs
/// nothing and memory is bounded.
#[derive(Debug)]
struct Failures {
    max: u32,
    window: Duration,
    began: Option<Instant>,
    current: HashMap<IpAddr, u32>,
    previous: HashMap<IpAddr, u32>,
}

/// Addresses that are remembered in one window. When there are more, the window ends early.
const MAX_ADDRESSES: usize = 65_536;

impl Failures {
    fn new(max: u32, window: Duration) -> Self {
        Self {
            max,
            window,
            began: None,
            current: HashMap::new(),
            previous: HashMap::new(),
        }
    }

    fn is_blocked(&mut self, now: Instant, source: IpAddr) -> bool {
        self.turn(now);
        self.max != 0 && self.count(subscriber(source)) >= self.max
    }

    /// Notes a failure. True: it is the one that makes the limit.
    fn note(&mut self, now: Instant, source: IpAddr) -> bool {
        if self.max == 0 {
            return false;
        }
        self.turn(now);
        let source = subscriber(source);
        if self.current.len() >= MAX_ADDRESSES && !self.current.contains_key(&source) {
            self.previous = std::mem::take(&mut self.current);
        }
        *self.current.entry(source).or_default() += 1;
        self.count(source) == self.max
    }

    fn count(&self, source: IpAddr) -> u32 {
        let of = |window: &HashMap<IpAddr, u32>| window.get(&source).copied().unwrap_or(0);
        of(&self.current).saturating_add(of(&self.previous))
    }

    fn turn(&mut self, now: Instant) {
        let began = *self.began.get_or_insert(now);
        let windows = now.saturating_duration_since(began).as_secs() / self.window.as_secs().max(1);
        if windows == 0 {
            return;
        }
        self.began = Some(now);
        self.previous = std::mem::take(&mut self.current);
        if windows > 1 {
            self.previous.clear();
        }
    }
}

#[cfg(test)]
mod tests;
