//! Calls that scripts place.

use muleteer::session::{Catalog, Limits};
use muleteer::sip::message::{HeaderName, Request, Response, StatusCode};

use super::{TELL, told, values};
use crate::agent::{PEER, Scene, diagram};

/// The call that is placed: it tells of all that happens to it.
const LEG: &str = r##"
import(mod_dlg);
initial state L enter { set($enable_reply_events=true); };
transition "start" L - start / { set($event=start); sets($self="@local_tag @user @domain @local_uri @remote_uri"); postEvent(witness, var); } -> L;
transition "reply" L - sipReply(#dlg_status != Trying); test(#code == 183) / { set($seen=#sip_code); set($pai=#hdr.P-Asserted-Identity); set($event=reply); postEvent(witness, var); } -> L;
transition "ringing" L - ringing / { set($event=ringing); set($code=#code); postEvent(witness, var); } -> L;
transition "early" L - early / { set($event=early); postEvent(witness, var); } -> L;
transition "up" L - sessionStart / { set($event=up); postEvent(witness, var); } -> L;
transition "failed" L - failed / { set($event=failed); set($code=#code); set($reason=#reason); postEvent(witness, var); } -> L;
transition "posted" L - event / { set($event=posted); dlg.reply(200, OK); postEvent(witness, var); } -> L;
transition "gone" L - hangup / { set($event=gone); postEvent(witness, var); stop(false); } -> L;
"##;

const CALL: &str =
    "set(a_caller=hotline); set(a_callee=bob); set(a_domain=\"192.0.2.9:5060\"); set(a_app=leg);";

/// A call that does these things when it is up, and the leg that it can place.
fn scene(actions: &str) -> Scene {
    with_limits(actions, Limits::default())
}

fn with_limits(actions: &str, limits: Limits) -> Scene {
    let text = format!(
        "import(mod_dlg);\ninitial state A;\ntransition \"up\" A - sessionStart / {{ {actions} }} -> A;\n\
         transition \"key\" A - key / {{ postEvent($a_ltag, a_caller); }} -> A;\n\
         transition \"gone\" A - hangup / stop(false) -> A;\n"
    );
    let mut scene = Scene::with_limits("test", None, limits);
    let catalog = || Catalog::new([diagram("test", &text), diagram("leg", LEG)]);
    scene.agent().reload(catalog());
    scene.call();
    scene
}

/// The INVITEs that the peer got.
fn invites(scene: &mut Scene) -> Vec<Request> {
    let requests = scene.peer().requests();
    let invites = requests.filter(|request| request.method.as_str() == "INVITE");
    invites.cloned().collect()
}

fn respond(scene: &mut Scene, status: u16) {
    let invite = invites(scene).pop().unwrap();
    let body = match status {
        183 | 200 => scene.peer().offer("sendrecv"),
        _ => String::new(),
    };
    scene.peer().respond(&invite, status, "bob", &body);
    scene.run(100);
}

/// Hangs the first call up and lets the second be cancelled or ended.
fn end(scene: &mut Scene) {
    scene.bye();
    scene.with_agent(|agent, now| agent.terminate(now));
    scene.ends_clean();
}

#[test]
fn dlg_32_34_36_a_call_is_placed_with_its_variables_and_headers() {
    let mut scene = scene(&format!(
        "{CALL} set(a_var.x=1); set(a_var.s.m=2); sets($a_hdrs=\"X-A: 1\\r\\nX-B: 2\"); dlg.dialout(a); {TELL}"
    ));
    let invite = invites(&mut scene).pop().unwrap();
    assert_eq!(invite.uri.to_string(), format!("sip:bob@{PEER}"));
    let from = invite.headers.from().unwrap();
    assert_eq!(from.uri.to_string(), format!("sip:hotline@{PEER}"));
    for (name, value) in [("X-A", "1"), ("X-B", "2")] {
        let name = HeaderName::parse(name.as_bytes()).unwrap();
        assert_eq!(invite.headers.text(&name).as_deref(), Some(value));
    }
    let told = told(&mut scene);
    let starts = told
        .iter()
        .find(|told| told.get("event").is_some())
        .unwrap();
    let caller = told
        .iter()
        .find(|told| told.contains_key("a_ltag"))
        .unwrap();
    assert_eq!(caller["errno"], "");
    assert_eq!(caller["a_ltag"], from.tag().unwrap());
    assert_eq!(
        (&*starts["event"], &*starts["x"], &*starts["s.m"]),
        ("start", "1", "2")
    );
    let own = format!(
        "{} hotline {PEER} sip:hotline@{PEER} sip:bob@{PEER}",
        caller["a_ltag"]
    );
    assert_eq!(starts["self"], own);
    respond(&mut scene, 486);
    end(&mut scene);
}

#[test]
fn dlg_33_37_what_is_missing_or_unknown_places_nothing() {
    for (change, errno, ltag) in [
        ("clear($a_domain);", "arg", "before"),
        ("set($a_r_uri=bob);", "arg", "before"),
        ("set($a_hdrs=bad);", "arg", "before"),
        ("set($a_app=nothing); clear($a_ltag);", "general", ""),
        ("set($a_ltag=@local_tag);", "general", ""),
        ("set($a_ltag=\"no token\");", "general", ""),
    ] {
        let mut scene = scene(&format!(
            "{CALL} set($a_ltag=before); {change} dlg.dialout(a); {TELL}"
        ));
        let told = told(&mut scene);
        assert_eq!(told.len(), 1, "{change}");
        let result = (
            &*told[0]["errno"],
            told[0].get("a_ltag").map_or("", |tag| tag),
        );
        assert_eq!(result, (errno, ltag), "{change}");
        assert!(invites(&mut scene).is_empty());
        scene.bye();
        scene.ends_clean();
    }
}

#[test]
fn dlg_38_a_second_call_gets_a_name_of_its_own() {
    let mut scene = scene(&format!(
        "{CALL} dlg.dialout(a); set($first=$a_ltag); dlg.dialout($a); {TELL}"
    ));
    let told = told(&mut scene);
    let caller = told.iter().find(|told| told.contains_key("first")).unwrap();
    assert_eq!(caller["errno"], "");
    assert_ne!(caller["first"], caller["a_ltag"]);
    assert!(!caller["a_ltag"].is_empty());
    let ids = invites(&mut scene);
    let ids: std::collections::BTreeSet<_> =
        ids.iter().map(|i| i.headers.call_id().unwrap()).collect();
    assert_eq!(ids.len(), 2);
    scene.bye();
    scene.with_agent(|agent, now| agent.terminate(now));
    scene.world.run_to_end(10_000);
}

#[test]
fn dlg_39_a_busy_callee() {
    let mut scene = scene(&format!("{CALL} dlg.dialout(a);"));
    told(&mut scene);
    respond(&mut scene, 180);
    respond(&mut scene, 486);
    let told = told(&mut scene);
    let words: Vec<_> = told
        .iter()
        .map(|told| format!("{} {}", told["event"], told["code"]))
        .collect();
    assert_eq!(words, ["ringing 180", "failed 486"]);
    assert_eq!(told[1]["reason"], "Busy Here");
    scene.bye();
    assert!(scene.is_over());
    scene.ends_clean();
}

#[test]
fn dlg_8_40_an_answered_call_hears_of_media_answer_and_posted_events() {
    let mut scene = scene(&format!("{CALL} dlg.dialout(a);"));
    told(&mut scene);
    respond(&mut scene, 183);
    respond(&mut scene, 200);
    scene.with_agent(|agent, now| agent.press(now, 0, '1'));
    scene.run(100);
    let told = told(&mut scene);
    let words: Vec<_> = told.iter().map(|told| told["event"].clone()).collect();
    assert_eq!(words, ["reply", "early", "up", "posted"]);
    assert_eq!(told[0]["seen"], "183");
    assert_eq!(
        told[3]["errno"], "general",
        "there is no INVITE to reply to"
    );
    end(&mut scene);
}

#[test]
fn what_the_server_starts_is_limited_and_counted_apart() {
    let limits = Limits {
        sessions: 2,
        ..Limits::default()
    };
    let mut scene = with_limits(
        &format!("{CALL} dlg.dialout(a); {TELL} dlg.dialout(a); {TELL}"),
        limits,
    );
    let errnos = values(&mut scene, "errno");
    assert!(errnos.contains(&"general".to_owned()), "{errnos:?}");
    let stats = scene.agent().stats.clone();
    assert_eq!(stats.calls_placed.value(), 1);
    assert_eq!(stats.calls_not_placed.sessions.value(), 1);
    assert_eq!(stats.calls_refused.sessions.value(), 0);
    respond(&mut scene, 486);
    end(&mut scene);
}

#[test]
fn dlg_35_a_challenge_is_answered_with_name_and_password() {
    let challenge = HeaderName::WwwAuthenticate;
    for (change, realm, answered) in [
        ("", "home", true),
        ("set($a_auth_realm=home);", "home", true),
        ("set($a_auth_realm=home);", "elsewhere", false),
    ] {
        let mut scene = scene(&format!(
            "{CALL} set($a_auth_user=u); set($a_auth_pwd=p); {change} dlg.dialout(a);"
        ));
        told(&mut scene);
        let invite = invites(&mut scene).pop().unwrap();
        let status = StatusCode::new(401).unwrap();
        let mut response = Response::answering(&invite, status, Some("bob"));
        let value =
            format!("Digest realm=\"{realm}\", nonce=\"n\", qop=\"auth\", algorithm=SHA-256");
        response.headers.push(challenge.clone(), value);
        scene.peer().send_raw(response.to_bytes());
        scene.run(100);
        let again = invites(&mut scene).pop().unwrap();
        let header = again.headers.text(&HeaderName::Authorization);
        let user = header
            .as_deref()
            .map(|header| header.contains("username=\"u\""));
        assert_eq!(user, answered.then_some(true), "{change} {realm}");
        if answered {
            respond(&mut scene, 486);
        }
        let told = told(&mut scene);
        let code = if answered { "486" } else { "401" };
        assert_eq!(told.last().map(|told| &*told["code"]), Some(code));
        scene.bye();
        scene.ends_clean();
    }
}

/// What the script of the second call has heard, and with which status.
fn heard(scene: &mut Scene) -> Vec<String> {
    let told = told(scene);
    let words = told.iter();
    words
        .map(|told| format!("{} {}", told["event"], told["code"]))
        .collect()
}

#[test]
fn a_call_that_rings_for_too_long_is_cancelled_and_fails_with_408() {
    let mut scene = scene(&format!("{CALL} dlg.dialout(a);"));
    told(&mut scene);
    respond(&mut scene, 180);
    scene.run(179_000);
    assert_eq!(scene.peer().count("CANCEL"), 0);
    scene.run(1_000);
    assert_eq!(scene.peer().count("CANCEL"), 1);
    let cancel = scene.peer().last_request("CANCEL").unwrap();
    scene.peer().respond(&cancel, 200, "bob", "");
    respond(&mut scene, 487);
    assert_eq!(heard(&mut scene), ["ringing 180", "failed 408"]);
    scene.bye();
    assert!(scene.is_over());
    scene.ends_clean();
}

#[test]
fn an_answer_that_crosses_the_end_of_ringing_is_acknowledged_and_ended() {
    let mut scene = scene(&format!("{CALL} dlg.dialout(a);"));
    told(&mut scene);
    respond(&mut scene, 180);
    scene.run(180_000);
    assert_eq!(scene.peer().count("CANCEL"), 1);
    respond(&mut scene, 200);
    let counts = ["ACK", "BYE"].map(|method| scene.peer().count(method));
    assert_eq!(counts, [1, 1]);
    assert_eq!(heard(&mut scene), ["ringing 180", "failed 408"]);
    scene.bye();
    assert!(scene.is_over());
    scene.ends_clean();
}
