#![allow(clippy::disallowed_methods)]

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::Verdict::{Accepted, Latched, Moved, Refused};
use super::*;
use crate::rtp::{PayloadType, RtpTimestamp, SequenceNumber};

const PUBLIC: &str = "192.0.2.1:4000";
const PRIVATE: &str = "10.0.0.5:4000";
const NAT: &str = "198.51.100.7:31000";
const STRANGER: &str = "203.0.113.9:9999";
const FRAME: Duration = Duration::from_millis(20);

fn at(address: &str) -> SocketAddr {
    address.parse().unwrap()
}

/// Who sends packets of one SSRC, one every 20 ms.
#[derive(Clone, Copy)]
struct Talker {
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
}

impl Talker {
    fn new(ssrc: u32) -> Self {
        Self {
            ssrc,
            sequence: 65_530,
            timestamp: u32::MAX - 400,
        }
    }

    fn packet(&mut self) -> RtpPacket<'static> {
        let packet = RtpPacket {
            payload_type: PayloadType::PCMU,
            marker: false,
            sequence_number: SequenceNumber(self.sequence),
            timestamp: RtpTimestamp(self.timestamp),
            ssrc: Ssrc(self.ssrc),
            payload: &[],
        };
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(160);
        packet
    }
}

/// A latch and the time.
struct Line {
    latch: SourceLatch,
    now: Instant,
}

impl Line {
    fn new(signalled: &str) -> Self {
        Self::with(signalled, SourceRule::default())
    }

    fn with(signalled: &str, rule: SourceRule) -> Self {
        Self {
            latch: SourceLatch::new(Some(at(signalled)), rule),
            now: Instant::now(),
        }
    }

    fn hear(&mut self, source: &str, packet: &RtpPacket<'_>) -> Verdict {
        self.latch
            .check(self.now, at(source), packet, ClockRate::HZ_8000)
    }

    /// `packets` of `talker`, one a frame; the last verdict.
    fn talk(&mut self, source: &str, talker: &mut Talker, packets: usize) -> Verdict {
        let mut verdict = Refused(Refusal::Stranger);
        for _ in 0..packets {
            verdict = self.hear(source, &talker.packet());
            self.now += FRAME;
        }
        verdict
    }
}

#[test]
fn the_signalled_address_is_heard_at_once_and_others_are_refused() {
    let (mut line, mut peer, mut other) = (Line::new(PUBLIC), Talker::new(1), Talker::new(2));
    assert_eq!(line.talk(PUBLIC, &mut peer, 1), Latched);
    assert_eq!(line.talk(PUBLIC, &mut peer, 10), Accepted);
    let verdict = line.talk(STRANGER, &mut other, 100);
    assert_eq!(verdict, Refused(Refusal::Stranger));
    assert_eq!(line.latch.destination(), None);
    assert_eq!(line.latch.source(), Some(at(PUBLIC)));
}

#[test]
fn another_port_of_the_signalled_host_is_followed_after_three_packets() {
    let (mut line, mut peer) = (Line::new(PUBLIC), Talker::new(1));
    let verdict = line.talk("192.0.2.1:7777", &mut peer, 2);
    assert_eq!(verdict, Refused(Refusal::Unproven));
    assert_eq!(line.talk("192.0.2.1:7777", &mut peer, 1), Latched);
    assert_eq!(line.latch.destination(), Some(at("192.0.2.1:7777")));
}

#[test]
fn an_asymmetric_host_is_heard_from_another_port_and_sent_to_where_it_said() {
    let rule = SourceRule {
        asymmetric: true,
        ..SourceRule::default()
    };
    let (mut line, mut peer) = (Line::with(PUBLIC, rule), Talker::new(1));
    assert_eq!(line.talk("192.0.2.1:7777", &mut peer, 1), Latched);
    assert_eq!(line.latch.source(), Some(at("192.0.2.1:7777")));
    assert_eq!(line.latch.destination(), None);
}

#[test]
fn a_peer_behind_a_nat_is_followed_after_three_packets() {
    let (mut line, mut peer) = (Line::new(PRIVATE), Talker::new(1));
    assert_eq!(line.talk(NAT, &mut peer, 2), Refused(Refusal::Unproven));
    assert_eq!(line.latch.destination(), None);
    assert_eq!(line.talk(NAT, &mut peer, 1), Latched);
    assert_eq!(line.latch.destination(), Some(at(NAT)));
}

#[test]
fn where_signalling_comes_from_is_better_than_anywhere() {
    let rule = SourceRule {
        signalling_host: Some(at(NAT).ip()),
        strict: false,
        asymmetric: false,
    };
    let (mut line, mut peer, mut attacker) =
        (Line::with(PRIVATE, rule), Talker::new(1), Talker::new(2));
    assert_eq!(line.talk(STRANGER, &mut attacker, 3), Latched);
    for _ in 0..100 {
        line.hear(STRANGER, &attacker.packet());
        line.talk(NAT, &mut peer, 1);
    }
    assert_eq!(line.latch.source(), Some(at(NAT)));
}

