#![allow(clippy::disallowed_methods)]

use std::net::{Ipv4Addr, SocketAddr};

use super::*;
use crate::sip::contact::ContactPlace;
use crate::sip::endpoint::Event;
use crate::sip::message::{HeaderName, Method, Transport};
use crate::sip::transport::Flow;

fn uri(text: &str) -> Uri {
    Uri::parse(text).unwrap()
}

fn request(method: Method) -> Box<Request> {
    let mut request = Request::new(method, uri("sip:bob@example.com"));
    request
        .headers
        .push(HeaderName::To, "<sip:bob@example.com>");
    Box::new(request)
}

fn delivery(transports: &[Transport]) -> Delivery<u8> {
    let mut reach = Reach::default();
    for transport in transports {
        reach.add(*transport, Ipv4Addr::UNSPECIFIED.into());
    }
    let config = DeliveryConfig {
        reach,
        ..DeliveryConfig::default()
    };
    Delivery::new(config, [1; 32])
}

fn next(delivery: &mut Delivery<u8>) -> (Attempt<u8>, Box<Request>) {
    match delivery.poll_output() {
        Some(Output::Send { attempt, request }) => (attempt, request),
        other => panic!("expected a request, got {other:?}"),
    }
}

fn flow(transport: Transport, local: &str) -> Flow {
    Flow {
        transport,
        local: local.parse().unwrap(),
        remote: "192.0.2.9:5060".parse().unwrap(),
        connection: None,
    }
}

#[test]
fn a_request_to_an_address_leaves_nothing_behind() {
    let now = Instant::now();
    let mut delivery = delivery(&[Transport::Udp]);
    let invite = request(Method::Invite);
    delivery.send(now, 1, RequestToken(0), invite, &uri("sip:192.0.2.9"));
    let (attempt, _) = next(&mut delivery);
    delivery.handle_sent(now, attempt, TransactionId(1));
    assert!(delivery.is_empty() && delivery.poll_output().is_none());
    assert_eq!(delivery.poll_timeout(), None);
    let timeout = Event::Timeout {
        transaction: TransactionId(1),
    };
    assert_eq!(delivery.handle_event(now, timeout.clone()), Some(timeout));
}

#[test]
fn a_target_without_a_way_is_passed_over_and_the_last_one_fails_the_request() {
    let now = Instant::now();
    let mut delivery = delivery(&[Transport::Udp]);
    let outbound = Outbound {
        proxy: None,
        next_hop: vec![uri("sip:192.0.2.9"), uri("sip:192.0.2.10")],
    };
    delivery.set_outbound(1, outbound);
    let invite = request(Method::Invite);
    delivery.send(now, 1, RequestToken(7), invite, &uri("sip:x"));
    for expected in ["192.0.2.9:5060", "192.0.2.10:5060"] {
        let (attempt, _) = next(&mut delivery);
        assert_eq!(attempt.target.address.to_string(), expected);
        delivery.handle_unsendable(now, attempt);
    }
    let failed = delivery.poll_output();
    assert!(matches!(
        failed,
        Some(Output::Failed {
            sender: 1,
            token: RequestToken(7),
            status: StatusCode::SERVICE_UNAVAILABLE
        })
    ));
    delivery.forget(&1);
    assert!(delivery.is_empty());
}

#[test]
fn rfc3263_4_3_a_request_that_a_server_has_taken_is_not_sent_to_another() {
    let now = Instant::now();
    let mut delivery = delivery(&[Transport::Udp]);
    let outbound = Outbound {
        proxy: None,
        next_hop: vec![uri("sip:192.0.2.9"), uri("sip:192.0.2.10")],
    };
    delivery.set_outbound(1, outbound);
    let options = request(Method::Options);
    delivery.send(now, 1, RequestToken(0), options, &uri("sip:x"));
    let (attempt, sent) = next(&mut delivery);
    let transaction = TransactionId(1);
    delivery.handle_sent(now, attempt, transaction);
    let trying = Event::Response {
        transaction,
        response: crate::sip::message::Response::answering(&sent, StatusCode::TRYING, None),
    };
    assert!(delivery.handle_event(now, trying).is_some());
    let timeout = Event::Timeout { transaction };
    assert!(delivery.handle_event(now, timeout).is_some());
    assert!(delivery.poll_output().is_none());
}

#[test]
fn contact_names_the_socket_that_a_request_goes_by() {
    let ours = |address: SocketAddr| address.port() == 5060;
    for (contact, flow, expected) in [
        (
            "<sip:192.0.2.1:5060>",
            flow(Transport::Tcp, "198.51.100.1:5062"),
            "<sip:198.51.100.1:5062;transport=tcp>",
        ),
        (
            "<sip:192.0.2.1;transport=tcp>;expires=60",
            flow(Transport::Udp, "[2001:db8::1]:5060"),
            "<sip:[2001:db8::1]:5060>;expires=60",
        ),
        (
            "<sip:192.0.2.1:5060>",
            flow(Transport::Udp, "192.0.2.1:5060"),
            "<sip:192.0.2.1:5060>",
        ),
        (
            "<sip:192.0.2.1:7000>",
            flow(Transport::Udp, "192.0.2.2:5060"),
            "<sip:192.0.2.1:7000>",
        ),
        (
            "<sip:media.example.com>",
            flow(Transport::Udp, "192.0.2.2:5060"),
            "<sip:media.example.com>",
        ),
    ] {
        let mut invite = request(Method::Invite);
        invite.headers.push(HeaderName::Contact, contact);
        let place = ContactPlace {
            transport: flow.transport,
            local: flow.local,
            name: None,
            is_request: true,
        };
        stamp_contact(&mut invite, &place, ours);
        let stamped = invite.headers.text(&HeaderName::Contact).unwrap();
        assert_eq!(stamped, expected);
    }
}

