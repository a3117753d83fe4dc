//! GSM full rate speech (ETSI EN 300 961, also known as GSM 06.10): decoding only.
//!
//! Files of telephone systems are often in it: WAV files with two frames in 65 bytes, and raw ones
//! of 33 bytes a frame (RFC 3551 §4.5.8). The arithmetic is the 16-bit one of the specification, so
//! every conforming decoder gives the same samples. Names are those of the specification, section
//! 5.3. Any bits are a valid frame: nothing here fails.

/// Samples of one frame: 20 ms at 8 kHz.
pub(super) const FRAME_SAMPLES: usize = 160;

/// The state of one decoder.
pub(super) struct GsmDecoder {
    /// The last 120 samples of the excitation, oldest first, and room for a sub-frame.
    drp: [i16; HISTORY + SUBFRAME],
    /// The latest lag that was in range.
    nrp: usize,
    /// Log area ratios of the frame before.
    larpp: [i16; ORDER],
    /// The synthesis filter.
    v: [i16; ORDER + 1],
    /// De-emphasis.
    msr: i16,
}

impl Default for GsmDecoder {
    fn default() -> Self {
        Self {
            drp: [0; HISTORY + SUBFRAME],
            nrp: 40,
            larpp: [0; ORDER],
            v: [0; ORDER + 1],
            msr: 0,
        }
    }
}

impl GsmDecoder {
    /// A frame of 33 bytes: four bits of signature, then the parameters, highest bit first.
    pub(super) fn decode(&mut self, frame: &[u8]) -> [i16; FRAME_SAMPLES] {
        let bits = Bits {
            bytes: frame,
            position: 4,
            lowest_first: false,
        };
        self.synthesize(&Parameters::unpack(&mut { bits }))
    }

    /// Two frames in 65 bytes without a signature, lowest bit first.
    pub(super) fn decode_pair(&mut self, frames: &[u8]) -> [i16; 2 * FRAME_SAMPLES] {
        let mut bits = Bits {
            bytes: frames,
            position: 0,
            lowest_first: true,
        };
        let mut out = [0; 2 * FRAME_SAMPLES];
        for half in out.chunks_exact_mut(FRAME_SAMPLES) {
            half.copy_from_slice(&self.synthesize(&Parameters::unpack(&mut bits)));
        }
        out
    }

    fn synthesize(&mut self, parameters: &Parameters) -> [i16; FRAME_SAMPLES] {
        let mut wt = [0; FRAME_SAMPLES];
        for (subframe, wt) in parameters
            .subframes
            .iter()
            .zip(wt.chunks_exact_mut(SUBFRAME))
        {
            self.predict(subframe);
            wt.copy_from_slice(&self.drp[HISTORY..]);
            self.drp.copy_within(SUBFRAME.., 0);
        }
        let larpp = log_area_ratios(&parameters.larc);
        let mut out = [0; FRAME_SAMPLES];
        for (segment, shares) in SEGMENTS {
            let rp =
                std::array::from_fn(|i| reflection(interpolate(self.larpp[i], larpp[i], shares)));
            for k in segment {
                out[k] = self.filter(&rp, wt[k]);
            }
        }
        self.larpp = larpp;
        out.map(|sr| {
            self.msr = sr.saturating_add(mult_r(self.msr, 28_180));
            self.msr.saturating_add(self.msr) & !7
        })
    }

    /// Long-term synthesis (5.3.2): the excitation of a sub-frame behind the history.
    fn predict(&mut self, subframe: &Subframe) {
        let nc = usize::from(subframe.nc);
        if (40..=HISTORY).contains(&nc) {
            self.nrp = nc;
        }
        let brp = QLB[usize::from(subframe.bc)];
        let erp = subframe.excitation();
        for (k, erp) in erp.into_iter().enumerate() {
            let drpp = mult_r(brp, self.drp[HISTORY + k - self.nrp]);
            self.drp[HISTORY + k] = erp.saturating_add(drpp);
        }
    }

    /// Short-term synthesis (5.3.4) of one sample.
    fn filter(&mut self, rp: &[i16; ORDER], wt: i16) -> i16 {
        let mut sri = wt;
        for i in (0..ORDER).rev() {
            sri = sri.saturating_sub(mult_r(rp[i], self.v[i]));
            self.v[i + 1] = self.v[i].saturating_add(mult_r(rp[i], sri));
        }
        self.v[0] = sri;
        sri
    }
}

/// The parameters of a frame, as they are coded (1.7, table 1.1).
struct Parameters {
    larc: [u8; ORDER],
    subframes: [Subframe; 4],
}

struct Subframe {
    /// Lag of the long-term prediction.
    nc: u8,
    /// Its gain.
    bc: u8,
    /// Position of the grid of pulses.
    mc: u8,
    /// Height of the block.
    xmaxc: u8,
    pulses: [u8; PULSES],
}

