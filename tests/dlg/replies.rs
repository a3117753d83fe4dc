//! Replies to the caller's INVITE.

use muleteer::sip::message::HeaderName;

use super::{TELL, on_invite, ring, values};
use crate::agent::Scene;

/// The caller's view of a refusal: status, reason phrase; it acknowledges.
fn refusal(scene: &mut Scene) -> (u16, String) {
    ring(scene);
    let response = scene.peer().last_response();
    scene.peer().same_branch("ACK");
    scene.run(100);
    (response.status.code(), response.reason)
}

fn refused(code: u16, reason: &str) -> (u16, String) {
    (code, reason.to_owned())
}

#[test]
fn dlg_1_2_a_refusal_replaces_the_answer_once_and_the_session_stays_until_stop() {
    let actions =
        format!("dlg.reply(486, \"Busy Here\"); {TELL} dlg.reply(486, x); {TELL} setTimer(1, 5);");
    let mut scene = on_invite(&actions, "");
    assert_eq!(refusal(&mut scene), refused(486, "Busy Here"));
    assert_eq!(scene.peer().statuses("INVITE"), [486]);
    assert_eq!(values(&mut scene, "errno"), ["", "general"]);
    scene.run(4_500);
    assert!(!scene.is_over());
    scene.run(1_000);
    assert_eq!(values(&mut scene, "timer"), ["1"]);
    assert!(scene.is_over());
    scene.ends_clean();
}

#[test]
fn a_script_that_forgets_to_stop_ends_when_its_time_to_work_on_is_over() {
    let mut scene = on_invite("dlg.reply(603, Decline);", "");
    assert_eq!(refusal(&mut scene), refused(603, "Decline"));
    scene.run(19_000);
    assert!(!scene.is_over());
    scene.run(2_000);
    assert!(scene.is_over());
    scene.ends_clean();
}

#[test]
fn dlg_3_a_reason_may_be_left_out() {
    let mut scene = on_invite("dlg.reply(404); stop(false);", "");
    assert_eq!(refusal(&mut scene), refused(404, ""));
    scene.ends_clean();
}

#[test]
fn dlg_4_5_18_a_code_that_is_none_sends_nothing() {
    for action in [
        "dlg.reply(abc, x)",
        "dlg.reply(\"\", x)",
        "dlg.reply(99, x)",
        "dlg.reply(700, x)",
        "dlg.replyRequest(abc, x)",
        "dlg.acceptInvite(abc, x)",
        "dlg.acceptInvite(486, x)",
    ] {
        let mut scene = on_invite(&format!("{action}; {TELL}"), "");
        // The answer is the server's own.
        scene.call();
        assert_eq!(values(&mut scene, "errno"), ["arg"], "{action}");
        scene.bye();
        scene.ends_clean();
    }
}

#[test]
fn a_2xx_needs_a_session_description() {
    let mut scene = on_invite(&format!("dlg.reply(200, OK); {TELL}"), "");
    scene.call();
    assert_eq!(values(&mut scene, "errno"), ["general"]);
    scene.bye();
    scene.ends_clean();
}

#[test]
fn dlg_6_7_headers_are_added_however_their_lines_end() {
    for lines in [
        "X-One: 1\\r\\nX-Two: 2",
        "X-One: 1\\r\\nX-Two: 2\\r\\n",
        "X-One: 1\r\nX-Two: 2\r\n",
    ] {
        let actions =
            format!("sets($dlg.reply.hdrs=\"{lines}\"); dlg.reply(486, b); {TELL} stop(false);");
        let mut scene = on_invite(&actions, "");
        assert_eq!(refusal(&mut scene), refused(486, "b"));
        let response = scene.peer().last_response();
        for (name, value) in [("X-One", "1"), ("X-Two", "2")] {
            let name = HeaderName::parse(name.as_bytes()).unwrap();
            assert_eq!(response.headers.text(&name).as_deref(), Some(value));
        }
        assert_eq!(values(&mut scene, "errno"), [""]);
        scene.ends_clean();
    }
}

#[test]
fn lines_that_are_no_headers_are_refused() {
    for lines in ["hello", "Via: x", "X-A: 1\\r\\n\\r\\nbody"] {
        let actions = format!("sets($dlg.reply.hdrs=\"{lines}\"); dlg.reply(486, b); {TELL}");
        let mut scene = on_invite(&actions, "");
        scene.call();
        assert_eq!(values(&mut scene, "errno"), ["arg"], "{lines}");
        scene.bye();
        scene.ends_clean();
    }
}

#[test]
fn dlg_9_the_invite_is_a_request_too() {
    let mut scene = on_invite(
        &format!("dlg.replyRequest(403, No); {TELL} stop(false);"),
        "",
    );
    assert_eq!(refusal(&mut scene), refused(403, "No"));
    assert_eq!(values(&mut scene, "errno"), [""]);
    scene.ends_clean();
}

