//! Answers of the DNS that are still good.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::{Answer, Question, Records};

/// Most answers kept, each some hundred bytes. Beyond it those not used for longest go.
const MAX_ANSWERS: usize = 4096;
/// However short an answer is good, a burst of calls asks once.
const MIN_TTL: Duration = Duration::from_secs(1);
/// However long it is good, a change is seen within a day.
const MAX_TTL: Duration = Duration::from_secs(24 * 60 * 60);
/// That there is nothing is not believed for longer (RFC 2308 §5 allows hours).
const MAX_NEGATIVE_TTL: Duration = Duration::from_secs(300);

#[derive(Debug, Default)]
pub(super) struct Cache {
    entries: HashMap<Question, Entry>,
    /// Counts uses.
    clock: u64,
}

#[derive(Debug)]
struct Entry {
    records: Records,
    until: Instant,
    used: u64,
}

impl Cache {
    pub(super) fn find(&mut self, now: Instant, question: &Question) -> Option<Records> {
        let entry = self.entries.get_mut(question)?;
        if entry.until <= now {
            return None;
        }
        self.clock += 1;
        entry.used = self.clock;
        Some(entry.records.clone())
    }

    pub(super) fn insert(&mut self, now: Instant, question: Question, answer: &Answer) {
        if self.entries.len() >= MAX_ANSWERS {
            self.make_room(now);
        }
        let longest = match answer.records {
            Records::None | Records::Failed => MAX_NEGATIVE_TTL,
            _ => MAX_TTL,
        };
        self.clock += 1;
        let entry = Entry {
            records: answer.records.clone(),
            until: now + answer.ttl.clamp(MIN_TTL, longest),
            used: self.clock,
        };
        self.entries.insert(question, entry);
    }

    /// Drops what is over, and if that is not much the less used half: looking for one victim at a time
    /// would cost a walk through all for each new name.
    fn make_room(&mut self, now: Instant) {
        self.entries.retain(|_, entry| entry.until > now);
        if self.entries.len() <= MAX_ANSWERS / 2 {
            return;
        }
        let mut uses: Vec<u64> = self.entries.values().map(|entry| entry.used).collect();
        let (_, median, _) = uses.select_nth_unstable(MAX_ANSWERS / 2);
        let median = *median;
        self.entries.retain(|_, entry| entry.used > median);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::super::RecordType;
    use super::*;

    fn question(name: &str) -> Question {
        Question {
            name: name.into(),
            kind: RecordType::A,
        }
    }

    #[test]
    fn an_answer_is_good_for_its_time_and_a_negative_one_for_five_minutes_at_most() {
        let start = Instant::now();
        let day = Duration::from_secs(86_400);
        let mut cache = Cache::default();
        cache.insert(start, question("a"), &Answer::addresses([], day));
        cache.insert(start, question("b"), &Answer::none(day));
        cache.insert(start, question("c"), &Answer::addresses([], Duration::ZERO));
        let found = |cache: &mut Cache, seconds: u64| {
            let now = start + Duration::from_secs(seconds);
            ["a", "b", "c"].map(|name| cache.find(now, &question(name)).is_some())
        };
        assert_eq!(found(&mut cache, 0), [true, true, true]);
        assert_eq!(found(&mut cache, 1), [true, true, false]);
        assert_eq!(found(&mut cache, 300), [true, false, false]);
        assert_eq!(found(&mut cache, 86_400), [false, false, false]);
    }

    #[test]
    fn the_number_of_answers_is_bounded_and_what_is_used_stays() {
        let now = Instant::now();
        let mut cache = Cache::default();
        let answer = Answer::none(Duration::from_secs(60));
        cache.insert(now, question("proxy"), &answer);
        for number in 0..100_000 {
            cache.insert(now, question(&format!("host{number}")), &answer);
            assert!(cache.find(now, &question("proxy")).is_some());
        }
        assert!(cache.len() <= MAX_ANSWERS);
    }
}
