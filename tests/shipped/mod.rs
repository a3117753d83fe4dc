//! What an installation ships is fit for use.

use std::fs;
use std::path::{Path, PathBuf};

const RATE: u32 = 16_000;

/// The shipped file or folder of this name.
fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn prompts_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let is_wav = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "wav");
    let below = folders.iter().flat_map(|folder| prompts_in(folder));
    below.chain(files.into_iter().filter(is_wav)).collect()
}

/// Sounds that are played over what people say.
fn is_chime(path: &Path) -> bool {
    path.ends_with("conference/joined.wav") || path.ends_with("conference/left.wav")
}

/// The level of full scale 16-bit samples in dBFS.
fn dbfs(level: f64) -> f64 {
    20.0 * (level / 32_768.0).log10()
}

fn rms(samples: &[i16]) -> f64 {
    let energy: f64 = samples
        .iter()
        .map(|sample| f64::from(*sample).powi(2))
        .sum();
    (energy / samples.len() as f64).sqrt()
}

#[test]
fn every_prompt_is_speech_at_one_level() {
    let prompts = prompts_in(&shipped("audio"));
    assert!(prompts.len() >= 21, "{prompts:?}");
    for path in prompts.into_iter().filter(|path| !is_chime(path)) {
        let name = path.display();
        let mut reader = hound::WavReader::open(&path).unwrap();
        let spec = reader.spec();
        assert_eq!(
            (spec.sample_rate, spec.bits_per_sample, spec.channels),
            (RATE, 16, 1),
            "{name}"
        );
        let samples: Vec<i16> = reader.samples().collect::<Result<_, _>>().unwrap();

        let peak = samples
            .iter()
            .map(|sample| f64::from(*sample).abs())
            .fold(0.0, f64::max);
        assert!(
            (-3.5..-2.5).contains(&dbfs(peak)),
            "{name} peaks at {:.1} dBFS",
            dbfs(peak)
        );
        let loudness = dbfs(rms(&samples));
        assert!(
            (-23.0..-16.0).contains(&loudness),
            "{name} has {loudness:.1} dBFS"
        );

        // 50 ms of silence at both ends, and speech right behind it.
        let margin = RATE as usize / 20;
        let heard = [
            &samples[margin..2 * margin],
            &samples[samples.len() - 2 * margin..][..margin],
        ];
        assert!(
            heard.iter().all(|part| dbfs(rms(part)) > -60.0),
            "{name} is padded with silence"
        );
        let ends = [
            &samples[..margin / 2],
            &samples[samples.len() - margin / 2..],
        ];
        assert!(
            ends.iter().all(|part| dbfs(rms(part)) < -60.0),
            "{name} is cut off"
        );
    }
}

#[test]
fn every_prompt_that_a_diagram_names_is_there() {
    let demo = fs::read_to_string(shipped("dsm/demo.dsm")).unwrap();
    let named = demo
        .split('"')
        .filter(|text| text.ends_with(".wav") && !text.contains('$'));
    let digits = (0..10).map(|digit| format!("digits/{digit}.wav"));
    let all: Vec<_> = named
        .map(str::to_owned)
        .chain(digits)
        .chain(["digits/star.wav".into()])
        .collect();
    assert!(all.len() > 15);
    for prompt in all {
        assert!(shipped("audio").join(&prompt).is_file(), "{prompt}");
    }
}

#[test]
fn a_chime_does_not_drown_those_who_talk() {
    let prompts = prompts_in(&shipped("audio"));
    let chimes = prompts.into_iter().filter(|path| is_chime(path));
    let peaks: Vec<f64> = chimes
        .map(|path| {
            let samples = hound::WavReader::open(path).unwrap().into_samples::<i16>();
            let peak = samples.map(|sample| sample.unwrap().unsigned_abs()).max();
            dbfs(f64::from(peak.unwrap()))
        })
        .collect();
    assert_eq!(peaks.len(), 2);
    assert!(
        peaks.iter().all(|peak| (-16.0..-14.0).contains(peak)),
        "{peaks:?}"
    );
}
