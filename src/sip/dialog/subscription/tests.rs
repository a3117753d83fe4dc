use std::time::{Duration, Instant};

use super::*;
use crate::sip::message::header::{EndReason, SubscriptionState};
use crate::sip::message::{Message, Method};

const T1: Duration = Duration::from_millis(500);
const DURATIONS: Durations = Durations {
    default_s: 3600,
    minimum_s: 60,
    maximum_s: 7200,
};

fn request(method: &str, headers: &str) -> Request {
    let text = format!(
        "{method} sip:b@b SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:a@a>;tag=a\r\n\
         To: <sip:b@b>;tag=b\r\nCall-ID: c\r\nCSeq: 1 {method}\r\n{headers}\r\n"
    );
    match Message::parse_datagram(text.into()) {
        Ok(Message::Request(request)) => request,
        other => panic!("a request, not {other:?}"),
    }
}

fn response(status: u16, name: HeaderName, value: &'static str) -> Response {
    let mut response = Response::new(StatusCode::new(status).unwrap());
    if !value.is_empty() {
        response.headers.push(name, value);
    }
    response
}

fn expires(status: u16, seconds: &'static str) -> Response {
    response(status, HeaderName::Expires, seconds)
}

fn notify(state: &str) -> Request {
    request(
        "NOTIFY",
        &format!("Event: mwi\r\nSubscription-State: {state}\r\n"),
    )
}

