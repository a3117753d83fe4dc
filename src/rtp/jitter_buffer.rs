//! Puts packets back into order. RFC 3550 §A.1.
//!
//! Only sequence numbers decide here: which packet is next, which are missing, late or here twice.
//! When a packet is due is decided by whoever takes them out, by the timestamps
//! ([`super::TransitTimes`]). Payloads lie one behind the other in one ring of bytes, so that short
//! packets take little room and a burst overwrites the oldest sound first.

use super::{PayloadType, RtpPacket, RtpTimestamp, SequenceNumber, Ssrc};

/// Sizes of a [`JitterBuffer`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JitterConfig {
    /// How far apart the numbers of waiting packets may be; rounded up to a power of two.
    pub slots: usize,
    /// Room for all payloads together; rounded up to a power of two. One payload may take half.
    pub bytes: usize,
}

impl Default for JitterConfig {
    /// Half a second of G.711 in packets of 10 ms or longer.
    fn default() -> Self {
        Self {
            slots: 64,
            bytes: 4_096,
        }
    }
}

/// A reordering buffer for one stream.
///
/// Media thread; allocates when the first packet comes, all that it will ever use, and never again.
#[derive(Debug)]
pub struct JitterBuffer {
    config: JitterConfig,
    /// Empty before the first packet, as `bytes` is.
    slots: Box<[Slot]>,
    bytes: Box<[u8]>,
    /// Bytes ever written, modulo 2^32; the place in `bytes` is this modulo their number.
    written: u32,
    window: Option<Window>,
    counters: JitterCounters,
}

impl JitterBuffer {
    /// Holds nothing yet, and takes no memory for it.
    pub fn new(config: JitterConfig) -> Self {
        Self {
            config,
            slots: Box::default(),
            bytes: Box::default(),
            written: 0,
            window: None,
            counters: JitterCounters::default(),
        }
    }

    /// Stores a packet of audio until its turn.
    pub fn push(&mut self, packet: &RtpPacket<'_>) -> Push {
        self.store(packet, Content::Audio)
    }

    /// Takes note of a packet that used up a sequence number and is not audio, such as a
    /// telephone event, so that it is not taken for a lost one.
    pub fn push_other(&mut self, packet: &RtpPacket<'_>) -> Push {
        let packet = RtpPacket {
            payload: &[],
            ..*packet
        };
        self.store(&packet, Content::Other)
    }

