//! The records, with everything that finds them.
//!
//! Knows no clock and never waits; its owner gives the time, as time since 1970, where one matters. The
//! memory of all records is bounded: those whose session is over make room for new ones, the oldest first.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::time::Duration;

use super::index::Index;
use super::samples::Samples;
use super::{Name, RecordId, Value, Write};

/// Attributes of one record.
const MAX_ATTRIBUTES: usize = 1024;
/// Elements of one list.
const MAX_ELEMENTS: usize = 1024;
/// What one record may take, in bytes.
const MAX_RECORD_BYTES: usize = 1 << 20;
/// About what a record takes besides its attributes, and an attribute besides its name and value.
const RECORD_BYTES: usize = 256;
const ATTRIBUTE_BYTES: usize = size_of::<(Name, Value)>();
/// Records looked at, or removed, before the owner sees to others again: less than a millisecond.
pub(super) const SLICE: usize = 1000;

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreLimits {
    /// Bytes of all records, without indexes.
    pub bytes: usize,
    /// How long samples are kept.
    pub retain: Duration,
}

/// A change was not made: the record is full, or all memory is used by records of running sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no room for it")]
pub struct Lost;

/// See the module's documentation.
#[derive(Debug)]
pub struct Store {
    pub(super) records: BTreeMap<RecordId, Record>,
    pub(super) indexes: BTreeMap<Name, Index>,
    /// Records whose session is over, in that order.
    finished: BTreeMap<u64, RecordId>,
    last_finished: u64,
    /// When records are to be removed.
    expiring: BTreeSet<(Duration, RecordId)>,
    /// Records with samples.
    sampled: BTreeSet<RecordId>,
    bytes: usize,
    limits: StoreLimits,
}

/// What is known under one id.
#[derive(Debug)]
pub(super) struct Record {
    /// In order of names.
    pub attributes: Vec<(Name, Value)>,
    samples: Option<Box<Samples>>,
    /// Its number among those whose session is over.
    finished: Option<u64>,
    expires: Option<Duration>,
    bytes: usize,
}

/// What becomes of one attribute.
enum Change {
    Set(Value),
    Add(Value),
    Count(i64),
}

impl Store {
    /// A store without records.
    pub fn new(limits: StoreLimits) -> Self {
        Self {
            records: BTreeMap::new(),
            indexes: BTreeMap::new(),
            finished: BTreeMap::new(),
            last_finished: 0,
            expiring: BTreeSet::new(),
            sampled: BTreeSet::new(),
            bytes: 0,
            limits,
        }
    }

