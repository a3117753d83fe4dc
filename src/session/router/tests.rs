use std::cell::{Cell, RefCell};
use std::rc::Rc;

use std::time::Duration;

use super::*;
use crate::session::event::Params;
use crate::session::room::RoomAnswer;
use crate::sip::dialog::capabilities::ALLOW;
use crate::sip::message::{Message, Transport};

/// What one session got, by name, and whether it still takes anything.
#[derive(Debug, Clone, Default)]
pub(super) struct Inbox {
    events: Rc<RefCell<Vec<String>>>,
    pub(super) posted: Rc<RefCell<Vec<Params>>>,
    pub(super) answers: Rc<RefCell<Vec<RoomAnswer>>>,
    full: Rc<Cell<bool>>,
}

impl Mailbox for Inbox {
    fn post(&self, event: SessionEvent) -> Result<(), Undelivered> {
        if self.full.get() {
            return Err(Undelivered::Full(event));
        }
        let text = format!("{event:?}");
        let name = text.split([' ', '(', '{']).next().unwrap_or_default();
        self.events.borrow_mut().push(name.to_owned());
        match event {
            SessionEvent::Posted(params) => self.posted.borrow_mut().push((*params).clone()),
            SessionEvent::Room(answer) => self.answers.borrow_mut().push(answer),
            _ => {}
        }
        Ok(())
    }
}

impl Inbox {
    fn take(&self) -> Vec<String> {
        self.events.take()
    }
}

pub(super) fn router(limits: Limits) -> Router<Inbox> {
    Router::new(RouterConfig {
        limits,
        supported: "timer, replaces".to_owned(),
        selector: ApplicationSelector::RuriUser,
        catalog: Arc::new(Catalog::new([])),
        ids: Ids::from_seed([1; 32]),
        give_up: Duration::from_secs(32),
        stats: Arc::default(),
    })
}

#[allow(clippy::disallowed_methods)]
fn now() -> Instant {
    Instant::now()
}

fn request(method: &str, user: &str, to_tag: &str, call_id: &str) -> Request {
    let text = format!(
        "{method} sip:{user}@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP p;branch=z9hG4bK1\r\n\
         From: <sip:alice@client>;tag=a\r\nTo: <sip:{user}@10.0.0.1>{to_tag}\r\n\
         Call-ID: {call_id}\r\nCSeq: 1 {method}\r\nContact: <sip:alice@client>\r\n\r\n"
    );
    match Message::parse_datagram(text.into()) {
        Ok(Message::Request(request)) => request,
        other => panic!("a request, not {other:?}"),
    }
}

fn flow() -> Flow {
    Flow {
        transport: Transport::Udp,
        local: ([10, 0, 0, 1], 5060).into(),
        remote: ([10, 0, 0, 2], 5060).into(),
        connection: None,
    }
}

fn event(transaction: u64, request: Request) -> Event {
    Event::Request {
        transaction: TransactionId(transaction),
        request,
        flow: flow(),
    }
}

/// The status a request is answered with here.
fn answer(router: &mut Router<Inbox>, at: Instant, request: Request) -> Option<(u16, Response)> {
    match router.handle_event(at, event(99, request)) {
        Some(Routed::Refuse(TransactionId(99), response)) => {
            Some((response.status.code(), response))
        }
        Some(other) => panic!("no answer but {other:?}"),
        None => None,
    }
}

/// Begins a call with this Call-ID and INVITE transaction.
fn begin(
    router: &mut Router<Inbox>,
    at: Instant,
    call_id: &str,
    transaction: u64,
) -> (SessionId, Inbox) {
    let invite = event(transaction, request("INVITE", "echo", "", call_id));
    let Some(Routed::NewCall(call)) = router.handle_event(at, invite) else {
        panic!("a new call");
    };
    assert_eq!(call.name, "echo");
    let inbox = Inbox::default();
    let id = call.id.clone();
    let invite = Some((call.transaction, call.flow));
    router.insert(id.clone(), call_id.as_bytes(), invite, inbox.clone());
    assert_eq!(router.local(&id), Some(call.flow.local));
    (id, inbox)
}

fn tag(id: &SessionId) -> String {
    format!(";tag={id}")
}