impl Parameters {
    fn unpack(bits: &mut Bits<'_>) -> Self {
        Self {
            larc: LAR_BITS.map(|width| bits.take(width)),
            subframes: std::array::from_fn(|_| Subframe {
                nc: bits.take(7),
                bc: bits.take(2),
                mc: bits.take(2),
                xmaxc: bits.take(6),
                pulses: std::array::from_fn(|_| bits.take(3)),
            }),
        }
    }
}

impl Subframe {
    /// RPE decoding (5.3.1): the pulses at their heights and places.
    fn excitation(&self) -> [i16; SUBFRAME] {
        let (exponent, mantissa) = self.height();
        let factor = FAC[mantissa];
        let shift = 6 - exponent;
        let rounding = 1_i16 << shift >> 1;
        let mut erp = [0; SUBFRAME];
        for (i, &pulse) in self.pulses.iter().enumerate() {
            let step = (2 * i16::from(pulse) - 7) << 12;
            let value = mult_r(factor, step).saturating_add(rounding) >> shift;
            erp[usize::from(self.mc) + 3 * i] = value;
        }
        erp
    }

    /// Exponent and mantissa of the height.
    fn height(&self) -> (i16, usize) {
        let xmaxc = i16::from(self.xmaxc);
        let mut exponent = if xmaxc > 15 { (xmaxc >> 3) - 1 } else { 0 };
        let mut mantissa = xmaxc - (exponent << 3);
        if mantissa == 0 {
            return (-4, 7);
        }
        while mantissa <= 7 {
            mantissa = mantissa << 1 | 1;
            exponent -= 1;
        }
        (exponent, mantissa as usize - 8)
    }
}

/// Fields of bits in a row.
struct Bits<'a> {
    bytes: &'a [u8],
    position: usize,
    lowest_first: bool,
}

impl Bits<'_> {
    /// The next field; zeros behind the end.
    fn take(&mut self, width: u8) -> u8 {
        let mut value = 0;
        for n in 0..width {
            let byte = self.bytes.get(self.position / 8).copied().unwrap_or(0);
            let place = self.position % 8;
            self.position += 1;
            if self.lowest_first {
                value |= (byte >> place & 1) << n;
            } else {
                value = value << 1 | (byte >> (7 - place) & 1);
            }
        }
        value
    }
}

/// Decoding of the log area ratios (5.2.8).
fn log_area_ratios(larc: &[u8; ORDER]) -> [i16; ORDER] {
    std::array::from_fn(|i| {
        let value = (i16::from(larc[i]) + MIC[i]) << 10;
        let value = mult_r(INVA[i], value.saturating_sub(B[i] << 1));
        value.saturating_add(value)
    })
}

/// The ratio in a segment of the frame (5.2.9.1).
fn interpolate(before: i16, now: i16, shares: Shares) -> i16 {
    match shares {
        Shares::MostlyBefore => (before >> 2)
            .saturating_add(now >> 2)
            .saturating_add(before >> 1),
        Shares::Half => (before >> 1).saturating_add(now >> 1),
        Shares::MostlyNow => (before >> 2)
            .saturating_add(now >> 2)
            .saturating_add(now >> 1),
        Shares::Now => now,
    }
}

/// From a log area ratio to a reflection coefficient (5.2.9.2).
fn reflection(larp: i16) -> i16 {
    let magnitude = larp.saturating_abs();
    let value = match magnitude {
        0..=11_058 => magnitude << 1,
        11_059..=20_069 => magnitude + 11_059,
        _ => (magnitude >> 2).saturating_add(26_112),
    };
    if larp < 0 { -value } else { value }
}

/// The rounded product of two fractions.
fn mult_r(a: i16, b: i16) -> i16 {
    if a == i16::MIN && b == i16::MIN {
        return i16::MAX;
    }
    ((i32::from(a) * i32::from(b) + 16_384) >> 15) as i16
}

#[derive(Clone, Copy)]
enum Shares {
    MostlyBefore,
    Half,
    MostlyNow,
    Now,
}

const SEGMENTS: [(std::ops::Range<usize>, Shares); 4] = [
    (0..13, Shares::MostlyBefore),
    (13..27, Shares::Half),
    (27..40, Shares::MostlyNow),
    (40..160, Shares::Now),
];
const ORDER: usize = 8;
const SUBFRAME: usize = 40;
const PULSES: usize = 13;
/// The longest lag of the long-term prediction.
const HISTORY: usize = 120;
const LAR_BITS: [u8; ORDER] = [6, 6, 5, 5, 4, 4, 3, 3];
/// Tables 5.1 to 5.6 of the specification.
const B: [i16; ORDER] = [0, 0, 2_048, -2_560, 94, -1_792, -341, -1_144];
const MIC: [i16; ORDER] = [-32, -32, -16, -16, -8, -8, -4, -4];
const INVA: [i16; ORDER] = [
    13_107, 13_107, 13_107, 13_107, 19_223, 17_476, 31_454, 29_708,
];
const QLB: [i16; 4] = [3_277, 11_469, 21_299, 32_767];
const FAC: [i16; 8] = [
    18_431, 20_479, 22_527, 24_575, 26_623, 28_671, 30_719, 32_767,
];
