//! What is made of the bodies of requests: of descriptions among other things, of what may be left aside, and
//! of what is refused.

use muleteer::sip::message::HeaderName;

use super::Scene;

const OPTIONAL: &str = "Content-Disposition: render;handling=optional\r\n";
const MULTIPART: &str = "multipart/mixed;boundary=b";

/// A call of an INVITE without offer, whose ACK has brought the answer.
fn begin_without_offer(content_type: &'static str, extra: &str, body: &str) {
    let mut scene = Scene::new("echo", None);
    scene.peer().content_type = content_type;
    scene.peer().extra = extra.to_owned();
    scene.peer().request("INVITE", body);
    scene.run(100);
    scene.peer().extra.clear();
    scene.peer().content_type = "application/sdp";
    scene.answer_our_offer();
    scene.bye();
    scene.ends_clean();
}

#[test]
fn rfc3261_20_11_an_invite_with_an_optional_body_is_one_without_offer() {
    let part = format!("--b\r\nContent-Type: text/plain\r\n{OPTIONAL}\r\nx\r\n--b--\r\n");
    begin_without_offer("text/plain", OPTIONAL, "x");
    begin_without_offer(MULTIPART, "", &part);
    begin_without_offer(MULTIPART, OPTIONAL, &part.replace(OPTIONAL, ""));
}

#[test]
fn rfc5621_3_an_offer_in_a_nested_multipart_is_answered() {
    let mut scene = Scene::new("echo", None);
    let offer = scene.peer().offer("sendrecv");
    let body = format!(
        "--b\r\nContent-Type: multipart/alternative;boundary=in\r\n\r\n\
         --in\r\nContent-Type: text/plain\r\n\r\nsound\r\n\
         --in\r\nContent-Type: application/sdp\r\n\r\n{offer}\r\n--in--\r\n\r\n--b--\r\n"
    );
    scene.peer().content_type = MULTIPART;
    scene.peer().request("INVITE", &body);
    scene.run(100);
    assert_eq!(scene.peer().statuses("INVITE"), [200]);
    scene.peer().ack("");
    scene.run(100);
    scene.bye();
    scene.ends_clean();
}

/// What the last response says of bodies that would be understood.
fn accepted(scene: &mut Scene) -> [Option<String>; 2] {
    let response = scene.peer().last_response();
    [HeaderName::Accept, HeaderName::AcceptEncoding]
        .map(|name| response.headers.text(&name).map(|text| text.into_owned()))
}

#[test]
fn rfc3261_8_2_3_a_body_that_is_not_understood_gets_415_with_what_would_be() {
    let sdp = ["application/sdp", "identity"].map(|text| Some(text.to_owned()));
    let mut scene = Scene::new("echo", None);
    scene.peer().content_type = "text/plain";
    scene.peer().request("INVITE", "x");
    scene.run(100);
    assert_eq!(scene.peer().statuses("INVITE"), [415]);
    assert_eq!(accepted(&mut scene), sdp);
    scene.peer().same_branch("ACK");
    scene.ends_clean();

    let mut scene = Scene::new("echo", None);
    scene.call();
    scene.peer().extra = "Content-Encoding: gzip\r\n".to_owned();
    for method in ["INVITE", "UPDATE"] {
        let offer = scene.peer().offer("sendrecv");
        scene.peer().request(method, &offer);
        scene.run(100);
        assert_eq!(scene.peer().statuses(method).last(), Some(&415));
        assert_eq!(accepted(&mut scene), sdp, "{method}");
        if method == "INVITE" {
            scene.peer().same_branch("ACK");
        }
    }
    let keys = ["application/dtmf-relay, application/dtmf", "identity"];
    scene.peer().content_type = "application/dtmf-relay";
    scene.peer().request("INFO", "Signal=5\r\n");
    scene.run(100);
    assert_eq!(scene.peer().statuses("INFO"), [415]);
    assert_eq!(accepted(&mut scene), keys.map(|text| Some(text.to_owned())));
    scene.peer().extra.clear();
    scene.bye();
    scene.ends_clean();
}