#[test]
fn an_application_that_is_not_there_gets_404() {
    let mut router = router(Limits::default());
    let answered = answer(&mut router, now(), request("INVITE", "nobody", "", "c"));
    assert_eq!(answered.map(|(status, _)| status), Some(404));
    assert_eq!(router.stats.calls_refused.no_application.value(), 1);
    assert_eq!(router.table_entries(), 0);
}

#[test]
fn what_belongs_to_no_session_gets_481() {
    let mut router = router(Limits::default());
    let (id, inbox) = begin(&mut router, now(), "c1", 0);
    for (method, to_tag, call_id) in [
        ("BYE", String::new(), "c1"),
        ("PRACK", String::new(), "c1"),
        ("UPDATE", String::new(), "c1"),
        ("INFO", String::new(), "c1"),
        ("NOTIFY", String::new(), "c1"),
        ("BYE", ";tag=unknown".to_owned(), "c1"),
        ("INVITE", ";tag=unknown".to_owned(), "c1"),
        ("BYE", tag(&id), "c2"),
    ] {
        let asked = request(method, "echo", &to_tag, call_id);
        let (status, _) = answer(&mut router, now(), asked).expect("an answer");
        assert_eq!(status, 481, "{method} {to_tag} {call_id}");
    }
    let ack = Event::Ack {
        transaction: TransactionId(0),
        request: request("ACK", "echo", ";tag=unknown", "c1"),
        flow: flow(),
    };
    assert!(router.handle_event(now(), ack).is_none());
    assert!(inbox.take().is_empty());
}

#[test]
fn rfc3261_11_2_options_tells_what_an_invite_would_find() {
    let mut router = router(Limits::default());
    let asked = request("OPTIONS", "nobody", "", "o");
    let (status, response) = answer(&mut router, now(), asked).expect("an answer");
    assert_eq!(status, 200);
    for (name, value) in [
        (HeaderName::Allow, ALLOW),
        (HeaderName::Supported, "timer, replaces"),
        (HeaderName::Accept, "application/sdp"),
        (HeaderName::AcceptEncoding, "identity"),
        (HeaderName::AcceptLanguage, "en"),
    ] {
        assert_eq!(response.headers.text(&name).as_deref(), Some(value));
    }
}

#[test]
fn what_no_application_takes_makes_no_session() {
    let mut router = router(Limits::default());
    for method in ["MESSAGE", "REFER", "PUBLISH", "REGISTER", "DANCE"] {
        let asked = request(method, "echo", "", "c1");
        let (status, response) = answer(&mut router, now(), asked).expect("an answer");
        let expected = if method == "DANCE" { 501 } else { 405 };
        assert_eq!(status, expected, "{method}");
        let allow = response.headers.text(&HeaderName::Allow);
        assert_eq!(allow.as_deref(), Some(ALLOW));
        let stranger = request(method, "nobody", "", "c1");
        let (status, _) = answer(&mut router, now(), stranger).expect("an answer");
        assert_eq!(status, 404, "{method}");
    }
    for event in [None, Some("presence"), Some("refer")] {
        let mut subscribe = request("SUBSCRIBE", "echo", "", "c1");
        if let Some(event) = event {
            subscribe.headers.push(HeaderName::Event, event);
        }
        let (status, response) = answer(&mut router, now(), subscribe).expect("an answer");
        let events = response.headers.text(&HeaderName::AllowEvents);
        assert_eq!((status, events.as_deref()), (489, Some("refer")));
    }
    assert_eq!(router.table_entries(), 0);
}

