use std::io::{Cursor, Read};

use audiopus::coder::Decoder;
use audiopus::packet::Packet;
use audiopus::{Channels, MutSignals, SampleRate};

use super::*;
use crate::probe::{level_at, read_sound, sine};

/// A file in memory, with all that was done to it.
#[derive(Default)]
struct Disk {
    file: Vec<u8>,
    done: Vec<Operation>,
    /// Operations until the disk is full.
    room: Option<usize>,
    position: usize,
}

#[derive(Clone)]
enum Operation {
    Write(u64, Vec<u8>),
    Cut(u64),
}

impl Disk {
    fn carry_out(&mut self, operation: &Operation) {
        match operation {
            Operation::Write(offset, bytes) => {
                let start = *offset as usize;
                assert!(start <= self.file.len(), "a hole in the file");
                let end = start + bytes.len();
                self.file.resize(self.file.len().max(end), 0);
                self.file[start..end].copy_from_slice(bytes);
            }
            Operation::Cut(length) => self.file.truncate(*length as usize),
        }
    }

    fn account(&mut self, operation: Operation) -> io::Result<()> {
        let overwrites =
            matches!(&operation, Operation::Write(0, bytes) if bytes.len() <= self.file.len());
        if let (Operation::Write(offset, bytes), Some(room)) = (&operation, &mut self.room)
            && !overwrites
        {
            if *room == 0 {
                // Half of it fits, and the rest does not.
                let half = bytes[..bytes.len() / 2].to_vec();
                let torn = Operation::Write(*offset, half);
                self.carry_out(&torn);
                return Err(io::ErrorKind::StorageFull.into());
            }
            *room -= 1;
        }
        self.carry_out(&operation);
        self.done.push(operation);
        Ok(())
    }
}

impl Storage for &mut Disk {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.account(Operation::Write(offset, bytes.to_vec()))
    }

    fn set_len(&mut self, length: u64) -> io::Result<()> {
        self.account(Operation::Cut(length))
    }
}

impl Storage for Disk {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.carry_out(&Operation::Write(offset, bytes.to_vec()));
        Ok(())
    }

    fn set_len(&mut self, length: u64) -> io::Result<()> {
        self.carry_out(&Operation::Cut(length));
        Ok(())
    }
}

impl Read for Disk {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = (&self.file[self.position..]).read(out)?;
        self.position += read;
        Ok(read)
    }
}

/// Every way of writing a file.
fn specs() -> Vec<FileSpec> {
    use FileFormat::{Opus, Wav};
    let formats = [
        (Wav(WavEncoding::Pcm16), 8_000),
        (Wav(WavEncoding::Pcm16), 48_000),
        (Wav(WavEncoding::ALaw), 8_000),
        (Wav(WavEncoding::MuLaw), 8_000),
        (Opus, 8_000),
        (Opus, 16_000),
        (Opus, 48_000),
    ];
    let both = formats.iter().flat_map(|&(format, sample_rate)| {
        [Sides::Peer, Sides::Stereo].map(|sides| FileSpec {
            format,
            sample_rate,
            sides,
            trim: false,
        })
    });
    both.collect()
}

/// A second of tone after the other, in each channel its own.
fn speech(spec: FileSpec, frames: usize) -> Vec<i16> {
    let left = sine(500.0, 8_000.0, spec.sample_rate, frames);
    match spec.sides.channels() {
        1 => left,
        _ => {
            let right = sine(1_300.0, 8_000.0, spec.sample_rate, frames);
            left.into_iter()
                .zip(right)
                .flat_map(|(l, r)| [l, r])
                .collect()
        }
    }
}

/// Writes in odd pieces, as a ring gives them.
fn recorded(spec: FileSpec, pcm: &[i16]) -> Disk {
    let mut disk = Disk::default();
    let mut file = RecordingFile::begin(&mut disk, spec).unwrap();
    for part in pcm.chunks(333 * spec.sides.channels()) {
        file.write(part).unwrap();
        file.store().unwrap();
    }
    file.finish().unwrap();
    disk
}

