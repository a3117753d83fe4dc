//! Samples without a header: the extension of the name says what they are.
//!
//! `.raw` and `.sln` are 16-bit little-endian at 8 kHz, `.sln16` and the like at the rate they
//! name; `.ul` and `.al` are G.711 at 8 kHz; `.gsm` is GSM full rate, frames of 33 bytes.

use std::io::{self, BufReader, Read};

use super::gsm_full_rate::GsmDecoder;
use super::{Blocks, ByteSource, DecodeError};
use crate::codec::{alaw_to_linear, ulaw_to_linear};

/// What raw bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RawFormat {
    pub(super) encoding: Encoding,
    pub(super) sample_rate: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// 16-bit little-endian.
    Linear,
    Alaw,
    Ulaw,
    /// 64-bit little-endian floating point.
    Float64,
    /// GSM full rate in frames of 33 bytes.
    Gsm,
    /// GSM full rate, two frames in 65 bytes, as WAV files have it.
    GsmPairs,
}

impl Encoding {
    /// Bytes that can be decoded by themselves, and the samples they give.
    pub(super) fn unit(self) -> (usize, usize) {
        match self {
            Self::Linear => (2, 1),
            Self::Alaw | Self::Ulaw => (1, 1),
            Self::Float64 => (8, 1),
            Self::Gsm => (33, 160),
            Self::GsmPairs => (65, 320),
        }
    }
}

/// What the extension says, in lower case.
pub(super) fn format_of(extension: &str) -> Option<RawFormat> {
    let (encoding, sample_rate) = match extension {
        "raw" | "sln" | "sln8" => (Encoding::Linear, 8_000),
        "sln12" => (Encoding::Linear, 12_000),
        "sln16" => (Encoding::Linear, 16_000),
        "sln24" => (Encoding::Linear, 24_000),
        "sln32" => (Encoding::Linear, 32_000),
        "sln44" => (Encoding::Linear, 44_100),
        "sln48" => (Encoding::Linear, 48_000),
        "sln96" => (Encoding::Linear, 96_000),
        "sln192" => (Encoding::Linear, 192_000),
        "ul" | "ulaw" | "mulaw" | "pcmu" => (Encoding::Ulaw, 8_000),
        "al" | "alaw" | "pcma" => (Encoding::Alaw, 8_000),
        "gsm" => (Encoding::Gsm, 8_000),
        _ => return None,
    };
    Some(RawFormat {
        encoding,
        sample_rate,
    })
}

/// Opens raw samples, which begin where `source` is.
pub(super) fn open(source: Box<dyn ByteSource>, format: RawFormat) -> (Box<dyn Blocks>, u32) {
    let samples = RawSamples::new(Box::new(source), format.encoding);
    (Box::new(samples), format.sample_rate)
}

/// Decodes what has no more structure than units of a fixed size. Leaves what is not whole at the
/// end out.
pub(super) struct RawSamples {
    source: BufReader<Box<dyn Read + Send>>,
    encoding: Encoding,
    gsm: Box<GsmDecoder>,
}

impl RawSamples {
    pub(super) fn new(source: Box<dyn Read + Send>, encoding: Encoding) -> Self {
        Self {
            source: BufReader::new(source),
            encoding,
            gsm: Box::default(),
        }
    }

    fn decode(&mut self, unit: &[u8], out: &mut Vec<i16>) {
        match (self.encoding, unit) {
            (Encoding::Linear, &[low, high]) => out.push(i16::from_le_bytes([low, high])),
            (Encoding::Alaw, &[code]) => out.push(alaw_to_linear(code)),
            (Encoding::Ulaw, &[code]) => out.push(ulaw_to_linear(code)),
            (Encoding::Float64, unit) => {
                let value = unit.try_into().map_or(0.0, f64::from_le_bytes);
                // `as` saturates and makes NaN 0.
                out.push((value * 32_768.0).round() as i16);
            }
            (Encoding::Gsm, unit) => out.extend(self.gsm.decode(unit)),
            (Encoding::GsmPairs, unit) => out.extend(self.gsm.decode_pair(unit)),
            (Encoding::Linear | Encoding::Alaw | Encoding::Ulaw, _) => {}
        }
    }
}

impl Blocks for RawSamples {
    fn next_block(&mut self, block: &mut Vec<i16>) -> Result<(), DecodeError> {
        block.clear();
        let (bytes, samples) = self.encoding.unit();
        let mut unit = [0; 65];
        while block.len() + samples <= BLOCK_SAMPLES {
            if !read_whole(&mut self.source, &mut unit[..bytes])? {
                break;
            }
            self.decode(&unit[..bytes], block);
        }
        Ok(())
    }
}

/// Fills `unit`; false if the source ends before.
fn read_whole(source: &mut impl Read, unit: &mut [u8]) -> io::Result<bool> {
    match source.read_exact(unit) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// A multiple of each number of channels that a WAV file may have.
pub(super) const BLOCK_SAMPLES: usize = 1_680;

#[cfg(test)]
mod tests {
    use super::super::MAX_CHANNELS;
    use super::*;

    #[test]
    fn blocks_are_whole_frames_of_any_number_of_channels() {
        for channels in 1..=MAX_CHANNELS {
            assert_eq!(BLOCK_SAMPLES % channels, 0, "{channels}");
        }
    }
}
