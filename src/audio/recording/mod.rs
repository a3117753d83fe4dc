//! The file of a recording: its format, what is trimmed off, and a layout that survives a crash.
//!
//! [`RecordingFile`] takes samples and writes them through [`Storage`], first audio and then, for each
//! second, the header that tells of it. So at every moment the file is playable to its last whole second but
//! one, and [`repair()`] makes of what a crash left a file of all that was [stored](RecordingFile::store).
//! Driven by the file thread; opens no file itself.
//!
//! WAV with 16-bit samples or G.711 (`wav`), Ogg Opus (RFC 7845, `opus`).

mod format;
mod opus;
mod repair;
mod trim;
mod wav;

use std::io;

pub use format::{FileFormat, WavEncoding};
pub use repair::repair;

use self::opus::OpusWriter;
use self::trim::Trim;
use self::wav::WavWriter;
use super::recorder::Sides;

/// Where the bytes of a recording go. Writing may wait.
pub trait Storage {
    /// Writes all of `bytes` from `offset` on, which is at most the length of the file.
    ///
    /// # Errors
    /// What the system says; some of the bytes may have been written.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Cuts the file off.
    ///
    /// # Errors
    /// What the system says.
    fn set_len(&mut self, length: u64) -> io::Result<()>;
}

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileSpec {
    /// Container and coding.
    pub format: FileFormat,
    /// Samples a second of each channel; one that [`FileFormat::sample_rate`] gave.
    pub sample_rate: u32,
    /// Sides of the call.
    pub sides: Sides,
    /// Silence at both ends is left out.
    pub trim: bool,
}

/// One recording on its way to [`Storage`].
pub struct RecordingFile<S> {
    storage: S,
    writer: Writer,
    trim: Option<Trim>,
}

/// How samples become bytes. Frames are samples of all channels at one instant.
enum Writer {
    Wav(WavWriter),
    Opus(Box<OpusWriter>),
}

impl<S: Storage> RecordingFile<S> {
    /// Writes the beginning of the file.
    ///
    /// # Errors
    /// What [`Storage`] says, and [`io::ErrorKind::Unsupported`] when the Opus encoder cannot be had.
    pub fn begin(mut storage: S, spec: FileSpec) -> io::Result<Self> {
        let channels = spec.sides.channels();
        let writer = match spec.format {
            FileFormat::Wav(encoding) => {
                let writer = WavWriter::new(encoding, spec.sample_rate, channels);
                Writer::Wav(writer.and_then(|writer| writer.begin(&mut storage))?)
            }
            FileFormat::Opus => {
                let writer = OpusWriter::begin(spec.sample_rate, channels, &mut storage)?;
                Writer::Opus(Box::new(writer))
            }
        };
        Ok(Self {
            storage,
            writer,
            trim: spec.trim.then(|| Trim::new(spec.sample_rate, channels)),
        })
    }

    /// Takes whole frames, channels alternating. They may wait for [`RecordingFile::store`].
    ///
    /// # Errors
    /// What [`Storage`] says. Nothing can be written after that but [`RecordingFile::give_up`].
    pub fn write(&mut self, pcm: &[i16]) -> io::Result<()> {
        let Self {
            storage,
            writer,
            trim,
            ..
        } = self;
        match trim {
            None => writer.write(pcm, None, storage),
            Some(trim) => trim.pass(pcm, |pcm, keep| writer.write(pcm, Some(keep), storage)),
        }
    }

    /// Writes what waits, so that a crash does not lose it: all of a WAV file, and of an Opus file all but
    /// the last page, up to 220 ms.
    ///
    /// # Errors
    /// As [`RecordingFile::write`].
    pub fn store(&mut self) -> io::Result<()> {
        match &mut self.writer {
            Writer::Wav(wav) => wav.store(&mut self.storage),
            Writer::Opus(_) => Ok(()),
        }
    }

    /// Writes the rest and the last header.
    ///
    /// # Errors
    /// What [`Storage`] says.
    pub fn finish(&mut self) -> io::Result<()> {
        let Self {
            storage,
            writer,
            trim,
            ..
        } = self;
        let keep = match trim {
            None => None,
            Some(trim) => Some(trim.finish(|pcm, keep| writer.write(pcm, Some(keep), storage))?),
        };
        writer.finish(keep, storage)
    }

    /// After an error: cuts off what was written in part, as far as the disk lets us.
    pub fn give_up(&mut self) {
        // The file is playable in either case; this only makes it neat.
        let _ = match &mut self.writer {
            Writer::Wav(wav) => wav.give_up(&mut self.storage),
            Writer::Opus(opus) => opus.give_up(&mut self.storage),
        };
    }

    /// Frames that the file holds, or will with the next block.
    pub fn frames(&self) -> u64 {
        match &self.writer {
            Writer::Wav(wav) => wav.frames(),
            Writer::Opus(opus) => opus.frames(),
        }
    }

    /// Frames at the beginning that were left out so far.
    pub fn trimmed(&self) -> u64 {
        self.trim.as_ref().map_or(0, Trim::left_out)
    }

    /// Bytes of audio that the file holds, without headers.
    pub fn data_bytes(&self) -> u64 {
        match &self.writer {
            Writer::Wav(wav) => wav.data_bytes(),
            Writer::Opus(opus) => opus.data_bytes(),
        }
    }
}

impl Writer {
    /// `keep` is how many frames will be kept at least, if the end is going to be trimmed.
    fn write(
        &mut self,
        pcm: &[i16],
        keep: Option<u64>,
        storage: &mut impl Storage,
    ) -> io::Result<()> {
        match self {
            Self::Wav(wav) => wav.write(pcm, storage),
            Self::Opus(opus) => opus.write(pcm, keep, storage),
        }
    }

    /// `keep` is how many frames are kept, if the end is trimmed.
    fn finish(&mut self, keep: Option<u64>, storage: &mut impl Storage) -> io::Result<()> {
        match self {
            Self::Wav(wav) => wav.finish(keep, storage),
            Self::Opus(opus) => opus.finish(keep, storage),
        }
    }
}

impl<S: Storage + ?Sized> Storage for Box<S> {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        (**self).write_at(offset, bytes)
    }

    fn set_len(&mut self, length: u64) -> io::Result<()> {
        (**self).set_len(length)
    }
}

#[cfg(test)]
mod tests;
