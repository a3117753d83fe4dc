//! RTCP compound packets, read and written in place. RFC 3550 §6, RFC 7022 (CNAME), RFC 5761 §4.
//!
//! Only what a media server uses has a form here: reports, and who leaves. Other packets of a compound
//! are checked for their length and stepped over. Nothing allocates, which is why no library does this:
//! `rtcp-types` puts source descriptions and whatever is written into vectors.

use thiserror::Error;

use super::{RtpTimestamp, Ssrc};

/// Whether a datagram on a port that RTP and RTCP share is RTCP: by its packet type, which no RTP packet
/// of an audio stream looks like. RFC 5761 §4.
pub fn is_rtcp(datagram: &[u8]) -> bool {
    matches!(datagram, [first, 192..=223, ..] if first >> 6 == 2)
}

/// One packet of a compound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RtcpPacket<'a> {
    /// A report of one who sends (§6.4.1).
    SenderReport {
        /// Who reports.
        ssrc: Ssrc,
        /// Its clocks and counts.
        sender: SenderInfo,
        /// What it received.
        blocks: ReportBlocks<'a>,
    },
    /// A report of one who only receives (§6.4.2).
    ReceiverReport {
        /// Who reports.
        ssrc: Ssrc,
        /// What it received.
        blocks: ReportBlocks<'a>,
    },
    /// These sources leave (§6.6).
    Bye(Sources<'a>),
    /// Anything else.
    Other,
}

/// What a sender says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderInfo {
    /// When it said so, in units of 2^-32 s since 1900, or since any moment of its choice.
    pub ntp: u64,
    /// The same moment on its media clock.
    pub rtp: RtpTimestamp,
    /// Packets sent so far, modulo 2^32.
    pub packets: u32,
    /// Octets of payload sent so far, modulo 2^32.
    pub octets: u32,
}

/// How one source is received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportBlock {
    /// Which source.
    pub ssrc: Ssrc,
    /// Part of the packets lost since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Packets lost in all; negative if more came than were sent. Written within 24 bits.
    pub lost: i32,
    /// The highest sequence number with the count of its wraps above it.
    pub highest: u32,
    /// Interarrival jitter in ticks of the media clock.
    pub jitter: u32,
    /// The middle 32 bits of [`SenderInfo::ntp`] of the last report from the source; 0 before one.
    pub last_report: u32,
    /// Time since then in 1/65536 s.
    pub delay: u32,
}

/// A compound that has been checked as a whole. Iterates over its packets.
#[derive(Debug, Clone, Copy)]
pub struct Compound<'a>(&'a [u8]);

impl<'a> Compound<'a> {
    /// Checks a datagram as §A.2 does.
    ///
    /// # Errors
    /// [`RtcpError`] for any bytes that are not whole packets, the first of them a report.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, RtcpError> {
        let mut rest = datagram;
        let mut first = true;
        while !rest.is_empty() {
            let (packet, after) = split(rest)?;
            if first && !matches!(packet[1], SENDER_REPORT | RECEIVER_REPORT) {
                return Err(RtcpError::NoReport(packet[1]));
            }
            // Padding belongs to the last packet.
            if packet[0] & PADDING != 0 && !after.is_empty() {
                return Err(RtcpError::Padding);
            }
            read(packet)?;
            (rest, first) = (after, false);
        }
        match first {
            true => Err(RtcpError::Truncated),
            false => Ok(Self(datagram)),
        }
    }
}

impl<'a> Iterator for Compound<'a> {
    type Item = RtcpPacket<'a>;

    fn next(&mut self) -> Option<RtcpPacket<'a>> {
        let (packet, rest) = split(self.0).ok()?;
        self.0 = rest;
        read(packet).ok()
    }
}

/// The report blocks of one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportBlocks<'a>(&'a [[u8; BLOCK_BYTES]]);

