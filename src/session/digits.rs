//! One event for each key, wherever it was heard.
//!
//! A peer may tell a key as a telephone-event, as a tone in its audio, and in a SIP INFO, all for one
//! press. [`Digits`] lets the first report through at once, and drops the reports of the same press
//! that come from other sources after it. So nobody waits for a source that may have nothing to say.
//!
//! Driven by [`Call`](super::call::Call) with the time at which a report arrives.

use std::time::{Duration, Instant};

use smallvec::SmallVec;

use crate::rtp::{Digit, DigitSource};

/// A key that one source told of.
#[derive(Debug, Clone, Copy)]
pub struct DigitReport {
    /// Which key.
    pub digit: Digit,
    /// How long it was held.
    pub duration: Duration,
    /// Where it was heard.
    pub source: DigitSource,
}

/// See the module's documentation.
#[derive(Debug, Default)]
pub struct Digits {
    /// The latest presses, oldest first.
    presses: Vec<Press>,
}

#[derive(Debug)]
struct Press {
    digit: Digit,
    start: Instant,
    end: Instant,
    /// Those that told of it.
    sources: SmallVec<[DigitSource; 3]>,
}

impl Digits {
    /// Takes a report that arrives at `now`, when a key is up. True: it is of a new press.
    ///
    /// Each source tells of its keys once and in order. So a report belongs to the oldest press of its
    /// key, at that time, that its source has not told of.
    pub fn is_new(&mut self, now: Instant, report: DigitReport) -> bool {
        self.presses.retain(|press| now < press.end + MEMORY);
        let DigitReport {
            digit,
            duration,
            source,
        } = report;
        let start = now.checked_sub(duration).unwrap_or(now);
        // An INFO is sent when the key goes down, or when it goes up.
        let end = match source {
            DigitSource::Info => now + duration,
            DigitSource::Event | DigitSource::Tone => now,
        };
        let same = |press: &&mut Press| {
            let slack = press
                .sources
                .iter()
                .copied()
                .map(slack)
                .fold(slack(source), Duration::max);
            press.digit == digit
                && !press.sources.contains(&source)
                && start <= press.end + slack
                && press.start <= end + slack
        };
        if let Some(press) = self.presses.iter_mut().find(same) {
            press.sources.push(source);
            return false;
        }
        if self.presses.len() == REMEMBERED {
            self.presses.remove(0);
        }
        self.presses.push(Press {
            digit,
            start,
            end,
            sources: SmallVec::from_slice(&[source]),
        });
        true
    }
}

/// How far apart two reports of one press may seem. Audio is heard later than an event by what the
/// jitter buffer holds back; an INFO that is lost comes again after half a second, and then after
/// another one (RFC 3261 §17.1.2.2).
fn slack(source: DigitSource) -> Duration {
    match source {
        DigitSource::Event | DigitSource::Tone => Duration::from_millis(300),
        DigitSource::Info => Duration::from_millis(1_600),
    }
}

/// Presses that can be told of by another source yet.
const REMEMBERED: usize = 8;
/// The longest [`slack`], and the longest key that an INFO tells of.
const MEMORY: Duration = Duration::from_secs(7);

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;
    use rand::rngs::SmallRng;
    use rand::{RngExt, SeedableRng};

    use DigitSource::{Event, Info, Tone};

    /// The keys of reports: milliseconds of arrival, key, milliseconds held, source.
    fn told(reports: &[(u64, char, u64, DigitSource)]) -> String {
        let (start, mut digits) = (Instant::now() + Duration::from_secs(60), Digits::default());
        let is_new = |(at, key, duration, source): &&(u64, char, u64, DigitSource)| {
            let report = DigitReport {
                digit: Digit::from_char(*key).unwrap(),
                duration: Duration::from_millis(*duration),
                source: *source,
            };
            digits.is_new(start + Duration::from_millis(*at), report)
        };
        let new = reports.iter().filter(is_new);
        new.map(|(_, key, ..)| *key).collect()
    }

    #[test]
    fn keys_of_one_source_are_all_told() {
        assert_eq!(
            told(&[
                (100, '1', 100, Event),
                (200, '1', 80, Event),
                (201, '2', 1, Event)
            ]),
            "112"
        );
        assert_eq!(
            told(&[
                (0, '1', 250, Info),
                (0, '1', 250, Info),
                (1, '1', 250, Info)
            ]),
            "111"
        );
    }

    #[test]
    fn one_press_that_three_sources_tell_of_is_one_key() {
        assert_eq!(
            told(&[
                (0, '1', 250, Info),
                (100, '1', 100, Event),
                (190, '1', 96, Tone)
            ]),
            "1"
        );
        assert_eq!(
            told(&[
                (100, '1', 100, Event),
                (190, '1', 96, Tone),
                (700, '1', 250, Info)
            ]),
            "1"
        );
    }

    #[test]
    fn a_long_key_whose_info_came_at_its_beginning_is_one_key() {
        assert_eq!(
            told(&[(0, '1', 250, Info), (4_000, '1', 4_000, Event)]),
            "1"
        );
    }

    #[test]
    fn another_key_and_the_same_key_later_are_keys_of_their_own() {
        assert_eq!(told(&[(100, '1', 100, Event), (150, '2', 100, Tone)]), "12");
        assert_eq!(
            told(&[(100, '1', 100, Event), (3_000, '1', 100, Tone)]),
            "11"
        );
    }

    #[test]
    fn an_echo_of_two_equal_keys_are_two_reports() {
        let reports = [
            (100, '1', 100, Event),
            (200, '1', 50, Event),
            (220, '1', 100, Tone),
            (320, '1', 50, Tone),
            (900, '1', 100, Event),
        ];
        assert_eq!(told(&reports), "111");
    }

    /// Presses random keys, mostly the same, each told of by a random choice of sources, each with its
    /// own delay. Every press is told once, if one source at least told of all of them.
    #[test]
    fn thousands_of_presses_are_told_once_each() {
        for seed in 0..300 {
            let mut random = SmallRng::seed_from_u64(seed);
            let reliable = [Event, Tone, Info][random.random_range(0..3)];
            let (mut reports, mut pressed) = (Vec::new(), Vec::new());
            let (mut at, mut info_at) = (0, 0);
            for _ in 0..30 {
                let key = ['5', '5', '7'][random.random_range(0..3)];
                let length = random.random_range(50..300);
                at += length + random.random_range(150..600);
                pressed.push(key);
                for source in [Event, Tone, Info] {
                    if source != reliable && random.random_bool(0.3) {
                        continue;
                    }
                    let delay = match source {
                        Event => random.random_range(0..30),
                        Tone => random.random_range(40..200),
                        Info => random.random_range(0..120),
                    };
                    let mut arrival = at + delay;
                    if source == Info {
                        // One at a time and in order.
                        arrival = arrival.max(info_at);
                        info_at = arrival;
                    }
                    reports.push((arrival, key, length, source));
                }
            }
            reports.sort_by_key(|report| report.0);
            let mut told: Vec<char> = told(&reports).chars().collect();
            told.sort_unstable();
            pressed.sort_unstable();
            assert_eq!(told, pressed, "seed {seed}");
        }
    }
}
