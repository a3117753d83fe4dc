//! Puts packets back into order and gives them out one packet time after the other.
//!
//! The depth is fixed: playout of a talk-spurt starts when that many packets wait, and an excess
//! after a burst is thrown away. An adaptive buffer can take its place behind the same calls; it
//! would use the arrival times and stretch the audio between them. Only sequence numbers decide
//! about order; a receiver's estimate of jitter is not needed for it.

use std::time::Instant;

use super::{PayloadType, RtpPacket, RtpTimestamp, SequenceNumber, Ssrc};

/// Sizes of a [`JitterBuffer`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JitterConfig {
    /// Packets that wait when a talk-spurt starts to play; the delay in packet times. At least 1.
    pub depth: usize,
    /// Packets there is room for; rounded up to a power of two, and to hold `depth` and bursts.
    pub slots: usize,
    /// Room for the payload of one packet. Longer payloads are refused.
    pub payload_bytes: usize,
}

impl Default for JitterConfig {
    /// 40 ms of delay for 20 ms packets, with room for a third of a second and any Opus frame.
    fn default() -> Self {
        Self {
            depth: 2,
            slots: 16,
            payload_bytes: LARGEST_OPUS_FRAME,
        }
    }
}

/// A reordering buffer for one stream.
///
/// Media thread; allocates in [`JitterBuffer::new`] only.
#[derive(Debug)]
pub struct JitterBuffer {
    slots: Box<[Slot]>,
    payloads: Box<[u8]>,
    payload_bytes: usize,
    depth: usize,
    window: Option<Window>,
    counters: JitterCounters,
}

impl JitterBuffer {
    /// Allocates all the memory the buffer will ever use.
    pub fn new(config: JitterConfig) -> Self {
        let depth = config.depth.max(1);
        let slots = config.slots.max(2 * (depth + SLACK)).next_power_of_two();
        Self {
            slots: vec![Slot::FREE; slots].into(),
            payloads: vec![0; slots * config.payload_bytes].into(),
            payload_bytes: config.payload_bytes,
            depth,
            window: None,
            counters: JitterCounters::default(),
        }
    }

    /// Stores a packet of audio until its turn. `arrival` is when the datagram left the socket.
    pub fn push(&mut self, arrival: Instant, packet: &RtpPacket<'_>) -> Push {
        self.store(arrival, packet, Content::Audio)
    }

    /// Takes note of a packet that used up a sequence number and is not audio, such as a
    /// telephone event, so that it is not taken for a lost one.
    pub fn push_other(&mut self, arrival: Instant, packet: &RtpPacket<'_>) -> Push {
        let packet = RtpPacket {
            payload: &[],
            ..*packet
        };
        self.store(arrival, &packet, Content::Other)
    }

