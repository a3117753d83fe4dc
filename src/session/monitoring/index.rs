//! Which records have which value, for attributes that filters have asked for.

use std::collections::{BTreeSet, HashMap};

use super::{RecordId, Value};

/// The index of one attribute: values as text, and who has them.
#[derive(Debug, Default)]
pub(super) struct Index {
    records: HashMap<Box<str>, BTreeSet<RecordId>>,
    /// The last record that it knows, while it is being made; `None` when it knows all.
    pub behind: Option<Behind>,
}

/// How far an index is that is being made.
#[derive(Debug, Default, Clone)]
pub(super) struct Behind(pub Option<RecordId>);

impl Index {
    /// An index that knows no record yet.
    pub fn begin() -> Self {
        let behind = Some(Behind::default());
        Self {
            behind,
            ..Self::default()
        }
    }

    pub fn add(&mut self, id: &RecordId, value: &Value) {
        let text = value.text();
        match self.records.get_mut(&*text) {
            Some(ids) => drop(ids.insert(id.clone())),
            None => {
                let ids = BTreeSet::from([id.clone()]);
                self.records.insert(text.into(), ids);
            }
        }
    }

    pub fn remove(&mut self, id: &RecordId, value: &Value) {
        let text = value.text();
        if let Some(ids) = self.records.get_mut(&*text) {
            ids.remove(id);
            if ids.is_empty() {
                self.records.remove(&*text);
            }
        }
    }

    /// Who has this value, in order.
    pub fn find(&self, value: &Value) -> Option<&BTreeSet<RecordId>> {
        self.records.get(&*value.text())
    }
}
