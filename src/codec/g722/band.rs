//! One band of G.722 as adaptive differential PCM. Block names and numbers are those of the
//! recommendation, ITU-T G.722 §3 (encoder) and §4 (decoder).

/// The low band: 6 bits a sample, of which the prediction uses 4.
pub(super) struct LowBand {
    predictor: Predictor,
    scale: Scale,
}

/// The high band: 2 bits a sample.
pub(super) struct HighBand {
    predictor: Predictor,
    scale: Scale,
}

impl LowBand {
    pub(super) fn new() -> Self {
        Self {
            predictor: Predictor::default(),
            scale: Scale::new(&LOW_SCALE),
        }
    }

    /// The 6-bit code of the band's next sample.
    pub(super) fn encode(&mut self, sample: i32) -> u8 {
        // SUBTRA
        let error = saturate(sample - self.predictor.signal);
        // QUANTL
        let magnitude = if error >= 0 { error } else { !error };
        let is_below = |level: &&i32| magnitude >= (**level * self.scale.step) >> 12;
        let level = LOW_LEVELS.iter().take_while(is_below).count();
        let code = if error < 0 {
            LOW_NEGATIVE[level]
        } else {
            // Codes fall as the level rises.
            61 - level as u8
        };
        self.adapt(code);
        code
    }

    /// The sample of a 6-bit code, limited to 15 bits.
    pub(super) fn decode(&mut self, code: u8) -> i16 {
        // INVQBL, RECONS, LIMIT
        let error = self.scale.error(LOW_STEPS_6[usize::from(code)]);
        let sample = limit(self.predictor.signal + error);
        self.adapt(code);
        sample
    }

    fn adapt(&mut self, code: u8) {
        // INVQAL, LOGSCL, SCALEL
        let coarse = usize::from(code >> 2);
        let error = self.scale.error(LOW_STEPS_4[coarse]);
        self.scale.adapt(&LOW_SCALE, LOW_WEIGHTS[coarse]);
        self.predictor.adapt(error);
    }
}

impl HighBand {
    pub(super) fn new() -> Self {
        Self {
            predictor: Predictor::default(),
            scale: Scale::new(&HIGH_SCALE),
        }
    }

    /// The 2-bit code of the band's next sample.
    pub(super) fn encode(&mut self, sample: i32) -> u8 {
        // SUBTRA
        let error = saturate(sample - self.predictor.signal);
        // QUANTH
        let magnitude = if error >= 0 { error } else { !error };
        let is_large = magnitude >= (HIGH_LEVEL * self.scale.step) >> 12;
        let code = match (error < 0, is_large) {
            (true, false) => 1,
            (true, true) => 0,
            (false, false) => 3,
            (false, true) => 2,
        };
        self.adapt(code);
        code
    }

    /// The sample of a 2-bit code, limited to 15 bits.
    pub(super) fn decode(&mut self, code: u8) -> i16 {
        // RECONS, LIMIT
        let signal = self.predictor.signal;
        limit(signal + self.adapt(code))
    }

    fn adapt(&mut self, code: u8) -> i32 {
        // INVQAH, LOGSCH, SCALEH
        let code = usize::from(code);
        let error = self.scale.error(HIGH_STEPS[code]);
        self.scale.adapt(&HIGH_SCALE, HIGH_WEIGHTS[code]);
        self.predictor.adapt(error);
        error
    }
}

/// The adaptive step of the quantiser, kept as a logarithm.
struct Scale {
    logarithm: i32,
    /// DETL, DETH.
    step: i32,
}

/// How the steps of one band differ.
struct ScaleRange {
    max_logarithm: i32,
    /// Binary digits that the table of the logarithm is shifted by at 0.
    shift: i32,
    /// At the start.
    step: i32,
}

impl Scale {
    fn new(range: &ScaleRange) -> Self {
        Self {
            logarithm: 0,
            step: range.step,
        }
    }

    fn error(&self, steps: i32) -> i32 {
        (self.step * steps) >> 15
    }

    fn adapt(&mut self, range: &ScaleRange, weight: i32) {
        let logarithm = ((self.logarithm * 127) >> 7) + weight;
        self.logarithm = logarithm.clamp(0, range.max_logarithm);
        let mantissa = LOGARITHM[(self.logarithm >> 6 & 31) as usize];
        let shift = range.shift - (self.logarithm >> 11);
        let step = if shift < 0 {
            mantissa << -shift
        } else {
            mantissa >> shift
        };
        self.step = step << 2;
    }
}

/// Predicts the next sample of a band from two poles and six zeros that follow the signal
/// (block 4).
#[derive(Default)]
struct Predictor {
    /// The prediction, and the part of it that comes from the zeros.
    signal: i32,
    from_zeros: i32,
    /// Reconstructed samples, latest first.
    reconstructed: [i32; 2],
    poles: [i32; 2],
    /// Partially reconstructed samples, latest first; only their signs count.
    partial: [i32; 2],
    /// Differences, latest first.
    errors: [i32; 6],
    zeros: [i32; 6],
}

