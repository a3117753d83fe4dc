use std::time::{Duration, Instant};

use super::super::subscription::End;
use super::*;
use crate::sip::message::Message;

const T1: Duration = Duration::from_millis(500);

fn request(method: &str, headers: &str, body: &str) -> Request {
    let text = format!(
        "{method} sip:b@b SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:a@a>;tag=a\r\n\
         To: <sip:b@b>;tag=b\r\nCall-ID: c\r\nCSeq: 1 {method}\r\n{headers}\r\n{body}"
    );
    match Message::parse_datagram(text.into()) {
        Ok(Message::Request(request)) => request,
        other => panic!("a request, not {other:?}"),
    }
}

fn notify(event: &str, state: &str, status: &str) -> Request {
    let headers = format!(
        "Event: {event}\r\nSubscription-State: {state}\r\nContent-Type: message/sipfrag\r\n"
    );
    let body = if status.is_empty() {
        String::new()
    } else {
        format!("SIP/2.0 {status}\r\n")
    };
    request("NOTIFY", &headers, &body)
}

#[allow(clippy::disallowed_methods)]
fn start() -> Instant {
    Instant::now()
}

fn answer(status: u16) -> Response {
    Response::new(StatusCode::new(status).unwrap())
}

fn progress(id: u32, status: Option<(u16, &str)>, is_last: bool) -> Progress {
    let code = |code| StatusCode::new(code).unwrap();
    Progress {
        id,
        status: status.map(|(status, reason)| (code(status), reason.to_owned())),
        is_last,
    }
}

fn uri(text: &str) -> Uri {
    Uri::parse(text).unwrap()
}

#[test]
fn what_is_written_into_a_refer_can_be_read() {
    let attended = Refer {
        replaces: Some(Replaces::parse("a@b;to-tag=1;from-tag=2;early-only").unwrap()),
        referred_by: Some(NameAddr::new(uri("sip:me@here"))),
        wants_progress: false,
        ..Refer::to(uri("sip:carol@there;transport=tcp"))
    };
    let bye = Refer {
        method: Method::Bye,
        ..Refer::to(uri("sip:dave@there"))
    };
    for refer in [attended, bye, Refer::to(uri("tel:+49301234"))] {
        let mut request = request("REFER", "", "");
        refer.write(&mut request);
        assert_eq!(Refer::read(&request), Ok(refer));
    }
}

#[test]
fn an_attended_transfer_looks_as_phones_write_it() {
    let refer = Refer {
        replaces: Some(Replaces::parse("a@b;to-tag=1;from-tag=2").unwrap()),
        referred_by: Some(NameAddr::new(uri("sip:me@here"))),
        ..Refer::to(uri("sip:carol@there"))
    };
    let mut written = Request::new(Method::Refer, uri("sip:b@b"));
    refer.write(&mut written);
    assert_eq!(
        written.headers.to_string(),
        "Refer-To: <sip:carol@there?Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2>\r\n\
         Referred-By: <sip:me@here>\r\n"
    );
}

#[test]
fn rfc3515_2_4_2_a_refer_needs_exactly_one_readable_refer_to() {
    for headers in [
        "",
        "Refer-To: sip:a@b\r\nRefer-To: sip:c@d\r\n",
        "r: <sip:a@b>, <sip:c@d>\r\n",
        "Refer-To: nobody\r\n",
        "Refer-To: <sip:a@b?Replaces=x>\r\n",
        "Refer-To: <sip:a@b;method=a/b>\r\n",
        "Refer-To: sip:a@b\r\nReferred-By: <<\r\n",
        "Refer-To: sip:a@b\r\nRefer-Sub: perhaps\r\n",
    ] {
        let refused = Refer::read(&request("REFER", headers, "")).unwrap_err();
        assert_eq!(refused.status().code(), 400, "{headers}");
    }
}

#[test]
fn rfc3261_19_1_5_other_headers_of_a_refer_to_are_not_used() {
    let headers = "Refer-To: <sip:a@b?From=sip:x@y&Route=%3Csip:z%3E&Subject=hi>\r\n";
    let refer = Refer::read(&request("REFER", headers, "")).unwrap();
    assert_eq!(refer, Refer::to(uri("sip:a@b")));
}

