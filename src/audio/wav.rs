//! WAV files as bytes: reading what people have, writing what everyone reads.
//!
//! The RIFF chunks are walked here, because files in the wild have odd-sized chunks, unpatched
//! lengths and cut ends; sample data is then decoded by `hound` behind a header that is known to
//! be right, or by the G.711 tables. Driven by prompt loading and the recorder; reads and writes
//! no file itself.
//!
//! Not read: more than two channels, 64-bit float, ADPCM and other compressed formats, RF64.

use std::io::Read;

use thiserror::Error;

use super::frame::saturate;
use super::resample::{MAX_SAMPLE_RATE, MIN_SAMPLE_RATE};
use crate::codec::{alaw_to_linear, ulaw_to_linear};

/// A decoded file: mono, 16 bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sound {
    /// The samples; two channels are averaged.
    pub pcm: Vec<i16>,
    /// Samples a second, from [`MIN_SAMPLE_RATE`] to [`MAX_SAMPLE_RATE`].
    pub sample_rate: u32,
}

/// Reads a WAV file of PCM (8, 16, 24 or 32 bits), 32-bit float, A-law or µ-law.
///
/// Sample data that is cut off, or whose length was never filled in by its writer, is read as
/// far as it goes.
///
/// # Errors
/// [`WavError`]. `max_bytes` limits the whole file.
pub fn read(bytes: &[u8], max_bytes: usize) -> Result<Sound, WavError> {
    if bytes.len() > max_bytes {
        return Err(WavError::TooLarge {
            bytes: bytes.len(),
            limit: max_bytes,
        });
    }
    let (format, data) = find_chunks(bytes)?;
    let whole_blocks = data.len() / format.block_bytes() * format.block_bytes();
    let interleaved = format.decode(&data[..whole_blocks])?;
    let pcm = match format.channels {
        1 => interleaved,
        _ => interleaved.chunks_exact(2).map(average).collect(),
    };
    Ok(Sound {
        pcm,
        sample_rate: format.sample_rate,
    })
}

/// Limit of [`read`] for prompts: 64 MiB, six minutes of 48 kHz stereo with 16 bits.
pub const MAX_WAV_BYTES: usize = 64 << 20;

/// The header of a mono 16-bit file with `data_bytes` bytes of samples after it.
///
/// A file being written starts with a header that says 0, which [`read`] takes as "to the end of
/// the file"; the writer replaces it, now and then and when done, by one that is true.
pub fn header(sample_rate: u32, data_bytes: u32) -> [u8; HEADER_BYTES] {
    let format = Format {
        encoding: Encoding::Integer { bytes: 2 },
        channels: 1,
        sample_rate,
    };
    format.header(data_bytes)
}

/// Length of [`header`].
pub const HEADER_BYTES: usize = 44;

/// Appends samples in a file's byte order to `out`.
pub fn append_samples(pcm: &[i16], out: &mut Vec<u8>) {
    out.extend(pcm.iter().flat_map(|sample| sample.to_le_bytes()));
}

/// A whole mono 16-bit file. Samples past 4 GiB are left out: the format cannot hold them.
pub fn image(pcm: &[i16], sample_rate: u32) -> Vec<u8> {
    let most = (u32::MAX as usize - HEADER_BYTES) / 2;
    let pcm = &pcm[..pcm.len().min(most)];
    let mut bytes = Vec::with_capacity(HEADER_BYTES + 2 * pcm.len());
    bytes.extend(header(sample_rate, 2 * pcm.len() as u32));
    append_samples(pcm, &mut bytes);
    bytes
}

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
    #[error("format tag {0:#06x} is not PCM, float, A-law or µ-law")]
    Encoding(u16),
    /// A sample size the encoding does not have.
    #[error("{0} bits per sample are not supported for this encoding")]
    BitsPerSample(u16),
    /// Neither mono nor stereo.
    #[error("expected one or two channels, found {0}")]
    Channels(u16),
    /// Too slow or too fast.
    #[error("expected 8000 to 48000 samples a second, found {0}")]
    SampleRate(u32),
    /// Above the caller's limit.
    #[error("{bytes} bytes are more than the limit of {limit}")]
    TooLarge {
        /// Length of the file.
        bytes: usize,
        /// The caller's limit.
        limit: usize,
    },
    /// The sample decoder refused data that the header promised to be good.
    #[error("the samples cannot be decoded")]
    Samples(#[source] hound::Error),
}

