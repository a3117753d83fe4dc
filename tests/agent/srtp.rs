//! Calls that agree on SRTP in their signalling, with the audio that follows.

use muleteer::rtp::srtp::{MAX_SRTP_OVERHEAD, SrtpReceiver, SrtpSender};
use muleteer::rtp::{PayloadType, RtpHeaderTemplate};
use muleteer::sdp::{CryptoAttribute, SrtpPolicy};
use muleteer::sip::message::HeaderName;

use super::{PEER, Scene, outgoing::phone};

const KEY_1: &str = "1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";
const KEY_2: &str = "2 AES_CM_128_HMAC_SHA1_32 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";

fn scene(policy: SrtpPolicy, without_tls: bool) -> Scene {
    let mut scene = Scene::new("echo", None);
    scene.agent().set_srtp(policy, without_tls);
    scene.open_studio();
    scene
}

/// The peer's offer with this line.
fn secured(offer: &str, line: &str) -> String {
    let offer = offer.replace("RTP/AVP", "RTP/SAVP");
    format!("{offer}a=crypto:{line}\r\n")
}

/// Sends a request with a body, and gives the one that it is answered with.
fn exchange(scene: &mut Scene, body: &str) -> String {
    scene.peer().request("INVITE", body);
    scene.run(100);
    let response = scene.peer().last_response();
    assert_eq!(response.status.code(), 200);
    scene.peer().ack("");
    scene.run(50);
    String::from_utf8(response.body.to_vec()).unwrap()
}

fn line_of(body: &str) -> CryptoAttribute {
    let line = body.split("a=crypto:").nth(1).expect("a key");
    CryptoAttribute::parse(line.lines().next().unwrap()).unwrap()
}

/// The peer's end of the audio.
struct Phone {
    header: RtpHeaderTemplate,
    sender: SrtpSender,
    receiver: SrtpReceiver,
}

impl Phone {
    fn new(own: &str, answer: &str) -> Self {
        Self {
            header: RtpHeaderTemplate::new(5),
            sender: SrtpSender::new(CryptoAttribute::parse(own).unwrap().key.master),
            receiver: SrtpReceiver::new(line_of(answer).key),
        }
    }

    /// Says so many packets and hears as many back; what it could not open is not among them.
    fn talk(&mut self, scene: &mut Scene, packets: usize) -> usize {
        let mut heard = 0;
        for _ in 0..packets {
            let clock = self.header.clock();
            let header = *self.header.next_header(PayloadType::PCMU, false, clock);
            self.header.advance(160);
            let mut packet = [&header[..], &[0x55; 160], &[0; MAX_SRTP_OVERHEAD]].concat();
            let len = self.sender.protect(&mut packet, 172).unwrap();
            let now = scene.world.now;
            scene.studio().deliver(now, 0, &packet[..len]);
            scene.run(20);
            let now = scene.world.now;
            for datagram in scene.studio().take_sent(0) {
                let mut plain = [0; 1_500];
                let opened = self.receiver.unprotect(now, &datagram, &mut plain);
                heard += usize::from(opened == Ok(172));
            }
        }
        heard
    }
}

#[test]
fn a_call_with_srtp_is_encrypted_both_ways() {
    let mut scene = scene(SrtpPolicy::Required, true);
    let offer = secured(&scene.peer().offer("sendrecv"), KEY_1);
    let answer = exchange(&mut scene, &offer);
    assert!(
        answer.contains("m=audio 10000 RTP/SAVP 0 101\r\n"),
        "{answer}"
    );
    let heard = Phone::new(KEY_1, &answer).talk(&mut scene, 100);
    assert!(heard >= 95, "{heard}");
    scene.bye();
    scene.ends_clean();
}

#[test]
fn a_reinvite_with_the_same_key_goes_on_and_one_with_another_key_loses_nothing() {
    let mut scene = scene(SrtpPolicy::Optional, true);
    let plain = scene.peer().offer("sendrecv");
    let answer = exchange(&mut scene, &secured(&plain, KEY_1));
    let mut phone = Phone::new(KEY_1, &answer);
    phone.talk(&mut scene, 50);
    let again = exchange(&mut scene, &secured(&plain, KEY_1));
    assert_eq!(line_of(&again), line_of(&answer));
    assert!(phone.talk(&mut scene, 50) >= 50);

    let answer = exchange(&mut scene, &secured(&plain, KEY_2));
    assert_ne!(line_of(&again).key, line_of(&answer).key);
    phone.receiver.rekey(&line_of(&answer).key);
    // What it says before it has read the answer is heard.
    assert!(phone.talk(&mut scene, 25) >= 25);
    phone.sender = SrtpSender::new(CryptoAttribute::parse(KEY_2).unwrap().key.master);
    assert!(phone.talk(&mut scene, 50) >= 50);

    // Nothing in the clear is heard, nor told.
    let (heard, _) = scene.heard();
    assert!(heard.is_empty());
    scene.bye();
    scene.ends_clean();
}

#[test]
fn offers_that_the_policy_forbids_are_refused_with_a_warning() {
    let cases = [
        (SrtpPolicy::Off, true, true, "SRTP is switched off"),
        (
            SrtpPolicy::Optional,
            false,
            true,
            "SRTP keys need signalling by TLS",
        ),
        (
            SrtpPolicy::Required,
            true,
            false,
            "audio is not encrypted, and it has to be",
        ),
    ];
    for (policy, without_tls, encrypted, why) in cases {
        let mut scene = scene(policy, without_tls);
        let mut offer = scene.peer().offer("sendrecv");
        if encrypted {
            offer = secured(&offer, KEY_1);
        }
        scene.peer().request("INVITE", &offer);
        scene.run(100);
        let response = scene.peer().last_response();
        assert_eq!(response.status.code(), 488);
        let warning = response.headers.get(&HeaderName::Warning).unwrap();
        assert_eq!(
            String::from_utf8_lossy(warning),
            format!("302 muleteer \"{why}\"")
        );
        scene.peer().same_branch("ACK");
        scene.ends_clean();
    }
}

#[test]
fn a_call_of_ours_offers_srtp_if_it_is_required() {
    for (policy, profile) in [
        (SrtpPolicy::Required, " RTP/SAVP "),
        (SrtpPolicy::Optional, " RTP/AVP "),
    ] {
        let mut scene = scene(policy, true);
        let (dial, _reports) = phone(&format!("bob@{PEER}"), Vec::new());
        scene.with_agent(|agent, now| agent.dial(now, dial));
        scene.run(50);
        let invite = scene.peer().last_request("INVITE").expect("an INVITE");
        let offer = String::from_utf8(invite.body.to_vec()).unwrap();
        assert!(offer.contains(profile), "{offer}");
    }
}
