//! What callers hear of the actions of a diagram, and what is heard of them.

use super::{Scene, diagram};
use crate::support::audio::{level, ms_of, silent_ms, sine};

/// Does `actions` when the session starts; reports keys and separators to `on_key`.
fn scene(actions: &str) -> Scene {
    let text = format!(
        "initial state START; state TALK; state END;
         transition \"go\" START - sessionStart / {{ {actions} }} -> TALK;
         transition \"failed\" START - exception / {{
           sets($what=\"#(type) #(cause)\");
           playFile($what);
         }} -> TALK;
         transition \"1\" TALK - key(#key == 1) / disconnectMedia(); -> TALK;
         transition \"2\" TALK - key(#key == 2) / connectMedia(); -> TALK;
         transition \"3\" TALK - key(#key == 3) / addSeparator(3); -> TALK;
         transition \"4\" TALK - timer(#id == 4) / {{ enableReceiving(); unmute(); enableDTMFDetection(); }} -> TALK;
         transition \"all heard\" TALK - noAudio / addSeparator(99); -> TALK;
         transition \"bye\" (START, TALK, END) - hangup / stop(false); -> END;"
    );
    let mut scene = Scene::new("menu", diagram("menu", &text));
    scene.open_studio();
    scene.call();
    scene
}

fn hears(scene: &mut Scene, ms: u64) -> Vec<i16> {
    scene.heard();
    scene.run(ms);
    scene.heard().0
}

#[test]
fn a_ring_tone_has_its_frequencies_and_its_rhythm() {
    let mut scene = scene(
        "set($r.length=6000); set($r.on=1000); set($r.off=2000); set($r.f=440); set($r.f2=480);
         playRingtone(r, false);",
    );
    scene.run(7_000);
    let heard = scene.heard().0;
    assert_eq!(heard.len(), 6_000 * 8);
    for second in [0, 3] {
        let sounding = &heard[second * 8_000..(second + 1) * 8_000];
        for hertz in [440.0, 480.0] {
            assert!(level(sounding, hertz) > 3_000.0, "{second} {hertz}");
        }
    }
    assert!(silent_ms(&heard) >= 3_980, "{}", silent_ms(&heard));
    assert!(scene.media().contains(&"append separator(99)".to_owned()));
}

#[test]
fn a_ring_tone_without_length_and_pause_is_endless_and_steady() {
    let mut scene = scene("set($r.f=440); playRingtone($r, false);");
    let heard = hears(&mut scene, 20_000);
    assert!(ms_of(&heard, 440.0) >= 19_900, "{}", ms_of(&heard, 440.0));
}

#[test]
fn a_ring_tone_in_front_interrupts_what_plays() {
    let mut scene =
        scene("playSilence(1000); set($r.length=500); set($r.f=440); playRingtone(r, true);");
    scene.run(2_000);
    let heard = scene.heard().0;
    assert_eq!(heard.len(), 1_500 * 8);
    assert!(ms_of(&heard[..500 * 8], 440.0) >= 480);
    assert!(silent_ms(&heard[500 * 8..]) >= 980);
}

#[test]
fn numbers_that_are_no_tone_are_exceptions() {
    for (member, value) in [
        ("length", "-1"),
        ("f", "-440"),
        ("on", "99999999999"),
        ("f", "x"),
    ] {
        let actions = format!("set($r.{member}={value}); playRingtone(r, false);");
        let text = "initial state START; state END;
             transition \"go\" START - sessionStart / { ACTIONS } -> END;
             transition \"failed\" START - exception; test(#type == \"core\") / stop(true); -> END;";
        let mut scene = Scene::new("menu", diagram("menu", &text.replace("ACTIONS", &actions)));
        scene.call();
        scene.run(100);
        assert_eq!(scene.peer().count("BYE"), 1, "{actions}");
    }
}

#[test]
fn silence_is_sent_for_its_length() {
    let mut scene = scene("playSilence(700);");
    scene.run(2_000);
    let heard = scene.heard().0;
    assert_eq!((heard.len(), silent_ms(&heard)), (700 * 8, 700));
}

#[test]
fn a_separator_in_front_is_reached_at_once() {
    let text = "initial state START; state END;
         transition \"go\" START - sessionStart / {
           playSilence(5000); addSeparator(7); addSeparator(8, true);
         } -> START;
         transition \"mark\" START - separator / { sendDTMF(#id); } -> START;
         transition \"bye\" (START, END) - hangup / stop(false); -> END;";
    let mut scene = Scene::new("menu", diagram("menu", text));
    scene.open_studio();
    scene.call();
    scene.run(1_000);
    assert_eq!(scene.heard().1, "8");
    scene.run(6_000);
    assert_eq!(scene.heard().1, "7");
}

#[test]
fn while_muted_nothing_is_sent_and_time_passes() {
    let mut scene = scene(
        "mute(); set($r.length=3000); set($r.f=440); playRingtone(r, false); setTimer(4, 1);",
    );
    let heard = hears(&mut scene, 4_000);
    let ms = ms_of(&heard, 440.0);
    assert!((1_950..=2_150).contains(&ms), "{ms}");
}

#[test]
fn keys_come_unless_nobody_listens_or_detection_is_off() {
    for (actions, before, after) in [
        ("", 1, 2),
        ("disableDTMFDetection(); setTimer(4, 2);", 0, 1),
        ("disableReceiving(); setTimer(4, 2);", 0, 1),
        (
            "disableReceiving(); enableForceDTMFReceiving(); setTimer(4, 2);",
            1,
            2,
        ),
        (
            "disableReceiving(); enableForceDTMFReceiving(); disableForceDTMFReceiving(); setTimer(4, 2);",
            0,
            1,
        ),
        (
            "enableForceDTMFReceiving(); disableDTMFDetection(); setTimer(4, 2);",
            0,
            1,
        ),
    ] {
        let mut scene = scene(actions);
        let marks = |scene: &mut Scene| {
            let media = &scene.last_call().media;
            media
                .iter()
                .filter(|words| *words == "append separator(3)")
                .count()
        };
        scene.run(500);
        scene.keys("3");
        assert_eq!(marks(&mut scene), before, "{actions}");
        scene.run(2_500);
        scene.keys("3");
        assert_eq!(marks(&mut scene), after, "{actions}");
    }
}

#[test]
fn keys_are_sent_one_after_the_other() {
    let mut scene = scene("sendDTMF(11); sendDTMFSequence(\"1a2*D\", 100);");
    scene.run(3_000);
    assert_eq!(scene.heard().1, "#12*D");
}

#[test]
fn while_media_is_disconnected_nothing_is_played_and_the_playlist_waits() {
    let mut scene = scene("set($r.length=4000); set($r.f=440); playRingtone(r, false);");
    let heard = hears(&mut scene, 1_000);
    assert!(ms_of(&heard, 440.0) >= 900);
    scene.keys("1");
    assert_eq!(hears(&mut scene, 1_000).len(), 0);
    scene.says(&sine(600.0, 200));
    scene.keys("2");
    let heard = hears(&mut scene, 5_000);
    let ms = ms_of(&heard, 440.0);
    assert!((2_500..3_000).contains(&ms), "{ms}");
}