#[test]
fn rfc3261_18_1_1_only_what_is_too_large_for_a_datagram_is_tried_by_tcp_first() {
    let now = Instant::now();
    let both = [Transport::Udp, Transport::Tcp];
    let udp = [Transport::Udp];
    for (transports, text, body, expected) in [
        (&both[..], "sip:192.0.2.9", 900, "UDP"),
        (&both[..], "sip:192.0.2.9", 1300, "TCP"),
        (&both[..], "sip:192.0.2.9;transport=udp", 1300, "TCP"),
        (&udp[..], "sip:192.0.2.9", 1300, "UDP"),
    ] {
        let mut delivery = delivery(transports);
        let mut message = request(Method::Message);
        message.body = vec![b'x'; body].into();
        delivery.send(now, 1, RequestToken(0), message, &uri(text));
        let (attempt, _) = next(&mut delivery);
        assert_eq!(
            attempt.target.transport.to_string(),
            expected,
            "{body} {text}"
        );
    }
}

#[test]
fn rfc3261_13_2_2_4_an_ack_that_cannot_be_located_is_tried_again_while_its_2xx_is_repeated() {
    use std::net::IpAddr;
    let start = Instant::now();
    let mut delivery = delivery(&[Transport::Udp]);
    let hop = uri("sip:bob.example.com:5060");
    delivery.send_ack(start, 1, RequestToken(3), request(Method::Ack), &hop);
    let answer = |delivery: &mut Delivery<u8>, now, answer: Answer| {
        let Some(Output::Ask(question)) = delivery.poll_output() else {
            panic!("a question")
        };
        delivery.handle_answer(now, question, &answer);
    };
    answer(&mut delivery, start, Answer::failed());
    assert!(delivery.poll_output().is_none());
    let later = delivery.poll_timeout().expect("another try");
    assert!(later < start + Duration::from_secs(10));
    delivery.handle_timeout(later);
    let address = IpAddr::from(Ipv4Addr::new(192, 0, 2, 9));
    let found = Answer::addresses([address], Duration::from_secs(60));
    answer(&mut delivery, later, found);
    let Some(Output::Ack {
        sender: 1,
        invite: RequestToken(3),
        target,
        ..
    }) = delivery.poll_output()
    else {
        panic!("an ACK")
    };
    assert_eq!(target.address.ip(), address);
    assert!(delivery.is_empty());
}

#[test]
fn an_ack_that_leads_nowhere_is_given_up_with_its_2xx_or_its_session() {
    let start = Instant::now();
    for is_forgotten in [false, true] {
        let mut delivery = delivery(&[Transport::Udp]);
        let hop = uri("sip:bob.example.com:5060");
        delivery.send_ack(start, 1, RequestToken(3), request(Method::Ack), &hop);
        let mut now = start;
        while !delivery.is_empty() {
            while let Some(Output::Ask(question)) = delivery.poll_output() {
                delivery.handle_answer(now, question, &Answer::failed());
            }
            if is_forgotten {
                delivery.forget(&1);
                assert!(delivery.is_empty());
            }
            if !delivery.is_empty() {
                now = delivery.poll_timeout().expect("another try");
                delivery.handle_timeout(now);
            }
        }
        assert!(now < start + Duration::from_secs(33));
    }
}

#[test]
fn what_goes_by_a_connection_of_its_own_does_not_overtake_what_waits_for_the_dns() {
    let now = Instant::now();
    let mut delivery = delivery(&[Transport::Udp]);
    let bye = || Command::Request {
        token: RequestToken(2),
        request: request(Method::Bye),
        next_hop: uri("sip:bob@192.0.2.9;ob").into(),
    };
    // Nothing waits: it goes at once.
    assert!(delivery.keep_behind(&1, bye()).is_some());
    let ack = request(Method::Ack);
    delivery.send_ack(
        now,
        1,
        RequestToken(0),
        ack,
        &uri("sip:bob@example.com:5060"),
    );
    assert!(delivery.keep_behind(&1, bye()).is_none());
    assert!(delivery.keep_behind(&2, bye()).is_some(), "another sender");
    let mut questions = Vec::new();
    let mut sent = Vec::new();
    let mut look = |delivery: &mut Delivery<u8>, questions: &mut Vec<Question>| {
        while let Some(output) = delivery.poll_output() {
            match output {
                Output::Ask(question) => questions.push(question),
                Output::Ack { .. } => sent.push("ACK"),
                Output::Own { sender: 1, .. } => sent.push("BYE"),
                other => panic!("{other:?}"),
            }
        }
        sent.clone()
    };
    assert!(look(&mut delivery, &mut questions).is_empty());
    let address = [Ipv4Addr::new(192, 0, 2, 9).into()];
    for question in std::mem::take(&mut questions) {
        let answer = Answer::addresses(address, Duration::from_secs(60));
        delivery.handle_answer(now, question, &answer);
    }
    assert_eq!(look(&mut delivery, &mut questions), ["ACK", "BYE"]);
    assert!(delivery.is_empty());
}
