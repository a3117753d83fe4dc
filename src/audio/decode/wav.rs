//! WAV files: reading what people have.
//!
//! The RIFF chunks are walked here, because files in the wild have odd-sized chunks, unpatched
//! lengths and cut ends; integers and floats are then decoded by `hound` behind a header that is
//! known to be right, the rest as raw samples are. RF64 and BW64 (EBU Tech 3306, ITU-R BS.2088) are
//! read too.
//!
//! Not read: more than [`MAX_CHANNELS`] channels, ADPCM and other compressed formats.

use std::io::{BufReader, Chain, Cursor, Read, Seek, SeekFrom, Take};

use thiserror::Error;

use super::raw::{BLOCK_SAMPLES, Encoding as RawEncoding, RawSamples};
use super::{Blocks, ByteSource, DecodeError, MAX_CHANNELS, mix_down};
use crate::audio::frame::saturate;

/// Why bytes are not a WAV file that we read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WavError {
    /// The first twelve bytes are not `RIFF....WAVE`.
    #[error("expected a RIFF WAVE header")]
    NotWave,
    /// The file ends, or the samples begin, without the chunk.
    #[error("expected a {0:?} chunk")]
    MissingChunk(&'static str),
    /// The format chunk does not hold its fixed fields.
    #[error("expected a format chunk of {expected} bytes or more, found {found}")]
    FormatTruncated {
        /// Bytes the fields take.
        expected: usize,
        /// Bytes in the chunk.
        found: usize,
    },
    /// A compression we do not read.
    #[error("format tag {0:#06x} is not PCM, float, A-law, µ-law or GSM")]
    Encoding(u16),
    /// A sample size the encoding does not have.
    #[error("{0} bits per sample are not supported for this encoding")]
    BitsPerSample(u16),
    /// The sample decoder refused data that the header promised to be good.
    #[error("the samples cannot be decoded")]
    Samples(#[source] hound::Error),
}

/// Finds the samples of a file.
pub(super) fn open(mut source: Box<dyn ByteSource>) -> Result<(Box<dyn Blocks>, u32), DecodeError> {
    let length = source.seek(SeekFrom::End(0))?;
    let (format, start, data_bytes) = find_chunks(&mut source, length)?;
    source.seek(SeekFrom::Start(start))?;
    let data = source.take(data_bytes / format.block_bytes() * format.block_bytes());
    let samples = match format.encoding {
        Encoding::Integer { .. } | Encoding::Float32 => Samples::Hound(format.hound(data)?),
        Encoding::Raw(encoding) => Samples::Raw(RawSamples::new(Box::new(data), encoding)),
    };
    let blocks = WavBlocks {
        samples,
        format,
        interleaved: Vec::new(),
    };
    Ok((Box::new(blocks), format.sample_rate))
}

struct WavBlocks {
    samples: Samples,
    format: Format,
    interleaved: Vec<i16>,
}

enum Samples {
    Hound(HoundReader),
    Raw(RawSamples),
}

type HoundReader =
    hound::WavReader<Chain<Cursor<[u8; HEADER_BYTES]>, BufReader<Take<Box<dyn ByteSource>>>>>;

impl Blocks for WavBlocks {
    fn next_block(&mut self, block: &mut Vec<i16>) -> Result<(), DecodeError> {
        let interleaved = &mut self.interleaved;
        match &mut self.samples {
            Samples::Raw(raw) => raw.next_block(interleaved)?,
            Samples::Hound(reader) => {
                interleaved.clear();
                let read = match self.format.encoding {
                    Encoding::Float32 => read_floats(reader, interleaved),
                    _ => read_integers(reader, 8 * self.format.sample_bytes() as u32, interleaved),
                };
                // What came before the error is still good; the next call meets it again.
                if let Err(error) = read
                    && interleaved.is_empty()
                {
                    return Err(WavError::Samples(error).into());
                }
            }
        }
        mix_down(interleaved, self.format.channels, block);
        Ok(())
    }
}

fn read_integers(reader: &mut HoundReader, bits: u32, out: &mut Vec<i16>) -> hound::Result<()> {
    for sample in reader.samples::<i32>().take(BLOCK_SAMPLES) {
        out.push(((sample? << (32 - bits)) >> 16) as i16);
    }
    Ok(())
}

fn read_floats(reader: &mut HoundReader, out: &mut Vec<i16>) -> hound::Result<()> {
    for sample in reader.samples::<f32>().take(BLOCK_SAMPLES) {
        out.push(saturate(sample? * 32_768.0));
    }
    Ok(())
}

/// Walks the chunks up to the samples: their format, where they begin, and their bytes.
fn find_chunks(
    source: &mut Box<dyn ByteSource>,
    length: u64,
) -> Result<(Format, u64, u64), DecodeError> {
    let riff = read_at(source, 0, 12)?;
    let known = riff.starts_with(b"RIFF") || riff.starts_with(b"RF64");
    if riff.len() < 12 || !known || &riff[8..] != b"WAVE" {
        return Err(WavError::NotWave.into());
    }
    let riff_end = u64::from(u32_at(&riff, 4)) + 8;
    let mut format = None;
    // Of the samples, in a file whose chunks cannot tell (RF64).
    let mut long_data = None;
    let mut position = 12;
    for _ in 0..MAX_CHUNKS {
        let chunk = read_at(source, position, 8)?;
        if chunk.len() < 8 {
            break;
        }
        let bytes = u64::from(u32_at(&chunk, 4));
        let start = position + 8;
        let content = bytes.min(MAX_HEADER_CHUNK);
        match &chunk[..4] {
            b"fmt " => format = Some(Format::parse(&read_at(source, start, content)?)?),
            b"ds64" => {
                let sizes = read_at(source, start, content)?;
                long_data = sizes.get(8..16).and_then(|size| size.try_into().ok());
            }
            b"data" => {
                let format = format.ok_or(WavError::MissingChunk("fmt "))?;
                let rest = length.saturating_sub(start);
                // The writer never came back to fill in the lengths: it ends where it ends.
                let unfinished = bytes == 0 && riff_end <= start;
                let data_bytes = match long_data.map(u64::from_le_bytes) {
                    _ if unfinished => rest,
                    Some(long) if bytes == u64::from(u32::MAX) => long,
                    _ => bytes,
                };
                return Ok((format, start, data_bytes.min(rest)));
            }
            _ => {}
        }
        // Chunks start at even positions; the padding byte is not counted in the length.
        position = start + bytes.next_multiple_of(2);
    }
    Err(WavError::MissingChunk(if format.is_some() { "data" } else { "fmt " }).into())
}

/// Up to `bytes` from `position`; fewer at the end of the source.
fn read_at(
    source: &mut Box<dyn ByteSource>,
    position: u64,
    bytes: u64,
) -> std::io::Result<Vec<u8>> {
    let mut read = Vec::new();
    source.seek(SeekFrom::Start(position))?;
    source.take(bytes).read_to_end(&mut read)?;
    Ok(read)
}

/// What the format chunk says, reduced to what we read.
#[derive(Debug, Clone, Copy)]
struct Format {
    encoding: Encoding,
    channels: usize,
    sample_rate: u32,
}

#[derive(Debug, Clone, Copy)]
enum Encoding {
    /// Little-endian integers; unsigned if of one byte. Fewer valid bits are left-justified, so
    /// only the container matters.
    Integer {
        bytes: u16,
    },
    Float32,
    /// Decoded as headerless files are.
    Raw(RawEncoding),
}

const TAG_PCM: u16 = 0x0001;
const TAG_FLOAT: u16 = 0x0003;
const TAG_ALAW: u16 = 0x0006;
const TAG_ULAW: u16 = 0x0007;
const TAG_GSM: u16 = 0x0031;
const TAG_EXTENSIBLE: u16 = 0xFFFE;
/// `KSDATAFORMAT_SUBTYPE_*` without the tag that it starts with.
const SUBFORMAT_TAIL: [u8; 14] = [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71];

impl Format {
    fn parse(chunk: &[u8]) -> Result<Format, DecodeError> {
        let truncated = |expected| WavError::FormatTruncated {
            expected,
            found: chunk.len(),
        };
        if chunk.len() < 16 {
            return Err(truncated(16).into());
        }
        let tag = match u16_at(chunk, 0) {
            TAG_EXTENSIBLE => {
                let subformat = chunk.get(24..40).ok_or(truncated(40))?;
                let tag = u16_at(subformat, 0);
                if subformat[2..] != SUBFORMAT_TAIL {
                    return Err(WavError::Encoding(TAG_EXTENSIBLE).into());
                }
                tag
            }
            tag => tag,
        };
        let channels = usize::from(u16_at(chunk, 2));
        let mixed = 1..=if tag == TAG_GSM { 1 } else { MAX_CHANNELS };
        if !mixed.contains(&channels) {
            return Err(DecodeError::Channels(channels));
        }
        let bits = u16_at(chunk, 14);
        // 24 valid bits may come in containers of three or four bytes.
        let container = match usize::from(u16_at(chunk, 12)) / channels {
            4 if bits == 24 => 4,
            _ => bits.div_ceil(8),
        };
        let encoding = match (tag, container) {
            (TAG_PCM, 1..=4) => Encoding::Integer { bytes: container },
            (TAG_FLOAT, 4) => Encoding::Float32,
            (TAG_FLOAT, 8) => Encoding::Raw(RawEncoding::Float64),
            (TAG_ALAW, 1) => Encoding::Raw(RawEncoding::Alaw),
            (TAG_ULAW, 1) => Encoding::Raw(RawEncoding::Ulaw),
            (TAG_GSM, _) => Encoding::Raw(RawEncoding::GsmPairs),
            (TAG_PCM | TAG_FLOAT | TAG_ALAW | TAG_ULAW, _) => {
                return Err(WavError::BitsPerSample(bits).into());
            }
            (tag, _) => return Err(WavError::Encoding(tag).into()),
        };
        Ok(Format {
            encoding,
            channels,
            sample_rate: u32_at(chunk, 4),
        })
    }

    /// A `hound` reader over `data` behind the plainest header of this format.
    fn hound(&self, data: Take<Box<dyn ByteSource>>) -> Result<HoundReader, WavError> {
        let block = self.block_bytes() as u16;
        let tag = match self.encoding {
            Encoding::Float32 => TAG_FLOAT,
            _ => TAG_PCM,
        };
        // `hound` counts in 32 bits: what is past 4 GiB, days of speech, is not played.
        let data_bytes =
            u32::try_from(data.limit()).unwrap_or(u32::MAX) / u32::from(block) * u32::from(block);
        let mut header = [0; HEADER_BYTES];
        header[..4].copy_from_slice(b"RIFF");
        header[4..8].copy_from_slice(&data_bytes.saturating_add(36).to_le_bytes());
        header[8..16].copy_from_slice(b"WAVEfmt ");
        header[16..20].copy_from_slice(&16u32.to_le_bytes());
        header[20..22].copy_from_slice(&tag.to_le_bytes());
        header[22..24].copy_from_slice(&(self.channels as u16).to_le_bytes());
        header[24..28].copy_from_slice(&self.sample_rate.to_le_bytes());
        let bytes_per_second = self.sample_rate.wrapping_mul(block.into());
        header[28..32].copy_from_slice(&bytes_per_second.to_le_bytes());
        header[32..34].copy_from_slice(&block.to_le_bytes());
        header[34..36].copy_from_slice(&(8 * self.sample_bytes() as u16).to_le_bytes());
        header[36..40].copy_from_slice(b"data");
        header[40..].copy_from_slice(&data_bytes.to_le_bytes());
        hound::WavReader::new(Cursor::new(header).chain(BufReader::new(data)))
            .map_err(WavError::Samples)
    }

    /// Bytes that belong together: one sample of all channels, or two frames of GSM.
    fn block_bytes(&self) -> u64 {
        (self.sample_bytes() * self.channels) as u64
    }

    fn sample_bytes(&self) -> usize {
        match self.encoding {
            Encoding::Integer { bytes } => usize::from(bytes),
            Encoding::Float32 => 4,
            Encoding::Raw(raw) => raw.unit().0,
        }
    }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

const HEADER_BYTES: usize = 44;
/// Chunks that may come before the samples.
const MAX_CHUNKS: usize = 1_000;
/// Bytes of a chunk that are looked at.
const MAX_HEADER_CHUNK: u64 = 64;

#[cfg(test)]
mod tests;
