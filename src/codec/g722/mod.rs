//! G.722 at 64 kb/s: wide-band speech, 16 kHz in two bands of adaptive differential PCM
//! (ITU-T G.722 mode 1).
//!
//! The two bands are split and joined by one 24-tap quadrature mirror filter; `band.rs` codes one
//! of them. RTP counts at 8 kHz for historical reasons (RFC 3551 §4.5.2).
//!
//! A port of the G.722 codec of SpanDSP, by way of its Rust translation in ezk-media (MIT,
//! Copyright kbalt). The original says:
//!
//! > Written by Steve Underwood <steveu@coppice.org>. Copyright (C) 2005 Steve Underwood. Despite
//! > my general liking of the GPL, I place my own contributions to this code in the public domain
//! > for the benefit of all mankind - even the slimy ones who might try to proprietize my work and
//! > use it to my detriment.
//! >
//! > Based on a single channel 64kbps only G.722 codec which is: Copyright (c) CMU 1993, Computer
//! > Science, Speech Group, Chengxiang Lu and Alex Hauptmann. The Carnegie Mellon ADPCM program is
//! > Copyright (c) 1993 by Carnegie Mellon University. Use of this program, for any research or
//! > commercial purpose, is completely unrestricted. If you make use of or redistribute this
//! > material, we would appreciate acknowlegement of its origin.

mod band;

use self::band::{HighBand, LowBand};
use super::concealment::Concealment;
use super::{
    CodecDescription, CodecError, CodecFactory, Decoder, Encoder, Packing, Variant, room_for,
};
use crate::rtp::{ClockRate, PayloadType};

pub(super) static DESCRIPTION: CodecDescription = CodecDescription {
    encoding_name: "G722",
    clock_rate: ClockRate::HZ_8000,
    sample_rate: SAMPLE_RATE,
    channels: 1,
    static_payload_type: PayloadType::new(9),
    // Its decoder takes its scale from all that came before.
    joins: false,
    factory: &G722,
};

const SAMPLE_RATE: u32 = 16_000;
/// Each byte codes two samples.
const BYTE_SAMPLES: usize = 2;
/// Payloads of 1 to 60 ms are taken.
const PAYLOAD_BYTES: std::ops::RangeInclusive<usize> = 8..=480;

struct G722;

impl CodecFactory for G722 {
    fn packing(&self, _: Variant) -> Packing {
        Packing::Samples {
            samples: BYTE_SAMPLES,
            bytes: 1,
        }
    }

    fn samples_in(&self, _: Variant, payload: &[u8]) -> Option<usize> {
        samples_in(payload)
    }

    fn encoder(&self, _: Variant) -> Result<Box<dyn Encoder>, CodecError> {
        Ok(Box::new(G722Encoder::new()))
    }

    fn decoder(&self, _: Variant) -> Result<Box<dyn Decoder>, CodecError> {
        Ok(Box::new(G722Decoder::new()))
    }
}

fn samples_in(payload: &[u8]) -> Option<usize> {
    let bytes = payload.len();
    PAYLOAD_BYTES
        .contains(&bytes)
        .then_some(bytes * BYTE_SAMPLES)
}

/// Half of the quadrature mirror filter (G.722 table 11); the other half is its mirror image.
const QMF: [i16; 12] = [3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11];

/// The taps for pairs of samples: `sign` 1 passes the low band, -1 the high band.
const fn band_filter(sign: i16) -> [i16; 24] {
    let mut taps = [0; 24];
    let mut i = 0;
    while i < QMF.len() {
        taps[2 * i] = sign * QMF[i];
        taps[2 * i + 1] = QMF[QMF.len() - 1 - i];
        i += 1;
    }
    taps
}

const LOW: [i16; 24] = band_filter(1);
const HIGH: [i16; 24] = band_filter(-1);

const fn reversed(taps: [i16; 12]) -> [i16; 12] {
    let mut mirrored = [0; 12];
    let mut i = 0;
    while i < taps.len() {
        mirrored[i] = taps[taps.len() - 1 - i];
        i += 1;
    }
    mirrored
}

const QMF_MIRRORED: [i16; 12] = reversed(QMF);

fn dot<const N: usize>(window: &[i16], taps: &[i16; N]) -> i32 {
    let products = window
        .iter()
        .zip(taps)
        .map(|(&sample, &tap)| i32::from(sample) * i32::from(tap));
    products.sum()
}

