//! Encrypted streams under attack: a packet that is not sealed with the peer's key changes nothing, one that
//! is proves where the peer is.

use muleteer::codec::{CodecId, Variant};
use muleteer::media::{MediaCommand, Output, RtcpParameters, StreamParameters};
use muleteer::rtp::srtp::{
    MAX_SRTP_OVERHEAD, MasterKey, SrtpKey, SrtpKeys, SrtpReceiver, SrtpSender, SrtpSuite,
};
use muleteer::rtp::{RtpPacket, SourceRule};

use super::talker::{ATTACKER_HZ, PEER_HZ, Talker};
use crate::support::audio::ms_of;
use crate::support::media::{Rig, parameters};

const VICTIM: &str = "192.0.2.1:4000";
const ELSEWHERE: &str = "198.51.100.7:31000";
const ATTACKER: &str = "203.0.113.9:9999";

fn master(seed: u8) -> MasterKey {
    let suite = SrtpSuite::Aes128CmSha1Tag80;
    MasterKey::new(suite, &vec![seed; suite.master_bytes()]).unwrap()
}

fn key(seed: u8) -> SrtpKey {
    SrtpKey {
        master: master(seed),
        mki: None,
    }
}

/// An echo of what is sealed with key `theirs`, sealed with key `ours`.
fn configure(rig: &mut Rig, (ours, theirs): (u8, u8), source_rule: SourceRule) {
    rig.configure(StreamParameters {
        remote: Some(VICTIM.parse().unwrap()),
        source_rule,
        rtcp: Some(RtcpParameters {
            mux: true,
            remote: None,
        }),
        srtp: Some(Box::new(SrtpKeys {
            send: master(ours),
            receive: key(theirs),
        })),
        ..parameters()
    });
}

/// A stream and its peer, who seals with key 2 and gets what is sealed with key 1.
struct Call {
    rig: Rig,
    voice: Talker,
    sealer: SrtpSender,
    opener: SrtpReceiver,
}

impl Call {
    fn new(source_rule: SourceRule) -> Self {
        let mut rig = Rig::silent();
        configure(&mut rig, (1, 2), source_rule);
        rig.command(MediaCommand::SetOutput(Output::Echo));
        Self {
            rig,
            voice: Talker::peer(VICTIM),
            sealer: SrtpSender::new(master(2)),
            opener: SrtpReceiver::new(key(1)),
        }
    }

    /// The peer's next packet.
    fn packet(&mut self) -> Vec<u8> {
        let packet = self.voice.packet();
        seal(&mut self.sealer, &packet)
    }

    /// The peer says so many packets of 20 ms.
    fn talk(&mut self, packets: usize) {
        for _ in 0..packets {
            let packet = self.packet();
            let from = self.voice.from.clone();
            self.rig.receive(&from, &packet);
            self.rig.run_ms(20);
        }
    }

    /// Where the echo went since the last time, and the milliseconds of the peer and of the attacker in it.
    fn echoed(&mut self) -> (Vec<String>, usize, usize) {
        let (mut to, mut pcm) = (Vec::new(), Vec::new());
        let mut decoder = CodecId::PCMU.decoder(Variant::default()).unwrap();
        for sent in self.rig.world.sent.drain(..) {
            let mut plain = [0; 1_500];
            let now = std::time::Instant::now();
            let len = self
                .opener
                .unprotect(now, sent.bytes(), &mut plain)
                .unwrap();
            let packet = RtpPacket::parse(&plain[..len]).unwrap();
            let mut samples = [0; 480];
            let count = decoder.decode(packet.payload, &mut samples).unwrap();
            pcm.extend_from_slice(&samples[..count]);
            to.push(sent.to.to_string());
        }
        to.dedup();
        (to, ms_of(&pcm, PEER_HZ), ms_of(&pcm, ATTACKER_HZ))
    }

    #[track_caller]
    fn assert_unharmed(&mut self, to: &str, ms: usize) {
        let (sent_to, peer_ms, attacker_ms) = self.echoed();
        assert_eq!((sent_to, attacker_ms), (vec![to.to_owned()], 0));
        assert!(peer_ms >= ms, "{peer_ms} of {ms} ms");
    }
}

fn seal(sealer: &mut SrtpSender, plain: &[u8]) -> Vec<u8> {
    let mut packet = [plain, &[0; MAX_SRTP_OVERHEAD]].concat();
    let len = sealer.protect(&mut packet, plain.len()).unwrap();
    packet.truncate(len);
    packet
}