#[test]
fn events_reach_the_session_they_are_for() {
    let mut router = router(Limits::default());
    let (first, inbox) = begin(&mut router, now(), "c1", 0);
    let (_, other) = begin(&mut router, now(), "c2", 1);
    let (invite, token) = (TransactionId(0), RequestToken(7));
    let bye = request("BYE", "echo", &tag(&first), "c1");
    assert!(answer(&mut router, now(), bye).is_none());
    let [client, silent, failing] = [50, 52, 54].map(TransactionId);
    for (number, transaction) in [client, silent, failing].into_iter().enumerate() {
        let token = RequestToken(token.0 + number as u32);
        router.bind_client(&first, token, transaction, |_| true);
        assert_eq!(router.client(&first, token), Some(transaction));
    }
    let response = Response::new(StatusCode::OK);
    for event in [
        Event::Cancelled {
            transaction: invite,
        },
        Event::AckTimeout {
            transaction: invite,
        },
        Event::Ack {
            transaction: invite,
            request: request("ACK", "echo", &tag(&first), "c1"),
            flow: flow(),
        },
        Event::Response {
            transaction: client,
            response,
        },
        Event::Timeout {
            transaction: silent,
        },
        Event::SendFailed {
            transaction: failing,
        },
    ] {
        assert!(router.handle_event(now(), event).is_none());
    }
    // What is done leads nowhere any more.
    assert_eq!(router.client(&first, token), None);
    assert!(router.post(&first, Params::new()));
    assert_eq!(
        inbox.take(),
        [
            "Request",
            "Cancel",
            "AckTimeout",
            "Ack",
            "Response",
            "NoResponse",
            "NoResponse",
            "Posted"
        ]
    );
    assert!(other.take().is_empty());
}

#[test]
fn a_removed_session_leaves_no_entries() {
    let mut router = router(Limits::default());
    let (id, inbox) = begin(&mut router, now(), "c1", 0);
    for transaction in 1..4 {
        let reinvite = request("INVITE", "echo", &tag(&id), "c1");
        router.handle_event(now(), event(transaction, reinvite));
        router.bind_client(
            &id,
            RequestToken(0),
            TransactionId(10 + transaction),
            |_| true,
        );
    }
    assert_eq!(router.len(), 1);
    router.remove(&id);
    router.remove(&id);
    assert_eq!(router.table_entries(), 0);
    assert!(router.is_empty());
    assert_eq!(router.stats.sessions_active.value(), 0);
    inbox.take();
    let late = Event::Cancelled {
        transaction: TransactionId(0),
    };
    assert!(router.handle_event(now(), late).is_none());
    router.bind_client(&id, RequestToken(1), TransactionId(20), |_| true);
    assert!(!router.post(&id, Params::new()));
    assert!(inbox.take().is_empty());
    assert_eq!(router.table_entries(), 0);
}

#[test]
fn the_re_invites_of_a_long_call_take_no_more_room_with_time() {
    let mut router = router(Limits::default());
    let (id, inbox) = begin(&mut router, now(), "c1", 0);
    let before = router.table_entries();
    for transaction in 1..100 {
        let reinvite = request("INVITE", "echo", &tag(&id), "c1");
        router.handle_event(now(), event(transaction, reinvite));
        let transaction = TransactionId(transaction);
        match transaction.0 % 3 {
            0 => router.note_answer(&id, transaction, StatusCode::NOT_ACCEPTABLE_HERE),
            1 => {
                router.note_answer(&id, transaction, StatusCode::OK);
                let request = request("ACK", "echo", &tag(&id), "c1");
                let flow = flow();
                router.handle_event(
                    now(),
                    Event::Ack {
                        transaction,
                        request,
                        flow,
                    },
                );
            }
            _ => {
                router.note_answer(&id, transaction, StatusCode::OK);
                router.handle_event(now(), Event::AckTimeout { transaction });
            }
        }
        inbox.take();
        router.handle_event(now(), Event::Cancelled { transaction });
        assert!(inbox.take().is_empty());
    }
    assert_eq!(router.table_entries(), before);
    router.remove(&id);
    assert_eq!(router.table_entries(), 0);
}

#[test]
fn a_second_re_invite_leaves_the_first_one_its_cancel_and_its_missing_ack() {
    let mut router = router(Limits::default());
    let (id, inbox) = begin(&mut router, now(), "c1", 0);
    for transaction in 1..4 {
        let reinvite = request("INVITE", "echo", &tag(&id), "c1");
        router.handle_event(now(), event(transaction, reinvite));
    }
    router.note_answer(&id, TransactionId(2), StatusCode::RINGING);
    inbox.take();
    for transaction in (0..4).map(TransactionId) {
        router.handle_event(now(), Event::Cancelled { transaction });
        assert_eq!(inbox.take(), ["Cancel"]);
        router.handle_event(now(), Event::AckTimeout { transaction });
        assert_eq!(inbox.take(), ["AckTimeout"]);
    }
}

