//! A server against our own client, and against those who guess.

use std::net::Ipv4Addr;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::sip::auth::{Account, Accounts, DigestClient, Realm, Secret};
use crate::sip::message::{Host, Method, SipUri};

const ALICE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const MALLORY: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));
const SECOND: Duration = Duration::from_secs(1);

struct World {
    server: DigestServer,
    now: Instant,
}

impl World {
    fn new() -> Self {
        Self::with(&[DigestHash::Sha256, DigestHash::Md5], &[Qop::Auth])
    }

    fn with(algorithms: &[DigestHash], qop: &[Qop]) -> Self {
        let config = ServerConfig {
            realm: "r".to_owned(),
            algorithms: algorithms.to_vec(),
            qop: qop.to_vec(),
            nonce_lifetime: 300 * SECOND,
            max_nonces: 4,
        };
        let users = Users::parse("alice:r:password:wonderland", Path::new("users")).unwrap();
        let now = Instant::now();
        let server = DigestServer::new(config, users.into(), [3; 32], now);
        Self { server, now }
    }

    fn check(&mut self, source: IpAddr, request: &Request) -> Verdict {
        self.server.check(self.now, source, request)
    }

    /// The request as the client sends it after the server's challenge.
    fn answered(&mut self, client: &mut DigestClient, source: IpAddr) -> Request {
        let mut request = invite();
        let challenge = self.server.challenge(self.now, source, &request, false);
        client.answer(&mut request, &challenge).unwrap();
        request
    }
}

fn client(user: &str, password: &str) -> DigestClient {
    let account = Account {
        realm: Realm::Named("r".to_owned()),
        user: user.to_owned(),
        password: Secret::new(password),
    };
    DigestClient::new(Accounts::new(vec![account]), [1; 32])
}

fn invite() -> Request {
    let host = Host::Name("b.example".to_owned());
    Request::new(Method::Invite, SipUri::new(Some("bob"), host, None))
}

fn authenticated() -> Verdict {
    Verdict::Authenticated("alice".to_owned())
}

fn failed(user: &str, cause: FailureCause) -> Verdict {
    let user = user.to_owned();
    Verdict::Failed(Failure { user, cause })
}

#[test]
fn who_knows_the_password_passes_with_every_hash_and_qop() {
    for hash in [DigestHash::Md5, DigestHash::Sha256, DigestHash::Sha512_256] {
        for qop in [Qop::Auth, Qop::AuthInt] {
            let mut world = World::with(&[hash], &[qop]);
            let mut client = client("alice", "wonderland");
            let request = world.answered(&mut client, ALICE);
            assert_eq!(
                world.check(ALICE, &request),
                authenticated(),
                "{hash} {qop:?}"
            );
            // The same nonce serves again, the same request does not.
            let mut next = invite();
            client.authorize(&mut next);
            assert_eq!(world.check(ALICE, &next), authenticated());
            assert_eq!(world.check(ALICE, &next), Verdict::Stale);
            assert_eq!(world.check(ALICE, &request), Verdict::Stale);
        }
    }
}

#[test]
fn challenges_come_in_the_order_that_is_configured() {
    let mut world = World::new();
    let response = world.server.challenge(world.now, ALICE, &invite(), true);
    assert_eq!(response.status, StatusCode::UNAUTHORIZED);
    let challenges = response.headers.challenges(&HeaderName::WwwAuthenticate);
    let hashes: Vec<_> = challenges.iter().map(|one| one.algorithm.hash).collect();
    assert_eq!(hashes, [DigestHash::Sha256, DigestHash::Md5]);
    assert!(challenges.iter().all(|one| one.stale));
}

#[test]
fn no_user_cannot_be_told_from_a_wrong_password() {
    let mut world = World::new();
    for (user, password) in [("alice", "looking-glass"), ("bob", "wonderland")] {
        let request = world.answered(&mut client(user, password), ALICE);
        let verdict = failed(user, FailureCause::WrongResponse);
        assert_eq!(world.check(ALICE, &request), verdict);
    }
}

#[test]
fn a_request_without_credentials_for_us_is_asked_and_is_no_failure() {
    let mut world = World::new();
    assert_eq!(world.check(ALICE, &invite()), Verdict::Unknown);
    let mut other = invite();
    let line = "Digest username=\"u\", realm=\"other\", nonce=\"n\", uri=\"sip:x\", response=\"0\"";
    other.headers.push(HeaderName::Authorization, line);
    assert_eq!(world.check(ALICE, &other), Verdict::Unknown);
}

