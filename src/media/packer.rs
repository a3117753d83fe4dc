//! CORE. Frames of 20 ms, as rooms make them, to packets of another time.
//!
//! The frames of all rooms are counted alike, and packets begin at frames whose number divides evenly: so
//! a packet never waits for more than it must.

use std::ops::Range;
use std::time::Duration;

use super::schedule::FRAME;

/// Puts together the packets of one stream, or of all that hear the same.
pub(super) struct Packer {
    packet_time: Duration,
    /// Samples of the frames after which frames and packets end together.
    group: Box<[i16]>,
    frame_len: usize,
    packet_len: usize,
    /// The frame that goes on with the group; `None` until a group begins.
    next: Option<u64>,
}

impl Packer {
    /// For packets of 10, 30, 40, 50 or 60 ms, of frames of `frame_len` samples.
    pub(super) fn new(packet_time: Duration, frame_len: usize) -> Self {
        let packet_len = frame_len * packet_time.as_millis() as usize / FRAME.as_millis() as usize;
        let frames = (1..)
            .find(|frames| (frames * frame_len).is_multiple_of(packet_len))
            .unwrap_or(1);
        Self {
            packet_time,
            group: vec![0; frames * frame_len].into(),
            frame_len,
            packet_len,
            next: None,
        }
    }

    pub(super) fn fits(&self, packet_time: Duration, frame_len: usize) -> bool {
        self.packet_time == packet_time && self.frame_len == frame_len
    }

    /// Takes frame number `frame` and gives the place in the group of each packet that it completes.
    pub(super) fn push(
        &mut self,
        frame: u64,
        pcm: &[i16],
    ) -> impl Iterator<Item = Range<usize>> + use<> {
        let at = self.place(frame);
        let end = at + self.frame_len;
        self.group[at..end].copy_from_slice(pcm);
        let goes_on = at == 0 || self.next == Some(frame);
        self.next = goes_on.then_some(frame + 1);
        let len = self.packet_len;
        let done = if goes_on { at / len..end / len } else { 0..0 };
        done.map(move |packet| packet * len..(packet + 1) * len)
    }

    pub(super) fn packet(&self, place: Range<usize>) -> &[i16] {
        &self.group[place]
    }

    /// How many samples before the beginning of frame number `frame` the packet at `place` of its
    /// group begins; negative if it begins later.
    pub(super) fn samples_before(&self, frame: u64, place: usize) -> i64 {
        self.place(frame) as i64 - place as i64
    }

    /// The first frame that has a part in the packet at `place` of the group of frame `frame`.
    pub(super) fn first_frame(&self, frame: u64, place: usize) -> u64 {
        let group = frame - (self.place(frame) / self.frame_len) as u64;
        group + (place / self.frame_len) as u64
    }

    fn place(&self, frame: u64) -> usize {
        let frames = (self.group.len() / self.frame_len) as u64;
        (frame % frames) as usize * self.frame_len
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The packets of twelve frames from number `first` on, each with the sample it begins at.
    fn packets(ms: u64, first: u64) -> Vec<(i64, usize)> {
        let mut packer = Packer::new(Duration::from_millis(ms), 160);
        let mut packets = Vec::new();
        for frame in first..first + 12 {
            for range in packer.push(frame, &[0; 160]).collect::<Vec<_>>() {
                let begin = frame as i64 * 160 - packer.samples_before(frame, range.start);
                packets.push((begin, packer.packet(range).len()));
            }
        }
        packets
    }

    #[test]
    fn packets_follow_each_other_without_gap_or_overlap() {
        for ms in [10, 20, 30, 40, 50, 60] {
            for first in 0..7 {
                let packets = packets(ms, first);
                assert!(packets.len() >= 200 / ms as usize - 1);
                assert!(packets[0].0 >= first as i64 * 160);
                for pair in packets.windows(2) {
                    assert_eq!(pair[0].0 + ms as i64 * 8, pair[1].0);
                    assert_eq!(pair[0].1, ms as usize * 8);
                }
            }
        }
    }

    #[test]
    fn a_frame_that_is_missing_costs_its_packet_only() {
        let mut packer = Packer::new(Duration::from_millis(40), 160);
        let mut count = |frame| packer.push(frame, &[0; 160]).count();
        assert_eq!([0, 1, 3, 4, 5].map(&mut count), [0, 1, 0, 0, 1]);
    }
}
