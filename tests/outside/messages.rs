//! Messages of scripts.

use muleteer::session::{Catalog, Limits};
use muleteer::sip::message::{HeaderName, Method, Request, Response, StatusCode};

use super::{header, send, serving, told};
use crate::agent::{PEER, Scene, diagram};

const TELL: &str = r##"
transition "reply" A - sipReply(#method == MESSAGE) / {
  set($code=#code); set($reason=#reason); set($whom=#to); postEvent(witness, var);
} -> A;
"##;

/// A call that does this when it is up.
fn scene(actions: &str) -> Scene {
    let text = format!(
        "import(mod_dlg);\ninitial state A;\n\
         transition \"up\" A - sessionStart / {{ {actions} }} -> A;\n{TELL}\n\
         transition \"gone\" A - hangup / stop(false) -> A;\n"
    );
    let mut scene = Scene::new("test", None);
    scene.agent().reload(Catalog::new([diagram("test", &text)]));
    scene.call();
    scene
}

fn message(scene: &mut Scene) -> Request {
    scene.peer().last_request("MESSAGE").expect("a MESSAGE")
}

fn respond(scene: &mut Scene, status: u16, more: &[(HeaderName, &str)]) {
    let message = message(scene);
    let status = StatusCode::new(status).unwrap();
    let mut response = Response::answering(&message, status, Some("m"));
    for (name, value) in more {
        response.headers.push(name.clone(), (*value).to_owned());
    }
    scene.peer().send_raw(response.to_bytes());
    scene.run(50);
}

#[test]
fn a_message_goes_out_in_the_name_of_the_call_and_its_answer_is_told() {
    let mut scene = scene(&format!(
        "set($dlg.message.hdrs=\"X-A: 1\"); dlg.message(\"sip:bob@{PEER}\", \"one, two\\r\\nthree\");"
    ));
    let sent = message(&mut scene);
    assert_eq!(sent.uri.to_string(), format!("sip:bob@{PEER}"));
    assert_eq!(header(&sent, "To"), format!("<sip:bob@{PEER}>"));
    assert!(header(&sent, "From").starts_with("<sip:test@192.0.2.1:5060>;tag="));
    assert_eq!(header(&sent, "Content-Type"), "text/plain");
    assert_eq!(header(&sent, "X-A"), "1");
    assert!(
        sent.headers.get(&HeaderName::Contact).is_none(),
        "RFC 3428 §4"
    );
    assert_eq!(&*sent.body, b"one, two\r\nthree");
    respond(&mut scene, 202, &[]);
    let told = told(&mut scene).remove(0);
    let value = |name: &str| told[name].as_str();
    assert_eq!([value("code"), value("reason")], ["202", "Accepted"]);
    assert_eq!(value("whom"), format!("<sip:bob@{PEER}>;tag=m"));
    scene.bye();
    scene.ends_clean();
}

#[test]
fn a_challenge_is_answered_and_silence_is_a_408() {
    let mut scene = scene(&format!(
        "set($dlg.message.from=\"Desk <sip:desk@example.com>\"); set($dlg.message.auth_user=desk); \
         set($dlg.message.auth_pwd=secret); dlg.message(sip:bob@{PEER}, hello, text/html);"
    ));
    assert_eq!(header(&message(&mut scene), "Content-Type"), "text/html");
    let ask = "Digest realm=\"r\", nonce=\"n\", qop=\"auth\"";
    respond(&mut scene, 407, &[(HeaderName::ProxyAuthenticate, ask)]);
    let again = message(&mut scene);
    assert!(header(&again, "Proxy-Authorization").contains("username=\"desk\""));
    assert!(
        header(&again, "From").starts_with("\"Desk\" <sip:desk@example.com>;tag=")
            || header(&again, "From").starts_with("Desk <sip:desk@example.com>;tag=")
    );
    assert_eq!(again.headers.cseq().unwrap().number, 2);
    scene.run(40_000);
    assert_eq!(told(&mut scene)[0]["code"], "408");
    scene.bye();
    scene.ends_clean();
}

#[test]
fn what_cannot_be_sent_is_said() {
    for (actions, said) in [
        ("dlg.message(bob, hello);", "bob"),
        ("dlg.message(mailto:bob@example.com, hello);", "mailto"),
        ("dlg.message(sip:bob@example.com, hello, html);", "html"),
        (
            "set($dlg.message.from=\"<\"); dlg.message(sip:bob@example.com, hello);",
            "$dlg.message.from",
        ),
        (
            "set($dlg.message.hdrs=\"To: x\"); dlg.message(sip:bob@example.com, hello);",
            "To",
        ),
        (
            "set($dlg.message.proxy=\"<\"); dlg.message(sip:bob@example.com, hello);",
            "$dlg.message.proxy",
        ),
    ] {
        let mut scene = scene(&format!("{actions} postEvent(witness, var);"));
        let told = told(&mut scene).remove(0);
        assert_eq!(told["errno"], "arg", "{actions}");
        assert!(told["strerror"].contains(said), "{}", told["strerror"]);
        assert_eq!(scene.peer().count("MESSAGE"), 0);
        scene.bye();
        scene.ends_clean();
    }
}

#[test]
fn a_session_has_only_so_many_messages_under_way() {
    let mut scene = scene(&format!(
        "for (x in range(0,65)) {{ dlg.message(sip:bob@{PEER}, hello); }} postEvent(witness, errno);"
    ));
    assert_eq!(told(&mut scene)[0]["errno"], "general");
    let mut ids: Vec<_> = scene
        .peer()
        .requests()
        .map(|r| header(r, "Call-ID"))
        .collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 64);
    scene.bye();
    scene.ends_clean();
}

