//! In which order a session processes what happens.

use std::sync::Arc;
use std::time::Instant;

use muleteer::dsm::Answer;
use muleteer::session::event::Params;
use muleteer::session::system::SystemStart;
use muleteer::session::{
    ActionToken, Occasion, SessionCore, SessionEvent, SessionId, SessionOutput, SystemSession,
};

use super::{Scene, diagram};

fn posted(name: &str) -> SessionEvent {
    SessionEvent::Posted(Arc::new(Params::from([(
        "name".to_owned(),
        name.to_owned(),
    )])))
}

#[test]
fn what_an_event_gives_rise_to_comes_before_what_happened_meanwhile() {
    let text = "initial state A;\n\
                transition \"invite\" A - invite / playFile(a.wav); -> A;\n\
                transition \"posted\" A - event / playSilence(1); -> A;\n\
                transition \"up\" A - sessionStart / playSilence(2); -> A;";
    let mut scene = Scene::new("test", diagram("test", text));
    scene.agent().add_prompts(&["a.wav"]);
    scene.agent().slow.insert("a.wav".to_owned());
    scene.peer().invite();
    scene.run(100);
    scene.with_agent(|agent, now| agent.tell(now, 0, posted("meanwhile")));
    scene.run(100);
    // The default answer follows the invite event and starts the session at once.
    scene.with_agent(|agent, now| agent.release(now, "a.wav"));
    scene.run(100);
    let words = scene.media();
    let place = |word: &str| words.iter().position(|one| one.contains(word));
    assert!(place("(2ms)") < place("(1ms)"), "{words:?}");
}

#[test]
fn an_answer_that_nobody_waits_for_is_ignored() {
    let text = "initial state A;\n\
                transition \"key\" A - key / { playFile(a.wav); playSilence(1); } -> A;";
    let mut scene = Scene::new("test", diagram("test", text));
    scene.agent().add_prompts(&["a.wav"]);
    scene.call();
    scene.agent().slow.insert("a.wav".to_owned());
    scene.press("1");
    scene.media();
    for token in 0..3 {
        let stale = || SessionEvent::Performed(ActionToken(token), Ok(Answer::Nothing));
        scene.with_agent(|agent, now| agent.tell(now, 0, stale()));
    }
    scene.run(100);
    assert_eq!(scene.media(), Vec::<String>::new());
    scene.with_agent(|agent, now| agent.release(now, "a.wav"));
    scene.run(100);
    assert_eq!(scene.media().len(), 2);
    scene.bye();
    scene.ends_clean();
}

#[test]
fn a_queue_belongs_to_its_session_and_goes_with_it() {
    let text = "initial state A;\n\
                transition \"up\" A - sessionStart / registerEventQueue(desk); -> A;\n\
                transition \"key\" A - key(#key == 1) / { set($errno=none); postEvent(desk); sets($x=\"errno <$(errno)>\"); log(1, $x); } -> A;\n\
                transition \"away\" A - key(#key == 2) / unregisterEventQueue(desk); -> A;\n\
                transition \"posted\" A - event / playSilence(1); -> A;";
    let call = || {
        let mut scene = Scene::new("test", diagram("test", text));
        scene.call();
        scene.media();
        scene.press("1");
        assert_eq!(scene.media().len(), 1);
        scene
    };
    let mut scene = call();
    scene.press("2");
    scene.press("1");
    assert_eq!(scene.media().len(), 0);
    scene.bye();
    scene.ends_clean();

    let mut scene = call();
    scene.bye();
    scene.ends_clean();
}

#[test]
fn a_system_diagram_processes_nothing_behind_its_stop() {
    let text = "initial state A;\n\
                transition \"up\" A - startup / DI(slow, work) -> A;\n\
                transition \"end\" A - event(#name == end) / stop(false) -> A;\n\
                transition \"late\" A - event(#name == late) / registerEventQueue(late) -> A;";
    let start = SystemStart::new(diagram("test", text), Occasion::Startup);
    let mut session = SystemSession::new(SessionId("test".into()), &start, None).unwrap();
    let now = Instant::now();
    session.begin(now);
    let Some(SessionOutput::Perform { token, .. }) = session.poll_output() else {
        panic!("it waits for work")
    };
    session.handle_event(now, posted("end"));
    session.handle_event(now, posted("late"));
    session.handle_event(now, SessionEvent::Performed(token, Ok(Answer::Nothing)));
    let next = session.poll_output();
    assert!(matches!(next, Some(SessionOutput::Ended)), "{next:?}");
}

#[test]
fn the_number_of_timers_is_bounded() {
    let text = "initial state A;\n\
                transition \"up\" A - sessionStart / {\n\
                  for (i in range(0, 1001)) { setTimer($i, 100); }\n\
                  if test($errno == arg) { playSilence(7); }\n\
                  setTimer(5, 100);\n\
                  if test($errno == \"\") { playSilence(8); }\n\
                } -> A;";
    let mut scene = Scene::new("test", diagram("test", text));
    scene.call();
    let words = scene.media().join(", ");
    assert!(
        words.contains("(7ms)") && words.contains("(8ms)"),
        "{words}"
    );
    scene.bye();
    scene.ends_clean();
}