    /// What is next; [`JitterBuffer::pop`] moves on.
    pub fn front(&mut self) -> Front<'_> {
        let Some(window) = &self.window else {
            return Front::Empty;
        };
        let next = self.index(window.next);
        if self.slots[next].content == Content::Audio && self.is_whole(next) {
            return Front::Packet(self.packet(next));
        }
        let Some(mut window) = self.window.take() else {
            return Front::Empty;
        };
        let found = self.skip_to_audio(&mut window);
        self.window = Some(window);
        match found {
            None => Front::Empty,
            Some((0, index)) => Front::Packet(self.packet(index)),
            Some((packets, index)) => Front::Missing {
                packets,
                following: self.packet(index),
            },
        }
    }

    /// Gives up the number at the front, be its packet here or not.
    pub fn pop(&mut self) {
        let Some(window) = &mut self.window else {
            return;
        };
        match window.give_up(&mut self.slots) {
            Content::Audio => self.counters.played += 1,
            // Before the first packet was played there is nothing that could be missing.
            Content::Nothing => self.counters.lost += u64::from(window.played),
            Content::Other => {}
        }
        window.played = true;
    }

    /// Gives up the number at the front because its packet comes too late to be worth hearing.
    pub fn drop_front(&mut self) {
        if let Some(mut window) = self.window.take() {
            self.drop_oldest(&mut window);
            self.window = Some(window);
        }
    }

    /// Packets that wait.
    pub fn waiting(&self) -> usize {
        self.window.as_ref().map_or(0, |window| window.waiting)
    }

    /// Forgets everything that waits, as when another source speaks.
    pub fn reset(&mut self) {
        self.window = None;
        self.slots.fill(Slot::FREE);
    }

    /// What happened so far.
    pub fn counters(&self) -> JitterCounters {
        self.counters
    }

    fn store(&mut self, packet: &RtpPacket<'_>, content: Content) -> Push {
        if self.slots.is_empty() {
            self.allocate();
        }
        let mut window = self
            .window
            .take()
            .unwrap_or_else(|| Window::starting_at(packet));
        let push = self.admit(&mut window, packet);
        match push {
            Push::Stored => {
                window.late_run = 0;
                self.make_room(&mut window, packet.sequence_number);
                self.place(&mut window, packet, content);
            }
            Push::Resynchronised => {
                self.slots.fill(Slot::FREE);
                window = Window::starting_at(packet);
                self.counters.resynchronisations += 1;
                self.place(&mut window, packet, content);
            }
            Push::Duplicate => self.counters.duplicates += 1,
            Push::Late => self.counters.late += 1,
            Push::OutOfWindow => self.counters.out_of_window += 1,
            Push::TooLong => self.counters.too_long += 1,
        }
        self.window = Some(window);
        push
    }

    #[cold]
    fn allocate(&mut self) {
        // At most a quarter of the number space, so that a distance is never ambiguous.
        let slots = self.config.slots.clamp(2, MAX_SLOTS).next_power_of_two();
        let bytes = self.config.bytes.clamp(2, MAX_BYTES).next_power_of_two();
        self.slots = vec![Slot::FREE; slots].into();
        self.bytes = vec![0; bytes].into();
    }

    /// Decides whether a packet fits the window.
    ///
    /// A jump further than the buffer reaches is believed when nothing waits or when a second
    /// packet confirms it, as RFC 3550 §A.1 does for a sender that restarted; a small jump back
    /// when nothing but late packets comes.
    fn admit(&self, window: &mut Window, packet: &RtpPacket<'_>) -> Push {
        let number = packet.sequence_number;
        if packet.payload.len() > self.bytes.len() / 2 {
            return Push::TooLong;
        }
        if window.ssrc != packet.ssrc {
            return Push::Resynchronised;
        }
        let ahead = i32::from(number.since(window.next));
        let reach = self.slots.len() as i32;
        if (0..reach).contains(&ahead) {
            window.confirmation = None;
            let taken = self.slots[self.index(number)].content != Content::Nothing;
            return if taken { Push::Duplicate } else { Push::Stored };
        }
        let beyond = i32::from(number.since(window.highest));
        if !window.played && ahead < 0 && -beyond < reach {
            // The first packets of the stream were swapped.
            window.next = number;
            return Push::Stored;
        }
        if (-MAX_MISORDER..0).contains(&ahead) {
            return window.behind(-ahead);
        }
        if window.waiting == 0 && (0..MAX_DROPOUT).contains(&ahead)
            || window.confirmation == Some(number)
        {
            return Push::Resynchronised;
        }
        if (1..reach).contains(&beyond) {
            // A burst: the stream goes on and outgrows the buffer.
            return Push::Stored;
        }
        window.confirmation = Some(number.next());
        Push::OutOfWindow
    }

    /// Drops the oldest until `number` is within reach.
    fn make_room(&mut self, window: &mut Window, number: SequenceNumber) {
        while i32::from(number.since(window.next)) >= self.slots.len() as i32 {
            self.drop_oldest(window);
        }
    }

    fn drop_oldest(&mut self, window: &mut Window) {
        match window.give_up(&mut self.slots) {
            Content::Audio => self.counters.dropped += 1,
            Content::Nothing => self.counters.lost += u64::from(window.played),
            Content::Other => {}
        }
    }

    /// Copies a packet into its slot.
    fn place(&mut self, window: &mut Window, packet: &RtpPacket<'_>, content: Content) {
        let len = packet.payload.len();
        let mut start = self.written as usize & (self.bytes.len() - 1);
        if start + len > self.bytes.len() {
            // A payload is not cut in two: the rest of the ring stays unused this time round.
            self.written = self.written.wrapping_add((self.bytes.len() - start) as u32);
            start = 0;
        }
        self.bytes[start..start + len].copy_from_slice(packet.payload);
        let index = self.index(packet.sequence_number);
        self.slots[index] = Slot {
            content,
            payload_type: packet.payload_type,
            len: len as u16,
            timestamp: packet.timestamp,
            written_at: self.written,
        };
        self.written = self.written.wrapping_add(len as u32);
        window.waiting += 1;
        if packet.sequence_number.since(window.highest) > 0 {
            window.highest = packet.sequence_number;
        }
    }

    /// Moves the window over everything but audio. How many packets are missing before the next
    /// one that is here, and its slot; `None` if no audio waits.
    fn skip_to_audio(&mut self, window: &mut Window) -> Option<(u16, usize)> {
        let mut missing = 0;
        let mut number = window.next;
        let mut left = window.waiting;
        while left > 0 {
            let index = self.index(number);
            match self.slots[index].content {
                Content::Audio if self.is_whole(index) => return Some((missing, index)),
                Content::Nothing => missing += 1,
                content => {
                    left -= 1;
                    if missing == 0 {
                        self.counters.dropped += u64::from(content == Content::Audio);
                        window.give_up(&mut self.slots);
                        window.played = true;
                    }
                }
            }
            number = number.next();
        }
        None
    }

    /// Whether no later payload was written over this one.
    fn is_whole(&self, index: usize) -> bool {
        let age = self.written.wrapping_sub(self.slots[index].written_at);
        age as usize <= self.bytes.len()
    }

    fn packet(&self, index: usize) -> BufferedPacket<'_> {
        let slot = &self.slots[index];
        let start = slot.written_at as usize & (self.bytes.len() - 1);
        BufferedPacket {
            payload_type: slot.payload_type,
            timestamp: slot.timestamp,
            payload: &self.bytes[start..start + usize::from(slot.len)],
        }
    }

    fn index(&self, number: SequenceNumber) -> usize {
        index(&self.slots, number)
    }
}