/// Reads a file of ours with readers of others: the samples of each channel and their rate.
fn read(bytes: &[u8]) -> Option<(Vec<Vec<i16>>, u32)> {
    if bytes.starts_with(b"OggS") {
        return read_opus(bytes);
    }
    let channels = usize::from(*bytes.get(22)?);
    if bytes[20] == 1 && channels == 2 {
        let mut reader = hound::WavReader::new(bytes).ok()?;
        let rate = reader.spec().sample_rate;
        let pcm: Vec<i16> = reader.samples().map_while(Result::ok).collect();
        return Some((split(&pcm, channels), rate));
    }
    if channels == 2 {
        // Our reader averages two channels, so each is read as if it were alone.
        let mono = |channel: usize| {
            let mut file = bytes[..58].to_vec();
            file[22] = 1;
            file[32] = 1;
            file.extend(bytes[58..].iter().skip(channel).step_by(2));
            let data = u32::from_le_bytes(bytes[54..58].try_into().unwrap()) / 2;
            file[54..58].copy_from_slice(&data.to_le_bytes());
            read_wav(file)
        };
        let (left, right) = (mono(0)?, mono(1)?);
        return Some((vec![left.pcm, right.pcm], left.sample_rate));
    }
    let sound = read_wav(bytes.to_vec())?;
    Some((vec![sound.pcm], sound.sample_rate))
}

fn read_wav(file: Vec<u8>) -> Option<crate::audio::decode::Sound> {
    read_sound(&file, "wav").ok()
}

fn read_opus(bytes: &[u8]) -> Option<(Vec<Vec<i16>>, u32)> {
    let mut reader = ogg::PacketReader::new(Cursor::new(bytes));
    let head = reader.read_packet().ok()??.data;
    assert_eq!(&head[..8], b"OpusHead");
    let channels = usize::from(head[9]);
    let pre_skip = usize::from(u16::from_le_bytes([head[10], head[11]]));
    assert_eq!(&reader.read_packet().ok()??.data[..8], b"OpusTags");
    let layout = [Channels::Mono, Channels::Stereo][channels - 1];
    let mut decoder = Decoder::new(SampleRate::Hz48000, layout).unwrap();
    let mut pcm = Vec::new();
    let mut end = 0;
    while let Ok(Some(packet)) = reader.read_packet() {
        let mut out = vec![0i16; 960 * channels];
        let data = Packet::try_from(&packet.data[..]).unwrap();
        let signals = MutSignals::try_from(&mut out[..]).unwrap();
        assert_eq!(decoder.decode(Some(data), signals, false).unwrap(), 960);
        pcm.extend(out);
        end = packet.absgp_page() as usize;
    }
    pcm.truncate(end * channels);
    let pcm = pcm.get(pre_skip * channels..).unwrap_or_default();
    Some((split(pcm, channels), 48_000))
}

fn split(pcm: &[i16], channels: usize) -> Vec<Vec<i16>> {
    let channel = |n| pcm.iter().skip(n).step_by(channels).copied().collect();
    (0..channels).map(channel).collect()
}

fn ms(channel: &[i16], rate: u32) -> f64 {
    channel.len() as f64 * 1_000.0 / f64::from(rate)
}

