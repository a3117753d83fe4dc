use super::*;
use crate::sip::message::Message;

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

fn response(method: &str, status: StatusCode, headers: &str) -> Response {
    let request = request(method, headers);
    let mut response = Response::answering(&request, status, None);
    for (name, value) in request.headers.iter() {
        let ours = [
            HeaderName::SessionExpires,
            HeaderName::MinSe,
            HeaderName::Allow,
            HeaderName::Require,
        ];
        if ours.contains(name) {
            response.headers.push(name.clone(), value.to_vec());
        }
    }
    response
}

#[allow(clippy::disallowed_methods)]
fn start() -> Instant {
    Instant::now()
}

fn timer() -> SessionTimer {
    SessionTimer::new(SessionTimerSettings::default())
}

fn text(headers: &Headers, name: &HeaderName) -> String {
    headers.text(name).unwrap_or_default().into_owned()
}

/// Answers `headers` of an INVITE; gives Session-Expires and Require of the 2xx.
fn answered(timer: &mut SessionTimer, now: Instant, headers: &str) -> (String, String) {
    let invite = request("INVITE", headers);
    assert_eq!(judge(&timer.settings, &invite), Ok(()), "{headers}");
    timer.handle_request(now, &invite);
    let mut ok = response("INVITE", StatusCode::OK, "");
    timer.write_success(now, &mut ok);
    assert_eq!(text(&ok.headers, &HeaderName::Supported), "timer");
    (
        text(&ok.headers, &HeaderName::SessionExpires),
        text(&ok.headers, &HeaderName::Require),
    )
}

/// Everything that happens until the session expires, in seconds since `now`; no refresh succeeds.
fn fate(timer: &mut SessionTimer, now: Instant) -> Vec<(u64, Due)> {
    let mut events = Vec::new();
    while let Some(at) = timer.poll_timeout() {
        if let Some(due) = timer.handle_timeout(at) {
            events.push(((at - now).as_secs(), due));
        }
        assert!(events.len() < 100, "{events:?}");
    }
    events
}

#[test]
fn rfc4028_9_the_refresher_is_chosen_by_table_2() {
    for (headers, expires, require) in [
        ("", "1800;refresher=uas", ""),
        ("Session-Expires: 600\r\n", "600;refresher=uas", ""),
        ("x: 600;refresher=uac\r\n", "600;refresher=uas", ""),
        ("Supported: timer\r\n", "1800;refresher=uas", "timer"),
        (
            "Supported: 100rel, timer\r\nSession-Expires: 600\r\n",
            "600;refresher=uas",
            "timer",
        ),
        (
            "k: timer\r\nx: 600;refresher=uac\r\n",
            "600;refresher=uac",
            "timer",
        ),
        (
            "k: timer\r\nx: 600;refresher=uas\r\n",
            "600;refresher=uas",
            "timer",
        ),
    ] {
        let found = answered(&mut timer(), start(), headers);
        assert_eq!(found, (expires.to_owned(), require.to_owned()), "{headers}");
    }
}

#[test]
fn the_interval_is_the_smaller_wish_and_no_smaller_than_any_min_se() {
    for (headers, seconds) in [
        ("k: timer\r\nx: 3600\r\n", "1800"),
        ("k: timer\r\nx: 90\r\n", "90"),
        ("k: timer\r\nx: 5000\r\nMin-SE: 4000\r\n", "4000"),
        ("k: timer\r\nMin-SE: 4000\r\n", "4000"),
        // A proxy's wish, for a caller that would not understand a 422.
        ("x: 20\r\n", "90"),
    ] {
        let (expires, _) = answered(&mut timer(), start(), headers);
        assert_eq!(expires.split(';').next(), Some(seconds), "{headers}");
    }
}

