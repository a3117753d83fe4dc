//! Inside an established call.

use muleteer::sip::message::HeaderName;

use super::{Scene, T1, diagram};

fn established() -> Scene {
    let mut scene = Scene::new("echo", None);
    scene.call();
    scene.media();
    scene.peer().inbox.clear();
    scene
}

/// Sends a re-INVITE; its statuses.
fn reinvite(scene: &mut Scene, body: &str) -> Vec<u16> {
    scene.peer().inbox.clear();
    scene.peer().request("INVITE", body);
    scene.run(100);
    scene.peer().statuses("INVITE")
}

#[test]
fn a_call_is_held_and_resumed() {
    let mut scene = established();
    for (direction, ours) in [
        ("sendonly", "recvonly"),
        ("inactive", "inactive"),
        ("recvonly", "sendonly"),
        ("sendrecv", "sendrecv"),
    ] {
        let offer = scene.peer().offer(direction);
        assert_eq!(reinvite(&mut scene, &offer), [200]);
        scene.peer().ack("");
        scene.run(100);
        let configured = format!("configure 192.0.2.9:40000 {ours}");
        assert_eq!(scene.media(), [configured]);
        let answer = scene.peer().last_response().body;
        let line = format!("a={ours}");
        assert!(String::from_utf8_lossy(&answer).contains(&line), "{line}");
    }
    let old = scene
        .peer()
        .offer("sendrecv")
        .replace("c=IN IP4 192.0.2.9", "c=IN IP4 0.0.0.0");
    assert_eq!(reinvite(&mut scene, &old), [200]);
    scene.peer().ack("");
    scene.run(100);
    assert_eq!(scene.media(), ["configure nowhere sendrecv"]);
    scene.bye();
    scene.ends_clean();
}

#[test]
fn a_bad_offer_is_refused_and_the_call_goes_on() {
    let mut scene = established();
    let no_codec = scene
        .peer()
        .offer("sendrecv")
        .replace("RTP/AVP 0 101", "RTP/AVP 18");
    for (offer, status) in [(no_codec.as_str(), 488), ("nonsense", 400)] {
        assert_eq!(reinvite(&mut scene, offer), [status]);
        scene.peer().same_branch("ACK");
        scene.run(100);
        assert!(scene.media().is_empty());
    }
    let offer = scene.peer().offer("sendonly");
    assert_eq!(reinvite(&mut scene, &offer), [200]);
    scene.peer().ack("");
    scene.run(100);
    scene.bye();
    scene.ends_clean();
}

#[test]
fn a_second_invite_beside_an_unanswered_one_is_too_early() {
    let text = "initial state A;\ntransition \"invite\" A - invite / playFile(slow.wav); -> A;\n\
                transition \"bye\" A - hangup / stop(false); -> A;\n";
    let mut scene = Scene::new("slow", diagram("slow", text));
    scene.agent().add_prompts(&["slow.wav"]);
    scene.agent().slow.insert("slow.wav".to_owned());
    scene.peer().invite();
    scene.run(100);
    let id = scene.last_call().id.to_string();
    scene.peer().their_tag = Some(id);
    let offer = scene.peer().offer("sendonly");
    assert_eq!(reinvite(&mut scene, &offer), [500]);
    let response = scene.peer().last_response();
    assert!(response.headers.get(&HeaderName::RetryAfter).is_some());
    scene.peer().same_branch("ACK");
    scene.with_agent(|agent, now| agent.release(now, "slow.wav"));
    scene.run(100);
    assert_eq!(scene.peer().last_response().status.code(), 200);
    scene.bye();
    scene.ends_clean();
}

#[test]
fn an_offer_that_crosses_ours_gets_491() {
    let mut scene = established();
    assert_eq!(reinvite(&mut scene, ""), [200]);
    let cseq = scene.peer().cseq;
    for offer in ["", &scene.peer().offer("sendonly")] {
        assert_eq!(reinvite(&mut scene, offer), [491]);
        scene.peer().same_branch("ACK");
    }
    let newest = std::mem::replace(&mut scene.peer().cseq, cseq);
    let answer = scene.peer().offer("sendrecv");
    scene.peer().ack(&answer);
    scene.peer().cseq = newest;
    scene.run(100);
    assert_eq!(scene.media(), ["configure 192.0.2.9:40000 sendrecv"]);
    scene.bye();
    scene.ends_clean();
}

