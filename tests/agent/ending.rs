//! How a session comes to its end.

use muleteer::dsm::Answer;
use muleteer::media::MediaEvent;
use muleteer::session::{ActionToken, SessionEvent};
use muleteer::sip::dialog::invite_usage::RequestToken;
use muleteer::sip::endpoint::Event;
use muleteer::sip::message::{Request, Response, StatusCode};

use super::outgoing::phone;
use super::{PEER, Scene, diagram};
use crate::support::agent::LINGER;

const LINGER_MS: u64 = LINGER.as_millis() as u64;

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
fn a_hang_up_that_nobody_handles_ends_the_session() {
    let mut scene = call_with("");
    scene.bye();
    assert!(scene.is_over());
    scene.ends_clean();
}

#[test]
fn a_handled_hang_up_without_stop_lingers_for_a_limited_time() {
    let mut scene = call_with(
        "transition \"bye\" A - hangup / setTimer(1, 5); -> A;\n\
         transition \"late work\" A - timer(#id == 1) / playFile(a.wav); -> A;",
    );
    scene.bye();
    scene.run(6_000);
    assert_eq!(scene.media(), ["append a.wav"]);
    scene.run(LINGER_MS - 6_200);
    assert!(!scene.is_over());
    scene.run(500);
    assert!(scene.is_over());
    scene.ends_clean();
}

#[test]
fn stop_ends_a_lingering_session() {
    let mut scene = call_with(
        "transition \"bye\" A - hangup / setTimer(1, 5); -> A;\n\
         transition \"late work\" A - timer(#id == 1) / stop(false); -> A;",
    );
    scene.bye();
    scene.run(5_000);
    assert!(scene.is_over());
    scene.ends_clean();
}

#[test]
fn a_dialog_that_is_over_takes_no_requests_while_its_session_lingers() {
    let mut scene = call_with("transition \"bye\" A - hangup / playFile(a.wav); -> A;");
    scene.bye();
    assert_eq!(scene.media(), ["append a.wav"]);
    scene.peer().request("BYE", "");
    scene.peer().request("OPTIONS", "");
    scene.run(100);
    assert_eq!(scene.peer().statuses("BYE"), [200, 481]);
    assert_eq!(scene.peer().statuses("OPTIONS"), [481]);
    assert!(scene.media().is_empty());
    scene.ends_clean();
}

#[test]
fn an_answer_in_an_ack_behind_the_bye_starts_nothing() {
    let text = "initial state A;\n\
                transition \"up\" A - sessionStart / playFile(a.wav); -> A;\n\
                transition \"bye\" A - hangup / set($gone=1); -> A;\n";
    let mut scene = Scene::new("test", diagram("test", text));
    scene.agent().add_prompts(&["a.wav"]);
    scene.peer().request("INVITE", "");
    scene.run(100);
    let answer = scene.peer().offer("sendrecv");
    let invite = scene.peer().cseq;
    scene.bye();
    scene.peer().cseq = invite;
    scene.peer().ack(&answer);
    scene.run(100);
    assert_eq!(scene.media(), ["output None"]);
    scene.ends_clean();
}

#[test]
fn byes_that_cross_end_both_sides() {
    let mut scene = call_with("transition \"key\" A - key / stop(true); -> A;");
    scene.peer().confirms_bye = false;
    scene.peer().request("BYE", "");
    scene.press("1");
    assert_eq!(scene.peer().statuses("BYE"), [200]);
    assert_eq!(scene.peer().count("BYE"), 1);
    assert!(scene.is_over());
    let bye = scene.peer().last_request("BYE").unwrap();
    scene.peer().respond(&bye, 481, "", "");
    scene.ends_clean();
}

#[test]
fn a_bye_that_nobody_answers_ends_the_session_all_the_same() {
    let mut scene = call_with("transition \"key\" A - key / stop(true); -> A;");
    scene.peer().confirms_bye = false;
    scene.press("1");
    scene.ends_clean();
    assert_eq!(scene.peer().count("BYE"), 11);
}

