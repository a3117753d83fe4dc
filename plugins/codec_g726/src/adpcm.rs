//! The algorithm of ITU-T G.726: one state serves an encoder or a decoder.
//!
//! Names are those of the recommendation. Signals have 14 bits inside, differences are kept as sign
//! and magnitude of 15 bits, and what the predictor multiplies as floating point numbers of 11 bits
//! (FLOATA, FLOATB), so that every encoder and decoder of the world rounds alike.

use crate::tables::Tables;

pub(crate) struct Adpcm {
    tables: &'static Tables,
    /// Locked (slow) scale factor, YL.
    yl: i32,
    /// Unlocked (fast) scale factor, YU.
    yu: i32,
    /// Short term average of F(I), DMS.
    dms: i32,
    /// Long term average of F(I), DML.
    dml: i32,
    /// Speed control, AP.
    ap: i32,
    /// Coefficients of the pole predictor.
    a: [i32; 2],
    /// Coefficients of the zero predictor.
    b: [i32; 6],
    /// Signs of the last two partially reconstructed signals; true below zero.
    pk: [bool; 2],
    /// Last six quantized differences, in floating point.
    dq: [i32; 6],
    /// Last two reconstructed signals, in floating point.
    sr: [i32; 2],
    /// A modem's tone was detected, TD.
    td: bool,
}

/// What is known of a sample before its code is.
struct Prediction {
    /// Contribution of the zero predictor, SEZ.
    sez: i32,
    /// Signal estimate, SE.
    se: i32,
    /// Quantizer scale factor, Y.
    y: i32,
}

/// Zero in floating point.
const FLOAT_ZERO: i32 = 0x20;
/// Zero in floating point, below zero.
const FLOAT_MINUS_ZERO: i32 = FLOAT_ZERO - 0x400;

impl Adpcm {
    pub(crate) fn new(tables: &'static Tables) -> Self {
        Self {
            tables,
            yl: 34_816,
            yu: 544,
            dms: 0,
            dml: 0,
            ap: 0,
            a: [0; 2],
            b: [0; 6],
            pk: [false; 2],
            dq: [FLOAT_ZERO; 6],
            sr: [FLOAT_ZERO; 2],
            td: false,
        }
    }

    /// The code of the next sample.
    pub(crate) fn encode(&mut self, sample: i16) -> u32 {
        let prediction = self.predict();
        let d = (i32::from(sample) >> 2) - prediction.se;
        let code = self.quantize(d, prediction.y);
        self.reconstruct(code, &prediction);
        code
    }

    /// The next sample from its code, of which only the tables' bits may be set.
    pub(crate) fn decode(&mut self, code: u32) -> i16 {
        let prediction = self.predict();
        let signal = self.reconstruct(code, &prediction);
        (signal << 2).clamp(i16::MIN.into(), i16::MAX.into()) as i16
    }

    fn predict(&self) -> Prediction {
        let zeros = self.b.iter().zip(&self.dq);
        let sezi: i32 = zeros.map(|(b, dq)| multiply(b >> 2, *dq)).sum();
        let poles = multiply(self.a[1] >> 2, self.sr[1]) + multiply(self.a[0] >> 2, self.sr[0]);
        Prediction {
            sez: sezi >> 1,
            se: (sezi + poles) >> 1,
            y: self.scale_factor(),
        }
    }

    /// MIX: the fast and the slow scale factor by the speed control.
    fn scale_factor(&self) -> i32 {
        if self.ap >= 256 {
            return self.yu;
        }
        let slow = self.yl >> 6;
        let step = (self.yu - slow) * (self.ap >> 2);
        slow + if step < 0 {
            (step + 0x3f) >> 6
        } else {
            step >> 6
        }
    }

    /// LOG, SUBTB, QUAN.
    fn quantize(&self, d: i32, y: i32) -> u32 {
        let magnitude = d.abs();
        let exponent = bit_length(magnitude >> 1);
        let mantissa = ((magnitude << 7) >> exponent) & 0x7f;
        let level = (exponent << 7) + mantissa - (y >> 2);
        let bounds = self.tables.bounds;
        let interval = bounds.iter().take_while(|bound| level >= **bound).count() as u32;
        let all = (1 << self.tables.bits) - 1;
        // All codes but that of 16 kb/s have no zero: the smallest positive difference has the
        // code of the smallest negative one.
        let has_zero = self.tables.bits == 2;
        if d < 0 || (interval == 0 && !has_zero) {
            all - interval
        } else {
            interval
        }
    }

    /// Reconstructs the signal from its code, and adapts.
    fn reconstruct(&mut self, code: u32, prediction: &Prediction) -> i32 {
        let Prediction { sez, se, y } = *prediction;
        let index = code as usize;
        let negative = code >> (self.tables.bits - 1) & 1 == 1;
        let magnitude = antilog(self.tables.levels[index] + (y >> 2));
        let difference = if negative { -magnitude } else { magnitude };
        let signal = se + difference;
        let scale_change = self.tables.scale_changes[index];
        let speed = self.tables.speeds[index];
        self.adapt(
            y,
            scale_change,
            speed,
            (negative, magnitude),
            signal,
            signal - se + sez,
        );
        signal
    }

