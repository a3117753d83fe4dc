//! Answers to challenges (RFC 7616 §3.4, RFC 3261 §22.2, §22.3).

use std::fmt;
use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::digest::{Ha1, Subject, to_hex};
use crate::sip::message::header::{
    AuthenticationInfo, Challenge, Credentials, DigestAlgorithm, Protection, Qop,
};
use crate::sip::message::{HeaderName, Request, Response, StatusCode};

/// A password. Neither it nor a part of it is ever shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps a password.
    pub fn new(password: impl Into<String>) -> Self {
        Self(password.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(...)")
    }
}

/// Whose challenges an account answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Realm {
    /// This realm's, compared byte by byte.
    Named(String),
    /// Everybody's: whoever is called may get a digest of the password to guess at. An operator has to
    /// ask for it.
    Any,
}

/// A name and password of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Whose challenges it answers.
    pub realm: Realm,
    /// The user's name.
    pub user: String,
    /// The password.
    pub password: Secret,
}

/// The accounts that may be used for one call or registration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Accounts(Arc<[Account]>);

impl Accounts {
    /// Of several accounts that fit, the first is used, those of a named realm before others.
    pub fn new(accounts: Vec<Account>) -> Self {
        Self(accounts.into())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn of(&self, realm: &str) -> Option<&Account> {
        let named =
            |account: &&Account| matches!(&account.realm, Realm::Named(own) if own == realm);
        let any = |account: &&Account| account.realm == Realm::Any;
        self.0
            .iter()
            .find(named)
            .or_else(|| self.0.iter().find(any))
    }
}

/// Why a 401 or 407 cannot be answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unanswered {
    /// There is no Digest challenge with an algorithm and qop that this client knows.
    #[error("the response has no challenge that can be answered")]
    NoChallenge,
    /// No account is configured for the realms that ask.
    #[error("no credentials are configured for realm {}", quoted(realms))]
    UnknownRealm {
        /// Who asks.
        realms: Vec<String>,
    },
    /// The name or the password is wrong.
    #[error(
        "realm {} does not accept the name and password",
        quoted(std::slice::from_ref(realm))
    )]
    Rejected {
        /// Who says so.
        realm: String,
    },
    /// Every nonce is said to be stale.
    #[error(
        "realm {} calls every nonce stale",
        quoted(std::slice::from_ref(realm))
    )]
    AlwaysStale {
        /// Who says so.
        realm: String,
    },
}

fn quoted(realms: &[String]) -> String {
    let quoted: Vec<_> = realms.iter().map(|realm| format!("{realm:?}")).collect();
    quoted.join(", ")
}

/// What is known of one realm on the way to a peer.
#[derive(Debug)]
struct Known {
    asker: Asker,
    realm: String,
    nonce: String,
    opaque: Option<String>,
    algorithm: DigestAlgorithm,
    qop: Option<Qop>,
    cnonce: String,
    /// How often the nonce has been used.
    count: u32,
    /// A request with this nonce got beyond the asker.
    proven: bool,
    /// How many nonces in a row were called stale.
    stale: u8,
}

/// Who asks: a proxy on the way, or whom the request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asker {
    Server,
    Proxy,
}

impl Asker {
    const BOTH: [Self; 2] = [Self::Server, Self::Proxy];

    fn challenge_header(self) -> HeaderName {
        match self {
            Self::Server => HeaderName::WwwAuthenticate,
            Self::Proxy => HeaderName::ProxyAuthenticate,
        }
    }

    fn credentials_header(self) -> HeaderName {
        match self {
            Self::Server => HeaderName::Authorization,
            Self::Proxy => HeaderName::ProxyAuthorization,
        }
    }
}

/// Realms remembered at once: a request does not pass more proxies that ask.
const MAX_REALMS: usize = 8;
/// Nonces in a row that may be called stale.
const MAX_STALE: u8 = 2;

