//! Keys heard as tones in the audio (ITU-T Q.23, Q.24).
//!
//! The audio is cut into blocks of 8 ms, and for each a bank of Goertzel filters tells how strong
//! each of the eight tones was and with what phase. Three blocks in a row make a window. From its
//! phases follows the true frequency of a tone, to a few hertz where the filters alone see only
//! some hundred; so a window can be summed up at that frequency. A window holds a key if one row and one
//! column are steady, close to their nominal frequencies, of similar level, and together nearly
//! all there is to hear: that last condition is what tells a key from speech, whose harmonics and
//! formants lie elsewhere. Two windows in a row with the same key begin it, three blocks without it end it.
//!
//! Which keys of several sources are one is not decided here.

use std::f32::consts::{PI, TAU};
use std::ops::{Add, Mul};

use super::dtmf::{COLUMNS_HZ, PEAK_0_DBM0, ROWS_HZ, key_at};
use crate::rtp::{Digit, DigitPress};

/// Hears keys in a steady flow of audio.
///
/// It hears tones of 38 ms and none of 24 ms, and tells two equal keys apart that are 40 ms apart.
/// Media thread; never allocates.
#[derive(Debug, Clone)]
pub struct DtmfDetector {
    sample_rate: u32,
    bank: Bank,
    /// The latest blocks, the latest last.
    window: [Block; WINDOW],
    /// What the latest window held.
    candidate: Option<Pair>,
    held: Option<Held>,
}

impl DtmfDetector {
    /// For audio of `sample_rate` samples a second, at least 8,000.
    pub fn new(sample_rate: u32) -> Self {
        Self {
            sample_rate,
            bank: Bank::new(sample_rate),
            window: [Block::default(); WINDOW],
            candidate: None,
            held: None,
        }
    }

    /// Samples a second of the audio.
    pub fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    /// Takes the next samples, and tells `report` of each key that ended in them.
    pub fn hear(&mut self, pcm: &[i16], mut report: impl FnMut(DigitPress)) {
        let mut rest = pcm;
        while !rest.is_empty() {
            let (part, later) = rest.split_at(self.bank.room().min(rest.len()));
            rest = later;
            if let Some(block) = self.bank.push(part)
                && let Some(press) = self.take_block(block)
            {
                report(press);
            }
        }
    }

    fn take_block(&mut self, block: Block) -> Option<DigitPress> {
        self.window.rotate_left(1);
        self.window[WINDOW - 1] = block;
        let pair = self.bank.pair_in(&self.window);
        let repeated = pair.filter(|pair| self.candidate.is_some_and(|before| before.is(pair)));
        self.candidate = pair;
        if let Some(held) = &mut self.held
            && repeated.is_none_or(|pair| held.pair.is(&pair))
        {
            let ended = held.take_block(&block);
            return ended.then(|| self.held.take())?.map(Held::press);
        }
        let begun = repeated.and_then(Held::new)?;
        self.held.replace(begun).map(Held::press)
    }
}

/// A row and a column that sound together.
#[derive(Debug, Clone, Copy)]
struct Pair {
    row: Sine,
    column: Sine,
}

/// One of the eight tones.
#[derive(Debug, Clone, Copy)]
struct Sine {
    /// Rows are 0 to 3, columns 4 to 7.
    tone: usize,
    /// Its peak, in samples.
    peak: f32,
    /// The same as the filter of the tone shows it, which is less if the frequency is a bit off.
    shown: f32,
    /// Its true frequency.
    hertz: f32,
}

impl Pair {
    fn is(&self, other: &Self) -> bool {
        self.row.tone == other.row.tone && self.column.tone == other.column.tone
    }

    /// Whether both are harmonics of one voice or string, as no row and column of a key are.
    fn is_harmonic(&self) -> bool {
        let ratio = self.column.hertz / self.row.hertz;
        let is = |harmonic: &f32| (ratio / harmonic - 1.0).abs() < 0.005;
        HARMONIC_RATIOS.iter().any(is)
    }
}

/// A key that sounds.
#[derive(Debug, Clone, Copy)]
struct Held {
    digit: Digit,
    pair: Pair,
    /// Blocks from its beginning on.
    blocks: u32,
    /// Blocks since it was last there.
    missing: u32,
}

impl Held {
    fn new(pair: Pair) -> Option<Self> {
        Some(Self {
            digit: key_at(pair.row.tone, pair.column.tone - ROWS_HZ.len())?,
            pair,
            blocks: WINDOW as u32 + 1,
            missing: 0,
        })
    }

