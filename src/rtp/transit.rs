//! How long packets are under way, compared with each other.
//!
//! The clocks of the two sides have nothing in common, so only differences mean something: a packet
//! of timestamp t that comes at time a has the transit time a − t, up to a constant. The fastest of
//! the last seconds is the base; the delay that playout needs is what the slowest takes longer.
//! Only the last seconds count, so both follow a clock that drifts. No sockets, no audio.
//!
//! RFC 3550 §6.4.1 (the difference of transit times), RFC 7160 (changing clock rates).

use std::time::{Duration, Instant};

use super::{ClockRate, RtpTimestamp};

/// The transit times of the last seconds of one stream. Does not allocate; media thread.
#[derive(Debug, Default)]
pub struct TransitTimes {
    origin: Option<Origin>,
    /// Finished seconds, as a ring.
    seconds: [Extent; SECONDS],
    finished: usize,
    /// The second that is running.
    current: Extent,
    /// Over all of them.
    fastest: i64,
    spread: i64,
}

/// Where arrival times and timestamps are counted from.
#[derive(Debug, Clone, Copy)]
struct Origin {
    clock_rate: ClockRate,
    time: Instant,
    /// The timestamp of the last packet, and its distance from the first without wrapping.
    timestamp: RtpTimestamp,
    ticks: i64,
    /// When the last packet came and the running second ends, in µs since `time`.
    last: i64,
    second_ends: i64,
}

/// The transit times of one second, in µs.
#[derive(Debug, Clone, Copy, Default)]
struct Extent {
    fastest: i64,
    slowest: i64,
}

impl TransitTimes {
    /// Takes note of a packet that came at `arrival`.
    pub fn note(&mut self, arrival: Instant, clock_rate: ClockRate, timestamp: RtpTimestamp) {
        let Some(origin) = &mut self.origin else {
            return self.start(arrival, clock_rate, timestamp);
        };
        let at = micros_between(origin.time, arrival);
        let ticks = origin.ticks + i64::from(timestamp.since(origin.timestamp));
        let transit = at - clock_rate.micros_of(ticks);
        if origin.clock_rate != clock_rate
            || (transit - self.fastest).abs() > JUMP
            || at - origin.last > PAUSE
        {
            return self.start(arrival, clock_rate, timestamp);
        }
        (origin.ticks, origin.timestamp, origin.last) = (ticks, timestamp, at);
        if at >= origin.second_ends {
            origin.second_ends = at + SECOND;
            self.seconds[self.finished % SECONDS] = self.current;
            self.finished += 1;
            self.current = Extent {
                fastest: transit,
                slowest: transit,
            };
            self.review();
        } else if transit < self.current.fastest || transit > self.current.slowest {
            self.current.fastest = self.current.fastest.min(transit);
            self.current.slowest = self.current.slowest.max(transit);
            self.review();
        }
    }

    /// Counts from the next packet on: the sender began anew. What is known of the network stays.
    pub fn restart(&mut self) {
        self.origin = None;
    }

    /// How much longer than the fastest the slow packets of the last ten seconds were under way;
    /// the worst second of the ten is left out, which forgives a single stall and, of evenly
    /// spread delays, about one packet in a hundred.
    pub fn spread(&self) -> Duration {
        Duration::from_micros(self.spread as u64)
    }

    /// How long before `now` a packet of this timestamp would have come if it had been as fast as
    /// the fastest, in µs; negative if it would still be under way. `None` if no packet of this
    /// clock was noted.
    pub fn age(&self, now: Instant, clock_rate: ClockRate, timestamp: RtpTimestamp) -> Option<i64> {
        let origin = self.origin.as_ref()?;
        if origin.clock_rate != clock_rate {
            return None;
        }
        let ticks = origin.ticks + i64::from(timestamp.since(origin.timestamp));
        Some(micros_between(origin.time, now) - clock_rate.micros_of(ticks) - self.fastest)
    }

    fn start(&mut self, arrival: Instant, clock_rate: ClockRate, timestamp: RtpTimestamp) {
        self.origin = Some(Origin {
            clock_rate,
            time: arrival,
            timestamp,
            ticks: 0,
            last: 0,
            second_ends: SECOND,
        });
        self.finished = 0;
        self.fastest = 0;
        self.current = Extent {
            fastest: 0,
            slowest: self.spread,
        };
    }

