//! Counts with a time, of which only the latest are kept.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::Name;

/// Samples of one name.
const MAX_SAMPLES: usize = 10_000;
/// Names with samples in one record.
const MAX_NAMES: usize = 64;

/// The samples of one record.
#[derive(Debug, Default)]
pub(super) struct Samples(BTreeMap<Name, VecDeque<(Duration, i64)>>);

impl Samples {
    /// Adds a count of that time, and forgets what is older than `retain`.
    pub fn add(&mut self, name: Name, at: Duration, count: i64, now: Duration, retain: Duration) {
        if self.0.len() >= MAX_NAMES && !self.0.contains_key(&name) {
            return;
        }
        let samples = self.0.entry(name).or_default();
        let oldest = now.saturating_sub(retain);
        while samples.front().is_some_and(|(at, _)| *at < oldest) || samples.len() >= MAX_SAMPLES {
            samples.pop_front();
        }
        samples.push_back((at, count));
    }

    /// The sum of one name since `from`; `None` if there are no samples of it.
    pub fn count(&self, name: &str, from: Duration) -> Option<i64> {
        let samples = self.0.get(name)?.iter();
        Some(
            samples
                .filter(|(at, _)| *at > from)
                .fold(0, |sum, (_, count)| sum.saturating_add(*count)),
        )
    }

    /// The same of every name.
    pub fn counts(&self, from: Duration) -> impl Iterator<Item = (&str, i64)> {
        let names = self.0.keys();
        names.filter_map(move |name| Some((&**name, self.count(name, from)?)))
    }

    /// Forgets what is older than `oldest`. False: nothing is left.
    pub fn forget(&mut self, oldest: Duration) -> bool {
        self.0.retain(|_, samples| {
            samples.retain(|(at, _)| *at >= oldest);
            !samples.is_empty()
        });
        !self.0.is_empty()
    }
}
