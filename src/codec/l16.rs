//! L16: 16-bit samples in network byte order, uncompressed (RFC 3551 §4.5.11).

use super::concealment::Concealment;
use super::{
    CodecDescription, CodecError, CodecFactory, Decoder, Encoder, MAX_PAYLOAD_BYTES, Packing,
    Variant, room_for,
};
use crate::rtp::{ClockRate, PayloadType};

pub(super) static L16_8000: CodecDescription = description(ClockRate::HZ_8000, &L16(8_000));
pub(super) static L16_16000: CodecDescription = description(ClockRate::HZ_16000, &L16(16_000));
/// The only mono one with a number of its own.
pub(super) static L16_44100: CodecDescription = CodecDescription {
    static_payload_type: PayloadType::new(11),
    ..description(ClockRate::HZ_44100, &L16(44_100))
};
pub(super) static L16_48000: CodecDescription = description(ClockRate::HZ_48000, &L16(48_000));

const fn description(clock_rate: ClockRate, factory: &'static L16) -> CodecDescription {
    CodecDescription {
        encoding_name: "L16",
        clock_rate,
        sample_rate: factory.0,
        channels: 1,
        static_payload_type: None,
        joins: true,
        factory,
    }
}

const SAMPLE_BYTES: usize = size_of::<i16>();

/// L16 at so many samples a second.
struct L16(u32);

impl CodecFactory for L16 {
    fn packing(&self, _: Variant) -> Packing {
        Packing::Samples {
            samples: 1,
            bytes: SAMPLE_BYTES,
        }
    }

    fn samples_in(&self, _: Variant, payload: &[u8]) -> Option<usize> {
        samples_in(payload)
    }

    fn encoder(&self, _: Variant) -> Result<Box<dyn Encoder>, CodecError> {
        Ok(Box::new(L16Encoder))
    }

    fn decoder(&self, _: Variant) -> Result<Box<dyn Decoder>, CodecError> {
        Ok(Box::new(L16Decoder {
            concealment: Concealment::new(self.0),
        }))
    }
}

fn samples_in(payload: &[u8]) -> Option<usize> {
    let whole = payload.len().is_multiple_of(SAMPLE_BYTES);
    let fits = (SAMPLE_BYTES..=MAX_PAYLOAD_BYTES).contains(&payload.len());
    (whole && fits).then_some(payload.len() / SAMPLE_BYTES)
}

struct L16Encoder;

impl Encoder for L16Encoder {
    fn encode(&mut self, pcm: &[i16], out: &mut [u8]) -> usize {
        let Some(out) = out.get_mut(..pcm.len() * SAMPLE_BYTES) else {
            return 0;
        };
        for (bytes, sample) in out.chunks_exact_mut(SAMPLE_BYTES).zip(pcm) {
            bytes.copy_from_slice(&sample.to_be_bytes());
        }
        out.len()
    }
}

struct L16Decoder {
    concealment: Concealment,
}

impl Decoder for L16Decoder {
    fn decode(&mut self, payload: &[u8], out: &mut [i16]) -> Result<usize, CodecError> {
        let out = room_for(payload, samples_in(payload), out)?;
        let (samples, _) = payload.as_chunks();
        for (sample, &bytes) in out.iter_mut().zip(samples) {
            *sample = i16::from_be_bytes(bytes);
        }
        self.concealment.received(out);
        Ok(out.len())
    }

    fn conceal(&mut self, out: &mut [i16]) -> usize {
        self.concealment.conceal(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::CodecId;

    #[test]
    fn samples_go_in_network_byte_order_and_come_back() {
        let mut payload = [0; 6];
        assert_eq!(L16Encoder.encode(&[1, -2, 0x1234], &mut payload), 6);
        assert_eq!(payload, [0, 1, 0xFF, 0xFE, 0x12, 0x34]);
        let mut decoder = CodecId::L16_16000.decoder(Variant::default()).unwrap();
        let mut out = [0; 3];
        assert_eq!(decoder.decode(&payload, &mut out), Ok(3));
        assert_eq!(out, [1, -2, 0x1234]);
        assert_eq!(L16Encoder.encode(&[1, 2, 3], &mut [0; 5]), 0);
    }

    #[test]
    fn half_samples_and_short_buffers_are_refused() {
        let mut decoder = CodecId::L16_8000.decoder(Variant::default()).unwrap();
        for bytes in [0, 1, 321, MAX_PAYLOAD_BYTES + 2] {
            let payload = vec![0; bytes];
            let refused = Err(CodecError::PayloadSize { bytes });
            assert_eq!(decoder.decode(&payload, &mut [0; 2_000]), refused);
        }
        let short = CodecError::BufferTooSmall {
            needed: 160,
            available: 159,
        };
        assert_eq!(decoder.decode(&[0; 320], &mut [0; 159]), Err(short));
    }

    #[test]
    fn rfc3551_6_44100_hz_mono_is_number_11() {
        let number = CodecId::L16_44100.static_payload_type();
        assert_eq!(number, PayloadType::new(11));
        assert_eq!(CodecId::L16_48000.static_payload_type(), None);
    }
}
