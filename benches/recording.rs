//! What recording costs: a second of a thousand calls, on the media threads and on the file thread.

#![allow(clippy::disallowed_methods)]

use std::fs::File;

use divan::{Bencher, black_box};
use muleteer::audio::recorder::{RecorderSink, RecorderSource, RecordingPlan, Sides, recorder};
use muleteer::audio::recording::{FileFormat, FileSpec, RecordingFile, WavEncoding};

fn main() {
    divan::main();
}

const RECORDINGS: usize = 1_000;
const FRAME: usize = 160;

/// Speech-like samples: nothing is trimmed, and codecs have work.
fn speech(samples: usize) -> Vec<i16> {
    let sample = |n: usize| ((n * n / 7) % 9_000) as i16 - 4_500;
    (0..samples).map(sample).collect()
}

/// A media thread hands over a second of a thousand calls, in frames of 20 ms.
#[divan::bench(args = [Sides::Peer, Sides::Stereo])]
fn a_thousand_seconds_into_rings(bencher: Bencher, sides: Sides) {
    let plan = RecordingPlan {
        sides,
        ..RecordingPlan::new(8_000)
    };
    let frame = speech(FRAME);
    let make = || -> Vec<(RecorderSink, RecorderSource)> {
        (0..RECORDINGS).map(|_| recorder(plan)).collect()
    };
    bencher.with_inputs(make).bench_local_values(|mut rings| {
        for _ in 0..50 {
            for (sink, _) in &mut rings {
                sink.write(FRAME, Some(&frame), Some(&frame));
            }
        }
        rings
    });
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Pcm16,
    ALaw,
    Stereo,
    Trimmed,
}

/// The file thread writes a second of a thousand recordings to files.
#[divan::bench(args = [Kind::Pcm16, Kind::ALaw, Kind::Stereo, Kind::Trimmed], sample_count = 10)]
fn a_thousand_seconds_to_files(bencher: Bencher, kind: Kind) {
    let encoding = match kind {
        Kind::ALaw => WavEncoding::ALaw,
        _ => WavEncoding::Pcm16,
    };
    let sides = match kind {
        Kind::Stereo => Sides::Stereo,
        _ => Sides::Peer,
    };
    let spec = FileSpec {
        format: FileFormat::Wav(encoding),
        sample_rate: 8_000,
        sides,
        trim: matches!(kind, Kind::Trimmed),
    };
    let second = speech(8_000 * sides.channels());
    let folder = tempfile::tempdir().expect("a folder");
    let open = |n| {
        let file = File::create(folder.path().join(format!("{n}.wav"))).expect("a file");
        RecordingFile::begin(file, spec).expect("room")
    };
    let mut files: Vec<_> = (0..RECORDINGS).map(open).collect();
    bencher.bench_local(|| {
        for file in &mut files {
            file.write(black_box(&second)).expect("room");
        }
    });
}

/// The file thread encodes a second of one recording to Opus.
#[divan::bench(args = [Sides::Peer, Sides::Stereo])]
fn a_second_of_opus(bencher: Bencher, sides: Sides) {
    let spec = FileSpec {
        format: FileFormat::Opus,
        sample_rate: 8_000,
        sides,
        trim: false,
    };
    let second = speech(8_000 * sides.channels());
    let folder = tempfile::tempdir().expect("a folder");
    let file = File::create(folder.path().join("a.opus")).expect("a file");
    let mut file = RecordingFile::begin(file, spec).expect("room");
    bencher.bench_local(|| file.write(black_box(&second)).expect("room"));
}
