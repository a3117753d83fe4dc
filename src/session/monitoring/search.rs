//! Questions about records, answered in slices, so that whoever owns the store sees to others between two.

use std::ops::Bound;
use std::time::Duration;

use super::index::{Behind, Index};
use super::store::{Record, SLICE};
use super::{Name, Pattern, RecordId, Store, Value};

/// Attributes with an index. A filter that names more of them looks at records one by one.
const MAX_INDEXES: usize = 16;

/// What is asked of a [`Store`].
#[derive(Debug)]
pub enum Question {
    /// Find records.
    Find(Search),
    /// The same, and remove them.
    Erase(Search),
    /// All attributes of a record.
    Record(RecordId),
    /// One of them.
    Attribute(RecordId, Name),
    /// A counter, or the sum of samples so far back.
    Count(RecordId, Name, Duration),
    /// All of them.
    Counts(RecordId, Duration),
    /// Add a sample; without a time, of now.
    Sample(RecordId, Name, i64, Option<Duration>),
    /// Have a record removed at that time, since 1970.
    Expire(RecordId, Duration),
    /// Remove everything.
    Clear,
    /// Remove what belongs to sessions that are over.
    ClearFinished,
}

/// What becomes of a [`Question`].
#[derive(Debug)]
pub enum Reply {
    /// It is done.
    Done,
    /// Records.
    Found(Vec<Found>),
    /// A record, with its attributes in order of names.
    Record(Option<Vec<(Name, Value)>>),
    /// An attribute.
    Attribute(Option<Value>),
    /// Numbers by name.
    Counts(Vec<(Name, i64)>),
    /// It is done, and this can be dropped where there is time.
    Cleared(Box<Store>),
}

/// A record that was looked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Its id.
    pub id: RecordId,
    /// The attribute that was asked for.
    pub value: Option<Value>,
}

/// Of which records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// All.
    All,
    /// Of sessions that run, and of no session.
    Active,
    /// Of sessions that are over.
    Finished,
}

/// A search under way; what it finds is in order of ids.
#[derive(Debug)]
pub struct Search {
    kind: Kind,
    wanted: Wanted,
    after: Option<RecordId>,
    found: Vec<Found>,
    /// The attribute whose index is used, once that is decided.
    by: Option<Option<usize>>,
}

#[derive(Debug)]
enum Kind {
    Every,
    With(Name),
    Matching(Name, Pattern),
    Equal(Vec<(Name, Value)>),
}

impl Search {
    /// Every record.
    pub fn list(wanted: Wanted) -> Self {
        Self::new(Kind::Every, wanted)
    }

    /// Those that have an attribute, with its value.
    pub fn attribute(name: Name, wanted: Wanted) -> Self {
        Self::new(Kind::With(name), wanted)
    }

    /// Those whose attribute, as text, matches.
    pub fn matching(name: Name, pattern: Pattern) -> Self {
        Self::new(Kind::Matching(name, pattern), Wanted::All)
    }

    /// Those that have all these values. Each attribute gets an index when it is first named here.
    pub fn equal(filters: Vec<(Name, Value)>) -> Self {
        Self::new(Kind::Equal(filters), Wanted::All)
    }

    fn new(kind: Kind, wanted: Wanted) -> Self {
        Self {
            kind,
            wanted,
            after: None,
            found: Vec::new(),
            by: None,
        }
    }

    fn look_at(&mut self, id: &RecordId, record: &Record) {
        let of_kind = match self.wanted {
            Wanted::All => true,
            Wanted::Active => !record.is_finished(),
            Wanted::Finished => record.is_finished(),
        };
        if !of_kind {
            return;
        }
        let value = match &self.kind {
            Kind::Every => None,
            Kind::With(name) => match record.attribute(name) {
                Some(value) => Some(value.clone()),
                None => return,
            },
            Kind::Matching(name, pattern) => match record.attribute(name) {
                Some(value) if pattern.matches(&value.text()) => None,
                _ => return,
            },
            Kind::Equal(filters) => {
                let has = |(name, wanted): &(Name, Value)| {
                    let value = record.attribute(name);
                    value.is_some_and(|value| value.text() == wanted.text())
                };
                if !filters.iter().all(has) {
                    return;
                }
                None
            }
        };
        let id = id.clone();
        self.found.push(Found { id, value });
    }
}