/// A power of two divides 2^16, so neighbours stay neighbours when the number wraps.
fn index(slots: &[Slot], number: SequenceNumber) -> usize {
    usize::from(number.0) & (slots.len() - 1)
}

/// What became of a pushed packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Push {
    /// It waits for its turn.
    Stored,
    /// It waits for its turn and everything before it was forgotten: the sender changed its SSRC
    /// or its numbering, or was away for long.
    Resynchronised,
    /// It is, or was, here already.
    Duplicate,
    /// Its turn has passed.
    Late,
    /// Its number is far from the others; believed if the next one follows it.
    OutOfWindow,
    /// Its payload is longer than half of the buffer.
    TooLong,
}

/// What is next in a [`JitterBuffer`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Front<'a> {
    /// The next packet is here.
    Packet(BufferedPacket<'a>),
    /// The next packet is missing and a later one is here.
    Missing {
        /// How many are missing, at least 1.
        packets: u16,
        /// The one after them.
        following: BufferedPacket<'a>,
    },
    /// No audio waits.
    Empty,
}

/// A packet that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BufferedPacket<'a> {
    /// What the payload is.
    pub payload_type: PayloadType,
    /// Sampling instant.
    pub timestamp: RtpTimestamp,
    /// The encoded audio.
    pub payload: &'a [u8],
}

