//! Requests of scripts inside the call, and answers to those of the peer.

use muleteer::sip::message::HeaderName;

use super::{TELL, on_invite, ring, told, values};
use crate::agent::Scene;

/// An established call that does these things at the key 1.
fn on_key(actions: &str, transitions: &str) -> Scene {
    let key = format!("transition \"key\" B - key / {{ {actions} }} -> B;\n{transitions}");
    let mut scene = on_invite("log(3, in);", &key);
    scene.call();
    scene.peer().inbox.clear();
    scene.press("1");
    scene.run(100);
    scene
}

/// A header of the latest request of this method.
fn header(scene: &mut Scene, method: &str, name: &str) -> Option<String> {
    let request = scene.peer().last_request(method).expect(method);
    let name = HeaderName::parse(name.as_bytes()).unwrap();
    request.headers.text(&name).map(|text| text.into_owned())
}

/// The peer answers the latest request of this method.
fn respond(scene: &mut Scene, method: &str, status: u16) {
    let request = scene.peer().last_request(method).expect(method);
    scene.peer().respond(&request, status, "", "");
    scene.run(100);
}

#[test]
fn dlg_19_21_a_bye_has_its_headers_and_the_script_goes_on() {
    let actions = format!("dlg.bye(\"X-R: done\"); {TELL} dlg.bye(); {TELL} setTimer(7, 2);");
    let mut scene = on_key(&actions, "");
    assert_eq!(scene.peer().count("BYE"), 1);
    assert_eq!(header(&mut scene, "BYE", "X-R").as_deref(), Some("done"));
    assert_eq!(values(&mut scene, "errno"), ["", ""]);
    assert!(!scene.is_over());
    scene.run(2_000);
    assert_eq!(values(&mut scene, "timer"), ["7"]);
    assert!(scene.is_over());
    scene.ends_clean();
}

#[test]
fn dlg_22_23_a_refer_has_its_target_and_its_time() {
    let mut scene = on_key(&format!("dlg.refer(sip:x@y); {TELL}"), "");
    assert_eq!(
        header(&mut scene, "REFER", "Refer-To").as_deref(),
        Some("sip:x@y")
    );
    assert_eq!(header(&mut scene, "REFER", "Expires"), None);
    assert_eq!(values(&mut scene, "errno"), [""]);
    respond(&mut scene, "REFER", 603);
    scene.bye();
    scene.ends_clean();
    let mut scene = on_key("dlg.refer(sip:x@y, 30);", "");
    assert_eq!(
        header(&mut scene, "REFER", "Expires").as_deref(),
        Some("30")
    );
    respond(&mut scene, "REFER", 603);
    scene.bye();
    scene.ends_clean();
}

#[test]
fn dlg_24_seconds_that_are_none_throw() {
    for kind in ["sbc", "param"] {
        let caught = format!(
            "transition \"caught\" B - exception; test(#type == {kind}) / {{ set($cause=#cause); {TELL} }} -> B;"
        );
        let mut scene = on_key("dlg.refer(sip:x@y, soon);", &caught);
        assert_eq!(values(&mut scene, "cause").len(), 1, "{kind}");
        scene.bye();
        scene.ends_clean();
    }
}

#[test]
fn dlg_25_before_the_answer_there_is_nobody_to_ask() {
    let actions = format!(
        "dlg.reply(180, Ringing); dlg.refer(sip:x@y); {TELL} dlg.info(a/b, c); {TELL} dlg.reply(486, No); stop(false);"
    );
    let mut scene = on_invite(&actions, "");
    ring(&mut scene);
    scene.peer().same_branch("ACK");
    scene.run(100);
    assert_eq!(values(&mut scene, "errno"), ["dlg", "dlg"]);
    assert_eq!(scene.peer().count("REFER") + scene.peer().count("INFO"), 0);
    scene.ends_clean();
}

#[test]
fn dlg_26_27_an_info_has_its_type_and_its_lines() {
    let mut scene = on_key("dlg.info(application/foo, \"a=b\\r\\nc=d\\r\\n\");", "");
    let info = scene.peer().last_request("INFO").unwrap();
    assert_eq!(&*info.body, b"a=b\r\nc=d\r\n");
    assert_eq!(
        header(&mut scene, "INFO", "Content-Type").as_deref(),
        Some("application/foo")
    );
    respond(&mut scene, "INFO", 200);
    scene.bye();
    scene.ends_clean();
    let mut scene = on_key("dlg.info(\"\", \"\");", "");
    assert!(scene.peer().last_request("INFO").unwrap().body.is_empty());
    assert_eq!(header(&mut scene, "INFO", "Content-Type"), None);
    respond(&mut scene, "INFO", 200);
    scene.bye();
    scene.ends_clean();
}

#[test]
fn the_peer_tells_what_became_of_a_transfer() {
    let transfer = format!(
        "transition \"told\" B - transfer / {{ set($code=#code); set($reason=#reason); set($final=#final); {TELL} }} -> B;"
    );
    let mut scene = on_key("dlg.refer(sip:x@y);", &transfer);
    respond(&mut scene, "REFER", 202);
    for (state, line) in [
        ("active;expires=60", "SIP/2.0 180 Ringing"),
        ("terminated;reason=noresource", "SIP/2.0 200 OK"),
    ] {
        scene.peer().content_type = "message/sipfrag";
        scene.peer().extra = format!("Event: refer\r\nSubscription-State: {state}\r\n");
        scene.peer().request("NOTIFY", line);
        scene.run(100);
    }
    assert_eq!(scene.peer().statuses("NOTIFY"), [200, 200]);
    let words = |event: &muleteer::session::event::Params| {
        format!("{} {} {}", event["code"], event["reason"], event["final"])
    };
    let events: Vec<_> = told(&mut scene).iter().map(words).collect();
    assert_eq!(events, ["180 Ringing false", "200 OK true"]);
    // It belongs to no REFER any more.
    scene.peer().request("NOTIFY", "SIP/2.0 200 OK");
    scene.run(100);
    assert_eq!(scene.peer().statuses("NOTIFY").last(), Some(&481));
    scene.peer().extra.clear();
    scene.bye();
    scene.ends_clean();
}