    /// What is due now. To be called once for each packet time.
    pub fn pop(&mut self) -> Pop<'_> {
        let Some(mut window) = self.window.take() else {
            return Pop::Empty;
        };
        let due = self.due(&mut window);
        self.window = Some(window);
        match due {
            Due::Packet(index) => Pop::Packet(self.packet(index)),
            Due::Lost => Pop::Lost,
            Due::Nothing => Pop::Empty,
        }
    }

    /// The payload that the next [`JitterBuffer::pop`] would give, if it is here: after
    /// [`Pop::Lost`] the place to look for forward error correction.
    pub fn following_payload(&self) -> Option<&[u8]> {
        let window = self.window.as_ref()?;
        let index = self.index(window.next);
        (self.slots[index].content == Content::Audio).then(|| self.packet(index).payload)
    }

    /// Forgets everything that waits, as after a new session description.
    pub fn reset(&mut self) {
        self.window = None;
        self.slots.fill(Slot::FREE);
    }

    /// What happened so far.
    pub fn counters(&self) -> JitterCounters {
        self.counters
    }

    fn store(&mut self, arrival: Instant, packet: &RtpPacket<'_>, content: Content) -> Push {
        let mut window = self
            .window
            .take()
            .unwrap_or_else(|| Window::starting_at(packet));
        let push = self.admit(&mut window, packet);
        match push {
            Push::Stored => self.place(&mut window, arrival, packet, content),
            Push::Resynchronised => {
                self.slots.fill(Slot::FREE);
                window = Window::starting_at(packet);
                self.counters.resynchronisations += 1;
                self.place(&mut window, arrival, packet, content);
            }
            Push::Duplicate => self.counters.duplicates += 1,
            Push::Late => self.counters.late += 1,
            Push::OutOfWindow => self.counters.out_of_window += 1,
            Push::TooLong => self.counters.too_long += 1,
        }
        self.window = Some(window);
        push
    }

    /// Decides whether a packet fits the window.
    ///
    /// A jump further than the buffer reaches is believed when nothing waits or when a second
    /// packet confirms it, as RFC 3550 §A.1 does for a sender that restarted.
    fn admit(&self, window: &mut Window, packet: &RtpPacket<'_>) -> Push {
        let sequence_number = packet.sequence_number;
        if packet.payload.len() > self.payload_bytes {
            return Push::TooLong;
        }
        if window.ssrc != packet.ssrc {
            return Push::Resynchronised;
        }
        let ahead = i32::from(sequence_number.since(window.next));
        let reach = self.slots.len() as i32;
        if (0..reach).contains(&ahead) {
            window.confirmation = None;
            let taken = self.slots[self.index(sequence_number)].content != Content::Nothing;
            return if taken { Push::Duplicate } else { Push::Stored };
        }
        let span = i32::from(window.highest.since(sequence_number));
        if !window.played && ahead < 0 && span < reach {
            // The first packets of the stream were swapped.
            window.next = sequence_number;
            return Push::Stored;
        }
        if (-MAX_MISORDER..0).contains(&ahead) {
            return Push::Late;
        }
        let nothing_to_lose = window.waiting == 0 && (0..MAX_DROPOUT).contains(&ahead);
        if nothing_to_lose || window.confirmation == Some(sequence_number) {
            return Push::Resynchronised;
        }
        window.confirmation = Some(sequence_number.next());
        Push::OutOfWindow
    }

    /// Copies a packet into its slot.
    fn place(
        &mut self,
        window: &mut Window,
        arrival: Instant,
        packet: &RtpPacket<'_>,
        content: Content,
    ) {
        let index = self.index(packet.sequence_number);
        self.slots[index] = Slot {
            content,
            payload_type: packet.payload_type,
            marker: packet.marker,
            timestamp: packet.timestamp,
            arrival: Some(arrival),
            len: packet.payload.len(),
        };
        let start = index * self.payload_bytes;
        self.payloads[start..start + packet.payload.len()].copy_from_slice(packet.payload);
        window.waiting += 1;
        if packet.sequence_number.since(window.highest) > 0 {
            window.highest = packet.sequence_number;
        }
    }

    /// Moves the window past what is due.
    fn due(&mut self, window: &mut Window) -> Due {
        loop {
            if window.waiting == 0 {
                window.filling = Some(0);
                return Due::Nothing;
            }
            if let Some(waited) = window.filling {
                // The second condition lets the last packet of a stream out.
                if window.waiting < self.depth && waited < self.depth {
                    window.filling = Some(waited + 1);
                    return Due::Nothing;
                }
                window.filling = None;
                // Time has passed for what was lost before this talk-spurt: do not conceal it.
                self.skip_to_oldest(window);
            }
            self.drop_excess(window);
            window.played = true;
            let index = self.index(window.next);
            window.next = window.next.next();
            match self.take(window, index) {
                Content::Audio => {
                    self.counters.played += 1;
                    return Due::Packet(index);
                }
                Content::Other => {}
                Content::Nothing => {
                    self.counters.lost += 1;
                    return Due::Lost;
                }
            }
        }
    }

    fn skip_to_oldest(&mut self, window: &mut Window) {
        for _ in 0..self.slots.len() {
            if self.slots[self.index(window.next)].content != Content::Nothing {
                return;
            }
            window.next = window.next.next();
            // Before the first packet was played there is nothing that could be missing.
            self.counters.lost += u64::from(window.played);
        }
    }

    /// Throws away the oldest packets when a burst, or a faster clock on the other side, made the
    /// delay longer than wanted.
    fn drop_excess(&mut self, window: &mut Window) {
        let span = |window: &Window| i32::from(window.highest.since(window.next)) + 1;
        if span(window) <= (self.depth + SLACK) as i32 {
            return;
        }
        while span(window) > self.depth as i32 {
            let index = self.index(window.next);
            window.next = window.next.next();
            match self.take(window, index) {
                Content::Audio => self.counters.dropped += 1,
                Content::Other => {}
                Content::Nothing => self.counters.lost += 1,
            }
        }
    }

    /// Frees a slot; its bytes stay until the next `push`.
    fn take(&mut self, window: &mut Window, index: usize) -> Content {
        let content = std::mem::replace(&mut self.slots[index].content, Content::Nothing);
        window.waiting -= usize::from(content != Content::Nothing);
        content
    }

    fn packet(&self, index: usize) -> BufferedPacket<'_> {
        let slot = &self.slots[index];
        let start = index * self.payload_bytes;
        BufferedPacket {
            payload_type: slot.payload_type,
            marker: slot.marker,
            timestamp: slot.timestamp,
            arrival: slot.arrival.expect("set with the packet's other fields"),
            payload: &self.payloads[start..start + slot.len],
        }
    }

    /// A power of two divides 2^16, so neighbours stay neighbours when the number wraps.
    fn index(&self, sequence_number: SequenceNumber) -> usize {
        usize::from(sequence_number.0) & (self.slots.len() - 1)
    }
}

