//! Who sent a request (RFC 7616 §3.3, §3.4.6, §5; RFC 3261 §22.1, §22.2).

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::digest::{Ha1, Subject, same, to_hex};
use super::nonce::Nonces;
use super::replay::UsedNonces;
use super::users::Users;
use crate::sip::message::header::{Challenge, Credentials, DigestHash, Qop};
use crate::sip::message::{HeaderName, Request, Response, StatusCode, Uri};

/// How a server asks.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// Whose users are asked for.
    pub realm: String,
    /// Hashes to choose from, preferred first; at least one.
    pub algorithms: Vec<DigestHash>,
    /// What the digest may protect; at least one.
    pub qop: Vec<Qop>,
    /// How long a nonce can be used.
    pub nonce_lifetime: Duration,
    /// Nonces whose counts are remembered at once. When there are more, clients have to ask for new
    /// ones earlier.
    pub max_nonces: usize,
}

/// What is known of the sender of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is this user.
    Authenticated(String),
    /// It has to say who it is: there are no credentials for our realm, or with a nonce that was not
    /// given to this address.
    Unknown,
    /// It knows the password, but has to use another nonce.
    Stale,
    /// It wanted to pass and may not.
    Failed(Failure),
}

/// Why somebody may not pass. The peer is not told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Who it wanted to be. From the network: any text.
    pub user: String,
    /// What was wrong.
    pub cause: FailureCause,
}

/// What was wrong with credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureCause {
    /// No such user, or no such password: there is no difference.
    WrongResponse,
    /// The digest is right, but about another URI than the Request-URI (RFC 7616 §3.4.6): somebody on the
    /// way has changed that, or uses what it has overheard.
    OtherUri,
    /// It was computed in a way that was not offered, or without qop.
    NotOffered,
}

impl fmt::Display for FailureCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WrongResponse => "wrong user or password",
            Self::OtherUri => "digest of another URI",
            Self::NotOffered => "algorithm or qop not offered",
        })
    }
}

/// Challenges requests and checks what comes back. Serves 401 and WWW-Authenticate; never give it an ACK
/// or CANCEL, which cannot be challenged (RFC 3261 §22.1).
#[derive(Debug)]
pub struct DigestServer {
    config: ServerConfig,
    users: Arc<Users>,
    nonces: Nonces,
    used: UsedNonces,
    /// By hash, the key of somebody who does not exist.
    nobody: Vec<(DigestHash, Ha1)>,
}

impl DigestServer {
    /// A server that has given no nonce yet. `secret` has to be secret; with it goes what was given
    /// before. `epoch` is any time not after the first `now`.
    pub fn new(config: ServerConfig, users: Arc<Users>, secret: [u8; 32], epoch: Instant) -> Self {
        let password = to_hex(&secret);
        let nobody = |hash: &DigestHash| (*hash, Ha1::new(*hash, "", &config.realm, &password));
        Self {
            used: UsedNonces::new(config.max_nonces),
            nonces: Nonces::new(secret, epoch),
            nobody: config.algorithms.iter().map(nobody).collect(),
            config,
            users,
        }
    }

    /// Asks as `next` does from now on, and for its users. Nonces that were given stay good.
    pub fn adopt(&mut self, next: Self) {
        (self.config, self.users, self.nobody) = (next.config, next.users, next.nobody);
    }

    /// Finds out who sent `request`, which came from `source`.
    ///
    /// A wrong name takes the same steps as a wrong password.
    pub fn check(&mut self, now: Instant, source: IpAddr, request: &Request) -> Verdict {
        let credentials = request.headers.credentials(&HeaderName::Authorization);
        let realm = &self.config.realm;
        let ours = credentials.into_iter().find(|one| one.realm == *realm);
        let Some(credentials) = ours else {
            return Verdict::Unknown;
        };
        let Some(nonce) = self.nonces.read(&credentials.nonce, source) else {
            return Verdict::Unknown;
        };
        if let Err(cause) = self.verify(request, &credentials) {
            let user = credentials.username;
            return Verdict::Failed(Failure { user, cause });
        }
        let oldest = self.nonces.age_of_epoch(now);
        let oldest = oldest.saturating_sub(self.config.nonce_lifetime);
        self.used.forget_before(oldest);
        let count = credentials.protection.map_or(0, |one| one.count);
        match nonce.made() >= oldest && self.used.take(nonce, count) {
            true => Verdict::Authenticated(credentials.username),
            false => Verdict::Stale,
        }
    }

    /// The 401 that asks the sender of `request` who it is, without a To tag. `stale` says that only its nonce
    /// was wrong.
    pub fn challenge(
        &mut self,
        now: Instant,
        source: IpAddr,
        request: &Request,
        stale: bool,
    ) -> Response {
        let mut response = Response::answering(request, StatusCode::UNAUTHORIZED, None);
        let nonce = self.nonces.make(now, source);
        for hash in &self.config.algorithms {
            let challenge = Challenge {
                realm: self.config.realm.clone(),
                nonce: nonce.clone(),
                opaque: None,
                stale,
                algorithm: (*hash).into(),
                qop: Some(self.config.qop.clone()),
            };
            let name = HeaderName::WwwAuthenticate;
            response.headers.push(name, challenge.to_string());
        }
        response
    }

    fn verify(&self, request: &Request, credentials: &Credentials) -> Result<(), FailureCause> {
        let Credentials {
            username,
            realm,
            algorithm,
            ..
        } = credentials;
        let protection = credentials.protection.as_ref();
        let hash = algorithm.hash;
        let offered = !algorithm.session
            && !credentials.userhash
            && protection.is_some_and(|one| self.config.qop.contains(&one.qop));
        let nobody = self.nobody.iter().find(|(of, _)| *of == hash);
        let Some((_, nobody)) = nobody.filter(|_| offered) else {
            return Err(FailureCause::NotOffered);
        };
        let key = self.users.key(username, realm, hash);
        // Who does not exist is checked like everybody else.
        let (key, exists) = (key.unwrap_or(nobody), key.is_some());
        let subject = Subject {
            method: request.method.as_str(),
            uri: &credentials.uri,
            body: &request.body,
        };
        let response = key.response(*algorithm, &credentials.nonce, protection, subject);
        let given = credentials.response.to_ascii_lowercase();
        if !(same(response.as_bytes(), given.as_bytes()) & exists) {
            return Err(FailureCause::WrongResponse);
        }
        let is_ours = |uri: Uri| uri.equivalent(&request.uri);
        match Uri::parse(&credentials.uri).is_ok_and(is_ours) {
            true => Ok(()),
            false => Err(FailureCause::OtherUri),
        }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests;
