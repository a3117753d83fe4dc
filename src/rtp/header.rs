//! The header of packets we send: twelve bytes that are patched, never built.

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::{PayloadType, RtpTimestamp, SequenceNumber, Ssrc};

/// Length of the header of every packet we send: no contributing sources, no extension.
pub const RTP_HEADER_BYTES: usize = 12;

/// The sender's side of one RTP stream: SSRC, sequence number and media clock.
///
/// The media clock runs whether packets are sent or not, so that a pause is a jump of the
/// timestamp; the sequence number counts packets. Media thread; does not allocate.
#[derive(Debug, Clone)]
pub struct RtpHeaderTemplate {
    bytes: [u8; RTP_HEADER_BYTES],
    sequence_number: SequenceNumber,
    clock: RtpTimestamp,
}

impl RtpHeaderTemplate {
    /// Starts a stream with an SSRC, a sequence number and a timestamp drawn from `seed`
    /// (RFC 3550 §5.1: all three random). The number is below 2^15, so that a peer who misses the first
    /// packets of SRTP does not miss a wrap (RFC 3711 §3.3.1).
    pub fn new(seed: u64) -> Self {
        let mut random = SmallRng::seed_from_u64(seed);
        let ssrc: u32 = random.random();
        let mut bytes = [0; RTP_HEADER_BYTES];
        bytes[0] = 2 << 6;
        bytes[8..].copy_from_slice(&ssrc.to_be_bytes());
        Self {
            bytes,
            sequence_number: SequenceNumber(random.random::<u16>() >> 1),
            clock: RtpTimestamp(random.random()),
        }
    }

    /// Moves the media clock by `ticks` of the codec's clock rate.
    pub fn advance(&mut self, ticks: u32) {
        self.clock = self.clock.plus(ticks);
    }

    /// The header of the next packet, to be copied in front of its payload. Each call takes one
    /// sequence number, so call it for packets that are sent and for no others.
    ///
    /// `timestamp` is the media clock for audio, and the start of the event for telephone
    /// events.
    pub fn next_header(
        &mut self,
        payload_type: PayloadType,
        marker: bool,
        timestamp: RtpTimestamp,
    ) -> &[u8; RTP_HEADER_BYTES] {
        self.bytes[1] = u8::from(marker) << 7 | payload_type.get();
        self.bytes[2..4].copy_from_slice(&self.sequence_number.0.to_be_bytes());
        self.bytes[4..8].copy_from_slice(&timestamp.0.to_be_bytes());
        self.sequence_number = self.sequence_number.next();
        &self.bytes
    }

    /// The media clock: the timestamp of audio that starts now.
    pub fn clock(&self) -> RtpTimestamp {
        self.clock
    }

    /// Our SSRC.
    pub fn ssrc(&self) -> Ssrc {
        let [.., a, b, c, d] = self.bytes;
        Ssrc(u32::from_be_bytes([a, b, c, d]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::RtpPacket;

    #[test]
    fn headers_count_packets_and_follow_the_clock() {
        let mut template = RtpHeaderTemplate::new(1);
        let start = template.clock();
        let first = *template.next_header(PayloadType::PCMA, true, start);
        template.advance(160);
        let second = *template.next_header(PayloadType::PCMA, false, template.clock());
        let (first, second) = (
            RtpPacket::parse(&first).unwrap(),
            RtpPacket::parse(&second).unwrap(),
        );
        assert!(first.marker && !second.marker);
        assert_eq!(first.payload_type, PayloadType::PCMA);
        assert_eq!(first.ssrc, template.ssrc());
        assert_eq!(second.sequence_number.since(first.sequence_number), 1);
        assert_eq!(second.timestamp.since(first.timestamp), 160);
    }

    #[test]
    fn seeds_give_different_streams() {
        let (one, two) = (RtpHeaderTemplate::new(1), RtpHeaderTemplate::new(2));
        assert_ne!(one.ssrc(), two.ssrc());
        assert_ne!(one.clock(), two.clock());
    }
}
