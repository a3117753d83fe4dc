//! The diagrams of `docs/values.md` do what the page says.

use std::fs;
use std::path::Path;

use super::queued;
use crate::agent::{Scene, diagram};

/// The diagram with this number.
fn text(number: usize) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/values.md");
    let page = fs::read_to_string(path).expect("the page exists");
    let mut blocks = page.split("```dsm\n").skip(1);
    let text = blocks.nth(number).expect("a diagram");
    text.split("```").next().unwrap_or_default().to_owned()
}

/// A call for a diagram; there are the sounds that are shipped.
fn scene(text: &str) -> Scene {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut scene = Scene::new("test", diagram("test", text));
    for folder in ["demo", "digits", "numbers"] {
        for file in fs::read_dir(root.join("audio").join(folder)).expect("sounds") {
            let name = file.expect("a sound").file_name();
            let name = format!("{folder}/{}", name.to_str().expect("a plain name"));
            scene.agent().add_prompts(&[&name]);
        }
    }
    scene
}

#[test]
fn a_number_is_said() {
    for (keys, expected) in [
        ("0#", "numbers/0.wav"),
        (
            "4*321#",
            "numbers/4000.wav numbers/300.wav numbers/20.wav numbers/x1.wav",
        ),
        (
            "40000#",
            "digits/4.wav digits/0.wav digits/0.wav digits/0.wav digits/0.wav",
        ),
    ] {
        let mut scene = scene(&text(0));
        scene.call();
        scene.media();
        scene.press(keys);
        let mut queued = queued(&mut scene);
        assert_eq!(queued.remove(0), "demo/you_entered.wav");
        assert_eq!(queued.join(" "), expected);
        scene.all_played();
        scene.run(100);
        assert_eq!(scene.peer().count("BYE"), 1);
        scene.ends_clean();
    }
}

#[test]
fn every_number_of_the_shipped_words_can_be_said() {
    let mut scene = scene(&text(0));
    scene.call();
    for number in ["9999#", "1000#", "7019#"] {
        scene.media();
        scene.press(number);
        assert!(
            !queued(&mut scene)
                .iter()
                .any(|file| file.starts_with("digits/"))
        );
    }
}

#[test]
fn callers_are_greeted_in_their_language() {
    for (language, file) in [
        ("de", "welcome_de.wav"),
        ("en", "welcome_en.wav"),
        ("../secret", "welcome_en.wav"),
    ] {
        let mut scene = scene(&text(1));
        scene
            .agent()
            .add_prompts(&["welcome_de.wav", "welcome_en.wav"]);
        scene.peer().extra = format!("X-Language: {language}\r\n");
        scene.peer().invite();
        scene.run(100);
        scene.peer().extra.clear();
        scene.peer().ack("");
        scene.run(100);
        assert_eq!(queued(&mut scene), [file]);
        scene.bye();
        scene.ends_clean();
    }
}

#[test]
fn a_caller_of_one_name_is_refused() {
    let text = text(1).replace("\"anonymous\"", "\"pee\"");
    let mut scene = scene(&text);
    scene.peer().invite();
    scene.run(100);
    assert_eq!(scene.peer().statuses("INVITE"), [433]);
    scene.peer().same_branch("ACK");
    scene.ends_clean();
}
