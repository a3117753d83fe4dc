//! The header fields that are numbers, as types that wrap around correctly and do not mix.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

/// A synchronisation source identifier, RFC 3550 §3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ssrc(pub u32);

impl fmt::Display for Ssrc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// A packet counter that wraps at 2^16. There is no `Ord`: with wrap-around only the distance
/// between two numbers has a meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SequenceNumber(pub u16);

impl SequenceNumber {
    /// The number `packets` later.
    pub fn plus(self, packets: u16) -> Self {
        Self(self.0.wrapping_add(packets))
    }

    /// The number of the packet after this one.
    pub fn next(self) -> Self {
        self.plus(1)
    }

    /// How many packets `self` is after `earlier`; negative when it is before.
    pub fn since(self, earlier: SequenceNumber) -> i16 {
        self.0.wrapping_sub(earlier.0) as i16
    }
}

/// A sampling instant in units of a [`ClockRate`], wrapping at 2^32. There is no `Ord`, as for
/// [`SequenceNumber`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RtpTimestamp(pub u32);

impl RtpTimestamp {
    /// The instant `ticks` later.
    pub fn plus(self, ticks: u32) -> Self {
        Self(self.0.wrapping_add(ticks))
    }

    /// How many ticks `self` is after `earlier`; negative when it is before.
    pub fn since(self, earlier: RtpTimestamp) -> i32 {
        self.0.wrapping_sub(earlier.0) as i32
    }
}

/// Ticks of an RTP timestamp in a second. Never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClockRate(NonZeroU32);

impl ClockRate {
    /// 8,000 Hz: G.711 and most telephone events.
    pub const HZ_8000: ClockRate = ClockRate(NonZeroU32::new(8_000).expect("not zero"));
    /// 16,000 Hz.
    pub const HZ_16000: ClockRate = ClockRate(NonZeroU32::new(16_000).expect("not zero"));
    /// 44,100 Hz: uncompressed audio.
    pub const HZ_44100: ClockRate = ClockRate(NonZeroU32::new(44_100).expect("not zero"));
    /// 48,000 Hz: Opus.
    pub const HZ_48000: ClockRate = ClockRate(NonZeroU32::new(48_000).expect("not zero"));

    /// `None` for zero and for more than 192,000 Hz, which no audio format uses.
    pub fn new(hertz: u32) -> Option<Self> {
        NonZeroU32::new(hertz)
            .filter(|rate| rate.get() <= 192_000)
            .map(Self)
    }

    /// The rate in Hz.
    pub fn get(self) -> u32 {
        self.0.get()
    }

    /// How many ticks pass in `time`, rounded down and limited to 2^32 - 1.
    pub fn ticks_in(self, time: Duration) -> u32 {
        let ticks = time.as_nanos() * u128::from(self.get()) / 1_000_000_000;
        u32::try_from(ticks).unwrap_or(u32::MAX)
    }

    /// How long so many ticks are, in µs, rounded towards zero.
    pub fn micros_of(self, ticks: i64) -> i64 {
        match self.get() {
            // By these a packet is divided many times a second; by a constant that is a product.
            8_000 => ticks * 125,
            16_000 => ticks * 125 / 2,
            48_000 => ticks * 125 / 6,
            rate => ticks * 1_000_000 / i64::from(rate),
        }
    }

    /// The nearest number of ticks to so many µs.
    pub fn ticks_of(self, micros: i64) -> i64 {
        let scaled = micros * i64::from(self.get());
        (scaled + 500_000).div_euclid(1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_across_the_wrap() {
        assert_eq!(SequenceNumber(2).since(SequenceNumber(65_534)), 4);
        assert_eq!(SequenceNumber(65_534).since(SequenceNumber(2)), -4);
        assert_eq!(SequenceNumber(65_535).next(), SequenceNumber(0));
        assert_eq!(RtpTimestamp(80).since(RtpTimestamp(u32::MAX - 79)), 160);
        assert_eq!(RtpTimestamp(u32::MAX).plus(1), RtpTimestamp(0));
    }

    #[test]
    fn clock_rate_converts_and_has_limits() {
        let rate = ClockRate::HZ_48000;
        assert_eq!(rate.ticks_in(Duration::from_millis(20)), 960);
        assert_eq!(rate.ticks_in(Duration::MAX), u32::MAX);
        for hertz in [8_000, 16_000, 44_100, 48_000] {
            let rate = ClockRate::new(hertz).unwrap();
            for ticks in [-1_000, -1, 0, 1, 7, 960] {
                let exact = ticks * 1_000_000 / i64::from(hertz);
                assert_eq!(rate.micros_of(ticks), exact, "{ticks} at {hertz}");
            }
        }
        assert_eq!((rate.ticks_of(-20_000), rate.ticks_of(20)), (-960, 1));
        assert_eq!(ClockRate::new(0), None);
        assert_eq!(ClockRate::new(200_000), None);
    }
}
