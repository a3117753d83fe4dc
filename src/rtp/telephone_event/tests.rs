#![allow(clippy::disallowed_methods)]

use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::*;
use crate::rtp::{ClockRate, PayloadType, RtpPacket, RtpTimestamp, SequenceNumber, Ssrc};

const PTIME: Duration = Duration::from_millis(20);

fn digit(key: char) -> Digit {
    Digit::from_char(key).unwrap()
}

/// A receiver that is fed hand-made packets, 20 ms apart.
struct Listener {
    receiver: EventReceiver,
    now: Instant,
    ssrc: Ssrc,
    rate: ClockRate,
}

impl Listener {
    fn new() -> Self {
        let receiver = EventReceiver::default();
        Self {
            receiver,
            now: Instant::now(),
            ssrc: Ssrc(1),
            rate: ClockRate::HZ_8000,
        }
    }

    /// Feeds a packet of key `key` and returns what is reported, such as `"5:100"`.
    fn hear(&mut self, start: u32, key: char, ticks: u16, end: bool) -> String {
        let payload = EventPayload {
            digit: digit(key),
            end,
            volume: 10,
            ticks,
        }
        .to_bytes();
        self.hear_payload(start, &payload)
    }

    fn hear_payload(&mut self, start: u32, payload: &[u8]) -> String {
        self.now += PTIME;
        let presses =
            self.receiver
                .handle_packet(self.now, self.rate, &packet(self.ssrc, start, payload));
        spell(&presses)
    }

    fn wait(&mut self, time: Duration) -> String {
        self.now += time;
        spell(self.receiver.handle_timeout(self.now).as_slice())
    }
}

fn spell(presses: &[DigitPress]) -> String {
    let spelled: Vec<String> = presses
        .iter()
        .map(|press| format!("{}:{}", press.digit, press.duration_ms))
        .collect();
    spelled.join(" ")
}

fn packet(ssrc: Ssrc, start: u32, payload: &[u8]) -> RtpPacket<'_> {
    RtpPacket {
        payload_type: PayloadType::new(101).unwrap(),
        marker: false,
        sequence_number: SequenceNumber(0),
        timestamp: RtpTimestamp(start),
        ssrc,
        payload,
    }
}

#[test]
fn a_key_is_reported_once_at_its_first_end_packet() {
    let mut listener = Listener::new();
    for ticks in [160, 320, 480] {
        assert_eq!(listener.hear(1_000, '5', ticks, false), "");
    }
    assert_eq!(listener.hear(1_000, '5', 800, true), "5:100");
    assert_eq!(listener.hear(1_000, '5', 800, true), "");
    assert_eq!(listener.hear(1_000, '5', 800, true), "");
    assert_eq!(listener.wait(EVENT_TIMEOUT), "");
}

#[test]
fn the_same_key_again_is_a_second_key() {
    let mut listener = Listener::new();
    assert_eq!(listener.hear(1_000, '5', 800, true), "5:100");
    assert_eq!(listener.hear(2_200, '5', 160, false), "");
    assert_eq!(listener.hear(2_200, '5', 640, true), "5:80");
}

#[test]
fn a_key_without_an_end_ends_in_time() {
    let mut listener = Listener::new();
    listener.hear(1_000, '#', 400, false);
    assert_eq!(listener.wait(EVENT_TIMEOUT - PTIME), "");
    assert_eq!(listener.wait(PTIME), "#:50");
    assert_eq!(listener.receiver.poll_timeout(), None);
    assert_eq!(listener.hear(1_000, '#', 800, true), "");
}

#[test]
fn a_key_without_an_end_ends_when_the_next_begins() {
    let mut listener = Listener::new();
    listener.hear(1_000, '1', 400, false);
    assert_eq!(listener.hear(3_000, '2', 160, false), "1:50");
    assert_eq!(listener.hear(1_000, '1', 480, true), "");
    assert_eq!(listener.hear(3_000, '2', 800, true), "2:100");
}

#[test]
fn one_packet_can_report_two_keys() {
    let mut listener = Listener::new();
    listener.hear(1_000, '1', 400, false);
    assert_eq!(listener.hear(3_000, '2', 800, true), "1:50 2:100");
}

#[test]
fn packets_of_a_key_in_any_order_make_one_key() {
    let mut listener = Listener::new();
    assert_eq!(listener.hear(1_000, '9', 480, false), "");
    assert_eq!(listener.hear(1_000, '9', 160, false), "");
    assert_eq!(listener.hear(1_000, '9', 640, true), "9:80");
    assert_eq!(listener.hear(1_000, '9', 320, false), "");
}

