//! G.711 A-law (PCMA), ITU-T G.711 table 1.

use std::sync::LazyLock;

use super::CodecDescription;
use super::g711::{G711, Tables};
use crate::rtp::{ClockRate, PayloadType};

pub(super) static DESCRIPTION: CodecDescription = CodecDescription {
    encoding_name: "PCMA",
    clock_rate: ClockRate::HZ_8000,
    sample_rate: 8_000,
    channels: 1,
    static_payload_type: Some(PayloadType::PCMA),
    joins: true,
    factory: &G711(&TABLES),
};

/// The tables of A-law.
static TABLES: LazyLock<Tables> = LazyLock::new(|| Tables::new(encode_sample, decode_sample));

/// The 16-bit sample of an A-law code.
pub(crate) fn alaw_to_linear(code: u8) -> i16 {
    TABLES.sample(code)
}

/// Even bits are inverted on the line (G.711 §3.1).
const EVEN_BITS: u8 = 0x55;

/// Encodes the upper 12 bits of `sample` and its sign. The magnitude is the ones' complement of
/// a negative sample, so the intervals on both sides of zero are mirror images.
fn encode_sample(sample: i16) -> u8 {
    let negative = sample < 0;
    let magnitude = if negative { !sample } else { sample } as u16 >> 4;
    let code = if magnitude < 32 {
        // Segments 0 and 1 have the same step.
        magnitude
    } else {
        let segment = magnitude.ilog2() as u16 - 3;
        segment << 4 | (magnitude >> (segment - 1)) & 0x0F
    };
    let sign = if negative { 0 } else { 0x80 };
    (sign | code as u8) ^ EVEN_BITS
}

fn decode_sample(code: u8) -> i16 {
    let code = code ^ EVEN_BITS;
    let segment = (code >> 4) & 0x07;
    let step = (code & 0x0F) as i16;
    // The middle of the interval, hence the odd numbers.
    let magnitude = match segment {
        0 => (2 * step + 1) << 3,
        _ => (2 * step + 33) << (segment + 2),
    };
    if code & 0x80 != 0 {
        magnitude
    } else {
        -magnitude
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_standard() {
        for (sample, code) in [
            (0, 0xD5),
            (-1, 0x55),
            (8, 0xD5),
            (-8, 0x55),
            (16, 0xD4),
            (1_000, 0xFA),
            (32_256, 0xAA),
            (32_767, 0xAA),
            (-32_768, 0x2A),
        ] {
            assert_eq!(encode_sample(sample), code, "sample {sample}");
        }
        for (code, sample) in [
            (0xD5, 8),
            (0x55, -8),
            (0xAA, 32_256),
            (0x2A, -32_256),
            (0x80, 5_504),
        ] {
            assert_eq!(alaw_to_linear(code), sample, "code {code:#x}");
        }
    }

    #[test]
    fn every_code_survives_decoding_and_encoding() {
        for code in 0..=255u8 {
            assert_eq!(encode_sample(decode_sample(code)), code);
        }
    }

    #[test]
    fn decoding_what_was_encoded_rises_with_the_sample_and_stays_close() {
        let mut last = i16::MIN;
        for sample in i16::MIN..=i16::MAX {
            let heard = TABLES.sample(TABLES.code(sample));
            assert!(heard >= last);
            last = heard;
            let error = (i32::from(heard) - i32::from(sample)).abs();
            assert!(
                error <= 8 + i32::from(sample).abs() / 16 / 2 + 8,
                "{sample} became {heard}"
            );
        }
    }
}
