//! What a server with limits refuses, and that it recovers.

use muleteer::session::Limits;
use muleteer::sip::message::HeaderName;

use super::Scene;

/// One attempt of a new call; its final status. Refusals are acknowledged.
fn attempt(scene: &mut Scene) -> u16 {
    scene.peer().new_call("echo");
    scene.peer().invite();
    scene.run(30);
    let status = scene.peer().last_response().status.code();
    match status {
        200 => scene.peer().ack(""),
        503 => {
            let response = scene.peer().last_response();
            assert!(response.headers.get(&HeaderName::RetryAfter).is_some());
            scene.peer().same_branch("ACK");
        }
        _ => scene.peer().same_branch("ACK"),
    }
    scene.run(30);
    status
}

#[test]
fn sessions_beyond_the_limit_get_503_until_one_ends() {
    let limits = Limits {
        sessions: 2,
        options_sessions: 2,
        ..Limits::default()
    };
    let mut scene = Scene::with_limits("echo", None, limits);
    assert_eq!(attempt(&mut scene), 200);
    assert_eq!(attempt(&mut scene), 200);
    let (call_id, tag) = (scene.peer().call_id.clone(), scene.peer().their_tag.clone());
    assert_eq!(attempt(&mut scene), 503);
    scene.peer().new_call("echo");
    scene.peer().request("OPTIONS", "");
    scene.run(30);
    assert_eq!(scene.peer().statuses("OPTIONS"), [503]);
    scene.peer().new_call("echo");
    scene.peer().call_id = call_id;
    scene.peer().their_tag = tag;
    scene.peer().cseq = 10;
    scene.bye();
    assert_eq!(attempt(&mut scene), 200);
    assert_eq!(scene.agent().stats.calls_refused.sessions.value(), 1);
    scene.with_agent(|agent, now| agent.terminate(now));
    scene.ends_clean();
    assert_eq!(scene.agent().stats.sessions_active.value(), 0);
}

#[test]
fn calls_per_second_are_an_average_over_five_seconds() {
    let limits = Limits {
        calls_per_second: 2,
        ..Limits::default()
    };
    let mut scene = Scene::with_limits("echo", None, limits);
    let burst: Vec<u16> = (0..12).map(|_| attempt(&mut scene)).collect();
    assert_eq!(burst, [vec![200; 10], vec![503; 2]].concat());
    scene.run(5_000);
    assert_eq!(attempt(&mut scene), 200);
    scene.with_agent(|agent, now| agent.terminate(now));
    scene.ends_clean();
}

#[test]
fn a_draining_server_refuses_new_calls_and_goes_on_with_old_ones() {
    let mut scene = Scene::new("echo", super::diagram("calm", CALM));
    scene.peer().user = "calm".to_owned();
    scene.call();
    scene.with_agent(|agent, now| agent.drain(now));
    scene.run(100);
    let (call_id, tag) = (scene.peer().call_id.clone(), scene.peer().their_tag.clone());
    assert_eq!(attempt(&mut scene), 503);
    assert_eq!(scene.peer().last_response().reason, "Server shutting down");
    scene.peer().new_call("calm");
    scene.peer().request("OPTIONS", "");
    scene.run(30);
    assert_eq!(scene.peer().statuses("OPTIONS"), [503]);
    scene.peer().new_call("calm");
    scene.peer().call_id = call_id;
    scene.peer().their_tag = tag;
    scene.peer().cseq = 10;
    scene.bye();
    scene.ends_clean();
}

const CALM: &str = r#"
initial state A;
transition "down" A - system(#type == "ServerShutdown") / set(#processed="true"); -> A;
"#;
