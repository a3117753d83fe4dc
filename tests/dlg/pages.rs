//! The diagrams of `docs/calls.md` do what the page says.

use muleteer::config::ApplicationSelector;
use muleteer::session::Catalog;
use muleteer::sip::dialog::transfer::Refer;
use muleteer::sip::message::Method;

use crate::agent::{PEER, Scene, diagram};
use crate::support::pages::diagrams;

/// A call for the diagram with this number.
fn scene(number: usize, name: &str) -> Scene {
    let text = &diagrams("calls.md")[number];
    let mut application = diagram(name, text);
    application.config.insert("callee".into(), "bob".into());
    application.config.insert("expert".into(), "bob".into());
    application
        .config
        .insert("domain".into(), "192.0.2.9:5060".into());
    let mut scene = Scene::new(name, None);
    scene.agent().reload(Catalog::new([application]));
    scene
        .agent()
        .add_prompts(&["welcome.wav", "wake_up.wav", "menu.wav"]);
    scene
}

#[test]
fn an_answer_after_ringing() {
    let mut scene = scene(0, "ringing");
    scene.peer().invite();
    scene.run(2_900);
    assert_eq!(scene.peer().statuses("INVITE"), [180]);
    scene.run(200);
    assert_eq!(scene.peer().statuses("INVITE"), [180, 200]);
    scene.peer().ack("");
    scene.run(100);
    assert!(scene.media().contains(&"append welcome.wav".to_owned()));
    scene.all_played();
    scene.run(100);
    assert_eq!(scene.peer().count("BYE"), 1);
    scene.ends_clean();
}

#[test]
fn a_refusal_with_a_code() {
    let mut scene = scene(1, "closed");
    scene.peer().invite();
    scene.run(100);
    assert_eq!(scene.peer().statuses("INVITE"), [480]);
    assert!(
        scene
            .peer()
            .last_response()
            .headers
            .to_string()
            .contains("Retry-After: 3600\r\nX-Why: night")
    );
    scene.peer().same_branch("ACK");
    scene.ends_clean();
}

#[test]
fn a_call_out_with_an_announcement() {
    let mut scene = scene(2, "reminder");
    scene.call();
    let invite = scene.peer().last_request("INVITE").expect("a call");
    let answer = scene.peer().offer("sendrecv");
    scene.peer().respond(&invite, 200, "bob", &answer);
    scene.run(100);
    assert!(scene.media().contains(&"append wake_up.wav".to_owned()));
    scene.all_played();
    scene.run(200);
    assert_eq!(scene.peer().count("BYE"), 2);
    scene.ends_clean();
}

#[test]
fn a_transfer() {
    let mut scene = scene(3, "menu");
    scene.call();
    scene.press("1");
    scene.run(100);
    let refer = scene.peer().last_request("REFER").expect("a REFER");
    scene.peer().respond(&refer, 202, "", "");
    scene.run(100);
    scene.peer().content_type = "message/sipfrag";
    scene.peer().extra = "Event: refer\r\nSubscription-State: terminated\r\n".to_owned();
    scene.peer().request("NOTIFY", "SIP/2.0 200 OK");
    scene.run(200);
    assert_eq!(scene.peer().count("BYE"), 1);
    scene.ends_clean();
}

#[test]
fn an_attended_transfer() {
    let mut scene = scene(4, "consult");
    scene.call();
    let invite = scene.peer().last_request("INVITE").expect("a call");
    let answer = scene.peer().offer("sendrecv");
    scene.peer().respond(&invite, 200, "bob", &answer);
    scene.run(100);
    let refer = scene.peer().last_request("REFER").expect("a REFER");
    let headers = &invite.headers;
    let replaces = format!(
        "{};to-tag=bob;from-tag={}",
        headers.call_id().unwrap(),
        headers.from_tag().unwrap().unwrap()
    );
    let asked = Refer::read(&refer).unwrap();
    assert_eq!(asked.target.to_string(), format!("sip:peer@{PEER}"));
    assert_eq!(asked.replaces.unwrap().to_string(), replaces);
    scene.peer().respond(&refer, 603, "", "");
    scene.run(100);
    assert_eq!(scene.peer().count("BYE"), 1);
    scene.with_agent(|agent, now| agent.terminate(now));
    scene.ends_clean();
}

