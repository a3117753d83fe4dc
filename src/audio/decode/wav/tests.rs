use std::io::Cursor;

use hound::{SampleFormat, WavSpec, WavWriter};

use super::*;
use crate::audio::decode::Sound;
use crate::probe::{read_sound, wav_file};

fn read_all(bytes: &[u8]) -> Result<Sound, DecodeError> {
    read_sound(bytes, "wav")
}

/// What is wrong with a WAV file.
fn refused(bytes: &[u8]) -> WavError {
    match read_all(bytes) {
        Err(DecodeError::Wav(error)) => error,
        other => panic!("{other:?}"),
    }
}

/// A file as another program writes it.
fn hound_file<S: hound::Sample + Copy>(spec: WavSpec, samples: &[S]) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let mut writer = WavWriter::new(&mut bytes, spec).unwrap();
    for &sample in samples {
        writer.write_sample(sample).unwrap();
    }
    writer.finalize().unwrap();
    bytes.into_inner()
}

fn spec(channels: u16, bits_per_sample: u16, sample_format: SampleFormat) -> WavSpec {
    WavSpec {
        channels,
        sample_rate: 22_050,
        bits_per_sample,
        sample_format,
    }
}

/// A file of raw chunks.
fn riff(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut body = b"WAVE".to_vec();
    for (name, content) in chunks {
        body.extend(*name);
        body.extend((content.len() as u32).to_le_bytes());
        body.extend(*content);
        body.resize(body.len().next_multiple_of(2), 0);
    }
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((body.len() as u32).to_le_bytes());
    bytes.extend(body);
    bytes
}

fn fmt(tag: u16, channels: u16, rate: u32, bits: u16) -> Vec<u8> {
    let block = channels * (bits / 8);
    let mut chunk = Vec::new();
    for value in [tag, channels] {
        chunk.extend(value.to_le_bytes());
    }
    chunk.extend(rate.to_le_bytes());
    chunk.extend((rate * u32::from(block)).to_le_bytes());
    for value in [block, bits] {
        chunk.extend(value.to_le_bytes());
    }
    chunk
}

#[test]
fn integers_of_every_size_give_the_same_samples() {
    let expected = [0, 256, -256, 32_512, -32_768];
    for (bits, shift) in [(8, -8), (16, 0), (24, 8), (32, 16)] {
        let samples: Vec<i32> = expected
            .iter()
            .map(|&sample: &i32| {
                if shift < 0 {
                    sample >> -shift
                } else {
                    sample << shift
                }
            })
            .collect();
        let sound = read_all(&hound_file(spec(1, bits, SampleFormat::Int), &samples)).unwrap();
        assert_eq!(sound.sample_rate, 22_050);
        assert_eq!(
            sound.pcm,
            expected.map(|sample| sample as i16),
            "{bits} bits"
        );
    }
}

#[test]
fn float_is_scaled_and_clipped() {
    let file = hound_file(
        spec(1, 32, SampleFormat::Float),
        &[0.0f32, 0.5, -1.0, 7.0, f32::NAN],
    );
    assert_eq!(
        read_all(&file).unwrap().pcm,
        [0, 16_384, -32_768, 32_767, 0]
    );
}

#[test]
fn stereo_is_averaged() {
    let file = hound_file(
        spec(2, 16, SampleFormat::Int),
        &[100i16, 300, 32_767, 32_767],
    );
    assert_eq!(read_all(&file).unwrap().pcm, [200, 32_767]);
}

#[test]
fn companded_files_are_expanded() {
    for (tag, codes, expected) in [
        (6, [0xD5, 0xAA, 0x2A], [8, 32_256, -32_256]),
        (7, [0xFF, 0x80, 0x00], [0, 32_124, -32_124]),
    ] {
        let mut format = fmt(tag, 1, 8_000, 8);
        format.extend([0, 0]);
        let file = riff(&[
            (b"fmt ", &format),
            (b"fact", &[3, 0, 0, 0]),
            (b"data", &codes),
        ]);
        assert_eq!(read_all(&file).unwrap().pcm, expected);
    }
}

#[test]
fn extensible_format_is_read_by_its_subformat() {
    let mut format = fmt(0xFFFE, 1, 48_000, 32);
    format.extend([22, 0, 24, 0, 4, 0, 0, 0]); // 24 valid bits in containers of 32
    format.extend([1, 0]);
    format.extend(SUBFORMAT_TAIL);
    let data = [0, 0, 0x34, 0x12];
    assert_eq!(
        read_all(&riff(&[(b"fmt ", &format), (b"data", &data)]))
            .unwrap()
            .pcm,
        [0x1234]
    );
    format[30] = 1;
    assert!(matches!(
        refused(&riff(&[(b"fmt ", &format), (b"data", &data)])),
        WavError::Encoding(0xFFFE)
    ));
}

