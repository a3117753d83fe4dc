//! What scripts see of the messages of their call.

use super::{TELL, on_invite, told, values};

#[test]
fn every_header_of_a_request_is_there_by_its_name() {
    let look = format!(
        "transition \"look\" B - sipRequest(#method == INFO) / {{ \
         set($pai=#hdr.P-Asserted-Identity); set($privacy=#hdr.Privacy); set($why=#hdr.Reason); \
         set($history=#hdr.History-Info); set($diversion=#hdr.Diversion); set($other=#hdr.X-Other); \
         set($tags=#from_tag); {TELL} }} -> B;"
    );
    let mut scene = on_invite("log(3, in);", &look);
    scene.call();
    scene.peer().extra = "P-Asserted-Identity: <sip:a@b>\r\nP-Asserted-Identity: <tel:+1>\r\n\
                          Privacy: id\r\nReason: SIP;cause=200\r\nHistory-Info: <sip:h@b>;index=1\r\n\
                          Diversion: <sip:d@b>\r\nX-Other: 5\r\n"
        .to_owned();
    scene.peer().request("INFO", "");
    scene.run(100);
    let told = told(&mut scene);
    let value = |name: &str| &*told[0][name];
    assert_eq!(value("pai"), "<sip:a@b>, <tel:+1>");
    assert_eq!((value("privacy"), value("why")), ("id", "SIP;cause=200"));
    assert_eq!(
        (value("history"), value("diversion")),
        ("<sip:h@b>;index=1", "<sip:d@b>")
    );
    assert_eq!((value("other"), value("tags")), ("5", "peer"));
    scene.peer().extra.clear();
    scene.bye();
    scene.ends_clean();
}

#[test]
fn a_reply_to_a_request_of_the_script_is_an_event_with_its_body() {
    let look = format!(
        "transition \"key\" B - key / dlg.info(a/b, c) -> B;\n\
         transition \"look\" B - sipReply; dlg.replyHasContentType(application/sdp) / {{ \
         set($code=#sip_code); set($reason=#sip_reason); set($status=#dlg_status); dlg.getReplyBody(application/sdp, got); {TELL} }} -> B;"
    );
    let mut scene = on_invite("log(3, in);", &look);
    scene.call();
    scene.press("1");
    scene.run(100);
    let info = scene.peer().last_request("INFO").unwrap();
    scene.peer().respond(&info, 202, "", "hello");
    scene.run(100);
    let told = told(&mut scene);
    let value = |name: &str| &*told[0][name];
    assert_eq!(
        (value("code"), value("got"), value("status")),
        ("202", "hello", "Connected")
    );
    scene.bye();
    scene.ends_clean();
}

#[test]
fn a_peer_that_knows_the_call_no_more_is_told_of() {
    let look = format!(
        "transition \"key\" B - key / dlg.info(a/b, c) -> B;\n\
         transition \"lost\" B - remoteDisappeared / {{ set($code=#code); {TELL} }} -> B;"
    );
    let mut scene = on_invite("log(3, in);", &look);
    scene.call();
    scene.press("1");
    scene.run(100);
    let info = scene.peer().last_request("INFO").unwrap();
    scene.peer().respond(&info, 481, "", "");
    scene.run(1_000);
    assert_eq!(values(&mut scene, "code"), ["481"]);
    scene.run(40_000);
    assert!(scene.is_over());
    scene.ends_clean();
}