/// Walks the chunks up to the samples.
fn find_chunks(bytes: &[u8]) -> Result<(Format, &[u8]), WavError> {
    let riff = bytes.get(..12).ok_or(WavError::NotWave)?;
    if &riff[..4] != b"RIFF" || &riff[8..] != b"WAVE" {
        return Err(WavError::NotWave);
    }
    let riff_end = (u32_at(riff, 4) as usize).saturating_add(8);
    let mut format = None;
    let mut position = 12;
    while let Some(chunk) = bytes.get(position..position + 8) {
        let length = u32_at(chunk, 4) as usize;
        let start = position + 8;
        let end = start.saturating_add(length).min(bytes.len());
        match &chunk[..4] {
            b"fmt " => format = Some(Format::parse(&bytes[start..end])?),
            b"data" => {
                let format = format.ok_or(WavError::MissingChunk("fmt "))?;
                // The writer never came back to fill in the lengths: it ends where it ends.
                let unfinished = length == 0 && riff_end <= start;
                let end = if unfinished { bytes.len() } else { end };
                return Ok((format, &bytes[start..end]));
            }
            _ => {}
        }
        // Chunks start at even positions; the padding byte is not counted in the length.
        position = start
            .saturating_add(length.next_multiple_of(2))
            .min(bytes.len());
    }
    Err(WavError::MissingChunk(if format.is_some() {
        "data"
    } else {
        "fmt "
    }))
}

/// What the format chunk says, reduced to what we read.
#[derive(Debug, Clone, Copy)]
struct Format {
    encoding: Encoding,
    channels: u16,
    sample_rate: u32,
}

#[derive(Debug, Clone, Copy)]
enum Encoding {
    /// Little-endian integers; unsigned if of one byte. Fewer valid bits are left-justified, so
    /// only the container matters.
    Integer {
        bytes: u16,
    },
    Float,
    Alaw,
    Ulaw,
}

const TAG_PCM: u16 = 0x0001;
const TAG_FLOAT: u16 = 0x0003;
const TAG_ALAW: u16 = 0x0006;
const TAG_ULAW: u16 = 0x0007;
const TAG_EXTENSIBLE: u16 = 0xFFFE;
/// `KSDATAFORMAT_SUBTYPE_*` without the tag that it starts with.
const SUBFORMAT_TAIL: [u8; 14] = [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71];

impl Format {
    fn parse(chunk: &[u8]) -> Result<Format, WavError> {
        let truncated = |expected| WavError::FormatTruncated {
            expected,
            found: chunk.len(),
        };
        if chunk.len() < 16 {
            return Err(truncated(16));
        }
        let tag = match u16_at(chunk, 0) {
            TAG_EXTENSIBLE => {
                let subformat = chunk.get(24..40).ok_or(truncated(40))?;
                let tag = u16_at(subformat, 0);
                if subformat[2..] != SUBFORMAT_TAIL {
                    return Err(WavError::Encoding(TAG_EXTENSIBLE));
                }
                tag
            }
            tag => tag,
        };
        let channels = u16_at(chunk, 2);
        if !(1..=2).contains(&channels) {
            return Err(WavError::Channels(channels));
        }
        let sample_rate = u32_at(chunk, 4);
        if !(MIN_SAMPLE_RATE..=MAX_SAMPLE_RATE).contains(&sample_rate) {
            return Err(WavError::SampleRate(sample_rate));
        }
        let bits = u16_at(chunk, 14);
        // 24 valid bits may come in containers of three or four bytes.
        let container = match u16_at(chunk, 12) / channels {
            4 if bits == 24 => 4,
            _ => bits.div_ceil(8),
        };
        let encoding = match (tag, container) {
            (TAG_PCM, 1..=4) => Encoding::Integer { bytes: container },
            (TAG_FLOAT, 4) => Encoding::Float,
            (TAG_ALAW, 1) => Encoding::Alaw,
            (TAG_ULAW, 1) => Encoding::Ulaw,
            (TAG_PCM | TAG_FLOAT | TAG_ALAW | TAG_ULAW, _) => {
                return Err(WavError::BitsPerSample(bits));
            }
            (tag, _) => return Err(WavError::Encoding(tag)),
        };
        Ok(Format {
            encoding,
            channels,
            sample_rate,
        })
    }

