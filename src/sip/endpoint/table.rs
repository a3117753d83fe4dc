//! The transactions of one side and when each wants to be woken.

use std::time::Instant;

use slab::Slab;

use super::TransactionId;
use super::deadlines::Deadlines;

/// Something that wants to be woken at a time that changes.
pub(super) trait Timed {
    /// Returns when, `None` for never.
    fn deadline(&self) -> Option<Instant>;
}

/// Values by [`TransactionId`], with a queue of their deadlines.
///
/// A value has one live entry in the queue, at its deadline or earlier. A deadline that moves
/// later leaves the entry where it is, and the entry moves when it comes to the top; so a change costs
/// O(log n) at most, and retransmission timers that never fire cost next to nothing. The top of the
/// queue is always accurate.
pub(super) struct Table<T> {
    slots: Slab<Slot<T>>,
    queue: Deadlines,
    generation: u32,
}

struct Slot<T> {
    id: TransactionId,
    /// Time of the live entry in the queue.
    queued: Option<Instant>,
    /// Boxed, so that a growing table moves little.
    value: Box<T>,
}

impl<T: Timed> Table<T> {
    /// Makes an empty table. Tables with an odd and an even `first_generation` never give out the same
    /// id.
    pub(super) fn new(first_generation: u32) -> Self {
        Self {
            slots: Slab::new(),
            queue: Deadlines::default(),
            generation: first_generation,
        }
    }

    /// Adds a value. Its deadline counts from the next [`schedule`](Self::schedule).
    pub(super) fn insert(&mut self, value: T) -> TransactionId {
        let entry = self.slots.vacant_entry();
        let id = TransactionId((u64::from(self.generation) << 32) | entry.key() as u64);
        entry.insert(Slot {
            id,
            queued: None,
            value: Box::new(value),
        });
        self.generation = self.generation.wrapping_add(2);
        id
    }

    pub(super) fn get_mut(&mut self, id: TransactionId) -> Option<&mut T> {
        self.slot_mut(id).map(|slot| &mut *slot.value)
    }

    pub(super) fn contains(&self, id: TransactionId) -> bool {
        self.slots.get(key(id)).is_some_and(|slot| slot.id == id)
    }

    pub(super) fn remove(&mut self, id: TransactionId) -> Option<T> {
        self.slot_mut(id)?;
        let slot = self.slots.remove(key(id));
        self.settle_top();
        Some(*slot.value)
    }

    /// Queues the value's deadline if it became earlier than what is queued.
    pub(super) fn schedule(&mut self, id: TransactionId) {
        if let Some(slot) = self.slot_mut(id)
            && let Some(deadline) = slot.value.deadline()
            && slot.queued.is_none_or(|queued| deadline < queued)
        {
            slot.queued = Some(deadline);
            self.queue.push(deadline, id);
        }
        self.settle_top();
    }

    /// Takes a value whose deadline has come. It has to be scheduled again.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<TransactionId> {
        let (at, id) = self.queue.peek()?;
        if at > now {
            return None;
        }
        self.queue.pop();
        if let Some(slot) = self.slot_mut(id) {
            slot.queued = None;
        }
        self.settle_top();
        Some(id)
    }

    /// Returns the earliest deadline.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.queue.peek().map(|(at, _)| at)
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    fn slot_mut(&mut self, id: TransactionId) -> Option<&mut Slot<T>> {
        self.slots.get_mut(key(id)).filter(|slot| slot.id == id)
    }

    /// Makes the top of the queue true: drops dead entries, moves those whose deadline is later.
    fn settle_top(&mut self) {
        while let Some((at, id)) = self.queue.peek() {
            let live = self.slot_mut(id).filter(|slot| slot.queued == Some(at));
            let deadline = live.as_ref().and_then(|slot| slot.value.deadline());
            if deadline == Some(at) {
                return;
            }
            if let Some(slot) = live {
                slot.queued = deadline;
            }
            self.queue.pop();
            if let Some(deadline) = deadline {
                self.queue.push(deadline, id);
            }
        }
    }
}

/// The slab key in the lower half of an id.
fn key(id: TransactionId) -> usize {
    (id.0 & u64::from(u32::MAX)) as usize
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use std::time::Duration;

    use super::*;

    impl Timed for Option<Instant> {
        fn deadline(&self) -> Option<Instant> {
            *self
        }
    }

    fn table(deadlines: &[Option<Instant>]) -> (Table<Option<Instant>>, Vec<TransactionId>) {
        let mut table = Table::new(0);
        let ids = deadlines.iter().map(|deadline| {
            let id = table.insert(*deadline);
            table.schedule(id);
            id
        });
        let ids = ids.collect();
        (table, ids)
    }

    #[test]
    fn deadline_that_moves_is_followed_both_ways() {
        let start = Instant::now();
        let at = |seconds| Some(start + Duration::from_secs(seconds));
        let (mut table, ids) = table(&[at(5), at(9)]);
        *table.get_mut(ids[0]).unwrap() = at(20);
        table.schedule(ids[0]);
        assert_eq!(table.poll_timeout(), at(9));
        *table.get_mut(ids[0]).unwrap() = at(3);
        table.schedule(ids[0]);
        assert_eq!(table.poll_timeout(), at(3));
        assert_eq!(table.pop_due(start), None);
        assert_eq!(table.pop_due(start + Duration::from_secs(3)), Some(ids[0]));
        assert_eq!(table.poll_timeout(), at(9));
    }

    #[test]
    fn removed_value_leaves_no_deadline_and_its_id_stays_dead() {
        let start = Instant::now();
        let (mut table, ids) = table(&[Some(start), None]);
        assert!(table.remove(ids[0]).is_some());
        assert_eq!(table.poll_timeout(), None);
        let reused = table.insert(Some(start));
        table.schedule(reused);
        assert_eq!(table.get_mut(ids[0]), None);
        assert_eq!(table.remove(ids[0]), None);
        assert_eq!((table.len(), table.poll_timeout()), (2, Some(start)));
    }
}
