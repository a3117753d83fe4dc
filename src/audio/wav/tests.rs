use std::io::Cursor;

use hound::{SampleFormat, WavReader, WavSpec, WavWriter};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::*;

fn read_all(bytes: &[u8]) -> Result<Sound, WavError> {
    read(bytes, MAX_WAV_BYTES)
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
        read_all(&riff(&[(b"fmt ", &format), (b"data", &data)])),
        Err(WavError::Encoding(0xFFFE))
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
    let whole = image(&pcm, 8_000);
    assert_eq!(
        read_all(&whole[..whole.len() - 101]).unwrap().pcm,
        pcm[..49]
    );

    let mut unfinished = header(8_000, 0).to_vec();
    append_samples(&pcm, &mut unfinished);
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
    let with = |format: &[u8]| read_all(&riff(&[(b"fmt ", format), (b"data", &[0; 8])]));
    assert!(matches!(read_all(b"RIFF"), Err(WavError::NotWave)));
    assert!(matches!(read_all(&[0; 64]), Err(WavError::NotWave)));
    assert!(matches!(
        read_all(&riff(&[])),
        Err(WavError::MissingChunk("fmt "))
    ));
    assert!(matches!(
        read_all(&riff(&[(b"data", &[0; 4])])),
        Err(WavError::MissingChunk("fmt "))
    ));
    assert!(matches!(
        read_all(&riff(&[(b"fmt ", &fmt(1, 1, 8_000, 16))])),
        Err(WavError::MissingChunk("data"))
    ));
    assert!(matches!(
        with(&[0; 15]),
        Err(WavError::FormatTruncated {
            expected: 16,
            found: 15
        })
    ));
    assert!(matches!(
        with(&fmt(0x31, 1, 8_000, 8)),
        Err(WavError::Encoding(0x31))
    ));
    assert!(matches!(
        with(&fmt(1, 1, 8_000, 40)),
        Err(WavError::BitsPerSample(40))
    ));
    assert!(matches!(
        with(&fmt(3, 1, 8_000, 64)),
        Err(WavError::BitsPerSample(64))
    ));
    assert!(matches!(
        with(&fmt(1, 0, 8_000, 16)),
        Err(WavError::Channels(0))
    ));
    assert!(matches!(
        with(&fmt(1, 6, 8_000, 16)),
        Err(WavError::Channels(6))
    ));
    assert!(matches!(
        with(&fmt(1, 1, 96_000, 16)),
        Err(WavError::SampleRate(96_000))
    ));
    assert!(matches!(
        read(&[0; 64], 63),
        Err(WavError::TooLarge {
            bytes: 64,
            limit: 63
        })
    ));
}

#[test]
fn a_written_image_is_read_by_us_and_by_others() {
    let pcm = [0, 1, -1, i16::MAX, i16::MIN];
    let file = image(&pcm, 16_000);
    assert_eq!(
        read_all(&file).unwrap(),
        Sound {
            pcm: pcm.to_vec(),
            sample_rate: 16_000
        }
    );
    let others = WavReader::new(Cursor::new(&file)).unwrap();
    assert_eq!(others.spec().sample_rate, 16_000);
    assert_eq!(
        others
            .into_samples::<i16>()
            .collect::<Result<Vec<_>, _>>()
            .unwrap(),
        pcm
    );
}

#[test]
fn damaged_files_never_panic() {
    let mut random = SmallRng::seed_from_u64(3);
    let mut extensible = fmt(0xFFFE, 2, 8_000, 24);
    extensible.extend([22, 0, 24, 0, 4, 0, 0, 0, 1, 0]);
    extensible.extend(SUBFORMAT_TAIL);
    let files = [
        image(&[5; 40], 8_000),
        hound_file(spec(2, 24, SampleFormat::Int), &[7i32; 40]),
        hound_file(spec(1, 32, SampleFormat::Float), &[0.5f32; 40]),
        riff(&[
            (b"LIST", &[1, 2, 3]),
            (b"fmt ", &extensible),
            (b"data", &[0; 41]),
        ]),
    ];
    for _ in 0..50_000 {
        let mut file = files[random.random_range(0..files.len())].clone();
        for _ in 0..random.random_range(0..6) {
            let at = random.random_range(0..file.len().min(80));
            file[at] = random.random();
        }
        file.truncate(random.random_range(0..=file.len()));
        let _ = read_all(&file);
    }
}
