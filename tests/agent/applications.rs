//! What diagrams have of each other and of the call.

use muleteer::session::SessionEvent;

use super::{Scene, diagram};

/// Posts what it hears to the session that the proxy named, and plays what others post.
const CHAT: &str = r#"
initial state A;
transition "say" A - key(#key < 10) / {
  set($file="a.wav");
  postEvent($peer, file);
  if test($errno != "") {
    playFile(nobody.wav);
  }
} -> A;
transition "told" A - event / playFile(#file); -> A;
transition "bye" A - hangup / stop(false); -> A;
"#;

/// What a stream is told of a call in which nothing is played.
const CONNECTED: [&str; 3] = [
    "output None",
    "configure 192.0.2.9:40000 sendrecv",
    "output Playlist",
];

#[test]
fn sessions_post_events_to_each_other() {
    let mut scene = Scene::new("chat", diagram("chat", CHAT));
    scene.agent().add_prompts(&["a.wav", "nobody.wav"]);
    scene.call();
    let first = scene.last_call().id.clone();
    scene.peer().new_call("chat");
    scene.peer().extra = format!("P-App-Param: peer={first}\r\n");
    scene.call();
    scene.press("1");
    assert_eq!(
        scene.agent().calls[0].media.last().map(String::as_str),
        Some("append a.wav")
    );
    assert_eq!(scene.media(), CONNECTED);
    // The other one is gone.
    scene.with_agent(|agent, now| {
        let event = SessionEvent::Terminate;
        agent.tell(now, 0, event);
    });
    scene.run(100);
    scene.press("1");
    assert_eq!(scene.media(), ["append nobody.wav"]);
    scene.bye();
    scene.ends_clean();
}

#[test]
fn a_session_may_post_to_itself() {
    let text = "initial state A;\n\
                transition \"key\" A - key / { set($file=\"a.wav\"); postEvent(@local_tag, file); } -> A;\n\
                transition \"told\" A - event / playFile(#file); -> A;\n";
    let mut scene = Scene::new("self", diagram("self", text));
    scene.agent().add_prompts(&["a.wav"]);
    scene.call();
    scene.media();
    scene.press("1");
    assert_eq!(scene.media(), ["append a.wav"]);
    scene.bye();
    scene.ends_clean();
}

#[test]
fn events_wait_in_order_while_an_action_is_pending() {
    let text = "initial state A;\n\
                transition \"one\" A - key(#key == 1) / playFile(slow.wav); -> A;\n\
                transition \"two\" A - key(#key == 2) / playFile(a.wav); -> A;\n\
                transition \"three\" A - key(#key == 3) / flushPlaylist(); -> A;\n";
    let mut scene = Scene::new("order", diagram("order", text));
    scene.agent().add_prompts(&["slow.wav", "a.wav"]);
    scene.agent().slow.insert("slow.wav".to_owned());
    scene.call();
    scene.media();
    scene.press("1232");
    assert!(scene.media().is_empty());
    scene.with_agent(|agent, now| agent.release(now, "slow.wav"));
    assert_eq!(
        scene.media(),
        ["append slow.wav", "append a.wav", "flush", "append a.wav"]
    );
    scene.bye();
    scene.ends_clean();
}

#[test]
fn timers_fire_in_their_order_and_can_be_removed() {
    let text = "initial state A;\n\
                transition \"key\" A - key / { setTimer(1, 3); setTimer(2, 2); setTimer(3, 0); setTimer(4, 1); removeTimer(4); } -> A;\n\
                transition \"1\" A - timer(#id == 1) / playFile(1.wav); -> A;\n\
                transition \"2\" A - timer(#id == 2) / playFile(2.wav); -> A;\n\
                transition \"3\" A - timer(#id == 3) / playFile(3.wav); -> A;\n\
                transition \"4\" A - timer(#id == 4) / playFile(4.wav); -> A;\n";
    let mut scene = Scene::new("timers", diagram("timers", text));
    scene
        .agent()
        .add_prompts(&["1.wav", "2.wav", "3.wav", "4.wav"]);
    scene.call();
    scene.media();
    scene.press("1");
    assert_eq!(scene.media(), ["append 3.wav"]);
    scene.run(2_500);
    assert_eq!(scene.media(), ["append 2.wav"]);
    scene.run(1_000);
    assert_eq!(scene.media(), ["append 1.wav"]);
    scene.bye();
    scene.ends_clean();
}

#[test]
fn the_end_of_a_playlist_that_was_filled_anew_is_not_told() {
    let text = "initial state A;\n\
                transition \"key\" A - key / playFile(slow.wav); -> A;\n\
                transition \"end\" A - noAudio / playFile(end.wav); -> A;\n";
    let mut scene = Scene::new("late", diagram("late", text));
    scene.agent().add_prompts(&["slow.wav", "end.wav"]);
    scene.agent().slow.insert("slow.wav".to_owned());
    scene.call();
    scene.media();
    scene.press("1");
    scene.all_played();
    scene.with_agent(|agent, now| agent.release(now, "slow.wav"));
    assert_eq!(scene.media(), ["append slow.wav"]);
    scene.all_played();
    assert_eq!(scene.media(), ["append end.wav"]);
    scene.bye();
    scene.ends_clean();
}
