//! How a source is received: what was lost, and how unevenly it came. RFC 3550 §6.4.1, §A.3, §A.8.
//!
//! Packets come here after their source was checked, so each counts once and belongs to one numbering
//! at a time; another numbering begins with [`Reception::restart`], and totals go on over it.

use std::time::{Duration, Instant};

use super::{ClockRate, ReportBlock, RtpPacket, SequenceNumber, Ssrc};

/// What has come from the peer of one stream. Media thread; does not allocate.
#[derive(Debug, Clone, Default)]
pub struct Reception {
    run: Option<Run>,
    /// Packets of all numberings.
    packets: u64,
    octets: u64,
    /// Lost in the numberings that have ended.
    lost_before: i64,
    /// In 1/16 ticks of `rate`.
    jitter: u32,
    rate: Option<ClockRate>,
}

/// One numbering.
#[derive(Debug, Clone)]
struct Run {
    ssrc: Ssrc,
    /// Number of the first packet.
    base: u32,
    /// The highest number, with the count of wraps above it.
    highest: u32,
    packets: u32,
    /// At the last report.
    expected_prior: u32,
    packets_prior: u32,
    begin: Instant,
    /// Arrival minus timestamp of the latest audio, in ticks.
    transit: Option<u32>,
}

impl Reception {
    /// Another numbering begins with the next packet.
    pub fn restart(&mut self) {
        self.lost_before = self.lost();
        self.run = None;
    }

    /// Counts a packet. `timed` says that its timestamp is the time of its making in ticks of `rate`,
    /// which that of a telephone event is not.
    pub fn count(&mut self, now: Instant, packet: &RtpPacket<'_>, rate: ClockRate, timed: bool) {
        if self.rate != Some(rate) {
            self.rate = Some(rate);
            self.jitter = 0;
            if let Some(run) = &mut self.run {
                run.transit = None;
            }
        }
        let run = self.run.get_or_insert_with(|| Run::new(now, packet));
        run.count(packet.sequence_number);
        self.packets += 1;
        self.octets += packet.payload.len() as u64;
        if timed {
            let arrival = rate.ticks_in(now.saturating_duration_since(run.begin));
            let transit = arrival.wrapping_sub(packet.timestamp.0);
            if let Some(before) = run.transit.replace(transit) {
                let moved = (transit.wrapping_sub(before) as i32).unsigned_abs();
                // A sender that stops its clock in a pause is not late.
                if moved < rate.get() {
                    self.jitter = self.jitter + moved - ((self.jitter + 8) >> 4);
                }
            }
        }
    }

    /// What a report says of it, and begins the next interval; `None` before the first packet.
    /// `last_report` and `delay` are left 0.
    pub fn report(&mut self) -> Option<ReportBlock> {
        let jitter = self.jitter >> 4;
        let run = self.run.as_mut()?;
        Some(ReportBlock {
            ssrc: run.ssrc,
            fraction_lost: run.fraction_lost(),
            lost: run.lost().clamp(i32::MIN.into(), i32::MAX.into()) as i32,
            highest: run.highest,
            jitter,
            last_report: 0,
            delay: 0,
        })
    }

    /// Packets that came.
    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// Octets of payload that came.
    pub fn octets(&self) -> u64 {
        self.octets
    }

    /// Packets that should have come and did not.
    pub fn lost(&self) -> i64 {
        self.lost_before + self.run.as_ref().map_or(0, Run::lost)
    }

    /// Interarrival jitter (§A.8). Datagrams are read when a stream of the thread is due, so steps of
    /// that length show in it.
    pub fn jitter(&self) -> Duration {
        let rate = self.rate.map_or(1, ClockRate::get);
        Duration::from_secs(1) * (self.jitter >> 4) / rate
    }
}

impl Run {
    fn new(now: Instant, packet: &RtpPacket<'_>) -> Self {
        let base = packet.sequence_number.0.into();
        Self {
            ssrc: packet.ssrc,
            base,
            highest: base,
            packets: 0,
            expected_prior: 0,
            packets_prior: 0,
            begin: now,
            transit: None,
        }
    }

