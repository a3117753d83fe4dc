//! Which mode the next frame is encoded in.

use crate::payload::NO_REQUEST;

/// Follows the peer's codec mode requests (RFC 4867 §4.3.1), with changes no closer than every
/// second frame: what a `mode-change-period` of 2 asks for, and what we promise with
/// `mode-change-capability=2`.
pub(crate) struct Modes {
    top: u8,
    fixed: bool,
    current: u8,
    wanted: u8,
    /// Whether the number of frames since the last change is odd.
    odd: bool,
}

impl Modes {
    /// Begins with `top`, the highest mode, and stays there if it is `fixed`.
    pub(crate) fn new(top: u8, fixed: bool) -> Self {
        Self {
            top,
            fixed,
            current: top,
            wanted: top,
            odd: false,
        }
    }

    /// Takes a mode that we encode in, or [`NO_REQUEST`].
    pub(crate) fn request(&mut self, mode: u8) {
        if !self.fixed {
            self.wanted = if mode == NO_REQUEST {
                self.top
            } else {
                mode.min(self.top)
            };
        }
    }

    /// The mode of the next frame.
    pub(crate) fn next(&mut self) -> u8 {
        if !self.odd {
            self.current = self.wanted;
        }
        self.odd = !self.odd;
        self.current
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_followed_at_every_second_frame() {
        let mut modes = Modes::new(7, false);
        assert_eq!([modes.next(), modes.next(), modes.next()], [7, 7, 7]);
        modes.request(2);
        assert_eq!([modes.next(), modes.next(), modes.next()], [7, 2, 2]);
        modes.request(NO_REQUEST);
        assert_eq!([modes.next(), modes.next()], [7, 7]);
    }

    #[test]
    fn no_mode_is_above_the_peers_highest() {
        let mut modes = Modes::new(4, false);
        modes.request(7);
        assert_eq!([modes.next(), modes.next()], [4, 4]);
    }

    #[test]
    fn a_fixed_mode_stays() {
        let mut modes = Modes::new(4, true);
        modes.request(0);
        assert_eq!([modes.next(), modes.next()], [4, 4]);
    }
}
