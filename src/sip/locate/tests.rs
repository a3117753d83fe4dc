#![allow(clippy::disallowed_methods)]

use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Instant;

use super::*;
use crate::sip::message::Uri;

const TTL: Duration = Duration::from_secs(60);

/// A locator, and a DNS that knows what a test wrote into it.
struct Scene {
    locator: Locator,
    zone: HashMap<(String, RecordType), Answer>,
    asked: Vec<String>,
    now: Instant,
}

fn reach(transports: &[Transport]) -> Reach {
    let mut reach = Reach::default();
    for transport in transports {
        reach.add(*transport, Ipv4Addr::UNSPECIFIED.into());
    }
    reach
}

fn naptr(order: u16, preference: u16, flags: &str, services: &str, replacement: &str) -> Naptr {
    Naptr {
        order,
        preference,
        flags: flags.into(),
        services: services.into(),
        has_regexp: false,
        replacement: replacement.into(),
    }
}

fn srv(priority: u16, port: u16, target: &str) -> Srv {
    Srv {
        priority,
        weight: 0,
        port,
        target: target.into(),
    }
}

fn uri(text: &str) -> Uri {
    Uri::parse(text).unwrap()
}

impl Scene {
    fn new() -> Self {
        Self::with(reach(&[Transport::Udp, Transport::Tcp, Transport::Tls]))
    }

    fn with(reach: Reach) -> Self {
        Self {
            locator: Locator::new(reach, [1; 32]),
            zone: HashMap::new(),
            asked: Vec::new(),
            now: Instant::now(),
        }
    }

    fn add(&mut self, name: &str, kind: RecordType, answer: Answer) -> &mut Self {
        self.zone.insert((name.to_owned(), kind), answer);
        self
    }

    fn naptr(&mut self, name: &str, records: Vec<Naptr>) -> &mut Self {
        self.add(name, RecordType::Naptr, Answer::naptr(records, TTL))
    }

    fn srv(&mut self, name: &str, records: Vec<Srv>) -> &mut Self {
        self.add(name, RecordType::Srv, Answer::srv(records, TTL))
    }

    fn host(&mut self, name: &str, last: u8) -> &mut Self {
        let ip = Ipv4Addr::new(192, 0, 2, last).into();
        self.add(name, RecordType::A, Answer::addresses([ip], TTL))
    }

    /// Answers what is asked, round by round; the number of rounds.
    fn answer_all(&mut self) -> usize {
        let mut rounds = 0;
        loop {
            let questions: Vec<_> = std::iter::from_fn(|| self.locator.poll_question()).collect();
            if questions.is_empty() {
                return rounds;
            }
            rounds += 1;
            for question in questions {
                let key = (question.name.to_string(), question.kind);
                self.asked.push(format!("{:?} {}", key.1, key.0));
                let answer = self.zone.get(&key).cloned();
                let answer = answer.unwrap_or(Answer::none(TTL));
                self.locator.handle_answer(self.now, question, &answer);
            }
        }
    }

    fn locate(&mut self, text: &str) -> Result<Targets, LocateError> {
        self.asked.clear();
        match self.locator.locate(self.now, &[uri(text)]) {
            Located::Now(result) => result,
            Located::Later(id) => {
                assert!(self.answer_all() <= 3, "{:?}", self.asked);
                let (found, result) = self.locator.poll_found().expect("a result");
                assert_eq!(found, id);
                assert!(self.locator.is_idle());
                result
            }
        }
    }

    /// The targets as `udp 192.0.2.1:5060`.
    fn words(&mut self, text: &str) -> Vec<String> {
        let targets = self.locate(text).unwrap();
        let word = |target: &Target| {
            let transport = target.transport.to_string().to_lowercase();
            match &target.server_name {
                Some(name) => format!("{transport} {} {name}", target.address),
                None => format!("{transport} {}", target.address),
            }
        };
        targets.iter().map(word).collect()
    }
}

