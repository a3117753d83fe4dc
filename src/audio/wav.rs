//! WAV files as bytes: writing what everyone reads.
//!
//! Driven by the recorder; writes no file itself. Reading is [`super::decode`].

/// The header of a mono 16-bit file with `data_bytes` bytes of samples after it.
///
/// A file being written starts with a header that says 0, which readers take as "to the end of
/// the file"; the writer replaces it, now and then and when done, by one that is true.
pub fn header(sample_rate: u32, data_bytes: u32) -> [u8; HEADER_BYTES] {
    let mut bytes = [0; HEADER_BYTES];
    bytes[..4].copy_from_slice(b"RIFF");
    bytes[4..8].copy_from_slice(&data_bytes.saturating_add(36).to_le_bytes());
    bytes[8..16].copy_from_slice(b"WAVEfmt ");
    bytes[16..20].copy_from_slice(&16u32.to_le_bytes());
    bytes[20..22].copy_from_slice(&1u16.to_le_bytes());
    bytes[22..24].copy_from_slice(&1u16.to_le_bytes());
    bytes[24..28].copy_from_slice(&sample_rate.to_le_bytes());
    bytes[28..32].copy_from_slice(&(2 * sample_rate).to_le_bytes());
    bytes[32..34].copy_from_slice(&2u16.to_le_bytes());
    bytes[34..36].copy_from_slice(&16u16.to_le_bytes());
    bytes[36..40].copy_from_slice(b"data");
    bytes[40..].copy_from_slice(&data_bytes.to_le_bytes());
    bytes
}

/// Length of [`header`].
pub const HEADER_BYTES: usize = 44;

/// Appends samples in a file's byte order to `out`.
pub fn append_samples(pcm: &[i16], out: &mut Vec<u8>) {
    out.extend(pcm.iter().flat_map(|sample| sample.to_le_bytes()));
}

/// A whole mono 16-bit file. Samples past 4 GiB are left out: the format cannot hold them.
pub fn image(pcm: &[i16], sample_rate: u32) -> Vec<u8> {
    let most = (u32::MAX as usize - HEADER_BYTES) / 2;
    let pcm = &pcm[..pcm.len().min(most)];
    let mut bytes = Vec::with_capacity(HEADER_BYTES + 2 * pcm.len());
    bytes.extend(header(sample_rate, 2 * pcm.len() as u32));
    append_samples(pcm, &mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::audio::decode;

    #[test]
    fn a_written_image_is_read_by_us_and_by_others() {
        let pcm = [0, 1, -1, i16::MAX, i16::MIN];
        let file = image(&pcm, 16_000);
        let sound = decode::read_whole(Box::new(Cursor::new(file.clone())), "wav", 10).unwrap();
        assert_eq!((&sound.pcm[..], sound.sample_rate), (&pcm[..], 16_000));
        let others = hound::WavReader::new(Cursor::new(&file)).unwrap();
        assert_eq!(others.spec().sample_rate, 16_000);
        let samples: Result<Vec<i16>, _> = others.into_samples().collect();
        assert_eq!(samples.unwrap(), pcm);
    }
}