#[test]
fn a_transfer_is_followed_to_its_end() {
    let now = start();
    let mut referrals = Referrals::new(64 * T1);
    referrals.sent(now, 7);
    assert_eq!(referrals.handle_response(7, &answer(202)), None);
    let told = |referrals: &mut Referrals, state: &str, status: &str| {
        referrals.handle_notify(now, &notify("refer;id=7", state, status))
    };
    let trying = told(&mut referrals, "active;expires=60", "100 Trying");
    assert_eq!(trying, Ok(progress(7, Some((100, "Trying")), false)));
    let ringing = told(&mut referrals, "active;expires=50", "180 Ringing");
    assert_eq!(ringing, Ok(progress(7, Some((180, "Ringing")), false)));
    let done = told(&mut referrals, "terminated;reason=noresource", "200 OK");
    assert_eq!(done, Ok(progress(7, Some((200, "OK")), true)));
    assert!(referrals.is_empty());
    let late = told(&mut referrals, "active", "200 OK");
    assert_eq!(late.unwrap_err().status().code(), 481);
}

#[test]
fn rfc3515_2_4_6_several_refers_are_told_apart_by_id() {
    let now = start();
    let mut referrals = Referrals::new(64 * T1);
    referrals.sent(now, 2);
    referrals.sent(now, 5);
    let id = |event: &str| {
        let told = referrals
            .clone()
            .handle_notify(now, &notify(event, "active", "100 Trying"));
        told.map(|progress| progress.id)
            .map_err(|refused| refused.status().code())
    };
    assert_eq!(id("refer"), Ok(2), "the first may do without");
    assert_eq!(id("refer;id=2"), Ok(2));
    assert_eq!(id("refer;id=5"), Ok(5));
    assert_eq!(id("refer;id=6"), Err(481));
    assert_eq!(id("presence"), Err(481));
    referrals.handle_response(2, &answer(603)).unwrap();
    let told = referrals.handle_notify(now, &notify("refer", "active", ""));
    assert_eq!(told, Err(Refused::NoSubscription), "the first is gone");
}

#[test]
fn a_refusal_ends_a_referral_and_so_does_an_acceptance_without_subscription() {
    let now = start();
    let mut referrals = Referrals::new(64 * T1);
    referrals.sent(now, 1);
    let refused = referrals.handle_response(1, &answer(603));
    assert_eq!(refused, Some(progress(1, Some((603, "Decline")), true)));
    referrals.sent(now, 2);
    let mut quiet = answer(200);
    quiet.headers.push(HeaderName::ReferSub, "false");
    assert_eq!(
        referrals.handle_response(2, &quiet),
        Some(progress(2, None, true))
    );
    assert_eq!(referrals.handle_response(3, &answer(202)), None);
    assert_eq!(referrals.poll_timeout(), None);
}

#[test]
fn a_transfer_that_nothing_is_told_of_ends_in_time() {
    let now = start();
    let mut referrals = Referrals::new(64 * T1);
    referrals.sent(now, 1);
    referrals.sent(now, 2);
    let trying = notify("refer;id=2", "active;expires=60", "100 Trying");
    referrals.handle_notify(now, &trying).unwrap();
    let at = referrals.poll_timeout().unwrap();
    assert_eq!(at, now + 64 * T1);
    let ended = referrals.handle_timeout(at);
    assert_eq!(ended, Some((progress(1, None, true), End::NoNotify)));
    assert_eq!(referrals.handle_timeout(at), None);
    let at = referrals.poll_timeout().unwrap();
    assert_eq!(at, now + Duration::from_secs(60) + 64 * T1);
    let last = progress(2, Some((100, "Trying")), true);
    assert_eq!(referrals.handle_timeout(at), Some((last, End::Expired)));
    assert!(referrals.is_empty());
}

#[test]
fn a_notify_that_cannot_be_read_is_refused_and_changes_nothing() {
    let now = start();
    let mut referrals = Referrals::new(64 * T1);
    referrals.sent(now, 1);
    let sdp = "Event: refer\r\nSubscription-State: active\r\nContent-Type: application/sdp\r\n";
    for (notify, status) in [
        (request("NOTIFY", sdp, "v=0\r\n"), 415),
        (notify("refer", "active", "OK"), 400),
        (notify("refer", "a sleep", "200 OK"), 400),
        (request("NOTIFY", "Subscription-State: active\r\n", ""), 481),
    ] {
        let refused = referrals.handle_notify(now, &notify).unwrap_err();
        assert_eq!(refused.status().code(), status);
    }
    assert_eq!(referrals.poll_timeout(), Some(now + 64 * T1));
}