#[test]
fn a_new_description_that_is_never_acknowledged_ends_the_call() {
    let mut scene = established();
    let offer = scene.peer().offer("sendonly");
    reinvite(&mut scene, &offer);
    scene.run(64 * T1 + 100);
    assert_eq!(scene.peer().count("BYE"), 1);
    scene.ends_clean();
}

#[test]
fn options_is_answered_inside_and_outside_a_call() {
    let mut scene = established();
    scene.peer().request("OPTIONS", "");
    scene.run(100);
    assert_eq!(scene.peer().statuses("OPTIONS"), [200]);
    let response = scene.peer().last_response();
    assert!(
        response
            .headers
            .text(&HeaderName::Allow)
            .unwrap()
            .contains("INVITE")
    );
    assert_eq!(
        response.headers.get(&HeaderName::Accept),
        Some(&b"application/sdp"[..])
    );
    scene.bye();
    scene.peer().new_call("anybody");
    scene.peer().request("OPTIONS", "");
    scene.run(100);
    assert_eq!(scene.peer().statuses("OPTIONS"), [200]);
    scene.ends_clean();
}

#[test]
fn what_belongs_to_no_call_gets_481() {
    let mut scene = established();
    let (tag, call_id) = (scene.peer().their_tag.clone(), scene.peer().call_id.clone());
    scene.peer().their_tag = Some("another".to_owned());
    scene.peer().request("BYE", "");
    scene.run(100);
    scene.peer().their_tag = tag;
    scene.peer().call_id = "another".to_owned();
    scene.peer().request("BYE", "");
    scene.run(100);
    assert_eq!(scene.peer().statuses("BYE"), [481, 481]);
    scene.peer().inbox.clear();
    scene.peer().call_id = call_id;
    scene.bye();
    scene.peer().request("OPTIONS", "");
    scene.run(100);
    assert_eq!(scene.peer().statuses("OPTIONS"), [481]);
    scene.ends_clean();
}

#[test]
fn requests_out_of_order_are_refused() {
    let mut scene = established();
    scene.peer().cseq = 0;
    scene.peer().request("BYE", "");
    scene.run(100);
    assert_eq!(scene.peer().statuses("BYE"), [500]);
    scene.peer().cseq = 100;
    scene.peer().inbox.clear();
    scene.bye();
    scene.ends_clean();
}

#[test]
fn our_bye_goes_through_the_proxies_that_recorded_themselves() {
    let text = "initial state A;\ntransition \"key\" A - key / stop(true); -> A;\n";
    let mut scene = Scene::new("routed", diagram("routed", text));
    scene.peer().contact = "sip:peer@198.51.100.7:5070".to_owned();
    scene.peer().extra = "Record-Route: <sip:192.0.2.9:5060;lr>\r\n\
                          Record-Route: <sip:198.51.100.3;lr>\r\n"
        .to_owned();
    scene.call();
    scene.press("1");
    let bye = scene.peer().last_request("BYE").expect("a BYE");
    assert_eq!(bye.uri.to_string(), "sip:peer@198.51.100.7:5070");
    let routes: Vec<_> = bye.headers.routes().unwrap();
    let routes: Vec<_> = routes.iter().map(|route| route.uri.to_string()).collect();
    assert_eq!(routes, ["sip:192.0.2.9:5060;lr", "sip:198.51.100.3;lr"]);
    scene.ends_clean();
}

#[test]
fn a_re_invite_moves_the_call_to_a_new_contact() {
    let text = "initial state A;\ntransition \"key\" A - key / stop(true); -> A;\n";
    let mut scene = Scene::new("moving", diagram("moving", text));
    scene.peer().contact = "sip:old@198.51.100.7".to_owned();
    scene.call();
    scene.peer().contact = "sip:new@192.0.2.9:5060".to_owned();
    let offer = scene.peer().offer("sendrecv");
    reinvite(&mut scene, &offer);
    scene.peer().ack("");
    scene.run(100);
    scene.press("1");
    let bye = scene.peer().last_request("BYE").expect("a BYE");
    assert_eq!(bye.uri.to_string(), "sip:new@192.0.2.9:5060");
    scene.ends_clean();
}
