//! The tones of the keys, and keys sent as tones (ITU-T Q.23).
//!
//! [`super::dtmf_detector`] hears them.

use std::collections::VecDeque;
use std::time::Duration;

use super::frame::saturate;
use super::tone::Oscillator;
use crate::rtp::{Digit, EVENT_QUEUE};

/// Frequencies of the four rows of keys, in Hz.
pub const ROWS_HZ: [f64; 4] = [697.0, 770.0, 852.0, 941.0];
/// Frequencies of the four columns, in Hz.
pub const COLUMNS_HZ: [f64; 4] = [1_209.0, 1_336.0, 1_477.0, 1_633.0];

/// Event codes by row and column: 10 is `*`, 11 `#`, 12 to 15 A to D.
const KEYPAD: [[u8; 4]; 4] = [[1, 2, 3, 12], [4, 5, 6, 13], [7, 8, 9, 14], [10, 0, 11, 15]];

/// The key in this row and column, each 0 to 3.
pub(super) fn key_at(row: usize, column: usize) -> Option<Digit> {
    Digit::from_event_code(*KEYPAD.get(row)?.get(column)?)
}

/// Row and column frequency of `digit` in Hz; `None` for flash, which has no tone.
pub fn frequencies(digit: Digit) -> Option<(f64, f64)> {
    let code = digit.event_code();
    KEYPAD.iter().zip(ROWS_HZ).find_map(|(row, row_hz)| {
        let column = row.iter().position(|key| *key == code)?;
        Some((row_hz, COLUMNS_HZ[column]))
    })
}

/// Sends queued keys as tones, with a silence behind each.
///
/// A pair has -8 dBm0, its column 2 dB more than its row, as lines weaken high tones more. Each
/// tone begins and ends with a ramp. Media thread; allocates in [`DtmfSender::new`] only.
#[derive(Debug)]
pub struct DtmfSender {
    sample_rate: u32,
    /// Keys and their samples.
    queue: VecDeque<(Digit, u32)>,
    sounding: Option<Sounding>,
    /// Samples of silence that are left.
    pause: u32,
}

#[derive(Debug)]
struct Sounding {
    row: Oscillator,
    column: Oscillator,
    position: u32,
    samples: u32,
}

impl DtmfSender {
    /// For audio of `sample_rate` samples a second.
    pub fn new(sample_rate: u32) -> Self {
        Self {
            sample_rate,
            queue: VecDeque::with_capacity(EVENT_QUEUE),
            sounding: None,
            pause: 0,
        }
    }

    /// Samples a second of the audio.
    pub fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    /// Queues a key. `duration` is brought into the range of 70 ms to 60 s. A key that has no tone
    /// is left out, and so is one for which the queue has no room: it is longer than what anyone
    /// types.
    pub fn queue(&mut self, digit: Digit, duration: Duration) {
        if frequencies(digit).is_some() && self.queue.len() < EVENT_QUEUE {
            let samples = self.samples_in(duration.clamp(MIN_DURATION, MAX_DURATION));
            self.queue.push_back((digit, samples));
        }
    }

    /// Whether nothing is to be sent, not even the silence behind a key.
    pub fn is_idle(&self) -> bool {
        self.sounding.is_none() && self.pause == 0 && self.queue.is_empty()
    }

    /// Fills `out` with what comes next; silence behind the last key.
    pub fn fill(&mut self, out: &mut [i16]) {
        for sample in out {
            *sample = self.next_sample();
        }
    }

    fn next_sample(&mut self) -> i16 {
        if self.pause > 0 {
            self.pause -= 1;
            return 0;
        }
        if self.sounding.is_none() {
            self.begin_next();
        }
        let ramp = self.samples_in(RAMP);
        let Some(sounding) = &mut self.sounding else {
            return 0;
        };
        let from_edge = sounding
            .position
            .min(sounding.samples - 1 - sounding.position);
        let gain = f64::from(from_edge.min(ramp)) / f64::from(ramp);
        let wave = sounding.row.next() * ROW_PEAK + sounding.column.next() * COLUMN_PEAK;
        sounding.position += 1;
        if sounding.position == sounding.samples {
            self.sounding = None;
            self.pause = self.samples_in(PAUSE);
        }
        saturate((wave * gain) as f32)
    }

