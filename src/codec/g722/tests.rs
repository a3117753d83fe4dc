use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::*;
use crate::codec::MAX_PACKET_SAMPLES;
use crate::probe::{level_at, peak, sine};

fn encode(pcm: &[i16], packet: usize) -> Vec<u8> {
    let mut encoder = G722Encoder::new();
    let mut coded = Vec::new();
    for packet in pcm.chunks(packet) {
        let mut payload = [0; 480];
        let bytes = encoder.encode(packet, &mut payload);
        coded.extend_from_slice(&payload[..bytes]);
    }
    coded
}

fn decode(coded: &[u8], packet: usize) -> Vec<i16> {
    let mut decoder = G722Decoder::new();
    let mut pcm = Vec::new();
    for payload in coded.chunks(packet) {
        let mut out = [0; MAX_PACKET_SAMPLES];
        let samples = decoder.decode(payload, &mut out).unwrap();
        pcm.extend_from_slice(&out[..samples]);
    }
    pcm
}

/// Signal to noise in decibels, of a tone that is heard among what else was decoded.
fn clarity(heard: &[i16], hertz: f64) -> f64 {
    let level = level_at(heard, SAMPLE_RATE, hertz);
    let tone = level * level / 2.0;
    let square = |&sample: &i16| f64::from(sample) * f64::from(sample);
    let all = heard.iter().map(square).sum::<f64>() / heard.len() as f64;
    10.0 * (tone / (all - tone).max(1.0)).log10()
}

#[test]
fn tones_of_both_bands_come_through() {
    for (hertz, decibels) in [
        (300.0, 30.0),
        (1_000.0, 30.0),
        (3_000.0, 25.0),
        (5_000.0, 12.0),
        (6_500.0, 12.0),
    ] {
        let coded = encode(&sine(hertz, 8_000.0, SAMPLE_RATE, 16_000), 320);
        assert_eq!(coded.len(), 8_000);
        // Whole periods, behind the first adaptation.
        let heard = &decode(&coded, 160)[8_000..];
        let level = level_at(heard, SAMPLE_RATE, hertz);
        assert!((level - 8_000.0).abs() < 400.0, "{hertz} Hz: {level}");
        let clarity = clarity(heard, hertz);
        assert!(clarity > decibels, "{hertz} Hz: {clarity} dB");
    }
}

#[test]
fn the_length_of_packets_does_not_matter() {
    let pcm = sine(700.0, 10_000.0, SAMPLE_RATE, 9_600);
    let coded = encode(&pcm, 320);
    for packet in [2, 160, 480, 962] {
        let mut encoder = G722Encoder::new();
        let mut out = vec![0; coded.len()];
        let mut done = 0;
        for packet in pcm.chunks(packet) {
            done += encoder.encode(packet, &mut out[done..]);
        }
        assert_eq!(out, coded, "{packet}");
    }
    assert_eq!(decode(&coded, 80), decode(&coded, 480));
}

/// Payloads and samples of another implementation, SpanDSP 0.0.6, as checksums: of two seconds of
/// a loud sweep with noise, encoded, and decoded again.
#[test]
fn every_bit_is_that_of_the_reference() {
    let pcm = test_signal();
    let coded = encode(&pcm, 320);
    let heard: Vec<u8> = decode(&coded, 160)
        .iter()
        .flat_map(|sample| sample.to_le_bytes())
        .collect();
    assert_eq!(fnv(&coded), 10_788_592_629_191_853_240);
    assert_eq!(fnv(&heard), 6_048_050_697_490_167_287);
}

/// Integer arithmetic only, so that it is the same everywhere: a triangle whose slope changes, and
/// noise, up to half of full scale (SpanDSP wraps around above it, where we saturate).
fn test_signal() -> Vec<i16> {
    let (mut noise, mut phase) = (1u32, 0u32);
    let sample = |i: u32| {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        phase = phase.wrapping_add(1_000_000 + i * 50_000);
        let triangle = (phase >> 15) as i32 - 65_536;
        let triangle = triangle.abs() - 32_768;
        let loud = i32::try_from(i / 2_000 % 4).unwrap();
        let sum = (triangle >> loud) + (((noise >> 16) as i32 - 32_768) >> (loud + 3));
        (sum.clamp(-32_768, 32_767) >> 1) as i16
    };
    (0..32_000).map(sample).collect()
}

fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[test]
fn silence_stays_silent() {
    let heard = decode(&encode(&[0; 16_000], 320), 160);
    assert!(peak(&heard[1_600..]) < 30, "{}", peak(&heard[1_600..]));
}

#[test]
fn a_lost_packet_of_a_voice_goes_on_at_its_pitch() {
    let coded = encode(&sine(200.0, 8_000.0, SAMPLE_RATE, 3_200), 320);
    let mut decoder = G722Decoder::new();
    let mut out = [0; 320];
    for payload in coded.chunks(160) {
        decoder.decode(payload, &mut out).unwrap();
    }
    assert_eq!(decoder.conceal(&mut out), 320);
    assert!(level_at(&out[..160], SAMPLE_RATE, 200.0) > 6_000.0);
}

#[test]
fn impossible_lengths_and_short_buffers_are_refused() {
    let mut decoder = G722Decoder::new();
    for bytes in [0, 7, 481] {
        let refused = Err(CodecError::PayloadSize { bytes });
        assert_eq!(decoder.decode(&vec![0; bytes], &mut [0; 960]), refused);
    }
    let short = CodecError::BufferTooSmall {
        needed: 320,
        available: 319,
    };
    assert_eq!(decoder.decode(&[0; 160], &mut [0; 319]), Err(short));
    let mut encoder = G722Encoder::new();
    assert_eq!(encoder.encode(&[0; 3], &mut [0; 8]), 0);
    assert_eq!(encoder.encode(&[0; 4], &mut [0; 1]), 0);
}

#[test]
fn random_signals_and_payloads_never_overflow() {
    let mut random = SmallRng::seed_from_u64(4);
    let (mut encoder, mut decoder) = (G722Encoder::new(), G722Decoder::new());
    for _ in 0..2_000 {
        let pcm: [i16; 320] = std::array::from_fn(|_| match random.random_range(0..3) {
            0 => i16::MIN,
            1 => i16::MAX,
            _ => random.random(),
        });
        let mut payload = [0; 160];
        assert_eq!(encoder.encode(&pcm, &mut payload), 160);
        random.fill(&mut payload[..]);
        let mut out = [0; 320];
        assert_eq!(decoder.decode(&payload, &mut out), Ok(320));
    }
}