/// Sends the NOTIFY that is due and gives its event, state and body.
fn notified(referred: &mut Referred, now: Instant) -> Option<[String; 3]> {
    if !referred.wants_notify() {
        return None;
    }
    let mut request = Request::new(Method::Notify, uri("sip:a@a"));
    referred.write_notify(now, &mut request);
    assert_eq!(request.headers.content_type().unwrap(), "message/sipfrag");
    let text = |name| request.headers.text(&name).unwrap().into_owned();
    let body = String::from_utf8_lossy(&request.body);
    let state = text(HeaderName::SubscriptionState);
    Some([text(HeaderName::Event), state, body.into_owned()])
}

fn told(event: &str, state: &str, status: &str) -> Option<[String; 3]> {
    Some([
        event.to_owned(),
        state.to_owned(),
        format!("SIP/2.0 {status}\r\n"),
    ])
}

#[test]
fn rfc3515_2_4_5_who_refers_is_told_at_once_and_at_the_end() {
    let now = start();
    let mut referred = Referred::new(now, &Refer::to(uri("sip:c@d")), 9, true);
    assert_eq!(notified(&mut referred, now), None, "not before the 202");
    let mut accepted = answer(202);
    referred.write_answer(now, &mut accepted);
    assert_eq!(accepted.headers.get(&HeaderName::ReferSub), None);
    let trying = told("refer", "active;expires=300", "100 Trying");
    assert_eq!(notified(&mut referred, now), trying);
    referred.progress(StatusCode::RINGING, "Ringing");
    referred.progress(StatusCode::SESSION_PROGRESS, "Session Progress");
    assert_eq!(notified(&mut referred, now), None, "one at a time");
    referred
        .subscription()
        .unwrap()
        .handle_response(StatusCode::OK);
    let early = told("refer", "active;expires=300", "183 Session Progress");
    assert_eq!(notified(&mut referred, now), early);
    referred.progress(StatusCode::BUSY_HERE, "Busy");
    referred.progress(StatusCode::OK, "OK");
    referred
        .subscription()
        .unwrap()
        .handle_response(StatusCode::OK);
    let last = told("refer", "terminated;reason=noresource", "486 Busy");
    assert_eq!(notified(&mut referred, now), last);
    assert!(!referred.is_over());
    referred
        .subscription()
        .unwrap()
        .handle_response(StatusCode::OK);
    assert!(referred.is_over());
}

#[test]
fn later_refers_of_a_dialog_are_named_and_one_without_end_is_told_as_it_stands() {
    let now = start();
    let mut referred = Referred::new(now, &Refer::to(uri("sip:c@d")), 9, false);
    referred.write_answer(now, &mut answer(202));
    let first = notified(&mut referred, now);
    assert_eq!(
        first,
        told("refer;id=9", "active;expires=300", "100 Trying")
    );
    let subscription = referred.subscription().unwrap();
    subscription.handle_response(StatusCode::OK);
    let at = subscription.poll_timeout().unwrap();
    subscription.handle_timeout(at);
    let last = notified(&mut referred, at);
    assert_eq!(
        last,
        told("refer;id=9", "terminated;reason=timeout", "100 Trying")
    );
}

#[test]
fn rfc4488_4_without_a_subscription_nothing_is_told() {
    let now = start();
    let refer = Refer {
        wants_progress: false,
        ..Refer::to(uri("sip:c@d"))
    };
    let mut referred = Referred::new(now, &refer, 9, true);
    let mut accepted = answer(200);
    referred.write_answer(now, &mut accepted);
    assert_eq!(accepted.headers.refer_sub(), Ok(Some(false)));
    assert_eq!(notified(&mut referred, now), None);
    referred.progress(StatusCode::RINGING, "Ringing");
    assert!(!referred.is_over());
    referred.progress(StatusCode::OK, "OK");
    assert_eq!(notified(&mut referred, now), None);
    assert!(referred.is_over());
}
