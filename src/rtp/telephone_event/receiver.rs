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
/// or when no packet of it came for [`EVENT_TIMEOUT`]. Its packets have one source, clock and
/// timestamp, by which repetitions are known. Keys are reported in the order in which they were
/// pressed, but one whose packets were all held up until a later key was over comes after that.
#[derive(Debug, Clone, Default)]
pub struct EventReceiver {
    held: Option<HeldKey>,
    done: DoneKeys,
}

impl EventReceiver {
    /// Takes a packet of a telephone-event payload type, which has this clock rate in SDP, and
    /// returns the keys that it ends. Payloads that are no key, or too faint to be one, are ignored. Media thread; does not
    /// allocate.
    pub fn handle_packet(
        &mut self,
        now: Instant,
        clock_rate: ClockRate,
        packet: &RtpPacket<'_>,
    ) -> DigitPresses {
        let mut presses = DigitPresses::new();
        let Some(event) = EventPayload::parse(packet.payload) else {
            return presses;
        };
        let place = Place {
            ssrc: packet.ssrc,
            clock_rate,
            start: packet.timestamp,
        };
        if event.volume > MAX_VOLUME || self.is_done(place, packet.marker, event.digit) {
            return presses;
        }
        if self.held.is_some_and(|held| place.precedes(held.place)) {
            // A later key's first packet has overtaken all of this one.
            presses.push(place.press(event.digit, u32::from(event.ticks)));
            self.done.push(place, event.digit);
            return presses;
        }
        match &mut self.held {
            // One timestamp is one key: another code under it is damage.
            Some(held) if held.place == place && held.digit != event.digit => return presses,
            Some(held) if held.place == place => held.extend(now, event.ticks),
            Some(held) if !packet.marker && held.continues_at(place, event.digit) => {
                self.done.push(held.place, held.digit);
                held.begin_segment(now, place, event.ticks);
            }
            _ => {
                presses.extend(self.finish());
                self.held = Some(HeldKey::new(now, place, event));
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

    /// The key that is held down now.
    pub fn held(&self) -> Option<Digit> {
        self.held.map(|held| held.digit)
    }

    fn finish(&mut self) -> Option<DigitPress> {
        let held = self.held.take()?;
        self.done.push(held.place, held.digit);
        let ticks = held.ticks_before.saturating_add(u32::from(held.ticks));
        Some(held.place.press(held.digit, ticks))
    }

    /// Whether a packet belongs to a key that was reported, or is older than what is remembered.
    fn is_done(&mut self, place: Place, marker: bool, digit: Digit) -> bool {
        if self.done.contains(place) {
            return true;
        }
        if self.held.is_some_and(|held| held.place == place) {
            return false;
        }
        // A long key that ended here when its packets failed to come, and goes on over there.
        let segment = i32::from(MAX_SEGMENT_TICKS);
        let goes_on = |&(done, key): &(Place, Digit)| {
            key == digit && place.shares_clock(done) && place.start.since(done.start) == segment
        };
        if !marker && self.done.keys.iter().flatten().any(goes_on) {
            self.done.push(place, digit);
            return true;
        }
        self.done
            .oldest()
            .is_some_and(|(oldest, _)| place.precedes(*oldest))
    }
}

/// What all packets of one key, or of one segment of a long key, have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    ssrc: Ssrc,
    /// A source that uses several codecs has several clocks.
    clock_rate: ClockRate,
    start: RtpTimestamp,
}

impl Place {
    fn shares_clock(self, other: Self) -> bool {
        (self.ssrc, self.clock_rate) == (other.ssrc, other.clock_rate)
    }

    /// Whether this is before `other`; further back than [`MEMORY`] it belongs to a clock that was
    /// set anew.
    fn precedes(self, other: Self) -> bool {
        let ahead = i64::from(self.start.since(other.start));
        let memory = i64::from(self.clock_rate.ticks_in(MEMORY));
        self.shares_clock(other) && ahead < 0 && -ahead < memory
    }

    /// A key of this clock that lasted so long.
    fn press(self, digit: Digit, ticks: u32) -> DigitPress {
        let milliseconds = u64::from(ticks) * 1_000 / u64::from(self.clock_rate.get());
        DigitPress {
            digit,
            duration_ms: u32::try_from(milliseconds).unwrap_or(u32::MAX),
        }
    }
}

/// The latest keys that are done with.
#[derive(Debug, Clone, Default)]
struct DoneKeys {
    keys: [Option<(Place, Digit)>; REMEMBERED],
    /// Where the next one goes.
    next: usize,
}

impl DoneKeys {
    fn push(&mut self, place: Place, digit: Digit) {
        self.keys[self.next] = Some((place, digit));
        self.next = (self.next + 1) % REMEMBERED;
    }

    fn contains(&self, place: Place) -> bool {
        let same = |(done, _): &(Place, Digit)| *done == place;
        self.keys.iter().flatten().any(same)
    }

    /// The one that is forgotten next; `None` while there is room for more.
    fn oldest(&self) -> Option<&(Place, Digit)> {
        self.keys[self.next].as_ref()
    }
}

#[derive(Debug, Clone, Copy)]
struct HeldKey {
    digit: Digit,
    /// Of the key, or of its latest segment.
    place: Place,
    /// Duration of the segments before.
    ticks_before: u32,
    /// Duration of the latest segment, as far as known.
    ticks: u16,
    last_packet: Instant,
}

impl HeldKey {
    fn new(now: Instant, place: Place, event: EventPayload) -> Self {
        let EventPayload { digit, ticks, .. } = event;
        Self {
            digit,
            place,
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
    fn continues_at(&self, place: Place, digit: Digit) -> bool {
        let ahead = place.start.since(self.place.start);
        let contiguous =
            ahead == i32::from(MAX_SEGMENT_TICKS) || ahead > 0 && ahead == i32::from(self.ticks);
        digit == self.digit && place.shares_clock(self.place) && contiguous
    }

    fn begin_segment(&mut self, now: Instant, place: Place, ticks: u16) {
        let segment = place.start.since(self.place.start);
        self.ticks_before = self.ticks_before.saturating_add(segment as u32);
        self.place = place;
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
/// Keys that are remembered: at the pace of a machine, those of the last second.
const REMEMBERED: usize = 8;
/// Tones below -55 dBm0 are no keys (RFC 2833 §3.5, ITU-T Q.24 annex A).
const MAX_VOLUME: u8 = 55;
