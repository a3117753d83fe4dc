//! Packet loss concealment for codecs that have none of their own.
//!
//! In the manner of ITU-T G.711 Appendix I, at any sample rate: the last pitch period heard is
//! repeated, joined to itself by a short cross-fade, and fades to silence within 60 ms. The first
//! sample made goes on where the last one heard was, and the first samples after the loss are
//! cross-faded with the synthetic signal, longer after a long loss.

use super::pitch::{best_lag, longest_period, mix};

/// The last samples heard, and where the synthetic signal is in them.
pub(crate) struct Concealment {
    sample_rate: u32,
    /// As much as the search for the pitch looks at: [`TEMPLATE_MS`] and the longest period.
    history: Box<[i16]>,
    /// One pitch period, ready to be repeated; empty (`period` 0) outside a loss.
    cycle: Box<[i16]>,
    period: usize,
    /// Samples made since the loss began.
    made: usize,
    /// From the synthetic signal to the last sample heard; fades at once.
    offset: i32,
}

impl Concealment {
    /// Allocates all the memory it will ever use: 1 KiB for 8 kHz, growing with the rate.
    pub(crate) fn new(sample_rate: u32) -> Self {
        let longest = longest_period(sample_rate);
        let template = samples(sample_rate, TEMPLATE_MS);
        Self {
            sample_rate,
            history: vec![0; template + longest].into(),
            cycle: vec![0; longest].into(),
            period: 0,
            made: 0,
            offset: 0,
        }
    }

    /// Remembers a decoded packet. The first one after a loss is cross-faded with what the
    /// concealment would have played next.
    pub(crate) fn received(&mut self, pcm: &mut [i16]) {
        if self.period > 0 {
            let longest = samples(self.sample_rate, LONGEST_RETURN_MS);
            let overlap = (self.overlap() + self.made / 4).min(longest).min(pcm.len());
            for (i, sample) in pcm[..overlap].iter_mut().enumerate() {
                let synthetic = self.next_sample();
                *sample = mix(synthetic, *sample, i, overlap);
            }
            self.period = 0;
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
        let period = self.pitch_period();
        let overlap = self.overlap().min(period);
        let end = self.history.len();
        let start = end - period;
        self.cycle[..period].copy_from_slice(&self.history[start..]);
        // The tail of the cycle fades into the samples that came before its head, so that the
        // seam of each repetition is smooth.
        for i in 0..overlap {
            let tail = period - overlap + i;
            let before_head = self.history[start - overlap + i];
            self.cycle[tail] = mix(self.cycle[tail], before_head, i, overlap);
        }
        self.offset = i32::from(self.history[end - 1]) - i32::from(self.history[start - 1]);
        self.period = period;
        self.made = 0;
    }

    fn next_sample(&mut self) -> i16 {
        let hold = samples(self.sample_rate, HOLD_MS);
        let fade = samples(self.sample_rate, FADE_MS);
        let overlap = self.overlap();
        let gain = (hold + fade).saturating_sub(self.made).min(fade) as i32;
        let mut sample = i32::from(self.cycle[self.made % self.period]) * gain / fade as i32;
        if self.made < overlap {
            sample += self.offset * (overlap - self.made) as i32 / (overlap + 1) as i32;
        }
        self.made += 1;
        sample.clamp(i16::MIN.into(), i16::MAX.into()) as i16
    }

    /// The lag at which the latest 20 ms resemble the history most.
    fn pitch_period(&self) -> usize {
        let longest = longest_period(self.sample_rate);
        let shortest = samples(self.sample_rate, SHORTEST_PERIOD_MS);
        best_lag(
            &self.history,
            self.sample_rate,
            shortest..=longest,
            |pcm, lag| {
                let end = pcm.len();
                let template = end - end * longest / self.history.len();
                let earlier = pcm.get((end - template).checked_sub(lag)?..end - lag)?;
                Some((&pcm[end - template..], earlier))
            },
        )
        .map_or(longest, |(lag, _)| lag)
    }

    /// Length of a cross-fade: 2.5 ms.
    fn overlap(&self) -> usize {
        (self.sample_rate / 400) as usize
    }

    fn remember(&mut self, pcm: &[i16]) {
        let latest = &pcm[pcm.len().saturating_sub(self.history.len())..];
        let kept = self.history.len() - latest.len();
        self.history.copy_within(latest.len().., 0);
        self.history[kept..].copy_from_slice(latest);
    }
}

fn samples(sample_rate: u32, ms: u32) -> usize {
    (sample_rate * ms / 1_000) as usize
}

/// 200 Hz; a higher voice is repeated by several of its periods.
const SHORTEST_PERIOD_MS: u32 = 5;
/// Length of the stretch that is compared when the pitch is looked for.
const TEMPLATE_MS: u32 = 20;
/// How long the gain stays at 1, and then falls in a straight line to 0.
const HOLD_MS: u32 = 10;
const FADE_MS: u32 = 50;
/// The longest cross-fade from the synthetic signal to the real one.
const LONGEST_RETURN_MS: u32 = 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::{largest_step, level_at, peak, sine};

    const FRAME: usize = 160;
    const RATES: [u32; 5] = [8_000, 16_000, 24_000, 44_100, 48_000];

    #[test]
    fn a_lost_packet_of_a_voice_goes_on_at_its_pitch_at_every_rate() {
        for rate in RATES {
            let frame = rate as usize / 50;
            let mut voice = sine(125.0, 8_000.0, rate, 4 * frame);
            let mut concealment = Concealment::new(rate);
            for frame in voice.chunks_mut(frame) {
                concealment.received(frame);
            }
            let mut out = vec![0; frame];
            assert_eq!(concealment.conceal(&mut out), frame);
            assert!(level_at(&out[..frame / 5 * 2], rate, 125.0) > 6_000.0);
            let seam = i32::from(out[0]) - i32::from(voice[4 * frame - 1]);
            assert!(seam.abs() < 900, "{rate}: a click of {seam}");
        }
    }

    #[test]
    fn no_loss_clicks_at_its_beginning_or_end() {
        for rate in RATES {
            for hertz in [90.0, 130.0, 217.0, 440.0] {
                for lost in 1..=4 {
                    let frame = rate as usize / 50;
                    let mut voice = sine(hertz, 8_000.0, rate, 12 * frame);
                    let steps = largest_step(&voice);
                    let mut concealment = Concealment::new(rate);
                    for (n, pcm) in voice.chunks_mut(frame).enumerate() {
                        if (6..6 + lost).contains(&n) {
                            concealment.conceal(pcm);
                        } else {
                            concealment.received(pcm);
                        }
                    }
                    let step = largest_step(&voice);
                    let limit = steps * 3 / 2 + 500 * 8_000 / rate + 50;
                    assert!(step < limit, "{hertz} Hz at {rate}, {lost} lost: {step}");
                }
            }
        }
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
        assert_eq!(next[80..], [-8_000; FRAME - 80]);
    }
}
