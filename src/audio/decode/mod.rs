//! Audio files to samples: every format that may lie in a prompt folder, behind one [`PcmSource`].
//!
//! Bytes come from any [`ByteSource`], a file or memory; samples go out mono and 16-bit at the rate
//! of the file, block by block, so that loading a file whole and streaming it are one thing. The
//! format is found by the content; only raw samples, which have no mark, go by the extension of the
//! name. Driven by prompt loading and by the file thread, never by a media thread: decoding
//! allocates and waits for the source. Knows nothing of codecs of calls or of playlists.
//!
//! Hostile content gives a [`DecodeError`], never a panic; nothing here takes memory by a length
//! that a file claims.

mod compressed;
mod gsm_full_rate;
mod ogg_opus;
mod raw;
mod wav;

use std::io::{self, Read, Seek, SeekFrom};

use thiserror::Error;

pub use ogg_opus::OggOpusError;
pub use wav::WavError;

use super::resample::{MAX_SAMPLE_RATE, MIN_SAMPLE_RATE};

/// What a file is read from.
pub trait ByteSource: Read + Seek + Send + Sync {}

impl<T: Read + Seek + Send + Sync> ByteSource for T {}

/// A file being decoded: mono samples, from the first to the last.
pub struct PcmSource {
    blocks: Box<dyn Blocks>,
    sample_rate: u32,
    /// The latest block, of which so many samples were given out.
    block: Vec<i16>,
    taken: usize,
    /// Met after samples that were still good.
    failure: Option<DecodeError>,
}

/// One format's decoder.
trait Blocks: Send {
    /// Replaces `block` by the next stretch of mono samples; an empty one is the end.
    fn next_block(&mut self, block: &mut Vec<i16>) -> Result<(), DecodeError>;
}

/// A whole decoded file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sound {
    /// The samples, mono.
    pub pcm: Vec<i16>,
    /// Samples a second, from [`MIN_SAMPLE_RATE`] to [`MAX_SAMPLE_RATE`].
    pub sample_rate: u32,
}

/// Channels that are mixed down to one; what has more is refused.
pub const MAX_CHANNELS: usize = 8;

/// Opens a file and decodes its first samples. `extension` is that of its name, without the dot.
///
/// # Errors
/// [`DecodeError::UnknownFormat`] for what is no sound, and the format's own error for one that we
/// do not read.
pub fn open(mut source: Box<dyn ByteSource>, extension: &str) -> Result<PcmSource, DecodeError> {
    let extension = extension.to_ascii_lowercase();
    let beginning = beginning(&mut source)?;
    let (blocks, sample_rate) = match find_format(&beginning, &extension) {
        Some(Format::Wav) => wav::open(source)?,
        Some(Format::OggOpus) => ogg_opus::open(source)?,
        Some(Format::Compressed(format)) => compressed::open(source, format)?,
        Some(Format::Raw(format)) => raw::open(source, format),
        None => return Err(DecodeError::UnknownFormat),
    };
    if !(MIN_SAMPLE_RATE..=MAX_SAMPLE_RATE).contains(&sample_rate) {
        return Err(DecodeError::SampleRate(sample_rate));
    }
    let mut source = PcmSource {
        blocks,
        sample_rate,
        block: Vec::new(),
        taken: 0,
        failure: None,
    };
    source.blocks.next_block(&mut source.block)?;
    Ok(source)
}

impl PcmSource {
    /// Samples a second, from [`MIN_SAMPLE_RATE`] to [`MAX_SAMPLE_RATE`].
    pub fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    /// Fills `out` with the next samples and returns their number; fewer than `out` holds before the
    /// end or an error only, and 0 at the end.
    ///
    /// # Errors
    /// What is wrong with the file here; the samples before it have been given out.
    pub fn read(&mut self, out: &mut [i16]) -> Result<usize, DecodeError> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        let mut filled = 0;
        while filled < out.len() {
            if self.taken == self.block.len() {
                self.taken = 0;
                let next = self.blocks.next_block(&mut self.block);
                if let Err(error) = next {
                    self.block.clear();
                    if filled == 0 {
                        return Err(error);
                    }
                    self.failure = Some(error);
                }
                if self.block.is_empty() {
                    break;
                }
            }
            let ready = &self.block[self.taken..];
            let count = ready.len().min(out.len() - filled);
            out[filled..filled + count].copy_from_slice(&ready[..count]);
            filled += count;
            self.taken += count;
        }
        Ok(filled)
    }

    /// Appends the rest of the file to `pcm`, as long as that holds no more than `max_samples`;
    /// false if the file goes on.
    ///
    /// # Errors
    /// As [`PcmSource::read`].
    pub fn read_to_end(
        &mut self,
        pcm: &mut Vec<i16>,
        max_samples: usize,
    ) -> Result<bool, DecodeError> {
        let mut part = [0; 4_096];
        loop {
            let count = self.read(&mut part)?;
            if count == 0 {
                return Ok(true);
            }
            if pcm.len() + count > max_samples {
                return Ok(false);
            }
            pcm.extend_from_slice(&part[..count]);
        }
    }
}