    fn begin_next(&mut self) {
        self.sounding = self.queue.pop_front().and_then(|(digit, samples)| {
            let (row, column) = frequencies(digit)?;
            Some(Sounding {
                row: Oscillator::new(row, self.sample_rate),
                column: Oscillator::new(column, self.sample_rate),
                position: 0,
                samples,
            })
        });
    }

    fn samples_in(&self, time: Duration) -> u32 {
        (time.as_micros() * u128::from(self.sample_rate) / 1_000_000) as u32
    }
}

/// Peak of a sine of 0 dBm0: full scale is +3.17 dBm0 (ITU-T G.711, µ-law).
pub(super) const PEAK_0_DBM0: f64 = 22_750.0;
/// -12.1 and -10.1 dBm0, together -8 dBm0.
const ROW_PEAK: f64 = PEAK_0_DBM0 * 0.248;
const COLUMN_PEAK: f64 = PEAK_0_DBM0 * 0.313;
/// Of tone and of pause: what the strictest network in ITU-T Q.24 asks of a sender.
const MIN_DURATION: Duration = Duration::from_millis(70);
const PAUSE: Duration = Duration::from_millis(70);
/// The longest key, so that a script cannot silence a call for ever.
const MAX_DURATION: Duration = Duration::from_secs(60);
/// Rise and fall.
const RAMP: Duration = Duration::from_millis(2);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::{level_at, peak};

    fn sent(keys: &str, duration_ms: u64, sample_rate: u32) -> Vec<i16> {
        let mut sender = DtmfSender::new(sample_rate);
        for key in keys.chars() {
            let digit = Digit::from_char(key).unwrap();
            sender.queue(digit, Duration::from_millis(duration_ms));
        }
        let mut pcm = Vec::new();
        while !sender.is_idle() {
            let mut frame = vec![0; sample_rate as usize / 50];
            sender.fill(&mut frame);
            pcm.extend(frame);
        }
        pcm
    }

    #[test]
    fn every_key_has_its_place() {
        for (row, keys) in ["123A", "456B", "789C", "*0#D"].iter().enumerate() {
            for (column, key) in keys.chars().enumerate() {
                let digit = Digit::from_char(key).unwrap();
                assert_eq!(key_at(row, column), Some(digit));
                let tones = (ROWS_HZ[row], COLUMNS_HZ[column]);
                assert_eq!(frequencies(digit), Some(tones));
            }
        }
        assert_eq!(frequencies(Digit::from_char('!').unwrap()), None);
    }

    #[test]
    fn a_pair_has_minus_8_dbm0_and_a_column_2_db_above_the_row() {
        for sample_rate in [8_000, 16_000, 48_000] {
            let pcm = sent("5", 200, sample_rate);
            let inner = &pcm[sample_rate as usize / 100..sample_rate as usize * 19 / 100];
            let (row, column) = (
                level_at(inner, sample_rate, 770.0),
                level_at(inner, sample_rate, 1_336.0),
            );
            let dbm0 = |peak: f64| 20.0 * (peak / PEAK_0_DBM0).log10();
            let power =
                10.0 * (10f64.powf(dbm0(row) / 10.0) + 10f64.powf(dbm0(column) / 10.0)).log10();
            assert!((power + 8.0).abs() < 0.2, "{power}");
            assert!((dbm0(column) - dbm0(row) - 2.0).abs() < 0.2);
        }
    }

    #[test]
    fn keys_last_as_long_as_asked_and_70_ms_of_silence_follow() {
        let pcm = sent("11", 100, 8_000);
        assert_eq!(pcm.len(), 8 * 340);
        assert!(peak(&pcm[..800]) > 10_000 && peak(&pcm[1_360..2_160]) > 10_000);
        assert_eq!(peak(&pcm[800..1_360]), 0);
        assert_eq!(peak(&pcm[2_160..]), 0);
        assert_eq!(sent("1", 0, 8_000).len(), 8 * 140);
    }

    #[test]
    fn flash_and_what_the_queue_does_not_hold_are_left_out() {
        assert!(sent("!", 100, 8_000).is_empty());
        let many = "1".repeat(EVENT_QUEUE + 5);
        assert_eq!(sent(&many, 70, 8_000).len() / (8 * 140), EVENT_QUEUE);
    }
}