#[test]
fn a_stranger_who_was_first_yields_to_the_signalled_address_however_late() {
    for frames in [60, 1_000] {
        let (mut line, mut peer, mut attacker) =
            (Line::new(PUBLIC), Talker::new(1), Talker::new(2));
        assert_eq!(line.talk(STRANGER, &mut attacker, frames), Accepted);
        for _ in 0..3 {
            line.hear(STRANGER, &attacker.packet());
            line.talk(PUBLIC, &mut peer, 1);
        }
        assert_eq!(line.latch.source(), Some(at(PUBLIC)), "{frames}");
        assert_eq!(
            line.talk(STRANGER, &mut attacker, 1_000),
            Refused(Refusal::Stranger)
        );
    }
}

#[test]
fn a_burst_proves_nothing() {
    let (mut line, mut attacker) = (Line::new(PRIVATE), Talker::new(2));
    for _ in 0..1_000 {
        let verdict = line.hear(STRANGER, &attacker.packet());
        assert_eq!(verdict, Refused(Refusal::Unproven));
    }
}

#[test]
fn strangers_in_turn_keep_no_peer_out() {
    let (mut line, mut peer) = (Line::new(PRIVATE), Talker::new(1));
    let mut random = SmallRng::seed_from_u64(3);
    let mut frames = 0;
    while line.latch.source() != Some(at(NAT)) {
        let turn = random.random_range(0..6u32);
        for n in 0..6 {
            if n == turn {
                line.hear(NAT, &peer.packet());
            } else {
                let stranger = format!("203.0.113.{n}:{}", 2_000 + frames % 1_000);
                line.hear(&stranger, &Talker::new(frames * 7 + n).packet());
            }
        }
        line.now += FRAME;
        frames += 1;
        assert!(frames < 200, "the peer is kept out");
    }
}

#[test]
fn a_nat_that_binds_anew_is_followed_by_ssrc_number_and_clock() {
    let (mut line, mut peer) = (Line::new(PUBLIC), Talker::new(1));
    line.talk(PUBLIC, &mut peer, 50);
    let moved = "192.0.2.200:5555";
    let verdicts: Vec<_> = (0..30).map(|_| line.talk(moved, &mut peer, 1)).collect();
    assert_eq!(verdicts[23], Refused(Refusal::Stranger));
    assert_eq!(verdicts[24], Moved);
    assert_eq!(verdicts[25], Accepted);
    assert_eq!(line.latch.destination(), Some(at(moved)));
}

#[test]
fn without_the_right_ssrc_number_or_clock_nobody_takes_over_a_silent_source() {
    let mut peer = Talker::new(1);
    let mut line = Line::new(PUBLIC);
    line.talk(PUBLIC, &mut peer, 50);
    let guesses = [
        Talker { ssrc: 2, ..peer },
        Talker {
            sequence: peer.sequence.wrapping_sub(60),
            ..peer
        },
        Talker {
            sequence: peer.sequence.wrapping_add(4_000),
            ..peer
        },
        Talker {
            timestamp: peer.timestamp.wrapping_add(1 << 24),
            ..peer
        },
        Talker {
            timestamp: peer.timestamp.wrapping_sub(80_000),
            ..peer
        },
    ];
    for mut guess in guesses {
        assert_eq!(
            line.talk(STRANGER, &mut guess, 100),
            Refused(Refusal::Stranger)
        );
    }
}

#[test]
fn who_took_over_in_a_pause_gives_the_stream_back() {
    let (mut line, mut peer) = (Line::new(PUBLIC), Talker::new(1));
    line.talk(PUBLIC, &mut peer, 50);
    let mut thief = Talker {
        sequence: peer.sequence.wrapping_add(500),
        ..peer
    };
    line.talk(STRANGER, &mut thief, 100);
    assert_eq!(
        line.latch.source(),
        Some(at(STRANGER)),
        "he knew all there is to know"
    );
    assert_eq!(line.talk(PUBLIC, &mut peer, 1), Latched);
    for _ in 0..100 {
        assert_eq!(
            line.hear(STRANGER, &thief.packet()),
            Refused(Refusal::Stranger)
        );
        assert_eq!(line.talk(PUBLIC, &mut peer, 1), Accepted);
    }
    assert_eq!(line.latch.destination(), None);
}

