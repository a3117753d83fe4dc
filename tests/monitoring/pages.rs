//! The diagrams of `docs/monitoring.md` do what the page says.

use muleteer::session::Catalog;

use crate::agent::{Scene, diagram};
use crate::support::pages::diagrams;

fn scene(number: usize, name: &str) -> Scene {
    let mut application = diagram(name, &diagrams("monitoring.md")[number]);
    application.config.insert("name".into(), "Bob".into());
    let mut scene = Scene::new(name, None);
    scene.agent().reload(Catalog::new([application]));
    scene.agent().add_prompts(&["music.wav"]);
    scene
}

#[test]
fn a_lobby_is_emptied_by_whoever_opens_the_room() {
    let mut scene = scene(0, "lobby");
    scene.call();
    scene.peer().new_call("lobby");
    scene.call();
    let ids: Vec<_> = scene
        .agent()
        .calls
        .iter()
        .map(|call| call.id.to_string())
        .collect();
    let positions = |scene: &mut Scene| {
        let position = |id: &String| scene.agent().attribute(id, "position").unwrap();
        ids.iter().map(position).collect::<Vec<_>>()
    };
    assert_eq!(positions(&mut scene), ["lobby", "lobby"]);
    assert_eq!(
        scene.agent().attribute("statistics", "visitors").as_deref(),
        Some("2")
    );
    scene.press("9");
    assert_eq!(positions(&mut scene), ["room", "room"]);
    for call in 0..2 {
        let acts = &scene.agent().calls[call].acts;
        assert!(acts.iter().any(|act| act.starts_with("Take")), "{acts:?}");
    }
    scene.bye();
    scene.with_agent(|agent, now| agent.terminate(now));
    scene.run(100);
    let bye = scene.peer().last_request("BYE").expect("a BYE");
    scene.peer().respond(&bye, 200, "", "");
    scene.ends_clean();
}

#[test]
fn a_record_waits_for_a_call() {
    let mut scene = scene(1, "ticket");
    scene.call();
    let ticket = |name| scene.agent().attribute("ticket-17", name).unwrap();
    let attributes = ["caller", "callee", "app", "appParams"].map(ticket);
    assert_eq!(
        attributes,
        ["bob", "office", "welcome", r#"{"name":"Bob"}"#]
    );
}