    /// Decodes interleaved samples; `data` is whole blocks.
    fn decode(&self, data: &[u8]) -> Result<Vec<i16>, WavError> {
        match self.encoding {
            Encoding::Alaw => Ok(data.iter().map(|&code| alaw_to_linear(code)).collect()),
            Encoding::Ulaw => Ok(data.iter().map(|&code| ulaw_to_linear(code)).collect()),
            Encoding::Integer { bytes } => self.decode_integers(8 * u32::from(bytes), data),
            Encoding::Float => self
                .reader(data)?
                .into_samples::<f32>()
                .map(|sample| sample.map(|value| saturate(value * 32_768.0)))
                .collect::<Result<_, _>>()
                .map_err(WavError::Samples),
        }
    }

    fn decode_integers(&self, bits: u32, data: &[u8]) -> Result<Vec<i16>, WavError> {
        self.reader(data)?
            .into_samples::<i32>()
            .map(|sample| sample.map(|value| ((value << (32 - bits)) >> 16) as i16))
            .collect::<Result<_, _>>()
            .map_err(WavError::Samples)
    }

    /// A `hound` reader over `data` behind a header that agrees with it.
    fn reader<'a>(
        &self,
        data: &'a [u8],
    ) -> Result<hound::WavReader<impl Read + use<'a>>, WavError> {
        let header = std::io::Cursor::new(self.header(data.len() as u32));
        hound::WavReader::new(header.chain(data)).map_err(WavError::Samples)
    }

    /// The plainest header of this format.
    fn header(&self, data_bytes: u32) -> [u8; HEADER_BYTES] {
        let tag = match self.encoding {
            Encoding::Integer { .. } => TAG_PCM,
            Encoding::Float => TAG_FLOAT,
            Encoding::Alaw => TAG_ALAW,
            Encoding::Ulaw => TAG_ULAW,
        };
        let block = self.block_bytes() as u16;
        let mut bytes = [0; HEADER_BYTES];
        bytes[..4].copy_from_slice(b"RIFF");
        bytes[4..8].copy_from_slice(&data_bytes.saturating_add(36).to_le_bytes());
        bytes[8..16].copy_from_slice(b"WAVEfmt ");
        bytes[16..20].copy_from_slice(&16u32.to_le_bytes());
        bytes[20..22].copy_from_slice(&tag.to_le_bytes());
        bytes[22..24].copy_from_slice(&self.channels.to_le_bytes());
        bytes[24..28].copy_from_slice(&self.sample_rate.to_le_bytes());
        bytes[28..32].copy_from_slice(&(self.sample_rate * u32::from(block)).to_le_bytes());
        bytes[32..34].copy_from_slice(&block.to_le_bytes());
        bytes[34..36].copy_from_slice(&(8 * block / self.channels).to_le_bytes());
        bytes[36..40].copy_from_slice(b"data");
        bytes[40..].copy_from_slice(&data_bytes.to_le_bytes());
        bytes
    }

    /// Bytes of one sample of all channels.
    fn block_bytes(&self) -> usize {
        let sample = match self.encoding {
            Encoding::Integer { bytes } => usize::from(bytes),
            Encoding::Float => 4,
            Encoding::Alaw | Encoding::Ulaw => 1,
        };
        sample * usize::from(self.channels)
    }
}

fn average(pair: &[i16]) -> i16 {
    let sum: i32 = pair.iter().map(|&sample| i32::from(sample)).sum();
    (sum / pair.len() as i32) as i16
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[cfg(test)]
mod tests;