#[test]
fn a_nonce_of_somebody_else_proves_nothing() {
    let mut world = World::new();
    let stolen = world.answered(&mut client("alice", "wonderland"), ALICE);
    assert_eq!(world.check(MALLORY, &stolen), Verdict::Unknown);
    // Guessing with a nonce that was made up tells nothing, not even when the guess is right.
    let mut forged = invite();
    let mut client = client("alice", "wonderland");
    let line = "Digest realm=r, nonce=0123, qop=auth";
    let mut challenge = Response::new(StatusCode::UNAUTHORIZED);
    challenge.headers.push(HeaderName::WwwAuthenticate, line);
    client.answer(&mut forged, &challenge).unwrap();
    assert_eq!(world.check(ALICE, &forged), Verdict::Unknown);
}

#[test]
fn an_old_nonce_is_stale_only_for_who_knows_the_password() {
    let mut world = World::new();
    let right = world.answered(&mut client("alice", "wonderland"), ALICE);
    let wrong = world.answered(&mut client("alice", "x"), ALICE);
    world.now += 301 * SECOND;
    assert_eq!(world.check(ALICE, &right), Verdict::Stale);
    let verdict = failed("alice", FailureCause::WrongResponse);
    assert_eq!(world.check(ALICE, &wrong), verdict);
}

#[test]
fn a_digest_is_only_good_for_its_request() {
    let mut world = World::new();
    let request = world.answered(&mut client("alice", "wonderland"), ALICE);
    let mut bye = request.clone();
    bye.method = Method::Bye;
    let wrong = failed("alice", FailureCause::WrongResponse);
    assert_eq!(world.check(ALICE, &bye), wrong);
    let mut elsewhere = request.clone();
    elsewhere.uri = Uri::parse("sip:premium@b.example").unwrap();
    let other = failed("alice", FailureCause::OtherUri);
    assert_eq!(world.check(ALICE, &elsewhere), other);
    // Who does not know the password is told nothing about the URI.
    let mut guess = world.answered(&mut client("alice", "x"), ALICE);
    guess.uri = elsewhere.uri;
    assert_eq!(world.check(ALICE, &guess), wrong);
    let mut same = request;
    same.uri = Uri::parse("sip:bob@B.EXAMPLE").unwrap();
    assert_eq!(world.check(ALICE, &same), authenticated());
}

#[test]
fn what_was_not_offered_is_refused() {
    for (from, to) in [
        ("algorithm=SHA-256", "algorithm=SHA-512-256"),
        ("algorithm=SHA-256", "algorithm=SHA-256-sess"),
        ("qop=auth", "qop=auth-int"),
        (", qop=auth", ""),
        ("nc=", "userhash=true, nc="),
    ] {
        let mut world = World::new();
        let mut request = world.answered(&mut client("alice", "wonderland"), ALICE);
        let line = request.headers.text(&HeaderName::Authorization).unwrap();
        let line = line.replacen(from, to, 1);
        request.headers.set(HeaderName::Authorization, line);
        let verdict = failed("alice", FailureCause::NotOffered);
        assert_eq!(world.check(ALICE, &request), verdict, "{to}");
    }
}

#[test]
fn users_can_be_replaced() {
    let mut world = World::new();
    let users = Users::parse("alice:r:password:new", Path::new("users")).unwrap();
    let config = world.server.config.clone();
    let next = DigestServer::new(config, users.into(), [9; 32], world.now);
    world.server.adopt(next);
    let old = world.answered(&mut client("alice", "wonderland"), ALICE);
    assert!(matches!(world.check(ALICE, &old), Verdict::Failed(_)));
    let new = world.answered(&mut client("alice", "new"), ALICE);
    assert_eq!(world.check(ALICE, &new), authenticated());
}

proptest! {
    #[test]
    fn no_change_to_credentials_passes(at in 0..400usize, byte in b' '..b'~') {
        let mut world = World::new();
        let request = world.answered(&mut client("alice", "wonderland"), ALICE);
        let line = request.headers.get(&HeaderName::Authorization).unwrap().to_vec();
        let (at, mut forged) = (at % line.len(), line.clone());
        prop_assume!(!forged[at].eq_ignore_ascii_case(&byte));
        forged[at] = byte;
        let mut tampered = request.clone();
        tampered.headers.set(HeaderName::Authorization, forged.clone());
        let read = tampered.headers.credentials(&HeaderName::Authorization);
        // Blanks between parameters, and an unknown parameter instead of an optional one, do not matter.
        prop_assume!(read != request.headers.credentials(&HeaderName::Authorization));
        prop_assert_ne!(world.check(ALICE, &tampered), authenticated());
    }
}