impl Predictor {
    fn adapt(&mut self, error: i32) {
        // RECONS, PARREC
        let reconstructed = saturate(self.signal + error);
        let partial = saturate(self.from_zeros + error);
        self.adapt_poles(partial);
        self.adapt_zeros(error);
        // DELAYA
        self.reconstructed = [reconstructed, self.reconstructed[0]];
        self.partial = [partial, self.partial[0]];
        self.errors.copy_within(..5, 1);
        self.errors[0] = error;
        // FILTEP
        let pole = |i: usize| scaled(self.poles[i], saturate(2 * self.reconstructed[i]));
        let from_poles = saturate(pole(0) + pole(1));
        // FILTEZ
        let products = self.zeros.iter().zip(&self.errors);
        let from_zeros: i32 = products
            .map(|(&zero, &error)| scaled(zero, saturate(2 * error)))
            .sum();
        self.from_zeros = saturate(from_zeros);
        // PREDIC
        self.signal = saturate(from_poles + self.from_zeros);
    }

    /// UPPOL2, UPPOL1
    fn adapt_poles(&mut self, partial: i32) {
        let [first, second] = self.poles;
        let like_last = same_sign(partial, self.partial[0]);
        let like_before = same_sign(partial, self.partial[1]);
        let pull = saturate(first << 2);
        let pull = if like_last { -pull } else { pull }.min(32_767);
        let step = if like_before { 128 } else { -128 };
        let second = ((pull >> 7) + step + scaled(second, 32_512)).clamp(-12_288, 12_288);
        let step = if like_last { 192 } else { -192 };
        let bound = saturate(15_360 - second);
        let first = saturate(step + scaled(first, 32_640)).clamp(-bound, bound);
        self.poles = [first, second];
    }

    /// UPZERO
    fn adapt_zeros(&mut self, error: i32) {
        let step = if error == 0 { 0 } else { 128 };
        for (zero, &earlier) in self.zeros.iter_mut().zip(&self.errors) {
            let step = if same_sign(error, earlier) {
                step
            } else {
                -step
            };
            *zero = saturate(step + scaled(*zero, 32_640));
        }
    }
}

fn scaled(value: i32, factor: i32) -> i32 {
    (value * factor) >> 15
}

fn same_sign(a: i32, b: i32) -> bool {
    (a ^ b) >= 0
}

fn saturate(value: i32) -> i32 {
    value.clamp(i16::MIN.into(), i16::MAX.into())
}

/// To 15 bits.
fn limit(value: i32) -> i16 {
    value.clamp(-16_384, 16_383) as i16
}

const LOW_SCALE: ScaleRange = ScaleRange {
    max_logarithm: 18_432,
    shift: 8,
    step: 32,
};
const HIGH_SCALE: ScaleRange = ScaleRange {
    max_logarithm: 22_528,
    shift: 10,
    step: 8,
};

/// Decision levels of the 6-bit quantiser (Q6 of table 14).
const LOW_LEVELS: [i32; 29] = [
    35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1023,
    1121, 1219, 1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919,
];
/// Codes of negative differences; their two smallest are out of line.
const LOW_NEGATIVE: [u8; 30] = [
    63, 62, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10,
    9, 8, 7, 6, 5, 4,
];
/// Differences by the upper 4 bits of a code (QM4 of table 17).
const LOW_STEPS_4: [i32; 16] = [
    0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584,
    1200, 0,
];
/// Differences by all 6 bits of a code (QM6).
const LOW_STEPS_6: [i32; 64] = [
    -136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232,
    -9360, -8576, -7856, -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776,
    -2400, -2032, -1688, -1360, -1040, -728, 24808, 21904, 19008, 16704, 14984, 13512, 12280,
    11192, 10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456, 4944, 4464, 4008, 3576, 3168, 2776,
    2400, 2032, 1688, 1360, 1040, 728, 432, 136, -432, -136,
];
/// What the logarithm of the step grows by, by the upper 4 bits of a code (WL by RL42).
const LOW_WEIGHTS: [i32; 16] = [
    -60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60,
];
/// Decision level of the 2-bit quantiser.
const HIGH_LEVEL: i32 = 564;
/// Differences by code (QM2).
const HIGH_STEPS: [i32; 4] = [-7408, -1616, 7408, 1616];
/// What the logarithm of the step grows by, by code (WH by RH2).
const HIGH_WEIGHTS: [i32; 4] = [798, -214, 798, -214];
/// Powers of two between 2048 and 4096 (ILB).
const LOGARITHM: [i32; 32] = [
    2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834,
    2896, 2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
];
