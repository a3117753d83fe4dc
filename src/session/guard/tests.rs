//! A guard against phones and against those who guess.

use std::path::Path;

use super::*;
use crate::sip::auth::{Account, Accounts, DigestClient, Realm, Secret, ServerConfig, Users};
use crate::sip::message::header::{DigestHash, Qop};
use crate::sip::message::{Host, Method, SipUri};

const ALICE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
const MALLORY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 7));
const WINDOW: Duration = Duration::from_secs(60);

struct World {
    guard: Guard,
    stats: AuthenticationStats,
    now: Instant,
}

impl World {
    #[allow(clippy::disallowed_methods)]
    fn new() -> Self {
        let now = Instant::now();
        let config = ServerConfig {
            realm: "r".to_owned(),
            algorithms: vec![DigestHash::Sha256],
            qop: vec![Qop::Auth],
            nonce_lifetime: Duration::from_secs(300),
            max_nonces: 100,
        };
        let users = Users::parse("alice:r:password:wonderland", Path::new("users")).unwrap();
        let guard = Guard::new(GuardConfig {
            server: DigestServer::new(config, users.into(), [1; 32], now),
            scope: Scope::All,
            trusted: vec!["10.0.0.0/8".parse().unwrap()],
            max_failures: 3,
            window: WINDOW,
        });
        let stats = AuthenticationStats::default();
        Self { guard, stats, now }
    }

    fn admit(&mut self, source: IpAddr, request: &Request) -> Option<Response> {
        self.guard
            .admit(self.now, source, request, &self.stats)
            .map(|denial| match denial {
                Denial::Counted(response) | Denial::Uncounted(response) => response,
            })
    }

    /// The status that a caller with this password ends up with; `None`: it passes.
    fn call(&mut self, source: IpAddr, password: &str) -> Option<u16> {
        let mut request = invite();
        let challenge = self.admit(source, &request)?;
        if challenge.status != StatusCode::UNAUTHORIZED {
            return Some(challenge.status.code());
        }
        answer(&mut request, &challenge, password);
        let answer = self.admit(source, &request);
        answer.map(|response| response.status.code())
    }
}

/// Puts Alice's answer to a challenge into a request.
fn answer(request: &mut Request, challenge: &Response, password: &str) {
    let account = Account {
        realm: Realm::Named("r".to_owned()),
        user: "alice".to_owned(),
        password: Secret::new(password),
    };
    let mut client = DigestClient::new(Accounts::new(vec![account]), [2; 32]);
    client.answer(request, challenge).unwrap();
}

/// An INVITE with the answer to a challenge of its own.
fn answered(world: &mut World, source: IpAddr, password: &str) -> Request {
    let mut request = invite();
    let challenge = world.admit(source, &request).unwrap();
    answer(&mut request, &challenge, password);
    request
}

fn invite() -> Request {
    let host = Host::Name("b.example".to_owned());
    Request::new(Method::Invite, SipUri::new(Some("bob"), host, None))
}

#[test]
fn who_knows_the_password_passes_and_a_trusted_proxy_is_not_asked() {
    let mut world = World::new();
    assert_eq!(world.call(ALICE, "wonderland"), None);
    assert!(
        world
            .admit("10.1.2.3".parse().unwrap(), &invite())
            .is_none()
    );
    assert!(
        world
            .admit("::ffff:10.1.2.3".parse().unwrap(), &invite())
            .is_none()
    );
    assert_eq!(
        (world.stats.challenged.value(), world.stats.accepted.value()),
        (1, 1)
    );
}

#[test]
fn who_guesses_is_refused_for_a_while_and_nobody_else_is() {
    let mut world = World::new();
    for _ in 0..3 {
        assert_eq!(world.call(MALLORY, "x"), Some(401));
    }
    assert_eq!(world.call(MALLORY, "wonderland"), Some(403));
    assert_eq!(world.call(ALICE, "wonderland"), None);
    assert_eq!(
        (world.stats.failed.value(), world.stats.blocked.value()),
        (3, 1)
    );
    world.now += WINDOW;
    assert_eq!(
        world.call(MALLORY, "wonderland"),
        Some(403),
        "the window before counts"
    );
    world.now += WINDOW;
    assert_eq!(world.call(MALLORY, "wonderland"), None);
}

#[test]
fn a_proxy_that_changes_the_request_uri_is_not_shut_out() {
    let mut world = World::new();
    for _ in 0..10 {
        let mut request = answered(&mut world, ALICE, "wonderland");
        request.uri = crate::sip::message::Uri::parse("sip:bob@10.0.0.1").unwrap();
        let refusal = world.admit(ALICE, &request).unwrap();
        assert_eq!(refusal.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(world.call(ALICE, "wonderland"), None);
    assert_eq!(world.stats.failed.value(), 10);
    // That does not help who guesses.
    for _ in 0..3 {
        let mut request = answered(&mut world, MALLORY, "x");
        request.uri = crate::sip::message::Uri::parse("sip:bob@10.0.0.1").unwrap();
        world.admit(MALLORY, &request);
    }
    assert_eq!(world.call(MALLORY, "wonderland"), Some(403));
}

#[test]
fn nobody_is_shut_out_in_the_name_of_another() {
    let mut world = World::new();
    let mut forged = invite();
    let line = "Digest username=\"a\", realm=\"r\", nonce=\"n\", uri=\"sip:bob@b.example\", \
                response=\"0\", qop=auth, nc=00000001, cnonce=\"c\", algorithm=SHA-256";
    forged
        .headers
        .push(crate::sip::message::HeaderName::Authorization, line);
    for _ in 0..10 {
        assert_eq!(world.admit(ALICE, &forged).unwrap().status.code(), 401);
    }
    assert_eq!(world.call(ALICE, "wonderland"), None);
    assert_eq!(world.stats.failed.value(), 0);
}

#[test]
fn a_network_of_ipv6_counts_as_one_and_memory_is_bounded() {
    let mut failures = Failures::new(2, WINDOW);
    let world = World::new();
    let (one, other) = (
        "2001:db8::1".parse().unwrap(),
        "2001:db8::2".parse().unwrap(),
    );
    assert!(!failures.note(world.now, one) && failures.note(world.now, other));
    assert!(failures.is_blocked(world.now, one));
    assert!(!failures.is_blocked(world.now, "2001:db8:0:1::1".parse().unwrap()));
    for address in 0..3 * MAX_ADDRESSES as u32 {
        failures.note(world.now, std::net::Ipv4Addr::from(address).into());
        assert!(failures.current.len() <= MAX_ADDRESSES);
    }
}

#[test]
fn a_name_cannot_break_its_log_line() {
    let name = format!("a\n\"from 1.2.3.4{}", "x".repeat(1_000));
    let shown = format!("{:?}", Excerpt(&name));
    assert!(
        shown.starts_with("\"a\\n\\\"from 1.2.3.4x") && shown.len() < 140,
        "{shown}"
    );
}
