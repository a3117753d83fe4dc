//! Which uses of a nonce have been seen (RFC 7616 §3.4, `nc`; §5.12).
//!
//! The table is bounded: when it is full the oldest nonce is forgotten, and with it every nonce that is
//! as old and not in the table is taken for stale. So nothing is ever accepted twice, however many use it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::nonce::NonceId;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct UsedNonces {
    used: BTreeMap<NonceId, Counts>,
    limit: usize,
    /// Nonces up to this one count as used up, unless they are in the table.
    forgotten: Option<NonceId>,
}

/// The counts of one nonce: the highest, and which of the 64 up to it were there.
#[derive(Debug, Clone, Copy)]
struct Counts {
    highest: u32,
    seen: u64,
}

impl UsedNonces {
    /// A table of at most `limit` nonces, at least one.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            used: BTreeMap::new(),
            limit: limit.max(1),
            forgotten: None,
        }
    }

    /// Notes the use `count` of `nonce`. False: it was there before, or is too old to say.
    pub(super) fn take(&mut self, nonce: NonceId, count: u32) -> bool {
        if let Some(counts) = self.used.get_mut(&nonce) {
            return counts.take(count);
        }
        if count == 0 || self.forgotten.is_some_and(|forgotten| nonce <= forgotten) {
            return false;
        }
        if self.used.len() >= self.limit
            && let Some((oldest, _)) = self.used.pop_first()
        {
            self.forgotten = Some(oldest);
            if nonce <= oldest {
                return false;
            }
        }
        let first = Counts {
            highest: count,
            seen: 1,
        };
        self.used.insert(nonce, first);
        true
    }

    /// Forgets nonces made before `age`, which are refused for their age.
    pub(super) fn forget_before(&mut self, age: Duration) {
        while let Some(oldest) = self.used.first_entry()
            && oldest.key().made() < age
        {
            oldest.remove();
        }
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.used.len()
    }
}

impl Counts {
    /// Requests may overtake each other by less than the window.
    const WINDOW: u32 = u64::BITS;

    fn take(&mut self, count: u32) -> bool {
        if count > self.highest {
            let ahead = count - self.highest;
            self.seen = self.seen.checked_shl(ahead).unwrap_or(0) | 1;
            self.highest = count;
            return true;
        }
        let behind = self.highest - count;
        if count == 0 || behind >= Self::WINDOW || self.seen & (1 << behind) != 0 {
            return false;
        }
        self.seen |= 1 << behind;
        true
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use std::collections::HashSet;
    use std::net::{IpAddr, Ipv4Addr};
    use std::time::Instant;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::super::nonce::Nonces;
    use super::*;

    fn ids(count: u64) -> Vec<NonceId> {
        let epoch = Instant::now();
        let source = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let mut nonces = Nonces::new([0; 32], epoch);
        (0..count)
            .map(|at| {
                let nonce = nonces.make(epoch + Duration::from_millis(at), source);
                nonces.read(&nonce, source).unwrap()
            })
            .collect()
    }

    proptest! {
        #[test]
        fn nothing_is_taken_twice(
            uses in vec((0..6usize, 0..200u32), 0..300), limit in 1..4usize,
        ) {
            let ids = ids(6);
            let mut table = UsedNonces::new(limit);
            let mut taken = HashSet::new();
            for (nonce, count) in uses {
                if table.take(ids[nonce], count) {
                    prop_assert!(taken.insert((nonce, count)));
                }
                prop_assert!(table.len() <= limit);
            }
        }
    }

    #[test]
    fn counts_may_have_gaps_and_overtake_each_other() {
        let [nonce] = ids(1)[..] else { panic!() };
        let mut table = UsedNonces::new(1);
        for (count, new) in [
            (5, true),
            (3, true),
            (3, false),
            (5, false),
            (0, false),
            (100, true),
            (37, true),
            (36, false),
            (u32::MAX, true),
            (u32::MAX, false),
        ] {
            assert_eq!(table.take(nonce, count), new, "{count}");
        }
    }

    #[test]
    fn a_full_table_forgets_the_oldest_and_takes_it_for_stale() {
        let ids = ids(4);
        let mut table = UsedNonces::new(2);
        assert!(table.take(ids[0], 1) && table.take(ids[2], 1) && table.take(ids[3], 1));
        assert!(!table.take(ids[0], 2), "forgotten");
        assert!(
            !table.take(ids[1], 1),
            "older than what the table would keep"
        );
        assert!(table.take(ids[3], 2));
        table.forget_before(ids[3].made());
        assert_eq!(table.len(), 1);
    }
}
