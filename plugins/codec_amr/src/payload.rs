//! The payload formats of RFC 4867 §4.3 and §4.4: one channel, no interleaving, no CRC, no robust
//! sorting.
//!
//! Frames go to and come from the libraries as RFC 4867 §5.3 stores them: a byte with frame type
//! and quality, and the speech bits from the next byte on.

use std::marker::PhantomData;

use crate::MAX_FRAMES;
use crate::band::{Band, MAX_STORED};

/// How headers and frames are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Nothing is padded but the end (§4.3).
    BandwidthEfficient,
    /// Everything begins at a byte (§4.4).
    OctetAligned,
}

impl Format {
    /// Bits of the codec mode request.
    fn request_bits(self) -> usize {
        match self {
            Format::BandwidthEfficient => 4,
            Format::OctetAligned => 8,
        }
    }

    /// Bits of an entry of the table of contents.
    fn entry_bits(self) -> usize {
        match self {
            Format::BandwidthEfficient => 6,
            Format::OctetAligned => 8,
        }
    }

    /// The room that `bits` of speech take.
    fn padded(self, bits: usize) -> usize {
        match self {
            Format::BandwidthEfficient => bits,
            Format::OctetAligned => bits.next_multiple_of(8),
        }
    }
}

/// The codec mode request of a peer that has no wish.
pub(crate) const NO_REQUEST: u8 = 15;
/// The frame type of a frame that was not sent.
pub(crate) const NO_DATA: u8 = 15;

/// A frame in a payload.
#[derive(Clone, Copy, Default)]
struct Entry {
    frame_type: u8,
    good: bool,
    /// Where its speech bits begin.
    at: usize,
}

/// A payload that is whole.
pub(crate) struct Reader<'a, B> {
    payload: &'a [u8],
    entries: [Entry; MAX_FRAMES],
    frames: usize,
    band: PhantomData<B>,
}

impl<'a, B: Band> Reader<'a, B> {
    /// `None` unless the payload holds one to [`MAX_FRAMES`] frames of known types and, but for
    /// padding to a byte, ends behind them.
    pub(crate) fn new(format: Format, payload: &'a [u8]) -> Option<Self> {
        let end = payload.len() * 8;
        let mut reader = Self {
            payload,
            entries: [Entry::default(); MAX_FRAMES],
            frames: 0,
            band: PhantomData,
        };
        let mut at = format.request_bits();
        let mut follows = true;
        while follows {
            if at + format.entry_bits() > end {
                return None;
            }
            let entry = bits(payload, at, 6);
            at += format.entry_bits();
            follows = entry & 0x20 != 0;
            *reader.entries.get_mut(reader.frames)? = Entry {
                frame_type: entry >> 1 & 0xf,
                good: entry & 1 == 1,
                at: 0,
            };
            reader.frames += 1;
        }
        for entry in &mut reader.entries[..reader.frames] {
            entry.at = at;
            at += format.padded(B::speech_bits(entry.frame_type)?);
        }
        (at.next_multiple_of(8) == end).then_some(reader)
    }

    /// The mode that the peer wants to hear, or [`NO_REQUEST`]; others may be unknown.
    pub(crate) fn request(&self) -> u8 {
        bits(self.payload, 0, 4)
    }

    /// The number of frames.
    pub(crate) fn frames(&self) -> usize {
        self.frames
    }

    /// Writes a frame as it is stored. A damaged one is stored as lost.
    pub(crate) fn frame(&self, index: usize, stored: &mut [u8; MAX_STORED]) {
        let Entry {
            frame_type,
            good,
            at,
        } = self.entries[index];
        let count = B::speech_bits(frame_type).unwrap_or(0);
        *stored = [0; MAX_STORED];
        if !good {
            *stored = B::LOST;
            return;
        }
        stored[0] = header(frame_type);
        copy_bits(self.payload, at, &mut stored[1..], 0, count);
    }
}

/// The first byte of a stored frame.
pub(crate) const fn header(frame_type: u8) -> u8 {
    frame_type << 3 | 0x04
}

/// Writes stored frames as one payload without a request; its length, or `None` if `out` is too
/// small.
pub(crate) fn write<B: Band>(
    format: Format,
    frames: &[[u8; MAX_STORED]],
    out: &mut [u8],
) -> Option<usize> {
    let frame_type = |frame: &[u8; MAX_STORED]| frame[0] >> 3 & 0xf;
    let speech = |frame| format.padded(B::speech_bits(frame_type(frame)).unwrap_or(0));
    let contents = format.request_bits() + frames.len() * format.entry_bits();
    let len = (contents + frames.iter().map(speech).sum::<usize>()).div_ceil(8);
    let out = out.get_mut(..len)?;
    out.fill(0);
    copy_bits(&[NO_REQUEST << 4], 0, out, 0, 4);
    let mut at = format.request_bits();
    for (index, frame) in frames.iter().enumerate() {
        let follows = u8::from(index + 1 < frames.len());
        copy_bits(&[follows << 7 | frame[0] & 0x7c], 0, out, at, 6);
        at += format.entry_bits();
    }
    for frame in frames {
        let count = B::speech_bits(frame_type(frame)).unwrap_or(0);
        copy_bits(&frame[1..], 0, out, at, count);
        at += speech(frame);
    }
    Some(len)
}

/// Up to eight bits from bit `at` on, which are there.
fn bits(bytes: &[u8], at: usize, count: usize) -> u8 {
    (at..at + count).fold(0, |value, bit| {
        value << 1 | bytes[bit / 8] >> (7 - bit % 8) & 1
    })
}

/// Copies `count` bits into `to`, whose bits are zero there.
fn copy_bits(from: &[u8], from_at: usize, to: &mut [u8], to_at: usize, count: usize) {
    let mut done = 0;
    while done < count {
        let (source, target) = (from_at + done, to_at + done);
        // As many as are in the same byte on both sides.
        let step = (8 - source % 8).min(8 - target % 8).min(count - done);
        to[target / 8] |= bits(from, source, step) << (8 - target % 8 - step);
        done += step;
    }
}
