//! In which order a session processes what happens.

use muleteer::dsm::Answer;
use muleteer::session::event::Params;
use muleteer::session::{ActionToken, SessionEvent};

use super::{Scene, diagram};

fn posted(name: &str) -> SessionEvent {
    SessionEvent::Posted(Box::new(Params::from([(
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