    /// Makes a change.
    ///
    /// # Errors
    /// [`Lost`] if there is no room for it, or for a part of it.
    pub fn apply(&mut self, write: Write) -> Result<(), Lost> {
        match write {
            Write::Begin(id, attributes) => {
                self.revive(&id);
                self.set_all(id, attributes)
            }
            Write::Set(id, attributes) => self.set_all(id, attributes),
            Write::Add(id, name, value) => {
                // The first of a list is a value no longer.
                let bytes = name.len() + 2 * ATTRIBUTE_BYTES + value.bytes();
                self.edit(id, bytes, [(name, Change::Add(value))].into_iter())
            }
            Write::Count(id, name, by) => {
                let bytes = name.len();
                self.edit(id, bytes, [(name, Change::Count(by))].into_iter())
            }
            Write::Remove(id, name) => {
                self.remove(&id, &name);
                Ok(())
            }
            Write::Finish(id) => {
                self.finish(&id);
                Ok(())
            }
            Write::Erase(id) => {
                self.erase(&id);
                Ok(())
            }
        }
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The attributes of a record, in order of names.
    pub fn record(&self, id: &str) -> Option<&[(Name, Value)]> {
        self.records.get(id).map(|record| &*record.attributes)
    }

    /// One attribute of a record.
    pub fn attribute(&self, id: &str, name: &str) -> Option<&Value> {
        self.records.get(id)?.attribute(name)
    }

    /// A counter of a record, or the sum of its samples since `from`.
    pub fn count(&self, id: &str, name: &str, from: Duration) -> Option<i64> {
        let record = self.records.get(id)?;
        let samples = record.samples.as_ref();
        let sampled = samples.and_then(|samples| samples.count(name, from));
        sampled.or_else(|| record.attribute(name)?.integer())
    }

    /// All counters of a record, and the sums of all its samples since `from`.
    pub fn counts(&self, id: &str, from: Duration) -> Vec<(Name, i64)> {
        let Some(record) = self.records.get(id) else {
            return Vec::new();
        };
        let counters = record.attributes.iter();
        let counters = counters.filter_map(|(name, value)| match value {
            Value::Number(number) => Some((name.clone(), *number)),
            _ => None,
        });
        let samples = record.samples.iter().flat_map(|it| it.counts(from));
        let samples = samples.map(|(name, count)| (Name::Owned(name.to_owned()), count));
        counters.chain(samples).collect()
    }

    /// Adds a sample.
    ///
    /// # Errors
    /// [`Lost`] if there is no room for its record.
    pub fn sample(
        &mut self,
        now: Duration,
        id: RecordId,
        name: Name,
        at: Duration,
        count: i64,
    ) -> Result<(), Lost> {
        let retain = self.limits.retain;
        self.sampled.insert(id.clone());
        let samples = &mut self.make(id, 0)?.samples;
        let samples = samples.get_or_insert_default();
        samples.add(name, at, count, now, retain);
        Ok(())
    }

    /// Has a record removed by [`collect`](Self::collect) at that time.
    pub fn expire(&mut self, id: &RecordId, at: Duration) {
        if let Some(record) = self.records.get_mut(id) {
            if let Some(before) = record.expires.replace(at) {
                self.expiring.remove(&(before, id.clone()));
            }
            self.expiring.insert((at, id.clone()));
        }
    }

    /// Removes records whose session is over or whose time is, and forgets old samples, some at a time.
    /// False: there are more.
    pub fn collect(&mut self, now: Duration) -> bool {
        for _ in 0..SLICE {
            let expired = self.expiring.first().filter(|(at, _)| *at <= now);
            let over = expired.map(|(_, id)| id);
            let over = over.or_else(|| self.finished.values().next()).cloned();
            match over {
                Some(id) => self.erase(&id),
                None => {
                    self.forget_samples(now.saturating_sub(self.limits.retain));
                    return true;
                }
            }
        }
        false
    }

    /// Removes records whose session is over, some at a time. False: there are more.
    pub fn clear_finished(&mut self) -> bool {
        for _ in 0..SLICE {
            match self.finished.values().next().cloned() {
                Some(id) => self.erase(&id),
                None => return true,
            }
        }
        false
    }

    /// Takes out everything, to be dropped where that may take its time.
    pub fn clear(&mut self) -> Store {
        mem::replace(self, Store::new(self.limits))
    }

    /// Removes a record.
    pub fn erase(&mut self, id: &RecordId) {
        let Some(record) = self.records.remove(id) else {
            return;
        };
        for (name, value) in &record.attributes {
            if let Some(index) = self.indexes.get_mut(name) {
                index.remove(id, value);
            }
        }
        if let Some(number) = record.finished {
            self.finished.remove(&number);
        }
        if let Some(at) = record.expires {
            self.expiring.remove(&(at, id.clone()));
        }
        self.sampled.remove(id);
        self.bytes -= record.bytes;
    }

    fn set_all(&mut self, id: RecordId, attributes: Vec<(Name, Value)>) -> Result<(), Lost> {
        let bytes = |(name, value): &(Name, Value)| name.len() + value.bytes();
        let bytes = attributes.iter().map(bytes).sum();
        let changes = attributes.into_iter();
        self.edit(
            id,
            bytes,
            changes.map(|(name, value)| (name, Change::Set(value))),
        )
    }

    /// Changes attributes, which are made if they are not there. `bytes` are those of what is written.
    fn edit(
        &mut self,
        id: RecordId,
        bytes: usize,
        changes: impl ExactSizeIterator<Item = (Name, Change)>,
    ) -> Result<(), Lost> {
        let more = bytes + changes.len() * ATTRIBUTE_BYTES;
        let record = self.make(id.clone(), more)?;
        let before = record.bytes;
        let mut done = Ok(());
        let record = self.records.get_mut(&id).ok_or(Lost)?;
        for (name, change) in changes {
            done = done.and(record.edit(&id, name, change, &mut self.indexes));
        }
        self.bytes = self.bytes + record.bytes - before;
        if record.is_empty() {
            self.erase(&id);
        }
        done
    }

    /// The record of this id, which is made if it is not there, when there is room for so many bytes more.
    fn make(&mut self, id: RecordId, more: usize) -> Result<&mut Record, Lost> {
        let bytes = RECORD_BYTES + id.len();
        let is_new = !self.records.contains_key(&id);
        let needed = more + if is_new { bytes } else { 0 };
        if self.bytes + needed > self.limits.bytes && !self.make_room(needed, &id) {
            return Err(Lost);
        }
        if is_new {
            self.bytes += bytes;
        }
        Ok(self.records.entry(id).or_insert_with(|| Record {
            attributes: Vec::new(),
            samples: None,
            finished: None,
            expires: None,
            bytes,
        }))
    }

    /// Removes the oldest records whose session is over, but for `keep`, until there is room for so many
    /// bytes. False: there is not.
    fn make_room(&mut self, more: usize, keep: &RecordId) -> bool {
        while self.bytes + more > self.limits.bytes {
            let oldest = self.finished.values().find(|id| *id != keep).cloned();
            match oldest {
                Some(id) => self.erase(&id),
                None => return false,
            }
        }
        true
    }

    fn remove(&mut self, id: &RecordId, name: &str) {
        let Some(record) = self.records.get_mut(id) else {
            return;
        };
        if let Ok(at) = record.place(name) {
            let (name, value) = record.attributes.remove(at);
            if let Some(index) = self.indexes.get_mut(&name) {
                index.remove(id, &value);
            }
            let bytes = ATTRIBUTE_BYTES + name.len() + value.bytes();
            record.bytes -= bytes;
            self.bytes -= bytes;
        }
    }

    fn finish(&mut self, id: &RecordId) {
        if let Some(record) = self.records.get_mut(id).filter(|it| it.finished.is_none()) {
            self.last_finished += 1;
            record.finished = Some(self.last_finished);
            self.finished.insert(self.last_finished, id.clone());
        }
    }

    /// A session of this id begins, perhaps not the first one.
    fn revive(&mut self, id: &RecordId) {
        if let Some(record) = self.records.get_mut(id)
            && let Some(number) = record.finished.take()
        {
            self.finished.remove(&number);
        }
    }

    fn forget_samples(&mut self, oldest: Duration) {
        let records = &mut self.records;
        self.sampled.retain(|id| {
            let samples = records.get_mut(id).and_then(|it| it.samples.as_mut());
            samples.is_some_and(|samples| samples.forget(oldest))
        });
    }
}

impl Record {
    pub fn is_finished(&self) -> bool {
        self.finished.is_some()
    }