#[test]
fn rfc3263_4_1_numeric_hosts_need_no_question() {
    for (text, expected) in [
        ("sip:bob@192.0.2.1", "udp 192.0.2.1:5060"),
        ("sip:bob@192.0.2.1:5070", "udp 192.0.2.1:5070"),
        ("sip:192.0.2.1;transport=TCP", "tcp 192.0.2.1:5060"),
        (
            "sip:192.0.2.1;transport=tls",
            "tls 192.0.2.1:5061 192.0.2.1",
        ),
        ("sips:192.0.2.1", "tls 192.0.2.1:5061 192.0.2.1"),
        (
            "sips:192.0.2.1:5070;transport=tcp",
            "tls 192.0.2.1:5070 192.0.2.1",
        ),
        ("sip:example.com;maddr=192.0.2.7", "udp 192.0.2.7:5060"),
        (
            "sips:example.com;maddr=192.0.2.7",
            "tls 192.0.2.7:5061 example.com",
        ),
    ] {
        let mut scene = Scene::new();
        assert_eq!(scene.words(text), [expected], "{text}");
        assert!(scene.asked.is_empty(), "{text}");
    }
}

#[test]
fn ipv6_hosts_need_a_socket_of_their_family() {
    let mut reach = reach(&[Transport::Udp]);
    let text = "sip:[2001:db8::1]:5070;maddr=[2001:db8::2]";
    let error = Scene::with(reach).locate(text).unwrap_err();
    assert_eq!(error, LocateError::Family("2001:db8::2".parse().unwrap()));
    reach.add(Transport::Tcp, Ipv6Addr::UNSPECIFIED.into());
    assert_eq!(Scene::with(reach).words(text), ["tcp [2001:db8::2]:5070"]);
}

#[test]
fn what_cannot_be_reached_is_refused_with_its_reason() {
    let tls = || LocateError::Transport("TLS".to_owned());
    let long = format!("{}.example", "a".repeat(64));
    for (text, expected) in [
        (
            "tel:+4930123",
            LocateError::Scheme("tel:+4930123".to_owned()),
        ),
        ("mailto:x@y", LocateError::Scheme("mailto:x@y".to_owned())),
        ("sips:example.com", tls()),
        ("sip:example.com;transport=tls", tls()),
        (
            "sips:a;transport=udp",
            LocateError::Insecure("udp".to_owned()),
        ),
        (
            "sip:a;transport=carrier-pigeon",
            LocateError::Transport("carrier-pigeon".to_owned()),
        ),
        ("sip:a..b", LocateError::Name("a..b".to_owned())),
        ("sip:a;maddr=b:1", LocateError::Name("b:1".to_owned())),
        (&format!("sip:{long}"), LocateError::Name(long.clone())),
    ] {
        let mut scene = Scene::with(reach(&[Transport::Udp, Transport::Tcp]));
        assert_eq!(scene.locate(text), Err(expected), "{text}");
        assert!(scene.asked.is_empty(), "{text}");
    }
}

#[test]
fn rfc3263_4_2_an_explicit_port_asks_for_addresses_alone() {
    let mut scene = Scene::new();
    scene.host("example.com", 1);
    assert_eq!(scene.words("sip:Example.COM.:5070"), ["udp 192.0.2.1:5070"]);
    assert_eq!(scene.asked, ["A example.com"]);
    let words = scene.words("sips:example.com:5070");
    assert_eq!(words, ["tls 192.0.2.1:5070 example.com"]);
}

#[test]
fn rfc3263_4_1_naptr_srv_and_addresses_in_the_order_of_the_domain() {
    let mut scene = Scene::new();
    scene
        .naptr(
            "example.com",
            vec![
                naptr(50, 90, "s", "SIP+D2U", "_sip._udp.example.com"),
                naptr(50, 50, "S", "sips+d2t", "_sips._tcp.example.com"),
                naptr(50, 10, "s", "SIP+D2S", "_sip._sctp.example.com"),
                naptr(100, 1, "s", "SIP+D2T", "_sip._tcp.example.com"),
            ],
        )
        .srv(
            "_sip._udp.example.com",
            vec![
                srv(2, 5062, "two.example.com"),
                srv(1, 5061, "one.example.com"),
            ],
        )
        .srv(
            "_sips._tcp.example.com",
            vec![srv(1, 5071, "one.example.com")],
        )
        .srv(
            "_sip._tcp.example.com",
            vec![srv(1, 5080, "one.example.com")],
        )
        .host("one.example.com", 1)
        .host("two.example.com", 2);
    // Records of a higher order are not looked at (RFC 3403 4.1).
    assert_eq!(
        scene.words("sip:example.com"),
        [
            "tls 192.0.2.1:5071 example.com",
            "udp 192.0.2.1:5061",
            "udp 192.0.2.2:5062"
        ]
    );
    assert_eq!(
        scene.words("sips:example.com"),
        ["tls 192.0.2.1:5071 example.com"]
    );
    assert_eq!(scene.asked, Vec::<String>::new(), "all of it is known");
}