impl Store {
    /// Answers a question, or a part of it: `None` until the whole answer is there. Ask again, without a
    /// change of the store in between.
    pub fn answer(&mut self, now: Duration, question: &mut Question) -> Option<Reply> {
        Some(match question {
            Question::Find(search) => match self.advance(search) {
                true => Reply::Found(std::mem::take(&mut search.found)),
                false => return None,
            },
            Question::Erase(search) => {
                let before = search.found.len();
                let done = self.advance(search);
                for found in &search.found[before..] {
                    self.erase(&found.id);
                }
                match done {
                    true => Reply::Found(std::mem::take(&mut search.found)),
                    false => return None,
                }
            }
            Question::Record(id) => Reply::Record(self.record(id).map(<[_]>::to_vec)),
            Question::Attribute(id, name) => Reply::Attribute(self.attribute(id, name).cloned()),
            Question::Count(id, name, back) => {
                let count = self.count(id, name, now.saturating_sub(*back));
                let count = count.map(|count| (name.clone(), count));
                Reply::Counts(count.into_iter().collect())
            }
            Question::Counts(id, back) => Reply::Counts(self.counts(id, now.saturating_sub(*back))),
            Question::Sample(id, name, count, at) => {
                let at = at.unwrap_or(now);
                // One that there is no room for is missing in the sum, as one that is too old.
                let _ = self.sample(now, id.clone(), name.clone(), at, *count);
                Reply::Done
            }
            Question::Expire(id, at) => {
                self.expire(id, *at);
                Reply::Done
            }
            Question::Clear => Reply::Cleared(Box::new(self.clear())),
            Question::ClearFinished => match self.clear_finished() {
                true => Reply::Done,
                false => return None,
            },
        })
    }

    /// Looks at some more records. True: these were the last.
    fn advance(&mut self, search: &mut Search) -> bool {
        if let Kind::Equal(filters) = &search.kind
            && search.by.is_none()
        {
            for (name, _) in filters {
                if !self.has_index(name) {
                    return false;
                }
            }
            search.by = Some(self.best_index(filters));
        }
        let start = match &search.after {
            Some(id) => Bound::Excluded(id.clone()),
            None => Bound::Unbounded,
        };
        let range = (start, Bound::Unbounded);
        let mut looked_at = 0;
        let by = match (&search.kind, search.by) {
            (Kind::Equal(filters), Some(Some(by))) => Some(filters[by].clone()),
            _ => None,
        };
        if let Some((name, value)) = by {
            let ids = self.indexes.get(&name).and_then(|index| index.find(&value));
            let ids = ids.map(|ids| ids.range::<RecordId, _>(range));
            for id in ids.into_iter().flatten().take(SLICE) {
                looked_at += 1;
                if let Some(record) = self.records.get(id) {
                    search.look_at(id, record);
                }
                search.after = Some(id.clone());
            }
        } else {
            for (id, record) in self.records.range::<RecordId, _>(range).take(SLICE) {
                looked_at += 1;
                search.look_at(id, record);
                search.after = Some(id.clone());
            }
        }
        looked_at < SLICE
    }

    /// Whether the index of an attribute is complete, or there is to be none. Else it is taken a step
    /// further.
    fn has_index(&mut self, name: &Name) -> bool {
        if self.indexes.len() >= MAX_INDEXES && !self.indexes.contains_key(name) {
            return true;
        }
        let index = self
            .indexes
            .entry(name.clone())
            .or_insert_with(Index::begin);
        let Some(Behind(last)) = index.behind.clone() else {
            return true;
        };
        let start = last.map_or(Bound::Unbounded, Bound::Excluded);
        let more = self
            .records
            .range::<RecordId, _>((start, Bound::Unbounded))
            .take(SLICE);
        let mut looked_at = 0;
        for (id, record) in more {
            looked_at += 1;
            if let Some(value) = record.attribute(name) {
                index.add(id, value);
            }
            index.behind = Some(Behind(Some(id.clone())));
        }
        if looked_at < SLICE {
            index.behind = None;
            return true;
        }
        false
    }

    /// The filter that leaves the fewest records to look at.
    fn best_index(&self, filters: &[(Name, Value)]) -> Option<usize> {
        let sizes = filters
            .iter()
            .enumerate()
            .filter_map(|(at, (name, value))| {
                let index = self.indexes.get(name)?;
                Some((index.find(value).map_or(0, |ids| ids.len()), at))
            });
        sizes.min().map(|(_, at)| at)
    }
}