#[test]
fn rfc4028_6_an_interval_that_is_too_small_gets_422_with_min_se() {
    let settings = SessionTimerSettings {
        minimum_s: 120,
        ..SessionTimerSettings::default()
    };
    let invite = request("INVITE", "Supported: timer\r\nSession-Expires: 119\r\n");
    let refusal = judge(&settings, &invite).unwrap_err();
    assert_eq!(refusal.status().code(), 422);
    let mut answer = Response::answering(&invite, refusal.status(), None);
    refusal.write(&mut answer);
    assert_eq!(text(&answer.headers, &HeaderName::MinSe), "120");
    for broken in [
        "Session-Expires: soon\r\n",
        "Min-SE: x\r\n",
        "x: 1\r\nx: 2\r\n",
    ] {
        let refusal = judge(&settings, &request("UPDATE", broken)).unwrap_err();
        assert_eq!(refusal.status(), StatusCode::BAD_REQUEST, "{broken}");
    }
}

#[test]
fn rfc4028_10_a_peer_that_does_not_refresh_is_given_up_before_the_interval_is_over() {
    for (interval, expires) in [(90, 60), (96, 64), (1800, 1768)] {
        let (now, mut timer) = (start(), timer());
        answered(
            &mut timer,
            now,
            &format!("k: timer\r\nx: {interval};refresher=uac\r\n"),
        );
        assert_eq!(timer.agreed(), Some((interval, false)));
        assert_eq!(fate(&mut timer, now), [(expires, Due::Expired)]);
    }
}

#[test]
fn rfc4028_10_we_refresh_at_half_the_interval_and_expire_if_nobody_answers() {
    let (now, mut timer) = (start(), timer());
    answered(&mut timer, now, "Allow: INVITE, UPDATE\r\n");
    let update = Due::Refresh(Method::Update);
    assert_eq!(fate(&mut timer, now), [(900, update), (1768, Due::Expired)]);
}

#[test]
fn whatever_shows_that_the_peer_is_there_begins_the_interval_anew() {
    let (now, mut timer) = (start(), timer());
    answered(&mut timer, now, "k: timer\r\nx: 600;refresher=uac\r\n");
    let later = now + Duration::from_secs(500);
    timer.handle_request(
        later,
        &request("UPDATE", "k: timer\r\nx: 600;refresher=uac\r\n"),
    );
    let mut ok = response("UPDATE", StatusCode::OK, "");
    timer.write_success(later, &mut ok);
    let expires = text(&ok.headers, &HeaderName::SessionExpires);
    assert_eq!(expires, "600;refresher=uac");
    assert_eq!(fate(&mut timer, later), [(568, Due::Expired)]);

    let mut ours = self::timer();
    answered(&mut ours, now, "");
    assert_eq!(ours.handle_timeout(now + Duration::from_secs(899)), None);
    let at = now + Duration::from_secs(900);
    let refresh = Some(Due::Refresh(Method::Invite));
    assert_eq!(ours.handle_timeout(at), refresh, "no Allow: no UPDATE");
    ours.handle_success(at, &response("INVITE", StatusCode::OK, "Allow: UPDATE\r\n"));
    assert_eq!(ours.poll_timeout(), Some(at + Duration::from_secs(900)));
    let refresh = Some(Due::Refresh(Method::Update));
    assert_eq!(ours.handle_timeout(at + Duration::from_secs(900)), refresh);
}

#[test]
fn a_request_of_ours_asks_and_a_refresh_keeps_the_roles() {
    let (now, mut timer) = (start(), timer());
    let written = |timer: &SessionTimer| {
        let mut invite = request("INVITE", "Supported: 100rel\r\n");
        timer.write_request(&mut invite);
        let of = |name| text(&invite.headers, &name);
        let timers = (of(HeaderName::SessionExpires), of(HeaderName::MinSe));
        assert_eq!(of(HeaderName::Supported), "100rel, timer");
        timers
    };
    let expected = |expires: &str, min: &str| (expires.to_owned(), min.to_owned());
    assert_eq!(written(&timer), expected("1800", "90"));
    let ok = "Require: timer\r\nSession-Expires: 600;refresher=uas\r\n";
    timer.handle_success(now, &response("INVITE", StatusCode::OK, ok));
    assert_eq!(timer.agreed(), Some((600, false)));
    assert_eq!(written(&timer), expected("600;refresher=uas", "90"));
    let ok = "Require: timer\r\nSession-Expires: 600;refresher=uac\r\n";
    timer.handle_success(now, &response("UPDATE", StatusCode::OK, ok));
    assert_eq!(timer.agreed(), Some((600, true)));
    timer.handle_request(now, &request("INVITE", "Min-SE: 700\r\n"));
    assert_eq!(written(&timer), expected("700;refresher=uac", "700"));
}

