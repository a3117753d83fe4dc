//! In the way of the published tone tests (ITU-T Q.24, Bellcore TR-TSY-000181, Mitel CM7291): all of
//! it is made here, as the recordings cannot be had freely.
#![allow(clippy::disallowed_methods)]

use std::f64::consts::TAU;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::*;
use crate::codec::{CodecId, Variant};

/// A pair of tones as it comes over a line.
#[derive(Clone, Copy)]
struct Signal {
    key: char,
    rate: u32,
    /// Of row and column, in dBm0.
    dbm0: [f64; 2],
    /// Of row and column, from the nominal frequency, in percent.
    off: [f64; 2],
    ms: f64,
}

impl Signal {
    fn new(key: char) -> Self {
        Self {
            key,
            rate: 8_000,
            dbm0: [-10.0; 2],
            off: [0.0; 2],
            ms: 50.0,
        }
    }

    /// Adds the tones to `out`, from `at` on, with random phases.
    fn mix(&self, random: &mut SmallRng, out: &mut [f64], at: usize) {
        let digit = Digit::from_char(self.key).unwrap();
        let (row, column) = crate::audio::dtmf::frequencies(digit).unwrap();
        let samples = (self.ms * f64::from(self.rate) / 1_000.0).round() as usize;
        for (n, hertz) in [row, column].into_iter().enumerate() {
            let peak = PEAK_0_DBM0 * 10f64.powf(self.dbm0[n] / 20.0);
            let step = TAU * hertz * (1.0 + self.off[n] / 100.0) / f64::from(self.rate);
            let phase = random.random_range(0.0..TAU);
            for (i, place) in out[at..at + samples].iter_mut().enumerate() {
                *place += peak * (phase + step * i as f64).sin();
            }
        }
    }

    /// The tones alone, at a random place in some silence.
    fn alone(&self, random: &mut SmallRng) -> Vec<f64> {
        let ms = |ms: f64| (ms * f64::from(self.rate) / 1_000.0) as usize;
        let mut out = vec![0.0; ms(self.ms + 120.0)];
        let at = ms(20.0) + random.random_range(0..ms(8.0));
        self.mix(random, &mut out, at);
        out
    }
}

const KEYS: &str = "123A456B789C*0#D";

fn random(seed: u64) -> SmallRng {
    SmallRng::seed_from_u64(seed)
}

fn heard_at(rate: u32, pcm: &[f64]) -> Vec<DigitPress> {
    let pcm: Vec<i16> = pcm.iter().map(|sample| sample.round() as i16).collect();
    heard_in(rate, &pcm)
}

fn heard_in(rate: u32, pcm: &[i16]) -> Vec<DigitPress> {
    let mut detector = DtmfDetector::new(rate);
    let mut presses = Vec::new();
    for frame in pcm.chunks(rate as usize / 50) {
        detector.hear(frame, |press| presses.push(press));
    }
    presses
}

fn spell(presses: &[DigitPress]) -> String {
    presses.iter().map(|press| press.digit.to_char()).collect()
}

/// How many of `tries` signals are heard, of all keys in turn; each must be heard once and right.
fn heard_of(tries: usize, seed: u64, vary: impl Fn(Signal) -> Signal) -> usize {
    let mut random = random(seed);
    let keys = KEYS.chars().cycle().take(tries);
    keys.filter(|&key| {
        let signal = vary(Signal::new(key));
        let presses = heard_at(signal.rate, &signal.alone(&mut random));
        assert!(
            presses.is_empty() || spell(&presses) == key.to_string(),
            "{key}: {presses:?}"
        );
        !presses.is_empty()
    })
    .count()
}

/// White noise of this power.
fn noise(random: &mut SmallRng, dbm0: f64, samples: usize) -> Vec<f64> {
    let deviation = PEAK_0_DBM0 / 2f64.sqrt() * 10f64.powf(dbm0 / 20.0);
    let mut normal = || {
        let radius = (-2.0 * random.random_range(f64::MIN_POSITIVE..1.0).ln()).sqrt();
        radius * random.random_range(0.0..TAU).cos() * deviation
    };
    (0..samples).map(|_| normal()).collect()
}

