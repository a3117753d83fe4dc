//! The diagrams of `docs/calls.md` do what the page says.

use std::fs;
use std::path::Path;

use muleteer::session::Catalog;

use crate::agent::{Scene, diagram};

/// The diagrams of the page in order.
fn diagrams() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/calls.md");
    let page = fs::read_to_string(path).expect("the page exists");
    let blocks = page.split("```dsm\n").skip(1);
    let text = |block: &str| block.split("```").next().unwrap_or_default().to_owned();
    blocks.map(text).collect()
}

/// A call for the diagram with this number.
fn scene(number: usize, name: &str) -> Scene {
    let text = &diagrams()[number];
    let mut application = diagram(name, text);
    application.config.insert("callee".into(), "bob".into());
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
    assert_eq!(scene.peer().statuses("INVITE"), [100, 180]);
    scene.run(200);
    assert_eq!(scene.peer().statuses("INVITE"), [100, 180, 200]);
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
    assert_eq!(scene.peer().statuses("INVITE"), [100, 480]);
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
