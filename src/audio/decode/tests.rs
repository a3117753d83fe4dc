use std::io::Cursor;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::*;
use crate::probe::{level_at, read_sound as read, sine, wav_file};

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../../../tests/fixtures/audio/", $name)).as_slice()
    };
}

/// Half a second of 500 and 1,300 Hz, as other programs write it.
const FILES: [(&[u8], &str, u32); 8] = [
    (fixture!("tones.mp3"), "mp3", 44_100),
    (fixture!("tones.flac"), "flac", 8_000),
    (fixture!("tones.ogg"), "ogg", 44_100),
    (fixture!("tones.opus"), "opus", 48_000),
    (fixture!("tones-gsm.wav"), "wav", 8_000),
    (fixture!("tones-alaw.wav"), "wav", 8_000),
    (fixture!("tones.gsm"), "gsm", 8_000),
    (fixture!("gsm-decoded.sln"), "sln", 8_000),
];

#[test]
fn every_format_sounds_as_its_source_and_keeps_its_length() {
    for (bytes, extension, rate) in FILES {
        let sound = read(bytes, extension).unwrap();
        assert_eq!(sound.sample_rate, rate, "{extension}");
        // GSM in WAV comes in pairs of frames.
        let half = rate as usize / 2;
        let extra = if bytes == fixture!("tones-gsm.wav") {
            160
        } else {
            0
        };
        assert_eq!(sound.pcm.len(), half + extra, "{extension}");
        let inner = &sound.pcm[rate as usize / 20..rate as usize * 9 / 20];
        for (hertz, expected) in [(500.0, 9_000.0), (1_300.0, 4_000.0)] {
            let level = level_at(inner, rate, hertz);
            assert!(
                (level - expected).abs() < 0.15 * expected,
                "{extension} {hertz}: {level}"
            );
        }
        // The first wave is in its place: neither an encoder's delay is left, nor too much cut.
        let place = |pcm: &[i16]| {
            let wave = sine(500.0, 9_000.0, rate, half);
            let product = |(a, b): (&i16, &i16)| f64::from(*a) * f64::from(*b);
            let window = rate as usize / 20..rate as usize / 10;
            pcm[window.clone()]
                .iter()
                .zip(&wave[window])
                .map(product)
                .sum::<f64>()
        };
        let quarter = rate as usize / 2_000;
        let here = place(&sound.pcm);
        assert!(
            here > place(&sound.pcm[quarter..]) && here > 0.0,
            "{extension} is out of place"
        );
    }
}

#[test]
fn gsm_is_decoded_as_the_reference_does_to_the_bit() {
    let reference = read(fixture!("gsm-decoded.sln"), "sln").unwrap().pcm;
    assert_eq!(read(fixture!("tones.gsm"), "gsm").unwrap().pcm, reference);
    let pairs = read(fixture!("tones-gsm.wav"), "wav").unwrap().pcm;
    assert_eq!(pairs[..reference.len()], reference);
}

#[test]
fn the_content_goes_before_the_name() {
    for (bytes, extension, rate) in &FILES[..6] {
        for name in ["", "wav", "mp3", "sln", "txt"] {
            match read(bytes, name) {
                Ok(sound) => assert!(sound.sample_rate == *rate || *extension == "mp3"),
                Err(error) => panic!("{extension} as {name:?}: {error}"),
            }
        }
    }
    // A mu-law file begins with what could be MPEG audio.
    assert_eq!(read(&[0xFF; 800], "ul").unwrap().pcm, [0; 800]);
    let unknown = read(b"<html>not a sound</html>", "html").unwrap_err();
    assert!(matches!(unknown, DecodeError::UnknownFormat));
    assert!(unknown.to_string().contains("WAV, FLAC, MP3"));
}

#[test]
fn raw_files_are_what_their_names_say() {
    let bytes = [0x34, 0x12, 0xFF, 0xFF, 7];
    for (extension, rate) in [
        ("raw", 8_000),
        ("SLN", 8_000),
        ("sln16", 16_000),
        ("sln48", 48_000),
    ] {
        let sound = read(&bytes, extension).unwrap();
        assert_eq!(
            (sound.sample_rate, &sound.pcm[..]),
            (rate, &[0x1234, -1][..])
        );
    }
    assert_eq!(read(&[0xFF, 0x80], "ul").unwrap().pcm, [0, 32_124]);
    assert_eq!(read(&[0xD5, 0xAA], "al").unwrap().pcm, [8, 32_256]);
}

#[test]
fn a_tag_with_anything_in_it_may_come_before_mp3() {
    let mut file = b"ID3\x04\0\0\0\0\x02\0".to_vec();
    file.extend([0xFF; 256]);
    file.extend(fixture!("tones.mp3"));
    assert_eq!(
        read(&file, "mp3").unwrap(),
        read(fixture!("tones.mp3"), "mp3").unwrap()
    );
}

#[test]
fn cut_files_are_played_as_far_as_they_go() {
    for (bytes, extension, rate) in FILES {
        let whole = read(bytes, extension).unwrap().pcm.len();
        // Headers of Vorbis and FLAC are long, and Ogg pages are whole or nothing.
        let cut = read(&bytes[..bytes.len() * 9 / 10], extension);
        match cut {
            Ok(sound) => assert!(sound.pcm.len() <= whole && sound.sample_rate == rate),
            Err(error) => assert!(matches!(extension, "ogg" | "opus"), "{extension}: {error}"),
        }
    }
}

