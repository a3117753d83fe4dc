//! What a diagram says about a recording besides the name of its file.

use std::fmt;
use std::time::Duration;

use crate::audio::recorder::Sides;

/// The second argument of `recordFile`: `both=stereo; max=60; silence=2.5; trim=yes`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RecordOptions {
    /// `both`: whose voices.
    pub sides: Sides,
    /// `max`: the recording ends when it is so long; zero for no limit, `None` for the server's.
    pub max: Option<Duration>,
    /// `silence`: it ends when the caller says nothing for so long.
    pub silence: Option<Duration>,
    /// `trim`: silence at both ends is left out.
    pub trim: bool,
}

/// Why a text is no list of options.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadOption {
    /// There is no such option.
    #[error("there is no option '{0}' of a recording: write both, max, silence or trim")]
    Name(String),
    /// The option does not have this value.
    #[error("'{name}' of a recording is {expected}, not '{value}'")]
    Value {
        /// The option.
        name: &'static str,
        /// What it may be.
        expected: &'static str,
        /// What was written.
        value: String,
    },
}

/// The longest time that an option holds: a day.
const MAX_SECONDS: f64 = 86_400.0;

impl RecordOptions {
    /// Reads `name=value` entries with `;` between them; empty ones are skipped.
    ///
    /// # Errors
    /// [`BadOption`] for the first one that cannot be read.
    pub fn parse(text: &str) -> Result<Self, BadOption> {
        let mut options = Self::default();
        let entries = text.split(';').map(str::trim);
        for entry in entries.filter(|entry| !entry.is_empty()) {
            let (name, value) = entry.split_once('=').unwrap_or((entry, ""));
            options.set(name.trim(), value.trim())?;
        }
        Ok(options)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), BadOption> {
        let bad = |name, expected| BadOption::Value {
            name,
            expected,
            value: value.to_owned(),
        };
        match name {
            "both" => {
                self.sides = match value {
                    "no" => Sides::Peer,
                    "mixed" => Sides::Mixed,
                    "stereo" => Sides::Stereo,
                    _ => return Err(bad("both", "mixed, stereo or no")),
                };
            }
            "max" => {
                let seconds = seconds(value);
                let expected = "a number of seconds up to a day, 0 for no limit";
                self.max = Some(seconds.ok_or_else(|| bad("max", expected))?);
            }
            "silence" => {
                let seconds = seconds(value);
                let expected = "a number of seconds up to a day, 0 for never";
                let seconds = seconds.ok_or_else(|| bad("silence", expected))?;
                self.silence = Some(seconds).filter(|seconds| !seconds.is_zero());
            }
            "trim" => {
                self.trim = match value {
                    "yes" | "true" => true,
                    "no" | "false" => false,
                    _ => return Err(bad("trim", "yes or no")),
                };
            }
            name => return Err(BadOption::Name(name.to_owned())),
        }
        Ok(())
    }
}

/// Seconds, perhaps with decimals.
fn seconds(text: &str) -> Option<Duration> {
    let is_number = |c: char| c.is_ascii_digit() || c == '.';
    let seconds: f64 = text
        .chars()
        .all(is_number)
        .then(|| text.parse().ok())
        .flatten()?;
    (seconds <= MAX_SECONDS).then(|| Duration::from_millis((seconds * 1_000.0).round() as u64))
}

impl fmt::Display for RecordOptions {
    /// As it is written, in a fixed order and without what is usual.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        let mut put = |f: &mut fmt::Formatter<'_>, entry: fmt::Arguments<'_>| {
            write!(f, "{separator}{entry}")?;
            separator = "; ";
            Ok(())
        };
        match self.sides {
            Sides::Peer => {}
            Sides::Mixed => put(f, format_args!("both=mixed"))?,
            Sides::Stereo => put(f, format_args!("both=stereo"))?,
        }
        if let Some(max) = self.max {
            put(f, format_args!("max={}", max.as_secs_f64()))?;
        }
        if let Some(silence) = self.silence {
            put(f, format_args!("silence={}", silence.as_secs_f64()))?;
        }
        match self.trim {
            true => put(f, format_args!("trim=yes")),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_and_written() {
        for (text, written) in [
            ("", ""),
            (" ; ", ""),
            ("both=no;trim=no;silence=0", ""),
            ("max = 60 ; both=mixed;", "both=mixed; max=60"),
            ("trim=true; silence=2.5", "silence=2.5; trim=yes"),
            ("both=stereo;max=0", "both=stereo; max=0"),
        ] {
            let options = RecordOptions::parse(text).unwrap();
            assert_eq!(options.to_string(), written);
            assert_eq!(RecordOptions::parse(written), Ok(options));
        }
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (text, why) in [
            ("length=3", "there is no option 'length'"),
            ("max", "'max' of a recording is a number"),
            ("max=-1", "not '-1'"),
            ("max=1e3", "not '1e3'"),
            ("silence=86401", "up to a day"),
            ("both=yes", "mixed, stereo or no, not 'yes'"),
            ("trim=1", "yes or no"),
        ] {
            let error = RecordOptions::parse(text).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
