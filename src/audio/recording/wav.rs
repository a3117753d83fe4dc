//! Writes WAV files whose header is true at all times.

use std::io;

use super::{Storage, WavEncoding};
use crate::codec::{CodecId, Encoder, Variant};

const TAG_PCM: u16 = 1;
const TAG_ALAW: u16 = 6;
const TAG_MULAW: u16 = 7;

/// The format of a file of ours, and its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    pub encoding: WavEncoding,
    pub sample_rate: u32,
    pub channels: usize,
}

impl Layout {
    /// Bytes of one sample of all channels.
    pub fn frame_bytes(&self) -> u64 {
        self.encoding.sample_bytes() * self.channels as u64
    }

    /// The header in front of `data_bytes` bytes of audio. What is not PCM has a longer format chunk and
    /// says how many samples there are.
    pub fn header(&self, data_bytes: u32) -> Vec<u8> {
        let (tag, is_pcm) = match self.encoding {
            WavEncoding::Pcm16 => (TAG_PCM, true),
            WavEncoding::ALaw => (TAG_ALAW, false),
            WavEncoding::MuLaw => (TAG_MULAW, false),
        };
        let frame = self.frame_bytes() as u32;
        let mut header = Vec::with_capacity(MAX_HEADER_BYTES);
        header.extend_from_slice(b"RIFF\0\0\0\0WAVEfmt ");
        header.extend_from_slice(&if is_pcm { 16u32 } else { 18 }.to_le_bytes());
        header.extend_from_slice(&tag.to_le_bytes());
        header.extend_from_slice(&(self.channels as u16).to_le_bytes());
        header.extend_from_slice(&self.sample_rate.to_le_bytes());
        header.extend_from_slice(&self.sample_rate.saturating_mul(frame).to_le_bytes());
        header.extend_from_slice(&(frame as u16).to_le_bytes());
        header.extend_from_slice(&(8 * self.encoding.sample_bytes() as u16).to_le_bytes());
        if !is_pcm {
            header.extend_from_slice(&[0; 2]);
            header.extend_from_slice(b"fact\x04\0\0\0");
            header.extend_from_slice(&(data_bytes / frame).to_le_bytes());
        }
        header.extend_from_slice(b"data");
        header.extend_from_slice(&data_bytes.to_le_bytes());
        let riff_bytes = header.len() as u64 - 8 + u64::from(data_bytes).next_multiple_of(2);
        let riff_bytes = u32::try_from(riff_bytes).unwrap_or(u32::MAX);
        header[4..8].copy_from_slice(&riff_bytes.to_le_bytes());
        header
    }

    /// Reads a header of ours; the layout and the bytes of audio that it tells of.
    pub fn parse(start: &[u8]) -> Option<(Self, u32)> {
        let u16_at = |at: usize| Some(u16::from_le_bytes(start.get(at..at + 2)?.try_into().ok()?));
        let u32_at = |at: usize| Some(u32::from_le_bytes(start.get(at..at + 4)?.try_into().ok()?));
        let layout = Self {
            encoding: match u16_at(20)? {
                TAG_PCM => WavEncoding::Pcm16,
                TAG_ALAW => WavEncoding::ALaw,
                TAG_MULAW => WavEncoding::MuLaw,
                _ => return None,
            },
            sample_rate: u32_at(24)?,
            channels: usize::from(u16_at(22)?),
        };
        let plausible = matches!(layout.channels, 1 | 2) && layout.sample_rate <= 1_000_000;
        let length = layout.header(0).len();
        let data_bytes = u32_at(length - 4)?;
        let ours = plausible && start.get(..length)? == layout.header(data_bytes).as_slice();
        ours.then_some((layout, data_bytes))
    }
}

/// Length of the longest header.
pub const MAX_HEADER_BYTES: usize = 58;

/// Collects a block and appends it, and says so in the header for each second.
pub struct WavWriter {
    layout: Layout,
    /// Encodes G.711.
    encoder: Option<Box<dyn Encoder>>,
    header_bytes: u64,
    /// Not written yet; at most [`WavWriter::block_bytes`].
    block: Vec<u8>,
    block_bytes: usize,
    /// Bytes of audio that are in the file.
    written: u64,
    /// Those that its header tells of, less than a second fewer.
    told: u64,
    second_bytes: u64,
}