#[test]
fn all_keys_are_heard_at_every_rate_with_their_length() {
    for rate in [8_000, 16_000, 24_000, 32_000, 44_100, 48_000] {
        for (ms, tries) in [(50.0, 64), (100.0, 16), (1_000.0, 1)] {
            assert_eq!(
                heard_of(tries, 1, |signal| Signal { ms, rate, ..signal }),
                tries
            );
            let signal = Signal {
                ms,
                rate,
                ..Signal::new('5')
            };
            let [press] = heard_at(rate, &signal.alone(&mut random(2)))[..] else {
                panic!()
            };
            assert!(
                (f64::from(press.duration_ms) - ms).abs() <= 12.0,
                "{press:?}"
            );
        }
    }
}

#[test]
fn frequencies_are_accepted_to_1_5_percent_and_refused_from_3_5_percent_on() {
    for n in 0..2 {
        for percent in [-1.8, -1.5, -1.0, 1.0, 1.5, 1.8] {
            let off = |signal: Signal| {
                let mut off = [0.0; 2];
                off[n] = percent;
                Signal { off, ..signal }
            };
            assert_eq!(heard_of(320, 3, off), 320, "{n} {percent}");
        }
        for percent in [-10.0, -6.0, -3.5, -3.2, 3.2, 3.5, 6.0, 10.0] {
            let off = |signal: Signal| {
                let mut off = [0.0; 2];
                off[n] = percent;
                Signal {
                    off,
                    ms: 500.0,
                    ..signal
                }
            };
            let mut random = random(4);
            for key in KEYS.chars() {
                let signal = off(Signal::new(key));
                let presses = heard_at(8_000, &signal.alone(&mut random));
                assert!(!spell(&presses).contains(key), "{key} {n} {percent}");
            }
        }
    }
}

#[test]
fn both_frequencies_may_be_off_together() {
    for off in [[1.5, 1.5], [-1.5, -1.5], [1.5, -1.5], [-1.5, 1.5]] {
        assert_eq!(
            heard_of(320, 5, |signal| Signal { off, ..signal }),
            320,
            "{off:?}"
        );
    }
}

#[test]
fn the_row_may_be_8_db_above_the_column_and_4_db_below_it() {
    for (row, column) in [
        (-6.0, -14.0),
        (-14.0, -10.0),
        (-20.0, -28.0),
        (-24.0, -20.0),
    ] {
        let dbm0 = [row, column];
        assert_eq!(
            heard_of(320, 6, |signal| Signal { dbm0, ..signal }),
            320,
            "{dbm0:?}"
        );
    }
    for dbm0 in [[-6.0, -18.0], [-18.0, -10.0]] {
        assert_eq!(
            heard_of(320, 6, |signal| Signal { dbm0, ..signal }),
            0,
            "{dbm0:?}"
        );
    }
}

#[test]
fn levels_from_0_to_minus_36_dbm0_are_heard_and_minus_42_are_not() {
    for level in 0..=36 {
        let dbm0 = [-f64::from(level); 2];
        // Two tones of 0 dBm0 are above full scale together.
        let dbm0 = dbm0.map(|level| level.min(-3.2));
        assert_eq!(
            heard_of(64, 7, |signal| Signal { dbm0, ..signal }),
            64,
            "{dbm0:?}"
        );
    }
    assert_eq!(
        heard_of(64, 7, |signal| Signal {
            dbm0: [-42.0; 2],
            ..signal
        }),
        0
    );
}

#[test]
fn tones_of_40_ms_are_heard_and_of_23_ms_are_not() {
    assert_eq!(
        heard_of(1_600, 8, |signal| Signal { ms: 40.0, ..signal }),
        1_600
    );
    assert_eq!(
        heard_of(1_600, 8, |signal| Signal { ms: 23.0, ..signal }),
        0
    );
    assert_eq!(
        heard_of(1_600, 8, |signal| Signal { ms: 20.0, ..signal }),
        0
    );
}