#[test]
fn a_key_that_was_overtaken_is_reported_before_its_successor() {
    let mut listener = Listener::new();
    listener.hear(3_000, '2', 160, false);
    assert_eq!(listener.hear(1_000, '1', 800, true), "1:100");
    assert_eq!(listener.hear(1_000, '1', 800, true), "");
    assert_eq!(listener.hear(3_000, '2', 800, true), "2:100");
}

#[test]
fn timestamps_may_wrap_between_keys() {
    let mut listener = Listener::new();
    assert_eq!(listener.hear(u32::MAX - 400, '1', 800, true), "1:100");
    assert_eq!(listener.hear(1_000, '2', 800, true), "2:100");
}

#[test]
fn a_clock_that_jumps_far_back_is_a_new_clock() {
    let mut listener = Listener::new();
    assert_eq!(listener.hear(900_000_000, '1', 800, true), "1:100");
    assert_eq!(listener.hear(1_000, '2', 800, true), "2:100");
}

#[test]
fn a_new_source_starts_anew() {
    let mut listener = Listener::new();
    listener.hear(5_000, '1', 800, false);
    listener.ssrc = Ssrc(2);
    assert_eq!(listener.hear(1_000, '2', 800, true), "1:100 2:100");
}

#[test]
fn rfc4733_2_5_1_3_segments_of_a_long_key_are_one_key() {
    let mut listener = Listener::new();
    let segment = u32::from(u16::MAX);
    listener.hear(1_000, '0', 65_440, false);
    listener.hear(1_000, '0', u16::MAX, false);
    assert_eq!(listener.hear(1_000 + segment, '0', 160, false), "");
    assert_eq!(listener.hear(1_000, '0', u16::MAX, false), "");
    // The last packet of this segment is lost.
    listener.hear(1_000 + segment, '0', 65_440, false);
    assert_eq!(
        listener.hear(1_000 + 2 * segment, '0', 800, true),
        "0:16483"
    );
    assert_eq!(listener.hear(1_000 + 2 * segment, '0', 800, true), "");
}

#[test]
fn payloads_that_are_no_key_are_ignored() {
    let mut listener = Listener::new();
    assert_eq!(listener.hear_payload(1_000, &[]), "");
    assert_eq!(listener.hear_payload(1_000, &[1, 0x80, 0]), "");
    assert_eq!(listener.hear_payload(1_000, &[66, 0x80, 0, 80]), "");
    assert_eq!(listener.receiver.poll_timeout(), None);
}

#[test]
fn another_code_under_the_same_timestamp_changes_nothing() {
    let mut listener = Listener::new();
    listener.hear(1_000, '1', 160, false);
    assert_eq!(listener.hear(1_000, '2', 320, true), "");
    assert_eq!(listener.hear(1_000, '1', 320, true), "1:40");
}

/// Everything the sender gives until it is idle, with the packet time it was given in.
fn sent(sender: &mut EventSender, packet_ticks: u32) -> Vec<(u32, EventPacket)> {
    let mut packets = Vec::new();
    let mut clock = RtpTimestamp(u32::MAX - 500);
    for time in 0.. {
        if sender.is_idle() {
            break;
        }
        if let Some(packet) = sender.next_packet(clock, packet_ticks) {
            packets.push((time, packet));
        }
        clock = clock.plus(packet_ticks);
    }
    packets
}

#[test]
fn a_sent_key_has_one_marker_rising_durations_and_three_ends() {
    let mut sender = EventSender::new(ClockRate::HZ_8000);
    sender.queue(digit('7'), Duration::from_millis(90)).unwrap();
    let packets = sent(&mut sender, 160);
    let payloads: Vec<EventPayload> = packets
        .iter()
        .map(|(_, packet)| EventPayload::parse(&packet.payload).unwrap())
        .collect();
    let ticks: Vec<u16> = payloads.iter().map(|payload| payload.ticks).collect();
    let ends: Vec<bool> = payloads.iter().map(|payload| payload.end).collect();
    let markers: Vec<bool> = packets.iter().map(|(_, packet)| packet.marker).collect();
    assert_eq!(ticks, [160, 320, 480, 640, 720, 720, 720]);
    assert_eq!(ends, [false, false, false, false, true, true, true]);
    assert_eq!(markers, [true, false, false, false, false, false, false]);
    assert!(
        packets
            .iter()
            .all(|(_, packet)| packet.timestamp == packets[0].1.timestamp)
    );
}

