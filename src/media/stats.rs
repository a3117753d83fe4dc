//! Counters of one media thread, written by that thread alone and read by anyone.

use crate::counter::{Counter, Gauge};
use crate::rtp::Refusal;
use crate::rtp::srtp::SrtpRefusal;

/// What one media thread has done since it started.
#[derive(Debug, Default)]
pub struct MediaStats {
    /// Streams that are open now.
    pub streams: Gauge,
    /// Streams that are open and send or listen now.
    pub active_streams: Gauge,
    /// RTP packets handed to the network.
    pub packets_sent: Counter,
    /// RTP packets that the network did not take.
    pub packets_unsent: Counter,
    /// RTP packets accepted from a stream's own peer.
    pub packets_received: Counter,
    /// RTP packets from an address that is not the stream's peer.
    pub packets_from_strangers: Counter,
    /// RTP packets of sources that had not proved to be the stream's peer, before it had one. Each call
    /// from behind a NAT has two or three.
    pub packets_unproven: Counter,
    /// RTP packets of an SSRC that did not belong to the stream, from its peer's address.
    pub packets_of_other_ssrc: Counter,
    /// RTP packets whose number did not belong to the stream, from its peer's address.
    pub packets_out_of_sequence: Counter,
    /// RTP packets that had come before.
    pub packets_repeated: Counter,
    /// RTP packets of a payload type or size that was not agreed.
    pub packets_not_agreed: Counter,
    /// Datagrams that are no RTP, or too long for it.
    pub packets_malformed: Counter,
    /// Datagrams that the kernel threw away because too many waited, as in a flood.
    pub packets_overflowed: Counter,
    /// SRTP packets that were not sealed with the peer's key.
    pub packets_forged: Counter,
    /// SRTP packets that had come before, or were too old to tell.
    pub packets_replayed: Counter,
    /// Peers that went on from another address in the middle of a call, as after a NAT bound anew.
    pub sources_moved: Counter,
    /// RTCP packets handed to the network.
    pub rtcp_sent: Counter,
    /// RTCP packets accepted from a stream's own peer.
    pub rtcp_received: Counter,
    /// RTCP datagrams from elsewhere, or that cannot be read.
    pub rtcp_refused: Counter,
    /// Packets of audio that came after their turn.
    pub packets_late: Counter,
    /// Packets of audio that came twice.
    pub packets_duplicate: Counter,
    /// Packets of audio that were missing when their turn came.
    pub packets_lost: Counter,
    /// Milliseconds of sound made up for what was lost or late.
    pub concealed_ms: Counter,
    /// Milliseconds put into sound, or taken out of it, to change a delay.
    pub stretched_ms: Counter,
    /// Packets that are silent, wholly or in part, because a streamed file was not read in time.
    pub starved_packets: Counter,
    /// Ticks that began later than the next one was due.
    pub late_ticks: Counter,
    /// Ticks that were left out because the thread was too late to catch up without a burst.
    pub skipped_ticks: Counter,
    /// Events that a session had no room for.
    pub events_dropped: Counter,
    /// Streams ended by a fault of ours.
    pub streams_failed: Counter,
}

impl MediaStats {
    /// The counter for SRTP packets that were not opened for this reason.
    pub(super) fn not_opened(&self, refusal: SrtpRefusal) -> &Counter {
        match refusal {
            SrtpRefusal::Malformed => &self.packets_malformed,
            SrtpRefusal::Forged => &self.packets_forged,
            SrtpRefusal::Replayed => &self.packets_replayed,
            SrtpRefusal::TooManySources => &self.packets_of_other_ssrc,
        }
    }

    /// The counter for packets that were dropped for this reason.
    pub(super) fn refused(&self, refusal: Refusal) -> &Counter {
        match refusal {
            Refusal::Stranger => &self.packets_from_strangers,
            Refusal::Unproven => &self.packets_unproven,
            Refusal::Ssrc => &self.packets_of_other_ssrc,
            Refusal::Sequence => &self.packets_out_of_sequence,
            Refusal::Repeated => &self.packets_repeated,
        }
    }
}

/// The counters of all threads, added up at one moment.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
#[allow(
    missing_docs,
    reason = "each field is the sum of the MediaStats counter of its name"
)]
pub struct MediaTotals {
    pub streams: u64,
    pub active_streams: u64,
    pub packets_sent: u64,
    pub packets_unsent: u64,
    pub packets_received: u64,
    pub packets_from_strangers: u64,
    pub packets_unproven: u64,
    pub packets_of_other_ssrc: u64,
    pub packets_out_of_sequence: u64,
    pub packets_repeated: u64,
    pub packets_not_agreed: u64,
    pub packets_malformed: u64,
    pub packets_overflowed: u64,
    pub packets_forged: u64,
    pub packets_replayed: u64,
    pub sources_moved: u64,
    pub rtcp_sent: u64,
    pub rtcp_received: u64,
    pub rtcp_refused: u64,
    pub packets_late: u64,
    pub packets_duplicate: u64,
    pub packets_lost: u64,
    pub concealed_ms: u64,
    pub stretched_ms: u64,
    pub starved_packets: u64,
    pub late_ticks: u64,
    pub skipped_ticks: u64,
    pub events_dropped: u64,
    pub streams_failed: u64,
}

impl MediaTotals {
    pub(super) fn add(&mut self, stats: &MediaStats) {
        self.streams += stats.streams.value();
        self.active_streams += stats.active_streams.value();
        self.packets_sent += stats.packets_sent.value();
        self.packets_unsent += stats.packets_unsent.value();
        self.packets_received += stats.packets_received.value();
        self.packets_from_strangers += stats.packets_from_strangers.value();
        self.packets_unproven += stats.packets_unproven.value();
        self.packets_of_other_ssrc += stats.packets_of_other_ssrc.value();
        self.packets_out_of_sequence += stats.packets_out_of_sequence.value();
        self.packets_repeated += stats.packets_repeated.value();
        self.packets_not_agreed += stats.packets_not_agreed.value();
        self.packets_malformed += stats.packets_malformed.value();
        self.packets_overflowed += stats.packets_overflowed.value();
        self.packets_forged += stats.packets_forged.value();
        self.packets_replayed += stats.packets_replayed.value();
        self.sources_moved += stats.sources_moved.value();
        self.rtcp_sent += stats.rtcp_sent.value();
        self.rtcp_received += stats.rtcp_received.value();
        self.rtcp_refused += stats.rtcp_refused.value();
        self.packets_late += stats.packets_late.value();
        self.packets_duplicate += stats.packets_duplicate.value();
        self.packets_lost += stats.packets_lost.value();
        self.concealed_ms += stats.concealed_ms.value();
        self.stretched_ms += stats.stretched_ms.value();
        self.starved_packets += stats.starved_packets.value();
        self.late_ticks += stats.late_ticks.value();
        self.skipped_ticks += stats.skipped_ticks.value();
        self.events_dropped += stats.events_dropped.value();
        self.streams_failed += stats.streams_failed.value();
    }
}