/// What became of a pushed packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Push {
    /// It waits for its turn.
    Stored,
    /// It waits for its turn and everything before it was forgotten: the sender changed its SSRC
    /// or its numbering, or was away for long.
    Resynchronised,
    /// It is here already.
    Duplicate,
    /// Its turn has passed.
    Late,
    /// Its number is far from the others; believed if the next one follows it.
    OutOfWindow,
    /// Its payload is longer than a slot.
    TooLong,
}

/// What is due in one packet time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pop<'a> {
    /// Play this.
    Packet(BufferedPacket<'a>),
    /// A packet is missing and later ones are here: conceal it.
    Lost,
    /// Nothing is here: the sender pauses, or the buffer fills at the start of a talk-spurt.
    Empty,
}

/// A packet whose turn has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BufferedPacket<'a> {
    /// What the payload is.
    pub payload_type: PayloadType,
    /// Start of a talk-spurt.
    pub marker: bool,
    /// Sampling instant.
    pub timestamp: RtpTimestamp,
    /// When it left the socket.
    pub arrival: Instant,
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
    /// Thrown away to bring the delay down.
    pub dropped: u64,
    /// Refused because their number was far off.
    pub out_of_window: u64,
    /// Refused because of their length.
    pub too_long: u64,
    /// Times the buffer started anew in the middle of a stream.
    pub resynchronisations: u64,
}

/// The part of the number space the buffer is at.
#[derive(Debug)]
struct Window {
    ssrc: Ssrc,
    /// The packet whose turn is next.
    next: SequenceNumber,
    /// The latest packet stored.
    highest: SequenceNumber,
    /// Packets in the slots, audio and others.
    waiting: usize,
    /// While a talk-spurt has not begun to play: packet times since its first packet came.
    filling: Option<usize>,
    /// Whether a turn has come since the window was placed.
    played: bool,
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
            filling: Some(0),
            played: false,
            confirmation: None,
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    content: Content,
    payload_type: PayloadType,
    marker: bool,
    timestamp: RtpTimestamp,
    arrival: Option<Instant>,
    len: usize,
}

impl Slot {
    const FREE: Slot = Slot {
        content: Content::Nothing,
        payload_type: PayloadType::PCMU,
        marker: false,
        timestamp: RtpTimestamp(0),
        arrival: None,
        len: 0,
    };
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    Nothing,
    Audio,
    /// A number that belongs to something else than audio.
    Other,
}

enum Due {
    Packet(usize),
    Lost,
    Nothing,
}

/// RFC 6716 §3.4.
const LARGEST_OPUS_FRAME: usize = 1_275;
/// Packets above the wanted depth that are tolerated before the oldest are thrown away: 60 ms of
/// 20 ms packets. Picked by feel.
const SLACK: usize = 3;
/// A packet this much behind is a late one, and further behind a restart. RFC 3550 §A.1.
const MAX_MISORDER: i32 = 100;
/// A gap that loss may explain. RFC 3550 §A.1.
const MAX_DROPOUT: i32 = 3_000;

#[cfg(test)]
mod tests;