#[test]
fn rfc3261_20_11_an_optional_body_of_a_later_request_is_left_aside() {
    let mut scene = Scene::new("echo", None);
    scene.call();
    scene.peer().content_type = "text/plain";
    scene.peer().extra = OPTIONAL.to_owned();
    for method in ["INFO", "UPDATE"] {
        scene.peer().request(method, "x");
        scene.run(100);
        assert_eq!(scene.peer().statuses(method), [200], "{method}");
    }
    scene.peer().extra.clear();
    scene.peer().request("INFO", "x");
    scene.run(100);
    assert_eq!(scene.peer().statuses("INFO"), [200, 415]);
    scene.bye();
    scene.ends_clean();
}

/// The answer to this offer: its status and its Warning.
fn refusal_of(scene: &mut Scene, offer: &str) -> (u16, Option<String>) {
    scene.peer().request("INVITE", offer);
    scene.run(100);
    let response = scene.peer().last_response();
    scene.peer().same_branch("ACK");
    scene.run(100);
    let warning = response.headers.text(&HeaderName::Warning);
    let warning = warning.map(|text| text.into_owned());
    (response.status.code(), warning)
}

#[test]
fn rfc3261_13_3_1_3_an_offer_without_a_stream_for_us_gets_488_with_a_warning() {
    for (from, to, warning) in [
        (
            "m=audio",
            "m=video",
            "304 muleteer \"Media type not available\"",
        ),
        (
            "RTP/AVP 0 101",
            "RTP/AVP 18",
            "305 muleteer \"Incompatible media format\"",
        ),
        (
            "RTP/AVP",
            "UDP/TLS/RTP/SAVPF",
            "302 muleteer \"Incompatible transport protocol\"",
        ),
    ] {
        let mut scene = Scene::new("echo", None);
        let refused = (488, Some(warning.to_owned()));
        let offer = scene.peer().offer("sendrecv").replace(from, to);
        assert_eq!(refusal_of(&mut scene, &offer), refused);
        scene.ends_clean();

        let mut scene = Scene::new("echo", None);
        scene.call();
        assert_eq!(refusal_of(&mut scene, &offer), refused);
        scene.bye();
        scene.ends_clean();
    }
}

#[test]
fn an_offer_with_an_address_that_is_none_is_malformed() {
    for address in ["IP4 999.0.0.1", "IP4 ::1", "IP6 127.0.0.1"] {
        let mut scene = Scene::new("echo", None);
        let offer = scene.peer().offer("sendrecv");
        let offer = offer.replace("c=IN IP4 192.0.2.9", &format!("c=IN {address}"));
        assert_eq!(refusal_of(&mut scene, &offer), (400, None), "{address}");
        scene.ends_clean();
    }
}

#[test]
fn rfc3264_8_an_offer_that_leaves_out_streams_is_refused_and_the_call_goes_on() {
    let mut scene = Scene::new("echo", None);
    let audio = scene.peer().offer("sendrecv");
    let both = format!("{audio}m=video 40002 RTP/AVP 31\r\n");
    scene.peer().request("INVITE", &both);
    scene.run(100);
    scene.peer().ack("");
    scene.run(100);
    let warning = "399 muleteer \"fewer streams than the session had\"".to_owned();
    assert_eq!(refusal_of(&mut scene, &audio), (488, Some(warning)));
    scene.peer().request("UPDATE", &audio);
    scene.run(100);
    assert_eq!(scene.peer().statuses("UPDATE"), [488]);
    scene.peer().request("INVITE", &both);
    scene.run(100);
    assert_eq!(scene.peer().statuses("INVITE").last(), Some(&200));
    scene.peer().ack("");
    scene.run(100);
    scene.bye();
    scene.ends_clean();
}