/// Answers the challenges to the requests of one dialog or registration.
///
/// It remembers the nonces that it was given, so that later requests are accepted at once. One request
/// at a time is best; several at a time work, as counts may overtake each other.
#[derive(Debug)]
pub struct DigestClient {
    accounts: Accounts,
    known: Vec<Known>,
    rng: StdRng,
}

impl DigestClient {
    /// A client that knows no nonce. `seed` gives the cnonces and has to be secret.
    pub fn new(accounts: Accounts, seed: [u8; 32]) -> Self {
        Self {
            accounts,
            known: Vec::new(),
            rng: StdRng::from_seed(seed),
        }
    }

    /// One with the same credentials that knows no nonce.
    pub fn afresh(&self, seed: [u8; 32]) -> Self {
        Self::new(self.accounts.clone(), seed)
    }

    /// Puts into `request`, as it was sent, what answers the challenges of `response`, a 401 or 407 to
    /// it. The caller gives it the next CSeq number and sends it in a new transaction; Call-ID and tags
    /// stay (RFC 3261 §22.2).
    ///
    /// Of several challenges of one realm the strongest is answered. `auth` is used where it is
    /// offered, since bodies may change on the way, else `auth-int`.
    ///
    /// # Errors
    /// [`Unanswered`]; the request is as it was, and the response is the last word.
    pub fn answer(&mut self, request: &mut Request, response: &Response) -> Result<(), Unanswered> {
        let mut unknown = Vec::new();
        let mut answers = Vec::new();
        for asker in Asker::BOTH {
            let sent = request.headers.credentials(&asker.credentials_header());
            for challenge in strongest(response.headers.challenges(&asker.challenge_header())) {
                if self.accounts.of(&challenge.realm).is_none() {
                    unknown.push(challenge.realm);
                    continue;
                }
                let sent = sent.iter().find(|sent| sent.realm == challenge.realm);
                let known = self.prepare(asker, challenge, sent.map(|sent| &*sent.nonce))?;
                answers.push(known);
            }
        }
        if answers.is_empty() {
            return Err(match unknown.is_empty() {
                true => Unanswered::NoChallenge,
                false => Unanswered::UnknownRealm { realms: unknown },
            });
        }
        for known in answers {
            self.remember(known);
        }
        self.authorize(request);
        Ok(())
    }

    /// Puts credentials for all known nonces into `request`, in the place of those that are there.
    /// Nothing happens before the first challenge.
    pub fn authorize(&mut self, request: &mut Request) {
        if self.known.is_empty() {
            return;
        }
        for asker in Asker::BOTH {
            request.headers.remove(&asker.credentials_header());
        }
        let uri = request.uri.to_string();
        for known in &mut self.known {
            let Some(account) = self.accounts.of(&known.realm) else {
                continue;
            };
            let subject = Subject {
                method: request.method.as_str(),
                uri: &uri,
                body: &request.body,
            };
            let header = known.credentials(account, subject).to_string();
            request
                .headers
                .push(known.asker.credentials_header(), header);
        }
    }

    /// Learns from a final response to a request with credentials: whether they were accepted, and the
    /// next nonce (RFC 7616 §3.5).
    pub fn learn(&mut self, response: &Response) {
        let asks = [
            StatusCode::UNAUTHORIZED,
            StatusCode::PROXY_AUTHENTICATION_REQUIRED,
        ];
        if !response.status.is_final() || asks.contains(&response.status) {
            return;
        }
        for known in &mut self.known {
            (known.proven, known.stale) = (true, 0);
        }
        let info = response.headers.text(&HeaderName::AuthenticationInfo);
        let info = info.and_then(|text| AuthenticationInfo::parse(&text).ok());
        let Some(nonce) = info.and_then(|info| info.next_nonce) else {
            return;
        };
        // It names no realm; with several it could be anybody's.
        let mut servers = self
            .known
            .iter_mut()
            .filter(|known| known.asker == Asker::Server);
        if let (Some(known), None) = (servers.next(), servers.next())
            && known.nonce != nonce
            // The key of a session belongs to its first nonce.
            && !known.algorithm.session
        {
            (known.nonce, known.count) = (nonce, 0);
        }
    }

