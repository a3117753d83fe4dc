//! What rows of the checklist say of a call, on calls in virtual time.

use crate::agent::{Scene, diagram};

/// A call with a diagram of one state and these transitions.
fn call_with(transitions: &str) -> Scene {
    let text = format!("initial state A;\n{transitions}\n");
    let mut scene = Scene::new("test", diagram("test", &text));
    scene.agent().add_prompts(&["a.wav", "b.wav"]);
    scene.call();
    scene.media();
    scene
}

#[test]
fn row_044_a_diagram_that_cannot_start_refuses_its_calls() {
    let mut scene = Scene::new("test", diagram("test", "state A;\n"));
    scene.peer().invite();
    scene.run(100);
    assert_eq!(scene.peer().statuses("INVITE"), [500]);
}

#[test]
fn row_202_stop_hangs_up_behind_the_running_list() {
    let mut scene = call_with(
        "transition \"t\" A - key / { stop(false); playFile(a.wav); } -> B;\n\
         state B enter { playFile(b.wav); };",
    );
    scene.press("1");
    assert_eq!(scene.media(), ["append a.wav", "append b.wav"]);
    assert_eq!(scene.peer().count("BYE"), 1);
    scene.ends_clean();
}

#[test]
fn row_203_stop_with_true_hangs_up_at_once() {
    let mut scene =
        call_with("transition \"t\" A - key / { stop(true); playFile(slow.wav); } -> A;");
    scene.agent().add_prompts(&["slow.wav"]);
    scene.agent().slow.insert("slow.wav".to_owned());
    scene.press("1");
    assert_eq!(scene.peer().count("BYE"), 1, "the list is not at its end");
    scene.with_agent(|agent, now| agent.release(now, "slow.wav"));
    scene.run(100);
    assert_eq!(scene.peer().count("BYE"), 1);
    scene.ends_clean();
}

#[test]
fn row_205_a_hang_up_nobody_handles_ends_the_session() {
    let mut scene = call_with("transition \"t\" A - key -> A;");
    scene.bye();
    assert!(scene.is_over());
    scene.ends_clean();
}

#[test]
fn rows_209_and_211_a_timer_fires_once_after_its_last_time() {
    let mut scene = call_with(
        "transition \"set\" A - key / { setTimer(1, 5); setTimer(1, 9); } -> A;\n\
         transition \"fired\" A - timer(#id == 1) / playFile(a.wav); -> A;",
    );
    scene.press("1");
    scene.run(8_800);
    assert!(scene.media().is_empty());
    scene.run(400);
    assert_eq!(scene.media(), ["append a.wav"]);
    scene.run(20_000);
    assert!(scene.media().is_empty());
    scene.bye();
    scene.ends_clean();
}

#[test]
fn row_212_an_emptied_playlist_tells_nothing() {
    let mut scene = call_with(
        "transition \"play\" A - key(#key == 1) / playFile(a.wav); -> A;\n\
         transition \"flush\" A - key(#key == 2) / flushPlaylist(); -> A;\n\
         transition \"end\" A - noAudio / playFile(b.wav); -> A;",
    );
    scene.press("12");
    scene.run(1_000);
    assert_eq!(scene.media(), ["append a.wav", "flush"]);
    scene.bye();
    scene.ends_clean();
}