#[test]
fn chunks_of_odd_length_are_stepped_over() {
    let format = fmt(1, 1, 8_000, 16);
    let file = riff(&[
        (b"LIST", &[1, 2, 3]),
        (b"fmt ", &format),
        (b"bext", &[9]),
        (b"data", &[1, 0]),
    ]);
    assert_eq!(read_all(&file).unwrap().pcm, [1]);
}

#[test]
fn cut_and_unfinished_files_are_read_as_far_as_they_go() {
    let pcm: Vec<i16> = (0..100).collect();
    let whole = wav_file(&pcm, 8_000);
    assert_eq!(
        read_all(&whole[..whole.len() - 101]).unwrap().pcm,
        pcm[..49]
    );

    let mut unfinished = riff(&[(b"fmt ", &fmt(1, 1, 8_000, 16)), (b"data", &[])]);
    unfinished.extend(pcm.iter().flat_map(|sample| sample.to_le_bytes()));
    assert_eq!(read_all(&unfinished).unwrap().pcm, pcm);

    let empty = riff(&[
        (b"fmt ", &fmt(1, 1, 8_000, 16)),
        (b"data", &[]),
        (b"LIST", &[1; 40]),
    ]);
    assert!(read_all(&empty).unwrap().pcm.is_empty());
}

#[test]
fn what_is_not_read_is_refused_with_its_reason() {
    let file = |format: &[u8]| riff(&[(b"fmt ", format), (b"data", &[0; 8])]);
    let with = |format: &[u8]| refused(&file(format));
    assert!(matches!(refused(b"RIFF"), WavError::NotWave));
    assert!(matches!(
        read_all(&[0; 64]),
        Err(DecodeError::UnknownFormat)
    ));
    assert!(matches!(
        refused(&riff(&[])),
        WavError::MissingChunk("fmt ")
    ));
    assert!(matches!(
        refused(&riff(&[(b"data", &[0; 4])])),
        WavError::MissingChunk("fmt ")
    ));
    assert!(matches!(
        refused(&riff(&[(b"fmt ", &fmt(1, 1, 8_000, 16))])),
        WavError::MissingChunk("data")
    ));
    assert!(matches!(
        with(&[0; 15]),
        WavError::FormatTruncated {
            expected: 16,
            found: 15
        }
    ));
    assert!(matches!(
        with(&fmt(0x11, 1, 8_000, 4)),
        WavError::Encoding(0x11)
    ));
    for (tag, bits) in [(1, 40), (3, 16)] {
        assert!(matches!(
            with(&fmt(tag, 1, 8_000, bits)),
            WavError::BitsPerSample(found) if found == bits
        ));
    }
    for channels in [0, 9] {
        let read = read_all(&file(&fmt(1, channels, 8_000, 16)));
        assert!(matches!(read, Err(DecodeError::Channels(_))));
    }
    for rate in [7_999, 192_001] {
        let read = read_all(&file(&fmt(1, 1, rate, 16)));
        assert!(matches!(read, Err(DecodeError::SampleRate(_))));
    }
}

#[test]
fn doubles_are_read() {
    let values = [0.0, 0.5, -1.0, 7.0, f64::NAN];
    let data: Vec<u8> = values
        .iter()
        .flat_map(|value: &f64| value.to_le_bytes())
        .collect();
    let file = riff(&[(b"fmt ", &fmt(3, 1, 8_000, 64)), (b"data", &data)]);
    let pcm = read_all(&file).unwrap().pcm;
    assert_eq!(pcm, [0, 16_384, -32_768, 32_767, 0]);
}

#[test]
fn lengths_of_64_bits_are_read() {
    let mut sizes = [0; 28];
    sizes[8] = 4;
    let mut file = riff(&[
        (b"ds64", &sizes),
        (b"fmt ", &fmt(1, 1, 8_000, 16)),
        (b"data", &[1, 0, 2, 0]),
        (b"LIST", &[7; 6]),
    ]);
    file[..4].copy_from_slice(b"RF64");
    let data = file.windows(4).position(|name| name == b"data").unwrap();
    file[data + 4..data + 8].fill(0xFF);
    assert_eq!(read_all(&file).unwrap().pcm, [1, 2]);
    // Without a true length it goes on to the end of the file.
    let sizes = file.windows(4).position(|name| name == b"ds64").unwrap();
    file[sizes + 16..sizes + 24].fill(0xFF);
    assert_eq!(read_all(&file).unwrap().pcm.len(), 9);
}
