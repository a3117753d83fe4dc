//! Registrations against a scripted registrar, in virtual time.

use super::*;
use crate::ids::Ids;
use crate::sip::auth::{DigestServer, Realm, Secret, ServerConfig, Users, Verdict};
use crate::sip::message::header::{DigestHash, Qop};

const SECOND: Duration = Duration::from_secs(1);
/// Our address as registrars see it.
const US: &str = "192.0.2.9";

struct World {
    registration: Registration,
    start: Instant,
    now: Instant,
}

fn account() -> Account {
    let domain = Domain::parse("example.com").unwrap();
    Account::new(domain, "alice".to_owned(), Secret::new("wonderland"))
}

impl World {
    fn new() -> Self {
        Self::with(account())
    }

    #[allow(clippy::disallowed_methods)]
    fn with(account: Account) -> Self {
        let now = Instant::now();
        let (call_id, tag) = ("call".to_owned(), "tag".to_owned());
        Self {
            registration: Registration::new(now, account, call_id, tag, [1; 32]),
            start: now,
            now,
        }
    }

    /// What is sent now, as its sender completes it, and where to.
    fn sent(&mut self) -> Option<(Request, String)> {
        self.registration.handle_timeout(self.now);
        let Outgoing {
            mut request,
            next_hop,
            contact,
        } = self.registration.poll_outgoing()?;
        if let Some(mut contact) = contact {
            if let Uri::Sip(uri) = &mut contact.uri {
                uri.host = US.parse::<std::net::IpAddr>().unwrap().into();
                uri.port = Some(5060);
            }
            request
                .headers
                .push(HeaderName::Contact, contact.to_string());
        }
        let next_hop = next_hop.map_or_else(String::new, |uri| uri.to_string());
        Some((*request, next_hop))
    }

    fn request(&mut self) -> Request {
        self.sent().expect("a request").0
    }

    fn answer(&mut self, request: Request, code: u16, headers: &[(HeaderName, &str)]) {
        let mut response = Response::new(StatusCode::new(code).unwrap());
        for (name, value) in headers {
            response.headers.push(name.clone(), (*value).to_owned());
        }
        self.registration
            .handle_answer(self.now, request, Ok(response));
    }

    fn accept(&mut self, request: Request, contact: &str) {
        self.answer(request, 200, &[(HeaderName::Contact, contact)]);
    }

    fn silence(&mut self, request: Request) {
        let nobody = Err(StatusCode::REQUEST_TIMEOUT);
        self.registration.handle_answer(self.now, request, nobody);
    }

    fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.registration.poll_event()).collect()
    }

    /// Goes to the next thing that is due and gives the seconds since the start.
    fn wait(&mut self) -> f64 {
        self.now = self.registration.poll_timeout().expect("something is due");
        (self.now - self.start).as_secs_f64()
    }

    /// The wait that a failure leads to, in seconds.
    fn wait_after(&mut self, fail: impl FnOnce(&mut Self)) -> f64 {
        let before = self.now;
        fail(self);
        self.now = self.registration.poll_timeout().expect("something is due");
        (self.now - before).as_secs_f64()
    }
}

fn ours(expires: u32) -> String {
    format!("<sip:other@{US}:5060>;expires=9, <sip:alice@{US}:5060>;expires={expires}")
}