#[test]
fn rfc3263_4_1_transports_without_a_socket_are_left_out() {
    let records = vec![
        naptr(10, 10, "s", "SIPS+D2T", "_sips._tcp.example.com"),
        naptr(20, 10, "s", "SIP+D2T", "_sip._tcp.example.com"),
    ];
    let mut scene = Scene::with(reach(&[Transport::Udp, Transport::Tcp]));
    scene
        .naptr("example.com", records.clone())
        .srv(
            "_sip._tcp.example.com",
            vec![srv(1, 5060, "one.example.com")],
        )
        .host("one.example.com", 1);
    assert_eq!(scene.words("sip:example.com"), ["tcp 192.0.2.1:5060"]);
    let mut scene = Scene::with(reach(&[Transport::Udp]));
    scene.naptr("example.com", records).host("example.com", 1);
    let error = scene.locate("sip:example.com").unwrap_err();
    assert_eq!(error, LocateError::NotOffered("example.com".to_owned()));
}

#[test]
fn naptr_records_that_sip_has_no_use_for_are_as_good_as_none() {
    let mut regexp = naptr(1, 1, "u", "E2U+sip", "");
    regexp.has_regexp = true;
    let mut scene = Scene::new();
    scene
        .naptr("example.com", vec![regexp])
        .host("example.com", 1);
    assert_eq!(scene.words("sip:example.com"), ["udp 192.0.2.1:5060"]);
}

#[test]
fn a_naptr_record_may_lead_straight_to_an_address() {
    let mut scene = Scene::new();
    scene
        .naptr(
            "example.com",
            vec![naptr(1, 1, "A", "SIP+D2T", "Host.example.com")],
        )
        .host("host.example.com", 3);
    assert_eq!(scene.words("sip:example.com"), ["tcp 192.0.2.3:5060"]);
}

#[test]
fn rfc3263_4_1_without_naptr_every_transport_is_asked_for_at_once() {
    let mut scene = Scene::new();
    scene
        .srv(
            "_sip._tcp.example.com",
            vec![srv(1, 5062, "one.example.com")],
        )
        .srv(
            "_sips._tcp.example.com",
            vec![srv(1, 5063, "one.example.com")],
        )
        .host("one.example.com", 1);
    assert_eq!(
        scene.words("sip:example.com"),
        ["tcp 192.0.2.1:5062", "tls 192.0.2.1:5063 example.com"]
    );
    assert_eq!(scene.asked[0], "Naptr example.com");
    assert_eq!(
        scene.asked[1..4],
        [
            "Srv _sip._udp.example.com",
            "Srv _sip._tcp.example.com",
            "Srv _sips._tcp.example.com"
        ]
    );
}

#[test]
fn rfc3263_4_2_without_srv_the_host_has_the_default_port() {
    let mut scene = Scene::new();
    scene.host("example.com", 1);
    assert_eq!(scene.words("sip:example.com"), ["udp 192.0.2.1:5060"]);
    let words = scene.words("sip:example.com;transport=tcp");
    assert_eq!(words, ["tcp 192.0.2.1:5060"]);
    let words = scene.words("sips:example.com");
    assert_eq!(words, ["tls 192.0.2.1:5061 example.com"]);
}

#[test]
fn rfc3263_4_2_a_named_transport_asks_for_its_servers_alone() {
    let mut scene = Scene::new();
    scene
        .srv(
            "_sip._tcp.example.com",
            vec![srv(1, 5062, "one.example.com")],
        )
        .host("one.example.com", 1);
    let words = scene.words("sip:example.com;transport=tcp");
    assert_eq!(words, ["tcp 192.0.2.1:5062"]);
    assert_eq!(
        scene.asked,
        ["Srv _sip._tcp.example.com", "A one.example.com"]
    );
}

#[test]
fn rfc2782_a_target_of_a_dot_says_that_there_is_no_service() {
    let mut scene = Scene::with(reach(&[Transport::Udp, Transport::Tcp]));
    scene
        .srv("_sip._udp.example.com", vec![srv(0, 0, "")])
        .host("example.com", 1);
    assert_eq!(scene.words("sip:example.com"), ["tcp 192.0.2.1:5060"]);
    scene = Scene::with(reach(&[Transport::Udp]));
    scene
        .srv("_sip._udp.example.com", vec![srv(0, 0, "")])
        .host("example.com", 1);
    let error = scene.locate("sip:example.com").unwrap_err();
    assert_eq!(error, LocateError::NotOffered("example.com".to_owned()));
}