impl ReportBlocks<'_> {
    /// What is said about `ssrc`.
    pub fn about(&self, ssrc: Ssrc) -> Option<ReportBlock> {
        let block = self.0.iter().find(|block| word(&block[..], 0) == ssrc.0)?;
        let lost = word(block, 4) << 8;
        Some(ReportBlock {
            ssrc,
            fraction_lost: block[4],
            lost: lost as i32 >> 8,
            highest: word(block, 8),
            jitter: word(block, 12),
            last_report: word(block, 16),
            delay: word(block, 20),
        })
    }
}

/// The sources of a BYE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sources<'a>(&'a [[u8; 4]]);

impl Sources<'_> {
    /// Whether `ssrc` is among them.
    pub fn contain(&self, ssrc: Ssrc) -> bool {
        self.0.contains(&ssrc.0.to_be_bytes())
    }
}

/// Why a datagram is no RTCP compound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RtcpError {
    /// A packet ends before its length says so, or lacks what its counts promise.
    #[error("a packet is shorter than it says")]
    Truncated,
    /// The version bits say something other than 2.
    #[error("RTCP version {0} instead of 2")]
    Version(u8),
    /// The first packet is no report.
    #[error("a compound begins with packet type {0}")]
    NoReport(u8),
    /// Padding before the last packet, or a padding that is not whole words within the packet.
    #[error("padding that does not fit")]
    Padding,
}

/// A report of ours: what goes into one compound with our name, as §6.1 asks.
#[derive(Debug, Clone, Copy)]
pub struct Report {
    /// Who we are.
    pub ssrc: Ssrc,
    /// Our clocks and counts, if we have sent since the last report.
    pub sender: Option<SenderInfo>,
    /// How we receive the peer, if we do.
    pub block: Option<ReportBlock>,
    /// Our name for as long as the call lasts (RFC 7022 §4.2).
    pub cname: Cname,
    /// We leave.
    pub bye: bool,
}

/// A canonical name that says nothing: 96 random bits in base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cname([u8; CNAME_BYTES]);

impl Cname {
    /// The name for 96 random bits.
    pub fn new(random: u128) -> Self {
        const ALPHABET: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let letter = |n: usize| ALPHABET[(random >> (6 * n)) as usize & 63];
        Self(std::array::from_fn(letter))
    }
}

impl Report {
    /// Writes the compound to the begin of `out`, which has [`MAX_REPORT_BYTES`] or more; returns its
    /// length.
    pub fn write(&self, out: &mut [u8]) -> usize {
        let mut writer = Writer { out, len: 0 };
        let blocks = u8::from(self.block.is_some());
        match &self.sender {
            Some(sender) => {
                writer.header(
                    blocks,
                    SENDER_REPORT,
                    28 + usize::from(blocks) * BLOCK_BYTES,
                );
                writer.word(self.ssrc.0);
                writer.word((sender.ntp >> 32) as u32);
                writer.word(sender.ntp as u32);
                writer.word(sender.rtp.0);
                writer.word(sender.packets);
                writer.word(sender.octets);
            }
            None => {
                writer.header(
                    blocks,
                    RECEIVER_REPORT,
                    8 + usize::from(blocks) * BLOCK_BYTES,
                );
                writer.word(self.ssrc.0);
            }
        }
        if let Some(block) = &self.block {
            writer.block(block);
        }
        // One chunk: the SSRC, the CNAME item, and zeros up to the word (§6.5).
        writer.header(1, SOURCE_DESCRIPTION, 8 + SDES_ITEM_BYTES);
        writer.word(self.ssrc.0);
        writer.bytes(&[1, CNAME_BYTES as u8]);
        writer.bytes(&self.cname.0);
        writer.bytes(&[0; SDES_ITEM_BYTES - 2 - CNAME_BYTES]);
        if self.bye {
            writer.header(1, BYE, 8);
            writer.word(self.ssrc.0);
        }
        writer.len
    }
}

struct Writer<'a> {
    out: &'a mut [u8],
    len: usize,
}

