//! ITU-T G.726 at 16, 24, 32 and 40 kb/s, in own code: no library is needed.
//!
//! RFC 3551 §4.5.4: `G726-nn` packs the first code into the least significant bits of a byte,
//! `AAL2-G726-nn` (ITU-T I.366.2 Annex E) into the most significant ones. `G721` with the static
//! number 2 is G726-32 under its name of RFC 1890. What is lost is concealed by the server.

mod adpcm;
mod tables;

use muleteer_sdk::{Codec, Decoder, Description, Encoder, Failure, Packing};

use adpcm::Adpcm;

muleteer_sdk::export_codecs! {
    open: || Ok::<(), std::convert::Infallible>(()),
    codecs: [
        G726<4, RTP>,
        G726<2, RTP>,
        G726<3, RTP>,
        G726<5, RTP>,
        G726<4, AAL2>,
        G726<2, AAL2>,
        G726<3, AAL2>,
        G726<5, AAL2>,
        G726<4, G721>,
    ],
}

/// The packing of RFC 3551: the first code in the low bits.
const RTP: u8 = 0;
/// The packing of ATM adaptation layer 2: the first code in the high bits.
const AAL2: u8 = 1;
/// As [`RTP`], under the old name and its static number.
const G721: u8 = 2;

/// 120 ms.
const MAX_SAMPLES: usize = 960;

/// The codec with so many bits a sample.
struct G726<const BITS: usize, const KIND: u8>;

impl<const BITS: usize, const KIND: u8> G726<BITS, KIND> {
    /// The shortest stretch that fills whole bytes.
    const UNIT_SAMPLES: usize = if BITS.is_multiple_of(2) { 8 / BITS } else { 8 };
    const UNIT_BYTES: usize = Self::UNIT_SAMPLES * BITS / 8;
    const NAME: &str = match (BITS, KIND) {
        (2, RTP) => "G726-16",
        (3, RTP) => "G726-24",
        (4, RTP) => "G726-32",
        (5, RTP) => "G726-40",
        (2, AAL2) => "AAL2-G726-16",
        (3, AAL2) => "AAL2-G726-24",
        (4, AAL2) => "AAL2-G726-32",
        (5, AAL2) => "AAL2-G726-40",
        (4, G721) => "G721",
        _ => panic!("no such G.726"),
    };
}

impl<const BITS: usize, const KIND: u8> Codec for G726<BITS, KIND> {
    type Encoder = Coder<BITS, KIND>;
    type Decoder = Coder<BITS, KIND>;
    const DESCRIPTION: Description = Description {
        encoding_name: Self::NAME,
        clock_rate: 8_000,
        sample_rate: 8_000,
        static_payload_type: if KIND == G721 { Some(2) } else { None },
        fmtp: "",
    };

    fn packing(_: u64) -> Packing {
        Packing::Samples {
            unit_samples: Self::UNIT_SAMPLES as u32,
            unit_bytes: Self::UNIT_BYTES as u32,
        }
    }

    fn samples_in(_: u64, payload: &[u8]) -> Option<usize> {
        let samples = payload.len() / Self::UNIT_BYTES * Self::UNIT_SAMPLES;
        let whole = payload.len().is_multiple_of(Self::UNIT_BYTES);
        (whole && (1..=MAX_SAMPLES).contains(&samples)).then_some(samples)
    }

    fn encoder(_: u64) -> Option<Coder<BITS, KIND>> {
        Some(Coder(Adpcm::new(tables::of(BITS))))
    }

    fn decoder(_: u64) -> Option<Coder<BITS, KIND>> {
        Some(Coder(Adpcm::new(tables::of(BITS))))
    }
}

/// One direction.
struct Coder<const BITS: usize, const KIND: u8>(Adpcm);

impl<const BITS: usize, const KIND: u8> Encoder for Coder<BITS, KIND> {
    fn encode(&mut self, pcm: &[i16], out: &mut [u8]) -> Result<usize, Failure> {
        let unit = G726::<BITS, KIND>::UNIT_SAMPLES;
        if pcm.is_empty() || !pcm.len().is_multiple_of(unit) || pcm.len() > MAX_SAMPLES {
            return Err(Failure::Refused);
        }
        let len = pcm.len() * BITS / 8;
        let out = out.get_mut(..len).ok_or(Failure::BufferTooSmall)?;
        let mut codes = pcm.iter().map(|&sample| self.0.encode(sample));
        let (mut bits, mut count) = (0u32, 0);
        for byte in out {
            while count < 8 {
                let code = codes.next().unwrap_or_default();
                bits = match KIND {
                    AAL2 => bits << BITS | code,
                    _ => bits | code << count,
                };
                count += BITS;
            }
            count -= 8;
            match KIND {
                AAL2 => *byte = (bits >> count) as u8,
                _ => {
                    *byte = bits as u8;
                    bits >>= 8;
                }
            }
        }
        Ok(len)
    }
}

impl<const BITS: usize, const KIND: u8> Decoder for Coder<BITS, KIND> {
    fn decode(&mut self, payload: &[u8], out: &mut [i16]) -> Result<usize, Failure> {
        let samples = G726::<BITS, KIND>::samples_in(0, payload).ok_or(Failure::Refused)?;
        let out = out.get_mut(..samples).ok_or(Failure::BufferTooSmall)?;
        let mut bytes = payload.iter();
        let mask = (1 << BITS) - 1;
        let (mut bits, mut count) = (0u32, 0);
        for sample in out {
            if count < BITS {
                let byte = u32::from(bytes.next().copied().unwrap_or_default());
                bits = match KIND {
                    AAL2 => bits << 8 | byte,
                    _ => bits | byte << count,
                };
                count += 8;
            }
            count -= BITS;
            let code = match KIND {
                AAL2 => bits >> count & mask,
                _ => bits & mask,
            };
            if KIND != AAL2 {
                bits >>= BITS;
            }
            *sample = self.0.decode(code);
        }
        Ok(samples)
    }
}

#[cfg(test)]
mod tests;