    fn count(&mut self, number: SequenceNumber) {
        self.packets = self.packets.wrapping_add(1);
        let ahead = number.since(SequenceNumber(self.highest as u16));
        if let Ok(ahead @ 1..) = u16::try_from(ahead) {
            self.highest = self.highest.wrapping_add(ahead.into());
        }
    }

    fn expected(&self) -> u32 {
        self.highest.wrapping_sub(self.base).wrapping_add(1)
    }

    fn lost(&self) -> i64 {
        i64::from(self.expected()) - i64::from(self.packets)
    }

    /// Of the packets since it was asked last, in 1/256 (§A.3).
    fn fraction_lost(&mut self) -> u8 {
        let expected = self.expected().wrapping_sub(self.expected_prior);
        let packets = self.packets.wrapping_sub(self.packets_prior);
        (self.expected_prior, self.packets_prior) = (self.expected(), self.packets);
        let lost = expected.saturating_sub(packets);
        let fraction = u64::from(lost) * 256 / u64::from(expected.max(1));
        u8::try_from(fraction).unwrap_or(u8::MAX)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods)]

    use super::*;
    use crate::rtp::{PayloadType, RtpTimestamp};

    const RATE: ClockRate = ClockRate::HZ_8000;

    fn packet(number: u32) -> RtpPacket<'static> {
        RtpPacket {
            payload_type: PayloadType::PCMU,
            marker: false,
            sequence_number: SequenceNumber(number as u16),
            timestamp: RtpTimestamp(number.wrapping_mul(160)),
            ssrc: Ssrc(7),
            payload: &[0; 160],
        }
    }

    #[test]
    fn loss_is_counted_over_wraps() {
        let (now, mut reception) = (Instant::now(), Reception::default());
        assert_eq!(reception.report(), None);
        for number in 65_000..265_000 {
            if number % 20 != 0 {
                reception.count(now, &packet(number), RATE, true);
            }
        }
        let block = reception.report().unwrap();
        assert_eq!(block.highest, 264_999);
        assert_eq!((block.fraction_lost, block.lost), (12, 9_999));
        assert_eq!(reception.octets(), 160 * reception.packets());
        reception.count(now, &packet(265_000), RATE, true);
        assert_eq!(reception.report().unwrap().fraction_lost, 0);
    }

    #[test]
    fn late_packets_are_not_lost_and_a_new_numbering_loses_nothing() {
        let (now, mut reception) = (Instant::now(), Reception::default());
        for number in [10, 13, 12, 15] {
            reception.count(now, &packet(number), RATE, true);
        }
        assert_eq!(reception.lost(), 2);
        reception.restart();
        reception.count(now, &packet(40_000), RATE, true);
        assert_eq!(reception.lost(), 2);
        let block = reception.report().unwrap();
        assert_eq!((block.fraction_lost, block.lost), (0, 0));
        assert_eq!(block.highest, 40_000);
    }

    #[test]
    fn jitter_approaches_what_it_is() {
        let (begin, mut reception) = (Instant::now(), Reception::default());
        for number in 0..1_000 {
            let late = Duration::from_millis(if number % 2 == 0 { 10 } else { 0 });
            let now = begin + Duration::from_millis(20 * u64::from(number)) + late;
            reception.count(now, &packet(number), RATE, true);
        }
        // The transit time moves by 10 ms with each packet.
        let jitter = reception.jitter().as_micros();
        assert!((9_000..10_500).contains(&jitter), "{jitter}");
    }

    #[test]
    fn an_even_flow_has_no_jitter_also_after_a_pause_of_the_clock() {
        let (begin, mut reception) = (Instant::now(), Reception::default());
        for number in 0..100 {
            let pause = Duration::from_secs(if number > 50 { 30 } else { 0 });
            let now = begin + Duration::from_millis(20 * u64::from(number)) + pause;
            reception.count(now, &packet(number), RATE, true);
        }
        assert_eq!(reception.jitter(), Duration::ZERO);
    }
}
