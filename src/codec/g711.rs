//! What µ-law and A-law share: payload sizes and table-driven coding.
//!
//! Encoding looks a sample up in a table of all 65,536 values, six times faster than computing;
//! decoding in a table of 256. The tables are made once per process, before the media path runs.

use super::CodecError;
use super::concealment::Concealment;

/// One code for each 16-bit sample, indexed by the sample's bits.
pub(super) type EncodeTable = [u8; 65_536];
/// One sample for each code.
pub(super) type DecodeTable = [i16; 256];

/// Samples, and so bytes, in a millisecond.
const SAMPLES_PER_MS: usize = 8;
/// Longest payload accepted, 60 ms. SDP rarely asks for more than 40.
pub(super) const MAX_PAYLOAD: usize = 60 * SAMPLES_PER_MS;

/// The number of samples in `payload`: one a byte, for lengths of 1 to 60 ms.
pub(super) fn samples_in(payload: &[u8]) -> Option<usize> {
    (SAMPLES_PER_MS..=MAX_PAYLOAD)
        .contains(&payload.len())
        .then_some(payload.len())
}

/// Makes the table of `encode_sample`.
pub(super) fn encode_table(encode_sample: fn(i16) -> u8) -> Box<EncodeTable> {
    let codes: Vec<u8> = (0..=u16::MAX)
        .map(|bits| encode_sample(bits as i16))
        .collect();
    codes
        .try_into()
        .expect("one code for each of the 65,536 samples")
}

/// Encodes as many samples as there are, or none if `out` is too small.
pub(super) fn encode(table: &EncodeTable, pcm: &[i16], out: &mut [u8]) -> usize {
    let Some(out) = out.get_mut(..pcm.len()) else {
        return 0;
    };
    for (code, &sample) in out.iter_mut().zip(pcm) {
        *code = table[usize::from(sample as u16)];
    }
    pcm.len()
}

/// Decodes one payload and remembers it for concealment.
pub(super) fn decode(
    table: &DecodeTable,
    concealment: &mut Concealment,
    payload: &[u8],
    out: &mut [i16],
) -> Result<usize, CodecError> {
    let needed = samples_in(payload).ok_or(CodecError::PayloadSize {
        bytes: payload.len(),
    })?;
    let available = out.len();
    let out = out
        .get_mut(..needed)
        .ok_or(CodecError::BufferTooSmall { needed, available })?;
    for (sample, &code) in out.iter_mut().zip(payload) {
        *sample = table[usize::from(code)];
    }
    concealment.received(out);
    Ok(needed)
}