#[test]
fn requests_of_ours_that_are_over_take_no_room() {
    let mut router = router(Limits::default());
    let (id, _) = begin(&mut router, now(), "c1", 0);
    let before = router.table_entries();
    for number in 0..1_000 {
        let transaction = TransactionId(10 + number);
        let lives = |one: TransactionId| one.0 + 3 >= transaction.0;
        router.bind_client(&id, RequestToken(number as u32), transaction, lives);
        for earlier in number.saturating_sub(3)..=number {
            let found = router.client(&id, RequestToken(earlier as u32));
            assert_eq!(found, Some(TransactionId(10 + earlier)));
        }
    }
    assert!(router.table_entries() <= before + 8);
    router.remove(&id);
    assert_eq!(router.table_entries(), 0);
}

#[test]
fn what_the_dialog_refuses_does_not_move_the_peer_to_another_connection() {
    let mut router = router(Limits::default());
    let (id, _) = begin(&mut router, now(), "c1", 0);
    let by = |connection: u64| Flow {
        transport: Transport::Tcp,
        connection: Some(ConnectionId(connection)),
        ..flow()
    };
    let mut ask = |transaction: u64, connection: u64, status| {
        let asked = Event::Request {
            transaction: TransactionId(transaction),
            request: request("INFO", "echo", &tag(&id), "c1"),
            flow: by(connection),
        };
        assert!(router.handle_event(now(), asked).is_none());
        router.note_answer(&id, TransactionId(transaction), status);
        let bye = request("BYE", "echo", &tag(&id), "c1");
        router.flow(&id, &bye).and_then(|flow| flow.connection)
    };
    let gone = StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST;
    assert_eq!(ask(1, 7, gone), None);
    assert_eq!(ask(2, 8, StatusCode::OK), Some(ConnectionId(8)));
    assert_eq!(ask(3, 9, gone), Some(ConnectionId(8)));
    assert_eq!(ask(4, 8, StatusCode::OK), Some(ConnectionId(8)));
}

#[test]
fn a_full_mailbox_gets_503() {
    let mut router = router(Limits::default());
    let (id, inbox) = begin(&mut router, now(), "c1", 0);
    inbox.full.set(true);
    let before = router.table_entries();
    for method in ["OPTIONS", "INVITE"] {
        let asked = request(method, "echo", &tag(&id), "c1");
        let (status, response) = answer(&mut router, now(), asked).expect("an answer");
        assert_eq!(status, 503);
        assert!(response.headers.get(&HeaderName::RetryAfter).is_some());
    }
    assert_eq!(router.table_entries(), before);
    assert_eq!(router.stats.sip_dropped.overload.value(), 2);
}

#[test]
fn sessions_are_limited() {
    let limits = Limits {
        sessions: 2,
        options_sessions: 1,
        ..Limits::default()
    };
    let mut router = router(limits);
    let options = || request("OPTIONS", "echo", "", "o");
    assert_eq!(
        answer(&mut router, now(), options()).map(|a| a.0),
        Some(200)
    );
    let (id, _) = begin(&mut router, now(), "c1", 0);
    assert_eq!(
        answer(&mut router, now(), options()).map(|a| a.0),
        Some(503)
    );
    begin(&mut router, now(), "c2", 1);
    let invite = || request("INVITE", "echo", "", "c3");
    let (status, response) = answer(&mut router, now(), invite()).expect("an answer");
    assert_eq!(status, 503);
    assert!(response.headers.get(&HeaderName::RetryAfter).is_some());
    router.remove(&id);
    begin(&mut router, now(), "c3", 2);
}

#[test]
fn calls_per_second_are_limited_over_the_window() {
    let limits = Limits {
        calls_per_second: 1,
        ..Limits::default()
    };
    let mut router = router(limits);
    let start = now();
    for call in 0..5 {
        let at = start + Duration::from_secs(call);
        begin(&mut router, at, &format!("c{call}"), call);
    }
    let refused = |router: &mut Router<Inbox>, at| {
        answer(router, at, request("INVITE", "echo", "", "c")).map(|answer| answer.0)
    };
    let end = start + RATE_WINDOW;
    assert_eq!(
        refused(&mut router, end - Duration::from_nanos(1)),
        Some(503)
    );
    begin(&mut router, end, "c5", 5);
    assert_eq!(refused(&mut router, end), Some(503));
    assert_eq!(router.stats.calls_refused.calls_per_second.value(), 2);
}