#[test]
fn another_ssrc_is_believed_when_the_old_one_has_stopped() {
    let (mut line, mut peer, mut other) = (Line::new(PUBLIC), Talker::new(1), Talker::new(2));
    line.talk(PUBLIC, &mut peer, 50);
    for _ in 0..100 {
        assert_eq!(line.hear(PUBLIC, &other.packet()), Refused(Refusal::Ssrc));
        assert_eq!(line.talk(PUBLIC, &mut peer, 1), Accepted);
    }
    let frames = (0..).find(|_| line.talk(PUBLIC, &mut other, 1) == Latched);
    assert_eq!(frames, Some(4), "80 ms are lost");
    assert_eq!(line.talk(PUBLIC, &mut peer, 1), Latched, "and back at once");
}

#[test]
fn numbers_far_off_are_believed_when_the_old_ones_have_stopped() {
    let (mut line, mut peer) = (Line::new(PUBLIC), Talker::new(1));
    line.talk(PUBLIC, &mut peer, 50);
    let mut restarted = Talker {
        sequence: peer.sequence.wrapping_add(30_000),
        ..peer
    };
    let verdict = line.hear(PUBLIC, &restarted.packet());
    assert_eq!(verdict, Refused(Refusal::Sequence));
    assert_eq!(line.talk(PUBLIC, &mut peer, 1), Accepted);
    line.talk(PUBLIC, &mut restarted, 10);
    assert_eq!(line.talk(PUBLIC, &mut restarted, 1), Accepted);
}

#[test]
fn a_packet_is_taken_once_and_a_late_one_is_taken() {
    let (mut line, mut peer) = (Line::new(PUBLIC), Talker::new(1));
    let first = peer.packet();
    line.hear(PUBLIC, &first);
    let late = peer.packet();
    line.talk(PUBLIC, &mut peer, 50);
    assert_eq!(line.hear(PUBLIC, &late), Accepted);
    assert_eq!(line.hear(PUBLIC, &late), Refused(Refusal::Repeated));
    assert_eq!(line.hear(PUBLIC, &first), Refused(Refusal::Repeated));
    line.talk(PUBLIC, &mut peer, 100);
    assert_eq!(line.hear(PUBLIC, &late), Refused(Refusal::Sequence));
}

#[test]
fn a_recording_played_in_a_loop_is_heard_again() {
    let (mut line, tape) = (Line::new(PUBLIC), Talker::new(1));
    line.talk(PUBLIC, &mut { tape }, 40);
    let mut again = tape;
    line.talk(PUBLIC, &mut again, 10);
    assert_eq!(line.talk(PUBLIC, &mut again, 1), Accepted);
}

#[test]
fn a_new_session_description_learns_anew_while_the_old_source_goes_on() {
    let (mut line, mut peer) = (Line::new(PUBLIC), Talker::new(1));
    line.talk(PUBLIC, &mut peer, 50);
    line.latch.reset(Some(at(STRANGER)), SourceRule::default());
    assert_eq!(line.latch.source(), None);
    assert_eq!(line.talk(PUBLIC, &mut peer, 1), Latched);
    assert_eq!(line.latch.destination(), None, "audio goes where SDP says");
    assert_eq!(line.talk(STRANGER, &mut Talker::new(2), 1), Latched);
    assert_eq!(line.talk(PUBLIC, &mut peer, 1), Refused(Refusal::Stranger));
}

#[test]
fn a_mapped_address_is_the_same_address() {
    let (mut line, mut peer) = (Line::new(PUBLIC), Talker::new(1));
    assert_eq!(line.talk("[::ffff:192.0.2.1]:4000", &mut peer, 1), Latched);
    assert_eq!(line.talk(PUBLIC, &mut peer, 1), Accepted);
    assert!(line.latch.is_host("::ffff:192.0.2.1".parse().unwrap()));
}

#[test]
fn a_strict_latch_takes_the_signalled_host_alone() {
    let rule = SourceRule {
        signalling_host: Some(at(NAT).ip()),
        strict: true,
        asymmetric: false,
    };
    let (mut line, mut peer) = (Line::with(PRIVATE, rule), Talker::new(1));
    assert_eq!(line.talk(NAT, &mut peer, 500), Refused(Refusal::Stranger));
    assert_eq!(line.talk("10.0.0.5:9", &mut Talker::new(2), 1), Latched);
    assert_eq!(line.latch.destination(), None);
}

#[test]
fn private_is_what_nobody_outside_can_send_to() {
    let private = [
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "127.0.0.1",
        "169.254.1.1",
    ];
    let private = private
        .into_iter()
        .chain(["fd00::1", "fe80::1", "::1", "::ffff:10.0.0.1"]);
    assert!(
        private
            .into_iter()
            .all(|text| is_private(text.parse().unwrap()))
    );
    let public = [
        "192.0.2.1",
        "100.128.0.1",
        "8.8.8.8",
        "2001:db8::1",
        "::ffff:8.8.8.8",
    ];
    assert!(
        !public
            .into_iter()
            .any(|text| is_private(text.parse().unwrap()))
    );
}