#[test]
fn keys_are_sent_one_after_the_other_with_a_pause() {
    let mut sender = EventSender::new(ClockRate::HZ_8000);
    sender.queue(digit('1'), Duration::from_millis(40)).unwrap();
    sender.queue(digit('1'), Duration::from_millis(40)).unwrap();
    let times: Vec<u32> = sent(&mut sender, 160)
        .iter()
        .map(|(time, _)| *time)
        .collect();
    assert_eq!(times, [0, 1, 2, 3, 6, 7, 8, 9]);
}

#[test]
fn durations_and_the_queue_are_limited() {
    let mut sender = EventSender::new(ClockRate::HZ_8000);
    sender.queue(digit('1'), Duration::ZERO).unwrap();
    assert_eq!(sent(&mut sender, 160).len(), 4);
    for _ in 0..EVENT_QUEUE {
        sender.queue(digit('1'), Duration::MAX).unwrap();
    }
    assert_eq!(
        sender.queue(digit('1'), Duration::ZERO),
        Err(EventQueueFull)
    );
}

#[test]
fn a_long_key_is_sent_in_segments_that_the_receiver_joins() {
    for clock_rate in [ClockRate::HZ_8000, ClockRate::HZ_48000] {
        let mut sender = EventSender::new(clock_rate);
        sender.queue(digit('*'), Duration::from_secs(20)).unwrap();
        let mut receiver = EventReceiver::default();
        let mut now = Instant::now();
        let mut presses = Vec::new();
        for (_, event) in sent(&mut sender, clock_rate.ticks_in(PTIME)) {
            now += PTIME;
            let marker = event.marker;
            let packet = packet(Ssrc(1), event.timestamp.0, &event.payload);
            presses.extend(receiver.handle_packet(
                now,
                clock_rate,
                &RtpPacket { marker, ..packet },
            ));
        }
        assert_eq!(spell(&presses), "*:20000");
    }
}

#[test]
fn a_late_packet_of_the_source_before_is_no_new_key() {
    let mut listener = Listener::new();
    assert_eq!(listener.hear(5_000, '1', 800, true), "1:100");
    listener.ssrc = Ssrc(2);
    assert_eq!(listener.hear(1_000, '2', 160, false), "");
    listener.ssrc = Ssrc(1);
    assert_eq!(listener.hear(5_000, '1', 800, true), "");
    listener.ssrc = Ssrc(2);
    assert_eq!(listener.hear(1_000, '2', 800, true), "2:100");
}

#[test]
fn a_key_that_comes_after_a_later_one_is_over_is_heard_too() {
    let mut listener = Listener::new();
    assert_eq!(listener.hear(3_000, '2', 800, true), "2:100");
    assert_eq!(listener.hear(1_000, '1', 160, false), "");
    assert_eq!(listener.hear(1_000, '1', 800, true), "1:100");
    assert_eq!(listener.hear(3_000, '2', 800, true), "");
    assert_eq!(listener.hear(1_000, '1', 800, true), "");
}

#[test]
fn a_long_key_that_seemed_over_is_not_heard_again() {
    let mut listener = Listener::new();
    listener.hear(1_000, '0', 40_000, false);
    assert_eq!(listener.wait(EVENT_TIMEOUT), "0:5000");
    assert_eq!(listener.hear(1_000, '0', 60_000, false), "");
    assert_eq!(listener.hear(1_000 + 65_535, '0', 160, false), "");
    assert_eq!(listener.hear(1_000 + 65_535, '0', 320, true), "");
}

#[test]
fn keys_of_two_clock_rates_are_told_apart() {
    let mut listener = Listener::new();
    assert_eq!(listener.hear(5_000, '1', 400, false), "");
    listener.rate = ClockRate::HZ_48000;
    assert_eq!(listener.hear(1_000, '2', 4_800, true), "1:50 2:100");
    listener.rate = ClockRate::HZ_8000;
    assert_eq!(listener.hear(5_000, '1', 800, true), "");
    listener.rate = ClockRate::HZ_48000;
    assert_eq!(listener.hear(1_000, '2', 4_800, true), "");
}

#[test]
fn tones_too_faint_to_be_keys_are_ignored() {
    let mut listener = Listener::new();
    assert_eq!(listener.hear_payload(1_000, &[1, 0x80 | 56, 3, 32]), "");
    assert_eq!(
        listener.hear_payload(2_000, &[1, 0x80 | 55, 3, 32]),
        "1:100"
    );
}

