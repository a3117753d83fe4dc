//! The shipped demo, from the first prompt to the end of the call.

use super::{Scene, shipped};

fn scene() -> Scene {
    let mut scene = Scene::new("demo", shipped("demo", &[]));
    scene.agent().add_prompts(&[
        "demo/menu.wav",
        "demo/announcement.wav",
        "demo/enter_digits.wav",
        "demo/you_entered.wav",
        "demo/nothing_heard.wav",
        "demo/invalid.wav",
        "demo/goodbye.wav",
        "digits/4.wav",
        "digits/2.wav",
        "digits/star.wav",
    ]);
    scene
}

fn in_menu() -> Scene {
    let mut scene = scene();
    scene.call();
    assert_eq!(
        scene.media(),
        [
            "output None",
            "configure 192.0.2.9:40000 sendrecv",
            "append demo/menu.wav",
            "output Playlist"
        ]
    );
    scene
}

#[test]
fn key_1_plays_the_announcement_and_leads_back_to_the_menu() {
    let mut scene = in_menu();
    scene.press("1");
    assert_eq!(scene.media(), ["flush", "append demo/announcement.wav"]);
    scene.all_played();
    assert_eq!(scene.media(), ["append demo/menu.wav"]);
    scene.bye();
    scene.ends_clean();
}

#[test]
fn a_key_cuts_the_announcement_short() {
    let mut scene = in_menu();
    scene.press("15");
    assert_eq!(
        scene.media(),
        [
            "flush",
            "append demo/announcement.wav",
            "flush",
            "append demo/menu.wav"
        ]
    );
}

#[test]
fn key_2_reads_digits_back_in_order() {
    let mut scene = in_menu();
    scene.press("2");
    assert_eq!(scene.media(), ["flush", "append demo/enter_digits.wav"]);
    scene.press("42*");
    assert_eq!(scene.media(), ["flush", "flush", "flush"]);
    scene.press("#");
    assert_eq!(
        scene.media(),
        [
            "flush",
            "append demo/you_entered.wav",
            "append digits/4.wav",
            "append digits/2.wav",
            "append digits/star.wav"
        ]
    );
    scene.all_played();
    assert_eq!(scene.media(), ["append demo/menu.wav"]);
}

#[test]
fn a_pause_ends_the_row_of_digits() {
    let mut scene = in_menu();
    scene.press("24");
    scene.media();
    scene.run(2_900);
    assert!(scene.media().is_empty());
    scene.run(200);
    assert_eq!(
        scene.media(),
        [
            "flush",
            "append demo/you_entered.wav",
            "append digits/4.wav"
        ]
    );
}

#[test]
fn no_digits_at_all_are_read_back_as_such() {
    let mut scene = in_menu();
    scene.press("2");
    scene.all_played();
    scene.media();
    scene.run(8_100);
    assert_eq!(scene.media(), ["flush", "append demo/nothing_heard.wav"]);
}

#[test]
fn key_9_says_goodbye_and_hangs_up_when_it_was_heard() {
    let mut scene = in_menu();
    scene.press("9");
    assert_eq!(scene.media(), ["flush", "append demo/goodbye.wav"]);
    scene.run(5_000);
    assert_eq!(scene.peer().count("BYE"), 0);
    scene.all_played();
    assert_eq!(scene.peer().count("BYE"), 1);
    assert!(scene.is_over());
    scene.ends_clean();
}

#[test]
fn silence_is_reminded_of_once_and_then_ends_the_call() {
    let mut scene = in_menu();
    scene.all_played();
    scene.run(7_900);
    assert!(scene.media().is_empty());
    scene.run(200);
    assert_eq!(
        scene.media(),
        ["append demo/nothing_heard.wav", "append demo/menu.wav"]
    );
    scene.all_played();
    scene.run(8_100);
    assert_eq!(scene.media(), ["flush", "append demo/goodbye.wav"]);
    scene.all_played();
    assert_eq!(scene.peer().count("BYE"), 1);
    scene.ends_clean();
}

#[test]
fn an_unknown_key_is_said_to_be_invalid() {
    let mut scene = in_menu();
    scene.press("7");
    assert_eq!(
        scene.media(),
        ["flush", "append demo/invalid.wav", "append demo/menu.wav"]
    );
}

#[test]
fn the_caller_may_hang_up_in_every_state() {
    type Way = fn(&mut Scene);
    let ways: [(&str, Way); 6] = [
        ("MENU", |_| {}),
        ("CHOOSE", Scene::all_played),
        ("ANNOUNCEMENT", |scene| scene.press("1")),
        ("COLLECT", |scene| scene.press("24")),
        ("READ_BACK", |scene| scene.press("24#")),
        ("GOODBYE", |scene| scene.press("9")),
    ];
    for (state, way) in ways {
        let mut scene = in_menu();
        way(&mut scene);
        scene.bye();
        assert!(scene.is_over(), "{state}");
        assert_eq!(scene.agent().router.table_entries(), 0, "{state}");
        assert_eq!(scene.peer().count("BYE"), 0, "{state}");
        scene.ends_clean();
    }
}

#[test]
fn the_caller_may_hang_up_before_the_session_starts_and_while_it_ends() {
    // START: the offer is ours, and its answer never comes.
    let mut scene = scene();
    scene.peer().request("INVITE", "");
    scene.run(100);
    scene.bye();
    assert!(scene.is_over());
    assert_eq!(scene.media(), ["output None"]);
    // END: our BYE is out.
    let mut scene = in_menu();
    scene.peer().confirms_bye = false;
    scene.press("9");
    scene.all_played();
    scene.peer().request("BYE", "");
    scene.run(100);
    assert_eq!(scene.peer().statuses("BYE"), [200]);
    assert!(scene.is_over());
    scene.ends_clean();
}

#[test]
fn a_missing_prompt_ends_the_call() {
    let mut scene = scene();
    scene.agent().prompts.remove("demo/menu.wav");
    scene.peer().invite();
    scene.run(50);
    scene.peer().ack("");
    scene.run(100);
    assert_eq!(scene.peer().count("BYE"), 1);
    scene.ends_clean();
}
