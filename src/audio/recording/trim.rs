//! Leaves out the silence before the first sound and after the last one.

use std::io;

use crate::audio::silence::is_sound;

/// Kept before the first sound and after the last one, so that no soft consonant is cut off.
const MARGIN_MS: usize = 200;
/// Looked at together.
const WINDOW_MS: usize = 20;

/// Passes samples on from the first sound, and knows where the last one ended. Silence within is kept.
pub struct Trim {
    channels: usize,
    /// Samples of all channels that are looked at together.
    window_samples: usize,
    margin_frames: u64,
    /// Not looked at yet; less than a window.
    window: Vec<i16>,
    /// The latest silence before the first sound.
    lead: Vec<i16>,
    has_sounded: bool,
    left_out: u64,
    passed: u64,
    /// Frames passed on by the end of the last sound.
    sounded: u64,
}

impl Trim {
    pub fn new(sample_rate: u32, channels: usize) -> Self {
        let samples = |ms| sample_rate as usize * ms / 1_000 * channels;
        Self {
            channels,
            window_samples: samples(WINDOW_MS),
            margin_frames: (samples(MARGIN_MS) / channels) as u64,
            window: Vec::with_capacity(samples(WINDOW_MS)),
            lead: Vec::with_capacity(samples(MARGIN_MS + WINDOW_MS)),
            has_sounded: false,
            left_out: 0,
            passed: 0,
            sounded: 0,
        }
    }

    /// Frames of the beginning that were not passed on.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Takes whole frames; calls `put` with what is to be written and the frames to be kept so far.
    pub fn pass(
        &mut self,
        mut pcm: &[i16],
        mut put: impl FnMut(&[i16], u64) -> io::Result<()>,
    ) -> io::Result<()> {
        while !pcm.is_empty() {
            let room = self.window_samples - self.window.len();
            let (now, later) = pcm.split_at(room.min(pcm.len()));
            self.window.extend_from_slice(now);
            pcm = later;
            if self.window.len() == self.window_samples {
                self.pass_window(&mut put)?;
            }
        }
        Ok(())
    }

    /// Passes on what is left; returns the frames to be kept.
    pub fn finish(
        &mut self,
        mut put: impl FnMut(&[i16], u64) -> io::Result<()>,
    ) -> io::Result<u64> {
        if !self.window.is_empty() {
            self.pass_window(&mut put)?;
        }
        self.left_out += (std::mem::take(&mut self.lead).len() / self.channels) as u64;
        Ok(self.keep())
    }

    /// Nothing sounded: nothing is kept.
    fn keep(&self) -> u64 {
        match self.has_sounded {
            true => self.passed.min(self.sounded + self.margin_frames),
            false => 0,
        }
    }

    fn pass_window(
        &mut self,
        put: &mut impl FnMut(&[i16], u64) -> io::Result<()>,
    ) -> io::Result<()> {
        let window = std::mem::take(&mut self.window);
        let sounds = self.sounds(&window);
        if !self.has_sounded && !sounds {
            self.hold_back(&window);
        } else {
            if !self.has_sounded {
                self.has_sounded = true;
                let lead = std::mem::take(&mut self.lead);
                self.passed += (lead.len() / self.channels) as u64;
                put(&lead, self.passed)?;
            }
            self.passed += (window.len() / self.channels) as u64;
            if sounds {
                self.sounded = self.passed;
            }
            put(&window, self.keep())?;
        }
        // Given back for the next one.
        self.window = window;
        self.window.clear();
        Ok(())
    }

    fn hold_back(&mut self, window: &[i16]) {
        self.lead.extend_from_slice(window);
        let margin = self.margin_frames as usize * self.channels;
        let excess = self.lead.len().saturating_sub(margin);
        self.lead.drain(..excess);
        self.left_out += (excess / self.channels) as u64;
    }

    /// Whether any channel is louder than noise.
    fn sounds(&self, window: &[i16]) -> bool {
        match self.channels {
            1 => is_sound(window),
            _ => (0..self.channels).any(|channel| {
                let one = window.iter().skip(channel).step_by(self.channels);
                is_sound(&one.copied().collect::<Vec<_>>())
            }),
        }
    }
}
