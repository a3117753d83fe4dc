//! Requests of peers.

use std::time::Duration;

use muleteer::session::Limits;
use muleteer::sip::message::{HeaderName, Method};

use super::{send, serving, told};
use crate::agent::{AGENT, PEER, Scene};

/// Replies like this, tells what it saw, and goes.
fn replying(actions: &str) -> Scene {
    let text = format!(
        "initial state A;\ntransition \"asked\" A - sipRequest(#method == MESSAGE) / {{ {actions} }} -> A;\n\
         transition \"later\" A - timer / {{ dlg.reply(202, Later); stop(false); }} -> A;\n"
    );
    serving(&[Method::Message], &text, Limits::default())
}

fn answer(scene: &mut Scene) -> Vec<u16> {
    scene.peer().statuses("MESSAGE")
}

#[test]
fn a_message_is_told_with_all_it_says_and_answered() {
    let mut scene = replying(
        "set($text=#body); set($type=#content_type); set($by=#from); set($uri=#r_uri); set($me=@user); \
         set($call=@callid); set($has=no); sets($dlg.reply.hdrs=\"X-Seen: 1\"); \
         if test(#hdr.Call-ID == @callid) { set($has=yes); } \
         postEvent(witness, var); dlg.reply(200, Fine); stop(false);",
    );
    send(&mut scene, "MESSAGE", "hello, you");
    let told = told(&mut scene).remove(0);
    let value = |name: &str| told[name].as_str();
    assert_eq!(
        [value("text"), value("type"), value("me"), value("has")],
        ["hello, you", "text/plain", "chat", "yes"]
    );
    assert_eq!(value("uri"), format!("sip:chat@{AGENT}"));
    assert_eq!(value("by"), format!("<sip:peer@{PEER}>;tag=peer"));
    let response = scene.peer().last_response();
    assert_eq!((response.status.code(), &*response.reason), (200, "Fine"));
    assert!(response.headers.to_string().contains("X-Seen: 1"));
    assert!(response.headers.to_tag().unwrap().is_some());
    assert!(scene.is_over());
    scene.ends_clean();
}

#[test]
fn it_may_be_answered_later_and_only_once() {
    let mut scene = replying("setTimer(1, 5);");
    send(&mut scene, "MESSAGE", "hello");
    assert!(answer(&mut scene).is_empty());
    scene.run(5_000);
    assert_eq!(answer(&mut scene), [202]);
    scene.ends_clean();
    let mut scene = replying(
        "dlg.replyRequest(404); dlg.reply(200); set($first=$errno); dlg.reply(180); set($second=$errno); \
         dlg.reply(200, \"a\nb\"); postEvent(witness, var); stop(false);",
    );
    send(&mut scene, "MESSAGE", "hello");
    assert_eq!(answer(&mut scene), [404]);
    let told = told(&mut scene).remove(0);
    assert_eq!(
        (&*told["first"], &*told["second"], &*told["errno"]),
        ("general", "arg", "arg")
    );
    scene.ends_clean();
}

#[test]
fn what_a_diagram_leaves_unanswered_is_answered_for_it() {
    // It looks at nothing, stops without a word, never says a word, or asks for what there is not.
    for (actions, after_ms, status) in [
        ("stop(false);", 0, 500),
        ("log(3, seen);", 20_000, 500),
        ("playFile(a.wav); dlg.reply(200);", 20_000, 500),
        ("DI(never, f);", 20_000, 500),
        ("dlg.bye();", 20_000, 500),
    ] {
        let mut scene = replying(actions);
        send(&mut scene, "MESSAGE", "hello");
        assert_eq!(answer(&mut scene).is_empty(), after_ms != 0, "{actions}");
        scene.run(after_ms);
        assert_eq!(answer(&mut scene), [status], "{actions}");
        scene.run(70_000);
        assert!(scene.is_over(), "{actions}");
        scene.ends_clean();
    }
    let text = "initial state A;\ntransition \"other\" A - sipRequest(#method == PUBLISH) / stop(false) -> A;\n";
    let mut scene = serving(&[Method::Message], text, Limits::default());
    send(&mut scene, "MESSAGE", "hello");
    assert_eq!(answer(&mut scene), [501]);
    assert!(scene.is_over());
    scene.ends_clean();
}

#[test]
fn rfc4320_4_2_with_short_timers_it_is_answered_before_its_transaction_ends() {
    let mut scene = replying("log(3, seen);");
    // 64×T1 for a T1 of 100 ms.
    scene.agent().set_give_up(Duration::from_millis(6_400));
    send(&mut scene, "MESSAGE", "hello");
    scene.run(5_400);
    assert!(answer(&mut scene).is_empty());
    scene.run(200);
    assert_eq!(answer(&mut scene), [500]);
    scene.run(70_000);
    scene.ends_clean();
}

