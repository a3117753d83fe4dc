//! From keys to event packets.

use std::collections::VecDeque;
use std::time::Duration;

use thiserror::Error;

use super::{Digit, EVENT_PAYLOAD_BYTES, EventPayload, MAX_SEGMENT_TICKS};
use crate::rtp::{ClockRate, RtpTimestamp};

/// Sends queued keys, one packet for each packet time of the stream.
///
/// The first packet of a key has the marker; the last is sent three times (§2.5.1.4); a pause
/// follows, so that two equal keys stay two. The packets replace audio, whether there is any to
/// send or not.
#[derive(Debug)]
pub struct EventSender {
    clock_rate: ClockRate,
    queue: VecDeque<QueuedKey>,
    active: Option<ActiveKey>,
    /// Ticks until the next key may begin.
    pause: u32,
}

impl EventSender {
    /// `clock_rate` is that of the telephone-event format in SDP. Allocates the queue.
    pub fn new(clock_rate: ClockRate) -> Self {
        Self {
            clock_rate,
            queue: VecDeque::with_capacity(EVENT_QUEUE),
            active: None,
            pause: 0,
        }
    }

    /// Queues a key. `duration` is brought into the range of 40 ms to 60 s. Does not allocate.
    ///
    /// # Errors
    /// [`EventQueueFull`] when [`EVENT_QUEUE`] keys wait.
    pub fn queue(&mut self, digit: Digit, duration: Duration) -> Result<(), EventQueueFull> {
        if self.queue.len() >= EVENT_QUEUE {
            return Err(EventQueueFull);
        }
        let ticks = self
            .clock_rate
            .ticks_in(duration.clamp(MIN_DURATION, MAX_DURATION));
        self.queue.push_back(QueuedKey { digit, ticks });
        Ok(())
    }

    /// The event packet to send in this packet time, or `None`: then audio goes on.
    ///
    /// To be called once for each packet time, also when it sends no audio. `clock` is the media
    /// clock at its start and `packet_ticks` its length, both in units of the event's clock rate.
    /// Media thread; does not allocate.
    pub fn next_packet(&mut self, clock: RtpTimestamp, packet_ticks: u32) -> Option<EventPacket> {
        let mut marker = false;
        if self.active.is_none() {
            self.pause = self.pause.saturating_sub(packet_ticks);
            if self.pause > 0 {
                return None;
            }
            let key = self.queue.pop_front()?;
            self.active = Some(ActiveKey::new(key, clock));
            marker = true;
        }
        let active = self.active.as_mut()?;
        let packet = active.next_packet(marker, packet_ticks);
        if active.ends_sent == END_PACKETS {
            self.active = None;
            self.pause = self.clock_rate.ticks_in(PAUSE);
        }
        Some(packet)
    }

    /// Whether nothing is queued or being sent.
    pub fn is_idle(&self) -> bool {
        self.active.is_none() && self.queue.is_empty()
    }
}

/// What to send in one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventPacket {
    /// The first packet of a key.
    pub marker: bool,
    /// When the key, or its segment, began.
    pub timestamp: RtpTimestamp,
    /// The payload.
    pub payload: [u8; EVENT_PAYLOAD_BYTES],
}

/// More keys are queued than anyone types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{EVENT_QUEUE} keys are already waiting to be sent")]
pub struct EventQueueFull;

/// Keys that can wait behind the one being sent: a long sequence of a script.
pub const EVENT_QUEUE: usize = 256;
/// The shortest key; ITU-T Q.24 makes receivers accept 40 ms.
const MIN_DURATION: Duration = Duration::from_millis(40);
/// The longest key, so that a script cannot silence a call for ever.
const MAX_DURATION: Duration = Duration::from_secs(60);
/// Silence after the third end packet. With the two packet times before it, keys are 80 ms apart
/// at least; the strictest network in ITU-T Q.24 asks for 70.
const PAUSE: Duration = Duration::from_millis(60);
/// How often the last packet is sent, §2.5.1.4.
const END_PACKETS: u8 = 3;
/// -10 dBm0, a loud key.
const VOLUME: u8 = 10;

#[derive(Debug)]
struct QueuedKey {
    digit: Digit,
    ticks: u32,
}

#[derive(Debug)]
struct ActiveKey {
    digit: Digit,
    /// Start of the segment.
    start: RtpTimestamp,
    /// What is left of the key's duration, from the start of the segment on.
    remaining: u32,
    /// Time since the start of the segment.
    elapsed: u32,
    ends_sent: u8,
}

impl ActiveKey {
    fn new(key: QueuedKey, clock: RtpTimestamp) -> Self {
        let QueuedKey { digit, ticks } = key;
        Self {
            digit,
            start: clock,
            remaining: ticks,
            elapsed: 0,
            ends_sent: 0,
        }
    }

    fn next_packet(&mut self, marker: bool, packet_ticks: u32) -> EventPacket {
        self.elapsed += packet_ticks;
        let timestamp = self.start;
        let segment = u32::from(MAX_SEGMENT_TICKS);
        let (ticks, end) = if self.elapsed.min(self.remaining) > segment {
            // The full segment is told in this packet, the rest under a new timestamp.
            self.start = self.start.plus(segment);
            self.remaining -= segment;
            self.elapsed -= segment;
            (segment, false)
        } else {
            (
                self.elapsed.min(self.remaining),
                self.elapsed >= self.remaining,
            )
        };
        if end {
            self.ends_sent += 1;
        }
        let ticks = ticks as u16;
        let payload = EventPayload {
            digit: self.digit,
            end,
            volume: VOLUME,
            ticks,
        }
        .to_bytes();
        EventPacket {
            marker,
            timestamp,
            payload,
        }
    }
}
