//! Keys as RTP packets: RFC 4733 telephone events, received and sent.
//!
//! Receiver and sender belong to one stream on a media thread and do not allocate after their
//! constructors. Events that are not keys are ignored. Not implemented: redundant payloads
//! (§2.5.1.5 with RFC 2198), which are never offered, since every packet of a key tells all of it
//! and the last comes three times; tones by frequency (§4).

mod digit;
mod receiver;
mod sender;

pub use digit::{Digit, DigitSource};
pub use receiver::{DigitPress, DigitPresses, EVENT_TIMEOUT, EventReceiver};
pub use sender::{EVENT_QUEUE, EventPacket, EventQueueFull, EventSender};

/// Length of the payload of one event.
pub const EVENT_PAYLOAD_BYTES: usize = 4;

/// The payload of §2.3, of an event that is a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct EventPayload {
    digit: Digit,
    /// No more of this event will come but repetitions of this packet.
    end: bool,
    /// Power level as -dBm0, 0 to 63.
    volume: u8,
    /// Duration so far, or of this segment, in timestamp units.
    ticks: u16,
}

impl EventPayload {
    /// `None` for a payload that is too short or an event that is not a key.
    fn parse(payload: &[u8]) -> Option<Self> {
        let &[code, flags, high, low, ..] = payload else {
            return None;
        };
        Some(Self {
            digit: Digit::from_event_code(code)?,
            end: flags & 0x80 != 0,
            volume: flags & 0x3F,
            ticks: u16::from_be_bytes([high, low]),
        })
    }

    fn to_bytes(self) -> [u8; EVENT_PAYLOAD_BYTES] {
        let [high, low] = self.ticks.to_be_bytes();
        [
            self.digit.event_code(),
            u8::from(self.end) << 7 | self.volume,
            high,
            low,
        ]
    }
}

/// The longest segment; a longer key is sent as several (§2.5.1.3).
const MAX_SEGMENT_TICKS: u16 = u16::MAX;

#[cfg(test)]
mod tests;
