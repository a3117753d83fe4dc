//! The formats that recordings have, and the names that ask for them.

use std::time::Duration;

use crate::audio::recorder::{Sides, duration_of};

/// Container and coding of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileFormat {
    /// RIFF WAVE.
    Wav(WavEncoding),
    /// Ogg Opus (RFC 7845).
    Opus,
}

/// How a WAV file holds samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WavEncoding {
    /// 16 bits, little-endian.
    Pcm16,
    /// G.711 A-law.
    ALaw,
    /// G.711 µ-law.
    MuLaw,
}

impl FileFormat {
    /// Splits `rec.wav|A-Law` into the name of the file and its format.
    ///
    /// The end of the name decides: `.wav` with `|Pcm16` (the default), `|A-Law` or `|Mu-Law`, `.opus` and
    /// `.ogg` without. `None` for everything else.
    pub fn of_name(name: &str) -> Option<(&str, Self)> {
        let (file, coding) = match name.rsplit_once('|') {
            Some((file, coding)) => (file, Some(coding)),
            None => (name, None),
        };
        let (_, extension) = file.rsplit_once('.')?;
        let is = |known: &str| extension.eq_ignore_ascii_case(known);
        let format = match coding {
            None if is("opus") || is("ogg") => Self::Opus,
            coding if is("wav") => Self::Wav(WavEncoding::named(coding.unwrap_or("Pcm16"))?),
            _ => return None,
        };
        Some((file, format))
    }

    /// The rate to record at when the call has `call_rate` samples a second: G.711 is for 8 kHz, Opus
    /// knows some rates only.
    pub fn sample_rate(self, call_rate: u32) -> u32 {
        match self {
            Self::Wav(WavEncoding::Pcm16) => call_rate,
            Self::Wav(WavEncoding::ALaw | WavEncoding::MuLaw) => 8_000,
            Self::Opus => match call_rate {
                ..=8_000 => 8_000,
                8_001..=16_000 => 16_000,
                16_001..=24_000 => 24_000,
                _ => 48_000,
            },
        }
    }

    /// Bytes of one sample of all channels; `None` where that varies.
    pub fn frame_bytes(self, sides: Sides) -> Option<u64> {
        match self {
            Self::Wav(encoding) => Some(encoding.sample_bytes() * sides.channels() as u64),
            Self::Opus => None,
        }
    }

    /// The longest recording that the format can tell of: the sizes in a WAV file end at 4 GiB.
    pub fn longest(self, sample_rate: u32, sides: Sides) -> Option<Duration> {
        let frames = MAX_WAV_DATA / self.frame_bytes(sides)?;
        Some(duration_of(frames, sample_rate))
    }
}

/// A header and some padding less than 4 GiB.
const MAX_WAV_DATA: u64 = (u32::MAX - 1_024) as u64;

impl WavEncoding {
    fn named(name: &str) -> Option<Self> {
        let known = [
            ("Pcm16", Self::Pcm16),
            ("A-Law", Self::ALaw),
            ("Mu-Law", Self::MuLaw),
        ];
        let found = known
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, encoding)| *encoding)
    }

    pub(super) fn sample_bytes(self) -> u64 {
        match self {
            Self::Pcm16 => 2,
            Self::ALaw | Self::MuLaw => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_name_tells_the_format() {
        let wav = |encoding| FileFormat::Wav(encoding);
        for (name, file, format) in [
            ("a.wav", "a.wav", wav(WavEncoding::Pcm16)),
            ("a.wav|Pcm16", "a.wav", wav(WavEncoding::Pcm16)),
            ("b/a.WAV|a-law", "b/a.WAV", wav(WavEncoding::ALaw)),
            ("a|b.wav|Mu-Law", "a|b.wav", wav(WavEncoding::MuLaw)),
            ("a.opus", "a.opus", FileFormat::Opus),
            ("a.b.Ogg", "a.b.Ogg", FileFormat::Opus),
        ] {
            assert_eq!(FileFormat::of_name(name), Some((file, format)), "{name}");
        }
        for name in [
            "",
            "a",
            "wav",
            "a.mp3",
            "a.wav|",
            "a.wav|G729",
            "a.opus|A-Law",
        ] {
            assert_eq!(FileFormat::of_name(name), None, "{name}");
        }
    }

    #[test]
    fn a_wav_file_ends_before_its_sizes_do() {
        let format = FileFormat::Wav(WavEncoding::Pcm16);
        let longest = format.longest(48_000, Sides::Stereo).unwrap();
        assert!((6 * 3_600..7 * 3_600).contains(&longest.as_secs()));
        assert_eq!(FileFormat::Opus.longest(48_000, Sides::Stereo), None);
    }
}