#[test]
fn equal_keys_40_ms_apart_are_two_and_a_gap_of_10_ms_is_none() {
    let mut random = random(9);
    for (gap_ms, expected) in [(40, 2), (10, 1), (5, 1)] {
        for key in KEYS.chars().cycle().take(800) {
            let signal = Signal {
                ms: 60.0,
                ..Signal::new(key)
            };
            let mut pcm = vec![0.0; 8 * 300];
            let at = random.random_range(160..400);
            signal.mix(&mut random, &mut pcm, at);
            signal.mix(&mut random, &mut pcm, at + 8 * (60 + gap_ms));
            let presses = heard_at(8_000, &pcm);
            assert_eq!(presses.len(), expected, "{key} {gap_ms} {presses:?}");
        }
    }
}

#[test]
fn keys_that_follow_at_once_are_all_heard() {
    let mut random = random(10);
    let mut pcm = vec![0.0; 8 * 1_000];
    for (n, key) in "1592D".chars().enumerate() {
        let signal = Signal {
            ms: 60.0,
            ..Signal::new(key)
        };
        signal.mix(&mut random, &mut pcm, 100 + n * 480);
    }
    assert_eq!(spell(&heard_at(8_000, &pcm)), "1592D");
}

#[test]
fn a_thousand_keys_are_heard_through_noise_of_15_db() {
    for (snr, least) in [(18.0, 1_000), (15.0, 1_000), (12.0, 990)] {
        let mut random = random(11);
        let mut missed = 0;
        for key in KEYS.chars().cycle().take(1_000) {
            let signal = Signal {
                dbm0: [-16.0; 2],
                ..Signal::new(key)
            };
            let tones = signal.alone(&mut random);
            let power = -13.0;
            let noise = noise(&mut random, power - snr, tones.len());
            let pcm: Vec<f64> = tones
                .iter()
                .zip(noise)
                .map(|(tone, noise)| tone + noise)
                .collect();
            let presses = heard_at(8_000, &pcm);
            missed += usize::from(spell(&presses) != key.to_string());
        }
        assert!(1_000 - missed >= least, "{snr} dB: {missed} missed");
    }
}

#[test]
fn keys_are_heard_through_g711() {
    let mut random = random(12);
    for codec in [CodecId::PCMU, CodecId::PCMA] {
        let (mut encoder, mut decoder) = (
            codec.encoder(Variant::default()).unwrap(),
            codec.decoder(Variant::default()).unwrap(),
        );
        for key in KEYS.chars().cycle().take(320) {
            let level = -random.random_range(4.0..31.0);
            let signal = Signal {
                dbm0: [level, level - 6.0],
                ms: 45.0,
                ..Signal::new(key)
            };
            let pcm: Vec<i16> = signal
                .alone(&mut random)
                .iter()
                .map(|s| s.round() as i16)
                .collect();
            let (mut payload, mut back) = (vec![0; pcm.len()], vec![0; pcm.len()]);
            for at in (0..pcm.len()).step_by(160) {
                let end = (at + 160).min(pcm.len());
                encoder.encode(&pcm[at..end], &mut payload[at..end]);
                decoder
                    .decode(&payload[at..end], &mut back[at..end])
                    .unwrap();
            }
            assert_eq!(spell(&heard_in(8_000, &back)), key.to_string(), "{level}");
        }
    }
}

/// All WAV files of the project, each at 8 kHz.
fn speech() -> Vec<i16> {
    let mut folders = vec![std::path::PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/audio"
    ))];
    let mut pcm = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "wav") {
                let file = std::fs::read(path).unwrap();
                let sound = crate::probe::read_sound(&file, "wav").unwrap();
                let sound = crate::audio::resample::resample(&sound.pcm, sound.sample_rate, 8_000);
                pcm.extend(sound.unwrap());
            }
        }
    }
    assert!(pcm.len() > 8_000 * 10);
    pcm
}

fn scaled(pcm: &[i16], gain: f64) -> Vec<i16> {
    pcm.iter()
        .map(|&sample| (f64::from(sample) * gain) as i16)
        .collect()
}

