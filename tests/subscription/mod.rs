//! Subscriptions of scripts (`mod_subscription`), each row of its list of behaviours, in virtual time.

mod forks;
mod lossy;

use muleteer::session::event::Params;
use muleteer::session::{Catalog, Limits};
use muleteer::sip::message::{HeaderName, Request, Response, StatusCode};

use crate::agent::{PEER, Scene, diagram};

/// Tells of each `subscription`, with how long the notifier lets it live.
const TELL: &str = r##"
transition "told" A - subscription / {
  set($status=#status); set($code=#code); set($reason=#reason); set($why=#subscription_reason);
  set($expires=#expires); set($expires_in=#expires_in); set($has_body=#has_body); set($body=#body);
  set($type=#content_type); set($about=#handle); postEvent(witness, var);
} -> A;
"##;

/// Subscribes to somebody at the peer.
const SUBSCRIBE: &str = "set($s.user=bob); set($s.from_user=desk); set($s.domain=\"192.0.2.9:5060\"); set($s.event=mwi);";

/// A call that does this when it is up, and that at the key 1.
fn scene(on_start: &str, on_key: &str) -> Scene {
    scene_with(on_start, on_key, Limits::default())
}

fn scene_with(on_start: &str, on_key: &str, limits: Limits) -> Scene {
    let text = format!(
        "import(mod_subscription);\ninitial state A;\n\
         transition \"up\" A - sessionStart / {{ {on_start} }} -> A;\n\
         transition \"key\" A - key / {{ {on_key} }} -> A;\n{TELL}\n\
         transition \"gone\" A - hangup / stop(false) -> A;\n"
    );
    let mut scene = Scene::with_limits("test", None, limits);
    let catalog = Catalog::new([diagram("test", &text)]);
    scene.agent().reload(catalog);
    scene.call();
    scene
}

/// The SUBSCRIBEs that the peer got, without repetitions.
fn subscribes(scene: &mut Scene) -> Vec<Request> {
    let requests = scene.peer().requests();
    let all = requests.filter(|request| request.method.as_str() == "SUBSCRIBE");
    let mut all: Vec<_> = all.cloned().collect();
    all.dedup_by_key(|request| (header(request, "Call-ID"), header(request, "CSeq")));
    all
}

fn header(request: &Request, name: &str) -> String {
    let name = HeaderName::parse(name.as_bytes()).unwrap();
    let text = request.headers.text(&name).unwrap_or_default();
    text.into_owned()
}

/// The peer answers the latest SUBSCRIBE, with an Expires if it is a 2xx.
fn respond(scene: &mut Scene, status: u16, expires: &str) {
    let subscribe = subscribes(scene).pop().expect("a SUBSCRIBE");
    let mut response = Response::answering(&subscribe, StatusCode::new(status).unwrap(), Some("n"));
    if !expires.is_empty() {
        response
            .headers
            .push(HeaderName::Expires, expires.to_owned());
    }
    let contact = format!("<sip:bob@{PEER}>");
    response.headers.push(HeaderName::Contact, contact);
    scene.peer().send_raw(response.to_bytes());
    scene.run(50);
}

/// The peer notifies.
fn notify(scene: &mut Scene, state: &str, body: &str) {
    notify_from(scene, "n", state, body);
}

/// The same with another tag: it forked.
fn notify_from(scene: &mut Scene, tag: &str, state: &str, body: &str) {
    let subscribe = subscribes(scene).remove(0);
    let event = header(&subscribe, "Event");
    let peer = scene.peer();
    let call = (
        peer.call_id.clone(),
        peer.their_tag.clone(),
        peer.our_tag.clone(),
    );
    peer.call_id = subscribe.headers.call_id().unwrap().to_owned();
    peer.their_tag = subscribe.headers.from_tag().unwrap().map(Into::into);
    peer.our_tag = tag.to_owned();
    let event = match event.as_str() {
        "" => String::new(),
        event => format!("Event: {event}\r\n"),
    };
    peer.extra = format!("{event}Subscription-State: {state}\r\n");
    peer.content_type = "application/simple-message-summary";
    peer.request("NOTIFY", body);
    let peer = scene.peer();
    (peer.call_id, peer.their_tag, peer.our_tag) = call;
    peer.extra.clear();
    peer.content_type = "application/sdp";
    scene.run(50);
}

fn told(scene: &mut Scene) -> Vec<Params> {
    std::mem::take(&mut scene.agent().witness)
}

fn statuses(scene: &mut Scene) -> Vec<String> {
    let told = told(scene).into_iter();
    told.map(|told| told["status"].clone()).collect()
}

/// Hangs up, and lets the notifier end what is left.
fn end(scene: &mut Scene) {
    let before = subscribes(scene).len();
    scene.bye();
    if subscribes(scene).len() > before {
        respond(scene, 200, "0");
        notify(scene, "terminated;reason=timeout", "");
    }
    scene.ends_clean();
}

#[test]
fn sub_1_a_subscribe_says_what_the_struct_says() {
    let mut scene = scene(
        &format!(
            "{SUBSCRIBE} set($s.expires=120); set($s.id=7); set($s.accept=\"text/plain\"); \
             subscription.create(s); postEvent(witness, var);"
        ),
        "",
    );
    let subscribe = subscribes(&mut scene).pop().expect("a SUBSCRIBE");
    assert_eq!(subscribe.uri.to_string(), format!("sip:bob@{PEER}"));
    assert_eq!(header(&subscribe, "Event"), "mwi;id=7");
    assert_eq!(header(&subscribe, "Expires"), "120");
    assert_eq!(header(&subscribe, "Accept"), "text/plain");
    assert_eq!(header(&subscribe, "To"), format!("<sip:bob@{PEER}>"));
    assert!(header(&subscribe, "From").starts_with(&format!("<sip:desk@{PEER}>;tag=")));
    assert_eq!(header(&subscribe, "Contact"), "<sip:desk@192.0.2.1:5060>");
    let created = told(&mut scene).remove(0);
    assert_eq!(created["errno"], "");
    assert_eq!(
        subscribe.headers.from_tag().unwrap().unwrap(),
        created["s.handle"]
    );
    respond(&mut scene, 403, "");
    end(&mut scene);
}

#[test]
fn sub_1_what_is_missing_or_wrong_is_no_subscription() {
    for (change, said) in [
        ("clear($s.user);", "$s.user"),
        ("clear($s.event);", "$s.event"),
        ("set($s.event=\"a b\");", "$s.event"),
        ("set($s.domain=\"a b\");", "$s.user"),
        ("set($s.user=\"bob@evil;x\");", "$s.user"),
        ("set($s.expires=soon);", "$s.expires"),
        ("set($s.proxy=\"<\");", "$s.proxy"),
        ("set($s.id=\"a;b\");", "$s.id"),
        ("sets($s.accept=\"a\\r\\nX: b\");", ""),
    ] {
        let mut scene = scene(
            &format!(
                "{SUBSCRIBE} set($s.handle=before); {change} subscription.create(s); postEvent(witness, var);"
            ),
            "",
        );
        if said.is_empty() {
            // It is one line with four strange characters.
            assert_eq!(subscribes(&mut scene).len(), 1);
            respond(&mut scene, 403, "");
        } else {
            let told = told(&mut scene).remove(0);
            assert_eq!(
                (&*told["errno"], &*told["s.handle"]),
                ("arg", ""),
                "{change}"
            );
            assert!(
                told["strerror"].contains(said),
                "{change}: {}",
                told["strerror"]
            );
            assert!(subscribes(&mut scene).is_empty());
        }
        end(&mut scene);
    }
}

#[test]
fn sub_2_a_notify_is_told_with_its_body() {
    let mut scene = scene(&format!("{SUBSCRIBE} subscription.create(s);"), "");
    respond(&mut scene, 200, "600");
    notify(&mut scene, "active;expires=599", "Messages-Waiting: yes");
    assert_eq!(scene.peer().statuses("NOTIFY"), [200]);
    let told = told(&mut scene).remove(0);
    let value = |name: &str| told[name].as_str();
    assert_eq!(value("status"), "active");
    assert_eq!((value("code"), value("reason")), ("0", ""));
    assert_eq!(value("has_body"), "true");
    assert_eq!(value("body"), "Messages-Waiting: yes");
    assert_eq!(value("type"), "application/simple-message-summary");
    assert_eq!(value("expires_in"), "599");
    assert_eq!(value("expires"), "1000000599");
    assert_eq!(value("about"), value("s.handle"));
    notify(&mut scene, "pending", "");
    assert_eq!(statuses(&mut scene), ["pending"]);
    end(&mut scene);
}

#[test]
fn sub_3_a_refusal_is_told_with_code_and_reason() {
    let mut scene = scene(&format!("{SUBSCRIBE} subscription.create(s);"), "");
    respond(&mut scene, 403, "");
    let told = told(&mut scene).remove(0);
    let value = |name: &str| told[name].as_str();
    assert_eq!(
        [
            value("status"),
            value("code"),
            value("reason"),
            value("has_body"),
            value("expires")
        ],
        ["failed", "403", "Forbidden", "false", "0"]
    );
    // It is over: what comes yet is for nobody.
    notify(&mut scene, "active;expires=600", "");
    assert_eq!(scene.peer().statuses("NOTIFY"), [481]);
    end(&mut scene);
}

#[test]
fn sub_4_a_refresh_asks_again_in_the_same_dialog() {
    let mut scene = scene(
        &format!("{SUBSCRIBE} set($s.expires=600); subscription.create(s);"),
        "set($errno=old); subscription.refresh($s.handle, 60); postEvent(witness, var);",
    );
    respond(&mut scene, 200, "600");
    notify(&mut scene, "active;expires=600", "");
    told(&mut scene);
    scene.press("1");
    let all = subscribes(&mut scene);
    assert_eq!(all.len(), 2);
    assert_eq!(header(&all[1], "Expires"), "60");
    assert!(header(&all[1], "To").ends_with(";tag=n"));
    assert_eq!(header(&all[1], "Call-ID"), header(&all[0], "Call-ID"));
    assert_eq!(all[1].headers.cseq().unwrap().number, 2);
    assert_eq!(told(&mut scene)[0]["errno"], "");
    respond(&mut scene, 200, "60");
    end(&mut scene);
}

#[test]
fn sub_5_a_handle_that_there_is_not_is_an_error_to_refresh_and_none_to_remove() {
    let mut scene = scene(
        "subscription.refresh(nohandle); set($first=$errno); subscription.refresh(nohandle, soon); \
         set($second=$errno); clear($errno); subscription.remove(nohandle); postEvent(witness, var);",
        "",
    );
    let told = told(&mut scene).remove(0);
    let value = |name: &str| told.get(name).map_or("", String::as_str);
    assert_eq!(
        [value("first"), value("second"), value("errno")],
        ["general", "arg", ""]
    );
    end(&mut scene);
}

#[test]
fn sub_6_without_expires_the_notifier_decides() {
    let mut scene = scene(
        &format!("{SUBSCRIBE} subscription.create($s);"),
        "subscription.refresh($s.handle);",
    );
    respond(&mut scene, 200, "600");
    notify(&mut scene, "active;expires=600", "");
    scene.press("1");
    respond(&mut scene, 200, "600");
    let expires: Vec<_> = subscribes(&mut scene)
        .iter()
        .map(|subscribe| subscribe.headers.expires().unwrap())
        .collect();
    assert_eq!(expires, [None, None]);
    end(&mut scene);
}

#[test]
fn sub_7_what_is_removed_is_terminated_by_its_last_notify() {
    let mut scene = scene(
        &format!("{SUBSCRIBE} set($s.expires=600); subscription.create(s);"),
        "subscription.remove($s.handle);",
    );
    respond(&mut scene, 200, "600");
    notify(&mut scene, "active;expires=600", "");
    told(&mut scene);
    scene.press("11");
    let all = subscribes(&mut scene);
    assert_eq!(all.len(), 2, "it is removed once");
    assert_eq!(header(&all[1], "Expires"), "0");
    respond(&mut scene, 200, "0");
    notify(&mut scene, "terminated;reason=timeout", "");
    let told = told(&mut scene).remove(0);
    assert_eq!((&*told["status"], &*told["why"]), ("terminated", "timeout"));
    end(&mut scene);
}

#[test]
fn a_removal_before_the_first_notify_waits_for_its_dialog() {
    let mut scene = scene(
        &format!("{SUBSCRIBE} subscription.create(s);"),
        "subscription.remove($s.handle);",
    );
    respond(&mut scene, 200, "600");
    scene.press("1");
    assert_eq!(subscribes(&mut scene).len(), 1);
    notify(&mut scene, "active;expires=600", "");
    let all = subscribes(&mut scene);
    assert_eq!((all.len(), &*header(&all[1], "Expires")), (2, "0"));
    respond(&mut scene, 481, "");
    assert_eq!(statuses(&mut scene), ["active", "terminated"]);
    end(&mut scene);
}

#[test]
fn sub_8_challenges_are_answered_for_the_realm_that_is_named() {
    let ask = |realm: &str, nonce: &str| {
        format!("Digest realm=\"{realm}\", nonce=\"{nonce}\", qop=\"auth\", algorithm=SHA-256")
    };
    for (change, realm, answered) in [
        ("", "any", "username=\"bob\""),
        ("set($s.auth_user=desk);", "any", "username=\"desk\""),
        ("set($s.auth_realm=home);", "home", "username=\"bob\""),
        ("set($s.auth_realm=home);", "elsewhere", ""),
    ] {
        let mut scene = scene(
            &format!("{SUBSCRIBE} set($s.pwd=secret); {change} subscription.create(s);"),
            "subscription.refresh($s.handle);",
        );
        let challenge = |scene: &mut Scene, nonce| {
            let subscribe = subscribes(scene).pop().unwrap();
            let status = StatusCode::new(401).unwrap();
            let mut response = Response::answering(&subscribe, status, Some("n"));
            let name = HeaderName::WwwAuthenticate;
            response.headers.push(name, ask(realm, nonce));
            scene.peer().send_raw(response.to_bytes());
            scene.run(50);
            subscribes(scene).pop().unwrap()
        };
        let again = challenge(&mut scene, "n1");
        assert!(
            header(&again, "Authorization").contains(answered),
            "{change}"
        );
        if answered.is_empty() {
            assert_eq!(subscribes(&mut scene).len(), 1);
            assert_eq!(told(&mut scene)[0]["code"], "401");
        } else {
            assert_eq!(again.headers.cseq().unwrap().number, 2);
            assert_eq!(header(&again, "Contact"), "<sip:desk@192.0.2.1:5060>");
            respond(&mut scene, 200, "600");
            notify(&mut scene, "active;expires=600", "");
            // The nonce is known, until it is another.
            scene.press("1");
            let refresh = subscribes(&mut scene).pop().unwrap();
            assert!(header(&refresh, "Authorization").contains("nc=00000002"));
            let refresh = challenge(&mut scene, "n2");
            assert!(header(&refresh, "Authorization").contains("nonce=\"n2\""));
            assert_eq!(refresh.headers.cseq().unwrap().number, 4);
            respond(&mut scene, 200, "600");
        }
        end(&mut scene);
    }
}

#[test]
fn sub_9_a_session_that_ends_leaves_no_subscription() {
    let mut scene = scene(
        &format!(
            "{SUBSCRIBE} subscription.create(s); set($s.event=dialog); subscription.create(s);"
        ),
        "",
    );
    // The second is not even answered yet.
    let second = subscribes(&mut scene).pop().unwrap();
    assert_eq!(header(&second, "Event"), "dialog");
    let status = StatusCode::OK;
    let first = subscribes(&mut scene).remove(0);
    let ok = Response::answering(&first, status, Some("n"));
    scene.peer().send_raw(ok.to_bytes());
    notify(&mut scene, "active;expires=600", "");
    scene.bye();
    let last = subscribes(&mut scene).pop().unwrap();
    assert_eq!(
        (&*header(&last, "Event"), &*header(&last, "Expires")),
        ("mwi", "0")
    );
    assert!(scene.is_over());
    respond(&mut scene, 200, "0");
    notify(&mut scene, "terminated;reason=timeout", "");
    assert_eq!(scene.peer().statuses("NOTIFY"), [200, 200]);
    scene.ends_clean();
}

#[test]
fn rfc6665_8_4_a_state_of_an_extension_ends_no_subscription() {
    let mut scene = scene(&format!("{SUBSCRIBE} subscription.create(s);"), "");
    respond(&mut scene, 200, "600");
    for state in ["asleep", "active;expires=600", "asleep;expires=600"] {
        notify(&mut scene, state, "");
    }
    assert_eq!(scene.peer().statuses("NOTIFY"), [200; 3]);
    assert_eq!(statuses(&mut scene), ["pending", "active", "active"]);
    // It is refreshed before it is over.
    scene.run(570_000);
    assert_eq!(subscribes(&mut scene).len(), 2);
    end(&mut scene);
}

#[test]
fn a_subscription_without_a_notify_times_out() {
    let mut scene = scene(&format!("{SUBSCRIBE} subscription.create(s);"), "");
    respond(&mut scene, 200, "600");
    scene.run(40_000);
    assert_eq!(statuses(&mut scene), ["timeout"]);
    end(&mut scene);
}

#[test]
fn one_that_may_expire_is_not_refreshed() {
    let mut scene = scene(
        &format!("{SUBSCRIBE} set($s.expires=60); set($s.refresh=false); subscription.create(s);"),
        "",
    );
    respond(&mut scene, 200, "60");
    notify(&mut scene, "active;expires=60", "");
    scene.run(100_000);
    assert_eq!(subscribes(&mut scene).len(), 1);
    assert_eq!(statuses(&mut scene), ["active", "timeout"]);
    end(&mut scene);
}

#[test]
fn a_notify_for_nothing_or_of_another_fork_gets_481_and_a_broken_one_400() {
    let mut scene = scene(
        &format!("{SUBSCRIBE} set($s.forks=false); subscription.create(s);"),
        "",
    );
    respond(&mut scene, 200, "600");
    notify(&mut scene, "a sleep", "");
    notify(&mut scene, "active;expires=600", "");
    // Out of order.
    scene.peer().cseq -= 2;
    notify(&mut scene, "active;expires=600", "");
    let subscribe = subscribes(&mut scene).remove(0);
    for (tag, call_id, event) in [
        ("fork", subscribe.headers.call_id().unwrap(), "mwi"),
        ("n", "other", "mwi"),
        ("n", subscribe.headers.call_id().unwrap(), "presence"),
    ] {
        let peer = scene.peer();
        peer.their_tag = subscribe.headers.from_tag().unwrap().map(Into::into);
        (peer.our_tag, peer.call_id) = (tag.to_owned(), call_id.to_owned());
        peer.extra = format!("Event: {event}\r\nSubscription-State: active\r\n");
        peer.request("NOTIFY", "");
        scene.run(50);
    }
    assert_eq!(
        scene.peer().statuses("NOTIFY"),
        [400, 200, 500, 481, 481, 481]
    );
    assert_eq!(statuses(&mut scene), ["active"]);
    scene.with_agent(|agent, now| agent.terminate(now));
    respond(&mut scene, 481, "");
    scene.ends_clean();
}

#[test]
fn an_empty_event_is_not_sent_and_a_423_is_obeyed() {
    let mut scene = scene(
        &format!("{SUBSCRIBE} set($s.event=\"\"); set($s.expires=5); subscription.create(s);"),
        "",
    );
    let first = subscribes(&mut scene).pop().unwrap();
    assert!(first.headers.get(&HeaderName::Event).is_none());
    let mut brief = Response::answering(&first, StatusCode::new(423).unwrap(), Some("n"));
    brief.headers.push(HeaderName::MinExpires, "60");
    scene.peer().send_raw(brief.to_bytes());
    scene.run(50);
    let again = subscribes(&mut scene).pop().unwrap();
    assert_eq!(
        (
            &*header(&again, "Expires"),
            again.headers.cseq().unwrap().number
        ),
        ("60", 2)
    );
    respond(&mut scene, 200, "60");
    notify(&mut scene, "active;expires=60", "");
    assert_eq!(statuses(&mut scene), ["active"]);
    end(&mut scene);
}

#[test]
fn what_scripts_begin_outside_calls_is_limited() {
    let limits = Limits {
        calls_per_second: 1,
        ..Limits::default()
    };
    let text = format!(
        "{SUBSCRIBE} for (x in range(0,10)) {{ subscription.create(s); }} postEvent(witness, var);"
    );
    let mut scene = scene_with(&text, "", limits);
    let last = told(&mut scene).remove(0);
    assert_eq!(last["errno"], "general");
    assert!(last["strerror"].contains("calls_per_second"));
    let first = subscribes(&mut scene);
    assert!(first.len() < 10);
    scene.with_agent(|agent, now| agent.terminate(now));
    scene.ends_clean();
}

#[test]
fn a_diagram_without_a_call_subscribes_too() {
    let text = format!(
        "import(mod_subscription);\ninitial state A;\n\
         transition \"up\" A - startup / {{ {SUBSCRIBE} subscription.create(s); }} -> A;\n{TELL}\n\
         transition \"end\" A - system / stop(false) -> A;\n"
    );
    let mut scene = Scene::new("test", None);
    scene.with_agent(|agent, now| agent.start_system(now, diagram("clerk", &text)));
    scene.run(50);
    respond(&mut scene, 200, "600");
    notify(&mut scene, "active;expires=600", "");
    assert_eq!(statuses(&mut scene), ["active"]);
    scene.with_agent(|agent, now| agent.drain(now));
    scene.run(50);
    let last = subscribes(&mut scene).pop().unwrap();
    assert_eq!(header(&last, "Expires"), "0");
    assert!(scene.agent().router.is_unsubscribing());
    respond(&mut scene, 200, "0");
    assert!(!scene.agent().router.is_unsubscribing());
    scene.ends_clean();
}