    /// Whether the key is over.
    fn take_block(&mut self, block: &Block) -> bool {
        let there = |sine: &Sine| block.tones[sine.tone].length() > STILL_THERE * sine.shown;
        if there(&self.pair.row) && there(&self.pair.column) {
            self.blocks += self.missing + 1;
            self.missing = 0;
        } else {
            self.missing += 1;
        }
        self.missing == MAX_GAP
    }

    fn press(self) -> DigitPress {
        DigitPress {
            digit: self.digit,
            duration_ms: self.blocks * BLOCK_MS,
        }
    }
}

/// What was heard in 8 ms.
#[derive(Debug, Clone, Copy, Default)]
struct Block {
    /// Peak and phase of each tone; see [`Bank`].
    tones: [Complex; TONES],
    /// Mean square of the samples.
    power: f32,
}

/// A Goertzel filter for each tone.
///
/// The phase of a block is that at its beginning, but for a constant of each tone: from block to
/// block it goes on by `turn` if the frequency is exact.
#[derive(Debug, Clone)]
struct Bank {
    /// Samples of a block.
    samples: usize,
    filled: usize,
    /// 2 cos w, and e^-jw, for the angular frequency w of each tone.
    coefficients: [f32; TONES],
    steps: [Complex; TONES],
    /// Radians from block to block.
    turns: [f32; TONES],
    last: [f32; TONES],
    before: [f32; TONES],
    energy: f32,
}

impl Bank {
    fn new(sample_rate: u32) -> Self {
        let samples = (sample_rate * BLOCK_MS / 1_000).max(1);
        let angle = |tone: usize| TAU * hertz(tone) / sample_rate as f32;
        Self {
            samples: samples as usize,
            filled: 0,
            coefficients: std::array::from_fn(|tone| 2.0 * angle(tone).cos()),
            steps: std::array::from_fn(|tone| Complex::turned(-angle(tone))),
            turns: std::array::from_fn(|tone| angle(tone) * samples as f32),
            last: [0.0; TONES],
            before: [0.0; TONES],
            energy: 0.0,
        }
    }

    /// Samples until the block is full, at least one.
    fn room(&self) -> usize {
        self.samples - self.filled
    }

    /// Takes samples for which there is room; the block once it is full.
    fn push(&mut self, pcm: &[i16]) -> Option<Block> {
        let (mut last, mut before, mut energy) = (self.last, self.before, self.energy);
        for &sample in pcm {
            let sample = f32::from(sample);
            energy += sample * sample;
            for tone in 0..TONES {
                let next = sample + self.coefficients[tone] * last[tone] - before[tone];
                before[tone] = last[tone];
                last[tone] = next;
            }
        }
        self.filled += pcm.len();
        (self.last, self.before, self.energy) = (last, before, energy);
        (self.filled == self.samples).then(|| self.finish())
    }

    fn finish(&mut self) -> Block {
        let scale = 2.0 / self.samples as f32;
        let tone = |tone: usize| {
            let [last, before] = [self.last[tone], self.before[tone]].map(|value| value * scale);
            Complex(last, 0.0) + self.steps[tone] * Complex(-before, 0.0)
        };
        let block = Block {
            tones: std::array::from_fn(tone),
            power: self.energy / self.samples as f32,
        };
        (self.last, self.before) = ([0.0; TONES], [0.0; TONES]);
        (self.filled, self.energy) = (0, 0.0);
        block
    }

    /// The key that sounds all through `window`.
    fn pair_in(&self, window: &[Block; WINDOW]) -> Option<Pair> {
        let power = window.iter().map(|block| block.power).sum::<f32>() / WINDOW as f32;
        if power < MIN_PEAK * MIN_PEAK {
            return None;
        }
        let pair = Pair {
            row: self.sine_in(window, strongest(window, 0..ROWS_HZ.len()))?,
            column: self.sine_in(window, strongest(window, ROWS_HZ.len()..TONES))?,
        };
        let (row, column) = (pair.row.peak, pair.column.peak);
        let level = row * ROW_TWIST > column && column * COLUMN_TWIST > row;
        let alone = (row * row + column * column) / 2.0 > MIN_SHARE * power;
        (level && alone && !pair.is_harmonic()).then_some(pair)
    }

