//! REFERs of the peer: scripts that take them, and the NOTIFYs that tell what comes of them (RFC 3515).

use muleteer::sip::message::{HeaderName, Request};

use super::{TELL, on_invite, values};
use crate::agent::Scene;

/// An established call that answers a REFER like this, and does more at the key 1.
fn scene(on_refer: &str, on_key: &str) -> Scene {
    let text = format!(
        "transition \"asked\" B - sipRequest(#method == REFER) / {{ set(#processed=true); {on_refer} {TELL} }} -> B;\n\
         transition \"key\" B - key / {{ {on_key} {TELL} }} -> B;"
    );
    let mut scene = on_invite("log(3, in);", &text);
    scene.call();
    scene.peer().inbox.clear();
    scene
}

/// The peer asks for a call.
fn refer(scene: &mut Scene, headers: &str) {
    scene.peer().extra = headers.to_owned();
    scene.peer().request("REFER", "");
    scene.peer().extra.clear();
    scene.run(50);
}

const TARGET: &str = "Refer-To: <sip:x@example.com>\r\n";
const TAKE: &str = "dlg.replyRequest(202, Accepted);";

/// A header of a message, and its absence as an empty text.
fn header(request: &Request, name: &str) -> String {
    let name = HeaderName::parse(name.as_bytes()).unwrap();
    let text = request.headers.text(&name).unwrap_or_default();
    text.into_owned()
}

/// The NOTIFYs so far: event, state and body of each. Repetitions are left out.
fn notifies(scene: &mut Scene) -> Vec<String> {
    let requests = scene.peer().requests();
    let notifies = requests.filter(|request| request.method.as_str() == "NOTIFY");
    let mut told: Vec<_> = notifies
        .map(|notify| {
            let number = notify.headers.cseq().unwrap().number;
            assert_eq!(
                header(notify, "Content-Type"),
                "message/sipfrag;version=2.0"
            );
            let body = String::from_utf8_lossy(&notify.body).trim().to_owned();
            let words = [
                header(notify, "Event"),
                header(notify, "Subscription-State"),
                body,
            ];
            (number, words.join(" | "))
        })
        .collect();
    told.dedup();
    told.into_iter().map(|(_, words)| words).collect()
}

/// The peer answers the latest NOTIFY.
fn respond(scene: &mut Scene, status: u16) {
    let notify = scene.peer().last_request("NOTIFY").expect("a NOTIFY");
    scene.peer().respond(&notify, status, "", "");
    scene.run(50);
}

const TRYING: &str = "refer | active;expires=300 | SIP/2.0 100 Trying";

#[test]
fn rfc3515_2_4_5_the_peer_hears_how_its_refer_goes_until_its_end() {
    let on_refer = format!(
        "set($to=#refer_to); set($by=#referred_by); set($how=#refer_method); set($instead=#refer_replaces); {TAKE}"
    );
    let mut scene = scene(&on_refer, "dlg.notifyRefer($code, $reason);");
    refer(
        &mut scene,
        "Refer-To: <sip:x@example.com;method=INVITE?Replaces=a%3Bto-tag%3Db%3Bfrom-tag%3Dc>\r\nReferred-By: <sip:boss@example.com>\r\n",
    );
    assert_eq!(scene.peer().statuses("REFER"), [202]);
    assert_eq!(notifies(&mut scene), [TRYING]);
    let told = super::told(&mut scene).pop().unwrap();
    assert_eq!(
        [&*told["to"], &*told["by"], &*told["how"], &*told["instead"]],
        [
            "sip:x@example.com",
            "sip:boss@example.com",
            "INVITE",
            "a;to-tag=b;from-tag=c"
        ]
    );
    assert_eq!(told["errno"], "");
    respond(&mut scene, 200);
    scene.bye();
    scene.ends_clean();
}

#[test]
fn rfc3515_2_4_7_a_final_code_ends_the_subscription() {
    let on_key = "if test($step == \"\") { set($step=1); dlg.notifyRefer(180); } else { dlg.notifyRefer(486, \"Busy there\"); }";
    let mut scene = scene(TAKE, on_key);
    refer(&mut scene, TARGET);
    respond(&mut scene, 200);
    for _ in 0..2 {
        scene.press("1");
        scene.run(50);
        respond(&mut scene, 200);
    }
    assert_eq!(
        notifies(&mut scene)[1..],
        [
            "refer | active;expires=299 | SIP/2.0 180 Ringing",
            "refer | terminated;reason=noresource | SIP/2.0 486 Busy there"
        ]
    );
    scene.press("1");
    scene.run(50);
    assert_eq!(values(&mut scene, "errno"), ["", "", "", "dlg"]);
    assert_eq!(notifies(&mut scene).len(), 3);
    scene.bye();
    scene.ends_clean();
}