    fn review(&mut self) {
        let known = &self.seconds[..self.finished.min(SECONDS)];
        let mut fastest = self.current.fastest;
        let (mut slowest, mut second) = (self.current.slowest, i64::MIN);
        for extent in known {
            fastest = fastest.min(extent.fastest);
            if extent.slowest > slowest {
                (slowest, second) = (extent.slowest, slowest);
            } else {
                second = second.max(extent.slowest);
            }
        }
        let counts = if known.len() < FORGIVING {
            slowest
        } else {
            second
        };
        self.fastest = fastest;
        // The fastest may be of a second that is left out.
        self.spread = (counts - fastest).clamp(0, JUMP);
    }
}

/// In µs; negative if `to` is before `from`.
fn micros_between(from: Instant, to: Instant) -> i64 {
    let micros =
        |time: Duration| time.as_secs() as i64 * 1_000_000 + i64::from(time.subsec_micros());
    match to.checked_duration_since(from) {
        Some(after) => micros(after),
        None => -micros(from.duration_since(to)),
    }
}

/// Finished seconds that are remembered.
const SECONDS: usize = 10;
/// From so many finished seconds on, the worst is left out.
const FORGIVING: usize = 4;
const SECOND: i64 = 1_000_000;
/// A packet this much faster or slower than the fastest begins a new count: its sender's
/// timestamps jumped.
const JUMP: i64 = 1_000_000;
/// After a pause of this length clocks may have drifted too far to compare.
const PAUSE: i64 = 10_000_000;

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    const RATE: ClockRate = ClockRate::HZ_8000;

    struct Network {
        times: TransitTimes,
        start: Instant,
        sent: u32,
    }

    impl Network {
        fn new() -> Self {
            Self {
                times: TransitTimes::default(),
                start: Instant::now(),
                sent: 0,
            }
        }

        /// The next packet of 20 ms is under way for `transit` µs.
        fn packet(&mut self, transit: u64) {
            let sent_at = Duration::from_millis(20) * self.sent;
            let arrival = self.start + sent_at + Duration::from_micros(transit);
            self.times.note(arrival, RATE, self.timestamp(self.sent));
            self.sent += 1;
        }

        fn timestamp(&self, packet: u32) -> RtpTimestamp {
            RtpTimestamp(u32::MAX - 4_000).plus(160 * packet)
        }

        fn spread_ms(&self) -> u128 {
            self.times.spread().as_millis()
        }
    }

    #[test]
    fn the_spread_is_what_slow_packets_take_longer() {
        let mut network = Network::new();
        for n in 0..1_000 {
            network.packet(50_000 + 1_000 * (n % 41));
        }
        assert_eq!(network.spread_ms(), 40);
    }

    #[test]
    fn a_slow_packet_counts_at_once_and_one_bad_second_in_ten_does_not() {
        let mut network = Network::new();
        network.packet(50_000);
        network.packet(110_000);
        assert_eq!(network.spread_ms(), 60);
        for _ in 0..600 {
            network.packet(50_000);
        }
        assert_eq!(network.spread_ms(), 0);
        network.packet(250_000);
        assert_eq!(network.spread_ms(), 0);
        (0..100).for_each(|_| network.packet(50_000));
        network.packet(150_000);
        assert_eq!(network.spread_ms(), 100);
        (0..600).for_each(|_| network.packet(50_000));
        assert_eq!(network.spread_ms(), 0);
    }

    #[test]
    fn age_is_counted_from_the_fastest_packet() {
        let mut network = Network::new();
        for transit in [70_000, 50_000, 60_000] {
            network.packet(transit);
        }
        let now = network.start + Duration::from_millis(150);
        let age = |packet| network.times.age(now, RATE, network.timestamp(packet));
        assert_eq!(age(2), Some(60_000));
        assert_eq!(age(7), Some(-40_000));
        let other = network.times.age(now, ClockRate::HZ_48000, RtpTimestamp(0));
        assert_eq!(other, None);
    }

    #[test]
    fn a_drifting_clock_is_followed() {
        let mut network = Network::new();
        for n in 0..180_000 {
            // 400 ppm slow: 8 µs a packet.
            network.packet(50_000 + 8 * n);
        }
        assert!(network.spread_ms() <= 5, "{}", network.spread_ms());
    }

    #[test]
    fn a_jump_of_the_timestamps_begins_anew_and_keeps_what_is_known() {
        let mut network = Network::new();
        for n in 0..100 {
            network.packet(30_000 * (n % 2));
        }
        let now = network.start + Duration::from_secs(2);
        let jumped = RtpTimestamp(1 << 30);
        network.times.note(now, RATE, jumped);
        assert_eq!(network.spread_ms(), 30);
        assert_eq!(network.times.age(now, RATE, jumped), Some(0));
    }
}