#[allow(clippy::disallowed_methods)]
fn start() -> Instant {
    Instant::now()
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// A subscription for an hour whose SUBSCRIBE is out.
fn subscriber(now: Instant) -> Subscriber {
    let mut subscriber = Subscriber::new(Event::new("mwi"), 3600, 64 * T1);
    let subscribe = subscribe(&mut subscriber, now);
    assert_eq!(subscribe, "Event: mwi\r\nExpires: 3600\r\n");
    subscriber
}

/// The headers of a SUBSCRIBE.
fn subscribe(subscriber: &mut Subscriber, now: Instant) -> String {
    let uri = crate::sip::message::Uri::parse("sip:b@b").unwrap();
    let mut request = Request::new(Method::Subscribe, uri);
    subscriber.write_subscribe(now, &mut request);
    request.headers.to_string()
}

#[test]
fn a_subscription_is_refreshed_before_it_expires() {
    let now = start();
    let mut subscriber = subscriber(now);
    assert_eq!(subscriber.handle_response(now, &expires(200, "600")), None);
    let active = notify("active;expires=599");
    assert!(subscriber.is_for(&active.headers.event().unwrap()));
    assert_eq!(subscriber.handle_notify(now, &active), Ok(Notified::Active));
    let at = now + seconds(599 - 40);
    assert_eq!(subscriber.poll_timeout(), Some(at));
    assert_eq!(subscriber.handle_timeout(at), Some(Due::Refresh));
    // Each fails, and so what was granted before counts (RFC 6665 §4.1.2.2).
    let mut at = at;
    for wait in [20, 10, 5, 2] {
        subscribe(&mut subscriber, at);
        assert_eq!(subscriber.handle_response(at, &expires(500, "")), None);
        at = subscriber.poll_timeout().unwrap();
        let left = now + seconds(599) - at;
        assert_eq!(left.as_secs(), wait);
        assert_eq!(subscriber.handle_timeout(at), Some(Due::Refresh));
    }
    let end = now + seconds(599) + 64 * T1;
    assert_eq!(subscriber.poll_timeout(), Some(end));
    assert_eq!(
        subscriber.handle_timeout(end),
        Some(Due::Ended(End::Expired))
    );
    assert!(subscriber.is_over());
    assert_eq!(subscriber.poll_timeout(), None);
    assert!(!subscriber.is_for(&Event::new("mwi")));
}

#[test]
fn rfc6665_4_1_2_4_without_a_notify_timer_n_ends_it() {
    let now = start();
    let mut subscriber = subscriber(now);
    assert_eq!(subscriber.handle_response(now, &expires(200, "3600")), None);
    let at = now + 64 * T1;
    assert_eq!(subscriber.poll_timeout(), Some(at));
    assert_eq!(
        subscriber.handle_timeout(at),
        Some(Due::Ended(End::NoNotify))
    );
}

#[test]
fn a_notify_may_come_before_the_response() {
    let now = start();
    let mut subscriber = subscriber(now);
    let pending = subscriber.handle_notify(now, &notify("pending;expires=3600"));
    assert_eq!(pending, Ok(Notified::Pending));
    assert_eq!(subscriber.handle_response(now, &expires(202, "3600")), None);
    let later = now + seconds(30);
    assert_eq!(
        subscriber.handle_notify(later, &notify("active")),
        Ok(Notified::Active)
    );
    assert_eq!(subscriber.poll_timeout(), Some(now + seconds(3560)));
}

#[test]
fn rfc6665_4_1_2_2_these_responses_end_a_subscription_and_others_do_not() {
    let now = start();
    for status in [
        404, 405, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604,
    ] {
        let mut subscriber = subscriber(now);
        subscriber
            .handle_notify(now, &notify("active;expires=60"))
            .unwrap();
        let end = End::Refused(StatusCode::new(status).unwrap());
        assert_eq!(
            subscriber.handle_response(now, &expires(status, "")),
            Some(end)
        );
    }
    for status in [400, 403, 408, 500, 503] {
        let mut lasting = subscriber(now);
        lasting
            .handle_notify(now, &notify("active;expires=60"))
            .unwrap();
        assert_eq!(
            lasting.handle_response(now, &expires(status, "")),
            None,
            "{status}"
        );
        let end = End::Refused(StatusCode::new(status).unwrap());
        let first = subscriber(now).handle_response(now, &expires(status, ""));
        assert_eq!(first, Some(end), "the first SUBSCRIBE");
    }
}

#[test]
fn a_423_is_obeyed_once() {
    let now = start();
    let brief = response(423, HeaderName::MinExpires, "7200");
    let mut subscriber = subscriber(now);
    assert_eq!(subscriber.handle_response(now, &brief), None);
    assert_eq!(subscriber.handle_timeout(now), Some(Due::Refresh));
    let again = subscribe(&mut subscriber, now);
    assert_eq!(again, "Event: mwi\r\nExpires: 7200\r\n");
    let refused = Some(End::Refused(StatusCode::INTERVAL_TOO_BRIEF));
    assert_eq!(subscriber.handle_response(now, &brief), refused);
}

#[test]
fn the_notifier_says_how_it_ends() {
    let now = start();
    let mut subscriber = subscriber(now);
    let ended = subscriber.handle_notify(now, &notify("terminated;reason=probation;retry-after=9"));
    let Ok(Notified::Ended(End::Terminated(state))) = ended else {
        panic!("the end, not {ended:?}");
    };
    assert_eq!(state.reason, Some(EndReason::Probation));
    assert_eq!(state.retry_after, Some(9));
    assert!(subscriber.is_over());
    // A late response changes nothing.
    assert_eq!(subscriber.handle_response(now, &expires(200, "60")), None);
    assert_eq!(subscriber.poll_timeout(), None);
}

#[test]
fn who_unsubscribes_waits_for_the_last_notify_no_longer_than_timer_n() {
    let now = start();
    let mut subscriber = subscriber(now);
    subscriber
        .handle_notify(now, &notify("active;expires=3600"))
        .unwrap();
    subscriber.unsubscribe();
    assert_eq!(
        subscribe(&mut subscriber, now),
        "Event: mwi\r\nExpires: 0\r\n"
    );
    assert_eq!(subscriber.handle_response(now, &expires(200, "0")), None);
    // One that was on its way.
    subscriber
        .handle_notify(now, &notify("active;expires=3600"))
        .unwrap();
    assert_eq!(subscriber.poll_timeout(), Some(now + 64 * T1));
    let mut patient = subscriber.clone();
    let due = patient.handle_timeout(now + 64 * T1);
    assert_eq!(due, Some(Due::Ended(End::NoNotify)));
    let ended = subscriber.handle_notify(now, &notify("terminated;reason=timeout"));
    assert!(matches!(ended, Ok(Notified::Ended(_))));
}

#[test]
fn a_notify_without_a_readable_state_is_refused_and_changes_nothing() {
    let now = start();
    let mut subscriber = subscriber(now);
    for state in ["", "a sleep", "active;expires=soon", "asleep;expires=soon"] {
        let refused = subscriber.handle_notify(now, &notify(state));
        assert_eq!(refused, Err(StatusCode::BAD_REQUEST), "{state}");
    }
    assert_eq!(subscriber.poll_timeout(), Some(now + 64 * T1));
}

#[test]
fn rfc6665_8_4_a_state_of_an_extension_leaves_a_subscription_as_it_was() {
    let now = start();
    let mut subscriber = subscriber(now);
    let mut told = |state| subscriber.handle_notify(now, &notify(state));
    assert_eq!(told("asleep;expires=3600"), Ok(Notified::Pending));
    assert_eq!(told("active;expires=3600"), Ok(Notified::Active));
    assert_eq!(told("asleep;expires=1800"), Ok(Notified::Active));
    // It lasts on, and is refreshed.
    assert_eq!(subscriber.poll_timeout(), Some(now + seconds(1760)));
    let over = subscriber.handle_notify(now, &notify("terminated"));
    assert!(matches!(over, Ok(Notified::Ended(_))));
}

#[test]
fn a_subscribe_for_something_else_gets_489_with_what_there_is() {
    for headers in ["", "Event: presence\r\n", "Event: MWI\r\n", "o: ;\r\n"] {
        let request = request("SUBSCRIBE", headers);
        let refusal = judge(&["mwi", "refer"], &DURATIONS, &request).unwrap_err();
        let mut answer = Response::answering(&request, refusal.status(), None);
        refusal.write(&mut answer);
        assert_eq!(answer.status.code(), 489, "{headers}");
        assert_eq!(
            answer.headers.text(&HeaderName::AllowEvents).unwrap(),
            "mwi, refer"
        );
    }
}

#[test]
fn rfc6665_4_2_1_1_the_duration_is_granted_shortened_or_refused() {
    let judged = |headers: &str| judge(&["mwi"], &DURATIONS, &request("SUBSCRIBE", headers));
    let granted = |headers: &str| judged(headers).unwrap().1;
    assert_eq!(granted("Event: mwi;id=4\r\n"), 3600);
    assert_eq!(granted("Event: mwi\r\nExpires: 0\r\n"), 0);
    assert_eq!(granted("Event: mwi\r\nExpires: 60\r\n"), 60);
    assert_eq!(granted("Event: mwi\r\nExpires: 99999999999\r\n"), 7200);
    let refusal = judged("Event: mwi\r\nExpires: 59\r\n").unwrap_err();
    let mut answer = Response::new(refusal.status());
    refusal.write(&mut answer);
    assert_eq!(answer.status.code(), 423);
    assert_eq!(answer.headers.text(&HeaderName::MinExpires).unwrap(), "60");
    let malformed = judged("Event: mwi\r\nExpires: soon\r\n").unwrap_err();
    assert_eq!(malformed.status(), StatusCode::BAD_REQUEST);
}

/// Sends the NOTIFY that is due and gives its Subscription-State.
fn notified(notifier: &mut Notifier, now: Instant) -> Option<String> {
    if !notifier.wants_notify() {
        return None;
    }
    let uri = crate::sip::message::Uri::parse("sip:b@b").unwrap();
    let mut request = Request::new(Method::Notify, uri);
    notifier.write_notify(now, &mut request);
    let state = request.headers.text(&HeaderName::SubscriptionState);
    state.map(|state| state.into_owned())
}

/// An active subscription for ten minutes whose first NOTIFY is answered.
fn notifier(now: Instant) -> Notifier {
    let mut notifier = Notifier::new(now, Event::new("mwi"), 600);
    assert!(!notifier.wants_notify(), "not before the answer");
    let mut ok = Response::new(StatusCode::OK);
    notifier.write_answer(now, &mut ok);
    assert_eq!(ok.headers.text(&HeaderName::Expires).unwrap(), "600");
    assert_eq!(notified(&mut notifier, now).unwrap(), "pending;expires=600");
    notifier.activate();
    assert_eq!(notified(&mut notifier, now), None, "one at a time");
    notifier.handle_response(StatusCode::OK);
    let later = now + seconds(10);
    assert_eq!(
        notified(&mut notifier, later).unwrap(),
        "active;expires=590"
    );
    notifier.handle_response(StatusCode::OK);
    assert_eq!(notified(&mut notifier, later), None);
    notifier
}

#[test]
fn rfc6665_4_4_1_the_notify_makes_the_dialog_of_the_subscriber() {
    let mut subscribe = request("SUBSCRIBE", "Event: mwi\r\nContact: <sip:a@192.0.2.1>\r\n");
    subscribe.headers.set(HeaderName::To, "<sip:b@b>");
    let notify = request(
        "NOTIFY",
        "Record-Route: <sip:p1;lr>, <sip:p2;lr>\r\nContact: <sip:b@192.0.2.2>\r\n",
    );
    let mut notify = notify;
    notify.headers.set(HeaderName::From, "<sip:b@b>;tag=fork");
    notify.headers.set(HeaderName::To, "<sip:a@a>;tag=a");
    let mut dialog = Dialog::subscriber(&subscribe, &notify).unwrap();
    assert_eq!(dialog.check(&notify), Ok(()));
    let next = dialog.next_request(Method::Subscribe);
    assert_eq!(next.uri.to_string(), "sip:b@192.0.2.2");
    assert_eq!(next.headers.cseq().unwrap().number, 2);
    let text = |name| next.headers.text(&name).unwrap().into_owned();
    assert_eq!(text(HeaderName::From), "<sip:a@a>;tag=a");
    assert_eq!(text(HeaderName::To), "<sip:b@b>;tag=fork");
    let routes = next.headers.routes().unwrap();
    assert_eq!(routes[0].uri.to_string(), "sip:p1;lr");
    notify.headers.remove(&HeaderName::Contact);
    assert!(Dialog::subscriber(&subscribe, &notify).is_err());
}

#[test]
fn each_subscribe_and_each_change_brings_one_notify() {
    let now = start();
    let mut notifier = notifier(now);
    notifier.change();
    notifier.change();
    assert!(notified(&mut notifier, now).is_some());
    notifier.change();
    notifier.handle_response(StatusCode::SERVICE_UNAVAILABLE);
    assert!(
        notified(&mut notifier, now).is_some(),
        "the change meanwhile"
    );
    notifier.handle_response(StatusCode::OK);
    let refresh = request("SUBSCRIBE", "Event: mwi\r\nExpires: 300\r\n");
    notifier.handle_subscribe(&DURATIONS, &refresh).unwrap();
    let overlapping = notifier.handle_subscribe(&DURATIONS, &refresh).unwrap_err();
    let mut answer = Response::new(overlapping.status());
    overlapping.write(&mut answer);
    assert_eq!(answer.status.code(), 500);
    assert!(answer.headers.get(&HeaderName::RetryAfter).is_some());
    notifier.write_answer(now, &mut Response::new(StatusCode::OK));
    assert_eq!(notified(&mut notifier, now).unwrap(), "active;expires=300");
}

#[test]
fn a_subscription_that_is_not_refreshed_ends_with_a_last_notify() {
    let now = start();
    let mut notifier = notifier(now);
    let at = notifier.poll_timeout().unwrap();
    assert_eq!(at, now + seconds(600));
    notifier.handle_timeout(at);
    assert_eq!(
        notified(&mut notifier, at).unwrap(),
        "terminated;reason=timeout"
    );
    assert!(!notifier.is_over());
    notifier.handle_response(StatusCode::OK);
    assert!(notifier.is_over());
    assert_eq!(notifier.poll_timeout(), None);
}

#[test]
fn who_unsubscribes_gets_the_last_notify() {
    let now = start();
    let mut notifier = notifier(now);
    let end = request("SUBSCRIBE", "Event: mwi\r\nExpires: 0\r\n");
    notifier.handle_subscribe(&DURATIONS, &end).unwrap();
    notifier.write_answer(now, &mut Response::new(StatusCode::OK));
    assert!(!notifier.is_for(&Event::new("mwi")));
    assert_eq!(
        notified(&mut notifier, now).unwrap(),
        "terminated;reason=timeout"
    );
}

#[test]
fn the_first_reason_of_an_end_counts() {
    let now = start();
    let mut notifier = notifier(now);
    notifier.terminate(EndReason::Probation, Some(30));
    notifier.terminate(EndReason::Rejected, None);
    notifier.change();
    let state = notified(&mut notifier, now).unwrap();
    assert_eq!(state, "terminated;reason=probation;retry-after=30");
    assert!(SubscriptionState::parse(&state).is_ok());
    notifier.handle_response(StatusCode::OK);
    assert!(notifier.is_over());
    assert_eq!(notified(&mut notifier, now), None);
}

#[test]
fn rfc6665_4_2_2_a_subscriber_that_knows_nothing_or_does_not_answer_is_forgotten() {
    let now = start();
    for (status, is_over) in [
        (481, true),
        (408, true),
        (501, true),
        (500, false),
        (503, false),
    ] {
        let mut notifier = notifier(now);
        notifier.change();
        notified(&mut notifier, now).unwrap();
        notifier.handle_response(StatusCode::new(status).unwrap());
        assert_eq!(notifier.is_over(), is_over, "{status}");
        assert_eq!(notifier.poll_timeout().is_none(), is_over, "{status}");
    }
}
