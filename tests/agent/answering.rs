//! From the INVITE to the ACK.

use muleteer::sip::message::HeaderName;

use super::{Scene, T1, diagram};
use crate::support::agent::LINGER;

/// Answers only when a prompt has been loaded.
const SLOW: &str = r#"
initial state START;
state WAIT;
transition "invite" START - invite / playFile(slow.wav); -> WAIT;
transition "hangup" (START, WAIT) - hangup / stop(false); -> WAIT;
"#;

fn slow() -> Scene {
    let mut scene = Scene::new("slow", diagram("slow", SLOW));
    scene.agent().add_prompts(&["slow.wav"]);
    scene.agent().slow.insert("slow.wav".to_owned());
    scene
}

#[test]
fn an_answer_is_repeated_for_64_t1_and_then_the_call_is_ended() {
    let mut scene = Scene::new("echo", None);
    scene.peer().invite();
    scene.run(64 * T1);
    // After 0, 0.5, 1.5, 3.5 s, and then every 4 s.
    assert_eq!(scene.peer().statuses("INVITE"), [200; 11]);
    assert_eq!(scene.peer().count("BYE"), 0);
    scene.run(100);
    assert_eq!(scene.peer().count("BYE"), 1);
    scene.ends_clean();
}

#[test]
fn one_ack_ends_the_repetition() {
    let mut scene = Scene::new("echo", None);
    scene.peer().invite();
    scene.run(3 * T1);
    scene.peer().ack("");
    scene.run(64 * T1);
    assert_eq!(scene.peer().statuses("INVITE"), [200; 2]);
    scene.bye();
    scene.ends_clean();
}

#[test]
fn a_hang_up_of_ours_waits_for_the_ack() {
    let text = "initial state A;\nstate B;\n\
                transition \"up\" A - sessionStart / stop(true); -> B;\n";
    let mut scene = Scene::new("brief", diagram("brief", text));
    scene.peer().invite();
    scene.run(2_000);
    assert_eq!(scene.peer().count("BYE"), 0);
    scene.peer().ack("");
    scene.run(100);
    assert_eq!(scene.peer().count("BYE"), 1);
    assert!(scene.is_over());
    scene.ends_clean();
}

#[test]
fn a_bye_of_the_caller_before_its_ack_ends_the_call() {
    let mut scene = Scene::new("echo", None);
    scene.peer().invite();
    scene.run(100);
    scene.bye();
    assert!(scene.is_over());
    scene.ends_clean();
}

#[test]
fn a_diagram_that_waits_answers_when_it_has_what_it_waits_for() {
    let mut scene = slow();
    scene.peer().invite();
    scene.run(5_000);
    assert_eq!(scene.peer().statuses("INVITE"), [180]);
    scene.with_agent(|agent, now| agent.release(now, "slow.wav"));
    scene.run(100);
    assert_eq!(scene.peer().statuses("INVITE"), [180, 200]);
    scene.peer().ack("");
    scene.run(100);
    scene.bye();
    scene.ends_clean();
}

#[test]
fn rfc3261_13_3_1_1_a_caller_who_waits_hears_of_it_every_minute_but_not_for_ever() {
    let mut scene = slow();
    scene.peer().invite();
    scene.run(170_000);
    assert_eq!(scene.peer().statuses("INVITE"), [180, 180, 180]);
    scene.run(10_100);
    assert_eq!(scene.peer().statuses("INVITE"), [180, 180, 180, 480]);
    scene.peer().ack("");
    // What the diagram waits for never comes: it is given up with the time for lingering.
    scene.run(61_000);
    scene.ends_clean();
}

#[test]
fn a_cancelled_call_gets_487_at_once_while_its_diagram_waits() {
    let mut scene = slow();
    scene.peer().invite();
    scene.run(100);
    scene.peer().same_branch("CANCEL");
    scene.run(100);
    assert_eq!(scene.peer().statuses("CANCEL"), [200]);
    assert_eq!(scene.peer().statuses("INVITE"), [487]);
    scene.peer().same_branch("ACK");
    scene.run(100);
    assert_eq!(scene.agent().live(), 1, "the diagram still waits");
    scene.with_agent(|agent, now| agent.release(now, "slow.wav"));
    scene.run(100);
    assert!(scene.is_over());
    assert_eq!(scene.peer().statuses("INVITE"), [487]);
    scene.ends_clean();
}

#[test]
fn a_prompt_that_never_comes_does_not_keep_a_cancelled_call() {
    let mut scene = slow();
    scene.peer().invite();
    scene.run(100);
    scene.peer().same_branch("CANCEL");
    scene.run(100);
    scene.peer().same_branch("ACK");
    scene.run(LINGER.as_millis() as u64);
    assert!(scene.is_over());
    scene.ends_clean();
}

#[test]
fn a_cancel_that_crosses_the_answer_changes_nothing() {
    let mut scene = Scene::new("echo", None);
    scene.peer().invite();
    scene.run(15);
    scene.peer().same_branch("CANCEL");
    scene.run(100);
    assert_eq!(scene.peer().statuses("CANCEL"), [200]);
    assert_eq!(scene.peer().statuses("INVITE"), [200]);
    scene.peer().ack("");
    scene.bye();
    scene.ends_clean();
}