    pub fn attribute(&self, name: &str) -> Option<&Value> {
        let at = self.place(name).ok()?;
        Some(&self.attributes[at].1)
    }

    /// Whether nothing is known of it.
    fn is_empty(&self) -> bool {
        self.attributes.is_empty() && self.samples.is_none()
    }

    /// Changes an attribute.
    fn edit(
        &mut self,
        id: &RecordId,
        name: Name,
        change: Change,
        indexes: &mut BTreeMap<Name, Index>,
    ) -> Result<(), Lost> {
        if self.bytes + name.len() + change.bytes() > MAX_RECORD_BYTES {
            return Err(Lost);
        }
        let index = indexes.get_mut(&name);
        match self.place(&name) {
            Ok(at) => {
                let value = &mut self.attributes[at].1;
                let before = value.bytes();
                let Some(index) = index else {
                    change.change(value)?;
                    self.bytes = self.bytes + value.bytes() - before;
                    return Ok(());
                };
                index.remove(id, value);
                let changed = change.change(value);
                index.add(id, value);
                self.bytes = self.bytes + value.bytes() - before;
                changed
            }
            Err(_) if self.attributes.len() >= MAX_ATTRIBUTES => Err(Lost),
            Err(at) => {
                let value = change.begin();
                if let Some(index) = index {
                    index.add(id, &value);
                }
                self.bytes += ATTRIBUTE_BYTES + name.len() + value.bytes();
                self.attributes.insert(at, (name, value));
                Ok(())
            }
        }
    }

    fn place(&self, name: &str) -> Result<usize, usize> {
        self.attributes
            .binary_search_by(|(known, _)| (**known).cmp(name))
    }
}

impl Change {
    /// The most that it adds to a record, in bytes.
    fn bytes(&self) -> usize {
        match self {
            Change::Set(value) => value.bytes(),
            Change::Add(value) => 2 * ATTRIBUTE_BYTES + value.bytes(),
            Change::Count(_) => 0,
        }
    }

    /// The value of an attribute that was not there.
    fn begin(self) -> Value {
        match self {
            Change::Set(value) | Change::Add(value) => value,
            Change::Count(by) => Value::Number(by),
        }
    }

    fn change(self, value: &mut Value) -> Result<(), Lost> {
        match self {
            Change::Set(new) => *value = new,
            Change::Add(_) if value.elements() >= MAX_ELEMENTS => return Err(Lost),
            Change::Add(more) => value.push(more),
            Change::Count(by) => {
                let sum = value.integer().unwrap_or(0).saturating_add(by);
                *value = Value::Number(sum);
            }
        }
        Ok(())
    }
}
