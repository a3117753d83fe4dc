//! What µ-law and A-law share: payload sizes and coding by tables.
//!
//! Encoding looks a sample up in a table of all 65,536 values, six times faster than computing;
//! decoding in a table of 256. The tables are made once per process, with the first coder and so
//! before the media path runs.

use std::sync::LazyLock;

use super::concealment::Concealment;
use super::{CodecError, CodecFactory, Decoder, Encoder, Packing, Variant, room_for};

/// One of the two laws as a codec.
pub(super) struct G711(pub(super) &'static LazyLock<Tables>);

impl CodecFactory for G711 {
    fn packing(&self, _: Variant) -> Packing {
        Packing::Samples {
            samples: 1,
            bytes: 1,
        }
    }

    fn samples_in(&self, _: Variant, payload: &[u8]) -> Option<usize> {
        samples_in(payload)
    }

    fn encoder(&self, _: Variant) -> Result<Box<dyn Encoder>, CodecError> {
        Ok(Box::new(G711Encoder { tables: self.0 }))
    }

    fn decoder(&self, _: Variant) -> Result<Box<dyn Decoder>, CodecError> {
        Ok(Box::new(G711Decoder {
            tables: self.0,
            concealment: Concealment::new(8_000),
        }))
    }
}

/// A companding law.
pub(super) struct Tables {
    /// One code for each 16-bit sample, indexed by the sample's bits.
    encode: Box<[u8; 65_536]>,
    /// One sample for each code.
    decode: Box<[i16; 256]>,
}

/// Encodes one frame after the other by its tables.
struct G711Encoder {
    tables: &'static Tables,
}

/// Decodes by its tables, and hides what is lost.
struct G711Decoder {
    tables: &'static Tables,
    concealment: Concealment,
}

/// Samples, and so bytes, in a millisecond.
const SAMPLES_PER_MS: usize = 8;
/// Longest payload accepted, 60 ms. SDP rarely asks for more than 40.
const MAX_PAYLOAD: usize = 60 * SAMPLES_PER_MS;

/// The number of samples in `payload`: one a byte, for lengths of 1 to 60 ms.
fn samples_in(payload: &[u8]) -> Option<usize> {
    (SAMPLES_PER_MS..=MAX_PAYLOAD)
        .contains(&payload.len())
        .then_some(payload.len())
}

impl Tables {
    /// The tables of the law that codes each sample alone as the two functions do.
    pub(super) fn new(encode_sample: fn(i16) -> u8, decode_sample: fn(u8) -> i16) -> Self {
        let mut tables = Self {
            encode: Box::new([0; 65_536]),
            decode: Box::new([0; 256]),
        };
        for (code, bits) in tables.encode.iter_mut().zip(0..=u16::MAX) {
            *code = encode_sample(bits as i16);
        }
        for (sample, code) in tables.decode.iter_mut().zip(0..=u8::MAX) {
            *sample = decode_sample(code);
        }
        tables
    }

    /// The code of a 16-bit sample.
    pub(super) fn code(&self, sample: i16) -> u8 {
        self.encode[usize::from(sample as u16)]
    }

    /// The 16-bit sample of a code.
    pub(super) fn sample(&self, code: u8) -> i16 {
        self.decode[usize::from(code)]
    }
}

impl Encoder for G711Encoder {
    /// Encodes as many samples as there are, or none if `out` is too small.
    fn encode(&mut self, pcm: &[i16], out: &mut [u8]) -> usize {
        let Some(out) = out.get_mut(..pcm.len()) else {
            return 0;
        };
        for (code, &sample) in out.iter_mut().zip(pcm) {
            *code = self.tables.code(sample);
        }
        pcm.len()
    }
}

impl Decoder for G711Decoder {
    fn decode(&mut self, payload: &[u8], out: &mut [i16]) -> Result<usize, CodecError> {
        let out = room_for(payload, samples_in(payload), out)?;
        for (sample, &code) in out.iter_mut().zip(payload) {
            *sample = self.tables.sample(code);
        }
        self.concealment.received(out);
        Ok(out.len())
    }

    fn conceal(&mut self, out: &mut [i16]) -> usize {
        self.concealment.conceal(out)
    }
}
