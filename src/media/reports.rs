//! CORE. RTCP of one stream: when to report, what to say, and what the peer's reports mean.
//!
//! The stream asks with each of its ticks whether a report is due, so that reports wake nobody: a
//! stream that neither sends nor listens sends none. What the peer says is believed for figures only;
//! its BYE ends nothing, for the call is ended by SIP. RFC 3550 §6, RFC 5761.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::command::RtcpParameters;
use crate::rtp::{
    Cname, Compound, Reception, Report, ReportBlock, ReportBlocks, RtcpError, RtcpPacket,
    SenderInfo, Ssrc,
};

/// The RTCP state of one stream.
pub(super) struct Reports {
    parameters: RtcpParameters,
    cname: Cname,
    random: SmallRng,
    next_due: Option<Instant>,
    /// Where the peer's RTCP comes from.
    heard_from: Option<SocketAddr>,
    /// Packets sent when the last report was.
    reported: u64,
    /// A report has been sent, so that a BYE is owed.
    known: bool,
    /// What the latest two of our sender reports will be called in the peer's ([`middle`]); a block that
    /// names none of them was not made by who got them.
    sent: [u32; 2],
    /// The peer's latest sender report: its time, and when it came.
    peer_report: Option<(u32, Instant)>,
    peer: PeerReports,
}

/// What the peer says about what we sent.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct PeerReports {
    /// Its latest report about us, if there was any.
    pub(super) block: Option<ReportBlock>,
    /// The smoothed round trip.
    pub(super) round_trip: Option<Duration>,
}

/// What the stream knows when a report is written.
pub(super) struct Moment<'a> {
    pub(super) now: Instant,
    /// The wall clock, in units of 2^-32 s.
    pub(super) ntp: u64,
    pub(super) ssrc: Ssrc,
    /// Our media clock and counts, before the first packet `None`.
    pub(super) sent: Option<Sent>,
    pub(super) reception: &'a mut Reception,
}

/// The wall clock of a thread, counted on from one reading so that it never jumps.
#[derive(Debug, Clone, Copy)]
pub(super) struct WallClock {
    pub(super) start: Instant,
    /// What it showed at `start`, since 1900.
    pub(super) at_start: Duration,
}

impl WallClock {
    /// The time as NTP has it: seconds since 1900, modulo 2^32, and 2^-32 of them.
    pub(super) fn ntp(&self, now: Instant) -> u64 {
        let time = self.at_start + now.saturating_duration_since(self.start);
        let fraction = (u64::from(time.subsec_nanos()) << 32) / 1_000_000_000;
        time.as_secs() << 32 | fraction
    }
}

/// What was sent so far.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sent {
    pub(super) packets: u64,
    pub(super) octets: u64,
    pub(super) clock: crate::rtp::RtpTimestamp,
}

impl Reports {
    /// `seed` gives our name and the intervals.
    pub(super) fn new(parameters: RtcpParameters, seed: u64) -> Self {
        let mut random = SmallRng::seed_from_u64(seed);
        Self {
            parameters,
            cname: Cname::new(random.random()),
            random,
            next_due: None,
            heard_from: None,
            reported: 0,
            known: false,
            sent: [0; 2],
            peer_report: None,
            peer: PeerReports::default(),
        }
    }

    /// Another session description.
    pub(super) fn configure(&mut self, parameters: RtcpParameters) {
        if self.parameters != parameters {
            self.heard_from = None;
        }
        self.parameters = parameters;
    }

    /// RTCP comes and goes by the stream's own port.
    pub(super) fn shares_port(&self) -> bool {
        self.parameters.mux
    }

    /// Where to send, if RTP goes to `rtp` and was followed there or not.
    pub(super) fn destination(&self, rtp: SocketAddr, followed: bool) -> Option<SocketAddr> {
        if self.parameters.mux {
            return Some(rtp);
        }
        let next_port = || Some(SocketAddr::new(rtp.ip(), rtp.port().checked_add(1)?));
        match followed {
            true => self.heard_from.or_else(next_port),
            false => self.parameters.remote.or_else(next_port),
        }
    }