    /// `dq` is the difference as sign and magnitude, `dqsez` the partially reconstructed signal.
    fn adapt(
        &mut self,
        y: i32,
        scale_change: i32,
        speed: i32,
        dq: (bool, i32),
        signal: i32,
        dqsez: i32,
    ) {
        let transition = self.is_transition(dq.1);
        self.yu = (y + ((scale_change - y) >> 5)).clamp(544, 5_120);
        self.yl += self.yu + (-self.yl >> 6);
        let sign = dqsez < 0;
        if transition {
            self.a = [0; 2];
            self.b = [0; 6];
        } else {
            self.adapt_poles(sign, dqsez == 0);
            self.adapt_zeros(dq);
        }
        self.dq.copy_within(..5, 1);
        self.dq[0] = float(dq.0, dq.1);
        self.sr[1] = self.sr[0];
        self.sr[0] = if signal == i32::from(i16::MIN) {
            FLOAT_MINUS_ZERO
        } else {
            float(signal < 0, signal.abs())
        };
        self.pk = [sign, self.pk[0]];
        self.td = !transition && self.a[1] < -11_776;
        self.adapt_speed(y, speed, transition);
    }

    /// TRANS: a modem's tone has ended.
    fn is_transition(&self, magnitude: i32) -> bool {
        let exponent = self.yl >> 15;
        let threshold = if exponent > 9 {
            31 << 10
        } else {
            (32 + (self.yl >> 10 & 0x1f)) << exponent
        };
        self.td && magnitude > (threshold + (threshold >> 1)) >> 1
    }

    /// UPA2, LIMC, UPA1, LIMD.
    fn adapt_poles(&mut self, sign: bool, is_zero: bool) {
        let mut a2 = self.a[1] - (self.a[1] >> 7);
        if !is_zero {
            let fa1 = if sign != self.pk[0] {
                self.a[0]
            } else {
                -self.a[0]
            };
            a2 += match fa1 {
                ..-8_191 => -0x100,
                8_192.. => 0xff,
                _ => fa1 >> 5,
            };
            a2 += if sign != self.pk[1] { -0x80 } else { 0x80 };
            a2 = a2.clamp(-12_288, 12_288);
        }
        self.a[1] = a2;
        self.a[0] -= self.a[0] >> 8;
        if !is_zero {
            self.a[0] += if sign == self.pk[0] { 192 } else { -192 };
        }
        let limit = 15_360 - a2;
        self.a[0] = self.a[0].clamp(-limit, limit);
    }

    /// XOR, UPB.
    fn adapt_zeros(&mut self, (negative, magnitude): (bool, i32)) {
        let leak = if self.tables.bits == 5 { 9 } else { 8 };
        for (b, dq) in self.b.iter_mut().zip(self.dq) {
            *b -= *b >> leak;
            if magnitude != 0 {
                *b += if negative == (dq < 0) { 128 } else { -128 };
            }
        }
    }

    /// FILTA, FILTB, SUBTC, FILTC, TRIGA.
    fn adapt_speed(&mut self, y: i32, speed: i32, transition: bool) {
        self.dms += (speed - self.dms) >> 5;
        self.dml += ((speed << 2) - self.dml) >> 7;
        let changes = ((self.dms << 2) - self.dml).abs() >= self.dml >> 3;
        self.ap = if transition {
            256
        } else if y < 1_536 || self.td || changes {
            self.ap + ((0x200 - self.ap) >> 4)
        } else {
            self.ap + (-self.ap >> 4)
        };
    }
}

/// FMULT: a coefficient times a floating point number.
fn multiply(coefficient: i32, float: i32) -> i32 {
    let magnitude = if coefficient > 0 {
        coefficient
    } else {
        -coefficient & 0x1fff
    };
    let exponent = bit_length(magnitude) - 6;
    let mantissa = match magnitude {
        0 => 32,
        _ if exponent >= 0 => magnitude >> exponent,
        _ => magnitude << -exponent,
    };
    let exponent = exponent + (float >> 6 & 0xf) - 13;
    let product = (mantissa * (float & 0x3f) + 0x30) >> 4;
    let product = if exponent >= 0 {
        product << exponent & 0x7fff
    } else {
        product >> -exponent
    };
    if (coefficient < 0) != (float < 0) {
        -product
    } else {
        product
    }
}

/// ANTILOG.
fn antilog(level: i32) -> i32 {
    if level < 0 {
        return 0;
    }
    let exponent = level >> 7 & 0xf;
    ((128 + (level & 0x7f)) << 7) >> (14 - exponent)
}

/// FLOATA, FLOATB: sign, 4 bits of exponent, 6 bits of mantissa.
fn float(negative: bool, magnitude: i32) -> i32 {
    let exponent = bit_length(magnitude);
    let value = match magnitude {
        0 => FLOAT_ZERO,
        _ => (exponent << 6) + ((magnitude << 6) >> exponent),
    };
    if negative { value - 0x400 } else { value }
}

/// The number of bits that a magnitude of up to 15 bits takes.
fn bit_length(magnitude: i32) -> i32 {
    (32 - magnitude.leading_zeros() as i32).min(15)
}