#[test]
fn one_notify_is_out_at_a_time_and_the_next_tells_the_latest() {
    let mut scene = scene(
        &format!("{TAKE} dlg.notifyRefer(180); dlg.notifyRefer(200);"),
        "",
    );
    refer(&mut scene, TARGET);
    assert_eq!(notifies(&mut scene), [TRYING]);
    respond(&mut scene, 200);
    assert_eq!(
        notifies(&mut scene)[1..],
        ["refer | terminated;reason=noresource | SIP/2.0 200 OK"]
    );
    respond(&mut scene, 200);
    scene.bye();
    scene.ends_clean();
}

#[test]
fn a_script_refuses_and_one_that_only_looks_promises_nothing() {
    for (on_refer, status) in [("dlg.replyRequest(486, No);", 486), ("", 603)] {
        let mut scene = scene(on_refer, "dlg.notifyRefer(200);");
        refer(&mut scene, TARGET);
        assert_eq!(scene.peer().statuses("REFER"), [status]);
        scene.press("1");
        scene.run(50);
        assert_eq!(values(&mut scene, "errno"), ["", "dlg"]);
        assert_eq!(scene.peer().count("NOTIFY"), 0);
        scene.bye();
        scene.ends_clean();
    }
}

#[test]
fn without_a_script_that_takes_it_a_refer_is_declined() {
    let mut scene = on_invite("set($enable_request_events=false);", "");
    scene.call();
    refer(&mut scene, TARGET);
    assert_eq!(scene.peer().statuses("REFER"), [603]);
    scene.peer().request("OPTIONS", "");
    scene.run(50);
    let allow = scene.peer().last_response().headers.to_string();
    assert!(allow.contains("REFER"), "{allow}");
    scene.bye();
    scene.ends_clean();
}

#[test]
fn rfc3515_2_4_2_a_refer_without_one_target_gets_400() {
    let mut scene = scene(TAKE, "");
    refer(&mut scene, "");
    refer(&mut scene, &format!("{TARGET}{TARGET}"));
    assert_eq!(scene.peer().statuses("REFER"), [400, 400]);
    assert!(values(&mut scene, "errno").is_empty());
    scene.bye();
    scene.ends_clean();
}

#[test]
fn rfc4488_4_without_a_subscription_nothing_is_notified() {
    let mut scene = scene(TAKE, "dlg.notifyRefer(200);");
    for _ in 0..6 {
        refer(
            &mut scene,
            &format!("{TARGET}Refer-Sub: false\r\nRequire: norefersub\r\n"),
        );
        let headers = scene.peer().last_response().headers.to_string();
        assert!(headers.contains("Refer-Sub: false"), "{headers}");
    }
    assert_eq!(scene.peer().statuses("REFER"), [202; 6]);
    values(&mut scene, "errno");
    scene.press("11");
    scene.run(50);
    assert_eq!(values(&mut scene, "errno"), ["", "dlg"]);
    assert_eq!(scene.peer().count("NOTIFY"), 0);
    scene.bye();
    scene.ends_clean();
}

#[test]
fn rfc3515_2_4_6_later_refers_have_an_id_and_too_many_are_refused() {
    let mut scene = scene(TAKE, "dlg.notifyRefer(200);");
    let mut last = String::new();
    for _ in 0..4 {
        refer(&mut scene, TARGET);
        respond(&mut scene, 200);
        let refer = scene.peer().last_response();
        last = format!("refer;id={}", refer.headers.cseq().unwrap().number);
    }
    refer(&mut scene, TARGET);
    assert_eq!(scene.peer().statuses("REFER"), [202, 202, 202, 202, 486]);
    let told = notifies(&mut scene);
    assert_eq!(told.len(), 4);
    assert!(told[0].starts_with("refer | "), "{told:?}");
    assert!(told[3].starts_with(&last), "{told:?}");
    // The latest is told of first; then there is room for another.
    scene.press("1");
    scene.run(50);
    let end = notifies(&mut scene).pop().unwrap();
    assert_eq!(
        end,
        format!("{last} | terminated;reason=noresource | SIP/2.0 200 OK")
    );
    respond(&mut scene, 200);
    refer(&mut scene, TARGET);
    assert_eq!(scene.peer().statuses("REFER").last(), Some(&202));
    respond(&mut scene, 200);
    scene.bye();
    for _ in 0..4 {
        respond(&mut scene, 200);
    }
    scene.ends_clean();
}

#[test]
fn rfc6665_4_2_2_a_subscription_ends_with_its_time() {
    let mut scene = scene(TAKE, "dlg.notifyRefer(200);");
    refer(&mut scene, TARGET);
    respond(&mut scene, 200);
    scene.run(300_000);
    assert_eq!(
        notifies(&mut scene)[1..],
        ["refer | terminated;reason=timeout | SIP/2.0 100 Trying"]
    );
    respond(&mut scene, 200);
    values(&mut scene, "errno");
    scene.press("1");
    scene.run(50);
    assert_eq!(values(&mut scene, "errno"), ["dlg"]);
    scene.bye();
    scene.ends_clean();
}