impl Writer<'_> {
    fn bytes(&mut self, bytes: &[u8]) {
        self.out[self.len..][..bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    fn word(&mut self, word: u32) {
        self.bytes(&word.to_be_bytes());
    }

    fn header(&mut self, count: u8, packet_type: u8, bytes: usize) {
        let words = (bytes / 4 - 1) as u16;
        self.bytes(&[2 << 6 | count, packet_type]);
        self.bytes(&words.to_be_bytes());
    }

    fn block(&mut self, block: &ReportBlock) {
        let lost = block.lost.clamp(-(1 << 23), (1 << 23) - 1) as u32 & 0xFF_FFFF;
        self.word(block.ssrc.0);
        self.word(u32::from(block.fraction_lost) << 24 | lost);
        self.word(block.highest);
        self.word(block.jitter);
        self.word(block.last_report);
        self.word(block.delay);
    }
}

/// The first packet, and what follows it.
fn split(bytes: &[u8]) -> Result<(&[u8], &[u8]), RtcpError> {
    let [first, _, high, low, ..] = *bytes else {
        return Err(RtcpError::Truncated);
    };
    if first >> 6 != 2 {
        return Err(RtcpError::Version(first >> 6));
    }
    let len = 4 * (usize::from(u16::from_be_bytes([high, low])) + 1);
    bytes.split_at_checked(len).ok_or(RtcpError::Truncated)
}

/// Reads one packet that is as long as it says.
fn read(packet: &[u8]) -> Result<RtcpPacket<'_>, RtcpError> {
    let body = &packet[4..packet.len() - padding(packet)?];
    let count = usize::from(packet[0] & 0x1F);
    match packet[1] {
        SENDER_REPORT => {
            let (head, blocks) = body.split_at_checked(24).ok_or(RtcpError::Truncated)?;
            Ok(RtcpPacket::SenderReport {
                ssrc: Ssrc(word(head, 0)),
                sender: SenderInfo {
                    ntp: u64::from(word(head, 4)) << 32 | u64::from(word(head, 8)),
                    rtp: RtpTimestamp(word(head, 12)),
                    packets: word(head, 16),
                    octets: word(head, 20),
                },
                blocks: report_blocks(blocks, count)?,
            })
        }
        RECEIVER_REPORT => {
            let (head, blocks) = body.split_at_checked(4).ok_or(RtcpError::Truncated)?;
            Ok(RtcpPacket::ReceiverReport {
                ssrc: Ssrc(word(head, 0)),
                blocks: report_blocks(blocks, count)?,
            })
        }
        BYE => {
            let sources = body.as_chunks().0.get(..count);
            Ok(RtcpPacket::Bye(Sources(
                sources.ok_or(RtcpError::Truncated)?,
            )))
        }
        _ => Ok(RtcpPacket::Other),
    }
}

fn report_blocks(bytes: &[u8], count: usize) -> Result<ReportBlocks<'_>, RtcpError> {
    let blocks = bytes.as_chunks().0.get(..count);
    Ok(ReportBlocks(blocks.ok_or(RtcpError::Truncated)?))
}

/// Bytes of padding at the end of a packet (§6.4.1).
fn padding(packet: &[u8]) -> Result<usize, RtcpError> {
    if packet[0] & PADDING == 0 {
        return Ok(0);
    }
    let bytes = packet.last().copied().map_or(0, usize::from);
    let fits = bytes > 0 && bytes.is_multiple_of(4) && bytes <= packet.len() - 4;
    fits.then_some(bytes).ok_or(RtcpError::Padding)
}

/// The caller has made sure that the bytes are there.
fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// The longest compound that [`Report::write`] makes.
pub const MAX_REPORT_BYTES: usize = 28 + BLOCK_BYTES + 8 + SDES_ITEM_BYTES + 8;

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const BYE: u8 = 203;
const PADDING: u8 = 0x20;
const BLOCK_BYTES: usize = 24;
const CNAME_BYTES: usize = 16;
/// The item, its end, and zeros up to the next word.
const SDES_ITEM_BYTES: usize = (2 + CNAME_BYTES + 1).next_multiple_of(4);

#[cfg(test)]
mod tests;