#[test]
fn rfc3261_10_2_a_register_has_what_it_needs_and_is_refreshed_at_half_its_time() {
    let mut world = World::new();
    let request = world.request();
    let text = format!("{}{}", request.uri, request.headers);
    for part in [
        "sip:example.com",
        "To: <sip:alice@example.com>\r\n",
        "From: <sip:alice@example.com>;tag=tag\r\n",
        "Call-ID: call\r\n",
        "CSeq: 1 REGISTER\r\n",
        "Expires: 3600\r\n",
        "Contact: <sip:alice@192.0.2.9:5060>;expires=3600\r\n",
        "Supported: path, gruu\r\n",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert_eq!(world.registration.state(), State::Pending);
    world.accept(request, &ours(1800));
    assert_eq!(world.events(), [Event::Registered]);
    assert_eq!(world.registration.state(), State::Active);
    assert_eq!(world.registration.left(world.now), 1800 * SECOND);
    assert!(world.sent().is_none());
    assert_eq!(world.wait(), 900.0);
    let refresh = world.request();
    let cseq = refresh.headers.cseq().unwrap().number;
    assert_eq!((refresh.headers.call_id(), cseq), (Ok("call"), 2));
}

#[test]
fn the_granted_time_is_that_of_our_contact_else_of_all_else_five_minutes() {
    let granted = |headers: &[(HeaderName, &str)]| {
        let mut world = World::new();
        let request = world.request();
        world.answer(request, 200, headers);
        (world.events(), world.wait())
    };
    let contact = (HeaderName::Contact, &*ours(600));
    let all = (HeaderName::Expires, "100");
    let bare = (HeaderName::Contact, "<sip:alice@192.0.2.9:5060>");
    let strange = (
        HeaderName::Contact,
        "<sip:alice@192.0.2.9:5060;transport=udp;x>;expires=60",
    );
    let other = (
        HeaderName::Contact,
        "<sip:alice@192.0.2.8>;expires=60, *broken*",
    );
    let endless = (
        HeaderName::Contact,
        "<sip:alice@192.0.2.9:5060>;expires=99999999999",
    );
    for (headers, event, refresh) in [
        (&[contact, all.clone()][..], Event::Registered, 300.0),
        (&[bare.clone(), all.clone()], Event::Registered, 50.0),
        (&[bare], Event::Registered, 150.0),
        (&[strange], Event::Registered, 30.0),
        (&[other, all], Event::NotListed, 50.0),
        (&[], Event::NotListed, 150.0),
        (
            &[endless],
            Event::Registered,
            f64::from(LONGEST_EXPIRES) / 2.0,
        ),
    ] {
        assert_eq!(granted(headers), (vec![event], refresh), "{headers:?}");
    }
}

#[test]
fn a_registrar_cannot_make_us_hurry() {
    let mut world = World::new();
    let request = world.request();
    world.accept(request, &ours(1));
    // The end of the binding first, then the refresh.
    assert_eq!((world.wait(), world.sent().is_none()), (1.0, true));
    assert_eq!(world.registration.state(), State::Expired);
    assert_eq!(world.wait(), SHORTEST_REFRESH.as_secs_f64());
    let request = world.request();
    world.accept(request, &ours(0));
    assert_eq!(world.registration.state(), State::Failed);
}

/// A registrar that asks who it is.
fn digest_server(world: &World) -> DigestServer {
    let config = ServerConfig {
        realm: "example.com".to_owned(),
        algorithms: vec![DigestHash::Sha256, DigestHash::Md5],
        qop: vec![Qop::Auth],
        nonce_lifetime: 1000 * SECOND,
        max_nonces: 10,
    };
    let text = "alice:example.com:password:wonderland";
    let users = Users::parse(text, std::path::Path::new("users")).unwrap();
    DigestServer::new(config, users.into(), [1; 32], world.start)
}

#[test]
fn challenges_are_answered_and_nonces_used_again_until_they_are_stale() {
    let mut world = World::new();
    let mut server = digest_server(&world);
    let source = US.parse().unwrap();
    let mut verdicts = Vec::new();
    while verdicts.len() < 6 {
        let Some((request, _)) = world.sent() else {
            world.wait();
            continue;
        };
        let verdict = server.check(world.now, source, &request);
        let stale = verdict == Verdict::Stale;
        match &verdict {
            Verdict::Authenticated(_) => world.accept(request, &ours(1800)),
            _ => {
                let challenge = server.challenge(world.now, source, &request, stale);
                world
                    .registration
                    .handle_answer(world.now, request, Ok(challenge));
            }
        }
        verdicts.push(verdict);
    }
    let good = Verdict::Authenticated("alice".to_owned());
    let expected = [
        Verdict::Unknown,
        good.clone(),
        good.clone(),
        Verdict::Stale,
        good.clone(),
        good,
    ];
    assert_eq!(verdicts, expected);
    assert_eq!(world.events(), vec![Event::Registered; 4]);
}

#[test]
fn a_wrong_password_is_tried_once_in_a_long_while() {
    let mut world = World::new();
    let www = HeaderName::WwwAuthenticate;
    let request = world.request();
    let ask = |nonce| format!("Digest realm=\"example.com\", nonce=\"{nonce}\", qop=\"auth\"");
    world.answer(request, 401, &[(www.clone(), &ask(1))]);
    let request = world.request();
    assert!(request.headers.get(&HeaderName::Authorization).is_some());
    let wait = world.wait_after(|world| world.answer(request, 401, &[(www, &ask(2))]));
    assert!((900.0..=1800.0).contains(&wait), "{wait}");
    let [
        Event::Refused {
            status,
            reason,
            last: true,
        },
    ] = &world.events()[..]
    else {
        panic!("refused")
    };
    assert_eq!(*status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        reason,
        "realm \"example.com\" does not accept the name and password"
    );
    assert_eq!(world.registration.state(), State::Failed);
}

#[test]
fn a_stranger_s_challenge_is_not_answered() {
    let mut world = World::new();
    let request = world.request();
    let ask = "Digest realm=\"elsewhere\", nonce=\"n\", qop=\"auth\"";
    world.answer(request, 401, &[(HeaderName::WwwAuthenticate, ask)]);
    assert!(world.sent().is_none());
    assert!(matches!(
        &world.events()[..],
        [Event::Refused { last: true, .. }]
    ));
    let mut trusting = account();
    trusting.realm = Realm::Any;
    let mut world = World::with(trusting);
    let request = world.request();
    world.answer(request, 401, &[(HeaderName::WwwAuthenticate, ask)]);
    assert!(world.sent().is_some());
}

#[test]
fn rfc5626_4_5_failures_back_off_with_jitter_up_to_half_an_hour() {
    let mut world = World::new();
    for upper in [60.0, 120.0, 240.0, 480.0, 960.0, 1800.0, 1800.0] {
        let request = world.request();
        let wait = world.wait_after(|world| world.silence(request));
        assert!((upper / 2.0..=upper).contains(&wait), "{wait} of {upper}");
        assert_eq!(world.events(), [Event::TimedOut]);
    }
    let request = world.request();
    world.accept(request, &ours(600));
    world.wait();
    let request = world.request();
    let wait = world.wait_after(|world| world.silence(request));
    assert!(wait <= 60.0, "a success is a new beginning: {wait}");
    assert_eq!(
        world.registration.state(),
        State::Active,
        "the binding holds"
    );
}

#[test]
fn rfc3261_20_33_retry_after_is_honoured_and_not_believed_beyond_a_day() {
    for (said, least) in [
        ("120 (busy);duration=5", 120.0_f64),
        ("4000000000", 86_400.0),
        ("x", 30.0),
    ] {
        let mut world = World::new();
        let request = world.request();
        let retry = (HeaderName::RetryAfter, said);
        let wait = world.wait_after(|world| world.answer(request, 503, &[retry]));
        assert!(
            (least..=least.max(60.0)).contains(&wait),
            "{wait} for {said}"
        );
    }
}

#[test]
fn rfc3261_21_4_17_a_longer_time_is_asked_for_when_the_registrar_wants_it() {
    let mut world = World::new();
    let request = world.request();
    let least = [(HeaderName::MinExpires, "7200")];
    world.answer(request, 423, &least);
    let request = world.request();
    assert_eq!(
        request.headers.get(&HeaderName::Expires),
        Some(&b"7200"[..])
    );
    // Not even if it wants still more.
    world.answer(request, 423, &[(HeaderName::MinExpires, "7201")]);
    assert!(world.sent().is_none(), "once is enough");
    assert!(matches!(
        &world.events()[..],
        [Event::Refused { last: false, .. }]
    ));
}

#[test]
fn a_redirection_is_followed_but_not_in_circles() {
    let mut world = World::new();
    for _ in 0..MAX_REDIRECTS {
        let request = world.request();
        let there = [(HeaderName::Contact, "<sip:registrar2.example.com>")];
        world.answer(request, 302, &there);
    }
    let (request, next_hop) = world.sent().unwrap();
    assert_eq!(request.uri.to_string(), "sip:registrar2.example.com");
    assert_eq!(next_hop, "sip:registrar2.example.com");
    let there = [(HeaderName::Contact, "<sip:example.com>")];
    world.answer(request, 302, &there);
    assert!(world.sent().is_none());
    assert!(matches!(
        &world.events()[..],
        [Event::Refused { last: true, .. }]
    ));
}

fn with_proxies() -> World {
    let mut account = account();
    account.proxies = ["sip:p1;lr", "sip:p2"]
        .map(|text| hop(text).unwrap())
        .into();
    World::with(account)
}

#[test]
fn the_next_proxy_is_tried_at_once_and_kept_when_it_works() {
    let mut world = with_proxies();
    let (request, next_hop) = world.sent().unwrap();
    assert_eq!(next_hop, "sip:p1;lr");
    assert_eq!(
        request.headers.get(&HeaderName::Route),
        Some(&b"<sip:p1;lr>"[..])
    );
    world.silence(request);
    let (request, next_hop) = world.sent().unwrap();
    assert_eq!(next_hop, "sip:p2");
    assert_eq!(request.headers.get(&HeaderName::Route), None);
    assert_eq!(world.events(), []);
    world.accept(request, &ours(600));
    world.wait();
    let (request, next_hop) = world.sent().unwrap();
    assert_eq!(next_hop, "sip:p2");
    world.answer(request, 500, &[]);
    let (request, next_hop) = world.sent().unwrap();
    assert_eq!(next_hop, "sip:p1;lr");
    world.silence(request);
    assert!(world.sent().is_none(), "all of them were silent");
    assert_eq!(world.events(), [Event::Registered, Event::TimedOut]);
}

#[test]
fn a_binding_is_taken_back_with_and_without_a_contact_of_its_own() {
    let mut elsewhere = account();
    elsewhere.contact = hop("sip:desk@10.0.0.1");
    for (account, contact) in [
        (account(), "<sip:alice@192.0.2.9:5060>;expires=0"),
        (elsewhere, "<sip:desk@10.0.0.1>;expires=0"),
    ] {
        let mut world = World::with(account);
        let request = world.request();
        world.answer(request, 200, &[]);
        world.events();
        world.registration.remove();
        let request = world.request();
        assert_eq!(request.headers.text(&HeaderName::Contact).unwrap(), contact);
        assert_eq!(request.headers.get(&HeaderName::Expires), Some(&b"0"[..]));
        let ask = "Digest realm=\"example.com\", nonce=\"n\", qop=\"auth\"";
        world.answer(request, 401, &[(HeaderName::WwwAuthenticate, ask)]);
        let request = world.request();
        assert!(request.headers.get(&HeaderName::Authorization).is_some());
        assert_eq!(request.headers.text(&HeaderName::Contact).unwrap(), contact);
        world.answer(request, 200, &[]);
        assert_eq!(world.events(), [Event::Removed]);
        assert!(world.registration.is_over() && world.registration.poll_timeout().is_none());
    }
}

#[test]
fn rfc3261_10_2_only_one_request_is_out_at_a_time() {
    let mut world = World::new();
    world.registration.remove();
    assert!(
        world.sent().is_none() && world.registration.is_over(),
        "nothing to take back"
    );
    let mut world = World::new();
    let request = world.request();
    world.registration.remove();
    assert!(world.sent().is_none());
    world.accept(request, &ours(600));
    let request = world.request();
    assert_eq!(request.headers.get(&HeaderName::Expires), Some(&b"0"[..]));
    world.silence(request);
    assert_eq!(world.events(), [Event::Registered, Event::Removed]);
}

#[test]
fn path_service_route_and_gruu_are_kept() {
    let mut world = World::new();
    let request = world.request();
    let contact = "<sip:alice@192.0.2.9:5060>;expires=60;pub-gruu=\"sip:alice@example.com;gr=1\"\
                   ;temp-gruu=\"sip:x@example.com;gr\"";
    world.answer(
        request,
        200,
        &[
            (HeaderName::Contact, contact),
            (HeaderName::Path, "<sip:edge;lr>"),
            (HeaderName::ServiceRoute, "<sip:a;lr>, <sip:b;lr>"),
        ],
    );
    let binding = world.registration.binding().unwrap();
    let texts = |route: &[NameAddr]| route.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(texts(&binding.path), ["<sip:edge;lr>"]);
    assert_eq!(texts(&binding.service_route), ["<sip:a;lr>", "<sip:b;lr>"]);
    let gruu = |uri: &Option<Uri>| uri.as_ref().unwrap().to_string();
    assert_eq!(gruu(&binding.public_gruu), "sip:alice@example.com;gr=1");
    assert_eq!(gruu(&binding.temporary_gruu), "sip:x@example.com;gr");
}

#[test]
fn a_table_drives_many_and_forgets_those_that_are_refused_for_good() {
    let World { now, .. } = World::new();
    let mut table = Registrations::new(Ids::from_seed([1; 32]));
    let handle = |name: &str| Some(name.to_owned());
    let create = |table: &mut Registrations, name, permanent| {
        table.create(now, account(), String::new(), handle(name), permanent)
    };
    for (name, permanent) in [("a", true), ("b", false), ("c", false)] {
        let created = create(&mut table, name, permanent);
        assert_eq!(created, Created::Handle(name.to_owned()));
    }
    assert_eq!(create(&mut table, "a", true), Created::HandleTaken);
    let sent: Vec<_> = std::iter::from_fn(|| table.poll_outgoing()).collect();
    assert_eq!(sent.len(), 3);
    for (name, (ticket, outgoing)) in ["a", "b", "c"].into_iter().zip(sent) {
        let status = StatusCode::FORBIDDEN;
        let refusal = Ok(Response::new(status));
        table.handle_answer(now, ticket.clone(), *outgoing.request.clone(), refusal);
        if name == "b" {
            // What comes for the one before is not for the one that has its handle now.
            create(&mut table, "b", false);
            let refusal = Ok(Response::new(status));
            table.handle_answer(now, ticket, *outgoing.request, refusal);
        }
    }
    let handles: Vec<_> = table.iter().map(|one| one.handle).collect();
    assert_eq!(handles, ["a", "b"]);
    assert_eq!(table.state(now, "a"), Some((State::Failed, 0)));
    assert_eq!(table.state(now, "b"), Some((State::Pending, 0)));
    assert_eq!(table.state(now, "c"), None);
    let (ticket, outgoing) = table.poll_outgoing().unwrap();
    table.remove_all();
    let ok = Ok(Response::new(StatusCode::OK));
    table.handle_answer(now, ticket, *outgoing.request, ok);
    let (ticket, outgoing) = table.poll_outgoing().expect("taken back");
    table.handle_answer(
        now,
        ticket,
        *outgoing.request,
        Err(StatusCode::REQUEST_TIMEOUT),
    );
    assert!(table.is_empty() && table.poll_timeout().is_none());
}
