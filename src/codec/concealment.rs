//! Packet loss concealment for codecs that have none of their own.
//!
//! In the manner of ITU-T G.711 Appendix I: the last pitch period heard is repeated, joined to
//! itself by a short cross-fade, and fades to silence within 60 ms. The first samples after the
//! loss are cross-faded with the synthetic signal. The pitch is looked for at 8 kHz, whatever the
//! sample rate: that costs the same for all.

/// Lengths in samples at 8 kHz; other rates have more.
const BASE_RATE: usize = 8_000;
/// 200 Hz.
const MIN_PERIOD: usize = 40;
/// 66 Hz.
const MAX_PERIOD: usize = 120;
/// Length of the stretch that is compared when the pitch is looked for: 20 ms.
const TEMPLATE: usize = 160;
/// Length of a cross-fade: 2.5 ms.
const OVERLAP: usize = 20;
/// Samples for which the gain stays at 1, and then falls in a straight line to 0.
const HOLD: usize = 80;
/// Samples from full gain to silence, after [`HOLD`].
const FADE: usize = 400;

/// The last samples heard, and where the synthetic signal is in them.
pub(crate) struct Concealment {
    sample_rate: usize,
    /// Three of the longest pitch periods, oldest first.
    history: Box<[i16]>,
    /// One pitch period, ready to be repeated; empty (`period` 0) outside a loss.
    cycle: Box<[i16]>,
    period: usize,
    /// Samples made since the loss began.
    made: usize,
}

impl Concealment {
    /// For a codec of `sample_rate` samples a second, at least 8,000.
    pub(crate) fn new(sample_rate: u32) -> Self {
        let sample_rate = sample_rate as usize;
        let longest = (MAX_PERIOD * sample_rate).div_ceil(BASE_RATE);
        Self {
            sample_rate,
            history: vec![0; 3 * longest].into(),
            cycle: vec![0; longest].into(),
            period: 0,
            made: 0,
        }
    }

    /// Remembers a decoded packet. The first one after a loss is cross-faded with what the
    /// concealment would have played next.
    pub(crate) fn received(&mut self, pcm: &mut [i16]) {
        if self.period > 0 {
            let overlap = self.scaled(OVERLAP).min(pcm.len());
            for (i, sample) in pcm[..overlap].iter_mut().enumerate() {
                let synthetic = self.next_sample();
                *sample = mix(synthetic, *sample, i, overlap);
            }
            self.period = 0;
            self.made = 0;
        }
        self.remember(pcm);
    }

    /// Fills `out` with the continuation of what was heard; returns its length.
    pub(crate) fn conceal(&mut self, out: &mut [i16]) -> usize {
        if self.period == 0 {
            self.begin();
        }
        for sample in out.iter_mut() {
            *sample = self.next_sample();
        }
        out.len()
    }

    /// Finds the pitch and makes one period whose end runs into its beginning.
    fn begin(&mut self) {
        let (period, overlap) = (self.pitch_period(), self.scaled(OVERLAP));
        let start = self.history.len() - period;
        self.cycle[..period].copy_from_slice(&self.history[start..]);
        // The tail of the cycle fades into the samples that came before its head, so that the
        // seam of each repetition is smooth.
        for i in 0..overlap {
            let tail = period - overlap + i;
            let before_head = self.history[start - overlap + i];
            self.cycle[tail] = mix(self.cycle[tail], before_head, i, overlap);
        }
        self.period = period;
        self.made = 0;
    }

    fn next_sample(&mut self) -> i16 {
        let (hold, fade) = (self.scaled(HOLD), self.scaled(FADE));
        let sample = i32::from(self.cycle[self.made % self.period]);
        let gain = (hold + fade).saturating_sub(self.made).min(fade) as i32;
        self.made += 1;
        (sample * gain / fade as i32) as i16
    }

    /// The lag at which the latest 20 ms resemble the history most.
    fn pitch_period(&self) -> usize {
        let step = self.sample_rate / BASE_RATE;
        let template = self.history.len() - self.scaled(TEMPLATE);
        let resemblance = |lag: usize| {
            let latest = self.history[template..].iter().step_by(step);
            let earlier = self.history[template - lag..].iter().step_by(step);
            let (mut product, mut energy) = (0i64, 1i64);
            for (&a, &b) in latest.zip(earlier) {
                product += i64::from(a) * i64::from(b);
                energy += i64::from(b) * i64::from(b);
            }
            product as f64 / (energy as f64).sqrt()
        };
        let longest = self.scaled(MAX_PERIOD);
        (self.scaled(MIN_PERIOD)..=longest)
            .step_by(step)
            .map(|lag| (lag, resemblance(lag)))
            .max_by(|a, b| a.1.total_cmp(&b.1))
            .map_or(longest, |(lag, _)| lag)
    }

    fn remember(&mut self, pcm: &[i16]) {
        let room = self.history.len();
        let latest = &pcm[pcm.len().saturating_sub(room)..];
        self.history.copy_within(latest.len().., 0);
        self.history[room - latest.len()..].copy_from_slice(latest);
    }

    /// A length at 8 kHz in samples of ours.
    fn scaled(&self, samples: usize) -> usize {
        samples * self.sample_rate / BASE_RATE
    }
}

/// `from` fading into `to`, at step `i` of `steps`.
fn mix(from: i16, to: i16, i: usize, steps: usize) -> i16 {
    let (i, steps) = (i as i32 + 1, steps as i32 + 1);
    ((i32::from(from) * (steps - i) + i32::from(to) * i) / steps) as i16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::{level_at, peak, sine};

    const FRAME: usize = 160;

    #[test]
    fn a_lost_packet_of_a_voice_goes_on_at_its_pitch() {
        let mut voice = sine(125.0, 8_000.0, 8_000, 4 * FRAME);
        let mut concealment = Concealment::new(8_000);
        for frame in voice.chunks_mut(FRAME) {
            concealment.received(frame);
        }
        let mut out = [0; FRAME];
        assert_eq!(concealment.conceal(&mut out), FRAME);
        assert!(level_at(&out[..64], 8_000, 125.0) > 6_000.0);
        let seam = i32::from(out[0]) - i32::from(voice[4 * FRAME - 1]);
        assert!(seam.abs() < 1_600, "a click of {seam}");
    }

    #[test]
    fn a_long_loss_fades_to_silence() {
        let mut voice = sine(200.0, 8_000.0, 8_000, 4 * FRAME);
        let mut concealment = Concealment::new(8_000);
        concealment.received(&mut voice);
        let peaks: Vec<u16> = (0..5)
            .map(|_| {
                let mut out = [0; FRAME];
                concealment.conceal(&mut out);
                peak(&out)
            })
            .collect();
        assert!(peaks.is_sorted_by(|a, b| a >= b), "{peaks:?}");
        assert_eq!(peaks[3..], [0, 0]);
    }

    #[test]
    fn nothing_heard_is_concealed_as_silence() {
        let mut out = [1; 480];
        Concealment::new(8_000).conceal(&mut out);
        assert_eq!(peak(&out), 0);
    }

    #[test]
    fn the_first_packet_after_a_loss_fades_in() {
        let mut concealment = Concealment::new(8_000);
        concealment.received(&mut [8_000; 480]);
        concealment.conceal(&mut [0; FRAME]);
        let mut next = [-8_000; FRAME];
        concealment.received(&mut next);
        assert!(next[0] > 0);
        assert_eq!(next[OVERLAP..], [-8_000; FRAME - OVERLAP]);
    }
}