#[test]
fn a_call_that_moves_where_its_peer_sends_it() {
    let mut scene = scene(5, "moving");
    scene.call();
    scene.peer().extra = format!("Refer-To: <sip:bob@{PEER}>\r\n");
    scene.peer().request("REFER", "");
    scene.peer().extra.clear();
    scene.run(50);
    assert_eq!(scene.peer().statuses("REFER"), [202]);
    let invite = scene.peer().last_request("INVITE").expect("a call");
    assert_eq!(invite.uri.to_string(), format!("sip:bob@{PEER}"));
    let answer = scene.peer().offer("sendrecv");
    for (status, body) in [(180, ""), (200, &*answer)] {
        let notify = scene.peer().last_request("NOTIFY").expect("a NOTIFY");
        scene.peer().respond(&notify, 200, "", "");
        scene.peer().respond(&invite, status, "bob", body);
        scene.run(50);
    }
    let notify = scene.peer().last_request("NOTIFY").expect("a NOTIFY");
    scene.peer().respond(&notify, 200, "", "");
    let notifies = scene.peer().requests();
    let notifies = notifies.filter(|request| request.method.as_str() == "NOTIFY");
    let lines: Vec<_> = notifies
        .map(|notify| String::from_utf8_lossy(&notify.body).trim().to_owned())
        .collect();
    assert_eq!(
        lines,
        [
            "SIP/2.0 100 Trying",
            "SIP/2.0 180 Ringing",
            "SIP/2.0 200 OK"
        ]
    );
    scene.bye();
    scene.with_agent(|agent, now| agent.terminate(now));
    scene.run(50);
    let bye = scene.peer().last_request("BYE").expect("a BYE");
    scene.peer().respond(&bye, 200, "", "");
    scene.ends_clean();
}

#[test]
fn a_text_is_answered_by_a_text() {
    let mut scene = scene(6, "chat");
    let taken = (Method::Message, ApplicationSelector::RuriUser);
    scene.agent().serve(vec![taken]);
    let address = scene.peer().address;
    for (content_type, status) in [("text/plain", 202), ("text/html", 415)] {
        scene.peer().new_call("chat");
        scene.peer().content_type = content_type;
        scene.peer().request("MESSAGE", "hello");
        scene.run(50);
        assert_eq!(scene.peer().statuses("MESSAGE"), [status]);
        if status == 202 {
            let text = scene.peer().last_request("MESSAGE").expect("a text");
            assert_eq!(&*text.body, b"you said: hello");
            assert_eq!(text.uri.to_string(), format!("sip:peer@{address}"));
            scene.peer().respond(&text, 200, "peer", "");
            scene.run(50);
        }
        assert!(scene.is_over());
    }
    scene.ends_clean();
}

#[test]
fn a_diagram_that_subscribes_and_tries_again() {
    let mut application = diagram("watch", &diagrams("calls.md")[7]);
    for (key, value) in [("domain", PEER), ("password", "secret")] {
        application.config.insert(key.into(), value.into());
    }
    let mut scene = Scene::new("echo", None);
    scene.with_agent(|agent, now| agent.start_system(now, application));
    for number in 1..3 {
        scene.run(100);
        let subscribe = scene.peer().last_request("SUBSCRIBE");
        let subscribe = subscribe.expect("a SUBSCRIBE");
        scene.peer().respond(&subscribe, 404, "n", "");
        assert_eq!(scene.peer().count("SUBSCRIBE"), number);
        scene.run(60_000);
    }
    scene.with_agent(|agent, now| agent.drain(now));
    assert!(scene.is_over());
    scene.ends_clean();
}
