//! G.711 µ-law (PCMU), ITU-T G.711 table 2.

use std::sync::LazyLock;

use super::CodecDescription;
use super::g711::{G711, Tables};
use crate::rtp::{ClockRate, PayloadType};

pub(super) static DESCRIPTION: CodecDescription = CodecDescription {
    encoding_name: "PCMU",
    clock_rate: ClockRate::HZ_8000,
    sample_rate: 8_000,
    channels: 1,
    static_payload_type: Some(PayloadType::PCMU),
    joins: true,
    factory: &G711(&TABLES),
};

/// The tables of µ-law.
static TABLES: LazyLock<Tables> = LazyLock::new(|| Tables::new(encode_sample, decode_sample));

/// The 16-bit sample of a µ-law code.
pub(crate) fn ulaw_to_linear(code: u8) -> i16 {
    TABLES.sample(code)
}

/// The offset that makes every segment twice as long as the one before, in 14-bit units.
const BIAS: u16 = 33;
/// The largest biased magnitude: louder samples are clipped.
const CLIP: u16 = 0x1FFF;

/// Encodes the upper 14 bits of `sample`. The magnitude is the ones' complement of a negative
/// sample, so the intervals on both sides of zero are mirror images.
fn encode_sample(sample: i16) -> u8 {
    let negative = sample < 0;
    let magnitude = if negative { !sample } else { sample } as u16 >> 2;
    let biased = (magnitude + BIAS).min(CLIP);
    // The bias keeps the highest set bit at 5 or above; that bit names the segment.
    let segment = biased.ilog2() as u16 - 5;
    let step = (biased >> (segment + 1)) & 0x0F;
    let sign = if negative { 0x80 } else { 0 };
    !(sign | (segment << 4 | step) as u8)
}

fn decode_sample(code: u8) -> i16 {
    let code = !code;
    let segment = (code >> 4) & 0x07;
    let step = (code & 0x0F) as i16;
    let magnitude = (((2 * step + BIAS as i16) << segment) - BIAS as i16) << 2;
    if code & 0x80 != 0 {
        -magnitude
    } else {
        magnitude
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_standard() {
        for (sample, code) in [
            (0, 0xFF),
            (-1, 0x7F),
            (8, 0xFE),
            (132, 0xEF),
            (-132, 0x6F),
            (1_000, 0xCE),
            (32_124, 0x80),
            (32_767, 0x80),
            (-32_124, 0x00),
            (-32_768, 0x00),
        ] {
            assert_eq!(encode_sample(sample), code, "sample {sample}");
        }
        for (code, sample) in [
            (0xFF, 0),
            (0x7F, 0),
            (0x80, 32_124),
            (0x00, -32_124),
            (0xEF, 132),
        ] {
            assert_eq!(ulaw_to_linear(code), sample, "code {code:#x}");
        }
    }

    #[test]
    fn every_code_but_negative_zero_survives_decoding_and_encoding() {
        for code in 0..=255u8 {
            let again = encode_sample(decode_sample(code));
            // PCM has one zero and µ-law two.
            assert_eq!(again, if code == 0x7F { 0xFF } else { code });
        }
    }

    #[test]
    fn decoding_what_was_encoded_rises_with_the_sample_and_stays_close() {
        let mut last = i16::MIN;
        for sample in i16::MIN..=i16::MAX {
            let heard = TABLES.sample(TABLES.code(sample));
            assert!(heard >= last);
            last = heard;
            let error = (i32::from(heard) - i32::from(sample).clamp(-32_635, 32_635)).abs();
            assert!(
                error <= 4 + i32::from(sample).abs() / 16 / 2 + 4,
                "{sample} became {heard}"
            );
        }
    }
}
