//! The diagrams of `docs/machine.md` do what the page says.

use std::fs;

use muleteer::session::Catalog;

use crate::agent::{Scene, diagram};
use crate::support::pages::diagrams;

fn scene(number: usize, name: &str, config: &[(&str, &str)]) -> Scene {
    let mut application = diagram(name, &diagrams("machine.md")[number]);
    let pairs = config
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    application.config.extend(pairs);
    let mut scene = Scene::new(name, None);
    scene.agent().reload(Catalog::new([application]));
    scene.agent().add_prompts(&["open.wav", "closed.wav"]);
    scene
}

/// A call that records, into a file that stands for what the file thread writes.
fn recording(folder: &tempfile::TempDir) -> (Scene, String) {
    let path = folder.path().display().to_string();
    let mailboxes = format!("{path}/mailboxes");
    let config = [
        ("recordings", &*path),
        ("mailboxes", &mailboxes),
        ("mailbox", "17"),
    ];
    let mut scene = scene(0, "mailbox", &config);
    scene.call();
    let name = format!("message-{}.wav", scene.last_call().id);
    fs::write(folder.path().join(&name), "sound").unwrap();
    (scene, name)
}

#[test]
fn a_message_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (mut scene, name) = recording(&folder);
    scene.press("1");
    let kept = folder.path().join("mailboxes/17").join(&name);
    assert_eq!(fs::read_to_string(kept).unwrap(), "sound");
    assert!(!folder.path().join(&name).exists());
    scene.bye();
    scene.ends_clean();
}

#[test]
fn a_message_is_thrown_away() {
    let folder = tempfile::tempdir().unwrap();
    let (mut scene, _) = recording(&folder);
    scene.bye();
    scene.ends_clean();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_command_says_whether_somebody_is_there() {
    for (is_open, prompt) in [("true", "open.wav"), ("false", "closed.wav")] {
        let config = [("is_open", is_open), ("waiting", "echo 3")];
        let mut scene = scene(1, "office", &config);
        scene.call();
        let media = scene.media();
        assert!(media.contains(&format!("append {prompt}")), "{media:?}");
    }
}
