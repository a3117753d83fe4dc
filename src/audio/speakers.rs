//! Who speaks most in a room, and when that has changed.

/// Follows the levels of voices, which the caller numbers. Does not allocate; media thread.
#[derive(Debug, Default)]
pub struct ActiveSpeaker {
    active: Option<u32>,
    /// Who is louder, and for how many frames.
    rival: Option<(u32, u32)>,
}

impl ActiveSpeaker {
    /// Takes one frame: the voices that speak in it with their smoothed levels. Gives the new
    /// active speaker when it has changed.
    ///
    /// Another one becomes active when the present one says nothing, or when it has been 3 dB louder
    /// for 300 ms.
    pub fn hear(&mut self, levels: impl Iterator<Item = (u32, f32)>) -> Option<u32> {
        let (mut loudest, mut present) = (None, None);
        for (voice, level) in levels {
            if Some(voice) == self.active {
                present = Some(level);
            }
            if loudest.is_none_or(|(_, most)| level > most) {
                loudest = Some((voice, level));
            }
        }
        let (voice, level) = loudest?;
        let longer = match present {
            Some(present) if voice == self.active? || level < present * LOUDER => {
                self.rival = None;
                return None;
            }
            Some(_) => LASTING,
            None => LASTING_IN_SILENCE,
        };
        let frames = match self.rival {
            Some((rival, frames)) if rival == voice => frames + 1,
            _ => 1,
        };
        if frames < longer {
            self.rival = Some((voice, frames));
            return None;
        }
        (self.active, self.rival) = (Some(voice), None);
        self.active
    }

    /// `voice` is no longer there. True: it was the active one.
    pub fn forget(&mut self, voice: u32) -> bool {
        self.rival.take_if(|(rival, _)| *rival == voice);
        self.active.take_if(|active| *active == voice).is_some()
    }
}

/// 3 dB.
const LOUDER: f32 = 1.41;
/// Frames for which a rival must be louder: 300 ms.
const LASTING: u32 = 15;
/// Frames for which a rival must speak while the active speaker does not: a click of 20 ms is none.
const LASTING_IN_SILENCE: u32 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_active_speaker_changes_with_the_talk_and_not_with_a_word() {
        let mut speakers = ActiveSpeaker::default();
        let mut hear = |levels: &[(u32, f32)]| speakers.hear(levels.iter().copied());
        assert_eq!(hear(&[(1, 900.0)]), None);
        assert_eq!(hear(&[(1, 900.0)]), None);
        assert_eq!(hear(&[(1, 900.0)]), Some(1));
        // Somebody says yes; somebody else is a little louder all the time.
        let yes = [(1, 900.0), (2, 4_000.0), (3, 1_000.0)];
        assert!((0..10).all(|_| hear(&yes).is_none()));
        assert!((0..50).all(|_| hear(&[(1, 900.0), (3, 1_000.0)]).is_none()));
        assert!((0..50).all(|_| hear(&[]).is_none()));
        // Taking over.
        assert_eq!((0..15).find_map(|_| hear(&yes)), Some(2));
        assert_eq!((0..3).find_map(|_| hear(&[(3, 500.0)])), Some(3));
        assert!(speakers.forget(3));
        assert!(!speakers.forget(3));
    }
}