#[test]
fn a_cancel_of_nothing_gets_481() {
    let mut scene = Scene::new("echo", None);
    scene.peer().request("CANCEL", "");
    scene.run(100);
    assert_eq!(scene.peer().statuses("CANCEL"), [481]);
    scene.ends_clean();
}

#[test]
fn without_an_offer_ours_is_answered_in_the_ack() {
    let mut scene = Scene::new("echo", None);
    scene.peer().request("INVITE", "");
    scene.run(100);
    scene.answer_our_offer();
    scene.bye();
    scene.ends_clean();
}

#[test]
fn an_ack_without_a_usable_answer_ends_the_call() {
    let g729 = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n\
                m=audio 40000 RTP/AVP 18\r\na=rtpmap:18 G729/8000\r\n";
    for answer in ["", "nonsense", g729] {
        let mut scene = Scene::new("echo", None);
        scene.peer().request("INVITE", "");
        scene.run(100);
        scene.peer().ack(answer);
        scene.run(100);
        assert_eq!(scene.peer().count("BYE"), 1, "{answer}");
        assert!(scene.is_over(), "{answer}");
        assert!(scene.media().is_empty(), "{answer}");
        scene.ends_clean();
    }
}

#[test]
fn offers_that_cannot_be_met_are_refused() {
    for (offer, status) in [
        ("v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nt=0 0\r\n", 488),
        ("nonsense", 400),
    ] {
        let mut scene = Scene::new("echo", None);
        scene.peer().request("INVITE", offer);
        scene.run(100);
        assert_eq!(scene.peer().statuses("INVITE"), [status]);
        scene.peer().same_branch("ACK");
        assert!(scene.is_over());
        scene.ends_clean();
    }
}

#[test]
fn an_invite_that_begins_no_dialog_gets_400() {
    let mut scene = Scene::new("echo", None);
    scene.peer().extra = "Contact: <sip:second@192.0.2.9>\r\n".to_owned();
    scene.peer().invite();
    scene.run(100);
    assert_eq!(scene.peer().statuses("INVITE"), [400]);
    scene.peer().same_branch("ACK");
    scene.ends_clean();
}

#[test]
fn rfc3261_8_1_1_8_a_contact_that_a_bye_cannot_go_to_gets_400() {
    let mut scene = Scene::new("echo", None);
    let contact = std::mem::replace(&mut scene.peer().contact, "tel:+123".to_owned());
    scene.peer().invite();
    scene.run(100);
    assert_eq!(scene.peer().statuses("INVITE"), [400]);
    scene.peer().same_branch("ACK");
    scene.ends_clean();

    let mut scene = Scene::new("echo", None);
    scene.call();
    scene.peer().contact = "tel:+123".to_owned();
    scene.peer().invite();
    scene.run(100);
    assert_eq!(scene.peer().statuses("INVITE").last(), Some(&400));
    scene.peer().same_branch("ACK");
    scene.peer().contact = contact;
    scene.bye();
    scene.ends_clean();
}

#[test]
fn nobody_answers_for_an_application_that_is_not_there() {
    let mut scene = Scene::new("nobody", None);
    scene.peer().invite();
    scene.run(100);
    assert_eq!(scene.peer().statuses("INVITE"), [404]);
    scene.peer().same_branch("ACK");
    scene.ends_clean();
    assert!(scene.agent().calls.is_empty());
}

#[test]
fn the_answer_says_what_the_dialog_needs() {
    let mut scene = Scene::new("echo", None);
    scene.peer().extra = "Record-Route: <sip:192.0.2.9;lr>\r\n".to_owned();
    scene.peer().invite();
    scene.run(100);
    let response = scene.peer().last_response();
    let text = |name| response.headers.text(&name).unwrap().into_owned();
    assert_eq!(text(HeaderName::Contact), "<sip:192.0.2.1:5060>");
    assert_eq!(text(HeaderName::RecordRoute), "<sip:192.0.2.9;lr>");
    assert_eq!(text(HeaderName::ContentType), "application/sdp");
    let id = scene.last_call().id.to_string();
    assert_eq!(response.headers.to().unwrap().tag(), Some(id.as_str()));
}

#[test]
fn rfc3261_13_3_1_an_invite_that_expires_gets_487() {
    let text = "initial state A;\ntransition \"invite\" A - invite / playFile(slow.wav); -> A;\n\
                transition \"bye\" A - hangup / stop(false); -> A;\n";
    let mut scene = Scene::new("slow", diagram("slow", text));
    scene.agent().slow.insert("slow.wav".to_owned());
    scene.peer().extra = "Expires: 10\r\n".to_owned();
    scene.peer().invite();
    scene.run(9_900);
    assert_eq!(scene.peer().statuses("INVITE"), [180]);
    scene.run(200);
    assert_eq!(scene.peer().statuses("INVITE").last(), Some(&487));
    scene.ends_clean();
}

#[test]
fn rfc3262_3_an_operator_may_require_reliable_provisional_responses() {
    use muleteer::sip::dialog::capabilities::ReliablePolicy;
    use muleteer::sip::message::HeaderName;
    let mut scene = Scene::new("echo", None);
    scene.agent().set_reliable(ReliablePolicy::Required);
    scene.peer().invite();
    scene.run(100);
    assert_eq!(scene.peer().statuses("INVITE"), [421]);
    let required = scene.peer().last_response();
    assert_eq!(
        required.headers.get(&HeaderName::Require),
        Some(&b"100rel"[..])
    );
    scene.ends_clean();
}