#[test]
fn methods_that_nobody_takes_are_refused_as_ever() {
    let mut scene = replying("dlg.reply(200); stop(false);");
    for (method, status) in [
        ("PUBLISH", 405),
        ("REGISTER", 405),
        ("NOTIFY", 481),
        ("REFER", 405),
        ("SUBSCRIBE", 489),
        ("FOO", 501),
    ] {
        send(&mut scene, method, "");
        assert_eq!(scene.peer().statuses(method), [status], "{method}");
        // RFC 3261 §8.2.1, RFC 6665 §4.2.1.1.
        let told = match status {
            405 | 501 => Some(HeaderName::Allow),
            489 => Some(HeaderName::AllowEvents),
            _ => None,
        };
        let answer = scene.peer().last_response();
        assert!(
            told.is_none_or(|name| answer.headers.get(&name).is_some()),
            "{method}"
        );
    }
    send(&mut scene, "OPTIONS", "");
    let allow = scene.peer().last_response();
    let allow = allow.headers.text(&HeaderName::Allow).unwrap().into_owned();
    assert!(
        allow.contains("MESSAGE") && !allow.contains("PUBLISH"),
        "{allow}"
    );
    // No application: 404.
    scene.peer().new_call("nobody");
    scene.peer().request("MESSAGE", "hello");
    scene.run(50);
    assert_eq!(answer(&mut scene), [404]);
    // One that is no diagram.
    scene.peer().new_call("echo");
    scene.peer().request("MESSAGE", "hello");
    scene.run(50);
    assert_eq!(answer(&mut scene), [405]);
    let stats = scene.agent().stats.clone();
    assert_eq!(stats.requests_received.value(), 2);
    assert_eq!(stats.requests_refused.no_application.value(), 1);
    scene.ends_clean();
}

#[test]
fn other_methods_can_be_taken_too() {
    let text = "initial state A;\ntransition \"any\" A - sipRequest / { set($m=#method); postEvent(witness, m); dlg.reply(200); stop(false); } -> A;\n";
    let methods = [Method::Notify, Method::Publish, Method::Register];
    let mut scene = serving(&methods, text, Limits::default());
    for method in methods {
        send(&mut scene, method.as_str(), "");
        assert_eq!(scene.peer().statuses(method.as_str()), [200]);
        assert_eq!(told(&mut scene)[0]["m"], method.as_str());
    }
    // Inside a dialog that there is not, one is still for nobody.
    scene.peer().new_call("chat");
    scene.peer().their_tag = Some("gone".to_owned());
    scene.peer().request("NOTIFY", "");
    scene.run(50);
    assert_eq!(scene.peer().statuses("NOTIFY"), [481]);
    scene.ends_clean();
}

#[test]
fn they_have_the_limits_of_calls_counted_apart() {
    let limits = Limits {
        sessions: 2,
        calls_per_second: 1,
        ..Limits::default()
    };
    let text = "initial state A;\ntransition \"any\" A - sipRequest / setTimer(1, 3) -> A;\n\
                transition \"later\" A - timer / { dlg.reply(200); stop(false); } -> A;\n";
    let mut scene = serving(&[Method::Message], text, limits);
    for _ in 0..3 {
        send(&mut scene, "MESSAGE", "hello");
    }
    let response = scene.peer().last_response();
    assert_eq!(response.status.code(), 503);
    assert!(response.headers.get(&HeaderName::RetryAfter).is_some());
    // There is room for a call.
    scene.peer().new_call("echo");
    scene.peer().content_type = "application/sdp";
    scene.call();
    scene.bye();
    scene.run(3_500);
    for _ in 0..4 {
        send(&mut scene, "MESSAGE", "hello");
        scene.run(3_500);
    }
    let refused = scene.agent().stats.clone();
    assert_eq!(refused.requests_refused.sessions.value(), 1);
    assert_eq!(refused.calls_refused.sessions.value(), 0);
    scene.with_agent(|agent, now| agent.drain(now));
    send(&mut scene, "MESSAGE", "hello");
    assert_eq!(answer(&mut scene), [503]);
    scene.ends_clean();
}

#[test]
fn at_the_end_of_the_server_a_request_gets_an_answer() {
    let mut scene = replying("setTimer(1, 15);");
    send(&mut scene, "MESSAGE", "hello");
    scene.with_agent(|agent, now| agent.drain(now));
    scene.run(50);
    assert_eq!(answer(&mut scene), [500]);
    assert!(scene.is_over());
    scene.ends_clean();
}
