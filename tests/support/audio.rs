//! Sounds to play, and ears to hear them with.

use std::f64::consts::TAU;
use std::io::Cursor;
use std::path::Path;

use muleteer::audio::decode::{self, DecodeError, Sound};
use muleteer::audio::resample::resample;

/// Samples a second of everything here.
pub const SAMPLE_RATE: u32 = 8_000;

/// A sine of `hertz` that lasts `ms`.
pub fn sine(hertz: f64, ms: usize) -> Vec<i16> {
    let step = TAU * hertz / f64::from(SAMPLE_RATE);
    (0..ms * 8)
        .map(|n| ((n as f64 * step).sin() * 10_000.0) as i16)
        .collect()
}

/// The amplitude of `hertz` in `pcm`, by the Goertzel algorithm.
pub fn level(pcm: &[i16], hertz: f64) -> f64 {
    let coefficient = 2.0 * (TAU * hertz / f64::from(SAMPLE_RATE)).cos();
    let (mut last, mut before) = (0.0, 0.0);
    for &sample in pcm {
        (last, before) = (f64::from(sample) + coefficient * last - before, last);
    }
    let power = last * last + before * before - coefficient * last * before;
    power.max(0.0).sqrt() * 2.0 / pcm.len().max(1) as f64
}

/// How many milliseconds of `pcm` are the tone `hertz`, in steps of 10 ms.
pub fn ms_of(pcm: &[i16], hertz: f64) -> usize {
    pcm.chunks(80)
        .filter(|block| level(block, hertz) > 5_000.0)
        .count()
        * 10
}

/// How many milliseconds of `pcm` are silence, in steps of 10 ms.
pub fn silent_ms(pcm: &[i16]) -> usize {
    let quiet = |block: &&[i16]| block.iter().all(|sample| sample.unsigned_abs() < 50);
    pcm.chunks(80).filter(quiet).count() * 10
}

/// The loudest sample, without its sign.
pub fn peak(pcm: &[i16]) -> u16 {
    let loud = pcm.iter().map(|sample| sample.unsigned_abs());
    loud.max().unwrap_or(0)
}

/// The largest difference of two neighbouring samples; a click shows here.
pub fn largest_step(pcm: &[i16]) -> u16 {
    let steps = pcm.windows(2).map(|pair| pair[0].abs_diff(pair[1]));
    steps.max().unwrap_or(0)
}

/// The sound of a WAV file, at [`SAMPLE_RATE`].
pub fn wav(path: &Path) -> Vec<i16> {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let sound = wav_sound(bytes);
    let sound = sound.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    resample(&sound.pcm, sound.sample_rate, SAMPLE_RATE).expect("a rate")
}

/// The sound of a WAV file, at its own rate.
pub fn wav_sound(file: Vec<u8>) -> Result<Sound, DecodeError> {
    let mut source = decode::open(Box::new(Cursor::new(file)), "wav")?;
    let mut pcm = Vec::new();
    let is_whole = source.read_to_end(&mut pcm, 1 << 30)?;
    assert!(is_whole, "it goes on after {} samples", pcm.len());
    Ok(Sound {
        pcm,
        sample_rate: source.sample_rate(),
    })
}

/// A WAV file at [`SAMPLE_RATE`].
pub fn wav_file(pcm: &[i16]) -> Vec<u8> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: SAMPLE_RATE,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut file = Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut file, spec).expect("a header");
    let mut samples = writer.get_i16_writer(pcm.len() as u32);
    pcm.iter().for_each(|&sample| samples.write_sample(sample));
    samples.flush().expect("written to memory");
    writer.finalize().expect("written to memory");
    file.into_inner()
}

/// Where in `heard` all of `prompt` is, in seconds.
///
/// Each half second of it is looked for by itself. Four of five have to be alike to more than 0.7 (1 is
/// the same but for the level) and where they should be within two tenths of a second: on a busy machine
/// packets come late, and the listener's jitter buffer makes up for it.
#[track_caller]
pub fn position_of(prompt: &[i16], heard: &[i16]) -> f64 {
    let found = pieces(prompt, heard);
    let begin = found[found.len() / 2].at;
    let fitting = found.iter().filter(|piece| piece.fits(begin, 0.2)).count();
    assert!(fitting * 5 >= found.len() * 4, "only {fitting}: {found:#?}");
    begin
}

/// Which part of `prompt` is in `heard`, at most a second from where it should be beside the rest: 0 to 1. For
/// phones that drop whole tenths of a second where they get no processor in time.
pub fn share_of(prompt: &[i16], heard: &[i16]) -> f64 {
    let found = pieces(prompt, heard);
    let begin = found[found.len() / 2].at;
    let fitting = found.iter().filter(|piece| piece.fits(begin, 1.0)).count();
    fitting as f64 / found.len() as f64
}

/// Where each half second of `prompt` says that its beginning is; the earliest first.
fn pieces(prompt: &[i16], heard: &[i16]) -> Vec<Found> {
    const PIECE: usize = SAMPLE_RATE as usize / 2;
    let quiet = |piece: &&[i16]| piece.iter().all(|sample| sample.unsigned_abs() < 500);
    let spoken = prompt.chunks_exact(PIECE).enumerate();
    let mut found: Vec<Found> = spoken
        .filter(|(_, piece)| !quiet(piece))
        .map(|(n, piece)| {
            let Found { at, likeness } = most_alike(piece, heard);
            let at = at - n as f64 * 0.5;
            Found { at, likeness }
        })
        .collect();
    found.sort_by(|a, b| a.at.total_cmp(&b.at));
    found
}

/// Where one sound is in another, and how much alike they are there, at most 1.
#[derive(Debug)]
struct Found {
    at: f64,
    likeness: f64,
}

impl Found {
    /// Whether it is clearly there, and so many seconds at most from `begin`.
    fn fits(&self, begin: f64, tolerance: f64) -> bool {
        self.likeness > 0.7 && (self.at - begin).abs() < tolerance
    }
}

/// Where the normalised cross-correlation of `excerpt` and `heard` is highest.
fn most_alike(excerpt: &[i16], heard: &[i16]) -> Found {
    let (excerpt, heard) = (thin_out(excerpt), thin_out(heard));
    let own: f32 = excerpt.iter().map(|sample| sample * sample).sum();
    let mut best = Found {
        at: 0.0,
        likeness: 0.0,
    };
    for (n, window) in heard.windows(excerpt.len()).enumerate() {
        let (mut product, mut other) = (0.0, 1.0);
        for (a, b) in excerpt.iter().zip(window) {
            product += a * b;
            other += b * b;
        }
        let likeness = f64::from(product / (own * other).sqrt());
        if likeness > best.likeness {
            let at = (n * THINNING) as f64 / f64::from(SAMPLE_RATE);
            best = Found { at, likeness };
        }
    }
    best
}

/// Enough of speech is below 1 kHz to tell it apart, at a sixteenth of the work.
const THINNING: usize = 4;
/// Samples of which one is made: takes away what is above 1 kHz.
const AVERAGED: usize = 8;

fn thin_out(pcm: &[i16]) -> Vec<f32> {
    let sum = |samples: &[i16]| samples.iter().copied().map(f32::from).sum::<f32>();
    pcm.windows(AVERAGED).step_by(THINNING).map(sum).collect()
}