#[test]
fn each_format_sounds_like_what_was_recorded_in_each_channel() {
    for spec in specs() {
        let frames = spec.sample_rate as usize * 5 / 2 + 7;
        let disk = recorded(spec, &speech(spec, frames));
        let (channels, rate) = read(&disk.file).unwrap();
        assert_eq!(channels.len(), spec.sides.channels(), "{spec:?}");
        for (channel, hertz, other) in [(0, 500.0, 1_300.0), (1, 1_300.0, 500.0)] {
            let Some(pcm) = channels.get(channel) else {
                continue;
            };
            let expected = frames as f64 * 1_000.0 / f64::from(spec.sample_rate);
            assert!((ms(pcm, rate) - expected).abs() < 0.01, "{spec:?}");
            let level = level_at(&pcm[pcm.len() / 4..], rate, hertz);
            assert!((level - 8_000.0).abs() < 900.0, "{spec:?}: {level}");
            let leaked = level_at(&pcm[pcm.len() / 4..], rate, other);
            assert!(leaked < 250.0, "{spec:?}: {leaked}");
        }
    }
}

#[test]
fn after_a_crash_at_any_moment_whole_seconds_are_there_and_repair_finds_all() {
    for spec in specs().into_iter().filter(|spec| spec.sample_rate < 48_000) {
        let rate = spec.sample_rate as usize;
        let disk = recorded(spec, &speech(spec, rate * 7 / 2));
        let seconds = |file: &[u8]| {
            let (channels, rate) = read(file).expect("a playable file");
            (ms(&channels[0], rate) / 1_000.0 + 0.02) as usize
        };
        let mut appended = 0;
        for count in 1..=disk.done.len() {
            for torn in [false, true] {
                let mut left = Disk::default();
                disk.done[..count]
                    .iter()
                    .for_each(|done| left.carry_out(done));
                // A header of some bytes is written as a whole; a block may be cut.
                if let (true, Some(Operation::Write(offset, bytes))) = (torn, disk.done.get(count))
                    && *offset > 0
                {
                    let half = bytes[..bytes.len() / 2].to_vec();
                    left.carry_out(&Operation::Write(*offset, half));
                }
                let before = seconds(&left.file);
                assert!(before + 1 >= appended, "{spec:?}: {before} of {appended}");
                let length = left.file.len() as u64;
                repair(&mut left, length).unwrap();
                let after = seconds(&left.file);
                assert!(after >= before, "{spec:?}: {after} of {before}");
                appended = appended.max(after);
                left.position = 0;
                let length = left.file.len() as u64;
                let headers_only = spec.format == FileFormat::Opus && count == 1;
                assert!(
                    headers_only || !repair(&mut left, length).unwrap(),
                    "{spec:?}"
                );
            }
        }
        assert_eq!(appended, 3, "{spec:?}");
    }
}

#[test]
fn a_crash_loses_nothing_that_was_stored() {
    for trim in [false, true] {
        for spec in specs() {
            let spec = FileSpec { trim, ..spec };
            let pcm = speech(spec, spec.sample_rate as usize * 7 / 2);
            let mut disk = Disk::default();
            let mut file = RecordingFile::begin(&mut disk, spec).unwrap();
            for tenth in pcm.chunks(spec.sample_rate as usize / 10 * spec.sides.channels()) {
                file.write(tenth).unwrap();
                file.store().unwrap();
            }
            // Not finished, as after a crash.
            std::mem::forget(file);
            let length = disk.file.len() as u64;
            repair(&mut &mut disk, length).unwrap();
            let (channels, rate) = read(&disk.file).unwrap();
            let missing = 3_500.0 - ms(&channels[0], rate);
            let most = match spec.format {
                FileFormat::Wav(_) => 0.0,
                FileFormat::Opus => 220.0,
            };
            assert!((0.0..=most).contains(&missing), "{spec:?}: {missing} ms");
        }
    }
}