#[test]
fn rfc7984_both_families_are_asked_for_where_there_are_sockets() {
    let mut both = reach(&[Transport::Udp]);
    both.add(Transport::Udp, Ipv6Addr::UNSPECIFIED.into());
    let mut scene = Scene::with(both);
    let v6 = "2001:db8::1".parse().unwrap();
    scene.host("example.com", 1).add(
        "example.com",
        RecordType::Aaaa,
        Answer::addresses([v6], TTL),
    );
    assert_eq!(
        scene.words("sip:example.com:5060"),
        ["udp [2001:db8::1]:5060", "udp 192.0.2.1:5060"]
    );
}

#[test]
fn a_hundred_searches_for_one_name_ask_once() {
    let mut scene = Scene::new();
    scene.host("example.com", 1);
    for _ in 0..100 {
        let later = scene
            .locator
            .locate(scene.now, &[uri("sip:example.com:5060")]);
        assert!(matches!(later, Located::Later(_)));
    }
    scene.answer_all();
    assert_eq!(scene.asked, ["A example.com"]);
    let found = std::iter::from_fn(|| scene.locator.poll_found());
    assert_eq!(found.filter(|(_, result)| result.is_ok()).count(), 100);
}

#[test]
fn what_is_known_is_asked_again_when_its_time_is_over() {
    let mut scene = Scene::new();
    for _ in 0..3 {
        assert!(scene.locate("sip:nobody.example:5060").is_err());
        assert_eq!(scene.asked, ["A nobody.example"]);
        assert!(scene.locate("sip:nobody.example:5060").is_err());
        assert!(scene.asked.is_empty(), "that there is none is known");
        scene.now += TTL;
    }
}

#[test]
fn a_dns_that_never_answers_ends_the_search_after_its_limit() {
    let mut scene = Scene::new();
    let later = scene.locator.locate(scene.now, &[uri("sip:example.com")]);
    let Located::Later(id) = later else {
        panic!("{later:?}")
    };
    let limit = scene.now + SEARCH_LIMIT;
    assert_eq!(scene.locator.poll_timeout(), Some(limit));
    scene.locator.handle_timeout(limit);
    let error = LocateError::NoAnswer("example.com".to_owned());
    assert_eq!(scene.locator.poll_found(), Some((id, Err(error))));
    assert_eq!(scene.locator.poll_timeout(), None);
    // The question was lost; whoever comes now has it asked again.
    let first = std::iter::from_fn(|| scene.locator.poll_question()).count();
    scene.locator.locate(limit, &[uri("sip:example.com")]);
    let again = std::iter::from_fn(|| scene.locator.poll_question()).count();
    assert_eq!((first, again), (1, 1));
}

#[test]
fn what_is_known_when_time_is_up_is_used() {
    let mut scene = Scene::new();
    scene
        .locator
        .locate(scene.now, &[uri("sip:a.example:1"), uri("sip:b.example:1")]);
    let question = scene.locator.poll_question().unwrap();
    let ip = Ipv4Addr::new(192, 0, 2, 1).into();
    let answer = Answer::addresses([ip], TTL);
    scene.locator.handle_answer(scene.now, question, &answer);
    scene.locator.handle_timeout(scene.now + SEARCH_LIMIT);
    let (_, targets) = scene.locator.poll_found().unwrap();
    assert_eq!(targets.unwrap().len(), 1);
}

#[test]
fn unanswered_services_do_not_make_a_host_unreachable() {
    let mut scene = Scene::new();
    scene.host("example.com", 1);
    scene.add("example.com", RecordType::Naptr, Answer::failed());
    scene.add("_sip._udp.example.com", RecordType::Srv, Answer::failed());
    assert_eq!(scene.words("sip:example.com"), ["udp 192.0.2.1:5060"]);
}

