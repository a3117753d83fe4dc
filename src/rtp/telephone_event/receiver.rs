//! From event packets to keys, each exactly once.

use std::time::{Duration, Instant};

use smallvec::SmallVec;

use super::{Digit, EventPayload, MAX_SEGMENT_TICKS};
use crate::rtp::{ClockRate, RtpPacket, RtpTimestamp, Ssrc};

/// A key that was pressed and released.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DigitPress {
    /// Which key.
    pub digit: Digit,
    /// How long it was held, as far as the packets that came tell.
    pub duration_ms: u32,
}

/// What one packet can report: an earlier key whose end was lost, and the key it ends itself.
pub type DigitPresses = SmallVec<[DigitPress; 2]>;

/// Collects the packets of each key into one [`DigitPress`].
///
/// A key is reported when it ends: at the first packet with the end bit, when another key begins,
/// or when no packet of it came for [`EVENT_TIMEOUT`]. Its packets have one timestamp, by which
/// repetitions are known. Keys are reported in the order in which they were pressed.
#[derive(Debug, Clone)]
pub struct EventReceiver {
    clock_rate: ClockRate,
    ssrc: Option<Ssrc>,
    held: Option<HeldKey>,
    /// Start of the latest key that is done with; what is not after it is a repetition.
    done: Option<RtpTimestamp>,
}

impl EventReceiver {
    /// `clock_rate` is that of the telephone-event format in SDP.
    pub fn new(clock_rate: ClockRate) -> Self {
        Self {
            clock_rate,
            ssrc: None,
            held: None,
            done: None,
        }
    }

    /// Takes a packet of the telephone-event payload type and returns the keys that it ends.
    /// Payloads that are no key are ignored. Media thread; does not allocate.
    pub fn handle_packet(&mut self, now: Instant, packet: &RtpPacket<'_>) -> DigitPresses {
        let mut presses = DigitPresses::new();
        let Some(event) = EventPayload::parse(packet.payload) else {
            return presses;
        };
        if self.ssrc != Some(packet.ssrc) {
            presses.extend(self.finish());
            self.ssrc = Some(packet.ssrc);
            self.done = None;
        }
        let start = packet.timestamp;
        if self
            .done
            .is_some_and(|done| start == done || self.precedes(start, done))
        {
            return presses;
        }
        if self
            .held
            .is_some_and(|held| self.precedes(start, held.start))
        {
            // Another key's first packet has overtaken all of this one.
            presses.push(self.press(event.digit, u32::from(event.ticks)));
            self.done = Some(start);
            return presses;
        }
        match &mut self.held {
            // One timestamp is one key: another code under it is damage.
            Some(held) if held.start == start && held.digit != event.digit => return presses,
            Some(held) if held.start == start => held.extend(now, event.ticks),
            Some(held) if !packet.marker && held.continues_at(start, event.digit) => {
                self.done = Some(held.start);
                held.begin_segment(now, start, event.ticks);
            }
            _ => {
                presses.extend(self.finish());
                self.held = Some(HeldKey::new(now, start, event));
            }
        }
        if event.end {
            presses.extend(self.finish());
        }
        presses
    }

    /// Ends a key whose last packets were lost, if it is time: see
    /// [`EventReceiver::poll_timeout`].
    pub fn handle_timeout(&mut self, now: Instant) -> Option<DigitPress> {
        if self.poll_timeout()? > now {
            return None;
        }
        self.finish()
    }

    /// When the held key ends if nothing more comes.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.held.map(|held| held.last_packet + EVENT_TIMEOUT)
    }

    fn finish(&mut self) -> Option<DigitPress> {
        let held = self.held.take()?;
        self.done = Some(held.start);
        Some(self.press(
            held.digit,
            held.ticks_before.saturating_add(u32::from(held.ticks)),
        ))
    }

    fn press(&self, digit: Digit, ticks: u32) -> DigitPress {
        let milliseconds = u64::from(ticks) * 1_000 / u64::from(self.clock_rate.get());
        DigitPress {
            digit,
            duration_ms: u32::try_from(milliseconds).unwrap_or(u32::MAX),
        }
    }

    /// Whether `start` is before `other`; further back than [`MEMORY`] it belongs to a clock that
    /// was set anew.
    fn precedes(&self, start: RtpTimestamp, other: RtpTimestamp) -> bool {
        let ahead = i64::from(start.since(other));
        ahead < 0 && -ahead < i64::from(self.clock_rate.ticks_in(MEMORY))
    }
}

#[derive(Debug, Clone, Copy)]
struct HeldKey {
    digit: Digit,
    /// Start of the key, or of its latest segment.
    start: RtpTimestamp,
    /// Duration of the segments before.
    ticks_before: u32,
    /// Duration of the latest segment, as far as known.
    ticks: u16,
    last_packet: Instant,
}

impl HeldKey {
    fn new(now: Instant, start: RtpTimestamp, event: EventPayload) -> Self {
        let EventPayload { digit, ticks, .. } = event;
        Self {
            digit,
            start,
            ticks_before: 0,
            ticks,
            last_packet: now,
        }
    }

    fn extend(&mut self, now: Instant, ticks: u16) {
        self.ticks = self.ticks.max(ticks);
        self.last_packet = now;
    }

    /// Whether a packet is of the next segment of this key, §2.5.1.3: it starts where this one
    /// ends, which is the largest duration, or where the latest packet said.
    fn continues_at(&self, start: RtpTimestamp, digit: Digit) -> bool {
        let ahead = start.since(self.start);
        let contiguous =
            ahead == i32::from(MAX_SEGMENT_TICKS) || ahead > 0 && ahead == i32::from(self.ticks);
        digit == self.digit && contiguous
    }

    fn begin_segment(&mut self, now: Instant, start: RtpTimestamp, ticks: u16) {
        self.ticks_before = self
            .ticks_before
            .saturating_add(start.since(self.start) as u32);
        self.start = start;
        self.ticks = ticks;
        self.last_packet = now;
    }
}

/// A key ends when no packet of it came for this long: three times the 50 ms that the slower
/// senders leave between packets.
pub const EVENT_TIMEOUT: Duration = Duration::from_millis(150);
/// How far back a timestamp is taken for that of an earlier key; longer than any reordering and
/// than a segment at 8 kHz.
const MEMORY: Duration = Duration::from_secs(10);