#[test]
fn a_refused_transfer_and_one_that_nothing_is_heard_of_are_told() {
    let transfer = format!(
        "transition \"told\" B - transfer / {{ set($code=#code); set($final=#final); {TELL} }} -> B;"
    );
    let mut scene = on_key("dlg.refer(sip:x@y);", &transfer);
    respond(&mut scene, "REFER", 603);
    assert_eq!(values(&mut scene, "code"), ["603"]);
    scene.press("1");
    scene.run(100);
    respond(&mut scene, "REFER", 202);
    scene.run(60_000);
    assert_eq!(values(&mut scene, "final"), ["true"]);
    scene.bye();
    scene.ends_clean();
}

#[test]
fn dlg_10_a_script_answers_a_request() {
    let options = "transition \"asked\" B - sipRequest(#method == OPTIONS) / { dlg.replyRequest(299, Fine); set(#processed=true); dlg.replyRequest(200, OK); postEvent(witness, var); } -> B;";
    let mut scene = on_invite("log(3, in);", options);
    scene.call();
    scene.peer().request("OPTIONS", "");
    scene.run(100);
    assert_eq!(scene.peer().statuses("OPTIONS"), [299]);
    assert_eq!(scene.peer().last_response().reason, "Fine");
    assert_eq!(values(&mut scene, "errno"), ["general"]);
    scene.bye();
    scene.ends_clean();
}

#[test]
fn dlg_11_30_without_a_message_there_is_nothing_to_answer_or_to_read() {
    for (action, cause) in [
        ("dlg.replyRequest(200, OK)", "no request"),
        ("dlg.getRequestBody(a/b, x)", "no request"),
        ("dlg.getReplyBody(a/b, x)", "no reply"),
    ] {
        let caught = format!(
            "transition \"caught\" B - exception; test(#type == dlg) / {{ set($cause=#cause); {TELL} }} -> B;"
        );
        let mut scene = on_key(&format!("{action};"), &caught);
        assert_eq!(values(&mut scene, "cause"), [cause]);
        scene.bye();
        scene.ends_clean();
    }
}

#[test]
fn dlg_28_29_31_bodies_are_found_by_type() {
    let body = "--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n\
                --b\r\nContent-Type: application/QSIG;version=x\r\n\r\n\u{1}\0\u{2}\r\n--b--\r\n";
    let look = format!(
        "transition \"look\" B - sipRequest(#method == INFO); dlg.requestHasContentType(application/qsig); not dlg.requestHasContentType(text/none) / {{ \
         set($gone=here); dlg.getRequestBody(application/qsig, sig); dlg.getRequestBody(text/none, gone); dlg.replyRequest(200, OK); set(#processed=true); {TELL} }} -> B;"
    );
    let invite = format!(
        "if dlg.requestHasContentType(application/sdp) {{ dlg.getRequestBody(application/sdp, offer); }} {TELL}"
    );
    let mut scene = on_invite(&invite, &look);
    scene.call();
    let offer = scene.peer().offer("sendrecv");
    assert_eq!(values(&mut scene, "offer"), [offer]);
    scene.peer().content_type = "multipart/mixed;boundary=b";
    scene.peer().request("INFO", body);
    scene.run(100);
    assert_eq!(scene.peer().statuses("INFO"), [200]);
    let told = told(&mut scene);
    assert_eq!(told[0]["sig"], "\u{1}\0\u{2}");
    assert_eq!(told[0].get("gone"), None);
    scene.bye();
    scene.ends_clean();
}

#[test]
fn dlg_41_42_a_plain_call_has_one_leg_and_direct_audio() {
    let mut scene = on_key(
        &format!("set($o=x); dlg.getOtherId($o); dlg.getRtpRelayMode($m); {TELL}"),
        "",
    );
    let told = told(&mut scene);
    assert_eq!((&*told[0]["o"], &*told[0]["m"]), ("", "RTP_Direct"));
    scene.bye();
    scene.ends_clean();
}

#[test]
fn dlg_43_44_what_needs_a_second_leg_says_that_there_is_none_yet() {
    for (action, kind) in [
        ("dlg.relayReply(200, Bye)", "sbc"),
        ("dlg.relayError(500, No)", "sbc"),
        ("dlg.connectCalleeRelayed(p, u)", "script"),
        ("dlg.addReplyBodyPart(a/b, c)", "dlg"),
        ("dlg.deleteReplyBodyPart(a/b)", "dlg"),
    ] {
        let caught = format!(
            "transition \"caught\" B - exception; test(#type == {kind}) / {{ set($cause=#cause); {TELL} }} -> B;"
        );
        let mut scene = on_key(&format!("{action};"), &caught);
        let cause = values(&mut scene, "cause").concat();
        assert!(cause.contains("not available"), "{action}: {cause}");
        scene.bye();
        scene.ends_clean();
    }
}