/// Why a file cannot be played, or not further.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Neither the content nor the name is that of a format we read.
    #[error(
        "expected WAV, FLAC, MP3, Ogg Vorbis or Ogg Opus, or raw samples named .raw, .sln, .ul, .al or .gsm"
    )]
    UnknownFormat,
    /// The source cannot be read.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// A WAV file that we do not read.
    #[error(transparent)]
    Wav(#[from] WavError),
    /// An Ogg Opus file that we do not read.
    #[error(transparent)]
    OggOpus(#[from] OggOpusError),
    /// An MP3, FLAC or Vorbis file that is damaged.
    #[error("damaged: {0}")]
    Compressed(symphonia::core::errors::Error),
    /// A decoder met a fault of its own in a damaged file.
    #[error("damaged: its decoder failed")]
    DecoderFailed,
    /// There is no track of audio in it that can be decoded.
    #[error("there is no audio in it")]
    NoAudio,
    /// Too slow or too fast.
    #[error("expected {MIN_SAMPLE_RATE} to {MAX_SAMPLE_RATE} samples a second, found {0}")]
    SampleRate(u32),
    /// More than [`MAX_CHANNELS`], or none.
    #[error("expected 1 to {MAX_CHANNELS} channels, found {0}")]
    Channels(usize),
    /// Another stream follows, of another sample rate or number of channels.
    #[error("the format changes in the middle of the file")]
    FormatChanges,
}

enum Format {
    Wav,
    OggOpus,
    Compressed(compressed::Container),
    Raw(raw::RawFormat),
}

/// What has a mark of its own goes before the name; the sync word of MPEG audio is too weak a mark
/// against the name of a raw file.
fn find_format(beginning: &[u8], extension: &str) -> Option<Format> {
    use compressed::Container;
    match beginning {
        [b'R', b'I', b'F', b'F', ..] | [b'R', b'F', b'6', b'4', ..] => Some(Format::Wav),
        [b'f', b'L', b'a', b'C', ..] => Some(Format::Compressed(Container::Flac)),
        [b'O', b'g', b'g', b'S', ..] if ogg_opus::is_first_page(beginning) => Some(Format::OggOpus),
        [b'O', b'g', b'g', b'S', ..] => Some(Format::Compressed(Container::Ogg)),
        [b'I', b'D', b'3', ..] => Some(Format::Compressed(Container::Mp3)),
        _ => match raw::format_of(extension) {
            Some(format) => Some(Format::Raw(format)),
            None => (extension == "mp3" || compressed::is_mp3_frame(beginning))
                .then_some(Format::Compressed(Container::Mp3)),
        },
    }
}

/// The first bytes; the source is back at its start.
fn beginning(source: &mut Box<dyn ByteSource>) -> io::Result<Vec<u8>> {
    let mut beginning = Vec::new();
    source.seek(SeekFrom::Start(0))?;
    source.take(BEGINNING_BYTES).read_to_end(&mut beginning)?;
    source.seek(SeekFrom::Start(0))?;
    Ok(beginning)
}

/// Replaces `mono` by the mean of the channels of `interleaved`.
fn mix_down(interleaved: &[i16], channels: usize, mono: &mut Vec<i16>) {
    mono.clear();
    match channels {
        1 => mono.extend_from_slice(interleaved),
        _ => mono.extend(interleaved.chunks_exact(channels).map(|frame| {
            let sum: i32 = frame.iter().map(|&sample| i32::from(sample)).sum();
            (sum / channels as i32) as i16
        })),
    }
}

/// Enough to know a format by.
const BEGINNING_BYTES: u64 = 64;

#[cfg(test)]
mod tests;