/// What a wire does to packets.
struct Weather {
    loss: f64,
    /// Loses all for so long, now and then.
    burst_ms: u32,
    /// Few packets are this late.
    delay_ms: u32,
}

/// Sends thousands of keys over a wire that loses, repeats and delays packets. A key can be known
/// if one of its packets arrives, so these keys must be heard, each once; and in their order, unless
/// packets are later than a key is long.
#[test]
fn loss_repetition_and_reordering_neither_lose_nor_repeat_a_key() {
    let weathers = [
        (0.0, 0, 0),
        (0.4, 0, 60),
        (0.8, 0, 60),
        (0.1, 250, 60),
        (0.3, 120, 450),
    ];
    for seed in 0..400 {
        let mut random = SmallRng::seed_from_u64(seed);
        let (loss, burst_ms, delay_ms) = weathers[seed as usize % weathers.len()];
        let weather = Weather {
            loss,
            burst_ms,
            delay_ms,
        };
        let rate = [8_000, 16_000, 48_000][random.random_range(0..3)];
        let rate = ClockRate::new(rate).unwrap();
        let mut sender = EventSender::new(rate);
        for _ in 0..20 {
            // The same key again is as likely as another one.
            let key = [5, random.random_range(0..16)][random.random_range(0..2)];
            let long = random.random_bool(0.05);
            let ms = if long {
                random.random_range(1_200..10_000)
            } else {
                random.random_range(80..200)
            };
            sender
                .queue(
                    Digit::from_event_code(key).unwrap(),
                    Duration::from_millis(ms),
                )
                .unwrap();
        }
        let (arrivals, mut expected) = carry(
            &mut random,
            sent(&mut sender, rate.ticks_in(PTIME)),
            &weather,
        );
        let mut heard = heard(rate, &arrivals);
        if weather.delay_ms > 80 {
            heard.sort_by_key(|digit| digit.event_code());
            expected.sort_by_key(|digit| digit.event_code());
        }
        assert_eq!(heard, expected, "seed {seed}");
    }
}

/// When what arrives, and the keys of which something does.
fn carry(
    random: &mut SmallRng,
    packets: Vec<(u32, EventPacket)>,
    weather: &Weather,
) -> (Vec<(u32, EventPacket)>, Vec<Digit>) {
    let (mut arrivals, mut expected) = (Vec::new(), Vec::new());
    let (mut key, mut counted) = (0, 0);
    let mut lost_until = 0;
    for (time, event) in packets {
        let at_ms = 20 * time;
        key += u32::from(event.marker);
        if weather.burst_ms > 0 && random.random_bool(0.01) {
            lost_until = at_ms + weather.burst_ms;
        }
        for _ in 0..=u32::from(random.random_bool(0.1)) {
            if at_ms < lost_until || random.random_bool(weather.loss) {
                continue;
            }
            let late = random.random_bool(0.2);
            let delay_ms = if late {
                random.random_range(0..=weather.delay_ms)
            } else {
                0
            };
            arrivals.push((at_ms + delay_ms, event));
            if counted != key {
                counted = key;
                expected.push(EventPayload::parse(&event.payload).unwrap().digit);
            }
        }
    }
    arrivals.sort_by_key(|&(time_ms, _)| time_ms);
    (arrivals, expected)
}

fn heard(clock_rate: ClockRate, arrivals: &[(u32, EventPacket)]) -> Vec<Digit> {
    let start = Instant::now();
    let mut receiver = EventReceiver::default();
    let mut presses = Vec::new();
    for &(time_ms, event) in arrivals {
        let now = start + Duration::from_millis(time_ms.into());
        presses.extend(receiver.handle_timeout(now));
        let marker = event.marker;
        let packet = packet(Ssrc(1), event.timestamp.0, &event.payload);
        presses.extend(receiver.handle_packet(now, clock_rate, &RtpPacket { marker, ..packet }));
    }
    presses.extend(receiver.handle_timeout(start + Duration::from_secs(3_600)));
    presses.iter().map(|press| press.digit).collect()
}

#[test]
fn random_payloads_never_panic() {
    let mut random = SmallRng::seed_from_u64(5);
    let mut listener = Listener::new();
    for _ in 0..100_000 {
        let mut payload = [0u8; 6];
        random.fill(&mut payload[..]);
        payload[0] %= 20;
        let len = random.random_range(0..=payload.len());
        listener.hear_payload(random.random_range(0..200_000), &payload[..len]);
    }
}
