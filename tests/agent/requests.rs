//! Requests that a diagram looks at before anything is done about them.

use super::{Scene, diagram};

/// A call with this switch and these transitions; every look at a request is so many milliseconds of
/// silence.
fn scene(transitions: &str) -> Scene {
    let text = format!(
        "initial state A enter {{ set($enable_request_events=true); }};\nstate B;\n{transitions}\n"
    );
    Scene::new("test", diagram("test", &text))
}

#[test]
fn a_request_is_told_before_what_it_does() {
    let mut scene = scene(
        "transition \"invite\" A - sipRequest(#method == INVITE); test(#cseq > 0) / playSilence(1); -> B;\n\
         transition \"call\" B - invite / playSilence(2); -> B;\n\
         transition \"options\" B - sipRequest(#method == OPTIONS); test(#content_type == application/sdp); test(#body == hello) / playSilence(3); -> B;\n\
         transition \"bye\" B - sipRequest(#method == BYE) / playSilence(4); -> B;\n\
         transition \"over\" B - hangup / { playSilence(5); stop(false); } -> B;",
    );
    scene.call();
    let silences = |scene: &mut Scene| {
        let words = scene.media();
        let silences = words.iter().filter(|word| word.contains("silence"));
        silences.cloned().collect::<Vec<_>>()
    };
    assert_eq!(
        silences(&mut scene),
        ["append silence(1ms)", "append silence(2ms)"]
    );
    scene.peer().request("INFO", "hello");
    scene.run(100);
    assert_eq!(
        silences(&mut scene),
        Vec::<String>::new(),
        "it is application/sdp"
    );
    assert_eq!(scene.peer().statuses("INFO"), [415]);
    scene.bye();
    assert_eq!(
        silences(&mut scene),
        ["append silence(4ms)", "append silence(5ms)"]
    );
    assert!(scene.is_over());
    scene.ends_clean();
}

#[test]
fn what_the_script_processed_the_server_leaves_alone() {
    let mut scene = scene(
        "transition \"mine\" A - sipRequest(#cseq > 2) / set(#processed=true); -> A;\n\
         transition \"key\" A - key / stop(true); -> A;\n\
         transition \"over\" A - hangup / stop(false); -> A;",
    );
    scene.call();
    scene.peer().request("INVITE", "");
    scene.run(100);
    assert_eq!(scene.peer().statuses("INVITE").last(), Some(&488));
    scene.bye();
    // The script has to end the call itself.
    assert!(!scene.is_over());
    scene.press("1");
    scene.run(100);
    assert!(scene.is_over());
    scene.ends_clean();
}

#[test]
fn an_invite_that_the_script_processed_is_not_answered() {
    let mut scene = scene(
        "transition \"mine\" A - sipRequest / set(#processed=true); -> A;\n\
         transition \"never\" A - invite / playSilence(1); -> A;",
    );
    scene.peer().invite();
    scene.run(1_000);
    assert_eq!(scene.peer().statuses("INVITE"), [180]);
    scene.run(200_000);
    assert_eq!(scene.peer().statuses("INVITE").last(), Some(&480));
    scene.ends_clean();
}

#[test]
fn a_request_waits_for_the_action_before_it_and_out_of_order_ones_are_refused_at_once() {
    let mut scene = scene(
        "transition \"key\" A - key / playFile(a.wav); -> A;\n\
         transition \"bye\" A - sipRequest(#method == BYE) / playSilence(4); -> A;",
    );
    scene.agent().add_prompts(&["a.wav"]);
    scene.call();
    scene.agent().slow.insert("a.wav".to_owned());
    scene.press("1");
    scene.peer().request("BYE", "");
    scene.run(100);
    assert_eq!(scene.peer().statuses("BYE"), Vec::<u16>::new());
    scene.with_agent(|agent, now| agent.release(now, "a.wav"));
    scene.run(1_000);
    assert_eq!(scene.peer().statuses("BYE"), [200]);
    assert!(scene.is_over());
    scene.ends_clean();
}

#[test]
fn rfc5057_5_1_the_script_hears_that_its_peer_is_gone() {
    let mut scene = scene(
        "transition \"key\" A - key / sendDTMF(1); -> A;\n\
         transition \"gone\" A - remoteDisappeared(#code == 481) / { playSilence(7); stop(false); } -> A;\n\
         transition \"over\" A - hangup / stop(false); -> A;",
    );
    use muleteer::config::{DigitDetection, DigitSending};
    scene
        .agent()
        .set_dtmf(DigitDetection::Auto, DigitSending::Info);
    scene.call();
    scene.press("1");
    let info = scene.peer().last_request("INFO").expect("an INFO");
    scene.peer().respond(&info, 481, "", "");
    scene.run(100);
    let heard = scene.media();
    assert!(
        heard.contains(&"append silence(7ms)".to_owned()),
        "{heard:?}"
    );
    assert_eq!(scene.peer().count("BYE"), 1);
    assert!(scene.is_over());
    scene.ends_clean();
}