#[test]
fn silence_is_trimmed_at_both_ends_and_kept_within() {
    for spec in specs() {
        let spec = FileSpec { trim: true, ..spec };
        let second = spec.sample_rate as usize;
        let channels = spec.sides.channels();
        let quiet = |seconds: usize| vec![3; seconds * second * channels];
        let tone = speech(spec, second);
        for (before, after) in [(0, 0), (2, 1), (1, 4)] {
            let parts = [
                quiet(before),
                tone.clone(),
                quiet(2),
                tone.clone(),
                quiet(after),
            ];
            let disk = recorded(spec, &parts.concat());
            let (found, rate) = read(&disk.file).unwrap();
            let margins = 200 * usize::from(before > 0) + 200 * usize::from(after > 0);
            let length = ms(&found[0], rate);
            let expected = 4_000.0 + margins as f64;
            assert!((length - expected).abs() <= 20.0, "{spec:?}: {length}");
            let from = found[0].len() - rate as usize / 2;
            let end = level_at(&found[0][from..from + rate as usize / 4], rate, 500.0);
            assert!(end > 7_000.0, "{spec:?}: {end}");
        }
    }
}

#[test]
fn a_recording_of_nothing_but_silence_is_an_empty_file_when_trimmed() {
    for spec in specs() {
        let spec = FileSpec { trim: true, ..spec };
        let pcm = vec![3; 3 * spec.sample_rate as usize * spec.sides.channels()];
        let disk = recorded(spec, &pcm);
        let (channels, _) = read(&disk.file).unwrap();
        assert!(channels[0].is_empty(), "{spec:?}");
    }
}

#[test]
fn lengths_and_sizes_are_those_of_the_file() {
    for trim in [false, true] {
        for spec in specs() {
            let spec = FileSpec { trim, ..spec };
            let second = spec.sample_rate as usize;
            let quiet = vec![0; 2 * second * spec.sides.channels()];
            let pcm = [quiet.clone(), speech(spec, second), quiet].concat();
            let mut disk = Disk::default();
            let mut file = RecordingFile::begin(&mut disk, spec).unwrap();
            file.write(&pcm).unwrap();
            file.finish().unwrap();
            let (frames, bytes, trimmed) = (file.frames(), file.data_bytes(), file.trimmed());
            drop(file);
            let (channels, rate) = read(&disk.file).unwrap();
            let length = frames as f64 * 1_000.0 / f64::from(spec.sample_rate);
            assert!((ms(&channels[0], rate) - length).abs() < 0.01, "{spec:?}");
            assert_eq!(trimmed > 0, trim);
            let around = disk.file.len() as u64 - bytes;
            match spec.format.frame_bytes(spec.sides) {
                Some(size) => assert_eq!(bytes, frames * size, "{spec:?}"),
                // 5 s: a byte for each packet, and 27 for each page of 200 ms and of the headers.
                None => assert!(around < 251 + 28 * 27 + 100, "{spec:?}: {around}"),
            }
            if let FileFormat::Wav(_) = spec.format {
                assert!([44, 58].contains(&around), "{spec:?}: {around}");
            }
        }
    }
}

#[test]
fn a_full_disk_leaves_what_was_written() {
    for spec in specs() {
        let second = spec.sample_rate as usize;
        let pcm = speech(spec, 5 * second);
        for room in 1..5 {
            let mut disk = Disk {
                room: Some(room),
                ..Disk::default()
            };
            let mut file = RecordingFile::begin(&mut disk, spec).unwrap();
            let failed = file.write(&pcm).is_err() || file.finish().is_err();
            file.give_up();
            let frames = file.frames();
            drop(file);
            let (channels, rate) = read(&disk.file).unwrap();
            let length = frames as f64 * 1_000.0 / f64::from(spec.sample_rate);
            let found = ms(&channels[0], rate);
            assert!(
                !failed || (found - length).abs() < 7.0,
                "{spec:?} {room}: {found} {length}"
            );
        }
    }
}

#[test]
fn other_files_are_left_alone() {
    for bytes in [
        b"".to_vec(),
        b"RIFF".to_vec(),
        b"hello".repeat(20),
        b"OggS".to_vec(),
    ] {
        let mut disk = Disk {
            file: bytes.clone(),
            ..Disk::default()
        };
        assert!(!repair(&mut disk, bytes.len() as u64).unwrap());
        assert_eq!(disk.file, bytes);
    }
}