    /// When [`Reports::is_due`] can be true next.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.next_due
    }

    /// Whether a report is to be sent; the first one half an interval after the stream began.
    pub(super) fn is_due(&mut self, now: Instant) -> bool {
        match self.next_due {
            Some(due) if now < due => false,
            Some(_) => {
                self.schedule(now, INTERVAL);
                true
            }
            None => {
                self.schedule(now, INTERVAL / 2);
                false
            }
        }
    }

    /// The report of this moment; `None` while nothing was sent and nothing came.
    pub(super) fn report(&mut self, moment: Moment<'_>) -> Option<Report> {
        let mut block = moment.reception.report();
        if moment.sent.is_none() && block.is_none() {
            return None;
        }
        if let (Some(block), Some((peer_report, at))) = (&mut block, self.peer_report) {
            block.last_report = peer_report;
            block.delay = in_65536ths(moment.now.saturating_duration_since(at));
        }
        let sender = moment.sent.filter(|sent| sent.packets > self.reported);
        if let Some(sent) = sender {
            self.reported = sent.packets;
            self.sent = [middle(moment.ntp), self.sent[0]];
        }
        self.known = true;
        Some(Report {
            ssrc: moment.ssrc,
            sender: sender.map(|sent| SenderInfo {
                ntp: moment.ntp,
                rtp: sent.clock,
                packets: sent.packets as u32,
                octets: sent.octets as u32,
            }),
            block,
            cname: self.cname,
            bye: false,
        })
    }

    /// Says that we leave, if anyone knows that we were there (RFC 3550 §6.3.7).
    pub(super) fn bye(&self, ssrc: Ssrc) -> Option<Report> {
        self.known.then_some(Report {
            ssrc,
            sender: None,
            block: None,
            cname: self.cname,
            bye: true,
        })
    }

    /// Takes in a datagram of the peer, whose SSRC is `peer` if RTP has told it; `ntp` is our clock.
    ///
    /// # Errors
    /// [`RtcpError`] for what is no compound.
    pub(super) fn handle(
        &mut self,
        now: Instant,
        ntp: u64,
        source: SocketAddr,
        datagram: &[u8],
        ours: Ssrc,
        peer: Option<Ssrc>,
    ) -> Result<(), RtcpError> {
        let compound = Compound::parse(datagram)?;
        self.heard_from = Some(source);
        for packet in compound {
            match packet {
                RtcpPacket::SenderReport {
                    ssrc,
                    sender,
                    blocks,
                } => {
                    if Some(ssrc) == peer {
                        self.peer_report = Some((middle(sender.ntp), now));
                    }
                    self.take(ntp, blocks, ours);
                }
                RtcpPacket::ReceiverReport { blocks, .. } => self.take(ntp, blocks, ours),
                RtcpPacket::Bye(_) | RtcpPacket::Other => {}
            }
        }
        Ok(())
    }

    /// What the peer has said so far.
    pub(super) fn peer(&self) -> PeerReports {
        self.peer
    }

    fn take(&mut self, ntp: u64, blocks: ReportBlocks<'_>, ours: Ssrc) {
        let Some(block) = blocks.about(ours) else {
            return;
        };
        self.peer.block = Some(block);
        if block.last_report == 0 || !self.sent.contains(&block.last_report) {
            return;
        }
        // §6.4.1: A - LSR - DLSR; a negative one comes of clocks that differ.
        let trip = middle(ntp)
            .wrapping_sub(block.last_report)
            .wrapping_sub(block.delay);
        let trip = u64::try_from(trip as i32).unwrap_or_default();
        let trip = Duration::from_nanos(trip * 1_000_000_000 / 65_536);
        self.peer.round_trip = Some(match self.peer.round_trip {
            Some(smoothed) => (smoothed * 7 + trip) / 8,
            None => trip,
        });
    }

    /// Half to one and a half of the interval from now, so that peers do not fall into step (§6.3.1).
    fn schedule(&mut self, now: Instant, interval: Duration) {
        self.next_due = Some(now + interval.mul_f64(self.random.random_range(0.5..1.5)));
    }
}

/// The middle 32 bits of an NTP timestamp: units of 1/65536 s.
fn middle(ntp: u64) -> u32 {
    (ntp >> 16) as u32
}

fn in_65536ths(time: Duration) -> u32 {
    u32::try_from(time.as_nanos() * 65_536 / 1_000_000_000).unwrap_or(u32::MAX)
}

/// RFC 3550 §6.2: five seconds, at most a packet every two and a half.
const INTERVAL: Duration = Duration::from_secs(5);
