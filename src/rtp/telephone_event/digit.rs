//! The keys of a telephone.

use std::fmt;

/// A DTMF key, or the hook flash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digit(u8);

impl Digit {
    /// The `#` key.
    pub const POUND: Digit = Digit(11);

    /// By RFC 4733 event code: 0 to 9, 10 for `*`, 11 for `#`, 12 to 15 for A to D, 16 for flash.
    /// `None` for other codes, which are not keys.
    pub fn from_event_code(code: u8) -> Option<Self> {
        (code <= 16).then_some(Self(code))
    }

    /// By the character on the key; `!` for flash. Letters in either case.
    pub fn from_char(key: char) -> Option<Self> {
        let key = key.to_ascii_uppercase();
        KEYS.iter()
            .position(|&known| char::from(known) == key)
            .map(|code| Self(code as u8))
    }

    /// The RFC 4733 event code.
    pub fn event_code(self) -> u8 {
        self.0
    }

    /// The character on the key; `!` for flash.
    pub fn to_char(self) -> char {
        char::from(KEYS[usize::from(self.0)])
    }
}

impl fmt::Display for Digit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_char().fmt(f)
    }
}

/// How a key was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DigitSource {
    /// As a telephone-event (RFC 4733).
    Event,
    /// As a tone in the audio.
    Tone,
    /// In a SIP INFO.
    Info,
}

/// In the order of RFC 4733 §3.2; the sign for flash is ours.
const KEYS: &[u8; 17] = b"0123456789*#ABCD!";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_characters_agree() {
        for code in 0..=16 {
            let digit = Digit::from_event_code(code).unwrap();
            assert_eq!(digit.event_code(), code);
            assert_eq!(Digit::from_char(digit.to_char()), Some(digit));
        }
        assert_eq!(Digit::from_event_code(17), None);
        assert_eq!(Digit::from_char('#'), Some(Digit::POUND));
        assert_eq!(Digit::from_char('b').map(Digit::event_code), Some(13));
        assert_eq!(Digit::from_char('x'), None);
    }
}
