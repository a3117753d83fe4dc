//! One unbroken numbering of packets: what follows it, what repeats it, and what does not belong to it.
//!
//! RFC 3550 §A.1, with the window of numbers seen that RFC 3711 §3.3.2 uses against replay.

use std::time::{Duration, Instant};

use super::{ClockRate, RtpPacket, RtpTimestamp, SequenceNumber, Ssrc};

/// Packets of one SSRC whose numbers follow each other.
#[derive(Debug, Clone)]
pub(super) struct Run {
    ssrc: Ssrc,
    highest: SequenceNumber,
    /// Timestamp of the packet `highest`.
    timestamp: RtpTimestamp,
    /// Bit n: the packet n before `highest` has come.
    seen: u128,
    heard: Instant,
}

/// How a packet fits a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    /// After all others, by so many numbers.
    Ahead(u16),
    /// Between others, by so many numbers behind the highest; it had not come yet.
    Late(u16),
    /// It has come before.
    Repeated,
    /// The right SSRC, and a number that neither loss nor reordering explains.
    Far,
    /// Another SSRC.
    Other,
}

impl Run {
    /// Begins with `packet`.
    pub(super) fn new(now: Instant, packet: &RtpPacket<'_>) -> Self {
        Self {
            ssrc: packet.ssrc,
            highest: packet.sequence_number,
            timestamp: packet.timestamp,
            seen: 1,
            heard: now,
        }
    }

    pub(super) fn ssrc(&self) -> Ssrc {
        self.ssrc
    }

    pub(super) fn fit(&self, packet: &RtpPacket<'_>) -> Fit {
        if packet.ssrc != self.ssrc {
            return Fit::Other;
        }
        match packet.sequence_number.since(self.highest) {
            ahead @ 1..=MAX_DROPOUT => Fit::Ahead(ahead as u16),
            behind @ ..=0 if behind > -WINDOW => {
                let behind = behind.unsigned_abs();
                if self.seen >> behind & 1 == 1 {
                    Fit::Repeated
                } else {
                    Fit::Late(behind)
                }
            }
            _ => Fit::Far,
        }
    }

    /// Adds a packet that fits; false if it does not, or has come before.
    pub(super) fn take(&mut self, now: Instant, packet: &RtpPacket<'_>) -> bool {
        match self.fit(packet) {
            Fit::Ahead(ahead) => {
                self.seen = self.seen.checked_shl(ahead.into()).unwrap_or(0) | 1;
                (self.highest, self.timestamp) = (packet.sequence_number, packet.timestamp);
            }
            Fit::Late(behind) => self.seen |= 1 << behind,
            Fit::Repeated | Fit::Far | Fit::Other => return false,
        }
        self.heard = now;
        true
    }

    /// How long nothing of the run has come.
    pub(super) fn silent_for(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.heard)
    }

    /// Whether `packet` may be the next one of this run although it comes another way: right SSRC,
    /// a number ahead, and a timestamp that has moved on no further than time has.
    pub(super) fn goes_on_with(
        &self,
        now: Instant,
        packet: &RtpPacket<'_>,
        rate: ClockRate,
    ) -> bool {
        let moved = packet.timestamp.since(self.timestamp);
        let possible = rate.ticks_in(self.silent_for(now) + CLOCK_SLACK);
        matches!(self.fit(packet), Fit::Ahead(_))
            && u32::try_from(moved).is_ok_and(|moved| moved <= possible)
    }
}

/// A gap that loss may explain. RFC 3550 §A.1.
const MAX_DROPOUT: i16 = 3_000;
/// How far behind a packet may be: the bits of [`Run::seen`]. RFC 3550 §A.1 has 100.
const WINDOW: i16 = 128;
/// What jitter and another clock may add to a timestamp. Picked by feel.
const CLOCK_SLACK: Duration = Duration::from_secs(2);