#[test]
fn a_diagram_without_a_call_has_to_say_who_it_is() {
    let text = format!(
        "import(mod_dlg);\ninitial state A;\ntransition \"up\" A - startup / {{\n\
         dlg.message(sip:bob@{PEER}, hello); set($first=$errno);\n\
         set($dlg.message.from=\"sip:desk@example.com\"); dlg.message(sip:bob@{PEER}, hello);\n\
         postEvent(witness, var); }} -> A;\n{TELL}\n\
         transition \"end\" A - system / stop(false) -> A;\n"
    );
    let mut scene = Scene::new("test", None);
    scene.with_agent(|agent, now| agent.start_system(now, diagram("clerk", &text)));
    scene.run(50);
    let first = told(&mut scene).remove(0);
    assert_eq!((&*first["first"], &*first["errno"]), ("arg", ""));
    respond(&mut scene, 404, &[]);
    assert_eq!(told(&mut scene)[0]["code"], "404");
    scene.with_agent(|agent, now| agent.drain(now));
    scene.ends_clean();
}

#[test]
fn a_message_is_answered_by_a_message() {
    let text = format!(
        "initial state A;\ntransition \"asked\" A - sipRequest / {{ dlg.reply(200);\n\
         dlg.message(\"sip:peer@{PEER}\", \"you said: $(text)\"); }} -> A;\n\
         transition \"done\" A - sipReply / stop(false) -> A;\n"
    );
    let text = text.replace("\"you said: $(text)\"", "$text");
    let text = text.replace(
        "dlg.reply(200);",
        "sets($text=\"you said: #body\"); dlg.reply(200);",
    );
    let mut scene = serving(&[Method::Message], &text, Limits::default());
    send(&mut scene, "MESSAGE", "hello");
    assert_eq!(scene.peer().statuses("MESSAGE"), [200]);
    let sent = message(&mut scene);
    assert_eq!(&*sent.body, b"you said: hello");
    assert!(header(&sent, "From").starts_with("<sip:chat@192.0.2.1:5060>;tag="));
    respond(&mut scene, 200, &[]);
    assert!(scene.is_over());
    scene.ends_clean();
}