#[test]
fn a_callee_without_session_timers_is_refreshed_by_us() {
    let (now, mut timer) = (start(), timer());
    timer.handle_success(now, &response("INVITE", StatusCode::OK, ""));
    assert_eq!(timer.agreed(), Some((1800, true)));
    // Nonsense is no reason to refresh without end.
    let ok = response("INVITE", StatusCode::OK, "Session-Expires: 0\r\n");
    timer.handle_success(now, &ok);
    assert_eq!(timer.agreed(), Some((90, true)));
}

#[test]
fn rfc4028_7_3_a_422_is_obeyed_once_and_within_the_maximum() {
    let now = start();
    let too_small = |min: &str| {
        let status = StatusCode::SESSION_INTERVAL_TOO_SMALL;
        response("INVITE", status, &format!("Min-SE: {min}\r\n"))
    };
    let mut timer = timer();
    let again = timer.handle_refusal(now, &too_small("3600"));
    assert_eq!(again, AfterRefusal::SendAgain);
    let mut invite = request("INVITE", "");
    timer.write_request(&mut invite);
    assert_eq!(text(&invite.headers, &HeaderName::SessionExpires), "3600");
    assert_eq!(text(&invite.headers, &HeaderName::MinSe), "3600");
    let again = timer.handle_refusal(now, &too_small("4000"));
    assert_eq!(again, AfterRefusal::GiveUp);
    for min in ["7201", "99999999999", "x"] {
        let again = self::timer().handle_refusal(now, &too_small(min));
        assert_eq!(again, AfterRefusal::GiveUp, "{min}");
    }
}

#[test]
fn a_refused_refresh_is_tried_again_ever_more_slowly_until_the_session_expires() {
    let (now, mut timer) = (start(), timer());
    answered(&mut timer, now, "Allow: UPDATE\r\nx: 120\r\n");
    let mut events = Vec::new();
    while let Some(at) = timer.poll_timeout() {
        let due = timer.handle_timeout(at).unwrap();
        let method = match &due {
            Due::Refresh(method) => method.as_str().to_owned(),
            Due::Expired => "expired".to_owned(),
        };
        events.push(((at - now).as_secs(), method));
        if let Due::Refresh(method) = due {
            let refused = response(method.as_str(), StatusCode::NOT_IMPLEMENTED, "");
            assert_eq!(timer.handle_refusal(at, &refused), AfterRefusal::GiveUp);
            // Once more does not make it later.
            timer.postpone(at);
        }
    }
    let events: Vec<_> = events
        .iter()
        .map(|(at, what)| (*at, what.as_str()))
        .collect();
    let expected = [
        (60, "UPDATE"),
        (62, "INVITE"),
        (66, "INVITE"),
        (74, "INVITE"),
        (88, "expired"),
    ];
    assert_eq!(events, expected);
}

#[test]
fn an_update_before_the_answer_begins_no_session() {
    let (now, mut timer) = (start(), timer());
    timer.handle_request(now, &request("UPDATE", "k: timer\r\nx: 90\r\n"));
    let mut ok = response("UPDATE", StatusCode::OK, "");
    timer.write_success(now, &mut ok);
    timer.handle_success(now, &response("UPDATE", StatusCode::OK, ""));
    assert_eq!(timer.poll_timeout(), None);
    timer.postpone(now);
    assert_eq!(timer.handle_timeout(now), None);
}