#[test]
fn a_second_opus_stream_in_one_file_is_refused() {
    let mut chained = fixture!("tones.opus").to_vec();
    let mut second = chained.clone();
    for_each_page(&mut second, |page| page[14] ^= 1);
    chained.extend(second);
    let mut source = open(Box::new(Cursor::new(chained)), "opus").unwrap();
    let mut pcm = Vec::new();
    let refused = source.read_to_end(&mut pcm, 1 << 20).unwrap_err();
    assert!(matches!(
        refused,
        DecodeError::OggOpus(OggOpusError::Chained)
    ));
    // What came before is heard.
    assert_eq!(pcm.len(), 24_000);
}

#[test]
fn the_gain_of_an_opus_file_is_applied() {
    let mut packet = b"OpusHead\x01\x01\0\0\x80\xBB\0\0".to_vec();
    // Half as loud: -6.02 dB in 1/256.
    packet.extend((-1_541i16).to_le_bytes());
    packet.push(0);
    let mut file = ogg::PacketWriter::new(Vec::new());
    use ogg::PacketWriteEndInfo::{EndPage, EndStream};
    file.write_packet(packet, 5, EndPage, 0).unwrap();
    file.write_packet(b"OpusTags\0\0\0\0\0\0\0\0".as_slice(), 5, EndPage, 0)
        .unwrap();
    let encoder = audiopus::coder::Encoder::new(
        audiopus::SampleRate::Hz48000,
        audiopus::Channels::Mono,
        audiopus::Application::Audio,
    );
    let mut payload = [0; 1_000];
    let pcm = sine(500.0, 10_000.0, 48_000, 48_000);
    let encoder = encoder.unwrap();
    for (n, frame) in pcm.chunks(960).enumerate() {
        let bytes = encoder.encode(frame, &mut payload).unwrap();
        let last = n == 49;
        // 100 samples of the last frame are no sound.
        let granule = (n as u64 + 1) * 960 - if last { 100 } else { 0 };
        let end = if last { EndStream } else { EndPage };
        file.write_packet(payload[..bytes].to_vec(), 5, end, granule)
            .unwrap();
    }
    let sound = read(&file.into_inner(), "opus").unwrap();
    assert_eq!(sound.pcm.len(), 47_900);
    let level = level_at(&sound.pcm[9_600..38_400], 48_000, 500.0);
    assert!((level - 5_000.0).abs() < 200.0, "{level}");
}

#[test]
fn a_file_past_the_limit_is_known() {
    let bytes = wav_file(&[5; 9_000], 8_000);
    let read = |limit| {
        let mut source = open(Box::new(Cursor::new(bytes.clone())), "wav").unwrap();
        let mut pcm = Vec::new();
        let is_whole = source.read_to_end(&mut pcm, limit).unwrap();
        assert!(pcm.len() <= limit);
        (is_whole, pcm.len())
    };
    assert_eq!(read(9_000), (true, 9_000));
    assert!(!read(8_999).0);
}

#[test]
fn damaged_files_never_panic() {
    let mut random = SmallRng::seed_from_u64(11);
    let mut files: Vec<(Vec<u8>, &str)> = FILES
        .iter()
        .map(|(bytes, extension, _)| (bytes.to_vec(), *extension))
        .collect();
    files.push((wav_file(&[900; 300], 8_000), "wav"));
    for _ in 0..20_000 {
        let (file, extension) = &files[random.random_range(0..files.len())];
        let mut file = file.clone();
        // Headers are where lengths and counts are.
        let reach = if random.random() { 200 } else { file.len() };
        for _ in 0..random.random_range(1..8) {
            let at = random.random_range(0..reach.min(file.len()));
            file[at] = random.random();
        }
        if random.random_ratio(1, 4) {
            file.truncate(random.random_range(0..=file.len()));
        }
        // The sums of Ogg pages would hide everything behind them.
        if file.starts_with(b"OggS") && random.random_ratio(3, 4) {
            for_each_page(&mut file, |_| {});
        }
        let Ok(mut source) = open(Box::new(Cursor::new(file)), extension) else {
            continue;
        };
        let mut pcm = Vec::new();
        let _ = source.read_to_end(&mut pcm, 200_000);
    }
}

/// Changes the pages of an Ogg file and makes their checksums right (RFC 3533 section 6).
fn for_each_page(file: &mut [u8], change: impl Fn(&mut [u8])) {
    let mut start = 0;
    while file.len() >= start + 27 && file[start..].starts_with(b"OggS") {
        let segments = usize::from(file[start + 26]);
        let Some(table) = file.get(start + 27..start + 27 + segments) else {
            return;
        };
        let body: usize = table.iter().map(|&length| usize::from(length)).sum();
        let end = start + 27 + segments + body;
        let Some(page) = file.get_mut(start..end) else {
            return;
        };
        change(page);
        page[22..26].fill(0);
        let sum = page.iter().fold(0u32, |sum, &byte| {
            (0..8).fold(sum ^ u32::from(byte) << 24, |sum, _| {
                sum << 1 ^ if sum >> 31 == 1 { 0x04C1_1DB7 } else { 0 }
            })
        });
        page[22..26].copy_from_slice(&sum.to_le_bytes());
        start = end;
    }
}
