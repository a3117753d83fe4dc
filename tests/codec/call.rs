//! Another codec by re-INVITE.

use crate::agent::{Scene, diagram};
use crate::support::audio::ms_of;

#[test]
fn a_re_invite_changes_the_codec_without_a_gap() {
    let text = "initial state START; state END;
        transition \"go\" START - sessionStart / {
          set($r.length=3000); set($r.on=3000); set($r.off=0); set($r.f=440);
          playRingtone(r, false);
        } -> START;
        transition \"bye\" (START, END) - hangup / stop(false); -> END;";
    let mut scene = Scene::new("menu", diagram("menu", text));
    scene.open_studio();
    scene.call();
    scene.run(1_000);
    let (mut pcm, _) = scene.heard();
    assert_eq!(scene.payload_types(), [0]);

    let offer = scene.peer().offer("sendrecv");
    let offer = offer.replace("RTP/AVP 0 101", "RTP/AVP 8 0 101");
    scene.peer().request("INVITE", &offer);
    scene.run(100);
    let answer = scene.peer().last_response().body;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(answer.contains(" RTP/AVP 8 0 101\r\n"), "{answer}");
    scene.peer().ack("");
    pcm.extend(scene.heard().0);
    scene.run(4_000);
    pcm.extend(scene.heard().0);
    assert_eq!(scene.payload_types(), [0, 8]);
    assert_eq!(pcm.len(), 3_000 * 8);
    assert_eq!(ms_of(&pcm, 440.0), 3_000);
    scene.bye();
    scene.ends_clean();
}