#[test]
fn rfc5057_5_1_a_notify_that_is_refused_ends_its_subscription_and_not_the_call() {
    for status in [481, 408] {
        let mut scene = scene(TAKE, "dlg.notifyRefer(200);");
        refer(&mut scene, TARGET);
        respond(&mut scene, status);
        values(&mut scene, "errno");
        scene.press("1");
        scene.run(50);
        assert_eq!(values(&mut scene, "errno"), ["dlg"], "{status}");
        assert_eq!(notifies(&mut scene).len(), 1);
        assert_eq!(scene.peer().count("BYE"), 0);
        scene.bye();
        scene.ends_clean();
    }
}

#[test]
fn the_end_of_the_call_is_the_end_of_its_refers_whoever_hangs_up() {
    let last = "refer | terminated;reason=noresource | SIP/2.0 183 Session Progress";
    let on_refer = format!("{TAKE} dlg.notifyRefer(183);");
    let mut scene = scene(&on_refer, "dlg.bye(); stop(false);");
    refer(&mut scene, TARGET);
    scene.bye();
    assert_eq!(notifies(&mut scene)[1..], [last]);
    respond(&mut scene, 481);
    scene.ends_clean();
    // While a NOTIFY has no answer, and before the BYE.
    let mut scene = self::scene(&on_refer, "dlg.bye(); stop(false);");
    refer(&mut scene, TARGET);
    scene.press("1");
    scene.run(50);
    assert_eq!(notifies(&mut scene)[1..], [last]);
    let methods: Vec<_> = scene
        .peer()
        .requests()
        .map(|request| request.method.as_str().to_owned())
        .collect();
    assert_eq!(methods, ["NOTIFY", "NOTIFY", "BYE"]);
    let bye = scene.peer().last_request("BYE").unwrap();
    scene.peer().respond(&bye, 200, "", "");
    respond(&mut scene, 200);
    scene.ends_clean();
}

#[test]
fn before_the_answer_a_refer_is_declined() {
    let text = format!(
        "transition \"asked\" B - sipRequest(#method == REFER) / {{ {TAKE} {TELL} }} -> B;"
    );
    let mut scene = on_invite("dlg.reply(180, Ringing);", &text);
    super::ring(&mut scene);
    refer(&mut scene, TARGET);
    assert_eq!(scene.peer().statuses("REFER"), [603]);
    assert!(values(&mut scene, "errno").is_empty());
    scene.with_agent(|agent, now| agent.terminate(now));
    scene.run(50);
    scene.peer().cseq -= 1;
    scene.peer().same_branch("ACK");
    scene.ends_clean();
}

#[test]
fn rfc3515_2_4_4_the_peer_refreshes_and_ends_the_subscription_of_its_refer() {
    let mut scene = scene(TAKE, "dlg.notifyRefer(180);");
    refer(&mut scene, TARGET);
    respond(&mut scene, 200);
    let mut subscribe = |event: &str, expires: &str| {
        scene.peer().extra = format!("Event: {event}\r\n{expires}");
        scene.peer().request("SUBSCRIBE", "");
        scene.peer().extra.clear();
        scene.run(50);
        let response = scene.peer().last_response();
        let granted = response.headers.expires().unwrap();
        (response.status.code(), granted)
    };
    assert_eq!(subscribe("refer", "Expires: 600\r\n"), (200, Some(600)));
    // The NOTIFY that it brought has no answer yet.
    assert_eq!(subscribe("refer", ""), (200, Some(300)));
    assert_eq!(subscribe("refer", "Expires: 1\r\n").0, 423);
    assert_eq!(subscribe("refer;id=9", "").0, 481);
    assert_eq!(subscribe("presence", "").0, 489);
    let response = scene.peer().last_response();
    let events = response.headers.text(&HeaderName::AllowEvents);
    assert_eq!(events.as_deref(), Some("refer"));
    respond(&mut scene, 200);
    respond(&mut scene, 200);
    // It lasts beyond the five minutes of its beginning.
    scene.run(250_000);
    scene.peer().extra = "Event: refer\r\nExpires: 600\r\n".to_owned();
    scene.peer().request("SUBSCRIBE", "");
    scene.run(50);
    respond(&mut scene, 200);
    scene.run(200_000);
    scene.press("1");
    assert!(
        notifies(&mut scene)
            .last()
            .unwrap()
            .ends_with("SIP/2.0 180 Ringing")
    );
    respond(&mut scene, 200);
    scene.peer().extra = "Event: refer\r\nExpires: 0\r\n".to_owned();
    scene.peer().request("SUBSCRIBE", "");
    scene.peer().extra.clear();
    scene.run(50);
    assert_eq!(
        notifies(&mut scene).last().unwrap(),
        "refer | terminated;reason=timeout | SIP/2.0 180 Ringing"
    );
    respond(&mut scene, 200);
    scene.bye();
    scene.ends_clean();
}

#[test]
fn a_subscribe_outside_calls_gets_489() {
    let mut scene = scene(TAKE, "");
    scene.bye();
    scene.peer().new_call("test");
    scene.peer().extra = "Event: dialog\r\n".to_owned();
    scene.peer().request("SUBSCRIBE", "");
    scene.run(50);
    assert_eq!(scene.peer().statuses("SUBSCRIBE"), [489]);
    scene.ends_clean();
}
