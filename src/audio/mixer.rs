//! Mixing: sums of 20 ms frames, and what each listener hears of them.
//!
//! A [`Band`] is the mix at one sample rate. Everybody's frame is added up in 32 bits, and who
//! speaks hears the sum without itself, exact to the sample. Where that is loud it is rounded off
//! sample by sample; no loud peak makes anything else quieter. Who says what at which rate is
//! [`super::voice`]'s; who is in the mix, and who hears which, is the room's. Media thread;
//! allocates in [`Band::new`] only.

/// Samples of a frame at the highest rate, 48 kHz.
pub const MAX_MIX_SAMPLES: usize = 960;

/// Samples of the frame of one mix at `rate` hertz: 20 ms.
pub fn frame_samples(rate: u32) -> usize {
    rate as usize / 50
}

/// The largest magnitude that passes unchanged: -3 dBFS.
pub const KNEE: i32 = 23_198;
/// What is left above the knee.
const HEADROOM: f32 = 32_767.0 - KNEE as f32;
/// How long what ends in the middle of a wave fades, in parts of a second: 5 ms.
pub(super) const FADES_PER_SECOND: u32 = 200;

/// The mix at one sample rate.
#[derive(Debug)]
pub struct Band {
    rate: u32,
    /// Meaningless while `state` is silent.
    sum: Box<[i32]>,
    /// What is left of voices that ended, for the next frame.
    tail: Box<[i32]>,
    has_tail: bool,
    common: Box<[i16]>,
    rest: Box<[i32]>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Silent,
    /// `sum` holds the frame.
    Added,
    /// And `common` too.
    Rounded,
}

impl Band {
    /// A silent mix at `rate` hertz, at most 48,000. Allocates.
    pub fn new(rate: u32) -> Self {
        let samples = frame_samples(rate).min(MAX_MIX_SAMPLES);
        Self {
            rate,
            sum: vec![0; samples].into(),
            tail: vec![0; (rate / FADES_PER_SECOND) as usize].into(),
            has_tail: false,
            common: vec![0; samples].into(),
            rest: vec![0; samples].into(),
            state: State::Silent,
        }
    }

    /// In hertz.
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// Begins the next frame.
    pub fn begin(&mut self) {
        self.state = State::Silent;
        if std::mem::take(&mut self.has_tail) {
            let (head, rest) = self.sum.split_at_mut(self.tail.len());
            head.copy_from_slice(&self.tail);
            rest.fill(0);
            self.tail.fill(0);
            self.state = State::Added;
        }
    }

    /// Adds a frame of [`frame_samples`] samples; a shorter one is none.
    pub fn add(&mut self, pcm: &[i16]) {
        if pcm.len() < self.sum.len() {
            return;
        }
        if self.state == State::Silent {
            for (sum, &sample) in self.sum.iter_mut().zip(pcm) {
                *sum = i32::from(sample);
            }
        } else {
            for (sum, &sample) in self.sum.iter_mut().zip(pcm) {
                *sum += i32::from(sample);
            }
        }
        self.state = State::Added;
    }

    /// The voice whose last frame was `pcm` says no more: lets it fade away in the next frame. It
    /// goes on backwards, so that nothing jumps.
    pub fn fade_out(&mut self, pcm: &[i16]) {
        let steps = self.tail.len() as i32;
        for ((tail, &sample), step) in self.tail.iter_mut().zip(pcm.iter().rev()).zip(1..) {
            *tail += i32::from(sample) * (steps - step) / steps;
        }
        self.has_tail = true;
    }

    /// Whether nobody is heard in this frame.
    pub fn is_silent(&self) -> bool {
        self.state == State::Silent
    }

    /// What everybody hears who adds nothing to this frame.
    pub fn common(&mut self) -> &[i16] {
        match self.state {
            State::Silent => self.common.fill(0),
            State::Added => {
                round(&self.sum, &mut self.common);
                self.state = State::Rounded;
            }
            State::Rounded => {}
        }
        &self.common
    }

    /// What somebody hears of whom `parts` were added: the frame without them.
    pub fn without<'a>(&mut self, parts: impl Iterator<Item = &'a [i16]>, out: &mut [i16]) {
        if self.state == State::Silent {
            return out.fill(0);
        }
        self.rest.copy_from_slice(&self.sum);
        for part in parts {
            for (rest, &sample) in self.rest.iter_mut().zip(part) {
                *rest -= i32::from(sample);
            }
        }
        round(&self.rest, out);
    }
}

