//! How tests listen, to samples and to files: the level of one frequency, the loudest sample.

use std::f64::consts::TAU;
use std::io::Cursor;

use crate::audio::decode::{self, DecodeError, Sound};

/// A mono 16-bit WAV file, as another program writes it.
pub(crate) fn wav_file(pcm: &[i16], sample_rate: u32) -> Vec<u8> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut file = Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut file, spec).unwrap();
    let mut samples = writer.get_i16_writer(pcm.len() as u32);
    pcm.iter().for_each(|&sample| samples.write_sample(sample));
    samples.flush().unwrap();
    writer.finalize().unwrap();
    file.into_inner()
}

/// All of a sound file of at most 2^20 samples; `extension` is that of its name. A longer one fails the test.
pub(crate) fn read_sound(file: &[u8], extension: &str) -> Result<Sound, DecodeError> {
    let mut source = decode::open(Box::new(Cursor::new(file.to_vec())), extension)?;
    let mut pcm = Vec::new();
    let is_whole = source.read_to_end(&mut pcm, 1 << 20)?;
    assert!(is_whole, "it goes on after {} samples", pcm.len());
    Ok(Sound {
        pcm,
        sample_rate: source.sample_rate(),
    })
}

/// Amplitude of the sine of `hertz` in `pcm`, by correlation.
pub(crate) fn level_at(pcm: &[i16], sample_rate: u32, hertz: f64) -> f64 {
    let step = TAU * hertz / f64::from(sample_rate);
    let (mut re, mut im) = (0.0, 0.0);
    for (i, &sample) in pcm.iter().enumerate() {
        let phase = step * i as f64;
        re += f64::from(sample) * phase.cos();
        im += f64::from(sample) * phase.sin();
    }
    2.0 * re.hypot(im) / pcm.len() as f64
}

/// The loudest sample, without its sign.
pub(crate) fn peak(pcm: &[i16]) -> u16 {
    pcm.iter()
        .map(|sample| sample.unsigned_abs())
        .max()
        .unwrap_or(0)
}

/// A steady sine, from its zero crossing on.
pub(crate) fn sine(hertz: f64, peak: f64, sample_rate: u32, samples: usize) -> Vec<i16> {
    let step = TAU * hertz / f64::from(sample_rate);
    (0..samples)
        .map(|i| (peak * (step * i as f64).sin()).round() as i16)
        .collect()
}

/// The largest difference of two neighbouring samples; a click shows here.
pub(crate) fn largest_step(pcm: &[i16]) -> u32 {
    pcm.windows(2)
        .map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).unsigned_abs())
        .max()
        .unwrap_or(0)
}
