//! Counters of one media thread, written by that thread alone and read by anyone.

use crate::counter::{Counter, Gauge};

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
    /// Datagrams from an address that is not the stream's peer.
    pub packets_from_strangers: Counter,
    /// Datagrams that are no RTP, or of a payload type or size that was not agreed.
    pub packets_malformed: Counter,
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
    pub packets_malformed: u64,
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
        self.packets_malformed += stats.packets_malformed.value();
        self.starved_packets += stats.starved_packets.value();
        self.late_ticks += stats.late_ticks.value();
        self.skipped_ticks += stats.skipped_ticks.value();
        self.events_dropped += stats.events_dropped.value();
        self.streams_failed += stats.streams_failed.value();
    }
}
