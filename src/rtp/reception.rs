//! How many packets came, and how many should have. RFC 3550 §A.3.

use super::{RtpPacket, SequenceNumber, Ssrc};

/// Counters of one received stream, over all sources it had. Media thread; does not allocate.
#[derive(Debug, Clone, Default)]
pub struct ReceptionStatistics {
    received: u64,
    refused: u64,
    /// Losses of sources, and of numberings, that are over.
    settled_lost: u64,
    source: Option<SourceCount>,
}

impl ReceptionStatistics {
    /// Counts a packet that was accepted.
    pub fn accepted(&mut self, packet: &RtpPacket<'_>) {
        self.received += 1;
        match &mut self.source {
            Some(source) if source.continues(packet) => source.count(packet.sequence_number),
            _ => {
                self.settled_lost = self.lost();
                self.source = Some(SourceCount::starting_at(packet));
            }
        }
    }

    /// Counts a datagram that was not accepted: no RTP, a stray source, an unknown payload.
    pub fn refuse(&mut self) {
        self.refused += 1;
    }

    /// Packets accepted, duplicates included.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Packets that were numbered and did not come. Duplicates hide losses, as in RFC 3550.
    pub fn lost(&self) -> u64 {
        self.settled_lost + self.source.as_ref().map_or(0, SourceCount::lost)
    }

    /// Datagrams not accepted.
    pub fn refused(&self) -> u64 {
        self.refused
    }
}

/// One source's run of sequence numbers.
#[derive(Debug, Clone)]
struct SourceCount {
    ssrc: Ssrc,
    highest: SequenceNumber,
    /// Numbers from the first packet to the highest.
    expected: u64,
    received: u64,
}

impl SourceCount {
    fn starting_at(packet: &RtpPacket<'_>) -> Self {
        Self {
            ssrc: packet.ssrc,
            highest: packet.sequence_number,
            expected: 1,
            received: 1,
        }
    }

    fn continues(&self, packet: &RtpPacket<'_>) -> bool {
        let ahead = packet.sequence_number.since(self.highest);
        packet.ssrc == self.ssrc && (-MAX_MISORDER..MAX_DROPOUT).contains(&ahead)
    }

    fn count(&mut self, sequence_number: SequenceNumber) {
        self.received += 1;
        let ahead = sequence_number.since(self.highest);
        if ahead > 0 {
            self.expected += ahead as u64;
            self.highest = sequence_number;
        }
    }

    fn lost(&self) -> u64 {
        self.expected.saturating_sub(self.received)
    }
}

/// RFC 3550 §A.1.
const MAX_MISORDER: i16 = 100;
/// RFC 3550 §A.1.
const MAX_DROPOUT: i16 = 3_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::{PayloadType, RtpTimestamp};

    fn packet(ssrc: u32, number: u16) -> RtpPacket<'static> {
        RtpPacket {
            payload_type: PayloadType::PCMU,
            marker: false,
            sequence_number: SequenceNumber(number),
            timestamp: RtpTimestamp(0),
            ssrc: Ssrc(ssrc),
            payload: &[],
        }
    }

    #[test]
    fn losses_are_gaps_that_were_not_filled() {
        let mut statistics = ReceptionStatistics::default();
        for number in [65_534, 65_535, 3, 1, 4] {
            statistics.accepted(&packet(1, number));
        }
        statistics.refuse();
        assert_eq!(statistics.received(), 5);
        assert_eq!(statistics.lost(), 2);
        assert_eq!(statistics.refused(), 1);
    }

    #[test]
    fn a_new_source_or_numbering_is_no_loss() {
        let mut statistics = ReceptionStatistics::default();
        for (ssrc, number) in [
            (1, 10),
            (1, 12),
            (2, 500),
            (2, 501),
            (2, 20_000),
            (2, 20_002),
        ] {
            statistics.accepted(&packet(ssrc, number));
        }
        assert_eq!(statistics.lost(), 2);
    }
}
