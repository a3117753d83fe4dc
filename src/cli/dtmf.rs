//! `--dtmf`: which keys to press and when.

use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

/// Keys and pauses in order.
///
/// Written as a string: `0` to `9`, `*`, `#` and `A` to `D` are keys, a comma waits for one second.
/// `1,,2#` presses 1, waits two seconds, presses 2 and #.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DtmfSequence(Vec<DtmfStep>);

/// One step of a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DtmfStep {
    /// Press this key: `0` to `9`, `*`, `#` or `A` to `D`.
    Key(char),
    /// Wait before the next step.
    Pause(Duration),
}

/// Why a text is no [`DtmfSequence`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DtmfError {
    /// There is nothing in it.
    #[error("expected at least one key")]
    Empty,
    /// A character is neither key nor comma.
    #[error("expected 0 to 9, *, #, A to D or a comma, found `{found}` at position {position}")]
    UnknownKey {
        /// The character.
        found: char,
        /// Its position, from 1.
        position: usize,
    },
}

impl DtmfSequence {
    /// What a comma waits.
    pub const PAUSE: Duration = Duration::from_secs(1);

    /// The steps, at least one.
    pub fn steps(&self) -> &[DtmfStep] {
        &self.0
    }
}

impl FromStr for DtmfSequence {
    type Err = DtmfError;

    fn from_str(text: &str) -> Result<DtmfSequence, DtmfError> {
        let step = |(index, written): (usize, char)| match written.to_ascii_uppercase() {
            ',' => Ok(DtmfStep::Pause(Self::PAUSE)),
            key @ ('0'..='9' | '*' | '#' | 'A'..='D') => Ok(DtmfStep::Key(key)),
            _ => Err(DtmfError::UnknownKey {
                found: written,
                position: index + 1,
            }),
        };
        let steps = text
            .chars()
            .enumerate()
            .map(step)
            .collect::<Result<Vec<_>, _>>()?;
        if steps.is_empty() {
            return Err(DtmfError::Empty);
        }
        Ok(DtmfSequence(steps))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_pressed_in_order_and_a_comma_waits_a_second() {
        let pause = DtmfStep::Pause(Duration::from_secs(1));
        let sequence: DtmfSequence = "1,,b#".parse().unwrap();
        assert_eq!(
            sequence.steps(),
            [
                DtmfStep::Key('1'),
                pause,
                pause,
                DtmfStep::Key('B'),
                DtmfStep::Key('#')
            ]
        );
    }

    #[test]
    fn what_is_no_key_is_named_with_its_position() {
        let error = |text: &str| text.parse::<DtmfSequence>().unwrap_err().to_string();
        assert_eq!(error(""), "expected at least one key");
        assert_eq!(
            error("1,e"),
            "expected 0 to 9, *, #, A to D or a comma, found `e` at position 3"
        );
    }
}
