//! CORE. The common mix of a room as packets, encoded once for all who hear it.

use std::ops::Range;
use std::time::Duration;

use smallvec::SmallVec;

use crate::audio::mixer::frame_samples;
use crate::codec::{Encoding, MAX_PAYLOAD_BYTES};
use crate::media::coder::{Coder, Format};
use crate::media::packer::Packer;
use crate::media::schedule::FRAME;

/// The common mix in one format: encoding and packet time.
pub(in crate::media) struct Shared {
    format: Format,
    coder: Coder,
    /// `None` for packets of one frame.
    packer: Option<Packer>,
    frame: Option<u64>,
    /// The packets that the frame completed: their place in the packer's group, and their bytes.
    packets: SmallVec<[(Range<usize>, Range<usize>); 2]>,
    bytes: Vec<u8>,
}

impl Shared {
    pub(super) fn new(format: Format) -> Self {
        let frame = frame_samples(format.codec().sample_rate());
        let packed = format.packet_time != FRAME;
        Self {
            packer: packed.then(|| Packer::new(format.packet_time, frame)),
            format,
            coder: Coder::default(),
            frame: None,
            packets: SmallVec::new(),
            bytes: Vec::new(),
        }
    }

    pub(super) fn is_for(&self, format: &Format) -> bool {
        self.is_sent_as((format.encoding, format.packet_time))
    }

    pub(super) fn is_sent_as(&self, packets: (Encoding, Duration)) -> bool {
        packets == (self.format.encoding, self.format.packet_time)
    }

    /// The last frame that was encoded.
    pub(super) fn frame(&self) -> Option<u64> {
        self.frame
    }

    /// The packet that the frame completed at `place` of the packer's group.
    pub(super) fn packet(&self, place: usize) -> Option<&[u8]> {
        let mut packets = self.packets.iter();
        let (_, bytes) = packets.find(|(at, _)| at.start == place)?;
        self.bytes.get(bytes.clone())
    }

    /// Encodes the packets that this frame completes.
    pub(super) fn encode(&mut self, frame: u64, pcm: &[i16]) {
        self.frame = Some(frame);
        self.packets.clear();
        self.bytes.clear();
        match self.packer.take() {
            None => self.add(0..pcm.len(), pcm),
            Some(mut packer) => {
                for place in packer.push(frame, pcm) {
                    self.add(place.clone(), packer.packet(place));
                }
                self.packer = Some(packer);
            }
        }
    }

    fn add(&mut self, place: Range<usize>, pcm: &[i16]) {
        let mut payload = [0; MAX_PAYLOAD_BYTES];
        let len = self.coder.encode(self.format.encoding, pcm, &mut payload);
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&payload[..len]);
        self.packets.push((place, start..start + len));
    }
}
