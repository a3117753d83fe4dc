use std::collections::BTreeSet;

use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

use super::*;

struct Bench {
    buffer: JitterBuffer,
}

impl Bench {
    fn new() -> Self {
        let config = JitterConfig {
            slots: 16,
            bytes: 64,
        };
        Self {
            buffer: JitterBuffer::new(config),
        }
    }

    fn push(&mut self, number: u16) -> Push {
        self.push_from(Ssrc(1), number)
    }

    fn push_from(&mut self, ssrc: Ssrc, number: u16) -> Push {
        self.buffer
            .push(&packet(ssrc, number, &number.to_be_bytes()))
    }

    /// Takes what is at the front: the number of a packet, or that it is missing.
    fn pop(&mut self) -> Heard {
        let heard = match self.buffer.front() {
            Front::Packet(packet) => Packet(number_in(packet)),
            Front::Missing { .. } => Lost,
            Front::Empty => return Empty,
        };
        self.buffer.pop();
        heard
    }
}

fn number_in(packet: BufferedPacket<'_>) -> u16 {
    u16::from_be_bytes(packet.payload.try_into().unwrap())
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
fn packets_follow_their_numbers_across_the_wrap() {
    let mut bench = Bench::new();
    assert_eq!(bench.pop(), Empty);
    for number in [65_534, 65_535, 0, 1] {
        bench.push(number);
        assert_eq!(bench.pop(), Packet(number));
    }
    assert_eq!(bench.pop(), Empty);
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
    assert_eq!(bench.push(2), Push::Duplicate);
    let Front::Missing { packets, following } = bench.buffer.front() else {
        panic!("3 is missing");
    };
    assert_eq!((packets, number_in(following)), (1, 4));
    assert_eq!(bench.pop(), Lost);
    assert_eq!(bench.push(3), Push::Late);
    assert_eq!(bench.pop(), Packet(4));
    let counters = bench.buffer.counters();
    assert_eq!((counters.played, counters.lost), (3, 1));
    assert_eq!((counters.late, counters.duplicates), (1, 2));
}

#[test]
fn a_late_packet_is_still_played_while_nothing_was_played_after_it() {
    let mut bench = Bench::new();
    bench.push(1);
    assert_eq!([bench.pop(), bench.pop()], [Packet(1), Empty]);
    bench.push(3);
    assert_eq!(bench.push(2), Push::Stored);
    assert_eq!([bench.pop(), bench.pop()], [Packet(2), Packet(3)]);
}

#[test]
fn a_burst_drops_the_oldest() {
    let mut bench = Bench::new();
    for number in 0..100 {
        bench.push(number);
    }
    let heard: Vec<_> = std::iter::repeat_with(|| bench.pop())
        .take_while(|heard| *heard != Empty)
        .collect();
    assert_eq!(heard, (84..100).map(Packet).collect::<Vec<_>>());
    assert_eq!(bench.buffer.counters().dropped, 84);
}

#[test]
fn long_payloads_drop_the_oldest_for_want_of_room() {
    let mut bench = Bench::new();
    for number in 0..10u16 {
        let payload = [number as u8; 20];
        bench.buffer.push(&packet(Ssrc(1), number, &payload));
    }
    for number in 7..10u8 {
        match bench.buffer.front() {
            Front::Packet(packet) => assert_eq!(packet.payload, [number; 20]),
            other => panic!("{other:?}"),
        }
        bench.buffer.pop();
    }
    assert_eq!(bench.pop(), Empty);
    assert_eq!(bench.buffer.counters().dropped, 7);
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
fn a_sender_that_restarts_a_little_behind_is_heard_again() {
    let mut bench = Bench::new();
    for number in 100..150 {
        bench.push(number);
        bench.pop();
    }
    let pushes: Vec<_> = (60..100).map(|number| bench.push(number)).collect();
    assert!(pushes.contains(&Push::Resynchronised));
    assert_eq!(pushes.last(), Some(&Push::Stored));
}

#[test]
fn a_long_outage_is_bridged_at_once_when_nothing_waits() {
    let mut bench = Bench::new();
    bench.push(1);
    assert_eq!([bench.pop(), bench.pop()], [Packet(1), Empty]);
    assert_eq!(bench.push(500), Push::Resynchronised);
}

#[test]
fn telephone_events_leave_no_hole() {
    let mut bench = Bench::new();
    bench.push(1);
    bench.buffer.push_other(&packet(Ssrc(1), 2, &[0; 40]));
    bench.push(3);
    assert_eq!(
        [bench.pop(), bench.pop(), bench.pop()],
        [Packet(1), Packet(3), Empty]
    );
    assert_eq!(bench.buffer.counters().lost, 0);
}

#[test]
fn a_payload_longer_than_half_of_the_buffer_is_refused() {
    let mut bench = Bench::new();
    let long = packet(Ssrc(1), 1, &[0; 33]);
    assert_eq!(bench.buffer.push(&long), Push::TooLong);
}

#[test]
fn any_order_within_the_window_plays_in_order_and_once() {
    let mut random = SmallRng::seed_from_u64(11);
    for _ in 0..300 {
        let mut bench = Bench::new();
        let first: u16 = random.random();
        let mut numbers: Vec<u16> = (0..60).map(|i| first.wrapping_add(i)).collect();
        numbers
            .chunks_mut(8)
            .for_each(|some| some.shuffle(&mut random));
        let mut heard = Vec::new();
        for (n, number) in numbers.into_iter().enumerate() {
            bench.push(number);
            if random.random_bool(0.1) {
                bench.push(number);
            }
            if n >= 8 {
                heard.push(bench.pop());
            }
        }
        heard.extend(std::iter::repeat_with(|| bench.pop()).take(8));
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
            if random.random_bool(0.1) {
                let len = random.random_range(0..40);
                let other = packet(Ssrc(1), number.wrapping_add(1), &[0; 40][..len]);
                if bench.buffer.push_other(&other) == Push::Resynchronised {
                    played.clear();
                    last = None;
                }
            }
            while random.random_bool(0.5) {
                match bench.pop() {
                    Packet(number) => {
                        assert!(
                            played.insert(number),
                            "step {step}: {number} was played twice"
                        );
                        if let Some(last) = last {
                            assert!(SequenceNumber(number).since(last) > 0);
                        }
                        last = Some(SequenceNumber(number));
                    }
                    Lost => {}
                    Empty => break,
                }
            }
        }
    }
}