#[test]
fn plain_forged_and_replayed_packets_are_neither_heard_nor_followed() {
    let mut call = Call::new(SourceRule::default());
    call.talk(50);
    call.assert_unharmed(VICTIM, 900);
    let mut attacker = Talker::attacker(ATTACKER);
    let mut wrong_key = SrtpSender::new(master(9));
    for from in [ATTACKER, VICTIM] {
        for _ in 0..50 {
            let packet = call.packet();
            let mut changed = packet.clone();
            changed[40] ^= 1;
            let plain = attacker.packet();
            call.rig.receive(from, &plain);
            call.rig.receive(from, &seal(&mut wrong_key, &plain));
            call.rig.receive(from, &changed);
            call.rig.receive(VICTIM, &packet);
            call.rig.receive(from, &packet);
            call.rig.run_ms(20);
        }
    }
    call.assert_unharmed(VICTIM, 1_950);
    assert_eq!(call.rig.stats.packets_forged.value(), 300);
    assert_eq!(call.rig.stats.packets_replayed.value(), 100);
    call.rig.receive(ATTACKER, &[0x80, 0, 1]);
    assert_eq!(call.rig.stats.packets_malformed.value(), 1);
}

#[test]
fn nobody_without_the_key_is_sent_anything_before_the_peer_speaks() {
    let mut call = Call::new(SourceRule::default());
    let mut attacker = Talker::attacker(VICTIM);
    for _ in 0..100 {
        let plain = attacker.packet();
        call.rig.receive(VICTIM, &plain);
        call.rig.run_ms(20);
    }
    assert_eq!(call.rig.world.sent.len(), 0);
    call.talk(50);
    call.assert_unharmed(VICTIM, 900);
}

#[test]
fn the_key_is_the_best_proof_of_a_source() {
    let mut call = Call::new(SourceRule::default());
    call.voice.from = ELSEWHERE.to_owned();
    call.talk(50);
    // At once, where a peer without a key has to show a run of packets.
    call.assert_unharmed(ELSEWHERE, 950);
    call.voice.from = ATTACKER.to_owned();
    call.talk(50);
    let (to, peer_ms, _) = call.echoed();
    assert_eq!(to, [ELSEWHERE, ATTACKER][usize::from(to.len() == 1)..]);
    assert!(peer_ms >= 950);
    assert_eq!(call.rig.stats.sources_moved.value(), 1);

    let strict = SourceRule {
        strict: true,
        ..SourceRule::default()
    };
    let mut call = Call::new(strict);
    call.voice.from = ELSEWHERE.to_owned();
    call.talk(50);
    assert_eq!(call.rig.world.sent.len(), 0);
    assert_eq!(call.rig.stats.packets_from_strangers.value(), 50);
}

#[test]
fn a_new_ssrc_with_the_key_is_heard_at_once() {
    let mut call = Call::new(SourceRule::default());
    call.talk(50);
    call.assert_unharmed(VICTIM, 900);
    call.voice = Talker::new(VICTIM, 0x3333_3333, PEER_HZ);
    call.sealer = SrtpSender::new(master(2));
    call.talk(50);
    call.assert_unharmed(VICTIM, 900);
    assert_eq!(call.rig.stats.packets_forged.value(), 0);
}

#[test]
fn the_number_after_65_535_is_the_next_one() {
    let mut call = Call::new(SourceRule::default());
    call.voice.sequence = 65_500;
    call.talk(100);
    call.assert_unharmed(VICTIM, 1_950);
    assert_eq!(call.rig.stats.packets_forged.value(), 0);
}

#[test]
fn a_change_of_the_key_is_not_heard() {
    let mut call = Call::new(SourceRule::default());
    call.talk(50);
    call.assert_unharmed(VICTIM, 900);
    configure(&mut call.rig, (3, 4), SourceRule::default());
    call.opener.rekey(&key(3));
    call.talk(5);
    call.sealer = SrtpSender::new(master(4));
    call.talk(45);
    call.assert_unharmed(VICTIM, 980);
    assert_eq!(call.rig.stats.packets_forged.value(), 0);
}

#[test]
fn reports_are_sealed_and_those_of_others_refused() {
    let mut call = Call::new(SourceRule::default());
    call.talk(1_000);
    let reports = std::mem::take(&mut call.rig.world.reports);
    assert!(!reports.is_empty());
    for (_, _, report) in &reports {
        let (mut plain, now) = ([0; 1_500], std::time::Instant::now());
        assert!(
            call.opener
                .unprotect_control(now, report, &mut plain)
                .is_ok()
        );
        let again = call.opener.unprotect_control(now, report, &mut plain);
        assert!(again.is_err());
    }
    // An empty receiver report, plain and sealed.
    let mut report = vec![0x80, 201, 0, 1, 0x11, 0x11, 0x11, 0x11];
    call.rig.receive(VICTIM, &report);
    assert_eq!(call.rig.stats.rtcp_refused.value(), 1);
    report.extend([0; MAX_SRTP_OVERHEAD]);
    let len = call.sealer.protect_control(&mut report, 8).unwrap();
    for _ in 0..2 {
        call.rig.receive(ELSEWHERE, &report[..len]);
    }
    assert_eq!(call.rig.stats.rtcp_received.value(), 1);
    assert_eq!(call.rig.stats.rtcp_refused.value(), 2);
}