#[test]
fn silence_of_the_peer_ends_the_call_unless_the_diagram_does_not_watch() {
    let mut scene = call_with("");
    scene.hear(MediaEvent::RtpTimeout);
    assert_eq!(scene.peer().count("BYE"), 1);
    scene.ends_clean();

    let mut scene = call_with("transition \"key\" A - key / monitorRTPTimeout(false); -> A;");
    scene.press("1");
    scene.hear(MediaEvent::RtpTimeout);
    scene.run(10_000);
    assert_eq!(scene.peer().count("BYE"), 0);
    scene.bye();
    scene.ends_clean();

    let mut scene =
        call_with("transition \"quiet\" A - rtpTimeout / set(#processed=\"true\"); -> A;");
    scene.hear(MediaEvent::RtpTimeout);
    assert_eq!(scene.peer().count("BYE"), 0);
    scene.bye();
    scene.ends_clean();
}

#[test]
fn a_stream_that_failed_ends_the_call() {
    let mut scene = call_with("");
    scene.hear(MediaEvent::StreamFailed);
    assert_eq!(scene.peer().count("BYE"), 1);
    scene.ends_clean();
}

#[test]
fn shutdown_ends_a_call_unless_the_diagram_takes_care_of_it() {
    let mut scene = call_with("");
    scene.with_agent(|agent, now| agent.drain(now));
    scene.run(100);
    assert_eq!(scene.peer().count("BYE"), 1);
    scene.ends_clean();

    let mut scene = call_with(
        "transition \"down\" A - system(#type == \"ServerShutdown\") / {\n\
           set(#processed=\"true\"); playFile(a.wav); } -> A;\n\
         transition \"played\" A - noAudio / stop(true); -> A;",
    );
    scene.with_agent(|agent, now| agent.drain(now));
    scene.run(10_000);
    assert_eq!(scene.media(), ["append a.wav"]);
    assert_eq!(scene.peer().count("BYE"), 0);
    scene.all_played();
    assert_eq!(scene.peer().count("BYE"), 1);
    scene.ends_clean();
}

#[test]
fn what_shutdown_left_is_ended_when_the_patience_is_over() {
    let mut scene = call_with(
        "transition \"down\" A - system(#type == \"ServerShutdown\") / set(#processed=\"true\"); -> A;\n\
         transition \"bye\" A - hangup / set($x=1); -> A;",
    );
    scene.with_agent(|agent, now| agent.drain(now));
    scene.run(10_000);
    assert_eq!(scene.peer().count("BYE"), 0);
    scene.with_agent(|agent, now| agent.terminate(now));
    scene.run(100);
    assert_eq!(scene.peer().count("BYE"), 1);
    assert!(scene.is_over());
    scene.ends_clean();
}

#[test]
fn what_never_completes_does_not_keep_the_session() {
    let transitions = "transition \"key\" A - key / playFile(a.wav); -> A;\n\
                       transition \"bye\" A - hangup / stop(false); -> A;";
    let slow = || {
        let mut scene = call_with(transitions);
        scene.agent().slow.insert("a.wav".to_owned());
        scene.press("1");
        scene
    };
    let mut scene = slow();
    scene.bye();
    scene.run(LINGER_MS - 1_000);
    assert!(!scene.is_over());
    scene.run(1_000);
    assert!(scene.is_over());
    scene.ends_clean();

    // It completes after the hang-up: the hang-up is processed then, and ends the session.
    let mut scene = slow();
    scene.bye();
    scene.with_agent(|agent, now| agent.release(now, "a.wav"));
    assert!(scene.is_over());
    scene.ends_clean();

    // The server does not wait for it either.
    let mut scene = slow();
    scene.with_agent(|agent, now| agent.drain(now));
    scene.with_agent(|agent, now| agent.terminate(now));
    scene.run(100);
    assert!(scene.is_over());
    scene.ends_clean();
}

#[test]
fn an_action_that_waits_at_the_very_end_does_not_keep_the_session() {
    let mut scene = call_with(
        "transition \"bye\" A - hangup / stop(false); -> A;\n\
         transition \"last\" A - beforeDestroy / playFile(a.wav); -> A;",
    );
    scene.agent().slow.insert("a.wav".to_owned());
    scene.bye();
    assert!(!scene.is_over());
    scene.ends_clean();
}