/// Brings sums into the range of samples.
pub fn round(sums: &[i32], out: &mut [i16]) {
    let mut peak = 0;
    for (out, &sum) in out.iter_mut().zip(sums) {
        peak = peak.max(sum.unsigned_abs());
        *out = sum as i16;
    }
    if peak > KNEE.unsigned_abs() {
        for (out, &sum) in out.iter_mut().zip(sums) {
            *out = round_off(sum);
        }
    }
}

/// Up to the knee the sample itself; above, ever less of what is more, never quite full scale.
fn round_off(sum: i32) -> i16 {
    if sum.abs() <= KNEE {
        return sum as i16;
    }
    let over = (sum.abs() - KNEE) as f32 / HEADROOM;
    let magnitude = KNEE + (HEADROOM * over / (1.0 + over)) as i32;
    (magnitude * sum.signum()) as i16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::{level_at, peak, sine};

    fn mixed(frames: &[Vec<i16>]) -> Band {
        let mut band = Band::new(8_000);
        band.begin();
        frames.iter().for_each(|frame| band.add(frame));
        band
    }

    fn without(band: &mut Band, own: &[i16]) -> Vec<i16> {
        let mut out = vec![0; own.len()];
        band.without(std::iter::once(own), &mut out);
        out
    }

    #[test]
    fn everyone_hears_exactly_the_others() {
        let voices: Vec<_> = [300.0, 500.0, 700.0]
            .map(|hertz| sine(hertz, 7_000.0, 8_000, 160))
            .into();
        let mut band = mixed(&voices);
        for own in 0..3 {
            let (a, b) = (&voices[(own + 1) % 3], &voices[(own + 2) % 3]);
            let others: Vec<_> = a.iter().zip(b).map(|(a, b)| a + b).collect();
            assert_eq!(without(&mut band, &voices[own]), others);
        }
        let all: Vec<_> = (0..160)
            .map(|n| voices.iter().map(|v| v[n]).sum::<i16>())
            .collect();
        assert_eq!(band.common(), all);
    }

    #[test]
    fn ten_at_full_scale_neither_wrap_nor_clip_hard() {
        let loud = vec![sine(400.0, 32_767.0, 8_000, 160); 10];
        let mut band = mixed(&loud);
        let heard = band.common().to_vec();
        assert!((31_000..32_767).contains(&peak(&heard)));
        assert!(
            heard
                .iter()
                .zip(&loud[0])
                .all(|(a, b)| a.signum() == b.signum())
        );
    }

    #[test]
    fn a_loud_peak_leaves_the_rest_of_the_frame_alone() {
        let mut voice = sine(400.0, 10_000.0, 8_000, 160);
        let quiet = voice.clone();
        (voice[80], voice[81]) = (32_767, 32_767);
        let mut band = mixed(&[voice, quiet.clone()]);
        let doubled = quiet.iter().map(|sample| sample * 2);
        for (n, (heard, expected)) in band.common().iter().zip(doubled).enumerate() {
            assert!(*heard == expected || (80..82).contains(&n));
        }
    }

    #[test]
    fn rounding_rises_evenly_to_full_scale() {
        let mut last = 0;
        for sum in 0..400_000 {
            let sample = i32::from(round_off(sum));
            assert!((0..=1).contains(&(sample - last)), "{sum}");
            assert_eq!(i32::from(round_off(-sum)), -sample);
            assert!(sum > KNEE || sample == sum);
            last = sample;
        }
        assert!(last < 32_767);
    }

    #[test]
    fn a_voice_that_ends_at_its_peak_does_not_click() {
        let pcm = sine(200.0, 10_000.0, 8_000, 170);
        let mut band = mixed(&[pcm[10..].to_vec()]);
        let mut heard = band.common().to_vec();
        band.fade_out(&pcm[10..]);
        band.begin();
        heard.extend(band.common());
        band.begin();
        assert!(band.is_silent());
        let steps = heard.windows(2).map(|pair| pair[0].abs_diff(pair[1]));
        assert!(steps.max().unwrap() < 2_000);
        assert!(level_at(&heard[200..], 8_000, 200.0) < 1.0);
    }
}
