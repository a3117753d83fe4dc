//! Opus in Ogg (RFC 7845), by `ogg` and the system's libopus: one or two channels, one stream.
//!
//! What the encoder put before the first sample (pre-skip) and behind the last one is cut away, and
//! the gain of the header is applied. Several streams one after the other in one file (chaining) are
//! refused, because each may have a gain and a pre-skip of its own.

use std::io::{BufReader, Read};

use audiopus::coder::Decoder;
use audiopus::packet::Packet;
use audiopus::{Channels, MutSignals, SampleRate};
use ogg::{OggReadError, PacketReader};
use thiserror::Error;

use super::{Blocks, ByteSource, DecodeError};

/// Why an Ogg Opus file is not played, or not further.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OggOpusError {
    /// The first packet is not a header of version 1.
    #[error("expected an Opus header of version 1")]
    Header,
    /// Neither mono nor stereo.
    #[error("expected one or two channels of Opus, found {0}")]
    Channels(u8),
    /// Another stream follows the first.
    #[error("several Opus streams in one file are not supported")]
    Chained,
    /// The pages are damaged.
    #[error("damaged Ogg: {0}")]
    Pages(OggReadError),
    /// libopus refused a packet.
    #[error("damaged Opus: {0}")]
    Packet(#[source] audiopus::Error),
}

/// Whether these are the first bytes of an Ogg Opus file.
pub(super) fn is_first_page(bytes: &[u8]) -> bool {
    // A page header with one segment, then the packet (RFC 3533 §6, RFC 7845 §5.1).
    bytes.get(28..36) == Some(b"OpusHead")
}

/// Opens a file and reads its headers.
pub(super) fn open(source: Box<dyn ByteSource>) -> Result<(Box<dyn Blocks>, u32), DecodeError> {
    let mut pages = PacketReader::new(BufReader::new(source));
    let first = next_packet(&mut pages)?.ok_or(OggOpusError::Header)?;
    let head = Head::parse(&first.data)?;
    // The comments: they may be long and are of no use here.
    next_packet(&mut pages)?;
    let decoder =
        Decoder::new(SampleRate::Hz48000, Channels::Mono).map_err(OggOpusError::Packet)?;
    decoder
        .set_gain(head.gain.into())
        .map_err(OggOpusError::Packet)?;
    let stream = OpusStream {
        serial: first.stream_serial(),
        pages,
        decoder,
        skip: head.pre_skip.into(),
        decoded: 0,
        first_granule: None,
        ended: false,
    };
    Ok((Box::new(stream), OPUS_RATE))
}

/// The identification header (RFC 7845 §5.1), reduced to what matters here.
struct Head {
    pre_skip: u16,
    /// In steps of 1/256 dB.
    gain: i16,
}

impl Head {
    fn parse(packet: &[u8]) -> Result<Self, OggOpusError> {
        let Some((b"OpusHead", fields)) = packet.split_first_chunk() else {
            return Err(OggOpusError::Header);
        };
        let &[
            version,
            channels,
            skip_low,
            skip_high,
            _,
            _,
            _,
            _,
            gain_low,
            gain_high,
            _,
            ..,
        ] = fields
        else {
            return Err(OggOpusError::Header);
        };
        // The upper four bits are an incompatible change.
        if version >> 4 != 0 {
            return Err(OggOpusError::Header);
        }
        if !(1..=2).contains(&channels) {
            return Err(OggOpusError::Channels(channels));
        }
        Ok(Self {
            pre_skip: u16::from_le_bytes([skip_low, skip_high]),
            gain: i16::from_le_bytes([gain_low, gain_high]),
        })
    }
}

struct OpusStream {
    pages: PacketReader<BufReader<Box<dyn ByteSource>>>,
    serial: u32,
    decoder: Decoder,
    /// Samples at the beginning that are still to be left out.
    skip: usize,
    /// Samples decoded so far, with those left out.
    decoded: u64,
    /// The granule position before the first sample: not 0 in a recording of a running stream.
    first_granule: Option<u64>,
    ended: bool,
}

impl OpusStream {
    fn decode(&mut self, packet: &ogg::Packet, block: &mut Vec<i16>) -> Result<(), OggOpusError> {
        block.resize(MAX_PACKET, 0);
        let payload = Packet::try_from(&packet.data[..]).map_err(OggOpusError::Packet)?;
        let out = MutSignals::try_from(&mut block[..]).map_err(OggOpusError::Packet)?;
        let samples = self
            .decoder
            .decode(Some(payload), out, false)
            .map_err(OggOpusError::Packet)?;
        block.truncate(samples);
        self.decoded += samples as u64;
        self.trim_end(packet, block);
        let skipped = self.skip.min(block.len());
        self.skip -= skipped;
        block.drain(..skipped);
        Ok(())
    }

    /// The last page tells where the sound ends within its packets (RFC 7845 §4.4).
    fn trim_end(&mut self, packet: &ogg::Packet, block: &mut Vec<i16>) {
        let granule = packet.absgp_page();
        if packet.last_in_stream() {
            let end = granule.saturating_sub(self.first_granule.unwrap_or(0));
            let excess = self.decoded.saturating_sub(end);
            block.truncate(block.len().saturating_sub(excess as usize));
            self.ended = true;
        } else if packet.last_in_page() {
            self.first_granule
                .get_or_insert(granule.saturating_sub(self.decoded));
        }
    }
}

impl Blocks for OpusStream {
    fn next_block(&mut self, block: &mut Vec<i16>) -> Result<(), DecodeError> {
        block.clear();
        while block.is_empty() {
            let Some(packet) = next_packet(&mut self.pages)? else {
                return Ok(());
            };
            let first = packet.first_in_stream();
            if first && packet.data.starts_with(b"OpusHead") {
                return Err(OggOpusError::Chained.into());
            }
            if packet.stream_serial() == self.serial && !self.ended {
                self.decode(&packet, block)?;
            }
        }
        Ok(())
    }
}

fn next_packet<R: Read + std::io::Seek>(
    pages: &mut PacketReader<R>,
) -> Result<Option<ogg::Packet>, OggOpusError> {
    match pages.read_packet() {
        Ok(packet) => Ok(packet),
        // A file that is cut off ends there.
        Err(OggReadError::ReadError(error))
            if error.kind() == std::io::ErrorKind::UnexpectedEof =>
        {
            Ok(None)
        }
        Err(error) => Err(OggOpusError::Pages(error)),
    }
}

/// Opus in Ogg counts at 48 kHz, whatever is inside.
const OPUS_RATE: u32 = 48_000;
/// 120 ms, the longest packet (RFC 6716 §3.2.5).
const MAX_PACKET: usize = 5_760;