/// Packets by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct JitterCounters {
    /// Given out.
    pub played: u64,
    /// Missing when their turn came.
    pub lost: u64,
    /// Came after their turn.
    pub late: u64,
    /// Came twice.
    pub duplicates: u64,
    /// Thrown away: overwritten in a burst, or too old to be worth hearing.
    pub dropped: u64,
    /// Refused because their number was far off.
    pub out_of_window: u64,
    /// Refused because of their length.
    pub too_long: u64,
    /// Times the buffer started anew in the middle of a stream.
    pub resynchronisations: u64,
}

impl JitterCounters {
    /// Adds what another buffer counted.
    pub fn add(&mut self, other: &JitterCounters) {
        let Self {
            played,
            lost,
            late,
            duplicates,
            dropped,
            out_of_window,
            too_long,
            resynchronisations,
        } = self;
        *played += other.played;
        *lost += other.lost;
        *late += other.late;
        *duplicates += other.duplicates;
        *dropped += other.dropped;
        *out_of_window += other.out_of_window;
        *too_long += other.too_long;
        *resynchronisations += other.resynchronisations;
    }
}

/// The part of the number space the buffer is at.
#[derive(Debug)]
struct Window {
    ssrc: Ssrc,
    /// The packet whose turn is next.
    next: SequenceNumber,
    /// The latest packet stored, or the last one given up.
    highest: SequenceNumber,
    /// Packets in the slots, audio and others.
    waiting: usize,
    /// Whether a turn has come since the window was placed.
    played: bool,
    /// Which of the 64 numbers before `next` were here in time, the latest in the lowest bit.
    given: u64,
    /// Late packets in a row, repeated ones included.
    late_run: u8,
    /// The number that would confirm a jump.
    confirmation: Option<SequenceNumber>,
}

impl Window {
    fn starting_at(packet: &RtpPacket<'_>) -> Self {
        Self {
            ssrc: packet.ssrc,
            next: packet.sequence_number,
            highest: packet.sequence_number,
            waiting: 0,
            played: false,
            given: 0,
            late_run: 0,
            confirmation: None,
        }
    }

    /// Frees the first slot and moves on; its bytes stay until they are overwritten.
    fn give_up(&mut self, slots: &mut [Slot]) -> Content {
        let place = index(slots, self.next);
        let content = std::mem::replace(&mut slots[place].content, Content::Nothing);
        let was_here = content != Content::Nothing;
        self.waiting -= usize::from(was_here);
        self.given = self.given << 1 | u64::from(was_here);
        self.next = self.next.next();
        if self.next.since(self.highest) > 1 {
            self.highest = SequenceNumber(self.next.0.wrapping_sub(1));
        }
        content
    }

    /// A packet that is `back` numbers before the next one.
    fn behind(&mut self, back: i32) -> Push {
        self.late_run += 1;
        if self.late_run > MAX_LATE_RUN {
            return Push::Resynchronised;
        }
        if back <= 64 && self.given >> (back - 1) & 1 == 1 {
            return Push::Duplicate;
        }
        Push::Late
    }
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    content: Content,
    payload_type: PayloadType,
    len: u16,
    timestamp: RtpTimestamp,
    /// [`JitterBuffer::written`] when its payload was written.
    written_at: u32,
}

impl Slot {
    const FREE: Slot = Slot {
        content: Content::Nothing,
        payload_type: PayloadType::PCMU,
        len: 0,
        timestamp: RtpTimestamp(0),
        written_at: 0,
    };
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    Nothing,
    Audio,
    /// A number that belongs to something else than audio.
    Other,
}

const MAX_SLOTS: usize = 1 << 14;
/// More than any UDP payload.
const MAX_BYTES: usize = 1 << 16;
/// A packet this much behind is a late one, and further behind a restart. RFC 3550 §A.1.
const MAX_MISORDER: i32 = 100;
/// A gap that loss may explain. RFC 3550 §A.1.
const MAX_DROPOUT: i32 = 3_000;
/// Late packets without one in time between them: more, and the sender has gone back in its
/// numbers. Deeper reordering than a network makes.
const MAX_LATE_RUN: u8 = 20;

#[cfg(test)]
mod tests;