    /// The sine near the frequency of `tone`, if it is steady and close enough.
    fn sine_in(&self, window: &[Block; WINDOW], tone: usize) -> Option<Sine> {
        let parts: [Complex; WINDOW] = std::array::from_fn(|at| window[at].tones[tone]);
        let product = |pair: &[Complex]| pair[1] * pair[0].conjugate();
        let products = parts.windows(2).map(product);
        let turn = products.fold(Complex::default(), Add::add).angle();
        // A full turn more or less looks the same: 125 Hz, where the filter lets nothing through.
        let off = (turn - self.turns[tone]).rem_euclid(TAU);
        let off = if off > PI { off - TAU } else { off };
        let off_hz = off / TAU * BLOCKS_PER_SECOND;
        if off_hz.abs() > MAX_DEVIATION * hertz(tone) {
            return None;
        }
        let aligned = |(at, part): (usize, &Complex)| *part * Complex::turned(-turn * at as f32);
        let sum = parts.iter().enumerate().map(aligned);
        let shown = sum.fold(Complex::default(), Add::add).length() / WINDOW as f32;
        let steady = |part: &Complex| part.length() > MIN_STEADY * shown;
        let peak = shown / response(off_hz / BLOCKS_PER_SECOND);
        let sine = Sine {
            tone,
            peak,
            shown,
            hertz: hertz(tone) + off_hz,
        };
        (peak > MIN_PEAK && parts.iter().all(steady)).then_some(sine)
    }
}

fn hertz(tone: usize) -> f32 {
    let tones = ROWS_HZ.iter().chain(&COLUMNS_HZ);
    tones.copied().nth(tone).map_or(0.0, |hertz| hertz as f32)
}

/// Which of `tones` is the strongest.
fn strongest(window: &[Block; WINDOW], tones: std::ops::Range<usize>) -> usize {
    let power = |tone: usize| {
        let squares = window
            .iter()
            .map(|block| block.tones[tone].length_squared());
        squares.sum::<f32>()
    };
    let first = tones.start;
    tones.fold(first, |best, tone| {
        if power(tone) > power(best) {
            tone
        } else {
            best
        }
    })
}

/// How much of a sine a block shows that is off by this part of the blocks' frequency.
fn response(off: f32) -> f32 {
    let angle = off * PI;
    if angle.abs() < 1e-3 {
        return 1.0;
    }
    angle.sin() / angle
}

#[derive(Debug, Clone, Copy, Default)]
struct Complex(f32, f32);

impl Complex {
    fn turned(angle: f32) -> Self {
        Self(angle.cos(), angle.sin())
    }

    fn conjugate(self) -> Self {
        Self(self.0, -self.1)
    }

    fn angle(self) -> f32 {
        self.1.atan2(self.0)
    }

    fn length(self) -> f32 {
        self.length_squared().sqrt()
    }

    fn length_squared(self) -> f32 {
        self.0 * self.0 + self.1 * self.1
    }
}

impl Add for Complex {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0, self.1 + other.1)
    }
}

impl Mul for Complex {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        Self(
            self.0 * other.0 - self.1 * other.1,
            self.0 * other.1 + self.1 * other.0,
        )
    }
}

const TONES: usize = 8;
/// A whole number of samples at every rate but 44,100 Hz, where it is cut by a fraction of one.
const BLOCK_MS: u32 = 8;
const BLOCKS_PER_SECOND: f32 = 125.0;
/// Blocks of a window.
const WINDOW: usize = 3;
/// Blocks without the tones that end a key. A key is not cut by the 10 ms that ITU-T Q.24 lets a
/// tone fail, nor by a packet that was lost; two keys are told apart by 40 ms, that is four blocks.
const MAX_GAP: u32 = 3;
/// Of the nominal frequency. ITU-T Q.24 wants 1.5 % accepted, and 3.5 % refused.
const MAX_DEVIATION: f32 = 0.025;
/// A tone of a key has at least -38 dBm0.
const MIN_PEAK: f32 = PEAK_0_DBM0 as f32 * 0.012_6;
/// Column above row, and row above column: 4 and 8 dB and some room (ITU-T Q.24, table A-1).
const ROW_TWIST: f32 = 2.0;
const COLUMN_TWIST: f32 = 3.16;
/// What part of the power the two tones have to be. Picked by measuring: noise 12 dB below the
/// tones leaves them 94 %.
const MIN_SHARE: f32 = 0.85;
/// Ratios of small numbers from which those of the keys stay 1 % away even if both tones are 1.5 %
/// off.
const HARMONIC_RATIOS: [f32; 4] = [4.0 / 3.0, 3.0 / 2.0, 5.0 / 3.0, 2.0];
/// The weakest block of a window, to the mean of it.
const MIN_STEADY: f32 = 0.7;
/// How strong a tone has to be, to its beginning, to go on.
const STILL_THERE: f32 = 0.5;

#[cfg(test)]
mod tests;