    /// What to remember for the answer to `challenge`, of whose realm the request had `sent` a nonce.
    fn prepare(
        &mut self,
        asker: Asker,
        challenge: Challenge,
        sent: Option<&str>,
    ) -> Result<Known, Unanswered> {
        let realm = challenge.realm;
        let known = self
            .known
            .iter()
            .find(|known| known.asker == asker && known.realm == realm);
        let mut stale = 0;
        if let (Some(sent), Some(known)) = (sent, known) {
            if challenge.stale {
                stale = known.stale + 1;
                if stale > MAX_STALE {
                    return Err(Unanswered::AlwaysStale { realm });
                }
            } else {
                // Accepted before, and now another nonce is wanted: not every server says `stale`.
                let was_good = known.proven && known.nonce == sent && challenge.nonce != sent;
                if !was_good {
                    return Err(Unanswered::Rejected { realm });
                }
            }
        }
        let again = known.filter(|known| known.nonce == challenge.nonce);
        let (cnonce, count) = match again {
            Some(known) => (known.cnonce.clone(), known.count),
            None => {
                let mut bytes = [0; 16];
                self.rng.fill_bytes(&mut bytes);
                (to_hex(&bytes), 0)
            }
        };
        Ok(Known {
            asker,
            realm,
            nonce: challenge.nonce,
            opaque: challenge.opaque,
            algorithm: challenge.algorithm,
            qop: challenge.qop.as_deref().and_then(best_qop),
            cnonce,
            count,
            proven: false,
            stale,
        })
    }

    fn remember(&mut self, known: Known) {
        let same = |one: &Known| one.asker == known.asker && one.realm == known.realm;
        self.known.retain(|one| !same(one));
        if self.known.len() >= MAX_REALMS {
            self.known.remove(0);
        }
        self.known.push(known);
    }
}

impl Known {
    fn credentials(&mut self, account: &Account, subject: Subject<'_>) -> Credentials {
        self.count = self.count.wrapping_add(1);
        let algorithm = self.algorithm;
        let protection = self.qop.map(|qop| Protection {
            qop,
            cnonce: self.cnonce.clone(),
            count: self.count,
        });
        let password = &account.password.0;
        let ha1 = Ha1::new(algorithm.hash, &account.user, &self.realm, password);
        let response = ha1.response(algorithm, &self.nonce, protection.as_ref(), subject);
        Credentials {
            username: account.user.clone(),
            realm: self.realm.clone(),
            nonce: self.nonce.clone(),
            uri: subject.uri.to_owned(),
            response,
            algorithm,
            opaque: self.opaque.clone(),
            protection,
            userhash: false,
        }
    }
}

/// One challenge of each realm: the strongest that can be answered, the first of equals.
///
/// RFC 8760 §2.3 leaves the choice to the order of the server unless the client has a policy: ours is
/// not to let an order that somebody changed on the way weaken the digest.
fn strongest(challenges: Vec<Challenge>) -> Vec<Challenge> {
    let mut chosen: Vec<Challenge> = Vec::new();
    for challenge in challenges {
        let unknown_qop = challenge.qop.as_deref().is_some_and(<[Qop]>::is_empty);
        // A session key needs a cnonce, which only comes with qop.
        if unknown_qop || (challenge.algorithm.session && challenge.qop.is_none()) {
            continue;
        }
        match chosen.iter_mut().find(|one| one.realm == challenge.realm) {
            Some(one) if one.algorithm.hash < challenge.algorithm.hash => *one = challenge,
            Some(_) => {}
            None => chosen.push(challenge),
        }
    }
    chosen
}

fn best_qop(offered: &[Qop]) -> Option<Qop> {
    let auth = offered.iter().find(|qop| **qop == Qop::Auth);
    auth.or(offered.first()).copied()
}

#[cfg(test)]
mod tests;
