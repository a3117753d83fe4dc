#![allow(clippy::disallowed_methods)]

use std::collections::BTreeSet;

use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

use super::*;

struct Bench {
    buffer: JitterBuffer,
    arrival: Instant,
}

impl Bench {
    fn new() -> Self {
        let config = JitterConfig {
            depth: 2,
            slots: 16,
            payload_bytes: 8,
        };
        Self {
            buffer: JitterBuffer::new(config),
            arrival: Instant::now(),
        }
    }

    fn push(&mut self, number: u16) -> Push {
        self.push_from(Ssrc(1), number)
    }

    fn push_from(&mut self, ssrc: Ssrc, number: u16) -> Push {
        self.buffer
            .push(self.arrival, &packet(ssrc, number, &number.to_be_bytes()))
    }

    /// The number of the packet that is due, in words for the rest.
    fn pop(&mut self) -> Heard {
        match self.buffer.pop() {
            Pop::Packet(packet) => Packet(u16::from_be_bytes(packet.payload.try_into().unwrap())),
            Pop::Lost => Lost,
            Pop::Empty => Empty,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    Packet(u16),
    Lost,
    Empty,
}
use Heard::{Empty, Lost, Packet};

fn packet(ssrc: Ssrc, number: u16, payload: &[u8]) -> RtpPacket<'_> {
    RtpPacket {
        payload_type: PayloadType::PCMU,
        marker: false,
        sequence_number: SequenceNumber(number),
        timestamp: RtpTimestamp(u32::from(number) * 160),
        ssrc,
        payload,
    }
}

#[test]
fn playout_starts_at_the_depth_and_follows_the_numbers_across_the_wrap() {
    let mut bench = Bench::new();
    assert_eq!(bench.pop(), Empty);
    bench.push(65_534);
    assert_eq!(bench.pop(), Empty);
    for number in [65_535, 0, 1] {
        bench.push(number);
        assert_eq!(bench.pop(), Packet(number.wrapping_sub(1)));
    }
    assert_eq!(bench.pop(), Packet(1));
    assert_eq!(bench.pop(), Empty);
}

#[test]
fn a_single_packet_is_played_after_the_depth() {
    let mut bench = Bench::new();
    bench.push(7);
    assert_eq!(
        [bench.pop(), bench.pop(), bench.pop()],
        [Empty, Empty, Packet(7)]
    );
}

#[test]
fn swapped_packets_play_in_order_even_at_the_start() {
    let mut bench = Bench::new();
    bench.push(11);
    assert_eq!(bench.push(10), Push::Stored);
    assert_eq!(bench.pop(), Packet(10));
    bench.push(13);
    assert_eq!(bench.pop(), Packet(11));
    bench.push(12);
    assert_eq!([bench.pop(), bench.pop()], [Packet(12), Packet(13)]);
}

#[test]
fn a_gap_is_lost_and_its_packet_late_or_twice_is_refused() {
    let mut bench = Bench::new();
    for number in [1, 2, 4] {
        bench.push(number);
    }
    assert_eq!(bench.push(4), Push::Duplicate);
    assert_eq!([bench.pop(), bench.pop()], [Packet(1), Packet(2)]);
    assert_eq!(bench.buffer.following_payload(), None);
    assert_eq!(bench.pop(), Lost);
    assert_eq!(
        bench.buffer.following_payload(),
        Some(&4u16.to_be_bytes()[..])
    );
    assert_eq!(bench.push(3), Push::Late);
    assert_eq!(bench.pop(), Packet(4));
    let counters = bench.buffer.counters();
    assert_eq!((counters.played, counters.lost), (3, 1));
    assert_eq!((counters.late, counters.duplicates), (1, 1));
}

#[test]
fn after_a_pause_the_buffer_fills_again_and_does_not_conceal_the_pause() {
    let mut bench = Bench::new();
    bench.push(1);
    bench.push(2);
    assert_eq!(
        [bench.pop(), bench.pop(), bench.pop()],
        [Packet(1), Packet(2), Empty]
    );
    bench.push(8);
    assert_eq!(bench.pop(), Empty);
    bench.push(9);
    assert_eq!([bench.pop(), bench.pop()], [Packet(8), Packet(9)]);
    assert_eq!(bench.buffer.counters().lost, 5);
}

#[test]
fn a_late_packet_is_still_played_while_nothing_else_is_here() {
    let mut bench = Bench::new();
    bench.push(1);
    bench.push(2);
    assert_eq!(
        [bench.pop(), bench.pop(), bench.pop()],
        [Packet(1), Packet(2), Empty]
    );
    assert_eq!(bench.push(3), Push::Stored);
    bench.push(4);
    assert_eq!(bench.pop(), Packet(3));
}

#[test]
fn a_burst_is_cut_down_to_the_depth() {
    let mut bench = Bench::new();
    for number in 0..10 {
        bench.push(number);
    }
    assert_eq!(
        [bench.pop(), bench.pop(), bench.pop()],
        [Packet(8), Packet(9), Empty]
    );
    assert_eq!(bench.buffer.counters().dropped, 8);
}

#[test]
fn a_new_source_replaces_the_old_one_at_once() {
    let mut bench = Bench::new();
    bench.push(1);
    bench.push(2);
    assert_eq!(bench.push_from(Ssrc(2), 900), Push::Resynchronised);
    bench.push_from(Ssrc(2), 901);
    assert_eq!(
        [bench.pop(), bench.pop(), bench.pop()],
        [Packet(900), Packet(901), Empty]
    );
}

#[test]
fn a_far_number_is_believed_when_it_is_confirmed() {
    let mut bench = Bench::new();
    bench.push(1);
    bench.push(2);
    assert_eq!(bench.push(30_000), Push::OutOfWindow);
    assert_eq!(bench.push(3), Push::Stored);
    assert_eq!(bench.push(30_001), Push::OutOfWindow);
    assert_eq!(bench.push(30_002), Push::Resynchronised);
    bench.push(30_003);
    assert_eq!(bench.pop(), Packet(30_002));
}

#[test]
fn a_long_outage_is_bridged_at_once_when_nothing_waits() {
    let mut bench = Bench::new();
    bench.push(1);
    bench.push(2);
    assert_eq!(
        [bench.pop(), bench.pop(), bench.pop()],
        [Packet(1), Packet(2), Empty]
    );
    assert_eq!(bench.push(500), Push::Resynchronised);
}

#[test]
fn telephone_events_leave_no_hole() {
    let mut bench = Bench::new();
    bench.push(1);
    bench
        .buffer
        .push_other(bench.arrival, &packet(Ssrc(1), 2, &[0; 40]));
    bench.push(3);
    assert_eq!(
        [bench.pop(), bench.pop(), bench.pop()],
        [Packet(1), Packet(3), Empty]
    );
    assert_eq!(bench.buffer.counters().lost, 0);
}

#[test]
fn a_payload_longer_than_a_slot_is_refused() {
    let mut bench = Bench::new();
    assert_eq!(
        bench
            .buffer
            .push(bench.arrival, &packet(Ssrc(1), 1, &[0; 9])),
        Push::TooLong
    );
}

#[test]
fn any_order_within_the_depth_plays_in_order_and_once() {
    let mut random = SmallRng::seed_from_u64(11);
    for _ in 0..300 {
        let mut bench = Bench::new();
        let first: u16 = random.random();
        // Pairs are swapped, which a depth of two always repairs.
        let mut numbers: Vec<u16> = (0..60).map(|i| first.wrapping_add(i)).collect();
        numbers
            .chunks_mut(2)
            .for_each(|pair| pair.shuffle(&mut random));
        let mut heard = Vec::new();
        for number in numbers {
            bench.push(number);
            if random.random_bool(0.1) {
                bench.push(number);
            }
            heard.push(bench.pop());
        }
        heard.extend([bench.pop(), bench.pop()]);
        heard.retain(|&heard| heard != Empty);
        let expected: Vec<Heard> = (0..60).map(|i| Packet(first.wrapping_add(i))).collect();
        assert_eq!(heard, expected);
    }
}

#[test]
fn no_sequence_of_calls_breaks_the_order_of_a_stream() {
    let mut random = SmallRng::seed_from_u64(12);
    for _ in 0..300 {
        let mut bench = Bench::new();
        let mut number: u16 = random.random();
        let mut played = BTreeSet::new();
        let mut last = None;
        for step in 0..400 {
            if random.random_bool(0.01) {
                number = random.random();
            }
            number = number.wrapping_add(1);
            let pushed = number.wrapping_sub(random.random_range(0..6));
            if bench.push(pushed) == Push::Resynchronised {
                played.clear();
                last = None;
            }
            while random.random_bool(0.5) {
                let Packet(number) = bench.pop() else { break };
                assert!(
                    played.insert(number),
                    "step {step}: {number} was played twice"
                );
                if let Some(last) = last {
                    assert!(SequenceNumber(number).since(last) > 0);
                }
                last = Some(SequenceNumber(number));
            }
        }
    }
}