#[test]
fn speech_at_any_level_and_pitch_is_no_key() {
    let speech = speech();
    let mut seconds = 0;
    for percent in (50..=170).step_by(8) {
        // Read at another rate: another voice.
        let voice: Vec<i16> = (0..speech.len() * 100 / percent)
            .map(|n| speech[n * percent / 100])
            .collect();
        for gain in [1.5, 0.4, 0.1] {
            assert_eq!(
                spell(&heard_in(8_000, &scaled(&voice, gain))),
                "",
                "{percent} {gain}"
            );
            seconds += voice.len() / 8_000;
        }
    }
    assert!(seconds > 10 * 60, "only {seconds} s");
}

/// A voice that sings vowels: pulses of a wandering pitch through three resonances, held for up to
/// half a second each, which is harder to tell from keys than speech is.
fn vowels(random: &mut SmallRng, seconds: usize) -> Vec<i16> {
    let mut pcm = Vec::with_capacity(seconds * 8_000);
    let mut phases = [0.0f64; 40];
    while pcm.len() < seconds * 8_000 {
        let mut pitch: f64 = random.random_range(85.0..330.0);
        let glide = 1.0 + random.random_range(-1e-5..1e-5);
        let formants = [
            (random.random_range(270.0..850.0), 80.0, 1.0),
            (random.random_range(850.0..2_300.0), 100.0, 0.5),
            (random.random_range(2_200.0..3_000.0), 140.0, 0.25),
        ];
        for _ in 0..random.random_range(400..4_000) {
            pitch *= glide * (1.0 + random.random_range(-1e-3..1e-3));
            let harmonics = phases.iter_mut().zip(1..);
            let sample: f64 = harmonics
                .map(|(phase, n)| (phase, pitch * f64::from(n)))
                .take_while(|(_, hertz)| *hertz < 3_800.0)
                .map(|(phase, hertz)| {
                    *phase = (*phase + hertz / 8_000.0).fract();
                    let part = |(formant, width, gain): &(f64, f64, f64)| {
                        gain / (1.0 + ((hertz - formant) / width).powi(2)).sqrt()
                    };
                    formants.iter().map(part).sum::<f64>() * (*phase * TAU).sin()
                })
                .sum();
            pcm.push((sample * 6_000.0).clamp(-32_768.0, 32_767.0) as i16);
        }
    }
    pcm
}

#[test]
fn vowels_are_hardly_ever_a_key() {
    let heard = heard_in(8_000, &vowels(&mut random(13), 10 * 60));
    assert_eq!(spell(&heard), "", "{}", heard.len());
}

#[test]
fn single_tones_sweeps_chords_and_noise_are_no_key() {
    let mut random = random(14);
    // One sine that goes through the whole band, slowly and fast.
    for seconds in [1, 5, 60] {
        let samples = seconds * 8_000;
        let mut turns = 0.0f64;
        let sweep: Vec<f64> = (0..samples)
            .map(|n| {
                let hertz = 100.0 + 3_600.0 * n as f64 / samples as f64;
                turns = (turns + hertz / 8_000.0).fract();
                10_000.0 * (turns * TAU).sin()
            })
            .collect();
        assert_eq!(heard_at(8_000, &sweep), []);
    }
    // Chords of a piano: four notes of equal temperament with three harmonics each.
    for _ in 0..2_000 {
        let notes: Vec<f64> = (0..4)
            .map(|_| 110.0 * 2f64.powf(f64::from(random.random_range(0..36u8)) / 12.0))
            .collect();
        let chord: Vec<f64> = (0..2_400)
            .map(|n| {
                let at = f64::from(n) / 8_000.0;
                let note = |note: &f64| {
                    let part = |harmonic: f64| (TAU * note * harmonic * at).sin() / harmonic;
                    part(1.0) + part(2.0) + part(3.0)
                };
                2_500.0 * notes.iter().map(note).sum::<f64>() * (-at * 4.0).exp()
            })
            .collect();
        assert_eq!(heard_at(8_000, &chord), [], "{notes:?}");
    }
    for dbm0 in [-3.0, -20.0, -40.0] {
        assert_eq!(heard_at(8_000, &noise(&mut random, dbm0, 8_000 * 120)), []);
    }
}