#[test]
fn answers_of_thousands_of_records_are_cut_short() {
    let mut scene = Scene::new();
    let many = || (0..4000u16).map(|n| srv(n, n + 1, &format!("h{n}.example.com")));
    let addresses = (0..4000u32).map(|n| IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + n)));
    let answer = Answer::addresses(addresses.collect::<Vec<_>>(), TTL);
    scene.srv("_sip._udp.example.com", many().collect());
    scene.srv("_sip._tcp.example.com", many().rev().collect());
    for n in 0..4000 {
        scene.add(&format!("h{n}.example.com"), RecordType::A, answer.clone());
    }
    let targets = scene.locate("sip:example.com").unwrap();
    assert_eq!(targets.len(), MAX_TARGETS);
    assert!(scene.asked.len() <= MAX_QUESTIONS, "{}", scene.asked.len());
}

#[test]
fn the_number_of_searches_is_bounded() {
    let mut scene = Scene::new();
    for number in 0..MAX_SEARCHES {
        let later = scene
            .locator
            .locate(scene.now, &[uri(&format!("sip:h{number}:1"))]);
        assert!(matches!(later, Located::Later(_)));
    }
    let asked = std::iter::from_fn(|| scene.locator.poll_question()).count();
    assert_eq!(asked, MAX_SEARCHES);
    let refused = scene.locator.locate(scene.now, &[uri("sip:one.more:1")]);
    assert_eq!(
        scene.locator.poll_question(),
        None,
        "who is refused asks nothing"
    );
    assert_eq!(refused, Located::Now(Err(LocateError::Busy)));
    let numeric = scene.locator.locate(scene.now, &[uri("sip:192.0.2.1")]);
    assert!(matches!(numeric, Located::Now(Ok(_))));
}

#[test]
fn a_domain_whose_servers_are_silent_holds_up_no_other() {
    let mut scene = Scene::new();
    let mut questions = Vec::new();
    for number in 0..1000 {
        let uri = uri(&format!("sip:h{number}.sub.silent.example:1"));
        let located = scene.locator.locate(scene.now, &[uri]);
        let is_refused = matches!(located, Located::Now(Err(LocateError::NoAnswer(_))));
        assert_eq!(is_refused, number >= MAX_PER_DOMAIN, "{located:?}");
        questions.extend(scene.locator.poll_question());
    }
    assert_eq!(questions.len(), MAX_PER_DOMAIN);
    let other = scene
        .locator
        .locate(scene.now, &[uri("sip:other.example:1")]);
    assert!(matches!(other, Located::Later(_)));
    questions.extend(scene.locator.poll_question());
    for question in questions {
        scene
            .locator
            .handle_answer(scene.now, question, &Answer::failed());
    }
    assert!(scene.locator.is_idle());
    let again = scene
        .locator
        .locate(scene.now, &[uri("sip:new.silent.example:1")]);
    assert!(matches!(again, Located::Later(_)));
}

#[test]
fn several_uris_are_tried_in_their_order() {
    let mut scene = Scene::new();
    let uris = [
        uri("sip:192.0.2.2:5070"),
        uri("tel:1"),
        uri("sip:192.0.2.1;transport=tcp"),
    ];
    let Located::Now(Ok(targets)) = scene.locator.locate(scene.now, &uris) else {
        panic!("numbers need no question")
    };
    let ports: Vec<_> = targets.iter().map(|target| target.address.port()).collect();
    assert_eq!(ports, [5070, 5060]);
}

#[test]
fn an_address_that_failed_comes_last_for_a_while() {
    let mut scene = Scene::new();
    let uris = [uri("sip:192.0.2.1"), uri("sip:192.0.2.2")];
    let order = |scene: &mut Scene| {
        let Located::Now(Ok(mut targets)) = scene.locator.locate(scene.now, &uris) else {
            panic!("numbers need no question")
        };
        scene.locator.sort(scene.now, &mut targets);
        (targets[0].address.to_string(), targets)
    };
    let (_, targets) = order(&mut scene);
    scene.locator.avoid(scene.now, &targets[0], TTL);
    assert_eq!(order(&mut scene).0, "192.0.2.2:5060");
    scene.locator.avoid(scene.now, &targets[1], TTL / 2);
    assert_eq!(
        order(&mut scene).0,
        "192.0.2.1:5060",
        "all failed: the order stays"
    );
    scene.now += TTL / 2;
    assert_eq!(order(&mut scene).0, "192.0.2.2:5060");
    scene.now += TTL / 2;
    assert_eq!(order(&mut scene).0, "192.0.2.1:5060");
}