#[test]
fn a_hang_up_does_not_wait_for_another_component() {
    let mut scene = call_with(
        "transition \"key\" A - key / { DI(never, answers); playSilence(1); } -> A;\n\
         transition \"bye\" A - hangup / { playSilence(2); stop(false); } -> A;",
    );
    scene.press("1");
    scene.media();
    scene.bye();
    assert_eq!(scene.media(), ["append silence(2ms)"]);
    assert!(scene.is_over());
    scene.ends_clean();
}

#[test]
fn a_full_mailbox_refuses_requests_and_nothing_breaks() {
    let mut scene = call_with("");
    for _ in 0..100 {
        let id = scene.last_call().id.clone();
        scene.agent().router.deliver(
            &id,
            SessionEvent::Performed(ActionToken(0), Ok(Answer::Nothing)),
        );
    }
    scene.peer().request("OPTIONS", "");
    scene.run(100);
    assert_eq!(scene.peer().statuses("OPTIONS"), [503]);
    scene.bye();
    scene.ends_clean();
}

#[test]
fn a_diagram_that_runs_in_circles_ends_its_call_and_nothing_else() {
    let mut scene = call_with(
        "transition \"round\" A - key(#key == 1) / repost(); -> A;\n\
         transition \"play\" A - key(#key == 2) / playFile(a.wav); -> A;\n\
         transition \"bye\" A - hangup / stop(false); -> A;",
    );
    scene.peer().new_call("test");
    scene.call();
    scene.media();
    scene.press("1");
    assert_eq!(scene.peer().count("BYE"), 1);
    scene.run(1_000);
    scene.with_agent(|agent, now| agent.press(now, 0, '2'));
    assert_eq!(
        scene.agent().calls[0].media.last().map(String::as_str),
        Some("append a.wav")
    );
    assert_eq!(scene.agent().live(), 1);
}

#[test]
fn a_flood_of_keys_does_not_displace_the_hang_up() {
    let mut scene = call_with(
        "transition \"slow\" A - key(#key == 1) / playFile(a.wav); -> A;\n\
         transition \"bye\" A - hangup / { playFile(b.wav); stop(false); } -> A;",
    );
    scene.agent().slow.insert("a.wav".to_owned());
    scene.press("1");
    for _ in 0..1_100 {
        scene.press("2");
    }
    scene.bye();
    scene.with_agent(|agent, now| agent.release(now, "a.wav"));
    scene.run(100);
    assert_eq!(scene.media(), ["append a.wav", "append b.wav"]);
    scene.ends_clean();
}

/// The peer sends 60 provisional responses to the request with this token while the session has no turn, and
/// then this final one.
fn flood(scene: &mut Scene, request: &Request, token: RequestToken, status: StatusCode) {
    let progress = Response::answering(request, StatusCode::SESSION_PROGRESS, Some("peer"));
    let end = Response::answering(request, status, Some("peer"));
    scene.with_agent(|agent, now| {
        let id = agent.calls[0].id.clone();
        let transaction = agent.router.client(&id, token).expect("a request of ours");
        for response in std::iter::repeat_n(progress, 60).chain([end]) {
            let event = Event::Response {
                transaction,
                response,
            };
            agent.router.handle_event(now, event);
        }
        agent.settle(now);
    });
}

#[test]
fn provisional_responses_to_our_bye_do_not_displace_its_end() {
    let mut scene = call_with("transition \"key\" A - key / stop(true); -> A;");
    scene.peer().confirms_bye = false;
    scene.press("1");
    let bye = scene.peer().last_request("BYE").unwrap();
    flood(&mut scene, &bye, RequestToken(0), StatusCode::OK);
    assert!(scene.is_over());
    scene.ends_clean();
}

#[test]
fn provisional_responses_to_our_invite_do_not_displace_the_end_of_a_cancelled_call() {
    let mut scene = Scene::new("nobody", None);
    let (dial, _reports) = phone(&format!("bob@{PEER}"), Vec::new());
    scene.with_agent(|agent, now| agent.dial(now, dial));
    scene.run(50);
    let invite = scene.peer().last_request("INVITE").unwrap();
    scene.peer().respond(&invite, 180, "peer", "");
    scene.run(50);
    scene.with_agent(|agent, now| agent.terminate(now));
    scene.run(50);
    let end = StatusCode::REQUEST_TERMINATED;
    flood(&mut scene, &invite, RequestToken(0), end);
    assert!(scene.is_over());
    scene.ends_clean();
}