#[test]
fn any_provisional_reply_leaves_the_answer_to_the_script() {
    for (code, statuses) in [(100, vec![]), (180, vec![180]), (182, vec![182])] {
        let actions = format!("dlg.reply({code}, Wait); setTimer(1, 60);");
        let answer = "transition \"later\" B - timer / dlg.acceptInvite() -> B;\n\
                      transition \"up\" B - sessionStart / { set($up=true); postEvent(witness, var); } -> B;";
        let mut scene = on_invite(&actions, answer);
        ring(&mut scene);
        assert_eq!(scene.peer().statuses("INVITE"), statuses);
        scene.run(59_000);
        scene.peer().inbox.clear();
        scene.run(1_500);
        assert_eq!(scene.peer().statuses("INVITE").last(), Some(&200));
        scene.peer().ack("");
        scene.run(100);
        assert_eq!(values(&mut scene, "up"), ["true"]);
        scene.bye();
        scene.ends_clean();
    }
}

#[test]
fn dlg_12_an_accepted_call_starts_its_session() {
    let up =
        "transition \"up\" B - sessionStart / { set($up=true); postEvent(witness, var); } -> B;";
    let mut scene = on_invite(&format!("dlg.acceptInvite(); {TELL}"), up);
    scene.call();
    assert!(!scene.peer().last_response().body.is_empty());
    assert_eq!(values(&mut scene, "up"), ["", "true"]);
    scene.bye();
    scene.ends_clean();
}

/// Media before the answer, and a key answers.
const EARLY: &str = "
transition \"early\" B - early / { set($early=true); postEvent(witness, var); playFile(a.wav); } -> C;
transition \"up\" (B, C) - sessionStart / { set($up=true); postEvent(witness, var); } -> C;
transition \"key\" C - key / { dlg.acceptInvite(200, OK); postEvent(witness, var); } -> C;
transition \"gone\" C - hangup / stop(false) -> C;
";

#[test]
fn dlg_13_to_16_media_before_the_answer() {
    let mut scene = on_invite("dlg.acceptInvite(183, Progress);", EARLY);
    scene.agent().add_prompts(&["a.wav"]);
    ring(&mut scene);
    assert_eq!(scene.peer().statuses("INVITE"), [183]);
    assert!(!scene.peer().last_response().body.is_empty());
    assert_eq!(values(&mut scene, "early"), ["true"]);
    let media = scene.media();
    assert!(media.contains(&"output Playlist".to_owned()), "{media:?}");
    assert!(media.contains(&"append a.wav".to_owned()), "{media:?}");
    // The script has said it all: no 180 of the server's own.
    scene.run(2_000);
    assert_eq!(scene.peer().statuses("INVITE"), [183]);
    scene.press("1");
    scene.run(100);
    assert_eq!(scene.peer().statuses("INVITE"), [183, 200]);
    assert!(!scene.peer().last_response().body.is_empty());
    scene.peer().ack("");
    scene.run(100);
    // No second start of the session.
    assert_eq!(values(&mut scene, "up"), [""]);
    scene.bye();
    scene.ends_clean();
}

#[test]
fn dlg_13_in_an_enter_list() {
    let text = format!(
        "import(mod_dlg);\ninitial state A;\nstate C;\n\
         transition \"invite\" A - invite / log(3, in) -> B;\n\
         state B enter {{ dlg.acceptInvite(183, Progress); }};\n{EARLY}"
    );
    let mut scene = Scene::new("test", crate::agent::diagram("test", &text));
    scene.agent().add_prompts(&["a.wav"]);
    ring(&mut scene);
    assert_eq!(scene.peer().statuses("INVITE"), [183]);
    assert_eq!(values(&mut scene, "early"), ["true"]);
    scene.peer().same_branch("CANCEL");
    scene.run(100);
    assert_eq!(scene.peer().statuses("INVITE"), [183, 487]);
    scene.peer().same_branch("ACK");
    assert!(scene.is_over());
    scene.ends_clean();
}

#[test]
fn dlg_17_an_offer_without_a_codec_of_ours_ends_the_session() {
    let mut scene = on_invite(&format!("dlg.acceptInvite(); {TELL}"), "");
    let offer = scene.peer().offer("sendrecv");
    let offer = offer
        .replace("RTP/AVP 0 101", "RTP/AVP 96")
        .replace("rtpmap:0 PCMU", "rtpmap:96 GSM-EFR");
    scene.peer().request("INVITE", &offer);
    scene.run(100);
    assert_eq!(scene.peer().statuses("INVITE"), [488]);
    scene.peer().same_branch("ACK");
    scene.run(100);
    assert_eq!(values(&mut scene, "errno"), ["dlg"]);
    assert!(scene.is_over());
    scene.ends_clean();
}

#[test]
fn dlg_20_21_a_caller_without_answer_gets_487_once() {
    let mut scene = on_invite(
        &format!("dlg.bye(); {TELL} dlg.bye(); {TELL} stop(false);"),
        "",
    );
    assert_eq!(refusal(&mut scene).0, 487);
    assert_eq!(values(&mut scene, "errno"), ["", ""]);
    scene.ends_clean();
}

#[test]
fn connect_session_0_alone_does_not_keep_the_answer_back() {
    let mut scene = on_invite("set($connect_session=0);", "");
    scene.call();
    assert!(!scene.media().contains(&"output Playlist".to_owned()));
    scene.bye();
    scene.ends_clean();
}