#[test]
fn draining_tells_every_session_and_refuses_new_ones() {
    let mut router = router(Limits::default());
    let (_, inbox) = begin(&mut router, now(), "c1", 0);
    router.drain();
    let invite = request("INVITE", "echo", "", "c2");
    let (status, response) = answer(&mut router, now(), invite).expect("an answer");
    assert_eq!((status, &*response.reason), (503, "Server shutting down"));
    router.terminate_all();
    assert_eq!(inbox.take(), ["Shutdown", "Terminate"]);
}

#[test]
fn rfc3261_13_2_2_4_an_answer_to_a_session_that_is_gone_is_ended() {
    let mut router = router(Limits::default());
    let invite = request("INVITE", "echo", "", "c1");
    let mut ok = Response::answering(&invite, StatusCode::OK, Some("late"));
    ok.headers.push(HeaderName::Contact, "<sip:late@192.0.2.9>");
    let transaction = TransactionId(51);
    let event = |response| Event::Response {
        transaction,
        response,
    };
    let routed = router.handle_event(now(), event(ok));
    let Some(Routed::Farewell(_, of, farewell)) = routed else {
        panic!("no farewell");
    };
    assert_eq!(of, transaction);
    assert_eq!(farewell.next_hop.to_string(), "sip:late@192.0.2.9");
    let busy = Response::answering(&invite, StatusCode::BUSY_HERE, Some("late"));
    assert!(router.handle_event(now(), event(busy)).is_none());
}

#[test]
fn each_dialog_of_a_call_that_was_taken_over_keeps_its_own_connection() {
    let mut router = router(Limits::default());
    let (id, inbox) = begin(&mut router, now(), "c1", 0);
    let by = |connection: u64| Flow {
        transport: Transport::Tcp,
        connection: Some(ConnectionId(connection)),
        ..flow()
    };
    let take_over = |router: &mut Router<Inbox>, number: u64, status| {
        let mut invite = request("INVITE", "nobody", "", "c2");
        let replaces = format!("c1;to-tag={id};from-tag=a");
        invite.headers.push(HeaderName::Replaces, replaces);
        let asked = Event::Request {
            transaction: TransactionId(number),
            request: invite,
            flow: by(number),
        };
        assert!(router.handle_event(now(), asked).is_none());
        router.note_answer(&id, TransactionId(number), status);
        ["c1", "c2"].map(|call_id| {
            let bye = request("BYE", "echo", &tag(&id), call_id);
            let flow = router.flow(&id, &bye);
            flow.and_then(|flow| flow.connection.map(|connection| connection.0))
        })
    };
    let refused = take_over(&mut router, 7, StatusCode::NOT_ACCEPTABLE_HERE);
    assert_eq!(refused, [None, None]);
    assert_eq!(take_over(&mut router, 8, StatusCode::OK), [None, Some(8)]);
    assert_eq!(inbox.take(), ["Replace", "Replace"]);
    assert!(router.uses(ConnectionId(8)) && !router.uses(ConnectionId(7)));
    // Both lead to the session, and leave nothing.
    for call_id in ["c1", "c2"] {
        let bye = request("BYE", "echo", &tag(&id), call_id);
        assert!(answer(&mut router, now(), bye).is_none());
    }
    router.remove(&id);
    assert_eq!(router.table_entries(), 0);
}

#[test]
fn a_call_is_taken_over_beyond_the_limit_of_sessions() {
    let limits = Limits {
        sessions: 1,
        ..Limits::default()
    };
    let mut router = router(limits);
    let (id, inbox) = begin(&mut router, now(), "c1", 0);
    let mut invite = request("INVITE", "nobody", "", "c2");
    let replaces = format!("c1;to-tag={id};from-tag=a");
    invite.headers.push(HeaderName::Replaces, replaces);
    assert!(answer(&mut router, now(), invite.clone()).is_none());
    assert_eq!(inbox.take(), ["Replace"]);
    let again = answer(&mut router, now(), invite);
    assert_eq!(again.map(|(status, _)| status), Some(491));
}
