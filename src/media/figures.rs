//! The figures of one call's audio: what was sent, what came, and how it sounded.

use std::fmt;
use std::time::Duration;

use super::reports::PeerReports;
use crate::codec::CodecId;
use crate::rtp::srtp::SrtpSuite;
use crate::rtp::{Impairment, Reception, mean_opinion_score};

/// What one stream has done, and what its peer says of it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct StreamFigures {
    /// RTP packets sent.
    pub packets_sent: u64,
    /// Octets of payload in them.
    pub octets_sent: u64,
    /// RTP packets that came from the peer.
    pub packets_received: u64,
    /// Octets of payload in them.
    pub octets_received: u64,
    /// Packets of the peer that the network lost.
    pub packets_lost: u64,
    /// Interarrival jitter of the peer's packets (RFC 3550 §A.8).
    pub jitter: Duration,
    /// Packets of ours that the peer misses, by its latest report.
    pub peer_lost: Option<u64>,
    /// The jitter that the peer measured, by its latest report.
    pub peer_jitter: Option<Duration>,
    /// The round trip, if the peer reports.
    pub round_trip: Option<Duration>,
    /// Mean opinion score of what came, 1 to 4.5.
    pub score: Option<f32>,
    /// Mean opinion score of what the peer got, by its reports.
    pub peer_score: Option<f32>,
    /// What packets are encrypted with at the end; `None`: nothing.
    pub suite: Option<SrtpSuite>,
}

/// What the figures are made of.
pub(super) struct Measured<'a> {
    pub(super) packets_sent: u64,
    pub(super) octets_sent: u64,
    pub(super) peer: PeerReports,
    /// What both sides are taken to send.
    pub(super) codec: Option<CodecId>,
    pub(super) packet_time: Duration,
    pub(super) reception: &'a Reception,
    pub(super) suite: Option<SrtpSuite>,
}

impl StreamFigures {
    pub(super) fn new(measured: &Measured<'_>) -> Self {
        let Measured {
            packets_sent,
            octets_sent,
            peer,
            codec,
            packet_time,
            reception,
            suite,
        } = *measured;
        let packets_received = reception.packets();
        let packets_lost = u64::try_from(reception.lost()).unwrap_or(0);
        let peer_lost = peer.block.map(|block| u64::from(block.lost.max(0) as u32));
        let tick = |codec: CodecId| Duration::from_secs(1) / codec.clock_rate().get();
        let peer_jitter = peer.block.zip(codec);
        let delay = peer.round_trip.unwrap_or_default() / 2 + packet_time * PLAYOUT_PACKETS;
        let score = |lost: u64, all: u64| {
            let codec = Impairment::of(codec?.encoding_name());
            let lost = lost as f32 / all as f32;
            (all > 0).then(|| mean_opinion_score(codec, delay, lost))
        };
        Self {
            packets_sent,
            octets_sent,
            packets_received,
            octets_received: reception.octets(),
            packets_lost,
            jitter: reception.jitter(),
            peer_lost,
            peer_jitter: peer_jitter.map(|(block, codec)| tick(codec).saturating_mul(block.jitter)),
            round_trip: peer.round_trip,
            score: score(packets_lost, packets_received + packets_lost),
            peer_score: peer_lost.and_then(|lost| score(lost, packets_sent)),
            suite,
        }
    }
}

/// Who wants to know the figures. Called once, on the media thread, so it must not wait.
pub struct FiguresSink(Box<dyn FnOnce(StreamFigures) + Send>);

impl FiguresSink {
    /// Calls `tell` with the figures.
    pub fn new(tell: impl FnOnce(StreamFigures) + Send + 'static) -> Self {
        Self(Box::new(tell))
    }

    pub(super) fn tell(self, figures: StreamFigures) {
        (self.0)(figures);
    }
}

impl fmt::Debug for FiguresSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FiguresSink").finish_non_exhaustive()
    }
}

/// Delay besides that of the network: one packet is being made, two wait to be played.
const PLAYOUT_PACKETS: u32 = 3;
