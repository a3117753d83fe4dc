//! Keys by SIP INFO.

use super::{keys, scene, tones};
use crate::agent::Scene;
use crate::support::audio::sine;

fn info(scene: &mut Scene, content_type: &'static str, body: &str) -> u16 {
    scene.peer().content_type = content_type;
    scene.peer().request("INFO", body);
    scene.peer().content_type = "application/sdp";
    scene.run(100);
    *scene.peer().statuses("INFO").last().expect("a response")
}

fn relay(scene: &mut Scene, key: &str) -> u16 {
    info(
        scene,
        "application/dtmf-relay",
        &format!("Signal={key}\r\nDuration=160\r\n"),
    )
}

#[test]
fn a_key_in_an_info_is_a_key() {
    let mut scene = scene("", |_| {});
    for key in ["1", "*", "#", "d", "10"] {
        assert_eq!(relay(&mut scene, key), 200);
    }
    assert_eq!(info(&mut scene, "application/dtmf", "5"), 200);
    assert_eq!(keys(&mut scene), "1*#D*5");
    scene.bye();
    scene.ends_clean();
}

#[test]
fn an_info_about_something_else_is_refused_and_the_call_goes_on() {
    let mut scene = scene("", |_| {});
    assert_eq!(
        info(&mut scene, "application/media_control+xml", "<x/>"),
        415
    );
    let response = scene.peer().last_response().to_bytes();
    let response = String::from_utf8(response.to_vec()).unwrap();
    assert!(
        response.contains("Accept: application/dtmf-relay, application/dtmf\r\n"),
        "{response}"
    );
    assert_eq!(
        info(&mut scene, "application/dtmf-relay", "Signal=star"),
        400
    );
    assert_eq!(info(&mut scene, "application/dtmf-relay", ""), 200);
    assert_eq!(keys(&mut scene), "");
    assert_eq!(relay(&mut scene, "1"), 200);
    assert_eq!(keys(&mut scene), "1");
}

#[test]
fn info_is_among_the_methods_that_are_allowed() {
    let mut scene = scene("", |_| {});
    scene.peer().request("OPTIONS", "");
    scene.run(100);
    let response = String::from_utf8(scene.peer().last_response().to_bytes().to_vec()).unwrap();
    assert!(
        response.contains("Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, INFO,"),
        "{response}"
    );
}

#[test]
fn keys_in_infos_are_not_told_while_detection_is_off() {
    let mut scene = scene("disableDTMFDetection();", |_| {});
    assert_eq!(relay(&mut scene, "1"), 200);
    assert_eq!(keys(&mut scene), "");
}

#[test]
fn a_script_may_look_at_an_info_first_and_take_it() {
    let mut scene = scene("set($enable_request_events=true);", |_| {});
    assert_eq!(relay(&mut scene, "1"), 200);
    assert_eq!(keys(&mut scene), "1");

    let text = "initial state TALK enter { set($enable_request_events=true); };
         transition \"mine\" TALK - sipRequest(#method == INFO); test(#content_type == application/x) / {
           set(#processed=true); playSilence(7);
         } -> TALK;
         transition \"key\" TALK - key / addSeparator(#key); -> TALK;
         transition \"bye\" TALK - hangup / stop(false); -> TALK;";
    let mut scene = Scene::new("test", crate::agent::diagram("test", text));
    scene.call();
    assert_eq!(info(&mut scene, "application/x", "anything"), 200);
    assert_eq!(scene.media().last().unwrap(), "append silence(7ms)");
    assert_eq!(info(&mut scene, "application/y", "anything"), 415);
    assert_eq!(relay(&mut scene, "9"), 200);
    assert_eq!(keys(&mut scene), "9");
}

#[test]
fn a_press_that_comes_by_info_rtp_and_audio_is_told_once() {
    use muleteer::config::{DigitDetection, DigitSending};
    let mut scene = scene("", |scene| {
        scene
            .agent()
            .set_dtmf(DigitDetection::On, DigitSending::Auto);
    });
    for key in ["1", "1", "2", "1", "5", "5"] {
        relay(&mut scene, key);
        scene.says(&tones(key));
        scene.keys(key);
        scene.says(&sine(300.0, 100));
    }
    assert_eq!(keys(&mut scene), "112155");
}