/// The last `N` values that went into a filter, and behind them a piece of the signal, `LEN` in all:
/// so each output is the dot product of the taps and a window.
struct Line<const N: usize, const LEN: usize>([i16; LEN]);

impl<const N: usize, const LEN: usize> Line<N, LEN> {
    fn new() -> Self {
        Self([0; LEN])
    }

    /// Where the values of the next piece go.
    fn piece(&mut self) -> &mut [i16] {
        &mut self.0[N..]
    }

    /// What the filter sees at value `at` of the piece: the `N` values before it, it, and more.
    fn window(&self, at: usize) -> &[i16] {
        &self.0[at..]
    }

    /// Keeps the end of a piece of `len` for the next one.
    fn finish(&mut self, len: usize) {
        self.0.copy_within(len..len + N, 0);
    }
}

/// Pairs of samples that are filtered at a time: 5 ms.
const PIECE: usize = 40;

struct G722Encoder {
    line: Line<22, { 22 + 2 * PIECE }>,
    low: LowBand,
    high: HighBand,
}

impl G722Encoder {
    fn new() -> Self {
        Self {
            line: Line::new(),
            low: LowBand::new(),
            high: HighBand::new(),
        }
    }
}

impl Encoder for G722Encoder {
    /// Encodes any even number of samples.
    fn encode(&mut self, pcm: &[i16], out: &mut [u8]) -> usize {
        let bytes = pcm.len() / BYTE_SAMPLES;
        if !pcm.len().is_multiple_of(BYTE_SAMPLES) || out.len() < bytes {
            return 0;
        }
        let pieces = pcm.chunks(BYTE_SAMPLES * PIECE);
        for (piece, out) in pieces.zip(out[..bytes].chunks_mut(PIECE)) {
            self.line.piece()[..piece.len()].copy_from_slice(piece);
            for (pair, code) in out.iter_mut().enumerate() {
                let window = self.line.window(BYTE_SAMPLES * pair);
                let low = self.low.encode(dot(window, &LOW) >> 14);
                let high = self.high.encode(dot(window, &HIGH) >> 14);
                *code = high << 6 | low;
            }
            self.line.finish(piece.len());
        }
        bytes
    }
}

struct G722Decoder {
    /// Sums and differences of the bands.
    sums: Line<11, { 11 + PIECE }>,
    differences: Line<11, { 11 + PIECE }>,
    low: LowBand,
    high: HighBand,
    concealment: Concealment,
}

impl G722Decoder {
    fn new() -> Self {
        Self {
            sums: Line::new(),
            differences: Line::new(),
            low: LowBand::new(),
            high: HighBand::new(),
            concealment: Concealment::new(SAMPLE_RATE),
        }
    }

    fn run(&mut self, payload: &[u8], out: &mut [i16]) {
        let (pairs, _) = out.as_chunks_mut::<BYTE_SAMPLES>();
        for (piece, out) in payload.chunks(PIECE).zip(pairs.chunks_mut(PIECE)) {
            let sums = self.sums.piece().iter_mut();
            let lines = sums.zip(self.differences.piece());
            for (&code, (sum, difference)) in piece.iter().zip(lines) {
                let low = self.low.decode(code & 0x3F);
                let high = self.high.decode(code >> 6);
                // Both are limited to 15 bits.
                (*sum, *difference) = (low + high, low - high);
            }
            for (at, [first, second]) in out.iter_mut().enumerate() {
                *first = saturate(dot(self.differences.window(at), &QMF_MIRRORED) >> 11);
                *second = saturate(dot(self.sums.window(at), &QMF) >> 11);
            }
            self.sums.finish(piece.len());
            self.differences.finish(piece.len());
        }
    }
}

impl Decoder for G722Decoder {
    fn decode(&mut self, payload: &[u8], out: &mut [i16]) -> Result<usize, CodecError> {
        let out = room_for(payload, samples_in(payload), out)?;
        self.run(payload, out);
        self.concealment.received(out);
        Ok(out.len())
    }

    fn conceal(&mut self, out: &mut [i16]) -> usize {
        self.concealment.conceal(out)
    }
}

fn saturate(value: i32) -> i16 {
    value.clamp(i16::MIN.into(), i16::MAX.into()) as i16
}

#[cfg(test)]
mod tests;
