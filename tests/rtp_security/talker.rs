//! People and machines that send RTP, each with an SSRC, a tone and a place of its own.

use muleteer::codec::{CodecId, Variant};
use muleteer::media::{MediaCommand, Output, StreamParameters};
use muleteer::rtp::{PayloadType, SourceRule};

use crate::support::audio::{ms_of, sine};
use crate::support::media::{Rig, parameters};

/// The tone of an honest peer.
pub const PEER_HZ: f64 = 440.0;
/// The tone of anyone else.
pub const ATTACKER_HZ: f64 = 1_000.0;

/// A sender of 20 ms packets of PCMU.
#[derive(Debug, Clone)]
pub struct Talker {
    pub from: String,
    pub ssrc: u32,
    pub sequence: u16,
    pub timestamp: u32,
    tone: Vec<u8>,
}

impl Talker {
    pub fn new(from: &str, ssrc: u32, hertz: f64) -> Self {
        let mut tone = vec![0; 160];
        CodecId::PCMU
            .encoder(Variant::default())
            .unwrap()
            .encode(&sine(hertz, 20), &mut tone);
        Self {
            from: from.to_owned(),
            ssrc,
            sequence: 65_500,
            timestamp: 7_000,
            tone,
        }
    }

    pub fn peer(from: &str) -> Self {
        Self::new(from, 0x1111_1111, PEER_HZ)
    }

    pub fn attacker(from: &str) -> Self {
        Self::new(from, 0x2222_2222, ATTACKER_HZ)
    }

    /// The next packet.
    pub fn packet(&mut self) -> Vec<u8> {
        let packet = packet(self.sequence, self.timestamp, self.ssrc, &self.tone);
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(160);
        packet
    }

    /// The next packet, with other content.
    pub fn saying(&mut self, hertz: f64) -> Vec<u8> {
        let tone = Self::new("", 0, hertz).tone;
        let own = std::mem::replace(&mut self.tone, tone);
        let packet = self.packet();
        self.tone = own;
        packet
    }

    /// Time passes for someone who says nothing.
    pub fn pause(&mut self, frames: u32) {
        self.timestamp = self.timestamp.wrapping_add(160 * frames);
    }
}

pub fn packet(sequence: u16, timestamp: u32, ssrc: u32, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, PayloadType::PCMU.get()];
    packet.extend(sequence.to_be_bytes());
    packet.extend(timestamp.to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend(payload);
    packet
}

/// A stream that echoes, towards a peer whose SDP names `signalled`.
pub fn line(signalled: &str) -> Rig {
    line_with(signalled, SourceRule::default())
}

pub fn line_with(signalled: &str, source_rule: SourceRule) -> Rig {
    let mut rig = Rig::silent();
    configure(&mut rig, signalled, source_rule);
    rig.command(MediaCommand::SetOutput(Output::Echo));
    rig
}

/// What a session description that names `signalled` says to the stream.
pub fn configure(rig: &mut Rig, signalled: &str, source_rule: SourceRule) {
    rig.command(MediaCommand::Configure(Box::new(StreamParameters {
        remote: Some(signalled.parse().unwrap()),
        source_rule,
        ..parameters()
    })));
}

/// `frames` of 20 ms in which everyone says one packet, in this order.
pub fn talk(rig: &mut Rig, everyone: &mut [&mut Talker], frames: usize) {
    for _ in 0..frames {
        for talker in &mut *everyone {
            let packet = talker.packet();
            rig.receive(&talker.from, &packet);
        }
        rig.run_ms(20);
    }
}

/// What our stream has sent so far, cut off.
pub struct Echoed {
    pub to: Vec<String>,
    pub peer_ms: usize,
    pub attacker_ms: usize,
}

/// What was echoed since the last call.
pub fn echoed(rig: &mut Rig) -> Echoed {
    let pcm = rig.heard();
    let mut to: Vec<_> = rig
        .world
        .sent
        .iter()
        .map(|sent| sent.to.to_string())
        .collect();
    to.dedup();
    rig.world.sent.clear();
    Echoed {
        to,
        peer_ms: ms_of(&pcm, PEER_HZ),
        attacker_ms: ms_of(&pcm, ATTACKER_HZ),
    }
}

/// Only the peer was heard for at least `ms`, and only `to` was sent to.
#[track_caller]
pub fn assert_unharmed(rig: &mut Rig, to: &str, ms: usize) {
    let echoed = echoed(rig);
    assert_eq!(echoed.to, [to]);
    assert_eq!(echoed.attacker_ms, 0, "the attacker is heard");
    assert!(echoed.peer_ms >= ms, "{} of {ms} ms", echoed.peer_ms);
}
