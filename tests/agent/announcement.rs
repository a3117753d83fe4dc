//! The shipped announcement: which file is played, and the end.

use muleteer::config::ApplicationSelector;

use super::{Scene, shipped};

/// What comes before and after it.
const BEFORE: [&str; 4] = [
    "output None",
    "configure 192.0.2.9:40000 sendrecv",
    "receiving false",
    "digits false",
];
const AFTER: &str = "output Playlist";

/// What is played for `user` when these files are there.
fn played(user: &str, config: &[(&str, &str)], files: &[&str]) -> Vec<String> {
    let mut scene = scene(user, config, files);
    scene.call();
    let mut media = scene.media();
    assert_eq!(media[..4], BEFORE);
    assert_eq!(media.pop().as_deref(), Some(AFTER));
    media.split_off(4)
}

fn scene(user: &str, config: &[(&str, &str)], files: &[&str]) -> Scene {
    let application = shipped("announcement", config);
    let mut scene = Scene::new(user, application);
    scene.peer().request_uri = Some(format!("sip:{user}@example.net;app=announcement"));
    scene.agent().select_by(ApplicationSelector::RuriParam);
    scene.agent().add_prompts(files);
    scene
}

#[test]
fn the_file_of_the_domain_goes_before_that_of_the_user_and_the_default() {
    let files = ["example.net/bob.wav", "bob.wav", "default.wav"];
    for first in 0..files.len() {
        let expected = format!("append {}", files[first]);
        assert_eq!(played("bob", &[], &files[first..]), [expected]);
    }
}

#[test]
fn the_default_can_be_chosen() {
    let config = [("default_announce", "closed.wav")];
    let played = played("bob", &config, &["default.wav", "closed.wav"]);
    assert_eq!(played, ["append closed.wav"]);
}

#[test]
fn it_is_repeated_if_the_settings_say_so() {
    let played = played("bob", &[("loop", "true")], &["bob.wav"]);
    assert_eq!(played, ["append bob.wav looped"]);
}

#[test]
fn it_hangs_up_when_the_announcement_was_heard() {
    let mut scene = scene("bob", &[], &["bob.wav"]);
    scene.call();
    scene.run(10_000);
    assert_eq!(scene.peer().count("BYE"), 0);
    scene.all_played();
    assert_eq!(scene.peer().count("BYE"), 1);
    scene.ends_clean();
}

#[test]
fn without_any_file_it_hangs_up() {
    let mut scene = scene("bob", &[], &[]);
    scene.call();
    assert_eq!(scene.peer().count("BYE"), 1);
    scene.ends_clean();
}

#[test]
fn a_name_that_leaves_the_folder_counts_as_missing() {
    let files = ["../secret.wav", "example.net/../secret.wav", "default.wav"];
    let played = played("..%2Fsecret", &[], &files);
    assert_eq!(played, ["append default.wav"]);
}
