//! When transactions want to be woken, the earliest first.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Instant;

use super::TransactionId;

type Entry = (Instant, TransactionId);

/// A queue of deadlines.
///
/// Most transactions wait for 64×T1 from when they were answered, thousands of them at a time, and so leave in
/// the order in which they come: those of each kind stand in a list, of which only the ends are touched. What
/// is before the last of every list is in a heap, which stays small.
#[derive(Default)]
pub(super) struct Deadlines {
    lists: [VecDeque<Entry>; LISTS],
    others: BinaryHeap<Reverse<Entry>>,
}

/// INVITEs, other requests, those not answered yet, and room for some that came out of order.
const LISTS: usize = 4;

impl Deadlines {
    pub(super) fn push(&mut self, deadline: Instant, id: TransactionId) {
        let entry = (deadline, id);
        let goes_behind =
            |list: &&mut VecDeque<Entry>| list.back().is_none_or(|last| *last <= entry);
        match self.lists.iter_mut().find(goes_behind) {
            Some(list) => list.push_back(entry),
            None => self.others.push(Reverse(entry)),
        }
    }

    /// The earliest.
    pub(super) fn peek(&self) -> Option<Entry> {
        let first = self.lists.iter().filter_map(VecDeque::front).min();
        let other = self.others.peek().map(|Reverse(entry)| entry);
        first.into_iter().chain(other).min().copied()
    }

    /// Takes the earliest.
    pub(super) fn pop(&mut self) -> Option<Entry> {
        let earliest = self.peek()?;
        let mut lists = self.lists.iter_mut();
        match lists.find(|list| list.front() == Some(&earliest)) {
            Some(list) => list.pop_front(),
            None => self.others.pop().map(|Reverse(entry)| entry),
        }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn deadlines_leave_in_order_however_they_come(
            steps in prop::collection::vec(prop::option::of(0..50_u64), 1..200),
        ) {
            let start = Instant::now();
            let (mut queue, mut model) = (Deadlines::default(), Vec::new());
            for (step, deadline) in steps.into_iter().enumerate() {
                match deadline {
                    Some(after) => {
                        let entry = (start + Duration::from_secs(after), TransactionId(step as u64));
                        queue.push(entry.0, entry.1);
                        model.push(entry);
                        model.sort();
                    }
                    None => {
                        let earliest = (!model.is_empty()).then(|| model.remove(0));
                        prop_assert_eq!(queue.pop(), earliest);
                    }
                }
                prop_assert_eq!(queue.peek(), model.first().copied());
            }
        }
    }

    #[test]
    fn lingering_transactions_are_kept_in_order_of_their_end() {
        let start = Instant::now();
        let mut queue = Deadlines::default();
        let linger = Duration::from_secs(32);
        let answer_at = Duration::from_millis(200);
        for n in 0..100_000 {
            let now = start + Duration::from_millis(n);
            while let Some((at, id)) = queue.peek()
                && at <= now
            {
                queue.pop();
                let came = start + Duration::from_millis(id.0 / 2);
                if at == came + answer_at {
                    queue.push(came + linger, id);
                }
            }
            // An INVITE, and the BYE of another call.
            queue.push(now + answer_at, TransactionId(2 * n));
            queue.push(now + linger, TransactionId(2 * n + 1));
            assert!(queue.others.is_empty());
        }
        let lingering: usize = queue.lists.iter().map(VecDeque::len).sum();
        assert!((63_000..65_000).contains(&lingering), "{lingering}");
    }
}