impl WavWriter {
    pub fn new(encoding: WavEncoding, sample_rate: u32, channels: usize) -> io::Result<Self> {
        let layout = Layout {
            encoding,
            sample_rate,
            channels,
        };
        let codec = match encoding {
            WavEncoding::Pcm16 => None,
            WavEncoding::ALaw => Some(CodecId::PCMA),
            WavEncoding::MuLaw => Some(CodecId::PCMU),
        };
        let encoder = codec.map(|codec| codec.encoder(Variant::default()));
        let encoder = encoder.transpose();
        let second = sample_rate as usize * layout.frame_bytes() as usize;
        Ok(Self {
            layout,
            encoder: encoder.map_err(io::Error::other)?,
            header_bytes: layout.header(0).len() as u64,
            block: Vec::with_capacity(second.min(MAX_BLOCK_BYTES)),
            block_bytes: second.min(MAX_BLOCK_BYTES),
            written: 0,
            told: 0,
            second_bytes: second as u64,
        })
    }

    pub fn begin(self, storage: &mut impl Storage) -> io::Result<Self> {
        storage.write_at(0, &self.layout.header(0))?;
        Ok(self)
    }

    pub fn frames(&self) -> u64 {
        self.data_bytes() / self.layout.frame_bytes()
    }

    pub fn data_bytes(&self) -> u64 {
        self.written + self.block.len() as u64
    }

    pub fn write(&mut self, mut pcm: &[i16], storage: &mut impl Storage) -> io::Result<()> {
        let sample_bytes = self.layout.encoding.sample_bytes() as usize;
        while !pcm.is_empty() {
            let room = (self.block_bytes - self.block.len()) / sample_bytes;
            let (now, later) = pcm.split_at(room.min(pcm.len()));
            self.encode(now);
            pcm = later;
            if self.block.len() == self.block_bytes {
                self.store(storage)?;
            }
        }
        Ok(())
    }

    fn encode(&mut self, pcm: &[i16]) {
        match &mut self.encoder {
            None => {
                let bytes = pcm.iter().flat_map(|sample| sample.to_le_bytes());
                self.block.extend(bytes);
            }
            Some(encoder) => {
                let start = self.block.len();
                self.block.resize(start + pcm.len(), 0);
                encoder.encode(pcm, &mut self.block[start..]);
            }
        }
    }

    /// Appends what was collected. Audio first: a header never tells of what is not there.
    pub fn store(&mut self, storage: &mut impl Storage) -> io::Result<()> {
        if self.block.is_empty() {
            return Ok(());
        }
        storage.write_at(self.header_bytes + self.written, &self.block)?;
        self.written += self.block.len() as u64;
        self.block.clear();
        if self.written - self.told >= self.second_bytes {
            self.write_header(storage)?;
        }
        Ok(())
    }

    fn write_header(&mut self, storage: &mut impl Storage) -> io::Result<()> {
        let data_bytes = u32::try_from(self.written).map_err(io::Error::other)?;
        storage.write_at(0, &self.layout.header(data_bytes))?;
        self.told = self.written;
        Ok(())
    }

    pub fn finish(&mut self, keep: Option<u64>, storage: &mut impl Storage) -> io::Result<()> {
        self.store(storage)?;
        let kept = keep.map_or(self.written, |frames| {
            self.written.min(frames * self.layout.frame_bytes())
        });
        let is_cut = kept < self.written;
        self.written = kept;
        if self.told != kept {
            self.write_header(storage)?;
        }
        if is_cut {
            storage.set_len(self.header_bytes + kept)?;
        }
        if !kept.is_multiple_of(2) {
            // Chunks have even lengths.
            storage.write_at(self.header_bytes + kept, &[0])?;
        }
        Ok(())
    }

    pub fn give_up(&mut self, storage: &mut impl Storage) -> io::Result<()> {
        self.block.clear();
        self.write_header(storage)?;
        storage.set_len(self.header_bytes + self.written)
    }
}

/// A second of one channel at 8 kHz with 16 bits fits.
const MAX_BLOCK_BYTES: usize = 16 << 10;
